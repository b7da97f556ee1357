"""A linear model as a problem for the loop: its objective and its certificate."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from steepest.data.sparse.csr import is_sparse
from steepest.derivatives.objective import Objective
from steepest.derivatives.structure import Calling
from steepest.fitting.limits import PROXIMAL_NEWTON
from steepest.fitting.linear.certificates.base import LinearCertifier
from steepest.fitting.linear.certificates.l1 import L1Certifier
from steepest.fitting.linear.certificates.smooth import Certifier
from steepest.fitting.linear.objective import direct
from steepest.fitting.linear.remarks import remark
from steepest.fitting.linear.spec import LinearSpec
from steepest.fitting.objective import ArrangedRows, objective_of
from steepest.fitting.result import Fit
from steepest.models.losses import Kinked, Loss
from steepest.models.penalties import kink_of


@dataclass(frozen=True)
class LinearProblem(LinearSpec):
    """A linear model on its rows, with what descends on it."""

    def objective(self, rows: ArrangedRows, seed: int) -> tuple[Objective, Calling]:
        """Return the objective, and how its parameters are laid out."""
        objective, calling = direct(self, rows, seed) or self.traced_whole(rows, seed)
        loss_is_smooth = self.loss.curved if isinstance(self.loss, Loss) else True
        objective.smooth = loss_is_smooth and not kink_of(self.user_penalty)
        objective.baseline, objective.lowest = self.value_at_mean, self.lowest
        return objective, calling

    def traced_whole(self, rows: ArrangedRows, seed: int) -> tuple[Objective, Calling]:
        """Return the objective traced with its rows, for a loss or a penalty that products do not serve."""
        if is_sparse(self.X):
            kind = "loss" if not isinstance(self.loss, Loss) else "penalty"
            raise ValueError(
                f"the {kind} given can't be traced, which sparse rows need: take a named one, or give X.toarray()"
            )
        return objective_of(self.total(), self.penalty(), self.start, rows, seed)

    def certifier(self, objective: Objective, rows: ArrangedRows) -> LinearCertifier | None:
        """Return the certificate of a convex objective over all rows; None if it is not one."""
        if not (self.is_convex and objective.compiled and rows.layout.batches == 1):
            return None
        glm = self.smoothed(objective.arrays["direct"].glm)
        if glm.smoothing is not None and glm.loss.least_smoothing:
            glm = replace(glm, smoothing=np.asarray(glm.loss.least_smoothing, float))
        if not kink_of(self.user_penalty):
            return Certifier(glm, self.coordinates, self.recession)
        if self.rescale == "whiten":
            return None
        return L1Certifier(glm, self.kinks, self.coordinates, self.recession)

    def check_width(self) -> None:
        """Refuse an L1 penalty of more coefficients than proximal Newton takes, where no other solver serves it."""
        assert isinstance(self.loss, Loss)
        if len(self.kinks) <= PROXIMAL_NEWTON or not (isinstance(self.loss, Kinked) or self.outputs):
            return
        most = PROXIMAL_NEWTON // max(self.outputs, 1) - 1
        what = f" with {self.outputs} classes" if self.outputs else ", which has kinks of its own,"
        raise ValueError(
            f"penalty={self.user_penalty!r}: the {self.loss.name} loss{what} takes it with {most:,} "
            f"columns at the most, and X has {self.X.shape[1]:,}: take penalties.L2"
        )

    def annotate(self, fitted: Fit, y: np.ndarray, weight: np.ndarray) -> None:
        """Say what the user should know of the data."""
        remark(self, fitted, y, weight)
