"""The fingerprint of a function: a cache key made of its code and all the values that the code reads, not of its id.

A notebook cell that runs again makes a new function object with the same code. The new object must reuse the code
compiled for the old one, unless a value that the code reads has changed.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import sysconfig
import types
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from steepest.derivatives.tracing.namespaces import BUILTINS, Value, stand_in
from steepest.derivatives.tracing.tracer import Traced
from steepest.types import Array, PyTree

# Containers with more entries enter the key by their id. Chosen, not measured: every new fingerprint reads all entries.
LONGEST = 1_000
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


@dataclass
class Parts:
    """The parts of one copy of the values; several threads may make copies at the same time.

    Attributes
    ----------
    arrays : iterator
        The arrays to use in place of the values' own, in the order in which they are needed.
    functions : dict
        The new functions so far, by their numbers.
    """

    arrays: Iterator[Array]
    functions: dict[int, types.FunctionType] = field(default_factory=dict)


# Makes a copy of a value.
Rebuild = Callable[[Parts], Value]


@dataclass
class Fingerprint:
    """A key for functions and their arguments, the arrays that they read, and a way to copy them with other arrays.

    Attributes
    ----------
    values : sequence
        The functions and arguments.
    constants : bool
        Whether arrays are part of the key, except those in the last `varying` values.
    varying : int
        How many of the last values leave their arrays out of the key.
    arrays : list of array
        The arrays that are not part of the key. Compiled code takes them as arguments, so new data in them needs no
        new compilation.
    key : hashable
        Equal for values whose traces are the same.
    opaque : bool
        Whether a value entered the key by its id: its attributes may change, and the key does not show that.
    """

    values: Sequence[Value]
    constants: bool = False
    varying: int = 0
    arrays: list[np.ndarray] = field(default_factory=list)
    key: Hashable = None
    opaque: bool = False

    def __post_init__(self) -> None:
        # The number of each function, by the id of the function. `_walk` numbers functions in the order in which it
        # meets them.
        self._numbers: dict[int, int] = {}
        self._arrays_in_key = self.constants
        if not self.varying:
            self.key, self._rebuild = self._items(list(self.values))
            return
        split = len(self.values) - self.varying
        key, make = self._items(list(self.values[:split]))
        self._arrays_in_key = False
        last, make_last = self._items(list(self.values[split:]))
        self.key = (*key, *last)
        self._rebuild = lambda parts: make(parts) + make_last(parts)

    def rebuild(self, arrays: Sequence[Array], native: bool = False) -> list[Value]:
        """Return the values with these arrays in place of their own, and stand-ins for `np`, `math` and SciPy.

        The arrays are `Traced`, unless the code is `native` to JAX.
        """
        return self._rebuild(Parts(iter(arrays) if native else map(Traced, arrays)))

    def _walk(self, value: Value) -> tuple[Hashable, Rebuild]:
        """Return the key of a value, and a function that makes a copy of the value."""
        if isinstance(value, (bool, int, str, bytes, complex, type(None))):
            return (type(value), value), lambda _: value
        if isinstance(value, (types.FunctionType, types.MethodType)) and stand_in(value) is not value:
            return ("object", id(value)), lambda _: stand_in(value)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            key, make = self._walk(value.__func__)
            owner, self.opaque = value.__self__, True
            return ("method", key, id(owner)), lambda parts: types.MethodType(make(parts), owner)
        if isinstance(value, functools.partial):
            key, make = self._items([value.func, *value.args, *value.keywords.values()])
            names = tuple(value.keywords)

            def rebuild(parts: Parts) -> Value:
                f, *rest = make(parts)
                split = len(rest) - len(names)
                return functools.partial(f, *rest[:split], **dict(zip(names, rest[split:], strict=True)))

            return ("partial", names, key), rebuild
        if isinstance(value, np.ndarray):
            return self._array(value)
        is_named = isinstance(value, tuple) and hasattr(value, "_fields")
        if (is_named or type(value) in (list, tuple, dict)) and len(value) <= LONGEST:
            return self._container(value)
        if isinstance(value, (float, np.generic)):
            return (type(value), np.asarray(value).tobytes()), lambda _: value
        if _is_record(value):
            kind, fields = type(value), [f.name for f in dataclasses.fields(value)]
            key, make = self._items([getattr(value, field) for field in fields])
            return ("record", kind, key), lambda parts: _record(kind, fields, make(parts))
        # Any other value enters the key by its id. `rebuild` refers to the value, so it stays alive and keeps its id.
        self.opaque = self.opaque or stand_in(value) is value
        return ("object", id(value)), lambda _: stand_in(value)

    def _items(self, values: list[Value]) -> tuple[tuple[Hashable, ...], Callable[[Parts], list[Value]]]:
        if not values:
            return (), lambda _: []
        keys, makes = zip(*map(self._walk, values), strict=True)
        return keys, lambda parts: [make(parts) for make in makes]

    def _container(self, value: PyTree) -> tuple[Hashable, Rebuild]:
        kind = type(value)
        if kind is dict:
            names = tuple(value)
            key, make = self._items(list(value.values()))
            return (dict, names, key), lambda parts: dict(zip(names, make(parts), strict=True))
        key, make = self._items(list(value))
        if hasattr(kind, "_fields"):
            return (kind, key), lambda parts: kind(*make(parts))
        return (kind, key), lambda parts: kind(make(parts))

    def _array(self, value: np.ndarray) -> tuple[Hashable, Rebuild]:
        if type(value) is not np.ndarray or value.dtype == object:
            self.opaque = True
            return ("object", id(value)), lambda _: value
        if value.ndim and value.dtype.kind == "f" and not self._arrays_in_key:
            self.arrays.append(value)
            return ("array", value.shape, value.dtype.str), lambda parts: next(parts.arrays)
        return ("constant", value.shape, value.dtype.str, value.tobytes()), lambda _: value

    def _function(self, f: types.FunctionType) -> tuple[Hashable, Rebuild]:
        if id(f) in self._numbers:
            # The function calls itself, or the code reads it twice: refer to the function by its number.
            number = self._numbers[id(f)]
            return ("again", number), lambda parts: parts.functions[number]
        number = self._numbers[id(f)] = len(self._numbers)
        is_library = _is_library(f)
        names = [] if is_library else sorted(n for n in _names(f.__code__) if n in f.__globals__)
        cells = [cell.cell_contents for cell in f.__closure__ or () if _is_full(cell)]
        defaults, options = list(f.__defaults__ or ()), dict(f.__kwdefaults__ or {})
        key, make = self._items([*(f.__globals__[n] for n in names), *cells, *defaults, *options.values()])

        def rebuild(parts: Parts) -> types.FunctionType:
            scope = f.__globals__.copy() if is_library else BUILTINS | f.__globals__
            closure = tuple(types.CellType() for _ in f.__closure__ or ())
            new = types.FunctionType(f.__code__, scope, f.__name__, None, closure)
            parts.functions[number] = new
            values = iter(make(parts))
            scope.update({n: next(values) for n in names})
            for old, cell in zip(f.__closure__ or (), closure, strict=True):
                if _is_full(old):
                    cell.cell_contents = next(values)
            new.__defaults__ = tuple(next(values) for _ in defaults) or None
            new.__kwdefaults__ = {n: next(values) for n in options} or None
            return new

        if is_library and not (cells or defaults or options):
            return ("object", id(f)), lambda _: stand_in(f)
        return ("function", f.__code__, tuple(names), tuple(options), key), rebuild


def _is_record(value: Value) -> bool:
    """Tell whether a value is an instance of a frozen dataclass that has no attributes but its fields."""
    parameters = getattr(type(value), "__dataclass_params__", None)
    # An object with slots has no `__dict__`, and no attributes but its fields.
    attributes = getattr(value, "__dict__", ())
    return parameters is not None and parameters.frozen and set(attributes) <= set(value.__dataclass_fields__)


def _record(kind: type, names: list[str], values: list[Value]) -> Value:
    made: Value = object.__new__(kind)
    for name, value in zip(names, values, strict=True):
        object.__setattr__(made, name, value)
    return made


def _is_full(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _is_library(f: types.FunctionType) -> bool:
    module = sys.modules.get(f.__module__ or "")
    return (getattr(module, "__file__", None) or "").startswith(_LIBRARIES)


def _names(code: types.CodeType) -> set[str]:
    """Return the global names and attributes that code and the functions inside it read."""
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))
