"""Stand-ins for `np`, `math`, SciPy and a few builtins while a function is traced.

NumPy's protocols do not reach array constructors (`np.array`, `np.zeros`), the `math` module, `max` or
SciPy's Python code. Traced code therefore gets stand-ins for them, which handle traced values and pass all
other calls on to the originals.
"""

from __future__ import annotations

import builtins
import cmath
import math
import random
from collections.abc import Iterable
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import DTypeLike

from steepest.derivatives.tracing.budget import branching, note_type, refuse, running
from steepest.derivatives.tracing.scipy_twins import scipy_stand_in
from steepest.derivatives.tracing.tracer import Argument, Traced, apply, depends, stack, stacked, unwrap, wrap
from steepest.types import Array, Function, PyTree, Seed

# Any Python value that traced code reads: a module, a function, a generator, data.
Value = Any


def _is_float(dtype: DTypeLike | None) -> bool:
    """Tell whether an array of this type can hold a derivative: real and complex numbers can."""
    return dtype is None or np.dtype(dtype).kind in "fc"


def _array(values: PyTree, dtype: DTypeLike | None = None, *args: Argument, **options: Argument) -> Array:
    if not depends(values):
        return wrap(np.array(unwrap(values), dtype, *args, **options))
    if not _is_float(dtype):
        refuse(f"an array of {np.dtype(dtype)} made from a traced value would lose its derivative")
    note_type(dtype)
    return apply(np.array, lambda values: jnp.asarray(stack(values)).copy(), (values,), {})


def _asarray(values: PyTree, dtype: DTypeLike | None = None, *args: Argument, **options: Argument) -> Array:
    if isinstance(values, Traced) and (dtype is None or (_is_float(dtype) and values.dtype.kind in "fc")):
        note_type(dtype)
        return values
    return _array(values, dtype, *args, **options)


def _filled(plain: Function) -> Function:
    """Return a constructor of traced arrays, so that the code can write traced values into them."""

    def make(*args: Argument, **options: Argument) -> Array:
        if depends(args) or depends(options):
            # Only `np.full` has an argument that may depend on the point, its value.
            shape, value = args
            return wrap(jnp.full(shape, unwrap(value)))
        return wrap(plain(*unwrap(args), **options))

    return make


def _like(plain: Function) -> Function:
    """Return a constructor of traced arrays with the shape and type of another array."""

    def make(prototype: Array, *args: Argument, **options: Argument) -> Array:
        # Only the shape and the type of the prototype matter.
        return wrap(
            plain(np.empty(prototype.shape, prototype.dtype) if depends(prototype) else prototype, *args, **options)
        )

    return make


def _fromiter(values: Iterable[Array], dtype: DTypeLike, *args: Argument, **options: Argument) -> Array:
    return _array(list(values), dtype)


def _arange(*args: Array, **options: Argument) -> Array:
    if not depends(args):
        return wrap(np.arange(*args, **options))
    start, stop, step = (0, *args, 1) if len(args) == 1 else (*args, 1)[:3]
    # The number of entries depends on values, so JAX raises an error here, as it does for a branch.
    with branching():
        count = int(np.ceil((stop - start) / step).value)
    return start + step * np.arange(count)


class _Vectorized:
    """The stand-in for `np.vectorize`: it calls a function of scalars on each traced entry."""

    def __init__(self, pyfunc: Function, *args: Argument, **options: Argument) -> None:
        self.pyfunc = pyfunc
        self.plain = np.vectorize(pyfunc, *args, **options)
        self.is_scalar = not (self.plain.signature or self.plain.excluded)

    def __call__(self, *args: Array, **options: Argument) -> Array:
        if options or not self.is_scalar or not depends(args):
            return self.plain(*args, **options)
        shape = np.broadcast_shapes(*map(np.shape, args))
        columns = [np.ravel(np.broadcast_to(_asarray(arg), shape)) for arg in args]
        return np.reshape(_array([self.pyfunc(*row) for row in zip(*columns, strict=True)]), shape)


