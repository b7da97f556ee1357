"""Features whose products are nearly those of a Gaussian kernel, exp(-γ ‖x - x'‖²), of standardised columns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.linalg import eigh
from scipy.spatial.distance import cdist

BLOCK_NUMBERS = 2**22
SAMPLE = 400
# Below it, as a part of the largest, an eigenvalue of a kernel is rounding.
BLURRED = 1e-12


@dataclass(frozen=True, eq=False)
class Features:
    """A map φ of rows with φ(x)·φ(x') ≈ exp(-γ ‖x - x'‖²), learnt from a table.

    Attributes
    ----------
    mean, scale : array of shape (columns,)
        What columns are standardised by: γ is in units of what remains.
    gamma : float
        γ.
    error : float
        ‖K - Φ Φᵀ‖ / ‖K‖ on rows drawn at random, by Frobenius' norm.
    """

    mean: np.ndarray
    scale: np.ndarray
    gamma: float
    error: float = math.nan

    kind: ClassVar[str]

    def _of(self, scaled: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def __call__(self, X: Any) -> np.ndarray:
        """Return the features of rows, which may be sparse, a block at a time."""
        return np.concatenate([self._of((rows - self.mean) / self.scale) for rows in _blocks(X, self.size)])

    @property
    def size(self) -> int:
        """How many features there are."""
        raise NotImplementedError

    def held_against(self, scaled: np.ndarray) -> float:
        """Return how far products of features are from the kernel, on some standardised rows.

        Parameters
        ----------
        scaled : array of shape (rows, columns)
            The rows.

        Returns
        -------
        float
            The relative error.
        """
        kernel = gaussian(scaled, scaled, self.gamma)
        phi = self._of(scaled)
        return float(np.linalg.norm(kernel - phi @ phi.T) / np.linalg.norm(kernel))


@dataclass(frozen=True, eq=False)
class Nystroem(Features):
    """φ(x) = K⁻¹ᐟ² k(x), with K the kernel among landmarks and k(x) that between them and x.

    Williams and Seeger, "Using the Nyström method to speed up kernel machines" (2001).

    Attributes
    ----------
    landmarks : array of shape (size, columns)
        Standardised rows of the table.
    root : array of shape (size, size)
        K⁻¹ᐟ², without the directions that are rounding.
    """

    landmarks: Any = None
    root: Any = None

    kind: ClassVar[str] = "Nyström"

    @classmethod
    def learn(cls, scaled: np.ndarray, size: int, gamma: float, draws: np.random.Generator, **known: Any) -> Nystroem:
        """Take rows as landmarks, at random."""
        landmarks = scaled[np.sort(draws.permutation(len(scaled))[:size])]
        values, vectors = eigh(gaussian(landmarks, landmarks, gamma))
        kept = values > BLURRED * len(values) * values[-1]
        root = vectors[:, kept] / np.sqrt(values[kept])
        return cls(gamma=gamma, landmarks=landmarks, root=root, **known)

    @property
    def size(self) -> int:
        """How many features there are."""
        return int(self.root.shape[1])

    def _of(self, scaled: np.ndarray) -> np.ndarray:
        return gaussian(scaled, self.landmarks, self.gamma) @ self.root


@dataclass(frozen=True, eq=False)
class Fourier(Features):
    """φ(x) = √(2/m) cos(Ω x + b), with frequencies drawn from the kernel's spectrum, a Gaussian.

    Rahimi and Recht, "Random features for large-scale kernel machines" (2007).

    Attributes
    ----------
    frequencies : array of shape (columns, size)
        Ω.
    phases : array of shape (size,)
        b.
    """

    frequencies: Any = None
    phases: Any = None

    kind: ClassVar[str] = "random Fourier"

    @classmethod
    def learn(cls, scaled: np.ndarray, size: int, gamma: float, draws: np.random.Generator, **known: Any) -> Fourier:
        """Draw frequencies, which do not depend on the rows."""
        frequencies = math.sqrt(2 * gamma) * draws.standard_normal((scaled.shape[1], size))
        return cls(gamma=gamma, frequencies=frequencies, phases=draws.uniform(0, 2 * math.pi, size), **known)

    @property
    def size(self) -> int:
        """How many features there are."""
        return len(self.phases)

    def _of(self, scaled: np.ndarray) -> np.ndarray:
        return math.sqrt(2 / self.size) * np.cos(scaled @ self.frequencies + self.phases)


KINDS: dict[str, type[Nystroem] | type[Fourier]] = {"nystroem": Nystroem, "fourier": Fourier}


def learned(X: Any, how: str, size: int, gamma: float | None, seed: int) -> Features:
    """Learn features from a table.

    Parameters
    ----------
    X : array or CSR of shape (rows, columns)
        The rows.
    how : {"nystroem", "fourier"}
        Which.
    size : int
        How many; no more than there are rows, for Nyström's.
    gamma : float or None
        γ; one over the number of columns by default.
    seed : int
        What draws.

    Returns
    -------
    Features
        With the error that products of them make.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((300, 2))
    >>> learned(X, "nystroem", 100, None, seed=0).error < 1e-2
    True
    """
    rows, columns = X.shape
    mean, square = np.zeros(columns), np.zeros(columns)
    for block in _blocks(X, columns):
        mean += block.sum(axis=0, dtype=float) / rows
    for block in _blocks(X, columns):
        square += ((block - mean) ** 2).sum(axis=0, dtype=float) / rows
    scale = np.where(square > 0, np.sqrt(square), 1.0)
    draws = np.random.default_rng(seed)
    # Enough rows to take landmarks from, and others to look at the error.
    some = np.sort(draws.permutation(rows)[: size + SAMPLE])
    scaled = (_dense(X[some]) - mean) / scale
    known = {"mean": mean, "scale": scale}
    found = KINDS[how].learn(scaled, size, 1 / columns if gamma is None else gamma, draws, **known)
    looked_at = scaled[draws.permutation(len(scaled))[:SAMPLE]]
    return type(found)(**{**vars(found), "error": found.held_against(looked_at)})


def gaussian(A: np.ndarray, B: np.ndarray, gamma: float) -> np.ndarray:
    """Return exp(-γ ‖a - b‖²) for each pair of rows.

    Parameters
    ----------
    A, B : array of shape (rows, columns)
        The rows.
    gamma : float
        γ.

    Returns
    -------
    array of shape (rows of A, rows of B)
        The kernel.

    Examples
    --------
    >>> gaussian(np.zeros((1, 2)), np.array([[0.0, 1.0]]), 0.5).round(4)
    array([[0.6065]])
    """
    return np.exp(-gamma * cdist(A, B, "sqeuclidean"))


def _blocks(X: Any, width: int) -> Iterator[np.ndarray]:
    step = max(BLOCK_NUMBERS // max(width, X.shape[1]), 1)
    for start in range(0, X.shape[0], step):
        yield _dense(X[start : start + step])


def _dense(rows: Any) -> np.ndarray:
    return np.asarray(rows.toarray() if hasattr(rows, "tocsr") else rows, dtype=float)
