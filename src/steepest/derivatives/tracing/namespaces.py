"""Stand-ins for `np`, `math`, SciPy and a few builtins while a function is traced.

NumPy's protocols do not reach array constructors (`np.array`, `np.zeros`), the `math` module, `max`
or SciPy's Python code; a traced function therefore sees these through a thin face that serves
traced values and passes everything else on.
"""

from __future__ import annotations

import builtins
import cmath
import math
import random
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.tracing.scipy_twins import scientific
from steepest.derivatives.tracing.tracer import (
    Budget,
    Traced,
    apply,
    branching,
    depends,
    refuse,
    stack,
    stacked,
    unwrap,
    wrap,
)

Function = Callable[..., Any]


def _is_real(dtype: Any) -> bool:
    return dtype is None or np.dtype(dtype).kind in "fc"


def _array(values: Any, dtype: Any = None, *args: Any, **options: Any) -> Any:
    if not depends(values):
        return wrap(np.array(unwrap(values), dtype, *args, **options))
    if not _is_real(dtype):
        refuse(f"an array of {np.dtype(dtype)} made from a traced value would lose its derivative")
    Budget.ask(dtype)
    return apply(np.array, lambda values: jnp.asarray(stack(values)).copy(), (values,), {})


def _asarray(values: Any, dtype: Any = None, *args: Any, **options: Any) -> Any:
    if isinstance(values, Traced) and (dtype is None or (_is_real(dtype) and values.dtype.kind in "fc")):
        Budget.ask(dtype)
        return values
    return _array(values, dtype, *args, **options)


def _filled(plain: Function) -> Function:
    """Return a constructor whose arrays can be written into: they are traced from birth."""

    def make(*args: Any, **options: Any) -> Any:
        if depends(args) or depends(options):
            # Only the value that a full array is filled with may depend on the point.
            shape, value = args
            return wrap(jnp.full(shape, unwrap(value)))
        return wrap(plain(*unwrap(args), **options))

    return make


def _like(plain: Function) -> Function:
    def make(prototype: Any, *args: Any, **options: Any) -> Any:
        # The values of the prototype play no part.
        return wrap(
            plain(np.empty(prototype.shape, prototype.dtype) if depends(prototype) else prototype, *args, **options)
        )

    return make


def _fromiter(values: Any, dtype: Any, *args: Any, **options: Any) -> Any:
    return _array(list(values), dtype)


def _arange(*args: Any, **options: Any) -> Any:
    if not depends(args):
        return wrap(np.arange(*args, **options))
    start, stop, step = (0, *args, 1) if len(args) == 1 else (*args, 1)[:3]
    # How many there are is a branch on values.
    with branching():
        count = int(np.ceil((stop - start) / step).value)
    return start + step * np.arange(count)


class _Vectorized:
    """`np.vectorize` of a function of scalars, called on each element of what depends on the point."""

    def __init__(self, pyfunc: Function, *args: Any, **options: Any) -> None:
        self.pyfunc = pyfunc
        self.plain = np.vectorize(pyfunc, *args, **options)
        self.is_scalar = not (self.plain.signature or self.plain.excluded)

    def __call__(self, *args: Any, **options: Any) -> Any:
        if options or not self.is_scalar or not depends(args):
            return self.plain(*args, **options)
        shape = np.broadcast_shapes(*map(np.shape, args))
        columns = [np.ravel(np.broadcast_to(_asarray(arg), shape)) for arg in args]
        return np.reshape(_array([self.pyfunc(*row) for row in zip(*columns, strict=True)]), shape)


class _FloatType(type):
    """The type of the face of a type of floating numbers, so that nothing but a call tells the two apart."""

    plain: type

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, cls.plain)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.plain)

    def __eq__(cls, other: Any) -> bool:
        return other is cls or other is cls.plain

    def __hash__(cls) -> int:
        return hash(cls.plain)


def _float(kind: Any) -> Any:
    """Return the face of a type of floating numbers, which passes traced values on as doubles."""

    def new(cls: Any, value: Any = 0.0) -> Any:
        if not isinstance(value, Traced):
            return kind(value)
        Budget.ask(kind)
        return value if value.dtype.kind == "f" else np.multiply(value, 1.0)

    return _FloatType(kind.__name__, (kind,), {"plain": kind, "dtype": np.dtype(kind), "__new__": new})


# Random generators; the functions of `np.random` and `random` are methods of such an object.
_GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)


