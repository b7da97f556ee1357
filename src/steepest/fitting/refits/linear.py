"""The refits of a linear model with a smooth loss: Newton's method for many refits at once."""

from __future__ import annotations

from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import compiled_code
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.problem import LinearProblem
from steepest.fitting.refits.lanes import apart, descended
from steepest.fitting.setup import FitSetup
from steepest.models.losses import Loss, squared
from steepest.models.penalties import L2
from steepest.types import Array, Function

# A refit is judged by its certificate, one by one, if an output is this much larger than all of the fit: it may be on
# its way to infinity, as where classes are separable. Chosen, not measured.
FAR = 25.0
# The most numbers of a table of the products of each row's entries, 8 MB. Chosen, not measured.
MOST_PRODUCTS = 2**20


class LinearLanes:
    """The refits of a linear model, in the coordinates of its descent.

    Attributes
    ----------
    x : array of shape (n,)
        The answer of the fit, where all refits begin.
    rows : int
        How many rows there are.
    """

    floor = EPS**2

    def __init__(self, setup: FitSetup, glm: Glm, x: np.ndarray) -> None:
        self.setup, self.x, self.glm = setup, x, glm
        self.rows = len(setup.rows.y)
        self.y = np.asarray(glm.y)[: self.rows]
        self.weight = np.asarray(glm.weight)[: self.rows]
        self.shares = self.weight / self.weight.sum()

    @classmethod
    def of(cls, setup: FitSetup, x: np.ndarray) -> LinearLanes | None:
        """Return the refits, or None if the model has no single smooth output, or needs another method."""
        problem, objective = setup.problem, setup.plan.objective
        if not isinstance(problem, LinearProblem) or not isinstance(problem.loss, Loss) or not problem.loss.curved:
            return None
        known = problem.user_penalty is None or isinstance(problem.user_penalty, L2)
        if problem.outputs or not known or not isinstance(objective.arrays, dict) or "direct" not in objective.arrays:
            return None
        glm = objective.arrays["direct"].glm
        if type(glm) is not Glm or not isinstance(glm.X, (np.ndarray, jax.Array)) or glm.smoothing is not None:
            return None
        return cls(setup, glm, x)

    @cached_property
    def kept(self) -> np.ndarray:
        """The numbers of the coordinates that are no padding."""
        assert isinstance(self.setup.problem, LinearProblem)
        return np.append(np.arange(self.setup.problem.coordinates.varying), self.x.size - 1)

    @cached_property
    def columns(self) -> np.ndarray:
        """The rows in the coordinates of the descent that are no padding, with a column of ones."""
        X = np.asarray(self.glm.X, dtype=float)[: self.rows]
        return np.column_stack([X, np.ones(self.rows)])[:, self.kept]

    @cached_property
    def penalty(self) -> np.ndarray:
        """The curvature of the penalty."""
        n = len(self.kept)
        curvature = np.zeros((n, n))
        if self.glm.transform is not None:
            T = np.asarray(self.glm.transform)[..., self.kept[:-1]]
            curvature[:-1, :-1] = float(self.glm.ridge) * (np.diag(T**2) if T.ndim == 1 else T.T @ T)
        return curvature

    @property
    def blurred(self) -> float:
        """The relative rounding error of the columns in the coordinates of the descent."""
        problem = self.setup.problem
        assert isinstance(problem, LinearProblem)
        return EPS * problem.coordinates.condition

    @property
    def numbers(self) -> int:
        """How many numbers of memory a refit takes."""
        return 6 * self.rows + len(self.kept) ** 2

    def predictions(self) -> np.ndarray:
        """Return the outputs of the fit."""
        outputs: np.ndarray = self.columns @ self.x[self.kept]
        return outputs

    def refit(
        self, counts: np.ndarray | None, y: np.ndarray | None, x: np.ndarray, unit: float, most: int
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the answers of refits, which of them have converged, and the unit of their gains."""
        loss, compiled = self.glm.loss, self.setup.plan.objective.compiled
        assert compiled is not None
        run = compiled.loop(("refits", loss), lambda: _refits(loss))
        shares = np.broadcast_to(self.shares, (1, self.rows)) if counts is None else self._shares(counts)
        targets = self.y[None] if y is None else y
        with compiled_code():
            found = run(
                x[..., self.kept], self.columns, targets, shares, self.penalty, np.float64(unit), self.floor, most
            )
            answers, done, new_unit, hessians = (np.asarray(part) for part in found)
        done = done & apart(hessians, self.blurred)
        if loss is not squared:
            reach = np.abs(answers @ self.columns.T).max(axis=1)
            done = done & (reach <= FAR + 2 * np.abs(self.predictions()).max())
        full = np.zeros((len(answers), self.x.size))
        full[:, self.kept] = answers
        return full, done, float(new_unit)

    def _shares(self, counts: np.ndarray) -> np.ndarray:
        weight = counts * self.weight
        shares: np.ndarray = weight / weight.sum(axis=1, keepdims=True)
        return shares


def _refits(loss: Loss) -> Function:
    # Only the loss of this model is used.
    none = jnp.zeros(0)
    glm = Glm(none, none, none, none, none, None, None, none, loss, 0)

    def run(
        x: Array, A: Array, y: Array, shares: Array, penalty: Array, unit: Array, floor: Array, most: Array
    ) -> tuple[Array, Array, Array, Array]:
        rows, n = A.shape
        few = rows * n * n <= MOST_PRODUCTS
        products = (A[:, :, None] * A[:, None, :]).reshape(-1, n * n) if few else None

        def local(x: Array) -> tuple[Array, Array, Array]:
            z = x @ A.T
            value, first, second = glm.losses(z, jnp.broadcast_to(y, z.shape), jnp.broadcast_to(shares, z.shape))
            pull = x @ penalty
            if products is None:
                # One refit at a time, whose weighted rows take no more memory than the rows.
                hessian = jax.lax.map(lambda weight: (weight[:, None] * A).T @ A, second) + penalty
            else:
                hessian = (second @ products).reshape(-1, n, n) + penalty
            return value.sum(axis=1) + (pull * x).sum(axis=1) / 2, first @ A + pull, hessian

        return descended(local, x, unit, floor, most)

    return run
