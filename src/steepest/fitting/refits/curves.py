"""The refits of a function with the squared loss: Gauss-Newton steps on the traced errors, for many refits at once."""

from __future__ import annotations

import math

import jax
import numpy as np

from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import compiled_code
from steepest.fitting.function.kernel import descended as descended_alone
from steepest.fitting.function.residuals import Exact, errors_of
from steepest.fitting.limits import KERNEL_PARAMETERS, KERNEL_ROWS
from steepest.fitting.refits.lanes import apart, descended
from steepest.fitting.setup import FitSetup
from steepest.models import Custom
from steepest.types import Array, Function


class CurveLanes:
    """The refits of a traced function.

    Attributes
    ----------
    x : array of shape (n,)
        The answer of the fit, where all refits begin.
    rows : int
        How many rows there are.
    """

    def __init__(self, setup: FitSetup, exact: Exact, x: np.ndarray) -> None:
        self.x, self.exact = x, exact
        self.X, self.y, root = (np.asarray(array) for array in exact.blocks[0])
        self.shares = root**2
        self.rows = len(self.y)
        residuals = setup.residuals
        assert residuals is not None
        # A gain of this size comes from the rounding of the predictions alone.
        self.floor = (8 * EPS * residuals.size) ** 2

    @classmethod
    def of(cls, setup: FitSetup, x: np.ndarray) -> CurveLanes | None:
        """Return the refits, or None if the function is not traced, or its loss is not a plain sum of squares."""
        residuals = setup.residuals
        if not isinstance(setup.options.model, Custom) or residuals is None or residuals.exact is None:
            return None
        if residuals.ridge or len(residuals.exact.blocks) != 1:
            return None
        return cls(setup, residuals.exact, x)

    @property
    def numbers(self) -> int:
        """How many numbers of memory a refit takes."""
        return self.rows * (self.x.size + 2)

    def predictions(self) -> np.ndarray:
        """Return the predictions of the fit."""
        run = self.exact.traced.loop("errors", lambda: errors_of(self.exact.traced.pure))
        with compiled_code():
            return self.y + np.asarray(run(self.x, self.exact.closed, self.X, self.y))

    def refit(
        self, counts: np.ndarray | None, y: np.ndarray | None, x: np.ndarray, unit: float, most: int
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the answers of refits, which of them have converged, and the unit of their gains.

        `counts` are how often each refit counts each row, or None if once; `y` are the targets of each refit, or None.
        """
        by_counts, by_targets = counts is not None, y is not None
        run = self.exact.traced.loop(
            ("refits", by_counts, by_targets), lambda: _refits(self.exact.traced.pure, by_counts, by_targets)
        )
        shares = self.shares if counts is None else self.shares * counts
        targets = self.y if y is None else y
        with compiled_code():
            found = run(x, self.exact.closed, self.X, targets, shares, np.float64(unit), self.floor, most)
            answers, done, new_unit, hessians = (np.asarray(part) for part in found)
        return answers, done & apart(hessians), float(new_unit)

    def alone(self, counts: np.ndarray | None, y: np.ndarray | None) -> np.ndarray | None:
        """Return the answer of one refit by the compiled descent of small curves; None unless it clearly converged."""
        if self.rows > KERNEL_ROWS or self.x.size > KERNEL_PARAMETERS:
            return None
        weights = self.shares if counts is None else self.shares * counts
        shares, targets = weights / weights.sum(), self.y if y is None else y
        size, rows = math.sqrt(float(shares @ targets**2)), 1 / float(shares @ shares)
        traced, closed = self.exact.traced, self.exact.closed
        try:
            found = descended_alone(traced, closed, self.X, targets, np.sqrt(shares), self.x, size, rows)
        except Exception:  # noqa: BLE001 - the user's code may have no second derivative in JAX
            return None
        return found.x if found.is_clear(self.x) else None


def _refits(pure: Function, by_counts: bool, by_targets: bool) -> Function:
    errors = errors_of(pure)

    def run(
        x: Array, closed: tuple[Array, ...], X: Array, y: Array, shares: Array, unit: Array, floor: Array, most: Array
    ) -> tuple[Array, Array, Array, Array]:
        def one(x: Array, y: Array, shares: Array) -> tuple[Array, Array, Array]:
            def twice(x: Array) -> tuple[Array, Array]:
                found = errors(x, closed, X, y)
                return found, found

            J, error = jax.jacfwd(twice, has_aux=True)(x)
            weighted = shares[:, None] * J
            return shares @ error**2, 2 * weighted.T @ error, 2 * weighted.T @ J

        local = jax.vmap(one, in_axes=(0, 0 if by_targets else None, 0 if by_counts else None))
        return descended(lambda x: local(x, y, shares), x, unit, floor, most)

    return run
