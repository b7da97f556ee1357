"""Standard functions of ten variables and more: from `tests.functions` if they take any number, and from CUTE.

Those are from Bongartz, Conn, Gould and Toint, "CUTE: constrained and unconstrained testing environment", ACM TOMS 21
(1995), under their names there. If no minimum is published for that many variables, it is the one that SciPy's L-BFGS-B
and BFGS reach with complex-step gradients, which the tests repeat.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.functions import STANDARD
from tests.problems.problem import Problem

BY_NAME = {case.name: case.f for case in STANDARD}


def arwhead(x: Any) -> Any:
    """Return the arrowhead: its Hessian has a last row, a last column and a diagonal. f* = 0."""
    return np.sum(-4 * x[:-1] + 3 + (x[:-1] ** 2 + x[-1] ** 2) ** 2)


def cragglvy(x: Any) -> Any:
    """Return the function of Cragg and Levy, four variables a link."""
    a, b, c, d = x[:-2:2], x[1:-2:2], x[2::2], x[3::2]
    return np.sum((np.exp(a) - b) ** 4 + 100 * (b - c) ** 6 + (np.tan(c - d) + c - d) ** 4 + a**8 + (d - 1) ** 2)


def cube(x: Any) -> Any:
    """Return Leon's cubic valley, x₂ = x₁³. f* = 0."""
    return 100 * (x[1] - x[0] ** 3) ** 2 + (1 - x[0]) ** 2


def dixmaana(x: Any) -> Any:
    """Return the first function of Dixon and Maany. f* = 1."""
    m = len(x) // 3
    quartic = 0.125 * np.sum(x[: 2 * m] ** 2 * x[m:] ** 4)
    return 1 + np.sum(x**2) + quartic + 0.125 * np.sum(x[:m] * x[2 * m :])


def dqdrtic(x: Any) -> Any:
    """Return a diagonal quadratic. f* = 0."""
    return np.sum(x[:-2] ** 2 + 100 * x[1:-1] ** 2 + 100 * x[2:] ** 2)


def engval1(x: Any) -> Any:
    """Return the sum of nonlinear links of Engvall."""
    return np.sum((x[:-1] ** 2 + x[1:] ** 2) ** 2 - 4 * x[:-1] + 3)


def exponential_chain(x: Any) -> Any:
    """Return a chain of the example in Boyd and Vandenberghe's chapter 9.3: strictly convex, and steep on all sides."""
    a, b = x[:-1], x[1:]
    return np.sum(np.exp(a + 3 * b - 0.1) + np.exp(a - 3 * b - 0.1) + np.exp(-a - 0.1))


def liarwhd(x: Any) -> Any:
    """Return a valley that one variable couples to all others. f* = 0."""
    return np.sum(4 * (x**2 - x[0]) ** 2 + (x - 1) ** 2)


def nondia(x: Any) -> Any:
    """Return Shanno's valley without a diagonal. f* = 0."""
    return (x[0] - 1) ** 2 + 100 * np.sum((x[0] - x[:-1] ** 2) ** 2)


def power(x: Any) -> Any:
    """Return the square of a weighted sum of squares. f* = 0."""
    return np.sum(np.arange(1, len(x) + 1) * x**2) ** 2


def quartic(x: Any) -> Any:
    """Return a weighted sum of fourth powers, which has no curvature at its minimum. f* = 0."""
    return np.sum(np.arange(1, len(x) + 1) * (x - 0.5) ** 4)


def tquartic(x: Any) -> Any:
    """Return a quartic valley. f* = 0."""
    return (x[0] - 1) ** 2 + np.sum((x[0] ** 2 - x[1:] ** 2) ** 2)


def tridia(x: Any) -> Any:
    """Return a tridiagonal quadratic. f* = 0."""
    return (x[0] - 1) ** 2 + np.sum(np.arange(2, len(x) + 1) * (2 * x[1:] - x[:-1]) ** 2)


def watson(x: Any) -> Any:
    """Return number 20 of Moré, Garbow and Hillstrom, with all residuals in one array."""
    powers = (np.arange(1, 30) / 29)[:, None] ** np.arange(len(x))
    slopes = powers[:, :-1] @ (np.arange(1, len(x)) * x[1:])
    return x[0] ** 2 + (x[1] - x[0] ** 2 - 1) ** 2 + np.sum((slopes - (powers @ x) ** 2 - 1) ** 2)


def larger() -> list[Problem]:
    """Return the problems, those of Moré, Garbow and Hillstrom first."""

    def again(name: str, start: Any, *minima: float) -> Problem:
        start = np.array(start, dtype=float)
        return Problem(f"{name}_{start.size}", BY_NAME[name], start, [*minima])

    def new(f: Any, start: Any, *minima: float) -> Problem:
        start = np.array(start, dtype=float)
        return Problem(f"{f.__name__}_{start.size}", f, start, [*minima])

    def counted(n: int) -> np.ndarray:
        return np.arange(1, n + 1)

    return [
        new(watson, np.zeros(6), 0.0022876700535524),
        new(watson, np.zeros(9), 1.399760138e-6),
        new(watson, np.zeros(12), 4.722381e-10),
        again("extended_rosenbrock", (-1.2, 1) * 50, 0.0),
        again("extended_powell", (3, -1, 0, 1) * 10, 0.0),
        again("penalty_1", counted(10), 7.087651467e-5),
        again("penalty_2", np.full(10, 0.5), 2.936605374e-4),
        again("variably_dimensioned", 1 - counted(10) / 10, 0.0),
        again("broyden_tridiagonal", np.full(100, -1.0), 0.0),
        again("chebyquad", counted(10) / 11, 6.503954801e-3),
        again("rosenbrock_chain", (-1.2, 1) * 5, 0.0),
        again("rosenbrock_chain", (-1.2, 1) * 25, 0.0),
        again("rosenbrock_chain", (-1.2, 1) * 50, 0.0),
        again("zakharov", np.ones(10), 0.0),
        again("dixon_price", np.ones(10), 0.0, 2 / 3),
        again("trid", np.zeros(10), -210.0),
        again("styblinski_tang", np.full(10, -1.0), -391.6616570377142),
        again("levy", np.zeros(10), 0.0),
        again("brown", (-1, 1) * 5, 0.0),
        again("log_sum_exp", counted(10) / 3, float(np.log(10))),
        again("ill_conditioned_ellipsoid", np.ones(20), 0.0),
        new(arwhead, np.ones(50), 0.0),
        new(cragglvy, [1.0, *np.full(49, 2.0)], 15.37250946542875),
        new(cube, (-1.2, 1), 0.0),
        new(dixmaana, np.full(30, 2.0), 1.0),
        new(dqdrtic, np.full(50, 3.0), 0.0),
        new(engval1, np.full(50, 2.0), 53.58221488520758),
        new(exponential_chain, np.full(10, 1.0), 24.08895592428226),
        new(liarwhd, np.full(36, 4.0), 0.0),
        new(nondia, np.full(50, -1.0), 0.0),
        new(power, np.ones(20), 0.0),
        new(quartic, np.full(20, 2.0), 0.0),
        new(tquartic, np.full(50, 0.1), 0.0),
        new(tridia, np.ones(50), 0.0),
    ]
