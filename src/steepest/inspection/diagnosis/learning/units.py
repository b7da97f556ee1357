"""The units of hidden layers: which are constant, which are saturated, and what may be said of a layer."""

from __future__ import annotations

import numpy as np

# The outputs of a unit are constant if they differ by at most this, as a share of the outputs of its layer: by the last
# bits of single precision, in which a network is fitted.
ROUNDING = 8 * float(np.finfo(np.float32).eps)


def is_constant(h: np.ndarray, rounding: float = ROUNDING) -> np.ndarray:
    """Return for each unit of a layer whether its output is the same for every row, to rounding.

    Parameters
    ----------
    h : array of shape (rows, units)
        The outputs.
    rounding : float
        How much rounding may change an output, as a share.

    Returns
    -------
    array of bool of shape (units,)
        The answers; all False for fewer than 2 rows.

    Examples
    --------
    >>> is_constant(np.array([[0.0, 1.0, 5.0], [0.0, 2.0, 5.0]]))
    array([ True, False,  True])
    """
    if len(h) < 2:
        return np.zeros(h.shape[1], dtype=bool)
    size = np.maximum(np.abs(h).max(axis=0), np.sqrt(np.mean(h**2)))
    return np.ptp(h, axis=0) <= rounding * size
