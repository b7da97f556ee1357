"""`LearningRates`: the value that a short descent reaches with each of many learning rates, and where they blow up."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from steepest.derivatives.higher import hessian_product
from steepest.derivatives.process.interrupts import check_interrupt
from steepest.descent.budget import Budget
from steepest.descent.loop.state import RUNNING
from steepest.descent.plan import Plan
from steepest.inspection.plots.causes.stability import CEILINGS, largest_stable
from steepest.inspection.plots.causes.top import largest_curvature
from steepest.printable import quoted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from steepest.inspection import LearningRateDisplay

# Chosen: neighbours differ by a factor of 1.17, and bisection then finds the edge to 1 %.
PER_DECADE, EDGE = 15, 1.01
# How far the rates reach on both sides of the limit, in decades; and, where no limit is known, of the rate whose first
# step is as long as the point is large. Chosen: the test ends once some rates in a row blow up, so the upper end costs
# nothing where there is an edge.
AROUND_LIMIT, AROUND_SIZE = (3.0, 3.0), (6.0, 2.0)
# A rate near the edge reaches the least value in a few steps from the start. The curvature elsewhere may be larger, so
# the suggested rate is at most this share of the edge: 1/λ for plain descent, the rate of the textbooks.
SHARE = 0.5
# Rates of Adam and its like are the lengths of its steps, and shorter ones come nearer to the minimum in the end. So of
# the rates that leave at most this share of the descent more than the best, the smallest is suggested. Chosen.
ALIKE = 0.01
# How many times the least rate is lowered by as many decades, until it leads down.
MOST_LOWER = 5
# The most decades between the least and the largest rate. Chosen: the usual test spans six to eight.
MOST_DECADES = 40
# So many rates in a row must blow up before the test ends: a single one may land by chance in another valley.
ENOUGH = 3


@dataclass(frozen=True, eq=False)
class LearningRates:
    """The value that a short descent from one start reaches with each learning rate.

    Attributes
    ----------
    rates : array of shape (rates,)
        The learning rates, in increasing order.
    values : array of shape (rates,)
        The value after the last step; infinite where it is not finite.
    first_value : float
        The value at the start.
    limit : float
        The largest stable rate by the curvature at the start: 2/λ for plain descent; infinite if the function does
        not curve upwards there, NaN if the rule has no such limit or the curvature can't be computed.
    curvature : float
        λ, the largest eigenvalue of the Hessian at the start; NaN if it is not finite.
    diverges : float
        The rate from which on the descents end above their start, found to 1 % by bisection; NaN if none does.
    suggested : float
        A rate to descend with: the one that reached the least value, but at most half of `limit` and of `diverges`; for
        Adam and its like the smallest that comes within 1 % of the descent to that. NaN if no rate leads down.
    steps : int
        The steps of each descent.
    rule : str
        The rule of the direction.
    batch_size : int or None
        The rows of each step; None if each step used all rows, or for a function.
    rows : int or None
        The rows of the test; None for a function.

    Examples
    --------
    >>> import steepest as st
    >>> tested = st.lr_range(lambda x, y: x**2 + 10 * y**2, (9, 1))
    >>> round(tested.limit, 6), 0.1 < tested.diverges < 0.11
    (0.1, True)
    >>> st.minimize(lambda x, y: x**2 + 10 * y**2, (9, 1), step=tested.suggested).success
    True
    """

    rates: np.ndarray
    values: np.ndarray
    first_value: float
    limit: float
    curvature: float
    diverges: float
    suggested: float
    steps: int
    rule: str
    batch_size: int | None = None
    rows: int | None = None

    def table(self) -> dict[str, np.ndarray]:
        """Return the values as columns.

        Returns
        -------
        dict of str to array
            The learning rates and the values.
        """
        return {"rate": self.rates, "value": self.values}

    def __str__(self) -> str:
        tested = (
            f"{self.steps:,} steps" if self.batch_size is None else f"{self.steps:,} batches of {self.batch_size:,}"
        )
        rows = "" if self.rows is None else f" on {self.rows:,} rows"
        lines = [f"learning rates of {self.rule}: {tested}{rows} with each, from one start"]
        if math.isnan(self.suggested):
            lines.append(f"  suggested     none: no rate from {self.rates[0]:.3g} to {self.rates[-1]:.3g} leads down")
        else:
            lines.append(f"  suggested     {self.suggested:.3g}")
        if self.rule in CEILINGS:
            formula = CEILINGS[self.rule][1]
            if math.isfinite(self.limit):
                where = f"with the largest curvature λ = {self.curvature:.3g} at the start"
                lines.append(f"  limit         {self.limit:.3g} = {formula}, {where}")
            elif math.isnan(self.limit):
                lines.append("  limit         not known: the curvature at the start is not finite")
            else:
                lines.append(f"  limit         none at the start, where the curvature is {self.curvature:.3g}")
        if math.isnan(self.diverges):
            lines.append(f"  too large     none, up to {self.rates[-1]:.3g}")
        else:
            lines.append(f"  too large     from {self.diverges:.3g} on: the descent ends above its start")
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None) -> LearningRateDisplay:
        """Draw the values by learning rate, with the limit, the suggested rate and where the descents blow up.

        Parameters
        ----------
        ax : matplotlib axes, optional
            The axes to draw on; a new figure by default.

        Returns
        -------
        LearningRateDisplay
            The display, with its figure, axes and numbers as attributes.
        """
        from steepest.inspection import LearningRateDisplay

        return LearningRateDisplay.from_rates(self).plot(ax)


class _Trials:
    """Short descents from one start by one rule, with any learning rate."""

    def __init__(self, plan: Plan, start: np.ndarray, rows: int) -> None:
        self.plan, self.start, self.rows = replace(plan, budget=Budget(iterations=rows)), start, rows

    def __call__(self, rate: float) -> float:
        """Return the value at the end, as if the function were minimised; infinite if the descent left for infinity."""
        check_interrupt()
        rules, objective = self.plan.rules, self.plan.objective
        objective.forget()
        solver = self.plan.with_rules(replace(rules, step=rules.step.with_rate(rate))).solver_at(self.start)
        while solver.status.iteration < self.rows and solver.status.code == RUNNING:
            before = solver.status.evaluations
            solver.run(self.rows - solver.status.iteration, 2**30, self.rows)
            if solver.status.evaluations == before:
                break
        done = solver.status.code == RUNNING and math.isfinite(solver.status.value)
        return solver.status.value if done else math.inf


def range_test(
    plan: Plan, start: np.ndarray, low: float | None, high: float | None, *, rows: int, updates: int = 1,
    batch_size: int | None = None, learnt: int | None = None,
) -> LearningRates:  # fmt: skip
    """Descend from a start with one learning rate after another, until they blow up.

    Parameters
    ----------
    plan : Plan
        The function, and rules with a learning rate.
    start : array
        The start in the coordinates of the plan.
    low, high : float, optional
        The least and the largest rate; by default they follow from the curvature at the start.
    rows : int
        The rows of the trace of each descent: steps, or epochs in batches.
    updates : int, optional
        The steps in a row of the trace.
    batch_size : int, optional
        The rows of a batch.
    learnt : int, optional
        The rows of the data.

    Returns
    -------
    LearningRates
        The values.
    """
    direction = plan.rules.direction
    first = plan.solver_at(start).status
    begun, gradient, sign = first.value, np.asarray(first.gradient), plan.sign
    if not (math.isfinite(begun) and np.isfinite(gradient).all()):
        raise ValueError(
            f"the value is {sign * begun} at the start and its gradient must be finite, too: give another start"
        )
    if not gradient.any():
        raise ValueError("the gradient is 0 at the start, so that no rate leads anywhere: give another start")
    curvature, _ = largest_curvature(lambda v: sign * hessian_product(plan.objective, start, v), gradient)
    rule = type(direction).__name__
    limit = float(largest_stable(rule, getattr(direction, "decay", 0.0), curvature)) if rule in CEILINGS else math.nan
    least, most = _range(limit, start, gradient, rule)
    least, most = low or least, high or most
    if not least < most:
        raise ValueError(
            f"the least learning rate, {least:.3g}, must be below the largest, {most:.3g}: give both low= and high="
        )
    if not (least > 0 and most < math.inf):
        raise ValueError(
            f"the largest curvature at the start is {curvature:.3g}, so that rates around its limit are beyond the "
            "doubles: multiply the function by a power of ten"
        )
    if math.log10(most) - math.log10(least) > MOST_DECADES:
        raise ValueError(f"rates from {least:.3g} to {most:.3g} are too many: give low= and high= that are closer")
    trials = _Trials(plan, start, rows)
    if low is None:
        least = _low_enough(trials, least, begun)
    count = max(round(PER_DECADE * (math.log10(most) - math.log10(least))), 1) + 1
    rates, heights = np.geomspace(least, most, count), []
    for rate in rates:
        heights.append(trials(float(rate)))
        # A first rate may be too high already.
        if len(heights) >= ENOUGH and all(not height <= begun for height in heights[-ENOUGH:]):
            break
    found = np.array(heights)
    rates = rates[: len(found)]
    edge = _edge(trials, rates, found, begun)
    return LearningRates(
        rates, sign * found, sign * begun, limit, curvature, edge, _suggested(rates, found, begun, limit, edge, rule),
        rows * updates, rule, batch_size, learnt,
    )  # fmt: skip


def check_rates(low: float | None, high: float | None) -> None:
    """Raise ValueError unless each of two learning rates is positive and finite, or None, and the first is less.

    Parameters
    ----------
    low, high : float, optional
        The rates.

    Raises
    ------
    ValueError
        If one is not.

    Examples
    --------
    >>> check_rates(0.0, 1.0)
    Traceback (most recent call last):
    ...
    ValueError: low=0.0: give a learning rate above 0, or leave it out
    """
    for name, rate in (("low", low), ("high", high)):
        if rate is not None and not (
            isinstance(rate, (int, float, np.number)) and not isinstance(rate, bool) and 0 < rate < math.inf
        ):
            raise ValueError(f"{name}={quoted(rate)}: give a learning rate above 0, or leave it out")
    if low is not None and high is not None and not low < high:
        raise ValueError(f"low={low} and high={high}: low must be less than high")


def _range(limit: float, start: np.ndarray, gradient: np.ndarray, rule: str) -> tuple[float, float]:
    """Return the least and the largest rate to try, around the limit or around a step as long as the point."""
    if 0 < limit < math.inf:
        centre, (below, above) = limit, AROUND_LIMIT
    else:
        size = max(float(np.abs(start).max()), 1.0)
        # The steps of Adam and its like are about as long in each coordinate as the rate.
        centre = size / float(np.abs(gradient).max()) if rule in CEILINGS else size
        below, above = AROUND_SIZE
    return centre / 10**below, centre * 10**above


def _low_enough(trials: _Trials, least: float, begun: float) -> float:
    """Return a rate that leads down, if need be below the one given: away from the start f may curve far more."""
    for lower in range(MOST_LOWER):
        rate = least / 10 ** (lower * AROUND_LIMIT[0])
        if trials(rate) <= begun:
            return rate
    return least


def _edge(trials: _Trials, rates: np.ndarray, heights: np.ndarray, begun: float) -> float:
    """Return the least rate from which on all descents end above the start, by bisection; NaN if the last does not."""
    lower = np.flatnonzero(heights <= begun)
    if len(lower) and lower[-1] == len(rates) - 1:
        return math.nan
    if not len(lower):
        return float(rates[0])
    low, high = float(rates[lower[-1]]), float(rates[lower[-1] + 1])
    while high > EDGE * low:
        middle = math.sqrt(low * high)
        if trials(middle) <= begun:
            low = middle
        else:
            high = middle
    return high


def _suggested(
    rates: np.ndarray, heights: np.ndarray, begun: float, limit: float, edge: float, rule: str
) -> float:  # fmt: skip
    """Return the rate that reached the least value, at most a share of the edges; NaN if none leads down."""
    best = int(np.argmin(heights))
    if not heights[best] < begun:
        return math.nan
    if rule not in CEILINGS:
        best = int(np.argmax(heights <= heights[best] + ALIKE * (begun - heights[best])))
    return float(min([rates[best], *(SHARE * high for high in (limit, edge) if math.isfinite(high))]))
