"""`race`: descend by several rules from one start, each with the same budget."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from steepest.arguments import generator, our_words
from steepest.call import Call, kept
from steepest.derivatives.process.interrupts import interruptible
from steepest.derivatives.serving.within import Within, holds_curved
from steepest.descent.budget import Budget
from steepest.descent.run import Run
from steepest.inspection.motion.moving import Moving
from steepest.inspection.plots.races.clock import budget_of, clocks_of
from steepest.inspection.report.reported import Reported
from steepest.inspection.shown import Shown
from steepest.minimizing.minimize import make_plan
from steepest.minimizing.restarts import BoundsLike
from steepest.minimizing.sensitivity import Course, Sensitivity, sweep
from steepest.printable import MOST_LETTERS, printable, quoted
from steepest.rules import directions, steps
from steepest.rules.choose import choose, is_optax
from steepest.rules.pair import Rules
from steepest.trace import Outcome
from steepest.types import Array, Fixed, Function, PyTree, RuleLike, Seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from steepest.inspection import RaceDisplay

# The evaluations of f for each rule if no limit is given. Chosen, not measured: with more, slow rules come further, but
# the race takes longer.
EVALUATIONS = 500
ENTRIES = ("direction", "step")


@runtime_checkable
class Direction(Protocol):
    """An object that is a direction: steps lack `__call__`, and functions lack `start`."""

    def start(self, x: Array) -> PyTree:
        """Return the state before the first step."""

    def __call__(self, g: Array, state: PyTree, x: Array) -> tuple[Array, PyTree]:
        """Return the direction for a gradient, and the new state."""


@dataclass(frozen=True, eq=False)
class Race(Moving, Reported, Shown):
    """The runs of a race: descents of one function from one start, each by its own rule.

    Attributes
    ----------
    runs : dict of str to Run
        The runs by the names of their rules, in the given order.
    title : str
        The text above a picture.
    course : Course or None
        The function, the start and the rules; None if the race was made of runs.
    """

    runs: dict[str, Run]
    title: str = ""
    course: Course | None = field(default=None, repr=False)

    @property
    def names(self) -> list[str]:
        """The names of the rules."""
        return list(self.runs)

    @property
    def winner(self) -> str:
        """The rule that reached the best value; if several did, the rule with the fewest evaluations of f."""
        return self.ranking[0]

    @property
    def ranking(self) -> list[str]:
        """The rules from best to worst: by value, or by evaluations if values are equal up to 1e-8 of the descent."""
        first = next(iter(self.runs.values()))
        sign = -1.0 if first.maximized else 1.0
        values = {name: sign * run.fun for name, run in self.runs.items()}
        finite = [value for value in values.values() if math.isfinite(value)]
        best = min(finite, default=0.0)
        # Values that are less than this above the best value count as equal to it.
        resolution = 1e-8 * max(float(sign * first.trace.value[0]) - best, np.finfo(float).tiny)
        resolution = max(resolution, *(run.noise for run in self.runs.values()))

        def rank(name: str) -> tuple[float, int]:
            above = values[name] - best
            return (max(above, resolution) if math.isfinite(above) else math.inf), self.runs[name].nfev

        return sorted(self.runs, key=rank)

    def __str__(self) -> str:
        shown = {name: printable(name, MOST_LETTERS) for name in self.runs}
        width = max(map(len, shown.values()))
        lines = []
        for place, name in enumerate(self.ranking, start=1):
            run = self.runs[name]
            lines.append(f"{place:>3}. {shown[name]:<{width}}  {run.fun:<14.8g} {run.nfev:>7,} values  {run.outcome}")
        return "\n".join(lines)

    def _summary(self) -> tuple[str, str]:
        best = self.runs[self.winner]
        return f"{self.winner} is ahead: {best.fun:.6g} in {best.nfev:,} values, {best.outcome}", str(self)

    @our_words
    @interruptible()
    @np.errstate(all="ignore")
    def sensitivity(self, rates: ArrayLike | None = None, *, best: float | None = None) -> Sensitivity:
        """Descend by each rule with other learning rates, and return how far each comes within the same budget.

        The budget is that at which the runs of the race are compared: the most evaluations that no run lacked. The
        descents of a rule run side by side in one compiled loop, whose learning rates are its arguments; for a function
        that can't be compiled, they run one after the other.

        Parameters
        ----------
        rates : array, optional
            The learning rates for all rules; by default 7 or 8 in each decade, from a hundredth of the smallest rate of
            the race to a hundred times the largest.
        best : float, optional
            The best value of the function, if it is known; by default the best value that was reached.

        Returns
        -------
        Sensitivity
            The values, from which `gaps` follow, and `plot`. Rules without a learning rate have a single value.

        Raises
        ------
        ValueError
            If no rule has a learning rate, a rate is not positive, or a descent was better than `best`.
        RuntimeError
            If the race was made of runs, and not by `steepest.race`.

        Examples
        --------
        >>> found = race(lambda x, y: x**2 + 4 * y**2, (9, 9), {"plain": 0.1, "auto": "auto"}, iterations=20)
        >>> swept = found.sensitivity([0.01, 0.1, 1.0], best=0.0)
        >>> swept.gaps.round(3).tolist(), swept.diverged.tolist()
        ([[47.638, 0.011, 405.0]], [[False, False, True]])
        """
        if self.course is None:
            raise RuntimeError(
                "function not at hand: this race was made of runs that were done before; race the rules with "
                "steepest.race to compare their learning rates"
            )
        runs = list(self.runs.values())
        clocks = clocks_of(runs)
        budget = int(budget_of(runs, clocks))
        sign = self.course.plan.sign
        reached = {}
        for name, run, clock in zip(self.runs, runs, clocks, strict=True):
            heights = sign * np.asarray(run.trace.value, dtype=float)[clock <= budget]
            reached[name] = sign * float(heights[np.isfinite(heights)].min(initial=np.inf))
        course = replace(self.course, rules={name: self.course.rules[name] for name in self.runs})
        return sweep(course, budget, reached, rates, best, self.title)

    def plot(self, ax: Axes | None = None, *, sensitivity: bool = False) -> RaceDisplay:
        """Draw the distance of each run from the best value, by evaluation, and for two variables the paths.

        Parameters
        ----------
        ax : matplotlib axes, optional
            The axes to draw on; a new figure by default.
        sensitivity : bool, optional
            Whether to draw below how far each rule comes with other learning rates, which takes further descents.

        Returns
        -------
        RaceDisplay
            The display, with its figure, axes and numbers as attributes.
        """
        from steepest.inspection import RaceDisplay

        return RaceDisplay.from_race(self, sensitivity=self.sensitivity() if sensitivity else None).plot(ax)


@our_words
@interruptible()
@np.errstate(all="ignore")
def race(
    f: Function,
    start: PyTree,
    rules: Mapping[str, RuleLike],
    *,
    args: tuple[Any, ...] = (),
    gradient: Function | bool | None = None,
    bounds: BoundsLike | None = None,
    fixed: Fixed | None = None,
    within: Within | None = None,
    maximize: bool = False,
    tolerance: float | None = None,
    iterations: int | None = None,
    evaluations: int | None = None,
    seconds: float | None = None,
    rng: Seed = None,
    progress: bool | None = None,
) -> Race:
    """Descend by several rules from one start, each with the same budget.

    Parameters
    ----------
    f : callable
        As for `minimize`.
    start : float, array, dict, tree or "random"
        The start of all runs.
    rules : mapping of str to rule
        The rules by name. A rule is a learning rate, a step or a direction by name or as an object, an optax
        transformation, or ``{"direction": …, "step": …}``. An omitted direction or step is chosen as by `minimize`.
    args : tuple
        Further arguments of f, which stay fixed.
    gradient : callable or True, optional
        As for `minimize`.
    bounds : pairs, dict or scipy.optimize.Bounds, optional
        As for `minimize`.
    fixed : mapping or sequence, optional
        As for `minimize`.
    within : set or dict, optional
        As for `minimize`.
    maximize : bool
        Whether to look for a maximum.
    tolerance : float, optional
        As for `minimize`.
    iterations : int, optional
        The largest number of steps of each run. With a fixed step and no tolerance, the exact number.
    evaluations : int, optional
        The largest number of evaluations of f in each run; 500 if no limit is given.
    seconds : float, optional
        The longest time of each run.
    rng : int, numpy.random.Generator or None
        The seed or generator of a random start.
    progress : bool, optional
        As for `minimize`.

    Returns
    -------
    Race
        The runs by name. Its text is a ranking, and `plot` draws it.

    Raises
    ------
    ValueError
        If there is no rule, or a rule is invalid; the message then begins with the name of the rule.
    TypeError
        If an argument has the wrong type or is unknown.

    Examples
    --------
    >>> rules = {"plain": 0.1, "momentum": {"direction": "momentum", "step": 0.05}, "auto": "auto"}
    >>> run = race(lambda x, y: x**2 + 4 * y**2, (9, 9), rules, iterations=50)
    >>> run.winner
    'auto'
    >>> run.runs["plain"].nit
    50
    """
    if not isinstance(rules, Mapping) or not rules:
        raise ValueError(f"rules={quoted(rules)}: give at least one, by name, such as {{'plain': 0.1}}")
    if len({str(name) for name in rules}) < len(rules):
        raise ValueError(f"two rules have one name in {', '.join(map(repr, rules))}: give each its own name")
    edges = {"boxed": bounds is not None, "curved": holds_curved(within)}
    chosen = {str(name): _read_rule(name, rule, **edges) for name, rule in rules.items()}
    if (iterations, evaluations, seconds) == (None, None, None):
        evaluations = EVALUATIONS
    budget = Budget.of(tolerance, seconds, evaluations, iterations=iterations)
    sign = -1.0 if maximize else 1.0
    first = next(iter(chosen.values()))
    plan, _, x = make_plan(
        f, start, sign, args, gradient, first, bounds, budget, generator(rng), fixed=fixed, within=within
    )
    course, runs = Course(plan, x, chosen), dict[str, Run]()
    shared = {
        "args": args or None, "gradient": gradient, "bounds": bounds, "fixed": fixed, "within": within,
        "tolerance": tolerance, "iterations": iterations, "evaluations": evaluations, "seconds": seconds,
    }  # fmt: skip
    given = {
        "f": f,
        "start": kept(start, "start"),
        **{key: value for key, value in shared.items() if value is not None},
    }
    call = Call("maximize" if maximize else "minimize", given, ("f", "start"))
    for name, rule in chosen.items():
        automatic = _options(rules[name]) == {"direction": None, "step": "auto"}
        run = course.run(rule, progress, by_sets=automatic and plan.objective.region is not None)
        runs[name] = run if within is None else replace(run, within=within)
        runs[name].title = name
        options = {key: value for key, value in _options(rules[name]).items() if value not in (None, "auto")}
        runs[name].call = call.changed(**options)
        if runs[name].outcome is Outcome.INTERRUPTED:
            break
    return Race(runs, course=course)


def _read_rule(name: str, rule: RuleLike, boxed: bool, curved: bool) -> Rules:
    """Return the direction and the step of an entry of the race; errors begin with the name of the entry."""
    try:
        return choose(**_options(rule), boxed=boxed, curved=curved)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None


def _options(rule: RuleLike) -> dict[str, RuleLike]:
    """Return a rule as the options of `choose`, after deciding whether it is a direction, a step or both."""
    if isinstance(rule, Mapping):
        unknown = [name for name in rule if name not in ENTRIES]
        if unknown:
            raise ValueError(f"{quoted(unknown[0])} is not known in a rule: it has a direction and a step")
        return {"direction": None, "step": "auto", **rule}
    if isinstance(rule, str):
        is_direction = rule in directions.NAMED
        if not is_direction and rule not in (*steps.NAMED, "auto"):
            raise ValueError(
                f"{quoted(rule)} is neither a direction ({', '.join(directions.NAMED)}) nor a step "
                f"({', '.join(steps.NAMED)}, auto)"
            )
    else:
        is_direction = isinstance(rule, Direction) and not is_optax(rule)
    return {"direction": rule, "step": "auto"} if is_direction else {"direction": None, "step": rule}
