"""More columns than rows: then many coefficients fit the training rows, and most of them predict nothing."""

from __future__ import annotations

from collections.abc import Iterator

from steepest.finding import Finding
from steepest.models import Network
from steepest.tabular.method import has_coefficients
from steepest.tabular.reading.arrow import counted
from steepest.tabular.warnings.fitted import FittedTable

# With fewer training rows than this for each column, least squares without a penalty fits more than half of the noise.
FEWEST = 2
CURE = "Keep a penalty on, give more rows, or name the columns that matter: features=[…] (--features …)."


def more_columns_than_rows(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a finding if the matrix has more columns than rows, or nearly so.

    Parameters
    ----------
    fitted : FittedTable
        The table and its fit.

    Yields
    ------
    Finding
        One at most.
    """
    if not (has_coefficients(fitted.fit.model) or isinstance(fitted.fit.model, Network)):  # type: ignore[arg-type]
        return
    rows, columns = fitted.matrix.shape
    table = len(fitted.parts)
    became = "" if columns == table else f" ({counted(table, 'column')} of the table)"
    if columns >= rows:
        text = f"{counted(columns, 'column')}{became}, and {counted(rows, 'row')} to learn from: many coefficients fit"
        yield Finding("warning", "more columns than rows", f"{text} the training rows exactly.", CURE)
    elif rows < FEWEST * columns:
        text = f"{counted(rows, 'row')} to learn from tell little of {counted(columns, 'coefficient')}{became}."
        yield Finding("warning", f"fewer than {FEWEST} rows for each column", text, CURE)
