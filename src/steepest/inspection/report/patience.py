"""`Patience`: how long the pictures of a report may evaluate the function of a user."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from steepest.inspection.diagnosis.function import MOST_GRADIENTS
from steepest.inspection.protocol import FitLike, RaceLike, ResultLike, RunLike
from steepest.types import Array

# The seconds of all pictures of a report together. Chosen, not measured: below what a reader waits for without doubt
# that it goes on.
SECONDS = 5.0
# A call is timed so often, as the first may compile, and any may be held up by another program; not again once it took
# QUICK seconds, with which no picture takes long, or LONG in all.
TRIALS, QUICK, LONG = 5, 5e-5, 0.2
# The most steps whose derivatives a picture computes, and the most products with a Hessian at one of them.
STEPS, PRODUCTS = 60, 30
GRID = 10_000  # points of contour lines


class Patience:
    """The seconds that are left for evaluations, which are estimated from the time of single calls.

    Parameters
    ----------
    what : run, fit or race
        What is drawn. The pictures of fits are quick, as they take their rows.
    seconds : float, optional
        How long all pictures together may take.
    """

    def __init__(self, what: ResultLike | RaceLike, seconds: float = SECONDS) -> None:
        self.left = seconds
        runs = [what] if isinstance(what, ResultLike) else list(what.runs.values())
        self._runs = [run for run in runs if not isinstance(run, FitLike) and _point_of(run) is not None]
        self._is_race = not isinstance(what, ResultLike)
        self._timed: dict[str, float] = {}

    def lacking(self, picture: str) -> float:
        """Return 0 and take the time of a picture off, or return how long it would take if that is too long.

        Parameters
        ----------
        picture : str
            The name of a display, "animation" or "diagnosis".

        Returns
        -------
        float
            The seconds, or 0.
        """
        seconds = self._cost(picture)
        if seconds > self.left:
            return seconds
        self.left -= seconds
        return 0.0

    def _cost(self, picture: str) -> float:
        """Return about how many seconds the evaluations for a picture take."""
        if not self._runs:
            return 0.0
        trace = self._runs[0].trace
        size, steps = trace.x.shape[1], min(max(len(trace) - 1, 0), STEPS)
        plane = GRID if size == 2 else 0
        if self._is_race:
            return self._sum(plane)
        curve = (200, 30, 0)
        moving = curve if size == 1 else (plane, 30 if plane else 0, 0)
        counts = {
            "CurveDisplay": curve,
            "ContourDisplay": (GRID, 0, 0),
            "SliceDisplay": (2_600, 0, 0),
            "WrongGradientDisplay": (400, 1, 0),
            "DivergenceDisplay": (360, steps + 1, steps + 1),
            "StabilityDisplay": (0, steps, steps * (min(size, PRODUCTS) + 1)),
            "EigenDisplay": (0, 1, size),
            "LedgerDisplay": (0, steps, steps),
            "animation": moving,
            "diagnosis": (0, int(MOST_GRADIENTS), 0),
        }
        return self._sum(*counts.get(picture, (0, 0, 0)))

    def _sum(self, values: int, gradients: int = 0, products: int = 0) -> float:
        counts = {"evaluate": values, "gradient_at": gradients, "curvature": products}
        return sum(count * self._seconds_of(name) for name, count in counts.items() if count)

    def _seconds_of(self, name: str) -> float:
        """Return how long a call of a method takes, by the slowest of the runs."""
        if name not in self._timed:
            self._timed[name] = max(_timed(getattr(run, name, None), _point_of(run), name) for run in self._runs)
        return self._timed[name]


def _point_of(run: RunLike) -> np.ndarray | None:
    points = np.asarray(run.trace.x, dtype=float)
    finite = np.isfinite(points).all(axis=1)
    return points[finite][-1] if finite.any() else None


def _timed(call: Callable[..., Array] | None, point: np.ndarray | None, name: str) -> float:
    if call is None or point is None:
        return 0.0
    given = (point, np.ones_like(point)) if name == "curvature" else (point,)
    least, spent = math.inf, 0.0
    for k in range(TRIALS):
        began = time.perf_counter()
        try:
            with np.errstate(all="ignore"):
                call(*given)
        except Exception:  # noqa: BLE001 - a function that is not at hand, or raises, takes no time
            return 0.0
        last = time.perf_counter() - began
        least, spent = min(least, last), spent + last
        if least <= QUICK or (k and spent > LONG):
            break
    return least
