"""Newton steps by conjugate gradients in which no coefficient changes its sign, for L1 penalties on sparse rows.

A coefficient that would change its sign ends at 0. So the objective is smooth along a step, and only the coefficients
that may move need products with the rows. Andrew and Gao, "Scalable training of L1-regularized log-linear models"
(2007), search along such paths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

from steepest.derivatives.differences import EPS
from steepest.fitting.linear.quadratic.products import SparseColumns
from steepest.fitting.linear.solvers.host import RowLosses
from steepest.fitting.linear.solvers.newton_cg import conjugate_gradients
from steepest.fitting.linear.solvers.proximal_newton import MOST_HALVINGS, SUFFICIENT

# A step takes at most PRODUCTS products with the Hessian, and ends at the share LOOSE of the slope. Measured on text
# with 2,034 coefficients at the end: more products a step took up to ten times as long.
PRODUCTS, LOOSE = 10, 0.3
# The factor of the penalty falls to WEAKENED of itself in each step of the path, or to WEAKER times the factor at which
# the path would begin. The path has at most LONGEST steps, and goes on to NEARBY steps at least.
WEAKENED, WEAKER, LONGEST, NEARBY = 0.5, 0.3, 60, 10
# A coefficient moves no output by more than STRIDE in a step, over which the curvature of the log loss changes by e³ at
# most: where that loss is almost flat, its curvature says little of the loss ahead. And the curvature of each
# coefficient is damped by DAMPING times the largest it may have, ten times as much after a step that is cut below CUT,
# and a tenth after others. Measured on text with 1,983 coefficients at the end: 20 steps came to 4e-5 above the minimum
# instead of 2e-4, and strides of 2 or 5 to 7e-5 and 1.5e-4.
STRIDE, DAMPING, LEAST_DAMPING, CUT = 3.0, 1e-2, 1e-7, 0.5
# With a factor of the Hessian, the share at which a step ends, the most steps, and how often a step is solved for again
# after coefficients have reached 0. The steps end at the share FINEST of the rounding error of the value, because the
# gap is quadratic in the slopes, or when the expected gap no longer falls. Chosen, not measured.
TIGHT, CLOSING, ATTEMPTS, FINEST = 1e-2, 20, 8, 1e-12


class Point(NamedTuple):
    """A point x with its outputs z, the losses there with their derivatives, and the slopes by all coefficients."""

    x: np.ndarray
    z: np.ndarray
    loss: float
    first: np.ndarray
    second: np.ndarray
    slope: np.ndarray


class Face(NamedTuple):
    """The coefficients that may move, and the intercept: those that are not 0, or that the slope moves away from 0.

    Attributes
    ----------
    places : array
        The numbers of the coefficients.
    columns : SparseColumns
        Their columns.
    x, sign, v : array
        Their values, their signs while they move (0 without a penalty), and the slopes of the penalised objective.
    ridge, lam : array
        As in `Orthants`.
    added : array
        What is added to the diagonal of the Hessian of the losses.
    """

    places: np.ndarray
    columns: SparseColumns
    x: np.ndarray
    sign: np.ndarray
    v: np.ndarray
    ridge: np.ndarray
    lam: np.ndarray
    added: np.ndarray

    def product(self, d: np.ndarray) -> np.ndarray:
        """Return A d."""
        return self.columns.along(d[:-1]) + d[-1]

    def turned(self, second: np.ndarray, d: np.ndarray) -> np.ndarray:
        """Return H d, by two products with the rows."""
        r = second * self.product(d)
        return np.append(self.columns.slopes(r), r.sum()) + self.added * d

    def diagonal(self, second: np.ndarray) -> np.ndarray:
        """Return the diagonal of H, above 0 where a coefficient changes anything."""
        diagonal = np.append(self.columns.squares(second), second.sum()) + self.added
        return np.where(diagonal > 0, diagonal, 1.0)

    def penalty(self, x: np.ndarray) -> float:
        """Return the penalties of the coefficients."""
        return float(self.ridge @ x**2) / 2 + float(self.lam @ np.abs(x))


@dataclass(frozen=True)
class Orthants:
    """The objective Σ losses + Σ ridge θ² / 2 + Σ λ |θ|, and steps that lower it.

    Attributes
    ----------
    losses : RowLosses
        The losses of the rows.
    columns : SparseColumns
        The columns of all coefficients but the intercept.
    lam, ridge, width : array
        λ, the strength of the quadratic penalty, and a bound on the curvature, for each coefficient.
    stride : array
        The longest move of each coefficient in a step.
    is_over : callable
        Tells whether to end early.
    """

    losses: RowLosses
    columns: SparseColumns
    lam: np.ndarray
    ridge: np.ndarray
    width: np.ndarray
    stride: np.ndarray
    is_over: Callable[[], bool]

    @classmethod
    def of(
        cls, losses: RowLosses, columns: SparseColumns, lam: np.ndarray, ridge: np.ndarray, width: np.ndarray,
        reach: np.ndarray, unsteady: float, is_over: Callable[[], bool],
    ) -> Orthants:  # fmt: skip
        """Return the objective; `reach` bounds the absolute entries of each column, and `unsteady` is the loss's."""
        stride = np.full(len(lam), np.inf)
        # A loss whose curvature jumps is straight elsewhere, so that its steps may be long.
        if 0 < unsteady < np.inf:
            np.divide(STRIDE, np.append(reach, 1.0) * unsteady, out=stride, where=np.append(reach, 1.0) > 0)
        return cls(losses, columns, lam, ridge, width, stride, is_over)

    def approach(self, x: np.ndarray, z: np.ndarray, slope: np.ndarray, factor: float) -> np.ndarray:
        """Return the point after steps on a path on which the penalty falls from `factor` times λ to λ."""
        here, penalised, damping = Point(x, z, *self.losses(z), slope), self.lam > 0, DAMPING
        for k in range(LONGEST):
            if (factor == 1 and k >= NEARBY) or self.is_over():
                break
            face = self.face(here, factor * self.lam, damping)
            turned, scale = partial(face.turned, here.second), 1 / face.diagonal(here.second)
            d = conjugate_gradients(turned, face.v, partial(np.multiply, scale), LOOSE, self.is_over, PRODUCTS)
            there, t = self.stepped(here, face, d)
            if there is here:
                break
            here = there
            damping = max(DAMPING, 10 * damping) if t < CUT else damping / 10
            damping = damping if damping >= LEAST_DAMPING else 0.0
            ratio = np.max(np.abs(here.slope[penalised]) / self.lam[penalised], initial=0.0)
            factor = max(1.0, min(WEAKENED * factor, WEAKER * float(ratio)))
        return here.x

    def close_in(self, x: np.ndarray, z: np.ndarray, slope: np.ndarray, most: int) -> tuple[np.ndarray, float]:
        """Return the point after steps with one factor of the Hessian, and the gap expected before the last of them.

        The gap is infinite if there was no step, as when more than `most` coefficients may move.
        """
        here, expected = Point(x, z, *self.losses(z), slope), np.inf
        face = self.face(here, self.lam)
        factor = Factor.of(face, here.second) if len(face.places) <= most else None
        for _ in range(CLOSING if factor else 0):
            assert factor is not None
            solve = factor.solver(face.places, face.diagonal(here.second))
            gap = float(face.v @ solve(face.v)) / 2
            if not gap < expected or self.is_over():
                break
            d, solved = self.within(face, here.second, solve)
            there, _ = self.stepped(here, face, d)
            if there is here:
                break
            here, expected = there, gap
            if not solved or gap <= FINEST * 4 * EPS * abs(here.loss + face.penalty(here.x[face.places])):
                break
            face = self.face(here, self.lam)
        return here.x, expected

    def face(self, here: Point, lam: np.ndarray, damping: float = 0.0) -> Face:
        """Return the coefficients that may move if the penalty is λ."""
        free = (here.x != 0) | (np.abs(here.slope) > lam)
        free[-1] = True
        places = np.flatnonzero(free)
        x, slope, strength, ridge = here.x[places], here.slope[places], lam[places], self.ridge[places]
        sign = np.where(strength > 0, np.where(x != 0, np.sign(x), -np.sign(slope)), 0.0)
        added = ridge + (damping + EPS) * self.width[places]
        columns = self.columns.take(places[:-1])
        return Face(places, columns, x, sign, slope + strength * sign, ridge, strength, added)

    def within(
        self, face: Face, second: np.ndarray, solve: Callable[[np.ndarray], np.ndarray]
    ) -> tuple[np.ndarray, bool]:  # fmt: skip
        """Return the Newton step of a face, and whether few products sufficed.

        Coefficients that it would lead beyond 0 end there, and the others are solved for again.
        """
        d, held, slope = np.zeros_like(face.v), np.zeros(len(face.v), bool), face.v
        products = 0

        def turned(u: np.ndarray) -> np.ndarray:
            nonlocal products
            products += 1
            return np.where(held, 0.0, face.turned(second, u))

        def scaled(r: np.ndarray) -> np.ndarray:
            return np.where(held, 0.0, solve(r))

        for _ in range(ATTEMPTS):
            products = 0
            d = d + conjugate_gradients(turned, np.where(held, 0.0, slope), scaled, TIGHT, self.is_over, PRODUCTS)
            crosses = (face.x + d) * face.sign < 0
            if not crosses.any():
                break
            d, held = np.where(crosses, -face.x, d), held | crosses
            slope = face.v + face.turned(second, d)
        return d, products < PRODUCTS

    def stepped(self, here: Point, face: Face, d: np.ndarray) -> tuple[Point, float]:
        """Return the point after a step d, and the share of it that was taken; the same point if none lowers the value.

        A coefficient that would change its sign ends at 0.
        """
        stride = self.stride[face.places]
        d, height, t = np.clip(d, -stride, stride), here.loss + face.penalty(face.x), 1.0
        rounding = 4 * EPS * abs(height)
        for _ in range(MOST_HALVINGS):
            new = np.where((face.x + t * d) * face.sign < 0, 0.0, face.x + t * d)
            z = here.z + face.product(new - face.x)
            loss, first, second = self.losses(z)
            if loss + face.penalty(new) <= height + SUFFICIENT * float(face.v @ (new - face.x)) + rounding:
                x = here.x.copy()
                x[face.places] = new
                slope = np.append(self.columns.slopes(first), first.sum()) + self.ridge * x
                return Point(x, z, loss, first, second, slope), t
            t /= 2
        return here, 0.0


