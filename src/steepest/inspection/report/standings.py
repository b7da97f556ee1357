"""`Comparison` and the standings of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.protocol import RaceLike, ResultLike, RunLike
from steepest.inspection.report.numbers import scores_of
from steepest.inspection.report.outcome import Verdict
from steepest.inspection.window import BLOWN_UP
from steepest.printable import MOST_LETTERS, printable

SAME = 1e-6  # values at one start that differ by less than this share are those of one function


@dataclass(frozen=True)
class Comparison:
    """Several runs to be compared in one report, such as those that were loaded from folders.

    Parameters
    ----------
    runs : mapping of str to run
        The runs by the names that the report gives them.
    title : str, optional
        The title of the report.

    Examples
    --------
    >>> import steepest as st
    >>> runs = {t: st.gradient_descent(lambda x: x**2, 3.0, learning_rate=t, iterations=20) for t in (0.1, 0.2)}
    >>> [standing.name for standing in standings_of(Comparison(runs))]
    ['0.2', '0.1']
    """

    runs: Mapping[str, ResultLike]
    title: str = ""


@runtime_checkable
class Ranked(Protocol):
    """A race that ranks its runs itself."""

    @property
    def ranking(self) -> list[str]:
        """The names from best to worst."""


@dataclass(frozen=True)
class Standing:
    """A row of the table of several runs.

    Parameters
    ----------
    place : int or None
        Its place, from 1; None if the runs can't be ranked.
    name : str
        The name.
    verdict : Verdict
        How it ended.
    value, distance : str
        Its best value, and by how much the best of all is better.
    steps, evaluations : str
        Its work: the evaluations of the descent, a value with its gradient as one, without the audit of the answer.
    score : str
        For the fit of a table, R² or the accuracy on rows held out; else "".
    """

    place: int | None
    name: str
    verdict: Verdict
    value: str
    distance: str
    steps: str
    evaluations: str
    score: str


def why_unranked(race: RaceLike) -> str:
    """Return why the values of runs can't be ranked, in a sentence.

    Parameters
    ----------
    race : Race or Comparison
        The runs.

    Returns
    -------
    str
        The sentence; "" if they can be ranked.

    Examples
    --------
    >>> import steepest as st
    >>> up, down = st.maximize(lambda x: 1 - x**2, 3.0), st.minimize(lambda x: x**2, 3.0)
    >>> why_unranked(Comparison({"up": up, "down": down})), why_unranked(Comparison({"a": down, "b": down}))
    ('Some maximise, and others minimise.', '')
    """
    runs = list(race.runs.values())
    if len({run.maximized for run in runs}) > 1:
        return "Some maximise, and others minimise."
    if len({tuple(run.trace.names) for run in runs}) > 1:
        return "They have different parameters, so their values belong to different functions."
    starts = [(np.asarray(run.trace.x[0]), float(run.trace.value[0])) for run in runs if len(run.trace)]
    for x, value in starts:
        # Of equal values one may be compiled, and the other not.
        if np.array_equal(x, starts[0][0]) and not np.isclose(value, starts[0][1], rtol=SAME, atol=0, equal_nan=True):
            return "They start at one point with different values, so these belong to different functions."
    return ""


def standings_of(race: RaceLike) -> list[Standing]:
    """Return the runs from best to worst, or as they are given if they can't be ranked.

    Parameters
    ----------
    race : Race or Comparison
        The runs.

    Returns
    -------
    list of Standing
        The table.
    """
    runs = {str(name): run for name, run in race.runs.items() if isinstance(run, ResultLike)}
    ranked = not why_unranked(race)
    sign = -1.0 if any(run.maximized for run in runs.values()) else 1.0
    values = {name: sign * run.fun if np.isfinite(run.fun) else np.inf for name, run in runs.items()}
    best = min(values.values(), default=0.0)
    order = sorted(runs, key=lambda name: (values[name], runs[name].outcome in BLOWN_UP, runs[name].nfev))
    names = race.ranking if isinstance(race, Ranked) else order if ranked else list(runs)
    return [
        Standing(
            place if ranked else None,
            printable(name, MOST_LETTERS),
            Verdict.of(runs[name]),
            f"{runs[name].fun:.8g}".replace("-", "−"),
            style.number(values[name] - best) if ranked and np.isfinite(values[name] - best) else "–",
            f"{runs[name].nit:,}",
            f"{evaluations_of(runs[name]):,}",
            next((f"{fact.name} {fact.value}" for fact in scores_of(runs[name])), ""),
        )
        for place, name in enumerate(names, start=1)
    ]


def evaluations_of(run: RunLike) -> int:
    """Return how many evaluations a descent took, a value with its gradient as one, without the audit of its answer.

    Parameters
    ----------
    run : run or fit
        The run.

    Returns
    -------
    int
        The number.
    """
    counted = np.asarray(run.trace.columns.get("evaluations", ()))
    return int(counted[-1]) if counted.size else 0


def leader_of(standings: Sequence[Standing]) -> str:
    """Return in a sentence which run came furthest.

    Parameters
    ----------
    standings : sequence of Standing
        The runs from best to worst.

    Returns
    -------
    str
        The sentence; empty if there is only one run.
    """
    if len(standings) < 2:
        return ""
    first, second = standings[:2]
    if first.place is None:
        return "The runs are as they were given, and not ranked: the findings say why."
    work = "1 evaluation" if first.evaluations == "1" else f"{first.evaluations} evaluations"
    ahead = f"“{first.name}” came furthest: its best value is {first.value}, after {work}"
    if second.distance == "0":
        both = f"“{first.name}” and “{second.name}” came equally far: their best value is {first.value}"
        return f"{both}, after {first.evaluations} and {second.evaluations} evaluations."
    behind = f"“{second.name}” follows, {second.distance} behind" if second.distance != "–" else "no other run has one"
    return f"{ahead}; {behind}."
