"""The steps of a run for pictures: points, moves, values and derivatives, as if the function were minimised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from steepest.inspection.protocol import DescentLike, RunLike, TableFitLike, has_members, has_restarts, tree_of
from steepest.inspection.window import NOT_AT_HAND, NotAtHandError
from steepest.trace import SKETCH

# The most steps whose derivatives a picture computes. Chosen: as many as can be told apart across a figure.
MOST_STEPS = 60


def measurable(run: RunLike, what: str) -> DescentLike:
    """Return a run whose derivatives can be computed at the points of its trace.

    Parameters
    ----------
    run : run or fit
        The run.
    what : str
        What needs the derivatives, for the message of an error.

    Returns
    -------
    run
        The run, or the fit inside that of a table.

    Raises
    ------
    ValueError
        If its trace does not hold the points: that of a network, a tree or a point of more than 1,000 coordinates.
    """
    inner = run.fit if isinstance(run, TableFitLike) else run
    instead = "use DescentDisplay.from_run(run), which draws any run"
    if has_members(inner) or has_restarts(inner) or tree_of(inner) is not None:
        raise ValueError(f"{what} needs the points of a run, which the trace of a network or a tree lacks: {instead}")
    names = inner.trace.names
    if len(names) == 2 * SKETCH and names[-1] == f"projection {SKETCH - 1}":
        raise ValueError(f"{what} needs the points of a run and the trace has a sketch of them only: {instead}")
    return cast("DescentLike", inner)


def sign_of(run: RunLike) -> float:
    """Return the factor that turns the function into one that is minimised: -1 if it was maximised."""
    return -1.0 if run.maximized else 1.0


def computed(f: Callable[[np.ndarray], object], points: Sequence[np.ndarray], size: int, what: str) -> np.ndarray:
    """Return an array computed at each point, with NaN where the user's function raises an exception.

    Parameters
    ----------
    f : callable
        A method of a run, such as its `gradient_at`.
    points : sequence of array
        The points.
    size : int
        The number of entries of each array.
    what : str
        What needs the function, for the message of an error.

    Returns
    -------
    array of shape (points, size)
        The arrays.

    Raises
    ------
    ValueError
        If the run was loaded without its function.
    """
    found = np.full((len(points), size), np.nan)
    with np.errstate(all="ignore"):
        for row, point in enumerate(points):
            try:
                found[row] = np.ravel(np.asarray(f(point), dtype=float))
            except Exception as error:  # noqa: BLE001 - a user's function may raise anything outside its domain
                if isinstance(error, RuntimeError) and NOT_AT_HAND in str(error):
                    raise NotAtHandError(
                        f"{what} needs the function and this run lacks it, because it was loaded or recorded: "
                        "draw a run before you save it, or use DescentDisplay.from_run(run)"
                    ) from None
    return found


@dataclass(frozen=True)
class Steps:
    """Some steps of a run, each from one row of the trace to the next, as if the function were minimised.

    Attributes
    ----------
    row : array of shape (steps,)
        The row at which each step begins.
    at : array of shape (steps,)
        Its iteration or epoch.
    x, move : array of shape (steps, parameters)
        The point at which it begins, and the change of the point.
    value, landed : array of shape (steps,)
        The values at its two ends.
    size : array of shape (steps,)
        The step size t; NaN if the trace has none.
    spans : int
        How many steps of the rule lie between two rows: above 1 for batches and thinned traces.
    counted : str
        The unit of `at`: "iteration" or "epoch".
    total : int
        The number of all steps of the run whose ends are finite points.
    """

    row: np.ndarray
    at: np.ndarray
    x: np.ndarray
    move: np.ndarray
    value: np.ndarray
    landed: np.ndarray
    size: np.ndarray
    spans: int
    counted: str
    total: int

    def __len__(self) -> int:
        return len(self.row)


def finite_steps(run: RunLike, what: str) -> np.ndarray:
    """Return the rows from which a step leads to a finite point.

    Parameters
    ----------
    run : run or fit
        The run.
    what : str
        What needs them, for the message of an error.

    Returns
    -------
    array of int
        The rows.

    Raises
    ------
    ValueError
        If there is none.
    """
    finite = np.isfinite(np.asarray(run.trace.x, dtype=float)).all(axis=1)
    rows = np.flatnonzero(finite[:-1] & finite[1:])
    if not rows.size:
        raise ValueError(
            f"{what} needs a step and the run has none between finite points, in {len(finite)} rows: read run.message"
        )
    return rows


def evenly(rows: np.ndarray, most: int = MOST_STEPS) -> np.ndarray:
    """Return some of the rows, evenly spaced, the first and the last among them.

    Parameters
    ----------
    rows : array of int
        The rows.
    most : int, optional
        How many at most.

    Returns
    -------
    array of int
        The rows, in order.

    Examples
    --------
    >>> evenly(np.arange(101), most=3)
    array([  0,  50, 100])
    """
    if len(rows) <= most:
        return rows
    return rows[np.unique(np.linspace(0, len(rows) - 1, most).round().astype(int))]


def spread(rows: np.ndarray, most: int) -> np.ndarray:
    """Return rows that stand for all: one by chance from each of `most` equal parts, the same in each call.

    Rows at equal distances would not do: if every second step is long, they may hold the long ones only.

    Parameters
    ----------
    rows : array of int
        The rows.
    most : int
        How many at most.

    Returns
    -------
    array of int
        The rows, in order.

    Examples
    --------
    >>> len(spread(np.arange(1_000), most=10)), spread(np.arange(4), most=10)
    (10, array([0, 1, 2, 3]))
    """
    if len(rows) <= most:
        return rows
    edges = np.linspace(0, len(rows), most + 1).round().astype(int)
    return rows[np.random.default_rng(most).integers(edges[:-1], edges[1:])]


def steps_at(run: RunLike, rows: np.ndarray, total: int) -> Steps:
    """Return the steps that begin at some rows.

    Parameters
    ----------
    run : run or fit
        The run.
    rows : array of int
        The rows, each of which has a next row.
    total : int
        The number of all steps.

    Returns
    -------
    Steps
        The steps.
    """
    trace, sign = run.trace, sign_of(run)
    counted = "epoch" if "epoch" in trace.columns else "iteration"
    x, value = np.asarray(trace.x, dtype=float), sign * np.asarray(trace.value, dtype=float)
    sizes = trace.columns.get("step_size")
    iteration = trace.columns.get("iteration", np.arange(len(x)))
    return Steps(
        row=rows,
        at=np.asarray(trace.columns.get(counted, iteration))[rows],
        x=x[rows],
        move=x[rows + 1] - x[rows],
        value=value[rows],
        landed=value[rows + 1],
        size=np.full(len(rows), np.nan) if sizes is None else np.asarray(sizes, dtype=float)[rows + 1],
        spans=int(np.max(np.diff(iteration), initial=1)),
        counted=counted,
        total=total,
    )


def slopes_of(run: DescentLike, steps: Steps, what: str) -> np.ndarray:
    """Return the gradients where steps begin, of shape (steps, parameters)."""
    return sign_of(run) * computed(run.gradient_at, list(steps.x), steps.x.shape[1], what)


def products_of(run: DescentLike, steps: Steps, what: str) -> np.ndarray:
    """Return the Hessian where each step begins times its move, of shape (steps, parameters)."""
    width = steps.x.shape[1]
    ends = list(np.hstack([steps.x, steps.move]))
    return sign_of(run) * computed(lambda both: run.curvature(both[:width], both[width:]), ends, width, what)
