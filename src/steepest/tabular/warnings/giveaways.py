"""A column that may give the target away: it is a copy of it, or nearly determines it alone."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.statistics.closeness import of_classes, of_groups, of_numbers
from steepest.tabular.categories.levels import Category
from steepest.tabular.encoders import Encoder, Flag, Moment, Number
from steepest.tabular.warnings.fitted import FittedTable
from steepest.tabular.warnings.words import option

# A column with values in fewer rows than this part is not looked at.
LEAST_KNOWN = 0.1
TITLE = "a column may give the target away"


def giveaways(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a finding for each column that equals the target or nearly determines it alone.

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
        few = _values(fitted, part, columns, fitted.few)
        # Where values are missing, the mean is filled in, which tells nothing of the target: look at all rows first,
        # then at those with another value.
        mean = part.mean if isinstance(part, (Number, Flag, Moment)) else math.nan
        for left_out in (math.nan, mean):
            known = ~np.isnan(few) & (few != left_out)
            if known.mean() < LEAST_KNOWN or not _told(fitted, part, few[known], fitted.few[known]):
                continue
            values = _values(fitted, part, columns, slice(None))
            rows = np.flatnonzero(~np.isnan(values) & (values != left_out))
            if told := _told(fitted, part, values[rows], rows):
                filled = not math.isnan(left_out)
                where = f", except where it is its mean, {mean:.4g}, as missing values are" if filled else ""
                cure = f"Is it known before {fitted.target} is? If not: {option('drop', [part.column])}."
                yield Finding("warning", TITLE, f"{part.column} {told}{where}.", cure)
                break


def _values(fitted: FittedTable, part: Encoder, columns: slice, rows: np.ndarray | slice) -> np.ndarray:
    """Return the numbers of a column of the table in some rows; for texts the number of the text."""
    if not isinstance(part, Category):
        return fitted.matrix[rows, columns.start]
    levels = fitted.matrix[rows, columns]
    return np.where(levels.any(axis=1), levels.argmax(axis=1) + 1.0, 0.0)


def _told(fitted: FittedTable, part: Encoder, x: np.ndarray, rows: np.ndarray) -> str:
    """Return how a column determines the target in the rows that have it; "" if it does not."""
    y, target, columns = fitted.y[rows], fitted.target, len(fitted.parts)
    if fitted.ready.classes is not None:
        return of_classes(x, y.astype(int), target, columns, isinstance(part, Category))
    if isinstance(part, Category):
        return of_groups(x.astype(int), y, target, columns)
    return of_numbers(x, y, part.column, target, columns)
