"""JAX replacements for SciPy's functions, distributions and sparse matrices, used while a function is traced."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.tracing.tracer import apply, depends, unwrap

Function = Callable[..., Any]


def _eigvalsh(a: Any, b: None = None, *, lower: bool = True, **options: Any) -> Any:
    return jax.scipy.linalg.eigh(a, b, lower=lower, eigvals_only=True, **options)


def _svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    return jnp.linalg.svd(a, compute_uv=False)


def _lstsq(a: Any, b: Any, cond: float | None = None) -> Any:
    return jnp.linalg.lstsq(a, b, rcond=cond)


# SciPy's modules and the JAX modules with functions of the same names; below, those whose names or arguments differ.
_HOMES = {"scipy.special": "jax.scipy.special", "scipy.linalg": "jax.scipy.linalg", "scipy.fft": "jax.numpy.fft"}
_OTHERWISE: dict[str, Function] = {
    "scipy.linalg.eigvalsh": _eigvalsh,
    "scipy.linalg.lstsq": _lstsq,
    "scipy.linalg.norm": jnp.linalg.norm,
    "scipy.linalg.pinv": jnp.linalg.pinv,
    "scipy.linalg.svdvals": _svdvals,
}


def scientific(value: Any) -> Any:
    """Return the face of what comes from SciPy and has a counterpart in JAX, anything else as it is."""
    module = getattr(value if callable(value) else type(value), "__module__", None) or ""
    if not module.startswith("scipy."):
        return value
    if module.startswith("scipy.sparse."):
        return Sparse(value) if hasattr(value, "tocoo") else value
    if module.startswith("scipy.stats."):
        return _distribution(value)
    twin = _twin(value, module)
    return value if twin is None else _served(value, twin)


def _twin(function: Any, module: str) -> Function | None:
    name = getattr(function, "__name__", "")
    for home, counterpart in _HOMES.items():
        if module.startswith(home) and getattr(sys.modules[home], name, None) is function:
            return _OTHERWISE.get(f"{home}.{name}") or getattr(import_module(counterpart), name, None)
    return None


def _served(function: Function, twin: Function) -> Function:
    def call(*args: Any, **options: Any) -> Any:
        if depends(args) or depends(options):
            return apply(function, twin, args, options)
        return function(*args, **options)

    return call


def _distribution(value: Any) -> Any:
    name = getattr(value, "name", None) or type(value).__name__.removesuffix("_gen")
    stats = import_module("jax.scipy.stats")
    if getattr(sys.modules["scipy.stats"], name, None) is not value or not hasattr(stats, name):
        return value
    return Distribution(value, getattr(stats, name))


class Distribution:
    """A distribution of `scipy.stats`, with the densities and probabilities that JAX has."""

    def __init__(self, plain: Any, twin: Any) -> None:
        self._plain, self._twin = plain, twin

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._plain(*args, **options)

    def __getattr__(self, name: str) -> Any:
        plain, twin = getattr(self._plain, name), getattr(self._twin, name, None)
        return plain if twin is None else _served(plain, twin)


class Sparse:
    """A sparse matrix that the code closes over, with its products with what depends on the point."""

    # NumPy then leaves `x @ S` to the matrix.
    __array_ufunc__ = None

    def __init__(self, plain: Any) -> None:
        self._plain = plain

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    @property
    def T(self) -> Any:  # noqa: N802
        return Sparse(self._plain.T)

    def __matmul__(self, other: Any) -> Any:
        return apply(self._plain.__matmul__, self._product, (other,), {})

    def __rmatmul__(self, other: Any) -> Any:
        return np.transpose(Sparse(self._plain.T) @ np.transpose(other))

    def __mul__(self, other: Any) -> Any:
        if np.ndim(other) and hasattr(self._plain, "todense") and type(self._plain).__name__.endswith("_matrix"):
            return self @ other
        return NotImplemented if depends(other) else scientific(self._plain * unwrap(other))

    def __rmul__(self, other: Any) -> Any:
        return NotImplemented if depends(other) else scientific(unwrap(other) * self._plain)

    def transpose(self) -> Any:
        return self.T

    dot = __matmul__

    def _product(self, other: Any) -> Any:
        entries = self._plain.tocoo()
        rows, columns = entries.coords if hasattr(entries, "coords") else (entries.row, entries.col)
        weights = entries.data.reshape(-1, *[1] * (other.ndim - 1))
        zeros = jnp.zeros((self._plain.shape[0], *other.shape[1:]))
        return zeros.at[rows].add(weights * jnp.asarray(other)[columns])
