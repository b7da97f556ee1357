"""Coordinates in which a linear model is well conditioned: they change the path of a descent, not its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from steepest.data.sparse import csr
from steepest.fitting.linear.units import check_columns, check_strength, in_units, units_of
from steepest.types import Array, Rows

# How many rows are centred or made dense at once. Chosen, not measured: more rows take more memory, fewer rows need
# more calls.
BLOCK_ROWS = 4096
# How many rows a reduction of columns joins into a long row. Chosen, not measured: NumPy is slow on short rows.
ABREAST = 64
CHOICES = ("auto", "whiten", "scale", "none")
EPS = float(np.finfo(float).eps)
# An eigenvalue of a Gram matrix below this share of the largest has few correct digits: the rounding error is about
# 1e-15 of the largest.
BLURRED = 1e-10
# A coefficient is undetermined if more than this share of it lies in directions that were left out: far above rounding
# errors, and far below any share that matters.
LEFT_OUT = 1e-9


@dataclass(frozen=True)
class Coordinates:
    """The map from the coordinates θ of the descent to coefficients in the user's units.

    θ = (u, b), where coef = basis u / scale and X coef + intercept = ((X - mean) / scale) basis u + b.

    Parameters
    ----------
    mean, scale : array of shape (columns,)
        The columns have `mean` subtracted and are then divided by `scale`.
    basis : array of shape (columns, directions) or None
        Directions in which the scaled columns vary independently; None for the columns themselves.
    reach : array of shape (columns,) or None
        The largest absolute entry of each centred and scaled column; None if it is not known.
    condition : float
        The condition number of the scaled columns if they are whitened, else 1.
    columns : int or None
        How many columns X has, if the arrays are padded beyond them; None if they are not.
    """

    mean: np.ndarray
    scale: np.ndarray
    basis: np.ndarray | None = None
    reach: np.ndarray | None = None
    condition: float = 1.0
    columns: int | None = None

    @property
    def transform(self) -> np.ndarray:
        """The matrix that maps u to coefficients, or the vector of its diagonal."""
        return 1 / self.scale if self.basis is None else self.basis / self.scale[:, None]

    @property
    def directions(self) -> int:
        """The length of u."""
        return len(self.scale) if self.basis is None else self.basis.shape[1]

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.scale) if self.columns is None else self.columns

    @property
    def varying(self) -> int:
        """The length of u without padding."""
        return self.width if self.basis is None else int(self.basis.any(axis=0).sum())

    def padded(self, size: int) -> Coordinates:
        """Return the map for `size` coordinates u: the last change no output, and stay at 0.

        So tables of different width share compiled code.
        """
        more = size - len(self.scale)
        basis = None if self.basis is None else np.pad(self.basis, [(0, more), (0, size - self.directions)])
        mean, scale = np.pad(self.mean, (0, more)), np.pad(self.scale, (0, more), constant_values=1.0)
        reach = None if self.reach is None else np.pad(self.reach, (0, more))
        return replace(self, mean=mean, scale=scale, basis=basis, reach=reach, columns=self.width)

    def to_user(self, theta: np.ndarray) -> np.ndarray:
        """Return (coef, intercept) in the user's units, for each row of θ."""
        u = theta[..., :-1]
        if self.basis is not None:
            # Multiply row by row: the rounding errors of a matrix product would depend on the number of rows.
            rows = [self.basis @ row[:-1] for row in theta.reshape(-1, theta.shape[-1])]
            u = np.reshape(rows, (*u.shape[:-1], len(self.basis)))
        coef = (u / self.scale)[..., : self.width]
        intercept = theta[..., -1] - (coef * self.mean[: self.width]).sum(axis=-1)
        return np.concatenate([coef, intercept[..., None]], axis=-1)

    def from_user(self, point: np.ndarray) -> np.ndarray:
        """Return the θ that gives the outputs of (coef, intercept), without directions that change no output."""
        coef, intercept, width = point[:-1], point[-1], self.width
        u = coef * self.scale[:width]
        if self.basis is not None:
            basis = self.basis[:width, : self.varying]
            u = np.linalg.lstsq(basis, u, rcond=None)[0] if u.any() else np.zeros(self.varying)
        padding = np.zeros(self.directions - len(u))
        return np.concatenate([u, padding, [intercept + coef @ self.mean[:width]]])

    def blur(self, theta: np.ndarray) -> tuple[float, float]:
        """Return two bounds on the change of an output if θ is rounded after conversion to the user's units.

        The first bounds the change that differs from row to row: coefficients along nearly dependent directions are
        small differences of large numbers. The second bounds the change that all rows share: the intercept is
        b - coef · mean, and both terms are large if the means are far from 0.
        """
        u = np.abs(theta[:-1])
        summed = u if self.basis is None else np.abs(self.basis) @ u
        reach = 0.0 if self.reach is None else self.reach
        shift = np.abs(self.mean / self.scale) @ summed + abs(theta[-1])
        return EPS * float((reach * summed).sum()), EPS * float(shift)

    def terms(self, theta: np.ndarray) -> np.ndarray:
        """Return a bound on the sum of the absolute terms of each coefficient and of the intercept."""
        u = np.abs(theta[:-1])
        coef = ((u if self.basis is None else np.abs(self.basis) @ u) / self.scale)[: self.width]
        return np.append(coef, abs(theta[-1]) + coef @ np.abs(self.mean[: self.width]))

    @property
    def undetermined(self) -> np.ndarray:
        """Whether each coefficient, and the intercept, depends on directions that were left out as rounding noise."""
        width = self.width
        none = np.zeros(width + 1, bool)
        if self.basis is None or self.varying == width:
            return none
        basis = self.basis[:width, : self.varying]
        V = basis / np.linalg.norm(basis, axis=0)
        centre = (self.mean / self.scale)[:width]
        outside = np.linalg.norm(centre - V @ (V.T @ centre))
        return np.append((V**2).sum(axis=1) < 1 - LEFT_OUT, outside > LEFT_OUT * np.linalg.norm(centre))

    def weights(self, theta: Array) -> Array:
        """Return the coefficients in the user's units, by code that can be traced."""
        u = theta[:-1]
        return ((u if self.basis is None else self.basis @ u) / self.scale)[: self.width]

    def gradient_to_user(self, gradient: np.ndarray) -> np.ndarray:
        """Return the gradient by (coef, intercept), from the gradient by θ."""
        width, by_scaled = self.width, gradient[: self.width]
        if self.basis is not None:
            basis = self.basis[:width, : self.varying]
            by_scaled = np.linalg.lstsq(basis.T, gradient[: self.varying], rcond=None)[0]
        return np.append(self.scale[:width] * by_scaled + self.mean[:width] * gradient[-1], gradient[-1])


