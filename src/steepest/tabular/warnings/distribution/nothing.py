"""A fit whose penalty leaves the columns no say: nothing was learned from them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.tabular.one_vs_rest import outputs_of
from steepest.tabular.score import predicts_probabilities
from steepest.tabular.warnings.fitted import FittedTable
from steepest.tabular.warnings.influence import rows_that_own_the_fit

# The predictions of the training rows vary by at most this part of what the target varies by. Chosen, not measured.
HARDLY = 0.05
# Of fewer rows, columns that tell much may seem to tell nothing.
FEWEST = 30


def nothing_learned(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a warning if the strongest penalty that was tried was the best, and predictions hardly vary.

    Parameters
    ----------
    fitted : FittedTable
        The table and the fit.

    Yields
    ------
    Finding
        The warning.
    """
    path, classes = fitted.fit.path, fitted.ready.classes
    if path is None or path.best != 0 or path.chosen != path.strengths[0] or len(fitted.y) < FEWEST:
        return
    if classes is not None and not predicts_probabilities(fitted.loss):
        return
    outputs, truth = outputs_of(fitted.fit, fitted.matrix), fitted.as_fitted
    if outputs.ndim == 2:
        truth = truth[:, None] == np.arange(outputs.shape[1])
    if not (outputs.std(axis=0) <= HARDLY * truth.std(axis=0)).all():
        return
    if any(True for _ in rows_that_own_the_fit(fitted)):
        # That row is the reason, and is named.
        return
    guess = "the mean" if classes is None else "the shares of the classes"
    yield Finding(
        "warning",
        "nothing learned",
        f"The columns predict rows left out no better than {guess}: by {path.method} the strongest of "
        f"{len(path.strengths)} penalties is the best, and all predictions are about {guess}.",
        "Give columns that tell more of the target, or more rows; another model, such as a tree, may find more.",
    )
