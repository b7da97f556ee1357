"""What is suspicious in a table and its fit: each file here finds one kind, and adds its function to `FINDERS`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from steepest.finding import Finding
from steepest.tabular.warnings.distribution.differing import dependent_rows, differing_parts
from steepest.tabular.warnings.distribution.skewed import skewed_target
from steepest.tabular.warnings.fitted import FittedTable


def warnings_of(fitted: FittedTable) -> list[Finding]:
    """Return what is suspicious in a table and its fit, in the order of `FINDERS`.

    Parameters
    ----------
    fitted : FittedTable
        The table and the fit.

    Returns
    -------
    list of Finding
        The findings; empty if nothing is suspicious.
    """
    return [finding for finder in FINDERS for finding in finder(fitted)]


FINDERS: tuple[Callable[[FittedTable], Iterable[Finding]], ...] = (skewed_target, dependent_rows, differing_parts)
