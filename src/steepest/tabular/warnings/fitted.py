"""What the finders of warnings look at: a table and its fit."""

from __future__ import annotations

from dataclasses import dataclass

from steepest.fitting.result import Fit
from steepest.models.losses import Loss
from steepest.tabular.prepare import Prepared
from steepest.tabular.scale.log_target import LogTarget


@dataclass(frozen=True, eq=False)
class FittedTable:
    """What the finders look at.

    Parameters
    ----------
    ready : Prepared
        The rows as numbers, and how the columns became numbers. The target is as it was fitted.
    target : str
        The column to predict.
    loss : Loss
        The loss that was minimised.
    fit : Fit
        The fit to the training rows.
    log_target : LogTarget or None
        The way back to the target, if it was fitted as its logarithm.
    """

    ready: Prepared
    target: str
    loss: Loss
    fit: Fit
    log_target: LogTarget | None = None
