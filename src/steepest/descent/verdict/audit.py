"""The Hessian at a point where a descent rests: how far from the minimum it may lie, or why it is none."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS, least_size
from steepest.derivatives.higher import hessian_at, hessian_by_differences
from steepest.derivatives.objective import Objective
from steepest.descent.loop.bound import Bound
from steepest.descent.verdict.modes import Modes, Slope

LARGEST_AUDIT = 200
LARGEST_AUDIT_BY_VALUES = 20
SADDLED = 1e-6
FLAT_RIDGE = 1e-3
SOFT = 1e-6
MOST_SOFT = 4
# Negative curvature is claimed only beyond so many times the error of the Hessian.
SURE = 8.0
# How many roundings a gradient bears, in units of what rounding the point alone does to it.
ROUNDINGS = 16


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
    x_error : array or None
        How far each parameter, in the user's units, may lie from the minimiser, where a certificate bounds it.
    modes : Modes or None
        The directions in which the Hessian is diagonal.
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
    x_error: np.ndarray | None = None
    modes: Modes | None = None
    holds: bool = True
    left: float = 0.0

    @classmethod
    def of(cls, bound: Bound) -> Audit:
        """Return a certificate as an audit, which knows no curvature."""
        nothing = math.nan
        gap, floor, cost = bound.gap, bound.floor, bound.cost
        return cls(gap, floor, nothing, nothing, 0.0, cost, endless=bound.endless, x_error=bound.x_error)

    @property
    def curvature(self) -> tuple[float, ...]:
        """The smallest and the largest eigenvalue; none in a corner of the box."""
        return () if math.isnan(self.smallest) else (self.smallest, self.largest)

    @property
    def error(self) -> np.ndarray | None:
        """How far each parameter may lie from the minimiser: infinite where H is singular, None where it is unknown."""
        return self.x_error if self.modes is None else self.modes.error

    @property
    def gap(self) -> float:
        """How far f may lie above the minimum."""
        return self.decrement if self.modes is None else self.modes.gap

    @property
    def hidden(self) -> float:
        """The part of the gap that rounding of the gradient hides."""
        return 0.0 if self.modes is None else self.modes.hidden

    @property
    def is_saddle(self) -> bool:
        return self.bend < -SADDLED and self.ridge < FLAT_RIDGE

    @property
    def is_flat(self) -> bool:
        return self.largest == 0 == self.smallest and self.decrement == 0 and not self.held

    @property
    def vanishes(self) -> bool:
        """Whether the curvature is another right beside the point."""
        return self.modes is not None and bool(self.modes.vanishing.any())

    @property
    def unknown(self) -> float:
        """The gain that may be left along modes whose curvature is not known beside the point."""
        return 0.0 if self.modes is None else self.modes.unknown

    def at(self, gradient: np.ndarray) -> Audit:
        """Return the audit of the end of Newton's step, by the same Hessian."""
        assert self.modes is not None
        modes = self.modes.at(gradient)
        left = modes.decrement / self.decrement
        return replace(self, decrement=modes.decrement, step=modes.step, left=left, modes=modes)

    def beside(self, x: np.ndarray, slope: Slope, size: np.ndarray) -> Audit:
        """Return the audit with what one gradient right beside x says of the curvature there."""
        if self.modes is None:
            return self
        modes = self.modes.beside(x, slope, size)
        # Values must tell whether f rises where the curvature vanishes.
        return replace(
            self, modes=modes, soft=(*self.soft, *(modes.ways * modes.reach)[:, modes.vanishing].T[:MOST_SOFT])
        )


