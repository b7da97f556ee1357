"""Which columns of a matrix depend on others, by elimination in the matrix of their correlations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# A column depends on others if these leave at most this part of its variance: below it the correlations are rounding.
EXACT = 1e-9
# The variance inflation from which a column nearly depends on others: they explain all but a thousandth of it, and the
# error of its coefficient is over 30 times what it would be alone. Textbooks name 10, which honest tables often exceed.
INFLATION = 1e3
# A coefficient on standardised columns below this part of the largest is rounding.
ROUNDING = 1e-5


@dataclass(frozen=True, eq=False)
class Relation:
    """A column that others determine, or nearly so.

    Parameters
    ----------
    column : int
        The column.
    others : list of int
        The columns that determine it.
    coefficients : array
        The coefficients of the others, on standardised columns.
    r2 : float
        The part of the variance that the others explain; 1 if all but rounding.
    whole : float
        The part that all other columns explain.
    """

    column: int
    others: list[int]
    coefficients: np.ndarray
    r2: float
    whole: float


def relations_of(correlation: np.ndarray) -> list[Relation]:
    """Return a relation for each column that depends on others, exactly or nearly, such that the rest do not.

    Parameters
    ----------
    correlation : array of shape (columns, columns)
        The correlations; a column of zeros is left out.

    Returns
    -------
    list of Relation
        The exact ones first. Of exactly dependent columns the last is named, of nearly dependent ones that with the
        largest variance inflation.

    Examples
    --------
    >>> a, b = np.array([1.0, 2.0, 3.0, 5.0]), np.array([4.0, 1.0, 0.0, 1.0])
    >>> found = relations_of(np.corrcoef([a, b, a + b]))
    >>> [(each.column, each.others) for each in found]
    [(2, [0, 1])]
    """
    found, kept = [], list[int]()
    swept = correlation.copy()
    for k in range(len(correlation)):
        if not correlation[k, k]:
            continue
        if swept[k, k] > EXACT:
            _sweep(swept, k)
            kept.append(k)
            continue
        weights = swept[kept, k]
        large = np.abs(weights) > ROUNDING * np.abs(weights).max(initial=0)
        others = [kept[j] for j in np.flatnonzero(large)]
        found.append(Relation(k, others, weights[large], 1.0, 1.0))
    return found + _nearly(correlation, swept, kept)


def _sweep(matrix: np.ndarray, k: int) -> None:
    """Regress all columns on column k, too: afterwards column k holds their coefficients of it."""
    row = matrix[k] / matrix[k, k]
    pivot = matrix[k, k]
    column = matrix[:, k].copy()
    matrix -= np.outer(column, row)
    matrix[k], matrix[:, k] = row, column / pivot
    matrix[k, k] = -1 / pivot


def _nearly(correlation: np.ndarray, swept: np.ndarray, kept: list[int]) -> list[Relation]:
    """Return the near dependences of columns without exact ones; the least needed columns are taken away one by one."""
    found, left = list[Relation](), np.array(kept, dtype=int)
    inverse = -swept[np.ix_(left, left)]
    while left.size > 1 and (inflation := np.diag(inverse)).max() >= INFLATION:
        j = int(inflation.argmax())
        column, whole = int(left[j]), 1 - 1 / float(inflation[j])
        inverse = inverse - np.outer(inverse[:, j], inverse[j]) / inverse[j, j]
        inverse, left = np.delete(np.delete(inverse, j, 0), j, 1), np.delete(left, j)
        others, r2 = _fewest(correlation, column, left, min(whole, 1 - 1 / INFLATION))
        found.append(Relation(column, others, np.zeros(len(others)), r2, whole))
    return found


def _fewest(correlation: np.ndarray, column: int, others: np.ndarray, enough: float) -> tuple[list[int], float]:
    """Return few columns that explain enough of one, each the best beside the last ones, and the part they explain."""
    rest, chosen = correlation.copy(), list[int]()
    while 1 - rest[column, column] < enough and len(chosen) < 4:
        own = np.diag(rest)[others]
        gain = np.where(own > EXACT, rest[column, others] ** 2 / np.where(own > EXACT, own, 1), -1)
        gain[np.isin(others, chosen)] = -1
        best = int(others[int(gain.argmax())])
        chosen.append(best)
        _sweep(rest, best)
    return sorted(chosen), float(1 - rest[column, column])