def coordinates(
    X: Rows, weight: np.ndarray | None, rescale: str, ridge: float | np.ndarray = 0.0,
    names: Sequence[str] | None = None, centred: bool = True,
) -> Coordinates:  # fmt: skip
    """Choose coordinates in which a linear model on these columns is well conditioned.

    "scale" centres the columns and divides them by √(variance + ρ), rounded to a power of two. So
    columns whose units differ by powers of two give the same fit, bit for bit. "whiten" then maps the
    scaled columns to directions in which C + ρ I is the identity, with C their covariance, and leaves
    out directions in which the columns vary by no more than rounding errors.

    Parameters
    ----------
    X : array or csr_array of shape (rows, columns)
        The columns. To whiten sparse ones, a block of rows at a time is made dense.
    weight : array of shape (rows,) or None
        Row weights.
    rescale : {"whiten", "scale", "none"}
        The kind of coordinates.
    ridge : float or array of shape (columns,)
        ρ, the strength of an L2 penalty divided by the curvature of the loss.
    names : sequence of str or None
        The names of the columns, for messages.
    centred : bool
        Whether "scale" centres the columns. If not, they are divided by √(mean square + ρ) alone, and the intercept
        is its own coordinate.

    Returns
    -------
    Coordinates
        The map to the user's coordinates.

    Raises
    ------
    ValueError
        If the numbers of a column are too large or too small to compute with.
    """
    columns = X.shape[1]
    low, high = edges(X)
    if rescale == "none":
        check_columns(low, high, names, rescaled=False)
        return Coordinates(np.zeros(columns), np.ones(columns), reach=np.maximum(np.abs(low), np.abs(high)))
    if weight is not None and np.all(weight == weight[0]):
        weight = None
    root: float | np.ndarray = np.sqrt(ridge)
    if (units := units_of(low, high)) is not None:
        if weight is not None and not weight.all():
            # A row without weight must not choose the unit of a column.
            X, weight = X[weight > 0], weight[weight > 0]
            low, high = edges(X)
            units = units_of(low, high)
        check_columns(low, high, names, rescaled=True)
    if units is not None:
        X, low, high = in_units(X, units), low / units, high / units
        with np.errstate(over="ignore"):
            root = root / units
    check_strength(np.broadcast_to(root, columns), "L2", names)
    # The mean of a constant column is that constant, without the rounding error of a sum.
    mean = np.where(low == high, low, _mean(X, weight)) if centred else np.zeros(columns)
    spread, gram = _moments(X, mean, weight, full=rescale == "whiten")
    reach = np.maximum(high - mean, mean - low)
    spread = np.where(spread > (8 * EPS * mean) ** 2, spread, 0.0)
    scale = _power_of_two(np.hypot(np.sqrt(spread), root))
    chosen = Coordinates(mean, scale, reach=reach / scale)
    if rescale == "whiten":
        # A column that rounding hides varies in no direction, so that it can't blur those of other columns.
        chosen = _whitened(chosen, X, weight, gram, root / scale, np.where(spread > 0, scale, np.inf))
    return chosen if units is None else replace(chosen, mean=mean * units, scale=scale * units)


