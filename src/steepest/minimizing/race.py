"""`race`: several rules from one start on equal budgets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.arguments import generator, our_words
from steepest.descent.budget import Budget
from steepest.descent.driver import descend
from steepest.descent.run import Run
from steepest.minimizing.minimize import planned
from steepest.rules import directions, steps
from steepest.rules.choose import choose, is_optax
from steepest.rules.pair import Rules
from steepest.trace import Outcome

LAPS = 500
WORDS = ("direction", "step")


@dataclass(frozen=True, eq=False)
class Race:
    """Runs of one function from one start, each by its own rule, in the order given.

    Attributes
    ----------
    runs : dict of str to Run
        The runs by the names of their rules.
    title : str
        What is written above a picture.
    """

    runs: dict[str, Run]
    title: str = ""

    @property
    def names(self) -> list[str]:
        """The names of the rules."""
        return list(self.runs)

    @property
    def winner(self) -> str:
        """The rule that came to the best value, with the fewest values of f where several did."""
        return self.ranking[0]

    @property
    def ranking(self) -> list[str]:
        """The rules from best to worst: by value, to a part of 1e-8 of the whole descent, then by what they took."""
        sign = -1.0 if self._any.maximized else 1.0
        values = {name: sign * run.fun for name, run in self.runs.items()}
        finite = [value for value in values.values() if math.isfinite(value)]
        best = min(finite, default=0.0)
        grain = 1e-8 * max(float(sign * self._any.trace.value[0]) - best, np.finfo(float).tiny)

        def place(name: str) -> tuple[float, int]:
            above = values[name] - best
            return (max(above, grain) if math.isfinite(above) else math.inf), self.runs[name].nfev

        return sorted(self.runs, key=place)

    @property
    def _any(self) -> Run:
        return next(iter(self.runs.values()))

    def __str__(self) -> str:
        width = max(len(name) for name in self.runs)
        lines = []
        for place, name in enumerate(self.ranking, start=1):
            run = self.runs[name]
            lines.append(f"{place:>3}. {name:<{width}}  {run.fun:<14.8g} {run.nfev:>7,} values  {run.outcome}")
        return "\n".join(lines)

    def plot(self, ax: Any = None) -> Any:
        """Draw what each rule has left to gain, by evaluation, and for two variables the paths.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        RaceDisplay
            The display, with its figure, axes and numbers as attributes.
        """
        from steepest.inspection import RaceDisplay

        return RaceDisplay.from_race(self).plot(ax)


@our_words
def race(
    f: Callable[..., Any],
    start: Any,
    rules: Mapping[str, Any],
    *,
    args: tuple[Any, ...] = (),
    gradient: Callable[..., Any] | bool | None = None,
    bounds: Any = None,
    maximize: bool = False,
    tolerance: float | None = None,
    iterations: int | None = None,
    evaluations: int | None = None,
    seconds: float | None = None,
    rng: Any = None,
    progress: bool | None = None,
) -> Race:
    """Descend one function from one start by several rules, each on the same budget.

    Parameters
    ----------
    f : callable
        As for `minimize`.
    start : float, array, dict, tree or "random"
        Where all of them start.
    rules : mapping of str to rule
        A learning rate, the name or the object of a step or a direction, an optax transformation, or
        both as ``{"direction": …, "step": …}``. What is not given is chosen.
    args : tuple
        Fixed further arguments of f.
    gradient : callable or True, optional
        As for `minimize`.
    bounds : pairs, dict or scipy.optimize.Bounds, optional
        As for `minimize`.
    maximize : bool
        Whether to climb.
    tolerance : float, optional
        As for `minimize`.
    iterations : int, optional
        How many steps each takes at most; with a fixed step and no tolerance, exactly so many.
    evaluations : int, optional
        How many values of f each may take; 500 unless another limit is given.
    seconds : float, optional
        How long each may take.
    rng : int, numpy.random.Generator or None
        What draws a random start.
    progress : bool, optional
        As for `minimize`.

    Returns
    -------
    Race
        The runs by name; printed, a ranking; `plot` draws it.

    Raises
    ------
    ValueError
        If there is no rule, or one makes no sense; the message names it.
    TypeError
        If an argument is of the wrong kind or has another name here.

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
        raise ValueError(f"rules={rules!r}: give at least one, by name, such as {{'plain': 0.1}}")
    if len({str(name) for name in rules}) < len(rules):
        raise ValueError(f"two rules have one name in {', '.join(map(repr, rules))}: give each its own")
    chosen = {str(name): _entered(name, rule, bounds is not None) for name, rule in rules.items()}
    if (iterations, evaluations, seconds) == (None, None, None):
        evaluations = LAPS
    budget = Budget.of(tolerance, seconds, evaluations, iterations=iterations)
    sign = -1.0 if maximize else 1.0
    runs: dict[str, Run] = {}
    for name, rule in chosen.items():
        if not runs:
            plan, _, x = planned(f, start, sign, args, gradient, rule, bounds, budget, generator(rng))
        runs[name] = descend(plan.with_rules(rule), x, None, progress)
        runs[name].title = name
        if runs[name].outcome is Outcome.INTERRUPTED:
            break
    return Race(runs)


def _entered(name: Any, rule: Any, boxed: bool) -> Rules:
    """Return the rules that an entry of the race names, or say which entry makes no sense."""
    try:
        return choose(**_words(rule), boxed=boxed)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None


def _words(rule: Any) -> dict[str, Any]:
    """Tell whether a rule is a direction, a step or both."""
    if isinstance(rule, Mapping):
        unknown = [word for word in rule if word not in WORDS]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not known in a rule: it has a direction and a step")
        return {"direction": None, "step": "auto", **rule}
    way = rule in directions.NAMED if isinstance(rule, str) else hasattr(rule, "start") and not is_optax(rule)
    if isinstance(rule, str) and not way and rule not in (*steps.NAMED, "auto"):
        raise ValueError(f"{rule!r} is neither a direction ({', '.join(directions.NAMED)}) nor a step "
                         f"({', '.join(steps.NAMED)}, auto)")  # fmt: skip
    return {"direction": rule, "step": "auto"} if way else {"direction": None, "step": rule}
