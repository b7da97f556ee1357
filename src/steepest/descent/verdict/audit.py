"""The audit of a point by its Hessian: how far the minimum may lie, or whether the point is a saddle."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS, least_size, scale_of
from steepest.derivatives.higher import hessian_at, hessian_by_differences
from steepest.derivatives.objective import Objective
from steepest.descent.verdict.modes import Grad, Modes

# The most variables for which a Hessian is formed, from gradients and from values alone. The cost is 2n gradients; from
# values alone each gradient costs 2n + 1 values. Chosen, not measured: higher limits allow more audits, which cost
# more.
LARGEST_AUDIT = 200
LARGEST_AUDIT_BY_VALUES = 20
# A point is a saddle if its negative curvature exceeds SADDLED times the largest curvature, and if the slope vanishes
# nearer than AT_SADDLE times the size of the point. Chosen, not measured: a smaller SADDLED mistakes noise for saddles,
# a larger one misses shallow saddles; a larger AT_SADDLE mistakes slopes for saddles.
SADDLED = 1e-6
AT_SADDLE = 1e-3
# Directions whose curvature is below SOFT times the largest are checked by plain values, at most MOST_SOFT of them.
# Chosen, not measured: more directions find more lower points, and cost more values.
SOFT = 1e-6
MOST_SOFT = 4
# Curvature counts as negative or positive only beyond this multiple of the error of the Hessian. Chosen, not measured:
# a smaller factor mistakes noise for saddles.
SURE = 8.0
# The error of a gradient from rounding x, in units of eps |H| times the size of x. Chosen, not measured: a smaller
# number may understate the error, a larger number makes certificates vague.
ROUNDINGS = 16
# The rounding error of a value, in units of its relative noise. Chosen, not measured.
FLOORS = 4
# A point is far from the start if a coordinate has changed its size by more than this factor. Chosen, not measured.
REMOTE = 10.0


@dataclass(frozen=True)
class Audit:
    """The Hessian at a point, and the distance to the minimum that follows from it.

    Attributes
    ----------
    decrement : float
        The gain of Newton's step, ½ gᵀH⁻¹g: an estimate of f - f*.
    floor : float
        The rounding error of the value: a smaller gain can't be distinguished from 0.
    smallest, largest : float
        The extreme eigenvalues, in the user's units.
    saddle_distance : float
        How far away the slope vanishes along directions of negative curvature, as a share of the point's size.
    held : bool
        Whether an edge of the box holds a coordinate, which the Hessian then leaves out.
    negative_curvature : float
        The lowest curvature as a share of the largest, each coordinate in its own scale; 0 unless the curvature is
        negative by more than the error of the Hessian.
    escape_direction : array or None
        The direction of the lowest curvature.
    step : array or None
        Newton's step, with the sign of negative curvatures changed so that it leads downhill.
    soft_directions : tuple of array
        Directions of so little curvature, compared with the others, that only values of f can decide whether f rises.
    x_error : array or None
        The largest distance of each parameter from the minimiser, in the user's units, if `modes` is None.
    modes : Modes or None
        The directions in which the Hessian is diagonal.
    holds : bool
        Whether the Hessian predicted the gradient after Newton's step, or that step is too short to matter.
    remaining : float
        The share of the gain that the last Newton step left.
    """

    decrement: float
    floor: float
    smallest: float
    largest: float
    saddle_distance: float
    held: bool = False
    negative_curvature: float = 0.0
    escape_direction: np.ndarray | None = None
    step: np.ndarray | None = None
    soft_directions: tuple[np.ndarray, ...] = ()
    x_error: np.ndarray | None = None
    modes: Modes | None = None
    holds: bool = True
    remaining: float = 0.0

    @property
    def curvature(self) -> tuple[float, ...]:
        """The smallest and the largest eigenvalue; empty in a corner of the box, where no coordinate is free."""
        return () if math.isnan(self.smallest) else (self.smallest, self.largest)

    @property
    def error(self) -> tuple[float, ...]:
        """The largest distance of each parameter from the minimiser: infinite where H is singular, empty if unknown."""
        error = self.x_error if self.modes is None else self.modes.error
        return () if error is None else tuple(error.tolist())

    @property
    def gap(self) -> float:
        """How far f may be above the minimum."""
        return self.decrement if self.modes is None else self.modes.gap

    @property
    def hidden_gain(self) -> float:
        """The part of the gap that comes from errors of the gradient."""
        return 0.0 if self.modes is None else self.modes.hidden_gain

    @property
    def is_saddle(self) -> bool:
        """Whether the point is a saddle: the slope vanishes close by, and a curvature is negative."""
        return self.negative_curvature < -SADDLED and self.saddle_distance < AT_SADDLE

    @property
    def is_flat(self) -> bool:
        """Whether there is neither slope nor curvature."""
        return self.largest == 0 == self.smallest and self.decrement == 0 and not self.held

    @property
    def curvature_changes(self) -> bool:
        """Whether the curvature close to the point differs from the one measured farther away."""
        return self.modes is not None and bool(self.modes.changed.any())

    @property
    def unknown_gain(self) -> float:
        """The gain that may be left along modes whose curvature is not known close to the point."""
        return 0.0 if self.modes is None else self.modes.unknown_gain

    def after_step(self, gradient: np.ndarray) -> Audit:
        """Return the audit after Newton's step, with the gradient there and the same Hessian."""
        assert self.modes is not None
        modes = self.modes.after_step(gradient)
        remaining = modes.decrement / self.decrement
        return replace(self, decrement=modes.decrement, step=modes.step, remaining=remaining, modes=modes)

    def checked_close(self, x: np.ndarray, grad: Grad, size: np.ndarray) -> Audit:
        """Return the audit after one more gradient, which measures the curvature close to x."""
        if self.modes is None:
            return self
        modes = self.modes.checked_close(x, grad, size)
        # Only values of f can decide whether f rises along directions in which the curvature changes.
        changed = (modes.directions * modes.reach)[:, modes.changed].T[:MOST_SOFT]
        return replace(self, modes=modes, soft_directions=(*self.soft_directions, *changed))