class _FloatType(type):
    """The metaclass of the stand-ins for floating-point types: they behave like the types, except when called."""

    plain: type

    def __instancecheck__(cls, value: Value) -> bool:
        return isinstance(value, cls.plain)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.plain)

    def __eq__(cls, other: Value) -> bool:
        return other is cls or other is cls.plain

    def __hash__(cls) -> int:
        return hash(cls.plain)


def _float(kind: type) -> type:
    """Return the stand-in for a floating-point type; called on a traced value, it keeps double precision."""

    def new(cls: type, value: Array = 0.0) -> Array:
        if not isinstance(value, Traced):
            return kind(value)
        note_type(kind)
        return value if value.dtype.kind == "f" else np.multiply(value, 1.0)

    return _FloatType(kind.__name__, (kind,), {"plain": kind, "dtype": np.dtype(kind), "__new__": new})


# Random number generators. The functions of `np.random` and `random` are methods of global generators.
_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)


def _drawn(draw: Function) -> Function:
    """Return the stand-in for a generator's method: it refuses the trace unless the code has set a seed."""

    def call(*args: Argument, **options: Argument) -> Value:
        if draw.__name__ == "seed" and args:
            running.seeded = True
        if not running.seeded:
            refuse("random numbers differ from call to call")
        return draw(*args, **options)

    return call


def _default_rng(seed: Seed = None) -> np.random.Generator:
    return refuse("random numbers differ from call to call") if seed is None else np.random.default_rng(seed)


# The stand-ins for functions and types of NumPy.
_NUMPY: dict[Function, Function] = {
    np.array: _array,
    np.asarray: _asarray,
    np.asanyarray: _asarray,
    np.ascontiguousarray: _asarray,
    np.asfortranarray: _asarray,
    np.fromiter: _fromiter,
    np.arange: _arange,
    np.zeros: _filled(np.zeros),
    np.ones: _filled(np.ones),
    np.empty: _filled(np.zeros),
    np.full: _filled(np.full),
    np.eye: _filled(np.eye),
    np.identity: _filled(np.identity),
    np.zeros_like: _like(np.zeros_like),
    np.ones_like: _like(np.ones_like),
    np.empty_like: _like(np.zeros_like),
    np.isscalar: lambda value: np.ndim(value) == 0 if isinstance(value, Traced) else np.isscalar(value),
    np.vectorize: _Vectorized,
    **{kind: _float(kind) for kind in (np.float64, np.float32, np.float16)},
    np.random.default_rng: _default_rng,
    **{f: _drawn(f) for f in (np.random.seed, np.random.sample, np.random.ranf)},
}


def _listed(values: Iterable[Array]) -> Array:
    return jnp.asarray(stack(list(values)))


def _log(x: Array, base: Array = None) -> Array:
    return jnp.log(x) if base is None else jnp.log(x) / jnp.log(base)


# JAX's counterparts of functions of `math` and `cmath`; those that are ufuncs of the same name in NumPy need no row.
_MATH_TWINS: dict[str, Function] = {
    "dist": lambda p, q: jnp.linalg.norm(_listed(p) - _listed(q)),
    "erf": jax.scipy.special.erf,
    "erfc": jax.scipy.special.erfc,
    "fsum": lambda values: jnp.sum(_listed(values)),
    "gamma": jax.scipy.special.gamma,
    "hypot": lambda *xs: jnp.sqrt(sum(x * x for x in xs)),
    "isclose": lambda x, y, *, rel_tol=1e-9, abs_tol=0.0: jnp.isclose(x, y, rel_tol, abs_tol),
    "lgamma": jax.scipy.special.gammaln,
    "log": _log,
    "phase": jnp.angle,
    "prod": lambda values, start=1: start * jnp.prod(_listed(values)),
    "remainder": lambda x, y: x - y * jnp.round(x / y),
    "sumprod": lambda p, q: jnp.dot(_listed(p), _listed(q)),
}


