"""The rows of a fit with the derivatives of their outputs by the parameters, a block at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np

from steepest.data.sparse.csr import is_sparse
from steepest.derivatives.higher import Hessian, Jacobian
from steepest.derivatives.structure import Calling, Structure
from steepest.fitting.uncertainty.families import Family
from steepest.models import Custom, Linear, Multinomial
from steepest.models.losses.softmax import Contrasted
from steepest.types import Array, PyTree, Rows

# The numbers in a block of derivatives, 8 MB. Chosen, not measured.
BLOCK = 2**20
EPS = float(np.finfo(float).eps)
# The relative error of central differences, about eps^(2/3), with a margin.
BY_DIFFERENCES = 1e-9


class Block(NamedTuple):
    """Some rows.

    Attributes
    ----------
    J : array of shape (rows, n) or (rows, outputs, n)
        The derivatives of the outputs, in the coordinates of the computation.
    z : array of shape (rows,) or (rows, outputs)
        The outputs at the answer.
    y, weight : array of shape (rows,)
        Targets and weights.
    """

    J: np.ndarray
    z: np.ndarray
    y: np.ndarray
    weight: np.ndarray


class DerivedRows(Protocol):
    """Rows with derivatives in coordinates of their own, in which columns are centred and scaled where possible."""

    @property
    def precision(self) -> float:
        """The relative error of a derivative."""

    def blocks(self) -> Iterator[Block]:
        """Yield all rows, a block at a time."""

    def to_user(self, columns: np.ndarray) -> np.ndarray:
        """Map columns of changes to those of the user's free parameters."""

    def reach(self, columns: np.ndarray) -> np.ndarray:
        """Do the same with absolute values, so that nothing cancels."""

    def bend(self, family: Family) -> np.ndarray:
        """Return Σ w ℓ′ ∇²z, the part of the observed information that bent outputs add."""

    @property
    def ridge(self) -> tuple[np.ndarray, np.ndarray]:
        """The factor of each penalised coordinate in the penalty ‖factor q‖², and q at the answer."""


