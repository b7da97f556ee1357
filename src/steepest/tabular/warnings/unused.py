"""Identifiers, and columns that are the same in all rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.printable import listed
from steepest.tabular.encoders import Number
from steepest.tabular.reading.written.ids import names_ids
from steepest.tabular.warnings.fitted import FittedTable
from steepest.tabular.warnings.words import option

# Numbers of which so many differ are identifiers under a name such as customer_id. Under a name such as order_number
# nearly all must differ. Chosen, not measured: a code of up to 20 groups may be in an order.
MANY = 20
NEARLY_ALL = 0.9
# The reasons to leave out a column that are said of identifiers: whole numbers, and texts.
IDENTIFIERS = ("id", "text")
ID_TITLE, CONSTANT_TITLE = "identifier", "constant column"


def left_out_columns(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a finding for identifiers, and one for constant columns.

    Row numbers in a column without a name are no news.

    Parameters
    ----------
    fitted : FittedTable
        The table and its fit.

    Yields
    ------
    Finding
        At most one of each kind.
    """
    left_out = fitted.ready.encoding.left_out
    if ids := [column for column, reason in left_out if reason in IDENTIFIERS]:
        have, they = ("has", "it was") if len(ids) == 1 else ("have", "they were")
        text = f"{listed(ids)} {have} a different value in each row, which says nothing of other rows, so {they}"
        # Texts of which each differs tell nothing, whatever they measure.
        numbers = [column for column, reason in left_out if reason == "id"]
        cure = ""
        if numbers:
            cure = f"To use what {listed(numbers)} may measure: name all columns to use in features= (--features)."
        yield Finding("warning", ID_TITLE, f"{text} left out.", cure)
    if constant := [column for column, reason in left_out if reason == "constant"]:
        have, they = ("has", "it was") if len(constant) == 1 else ("have", "they were")
        text = f"{listed(constant)} {have} one value in all training rows, so {they} left out."
        cure = f"There is nothing to do; with {option('drop', constant)} this warning goes away."
        yield Finding("warning", CONSTANT_TITLE, text, cure, changes={"drop": constant})


def ids_as_numbers(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a finding for each column that is used as numbers, and has the name and the values of an identifier.

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
        if not isinstance(part, Number) or not names_ids(part.column):
            continue
        values = fitted.matrix[:, columns.start]
        values = values[~np.isnan(values) & (values != part.mean)]
        if (values != np.floor(values)).any():
            continue
        distinct = len(np.unique(values))
        if distinct > (MANY if names_ids(part.column, surely=True) else max(MANY, NEARLY_ALL * len(fitted.y))):
            text = f"{part.column} has {distinct:,} different whole numbers in {len(fitted.y):,} training rows and the "
            text += "name of an identifier, but is used as a measurement."
            cure = f"If it only tells rows or groups apart: {option('drop', [part.column])}."
            changes = {"drop": [part.column]}
            yield Finding("warning", "identifier used as a number", text, cure, changes=changes)