def _whitened(
    scaled: Coordinates, X: Rows, weight: np.ndarray | None, gram: np.ndarray, penalty: np.ndarray, unit: np.ndarray
) -> Coordinates:
    """Return whitened coordinates from those of the scaled columns, whose covariance matrix is `gram` before scaling.

    `penalty` is the diagonal matrix whose rows are stacked below the scaled rows. `unit` is the scale of each column,
    or inf to leave out how it varies.
    """
    mean, scale, columns = scaled.mean, scaled.scale, X.shape[1]
    # The product of two scales might overflow.
    values, vectors = np.linalg.eigh(gram / unit[:, None] / unit + np.diag(penalty**2))
    if values[0] < BLURRED * values[-1]:
        singular, vectors = _triangular(X, mean, unit, weight, penalty)
    else:
        singular = np.sqrt(values)
    # Subtraction of a mean brings the rounding error of the mean into each column, and so into each direction.
    rounding = 8 * EPS * np.sqrt((mean / scale) ** 2 @ vectors**2)
    varies = singular > 8 * EPS * columns * max(singular.max(initial=0.0), 1e-300) + rounding
    condition = singular[varies].max() / singular[varies].min() if varies.any() else 1.0
    return replace(scaled, basis=vectors[:, varies] / singular[varies], condition=float(condition))


def _mean(X: Rows, weight: np.ndarray | None) -> np.ndarray:
    """Return the mean of each column."""
    if csr.is_sparse(X):
        return csr.moments(X, weight)
    each = np.ones(len(X)) if weight is None else weight
    places = (slice(first, first + BLOCK_ROWS) for first in range(0, len(X), BLOCK_ROWS))
    return sum(each[rows] @ X[rows] for rows in places) / each.sum()


