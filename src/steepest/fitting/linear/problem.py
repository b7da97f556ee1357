"""A linear model as a problem for a solver: its objective and its certificate."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from steepest.data.sparse.csr import is_sparse
from steepest.derivatives.objective import Objective
from steepest.derivatives.structure import Calling
from steepest.fitting.limits import PROXIMAL_NEWTON
from steepest.fitting.linear.certificates.base import LinearCertifier
from steepest.fitting.linear.certificates.box import BoxCertifier, Edges
from steepest.fitting.linear.certificates.l1 import L1Certifier
from steepest.fitting.linear.certificates.smooth import Certifier
from steepest.fitting.linear.objective import direct
from steepest.fitting.linear.remarks import remark
from steepest.fitting.linear.spec import LinearSpec
from steepest.fitting.objective import ArrangedRows, objective_of
from steepest.fitting.result import Fit
from steepest.models.losses import Kinked, Loss
from steepest.models.penalties import kink_of
from steepest.printable import quoted


@dataclass(frozen=True)
class LinearProblem(LinearSpec):
    """A linear model on its rows, with its objective and its certificate."""

    def objective(self, rows: ArrangedRows, seed: int) -> tuple[Objective, Calling]:
        """Return the objective, and how its parameters are laid out."""
        objective, calling = direct(self, rows, seed) or self.traced_whole(rows, seed)
        loss_is_smooth = self.loss.curved if isinstance(self.loss, Loss) else True
        objective.smooth = loss_is_smooth and not kink_of(self.user_penalty) and self.bounds is None
        objective.baseline, objective.lowest = self.value_at_mean, self.lowest
        objective.rows_precision = float(np.finfo(np.result_type(self.X.dtype, np.float16)).eps)
        return objective, calling

    def traced_whole(self, rows: ArrangedRows, seed: int) -> tuple[Objective, Calling]:
        """Return the objective traced as a whole, for a loss or a penalty that can't be traced apart from the rows."""
        if is_sparse(self.X):
            kind = "loss" if not isinstance(self.loss, Loss) else "penalty"
            raise ValueError(
                f"sparse rows need a {kind} that can be traced, and this one can't be: "
                f"use a {kind} of the library, or give X.toarray()"
            )
        return objective_of(self.total(), self.penalty(), self.start, rows, seed)

    def certifier(self, objective: Objective, rows: ArrangedRows) -> LinearCertifier | None:
        """Return the certificate; None if the objective is not convex, or is read in batches."""
        if not (self.is_convex and objective.compiled and rows.layout.batches == 1):
            return None
        glm = self.smoothed(objective.arrays["direct"].glm)
        if glm.smoothing is not None and glm.loss.least_smoothing:
            glm = replace(glm, smoothing=np.asarray(glm.loss.least_smoothing, float))
        if self.bounds is not None:
            if self.rescale == "whiten":
                return None
            scale = self.constant_loss - float(glm.lowest)
            return BoxCertifier(glm, self.edges, self.coordinates, self.recession, scale)
        if not kink_of(self.user_penalty):
            return Certifier(glm, self.coordinates, self.recession)
        if self.rescale == "whiten":
            return None
        return L1Certifier(glm, self.kinks, self.coordinates, self.recession)

    @property
    def edges(self) -> Edges:
        """The bounds in the coordinates of the descent, with the slope of an L1 penalty between them."""
        assert self.box is not None
        return Edges(self.box, np.where(self.box.low >= 0, 1.0, -1.0) * self.kinks)

    def check_width(self) -> None:
        """Raise ValueError if an L1 penalty needs proximal Newton, but has too many coefficients for that method."""
        assert isinstance(self.loss, Loss)
        if len(self.kinks) <= PROXIMAL_NEWTON or not (isinstance(self.loss, Kinked) or self.outputs):
            return
        most = PROXIMAL_NEWTON // max(self.outputs, 1) - 1
        kind = f" with {self.outputs} classes" if self.outputs else ", which has kinks of its own,"
        raise ValueError(
            f"penalty={quoted(self.user_penalty)}: the {self.loss.name} loss{kind} supports it with at most {most:,} "
            f"columns, and X has {self.X.shape[1]:,}: use penalties.L2"
        )

    def annotate(self, fitted: Fit, y: np.ndarray, weight: np.ndarray) -> None:
        """Add warnings about the data to the trace."""
        remark(self, fitted, y, weight)
