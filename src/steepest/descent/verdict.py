"""How a run ended, in plain words, and how far from the minimum its answer may lie."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS, scale_of
from steepest.derivatives.higher import hessian_at, hessian_by_differences
from steepest.derivatives.objective import Objective
from steepest.trace import Certificate, Outcome

LARGEST_AUDIT = 200
LARGEST_AUDIT_BY_VALUES = 20
SADDLED = 1e-6
FLAT_RIDGE = 1e-3
SOFT = 1e-6
MOST_SOFT = 4

_ADVICE = {
    Outcome.ITERATION_LIMIT: "give more with {counted}s=",
    Outcome.EVALUATION_LIMIT: "give more with evaluations=",
    Outcome.TIME_LIMIT: "give more with seconds=",
    Outcome.STALLED: "no step lowers the value beyond rounding; a larger tolerance= would accept this point",
    Outcome.SADDLE: "start elsewhere, off the ridge",
    Outcome.FLAT: "the function does not change here: start elsewhere",
    Outcome.UNBOUNDED: "there is no best value: check the sign, or whether minimize or maximize is meant",
    Outcome.NON_FINITE: "start elsewhere, or take a smaller step",
    Outcome.RAISED: "mend the function there, or start elsewhere",
    Outcome.WRONG_GRADIENT: "leave gradient= out, or mend it",
}


@dataclass(frozen=True)
class Audit:
    """The Hessian at a point: what it says of the distance to the minimum.

    `ridge` is how far away the slope is flat along directions of negative curvature, in units of the point; `held`
    tells whether an edge of the box holds a coordinate, of which the Hessian says nothing. `endless` says why there is
    no minimum, where that is known. `bend` is the lowest curvature as a part of the largest, each coordinate in its
    own scale, and `way` leads along it; `step` is Newton's, turned downhill. Along `soft` ways the curvature is so
    small beside that of the others that values must tell whether f rises.
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


def audit(
    objective: Objective, x: np.ndarray, start: np.ndarray, sign: float, box: Box | None = None
) -> Audit | None:  # fmt: skip
    """Look at the Hessian by differences of the gradient: the Newton decrement ½ gᵀH⁻¹g and its floor.

    Rounding the coordinates alone moves the value by about ½ δᵀ|H|δ with δ = eps·|x|: no point can be
    known to be better than that. Coordinates that an edge of the box holds are left out.
    """
    if objective.audit is not None:
        return objective.audit(x)
    value, gradient = objective.slope(x)
    by_values = objective.kind == "differences"
    noise = objective.relative_noise
    scale = scale_of(x, start)
    steps = scale * min(noise ** (1 / 4) if by_values else EPS ** (1 / 3), 0.1)
    hessian = objective.hessian(x) if objective.hessian else hessian_by_differences(objective.slope, x, steps)
    hessian, gradient = sign * (hessian + hessian.T) / 2, sign * gradient
    held, free = False, np.ones(x.size, dtype=bool)
    if box is not None:
        if objective.compiled is not None and not np.all(np.isfinite(hessian)):
            # Differences look beyond the edge, where there may be nothing to see.
            hessian = sign * hessian_at(objective, x)
        unsure = noise ** (2 / 3) * abs(value) / scale if by_values else np.zeros(x.size)
        slack = 64 * EPS * np.abs(hessian) @ np.abs(x) + unsure
        faint = ((x <= box.low) | (x >= box.high)) & ~box.fixed & ~(np.abs(gradient) > slack)
        free = ~box.held(x, gradient) & ~faint
        bend = _inward(hessian, free, faint, np.where(x <= box.low, 1.0, -1.0))
        if bend < 0:
            largest = float(np.abs(np.diag(hessian)).max())
            return Audit(0.0, 0.0, bend, largest, 0.0, cost_of_audit(objective), True, bend=-1.0)
        held = not free.all()
        hessian, gradient = hessian[np.ix_(free, free)], gradient[free]
        x, scale, steps = x[free], scale[free], steps[free]
        if not x.size:
            return Audit(0.0, 4 * noise * abs(value), math.nan, math.nan, 0.0, cost_of_audit(objective), held)
    if not (np.all(np.isfinite(hessian)) and np.all(np.isfinite(gradient))):
        return None
    # Scaled so that coordinates in other units weigh alike in the eigenvalues.
    # Second differences of values say too little of a coordinate that has hardly moved.
    units = steps if by_values else _units(hessian, gradient, x, steps)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = hessian * np.outer(units, units)
    if not np.all(np.isfinite(scaled)):
        return None
    eigenvalues, vectors = np.linalg.eigh(scaled)
    slopes = vectors.T @ (gradient * units)
    noisy = EPS * max(abs(eigenvalues[0]), abs(eigenvalues[-1]))
    solid = eigenvalues > noisy
    decrement = float(np.sum(slopes[solid] ** 2 / eigenvalues[solid]) / 2)
    # Along a direction without curvature nothing bounds the gain but a step as long as the point is.
    noise_of_slopes = 64 * EPS * np.abs(vectors.T) @ (units * (np.abs(hessian) @ np.abs(x)))
    loose = ~solid & (np.abs(slopes) > noise_of_slopes)
    decrement += float(np.abs(slopes[loose]) @ np.abs(vectors.T @ (np.maximum(scale, 1.0) / units))[loose])
    rounding = EPS * np.abs(x)
    down = eigenvalues < 0
    ridge = np.max(np.abs(slopes[down] / eigenvalues[down]) * np.min(units / scale), initial=0.0)
    floor = 4 * noise * abs(value) + float(rounding @ np.abs(hessian) @ rounding)
    curvature = np.linalg.eigvalsh(hessian)
    spread = 1e-9 * abs(eigenvalues[-1])
    # Rounding may turn the sign of what is smallest in the user's units; in scale it can be told.
    lowest = max(float(curvature[0]), 0.0) if eigenvalues[0] > 0 else float(curvature[0])
    smallest = lowest if eigenvalues[0] < -spread or eigenvalues[0] > 0 else 0.0
    bend = float(eigenvalues[0] / np.abs(eigenvalues).max()) if eigenvalues[0] < 0 else 0.0
    if bend < -SADDLED and ridge >= FLAT_RIDGE:
        # Where the slope still falls along a way that bends down, nothing bounds the gain.
        decrement = math.inf
    way, step = np.zeros(free.size), np.zeros(free.size)
    way[free] = _as_long(units * vectors[:, 0], steps)
    turned = np.divide(slopes, np.abs(eigenvalues), out=np.zeros_like(slopes), where=np.abs(eigenvalues) > noisy)
    step[free] = -units * (vectors @ turned)
    return Audit(
        decrement, floor, smallest, float(curvature[-1]), float(ridge), cost_of_audit(objective), held,
        bend=bend, way=way, step=step, soft=_soft(hessian, steps, free),
    )  # fmt: skip


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
    ways = []
    for vector in vectors.T[eigenvalues < SOFT * np.abs(eigenvalues).max()][:MOST_SOFT]:
        way = np.zeros(free.size)
        way[free] = _as_long(vector * units, steps)
        ways.append(way)
    return tuple(ways)


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


def message(outcome: Outcome, facts: str, certificate: Certificate, counted: str = "iteration") -> str:
    """Return the sentence that a person reads: outcome, evidence, and what to try next."""
    head = f"{outcome} ({certificate.kind})" if outcome is Outcome.CONVERGED else str(outcome)
    advice = _ADVICE.get(outcome)
    return f"{head}: {facts}" + (f"; {advice.format(counted=counted)}" if advice else "")
