"""The solution of a small table by NumPy alone: the steps and the certificate of Newton's method, nothing compiled.

For least squares in whitened coordinates the Hessian is 2 I, so that a step is the solution up to rounding. The next
step is not taken: its length proves how near the minimum is. Losses of other curvature take the steps of `newton`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from steepest.derivatives.differences import EPS
from steepest.descent.loop.bound import Bound
from steepest.fitting.direct.newton import Curved
from steepest.fitting.linear.certificates.base import BoundParts, Measurement
from steepest.fitting.linear.certificates.smooth import Certifier
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.spec import LinearSpec
from steepest.fitting.linear.units import ORDINARY
from steepest.fitting.strength.slopes import slopes_of
from steepest.models.losses import Loss, softmax, squared
from steepest.models.losses.softmax import Contrasted

# One step is usual, and rounding errors of the first may need a second. More steps are for the usual descent.
MOST_STEPS = 3
# With a larger condition number whitening leaves rounding errors, and the user may be warned: the usual descent does.
WELL = 1e6
# The rows of the trace, when each was reached, the gradient at the end, and the parts of the bound there.
Descent = tuple[np.ndarray, np.ndarray, np.ndarray, Measurement]


@dataclass(frozen=True)
class Solution:
    """A solution, in the coordinates of the descent.

    Attributes
    ----------
    rows : array of shape (steps + 1, 5 + n)
        The rows of the trace.
    times : array of shape (steps + 1,)
        When each was reached, by the clock `time.perf_counter`.
    gradient : array of shape (n,)
        The gradient at the solution.
    bound : Bound
        How far the value is above the minimum.
    """

    rows: np.ndarray
    times: np.ndarray
    gradient: np.ndarray
    bound: Bound


@dataclass(frozen=True)
class Squares:
    """The objective Σ pᵢ (zᵢ - yᵢ)² + λ/2 ‖T u‖² on whitened columns, with z = A θ.

    Attributes
    ----------
    columns : array of shape (rows, n - 1)
        The whitened columns; A has a column of ones beside them.
    y, p : array of shape (rows,)
        The targets, and the weights, which sum to 1.
    ridge : float
        λ.
    transform : array of shape (n - 1, n - 1) or None
        T, which maps u to coefficients in the user's units; None without a penalty.
    """

    columns: np.ndarray
    y: np.ndarray
    p: np.ndarray
    ridge: float
    transform: np.ndarray | None

    def along(self, d: np.ndarray) -> np.ndarray:
        """Return A d."""
        return self.columns @ d[:-1] + d[-1]

    def at(self, theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the value, the gradient, and p (z - y)."""
        error = self.along(theta) - self.y
        weighted = self.p * error
        value = float(weighted @ error)
        gradient = 2 * np.append(weighted @ self.columns, weighted.sum())
        if self.transform is not None:
            w = self.transform @ theta[:-1]
            value += self.ridge / 2 * float(w @ w)
            gradient[:-1] += self.ridge * (w @ self.transform)
        return value, gradient, weighted

    def curvature(self, d: np.ndarray, along: np.ndarray) -> float:
        """Return half the curvature along a step: for Newton's step, how far the value is above the minimum."""
        half = float(self.p @ along**2)
        if self.transform is not None:
            w = self.transform @ d[:-1]
            half += self.ridge / 2 * float(w @ w)
        return half

    def rounding(self, value: float) -> float:
        """Return the rounding error of a value, as `Glm.rounding` does."""
        return 4 * EPS * abs(value) + (4 * EPS * self.size) ** 2

    @property
    def size(self) -> float:
        """The size of the terms that slopes are computed from."""
        return float(self.p @ (2 * np.abs(self.y)))

    def parts(self, value: float, gradient: np.ndarray, weighted: np.ndarray, d: np.ndarray, gap: float) -> BoundParts:
        """Return the parts of the bound at a point from Newton's step there, as `bound_parts` does."""
        if value <= self.rounding(value):
            # All targets are met.
            gap = value
        numbers = {
            "gap": gap, "value": value, "slope_sum": 2 * float(np.abs(weighted).sum()), "curvature_sum": 2.0,
            "term_sum": self.size, "intercept_slope": abs(float(gradient[-1])), "endless": False,
            "largest_move": np.inf, "step_norm": float(np.linalg.norm(d)), "condition": 1.0,
        }  # fmt: skip
        return BoundParts(**{name: np.asarray(number) for name, number in numbers.items()})


def solution(problem: LinearSpec) -> Solution | None:
    """Return the solution of a problem on whitened columns; None unless it is certain up to rounding errors."""
    coordinates, columns = problem.coordinates, problem.X.shape[1]
    if coordinates.basis is None or coordinates.directions < columns or coordinates.condition > WELL:
        return None
    ridge, transform = problem.ridge if problem.is_penalised else (0.0, None)
    if transform is not None and np.any(np.abs(np.frexp(coordinates.scale)[1]) > ORDINARY):
        return None
    whitened = ((problem.X - coordinates.mean) / coordinates.scale) @ coordinates.basis
    mass = float(problem.weight.sum())
    p, loss = problem.weight / mass, problem.loss
    assert isinstance(loss, Loss)
    if loss is squared:
        descent = _of_squares(Squares(whitened, problem.y, p, ridge, transform), problem.start)
    else:
        classes = loss.class_count if isinstance(loss, Contrasted) else 0
        slopes = slopes_of(softmax if classes else loss, problem.y, problem.weight, classes)
        descent = _of_curved(Curved(whitened, problem.y, p, ridge, transform, loss, slopes, problem.lowest))
    if descent is None:
        return None
    rows, times, gradient, measurement = descent
    glm = Glm(
        X=whitened, y=problem.y, weight=problem.weight, mass=mass, ridge=ridge, transform=transform, smoothing=None,
        lowest=problem.lowest, loss=loss, block=len(problem.y), is_whitened=True,
    )  # fmt: skip
    bound = Certifier(glm, coordinates, problem.recession)(measurement.x, measurement)
    if bound is None or not bound.gap <= bound.floor:
        return None
    return Solution(rows, times, gradient, bound)


def _of_squares(squares: Squares, theta: np.ndarray) -> Descent | None:
    """Descend least squares from a start."""
    t, rows, times = 0.0, [], []
    for k in range(MOST_STEPS + 1):
        value, gradient, weighted = squares.at(theta)
        rows.append(np.concatenate([[k, k + 1, value, np.linalg.norm(gradient), t], theta]))
        times.append(time.perf_counter())
        d = -gradient / 2
        along = squares.along(d)
        gap, rounding = squares.curvature(d, along), squares.rounding(value)
        if not np.isfinite(value + gap) or (k and not value <= rows[-2][2] + rounding):
            return None
        if gap <= rounding:
            metric = np.eye(theta.size) / np.sqrt(2.0)
            parts = squares.parts(value, gradient, weighted, d, gap)
            return np.array(rows), np.array(times), gradient, Measurement(theta, parts, metric, 0)
        t = -float(gradient @ d) / (2 * gap)
        theta = theta + t * d
    return None


def _of_curved(curved: Curved) -> Descent | None:
    """Descend a loss of another curvature, from zeros."""
    found = curved.descend()
    if found is None:
        return None
    rows, times, end, parts = found
    return rows, times, end.gradient, Measurement(end.theta, parts, end.metric, 0)
