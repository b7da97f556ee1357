"""The target: one class is rare, or few whole numbers may be labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.models.losses.smooth import LogLoss
from steepest.printable import listed
from steepest.tabular.warnings.fitted import FittedTable

# A class is rare below this share of the training rows; of many classes, below half of what each had if all were alike.
RARE = 0.05
# The most whole numbers that are likelier labels than amounts.
FEW_NUMBERS = 4
FEW_TITLE = "few values to predict"


def rare_class(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a finding if a class is rare.

    Parameters
    ----------
    fitted : FittedTable
        The table and its fit.

    Yields
    ------
    Finding
        One at most.
    """
    if (classes := fitted.ready.classes) is None:
        return
    rows = len(fitted.y)
    counts = np.bincount(fitted.y.astype(int), minlength=len(classes))
    rare = np.flatnonzero(counts < min(RARE, 0.5 / len(classes)) * rows)
    if not rare.size:
        return
    rare = rare[np.argsort(counts[rare], kind="stable")]
    said = [f"{classes[k]!r} in {counts[k]:,} ({_percent(counts[k] / rows)})" for k in rare.tolist()]
    those = "that class" if len(rare) == 1 else "these classes"
    text = f"of {rows:,} training rows {fitted.target} is {listed(said)}, so accuracy says little of {those}: "
    text += f"always guessing the most frequent class is right in {_percent(counts.max() / rows)}."
    cure = f"Judge the fit by its log loss, and by the confusion table (fit.score.confusion) for {those}."
    if isinstance(fitted.loss, LogLoss):
        cure = f"{cure[:-1]}; to find more of it, call a row {classes[int(rare[0])]!r} at a lower probability than ½."
    yield Finding("warning", "class imbalance", text, cure)


def few_numbers(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a finding if three or four whole numbers are predicted as numbers, and the user has not asked for it.

    Two values are taken as classes, which a note says.

    Parameters
    ----------
    fitted : FittedTable
        The table and its fit.

    Yields
    ------
    Finding
        One at most.
    """
    if fitted.ready.classes is not None or fitted.asked:
        return
    values = np.unique(fitted.y[fitted.few])
    if len(values) <= FEW_NUMBERS:
        values = np.unique(fitted.y)
    if 2 < len(values) <= FEW_NUMBERS and (values == np.floor(values)).all():
        shown = listed([f"{value:g}" for value in values])
        text = f"{fitted.target} has the values {shown} alone, and is predicted as a number."
        cure = "If these are labels: task='classification' (--task classification); if amounts, 'regression' says so."
        yield Finding("warning", FEW_TITLE, text, cure)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
