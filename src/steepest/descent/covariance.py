"""Covariances as inverses of information matrices, and the parameters that such a matrix does not determine."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from steepest.derivatives.differences import scale_of
from steepest.derivatives.gradient import slope_at
from steepest.derivatives.higher import hessian_at
from steepest.derivatives.objective import Objective
from steepest.derivatives.serving.within import Names, Within
from steepest.sets.base import ConvexSet
from steepest.trace import Outcome
from steepest.types import PyTree

EPS = float(np.finfo(float).eps)
# A singular value is rounding noise below this many rounding errors of the largest. It is that of the solver
# (`fitting/function/levenberg.py`), so that both name the same parameters.
ROUNDED = 8.0
# Columns with a smaller condition number are far from collinear.
APART = 1e6
# A parameter is undetermined if it makes up this share of a direction without information, or more where the smallest
# singular value that counts is so small that rounding mixes directions.
LOOSE = 1e-8

# The relative errors of a Hessian: by differences of exact gradients, about eps^(2/3), and of values, about eps^(1/2),
# each with a margin.
ERRORS = {"traced": EPS, "differences": 1e-6}
OF_SLOPES = 1e-9
# A curvature by differences of values is hidden if it is not this many times its rounding error: the error would have
# less than two digits.
HIDDEN = 100.0
# A point lies inside a set if it may move by this share of itself along each variable, and stays in the set.
INSIDE = 1e-6
# A curvature describes the function at its minimum only if a step along it, to both sides, raises the value as it says,
# to this factor; the step is a standard error, or this share of a variable if that is shorter. Chosen, not measured.
ALIKE, NEARBY = 10.0, 1e-3
# Along a direction of no curvature the value may rise by this share of what the largest curvature would add.
LEVEL = 1e-6
# The most directions of which values are looked at, those with the least curvature.
MOST_DIRECTIONS = 100
# The most names in a warning.
MOST_NAMED = 4
# The most variables of which a Hessian is formed: 200 MB.
MOST_VARIABLES = 5_000
# A run that ended farther from the minimum than this share of a standard error is said to have ended before it. Chosen,
# not measured: a tenth of an error is not seen in a statement with two digits.
NEAR = 0.1
# A step of less than this share of a variable may be a rounding error.
STILL = 1e-8
# Outcomes at whose points a function has no minimum.
WITHOUT_MINIMUM = (
    Outcome.SADDLE, Outcome.FLAT, Outcome.UNBOUNDED, Outcome.NO_FINITE_OPTIMUM, Outcome.DIVERGED, Outcome.NON_FINITE,
    Outcome.WRONG_GRADIENT, Outcome.RAISED,
)  # fmt: skip

# A linear map from the coordinates of the computation to parameters in the user's units, applied to columns.
Map = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Inverse:
    """G with G Gᵀ = A⁺, the pseudo-inverse of a matrix A in coordinates whose columns have length 1.

    Attributes
    ----------
    root : array of shape (n, rank)
        G.
    null : array of shape (n, n - rank)
        The directions without information.
    """

    root: np.ndarray
    null: np.ndarray

    @classmethod
    def of_triangle(cls, triangle: np.ndarray, noise: float = EPS) -> Self:
        """Return the inverse of RᵀR, for the R of a QR decomposition whose entries have the relative error `noise`."""
        length = column_lengths(triangle)
        if (inverse := inverse_of(triangle / length)) is not None:
            return cls(inverse / length[:, None], np.zeros((length.size, 0)))
        _, singular, V = np.linalg.svd(triangle / length, full_matrices=True)
        singular = np.append(singular, np.zeros(len(V) - singular.size))
        return cls._of(singular, V.T, length, noise)

    @classmethod
    def of_symmetric(cls, matrix: np.ndarray, noise: float = EPS) -> Self | None:
        """Return the inverse of a symmetric matrix; None if it has a negative eigenvalue."""
        length = np.sqrt(np.abs(np.diag(matrix)))
        length = np.where(length > 0, length, 1.0)
        values, vectors = np.linalg.eigh(matrix / length / length[:, None])
        floor = ROUNDED * noise * len(values) * max(float(np.abs(values).max()), 1e-300)
        if values[0] < -floor:
            return None
        # Singular values are the roots of the eigenvalues, and those that rounding hides count as 0.
        singular = np.sqrt(np.where(values > floor, values, 0.0))[::-1]
        return cls._of(singular, vectors[:, ::-1], length, noise)

    @classmethod
    def _of(cls, singular: np.ndarray, V: np.ndarray, length: np.ndarray, noise: float) -> Self:
        floor = ROUNDED * noise * len(V) * max(float(singular[0]) if singular.size else 0.0, 1e-300)
        known = int(np.sum(singular > floor))
        least = float(singular[known - 1] / singular[0]) if known else 1.0
        # Smaller shares of a direction are rounding errors.
        loose = V[:, known:]
        loose = np.where(np.abs(loose) > max(LOOSE, 100 * noise / least), loose, 0.0)
        return cls(V[:, :known] / singular[:known] / length[:, None], loose / length[:, None])

    def undetermined(self, to_user: Map, reach: Map) -> np.ndarray:
        """Return which of the user's parameters change along a direction without information.

        Parameters
        ----------
        to_user : callable
            The map to the user's parameters.
        reach : callable
            The same map with absolute values, which bounds the rounding errors of `to_user`.

        Returns
        -------
        array of bool of shape (parameters,)
            Which parameters.
        """
        if not self.null.shape[1]:
            return np.zeros(len(to_user(self.null)), dtype=bool)
        return np.asarray((np.abs(to_user(self.null)) > LOOSE * reach(np.abs(self.null))).any(axis=1))


def inverse_of(triangle: np.ndarray, most: float = APART) -> np.ndarray | None:
    """Return the inverse of a triangle whose columns have length 1; None if its condition number is not below `most`.

    A few parts of the time of singular values, which only near collinear columns need.
    """
    from scipy.linalg import solve_triangular

    size = triangle.shape[1]
    if triangle.shape[0] != size or not np.diag(triangle).all():
        return None
    inverse = solve_triangular(triangle, np.eye(size), check_finite=False)
    return inverse if math.sqrt(size) * np.linalg.norm(inverse) < most else None


def column_lengths(columns: np.ndarray) -> np.ndarray:
    """Return the lengths of columns, also of those whose squares would overflow or vanish; 1 for a column of zeros."""
    unit = np.ldexp(1.0, np.frexp(np.abs(columns).max(axis=0, initial=0.0))[1])
    length = unit * np.linalg.norm(columns / unit, axis=0)
    return np.where(length > 0, length, 1.0)


def stacked(triangle: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the R of the QR decomposition of a triangle with more rows."""
    return np.asarray(np.linalg.qr(np.vstack([triangle, rows]), mode="r"))


