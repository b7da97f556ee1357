"""`Comparison` and the standings of several runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.protocol import RaceLike, ResultLike
from steepest.inspection.report.numbers import scores_of
from steepest.inspection.report.outcome import Verdict
from steepest.printable import MOST_LETTERS, printable


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
    place : int
        Its place, from 1.
    name : str
        The name.
    verdict : Verdict
        How it ended.
    value, distance : str
        Its best value, and by how much the best of all is better.
    steps, evaluations : str
        Its work.
    score : str
        For the fit of a table, R² or the accuracy on rows held out; else "".
    """

    place: int
    name: str
    verdict: Verdict
    value: str
    distance: str
    steps: str
    evaluations: str
    score: str


def standings_of(race: RaceLike) -> list[Standing]:
    """Return the runs from best to worst.

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
    sign = -1.0 if any(run.maximized for run in runs.values()) else 1.0
    values = {name: sign * run.fun if np.isfinite(run.fun) else np.inf for name, run in runs.items()}
    best = min(values.values(), default=0.0)
    order = sorted(runs, key=lambda name: (values[name], runs[name].nfev))
    names = race.ranking if isinstance(race, Ranked) else order
    return [
        Standing(
            place,
            printable(name, MOST_LETTERS),
            Verdict.of(runs[name]),
            f"{runs[name].fun:.8g}".replace("-", "−"),
            style.number(values[name] - best) if np.isfinite(values[name] - best) else "–",
            f"{runs[name].nit:,}",
            f"{runs[name].nfev:,}",
            next((f"{fact.name} {fact.value}" for fact in scores_of(runs[name])), ""),
        )
        for place, name in enumerate(names, start=1)
    ]


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
    ahead = f"“{first.name}” came furthest: its best value is {first.value}, after {first.evaluations} evaluations"
    if second.distance == "0":
        return f"{ahead}. “{second.name}” came as far, after {second.evaluations}."
    behind = f"“{second.name}” follows, {second.distance} behind" if second.distance != "–" else "no other run has one"
    return f"{ahead}; {behind}."
