"""The Hessian at a point where a descent rests: how far from the minimum it may lie, or why it is none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS, least_size, scale_of
from steepest.derivatives.higher import hessian_at, hessian_by_differences
from steepest.derivatives.objective import Objective

LARGEST_AUDIT = 200
LARGEST_AUDIT_BY_VALUES = 20
Slope = Callable[[np.ndarray], np.ndarray]

# The part of itself that a step of Newton's may leave for the sum of those to come to be known.
MOST_LEFT = 0.9
SADDLED = 1e-6
FLAT_RIDGE = 1e-3
SOFT = 1e-6
MOST_SOFT = 4
# Negative curvature is claimed only beyond so many times the error of the Hessian.
SURE = 8.0
# How many roundings a gradient bears, in units of what rounding the point alone does to it.
ROUNDINGS = 16
# Over such a part of the point a curvature must hold that was had over a longer way.
NARROW = math.sqrt(EPS)
# A part of an eigenvector that is less than this is rounding.
FAINT = 1e-6


@dataclass(frozen=True)
class Audit:
    """The Hessian at a point: what it says of the distance to the minimum.

    Attributes
    ----------
    decrement : float
        What Newton's step gains, ½ gᵀH⁻¹g: an estimate of f - f*, or a bound where the audit is a certificate.
    floor : float
        How far rounding may move the value: less can't be told from nothing.
    smallest, largest : float
        The extreme eigenvalues, in the user's units.
    ridge : float
        How far away the slope is flat along directions of negative curvature, in units of the point.
    cost : int
        How many values it took.
    held : bool
        Whether an edge of the box holds a coordinate, of which the Hessian says nothing.
    endless : str
        Why there is no minimum, where that is known.
    bend : float
        The lowest curvature as a part of the largest, each coordinate in its own scale; 0 unless it is negative
        beyond the error of the Hessian.
    way : array or None
        The direction of that curvature.
    step : array or None
        Newton's step, turned downhill.
    soft : tuple of array
        Directions of so little curvature, beside that of the others, that values must tell whether f rises there.
    error : array or None
        How far each parameter, in the user's units, may lie from the minimiser: a bound where the audit is a
        certificate, infinite where the Hessian is singular, None where nothing is known.
    inverse : array or None
        The inverse of the Hessian among the coordinates that are free, 0 along directions without curvature.
    slack : array or None
        How far rounding may move each entry of the gradient.
    modes, bends, ways : array or None
        Directions w, a column each, in which the Hessian is diagonal; the curvature wᵀHw along each, 0 unless it is
        positive beyond the error of the Hessian; and the length of w over which it was had.
    gap : float or None
        f - f*, where it may be more than the decrement.
    vanishes : bool
        Whether the curvature is another right beside the point.
    holds : bool
        Whether the Hessian has foretold what Newton's step finds at its end, or that step is too short to matter.
    left : float
        What that step has left of the gain, as a part.
    """

    decrement: float
    floor: float
    smallest: float
    largest: float
    ridge: float
    cost: int
    held: bool = False
    endless: str = ""
    bend: float = 0.0
    way: np.ndarray | None = None
    step: np.ndarray | None = None
    soft: tuple[np.ndarray, ...] = ()
    error: np.ndarray | None = None
    inverse: np.ndarray | None = None
    slack: np.ndarray | None = None
    modes: np.ndarray | None = None
    bends: np.ndarray | None = None
    ways: np.ndarray | None = None
    gap: float | None = None
    vanishes: bool = False
    holds: bool = True
    left: float = 0.0

    @property
    def curvature(self) -> tuple[float, ...]:
        """The smallest and the largest eigenvalue; none in a corner of the box."""
        return () if math.isnan(self.smallest) else (self.smallest, self.largest)

    @property
    def is_saddle(self) -> bool:
        return self.bend < -SADDLED and self.ridge < FLAT_RIDGE

    @property
    def is_flat(self) -> bool:
        return self.largest == 0 == self.smallest and self.decrement == 0 and not self.held

    def beside(self, x: np.ndarray, gradient: np.ndarray, slope: Slope, size: np.ndarray) -> Audit:
        """Return the audit with what one gradient right beside x says of the curvature there.

        The Hessian is had from differences over a part of the point. Where the curvature vanishes at the minimum, as
        that of x⁴ does, it is another over a shorter way: what is left to gain then is no more than the slope times
        the way that was looked at. The same holds where rounding hides the curvature over the shorter way.
        """
        if self.modes is None or self.bends is None or not self.modes.any():
            return self
        signs = np.where(np.arange(self.bends.size) % 2, -1.0, 1.0)
        way = self.modes @ signs
        t = NARROW * float(np.min(size[way != 0] / np.abs(way[way != 0])))
        if not 0 < t < math.inf:
            return self
        found = signs * (self.modes.T @ (slope(x + t * way) - gradient)) / t
        hidden = 8 * np.abs(self.modes).T @ self.slack / t >= self.bends / 2
        vanishing = ~((found >= self.bends / 2) & (found <= 2 * self.bends)) & ~hidden & (self.bends > 0)
        assert self.error is not None
        error = self.error + (np.abs(self.modes) * self.ways)[:, hidden & (self.bends > 0)].sum(axis=1)
        error[_touched(self.modes[:, vanishing], self.modes)] = math.inf
        gap = self.decrement + self.beyond(gradient, hidden | vanishing | (self.bends == 0))
        # Values must tell whether f rises along these.
        soft = (*self.soft, *(self.modes * self.ways)[:, vanishing].T[:MOST_SOFT])
        return replace(self, gap=gap, error=error, soft=soft, vanishes=bool(vanishing.any()))

    def beyond(self, gradient: np.ndarray, loose: np.ndarray) -> float:
        """Return what may be left to gain beside the decrement.

        That is what rounding of the gradient hides, ½ δᵀ|H⁻¹|δ, and the slope times the way along modes whose
        curvature is known over the whole way alone.
        """
        assert self.modes is not None
        assert self.ways is not None
        assert self.inverse is not None
        slopes = np.abs(self.modes.T @ gradient) + np.abs(self.modes).T @ self.slack
        hidden = float(self.slack @ np.abs(self.inverse) @ self.slack) / 2
        return hidden + float((slopes * self.ways)[loose].sum())

    def at(self, gradient: np.ndarray) -> Audit:
        """Return the audit of the end of Newton's step, by the same Hessian.

        Where that step has left a part q of itself, as the Hessian is another there, so will those to come: together
        they are 1 / (1 - q) times as long as the first.
        """
        assert self.inverse is not None
        assert self.error is not None
        step = -self.inverse @ gradient
        error = np.where(np.isinf(self.error), np.inf, np.abs(step) + np.abs(self.inverse) @ self.slack)
        decrement = float(-gradient @ step) / 2
        assert self.bends is not None
        left = max(decrement, 0.0) / self.decrement
        longer = 1 / (1 - min(math.sqrt(left), MOST_LEFT))
        error = np.where(np.isinf(error), np.inf, error + (longer - 1) * np.abs(step))
        gap = longer**2 * decrement + self.beyond(gradient, self.bends == 0)
        return replace(self, decrement=decrement, step=step, error=error, gap=gap, left=left)


class Bowl(NamedTuple):
    """What is looked at: the Hessian and the gradient by the coordinates that are free, their places and steps.

    `blur` is how far the Hessian is from symmetric, which tells how exact it is, and `slack` how far each entry of
    the gradient may be off.
    """

    hessian: np.ndarray
    blur: np.ndarray
    gradient: np.ndarray
    slack: np.ndarray
    x: np.ndarray
    size: np.ndarray
    scale: np.ndarray
    steps: np.ndarray
    free: np.ndarray

    def among(self, free: np.ndarray) -> Bowl:
        """Return what is seen of some of the coordinates."""
        square = np.ix_(free, free)
        gradient, slack, x, size, scale, steps = (
            part[free] for part in (self.gradient, self.slack, self.x, self.size, self.scale, self.steps)
        )
        return Bowl(self.hessian[square], self.blur[square], gradient, slack, x, size, scale, steps, free)


def audit(
    objective: Objective, x: np.ndarray, start: np.ndarray, sign: float, box: Box | None = None,
    reach: np.ndarray | None = None,
) -> Audit | None:  # fmt: skip
    """Look at the Hessian by differences of the gradient: the Newton decrement ½ gᵀH⁻¹g and its floor.

    Coordinates that an edge of the box holds are left out. `reach` is over how much of each coordinate the Hessian
    is wanted, where that is less than it is had from by default. None where something is not finite.
    """
    if objective.audit is not None:
        return objective.audit(x)
    value, gradient = objective.slope(x)
    by_values = objective.kind == "differences"
    noise, cost = objective.relative_noise, cost_of_audit(objective)
    scale = scale_of(x, start)
    steps = scale * min(noise ** (1 / 4) if by_values else EPS ** (1 / 3), 0.1)
    if reach is not None:
        steps = np.minimum(steps, np.maximum(reach, math.sqrt(EPS) * np.where(x == 0, steps, np.abs(x))))
    hessian = objective.hessian(x) if objective.hessian else hessian_by_differences(objective.slope, x, steps)
    if box is not None and objective.compiled is not None and not np.all(np.isfinite(hessian)):
        # Differences look beyond the edge, where there may be nothing to see.
        hessian = hessian_at(objective, x)
    even, odd = (hessian + hessian.T) / 2, np.abs(hessian - hessian.T) / 2
    size = np.maximum(np.abs(x), least_size(start))
    slack = ROUNDINGS * EPS * np.abs(even) @ size
    bowl = Bowl(sign * even, odd, sign * gradient, slack, x, size, scale, steps, np.ones(x.size, dtype=bool))
    if box is not None:
        unsure = noise ** (2 / 3) * abs(value) / scale if by_values else np.zeros(x.size)
        bowl, bend = _within(box, bowl, unsure)
        if bend < 0:
            largest = float(np.abs(np.diag(hessian)).max())
            return Audit(0.0, 0.0, bend, largest, 0.0, cost, True, bend=-1.0)
        if not bowl.x.size:
            return Audit(0.0, 4 * noise * abs(value), math.nan, math.nan, 0.0, cost, True)
    return _looked_at(bowl, 4 * noise * abs(value), cost, by_values)


def _within(box: Box, bowl: Bowl, unsure: np.ndarray) -> tuple[Bowl, float]:
    """Return what is free inside a box, and the curvature of ways into it where that is negative, else 0."""
    hessian, gradient, x = bowl.hessian, bowl.gradient, bowl.x
    slack = 64 * EPS * np.abs(hessian) @ np.abs(x) + unsure
    faint = ((x <= box.low) | (x >= box.high)) & ~box.fixed & ~(np.abs(gradient) > slack)
    free = ~box.held(x, gradient) & ~faint
    bend = _inward(hessian, free, faint, np.where(x <= box.low, 1.0, -1.0))
    return bowl.among(free), bend


def _looked_at(bowl: Bowl, noise: float, cost: int, by_values: bool) -> Audit | None:
    """Return what the eigenvalues say; `noise` is how far rounding may move the value.

    Rounding the coordinates alone moves the value by about ½ δᵀ|H|δ with δ = eps·|x|: no point can be
    known to be better than that.
    """
    hessian, blur, gradient, slack, x, size, scale, steps, free = bowl
    # Scaled so that coordinates in other units weigh alike in the eigenvalues.
    # Second differences of values say too little of a coordinate that has hardly moved.
    units = steps if by_values else _units(hessian, gradient, x, steps)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled, blurred = hessian * np.outer(units, units), blur * np.outer(units, units)
    if not (np.all(np.isfinite(scaled)) and np.all(np.isfinite(gradient))):
        return None
    eigenvalues, vectors = np.linalg.eigh(scaled)
    bends, slopes = np.abs(eigenvalues), vectors.T @ (gradient * units)
    unsure = float(np.linalg.norm(blurred)) + x.size * EPS * float(bends.max())
    solid = eigenvalues > EPS * bends.max()
    decrement = float(np.sum(slopes[solid] ** 2 / eigenvalues[solid]) / 2)
    # Along a direction without curvature nothing bounds the gain but a step as long as the point is.
    noise_of_slopes = 64 * EPS * np.abs(vectors.T) @ (units * (np.abs(hessian) @ np.abs(x)))
    loose = ~solid & (np.abs(slopes) > noise_of_slopes)
    decrement += float(np.abs(slopes[loose]) @ np.abs(vectors.T @ (np.maximum(scale, 1.0) / units))[loose])
    down = eigenvalues < -SURE * unsure
    ridge = float(np.max(np.abs(slopes[down] / eigenvalues[down]) * np.min(units / scale), initial=0.0))
    bend = float(eigenvalues[0] / bends.max()) if down.any() else 0.0
    if bend < -SADDLED and ridge >= FLAT_RIDGE:
        # Where the slope still falls along a way that bends down, nothing bounds the gain.
        decrement = math.inf
    turned = np.divide(slopes, bends, out=np.zeros_like(slopes), where=bends > EPS * bends.max())
    rounding = EPS * size
    floor = noise + float(rounding @ np.abs(hessian) @ rounding)
    inverse = (vectors[:, solid] / eigenvalues[solid]) @ vectors[:, solid].T * np.outer(units, units)
    step = -units * (vectors @ turned)
    error = np.abs(step) + np.abs(inverse) @ slack
    sure = eigenvalues > SURE * unsure
    error[_touched(vectors[:, ~sure], vectors)] = math.inf
    whole = np.zeros((free.size, free.size))
    whole[np.ix_(free, free)] = inverse
    modes = np.zeros((free.size, eigenvalues.size))
    modes[free] = units[:, None] * vectors
    longest = np.max(np.abs(modes[free]) / steps[:, None], axis=0)
    report = Audit(
        decrement, floor, *_extremes(hessian, eigenvalues), ridge, cost, not free.all(), bend=bend,
        way=_placed(free, _as_long(units * vectors[:, 0], steps)), step=_placed(free, step),
        soft=_soft(hessian, steps, free), error=_placed(free, error), inverse=whole,
        slack=_placed(free, slack), modes=modes, bends=np.where(sure, eigenvalues, 0.0), ways=1 / longest,
    )  # fmt: skip
    return replace(report, gap=decrement + report.beyond(_placed(free, gradient), ~sure))


def _touched(some: np.ndarray, every: np.ndarray) -> np.ndarray:
    """Return which coordinates some of the directions move by more than rounding."""
    return np.any(np.abs(some) > FAINT * np.abs(every).max(axis=1, keepdims=True), axis=1)


def _extremes(hessian: np.ndarray, scaled: np.ndarray) -> tuple[float, float]:
    """Return the smallest and the largest eigenvalue in the user's units; the scaled ones tell the sign."""
    curvature = np.linalg.eigvalsh(hessian)
    lowest, highest = float(curvature[0]), float(curvature[-1])
    if -1e-9 * abs(scaled[-1]) <= scaled[0] <= 0:
        return 0.0, highest
    # Rounding may turn the sign of what is smallest in the user's units.
    return max(lowest, 0.0) if scaled[0] > 0 else lowest, highest


