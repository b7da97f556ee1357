"""A network, a tree or a model of the user's own that predicts no better than a constant."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.cures import changed

# The model explains hardly anything, and straight lines in the columns so much.
HARDLY, MUCH = 0.05, 0.3
# Rows for each column that a straight line needs, to explain little by chance.
ROWS_PER_COLUMN = 10


def no_better_than_a_constant(case: Case) -> Iterator[Finding]:
    """Yield a finding if a model that can bend explains nothing of a target of which straight lines explain much.

    Parameters
    ----------
    case : Case
        The run.

    Yields
    ------
    Finding
        One at most.
    """
    rows = case.rows
    if rows is None or rows.kind == "linear" or rows.loss != "squared" or not case.function.is_at_hand:
        return
    # A descent that grew says nothing of the model.
    if not np.isfinite(case.value[-1]) or case.value[-1] > case.value[0]:
        return
    X, y = np.asarray(rows.X, dtype=float)[rows.few], rows.y[rows.few]
    if not np.isfinite(X).all() or len(y) < ROWS_PER_COLUMN * (X.shape[1] + 1) or np.ptp(y) == 0:
        return
    predicted = rows.predicted
    if predicted is None or predicted.shape != y.shape:
        return
    total = float(((y - y.mean()) ** 2).sum())
    own = 1 - float(((y - predicted) ** 2).sum()) / total
    straight = rows.straight
    if own > HARDLY or straight < MUCH:
        return
    yield Finding(
        "warning",
        "under-fitting",
        f"The model predicts no better than a constant, although straight lines in the columns explain "
        f"{100 * straight:.0f} % of the variance of the target.",
        "Leave the step and the number of epochs to the library, or take a larger model.",
        f"The model explains {100 * max(own, 0):.0f} %.",
        changed(case, step=None, direction=None, epochs=None, batch_size=None),
        "PredictedDisplay",
        0.55,
    )
