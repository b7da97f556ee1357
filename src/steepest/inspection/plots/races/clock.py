"""The clock of a race: what each row of a run has cost, and the budget at which all runs are compared."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steepest.inspection.protocol import RunLike
from steepest.printable import quoted
from steepest.trace import Outcome

# A run with one of these outcomes would have gone on: its end says what the budget was, not where the descent ends.
CUT_SHORT = (
    Outcome.COMPLETED,
    Outcome.ITERATION_LIMIT,
    Outcome.EVALUATION_LIMIT,
    Outcome.TIME_LIMIT,
    Outcome.CALLBACK,
)
# The limit that is the budget itself, by the clock. A search stops some evaluations before it.
SPENT = {"evaluations": Outcome.EVALUATION_LIMIT, "seconds": Outcome.TIME_LIMIT}


def clocks_of(runs: Sequence[RunLike], by: str = "evaluations") -> list[np.ndarray]:
    """Return what the rows of each run have cost.

    Parameters
    ----------
    runs : sequence of run
        The runs.
    by : {"evaluations", "seconds"}, optional
        The clock. An evaluation is a value with its gradient; seconds count from the start of each run.

    Returns
    -------
    list of array
        The evaluations or the seconds at each row of each run.

    Raises
    ------
    ValueError
        If there is no such clock.
    """
    if by not in SPENT:
        raise ValueError(f"by={quoted(by)}: give one of {', '.join(SPENT)}")
    if any(by not in run.trace.columns for run in runs):
        raise ValueError(f"by={quoted(by)}: a run of this race has no such column in its trace")
    clocks = [np.asarray(run.trace.columns[by]) for run in runs]
    # The start of a run comes after the function was set up, which the first run alone pays for.
    return clocks if by == "evaluations" else [clock - clock[:1] for clock in clocks]


def budget_of(runs: Sequence[RunLike], clocks: Sequence[np.ndarray], by: str = "evaluations") -> float:
    """Return the largest budget that every run has used or has not needed.

    Parameters
    ----------
    runs : sequence of run
        The runs.
    clocks : sequence of array
        What their rows have cost.
    by : {"evaluations", "seconds"}, optional
        The clock.

    Returns
    -------
    float
        The budget. Beyond it some runs were cut short, so that the others would have an advantage.

    Examples
    --------
    >>> from types import SimpleNamespace as Record
    >>> runs = [Record(outcome="completed"), Record(outcome="completed"), Record(outcome="converged")]
    >>> budget_of(runs, [np.array([1, 31]), np.array([1, 75]), np.array([1, 9])])
    31.0
    """
    ends = [(run.outcome, clock[-1]) for run, clock in zip(runs, clocks, strict=True) if len(clock)]
    spent = [end for outcome, end in ends if outcome == SPENT[by]]
    cut = [end for outcome, end in ends if outcome in CUT_SHORT and outcome != SPENT[by]]
    budgets = cut + ([max(spent)] if spent else [])
    return float(min(budgets, default=max((end for _, end in ends), default=0.0)))
