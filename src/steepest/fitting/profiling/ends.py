"""The ends of a profile interval: where the cost of holding a parameter fixed reaches a threshold."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

# An end is found once the root of the cost is within this share of its target. Chosen, not measured: an end has about
# as many correct digits, more than anyone prints.
NEAR = 1e-9
# The search widens its reach by at most this factor, and gives up after so many standard errors. Chosen, not measured:
# a smaller factor costs more refits on a flat side, a larger one may jump over the first crossing.
WIDEN = 4.0
FARTHEST = 1e7
# Refits for one end: a flat side takes about 15 to reach `FARTHEST`, a crossing about 5.
MOST_REFITS = 80
# A bracket this narrow, relative to its place, is as narrow as numbers are.
NARROW = 1e-14


class End(NamedTuple):
    """An end of a profile interval.

    Attributes
    ----------
    at : float
        How far the end lies from the estimate, in standard errors; infinite if there is none.
    why : str
        Why there is none, or why it is where it is; "" for an ordinary end.
    """

    at: float
    why: str = ""


def end_of(root_cost: Callable[[float], float], target: float, limit: float = math.inf) -> End:
    """Return where the root of a cost first reaches a target, at a distance s > 0 from the estimate.

    Parameters
    ----------
    root_cost : callable
        Takes s, in standard errors, and returns τ(s), the root of the cost of the best fit there. τ(0) is 0, and τ(s)
        is s if the model is linear. It is infinite or NaN where the model is not finite.
    target : float
        The value of τ at the end.
    limit : float
        How far s may go; the end is there if τ does not reach its target before.

    Returns
    -------
    End
        The end.

    Notes
    -----
    The search widens by secants until τ is above the target, and then closes the bracket by Chandrupatla's method,
    "A new hybrid quadratic/bisection algorithm" (1997), which needs as few values as Brent's.

    Examples
    --------
    >>> end_of(lambda s: s, 2.0)
    End(at=2.0, why='')
    >>> end_of(lambda s: s / (1 + s), 2.0).at
    inf
    """

    def excess(s: float) -> float:
        found = root_cost(s)
        return math.inf if math.isnan(found) else found - target

    below, above = (0.0, -target), (math.nan, math.inf)
    before, s = below, min(target, limit)
    for _ in range(MOST_REFITS):
        here = s, excess(s)
        if abs(here[1]) <= NEAR * target:
            return End(s)
        if here[1] > 0:
            above = here
            break
        if s >= limit:
            return End(limit, "limit")
        if s >= FARTHEST:
            return End(math.inf, "flat")
        before, below = below, here
        rise = (below[1] - before[1]) / (below[0] - before[0])
        ahead = -below[1] / rise if rise > 0 else math.inf
        # A little further than the secant points, so that the next value brackets the end.
        s = min(limit, s + min(max(1.1 * ahead, 0.1 * s), (WIDEN - 1) * s))
    if math.isnan(above[0]):
        return End(math.inf, "flat")
    return _between(excess, below, above, target)


def _between(
    excess: Callable[[float], float], low: tuple[float, float], high: tuple[float, float], target: float
) -> End:  # fmt: skip
    """Return the end between two points, by inverse quadratic interpolation where that is safe, else by halves."""
    (a, fa), (b, fb) = high, low
    share = _secant(fa, fb)
    edge = not math.isfinite(fa)
    for _ in range(MOST_REFITS):
        s = a + share * (b - a)
        fs = excess(s)
        c, fc = (a, fa) if math.copysign(1, fs) == math.copysign(1, fa) else (b, fb)
        if (c, fc) == (b, fb):
            b, fb = a, fa
        a, fa = s, fs
        best, error = (a, fa) if abs(fa) < abs(fb) else (b, fb)
        if abs(error) <= NEAR * target:
            return End(best)
        if abs(b - a) <= NARROW * max(abs(a), abs(b)):
            return End(min(a, b), "edge" if edge or not math.isfinite(max(fa, fb)) else "")
        share = _share((a, fa), (b, fb), (c, fc))
    return End(min(a, b), "edge" if not math.isfinite(max(fa, fb)) else "")


def _secant(fa: float, fb: float) -> float:
    return fa / (fa - fb) if math.isfinite(fa) else 0.5


def _share(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    """Return the next point as a share of the way from a to b."""
    if not all(map(math.isfinite, (a[1], b[1], c[1]))):
        return 0.5
    xi, phi = (a[0] - b[0]) / (c[0] - b[0]), (a[1] - b[1]) / (c[1] - b[1])
    if not (phi**2 < xi and (1 - phi) ** 2 < 1 - xi):
        return 0.5
    by_ab, by_cb = a[1] / (b[1] - a[1]), c[1] / (b[1] - c[1])
    slant = (c[0] - a[0]) / (b[0] - a[0]) * a[1] / (c[1] - a[1])
    share = by_ab * by_cb + slant * b[1] / (c[1] - b[1])
    return min(max(share, 1e-12), 1 - 1e-12)
