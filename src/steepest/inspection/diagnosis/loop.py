"""Facts of a recorded loop: whether its values are those of batches, and whether its steps are plain."""

from __future__ import annotations

import numpy as np

# Fewer steps show neither noise nor a rule.
FEWEST = 8
# The share of the last steps that must lead up, and that must break a law of smooth functions, to be those of batches.
# A smooth function breaks it at most where it is not convex; noise does in every third step or so.
OFTEN = 0.1
# A drop beyond the law by less than this share, or this share of the value, is a rounding of float32 or a curvature
# that changes.
BEYOND, ROUNDING = 0.05, 1e-6
# Moves are plain steps if half of them differ from -t g by less than this share of them.
SAME = 0.05


def is_of_batches(
    value: np.ndarray, slope: np.ndarray, size: np.ndarray, x: np.ndarray | None, g: np.ndarray | None
) -> bool:
    """Return whether the values of a loop jump about as those of batches do.

    On a convex function a step from x to y can't lower the value by more than g · (x - y), which is t g² for plain
    steps. Values of other rows at each step break this again and again, and go up as often.

    Parameters
    ----------
    value, slope, size : array
        The values, the norms of gradients and the learning rates, row by row; NaN where they are not known.
    x, g : array or None
        The points and the gradients, row by row.

    Returns
    -------
    bool
        Whether they do; without gradients, whether many steps lead up, which does not tell the two apart.

    Examples
    --------
    >>> k = np.arange(100)
    >>> slope, size = 0.9**k, np.full(100, 0.1)
    >>> noise = 0.01 * np.random.default_rng(0).standard_normal(100)
    >>> [bool(is_of_batches(0.5 * slope**2 + each, slope, size, None, None)) for each in (0, noise)]
    [False, True]
    """
    half = slice(len(value) // 2, None)
    value, slope, size = value[half], slope[half], size[half]
    with np.errstate(all="ignore"):
        drop = -np.diff(value)
    known = np.isfinite(drop)
    if known.sum() < FEWEST or np.mean(drop[known] < 0) < OFTEN:
        return False
    with np.errstate(all="ignore"):
        if x is not None and g is not None and len(g) == len(x):
            most = -np.sum(g[half][:-1] * np.diff(x[half], axis=0), axis=1)
        else:
            most = size[:-1] * slope[:-1] ** 2
        law = known & np.isfinite(most)
        if law.sum() < FEWEST:
            return True
        room = BEYOND * np.abs(most) + ROUNDING * np.abs(value[:-1])
        return bool(np.mean((drop > most + room)[law]) > OFTEN)


def is_plain(size: np.ndarray, x: np.ndarray | None, g: np.ndarray | None) -> bool | None:
    """Return whether a loop takes plain steps, x - t g; None if that can't be told.

    Parameters
    ----------
    size : array
        The learning rates, row by row.
    x, g : array or None
        The points and the gradients, row by row.

    Returns
    -------
    bool or None
        The answer.

    Examples
    --------
    >>> x = 0.9 ** np.arange(20.0)[:, None]
    >>> is_plain(np.full(20, 0.1), x, x), is_plain(np.full(20, 0.01), x, x), is_plain(np.full(20, 0.1), x, None)
    (True, False, None)
    """
    if x is None or g is None or len(g) != len(x) or len(x) < 3:
        return None
    with np.errstate(all="ignore"):
        moves = np.diff(x, axis=0)
        off = np.linalg.norm(moves + size[:-1, None] * g[:-1], axis=1) / np.linalg.norm(moves, axis=1)
    off = off[np.isfinite(off)]
    return bool(np.median(off) < SAME) if off.size else None
