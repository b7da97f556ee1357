"""`Tail`: how fast the last values of a run fell, and how far they would still fall at that rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# The fewest finite values that tell a rate: three differences, as two have always a ratio.
FEWEST = 4
# A fall counts if it is this many standard errors of the means it is measured by.
SURE = 4.0


@dataclass(frozen=True)
class Tail:
    """How fast the last values fell.

    Parameters
    ----------
    gap : float
        How far the values would still fall at this rate: infinite if they did not slow down, NaN if there is no rate.
    rate : float
        The fall of the logarithm of the gap in one iteration; NaN if there is none.
    falls : bool
        Whether the values fell in the last third of the tail, beyond their noise.
    """

    gap: float
    rate: float
    falls: bool


def tail_of(value: np.ndarray, iteration: np.ndarray) -> Tail:
    """Return how fast the values of the last half of a run fell.

    Three equal windows have the means m₁, m₂ and m₃. If the gap shrinks by a factor q from one to the next, then
    m₂ - m₃ = q (m₁ - m₂), and the values tend to m₃ - (m₂ - m₃) q / (1 - q): the Δ² method of Aitken, on means.

    Parameters
    ----------
    value : array
        The values; lower is better.
    iteration : array
        The iteration of each.

    Returns
    -------
    Tail
        The rate and what it leads to.

    Examples
    --------
    >>> k = np.arange(200)
    >>> tail = tail_of(3 + 5 * np.exp(-0.01 * k), k)
    >>> round(tail.rate, 6), round(float(tail.gap / (5 * np.exp(-1.99))), 6)
    (0.01, 1.0)
    """
    known = np.isfinite(value)
    value, iteration = value[known], iteration[known]
    if len(value) < FEWEST:
        return Tail(np.nan, np.nan, bool(len(value) > 1 and value[-1] < value[-2]))
    size = max(1, len(value) // 6) if len(value) >= 12 else max(1, len(value) // 3)
    parts = value[-3 * size :].reshape(3, size)
    scale = float(np.abs(parts).max()) or 1.0
    first, second, third = (float(each) for each in (parts / scale).mean(axis=1))
    before, after = first - second, second - third
    length = (iteration[-1] - iteration[-3 * size]) / (3 * size - 1) * size
    if not after > SURE * max(_error(parts[2] / scale), 4 * np.finfo(float).eps):
        return Tail(np.nan, np.nan, False)
    if not before > after:
        return Tail(np.inf, np.nan, True)
    factor = after / before
    least = third - after * factor / (1 - factor)
    return Tail(max(float(value[-1] / scale - least), 0.0) * scale, float(-np.log(factor) / max(length, 1.0)), True)


def _error(part: np.ndarray) -> float:
    """Return the standard error of the mean of a window, about a line through it."""
    if len(part) < FEWEST:
        return 0.0
    k = np.arange(len(part)) - (len(part) - 1) / 2
    left = part - part.mean() - k * float(k @ part) / float(k @ k)
    return float(np.sqrt((left @ left) / (len(part) - 2) / len(part)))