def _placed(free: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Return a vector of all coordinates from its part in the free ones."""
    whole = np.zeros(free.size)
    whole[free] = part
    return whole


def _units(hessian: np.ndarray, gradient: np.ndarray, x: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return the length of each coordinate in which its own curvature is 1, or a step where it has none to be seen."""
    diagonal = np.abs(np.diag(hessian))
    unsure = 512 * EPS * (np.abs(hessian) @ np.abs(x) + np.abs(gradient)) / steps
    return np.divide(1.0, np.sqrt(diagonal), out=steps.copy(), where=diagonal > unsure)


def _as_long(way: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return a way that moves no coordinate by more than its step."""
    return way / np.max(np.abs(way) / steps)


def _soft(hessian: np.ndarray, steps: np.ndarray, free: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the ways of least curvature, each coordinate measured by its own."""
    diagonal = np.abs(np.diag(hessian))
    units = np.divide(1.0, np.sqrt(diagonal), out=steps.copy(), where=diagonal > 0)
    with np.errstate(over="ignore", invalid="ignore"):
        alike = hessian * np.outer(units, units)
    if not np.all(np.isfinite(alike)):
        return ()
    eigenvalues, vectors = np.linalg.eigh(alike)
    soft = vectors.T[eigenvalues < SOFT * np.abs(eigenvalues).max()][:MOST_SOFT]
    return tuple(_placed(free, _as_long(vector * units, steps)) for vector in soft)


def _inward(hessian: np.ndarray, free: np.ndarray, faint: np.ndarray, inside: np.ndarray) -> float:
    """Return the lowest curvature that was found along ways into the box, 0 where none is negative.

    `faint` coordinates lie at an edge without a slope: they may move to the inside alone.
    """
    if not faint.any():
        return 0.0
    movable = np.flatnonzero(free | faint)
    part, bent = hessian[np.ix_(movable, movable)], faint[movable]
    if not np.all(np.isfinite(part)):
        return 0.0
    eigenvalues, vectors = np.linalg.eigh(part)
    ways = [*vectors.T[eigenvalues < 0], *-vectors.T[eigenvalues < 0], *np.diag(inside[movable])[bent]]
    lowest = 0.0
    for way in ways:
        allowed = np.where(bent & (way * inside[movable] < 0), 0.0, way)
        size = float(allowed @ allowed)
        lowest = min(lowest, float(allowed @ part @ allowed) / size if size else 0.0)
    return lowest if lowest < -1e-6 * float(np.abs(eigenvalues).max()) else 0.0


def cost_of_audit(objective: Objective) -> int:
    """Return how many values the Hessian at a point takes."""
    if objective.hessian:
        return 0 if objective.quadratic else 1
    return 2 * objective.size * objective.cost


def auditable(objective: Objective) -> bool:
    """Tell whether a Hessian costs little enough: 2n gradients, each 2n + 1 values if by differences."""
    if objective.quadratic or not objective.smooth:
        return objective.smooth
    return objective.size <= (LARGEST_AUDIT_BY_VALUES if objective.kind == "differences" else LARGEST_AUDIT)
