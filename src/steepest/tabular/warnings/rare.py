"""Columns that vary in a few rows only, and levels that one training row has."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.printable import listed
from steepest.tabular.categories.levels import Category
from steepest.tabular.categories.means import TargetMean
from steepest.tabular.reading.arrow import counted
from steepest.tabular.warnings.fitted import FittedTable
from steepest.tabular.warnings.words import option

# A column is nearly constant if at least this part of the training rows has one value, and fewer rows than `FEWEST`
# another. Chosen, not measured: a mean of five numbers has an error of half their spread.
NEARLY = 0.99
FEWEST = 5
ONCE_TITLE = "values seen once"


def nearly_constant(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a finding for each column of the table that has one value in nearly all training rows.

    Parameters
    ----------
    fitted : FittedTable
        The table and its fit.

    Yields
    ------
    Finding
        One for each column.
    """
    for part, columns in fitted.parts:
        others, value = _others(fitted, part, columns)
        if others is not None:
            rows = len(fitted.y)
            which = listed([fitted.row(k) for k in others])
            text = (
                f"{part.column} is {value} in {rows - len(others):,} of {rows:,} training rows, and other in {which}."
            )
            learned = f"What it does is learned from {counted(len(others), 'row')} alone; to leave it out:"
            yield Finding("warning", "nearly constant column", text, f"{learned} {option('drop', [part.column])}.")


def levels_seen_once(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a finding for each column of texts with a text that one training row has.

    A column that became means of the target is left out, as these are drawn to the overall mean.

    Parameters
    ----------
    fitted : FittedTable
        The table and its fit.

    Yields
    ------
    Finding
        One for each column.
    """
    for part, columns in fitted.parts:
        if not isinstance(part, Category) or _others(fitted, part, columns)[0] is not None:
            continue
        if part.pooled:
            text = f"{counted(len(part.pooled), 'value')} of {part.column} occur in one training row each: "
            text += f"{listed(part.pooled)}. They share the coefficient {part.names[-1]}."
            cure = "Join them with other values, if they belong together."
            yield Finding("warning", ONCE_TITLE, text, cure)
            continue
        counts = fitted.matrix[:, columns].sum(axis=0)
        if once := np.flatnonzero(counts == 1).tolist():
            name = part.names[once[0]]
            row = fitted.row(int(fitted.matrix[:, columns.start + once[0]].argmax()))
            text = f"{name} occurs in {row} alone of {len(fitted.y):,} training rows, so its coefficient fits that row."
            cure = f"Join it with another value of {part.column}, or leave out the row."
            yield Finding("warning", "value seen once", text, cure)


def _others(fitted: FittedTable, part: object, columns: slice) -> tuple[np.ndarray | None, str]:
    """Return the training rows that differ from nearly all others in a column, and what these have; or None."""
    few = fitted.matrix[fitted.few, columns]
    if isinstance(part, Category):
        if few.any(axis=1).mean() > 1 - NEARLY:
            return None, ""
        found, value = np.flatnonzero(fitted.matrix[:, columns].any(axis=1)), repr(part.baseline)
    elif isinstance(part, TargetMean):
        return None, ""
    else:
        first = few[:, 0]
        present = first[~np.isnan(first)]
        common = float(np.median(present)) if len(present) else np.nan
        if not (first == common).mean() >= NEARLY:
            return None, ""
        found, value = np.flatnonzero(fitted.matrix[:, columns.start] != common), f"{common:.6g}"
    rare = 0 < len(found) < FEWEST and len(found) <= (1 - NEARLY) * len(fitted.y)
    return (found, value) if rare else (None, "")