def _dense(rows: Rows) -> np.ndarray:
    """Return a block of rows as an array."""
    return rows.toarray() if csr.is_sparse(rows) else rows


def edges(X: Rows) -> np.ndarray:
    """Return the least and the largest value of each column.

    Parameters
    ----------
    X : array or csr_array of shape (rows, columns)
        The columns.

    Returns
    -------
    array of shape (2, columns)
        The least values, then the largest.
    """
    if csr.is_sparse(X):
        return csr.edges(X)
    return np.stack([_reduce_columns(np.minimum, X), _reduce_columns(np.maximum, X)]).astype(float)


def _reduce_columns(ufunc: np.ufunc, X: np.ndarray) -> np.ndarray:
    """Reduce each column by a ufunc, after joining ABREAST rows into one: loops over short rows are slow."""
    whole = len(X) // ABREAST * ABREAST
    if not X.flags.c_contiguous or whole == 0 or X.shape[1] == 0:
        return ufunc.reduce(X, axis=0)
    partial = ufunc.reduce(X[:whole].reshape(-1, ABREAST * X.shape[1]), axis=0).reshape(ABREAST, -1)
    return ufunc.reduce(np.concatenate([partial, X[whole:]]), axis=0)


def _power_of_two(scale: np.ndarray) -> np.ndarray:
    """Return the powers of two nearest to positive numbers, and 1 for 0."""
    fraction, exponent = np.frexp(np.where(scale > 0, scale, 1.0))
    return np.ldexp(1.0, exponent - (fraction < np.sqrt(0.5)))


def _triangular(
    X: Rows, mean: np.ndarray, scale: np.ndarray, weight: np.ndarray | None, penalty: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the singular values and right singular vectors of the scaled rows stacked on diag(penalty).

    QR takes a block of rows at a time. The eigenvalues of the Gram matrix would square the condition number.
    """
    total = float(X.shape[0]) if weight is None else float(weight.sum())
    R: np.ndarray = np.diag(penalty)
    for start in range(0, X.shape[0], BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        part = np.sqrt((1.0 if weight is None else weight[rows, None]) / total)
        R = np.asarray(np.linalg.qr(np.vstack([R, (_dense(X[rows]) - mean) / scale * part]), mode="r"))
    _, singular, vectors = np.linalg.svd(R)
    return singular, vectors.T


@dataclass(frozen=True)
class Changed:
    """The columns of X in the coordinates u, written a block of rows at a time in X's own precision."""

    X: np.ndarray
    coordinates: Coordinates

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.X), self.coordinates.directions

    @property
    def dtype(self) -> np.dtype:
        return self.X.dtype

    def write(self, out: np.ndarray, order: np.ndarray | None) -> None:
        used, width, basis = self.coordinates.varying, self.coordinates.width, self.coordinates.basis
        mean, scale = self.coordinates.mean[:width], self.coordinates.scale[:width]
        out[:, used:] = 0
        for start in range(0, len(out), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            scaled = (self.X[rows if order is None else order[rows]] - mean) / scale
            out[rows, :used] = scaled if basis is None else scaled @ basis[:width, :used]


def _moments(X: Rows, mean: np.ndarray, weight: np.ndarray | None, full: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the variances of the columns, and their covariances if `full` (else the variances again)."""
    if csr.is_sparse(X) and not full:
        spread = csr.moments(X, weight, mean)
        return spread, spread
    total = float(X.shape[0]) if weight is None else float(weight.sum())
    gram = np.zeros((X.shape[1], X.shape[1]) if full else X.shape[1])
    for start in range(0, X.shape[0], BLOCK_ROWS):
        centred = _dense(X[start : start + BLOCK_ROWS]) - mean
        weighted = centred if weight is None else centred * weight[start : start + BLOCK_ROWS, None]
        gram += centred.T @ weighted if full else np.einsum("ij,ij->j", centred, weighted)
    gram /= total
    return (np.diag(gram).copy(), gram) if full else (gram, gram)
