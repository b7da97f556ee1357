"""Comparison of traced code with plain calls: equal values, and slopes that explain how the values change."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from steepest.derivatives.compiled import Slope
from steepest.derivatives.differences import EPS

# At most this many coordinates whose slope is 0 are checked with extra calls of f. Chosen, not measured: each costs
# up to four values.
MOST_FLAT = 8
# A slope is checked over these fractions of a step, the longest first, until one confirms it.
SHORTER = tuple(10.0**-k for k in range(10))
# Values that agree may differ by COARSE rounding errors of a type coarser than double; a change of f must be RESOLVED
# times the noise to count. Chosen, not measured: a larger COARSE accepts more wrong traces, a larger RESOLVED refuses
# more right ones.
COARSE, RESOLVED = 16.0, 1e3


def agree(served: float, plain: float, slack: float) -> bool:
    """Tell whether two values differ by at most `slack`; if one is not finite, both or neither must be NaN."""
    if not (math.isfinite(served) and math.isfinite(plain)):
        return math.isnan(served) == math.isnan(plain)
    return abs(served - plain) <= slack


def slack_of(values: Sequence[float], x: np.ndarray, gradient: np.ndarray, precision: float = EPS) -> float:
    """Return how much rounding may make two values of f differ if its operations are done in another order."""
    effects = np.abs(gradient * x)
    inputs = float(effects.sum())
    if math.isnan(inputs):
        inputs = float(np.nansum(effects))
    return slack_from(max((abs(v) for v in values if math.isfinite(v)), default=0.0), inputs, precision)


def slack_at(plain: float, first: float, x: np.ndarray, gradient: np.ndarray, precision: float = EPS) -> float:
    """Return the slack at an answer, where a start of the value `first` leaves rounding errors of its own at most.

    A share of `first` as large as that of the value itself would hide that f has changed since it was compiled.
    """
    return slack_of([plain], x, gradient, precision) + slack_from(0.0, abs(first), precision)


def slack_from(largest: float, inputs: float, precision: float = EPS) -> float:
    """Return the slack of values up to `largest`, if rounding the inputs changes f by `inputs` rounding errors."""
    coarse = COARSE * precision if precision > EPS else 0.0
    return max(1e-9, coarse) * largest + max(1e3 * EPS, coarse) * inputs + 1e-300


def agrees(
    slope: Callable[[np.ndarray], Slope], probes: list[tuple[np.ndarray, float]], plain: Callable[[np.ndarray], float],
    precision: float = EPS,
) -> bool:  # fmt: skip
    """Tell whether traced and plain values are equal at the probes, and traced slopes explain how f changes.

    Code that uses the point in comparisons only (a bisection, say) has right values, but a trace loses its
    derivative: between the probes the values then change more than the slopes predict. A kink has the same
    effect, so a slope that fails is checked over shorter steps before it is refused.
    """
    values = [value for _, value in probes]
    served = [slope(x) for x, _ in probes]
    for (x, value), (served_value, gradient) in zip(probes, served, strict=True):
        if not agree(served_value, value, slack_of(values, x, gradient, precision)):
            return False
    if len(probes) < 2 or not all(math.isfinite(value) for value in values):
        return True
    (a, f_a), (b, f_b) = probes
    g_a, g_b = served[0][1], served[1][1]
    rise = float((g_a + g_b) @ (b - a)) / 2
    # The relative noise of plain values: their rounding error, with a margin.
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
    """Tell whether a gradient explains how f changes over a step, or over a shorter one.

    If the trace has lost a slope, the relative error stays the same in shorter steps; an error from curvature shrinks.
    """
    for part in SHORTER:
        try:
            up, down = plain(x + part * step), plain(x - part * step)
        except Exception:  # noqa: BLE001 - f is undefined so close to the point that nothing can be checked
            return True
        rise = 2 * part * float(np.abs(gradient) @ np.abs(step))
        if part < SHORTER[0] and max(abs(up - down), rise) < RESOLVED * noise:
            # Over this step and shorter ones the values differ by noise only, which confirms no slope.
            return False
        if not abs(up - down - 2 * part * float(gradient @ step)) > 1e-3 * rise + noise:
            return True
    return False


def _is_flat(x: np.ndarray, k: int, h: float, plain: Callable[[np.ndarray], float], noise: float) -> bool:
    """Tell whether f has no slope along a coordinate whose traced slope is 0.

    If the trace has lost a slope, the quotient stays the same in a shorter step; a quotient from curvature shrinks.
    """
    direction = np.eye(1, x.size, k)[0]
    slopes = []
    for step in (h, h / 10):
        try:
            up, down = plain(x + step * direction), plain(x - step * direction)
        except Exception:  # noqa: BLE001 - f is undefined so close to the point that nothing can be checked
            return True
        if not abs(up - down) > noise:
            return True
        slopes.append(abs(up - down) / abs(step))
    return slopes[1] < slopes[0] / 2
