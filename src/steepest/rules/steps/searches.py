"""How far to go, by trial: each search judges the step that was tried and says which to try next.

The loop makes the trials, so no search has a loop of its own. What a search remembers from one
trial to the next along the same direction is its memory, `()` for most.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp

from steepest.rules.rule import rule
from steepest.rules.steps.schedules import check
from steepest.rules.steps.step import StepSize

Array = Any
AGAINST = 1e-10


class Trial(NamedTuple):
    """What a search knows of a trial step t: values and slopes along the direction at 0 and at t."""

    t: Array
    low: Array
    high: Array
    value: Array
    slope: Array
    new_value: Array
    new_slope: Array
    rounding: Array
    memory: Any = ()


class Verdict(NamedTuple):
    """Whether the trial is accepted, and else the next step to try and what brackets it."""

    accepted: Array
    t: Array
    low: Array
    high: Array
    memory: Any = ()


class _Search(StepSize):
    """What searches share: they begin small, go on from the step before, and remember nothing."""

    searches: ClassVar[bool] = True

    def remember(self) -> Any:
        return ()

    def begin(self, length: Array, size: Array) -> Array:
        return 0.01 * size / length

    def again(self, t: Array, metric: bool) -> Array:
        return jnp.asarray(1.0) if metric else t


class Backtracking(_Search):
    """Enough fall, or a shorter step."""

    fraction: float
    shrink: float

    def judge(self, trial: Trial) -> Verdict:
        enough = trial.new_value <= trial.value + self.fraction * trial.t * trial.slope
        return Verdict(enough, self.shrink * trial.t, trial.low, trial.high)


@rule
class Armijo(Backtracking):
    """Backtracking until the value falls enough: f(x + t d) ≤ f(x) + c t gᵀd, else t ← shrink · t.

    Each iteration begins at twice the step accepted before, so that the size follows the function.

    Parameters
    ----------
    first : float
        The first step tried.
    fraction : float
        c, how much of the fall that the slope promises must be had; below 1. On a quadratic of curvature
        L plain descent accepts t ≤ 2 (1 - c) / L: with a tiny c it may go back and forth at 2 / L.
    shrink : float
        What a rejected step is multiplied by, below 1; 0.1 where the value was not finite.

    Notes
    -----
    Armijo, "Minimization of functions having Lipschitz continuous first partial derivatives" (1966).

    Examples
    --------
    >>> Armijo().shrink
    0.5
    """

    first: float = 1.0
    fraction: float = 0.2
    shrink: float = 0.5

    def __post_init__(self) -> None:
        check(self, first=math.inf, fraction=1, shrink=1)

    def begin(self, length: Array, size: Array) -> Array:
        return jnp.asarray(self.first)

    def again(self, t: Array, metric: bool) -> Array:
        return jnp.asarray(1.0) if metric else 2 * t


class _Bracketing(_Search):
    """Enough fall and a flatter slope, between a step that is too short and one that is too long.

    The next trial is the secant's zero of the slope, or the middle of the bracket where that lies
    outside. Where values differ by rounding alone, the slope decides.
    """

    fall: float
    flatten: float

    def __post_init__(self) -> None:
        check(self, fall=1, flatten=1)
        if self.fall > self.flatten:
            raise ValueError(f"{self}: fall must not exceed flatten, or no step may satisfy both")

    def judge(self, trial: Trial) -> Verdict:
        t, slope, new_slope = trial.t, trial.slope, trial.new_slope
        fell = trial.new_value <= trial.value + self.fall * t * slope
        level = (trial.new_value <= trial.value + trial.rounding) & (new_slope <= (2 * self.fall - 1) * slope)
        enough = fell | level
        flat, steep = self.flat(slope, new_slope), self.steep(slope, new_slope)
        # Against a wall or a kink the slope never flattens: be content with the last step before it.
        against = enough & (trial.high - t <= AGAINST * t)
        low = jnp.where(enough & steep, t, trial.low)
        high = jnp.where(enough & (flat | steep), trial.high, t)
        secant = t * slope / (slope - new_slope)
        width = high - low
        far = jnp.where(secant > 0, jnp.clip(secant, 2 * t, 100 * t), 10 * t)
        inside = (low < secant) & (secant < high)
        near = jnp.where(inside, jnp.clip(secant, low + 0.1 * width, high - 0.1 * width), low + 0.5 * width)
        return Verdict((enough & flat) | against, jnp.where(jnp.isinf(high), far, near), low, high)

    def steep(self, slope: Array, new_slope: Array) -> Array:
        return new_slope < self.flatten * slope

    def flat(self, slope: Array, new_slope: Array) -> Array:
        raise NotImplementedError


@rule
class Wolfe(_Bracketing):
    """The weak Wolfe conditions by bracketing: enough fall, and a slope that has flattened.

    f(x + t d) ≤ f(x) + c₁ t gᵀd and g(x + t d)ᵀd ≥ c₂ gᵀd.

    Parameters
    ----------
    fall : float
        c₁.
    flatten : float
        c₂, between c₁ and 1.

    Notes
    -----
    Lewis and Overton, "Nonsmooth optimization via quasi-Newton methods" (2013); the rule at rounding
    is the approximate Wolfe condition of Hager and Zhang (2005).

    Examples
    --------
    >>> Wolfe().flatten
    0.9
    """

    fall: float = 1e-4
    flatten: float = 0.9

    def flat(self, slope: Array, new_slope: Array) -> Array:
        return new_slope >= self.flatten * slope


@rule
class StrongWolfe(_Bracketing):
    """The strong Wolfe conditions by bracketing: enough fall, and a slope small on either side.

    f(x + t d) ≤ f(x) + c₁ t gᵀd and |g(x + t d)ᵀd| ≤ c₂ |gᵀd|.

    Parameters
    ----------
    fall : float
        c₁.
    flatten : float
        c₂, between c₁ and 1; the smaller, the nearer to an exact search.

    Notes
    -----
    Nocedal and Wright, "Numerical Optimization" (2006), section 3.1; the bracket closes as in `Wolfe`.

    Examples
    --------
    >>> StrongWolfe(flatten=0.1).flatten
    0.1
    """

    fall: float = 1e-4
    flatten: float = 0.9

    def flat(self, slope: Array, new_slope: Array) -> Array:
        return jnp.abs(new_slope) <= self.flatten * jnp.abs(slope)


class Ray(NamedTuple):
    """The slopes at both ends of a bracket, an infinite one where the value rose above the start's."""

    low: Array
    high: Array