def distance(step: np.ndarray, x: np.ndarray, error: np.ndarray) -> float:
    """Return how long the step to the minimum is in standard errors, in the coordinate where it is longest.

    Parameters
    ----------
    step : array of shape (n,)
        The step.
    x : array of shape (n,)
        The point; a step that may be a rounding error of it counts as 0.
    error : array of shape (n,)
        The standard errors.

    Returns
    -------
    float
        The distance.
    """
    counts = np.isfinite(error) & (error > 0) & (np.abs(step) > STILL * np.abs(x))
    return float(np.max(np.abs(step) / error, where=counts, initial=0.0))


@np.errstate(all="ignore")
def covariance_at(
    objective: Objective, x: np.ndarray, free: np.ndarray, outcome: Outcome, maximized: bool, names: Sequence[str]
) -> tuple[np.ndarray, str]:  # fmt: skip
    """Return the inverse Hessian of minus a log likelihood at its minimum, and a warning or "".

    Parameters
    ----------
    objective : Objective
        The function.
    x : array of shape (n,)
        The minimum.
    free : array of bool of shape (n,)
        The variables that are free; the others have no error.
    outcome : Outcome
        How the run ended.
    maximized : bool
        Whether the function is a log likelihood, and x its maximum.
    names : sequence of str
        The names of the variables.

    Returns
    -------
    array of shape (n, n)
        The covariance; NaN if there is none.
    str
        Why there is none, or why it may be wrong.
    """
    none, sign = without(x.size), -1.0 if maximized else 1.0
    place = "maximum" if maximized else "minimum"
    if outcome in WITHOUT_MINIMUM:
        return none, f"no covariance: the outcome is {outcome}, and the function has no {place} there"
    if objective.scatter is not None:
        return none, "no covariance: the values of the function differ from call to call, and hide its curvature"
    if x.size > MOST_VARIABLES:
        return none, f"no covariance: {x.size:,} variables have a matrix of {x.size**2:,} numbers"
    if not free.any():
        return none, "no covariance: every variable was held, or ended on a bound"
    hessian = sign * hessian_at(objective, x)
    hidden = free & _hidden(objective, x, np.diag(hessian))
    free, unseen = free & ~hidden, ""
    if hidden.any():
        shown = _most_of(np.ones(int(hidden.sum())), np.array(names)[hidden])
        unseen = (
            f"the rounding errors of values such as {objective.value(x):.3g} hide the curvature along {shown}: leave "
            "constants out of the function, or give it a gradient="
        )
        if not free.any():
            return none, f"no covariance: {unseen}"
    hessian = hessian[np.ix_(free, free)]
    if not np.isfinite(hessian).all():
        return none, f"no covariance: the curvature of the function is not finite at the {place}"
    inverse = Inverse.of_symmetric(hessian, ERRORS.get(objective.kind, OF_SLOPES))
    if inverse is None:
        return none, f"no covariance: the curvature is negative along some direction, so that this is no {place}"
    if (axis := _unlike(objective, x, free, inverse, hessian, sign)) is not None:
        return none, (
            f"no covariance: the curvature at the {place} does not describe the function, which has a kink or a higher "
            f"power there along {_most_of(axis, np.array(names)[free])}"
        )
    loose = inverse.undetermined(_same, _same)
    covariance = inverse.root @ inverse.root.T
    error = np.sqrt(np.diag(covariance))
    step = -inverse.root @ (inverse.root.T @ (sign * slope_at(objective, x)[1][free]))
    covariance[loose, :] = covariance[:, loose] = np.nan
    covariance[loose, loose] = np.inf
    whole = np.full(none.shape, np.nan)
    whole[np.ix_(free, free)] = covariance
    whole[hidden, hidden] = np.inf
    far = distance(step, x[free], np.where(loose, np.inf, error))
    late = f"the run ended {far:.2g} standard errors before the {place} ({outcome}), where the curvature may differ"
    return whole, "; ".join(filter(None, [unseen, late if far > NEAR else ""]))