class QuadraticModel(NamedTuple):
    """The Hessian and the gradient in some coordinates of a point, with the scales of these coordinates.

    Attributes
    ----------
    hessian : array
        The symmetric part of the Hessian by differences.
    asymmetry : array
        How far that Hessian is from symmetric: an estimate of its error.
    gradient, gradient_error : array
        The gradient, and the largest error of each entry.
    x, size, scale, steps : array
        The point, the size of each coordinate, the length over which f changes, and the step of the differences.
    free : array of bool
        Which of all coordinates are free.
    """

    hessian: np.ndarray
    asymmetry: np.ndarray
    gradient: np.ndarray
    gradient_error: np.ndarray
    x: np.ndarray
    size: np.ndarray
    scale: np.ndarray
    steps: np.ndarray
    free: np.ndarray

    def among(self, free: np.ndarray) -> QuadraticModel:
        """Return the model in the coordinates that `free` selects."""
        square = np.ix_(free, free)
        vectors = self.gradient, self.gradient_error, self.x, self.size, self.scale, self.steps
        gradient, error, x, size, scale, steps = (vector[free] for vector in vectors)
        hessian, asymmetry = self.hessian[square], self.asymmetry[square]
        return QuadraticModel(hessian, asymmetry, gradient, error, x, size, scale, steps, free)


