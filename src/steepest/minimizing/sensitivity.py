"""`Sensitivity`: how far each rule of a race comes with other learning rates, within the same budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import jax
import numpy as np
from numpy.typing import ArrayLike

from steepest.derivatives.precision import compiled_code
from steepest.derivatives.process.interrupts import check_interrupt
from steepest.descent.budget import Budget
from steepest.descent.driver import descend
from steepest.descent.loop.loop import settle_of
from steepest.descent.loop.set_solver import SetSolver
from steepest.descent.loop.state import BOTTOMLESS, NO_GRADIENT, NON_FINITE, UNBOUNDED
from steepest.descent.plan import Help, Plan
from steepest.descent.run import Run
from steepest.inspection.window import BLOWN_UP
from steepest.printable import MOST_LETTERS, printable, quoted
from steepest.rules.pair import Rules
from steepest.trace import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from steepest.inspection import SensitivityDisplay

# Without rates of the user's own, they reach two decades below the smallest rate of the race and two above the largest.
# Chosen, not measured: more rates show the edge of divergence more sharply. In plain Python each costs a whole run.
PER_DECADE, PER_DECADE_UNCOMPILED, DECADES = 7.5, 2.5, 2
# The most coordinates in all lanes together: the memory of a rule holds a few numbers for each. Chosen, not measured.
MOST_NUMBERS = 2**22
AWAY = (NON_FINITE, UNBOUNDED, BOTTOMLESS)


@dataclass(frozen=True)
class Course:
    """The parts of a race that another run of it needs: the function, its start, and the rules by name.

    Attributes
    ----------
    plan : Plan
        The function and the budget.
    start : array
        The start.
    rules : mapping of str to Rules
        The rules.
    """

    plan: Plan
    start: np.ndarray
    rules: Mapping[str, Rules]

    def run(
        self, rules: Rules, progress: bool | None, budget: Budget | None = None, by_sets: bool = False
    ) -> Run:  # fmt: skip
        """Descend by rules, as if no other descent had gone before; `by_sets` as `minimize` does within sets."""
        self.plan.objective.forget()
        plan = replace(self.plan.with_rules(rules), budget=budget or self.plan.budget)
        if by_sets:
            plan = replace(plan, solver=SetSolver, help=Help.FULL)
        return descend(plan, self.start, None, progress)


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """The best value that each rule of a race reaches with each learning rate, all within one budget.

    Attributes
    ----------
    names : tuple of str
        The rules that have a learning rate.
    rates : array of shape (rates,)
        The learning rates, in increasing order.
    values : array of shape (rules, rates)
        The best value reached.
    diverged : array of bool of shape (rules, rates)
        Whether the descent ended above its start, or met values that are not finite.
    given : array of shape (rules,)
        The learning rate of each rule in the race.
    given_values : array of shape (rules,)
        The best value reached with it.
    unrated : dict of str to float
        The best value of each rule that has no learning rate, within the same budget.
    best : float
        The value from which gaps are measured: the one given, or else the best that was reached anywhere.
    budget : int
        The evaluations of f that each descent had, with a gradient counted with its value.
    order : tuple of str
        All rules of the race in order, by which pictures choose colours.
    why : str
        How the descents were computed.
    title : str
        The text above a picture.
    """

    names: tuple[str, ...]
    rates: np.ndarray
    values: np.ndarray
    diverged: np.ndarray
    given: np.ndarray
    given_values: np.ndarray
    unrated: dict[str, float]
    best: float
    budget: int
    order: tuple[str, ...]
    why: str
    title: str = ""

    @property
    def gaps(self) -> np.ndarray:
        """The distance of each value from the best, of shape (rules, rates)."""
        return np.abs(self.values - self.best)

    def table(self) -> dict[str, np.ndarray]:
        """Return the gaps as columns.

        Returns
        -------
        dict of str to array
            The learning rates, then the gap of each rule.
        """
        return {"rate": self.rates} | dict(zip(self.names, self.gaps, strict=True))

    def __str__(self) -> str:
        width = max((len(printable(name, MOST_LETTERS)) for name in self.names), default=0)
        lines = [f"best value with each learning rate, within {self.budget:,} evaluations"]
        for k, name in enumerate(self.names):
            at = int(np.argmin(self.gaps[k]))
            line = (
                f"  {printable(name, MOST_LETTERS):<{width}}  best at {self.rates[at]:<8.3g} gap {self.gaps[k, at]:.3g}"
            )
            line += f"; at {self.given[k]:.3g} {abs(self.given_values[k] - self.best):.3g}"
            if self.diverged[k].any():
                line += f"; diverges from {self.rates[self.diverged[k]][0]:.3g}"
            lines.append(line)
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None) -> SensitivityDisplay:
        """Draw the gap of each rule by its learning rate.

        Parameters
        ----------
        ax : matplotlib axes, optional
            The axes to draw on; a new figure by default.

        Returns
        -------
        SensitivityDisplay
            The display, with its figure, axes and numbers as attributes.
        """
        from steepest.inspection import SensitivityDisplay

        return SensitivityDisplay.from_sensitivity(self).plot(ax)


def sweep(
    course: Course, budget: int, reached: Mapping[str, float], rates: ArrayLike | None, best: float | None, title: str
) -> Sensitivity:  # fmt: skip
    """Descend by each rule with each learning rate, all lanes of a rule in one call of compiled code.

    Parameters
    ----------
    course : Course
        The function, the start and the rules.
    budget : int
        The evaluations for each descent.
    reached : mapping of str to float
        The best value of each run of the race within the budget.
    rates : array, optional
        The learning rates.
    best : float, optional
        The best value of the function, if it is known.
    title : str
        The title.

    Returns
    -------
    Sensitivity
        The values.
    """
    plan, compiled = course.plan, course.plan.objective.compiled
    given = {name: rate for name, rules in course.rules.items() if (rate := _rate_of(rules)) is not None}
    if not given:
        raise ValueError(
            f"none of the rules {', '.join(map(quoted, course.rules))} has a learning rate to change: "
            "add one to the race, such as {'plain': 0.1}"
        )
    grid = _grid(list(given.values()), compiled is not None) if rates is None else _checked(rates)
    values, diverged, last = [], [], []
    for name, rate in given.items():
        # The last lane has the rate of the race itself.
        found, away = _values(course, name, [*grid, rate], budget)
        values.append(found[:-1])
        diverged.append(away[:-1])
        last.append(found[-1])
    unrated = {name: value for name, value in reached.items() if name not in given}
    every = plan.sign * np.concatenate([*values, last, list(reached.values())])
    least = float(np.nanmin(every))
    if best is not None and not plan.sign * best <= least:
        raise ValueError(
            f"best={best} and {plan.sign * least} was reached: give the best value there is, or leave it out"
        )
    how = "the learning rates of a rule are the lanes of one compiled loop"
    if compiled is None:
        how = f"one run after another in plain Python, as f can't be compiled: {plan.objective.why}"
    return Sensitivity(
        tuple(given), grid, np.array(values), np.array(diverged), np.array(list(given.values())), np.array(last),
        unrated, plan.sign * least if best is None else float(best), budget, tuple(course.rules), how, title,
    )  # fmt: skip


def _rate_of(rules: Rules) -> float | None:
    """Return the learning rate of rules; None if they have none, or an optax transformation keeps it to itself."""
    return None if rules.direction.evaluates else rules.step.rate


def _grid(given: list[float], is_quick: bool) -> np.ndarray:
    low, high = np.log10(min(given)) - DECADES, np.log10(max(given)) + DECADES
    count = (PER_DECADE if is_quick else PER_DECADE_UNCOMPILED) * (high - low)
    # With the rates of the race among them, the curves pass through the runs of the race.
    return np.unique([*np.logspace(low, high, round(count) + 1), *given])


def _checked(rates: ArrayLike) -> np.ndarray:
    array = np.unique(np.asarray(rates, dtype=float))
    if not array.size or not (np.isfinite(array) & (array > 0)).all():
        raise ValueError(f"rates={quoted(rates)}: give learning rates above 0")
    return array


def _values(course: Course, name: str, rates: list[float], budget: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the best value that a rule reaches with each rate, in the user's sign, and whether it diverges."""
    rules, sign = course.rules[name], course.plan.sign
    lanes = [replace(rules, step=rules.step.with_rate(float(rate))) for rate in rates]
    if course.plan.objective.compiled is None:
        found = [_alone(course, lane, budget) for lane in lanes]
        return np.array([value for value, _ in found]), np.array([away for _, away in found])
    ends = _together(course, lanes, budget)
    best, code, _, first, last = ends[:, -5:].T
    values, away = sign * best, np.isin(code, AWAY) | ~(last <= first)
    for k in np.flatnonzero(code == NO_GRADIENT):
        # At a point where f has a value but no gradient, a run continues by differences. A lane can't do that.
        values[k], away[k] = _alone(course, lanes[k], budget)
    return values, away


