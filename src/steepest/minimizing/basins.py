"""`basins`: which minimum a descent reaches from each start in a window."""

from __future__ import annotations

import math
import numbers
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from steepest.arguments import generator, our_words
from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS, tentative
from steepest.derivatives.objective import Caller, serve
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.structure import read_call
from steepest.descent.budget import Budget
from steepest.descent.driver import descend
from steepest.descent.loop.loop import settle_of
from steepest.descent.loop.state import CANDIDATE, STALLED
from steepest.descent.plan import Plan
from steepest.descent.view import View
from steepest.inspection.window import window_given
from steepest.minimizing.parallel import MOST_LANES, descend_together
from steepest.minimizing.restarts import drawn
from steepest.rules.choose import choose
from steepest.trace import Outcome

TILE = 4096
MOST_BY_VALUES = 50
NEAR = 0.01
ALIKE = 1e-8
UNSETTLED = -1


@dataclass(frozen=True, eq=False)
class Basins:
    """The minima of a function of two variables, and from where descent reaches them.

    Attributes
    ----------
    grid_x, grid_y : array of shape (size,)
        The starts: every pair of them.
    labels : array of int of shape (size, size)
        ``labels[i, j]`` is the row in `minima` that descent reaches from (grid_x[j], grid_y[i]); -1
        where it reaches none.
    minima : array of shape (minima, 2)
        The minima, best first; maxima where the function was climbed.
    values : array of shape (minima,)
        Their values.
    counts : array of int of shape (minima,)
        From how many starts each is reached.
    iterations : array of int of shape (size, size)
        How many steps each start took.
    names : pair of str
        What the variables are called.
    title : str
        What is written above a picture.
    interrupted : bool
        Whether Ctrl-C came before all starts had descended; those that are left reach none.
    """

    grid_x: np.ndarray
    grid_y: np.ndarray
    labels: np.ndarray
    minima: np.ndarray
    values: np.ndarray
    counts: np.ndarray
    iterations: np.ndarray
    names: tuple[str, str] = ("x", "y")
    title: str = ""
    interrupted: bool = False

    def __str__(self) -> str:
        lines = [f"{len(self.minima)} reached from {self.labels.size:,} starts"]
        for point, value, count in zip(self.minima, self.values, self.counts, strict=True):
            at = ", ".join(f"{name} = {x:.6g}" for name, x in zip(self.names, point, strict=True))
            lines.append(f"  {count / self.labels.size:>6.1%}  {value:<12.6g} at {at}")
        left = np.count_nonzero(self.labels == UNSETTLED)
        if left:
            why = ", as it was interrupted" if self.interrupted else " within the iterations given"
            lines.append(f"  {left / self.labels.size:>6.1%}  none{why}")
        return "\n".join(lines)

    def plot(self, ax: Any = None) -> Any:
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        BasinDisplay
            The display, with its figure, axes and numbers as attributes.
        """
        from steepest.inspection import BasinDisplay

        return BasinDisplay.from_basins(self).plot(ax)


@our_words
def basins(
    f: Callable[..., Any],
    window: Any,
    *,
    size: int = 200,
    args: tuple[Any, ...] = (),
    direction: Any = "plain",
    step: Any = "armijo",
    maximize: bool = False,
    tolerance: float | None = None,
    iterations: int = 1_000,
    progress: bool | None = None,
) -> Basins:
    """Tell which minimum descent reaches from each of size × size starts in a window.

    All starts descend side by side in one compiled loop. Ends that lie within a hundredth of the
    window of one another are one minimum, which is then descended to once more and audited.

    Parameters
    ----------
    f : callable
        A function of two scalars, or of a point of two coordinates.
    window : ((x_low, x_high), (y_low, y_high))
        Where the starts are; descents may leave it.
    size : int
        How many starts there are each way.
    args : tuple
        Fixed further arguments of f.
    direction : str or object
        As for `minimize`; "l-bfgs" shows what `minimize` does unless it is told otherwise.
    step : float, str or object
        As for `minimize`; "auto" takes longer steps, which may leap into another basin.
    maximize : bool
        Whether to climb.
    tolerance : float, optional
        As for `minimize`.
    iterations : int
        How many steps each start takes at most.
    progress : bool, optional
        Whether to report while running; by default on a terminal after 2 seconds.

    Returns
    -------
    Basins
        The map as a record; printed, the minima and their shares; `plot` draws it.

    Raises
    ------
    ValueError
        If the window or an option makes no sense, or f is finite nowhere in it.

    Examples
    --------
    >>> found = basins(lambda x, y: (x**2 - 1) ** 2 + (y**2 - 1) ** 2, ((-2, 2), (-2, 2)), size=20)
    >>> found.minima.round(4).tolist() == [[x, y] for x, y in found.minima.round()]
    True
    >>> found.counts.tolist()
    [100, 100, 100, 100]
    """
    look = window_given(window, 2)
    if isinstance(size, bool) or not isinstance(size, numbers.Integral) or size < 2:
        raise ValueError(f"size={size!r}: give how many starts there are each way, a whole number, 2 or more")
    if iterations is None or iterations == 0:
        raise ValueError(f"iterations={iterations!r}: give how many steps a start may take, 1 or more")
    rules = choose(direction, step)
    if rules.tabled or rules.optax:
        raise ValueError("basins takes a rule of this library: a number or an object of steepest.steps, not code")
    budget = Budget.of(1e-10 if tolerance is None else tolerance, None, iterations=iterations)
    calling, middle = read_call(f, look.mean(axis=1), args if isinstance(args, tuple) else (args,))
    value = Caller(f, calling)
    sound = middle if math.isfinite(tentative(value, middle)) else drawn(value, middle, Box(*look.T), generator(0))
    objective = serve(f, calling, sound)
    if objective.compiled is None and size > MOST_BY_VALUES:
        raise ValueError(
            f"size={size}: f can't be compiled ({objective.why}), so that each of {size**2:,} starts costs a "
            f"run in plain Python; give size={MOST_BY_VALUES} or less"
        )
    names = calling.structure.names
    plan = Plan(objective, View(calling, names, "start"), rules, -1.0 if maximize else 1.0, budget)
    grid_x, grid_y = (np.linspace(low, high, int(size)) for low, high in look)
    ends, interrupted = _ends(plan, np.stack(np.meshgrid(grid_x, grid_y), axis=-1).reshape(-1, 2), progress)
    labels, minima, values = _gathered(plan, ends, np.diff(look)[:, 0] * NEAR, value(sound))
    return Basins(
        grid_x, grid_y, labels.reshape(size, size), minima, values,
        np.bincount(labels[labels >= 0], minlength=len(minima)), ends[:, 4].astype(int).reshape(size, size),
        (names[0], names[1]), interrupted=interrupted,
    )  # fmt: skip


def _ends(plan: Plan, starts: np.ndarray, progress: bool | None) -> tuple[np.ndarray, bool]:
    """Return where each start ended, a row each (x, y, value, code, iterations), and whether that was cut short."""
    ends = np.full((len(starts), 5), [np.nan, np.nan, np.inf, UNSETTLED, 0])
    began = time.perf_counter()
    with plan.progress(progress) as shown:
        try:
            for first, rows in _descents(plan, starts):
                done = first + len(rows)
                ends[first:done] = rows
                best = ends[np.nanargmin(ends[:, 2])]
                shown.show(done, plan.sign * best[2], math.nan, best[:2], time.perf_counter() - began)
        except KeyboardInterrupt:
            return ends, True
    return ends, False


def _descents(plan: Plan, starts: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the first start of each tile and, a row a start, where it ended: x, y, value, code, iterations."""
    compiled = plan.objective.compiled
    if compiled is None:
        for k, start in enumerate(starts):
            yield k, _one(plan, start)[None]
        return
    loop = compiled.loop(
        ("settle", jax.tree.structure(plan.rules)),
        lambda: jax.vmap(settle_of(compiled), in_axes=(None, 0, None, None, None)),
    )
    numbers = np.array([plan.budget.iterations, 2**30, plan.budget.tolerance, plan.sign, 2**30, EPS], dtype=float)
    for first in range(0, len(starts), TILE):
        tile = starts[first : first + TILE]
        whole = np.resize(tile, (min(TILE, len(starts)), 2))
        with compiled_code():
            ends = np.asarray(loop(plan.rules, whole, plan.objective.arrays, numbers, ()))
        yield first, ends[: len(tile)]