def _scalar(function: Function, prepare: Function = lambda x: x) -> Function:
    """Return the stand-in for a function of `math` or `cmath`; `prepare` is called on traced arguments."""
    name = function.__name__
    twin = _MATH_TWINS.get(name) or (getattr(jnp, name) if isinstance(getattr(np, name, None), np.ufunc) else None)

    def call(*args: Argument, **options: Argument) -> Array:
        # An iterator could be read only once, so make it a list.
        args = tuple(list(a) if hasattr(a, "__next__") else a for a in args)
        if twin is None or not depends(args):
            return function(*args, **options)
        return apply(function, lambda *args, **options: twin(*map(prepare, args), **options), args, options)

    return call


def _complex(value: Array) -> Array:
    return value + 0j


def _functions(module: ModuleType) -> list[Function]:
    return [f for f in vars(module).values() if callable(f) and hasattr(f, "__name__") and not isinstance(f, type)]


def _extreme(plain: Function, pick: Function, reduce: Function) -> Function:
    """Return the stand-in for `max` or `min`; it does not branch on the question of which number is larger."""

    def choose(*args: Argument, **options: Argument) -> Value:
        values = list(args[0]) if len(args) == 1 else list(args)
        if options or not depends(values) or any(map(np.ndim, values)):
            return plain(*([values] if len(args) == 1 else args), **options)
        return apply(plain, pick, values, {}) if len(values) == 2 else apply(plain, reduce, (values,), {})

    return choose


def _sorted(values: Iterable[Value], *, key: Function | None = None, reverse: bool = False) -> list[Value]:
    values = list(values)
    if key is not None or not depends(values) or any(map(np.ndim, values)):
        return sorted(values, key=key, reverse=reverse)
    ordered = list(np.sort(_array(values)))
    return ordered[::-1] if reverse else ordered


# The stand-ins for builtins, by name.
BUILTINS: dict[str, Function] = {
    "max": _extreme(max, jnp.maximum, lambda values: jnp.max(_listed(values))),
    "min": _extreme(min, jnp.minimum, lambda values: jnp.min(_listed(values))),
    "sorted": _sorted,
}

# All stand-ins; the keys are the originals.
_STAND_INS: dict[Function, Function] = {
    **_NUMPY,
    **{f: _scalar(f) for f in _functions(math)},
    **{f: _scalar(f, _complex) for f in _functions(cmath)},
    **{getattr(builtins, name): function for name, function in BUILTINS.items()},
}
# The packages whose modules get a stand-in.
_ROOTS = frozenset(["numpy", "math", "cmath", "random", "scipy"])


class _Call:
    """A function of NumPy that also takes lists of traced numbers, and returns traced arrays."""

    def __init__(self, plain: Function) -> None:
        self._plain = plain

    def __call__(self, *args: Argument, **options: Argument) -> PyTree:
        return wrap(self._plain(*map(_joined, args), **{name: _joined(option) for name, option in options.items()}))

    def __getattr__(self, name: str) -> Value:
        return getattr(self._plain, name)


def _joined(value: Argument) -> Argument:
    """Return nested lists of traced numbers as one array; NumPy handles a list of arrays itself."""
    return stacked(value) if isinstance(value, (list, tuple)) and _are_numbers(value) else value


def _are_numbers(values: PyTree) -> bool:
    return all(_are_numbers(v) if isinstance(v, (list, tuple)) else not np.ndim(v) for v in values)


class StandIn:
    """The stand-in for a module or a random number generator: its attributes are stand-ins too."""

    def __init__(self, plain: Value) -> None:
        self._plain = plain

    def __getattr__(self, name: str) -> Value:
        return stand_in(getattr(self._plain, name))


def stand_in(value: Value) -> Value:
    """Return the stand-in for a value, or the value itself if it needs none."""
    if isinstance(value, ModuleType):
        return StandIn(value) if value.__name__.partition(".")[0] in _ROOTS else value
    if isinstance(value, _GENERATORS):
        return StandIn(value)
    if isinstance(getattr(value, "__self__", None), _GENERATORS):
        return _drawn(value)
    try:
        found = _STAND_INS.get(value, value) if callable(value) else value
    except TypeError:
        # A value that is not hashable has no stand-in in the table.
        found = value
    found = scipy_stand_in(value) if found is value else found
    return _Call(value) if found is value and isinstance(value, (np.ufunc, type(np.sum))) else found
