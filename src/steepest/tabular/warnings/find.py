"""What is suspicious in a table and its fit: each file here finds one kind, and adds its function to `FINDERS`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from steepest.finding import Finding
from steepest.tabular.warnings.answer import few_numbers, rare_class
from steepest.tabular.warnings.collinear import adds_up_to_target, collinear_columns
from steepest.tabular.warnings.distribution.differing import dependent_rows, differing_parts
from steepest.tabular.warnings.distribution.missing import mostly_missing, rows_without_a_target
from steepest.tabular.warnings.distribution.nothing import nothing_learned
from steepest.tabular.warnings.distribution.share import large_held_out_part
from steepest.tabular.warnings.distribution.skewed import skewed_target
from steepest.tabular.warnings.distribution.uneven import uneven_scatter
from steepest.tabular.warnings.fitted import FittedTable
from steepest.tabular.warnings.giveaways import giveaways
from steepest.tabular.warnings.influence import rows_that_own_the_fit
from steepest.tabular.warnings.rare import levels_seen_once, nearly_constant
from steepest.tabular.warnings.size import more_columns_than_rows
from steepest.tabular.warnings.unused import ids_as_numbers, left_out_columns


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


# What spoils the score comes first, then what spoils the fit, then the rest.
FINDERS: tuple[Callable[[FittedTable], Iterable[Finding]], ...] = (
    giveaways,
    adds_up_to_target,
    dependent_rows,
    large_held_out_part,
    differing_parts,
    few_numbers,
    nothing_learned,
    more_columns_than_rows,
    rows_that_own_the_fit,
    collinear_columns,
    skewed_target,
    uneven_scatter,
    rare_class,
    nearly_constant,
    mostly_missing,
    rows_without_a_target,
    levels_seen_once,
    ids_as_numbers,
    left_out_columns,
)
