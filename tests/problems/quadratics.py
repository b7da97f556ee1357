"""Quadratics with condition numbers 1e2 to 1e6 in 10, 50 and 200 dimensions, with random axes. f* = 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tests.problems.problem import Problem

SIZES = (10, 50, 200)
POWERS = (2, 3, 4, 6)


def quadratic(matrix: np.ndarray, centre: np.ndarray) -> Callable[[Any], Any]:
    """Return ½ (x - centre)ᵀ A (x - centre)."""

    def value(x: Any) -> Any:
        gap = x - centre
        return 0.5 * gap @ (matrix @ gap)

    return value


def drawn(size: int, condition: float) -> tuple[np.ndarray, np.ndarray]:
    """Return A, with eigenvalues from 1 to `condition` evenly spaced on a log scale and random axes, and a centre."""
    draws = np.random.default_rng([size, int(condition)])
    axes, _ = np.linalg.qr(draws.standard_normal((size, size)))
    matrix = (axes * np.geomspace(1, condition, size)) @ axes.T
    return (matrix + matrix.T) / 2, draws.standard_normal(size)


def quadratics() -> list[Problem]:
    """Return a problem for each size and condition number, started at 0."""
    return [
        Problem(f"quadratic_{size}_1e{power}", quadratic(*drawn(size, 10.0**power)), np.zeros(size), [0.0])
        for size in SIZES
        for power in POWERS
    ]
