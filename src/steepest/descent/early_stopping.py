"""Early stopping by the loss on validation rows, and the epoch with the least validation loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from steepest.descent.ending import Ending
from steepest.descent.loop.solver import Status
from steepest.trace import Certificate, Outcome

# Validation losses that differ by at most this share are equal but for rounding. Chosen, not measured.
EQUAL = 1e-12


@dataclass(frozen=True)
class EarlyStopping:
    """The validation loss as a function of the point, and after how many epochs without a lower loss to stop."""

    loss: Callable[[np.ndarray], float]
    patience: int


@dataclass(frozen=True)
class BestEpoch:
    """The epoch with the least validation loss so far; files store the fields under these names.

    Attributes
    ----------
    loss : float
        The least validation loss.
    epoch : int
        The number of that epoch; 0 is the start.
    value : float
        The value of the minimised function at that epoch.
    x : array or None
        The point at that epoch; None if no validation loss was finite.
    unseen : int
        The number of epochs whose validation loss was not finite.
    """

    loss: float = math.inf
    epoch: int = 0
    value: float = math.nan
    x: np.ndarray | None = None
    unseen: int = 0

    def or_better(self, loss: float, epoch: int, value: float, x: np.ndarray) -> BestEpoch:
        """Return the better of this epoch and another; an epoch whose loss is not finite is only counted."""
        if not math.isfinite(loss):
            return replace(self, unseen=self.unseen + 1)
        return BestEpoch(loss, epoch, value, x.copy(), self.unseen) if loss < self.loss else self

    def or_converged(self, loss: float, epoch: int, value: float, x: np.ndarray) -> BestEpoch:
        """Return the epoch at which the descent converged, if no epoch was better by more than rounding; else this one.

        Near its end a descent changes the loss by rounding alone, and chance must not decide what the fit may claim.
        """
        is_equal = self.x is not None and loss <= self.loss + EQUAL * abs(self.loss)
        return BestEpoch(loss, epoch, value, x.copy(), self.unseen) if is_equal else self

    def answer(self, status: Status) -> tuple[np.ndarray, float]:
        """Return the point and value of the best epoch; if no validation loss was finite, the point of least value."""
        return (status.best_x.copy(), status.best_value) if self.x is None else (self.x, self.value)

    def ending(self, ending: Ending, last: int) -> Ending:
        """Return the ending of a descent of `last` epochs whose answer is the point of the best epoch.

        Facts about the last epoch, such as convergence, are not claimed for an earlier best epoch.
        """
        facts = ending.facts
        if self.unseen:
            facts += f"; the validation loss was not finite at {self.unseen:,} epoch{'s' * (self.unseen != 1)}"
        if self.x is None:
            return replace(ending, facts=f"{facts}: these are the parameters of the least loss")
        facts += f"; validation loss least at epoch {self.epoch:,} of {last:,}, whose parameters these are"
        if self.epoch == last:
            return replace(ending, facts=facts)
        ended, outcome = f"the descent ended at epoch {last:,}, {ending.outcome}: {facts}", ending.outcome
        if outcome is Outcome.NO_FINITE_OPTIMUM and self.epoch:
            return Ending(Outcome.COMPLETED, ended)
        if outcome is Outcome.CONVERGED:
            outcome, facts = Outcome.COMPLETED, ended
        if outcome is Outcome.COMPLETED and not self.epoch:
            # No epoch was better than the start, which may be worse than any guess: the run is no success.
            return Ending(Outcome.DIVERGED, f"the validation loss rose from the start on: {facts}")
        return Ending(outcome, facts, Certificate())
