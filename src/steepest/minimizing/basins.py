"""`basins`: map the minima that are reached by descent from the starts in a window."""

from __future__ import annotations

import math
import numbers
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from numpy.typing import ArrayLike

from steepest.arguments import generator, our_words
from steepest.derivatives.bounds import Box
from steepest.derivatives.clock import OutOfTime
from steepest.derivatives.differences import EPS, tentative
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.process.forks import check_fork
from steepest.derivatives.process.interrupts import answer_interrupt, interruptible
from steepest.derivatives.serving.caller import Caller
from steepest.derivatives.serving.serve import serve
from steepest.derivatives.serving.within import Within, holds_curved, read_within
from steepest.derivatives.structure import read_call
from steepest.descent.budget import Budget
from steepest.descent.driver import descend
from steepest.descent.loop.loop import settle_of
from steepest.descent.loop.state import BOTTOMLESS, CANDIDATE, NON_FINITE, STALLED, UNBOUNDED
from steepest.descent.plan import Plan
from steepest.descent.run import Run
from steepest.descent.view import View
from steepest.inspection.motion.moving import Moving
from steepest.inspection.shown import Shown
from steepest.inspection.window import window_given
from steepest.minimizing.parallel import MAX_LANES, descend_parallel
from steepest.minimizing.restarts import random_start
from steepest.printable import printable, quoted
from steepest.rules.choose import choose
from steepest.trace import Outcome
from steepest.types import Function, RuleLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from steepest.inspection import BasinDisplay

# The starts in one call of the compiled loop. Chosen, not measured: with more starts there are fewer calls, but
# progress is shown less often.
TILE = 4096
# The largest size of a map without compiled code: 2,500 runs in plain Python. Chosen, not measured.
MAX_SIZE_UNCOMPILED = 50
# Descents that stop closer together than this share of the window reach one minimum. Chosen, not measured: a larger
# share joins minima that are close together, a smaller share splits a minimum that descents reach only roughly.
SAME_PLACE = 0.01
# Minima whose values differ by less than this share of the size of f count as equal, and are sorted by their
# coordinates.
SAME_VALUE = 1e-8
UNSETTLED = -1


@dataclass(frozen=True, eq=False)
class Basins(Moving, Shown):
    """The minima of a function of two variables, and the starts from which descent reaches each of them.

    Attributes
    ----------
    grid_x, grid_y : array of shape (size,)
        The coordinates of the starts, which form a grid.
    labels : array of int of shape (size, size)
        ``labels[i, j]`` is the row in `minima` of the minimum reached from (grid_x[j], grid_y[i]); -1 for no minimum.
    minima : array of shape (minima, 2)
        The minima, best first; with ``maximize=True`` the maxima.
    values : array of shape (minima,)
        The values of the minima.
    counts : array of int of shape (minima,)
        The number of starts from which each minimum is reached.
    iterations : array of int of shape (size, size)
        The number of steps from each start.
    names : pair of str
        The names of the variables.
    title : str
        The text above a picture.
    interrupted : bool
        Whether Ctrl-C stopped the descents. The remaining starts have the label -1.
    timed_out : bool
        Whether the time limit stopped the descents. The remaining starts have the label -1.
    diverged : array of bool of shape (size, size) or None
        Whether the descent ended above its start, fell without end, or met values that are not finite on its way.
    maximized : bool
        Whether the minima are maxima.
    outside : array of bool of shape (size, size) or None
        Whether the start lies outside the sets of ``within=``, so that there is no descent from it.
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
    timed_out: bool = False
    diverged: np.ndarray | None = None
    maximized: bool = False
    outside: np.ndarray | None = None

    def __str__(self) -> str:
        kind = ("maxim" if self.maximized else "minim") + ("um" if len(self.minima) == 1 else "a")
        lines = [f"{len(self.minima)} {kind} reached from {self.labels.size:,} starts"]
        for point, value, count in zip(self.minima, self.values, self.counts, strict=True):
            at = ", ".join(f"{printable(name)} = {x:.6g}" for name, x in zip(self.names, point, strict=True))
            lines.append(f"  {count / self.labels.size:>6.1%}  {value:<12.6g} at {at}")
        lost = self.labels == UNSETTLED
        away = 0 if self.diverged is None else np.count_nonzero(lost & self.diverged)
        if away:
            lines.append(f"  {away / self.labels.size:>6.1%}  none, as the descent diverged")
        beyond = 0 if self.outside is None else int(np.count_nonzero(self.outside))
        if beyond:
            lines.append(f"  {beyond / self.labels.size:>6.1%}  none, as the start lies outside the sets")
        if left := np.count_nonzero(lost) - away - beyond:
            limit = " within the seconds given" if self.timed_out else " within the iterations given"
            why = ", as it was interrupted" if self.interrupted else limit
            lines.append(f"  {left / self.labels.size:>6.1%}  none{why}")
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None) -> BasinDisplay:
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib axes, optional
            The axes to draw on; a new figure by default.

        Returns
        -------
        BasinDisplay
            The display, with its figure, axes and numbers as attributes.
        """
        from steepest.inspection import BasinDisplay

        return BasinDisplay.from_basins(self).plot(ax)


