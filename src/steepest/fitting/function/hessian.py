"""The Hessian of a sum of squares ‖ρ‖² with its errors, and the audit based on that Hessian."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS, scale_of
from steepest.descent.verdict.audit import Audit, inward_curvature
from steepest.fitting.function.levenberg import rank

# A parameter is free if it makes up at least this share of a direction without curvature. Chosen, not measured: with a
# smaller share determined parameters count as free, because rounding mixes them into such directions.
LOOSE = 1e-3
# A rounding error may be this many times its usual size. Chosen, not measured: a larger factor makes bounds wider; with
# a smaller factor rounding errors pass for curvature or progress.
SAFELY = 8.0
# The largest share of the value that rounding of the slopes may hide from a descent that counts as converged. Chosen,
# not measured: a larger share accepts answers of ill-conditioned fits that are further from the minimum.
FAINT = 1e-9


class SecondOrder(NamedTuple):
    """The second-order term of the Hessian, with its error.

    Attributes
    ----------
    matrix : array of shape (n, n)
        Σ ρᵢ ∇²ρᵢ, half the difference between the Hessian and 2 JᵀJ.
    error : array of shape (n, n)
        The error of `matrix`.
    slope_error : array of shape (n,)
        The error of Jᵀρ if J was computed by differences, else 0.
    """

    matrix: np.ndarray
    error: np.ndarray
    slope_error: np.ndarray


class Residuals(Protocol):
    """The residuals ρ of an objective ‖ρ‖², with their Jacobian J.

    Attributes
    ----------
    size : float
        The length of the data; ρ is the difference of the predictions and the data.
    rows : float
        The effective number of rows, which is smaller if weights differ.
    precision : float
        The relative rounding error of a prediction.
    gaps : int
        At how many points J was computed by differences although the code is traced.
    traced : bool
        Whether derivatives are exact.
    """

    size: float
    rows: float
    precision: float
    gaps: int

    @property
    def traced(self) -> bool: ...

    def triangle(self, x: np.ndarray) -> np.ndarray:
        """Return the R of a QR decomposition of [J ρ]; it is not finite if ρ is not."""

    def second_order(self, x: np.ndarray) -> SecondOrder | None:
        """Return the second-order term of the Hessian, or None if it is not finite."""


@dataclass(frozen=True)
class Hessian:
    """The Hessian of ‖ρ‖², 2 (JᵀJ + Σ ρᵢ ∇²ρᵢ), in coordinates q where JᵀJ is the identity and the sum diagonal.

    In these coordinates the curvatures are precise however ill-conditioned J is. Directions in which J is rounding
    noise get the length of the direction in which J is largest.

    Attributes
    ----------
    W : array of shape (n, n)
        The map to parameters, x = W q.
    curvatures, slopes : array of shape (n,)
        Half the second derivatives along q, and half the first derivatives, (J W)ᵀρ.
    curvature_error, slope_error : array of shape (n,)
        How large curvatures and slopes can be by rounding alone.
    norms : array of shape (n,)
        The norms of the columns of J.
    """

    W: np.ndarray
    curvatures: np.ndarray
    slopes: np.ndarray
    curvature_error: np.ndarray
    slope_error: np.ndarray
    norms: np.ndarray

    @classmethod
    def at(
        cls, residuals: Residuals, triangle: np.ndarray, x: np.ndarray, second_order: SecondOrder | None,
        free: np.ndarray | None = None,
    ) -> Hessian:  # fmt: skip
        """Return the Hessian at x from the R of [J ρ] and the second-order term; without that term, return 2 JᵀJ.

        It is the Hessian of the parameters that are `free` only, if some are not.
        """
        zeros = np.zeros((x.size, x.size))
        matrix, error, slope_error = second_order or SecondOrder(zeros, zeros, zeros[0])
        terms = _size(residuals, triangle, x)
        if free is not None:
            square = np.ix_(free, free)
            matrix, error, slope_error, x = matrix[square], error[square], slope_error[free], x[free]
            triangle = triangle[:, np.append(free, True)]
        norms = column_norms(triangle)
        scale = np.where(norms > 0, norms, 1.0)
        U, singular, V = np.linalg.svd(triangle[:, :-1] / scale)
        known = rank(singular, x.size)
        length = np.full(x.size, singular[0] or 1.0)
        length[:known] = singular[:known]
        whiten = V.T / length / scale[:, None]
        curvatures, vectors = np.linalg.eigh(np.diag(np.arange(x.size) < known) + whiten.T @ matrix @ whiten)
        slopes = vectors[:known].T @ (U.T[:known] @ triangle[:, -1])
        W = whiten @ vectors
        curvature_error = SAFELY * EPS * x.size * np.abs(curvatures).max()
        curvature_error = curvature_error + np.sum(np.abs(W) * (error @ np.abs(W)), axis=0)
        # The columns of J W have length 1, and the n predictions have independent rounding errors. So the rounding
        # error of a slope is 1 / √n times the length of these errors.
        share = SAFELY / math.sqrt(residuals.rows)
        slope_error = slope_error + share * EPS * math.sqrt(value_of(triangle)) * norms
        slope_error = share * residuals.precision * terms + slope_error @ np.abs(W)
        return cls(W, curvatures, slopes, curvature_error, slope_error, norms)

    @property
    def positive(self) -> np.ndarray:
        """Which curvatures are positive beyond their error."""
        return self.curvatures > self.curvature_error

    @property
    def negative(self) -> np.ndarray:
        """Which curvatures are negative beyond their error."""
        return self.curvatures < -self.curvature_error

    @property
    def step_in_q(self) -> np.ndarray:
        """Newton's step in q, reversed along negative curvature so that it goes downhill."""
        solid = self.positive | self.negative
        return np.divide(-self.slopes, np.abs(self.curvatures), out=np.zeros_like(self.slopes), where=solid)

    @property
    def step(self) -> np.ndarray:
        """Newton's step in the parameters."""
        return self.W @ self.step_in_q

    @property
    def decrement(self) -> float:
        """The largest gain that Newton's step can have, given that curvatures near 0 may be rounding errors."""
        up, level = self.positive, ~(self.positive | self.negative) & (np.abs(self.slopes) > self.slope_error)
        gain = self.slopes[up] ** 2 @ (1 / self.curvatures[up])
        return float(gain + self.slopes[level] ** 2 @ (1 / self.curvature_error[level]))

    @property
    def hidden(self) -> float:
        """The gain of Newton's step that rounding of the slopes may hide."""
        return float(self.slope_error[self.positive] ** 2 @ (1 / self.curvatures[self.positive]))

    def error(self, x: np.ndarray) -> np.ndarray:
        """Return how far each parameter may lie from the minimiser, by Newton's step and rounding errors of slopes.

        The distance is infinite if a parameter is free to move along a direction without positive curvature.
        """
        up = self.positive
        by_slopes = self.W[:, up] * (self.slope_error[up] / self.curvatures[up])
        flat = np.abs(self.W[:, ~up]) * np.where(self.norms > 0, self.norms, 1.0)[:, None]
        free = (flat > LOOSE * np.linalg.norm(flat, axis=0)).any(axis=1)
        return np.where(free, math.inf, np.abs(self.step) + np.linalg.norm(by_slopes, axis=1) + EPS * np.abs(x))


