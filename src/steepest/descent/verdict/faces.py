"""The verdict within convex sets: by the Hessian along the face of a point, and by the Frank–Wolfe gap."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from steepest.derivatives.differences import EPS, scale_of
from steepest.derivatives.higher import hessian_product
from steepest.descent.ending import Ending
from steepest.descent.loop.state import STALLED
from steepest.descent.verdict.audit import LARGEST_AUDIT, ROUNDINGS, SADDLED, SURE
from steepest.descent.verdict.escape import along_line, along_ray
from steepest.descent.verdict.evaluator import Evaluator
from steepest.descent.verdict.goal import Goal
from steepest.descent.verdict.guide import Guide
from steepest.descent.verdict.plateau import described
from steepest.descent.verdict.wording import Wording, left_in_words, with_rounding
from steepest.sets.base import SLACK
from steepest.sets.curve import Curve
from steepest.sets.region import Region
from steepest.trace import Certificate, Outcome

# The most Newton steps of one verdict, and the share of the gradient that each may leave, unless it gains
# the last share of what the Hessian predicts. Chosen, not measured.
MOST_STEPS, SHRUNK, ENOUGH = 12, 0.5, 0.1
# The most products with the Hessian of a large problem, and the share of the gradient that conjugate gradients leave.
# Once they have left the second share, a curvature that is not positive is a rounding error. Chosen, not measured.
MOST_PRODUCTS, SOLVED, MOSTLY_SOLVED = 200, 1e-8, 1e-3
# Differences of gradients take this step, as a share of the size of the point: the cube root of the rounding error. A
# curve shorter than SHORT times that size is left out: rounding errors would hide the curvature.
STEP, SHORT = EPS ** (1 / 3), 1e-10
# If the least curvature is below this share of the largest, differences of gradients may not show it: their errors are
# some 1e-10 of the largest. Chosen, not measured.
COARSE = 1e-7
# A direction into the set leads nowhere at first order if the slope along it is below this share of the gradient.
FAINT = 1e-7
# The first probe of n variables comes after PATIENCE · (n + 10) iterations, as that of other descents.
PATIENCE = 4
# The factor of the estimated errors of differences. Chosen, not measured: a smaller one calls answers stalled.
SAFETY = 4.0
# The most such directions that values of f are tried along. Chosen, not measured: each costs some values.
MOST_FAINT = 20


@dataclass(frozen=True)
class FaceAudit:
    """The curvature of f along the face of a point, with that of the edge added.

    Attributes
    ----------
    step : array
        Newton's step along the face, with the sign of negative curvatures changed.
    decrement : float
        Its gain.
    curvature : tuple of float
        The extreme curvatures along the face; empty in a corner.
    escape : array or None
        The direction of the lowest curvature, if it is negative by more than its error.
    error : array
        How far each coordinate may be from the minimiser: the step, and what errors of the gradient may hide.
    hidden : float
        How much more than the decrement may be gained, as errors of the gradient hide it.
    """

    step: np.ndarray
    decrement: float
    curvature: tuple[float, ...]
    escape: np.ndarray | None
    error: np.ndarray
    hidden: float = 0.0

    @property
    def is_flat(self) -> bool:
        """Whether there is neither slope nor curvature along the face."""
        return bool(self.curvature) and not any(self.curvature) and self.decrement == 0


class Faces:
    """Judges a point of a region, and takes Newton steps along its face if the rules are not the user's."""

    def __init__(self, evaluator: Evaluator, goal: Goal, wording: Wording, guide: Guide) -> None:
        self.evaluator, self.goal, self.wording, self.guide = evaluator, goal, wording, guide
        self.solver = evaluator.solver
        self.hides = 0.0

    @property
    def region(self) -> Region:
        """The sets."""
        region = self.solver.objective.region
        assert region is not None
        return region

    def __call__(self, code: int) -> Ending | None:
        """Judge the best point: return the ending, or None if the descent continues."""
        ending = self.judged(code)
        if ending is None or not math.isfinite(ending.certificate.gap):
            return ending
        return with_rounding(ending, self.hides)

    def judged(self, code: int) -> Ending | None:
        """Judge the best point as a call does, by a gap without rounding errors."""
        self.guide.audits += 1
        evaluator = self.evaluator
        x, gradient = evaluator.best, self.gradient_at(evaluator.best)
        if not np.all(np.isfinite(gradient)):
            return self.guide.stalled(Certificate())
        audit = self.audited(x, gradient)
        if self.guide.may_move:
            x, gradient, audit = self.polished(x, gradient, audit)
        floor = self.hides = self.floor(x, gradient) + self.hidden(x, gradient, audit)
        certificate = self.certificate(self.gap(x, gradient, audit, floor), floor, audit)
        gap = certificate.gap
        bounded = all(one.is_bounded for one in self.region.sets)
        if audit is not None and not bounded and (ending := self.guide.rays.beyond(x, audit.step, audit.is_flat)):
            return ending
        if audit is not None and audit.escape is not None and gap <= certificate.tolerance:
            return self.at_saddle(x, audit, certificate)
        if self.is_at_rest(x, gradient, audit) and not gap <= certificate.tolerance:
            # No shorter step can be told from 0: the rest of the gap is rounding.
            certificate = replace(certificate, tolerance=gap)
        near = gap <= certificate.tolerance
        if near and self.leaves(x, gradient, floor):
            return None
        missed = self.goal.missed(certificate.x_error) if near else left_in_words(gap)
        if not missed:
            return self.converged(certificate, audit)
        if code != STALLED and self.solver.tolerance and self.guide.may_move:
            self.guide.sharpen(min(0.1, certificate.tolerance / gap) if gap > 0 and not near else 0.1, missed)
            return None
        noise = max(evaluator.noise(x), floor) if self.guide.may_move else 0.0
        if gap <= noise and evaluator.is_small(noise) and not self.goal.missed(certificate.x_error):
            return self.converged(replace(certificate, tolerance=max(noise, certificate.tolerance)), audit)
        if near:
            return Ending(Outcome.STALLED, f"{missed}: rounding hides more, or it can't be told here", certificate)
        return self.guide.stalled(certificate)

    def gradient_at(self, x: np.ndarray) -> np.ndarray:
        """Return the gradient at a point; that of the solver, if it is there."""
        status = self.solver.status
        return status.gradient if np.array_equal(status.x, x) else self.evaluator.grad(x)

    def is_at_rest(self, x: np.ndarray, gradient: np.ndarray, audit: FaceAudit | None) -> bool:
        """Tell whether neither Newton's step nor a projected one moves the point by more than rounding errors."""
        if audit is None or audit.escape is not None:
            return False
        steepest = max(audit.curvature, default=0.0) or self.solver.status.steepest or 1.0
        projected = self.evaluator.clip(x - gradient / steepest) - x
        size = 64 * self.solver.objective.precision * max(float(np.abs(x).max()), float(self.evaluator.least.max()))
        return float(np.abs(audit.step).max()) <= size and float(np.abs(projected).max()) <= size

    def gap(self, x: np.ndarray, gradient: np.ndarray, audit: FaceAudit | None, floor: float) -> float:
        """Return how far f may be above the minimum: the Frank–Wolfe gap, or Newton's gain if that is far less."""
        gap = self.region.gap(x, gradient)
        asked = self.goal.asked
        if gap <= max(asked if math.isfinite(asked) else 0.0, floor):
            return gap
        if audit is None:
            return min(gap, self.solver.status.estimate) if math.isinf(gap) else gap
        # The part of the gradient that leads to another face: its gain is that of a step by the least curvature.
        pressed = self.region.free(x, gradient) - self.region.along(x, gradient)
        left, least = float(pressed @ pressed), min((c for c in audit.curvature if c > 0), default=0.0)
        onward = left / (2 * least) if least else math.inf if left else 0.0
        return min(gap, audit.decrement + onward + self.hidden(x, gradient, audit))

    def hidden(self, x: np.ndarray, gradient: np.ndarray, audit: FaceAudit | None) -> float:
        """Return what rounding hides of the gap: of the gradient, and of the distance from the edges."""
        across = gradient - self.region.along(x, gradient)
        size = np.maximum(np.abs(x), max((one.size for one in self.region.sets), default=0.0))
        return (audit.hidden if audit else 0.0) + 2 * SLACK * float(np.abs(across[across != 0]) @ size[across != 0])

    def floor(self, x: np.ndarray, gradient: np.ndarray) -> float:
        """Return the rounding error of the value, and what errors of the gradient add to the gap."""
        objective, value = self.solver.objective, self.evaluator.best_value
        error = objective.slope_error(x)
        # The errors of differences are estimates, and may be a few times as large.
        error = ROUNDINGS * objective.precision * np.abs(gradient) if error is None else SAFETY * error
        reach = self.region.reach(x, gradient)
        return 4 * objective.relative_noise * abs(value) + float(np.where(reach > 0, error * reach, 0.0).sum())

    def certificate(self, gap: float, floor: float, audit: FaceAudit | None) -> Certificate:
        """Return the certificate of the best point, with the largest gap that is allowed."""
        asked = self.goal.asked
        allowed = max(asked if math.isfinite(asked) else gap, floor)
        if audit is None:
            return Certificate("estimated", gap, allowed)
        kind = "audited" if self.solver.objective.size <= LARGEST_AUDIT else "estimated"
        return Certificate(kind, gap, allowed, audit.curvature, tuple(audit.error.tolist()))

    def converged(self, certificate: Certificate, audit: FaceAudit | None) -> Ending:
        """Return the ending of a run that has converged, unless f is the same everywhere."""
        status = self.solver.status
        if not np.any(status.gradient) and not status.iteration and (audit is None or not any(audit.curvature)):
            return self.flat()
        ending = self.wording.converged(certificate)
        x = self.evaluator.best
        if certificate.gap == self.region.gap(x, self.gradient_at(x)) and ending.outcome is Outcome.CONVERGED:
            shape = "convex" if self.solver.sign > 0 else "concave"
            ending.facts += f" (by the Frank–Wolfe gap, a bound if the function is {shape})"
        return ending

    def flat(self) -> Ending:
        """Return the ending at a start without slope or curvature, with the kind of flatness."""
        evaluator, status, objective = self.evaluator, self.solver.status, self.solver.objective
        size, values = scale_of(evaluator.best, evaluator.start), (status.best_value, status.first_value)
        sign, noise = self.solver.sign, objective.relative_noise
        return Ending(Outcome.FLAT, described(evaluator.value, evaluator.best, size, *values, sign, noise))

    def audited(self, x: np.ndarray, gradient: np.ndarray) -> FaceAudit | None:
        """Return the audit of a point; None if gradients are inexact, or the face has too many directions."""
        objective = self.solver.objective
        if objective.kind == "differences" or not objective.smooth:
            return None
        if x.size > LARGEST_AUDIT:
            return self.by_products(x, gradient)
        size = max(float(np.abs(x).max()), float(self.evaluator.least.max()), SHORT)
        curves = [c for c in self.region.curves(x) if c.in_face and min(-c.low, c.high) > SHORT * size]
        if not self.evaluator.affords((3 * len(curves) + 2) * objective.cost):
            return None
        if not curves:
            none = np.zeros(x.size)
            return FaceAudit(none, 0.0, (), None, none)
        products = np.array([self.product(x, curve, STEP * size) for curve in curves]).T
        basis = np.array([curve.direction for curve in curves]).T
        bend = self.region.bend(x, gradient)[:, None] * basis
        if not np.all(np.isfinite(products + bend)):
            return None
        audit = _audit_of(basis, products + bend, gradient, size, objective.precision)
        if abs(audit.curvature[0]) > COARSE * audit.curvature[-1] or objective.compiled is None or objective.in_epochs:
            return audit
        # The errors of differences may be as large as the least curvature.
        exact = np.array([self.solver.sign * hessian_product(objective, x, curve.direction) for curve in curves]).T
        self.evaluator.meter.judged += len(curves)
        return (
            _audit_of(basis, exact + bend, gradient, size, objective.precision) if np.isfinite(exact).all() else audit
        )

    def by_products(self, x: np.ndarray, gradient: np.ndarray) -> FaceAudit | None:
        """Return Newton's step along the face by conjugate gradients, where no Hessian is formed."""
        objective, region = self.solver.objective, self.region
        if objective.compiled is None or objective.in_epochs or not self.evaluator.affords(MOST_PRODUCTS):
            return None
        bend, step, gain = region.bend(x, gradient), np.zeros(x.size), 0.0
        # Projected twice: near a minimum, the first result is the difference of numbers that are nearly equal.
        residual = -region.along(x, region.along(x, gradient))
        squared = first = float(residual @ residual)
        direction = residual
        curvatures: list[float] = []
        while len(curvatures) < MOST_PRODUCTS and squared > SOLVED**2 * first:
            self.evaluator.meter.judged += 1
            hessian_times = self.solver.sign * hessian_product(objective, x, direction)
            product = region.along(x, region.along(x, hessian_times + bend * direction))
            length, curved = float(direction @ direction), float(direction @ product)
            if not curved > 0:
                if squared <= MOSTLY_SOLVED**2 * first:
                    # The residual is already small, so this curvature is only a rounding error.
                    break
                curvatures.append(curved / length)
                is_negative = curved < -SADDLED * max(map(abs, curvatures)) * length
                escape = (
                    direction * (STEP * max(float(np.abs(x).max()), SHORT) / math.sqrt(length)) if is_negative else None
                )
                return FaceAudit(step, math.inf, (min(curvatures), max(curvatures)), escape, np.zeros(0))
            curvatures.append(curved / length)
            t = squared / curved
            step, residual, gain = step + t * direction, residual - t * product, gain + t * squared / 2
            squared, before = float(residual @ residual), squared
            direction = residual + squared / before * direction
        extremes = (min(curvatures), max(curvatures)) if curvatures else ()
        return FaceAudit(step, gain, extremes, None, np.zeros(0))

    def product(self, x: np.ndarray, curve: Curve, step: float) -> np.ndarray:
        """Return the Hessian times the direction of a curve, by a difference of gradients along it."""
        t = min(step, -curve.low / 2, curve.high / 2)
        up, down = x + curve.move(t), x + curve.move(-t)
        moved = float((up - down) @ curve.direction) / float(curve.direction @ curve.direction)
        return (self.evaluator.grad(up) - self.evaluator.grad(down)) / moved

    def polished(
        self, x: np.ndarray, gradient: np.ndarray, audit: FaceAudit | None
    ) -> tuple[np.ndarray, np.ndarray, FaceAudit | None]:
        """Take Newton steps along the face, and projected ones onto the next, while they shrink the gradient."""
        evaluator, value, taken = self.evaluator, self.evaluator.best_value, 0
        while audit is not None and audit.escape is None and taken < MOST_STEPS and evaluator.can_continue():
            steepest = max(audit.curvature, default=0.0) or self.solver.status.steepest
            down = gradient / steepest if steepest else np.zeros(x.size)
            found = None
            # Rounding errors of the step must not move entries off an edge.
            for new in (self.region.onward(x, self.region.along(x, audit.step)), evaluator.clip(x - down)):
                if np.array_equal(new, x):
                    continue
                new_value, new_gradient = evaluator.value_and_grad(new)
                slack = self.floor(x, gradient)
                falls = new_value < value - max(slack, ENOUGH * audit.decrement)
                flatter = self.left(new, new_gradient) <= SHRUNK * self.left(x, gradient)
                if falls or (new_value <= value + slack and flatter):
                    found = new, new_value, new_gradient
                    break
            if found is None:
                break
            x, value, gradient = found
            taken += 1
            audit = self.audited(x, gradient)
        if taken:
            detail = f"{taken} Newton steps along the face" if taken > 1 else "a Newton step along the face"
            evaluator.restart_at(x, "newton", detail, known=(value, gradient))
        return x, gradient, audit

    def left(self, x: np.ndarray, gradient: np.ndarray) -> float:
        """Return the length of the gradient within the region; infinite if it is not finite."""
        return float(np.linalg.norm(self.region.free(x, gradient))) if np.all(np.isfinite(gradient)) else math.inf

    def at_saddle(self, x: np.ndarray, audit: FaceAudit, certificate: Certificate) -> Ending | None:
        """Leave a saddle along its negative curvature if that leads to a lower point, else return the ending."""
        evaluator, smallest = self.evaluator, min(audit.curvature)
        facts = f"the slope is flat, but the curvature is {smallest:.3g} along one direction"
        if self.guide.may_move and audit.escape is not None:
            search = along_line(evaluator.value, x, evaluator.best_value, audit.escape, self.floor(x, np.zeros(x.size)))
            if search.x is not None:
                evaluator.restart_at(search.x, "saddle", f"{facts}: the descent leaves along it")
                return None
        return Ending(Outcome.SADDLE, facts, replace(certificate, gap=math.nan, x_error=()))

    def leaves(self, x: np.ndarray, gradient: np.ndarray, floor: float) -> bool:
        """Leave a point at which f curves down along a direction into the set without slope; return whether it did."""
        if not self.guide.may_move or x.size > LARGEST_AUDIT:
            return False
        size, steep = max(float(np.abs(x).max()), 1e-3), float(np.linalg.norm(gradient))
        faint = [
            curve
            for curve in self.region.curves(x)
            if curve.low == 0 < curve.high and abs(float(gradient @ curve.direction)) <= FAINT * steep
        ]
        moves = [curve.direction * (min(curve.high, size) * 1e-3) for curve in faint[:MOST_FAINT]]
        # Between two edges f may curve down although it does not along either.
        for direction in [*moves, np.sum(moves, axis=0)] if moves else []:
            search = along_ray(self.evaluator.value, x, self.evaluator.best_value, direction, floor)
            if search.x is not None and search.value < self.evaluator.best_value - floor:
                self.evaluator.restart_at(search.x, "saddle", "the value falls along an edge without slope")
                return True
        return False


