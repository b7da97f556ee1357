"""The information in the rows of a fit, and the meat of its sandwich, each by one pass over the rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from steepest.descent.covariance import Inverse, inverse_of, stacked
from steepest.fitting.uncertainty.families import Family
from steepest.fitting.uncertainty.request import Request
from steepest.fitting.uncertainty.rows import Block, DerivedRows

# Up to this many multiplications, rows are decomposed and never multiplied: at most a few milliseconds.
FEW = 10**7
# The largest condition number of columns that are multiplied. The product has its square, which leaves ten digits.
APART = 1e3
# A row whose leverage is as near to 1 has it but for rounding.
ALONE = 1e-10


@dataclass(frozen=True)
class Sums:
    """Sums over the rows of a fit at its answer.

    Attributes
    ----------
    triangle : array of shape (n, n)
        R with RᵀR = Σ w Jᵀ(BᵀB)J, the expected information of the rows.
    curvature : array of shape (n, n) or None
        The observed information, if that is to be used.
    gradient : array of shape (n,)
        Σ w Jᵀs, with the scores s.
    pearson : float
        Pearson's χ², Σ w s² / information; for the squared loss the weighted sum of squares.
    size : float
        Σ w y², the size of the data.
    mass : float
        Σ w.
    count : int
        The number of rows.
    """

    triangle: np.ndarray
    curvature: np.ndarray | None
    gradient: np.ndarray
    pearson: float
    size: float
    mass: float
    count: int

    @classmethod
    def over(cls, rows: DerivedRows, family: Family, observed: bool) -> Self:
        """Return the sums over all rows; `observed` asks for the observed information if it differs."""
        triangle = _triangle(rows, family)
        gradient, pearson, size, mass, count = np.zeros(triangle.shape[1]), 0.0, 0.0, 0.0, 0
        curvature = rows.bend(family) if observed and family.curved else None
        for block in rows.blocks():
            scores = family.score(block.z, block.y)
            gradient = gradient + summed(block, (block.weight * scores.T).T)
            if curvature is not None and family.curved:
                curvature = (
                    curvature + (block.J * (block.weight * family.curved(block.z, block.y))[:, None]).T @ block.J
                )
            if family.dispersed:
                pearson += float(block.weight @ (scores / family.root(block.z, block.y)) ** 2)
            mass, count = mass + float(block.weight.sum()), count + len(block.y)
            size += float(block.weight @ block.y**2)
        return cls(triangle, curvature, gradient, pearson, size, mass, count)

    def inverse(self, penalty: np.ndarray, noise: float) -> Inverse | None:
        """Return the inverse of the information and a penalty RᵀR; None if that is not positive."""
        if self.curvature is not None:
            return Inverse.of_symmetric(self.curvature + np.diag(penalty**2), noise)
        return Inverse.of_triangle(stacked(self.triangle, np.diag(penalty)) if penalty.any() else self.triangle, noise)

    def spread(self, root: np.ndarray) -> np.ndarray:
        """Return S with SᵀS = GᵀFG, for G and the information F of the rows alone."""
        if self.curvature is None:
            return self.triangle @ root
        values, vectors = np.linalg.eigh(root.T @ self.curvature @ root)
        return np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T


@dataclass(frozen=True)
class Sandwich:
    """The covariance G M Gᵀ of an estimate whatever the scatter of its rows, by the scores of single rows.

    Attributes
    ----------
    kind : {"HC0", "HC1", "HC2", "HC3"}
        The correction for the degrees of freedom that the estimate has used: none; n / (n - p) overall; or 1 / (1 - h)
        for each row, with its leverage h, once or squared.
    root : array of shape (n, rank)
        G, with G Gᵀ the inverse of the information.
    shift : array of shape (n,)
        The mean of the scores, which is not 0 if there is a penalty.
    """

    kind: str
    root: np.ndarray
    shift: np.ndarray

    def half(self, rows: DerivedRows, family: Family, request: Request, factor: float) -> np.ndarray:
        """Return H with H Hᵀ the sandwich; `factor` is n / (n - p)."""
        meat = np.zeros((self.root.shape[1],) * 2)
        frequency = request.weights == "frequency"
        for block in rows.blocks():
            scores = family.score(block.z, block.y)
            # A row that counts w times adds w squares of its score; one of precision w has a score w times as large.
            size = np.sqrt(block.weight) if frequency else block.weight
            if self.kind in ("HC2", "HC3"):
                leverage = ((block.J * family.root(block.z, block.y)[:, None] @ self.root) ** 2).sum(axis=1)
                left = 1 - (leverage if frequency else block.weight * leverage)
                # The fit goes through a row of leverage 1, whatever its error, so that nothing is known of that error.
                left = np.where(left > ALONE, left, math.nan)
                size = size / (np.sqrt(left) if self.kind == "HC2" else left)
            each = size[:, None] * ((by_parameters(block, scores) - self.shift) @ self.root)
            meat += each.T @ each
        if not np.isfinite(meat).all():
            return np.full(self.root.shape, math.nan)
        # In these coordinates the information is the identity, so that the meat has no small eigenvalue to lose.
        values, vectors = np.linalg.eigh(meat * (factor if self.kind == "HC1" else 1.0))
        return self.root @ (vectors * np.sqrt(np.maximum(values, 0.0)))


def informed(block: Block, family: Family) -> np.ndarray:
    """Return √w B J, whose squares add up to the information."""
    root, J, size = family.root(block.z, block.y), block.J, np.sqrt(block.weight)
    if J.ndim == 2:
        return (size * root)[:, None] * J
    rows = np.einsum("nlk,nkp->nlp", root, J) * size[:, None, None]
    return rows.reshape(-1, J.shape[-1])


def summed(block: Block, scores: np.ndarray) -> np.ndarray:
    """Return Σ Jᵀs over the rows."""
    return np.asarray(scores @ block.J if block.J.ndim == 2 else np.einsum("nk,nkp->p", scores, block.J))


def _triangle(rows: DerivedRows, family: Family) -> np.ndarray:
    """Return the R of a QR decomposition of the weighted derivatives.

    Many rows are multiplied first, which is several times faster. The product has the digits that are needed if the
    columns are far from collinear; otherwise the rows are read again.
    """
    triangle, product, read = None, None, 0
    for block in rows.blocks():
        weighted = informed(block, family)
        read += weighted.size * weighted.shape[1]
        if triangle is None or product is None:
            triangle, product = np.zeros((0, weighted.shape[1])), np.zeros((weighted.shape[1],) * 2)
        if product.any() or read > FEW:
            product += weighted.T @ weighted
        else:
            triangle = stacked(triangle, weighted)
    assert triangle is not None
    assert product is not None
    if not product.any():
        return triangle
    product += triangle.T @ triangle
    length = np.sqrt(np.diag(product))
    length = np.where(length > 0, length, 1.0)
    scaled = product / length / length[:, None]
    try:
        factor = np.linalg.cholesky(scaled).T
    except np.linalg.LinAlgError:
        factor = np.zeros_like(scaled)
    if inverse_of(factor, APART) is not None:
        return np.asarray(factor * length)
    triangle = triangle[:0]
    for block in rows.blocks():
        triangle = stacked(triangle, informed(block, family))
    return triangle


def by_parameters(block: Block, scores: np.ndarray) -> np.ndarray:
    """Return Jᵀs for each row."""
    return scores[:, None] * block.J if block.J.ndim == 2 else np.einsum("nk,nkp->np", scores, block.J)
