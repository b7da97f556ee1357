"""Early stopping: the loss on rows that are not learnt from, and the epoch at which it was least."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from steepest.descent.ending import Ending
from steepest.descent.loop.solver import Status
from steepest.trace import Certificate, Outcome


@dataclass(frozen=True)
class EarlyStopping:
    """The loss on rows that are not learnt from, at a point of the loop's, and for how many epochs it may not fall."""

    loss: Callable[[np.ndarray], float]
    patience: int


@dataclass(frozen=True)
class BestEpoch:
    """The epoch with the least validation loss so far: that loss, the point, and the value that is descended there.

    `unseen` counts the epochs at which the loss was not finite.
    """

    loss: float = math.inf
    epoch: int = 0
    value: float = math.nan
    x: np.ndarray | None = None
    unseen: int = 0

    def beside(self, loss: float, epoch: int, value: float, x: np.ndarray) -> BestEpoch:
        """Return the better of this epoch and another; a loss that is not finite is none."""
        if not math.isfinite(loss):
            return replace(self, unseen=self.unseen + 1)
        return BestEpoch(loss, epoch, value, x.copy(), self.unseen) if loss < self.loss else self

    def among(self, status: Status) -> tuple[np.ndarray, float]:
        """Return the best point with its value: that with the least value where no validation loss was finite."""
        return (np.array(status.best_x), status.best_value) if self.x is None else (self.x, self.value)

    def told(self, ending: Ending, last: int) -> Ending:
        """Return how a descent of so many epochs ended whose answer is that of the best one.

        What holds where it ended, and not where its best epoch was, is not said of the answer.
        """
        facts = ending.facts
        if self.unseen:
            facts += f"; the validation loss was not finite at {self.unseen:,} epoch{'s' * (self.unseen != 1)}"
        if self.x is None:
            return replace(ending, facts=f"{facts}: these are the parameters of the least loss")
        facts += f"; validation loss least at epoch {self.epoch:,} of {last:,}, whose parameters these are"
        if self.epoch == last:
            return replace(ending, facts=facts)
        ended, outcome = f"at epoch {last:,} the descent had ended, {ending.outcome}: {facts}", ending.outcome
        if outcome is Outcome.NO_FINITE_OPTIMUM and self.epoch:
            return Ending(Outcome.COMPLETED, ended)
        if outcome is Outcome.CONVERGED:
            outcome, facts = Outcome.COMPLETED, ended
        if outcome is Outcome.COMPLETED and not self.epoch:
            # The start may be worse than any guess.
            return Ending(Outcome.DIVERGED, f"the validation loss rose from the start on: {facts}")
        return Ending(outcome, facts, Certificate())