def audit_squares(
    residuals: Residuals, x: np.ndarray, start: np.ndarray, box: Box | None = None
) -> Audit | None:  # fmt: skip
    """Return the audit by the whole Hessian of ‖ρ‖² at a point where a descent rests; None if it is not finite.

    Parameters that a bound holds are left out, as they can't move.
    """
    triangle, second_order = residuals.triangle(x), residuals.second_order(x)
    if second_order is None or not np.all(np.isfinite(triangle)):
        return None
    whole = 2 * (triangle[:, :-1].T @ triangle[:, :-1] + second_order.matrix)
    free, faint = movable(residuals, triangle, x, second_order, box)
    if box is not None and faint.any():
        inward = inward_curvature(whole, free, faint, np.where(x <= box.low, 1.0, -1.0))
        if inward < 0:
            # The value falls from the bound into the box, so this is no minimum.
            largest = float(np.abs(np.diag(whole)).max())
            return Audit(0.0, 0.0, inward, largest, 0.0, held=True, negative_curvature=-1.0)
    noise = rounding(residuals, triangle, x)
    if not free.any():
        # A parameter without a slope may lie off its bound as far as rounding of the slope allows.
        error = errors_of(residuals, triangle, x, second_order, faint)
        return Audit(0.0, noise, math.nan, math.nan, 0.0, held=True, x_error=error)
    hessian = Hessian.at(residuals, triangle, x, second_order, free)
    W, curvatures, up, down = hessian.W, hessian.curvatures, hessian.positive, hessian.negative
    smallest, largest = np.linalg.eigvalsh(whole[np.ix_(free, free)])[[0, -1]]
    if up.all():
        # Compute the smallest eigenvalue from the inverse, whose largest eigenvalue is precise even if the smallest of
        # the matrix is rounding noise.
        smallest = 1 / np.linalg.norm(W / np.sqrt(2 * curvatures), 2) ** 2
    elif not down.any():
        smallest = 0.0
    size, lowest = scale_of(x, start)[free], W[:, np.argmin(np.where(down, curvatures, math.inf))]
    # If all slopes may be rounding errors, no step is worth taking.
    step = hessian.step if np.any(np.abs(hessian.slopes) > hessian.slope_error) else np.zeros(size.size)
    return Audit(
        decrement=hessian.decrement,
        floor=max(noise, min(hessian.hidden, FAINT * value_of(triangle))),
        smallest=float(smallest),
        largest=float(largest),
        saddle_distance=float(np.abs(W[:, down] * hessian.step_in_q[down] / size[:, None]).max(initial=0.0)),
        held=not free.all(),
        negative_curvature=float(curvatures[down].min() / np.abs(curvatures).max()) if down.any() else 0.0,
        escape_direction=placed(free, lowest * EPS ** (1 / 3) / np.abs(lowest / size).max()),
        step=placed(free, step),
        x_error=errors_of(residuals, triangle, x, second_order, free | faint, None if faint.any() else hessian),
    )


