"""Logarithms whose residuals scatter unevenly, so that one factor does not map all means back."""

from __future__ import annotations

from collections.abc import Iterator

from steepest.finding import Finding
from steepest.tabular.warnings.fitted import FittedTable


def uneven_scatter(fitted: FittedTable) -> Iterator[Finding]:
    """Yield a warning if the residuals of a logarithm scatter more where predictions are larger, or smaller.

    Parameters
    ----------
    fitted : FittedTable
        The table and the fit.

    Yields
    ------
    Finding
        The warning.
    """
    scale = fitted.log_target
    if scale is None or not scale.is_uneven:
        return
    where, of_large, of_small = ("larger", "low", "high") if scale.drift > 0 else ("smaller", "high", "low")
    yield Finding(
        "warning",
        "uneven scatter",
        f"The logarithm of {fitted.target} scatters more where predictions are {where}: the sizes of the residuals "
        f"have a rank correlation of {scale.drift:.2f} with the predictions. One smearing factor serves all rows, so "
        f"large predictions tend to be too {of_large}, and small ones too {of_small}.",
        "Compare with loss='gamma' (--loss gamma) in place of log_target=True, which fits the mean itself.",
    )