class FaceProbes:
    """Takes Newton steps along the face during a slow descent; each probe comes after twice as many iterations.

    Attributes
    ----------
    after : float
        The iteration after which the next probe comes.
    """

    def __init__(self, faces: Faces) -> None:
        self.faces, size = faces, faces.solver.start.size
        self.after = PATIENCE * (size + 10) if faces.guide.plan.help and size <= LARGEST_AUDIT else math.inf

    def __call__(self) -> None:
        """Make the probe that is due."""
        self.after *= 2
        x = self.faces.evaluator.best
        gradient = self.faces.gradient_at(x)
        if np.all(np.isfinite(gradient)):
            self.faces.polished(x, gradient, self.faces.audited(x, gradient))


def _audit_of(
    basis: np.ndarray, products: np.ndarray, gradient: np.ndarray, size: float, precision: float
) -> FaceAudit:  # fmt: skip
    """Return the audit, given the directions of a face and the Hessian times each of them."""
    orthonormal, triangle = np.linalg.qr(basis)
    # With B = Q R the Hessian along the face is Qᵀ H Q = Qᵀ (H B) R⁻¹.
    along = np.linalg.solve(triangle.T, products.T).T
    reduced = orthonormal.T @ along
    hessian, odd = (reduced + reduced.T) / 2, np.abs(reduced - reduced.T) / 2
    values, vectors = np.linalg.eigh(hessian)
    largest = float(np.abs(values).max())
    unsure = float(np.linalg.norm(odd)) + values.size * EPS * largest
    slopes = vectors.T @ (orthonormal.T @ gradient)
    curved = np.abs(values) > max(unsure, EPS * largest) if largest else np.zeros(values.size, dtype=bool)
    parts = np.divide(slopes, np.abs(values), out=np.zeros_like(slopes), where=curved)
    flat_gain = float(np.abs(slopes[~curved]).sum()) * size
    is_negative = values[0] < -max(SADDLED * largest, SURE * unsure)
    modes = orthonormal @ vectors
    # Rounding errors of the gradient: of its entries, and of those of the point times the curvature.
    rounding = ROUNDINGS * precision * (np.abs(gradient) + np.abs(along).sum(axis=1) * size)
    hidden = np.abs(modes).T @ rounding
    distances = np.divide(np.abs(slopes) + hidden, np.abs(values), out=np.full_like(slopes, math.inf), where=curved)
    error = np.where(np.abs(modes) > FAINT, np.abs(modes) * distances, 0.0).sum(axis=1)
    unseen = np.divide(hidden * (2 * np.abs(slopes) + hidden), np.abs(values), out=np.zeros_like(slopes), where=curved)
    return FaceAudit(
        -modes @ parts,
        float(slopes @ parts) / 2 + flat_gain,
        (float(values[0]), float(values[-1])),
        modes[:, 0] * STEP * size if is_negative else None,
        error,
        float(unseen.sum()) / 2,
    )