@rule
class ExactSearch(_Search):
    """The exact minimum along the ray: φ′(t) = g(x + t d)ᵀd = 0, bracketed, then found.

    Steps grow until the slope turns upwards or the value rises; then inverse quadratic interpolation
    of the slope, or the middle of the bracket where that is not safe, as in Brent's method. On a
    quadratic function the second trial is exact.

    Parameters
    ----------
    flatten : float
        The slope may be this part of that at the start of the ray.

    Notes
    -----
    Brent, "Algorithms for minimization without derivatives" (1973), in the form of Chandrupatla, "A
    new hybrid quadratic/bisection algorithm for finding the zero of a nonlinear function" (1997).

    Examples
    --------
    >>> ExactSearch().flatten
    1e-10
    """

    flatten: float = 1e-10

    def __post_init__(self) -> None:
        check(self, flatten=1)

    def remember(self) -> Ray:
        return Ray(jnp.asarray(jnp.nan), jnp.asarray(jnp.inf))

    def judge(self, trial: Trial) -> Verdict:
        t = trial.t
        rose = trial.new_value > trial.value + trial.rounding
        slope = jnp.where(rose, jnp.inf, trial.new_slope)
        below = slope < 0
        ends = Ray(jnp.where(trial.low > 0, trial.memory.low, trial.slope), trial.memory.high)
        low, high = jnp.where(below, t, trial.low), jnp.where(below, trial.high, t)
        kept = Ray(jnp.where(below, slope, ends.low), jnp.where(below, ends.high, slope))
        other = jnp.where(below, high, low), jnp.where(below, kept.high, kept.low)
        replaced = jnp.where(below, trial.low, trial.high), jnp.where(below, ends.low, ends.high)
        secant = t - slope * (t - replaced[0]) / (slope - replaced[1])
        far = jnp.where(below & (secant > t), jnp.clip(secant, 2 * t, 100 * t), 10 * t)
        near = _interpolated((t, slope), other, replaced, TINY * t)
        narrow = high - low <= 4 * TINY * t
        found = (jnp.abs(slope) <= self.flatten * jnp.abs(trial.slope)) | narrow
        following = jnp.where(narrow, low, jnp.where(jnp.isinf(high), far, near))
        return Verdict(found & ~rose, following, low, high, kept)


TINY = 1e-12
Point = tuple[Array, Array]


def _interpolated(a: Point, b: Point, c: Point, least: Array) -> Array:
    """Return where the slope is zero between a and b, by the parabola through c too where that is safe."""
    (t1, s1), (t2, s2), (t3, s3) = a, b, c
    xi, phi = (t1 - t2) / (t3 - t2), (s1 - s2) / (s3 - s2)
    safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
    quadratic = s1 / (s2 - s1) * s3 / (s2 - s3) + (t3 - t1) / (t2 - t1) * s1 / (s3 - s1) * s2 / (s3 - s2)
    linear = jnp.where(jnp.isfinite(s1 - s2) & ~jnp.isfinite(t3 + s3), s1 / (s1 - s2), 0.5)
    edge = jnp.clip(least / jnp.abs(t2 - t1), 0, 0.5)
    return t1 + jnp.clip(jnp.where(safe, quadratic, linear), edge, 1 - edge) * (t2 - t1)


NAMED = {"armijo": Armijo, "wolfe": Wolfe, "strong-wolfe": StrongWolfe, "exact": ExactSearch}