def _unlike(
    objective: Objective, x: np.ndarray, free: np.ndarray, inverse: Inverse, hessian: np.ndarray, sign: float
) -> np.ndarray | None:
    """Return a direction along which the function does not rise as its curvature says; None if there is none.

    A Hessian by differences of values agrees with them, and is not compared.
    """
    if _of_values(objective):
        return None
    here, whole = objective.value(x), np.zeros(x.size)
    rounding = ROUNDED * max(objective.relative_noise, EPS) * abs(here)

    def rise(axis: np.ndarray) -> float:
        """Return how far the value rises to both sides, on the average; NaN where the function has no value."""
        whole[free] = axis
        try:
            mean = (objective.value(x + whole) + objective.value(x - whole)) / 2
        except Exception:  # noqa: BLE001 - the function may refuse a point that the descent has not visited
            return math.nan
        return sign * (mean - here) if math.isfinite(mean) else math.nan

    size = np.maximum(np.abs(x[free]), 1.0)
    for axis in inverse.root.T[: -MOST_DIRECTIONS - 1 : -1]:
        part = min(1.0, NEARBY * float(np.min(size / np.maximum(np.abs(axis), 1e-300))))
        mean, promised = rise(part * axis), part**2 / 2
        if mean - rounding > ALIKE * promised or mean + rounding < promised / ALIKE:
            return axis
    for axis in inverse.null.T[:MOST_DIRECTIONS]:
        step = axis * np.min(size / np.maximum(np.abs(axis), 1e-300))
        if rise(step) > LEVEL * step**2 @ np.abs(np.diag(hessian)) + ROUNDED * rounding:
            return axis
    return None


def _most_of(axis: np.ndarray, names: np.ndarray) -> str:
    """Return the names of the variables that make up most of a direction."""
    large = np.abs(axis) > 0.1 * np.abs(axis).max()
    return ", ".join(names[large][:MOST_NAMED]) + ", …" * int(large.sum() > MOST_NAMED)


def _of_values(objective: Objective) -> bool:
    """Tell whether the Hessian comes from differences of values."""
    return objective.compiled is None and objective.kind == "differences"


def _hidden(objective: Objective, x: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """Return which variables have a curvature that rounding hides; one that is exactly 0 has none."""
    if not _of_values(objective):
        return np.zeros(x.size, dtype=bool)
    noise = max(objective.relative_noise, EPS)
    step = scale_of(x, x) * min(noise**0.25, 0.1)
    error = 4 * noise * abs(objective.value(x)) / step**2
    return (curvature != 0) & (np.abs(curvature) < HIDDEN * error)


def edge(within: Within, x: PyTree) -> str:
    """Return why the estimate within a set has no covariance; "" if it lies inside, so that the set does not matter.

    Parameters
    ----------
    within : set or dict
        The set of the whole point, or those of parameters.
    x : array, dict or tree
        The point.

    Returns
    -------
    str
        The reason, or "".
    """
    for one, part in [(within, x)] if isinstance(within, ConvexSet) else _parts(within, x):
        if one.is_thin:
            return (
                f"no covariance: {one!r} ties its variables to each other: write the function with as many variables "
                "as are free, and take that of the others from theirs"
            )
        flat = np.asarray(part, dtype=float)
        for move in np.diag(INSIDE * np.maximum(np.abs(flat.ravel()), INSIDE)):
            if not all(one.contains(flat + side * move.reshape(flat.shape)) for side in (-1.0, 1.0)):
                return f"no covariance: the run ended on the edge of {one!r}, where an estimate is not normal"
    return ""


def without(size: int) -> np.ndarray:
    """Return a square of NaN, for a covariance that there is none of; it takes no memory.

    Parameters
    ----------
    size : int
        The number of variables.

    Returns
    -------
    array of shape (size, size)
        The NaN, which can't be written to.
    """
    return np.broadcast_to(np.nan, (size, size))


def _same(columns: np.ndarray) -> np.ndarray:
    return columns


def _parts(within: Mapping[Names, ConvexSet], x: PyTree) -> list[tuple[ConvexSet, PyTree]]:
    """Return each set with the part of the point that it holds."""
    return [
        (one, np.concatenate([np.ravel(x[each]) for each in name]) if isinstance(name, tuple) else x[name])
        for name, one in within.items()
    ]
