"""Newton's method for losses that are curved everywhere, on small tables, by NumPy alone.

The steps, the end and the parts of the certificate are those of `NewtonSolver`. What would be out of the ordinary there
(a Hessian that is no longer definite, a loss that falls without end, a start of the user's) is left to it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from steepest.derivatives.differences import EPS
from steepest.fitting.direct import plane
from steepest.fitting.linear.certificates.base import BoundParts
from steepest.fitting.linear.certificates.rounding import ROUNDINGS
from steepest.fitting.linear.certificates.smooth import MOST_LOST
from steepest.fitting.linear.glm import SINGULAR
from steepest.fitting.linear.solvers.newton import CLOSER
from steepest.fitting.strength.newton import hessian
from steepest.fitting.strength.slopes import Slopes
from steepest.models.losses import Loss

# A descent from zeros takes 4 to 10 steps on ordinary tables. One that takes more is left to the usual solver: without
# a penalty, the loss may fall without end.
MOST_STEPS = 30


@dataclass(frozen=True)
class Place:
    """A point θ with its value, its gradient, its outputs, and M with Mᵀ H M = I.

    Attributes
    ----------
    theta, gradient : array of shape (n,)
        The point and the gradient.
    value : float
        The objective.
    z : array of shape (rows, outputs)
        The outputs.
    metric : array of shape (n, n)
        M.
    condition : float
        A bound on the condition number of H, scaled to a unit diagonal.
    """

    theta: np.ndarray
    value: float
    gradient: np.ndarray
    z: np.ndarray
    metric: np.ndarray
    condition: float


@dataclass(frozen=True)
class Curved:
    """The objective Σ pᵢ ℓ(zᵢ, yᵢ) + λ/2 ‖T U‖² on whitened columns, with z = A Θ; θ is Θ row by row.

    Attributes
    ----------
    columns : array of shape (rows, directions)
        The whitened columns; A has a column of ones beside them.
    y, p : array of shape (rows,)
        The targets, and the weights, which sum to 1.
    ridge : float
        λ.
    transform : array of shape (columns, directions) or None
        T, which maps U to coefficients in the user's units; None without a penalty.
    loss : Loss
        ℓ.
    slopes : Slopes
        The derivatives of ℓ.
    lowest : float
        A lower bound on the objective.
    """

    columns: np.ndarray
    y: np.ndarray
    p: np.ndarray
    ridge: float
    transform: np.ndarray | None
    loss: Loss
    slopes: Slopes
    lowest: float

    @cached_property
    def extended(self) -> np.ndarray:
        """The whitened columns, and a column of ones."""
        return np.column_stack([self.columns, np.ones(len(self.y))])

    @cached_property
    def bend(self) -> np.ndarray | None:
        """λ TᵀT, the Hessian of the penalty, for one output; None without a penalty."""
        return None if self.transform is None else self.ridge * (self.transform.T @ self.transform)

    @cached_property
    def size(self) -> float:
        """The size of the terms that slopes are computed from."""
        return float(self.p @ self.loss.terms(self.y))

    def by_output(self, theta: np.ndarray) -> np.ndarray:
        """Return θ as a matrix with a column for each output."""
        return theta.reshape(-1, self.slopes.outputs)

    def along(self, d: np.ndarray) -> np.ndarray:
        """Return A D."""
        d = self.by_output(d)
        return np.asarray(self.columns @ d[:-1] + d[-1])

    def weighted(self, part: np.ndarray) -> np.ndarray:
        """Return p times a part of each row; 0 for a row of weight 0, even if the part is not finite."""
        p = self.p.reshape(-1, *[1] * (part.ndim - 1))
        return np.where(p > 0, p * part, 0.0)

    def own(self, z: np.ndarray) -> np.ndarray:
        """Return outputs as the loss takes them: a vector, if a row has one."""
        return z if self.loss.outputs else z[:, 0]

    def weights(self, theta: np.ndarray) -> np.ndarray:
        """Return T U as one vector, which is empty without a penalty."""
        return np.zeros(0) if self.transform is None else (self.transform @ self.by_output(theta)[:-1]).ravel()

    def at(self, theta: np.ndarray) -> Place | None:
        """Return the point with its derivatives; None if its Hessian is not positive definite beyond rounding."""
        z = self.along(theta)
        first, second = self.weighted(self.slopes.first(z, self.y)), self.weighted(self.slopes.second(z, self.y))
        w, outputs = self.weights(theta), self.slopes.outputs
        value = float(self.weighted(self.slopes.value(z, self.y)).sum()) + self.ridge / 2 * float(w @ w)
        slope, H = np.vstack([self.columns.T @ first, first.sum(axis=0)]), hessian(self.extended, second)
        if self.bend is not None:
            slope[:-1] += self.bend @ self.by_output(theta)[:-1]
            H[: len(self.bend) * outputs, : len(self.bend) * outputs] += np.kron(self.bend, np.eye(outputs))
        whitened = whitening(H) if np.isfinite(value) and np.isfinite(H).all() else None
        return None if whitened is None else Place(theta, value, slope.ravel(), z, *whitened)

    def rounding(self, value: float) -> float:
        """Return the rounding error of a value, as `Glm.rounding` does."""
        return 4 * EPS * abs(value) + (4 * EPS * self.size) ** 2

    def gap(self, here: Place, d: np.ndarray, along: np.ndarray) -> float:
        """Return the bound on how far the value is above the minimum that Newton's step d proves."""
        w = self.weights(d)
        tangents = self.loss.fenchel_young_gap(self.own(here.z), self.y, self.own(along))
        return float(self.weighted(tangents).sum()) + self.ridge / 2 * float(w @ w)

    def parts(self, here: Place, d: np.ndarray, along: np.ndarray, gap: float) -> BoundParts:
        """Return the parts of the bound at a point from Newton's step there, as `bound_parts` does."""
        first, second = (of(here.z, self.y) for of in (self.slopes.first, self.slopes.second))
        if self.loss.vanishes and here.value - self.lowest <= self.rounding(here.value):
            # The value is the least possible.
            gap = here.value - self.lowest
        moves = np.linalg.norm(along, axis=1) * (np.sqrt(2) if self.loss.outputs else 1.0)
        numbers = {
            "gap": gap, "value": here.value, "slope_sum": np.abs(self.weighted(first)).sum(),
            "curvature_sum": np.abs(self.weighted(second)).sum(), "term_sum": self.size,
            "intercept_slope": np.abs(self.by_output(here.gradient)[-1]).max(), "endless": False,
            "largest_move": moves[self.p > 0].max(), "step_norm": np.linalg.norm(d), "condition": here.condition,
        }  # fmt: skip
        return BoundParts(**{name: np.asarray(number) for name, number in numbers.items()})

    def searched(self, here: Place, steps: tuple[np.ndarray, np.ndarray]) -> np.ndarray | None:
        """Return the best multiples of Newton's direction and of the last step; None if no step lowers the value."""
        along = [self.along(step) for step in steps]
        size = np.array([np.abs(each).max() for each in along])
        unit = 1 / np.where(size > 0, size, 1.0)
        u, v = (each * one for each, one in zip(along, unit, strict=True))
        w, W = self.weights(here.theta), np.stack([self.weights(step) for step in steps]) * unit[:, None]

        def values(a: np.ndarray) -> plane.Values:
            z = here.z + a[0] * u + a[1] * v
            loss, first, second = (
                self.weighted(of(z, self.y)) for of in (self.slopes.value, self.slopes.first, self.slopes.second)
            )
            weights, of_u, of_v = w + a @ W, *((second @ each[:, :, None])[:, :, 0] for each in (u, v))
            uu, uv, vv = (u * of_u).sum(), (v * of_u).sum(), (v * of_v).sum()
            return (
                float(loss.sum()) + self.ridge / 2 * float(weights @ weights),
                np.array([(u * first).sum(), (v * first).sum()]) + self.ridge * (W @ weights),
                np.array([[uu, uv], [uv, vv]]) + self.ridge * (W @ W.T),
            )

        found = plane.lowest(values, size, here.value)
        if found is None or not found[1] <= here.value + self.rounding(here.value) or not found[0].any():
            return None
        return np.asarray(found[0] * unit)

    def descend(self) -> tuple[np.ndarray, np.ndarray, Place, BoundParts] | None:
        """Descend from zeros; return the rows of the trace and their times, the end, and the parts of the bound there.

        The times are those of the clock `time.perf_counter`, after the derivatives at the point.

        At a value that is as low as rounding allows, one more step, a closing one, gives the coefficients the other
        half of their digits. None if the descent is for the usual solver.
        """
        here = self.at(np.zeros((self.columns.shape[1] + 1) * self.slopes.outputs))
        rows, times, last, t, before = [], [], None, 0.0, np.inf
        for k in range(MOST_STEPS):
            if here is None or ROUNDINGS * EPS * here.condition >= MOST_LOST:
                return None
            norm = float(np.linalg.norm(here.gradient))
            rows.append(np.concatenate([[k, k + 1, here.value, norm, t], here.theta]))
            times.append(time.perf_counter())
            d = -here.metric @ (here.metric.T @ here.gradient)
            along = self.along(d)
            gap, rounding = self.gap(here, d, along), self.rounding(here.value)
            near = gap <= rounding
            closing = near and gap > EPS * rounding and (before > rounding or gap < CLOSER * before)
            if near and not closing:
                return np.array(rows), np.array(times), here, self.parts(here, d, along, gap)
            before, last = gap, np.zeros_like(d) if last is None else last
            a = np.array([1.0, 0.0]) if closing else self.searched(here, (d, last))
            if a is None:
                return None
            last, t = a[0] * d + a[1] * last, float(a[0])
            here = self.at(here.theta + last)
        return None


def whitening(H: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Return M with Mᵀ H M = I, and a bound on the condition number of H scaled to a unit diagonal, by Cholesky.

    Parameters
    ----------
    H : array of shape (n, n)
        A Hessian.

    Returns
    -------
    (array of shape (n, n), float) or None
        M and the bound; None if H is not positive definite, or only by rounding errors.

    Examples
    --------
    >>> metric, condition = whitening(np.diag([4.0, 9.0]))
    >>> np.diag(metric).round(3), round(condition, 3)
    (array([0.5  , 0.333]), 4.0)
    """
    diagonal = np.diag(H)
    if not (diagonal > 0).all():
        return None
    scale = np.sqrt(diagonal)
    try:
        factor = np.linalg.cholesky(H / np.outer(scale, scale))
        inverse = np.linalg.inv(factor)
    except np.linalg.LinAlgError:
        return None
    condition = float((factor**2).sum() * (inverse**2).sum())
    return ((inverse / scale).T, condition) if condition < SINGULAR else None
