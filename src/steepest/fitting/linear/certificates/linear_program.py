"""Find a direction along which the loss falls without end, or prove that no such direction exists.

Both come from one linear program: it maximises the sum of the margins of a `Cone` over the directions in a box. If the
maximum is above 0, the solution is such a direction. If the maximum is 0, the multipliers prove that none exists.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from steepest.data.sparse.csr import is_sparse
from steepest.fitting.linear.certificates.cone import BLOCK_NUMBERS, FALLS, Cone
from steepest.fitting.linear.certificates.separation import SMALL
from steepest.types import Array

# A linear program begins with FEW inequalities, or with A_COLUMN for each component of a direction if that is more.
# Each of at most MOST_ROUNDS rounds adds inequalities that the solution violates. Chosen, not measured: a larger
# program takes longer to solve, a smaller program takes more rounds.
FEW, A_COLUMN, MOST_ROUNDS = 2_000, 20, 40
# The most numbers in the matrix of a dense program: 400 MB. A larger program is not begun.
WIDEST_PROGRAM = 50_000_000
# The search stops undecided after LEAST_SECONDS plus a second for each million entries of X and each output: about the
# time of a few fits to such rows.
LEAST_SECONDS, ENTRIES_A_SECOND = 2.0, 1e6
# The least tolerance that the HiGHS solver accepts.
FEASIBLE = 1e-10
# An inequality is violated if its margin is below minus this, or below minus its rounding error if that is larger. A
# solution may violate inequalities by FEASIBLE, a tenth of this.
VIOLATED = 1e-9
# The most components of a direction for which a Gram matrix is formed and decomposed: 32 MB, and seconds of work.
WIDEST_GRAM = 2_000


def find_direction(cone: Cone, near: np.ndarray | None) -> tuple[np.ndarray | None, bool]:
    """Search for a direction along which the loss falls without end.

    The linear program is solved with some of the inequalities. Inequalities that the solution violates are added, until
    the solution violates none.

    Parameters
    ----------
    cone : Cone
        The inequalities.
    near : array or None
        A guess of the direction; the program begins with the inequalities whose margins along it are least.

    Returns
    -------
    direction : array or None
        The direction, if one was found.
    decided : bool
        Whether a direction was found, or proven not to exist. Rounding errors, and the limits on time and size, may
        prevent both.
    """
    rng, everything = np.random.default_rng(0), np.flatnonzero(cone.present)
    deadline = time.perf_counter() + LEAST_SECONDS + cone.entries * cone.outputs / ENTRIES_A_SECOND
    many = max(FEW, A_COLUMN * cone.size)
    if min(everything.size, many) * cone.size > WIDEST_PROGRAM and not is_sparse(cone.X):
        return None, False
    chosen = everything
    if everything.size > many:
        hard = everything[:0]
        if near is not None and np.all(np.isfinite(near)):
            margins = cone.margins(near)[0].ravel()[everything]
            hard = everything[np.argpartition(margins, many // 2)[: many // 2]]
        chosen = np.union1d(hard, rng.choice(everything, many // 2, replace=False))
    for _ in range(MOST_ROUNDS):
        if time.perf_counter() > deadline:
            return None, False
        solved = _solved(cone, chosen, deadline)
        if solved is None:
            return None, False
        V, multipliers, matrix = solved
        margins, rounding = cone.margins(V)
        if (matrix @ V.ravel()).max(initial=0.0) <= FALLS:
            open_ones = _undetermined(cone, matrix, everything)
            if not open_ones.size:
                return None, _disproves(cone, matrix, multipliers, chosen)
            chosen = np.union1d(chosen, open_ones)
            continue
        violated = np.flatnonzero(margins.ravel() < -np.maximum(VIOLATED, np.repeat(rounding, margins.shape[1])))
        violated = np.setdiff1d(violated, chosen)
        if violated.size:
            worst = violated[np.argsort(margins.ravel()[violated])[: many // 2]]
            chosen = np.union1d(chosen, worst)
            continue
        polished = _polished(cone, V, margins)
        found = polished if cone.proves(polished) else V if cone.proves(V) else None
        return found, found is not None
    return None, False


def _solved(cone: Cone, chosen: np.ndarray, deadline: float) -> tuple[np.ndarray, np.ndarray, Array] | None:
    """Return the solution of the program, the multipliers and the matrix of the inequalities; None if it fails."""
    from scipy.optimize import linprog

    matrix = cone.matrix(chosen)
    fixed = cone.fixed[chosen // cone.present.shape[1]]
    free = np.flatnonzero(~fixed)
    each = np.asarray(matrix[free].sum(axis=0)).ravel() / max(len(chosen), 1)
    constraints: dict[str, Array] = {"A_ub": -matrix[free], "b_ub": np.zeros(free.size)} if free.size else {}
    if fixed.any():
        constraints |= {"A_eq": matrix[np.flatnonzero(fixed)], "b_eq": np.zeros(int(fixed.sum()))}
    options = {
        "primal_feasibility_tolerance": FEASIBLE, "dual_feasibility_tolerance": FEASIBLE,
        "time_limit": max(deadline - time.perf_counter(), 0.1),
    }  # fmt: skip
    bounds = (-1, 1) if cone.within is None else cone.within
    found = linprog(-each, bounds=bounds, method="highs", options=options, **constraints)
    if found.status != 0:
        return None
    multipliers = np.zeros(len(chosen))
    if free.size:
        multipliers[free] = 1 / max(len(chosen), 1) - found.ineqlin.marginals
    if fixed.any():
        multipliers[fixed] = found.eqlin.marginals
    return cone.allowed(found.x.reshape(-1, cone.outputs)), multipliers, matrix


def _undetermined(cone: Cone, matrix: Array, everything: np.ndarray) -> np.ndarray:
    """Return the inequalities that the chosen ones do not determine.

    Some direction that leaves all chosen margins at 0 changes the margins of the returned inequalities.
    """
    if len(everything) == matrix.shape[0]:
        return everything[:0]
    if cone.size > WIDEST_GRAM:
        return everything
    values, vectors = np.linalg.eigh(_gram(matrix))
    idle = vectors[:, values <= 1e-12 * max(values[-1], 1e-300)]
    largest = np.zeros(cone.present.shape)
    for v in idle.T:
        margins = cone.margins(v.reshape(-1, cone.outputs))[0]
        largest = np.maximum(largest, np.where(cone.present, np.abs(margins), 0.0))
    places = np.flatnonzero(largest.ravel() > SMALL)
    return places[np.argsort(-largest.ravel()[places])[:FEW]]


def _disproves(cone: Cone, matrix: Array, multipliers: np.ndarray, chosen: np.ndarray) -> bool:
    """Tell whether the multipliers prove that no direction exists.

    They do if `matrix.T @ multipliers` is 0 and the multiplier of each strict inequality is above 0. Where a bound of
    a parameter stops directions of one sign, the product may press against the bound. Rounding leaves a small product.
    So the least change of the multipliers that makes the product 0 must leave the multipliers of strict inequalities
    above 0.
    """
    rest = np.asarray(matrix.T @ multipliers).ravel()
    if cone.within is not None:
        rest = cone.allowed(rest[:, None])[:, 0]
    strict = ~cone.fixed[chosen // cone.present.shape[1]]
    if cone.size > WIDEST_GRAM:
        return bool(np.abs(rest).max() <= SMALL * multipliers[strict].min(initial=np.inf))
    inverse = np.linalg.pinv(_gram(matrix), rcond=1e-13, hermitian=True)
    change = matrix @ (inverse @ rest)
    left = rest - np.asarray(matrix.T @ change).ravel()
    sizes = np.asarray(abs(matrix).T @ np.abs(multipliers)).ravel().max(initial=0.0)
    return bool(np.all((multipliers - change)[strict] > 0) and np.abs(left).max() <= SMALL * max(sizes, 1e-300))


def _polished(cone: Cone, V: np.ndarray, margins: np.ndarray) -> np.ndarray:
    """Return V, projected so that the outputs that V hardly moves do not move at all, up to rounding errors."""
    still = cone.present & (np.abs(margins) <= SMALL * np.abs(V).max())
    if cone.size > WIDEST_GRAM or not still.any():
        return V
    places = np.flatnonzero(still.any(axis=1)) if cone.outputs == 1 else np.flatnonzero(still)
    step = max(BLOCK_NUMBERS // cone.size, 1)
    parts = [places[first : first + step] for first in range(0, places.size, step)]
    matrix_of: Callable[[np.ndarray], Array] = cone.rows if cone.outputs == 1 else cone.matrix
    gram = sum(_gram(matrix_of(part)) for part in parts)
    inverse = np.linalg.pinv(gram, rcond=1e-12, hermitian=True)
    v = V.ravel()
    # Project three times: one projection is only as exact as the pseudoinverse.
    for _ in range(3):
        moves = sum(np.asarray(A.T @ (A @ v)).ravel() for A in map(matrix_of, parts))
        v = v - inverse @ moves
    return v.reshape(V.shape)


def _gram(A: Array) -> np.ndarray:
    found = A.T @ A
    return found.toarray() if is_sparse(found) else np.asarray(found)
