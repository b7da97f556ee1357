"""JAX replacements for SciPy's functions, distributions and sparse matrices, used while a function is traced."""

from __future__ import annotations

import sys
from importlib import import_module

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.tracing.tracer import Argument, apply, depends, unwrap
from steepest.types import Array, Function


def _eigvalsh(a: Array, b: None = None, *, lower: bool = True, **options: Argument) -> Array:
    return jax.scipy.linalg.eigh(a, b, lower=lower, eigvals_only=True, **options)


def _svdvals(a: Array, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    return jnp.linalg.svd(a, compute_uv=False)


def _lstsq(a: Array, b: Array, cond: float | None = None) -> Array:
    return jnp.linalg.lstsq(a, b, rcond=cond)


# SciPy's modules, and JAX's modules that have functions with the same names. Functions whose names or arguments differ
# are in the table below.
_HOMES = {"scipy.special": "jax.scipy.special", "scipy.linalg": "jax.scipy.linalg", "scipy.fft": "jax.numpy.fft"}
_DIFFERENT: dict[str, Function] = {
    "scipy.linalg.eigvalsh": _eigvalsh,
    "scipy.linalg.lstsq": _lstsq,
    "scipy.linalg.norm": jnp.linalg.norm,
    "scipy.linalg.pinv": jnp.linalg.pinv,
    "scipy.linalg.svdvals": _svdvals,
}


def scipy_stand_in(value: Argument) -> Argument:
    """Return the stand-in for an object of SciPy that has a counterpart in JAX; return other values unchanged."""
    module = getattr(value if callable(value) else type(value), "__module__", None) or ""
    if not module.startswith("scipy."):
        return value
    if module.startswith("scipy.sparse."):
        return Sparse(value) if hasattr(value, "tocoo") else value
    if module.startswith("scipy.stats."):
        return _distribution(value)
    twin = _twin(value, module)
    return value if twin is None else _dispatching(value, twin)


def _twin(function: Argument, module: str) -> Function | None:
    name = getattr(function, "__name__", "")
    for home, counterpart in _HOMES.items():
        if module.startswith(home) and getattr(sys.modules[home], name, None) is function:
            return _DIFFERENT.get(f"{home}.{name}") or getattr(import_module(counterpart), name, None)
    return None


def _dispatching(function: Function, twin: Function) -> Function:
    """Return a function that calls JAX's counterpart if an argument depends on the point, and SciPy's otherwise."""

    def call(*args: Argument, **options: Argument) -> Array:
        if depends(args) or depends(options):
            return apply(function, twin, args, options)
        return function(*args, **options)

    return call


def _distribution(value: Argument) -> Argument:
    name = getattr(value, "name", None) or type(value).__name__.removesuffix("_gen")
    stats = import_module("jax.scipy.stats")
    if getattr(sys.modules["scipy.stats"], name, None) is not value or not hasattr(stats, name):
        return value
    return Distribution(value, getattr(stats, name))


class Distribution:
    """A distribution of `scipy.stats` that uses JAX's densities and probabilities for traced values."""

    def __init__(self, plain: Argument, twin: Argument) -> None:
        self._plain, self._twin = plain, twin

    def __call__(self, *args: Argument, **options: Argument) -> Argument:
        return self._plain(*args, **options)

    def __getattr__(self, name: str) -> Argument:
        plain, twin = getattr(self._plain, name), getattr(self._twin, name, None)
        return plain if twin is None else _dispatching(plain, twin)


class Sparse:
    """A sparse matrix that the user's code reads, and that can be multiplied by traced arrays."""

    # Makes NumPy leave `x @ S` to `__rmatmul__`.
    __array_ufunc__ = None

    def __init__(self, plain: Argument) -> None:
        self._plain = plain

    def __getattr__(self, name: str) -> Argument:
        return getattr(self._plain, name)

    @property
    def T(self) -> Sparse:  # noqa: N802
        return Sparse(self._plain.T)

    def __matmul__(self, other: Array) -> Array:
        return apply(self._plain.__matmul__, self._product, (other,), {})

    def __rmatmul__(self, other: Array) -> Array:
        return np.transpose(Sparse(self._plain.T) @ np.transpose(other))

    def __mul__(self, other: Array) -> Argument:
        if np.ndim(other) and hasattr(self._plain, "todense") and type(self._plain).__name__.endswith("_matrix"):
            return self @ other
        return NotImplemented if depends(other) else scipy_stand_in(self._plain * unwrap(other))

    def __rmul__(self, other: Array) -> Argument:
        return NotImplemented if depends(other) else scipy_stand_in(unwrap(other) * self._plain)

    def transpose(self) -> Sparse:
        return self.T

    dot = __matmul__

    def _product(self, other: Array) -> Array:
        entries = self._plain.tocoo()
        rows, columns = entries.coords if hasattr(entries, "coords") else (entries.row, entries.col)
        weights = entries.data.reshape(-1, *[1] * (other.ndim - 1))
        zeros = jnp.zeros((self._plain.shape[0], *other.shape[1:]))
        return zeros.at[rows].add(weights * jnp.asarray(other)[columns])
