"""Ways along which a loss falls for ever, so that no finite coefficients are best; all of it is decided here.

A convex f has no finite minimum if, and only if, it falls along a direction v for ever: no row's loss grows along
it, lim ℓᵢ(s aᵢᵀv) / s ≤ 0 for all i, and that of some row changes (Rockafellar, "Convex analysis", 1970,
section 27). These are linear inequalities in v. For the log loss they say that v separates the classes, if
perhaps with rows on the plane; for counts, that it lowers some rows of no counts and moves no other.

That there is none has a proof as well, by the theorem of the alternative: slopes uᵢ strictly inside of the range of
ℓᵢ′ with Σ pᵢ uᵢ aᵢ = 0. The slopes ℓ′ + ℓ″ A d of Newton's step d are such where it moves no output by 1 or
more, which is so at the end of nearly every fit. The derivations are in docs/certificates.md.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from steepest.data.sparse.csr import is_sparse
from steepest.derivatives.differences import EPS
from steepest.derivatives.tracing.tracer import Traced, stack
from steepest.fitting.linear.coordinates import coordinates, edges
from steepest.fitting.linear.glm import Glm
from steepest.models.losses.base import Loss

Array = Any

# Entries below this share of the largest count as rounding in a search; a proof is stricter.
SMALL = 1e-8
# The rounding error of a sum of n terms, in units of eps times the sum of their sizes.
ROUNDINGS = 64
BLOCK_NUMBERS = 2**22
# How many rows a linear programme begins with at least, how many are added at a time, and how often.
FEW, A_COLUMN, MOST_ROUNDS = 2_000, 20, 40
# A programme of more numbers, or longer than a few fits of such rows, is not begun or is given up.
WIDEST_PROGRAMME, LEAST_SECONDS = 50_000_000, 2.0
FEASIBLE, FALLS = 1e-10, 1e-7
MOST_NAMED = 3
WIDEST_GRAM = 2_000

ALIKE = "every target that counts is alike, so that the loss falls for ever as the intercept grows"


class Finding(NamedTuple):
    """Why the loss falls for ever, or nothing where it does not; and whether that was proven either way."""

    endless: str
    sure: bool = True


NONE, UNKNOWN = Finding(""), Finding("", sure=False)


def is_separated(glm: Glm, z: Array) -> Array:
    """Tell whether outputs z have every row of its own class on its side, with none on the plane."""
    margin = None if glm.transform is not None else glm.loss.margin(Traced(z), Traced(glm.y))
    if margin is None:
        return jnp.asarray(False)
    return jnp.all((stack(margin) > SMALL * jnp.max(jnp.abs(z))) | (glm.weight == 0))


def falls_forever(glm: Glm, along: Array) -> Array:
    """Tell whether f looks as if it fell for ever along a way that changes the outputs so."""
    if glm.transform is not None:
        return jnp.asarray(False)
    counts = (glm.weight[:, None] if glm.loss.outputs else glm.weight) > 0
    largest = jnp.max(jnp.abs(jnp.where(counts, along, 0.0)))
    v = jnp.where((jnp.abs(along) <= SMALL * largest) | ~counts, 0.0, along)
    asymptote = glm.loss.asymptote(Traced(v), Traced(glm.y))
    if asymptote is None:
        return jnp.asarray(False)
    return (largest > 0) & jnp.all(jnp.where(glm.weight > 0, stack(asymptote), 0.0) <= 0)


def tilt(glm: Glm, along: Array) -> Array:
    """Return how far a step moves outputs at the most: below 1 its slopes lie strictly inside of their range."""
    moved = jnp.linalg.norm(along, axis=-1) * math.sqrt(2) if glm.loss.outputs else jnp.abs(along)
    return jnp.max(moved, where=glm.weight > 0, initial=0.0)


@dataclass
class Recession:
    """Whether the loss of a linear model falls for ever on its rows: decided once, as it depends on them alone.

    Attributes
    ----------
    X, y, weight : array
        The rows.
    loss : Loss
        ℓ.
    free : bool
        Whether nothing is penalised; else the intercepts alone are free.
    names : sequence of str or None
        What the columns are called.
    found : Finding or None
        What is known; None as long as nothing is.
    """

    X: Any
    y: np.ndarray
    weight: np.ndarray
    loss: Loss
    free: bool
    names: Sequence[str] | None
    found: Finding | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        nothing = np.zeros((1, self.loss.outputs) if self.loss.outputs else 1)
        if self.loss.asymptote(nothing, np.zeros(1)) is None:
            self.found = NONE
        elif facts := self.of_targets():
            self.found = Finding(facts)
        elif not self.free:
            self.found = NONE

    @property
    def endless(self) -> bool:
        """Whether it is known that the loss falls for ever."""
        return self.found is not None and bool(self.found.endless)

    @property
    def watch(self) -> int:
        """Whether a descent is to stop where the loss looks as if it fell for ever; 2 where that is all there is."""
        return 2 if self.found == Finding(ALIKE) else int(self.found is None)

    def exclude(self) -> None:
        """Remember a proof that there is no such way."""
        self.found = self.found or NONE

    def decided(self, point: np.ndarray | None = None, brief: bool = False) -> Finding:
        """Return whether the loss falls for ever.

        `point` are coefficients and intercepts in the user's units at which the descent stands; a `brief` look takes
        no more than a few readings of the rows, and may leave it open.
        """
        if self.found is not None:
            return self.found
        if columns := self.single():
            self.found = Finding(self.told(columns, together=False))
            return self.found
        cone = Cone.of(self)
        v = None if point is None else cone.from_user(point)
        if v is not None and cone.proves(v):
            self.found = Finding(self.told(cone.columns(v), together=True))
        elif not brief:
            way = cone.decided(v)
            self.found = way if isinstance(way, Finding) else Finding(self.told(cone.columns(way), together=True))
        return self.found or UNKNOWN

    def of_targets(self) -> str:
        """Return why the loss falls for ever as intercepts grow, whatever the columns; nothing where it does not."""
        y = self.y[self.weight > 0]
        if (contrasts := self.loss.contrasts) is not None:
            told = len(contrasts)
            absent = np.setdiff1d(np.arange(told), y.astype(int))
            if not absent.size:
                return ""
            if absent.size == told - 1:
                return ALIKE
            which = ", ".join(str(k) for k in absent[:MOST_NAMED]) + " …" * (absent.size > MOST_NAMED)
            return (
                f"no row is of class {which}, so that the loss falls for ever as its intercept does; leave the class "
                f"out of those that the model tells apart"
            )
        sides = self.sides(y)
        return ALIKE if np.all(sides > 0) or np.all(sides < 0) else ""

    def sides(self, y: np.ndarray) -> np.ndarray:
        """Return which way each output may go for ever without a loss that grows: 1 up, -1 down, 0 neither."""
        with np.errstate(all="ignore"):
            up, down = (np.asarray(self.loss.asymptote(np.full(len(y), way), y)) <= 0 for way in (1.0, -1.0))
        return up.astype(int) - down

    def single(self) -> list[int]:
        """Return the columns that alone set rows apart whose loss falls for ever, by exact comparisons."""
        counts = self.weight > 0
        if not self.X.shape[1]:
            return []
        if (contrasts := self.loss.contrasts) is not None:
            groups = [counts & (self.y == k) for k in range(len(contrasts))]
        else:
            side = np.where(counts, self.sides(self.y), 2)
            groups = [side == 1, side == -1, side == 0]
        none = np.stack([np.full(self.X.shape[1], np.inf), np.full(self.X.shape[1], -np.inf)])
        low, high = np.swapaxes([edges(self.X[rows]) if rows.any() else none for rows in groups], 0, 1)
        varies = low.min(axis=0) < high.max(axis=0)
        if self.loss.outputs:
            apart = np.zeros_like(varies)
            for k in range(len(groups)):
                rest = np.arange(len(groups)) != k
                apart |= (high[k] <= low[rest].min(axis=0)) | (high[rest].max(axis=0) <= low[k])
        else:
            (up, down, still), (above, below, same) = low, high
            apart = np.maximum(below, same) <= np.minimum(up, still)
            apart |= np.maximum(above, same) <= np.minimum(down, still)
        return [int(j) for j in np.flatnonzero(apart & varies)]

    def told(self, columns: Sequence[int], together: bool) -> str:
        """Return in words which columns are responsible, and what to do."""
        names = [f"{self.names[j]!r}" if self.names else f"column {j}" for j in columns[:MOST_NAMED]]
        more = len(columns) - len(names)
        named = ", ".join(names[:-1] or names) + (f" and {names[-1]}" if len(names) > 1 else "")
        if more:
            named = f"{', '.join(names)} and {more:,} more"
        several = len(columns) > 1
        alike = "are of one class" if self.loss.classes else "have the target 0"
        if self.loss.outputs:
            alike = "are told from some class without error"
        grow = f"the coefficient{'s' * several} of {named} grow{'s' * (not several)}"
        grow += " together" * (together and several)
        it = "them" if several else "it"
        apart = f"rows that {'they set' if several else 'it sets'} apart {alike}"
        return (
            f"the loss falls for ever as {grow}: {apart}; "
            f"add penalty=L2(1e-3), or so, leave {it} out, or merge a level with another"
        )


@dataclass
class Cone:
    """The directions v along which no row's loss grows: linear inequalities, one or more a row, in scaled columns.

    The inequality (i, k) is cₖ · (aᵢ V) ≥ 0, with V the direction, a column an output. A row that no way may move has
    one for either sign.

    Attributes
    ----------
    X : array of shape (rows, columns)
        The rows that count.
    mean, scale : array of shape (columns,)
        What columns are centred and divided by.
    kind : array of int of shape (rows,)
        What kind of target each row has.
    ways : array of shape (kinds, m, outputs)
        c, for each kind.
    there : array of bool of shape (kinds, m)
        Which of them there are.
    contrasts : array or None
        What makes outputs of scores, where there are several.
    until : float
        When to give up.
    """

    X: Any
    mean: np.ndarray
    scale: np.ndarray
    kind: np.ndarray
    ways: np.ndarray
    there: np.ndarray
    contrasts: np.ndarray | None
    until: float

    @classmethod
    def of(cls, problem: Recession) -> Cone:
        """Return the inequalities of rows that count."""
        counts = problem.weight > 0
        X = problem.X if counts.all() else problem.X[counts]
        y = problem.y[counts]
        where = coordinates(X, None, "scale")
        # Sparse columns are not centred, as they would not be sparse then; 0 lies among their values.
        mean = np.zeros_like(where.mean) if is_sparse(X) else where.mean
        scale = where.scale
        if is_sparse(X):
            largest = np.abs(edges(X)).max(axis=0)
            scale = 2.0 ** np.round(np.log2(np.where(largest > 0, largest, 1.0)))
        entries = X.nnz if is_sparse(X) else X.size
        until = time.perf_counter() + LEAST_SECONDS + entries * max(problem.loss.outputs, 1) / 1e6
        if (Q := problem.loss.contrasts) is not None:
            return cls(X, mean, scale, y.astype(int), Q[:, None] - Q[None], ~np.eye(len(Q), dtype=bool), Q, until)
        # Down, neither, up.
        there = np.array([[False, True], [True, True], [True, False]])
        ways = np.tile(np.array([[[1.0], [-1.0]]]), (3, 1, 1))
        return cls(X, mean, scale, problem.sides(y) + 1, ways, there, None, until)

    @property
    def outputs(self) -> int:
        """How many outputs a row has."""
        return int(self.ways.shape[2])

    @cached_property
    def held(self) -> np.ndarray:
        """Which inequalities there are, a row of them a row."""
        return np.asarray(self.there[self.kind])

    @cached_property
    def fixed(self) -> np.ndarray:
        """Which rows no way may move."""
        return np.asarray(self.held.all(axis=1)) & (self.contrasts is None)

    @property
    def size(self) -> int:
        """How many numbers a direction holds."""
        return (self.X.shape[1] + 1) * self.outputs

    def from_user(self, point: np.ndarray) -> np.ndarray:
        """Return coefficients and intercepts in the user's units as a direction."""
        if self.contrasts is None:
            return np.append(point[:-1] * self.scale, point[-1] + point[:-1] @ self.mean)[:, None]
        classes = len(self.contrasts)
        coef, intercept = point[:-classes].reshape(classes, -1), point[-classes:]
        return np.vstack([(coef * self.scale).T, intercept + coef @ self.mean]) @ self.contrasts

    def columns(self, V: np.ndarray) -> list[int]:
        """Return the columns that a direction is made of, the largest first."""
        size = np.linalg.norm(V[:-1], axis=1)
        order = np.argsort(-size, kind="stable")
        return [int(j) for j in order if size[j] > 1e-3 * size.max(initial=0.0)]

    def rows(self, which: Any) -> Any:
        """Return some rows in scaled columns, with a 1 for the intercept."""
        part = self.X[which]
        if is_sparse(part):
            from scipy.sparse import csr_array, diags_array, hstack

            return csr_array(hstack([part.astype(float) @ diags_array(1 / self.scale), np.ones((part.shape[0], 1))]))
        return np.c_[(part.astype(float) - self.mean) / self.scale, np.ones(len(part))]

    def blocks(self) -> Iterator[tuple[slice, Any]]:
        """Yield all rows, some at a time."""
        rows, wide = self.X.shape
        step = max(BLOCK_NUMBERS // (wide + 1), 1) if not is_sparse(self.X) else rows
        for first in range(0, rows, step):
            place = slice(first, min(first + step, rows))
            yield place, self.rows(place)

    def margins(self, V: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the left sides of all inequalities, infinite where there is none, and the rounding of each row."""
        found, blur = np.full(self.held.shape, np.inf), np.empty(len(self.held))
        for place, A in self.blocks():
            each = np.einsum("no,nmo->nm", A @ V, self.ways[self.kind[place]])
            found[place] = np.where(self.held[place], each, np.inf)
            blur[place] = ROUNDINGS * EPS * 2 * (abs(A) @ np.abs(V)).sum(axis=1)
        return found, blur

    def proves(self, V: np.ndarray) -> bool:
        """Tell whether along a direction no row's loss grows beyond rounding, and that of some row falls."""
        if not np.all(np.isfinite(V)) or not V.any():
            return False
        margins, blur = self.margins(V)
        # A row that no way may move has two margins of opposite signs.
        falls = np.where(np.isfinite(margins), margins, 0.0).max(axis=1)
        return bool(np.all(margins >= -blur[:, None]) and np.any(falls > FALLS * np.abs(V).max() + 1e3 * blur))

    def picked(self, places: np.ndarray) -> Any:
        """Return inequalities as rows of a matrix, by their places in `held`."""
        row, k = np.unravel_index(places, self.held.shape)
        A, ways = self.rows(row), self.ways[self.kind[row], k]
        if is_sparse(A):
            from scipy.sparse import csr_array

            A = csr_array(A)
            each = np.repeat(ways, np.diff(A.indptr), axis=0)
            data = (A.data[:, None] * each).ravel()
            columns = (A.indices[:, None] * self.outputs + np.arange(self.outputs)).ravel()
            return csr_array((data, columns, A.indptr * self.outputs), shape=(A.shape[0], self.size))
        return (A[:, :, None] * ways[:, None, :]).reshape(len(A), -1)

    def decided(self, near: np.ndarray | None) -> Finding | np.ndarray:
        """Return a direction along which the loss falls for ever, or the finding that there is none, or is unknown.

        A linear programme over some rows finds the direction along which their margins are largest; rows that it is
        wrong about are added until there are none. Where it finds no direction, its multipliers prove that.
        """
        rng, held = np.random.default_rng(0), np.flatnonzero(self.held)
        many = max(FEW, A_COLUMN * self.size)
        if min(held.size, many) * self.size > WIDEST_PROGRAMME and not is_sparse(self.X):
            return UNKNOWN
        work = held
        if held.size > many:
            hard = held[:0]
            if near is not None and np.all(np.isfinite(near)):
                margins = self.margins(near)[0].ravel()[held]
                hard = held[np.argpartition(margins, many // 2)[: many // 2]]
            work = np.union1d(hard, rng.choice(held, many // 2, replace=False))
        for _ in range(MOST_ROUNDS):
            if time.perf_counter() > self.until:
                return UNKNOWN
            solved = self.programme(work)
            if solved is None:
                return UNKNOWN
            V, multipliers, matrix = solved
            margins, blur = self.margins(V)
            apart = matrix @ V.ravel()
            if apart.max(initial=0.0) <= FALLS:
                unseen = self.unseen(matrix, held)
                if not unseen.size:
                    return NONE if self.disproves(matrix, multipliers, work) else UNKNOWN
                work = np.union1d(work, unseen)
                continue
            wrong = np.flatnonzero(margins.ravel() < -np.maximum(1e-9, np.repeat(blur, margins.shape[1])))
            wrong = np.setdiff1d(wrong, work)
            if wrong.size:
                worst = wrong[np.argsort(margins.ravel()[wrong])[: many // 2]]
                work = np.union1d(work, worst)
                continue
            polished = self.polished(V, margins)
            return polished if self.proves(polished) else V if self.proves(V) else UNKNOWN
        return UNKNOWN

    def programme(self, work: np.ndarray) -> tuple[np.ndarray, np.ndarray, Any] | None:
        """Return the direction of largest margins within the unit box, the multipliers, and the inequalities."""
        from scipy.optimize import linprog

        matrix = self.picked(work)
        fixed = self.fixed[work // self.held.shape[1]]
        free = np.flatnonzero(~fixed)
        each = np.asarray(matrix[free].sum(axis=0)).ravel() / max(len(work), 1)
        words: dict[str, Any] = {"A_ub": -matrix[free], "b_ub": np.zeros(free.size)} if free.size else {}
        if fixed.any():
            words |= {"A_eq": matrix[np.flatnonzero(fixed)], "b_eq": np.zeros(int(fixed.sum()))}
        options = {
            "primal_feasibility_tolerance": FEASIBLE, "dual_feasibility_tolerance": FEASIBLE,
            "time_limit": max(self.until - time.perf_counter(), 0.1),
        }  # fmt: skip
        found = linprog(-each, bounds=(-1, 1), method="highs", options=options, **words)
        if found.status != 0:
            return None
        multipliers = np.zeros(len(work))
        if free.size:
            multipliers[free] = 1 / max(len(work), 1) - found.ineqlin.marginals
        if fixed.any():
            multipliers[fixed] = found.eqlin.marginals
        return found.x.reshape(-1, self.outputs), multipliers, matrix

    def unseen(self, matrix: Any, held: np.ndarray) -> np.ndarray:
        """Return places of inequalities that the chosen ones say nothing of: what leaves those alone moves them."""
        if len(held) == matrix.shape[0]:
            return held[:0]
        if self.size > WIDEST_GRAM:
            return held
        values, vectors = np.linalg.eigh(_gram(matrix))
        idle = vectors[:, values <= 1e-12 * max(values[-1], 1e-300)]
        moved = np.zeros(self.held.shape)
        for way in idle.T:
            margins = self.margins(way.reshape(-1, self.outputs))[0]
            moved = np.maximum(moved, np.where(self.held, np.abs(margins), 0.0))
        places = np.flatnonzero(moved.ravel() > SMALL)
        return places[np.argsort(-moved.ravel()[places])[:FEW]]

    def disproves(self, matrix: Any, multipliers: np.ndarray, work: np.ndarray) -> bool:
        """Tell whether multipliers, strictly positive where an inequality is one, make the sum of its rows 0.

        What rounding leaves of that sum is made up for by multipliers that are least squares, and must stay positive.
        """
        rest = np.asarray(matrix.T @ multipliers).ravel()
        strict = ~self.fixed[work // self.held.shape[1]]
        if self.size > WIDEST_GRAM:
            return bool(np.abs(rest).max() <= SMALL * multipliers[strict].min(initial=np.inf))
        inverse = np.linalg.pinv(_gram(matrix), rcond=1e-13, hermitian=True)
        change = matrix @ (inverse @ rest)
        left = rest - np.asarray(matrix.T @ change).ravel()
        sizes = np.asarray(abs(matrix).T @ np.abs(multipliers)).ravel().max(initial=0.0)
        return bool(np.all((multipliers - change)[strict] > 0) and np.abs(left).max() <= SMALL * max(sizes, 1e-300))

    def polished(self, V: np.ndarray, margins: np.ndarray) -> np.ndarray:
        """Return a direction that leaves alone, to rounding, the rows that it hardly moves."""
        still = self.held & (np.abs(margins) <= SMALL * np.abs(V).max())
        if self.size > WIDEST_GRAM or not still.any():
            return V
        places = np.flatnonzero(still.any(axis=1)) if self.outputs == 1 else np.flatnonzero(still)
        step = max(BLOCK_NUMBERS // self.size, 1)
        parts = [places[first : first + step] for first in range(0, places.size, step)]
        of = self.rows if self.outputs == 1 else self.picked
        gram = sum(_gram(of(part)) for part in parts)
        inverse = np.linalg.pinv(gram, rcond=1e-12, hermitian=True)
        v = V.ravel()
        for _ in range(3):
            pulled = sum(np.asarray(A.T @ (A @ v)).ravel() for A in map(of, parts))
            v = v - inverse @ pulled
        return v.reshape(V.shape)


def _gram(A: Any) -> np.ndarray:
    found = A.T @ A
    return found.toarray() if is_sparse(found) else np.asarray(found)
