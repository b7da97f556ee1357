"""What is suspicious in a table and its fit: each file here finds one kind, and adds its function to `FINDERS`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from steepest.finding import Finding
from steepest.fitting.result import Fit
from steepest.models.losses import Loss
from steepest.tabular.prepare import Prepared


@dataclass(frozen=True, eq=False)
class FittedTable:
    """What the finders look at.

    Parameters
    ----------
    ready : Prepared
        The rows as numbers, and how the columns became numbers.
    target : str
        The column to predict.
    loss : Loss
        The loss that was minimised.
    fit : Fit
        The fit to the training rows.
    """

    ready: Prepared
    target: str
    loss: Loss
    fit: Fit


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


FINDERS: tuple[Callable[[FittedTable], Iterable[Finding]], ...] = ()
