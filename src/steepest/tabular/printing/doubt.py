"""Why a fit predicts rows that were held out worse than a constant does."""

from __future__ import annotations

import numpy as np

from steepest.tabular.reading.arrow import counted

# Fewer training rows than this for each column are called few: a common rule of thumb for regressions.
ROWS_PER_COLUMN = 10
# A score of fewer held-out rows than this says little, as one row more or less changes it. Chosen, not measured.
FEW_HELD_OUT = 10
# Up to this part above the loss of the constant, the columns are said to tell nothing of the target; a model of noise
# is hardly worse than a constant. Chosen, not measured.
HARDLY = 0.1


def likely_reason(
    learned: int, columns: int, costs: np.ndarray, of_guess: np.ndarray, numbers: np.ndarray, by_classes: bool = False
) -> str:
    """Return the likely reason why a fit is worse than a constant guess.

    Parameters
    ----------
    learned : int
        The number of rows that the fit learned from.
    columns : int
        The number of columns of its matrix.
    costs, of_guess : array of shape (rows,)
        The loss of each held-out row by the fit, and by the guess.
    numbers : array of int of shape (rows,)
        The number of each held-out row in the table, from 0.
    by_classes : bool
        Whether fewer rows are classified correctly than by the guess, which no single row explains.

    Returns
    -------
    str
        The reason, with its evidence.

    Examples
    --------
    >>> likely_reason(30, 40, np.array([9.0, 4.0]), np.array([1.0, 1.0]), np.array([2, 5]))
    'more columns than rows: 40 columns, and 30 rows to learn from'
    """
    size = f"{counted(columns, 'column')}, and {counted(learned, 'row')} to learn from"
    if columns >= learned:
        return f"more columns than rows: {size}"
    if len(costs) < FEW_HELD_OUT:
        return f"only {counted(len(costs), 'row')} held out, too few to tell"
    excess = costs - of_guess
    worst = int(np.argmax(excess))
    if not by_classes and excess.sum() < excess[worst] and costs[worst] > costs.sum() / 2:
        share = f"{100 * costs[worst] / costs.sum():.0f} %"
        without = "and without it the loss is less than by the guess"
        return f"row {numbers[worst] + 1:,} of the table has {share} of the loss, {without}"
    if learned < ROWS_PER_COLUMN * columns:
        return f"too few rows: {size}"
    if by_classes and costs.sum() < (1 - HARDLY) * of_guess.sum():
        return "by its loss it is better than the guess, so the columns tell something, but not enough to name classes"
    if costs.sum() <= (1 + HARDLY) * of_guess.sum():
        return "the columns tell nothing of the target, or not by this model"
    return "the held-out rows differ from those to learn from, or a few rows own the fit"
