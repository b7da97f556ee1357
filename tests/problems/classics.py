"""The standard functions of `tests.functions` as problems, with the minima that a descent from the start may reach.

All 35 of Moré, Garbow and Hillstrom are among them. Functions with a kink at the minimum are left out, as are those
without a minimum, and second versions of a function that is there already. Watson's function is in `larger`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from tests.functions import SPREAD, STANDARD, Standard
from tests.problems.problem import Problem

KINKED = {"ackley", "cross_in_tray", "drop_wave", "eggholder", "fermat_weber", "salomon", "schwefel"}
ENDLESS = {"adjiman", "nested_logs"}
TWICE = {"rosenbrock_of_scalars", "logistic_loss_by_rows", "huber_by_rows", "helical_valley", "watson"}


def of_a_vector(case: Standard) -> Callable[[Any], Any]:
    """Return a function of one vector."""
    f = case.f
    return (lambda x: f(*x)) if case.scalars else f


def helical_valley(x):
    """Return number 7 of Moré, Garbow and Hillstrom, with the angle by arctan2 and not by two cases of arctan.

    Their angle runs from -1/4 to 3/4 of a turn, and that of the arctangent from -1/2 to 1/2.
    """
    turn = np.arctan2(x[1], x[0]) / (2 * np.pi)
    turn = np.where((x[0] < 0) & (x[1] < 0), turn + 1, turn)
    return 100 * ((x[2] - 10 * turn) ** 2 + (np.hypot(x[0], x[1]) - 1) ** 2) + x[2] ** 2


def classics() -> list[Problem]:
    """Return the standard functions as problems, in the order of `STANDARD`."""
    skipped = KINKED | ENDLESS | TWICE
    found = [
        Problem(case.name, of_a_vector(case), np.array(case.start), [*minima_of(case)])
        for case in STANDARD
        if case.name not in skipped
    ]
    return [Problem("helical_valley", helical_valley, np.array([-1.0, 0.0, 0.0]), [0.0]), *found]


def minima_of(case: Standard) -> Iterator[float]:
    """Yield the known minima of a standard function, from `STANDARD` and from `ALSO`."""
    if case.minimum is not None:
        yield case.minimum
    yield from case.also
    yield from ALSO.get(case.name, ())


# Minima that `STANDARD` does not list: closed forms, and where Newton steps lead from the ends of descents.
ALSO: dict[str, tuple[float, ...]] = {
    # As one of the variables goes to -∞.
    "compliance": (4.25,),
    "jennrich_sampson": (259.58019013425337,),
    "log_determinant": (3 + float(np.linalg.slogdet(SPREAD)[1]),),
}
