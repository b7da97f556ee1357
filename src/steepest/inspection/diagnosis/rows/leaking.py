"""A column that tells the target: it is a copy of it, or of what is only known afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import f as fisher

from steepest.finding import Finding
from steepest.inspection.diagnosis.at_hand import RowsAtHand
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.rows.cures import without_columns
from steepest.inspection.protocol import TableFitLike
from steepest.statistics.closeness import CHANCE, of_classes, of_numbers

MOST_COLUMNS = 500
# A column of large numbers may be nearly all of a sum of which the others are the rest. If these explain so much of
# what the column leaves, it is a term of the sum, and no copy.
REST = 0.5


def leaking_columns(case: Case) -> Iterator[Finding]:
    """Yield a finding if one of several columns equals the target, or nearly determines it alone.

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
    if rows is None or isinstance(case.run, TableFitLike) or not 1 < rows.X.shape[1] <= MOST_COLUMNS:
        return
    found = [(k, told) for k in range(rows.X.shape[1]) if (told := _told(rows, k))]
    if not found:
        return
    names = [rows.names[k] for k, _ in found]
    exact = any(told.startswith(("equals", "determines")) for _, told in found)
    yield Finding(
        "warning",
        "leaking column",
        f"{names[0][:1].upper() + names[0][1:]} {found[0][1]}, so it may be known only when the target is.",
        f"If {names[0]} is not known before the target is, leave it out.",
        f"So do {', '.join(names[1:4])}." if len(names) > 1 else "Measured in the rows.",
        without_columns(case, rows, [k for k, _ in found]),
        "FitDisplay",
        # A measurement with a threshold may simply separate the classes.
        0.7 if "each range" in found[0][1] else 0.95 if exact else 0.8,
    )


def _told(rows: RowsAtHand, k: int) -> str:
    """Return how a column determines the target; "" if it does not."""
    few, columns = rows.few, rows.X.shape[1]
    x, y = np.asarray(rows.X[few, k], dtype=float), rows.y[few]
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < 8 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return ""
    if rows.has_classes:
        return of_classes(x, y.astype(int), "the target", columns, texts=False)
    told = of_numbers(x, y, rows.names[k], "the target", columns)
    return "" if told and _is_a_term(rows, k, few[known], x, y) else told


def _is_a_term(rows: RowsAtHand, k: int, some: np.ndarray, x: np.ndarray, y: np.ndarray) -> bool:
    """Return whether the other columns explain what a straight line in one column leaves of the target."""
    line = np.column_stack([np.ones(len(x)), x])
    rest = y - line @ np.linalg.lstsq(line, y)[0]
    if not float(rest @ rest) > 1e-12 * float(((y - y.mean()) ** 2).sum()):
        return False
    others = np.nan_to_num(np.delete(rows.X[some], k, axis=1))
    scale = others.std(axis=0)
    others = np.column_stack([line, (others - others.mean(axis=0)) / np.where(scale > 0, scale, 1)])
    if others.shape[1] >= len(x) - 2:
        return False
    solved, _, rank, _ = np.linalg.lstsq(others, rest)
    left = rest - others @ solved
    explained = 1 - float(left @ left) / float(rest @ rest)
    freedom, more = len(x) - rank, max(int(rank) - 2, 1)
    ratio = explained / max(1 - explained, 1e-16) * freedom / more
    return explained >= REST and fisher.sf(ratio, more, freedom) < CHANCE