@dataclass(frozen=True)
class Factor:
    """The Cholesky factor of a Hessian in some coefficients: a preconditioner while about the same ones may move.

    Attributes
    ----------
    places : array
        The numbers of the coefficients, with the intercept as the last.
    L : array
        The factor.
    """

    places: np.ndarray
    L: np.ndarray

    @classmethod
    def of(cls, face: Face, second: np.ndarray) -> Factor | None:
        """Return the factor for the coefficients of a face; None if the Hessian is singular up to rounding errors."""
        H = face.columns.hessian(second, face.added)
        # H is symmetric: LAPACK reads the transpose in place, where it would copy the matrix itself.
        L, failed = dpotrf(H.T, lower=True, overwrite_a=True, clean=False)
        return None if failed else cls(face.places, L)

    def solver(self, places: np.ndarray, diagonal: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Return the product with the inverse, in the coefficients `places`; new ones are divided by `diagonal`."""
        known, ours = np.intersect1d(self.places, places, assume_unique=True, return_indices=True)[1:]

        def solve(r: np.ndarray) -> np.ndarray:
            padded, solved = np.zeros(len(self.places)), r / diagonal
            padded[known] = r[ours]
            solved[ours] = dpotrs(self.L, padded, lower=True, overwrite_b=True)[0][known]
            return solved

        return solve
