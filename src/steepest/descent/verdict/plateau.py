"""The kinds of flat places: a constant, a plateau, a floor, or rounding errors of single precision."""

from __future__ import annotations

import math

import numpy as np

from steepest.descent.verdict.escape import Value

# The distances at which f is evaluated around a flat point, in sizes of the point.
RADII = (1e-6, 1e-4, 1e-3, 1e-2, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1e3)
# A relative rounding error above this comes from single or half precision: double precision has 2e-16, single 1e-7.
SINGLE = 1e-10
# A point is not flat if f is higher on both sides of each coordinate, at this distance in sizes of the point. Chosen,
# not measured: at a smaller distance rounding errors hide the rise of a fourth power.
NEARBY = 1e-3
# The distances, in sizes of the point, at which a value must be higher than that of a minimum. Chosen, not measured: a
# narrow or a periodic minimum may show at one of them alone.
SHOWN = (0.1, 1.0, 1e-2)


def rises(f: Value, x: np.ndarray, value: float, size: np.ndarray) -> bool:
    """Tell whether f rises on both sides of each coordinate, as a fourth power does at its minimum.

    Such a point has neither slope nor curvature, and yet is not flat.
    """
    for k, length in enumerate(NEARBY * size):
        move = length * np.eye(1, x.size, k)[0]
        if not (f(x + move) > value and f(x - move) > value):
            return False
    return True


def is_level(f: Value, x: np.ndarray, value: float, size: np.ndarray, noise: float) -> bool:
    """Tell whether f rises by no more than noise, on either side of any coordinate, over the size of the point.

    Slopes and curvatures that rounding errors leave on a plateau may look like those of a minimum; values do not.
    """
    for share in SHOWN:
        for k, length in enumerate(share * size):
            move = length * np.eye(1, x.size, k)[0]
            around = f(x + move), f(x - move)
            if all(map(math.isnan, around)) or any(new > value + noise for new in around):
                return False
    return True


def described(
    f: Value, x: np.ndarray, size: np.ndarray, value: float, first: float, sign: float, noise: float
) -> str:  # fmt: skip
    """Return in words the kind of a flat point, judged by values around it, and advice.

    Parameters
    ----------
    f : callable
        The value that is minimised; NaN where it can't be computed.
    x, size : array
        The point, and the size of each of its coordinates.
    value, first : float
        The values at x and at the start.
    sign : float
        -1 if the function is maximised.
    noise : float
        The relative rounding error of f.

    Returns
    -------
    str
        The facts of a message.
    """
    direction = np.random.default_rng(x.size).choice([-1.0, 1.0], x.size) * size
    unchanged, lowest, changes = 0.0, value, False
    for radius in RADII:
        around = [f(x + side * direction) for side in (radius, -radius)]
        finite = [new for new in around if math.isfinite(new)]
        lowest = min([lowest, *finite])
        changes = changes or any(new != value for new in finite)
        unchanged = unchanged if changes else radius
    better, fell = ("lower", "fell") if sign > 0 else ("higher", "rose")
    if noise > SINGLE:
        return (
            f"the function is computed in single precision, whose rounding, {noise * abs(value):.1g}, hides all slopes "
            "here; compute it in double precision"
        )
    if not changes:
        return f"the function is constant, {sign * value:.6g}, at every point that was tried; does it use its argument?"
    within = "no slope here"
    if unchanged:
        within = f"the value does not change within {unchanged:g} times the size of the point"
    if lowest < value:
        return f"a plateau: {within}, and is {better} beyond it, {sign * lowest:.6g}; start there, or elsewhere"
    if first > value:
        return (
            f"a floor: the value {fell} from {sign * first:.6g} to {sign * value:.6g} and stays there, with nothing "
            f"{better} found around it; if that is what you expect, this is the answer"
        )
    return f"a plateau: {within}, and no {better} value was found beyond it; start elsewhere"