def _together(course: Course, lanes: list[Rules], budget: int) -> np.ndarray:
    """Return the ends of the descents by all lanes, in one call of compiled code unless points are very large."""
    plan, steps = course.plan, _steps(course, budget)
    compiled, tabled = plan.objective.compiled, lanes[0].step.tabled
    assert compiled is not None
    width = int(np.clip(MOST_NUMBERS // course.start.size, 1, len(lanes)))
    settle = compiled.loop(
        ("sensitivity", jax.tree.structure(lanes[0].for_loop()), tabled),
        lambda: jax.vmap(settle_of(compiled), in_axes=(0, None, None, None, 0 if tabled else None, None)),
    )
    numbers = np.array([steps, 2**30, -1.0, plan.sign, 2**30, plan.objective.relative_noise])
    ends = []
    for first in range(0, len(lanes), width):
        check_interrupt()
        part = lanes[first : first + width]
        # The last part is filled up to the width for which the code is compiled.
        filled = part + part[:1] * (width - len(part))
        sizes = np.array([lane.step.table(0, steps + 1) for lane in filled]) if tabled else ()
        # The learning rate of each lane is an argument of the code, so that all rates share one compilation.
        rules = jax.tree.map(lambda *leaves: np.stack(leaves), *(lane.for_loop() for lane in filled))
        with compiled_code():
            done = settle(rules, course.start, plan.objective.arrays, numbers, sizes, plan.objective.region or plan.box)
        ends.append(np.asarray(done)[: len(part)])
    return np.concatenate(ends)


def _steps(course: Course, budget: int) -> int:
    """Return how many steps a budget pays for, after the start; a rule with a learning rate makes no trial steps."""
    return max(budget // course.plan.objective.cost - 1, 1)


def _alone(course: Course, rules: Rules, budget: int) -> tuple[float, bool]:
    """Return the best value of one run, and whether it diverged."""
    run, sign = course.run(rules, False, Budget(iterations=_steps(course, budget))), course.plan.sign
    if run.outcome is Outcome.INTERRUPTED:
        raise KeyboardInterrupt
    heights = sign * np.asarray(run.trace.value, dtype=float)
    away = run.outcome in BLOWN_UP or not heights[-1] <= heights[0]
    return sign * float(np.min(heights[np.isfinite(heights)], initial=np.inf)), bool(away)
