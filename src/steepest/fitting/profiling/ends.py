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
# A bracket this narrow, relative to its place, holds a jump. Chosen, not measured.
NARROW = 1e-10
# An end is confirmed if no other refit there lowers τ by more than this share: less may be rounding. The search goes
# on at most so often.
CONFIRMED, MOST_ROUNDS = 0.01, 6

RootCost = Callable[[float], float]


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


def end_of(
    root_cost: RootCost, target: float, limit: float = math.inf, confirm: RootCost | None = None
) -> End:  # fmt: skip
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
    confirm : callable, optional
        Takes s and returns τ(s) by more thorough refits. The search goes on if they are better.

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

    below = 0.0, -target
    for _ in range(MOST_ROUNDS):
        end = _beyond(below, excess, target, limit)
        if confirm is None or not math.isfinite(end.at) or end.why == "limit":
            return end
        # Beyond an edge lies what stopped the search.
        s = end.at * (1 + NARROW) if end.why else end.at
        found = confirm(s)
        if not found < target * (1 - CONFIRMED):
            return end
        below = s, found - target
    return end


def _beyond(below: tuple[float, float], excess: RootCost, target: float, limit: float) -> End:
    """Return the end beyond a point at which τ is below the target."""
    start, before = below[0], (0.0, -target)
    above = (math.nan, math.inf)
    s = min(_next(before, below) if start else target, limit)
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
        s = min(limit, _next(before, below))
    if math.isnan(above[0]):
        return End(math.inf, "flat")
    return _between(excess, below, above, target)


def _next(before: tuple[float, float], here: tuple[float, float]) -> float:
    """Return the next point outwards: a little beyond where the secant points, so that it brackets the end."""
    rise = (here[1] - before[1]) / (here[0] - before[0])
    ahead = -here[1] / rise if rise > 0 else math.inf
    return here[0] + min(max(1.1 * ahead, 0.1 * here[0]), (WIDEN - 1) * here[0])


def _between(
    excess: RootCost, low: tuple[float, float], high: tuple[float, float], target: float
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
