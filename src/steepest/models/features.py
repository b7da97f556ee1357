"""Features whose inner products approximate a Gaussian kernel, exp(-γ ‖x - x'‖²), on standardised columns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from scipy.linalg import eigh

from steepest.types import Rows

# Numbers in a dense block of rows or of features (32 MB). Chosen, not measured: larger blocks take more memory, smaller
# ones more calls.
BLOCK_NUMBERS = 2**22
# The rows on which the error is measured. Chosen, not measured: more rows make the estimate more precise, but the
# kernel among them has SAMPLE² numbers.
SAMPLE = 400
# An eigenvalue below this share of the largest, times the number of eigenvalues, is rounding noise; the share is some
# thousand eps. Chosen, not measured: with a smaller share features would be divided by noise, with a larger share true
# directions would be left out.
BLURRED = 1e-12


@dataclass(frozen=True, eq=False, kw_only=True)
class Features:
    """A map φ, made from a table, to features with φ(x)·φ(x') ≈ exp(-γ ‖x - x'‖²) for rows x and x'.

    Attributes
    ----------
    mean, scale : array of shape (columns,)
        The mean and the standard deviation of each column, which standardise the rows.
    gamma : float
        γ, for standardised columns.
    error : float
        ‖K - Φ Φᵀ‖ / ‖K‖ in Frobenius norms, with the kernel K and the features Φ of rows drawn at random.
    """

    mean: np.ndarray
    scale: np.ndarray
    gamma: float
    error: float = math.nan

    kind: ClassVar[str]

    def _of(self, scaled: np.ndarray) -> np.ndarray:
        """Return the features of standardised rows."""
        raise NotImplementedError

    def __call__(self, X: Rows) -> np.ndarray:
        """Return the features of rows, dense or sparse, a block at a time."""
        return np.concatenate([self._of((rows - self.mean) / self.scale) for rows in _blocks(X, self.size)])

    @property
    def size(self) -> int:
        """The number of features."""
        raise NotImplementedError

    def relative_error(self, scaled: np.ndarray) -> float:
        """Return ‖K - Φ Φᵀ‖ / ‖K‖, with the kernel K and the features Φ of standardised rows.

        Parameters
        ----------
        scaled : array of shape (rows, columns)
            The rows.

        Returns
        -------
        float
            The relative error in the Frobenius norm.
        """
        kernel = gaussian(scaled, scaled, self.gamma)
        phi = self._of(scaled)
        return float(np.linalg.norm(kernel - phi @ phi.T) / np.linalg.norm(kernel))


@dataclass(frozen=True, eq=False, kw_only=True)
class Nystroem(Features):
    """φ(x) = K⁻¹ᐟ² k(x), with the kernel K among landmarks and the kernel k(x) between the landmarks and x.

    Williams and Seeger, "Using the Nyström method to speed up kernel machines" (2001).

    Attributes
    ----------
    landmarks : array of shape (landmarks, columns)
        Standardised rows of the table.
    root : array of shape (landmarks, size)
        K⁻¹ᐟ², without the eigenvectors whose eigenvalues are rounding noise.
    """

    landmarks: np.ndarray
    root: np.ndarray

    kind: ClassVar[str] = "Nyström"

    @classmethod
    def learn(
        cls, scaled: np.ndarray, size: int, gamma: float, rng: np.random.Generator, mean: np.ndarray, scale: np.ndarray
    ) -> Nystroem:
        """Choose rows at random as landmarks, and decompose the kernel among them."""
        landmarks = scaled[np.sort(rng.permutation(len(scaled))[:size])]
        values, vectors = eigh(gaussian(landmarks, landmarks, gamma))
        large = values > BLURRED * len(values) * values[-1]
        root = vectors[:, large] / np.sqrt(values[large])
        return cls(gamma=gamma, landmarks=landmarks, root=root, mean=mean, scale=scale)

    @property
    def size(self) -> int:
        """The number of features."""
        return int(self.root.shape[1])

    def _of(self, scaled: np.ndarray) -> np.ndarray:
        return gaussian(scaled, self.landmarks, self.gamma) @ self.root


@dataclass(frozen=True, eq=False, kw_only=True)
class Fourier(Features):
    """φ(x) = √(2/m) cos(Ω x + b), with frequencies drawn from the kernel's spectrum, which is Gaussian.

    Rahimi and Recht, "Random features for large-scale kernel machines" (2007).

    Attributes
    ----------
    frequencies : array of shape (columns, size)
        Ω.
    phases : array of shape (size,)
        b.
    """

    frequencies: np.ndarray
    phases: np.ndarray

    kind: ClassVar[str] = "random Fourier"

    @classmethod
    def learn(
        cls, scaled: np.ndarray, size: int, gamma: float, rng: np.random.Generator, mean: np.ndarray, scale: np.ndarray
    ) -> Fourier:
        """Draw frequencies and phases at random; only the number of columns of `scaled` matters."""
        frequencies = math.sqrt(2 * gamma) * rng.standard_normal((scaled.shape[1], size))
        phases = rng.uniform(0, 2 * math.pi, size)
        return cls(gamma=gamma, frequencies=frequencies, phases=phases, mean=mean, scale=scale)

    @property
    def size(self) -> int:
        """The number of features."""
        return len(self.phases)

    def _of(self, scaled: np.ndarray) -> np.ndarray:
        return math.sqrt(2 / self.size) * np.cos(scaled @ self.frequencies + self.phases)


KINDS: dict[str, type[Nystroem] | type[Fourier]] = {"nystroem": Nystroem, "fourier": Fourier}


def learn_features(X: Rows, how: str, size: int, gamma: float | None, seed: int) -> Features:
    """Make features from a table, and measure how well their products approximate the kernel.

    Parameters
    ----------
    X : array or CSR of shape (rows, columns)
        The rows.
    how : {"nystroem", "fourier"}
        The kind of features.
    size : int
        The number of features; for Nyström's at most the number of rows.
    gamma : float or None
        γ; by default 1 / the number of columns.
    seed : int
        Seed of the random landmarks or frequencies, and of the rows on which the error is measured.

    Returns
    -------
    Features
        The map, with its error.

    Examples
    --------
    >>> X = np.random.default_rng(0).standard_normal((300, 2))
    >>> learn_features(X, "nystroem", 100, None, seed=0).error < 1e-2
    True
    """
    rows, columns = X.shape
    mean, variance = np.zeros(columns), np.zeros(columns)
    for block in _blocks(X, columns):
        mean += block.sum(axis=0, dtype=float) / rows
    largest = np.zeros(columns)
    for block in _blocks(X, columns):
        largest = np.maximum(largest, np.abs(block - mean).max(axis=0))
    if not np.isfinite(largest).all():
        column = int(np.flatnonzero(~np.isfinite(largest))[0])
        raise ValueError(f"the sum of column {column} of X overflows: divide the column, for example by 1e300")
    # Divided by a power of two, which brings no rounding error, squares neither overflow nor vanish.
    unit = np.ldexp(1.0, np.frexp(largest)[1] - 1)
    for block in _blocks(X, columns):
        variance += (((block - mean) / unit) ** 2).sum(axis=0, dtype=float) / rows
    scale = np.where(variance > 0, unit * np.sqrt(variance), 1.0)
    rng = np.random.default_rng(seed)
    # Draw enough rows for the landmarks, and SAMPLE more to measure the error.
    sample = np.sort(rng.permutation(rows)[: size + SAMPLE])
    scaled = (_dense(X[sample]) - mean) / scale
    features = KINDS[how].learn(scaled, size, 1 / columns if gamma is None else gamma, rng, mean, scale)
    tested = scaled[rng.permutation(len(scaled))[:SAMPLE]]
    return replace(features, error=features.relative_error(tested))


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
    # Loading this takes 0.07 s, and few fits need it.
    from scipy.spatial.distance import cdist

    return np.exp(-gamma * cdist(A, B, "sqeuclidean"))


def _blocks(X: Rows, width: int) -> Iterator[np.ndarray]:
    """Yield dense blocks of rows.

    A block has at most BLOCK_NUMBERS numbers, and so have the results if each row becomes `width` numbers.
    """
    step = max(BLOCK_NUMBERS // max(width, X.shape[1]), 1)
    for start in range(0, X.shape[0], step):
        yield _dense(X[start : start + step])


def _dense(rows: Rows) -> np.ndarray:
    return np.asarray(rows.toarray() if hasattr(rows, "tocsr") else rows, dtype=float)
