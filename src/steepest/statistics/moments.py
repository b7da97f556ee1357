"""Means, deviations and correlations of the columns of a matrix, in one pass through blocks of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# The numbers of a block, so that its copy stays in the caches of a processor.
BLOCK = 2**17
# The most products of two numbers; of a longer matrix the first rows of a random order are taken. About a second.
MOST_PRODUCTS = 4e9


@dataclass(frozen=True, eq=False)
class Moments:
    """The means, deviations and correlations of columns. Missing values count as the mean.

    Parameters
    ----------
    mean, deviation : array of shape (columns,)
        The mean and the standard deviation of each column.
    correlation : array of shape (columns, columns)
        The correlations; 0 for a column that is constant.

    Examples
    --------
    >>> found = Moments.of(np.array([[1.0, 10.0], [2.0, 30.0], [3.0, 20.0]]))
    >>> found.mean, found.deviation.round(3)
    (array([ 2., 20.]), array([0.816, 8.165]))
    >>> found.correlation.round(6)
    array([[1. , 0.5],
           [0.5, 1. ]])
    """

    mean: np.ndarray
    deviation: np.ndarray
    correlation: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray) -> Moments:
        """Compute the moments of a matrix.

        Parameters
        ----------
        X : array of shape (rows, columns)
            The matrix.

        Returns
        -------
        Moments
            The moments.
        """
        rows, columns = X.shape
        if (most := int(MOST_PRODUCTS / columns**2)) < rows:
            X = X[np.unique(np.random.default_rng(0).integers(0, rows, most))]
        mean = X.mean(axis=0)
        gaps = bool(np.isnan(mean).any())
        mean = np.nanmean(X, axis=0) if gaps else mean
        products = np.zeros((columns, columns))
        step = max(BLOCK // columns, 1)
        for start in range(0, len(X), step):
            block = X[start : start + step] - mean
            if gaps:
                block[np.isnan(block)] = 0
            products += block.T @ block
        deviation = np.sqrt(np.diag(products) / len(X))
        # The mean of equal numbers may differ from them by rounding.
        deviation[deviation <= 1e-12 * np.abs(mean)] = 0
        scale = np.where(deviation > 0, deviation, np.inf)
        return cls(mean, deviation, products / len(X) / scale / scale[:, None])
