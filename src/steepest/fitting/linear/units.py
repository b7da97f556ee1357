"""Powers of two that bring columns of extreme size near 1, so that their squares neither overflow nor vanish."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from steepest.data.sparse import csr
from steepest.types import Rows

# Squares of numbers from 2⁻⁴⁰⁰ to 2⁴⁰⁰ are far from overflow and underflow, also if they are summed, weighted, or
# multiplied by eps². Columns in this range are not multiplied, which saves a copy of X.
ORDINARY = 400
# The range in which the reciprocals of numbers, and products with a few billion, are normal numbers.
LEAST, LARGEST = 1e-290, 1e290
# The range in which squares are in that range, for columns that are not rescaled.
LEAST_SQUARED, LARGEST_SQUARED = 1e-145, 1e145
# The factor of a remedy has at most so many zeros: a larger number might itself be out of range.
MOST_ZEROS = 300


def units_of(low: np.ndarray, high: np.ndarray) -> np.ndarray | None:
    """Return a power of two for each column, at least half its largest absolute value; 1 if that is of ordinary size.

    Parameters
    ----------
    low, high : array of shape (columns,)
        The least and the largest value of each column.

    Returns
    -------
    array of shape (columns,) or None
        The units; None if all are 1.
    """
    exponent = np.frexp(np.maximum(-low, high))[1]
    extreme = np.abs(exponent) > ORDINARY
    return np.ldexp(1.0, np.where(extreme, exponent - 1, 0)) if extreme.any() else None


def in_units(X: Rows, units: np.ndarray) -> Rows:
    """Return a copy of X with each column divided by its unit, in double precision.

    Parameters
    ----------
    X : array or csr_array of shape (rows, columns)
        The columns.
    units : array of shape (columns,)
        Powers of two.

    Returns
    -------
    array or csr_array
        The columns in their units.
    """
    if not csr.is_sparse(X):
        return X / units
    scaled = X.astype(float)
    scaled.data = scaled.data / units[scaled.indices]
    return scaled


def check_columns(low: np.ndarray, high: np.ndarray, names: Sequence[str] | None, rescaled: bool) -> None:
    """Raise if a column is too large, or varies too little, to be rescaled; or if the squares overflow or vanish.

    Parameters
    ----------
    low, high : array of shape (columns,)
        The least and the largest value of each column.
    names : sequence of str or None
        The names of the columns.
    rescaled : bool
        Whether the columns are rescaled, so that their squares are never computed.

    Raises
    ------
    ValueError
        If a rescaled column has a value above 1e290, or varies by less than 1e-290. If the largest absolute value of
        another column exceeds 1e145, or is below 1e-145 but not 0.
    """
    size = np.maximum(-low, high)
    if rescaled:
        _refuse_above(LARGEST, size, names, "its multiples would overflow")
        _refuse_below(LEAST, high - low, names, "its reciprocal would overflow", "varies only by")
    else:
        _refuse_above(LARGEST_SQUARED, size, names, "its squares overflow")
        _refuse_below(LEAST_SQUARED, size, names, "its squares vanish", "has no value above")


def check_strength(strengths: np.ndarray, kind: str, names: Sequence[str] | None) -> None:
    """Raise if a penalty overflows once it is expressed in the units of a column.

    Parameters
    ----------
    strengths : array of shape (columns,)
        The strength of the penalty, or its root, in the units of each column.
    kind : str
        The name of the penalty.
    names : sequence of str or None
        The names of the columns.

    Raises
    ------
    ValueError
        If a strength is not finite.
    """
    wrong = np.flatnonzero(~np.isfinite(strengths))
    if wrong.size:
        column = _name(int(wrong[0]), names)
        raise ValueError(
            f"the {kind} penalty overflows in the units of column {column} of X: "
            "give a weaker penalty, or multiply the column by a large number"
        )


def _refuse_above(most: float, size: np.ndarray, names: Sequence[str] | None, why: str) -> None:
    wrong = np.flatnonzero(size > most)
    if wrong.size:
        column, found = _name(int(wrong[0]), names), float(size[wrong[0]])
        raise ValueError(
            f"column {column} of X has values up to {found:.2g}, above {most:g}, and {why}: "
            f"divide the column, for example by {_power_of_ten(found)}"
        )


def _refuse_below(least: float, size: np.ndarray, names: Sequence[str] | None, why: str, words: str) -> None:
    wrong = np.flatnonzero((size > 0) & (size < least))
    if wrong.size:
        column, found = _name(int(wrong[0]), names), float(size[wrong[0]])
        raise ValueError(
            f"column {column} of X {words} {found:.2g}, less than {least:g}, and {why}: "
            f"multiply the column, for example by {_power_of_ten(found)}"
        )


def _name(column: int, names: Sequence[str] | None) -> str:
    return str(column) if names is None else names[column]


def _power_of_ten(size: float) -> str:
    """Return the power of ten that brings a size near 1, in the form 1e162."""
    return f"1e{min(abs(round(float(np.log10(size)))), MOST_ZEROS)}"