class Bowl(NamedTuple):
    """The Hessian and the gradient among the coordinates that are free, with their places and steps.

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
    reach: np.ndarray | None = None, exact: bool = False,
) -> Audit | None:  # fmt: skip
    """Look at the Hessian by differences of the gradient: the Newton decrement ½ gᵀH⁻¹g and its floor.

    Coordinates that an edge of the box holds are left out. `reach` is over how much of each coordinate the Hessian
    is wanted, where that is less than it is had from by default; `exact` asks for it by traced code, which is compiled
    first. None where something is not finite.
    """
    if objective.audit is not None:
        return objective.audit(x)
    value, gradient = objective.slope(x)
    by_values = objective.kind == "differences"
    noise, cost = objective.relative_noise, cost_of_audit(objective)
    off = objective.slope_error(x)
    scale, single = objective.scales(x, start), objective.precision
    steps = scale * min(noise ** (1 / 4) if by_values else single ** (1 / 3), 0.1)
    if reach is not None:
        steps = np.minimum(steps, np.maximum(reach, math.sqrt(EPS) * np.where(x == 0, steps, np.abs(x))))
    if exact:
        hessian = hessian_at(objective, x)
        # No difference over a short way has blurred it.
        steps = np.maximum(scale, 1.0) * single ** (1 / 3)
    else:
        hessian = objective.hessian(x) if objective.hessian else hessian_by_differences(objective.slope, x, steps)
    if box is not None and objective.compiled is not None and not np.all(np.isfinite(hessian)):
        # Differences look beyond the edge, where there may be nothing to see.
        hessian = hessian_at(objective, x)
    even, odd = (hessian + hessian.T) / 2, np.abs(hessian - hessian.T) / 2
    size = np.maximum(np.abs(x), least_size(start))
    # Beyond an edge, along coordinates that are held, there may be no curvature to see.
    slack = rounding_of(np.where(np.isfinite(even), even, 0.0), size, single)
    if off is not None:
        slack = np.maximum(slack, np.where(np.isfinite(off), off, np.abs(gradient)))
    size = size * (single / EPS)
    bowl = Bowl(sign * even, odd, sign * gradient, slack, x, size, scale, steps, np.ones(x.size, dtype=bool))
    if box is not None:
        unsure = noise ** (2 / 3) * abs(value) / scale if by_values else np.zeros(x.size)
        bowl, bend = _within(box, bowl, unsure)
        if bend < 0:
            largest = float(np.abs(np.diag(hessian)).max())
            return Audit(0.0, 0.0, bend, largest, 0.0, cost, True, bend=-1.0)
        if not bowl.x.size:
            corner = np.zeros(x.size)
            return Audit(0.0, 4 * noise * abs(value), math.nan, math.nan, 0.0, cost, True, x_error=corner)
    report = _looked_at(bowl, 4 * noise * abs(value), cost, by_values, exact)
    if report is None or report.modes is None or off is None or not np.all(np.isfinite(off)):
        return report
    # Slopes by differences hide more than the values do.
    return replace(report, floor=report.floor + report.modes.hidden)


def _within(box: Box, bowl: Bowl, unsure: np.ndarray) -> tuple[Bowl, float]:
    """Return what is free inside a box, and the curvature of ways into it where that is negative, else 0."""
    hessian, gradient, x = bowl.hessian, bowl.gradient, bowl.x
    slack = 64 * EPS * np.abs(hessian) @ np.abs(x) + unsure
    faint = ((x <= box.low) | (x >= box.high)) & ~box.fixed & ~(np.abs(gradient) > slack)
    free = ~box.held(x, gradient) & ~faint
    bend = _inward(hessian, free, faint, np.where(x <= box.low, 1.0, -1.0))
    return bowl.among(free), bend


def _looked_at(bowl: Bowl, noise: float, cost: int, by_values: bool, exact: bool) -> Audit | None:
    """Return what the eigenvalues say; `noise` is how far rounding may move the value.

    Rounding the coordinates alone moves the value by about ½ δᵀ|H|δ with δ = eps·|x|: no point can be
    known to be better than that.
    """
    hessian, blur, gradient, slack, x, size, scale, steps, free = bowl
    # Scaled so that coordinates in other units weigh alike in the eigenvalues.
    # Second differences of values say too little of a coordinate that has hardly moved.
    units = steps if by_values else _units(hessian, gradient, x, steps, exact)
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
        # The function bends down and still falls along this mode, so nothing bounds the gain.
        decrement = math.inf
    turned = np.divide(slopes, bends, out=np.zeros_like(slopes), where=bends > EPS * bends.max())
    rounding = EPS * size
    floor = noise + float(rounding @ np.abs(hessian) @ rounding)
    step = -units * (vectors @ turned)
    ways = np.zeros((free.size, eigenvalues.size))
    ways[free] = units[:, None] * vectors
    # A coordinate that is held does not move.
    lengths = [_placed(free, length) + ~free for length in (steps, np.maximum(scale, 1.0))]
    known = _placed(free, gradient), _placed(free, slack)
    bends = np.where(solid, eigenvalues, 0.0)
    modes = Modes.of(ways, bends, eigenvalues > SURE * unsure, (lengths[0], lengths[1]), *known)
    return Audit(
        decrement, floor, *_extremes(hessian, eigenvalues), ridge, cost, not free.all(), bend=bend,
        way=_placed(free, _as_long(units * vectors[:, 0], steps)), step=_placed(free, step),
        soft=_soft(hessian, steps, free), modes=modes,
    )  # fmt: skip


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


def _units(
    hessian: np.ndarray, gradient: np.ndarray, x: np.ndarray, steps: np.ndarray, exact: bool
) -> np.ndarray:  # fmt: skip
    """Return the length of each coordinate in which its own curvature is 1, or a step where it has none to be seen."""
    diagonal = np.abs(np.diag(hessian))
    # The error that rounding of the gradients leaves in their differences.
    unsure = 0.0 if exact else 512 * EPS * (np.abs(hessian) @ np.abs(x) + np.abs(gradient)) / steps
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


def rounding_of(hessian: np.ndarray, size: np.ndarray, precision: float) -> np.ndarray:
    """Return how far rounding of a point of some size may move each entry of the gradient, and a few roundings more."""
    return ROUNDINGS * precision * np.abs(hessian) @ size


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
