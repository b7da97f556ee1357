"""The accuracy asked of a run, the evidence about a point, and whether the evidence meets the accuracy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steepest.descent.budget import Budget
from steepest.descent.loop.bound import Bound
from steepest.descent.verdict.audit import Audit
from steepest.descent.verdict.evaluator import Evaluator
from steepest.descent.view import View
from steepest.trace import Certificate


@dataclass(frozen=True)
class Evidence:
    """The evidence about a point, in the same form from a proven bound and from an audit.

    Attributes
    ----------
    kind : {"certified", "audited"}
        Whether the gap is proven or comes from the Hessian.
    gap : float
        How far f may be above the minimum.
    gain : float
        The gain that may be left for the next step: the proven gap, or Newton's decrement.
    floor : float
        The rounding error of the value: a smaller gain can't be distinguished from 0.
    unknown_gain : float
        The gain along directions whose curvature is not known.
    error : tuple of float
        How far each parameter may lie from the minimiser; empty if that is not known.
    curvature : tuple of float
        The smallest and the largest eigenvalue of the Hessian; empty if none was computed.
    """

    kind: str
    gap: float
    gain: float
    floor: float
    unknown_gain: float = 0.0
    error: tuple[float, ...] = ()
    curvature: tuple[float, ...] = ()

    @classmethod
    def of_bound(cls, bound: Bound) -> Evidence:
        """Return a proven bound as evidence, without a curvature."""
        error = () if bound.x_error is None else tuple(bound.x_error.tolist())
        return cls("certified", bound.gap, bound.gap, bound.floor, error=error)

    @classmethod
    def of_audit(cls, audit: Audit, exact: bool) -> Evidence:
        """Return an audit as evidence; `exact` means that f is quadratic, so that the Hessian is a proof."""
        kind = "certified" if exact else "audited"
        return cls(kind, audit.gap, audit.decrement, audit.floor, audit.unknown_gain, audit.error, audit.curvature)


@dataclass(frozen=True)
class Goal:
    """The accuracy asked of a run, compared with evidence about the best point so far."""

    budget: Budget
    view: View
    evaluator: Evaluator

    @property
    def asked(self) -> float:
        """The gap asked for: 0 if no tolerance was given, infinite if only x or the gradient must be accurate."""
        status, accuracy = self.evaluator.solver.status, self.budget.accuracy
        best = status.best_value
        by_descent = self.budget.tolerance * self.evaluator.solver.objective.scale(status.first_value, best)
        if not accuracy:
            return by_descent
        by_value = accuracy.value * abs(best) if math.isfinite(accuracy.value) else math.inf
        return min(by_descent or math.inf, by_value)

    def certificate(self, evidence: Evidence) -> Certificate:
        """Return the certificate that follows from evidence, with the largest gap that is allowed."""
        gap = evidence.gap
        # Without curvature the gap exceeds the gain by an amount that no step can reduce: allow that amount.
        asked = max(self.asked if math.isfinite(self.asked) else gap, evidence.floor, gap - evidence.gain)
        return Certificate(evidence.kind, gap, asked, evidence.curvature, evidence.error)

    def knows_nothing(self, certificate: Certificate) -> bool:
        """Tell whether an audit leaves open more than the run has gained, and points farther than x is large."""
        status, x = self.evaluator.solver.status, self.evaluator.best
        gained = max(status.first_value - status.best_value, abs(status.best_value))
        vague = certificate.kind == "audited" and certificate.gap > max(gained, self.asked) and gained > 0
        return vague and bool(np.any(np.array(certificate.x_error) > self.evaluator.size(x)))

    def convinces(self, audit: Audit) -> bool:
        """Tell whether the gap, less the part from errors of the gradient, is as small as at a minimum."""
        gap = audit.gap - audit.hidden_gain
        return gap <= max(self.asked, audit.floor) or self.evaluator.is_small(gap)

    def missed(self, error: tuple[float, ...] = ()) -> str:
        """Return in words which accuracy the best point misses; "" if it misses none.

        `error` is how far each parameter may lie from the minimiser, if that is known.
        """
        accuracy = self.budget.accuracy
        if not accuracy:
            return ""
        gradient = np.zeros(0)
        if math.isfinite(accuracy.gradient):
            x, box = self.evaluator.best, self.evaluator.solver.box
            gradient = self.evaluator.grad(x)
            # A slope that only presses against an edge does not count.
            domain = self.evaluator.solver.objective.region or box
            gradient = self.view.slope(gradient if domain is None else domain.free(x, gradient))
        return accuracy.missed(self.view.errors(error), gradient)
