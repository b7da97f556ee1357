"""The protocol that every solver of a descent meets: rules, L-BFGS, Newton's method, proximal steps and the others."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.objective import Objective
from steepest.descent.ending import Ending
from steepest.descent.loop.bound import Bound
from steepest.types import Json


class Status(NamedTuple):
    """The progress of a descent, as the driver, the judge and the log read it.

    Values and gradients have the sign in which they are minimised.

    Attributes
    ----------
    x, gradient : array of shape (n,)
        The current point, and the gradient there; the shortest subgradient at a kink.
    value : float
        The value there.
    iteration, evaluations : int
        How many steps were accepted, and how many values and gradients they took.
    first_value : float
        The value that the descent counts from.
    best_x, best_value : array of shape (n,), float
        The best point so far.
    estimate : float
        The solver's own estimate of how far the value is above the minimum.
    code : int
        Whether the solver can go on: RUNNING, CANDIDATE and so on, of `descent.state`.
    steepest : float
        The largest curvature met, 0 if none was.
    resets : int
        How often the direction began anew.
    non_finite : int
        How many points were evaluated where the function is not finite.
    """

    x: np.ndarray
    gradient: np.ndarray
    value: float
    iteration: int
    evaluations: int
    first_value: float
    best_x: np.ndarray
    best_value: float
    estimate: float
    code: int
    steepest: float = 0.0
    resets: int = 0
    non_finite: int = 0


class Solver(Protocol):
    """A descent that a driver advances chunk by chunk.

    A solver needs an objective, a start and a tolerance. It returns the rows of the trace that each chunk adds, and
    its status at the end of the chunk. It is resumed from the arrays and counters that it returned.

    Attributes
    ----------
    objective : Objective
        The function, with its gradient.
    sign : float
        1 to minimise, -1 to maximise.
    start : array of shape (n,)
        The start of the descent.
    box : Box or None
        The bounds, if there are any.
    tolerance : float
        The part of the descent that may be left; 0 to go on to rounding, below 0 never to stop. The judge may lower it.
    noise : float
        How far rounding may move the value, if the value itself does not show it.
    gaps : int
        At how many points the gradient had to be computed by differences.
    ending : Ending or None
        How the run ended, if the solver itself knows that there is no more to do.
    """

    objective: Objective
    sign: float
    start: np.ndarray
    box: Box | None
    tolerance: float
    noise: float
    gaps: int
    ending: Ending | None

    @property
    def status(self) -> Status:
        """The progress so far."""

    @property
    def rises(self) -> bool:
        """Whether the value may rise on the way, so that the last point need not be the best."""

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Take steps until so many rows or evaluations are reached; return the rows of the trace.

        At most `together` steps are judged at a time.
        """

    def unfinished(self) -> np.ndarray:
        """Return the rows of a chunk that Ctrl-C, the clock or an error cut short."""

    def row(self, t: float = 0.0) -> np.ndarray:
        """Return the current point as a row of the trace; t is the step size that led there."""

    def mark(self, code: int) -> None:
        """Set the code of the status."""

    def begin_at(
        self, x: np.ndarray, scale: np.ndarray | None = None, known: tuple[float, np.ndarray] | None = None
    ) -> None:
        """Continue from another point.

        `scale` is the inverse curvature of each coordinate, if a probe measured it. `known` are the value and the
        gradient there, if the judge has them.
        """

    def bound(self, x: np.ndarray) -> Bound | None:
        """Return a proven bound on how far the value is above the minimum; None if this problem has none."""

    def arrays(self) -> list[np.ndarray]:
        """Return the state as arrays that a file can hold."""

    def counters(self) -> dict[str, Json]:
        """Return the rest of the state by name, as JSON holds it."""

    def restore(self, arrays: list[np.ndarray], counters: dict[str, Json]) -> None:
        """Continue from the state that `arrays` and `counters` returned."""
