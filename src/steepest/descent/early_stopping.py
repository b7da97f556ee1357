"""Early stopping: the loss on validation rows, and the epoch at which it was least."""

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
    """The loss on the validation rows at a point of the loop, and for how many epochs it may fail to fall."""

    loss: Callable[[np.ndarray], float]
    patience: int


@dataclass(frozen=True)
class BestEpoch:
    """The epoch with the least validation loss so far; files hold the fields by these names.

    Attributes
    ----------
    loss : float
        The validation loss there.
    epoch : int
        Its number; 0 is the start.
    value : float
        The value that is minimised there.
    x : array or None
        The point; None if no validation loss was finite.
    unseen : int
        How many epochs had a validation loss that was not finite.
    """

    loss: float = math.inf
    epoch: int = 0
    value: float = math.nan
    x: np.ndarray | None = None
    unseen: int = 0

    def or_better(self, loss: float, epoch: int, value: float, x: np.ndarray) -> BestEpoch:
        """Return the better of this epoch and another; one without a finite loss is only counted."""
        if not math.isfinite(loss):
            return replace(self, unseen=self.unseen + 1)
        return BestEpoch(loss, epoch, value, x.copy(), self.unseen) if loss < self.loss else self

    def answer(self, status: Status) -> tuple[np.ndarray, float]:
        """Return the best point with its value: the one of the least value if no validation loss was finite."""
        return (status.best_x.copy(), status.best_value) if self.x is None else (self.x, self.value)

    def ending(self, ending: Ending, last: int) -> Ending:
        """Return how a descent of `last` epochs ended, if its answer is the point of the best epoch.

        It claims nothing of the best epoch that is known only of the last one.
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
            # The start is no answer: it may be worse than any guess.
            return Ending(Outcome.DIVERGED, f"the validation loss rose from the start on: {facts}")
        return Ending(outcome, facts, Certificate())
