"""Newton's method with conjugate gradients, for linear models with an L2 penalty and many coefficients.

A step solves H d = -g by products with the rows alone, no further than the progress of the descent is worth: far from
the minimum a few products suffice. Dembo, Eisenstat and Steihaug, "Inexact Newton methods" (1982). The products are
NumPy's and SciPy's, which need no compilation: only the losses of the rows are compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg.lapack import dposv

from steepest.data.sparse.segments import SparseRows
from steepest.derivatives.precision import compiled_code
from steepest.descent.loop.bound import Bound
from steepest.descent.loop.state import CANDIDATE, RUNNING, STALLED
from steepest.fitting.limits import CERTIFIED, FACTORED
from steepest.fitting.linear.certificates.ridge import RidgeBound
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.quadratic.products import read_columns
from steepest.fitting.linear.solvers.base import Opening
from steepest.fitting.linear.solvers.host import HostSolver, RowLosses
from steepest.types import Array

# Conjugate gradients end when the residual is this share of the gradient, both in the norm of the preconditioner, and
# at most LOOSEST: the share is the progress of the descent, the gradient as a share of the first one, to the power of
# FORCING. Measured on text of 13,891 rows and 15,944 columns; see benchmarks/text.py.
LOOSEST, FORCING = 0.25, 0.5
# The share for the squared loss, whose minimum is one step away.
FOR_QUADRATICS = 1e-10
# The most products with H in a step, and how often it is halved. Chosen, not measured: a step that ends early is still
# a descent direction.
MOST_PRODUCTS, MOST_HALVINGS = 500, 40
# A step is accepted if the value falls by this share of the fall of its tangent. It is doubled while the slope ahead is
# still this share of the first one: where the loss grows like exp, Newton's step alone moves an output by 1.
SUFFICIENT, STEEP = 1e-4, 0.25
# A step that is cut to a smaller share is compared with a step by the curvature of chords. Chosen, not measured.
SHORT = 0.1
# The preconditioner takes a curvature as at least this share of the largest one. Chosen, not measured.
LEAST = 1e-24
# Without a tolerance the descent ends at this share of the rounding error of the value, because the gap is quadratic in
# the coefficients, which then have about 13 digits; or earlier if a step does not make the gap CLOSER times as small.
FINEST, CLOSER = 1e-10, 1 / 16
# The descent has stalled after so many steps without a fall.
MOST_IDLE = 3


class State(NamedTuple):
    """The state of Newton's method with conjugate gradients. Saved folders hold the fields in this order.

    `first_slope` is the norm of the gradient at the start of the descent, `estimate` the estimated gap, and `idle` the
    number of steps without progress.
    """

    x: Array
    value: Array
    gradient: Array
    z: Array
    iteration: Array
    evaluations: Array
    first_value: Array
    first_slope: Array
    estimate: Array
    steepest: Array
    idle: Array
    code: Array


class NewtonCgSolver(HostSolver[Glm, State]):
    """Newton's method with conjugate gradients; an evaluation is a step, with all its products.

    `curvature` is the second derivative of the loss at the mean of the targets.
    """

    def __init__(self, glm: Glm, curvature: float, *arguments: Any, opening: Opening | None = None) -> None:
        with compiled_code():
            self.columns_of_x = read_columns(glm.X)
        self.losses = RowLosses(glm)
        assert glm.transform is not None
        transform = np.asarray(glm.transform)
        self.ridge = float(glm.ridge) * (transform**2 if transform.ndim == 1 else transform.T @ transform)
        super().__init__(glm, curvature, *arguments, opening=opening)

    @property
    def glm(self) -> Glm:
        """The model on its rows."""
        return self.model

    @property
    def smoothing(self) -> None:
        """None: this solver serves only losses without kinks."""

    def product(self, d: Array) -> Array:
        """Return A d."""
        by_output = self.by_output(np.asarray(d))
        return self.columns_of_x.along(by_output[:-1]) + by_output[-1]

    def by_output(self, theta: np.ndarray) -> np.ndarray:
        """Return θ with a column for each output, if there are several."""
        return np.asarray(self.glm.reshape(theta))

    def slopes(self, r: np.ndarray) -> np.ndarray:
        """Return Aᵀ r, in the shape of `by_output`."""
        return np.concatenate([self.columns_of_x.slopes(r), r.sum(axis=0)[None]])

    def pull(self, theta: np.ndarray) -> np.ndarray:
        """Return λ (Tᵀ T u, 0), the gradient of the penalty, in the shape of `by_output`."""
        u = theta[:-1]
        by_u = self.ridge @ u if self.ridge.ndim == 2 else (self.ridge * u.T).T
        return np.concatenate([by_u, np.zeros_like(theta[-1:])])

    def begin(self, model: Glm, x: Array, first: Array) -> State:
        """Return the state at a start."""
        zero, count = np.zeros(()), np.zeros((), int)
        blank = State(x, zero, x, x, count - 1, count, zero, zero, zero, zero, count, count)
        here = self.at(blank, np.asarray(x, float))
        here = here._replace(first_value=self.losses.reference(here.value))
        _, rounding = self.losses.targets(0.0, here.first_value, here.value)
        code = CANDIDATE if here.estimate <= FINEST * rounding else RUNNING
        return here._replace(first_slope=np.linalg.norm(here.gradient), code=np.asarray(code))

    def at(self, before: State, x: np.ndarray) -> State:
        """Return the state at a new point, without its code."""
        z, theta = self.product(x), self.by_output(x)
        loss, first, second = self.losses(z)
        pull = self.pull(theta)
        gradient, value = self.slopes(first) + pull, loss + float((pull * theta).sum()) / 2
        # The curvature of the penalty along the coefficients, and that of the loss along the intercepts.
        total = np.einsum("nkk->k", second) if second.ndim == 3 else second.sum()
        by_penalty = (solve(self.ridge, gradient[:-1]) * gradient[:-1]).sum()
        estimate = (by_penalty + (gradient[-1] ** 2 / np.where(total > 0, total, 1.0)).sum()) / 2
        return before._replace(
            x=x, value=np.asarray(value), gradient=gradient.ravel(), z=z, estimate=np.asarray(estimate),
            iteration=before.iteration + 1, evaluations=before.evaluations + 1,
        )  # fmt: skip

    def step(self, here: State) -> tuple[State, float]:
        """Return the state after a step, and the size of the step; 0 if no step lowers the value."""
        _, first, second = self.losses(here.z)
        d, t, reached = self.searched(here, self.direction(here, first, second))
        if t < SHORT:
            # Far from the minimum the curvature says little of the loss ahead: saturated rows have none.
            other = self.searched(here, self.direction(here, first, with_chords(here.z, first, second)))
            d, t, reached = min((d, t, reached), other, key=lambda found: found[2])
        _, rounding = self.losses.targets(self.step_tolerance, here.first_value, here.value)
        there = self.at(here, here.x + t * d) if t else here
        if not t or there.value > here.value + rounding:
            return here._replace(evaluations=here.evaluations + 1, code=np.asarray(STALLED)), 0.0
        target, rounding = self.losses.targets(self.step_tolerance, here.first_value, there.value)
        gained = there.value < here.value - rounding or there.estimate < CLOSER * here.estimate
        idle = 0 if gained else int(here.idle) + 1
        near = there.estimate <= max(target, FINEST * rounding) or (idle and there.estimate <= rounding)
        code = CANDIDATE if near or self.certifier.recession.watch > 1 else STALLED if idle >= MOST_IDLE else RUNNING
        steepest = max(float(here.steepest), float(d @ (there.gradient - here.gradient)) / (t * float(d @ d)))
        # From a start that is worse than constants, progress is measured from the first point that is better.
        slope = here.first_slope if here.value <= here.first_value else np.linalg.norm(there.gradient)
        return there._replace(
            first_slope=slope, idle=np.asarray(idle), steepest=np.asarray(steepest), code=np.asarray(code)
        ), t  # fmt: skip

    def searched(self, here: State, d: np.ndarray) -> tuple[np.ndarray, float, float]:
        """Return the direction, the size of the step along it that is accepted, 0 if there is none, and its value."""
        along, slope = self.product(d), float(here.gradient @ d)
        theta, step = self.by_output(here.x), self.by_output(d)
        pull = self.pull(step)
        bent, turn = float((pull * step).sum()), float((pull * theta).sum())
        penalty = float((self.pull(theta) * theta).sum()) / 2
        _, rounding = self.losses.targets(self.step_tolerance, here.first_value, here.value)

        def tried(t: float) -> tuple[float, float]:
            """Return the value and the slope after a step."""
            loss, first, _ = self.losses(here.z + t * along)
            return loss + penalty + t * turn + t**2 * bent / 2, float((first * along).sum()) + turn + t * bent

        t = 1.0
        for _ in range(MOST_HALVINGS if slope < 0 else 0):
            reached, ahead = tried(t)
            if reached <= here.value + SUFFICIENT * t * slope + rounding:
                break
            t /= 2
        else:
            return d, 0.0, np.inf
        while t >= 1 and ahead < STEEP * slope:
            further, ahead = tried(2 * t)
            if not further < reached + SUFFICIENT * t * slope:
                break
            t, reached = 2 * t, further
        return d, t, reached

    def direction(self, here: State, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return a step d that solves H d = -g, by a factor of H or nearly by conjugate gradients."""
        if here.x.size <= FACTORED:
            if (d := self.by_factor(here, second)) is not None:
                return d
            # Beside curvatures near 1, a penalty of 1e-17 is lost, but not where there is an unknown for each row.
            if (d := self.by_rows(here, first, second)) is not None:
                return d
        curvature = second if second.ndim == 1 else np.einsum("nkk->nk", second)
        each = self.ridge.diagonal() if self.ridge.ndim == 2 else self.ridge
        squares = (self.columns_of_x.squares(curvature).T + each).T
        diagonal = np.concatenate([squares, curvature.sum(axis=0)[None]])
        # If all rows are saturated, the intercept has almost no curvature: without this floor its step would be a
        # rounding error.
        M = np.maximum(diagonal, LEAST * diagonal.max()) if np.any(diagonal > 0) else np.ones_like(diagonal)
        g = self.by_output(here.gradient)
        progress = float(np.linalg.norm(here.gradient)) / max(float(here.first_slope), 1e-300)
        until = max(min(LOOSEST, progress**FORCING), FOR_QUADRATICS) if self.glm.loss.unsteady else FOR_QUADRATICS
        # A power of 2, so that squares of slopes do not overflow, and nothing is rounded.
        unit, curved = np.exp2(np.floor(np.log2(max(np.abs(g).max(), 1e-300)))), self.curved(second)
        M = M / unit
        return conjugate_gradients(lambda d: curved(d) / unit, g / unit, lambda r: r / M, until, self.is_over).ravel()

    def by_factor(self, here: State, second: np.ndarray) -> np.ndarray | None:
        """Return the step -H⁻¹ g by a Cholesky factor of H; None if H is singular up to rounding errors."""
        size = len(self.by_output(here.x))
        blocks = second if second.ndim == 3 else second[:, None, None]
        outputs = blocks.shape[1]
        H = np.zeros((size, outputs, size, outputs))
        for k in range(outputs):
            for m in range(k + 1):
                r = blocks[:, k, m]
                block, crossed = self.columns_of_x.gram(r), self.columns_of_x.slopes(r)
                H[:-1, k, :-1, m] = block
                H[-1, k, :-1, m], H[:-1, k, -1, m], H[-1, k, -1, m] = crossed, crossed, r.sum()
                H[:, m, :, k] = H[:, k, :, m]
            H[:-1, k, :-1, k] += self.ridge if self.ridge.ndim == 2 else np.diag(self.ridge)
        _, d, failed = dposv(H.reshape(here.x.size, -1).T, -here.gradient, overwrite_a=True)
        return None if failed or not np.all(np.isfinite(d)) else d

    def by_rows(self, here: State, first: np.ndarray, second: np.ndarray) -> np.ndarray | None:
        """Return the step -H⁻¹ g by a factor of I + S X R⁻¹ Xᵀ S for R = λ Tᵀ T and S² = diag(p ℓ″).

        The slopes after the step are S γ, and the coefficients -R⁻¹ Xᵀ S γ. None if there are several outputs, more
        rows than coefficients, or slopes without curvature.
        """
        s = np.sqrt(np.maximum(second, 0.0))
        if s.ndim > 1 or self.ridge.ndim > 1 or s.size >= here.x.size or np.any(first[s == 0]):
            return None
        by_row = self.columns_of_x.slopes(np.diag(s))
        pulled = by_row / self.ridge[:, None]
        slopes = np.divide(first, s, out=np.zeros_like(s), where=s > 0) - s * here.z
        inner = by_row.T @ pulled
        # The slopes sum to 0, so that this term changes nothing; centred columns have no other curvature along s.
        inner += np.eye(s.size) + (inner.trace() / (s @ s)) * np.outer(s, s)
        _, solved, failed = dposv(inner, np.stack([slopes, s], axis=1))
        if failed or not np.all(np.isfinite(solved)) or not s @ solved[:, 1] > 0:
            return None
        u = -pulled @ (solved[:, 0] - (s @ solved[:, 0]) / (s @ solved[:, 1]) * solved[:, 1])
        b = float((second * (here.z - self.columns_of_x.along(u)) - first).sum() / second.sum())
        return np.append(u, b) - here.x

    def curved(self, second: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Return the product with H = Aᵀ diag(p ℓ″) A + λ Tᵀ T."""

        def product(d: np.ndarray) -> np.ndarray:
            along = self.columns_of_x.along(d[:-1]) + d[-1]
            moved = second * along if second.ndim == 1 else np.einsum("nkl,nl->nk", second, along)
            return self.slopes(moved) + self.pull(d)

        return product

    def bound(self, x: np.ndarray) -> Bound | None:
        """Return the certificate at a point: by products with the rows if a Hessian would be too large."""
        if x.size <= CERTIFIED or self.certifier.recession.endless or self.ridge.ndim == 2:
            return super().bound(x)
        # Dense rows of single precision were rescaled in that precision; sparse ones never are.
        dense = not isinstance(self.glm.X, SparseRows)
        precision = float(np.finfo(np.dtype(self.glm.X.dtype)).eps) if dense else 0.0
        bound = RidgeBound(self.losses.glm, self.columns_of_x, self.ridge, self.certifier.coordinates, precision)
        return bound(x, self.negligible_gap)


def with_chords(z: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the second derivatives of the rows' losses, at least |ℓ′| / (1 + |z|), which a step back to 0 takes."""
    chord = np.abs(first) / (1 + np.abs(z))
    return np.maximum(second, chord) if second.ndim == 1 else second + chord[:, :, None] * np.eye(second.shape[-1])


def solve(ridge: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Return R⁻¹ g, for a matrix or its diagonal."""
    return np.linalg.lstsq(ridge, g)[0] if ridge.ndim == 2 else (g.T / ridge).T


def conjugate_gradients(
    product: Callable[[np.ndarray], np.ndarray], g: np.ndarray, preconditioned: Callable[[np.ndarray], np.ndarray],
    until: float, is_over: Callable[[], bool], most: int = MOST_PRODUCTS,
) -> np.ndarray:  # fmt: skip
    """Return a d with H d near -g, by conjugate gradients with the preconditioner M; `preconditioned` returns M⁻¹ r.

    They end when the residual is the share `until` of g, both in the norm of the inverse of M, or after `most`
    products.
    Hestenes and Stiefel, "Methods of conjugate gradients for solving linear systems" (1952).
    """
    d, residual = np.zeros_like(g), -g
    ahead = preconditioned(residual)
    conjugate, size = ahead, float((residual * ahead).sum())
    enough = until**2 * size
    for _ in range(most):
        turned = product(conjugate)
        curvature = float((conjugate * turned).sum())
        # Without curvature, or beyond rounding errors, stop: the first direction is then the scaled gradient.
        if not curvature > 0:
            return d if np.any(d) else conjugate
        t = size / curvature
        d, residual = d + t * conjugate, residual - t * turned
        ahead, before = preconditioned(residual), size
        size = float((residual * ahead).sum())
        if size <= enough or is_over():
            break
        conjugate = ahead + size / before * conjugate
    return d
