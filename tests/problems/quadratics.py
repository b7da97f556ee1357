"""Quadratics of condition 1e2 to 1e6 in 10, 50 and 200 dimensions, turned at random. f* = 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from tests.problems.problem import Problem

SIZES = (10, 50, 200)
CONDITIONS = (1e2, 1e3, 1e4, 1e6)


def quadratic(matrix: np.ndarray, centre: np.ndarray) -> Callable[[Any], Any]:
    """Return ½ (x - centre)ᵀ A (x - centre)."""

    def value(x: Any) -> Any:
        gap = x - centre
        return 0.5 * gap @ (matrix @ gap)

    return value


def turned(size: int, condition: float, draws: np.random.Generator) -> np.ndarray:
    """Return a matrix with eigenvalues 1 to `condition`, evenly spread on a log scale, its axes at random."""
    axes, _ = np.linalg.qr(draws.standard_normal((size, size)))
    matrix = (axes * np.geomspace(1, condition, size)) @ axes.T
    return (matrix + matrix.T) / 2


def quadratics() -> list[Problem]:
    """Return one problem a size and condition, from 0."""
    problems = []
    for size in SIZES:
        for condition in CONDITIONS:
            draws = np.random.default_rng([size, int(condition)])
            f = quadratic(turned(size, condition, draws), draws.standard_normal(size))
            problems.append(Problem(f"quadratic_{size}_{condition:.0e}".replace("+0", ""), f, np.zeros(size), [0.0]))
    return problems