@our_words
@interruptible()
@np.errstate(all="ignore")
def basins(
    f: Function,
    window: ArrayLike,
    *,
    size: int = 200,
    args: tuple[Any, ...] = (),
    direction: RuleLike = "plain",
    step: RuleLike = "armijo",
    within: Within | None = None,
    maximize: bool = False,
    tolerance: float | None = None,
    iterations: int = 1_000,
    seconds: float | None = None,
    progress: bool | None = None,
) -> Basins:
    """Map the minima that are reached by descent from size × size starts in a window.

    All starts descend in parallel in one compiled loop. Descents that stop closer together than a hundredth of the
    window reach one minimum. One more descent from there finds the minimum precisely, and an audit checks that the
    point is a minimum.

    Parameters
    ----------
    f : callable
        A function of two scalars, or of a point of two coordinates.
    window : ((x_low, x_high), (y_low, y_high))
        The window of the starts; descents may leave it.
    size : int
        The number of starts in each direction.
    args : tuple
        Further arguments of f, which stay fixed.
    direction : str or object
        As for `minimize`; "bfgs" is the direction that `minimize` chooses by default.
    step : float, str or object
        As for `minimize`; "auto" takes longer steps, which may jump into another basin.
    within : set or dict, optional
        As for `minimize`; starts outside the sets have no descent.
    maximize : bool
        Whether to look for maxima.
    tolerance : float, optional
        As for `minimize`; 1e-10 by default.
    iterations : int
        The largest number of steps from each start.
    seconds : float, optional
        The longest time of the descents. The minima that were reached by then are still found precisely.
    progress : bool, optional
        Whether to show progress; by default on a terminal or in a notebook, after 2 seconds.

    Returns
    -------
    Basins
        The map. Its text lists the minima with their shares of the starts, and `plot` draws it.

    Raises
    ------
    ValueError
        If the window or an option is invalid, or f is not finite at any start that was tried.

    Examples
    --------
    >>> found = basins(lambda x, y: (x**2 - 1) ** 2 + (y**2 - 1) ** 2, ((-2, 2), (-2, 2)), size=20)
    >>> found.minima.round(4).tolist() == [[x, y] for x, y in found.minima.round()]
    True
    >>> found.counts.tolist()
    [100, 100, 100, 100]
    """
    box = window_given(window, 2)
    if isinstance(size, bool) or not isinstance(size, numbers.Integral) or size < 2:
        raise ValueError(f"size={quoted(size)}: give the number of starts in each direction, a whole number, 2 or more")
    if iterations is None or iterations == 0:
        raise ValueError(
            f"iterations={quoted(iterations)}: give the largest number of steps from each start, 1 or more"
        )
    rules = choose(direction, step, curved=holds_curved(within))
    if rules.step.tabled or rules.direction.evaluates:
        raise ValueError(
            "basins takes rules of this library only: give a number, a name, or an object of steepest.directions or "
            "steepest.steps, not a function or an optax transformation"
        )
    budget = Budget.of(1e-10 if tolerance is None else tolerance, seconds, iterations=iterations)
    calling, middle = read_call(f, box.mean(axis=1), args if isinstance(args, tuple) else (args,))
    check_fork()
    domain = read_within(within, None, calling)
    if any(one.set.is_thin for one in domain.parts):
        thin = next(one.set for one in domain.parts if one.set.is_thin)
        raise ValueError(f"within={quoted(thin)}: no part of the window lies in it; minimize it from several restarts")
    region = domain.region
    value = Caller(f, calling, region=region)
    if region is not None:
        middle = np.asarray(region.nearest(middle))
    finite = math.isfinite(tentative(value, middle))
    sample = middle if finite else random_start(value, middle, Box(*box.T), generator(0), region)
    objective = serve(f, calling, sample, until=budget.deadline, region=region)
    if objective.compiled is None and size > MAX_SIZE_UNCOMPILED:
        raise ValueError(
            f"size={size}: f can't be compiled ({objective.why}), so that each of {size**2:,} starts costs a "
            f"run in plain Python; give size={MAX_SIZE_UNCOMPILED} or less"
        )
    names = calling.structure.names
    plan = Plan(objective, View(calling, names, "start"), rules, -1.0 if maximize else 1.0, budget)
    grid_x, grid_y = (np.linspace(low, high, int(size)) for low, high in box)
    starts = np.stack(np.meshgrid(grid_x, grid_y), axis=-1).reshape(-1, 2)
    outside = np.zeros(len(starts), bool) if region is None else ~np.array([region.contains(x) for x in starts])
    ends, stopped = _descend_all(plan, starts, progress, outside)
    unlimited = replace(plan, budget=replace(budget, seconds=None))
    labels, minima, values = _group(unlimited, starts, ends, np.diff(box)[:, 0] * SAME_PLACE, value(sample))
    return Basins(
        grid_x, grid_y, labels.reshape(size, size), minima, values,
        np.bincount(labels[labels >= 0], minlength=len(minima)), ends[:, 4].astype(int).reshape(size, size),
        (names[0], names[1]), interrupted=stopped is Outcome.INTERRUPTED, timed_out=stopped is Outcome.TIME_LIMIT,
        diverged=(ends[:, 5] == 1).reshape(size, size), maximized=maximize,
        outside=None if region is None else outside.reshape(size, size),
    )  # fmt: skip


