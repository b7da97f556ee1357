"""What `np` and `math` stand for while a function is traced.

NumPy's protocols do not reach array constructors (`np.array`, `np.zeros`) nor the `math` module;
a traced function therefore sees these two modules through a thin face that serves traced values
and passes everything else on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.tracing import Budget, Traced, UntraceableError, holds_traced, stack, unwrap, wrap


def _is_real(dtype: Any) -> bool:
    return dtype is None or np.dtype(dtype).kind in "fc"


def _array(values: Any, dtype: Any = None, **options: Any) -> Any:
    if not holds_traced(values):
        return np.array(values, dtype, **options)
    if not _is_real(dtype):
        raise UntraceableError(f"an array of {np.dtype(dtype)} made from a traced value would lose its derivative")
    Budget.spend()
    return Traced(jnp.asarray(stack(values)))


def _asarray(values: Any, dtype: Any = None, *args: Any, **options: Any) -> Any:
    if isinstance(values, Traced) and _is_real(dtype):
        return values
    return _array(values, dtype) if holds_traced(values) else np.asarray(values, dtype, *args, **options)


def _filled(plain: Callable[..., np.ndarray]) -> Callable[..., Any]:
    def make(*args: Any, **options: Any) -> Any:
        if holds_traced(args):
            return Traced(jnp.full(args[0], unwrap(args[1])))
        made = plain(*args, **options)
        # Traced from birth, so that `out[i] = x[i]` can write into it.
        return Traced(jnp.asarray(made)) if made.dtype == np.float64 else made

    return make


def _float64(value: Any = 0.0) -> Any:
    return value if isinstance(value, Traced) and not value.ndim else np.float64(value)


_NUMPY: dict[Any, Any] = {
    np.array: _array,
    np.asarray: _asarray,
    np.asanyarray: _asarray,
    np.ascontiguousarray: _asarray,
    np.zeros: _filled(np.zeros),
    np.ones: _filled(np.ones),
    np.empty: _filled(np.zeros),
    np.full: _filled(np.full),
    np.float64: _float64,
}

_MATH_TWINS: dict[str, Callable[..., Any]] = {
    "acos": jnp.arccos,
    "acosh": jnp.arccosh,
    "asin": jnp.arcsin,
    "asinh": jnp.arcsinh,
    "atan": jnp.arctan,
    "atan2": jnp.arctan2,
    "atanh": jnp.arctanh,
    "dist": lambda p, q: jnp.linalg.norm(jnp.asarray(stack(p)) - jnp.asarray(stack(q))),
    "erf": jax.scipy.special.erf,
    "erfc": jax.scipy.special.erfc,
    "fabs": jnp.abs,
    "fsum": lambda values: jnp.sum(jnp.asarray(stack(list(values)))),
    "hypot": lambda *xs: jnp.sqrt(sum(x * x for x in xs)),
    "lgamma": jax.scipy.special.gammaln,
    "log": lambda x, base=None: jnp.log(x) if base is None else jnp.log(x) / jnp.log(base),
    "pow": jnp.power,
    "prod": lambda values: jnp.prod(jnp.asarray(stack(list(values)))),
    "sumprod": lambda p, q: jnp.dot(jnp.asarray(stack(list(p))), jnp.asarray(stack(list(q)))),
}
_SAME_NAME = frozenset(
    [
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "exp",
        "expm1",
        "exp2",
        "log1p",
        "log2",
        "log10",
        "sqrt",
        "cbrt",
        "degrees",
        "radians",
    ]
)


def _math(function: Callable[..., Any]) -> Callable[..., Any]:
    name = function.__name__
    twin = getattr(jnp, name) if name in _SAME_NAME else _MATH_TWINS.get(name)

    def call(*args: Any) -> Any:
        args = tuple(list(a) if hasattr(a, "__next__") else a for a in args)
        if twin is None or not holds_traced(args):
            return function(*args)
        Budget.spend()
        return wrap(twin(*[a if isinstance(a, (list, tuple)) else unwrap(a) for a in args]))

    return call


_MATH: dict[Any, Any] = {f: _math(f) for f in vars(math).values() if callable(f) and hasattr(f, "__name__")}
_FACES: dict[Any, Any] = _NUMPY | _MATH


class Face:
    """A module as traced code sees it."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return faced(getattr(self._module, name))


_MODULES = {id(np): Face(np), id(math): Face(math)}


def faced(value: Any) -> Any:
    """Return what stands for a value while tracing: the value itself in nearly every case."""
    if id(value) in _MODULES:
        return _MODULES[id(value)]
    try:
        return _FACES.get(value, value) if callable(value) else value
    except TypeError:
        return value