def movable(
    residuals: Residuals, triangle: np.ndarray, x: np.ndarray, second_order: SecondOrder, box: Box | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return which parameters are free, and which rest at a bound without a slope that rounding can't explain."""
    every = np.ones(x.size, dtype=bool)
    if box is None:
        return every, ~every
    slopes, unsure = triangle[:, :-1].T @ triangle[:, -1], slope_rounding(residuals, triangle, x)
    unsure = unsure + second_order.slope_error
    faint = ((x <= box.low) | (x >= box.high)) & ~box.fixed & ~(np.abs(slopes) > unsure)
    return ~box.held(x, slopes) & ~faint, faint


def slope_rounding(residuals: Residuals, triangle: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return how large each entry of Jᵀρ can be by rounding alone."""
    rounded = EPS * math.sqrt(value_of(triangle)) + residuals.precision * _size(residuals, triangle, x)
    return SAFELY / math.sqrt(residuals.rows) * rounded * column_norms(triangle)


def errors_of(
    residuals: Residuals, triangle: np.ndarray, x: np.ndarray, second_order: SecondOrder | None, free: np.ndarray,
    hessian: Hessian | None = None,
) -> np.ndarray:  # fmt: skip
    """Return how far each of the free parameters may lie from the minimiser: infinitely far if it has no effect.

    `hessian` is that of the free parameters, if it is known. The others have no error.
    """
    if not free.any():
        return np.zeros(x.size)
    hessian = hessian or Hessian.at(residuals, triangle, x, second_order, free)
    error = placed(free, hessian.error(x[free]))
    idle = without_effect(residuals, triangle, x, placed(free, hessian.norms), error)
    return np.where(idle, math.inf, error)


def undetermined(residuals: Residuals, x: np.ndarray, box: Box | None = None) -> np.ndarray:
    """Return which parameters can change, alone or together, without changing the value by more than rounding.

    Those that a bound holds are determined by it.
    """
    triangle, second_order = residuals.triangle(x), residuals.second_order(x)
    zeros = np.zeros((x.size, x.size))
    free, _ = movable(residuals, triangle, x, second_order or SecondOrder(zeros, zeros, zeros[0]), box)
    return np.isinf(errors_of(residuals, triangle, x, second_order, free))


def placed(free: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Return a vector of all parameters from its entries for the free ones; the other entries are 0."""
    whole = np.zeros(free.size)
    whole[free] = part
    return whole


def without_effect(
    residuals: Residuals, triangle: np.ndarray, x: np.ndarray, norms: np.ndarray, error: np.ndarray
) -> np.ndarray:
    """Return the parameters that can take a step without changing the value, though the Hessian predicts a rise.

    Only parameters whose error exceeds their size are tried. `norms` are those of the columns of J.
    """
    value, floor = value_of(triangle), rounding(residuals, triangle, x)
    found = np.zeros(x.size, dtype=bool)
    for k in np.flatnonzero(np.isfinite(error) & (error > np.abs(x))):
        # Along this step JᵀJ predicts a rise of 100 times the rounding error.
        step = 10 * math.sqrt(floor) / norms[k] * np.eye(x.size)[k]
        found[k] = any(abs(value_of(residuals.triangle(x + s)) - value) < 10 * floor for s in (step, -step))
    return found


def rounding(residuals: Residuals, triangle: np.ndarray, x: np.ndarray) -> float:
    """Return how much two values v = ‖ρ‖² may differ by rounding alone: ε v + 2 √(v / n) ε s + (ε s)², times a factor.

    ρ is the difference of the data and the predictions. If these have the length s, each of the n rows of ρ has a
    random rounding error of ε s / √n.
    """
    value, size = value_of(triangle), residuals.precision * _size(residuals, triangle, x)
    return SAFELY * (EPS * value + 2 * math.sqrt(value / residuals.rows) * size + size**2)


def _size(residuals: Residuals, triangle: np.ndarray, x: np.ndarray) -> float:
    """Return the length of the terms that ρ is computed from: the data, and the effect of each parameter on it."""
    with np.errstate(over="ignore"):
        return float(np.hypot(residuals.size, np.linalg.norm(column_norms(triangle) * x)))


def value_of(triangle: np.ndarray) -> float:
    """Return ‖ρ‖² from the R of [J ρ]."""
    with np.errstate(over="ignore"):
        return float(triangle[:, -1] @ triangle[:, -1])


def column_norms(triangle: np.ndarray) -> np.ndarray:
    """Return the norms of the columns of J from the R of [J ρ]."""
    columns = triangle[:, :-1]
    # Divided by a power of two near their largest entry, columns of any size have squares that don't vanish.
    units = np.ldexp(1.0, np.frexp(np.abs(columns).max(axis=0, initial=0.0))[1])
    return units * np.linalg.norm(columns / units, axis=0)