@dataclass(frozen=True)
class LinearRows:
    """The rows of a linear model, with columns centred and scaled.

    Attributes
    ----------
    model : Linear
        The model.
    params : dict
        The fitted parameters.
    X, y, weight : array
        The rows.
    free : array of bool
        Which parameters are free, flat: coefficients first.
    scales : array of shape (columns,) or None
        The scales by which the penalty multiplies the coefficients; None for the coefficients themselves.
    """

    model: Linear
    params: dict[str, Array]
    X: Rows
    y: np.ndarray
    weight: np.ndarray
    free: np.ndarray
    scales: np.ndarray | None = None

    precision = EPS

    @cached_property
    def contrasts(self) -> np.ndarray | None:
        """The map from contrasts of classes to scores; None for one output."""
        if not isinstance(self.model, Multinomial):
            return None
        return Contrasted(len(self.params["coef"])).contrasts

    @cached_property
    def used(self) -> np.ndarray:
        """Which columns have a free coefficient."""
        columns = self.X.shape[1]
        return np.ones(columns, dtype=bool) if self.contrasts is not None else self.free[:columns]

    @cached_property
    def has_intercept(self) -> bool:
        """Whether the intercept is free."""
        return self.contrasts is not None or bool(self.free[-1])

    @cached_property
    def frame(self) -> tuple[np.ndarray, np.ndarray]:
        """The mean and the largest deviation of each used column; means are 0 without a free intercept."""
        mass, mean = self.weight.sum(), np.zeros(int(self.used.sum()))
        if self.has_intercept:
            for X, _, weight in self._dense():
                mean += weight / mass @ X
        scale = np.zeros_like(mean)
        for X, *_ in self._dense():
            scale = np.maximum(scale, np.abs(X - mean).max(axis=0, initial=0.0))
        # A centred constant column holds only the rounding error of its mean.
        varies = scale > 8 * self.precision * np.abs(mean)
        return mean, np.where(varies, scale, 0.0)

    def blocks(self) -> Iterator[Block]:
        mean, scale = self.frame
        inverse = np.divide(1, scale, out=np.zeros_like(scale), where=scale > 0)
        coef, intercept, Q = np.asarray(self.params["coef"]), self.params["intercept"], self.contrasts
        used = slice(None) if self.used.all() else np.flatnonzero(self.used)
        for X, y, weight in self._dense(whole=True):
            z = X @ coef.T + intercept
            A = np.ones((len(X), len(mean) + self.has_intercept))
            np.multiply(X[:, used] - mean, inverse, out=A[:, : len(mean)])
            yield Block(A if Q is None else np.einsum("nj,ck->ncjk", A, Q).reshape(len(A), len(Q), -1), z, y, weight)

    def to_user(self, columns: np.ndarray) -> np.ndarray:
        return self._mapped(columns, self.frame[0], self.contrasts, -1.0)

    def reach(self, columns: np.ndarray) -> np.ndarray:
        Q = self.contrasts
        return self._mapped(columns, np.abs(self.frame[0]), None if Q is None else np.abs(Q), 1.0)

    def _mapped(self, columns: np.ndarray, mean: np.ndarray, Q: np.ndarray | None, sign: float) -> np.ndarray:
        scale = self.frame[1]
        unit = np.where(scale > 0, scale, 1.0)[:, None]
        if Q is None:
            coef = columns[: len(mean)] / unit
            return np.vstack([coef, columns[-1] + sign * mean @ coef]) if self.has_intercept else coef
        V = columns.reshape(len(mean) + 1, Q.shape[1], columns.shape[1])
        coef = V[:-1] / unit[:, :, None]
        both = np.concatenate([coef, V[-1:] + sign * np.einsum("d,dkr->kr", mean, coef)[None]])
        by_class = np.einsum("ck,dkr->cdr", Q, both)
        coef_by_class = by_class[:, :-1].reshape(len(Q) * len(mean), columns.shape[1])
        return np.concatenate([coef_by_class, by_class[:, -1]])

    def bend(self, family: Family) -> np.ndarray:
        size = (len(self.frame[0]) + self.has_intercept) * (1 if self.contrasts is None else self.contrasts.shape[1])
        return np.zeros((size, size))

    @property
    def ridge(self) -> tuple[np.ndarray, np.ndarray]:
        scale, Q = self.frame[1], self.contrasts
        unit = np.where(scale > 0, scale, 1.0)
        coef = np.asarray(self.params["coef"])
        last = np.zeros(int(self.has_intercept))
        factor = (1.0 if self.scales is None else self.scales[self.used]) / unit
        if Q is None:
            return np.append(factor, last), np.append(coef[self.used] * unit, last)
        u = (Q.T @ coef).T * unit[:, None]
        outputs = Q.shape[1]
        return np.append(np.repeat(factor, outputs), np.zeros(outputs)), np.append(u.ravel(), np.zeros(outputs))

    def _dense(self, whole: bool = False) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield blocks of rows in double precision, with all columns if `whole`, else with the used ones."""
        classes = 1 if self.contrasts is None else len(self.contrasts)
        size = max(1, BLOCK // (self.X.shape[1] * classes**2))
        for first in range(0, self.X.shape[0], size):
            place = slice(first, first + size)
            X = self.X[place]
            X = np.asarray(X.toarray() if is_sparse(X) else X, dtype=float)
            yield X if whole else X[:, self.used], self.y[place], self.weight[place]


@dataclass(frozen=True)
class FunctionRows:
    """The rows of a function of the user's own, in the user's parameters.

    Attributes
    ----------
    model : Custom
        The model.
    params : dict
        The fitted parameters.
    X, y, weight : array
        The rows.
    free : array of bool
        Which parameters are free, flat.
    slopes : callable or None
        The derivatives of the outputs by all parameters, if the fit has compiled code for them.
    """

    model: Custom
    params: PyTree
    X: Rows
    y: np.ndarray
    weight: np.ndarray
    free: np.ndarray
    slopes: Callable[[np.ndarray], np.ndarray] | None = None

    @cached_property
    def derived(self) -> tuple[np.ndarray, np.ndarray, float]:
        """The outputs of all rows, their derivatives by all parameters, and the relative error of these."""
        z = np.asarray(self.model(self.X, *self.params.values()), dtype=float)
        z = z if z.ndim else np.full(len(self.y), float(z))
        x = Structure.of(self.params)[1]
        if not np.isfinite(z).all():
            return z, np.full((*z.shape, x.size), np.nan), EPS
        J, precision = None if self.slopes is None else self.slopes(x), EPS
        if J is None or not np.isfinite(J).all():
            J, precision = slopes_of(self.model, self.params, self.X)
        return z, np.broadcast_to(J, (*z.shape, J.shape[-1])), precision

    @property
    def precision(self) -> float:
        return self.derived[2]

    def blocks(self) -> Iterator[Block]:
        z, J, _ = self.derived
        J = J[..., self.free]
        size = max(1, BLOCK // max(1, J[0].size))
        for first in range(0, len(z), size):
            place = slice(first, first + size)
            yield Block(J[place], z[place], self.y[place], self.weight[place])

    def to_user(self, columns: np.ndarray) -> np.ndarray:
        return columns

    def reach(self, columns: np.ndarray) -> np.ndarray:
        return columns

    def bend(self, family: Family) -> np.ndarray:
        structure, x = Structure.of(self.params)
        z = self.derived[0]
        slopes = self.weight * family.score(z, self.y)
        function, X = self.model.function, self.X

        def along(point: Array) -> Array:
            return (slopes * function(X, *structure.build(point).values())).sum()

        H = Hessian(along).at(Calling(Structure.of(x)[0], spread=False), x)
        return H[np.ix_(self.free, self.free)]

    @property
    def ridge(self) -> tuple[np.ndarray, np.ndarray]:
        x = Structure.of(self.params)[1][self.free]
        return np.ones(x.size), x


def slopes_of(model: Custom, params: PyTree, X: Rows) -> tuple[np.ndarray, float]:
    """Return the derivatives of a function's outputs by its parameters, and their relative error.

    Parameters
    ----------
    model : Custom
        The model, a function of the rows and of named parameters.
    params : dict
        The point.
    X : array
        The rows.

    Returns
    -------
    array of shape (rows, parameters) or (rows, outputs, parameters)
        The derivatives: exact if the function can be traced, else by central differences.
    float
        The relative error.
    """
    structure, x = Structure.of(params)
    derivative = Jacobian(lambda point: model.function(X, *structure.build(point).values()))
    J = derivative.at(Calling(Structure.of(x)[0], spread=False), x)
    return J, EPS if derivative.kind == "traced" else BY_DIFFERENCES