def _one(plan: Plan, start: np.ndarray) -> np.ndarray:
    if not math.isfinite(tentative(plan.objective.value, start)):
        return np.array([*start, np.inf, UNSETTLED, 0])
    run = descend(plan, start, None, False)
    if run.outcome is Outcome.INTERRUPTED:
        raise KeyboardInterrupt
    code = CANDIDATE if run.success else UNSETTLED
    return np.array([*np.ravel(run.x), plan.sign * run.fun, code, run.nit])


def _gathered(
    plan: Plan, ends: np.ndarray, radius: np.ndarray, usual: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the minimum that each end belongs to, the minima and their values; `usual` is a value that is none."""
    settled = np.isin(ends[:, 3], (CANDIDATE, STALLED)) & np.isfinite(ends[:, :3]).all(axis=1)
    groups = np.full(len(ends), UNSETTLED)
    seeds: list[int] = []
    for k in np.argsort(ends[:, 2], kind="stable"):
        if settled[k] and groups[k] == UNSETTLED:
            near = (np.abs(ends[:, :2] - ends[k, :2]) <= radius).all(axis=1)
            groups[near & settled & (groups == UNSETTLED)] = len(seeds)
            seeds.append(int(k))
    runs = []
    for first in range(0, len(seeds), MOST_LANES):
        points = list(ends[seeds[first : first + MOST_LANES], :2])
        together = plan.objective.compiled is not None
        runs += descend_together(plan, points, False) if together else [descend(plan, x, None, False) for x in points]
    best = min((plan.sign * run.fun for run in runs if run.success), default=0.0)
    grain = ALIKE * (abs(plan.sign * usual - best) + abs(best)) or 1.0

    def rank(k: int) -> tuple[float, ...]:
        # Those of one value stand in the order of their coordinates.
        return round((plan.sign * runs[k].fun - best) / grain), *np.round(np.ravel(runs[k].x) / radius)

    # The last place is for ends without a minimum.
    place = np.full(len(seeds) + 1, UNSETTLED)
    minima, values = np.empty((0, 2)), []
    for k in sorted((k for k, run in enumerate(runs) if run.success), key=rank):
        same = np.flatnonzero((np.abs(minima - np.ravel(runs[k].x)) <= radius).all(axis=1))
        if same.size:
            place[k] = same[0]
            continue
        place[k] = len(minima)
        minima = np.vstack([minima, np.ravel(runs[k].x)])
        values.append(runs[k].fun)
    return place[groups], minima, np.array(values)