def audit(
    objective: Objective, x: np.ndarray, start: np.ndarray, sign: float, box: Box | None = None,
    reach: np.ndarray | None = None, exact: bool = False,
) -> Audit | None:  # fmt: skip
    """Return the audit of a point: its Hessian by differences of the gradient, and Newton's decrement ½ gᵀH⁻¹g.

    Coordinates that an edge of the box holds are left out. `reach` limits the step of the differences in each
    coordinate. `exact` asks for the Hessian of traced code, which must first be compiled. Return None if the Hessian or
    the gradient is not finite.
    """
    if objective.audit is not None:
        return objective.audit(x)
    value, gradient = objective.slope(x)
    by_values = objective.kind == "differences"
    noise, precision = objective.relative_noise, objective.precision
    scale, slope_error = objective.scales(x, start), objective.slope_error(x)
    secants = objective.differences.secants(x) if objective.differences else None
    hessian, steps = _hessian(objective, x, scale, box, reach, exact)
    if secants is not None and slope_error is not None:
        slope_error = np.maximum(slope_error, secants.jumps(np.diag(hessian)))
    even, odd = (hessian + hessian.T) / 2, np.abs(hessian - hessian.T) / 2
    size = np.maximum(np.abs(x), least_size(start))
    if objective.chart is not None:
        size = np.maximum(size, objective.chart.sizes(x))
    # Held coordinates may have no finite curvature, as the differences may reach beyond the edge.
    error = rounding_of(np.where(np.isfinite(even), even, 0.0), size, precision)
    if slope_error is not None:
        error = np.maximum(error, np.where(np.isfinite(slope_error), slope_error, np.abs(gradient)))
    size = size * (precision / EPS)
    every = np.ones(x.size, dtype=bool)
    model = QuadraticModel(sign * even, odd, sign * gradient, error, x, size, scale, steps, every)
    floor = FLOORS * noise * abs(value)
    if box is not None:
        unsure = noise ** (2 / 3) * abs(value) / scale if by_values else np.zeros(x.size)
        model, inward = _inside(box, model, unsure)
        if inward < 0:
            largest = float(np.abs(np.diag(hessian)).max())
            return Audit(0.0, 0.0, inward, largest, 0.0, held=True, negative_curvature=-1.0)
        if not model.x.size:
            return Audit(0.0, floor, math.nan, math.nan, 0.0, held=True, x_error=np.zeros(x.size))
    report = _by_eigenvalues(model, floor, by_values, exact)
    if by_values and report is not None and report.modes is not None and _is_remote(x, start):
        report = replace(report, modes=report.modes.with_far_errors(np.maximum(np.maximum(scale, size), 1.0)))
    if report is None or report.modes is None or slope_error is None or not np.all(np.isfinite(slope_error)):
        return report
    # Gradients by differences have errors, which hide more gain than rounding errors of the values do.
    return replace(report, floor=report.floor + report.modes.hidden_gain)


def _is_remote(x: np.ndarray, start: np.ndarray) -> bool:
    """Tell whether a coordinate has become far larger or far smaller than at the start."""
    least = scale_of(least_size(start), least_size(start))
    now, then = np.maximum(np.abs(x), least), np.maximum(np.abs(start), least)
    return bool(np.any(np.maximum(now, then) > REMOTE * np.minimum(now, then)))


