"""Columns that are constant, equal to another, or a combination of others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from steepest.finding import Finding
from steepest.inspection.diagnosis.at_hand import RowsAtHand
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.rows.cures import without_columns
from steepest.inspection.diagnosis.words import shown
from steepest.inspection.protocol import TableFitLike
from steepest.printable import listed
from steepest.statistics.dependence import Relation, relations_of

# With more columns than this their relations are not looked for: it would take seconds.
MOST_COLUMNS = 300
# Pixels and counts of words are 0 in most rows, and some in all; that is no news if so many numbers are 0.
MOSTLY_ZERO, SEVERAL = 0.25, 20
# The most terms of a combination that is written out.
MOST_TERMS = 6


def constant_columns(case: Case) -> Iterator[Finding]:
    """Yield a finding if columns have one value in all rows.

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
    if rows is None or isinstance(case.run, TableFitLike) or rows.kind == "own" or len(rows.y) < 3:
        # A column of ones may be the constant term of a model of the user's own.
        return
    constant = np.flatnonzero(np.ptp(rows.X, axis=0) == 0)
    if rows.X.shape[1] >= SEVERAL and np.mean(rows.X[rows.few] == 0) >= MOSTLY_ZERO:
        constant = constant[rows.X[0, constant] != 0]
    if not constant.size or len(constant) == rows.X.shape[1]:
        return
    names, values = [rows.names[k] for k in constant], rows.X[0, constant]
    is_one = len(names) == 1
    text = f"{_upper(listed(names))} {'has' if is_one else 'have'} the same value in all {rows.count:,} rows"
    text += f" ({values[0]:.6g})" * is_one
    yield Finding(
        "warning",
        "constant column",
        f"{text}, so {'it tells' if is_one else 'they tell'} nothing of the target.",
        f"Leave {'it' if is_one else 'them'} out; the model has its own constant term.",
        "Measured in the rows.",
        without_columns(case, rows, constant.tolist()),
        confidence=0.8,
    )


def dependent_columns(case: Case) -> Iterator[Finding]:
    """Yield a finding for columns that equal others, and one for columns that are combinations of others.

    Parameters
    ----------
    case : Case
        The run.

    Yields
    ------
    Finding
        One of each name at most.
    """
    rows = case.rows
    if rows is None or isinstance(case.run, TableFitLike) or rows.kind not in ("linear", "network"):
        return
    columns = rows.X.shape[1]
    # Counts and pixels that are nearly always 0 may agree by chance.
    if not 1 < columns <= MOST_COLUMNS or columns >= len(rows.y) - 1 or not np.isfinite(rows.X).all():
        return
    relations = relations_of(rows.moments.correlation)
    if rows.X.shape[1] >= SEVERAL and np.mean(rows.X[rows.few] == 0) >= MOSTLY_ZERO and rows.is_penalised:
        return
    twins = [each for each in relations if each.whole == 1 and len(each.others) == 1]
    combined = [each for each in relations if each not in twins]
    if rows.kind == "network" or rows.is_penalised:
        # A network and a penalty choose between nearly equal columns; equal ones are still a mistake.
        combined = []
    # If the descent did not arrive, dependent columns are the likely reason: they make the loss flat.
    sure = 0.8 if case.outcome.success else 0.9
    if rows.kind == "network":
        sure = 0.7
    if twins:
        first = twins[0]
        words = [_twin(rows, each) for each in twins[:3]]
        yield Finding(
            "warning",
            "duplicated column",
            f"{_upper(listed(words))}, so the two tell the same, and their coefficients can't be told apart.",
            f"Leave {rows.names[first.column] if len(twins) == 1 else 'one of each pair'} out.",
            "Measured in the rows.",
            without_columns(case, rows, [each.column for each in twins]),
            picture="EffectsDisplay" if rows.kind == "linear" else "",
            confidence=sure + 0.02,
        )
    if combined:
        worst = max(combined, key=lambda each: each.whole)
        text, evidence = _combination(rows, worst)
        yield Finding(
            "warning",
            "collinear columns",
            f"{text}, so many coefficients fit equally well.",
            "Leave it out, or add a penalty, such as st.penalties.L2(1e-3).",
            evidence,
            without_columns(case, rows, [each.column for each in combined]),
            "EffectsDisplay",
            sure,
        )


def _twin(rows: RowsAtHand, relation: Relation) -> str:
    one, two = relation.column, relation.others[0]
    if np.array_equal(rows.X[:, one], rows.X[:, two]):
        return f"{rows.names[one]} equals {rows.names[two]}"
    return f"{rows.names[one]} is {rows.names[two]} in other units"


def _combination(rows: RowsAtHand, relation: Relation) -> tuple[str, str]:
    """Return a relation in words, and further numbers."""
    name, others = rows.names[relation.column], [rows.names[k] for k in relation.others]
    if relation.whole == 1:
        spread = rows.moments.deviation
        slopes = relation.coefficients * spread[relation.column] / spread[relation.others]
        if len(others) > MOST_TERMS:
            return f"{_upper(name)} is a sum of multiples of {listed(others)}", "Measured in the rows."
        terms = [f"{slope:.6g} × {other}" for slope, other in zip(slopes, others, strict=True)]
        formula = " + ".join(terms).replace("+ -", "- ").replace("1 × ", "1 × ")
        return (
            f"{_upper(name)} is a combination of {listed(others)}",
            f"In the rows {name} = {formula}, up to a constant.",
        )
    inflation = 1 / max(1 - relation.whole, 1e-16)
    text = f"{_upper(name)} is nearly determined by {listed(others)}"
    return text, f"The variance of its coefficient is {shown(inflation)} times what it would be alone."


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:] if text.startswith("column ") else text
