"""The strength of an L1 penalty or an elastic net, by fits to five folds along a path from no coefficients on.

Fits along a path begin where the fit at the next larger strength ended. A fit ends by a bound on how far its loss is
above the minimum, which is far below what tells two strengths apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy.sparse import hstack

from steepest.activity import doing
from steepest.data.sparse.csr import is_sparse
from steepest.fitting.strength import newton
from steepest.fitting.strength.choose import has_risen, is_bounded, rounded, scored
from steepest.fitting.strength.columns import Directions
from steepest.fitting.strength.folds import COUNT, folds_of
from steepest.fitting.strength.proximal import Sample
from steepest.fitting.strength.record import FOLDS, StrengthPath
from steepest.fitting.strength.slopes import Slopes, slopes_of
from steepest.models import losses
from steepest.models.frame import column_deviations
from steepest.models.losses import Loss
from steepest.models.losses.softmax import Contrasted
from steepest.models.penalties import kink_of, named, ridge_of
from steepest.types import Rows

# How many strengths are tried, down to which share of the first: each about half of the one before, and two more beside
# the best. The path ends early once the loss has clearly risen.
STRENGTHS, LEAST = 11, 1e-3
# The shares of L1 that an elastic net is tried with: L1 alone, mostly L1, and even. Each is tried near the best
# strength of the one before.
RATIOS = (1.0, 0.9, 0.5)
# Strengths are compared on so many numbers at most, but on so many rows at least. Chosen, not measured.
MOST_NUMBERS, LEAST_ROWS = 2 * 10**6, 2_000
# By so many sums of columns rows are told apart.
SUMS = 3
# The products of all columns are computed once up to this many multiplications; beyond, those of the columns that a fit
# uses, which are few. Chosen, not measured: it takes a twentieth of a second there.
MOST_PRODUCTS = 10**8


def choose_l1(
    loss: Loss, X: Rows, y: np.ndarray, weight: np.ndarray, classes: int = 0, ratios: tuple[float, ...] = (1.0,)
) -> StrengthPath:
    """Choose the strength of an L1 penalty or an elastic net on standardised columns, by the loss of rows in folds.

    No penalty is chosen if its score is within one standard error of the least, else the strength of the least. Of an
    elastic net the share of L1 is chosen, too, by the least score of each share.

    Parameters
    ----------
    loss : Loss
        The loss.
    X : array or sparse array of shape (rows, columns)
        The rows.
    y, weight : array of shape (rows,)
        Their targets, and how often each row counts, above 0.
    classes : int
        The number of classes of softmax.
    ratios : tuple of float
        The shares of L1 to try, above 0; 1 alone for an L1 penalty.

    Returns
    -------
    StrengthPath
        The scores, and the strength.
    """
    given, most = len(y), max(LEAST_ROWS, MOST_NUMBERS // max(X.shape[1], 1))
    if given > most:
        drawn = np.sort(np.random.default_rng(0).permutation(given)[:most])
        X, y, weight = X[drawn], y[drawn], weight[drawn]
    # Only the weights of the rows count here.
    rows = Directions(np.zeros((len(y), 0)), np.zeros(0), weight, 0)
    folds = Folds.of(loss, X, y, weight, classes)
    tables = {ratios[0]: folds.along(ratios[0], rows)}
    for before, ratio in pairwise(ratios):
        tables[ratio] = folds.near(ratio, before, tables[before], weight)
    least = {
        ratio: min((float(weight @ each) for each in table.values()), default=np.inf) for ratio, table in tables.items()
    }
    ratio = min(least, key=lambda each: least[each])
    table = tables[ratio]
    folds.beside_the_best(ratio, table, weight)
    if X.shape[1] + 1 < len(y) or not table:
        table[0.0] = folds.without()
    strengths = np.array(sorted(table, reverse=True))
    scores, errors, paired, chosen = scored(strengths, np.array([table[strength] for strength in strengths]), rows)
    # The best strength of a lasso falls with the root of the number of rows.
    share = (len(y) / given) ** 0.5
    return StrengthPath(
        strengths=np.array([rounded(s * share) for s in strengths]), scores=scores, errors=errors, paired=paired,
        chosen=rounded(chosen * share), method=FOLDS, rows=len(y), given=given,
        kind="l1" if ratios == (1.0,) else "elasticnet", l1_ratio=None if ratios == (1.0,) else ratio,
        ratios=() if ratios == (1.0,) else tuple((each, least[each] / float(weight.sum())) for each in ratios),
    )  # fmt: skip


@dataclass(frozen=True)
class Folds:
    """The rows in standardised columns with a column of ones, and the fold of each."""

    columns: Rows
    y: np.ndarray
    weight: np.ndarray
    fold: np.ndarray
    loss: Loss
    classes: int

    @classmethod
    def of(cls, loss: Loss, X: Rows, y: np.ndarray, weight: np.ndarray, classes: int) -> Folds:
        """Standardise the columns, and deal the rows into folds."""
        deviation = column_deviations(X, weight)
        scale = np.where(deviation > 0, deviation, np.inf)
        if is_sparse(X):
            # Centred columns would be dense; the intercept makes up for that.
            scaled = X.astype(float)
            scaled.data = scaled.data / scale[scaled.indices]
            columns = hstack([scaled, np.ones((len(y), 1))], format="csr")
        else:
            dense = X.astype(float)
            columns = np.column_stack([(dense - weight @ dense / weight.sum()) / scale, np.ones(len(y))])
        # Sums of all columns with random weights tell rows apart, also where most columns are 0 in most rows.
        sums = np.asarray(columns @ np.random.default_rng(0).normal(size=(columns.shape[1], SUMS)))
        return cls(columns, y, weight, folds_of(sums, y), loss, classes)

    @cached_property
    def slopes(self) -> Slopes:
        """The loss, with an output for each class."""
        return slopes_of(self.loss, self.y, self.weight, self.classes, apart=True)

    @cached_property
    def parts(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The places of the rows held out and of the others, for each fold that has both."""
        parts = [(np.flatnonzero(self.fold == k), np.flatnonzero(self.fold != k)) for k in range(COUNT)]
        return [(held, rest) for held, rest in parts if held.size and rest.size]

    @cached_property
    def samples(self) -> list[Sample]:
        """The rows that are fitted for each fold."""
        samples = []
        for held, rest in self.parts:
            columns, mass = self.columns[rest], float(self.weight[rest].sum())
            products = None
            if self._products is not None:
                out = self.columns[held]
                products = 2 * (self._products - out.T * self.weight[held] @ out) / mass
            if is_sparse(columns):
                columns = columns.tocsc()
            samples.append(Sample(columns, self.y[rest], self.weight[rest] / mass, self.slopes, products))
        return samples

    @cached_property
    def _products(self) -> np.ndarray | None:
        rows, columns = self.columns.shape
        if self.loss is not losses.squared or is_sparse(self.columns) or rows * columns**2 > MOST_PRODUCTS:
            return None
        return np.asarray(self.columns.T * self.weight @ self.columns)

    @cached_property
    def constant(self) -> newton.Point:
        """The fit to all rows without coefficients."""
        one, outputs = np.ones((len(self.y), 1)), self.slopes.outputs
        return newton.descend(self.slopes, one, self.y, self.weight, 0.0, np.zeros((1, outputs)))

    @cached_property
    def path(self) -> np.ndarray:
        """The strengths of L1 to try, from that at which all coefficients are 0; none if no column matters."""
        share = self.weight / self.weight.sum()
        slope = np.asarray(self.columns.T @ (share[:, None] * self.slopes.first(self.constant.z, self.y)))
        top = 1.01 * float(np.abs(slope[:-1]).max(initial=0.0))
        return np.geomspace(top, LEAST * top, STRENGTHS) if top > 0 else np.zeros(0)

    @cached_property
    def ends(self) -> dict[tuple[float, float], list[np.ndarray]]:
        """The parameters of the folds at each share of L1 and strength, so far."""
        return {}

    def along(self, ratio: float, rows: Directions) -> dict[float, np.ndarray]:
        """Return the loss of each row held out along the path, until it has clearly risen."""
        found: dict[float, np.ndarray] = {}
        for kink in self.path:
            strength = rounded(kink / ratio)
            found[strength] = self.held_out(ratio, strength)
            if has_risen(found, rows) or not np.isfinite(found[strength]).all():
                break
        return found

    def near(
        self, ratio: float, before: float, known: dict[float, np.ndarray], weight: np.ndarray
    ) -> dict[float, np.ndarray]:
        """Return the loss of each row held out at strengths around the best of another share of L1, down to a least."""
        if not known:
            return {}
        strengths = [rounded(kink / ratio) for kink in self.path]
        others = [rounded(kink / before) for kink in self.path]
        middle = others.index(min(known, key=lambda strength: float(weight @ known[strength])))
        found: dict[int, np.ndarray] = {}
        while True:
            for k in (middle - 1, middle, middle + 1):
                if 0 <= k < len(strengths) and k not in found:
                    found[k] = self.held_out(ratio, strengths[k], self.ends.get((before, others[k])))
            best = min(found, key=lambda k: float(weight @ found[k]))
            if best == middle:
                return {strengths[k]: found[k] for k in sorted(found)}
            middle = best

    @property
    def empty(self) -> list[np.ndarray]:
        """The parameters of each fold to begin from: no coefficients."""
        nothing = np.zeros((self.columns.shape[1] - 1, self.slopes.outputs))
        return [np.vstack([nothing, self.constant.theta])] * len(self.parts)

    def beside_the_best(self, ratio: float, found: dict[float, np.ndarray], weight: np.ndarray) -> None:
        """Try two strengths beside the best of a path."""
        if not found:
            return
        best = min(found, key=lambda strength: float(weight @ found[strength]))
        apart = LEAST ** (0.5 / (STRENGTHS - 1))
        for strength in (rounded(best / apart), rounded(best * apart)):
            found[strength] = self.held_out(ratio, strength)

    def held_out(self, ratio: float, strength: float, starts: list[np.ndarray] | None = None) -> np.ndarray:
        """Return the loss of each row at the fit to the other folds; infinite where that has no certificate."""
        doing("choosing the penalty", len(self.ends), of="strengths tried")
        stronger = [known for each, known in self.ends if each == ratio and known >= strength]
        if starts is None:
            starts = self.ends[ratio, min(stronger)] if stronger else self.empty
        penalty = named("elasticnet", strength, ratio)
        kink, ridge = kink_of(penalty), ridge_of(penalty)
        points, found = [], np.full(len(self.y), np.inf)
        for (held, _), sample, start in zip(self.parts, self.samples, starts, strict=True):
            point = sample.fitted(kink, ridge, start)
            points.append(point.theta)
            if point.enough:
                found[held] = self._losses(held, np.asarray(self.columns[held] @ point.theta))
        self.ends[ratio, strength] = points
        return found

    def _losses(self, held: np.ndarray, z: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            each = np.asarray(self.slopes.exact(z, self.y[held]))
        return np.where(np.isfinite(each), each, np.inf)

    def without(self) -> np.ndarray:
        """Return the loss of each row at the fit without a penalty to the other folds; infinite where it has no end."""
        found = np.full(len(self.y), np.inf)
        slopes = slopes_of(self.loss, self.y, self.weight, self.classes)
        turn = Contrasted(self.classes).contrasts if self.loss is losses.softmax else np.eye(1)
        starts = self.ends[min(self.ends, key=lambda end: end[1])] if self.ends else self.empty
        for (held, rest), sample, start in zip(self.parts, self.samples, starts, strict=True):
            if self.columns.shape[1] > len(rest):
                continue
            A = sample.columns.toarray() if is_sparse(sample.columns) else sample.columns
            point = newton.descend(slopes, A, sample.y, sample.share, 0.0, start @ turn)
            if point.converged and is_bounded(slopes, A, sample.y, sample.share, point):
                found[held] = self._losses(held, np.asarray(self.columns[held] @ point.theta) @ turn.T)
        return found