def _hessian(
    objective: Objective, x: np.ndarray, scale: np.ndarray, box: Box | None, reach: np.ndarray | None, exact: bool
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Return the Hessian, and the step of the differences in each coordinate."""
    noise, precision = objective.relative_noise, objective.precision
    steps = scale * min(noise ** (1 / 4) if objective.kind == "differences" else precision ** (1 / 3), 0.1)
    if reach is not None:
        steps = np.minimum(steps, np.maximum(reach, math.sqrt(EPS) * np.where(x == 0, steps, np.abs(x))))
    if exact:
        # Traced code needs no differences: the steps only set the units of coordinates without curvature.
        hessian, steps = hessian_at(objective, x), np.maximum(scale, 1.0) * precision ** (1 / 3)
    else:
        moves = steps if box is None else np.where(box.fixed, 0.0, steps)
        hessian = objective.hessian(x) if objective.hessian else hessian_by_differences(objective.slope, x, moves)
    if box is not None and objective.compiled is not None and not np.all(np.isfinite(hessian)):
        # The differences reach beyond the edge, where f may not be finite: take the Hessian of the compiled code.
        hessian = hessian_at(objective, x)
    return hessian, steps


def _inside(box: Box, model: QuadraticModel, unsure: np.ndarray) -> tuple[QuadraticModel, float]:
    """Return the model in the free coordinates, and the lowest curvature into the box, 0 if none is negative."""
    hessian, gradient, x = model.hessian, model.gradient, model.x
    slack = 64 * EPS * np.abs(hessian) @ np.abs(x) + unsure
    faint = ((x <= box.low) | (x >= box.high)) & ~box.fixed & ~(np.abs(gradient) > slack)
    free = ~box.held(x, gradient) & ~faint
    inward = inward_curvature(hessian, free, faint, np.where(x <= box.low, 1.0, -1.0))
    return model.among(free), inward


def _by_eigenvalues(model: QuadraticModel, noise: float, by_values: bool, exact: bool) -> Audit | None:
    """Return the audit by the eigenvalues of the Hessian; `noise` is the rounding error of the value.

    Rounding the coordinates alone moves the value by about ½ δᵀ|H|δ with δ = ε·|x|: a smaller gain can't be
    distinguished from 0.
    """
    hessian, asymmetry, gradient, gradient_error, x, size, scale, steps, free = model
    # In units in which each curvature is 1, coordinates of all scales count alike. Second differences of values are too
    # rough for such units: take the steps as units instead.
    units = steps if by_values else _units(hessian, gradient, x, steps, exact)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled, error = hessian * np.outer(units, units), asymmetry * np.outer(units, units)
    if not (np.isfinite(scaled).all() and np.isfinite(gradient).all()):
        return None
    eigenvalues, vectors = np.linalg.eigh(scaled)
    sizes, slopes = np.abs(eigenvalues), vectors.T @ (gradient * units)
    unsure = float(np.linalg.norm(error)) + x.size * EPS * float(sizes.max())
    curved = eigenvalues > EPS * sizes.max()
    decrement = float(np.sum(slopes[curved] ** 2 / eigenvalues[curved]) / 2)
    if not curved.all():
        # Along a direction without curvature the gain grows with the length of the step. Count the gain of a step that
        # moves each coordinate by its typical size, or by 1 if that is more.
        slope_noise = 64 * EPS * np.abs(vectors.T) @ (units * (np.abs(hessian) @ np.abs(x)))
        flat = ~curved & (np.abs(slopes) > slope_noise)
        decrement += float(np.abs(slopes[flat]) @ np.abs(vectors.T @ (np.maximum(scale, 1.0) / units))[flat])
    down = eigenvalues < -SURE * unsure
    saddle_distance = negative = 0.0
    if down.any():
        saddle_distance = float(np.max(np.abs(slopes[down] / eigenvalues[down]) * np.min(units / scale)))
        negative = float(eigenvalues[0] / sizes.max())
    if negative < -SADDLED and saddle_distance >= AT_SADDLE:
        # f curves down and still falls along this mode, so nothing bounds the gain.
        decrement = math.inf
    newton = np.divide(slopes, sizes, out=np.zeros_like(slopes), where=sizes > EPS * sizes.max())
    rounding = EPS * size
    floor = noise + float(rounding @ np.abs(hessian) @ rounding)
    step = -units * (vectors @ newton)
    directions = np.zeros((free.size, eigenvalues.size))
    directions[free] = units[:, None] * vectors
    # A held coordinate gets the length 1: the coordinate does not move, and a length of 0 would divide by 0.
    lengths = _placed(free, steps) + ~free, _placed(free, np.maximum(scale, 1.0)) + ~free
    modes = Modes.of(
        directions, np.where(curved, eigenvalues, 0.0), eigenvalues > SURE * unsure, lengths,
        _placed(free, gradient), _placed(free, gradient_error),
    )  # fmt: skip
    return Audit(
        decrement, floor, *_extremes(hessian, eigenvalues), saddle_distance, not free.all(),
        negative_curvature=negative, escape_direction=_placed(free, _as_long(units * vectors[:, 0], steps)),
        step=_placed(free, step), modes=modes,
        soft_directions=_soft(hessian, steps, free, (units, eigenvalues, vectors)),
    )  # fmt: skip


def _extremes(hessian: np.ndarray, scaled: np.ndarray) -> tuple[float, float]:
    """Return the smallest and the largest eigenvalue in the user's units; the scaled eigenvalues decide the sign."""
    curvature = np.linalg.eigvalsh(hessian)
    lowest, highest = float(curvature[0]), float(curvature[-1])
    if -1e-9 * abs(scaled[-1]) <= scaled[0] <= 0:
        return 0.0, highest
    # In the user's units, a rounding error may change the sign of the smallest eigenvalue, so use the sign of the
    # scaled one.
    return max(lowest, 0.0) if scaled[0] > 0 else lowest, highest


def _placed(free: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Return a vector of all coordinates from its entries in the free coordinates; the other entries are 0."""
    whole = np.zeros(free.size)
    whole[free] = part
    return whole


def _units(
    hessian: np.ndarray, gradient: np.ndarray, x: np.ndarray, steps: np.ndarray, exact: bool
) -> np.ndarray:  # fmt: skip
    """Return a unit for each coordinate: the length in which its curvature is 1.

    Where rounding errors hide the curvature of a coordinate, the unit is the step of its differences.
    """
    diagonal = np.abs(np.diag(hessian))
    # The error of the curvatures that comes from rounding errors of the gradients.
    unsure = 0.0 if exact else 512 * EPS * (np.abs(hessian) @ np.abs(x) + np.abs(gradient)) / steps
    return np.divide(1.0, np.sqrt(diagonal), out=steps.copy(), where=diagonal > unsure)


def _as_long(direction: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return a direction scaled so that no coordinate moves by more than its step."""
    return direction / np.max(np.abs(direction) / steps)


def _soft(
    hessian: np.ndarray, steps: np.ndarray, free: np.ndarray, known: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> tuple[np.ndarray, ...]:
    """Return the directions of least curvature, in units in which each coordinate's own curvature is 1.

    `known` are the eigenvalues and eigenvectors in other units, which are often the same.
    """
    diagonal = np.abs(np.diag(hessian))
    units = np.divide(1.0, np.sqrt(diagonal), out=steps.copy(), where=diagonal > 0)
    others, eigenvalues, vectors = known
    if not (units == others).all():
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = hessian * np.outer(units, units)
        if not np.isfinite(scaled).all():
            return ()
        eigenvalues, vectors = np.linalg.eigh(scaled)
    faint = eigenvalues < SOFT * np.abs(eigenvalues).max()
    if not faint.any():
        return ()
    soft = vectors.T[faint][:MOST_SOFT]
    return tuple(_placed(free, _as_long(vector * units, steps)) for vector in soft)


def inward_curvature(hessian: np.ndarray, free: np.ndarray, faint: np.ndarray, inside: np.ndarray) -> float:
    """Return the lowest curvature along directions into the box, 0 if none is negative.

    `faint` coordinates lie at an edge and have no slope: they can move only into the box.
    """
    if not faint.any():
        return 0.0
    movable = np.flatnonzero(free | faint)
    part, at_edge = hessian[np.ix_(movable, movable)], faint[movable]
    if not np.all(np.isfinite(part)):
        return 0.0
    eigenvalues, vectors = np.linalg.eigh(part)
    negative = vectors.T[eigenvalues < 0]
    lowest = 0.0
    for direction in (*negative, *-negative, *np.diag(inside[movable])[at_edge]):
        allowed = np.where(at_edge & (direction * inside[movable] < 0), 0.0, direction)
        size = float(allowed @ allowed)
        lowest = min(lowest, float(allowed @ part @ allowed) / size if size else 0.0)
    return lowest if lowest < -1e-6 * float(np.abs(eigenvalues).max()) else 0.0


def rounding_of(hessian: np.ndarray, size: np.ndarray, precision: float) -> np.ndarray:
    """Return the error of each entry of the gradient that comes from rounding coordinates of these sizes."""
    return ROUNDINGS * precision * np.abs(hessian) @ size


def cost_of_audit(objective: Objective) -> int:
    """Return how many values the Hessian at a point costs."""
    if objective.hessian:
        return 0 if objective.quadratic else 1
    return 2 * objective.size * objective.cost


def auditable(objective: Objective) -> bool:
    """Tell whether a Hessian costs little enough: 2n gradients, each of 2n + 1 values if by differences."""
    if objective.quadratic or not objective.smooth:
        return objective.smooth
    return objective.size <= (LARGEST_AUDIT_BY_VALUES if objective.kind == "differences" else LARGEST_AUDIT)
