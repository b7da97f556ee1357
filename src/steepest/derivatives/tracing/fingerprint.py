"""The fingerprint of a function: its code and all the values that the code reads, but not its id.

A notebook cell run again makes a new function object with the same code: it must find what was
compiled for the old one. The same code with another value behind a name must not.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import sysconfig
import types
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steepest.derivatives.tracing.namespaces import BUILTINS, faced
from steepest.derivatives.tracing.tracer import Traced

LONGEST = 1_000
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})

Rebuild = Callable[[Iterator[Any]], Any]


@dataclass
class Fingerprint:
    """A key for functions and their arguments, the arrays that they read, and a way to make them anew.

    `key` compares equal for those that would trace alike. `arrays` are handed to compiled code
    as arguments, so that new data in them costs no new compilation. With `constants=True` they are
    part of the key instead, but for those in the last values, as many as `moving` says.
    """

    values: Sequence[Any]
    constants: bool = False
    moving: int = 0
    arrays: list[np.ndarray] = field(default_factory=list)
    key: Hashable = None

    def __post_init__(self) -> None:
        self._seen: dict[int, int] = {}
        self._baked = self.constants
        split = len(self.values) - self.moving
        key, make = self._items(list(self.values[:split]))
        self._baked = False
        last, make_last = self._items(list(self.values[split:]))
        self.key = (*key, *last)
        self._rebuild: Rebuild = lambda arrays: make(arrays) + make_last(arrays)

    def rebuild(self, arrays: Sequence[Any], native: bool = False) -> list[Any]:
        """Return the values with traced arrays where they had plain ones, and `np` and `math` faced.

        Code that is `native` to JAX gets its arrays as they are.
        """
        self._made: dict[int, Any] = {}
        return self._rebuild(iter(arrays) if native else map(Traced, arrays))

    def _walk(self, value: Any) -> tuple[Hashable, Rebuild]:
        if isinstance(value, (types.FunctionType, types.MethodType)) and faced(value) is not value:
            return ("object", id(value)), lambda _: faced(value)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            key, make = self._walk(value.__func__)
            owner = value.__self__
            return ("method", key, id(owner)), lambda arrays: types.MethodType(make(arrays), owner)
        if isinstance(value, functools.partial):
            key, make = self._items([value.func, *value.args, *value.keywords.values()])
            names = tuple(value.keywords)

            def rebuild(arrays: Iterator[Any]) -> Any:
                f, *rest = make(arrays)
                split = len(rest) - len(names)
                return functools.partial(f, *rest[:split], **dict(zip(names, rest[split:], strict=True)))

            return ("partial", names, key), rebuild
        if isinstance(value, np.ndarray):
            return self._array(value)
        if type(value) in (list, tuple, dict) and len(value) <= LONGEST:
            return self._container(value)
        if isinstance(value, (bool, int, str, bytes, complex, type(None))):
            return (type(value), value), lambda _: value
        if isinstance(value, (float, np.generic)):
            return (type(value), np.asarray(value).tobytes()), lambda _: value
        if _is_record(value):
            kind, fields = type(value), [f.name for f in dataclasses.fields(value)]
            key, make = self._items([getattr(value, field) for field in fields])
            return ("record", kind, key), lambda arrays: _record(kind, fields, make(arrays))
        # Anything else is known by identity; the rebuild keeps it alive, so its id is not used again.
        return ("object", id(value)), lambda _: faced(value)

    def _items(self, values: list[Any]) -> tuple[tuple[Hashable, ...], Callable[[Iterator[Any]], list[Any]]]:
        walked = [self._walk(value) for value in values]
        return tuple(key for key, _ in walked), lambda arrays: [make(arrays) for _, make in walked]

    def _container(self, value: Any) -> tuple[Hashable, Rebuild]:
        kind = type(value)
        if kind is dict:
            names = tuple(value)
            key, make = self._items(list(value.values()))
            return (dict, names, key), lambda arrays: dict(zip(names, make(arrays), strict=True))
        key, make = self._items(list(value))
        return (kind, key), lambda arrays: kind(make(arrays))

    def _array(self, value: np.ndarray) -> tuple[Hashable, Rebuild]:
        if type(value) is not np.ndarray or value.dtype == object:
            return ("object", id(value)), lambda _: value
        if value.ndim and value.dtype.kind == "f" and not self._baked:
            self.arrays.append(value)
            return ("array", value.shape, value.dtype.str), lambda arrays: next(arrays)
        return ("constant", value.shape, value.dtype.str, value.tobytes()), lambda _: value

    def _function(self, f: types.FunctionType) -> tuple[Hashable, Rebuild]:
        if id(f) in self._seen:
            number = self._seen[id(f)]
            return ("again", number), lambda _: self._made[number]
        number = self._seen[id(f)] = len(self._seen)
        names = [] if _is_library(f) else sorted(n for n in _names(f.__code__) if n in f.__globals__)
        cells = [cell.cell_contents for cell in f.__closure__ or () if _is_full(cell)]
        defaults, options = list(f.__defaults__ or ()), dict(f.__kwdefaults__ or {})
        key, make = self._items([*(f.__globals__[n] for n in names), *cells, *defaults, *options.values()])

        def rebuild(arrays: Iterator[Any]) -> Any:
            scope = f.__globals__.copy() if _is_library(f) else BUILTINS | f.__globals__
            closure = tuple(types.CellType() for _ in f.__closure__ or ())
            new = types.FunctionType(f.__code__, scope, f.__name__, None, closure)
            self._made[number] = new
            values = iter(make(arrays))
            scope.update({n: next(values) for n in names})
            for old, cell in zip(f.__closure__ or (), closure, strict=True):
                if _is_full(old):
                    cell.cell_contents = next(values)
            new.__defaults__ = tuple(next(values) for _ in defaults) or None
            new.__kwdefaults__ = {n: next(values) for n in options} or None
            return new

        if _is_library(f) and not (cells or defaults or options):
            return ("object", id(f)), lambda _: faced(f)
        return ("function", f.__code__, tuple(names), tuple(options), key), rebuild


def _is_record(value: Any) -> bool:
    """Tell whether a value is a plain frozen dataclass: all that it is stands in its fields."""
    parameters = getattr(type(value), "__dataclass_params__", None)
    return parameters is not None and parameters.frozen and set(vars(value)) <= set(value.__dataclass_fields__)


def _record(kind: type, names: list[str], values: list[Any]) -> Any:
    made: Any = object.__new__(kind)
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
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return set(code.co_names).union(*map(_names, inner))
