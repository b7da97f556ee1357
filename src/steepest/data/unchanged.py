"""Keep the rows of a fit from changing with the user's array: by a copy of a small one, and a mark of a large one."""

from __future__ import annotations

import numpy as np

from steepest.data.sparse.csr import is_sparse
from steepest.types import Rows

# The most bytes that are copied: at most a few milliseconds.
MOST_COPIED = 2**23
# The number of parts of an array that a mark adds up: enough to tell rows in another order.
PARTS = 256

Mark = tuple[int, ...]


def kept(array: Rows, given: object) -> tuple[Rows, Mark | None]:
    """Return an array that the user can't change, or else the mark by which a change is seen.

    Parameters
    ----------
    array : array or sparse array
        The numbers that were read.
    given : object
        What the user gave.

    Returns
    -------
    array or sparse array
        The same numbers: a copy if they may be the user's and are few.
    tuple of int or None
        The mark of the array if it is not a copy.

    Examples
    --------
    >>> given = np.array([1.0, 2.0])
    >>> array, mark = kept(given, given)
    >>> given[0] = 5
    >>> array, mark
    (array([1., 2.]), None)
    """
    parts = _parts(array)
    if array is not given and all(part.flags.owndata for part in parts) and not is_sparse(array):
        return array, None
    if sum(part.nbytes for part in parts) <= MOST_COPIED:
        return array.copy(), None
    return array, mark_of(array)


def mark_of(array: Rows) -> Mark:
    """Return sums of the bits of an array, which differ if a number has changed or rows were moved.

    A pass over the numbers at the speed of the memory, which is some ten times faster than a hash.

    Parameters
    ----------
    array : array or sparse array
        The numbers.

    Returns
    -------
    tuple of int
        The sums.

    Examples
    --------
    >>> mark_of(np.array([1.0, 2.0])) == mark_of(np.array([2.0, 1.0]))
    False
    """
    sums = []
    for part in _parts(array):
        bits = part.view(f"u{part.dtype.itemsize}")
        sums += [int(rows.sum(dtype=np.uint64)) for rows in np.array_split(bits, min(PARTS, max(1, len(bits))))]
    return tuple(sums)


def _parts(array: Rows) -> tuple[np.ndarray, ...]:
    return (array.data, array.indices, array.indptr) if is_sparse(array) else (array,)