def _descend_all(
    plan: Plan, starts: np.ndarray, progress: bool | None, outside: np.ndarray
) -> tuple[np.ndarray, Outcome | None]:  # fmt: skip
    """Return the result of the descent from each start, and whether Ctrl-C or the clock came before all were done.

    There is no descent from the starts that lie outside the sets.

    The columns of the results are x, y, value, code, iterations and whether the descent diverged.
    """
    ends = np.full((len(starts), 6), [np.nan, np.nan, np.inf, UNSETTLED, 0, np.nan])
    began = time.perf_counter()
    with plan.progress(progress) as shown:
        try:
            inside, done = np.flatnonzero(~outside), 0
            for first, rows in _tiles(plan, starts[inside]):
                done = first + len(rows)
                ends[inside[first:done]] = rows
                best = ends[np.nanargmin(ends[:, 2])]
                shown.show(done, plan.sign * best[2], math.nan, best[:2], time.perf_counter() - began)
        except KeyboardInterrupt:
            answer_interrupt()
            return ends, Outcome.INTERRUPTED
        except OutOfTime:
            return ends, Outcome.TIME_LIMIT
    return ends, None


def _tiles(plan: Plan, starts: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield for each tile of starts the row of its first start, and the results of its descents.

    Raises
    ------
    OutOfTime
        If the time limit of the plan comes before the last tile.
    """
    compiled, clock = plan.objective.compiled, plan.objective.clock
    if compiled is None:
        for k, start in enumerate(starts):
            with clock.ends(plan.budget.deadline):
                end = _descend_one(plan, start)
            yield k, end[None]
        return
    loop = compiled.loop(
        ("settle", jax.tree.structure(plan.rules)),
        lambda: jax.vmap(settle_of(compiled), in_axes=(None, 0, None, None, None, None)),
    )
    numbers = np.array([plan.budget.iterations, 2**30, plan.budget.tolerance, plan.sign, 2**30, EPS], dtype=float)
    for first in range(0, len(starts), TILE):
        tile = starts[first : first + TILE]
        with clock.ends(plan.budget.deadline):
            clock.check()
        # The last tile is filled up to the size for which the loop is compiled.
        full = np.resize(tile, (min(TILE, len(starts)), 2))
        with compiled_code():
            ends = np.asarray(loop(plan.rules, full, plan.objective.arrays, numbers, (), plan.objective.region))
        yield first, _with_divergence(ends[: len(tile)])


def _descend_one(plan: Plan, start: np.ndarray) -> np.ndarray:
    """Return the result of the descent from one start, in plain Python; raise `OutOfTime` at the time limit."""
    plan.objective.clock.check()
    plan.objective.forget()
    if not math.isfinite(tentative(plan.objective.value, start)):
        return np.array([*start, np.inf, UNSETTLED, 0, False])
    # The limit is that of all descents, and each would begin to count anew.
    now, deadline = time.perf_counter(), plan.budget.deadline
    left = None if plan.budget.seconds is None else max(deadline - now, 0.0)
    run = descend(replace(plan, budget=replace(plan.budget, seconds=left, began=now)), start, None, False)
    if run.outcome is Outcome.INTERRUPTED:
        raise KeyboardInterrupt
    if run.outcome is Outcome.TIME_LIMIT:
        raise OutOfTime
    code = CANDIDATE if _is_minimum(run) else UNSETTLED
    heights = plan.sign * np.asarray(run.trace.value, dtype=float)
    away = run.outcome in (Outcome.DIVERGED, Outcome.NON_FINITE, Outcome.UNBOUNDED) or heights[-1] > heights[0]
    return np.array([*np.ravel(run.x), plan.sign * run.fun, code, run.nit, away])


def _descend_on(plan: Plan, start: np.ndarray, x: np.ndarray) -> Run:
    """Descend from a point to which a descent from a start has led, in plain Python."""
    # At the minimum itself, differences find no steps that serve around it.
    plan.objective.forget()
    plan.objective.slope(start)
    return descend(plan, x, None, False)


def _with_divergence(ends: np.ndarray) -> np.ndarray:
    """Return the results of compiled descents with the first and the last value replaced by whether they diverged."""
    best, code, _, first, last = ends[:, 2:].T
    # A start at which f is not finite is no descent.
    away = (np.isin(code, (NON_FINITE, UNBOUNDED, BOTTOMLESS)) & np.isfinite(best)) | (last > first)
    return np.column_stack([ends[:, :5], away])


def _is_minimum(run: Run) -> bool:
    """Tell whether a run ended at a minimum, as far as the noise of the function lets that be told."""
    return run.success or run.outcome is Outcome.NOISE_FLOOR


def _group(
    plan: Plan, starts: np.ndarray, ends: np.ndarray, radius: np.ndarray, typical: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the index of each descent's minimum, the minima and their values; `typical` is any value of f."""
    settled = np.isin(ends[:, 3], (CANDIDATE, STALLED)) & np.isfinite(ends[:, :3]).all(axis=1)
    groups = np.full(len(ends), UNSETTLED)
    seeds: list[int] = []
    for k in np.argsort(ends[:, 2], kind="stable"):
        if settled[k] and groups[k] == UNSETTLED:
            near = (np.abs(ends[:, :2] - ends[k, :2]) <= radius).all(axis=1)
            groups[near & settled & (groups == UNSETTLED)] = len(seeds)
            seeds.append(int(k))
    runs = []
    for first in range(0, len(seeds), MAX_LANES):
        group = seeds[first : first + MAX_LANES]
        if plan.objective.compiled is not None:
            runs += descend_parallel(plan, list(ends[group, :2]), False)
        else:
            runs += [_descend_on(plan, starts[k], ends[k, :2]) for k in group]
    best = min((plan.sign * run.fun for run in runs if _is_minimum(run)), default=0.0)
    resolution = SAME_VALUE * (abs(plan.sign * typical - best) + abs(best)) or 1.0

    def rank(k: int) -> tuple[float, ...]:
        # Minima of the same value are sorted by their coordinates.
        return round((plan.sign * runs[k].fun - best) / resolution), *np.round(np.ravel(runs[k].x) / radius)

    # The last entry is for descents without a minimum, whose group is -1.
    place = np.full(len(seeds) + 1, UNSETTLED)
    minima, values = np.empty((0, 2)), []
    for k in sorted((k for k, run in enumerate(runs) if _is_minimum(run)), key=rank):
        same = np.flatnonzero((np.abs(minima - np.ravel(runs[k].x)) <= radius).all(axis=1))
        if same.size:
            place[k] = same[0]
            continue
        place[k] = len(minima)
        minima = np.vstack([minima, np.ravel(runs[k].x)])
        values.append(runs[k].fun)
    return place[groups], minima, np.array(values)
