"""JAX's counterparts of NumPy's functions: the function of the same name, or a row in a table here."""

from __future__ import annotations

import sys
from functools import partial
from types import ModuleType

import jax
import jax.numpy as jnp
import numpy as np

from steepest.types import Array, Function, PyTree


def _choose(index: Array, choices: PyTree, out: None = None, mode: str = "raise") -> Array:
    if mode == "raise":
        # JAX can't raise an error that depends on values, so NumPy checks the bounds here: the index is a plain array.
        np.choose(index, range(len(choices)))
        mode = "clip"
    return jnp.choose(jnp.asarray(index), list(choices), mode=mode)


def _bincount(index: Array, weights: Array = None, minlength: int = 0) -> Array:
    index = np.asarray(index)
    return jnp.bincount(index, weights, length=max(int(index.max(initial=-1)) + 1, minlength))


def _compress(condition: Array, array: Array, axis: int | None = None) -> Array:
    return jnp.take(array, np.flatnonzero(condition), axis)


# Functions that JAX lacks, or has under another name or with other arguments.
FUNCTIONS: dict[Function, Function] = {
    np.bincount: _bincount,
    np.choose: _choose,
    np.compress: _compress,
    np.fix: jnp.trunc,
}
_HOMES: dict[str, ModuleType] = {"numpy": jnp, "numpy.linalg": jnp.linalg, "numpy.fft": jnp.fft}

# Functions that return a view of their first argument if its memory layout allows.
VIEWS = frozenset(
    [
        np.expand_dims,
        np.flip,
        np.fliplr,
        np.flipud,
        np.moveaxis,
        np.ravel,
        np.reshape,
        np.rollaxis,
        np.rot90,
        np.squeeze,
        np.swapaxes,
        np.transpose,
    ]
)


def _copyto(target: Array, source: Array, casting: str = "same_kind", where: Array = True) -> None:
    target[...] = source if where is True else np.where(where, source, target)


def _putmask(target: Array, mask: Array, values: Array) -> None:
    target[...] = np.where(mask, np.resize(values, target.shape), target)


def _put(target: Array, index: Array, values: Array, mode: str = "raise") -> None:
    flat = np.ravel(target)
    flat[index] = values if np.ndim(values) == 0 else np.resize(values, np.shape(index))
    target[...] = np.reshape(flat, target.shape)


def _fill_diagonal(target: Array, value: Array, wrap: bool = False) -> None:
    if target.ndim != 2 or wrap:
        raise NotImplementedError("np.fill_diagonal is traced for matrices without wrap")
    index = np.arange(min(target.shape))
    target[index, index] = value if np.ndim(value) == 0 else np.resize(value, index.shape)


# Functions that write into their first argument, and replacements that use operations of `Traced`.
WRITERS: dict[Function, Function] = {
    np.copyto: _copyto,
    np.putmask: _putmask,
    np.put: _put,
    np.fill_diagonal: _fill_diagonal,
}


def _where_not_zero(x: Array, at_zero: float, elsewhere: Function) -> Array:
    # Both branches must be finite: `where` multiplies the derivative of the branch not taken by 0, and 0 · inf is NaN.
    return jnp.where(x == 0, at_zero, elsewhere(jnp.where(x == 0, 1.0, x)))


def _huber(delta: Array, r: Array) -> Array:
    size = jnp.abs(r)
    return jnp.where(size <= delta, r**2 / 2, delta * (size - delta / 2))


# SciPy functions that JAX has under another name, and simple formulas that JAX lacks.
SPECIAL: dict[str, Function] = {
    "cosm1": lambda x: -2 * jnp.sin(x / 2) ** 2,
    "exp10": lambda x: jnp.exp(x * jnp.log(10.0)),
    "exprel": lambda x: _where_not_zero(x, 1.0, lambda x: jnp.expm1(x) / x) + 0.5 * jnp.where(x == 0, x, 0.0),
    "huber": _huber,
    "inv_boxcox": lambda y, a: jnp.where(a == 0, jnp.exp(y), (1 + a * y) ** (1 / jnp.where(a == 0, 1.0, a))),
    "log_expit": jax.nn.log_sigmoid,
    "pseudo_huber": lambda delta, r: delta**2 * (jnp.sqrt(1 + (r / delta) ** 2) - 1),
    "psi": jax.scipy.special.digamma,
    "rgamma": lambda x: 1 / jax.scipy.special.gamma(x),
    "_zeta": jax.scipy.special.zeta,
}


def ufunc_twin(ufunc: np.ufunc, method: str = "__call__") -> Function | None:
    """Return JAX's counterpart of a ufunc of NumPy or SciPy, or of its method (`reduce`, `at` and others)."""
    twin = _called(ufunc)
    if method == "__call__" or twin is None:
        return twin
    traced = twin if isinstance(twin, jnp.ufunc) else jnp.frompyfunc(twin, ufunc.nin, ufunc.nout)
    return partial(traced.at, inplace=False) if method == "at" else getattr(traced, method)


def _called(ufunc: np.ufunc) -> Function | None:
    name = ufunc.__name__
    if getattr(np, name, None) is ufunc:
        return getattr(jnp, name, None)
    special = sys.modules.get("scipy.special")
    if special is None or getattr(special, name, getattr(special._basic, name, None)) is not ufunc:
        return None
    return SPECIAL.get(name) or getattr(jax.scipy.special, name, None) or getattr(jnp, name, None)


def function_twin(function: Function) -> Function | None:
    """Return JAX's counterpart of a function that NumPy passes to `__array_function__`."""
    if function in FUNCTIONS:
        return FUNCTIONS[function]
    home = _HOMES.get(getattr(function, "__module__", ""))
    return getattr(home, function.__name__, None)