def _drawn(draw: Function) -> Function:
    """Refuse what a generator draws that outlives the call, unless the function has seeded it."""

    def call(*args: Any, **options: Any) -> Any:
        if draw.__name__ == "seed" and args:
            Budget.seeded = True
        if not Budget.seeded:
            refuse("random numbers differ from call to call")
        return draw(*args, **options)

    return call


def _default_rng(seed: Any = None) -> Any:
    return refuse("random numbers differ from call to call") if seed is None else np.random.default_rng(seed)


_NUMPY: dict[Any, Any] = {
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


def _listed(values: Any) -> Any:
    return jnp.asarray(stack(list(values)))


def _log(x: Any, base: Any = None) -> Any:
    return jnp.log(x) if base is None else jnp.log(x) / jnp.log(base)


# Those that are ufuncs of NumPy by the same name need no row.
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
    name = function.__name__
    twin = _MATH_TWINS.get(name) or (getattr(jnp, name) if isinstance(getattr(np, name, None), np.ufunc) else None)

    def call(*args: Any, **options: Any) -> Any:
        args = tuple(list(a) if hasattr(a, "__next__") else a for a in args)
        if twin is None or not depends(args):
            return function(*args, **options)
        return apply(function, lambda *args, **options: twin(*map(prepare, args), **options), args, options)

    return call


def _complex(value: Any) -> Any:
    return value + 0j


def _functions(module: ModuleType) -> list[Any]:
    return [f for f in vars(module).values() if callable(f) and hasattr(f, "__name__") and not isinstance(f, type)]


def _extreme(plain: Function, pick: Function, reduce: Function) -> Function:
    """Return `max` or `min` that picks among numbers without asking which is larger."""

    def choose(*args: Any, **options: Any) -> Any:
        values = list(args[0]) if len(args) == 1 else list(args)
        if options or not depends(values) or any(map(np.ndim, values)):
            return plain(*([values] if len(args) == 1 else args), **options)
        return apply(plain, pick, values, {}) if len(values) == 2 else apply(plain, reduce, (values,), {})

    return choose


def _sorted(values: Any, *, key: Any = None, reverse: bool = False) -> list[Any]:
    values = list(values)
    if key is not None or not depends(values) or any(map(np.ndim, values)):
        return sorted(values, key=key, reverse=reverse)
    ordered = list(np.sort(_array(values)))
    return ordered[::-1] if reverse else ordered


BUILTINS: dict[str, Any] = {
    "max": _extreme(max, jnp.maximum, lambda values: jnp.max(_listed(values))),
    "min": _extreme(min, jnp.minimum, lambda values: jnp.min(_listed(values))),
    "sorted": _sorted,
}

_FACES: dict[Any, Any] = {
    **_NUMPY,
    **{f: _scalar(f) for f in _functions(math)},
    **{f: _scalar(f, _complex) for f in _functions(cmath)},
    **{getattr(builtins, name): face for name, face in BUILTINS.items()},
}
_ROOTS = frozenset(["numpy", "math", "cmath", "random", "scipy"])


class _Call:
    """A function of NumPy that takes lists of traced numbers, and whose arrays can be written into."""

    def __init__(self, plain: Function) -> None:
        self._plain = plain

    def __call__(self, *args: Any, **options: Any) -> Any:
        called = self._plain(*map(_joined, args), **{name: _joined(option) for name, option in options.items()})
        return wrap(called)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)


def _joined(value: Any) -> Any:
    """Return nested lists of traced numbers as one array; NumPy finds arrays in a list itself."""
    return stacked(value) if isinstance(value, (list, tuple)) and _are_numbers(value) else value


def _are_numbers(values: Any) -> bool:
    return all(_are_numbers(v) if isinstance(v, (list, tuple)) else not np.ndim(v) for v in values)


class Face:
    """A module, or a generator of random numbers, as traced code sees it."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain

    def __getattr__(self, name: str) -> Any:
        return faced(getattr(self._plain, name))


def faced(value: Any) -> Any:
    """Return what stands for a value while tracing: the value itself in nearly every case."""
    if isinstance(value, ModuleType):
        return Face(value) if value.__name__.partition(".")[0] in _ROOTS else value
    if isinstance(value, _GENERATORS):
        return Face(value)
    if isinstance(getattr(value, "__self__", None), _GENERATORS):
        return _drawn(value)
    try:
        face = _FACES.get(value, value) if callable(value) else value
    except TypeError:
        face = value
    face = scientific(value) if face is value else face
    return _Call(value) if face is value and isinstance(value, (np.ufunc, type(np.sum))) else face
