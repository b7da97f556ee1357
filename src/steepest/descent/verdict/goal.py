"""The accuracy that a run was asked for, what is known of a point, and whether the one meets the other."""

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
    """What is known of a point: all that a verdict reads from a proven bound and from an audit alike.

    Attributes
    ----------
    kind : {"certified", "audited"}
        Whether the gap is proven or comes from the Hessian.
    gap : float
        How far f may be above the minimum.
    gain : float
        What the next step may gain: the proven gap, or Newton's decrement.
    floor : float
        How far rounding may move the value: a smaller gain can't be told from none.
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
        """Return what a proven bound says; a proof knows no curvature."""
        error = () if bound.x_error is None else tuple(bound.x_error.tolist())
        return cls("certified", bound.gap, bound.gap, bound.floor, error=error)

    @classmethod
    def of_audit(cls, audit: Audit, exact: bool) -> Evidence:
        """Return what the Hessian says; `exact` if f is quadratic, so that the Hessian proves the minimum."""
        kind = "certified" if exact else "audited"
        return cls(kind, audit.gap, audit.decrement, audit.floor, audit.unknown_gain, audit.error, audit.curvature)


@dataclass(frozen=True)
class Goal:
    """The accuracy that a run was asked for, as values of the function at its best point so far."""

    budget: Budget
    view: View
    evaluator: Evaluator

    @property
    def asked(self) -> float:
        """How far f may be above the minimum; 0 for rounding, infinite if only x or the gradient must be accurate."""
        status, accuracy = self.evaluator.solver.status, self.budget.accuracy
        best = status.best_value
        by_descent = self.budget.tolerance * self.evaluator.solver.objective.scale(status.first_value, best)
        if not accuracy:
            return by_descent
        by_value = accuracy.value * abs(best) if math.isfinite(accuracy.value) else math.inf
        return min(by_descent or math.inf, by_value)

    def certificate(self, evidence: Evidence) -> Certificate:
        """Return the certificate of a point, with the gap that is allowed there."""
        gap = evidence.gap
        # Where the curvature vanishes, the gap is wider than the gain, and no step narrows it.
        asked = max(self.asked if math.isfinite(self.asked) else gap, evidence.floor, gap - evidence.gain)
        return Certificate(evidence.kind, gap, asked, evidence.curvature, evidence.error)

    def convinces(self, audit: Audit) -> bool:
        """Tell whether the gap, without the part that rounding of the gradient adds, is as small as at a minimum."""
        gap = audit.gap - audit.hidden_gain
        return gap <= max(self.asked, audit.floor) or self.evaluator.is_small(gap)

    def missed(self, error: tuple[float, ...] = ()) -> str:
        """Return which accuracy the best point misses, as the end of a sentence; empty if it misses none.

        `error` is how far each parameter may lie from the minimiser, if that is known.
        """
        accuracy = self.budget.accuracy
        if not accuracy:
            return ""
        gradient = np.zeros(0)
        if math.isfinite(accuracy.gradient):
            x, box = self.evaluator.best, self.evaluator.solver.box
            gradient = self.evaluator.grad(x)
            # A slope that only presses against an edge of the box does not count.
            gradient = self.view.slope(gradient if box is None else gradient * ~box.held(x, gradient))
        return accuracy.missed(error, gradient)
