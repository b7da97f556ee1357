"""The kind of a flat place: a constant, a plateau, a floor, or the rounding of single precision."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

# How far to look, in units of the point.
RADII = (1e-6, 1e-4, 1e-3, 1e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1e3)
SINGLE = 1e-10


# How far to look on either side of each coordinate whether f rises, in units of the point.
BESIDE = 1e-3


def rises(f: Callable[[np.ndarray], float], x: np.ndarray, value: float, size: np.ndarray) -> bool:
    """Tell whether f rises on both sides of each coordinate: then a point without slope and curvature is no flat one.

    So it is at the minimum of the fourth power, once it is met exactly.
    """
    for k, length in enumerate(BESIDE * size):
        way = length * np.eye(1, x.size, k)[0]
        if not (f(x + way) > value and f(x - way) > value):
            return False
    return True


def described(
    f: Callable[[np.ndarray], float], x: np.ndarray, size: np.ndarray, value: float, first: float, sign: float,
    noise: float,
) -> str:  # fmt: skip
    """Return in words what kind of flat place a point is, by values around it, and what to do.

    Parameters
    ----------
    f : callable
        The value to be made least, NaN where there is none.
    x, size : array
        The point, and the size of each of its coordinates.
    value, first : float
        The values there and at the start.
    sign : float
        -1 where the function is maximised.
    noise : float
        The relative rounding of f.

    Returns
    -------
    str
        One sentence and a half.
    """
    way = np.random.default_rng(x.size).choice([-1.0, 1.0], x.size) * size
    still, lowest, changes = 0.0, value, False
    for radius in RADII:
        seen = [f(x + side * way) for side in (radius, -radius)]
        found = [new for new in seen if math.isfinite(new)]
        lowest = min([lowest, *found])
        changes = changes or any(new != value for new in found)
        still = still if changes else radius
    better, fell = ("lower", "fell") if sign > 0 else ("higher", "rose")
    if noise > SINGLE:
        return (
            f"the function is computed in single precision, whose rounding, {noise * abs(value):.1g}, hides all slopes "
            "here; compute it in double precision"
        )
    if not changes:
        return f"the function is constant, {sign * value:.6g}, as far as it was looked at; does it use its argument?"
    within = f"the value does not change within {still:g} times the size of the point" if still else "no slope here"
    if lowest < value:
        return f"a plateau: {within}, and is {better} beyond it, {sign * lowest:.6g}; start there, or elsewhere"
    if first > value:
        return (
            f"a floor: the value {fell} from {sign * first:.6g} to {sign * value:.6g} and stays there, with nothing "
            f"{better} seen around; if that is as expected, this is the answer"
        )
    return f"a plateau: {within}, and no {better} value was seen beyond it; start elsewhere"
