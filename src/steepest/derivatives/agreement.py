"""Whether what is served for a function has its plain values, and slopes that account for how they change."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from steepest.derivatives.compiled import Slope
from steepest.derivatives.differences import EPS

# How many coordinates with a slope of 0 are looked at before they are believed.
MOST_FLAT = 8
# The parts of a step across which a slope is put to the test, until one is short enough for it.
SHORTER = tuple(10.0**-k for k in range(10))
# How many roundings of a coarse type may set two values apart, and by how many times its noise a rise is to be seen.
COARSE, RESOLVED = 16.0, 1e3


def agree(served: float, plain: float, slack: float) -> bool:
    """Tell whether two values of one function are the same up to rounding."""
    if not (math.isfinite(served) and math.isfinite(plain)):
        return math.isnan(served) == math.isnan(plain)
    return abs(served - plain) <= slack


def slack_of(values: Sequence[float], x: np.ndarray, gradient: np.ndarray, precision: float = EPS) -> float:
    """Return how far rounding may set two evaluation orders of one function apart."""
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    inputs = float(np.nansum(np.abs(gradient * x)))
    coarse = COARSE * precision if precision > EPS else 0.0
    return max(1e-9, coarse) * largest + max(1e3 * EPS, coarse) * inputs + 1e-300


def agrees(
    slope: Callable[[np.ndarray], Slope], probes: list[tuple[np.ndarray, float]], plain: Callable[[np.ndarray], float],
    precision: float = EPS,
) -> bool:  # fmt: skip
    """Tell whether what is served has the plain values, and slopes that account for how they change.

    Code that reads the point through comparisons alone (a bisection, say) has right values and a
    derivative that no trace can see: between the probes the values would then change more than the
    slopes say. A kink does that too, so the slope is put to a finer test before it is refused.
    """
    values = [value for _, value in probes]
    served = [slope(x) for x, _ in probes]
    for (x, value), (seen, gradient) in zip(probes, served, strict=True):
        if not agree(seen, value, slack_of(values, x, gradient, precision)):
            return False
    if len(probes) < 2 or not all(math.isfinite(value) for value in values):
        return True
    (a, f_a), (b, f_b) = probes
    g_a, g_b = served[0][1], served[1][1]
    rise = float((g_a + g_b) @ (b - a)) / 2
    # Plain values repeat themselves to so much; that of rounding is taken with a margin.
    noise = max(1e-12, COARSE * precision if precision > EPS else 0.0)
    blur = noise * max(map(abs, values)) + (noise * float(np.abs(g_a) @ np.abs(a)) if precision > EPS else 0.0)
    allowed = 1e-3 * float(np.abs(g_a + g_b) @ np.abs(b - a)) / 2 + 64 * EPS * max(map(abs, values))
    if precision > EPS:
        allowed += blur
    if abs(f_b - f_a - rise) > allowed and not _is_slope(g_b, b, (b - a) / 10, plain, blur):
        return False
    return all(_is_flat(b, k, (b - a)[k] / 10, plain, blur) for k in np.flatnonzero(g_b == 0)[:MOST_FLAT])


def _is_slope(
    gradient: np.ndarray, x: np.ndarray, step: np.ndarray, plain: Callable[[np.ndarray], float], noise: float
) -> bool:  # fmt: skip
    """Tell whether a gradient accounts for how f changes across a step, or across a shorter one.

    A slope that was lost stays what it is in a shorter step; what the curvature brings shrinks faster.
    """
    for part in SHORTER:
        try:
            up, down = plain(x + part * step), plain(x - part * step)
        except Exception:  # noqa: BLE001 - a wall this close says nothing of the slope
            return True
        rise = 2 * part * float(np.abs(gradient) @ np.abs(step))
        if part < SHORTER[0] and max(abs(up - down), rise) < RESOLVED * noise:
            # Nothing but noise is left to be seen.
            return False
        if not abs(up - down - 2 * part * float(gradient @ step)) > 1e-3 * rise + noise:
            return True
    return False


def _is_flat(x: np.ndarray, k: int, h: float, plain: Callable[[np.ndarray], float], noise: float) -> bool:
    """Tell whether f has no slope along a coordinate where what is served has none.

    A slope that was lost there stays what it is in a smaller step; what the step itself brings shrinks with it.
    """
    direction = np.eye(1, x.size, k)[0]
    slopes = []
    for step in (h, h / 10):
        try:
            up, down = plain(x + step * direction), plain(x - step * direction)
        except Exception:  # noqa: BLE001 - a wall this close says nothing of the slope
            return True
        if not abs(up - down) > noise:
            return True
        slopes.append(abs(up - down) / abs(step))
    return slopes[1] < slopes[0] / 2
