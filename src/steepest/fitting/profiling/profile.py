"""`Profile`: a parameter is moved and all others are fitted again, until the fit is worse than chance allows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.fitting.profiling.ends import end_of
from steepest.fitting.profiling.refits import Refits

# A refit ends within this share of the cost at the threshold. Chosen, not measured: the ends then have about 9 digits.
ENOUGH = 1e-10
# A refit whose cost is below that of the fit by more than this is a better fit. Chosen, not measured: a fit that is off
# by less moves the ends of its intervals by less than 0.02 %.
BETTER = 1e-3


class BetterFitError(Exception):
    """A refit is better than the fit.

    Parameters
    ----------
    point : array
        Where it is, in the coordinates of the descent.
    value : float
        Its value.
    """

    def __init__(self, point: np.ndarray, value: float) -> None:
        super().__init__(f"a refit has the value {value}")
        self.point, self.value = point, value


class Interval(NamedTuple):
    """An interval for a parameter, with what is special about its ends.

    Attributes
    ----------
    low, high : float
        The ends; infinite where there is none.
    why_low, why_high : str
        "flat" if the cost never reaches the threshold, "edge" if the model is not finite beyond, "limit" if the
        parameter may not go beyond; else "".
    """

    low: float
    high: float
    why_low: str = ""
    why_high: str = ""


@dataclass(frozen=True)
class Profile:
    """The profile of a fit: the cost of the best fit with a parameter held at other values than its own.

    Parameters
    ----------
    refits : Refits
        The refits.
    point : array
        The point of the fit.
    value : float
        The value of its objective.
    weight : float
        The cost of one unit of the objective: the number of rows over s² for the squared loss, and twice the number of
        rows for minus a log likelihood. The cost is near ((θ - θ̂) / error)².
    box : Box or None
        The bounds of the parameters.
    units : array or None
        The errors of the parameters with all others held, if they are known.
    is_convex : bool
        Whether a refit has one minimum, whatever its start.
    """

    refits: Refits
    point: np.ndarray
    value: float
    weight: float
    box: Box | None = None
    units: np.ndarray | None = None
    is_convex: bool = False

    def limits(self, k: int) -> tuple[float, float]:
        """Return the bounds of parameter k."""
        return (-math.inf, math.inf) if self.box is None else (float(self.box.low[k]), float(self.box.high[k]))

    def unit(self, k: int, estimate: float) -> float:
        """Return the unit of the search for a parameter without a standard error; NaN unless it rests on a bound."""
        low, high = self.limits(k)
        return float(self.units[k]) if self.units is not None and low < high and estimate in (low, high) else math.nan

    def check(self, target: float) -> None:
        """Raise BetterFitError if a refit of all parameters from the point of the fit is better than the fit."""
        self.cost(*self.refits.best(None, self.point, ENOUGH * target**2 / self.weight))

    def cost(self, point: np.ndarray, value: float) -> float:
        """Return the cost of a point with a value; raise BetterFitError if it is better than the fit."""
        cost = self.weight * (value - self.value)
        if cost < -BETTER:
            raise BetterFitError(point, value)
        return cost

    def interval(self, k: int, estimate: float, error: float, target: float) -> Interval:
        """Return the interval of parameter k: where the root of the cost reaches `target` on either side.

        Parameters
        ----------
        k : int
            The parameter.
        estimate, error : float
            Its value and its standard error, from which the search begins.
        target : float
            The quantile of the standard normal or of Student's distribution.
        """
        ends = []
        for sign, limit in zip((-1.0, 1.0), self.limits(k), strict=True):
            side = _Side(self, k, sign * error, target)
            far = abs(limit - estimate) / error
            ends.append((sign, end_of(side.root_cost, target, far, None if self.is_convex else side.confirmed)))
        (_, low), (_, high) = ends
        return Interval(estimate - error * low.at, estimate + error * high.at, low.why, high.why)


@dataclass
class _Side:
    """The points that refits have found on one side of the estimate, from which the next refits begin."""

    profile: Profile
    k: int
    error: float
    target: float
    known: dict[float, np.ndarray] = field(default_factory=dict)

    def root_cost(self, s: float) -> float:
        """Return the root of the cost of the best fit with the parameter s standard errors from the estimate."""
        return self.best_of(s, self.starts(s), self.target**2)

    def confirmed(self, s: float) -> float:
        """Return the same by refits from the point of the fit, and from the nearest point that is nearer in."""
        known = {0.0: self.profile.point, **self.known}
        inner = {0.0, max(at for at in known if at < s)}
        starts = [known[at] + (s - at) * move for at in inner for move in self.moves]
        return self.best_of(s, starts, -1.0)

    @property
    def moves(self) -> tuple[np.ndarray, np.ndarray]:
        """How a point moves with the parameter, if all others follow to first order, and if none does."""
        refits = self.profile.refits
        return self.error * refits.along(self.k), self.error * refits.straight(self.k)

    def best_of(self, s: float, starts: Iterable[np.ndarray], enough: float) -> float:
        """Return the root of the least cost from these starts, or of the first cost that is at most `enough`."""
        profile = self.profile
        gain = ENOUGH * self.target**2 / profile.weight
        best, value = profile.point, math.inf
        for start in starts:
            point, found = profile.refits.best(self.k, start, gain)
            if found < value:
                best, value = point, found
            if profile.weight * (value - profile.value) <= enough:
                break
        cost = profile.cost(best, value)
        if math.isfinite(cost):
            self.known[s] = best
        return math.sqrt(max(cost, 0.0))

    def starts(self, s: float) -> Iterator[np.ndarray]:
        """Yield where to begin: on the line through the nearest two points, and beside the nearest that is nearer in.

        A step outwards may be too long for one of these starts, and lead to another branch of the model.
        """
        known = {0.0: self.profile.point, **self.known}
        near = sorted(known, key=lambda at: abs(at - s))[:2]
        if len(near) == 2:
            slope = (known[near[1]] - known[near[0]]) / (near[1] - near[0])
            yield known[near[0]] + (s - near[0]) * slope
        if len(near) == 2 and self.profile.is_convex:
            return
        inner = max(at for at in known if at < s or at == 0.0)
        for move in self.moves:
            yield known[inner] + (s - inner) * move
