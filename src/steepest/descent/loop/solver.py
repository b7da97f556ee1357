"""The protocol of all solvers of a descent: rules, L-BFGS, Newton's method, proximal steps and the others."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.objective import Objective
from steepest.descent.ending import Ending
from steepest.descent.loop.bound import Bound
from steepest.types import Json


class Status(NamedTuple):
    """The progress of a descent, as its `Driver`, its `Judge` and its `Log` read it.

    Values and gradients have the sign in which they are minimised.

    Attributes
    ----------
    x, gradient : array of shape (n,)
        The current point, and the gradient there; the shortest subgradient at a kink.
    value : float
        The value at x.
    iteration, evaluations : int
        How many steps were accepted, and how many times the value and the gradient were evaluated.
    first_value : float
        The value from which the descent is measured.
    best_x, best_value : array of shape (n,), float
        The best point so far.
    estimate : float
        The solver's own estimate of how far the value is above the minimum.
    code : int
        Whether the solver can continue: RUNNING, CANDIDATE or another code of `descent.loop.state`.
    steepest : float
        The largest curvature measured along steps; 0 if none was positive.
    resets : int
        How often the direction was reset.
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

    A solver needs an objective, a start and a tolerance. `run` returns the rows of the trace that a chunk adds, and
    `status` describes the point that the chunk reached. `restore` takes the results of `arrays` and `counters`.

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
        The share of the descent that may be left. With 0 the descent goes on as far as rounding errors allow; below 0
        the descent never stops by itself. The `Judge` may lower it.
    noise : float
        The solver's own estimate of the rounding error of the value; 0 for solvers that make none.
    gaps : int
        At how many points the gradient was computed by differences because the function gave none.
    ending : Ending or None
        The ending, if the solver itself has ended the run.
    columns : tuple of str
        The names of further columns of the trace, which in each row come before the point.
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
    def columns(self) -> tuple[str, ...]:
        """The names of further columns."""

    @property
    def negligible_gap(self) -> float:
        """The gap at which a descent without a tolerance ends although rounding allows more; 0 if there is none."""

    @property
    def status(self) -> Status:
        """The progress so far."""

    @property
    def rises(self) -> bool:
        """Whether the value may rise from step to step, so that the last point need not be the best."""

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Take steps up to this many rows or evaluations; return the rows of the trace.

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
        gradient there, if they were computed before.
        """

    def bound(self, x: np.ndarray) -> Bound | None:
        """Return a proven bound on how far the value is above the minimum; None if this problem has none."""

    def arrays(self) -> list[np.ndarray]:
        """Return the arrays of the state, for a file."""

    def counters(self) -> dict[str, Json]:
        """Return the parts of the state that are not arrays, by name, for a JSON file."""

    def restore(self, arrays: list[np.ndarray], counters: dict[str, Json]) -> None:
        """Continue from the state that `arrays` and `counters` returned."""
