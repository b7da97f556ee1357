"""Line searches: each judges the step that was tried, and proposes the next to try.

The loop makes the trials, so no search has a loop of its own. A search can have a memory from one trial
to the next along the same direction; most have none, `()`.
"""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import jax.numpy as jnp

from steepest.rules.rule import rule
from steepest.rules.steps.step import StepSize, Trial, Verdict, check
from steepest.types import Array, PyTree

# If a bracket is narrower than this share of the step, its upper end is a kink or a wall, beyond which f is not finite.
# Chosen, not measured: a larger share stops farther from the wall, a smaller share takes more trials, one for each
# halving.
CLOSED = 1e-10


class _Search(StepSize):
    """The base of searches; by default they have no memory, and first try the last accepted size, or a small step."""

    searches: ClassVar[bool] = True

    def remember(self) -> PyTree:
        """Return the memory before the first trial along a direction."""
        return ()

    def begin(self, length: Array, size: Array) -> Array:
        """Return the first size to try in a run: it moves x by 1 % of the norm `size` of x; ‖d‖ is `length`."""
        return 0.01 * size / length

    def again(self, t: Array, metric: bool) -> Array:
        """Return the first size to try after an accepted size t: t, or 1 with a metric, as for a Newton step."""
        return jnp.asarray(1.0) if metric else t


class Backtracking(_Search):
    """A search that shortens the step until the value decreases enough."""

    fraction: float
    shrink: float

    def judge(self, trial: Trial) -> Verdict:
        decreased = trial.new_value <= trial.value + self.fraction * trial.t * trial.slope
        return Verdict(decreased, self.shrink * trial.t, trial.low, trial.high)


@rule
class Armijo(Backtracking):
    """Backtracking until the value decreases enough: f(x + t d) ≤ f(x) + c t gᵀd, else t ← shrink · t.

    Each iteration begins at twice the last accepted step, so the size can grow again.

    Parameters
    ----------
    first : float
        The first step to try.
    fraction : float
        c, the required share of the decrease that the slope predicts; below 1. On a quadratic of curvature L
        plain descent accepts t ≤ 2 (1 - c) / L: with a tiny c, x may go back and forth at t = 2 / L.
    shrink : float
        The factor for a rejected step, below 1; 0.1 if the value was not finite.

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
    """A search for enough decrease and a flatter slope, between a step that is too short and one that is too long.

    The next trial is the zero of the secant of the slope, or the middle of the bracket if that zero is
    outside. If values differ by rounding errors alone, the slope decides.
    """

    fall: float
    flatten: float

    def __post_init__(self) -> None:
        check(self, fall=1, flatten=1)
        if self.fall > self.flatten:
            raise ValueError(f"{self}: fall must not exceed flatten, as then no step may satisfy both")

    def judge(self, trial: Trial) -> Verdict:
        t, slope, new_slope = trial.t, trial.slope, trial.new_slope
        decreased = trial.new_value <= trial.value + self.fall * t * slope
        # The approximate Wolfe condition: if rounding errors hide the decrease of the value, the slope decides.
        rounded = (trial.new_value <= trial.value + trial.rounding) & (new_slope <= (2 * self.fall - 1) * slope)
        enough = decreased | rounded
        flat, steep = self.flat(slope, new_slope), self.steep(slope, new_slope)
        # In front of a wall or a kink the slope never flattens: accept the last step before it.
        closed = enough & (trial.high - t <= CLOSED * t)
        low = jnp.where(enough & steep, t, trial.low)
        high = jnp.where(enough & (flat | steep), trial.high, t)
        secant = t * slope / (slope - new_slope)
        width = high - low
        # Extrapolate to 2 to 100 times the step; interpolate at least a tenth of the bracket from its ends.
        far = jnp.where(secant > 0, jnp.clip(secant, 2 * t, 100 * t), 10 * t)
        inside = (low < secant) & (secant < high)
        near = jnp.where(inside, jnp.clip(secant, low + 0.1 * width, high - 0.1 * width), low + 0.5 * width)
        return Verdict((enough & flat) | closed, jnp.where(jnp.isinf(high), far, near), low, high)

    def steep(self, slope: Array, new_slope: Array) -> Array:
        return new_slope < self.flatten * slope

    def flat(self, slope: Array, new_slope: Array) -> Array:
        raise NotImplementedError


@rule
class Wolfe(_Bracketing):
    """The weak Wolfe conditions by bracketing: enough decrease, and a slope that has flattened.

    f(x + t d) ≤ f(x) + c₁ t gᵀd and g(x + t d)ᵀd ≥ c₂ gᵀd.

    Parameters
    ----------
    fall : float
        c₁.
    flatten : float
        c₂, between c₁ and 1.

    Notes
    -----
    Lewis and Overton, "Nonsmooth optimization via quasi-Newton methods" (2013); if values differ by
    rounding errors, the approximate Wolfe condition of Hager and Zhang (2005).

    Examples
    --------
    >>> Wolfe().flatten
    0.9
    """

    fall: float = 1e-4
    flatten: float = 0.9

    def flat(self, slope: Array, new_slope: Array) -> Array:
        """Return whether the slope at a trial has risen enough."""
        return new_slope >= self.flatten * slope


@rule
class StrongWolfe(_Bracketing):
    """The strong Wolfe conditions by bracketing: enough decrease, and a slope that is small in either sign.

    f(x + t d) ≤ f(x) + c₁ t gᵀd and |g(x + t d)ᵀd| ≤ c₂ |gᵀd|.

    Parameters
    ----------
    fall : float
        c₁.
    flatten : float
        c₂, between c₁ and 1; a small c₂ makes the search nearly exact.

    Notes
    -----
    Nocedal and Wright, "Numerical Optimization" (2006), section 3.1; the bracketing is that of `Wolfe`.

    Examples
    --------
    >>> StrongWolfe(flatten=0.1).flatten
    0.1
    """

    fall: float = 1e-4
    flatten: float = 0.9

    def flat(self, slope: Array, new_slope: Array) -> Array:
        """Return whether the slope at a trial is small enough in either sign."""
        return jnp.abs(new_slope) <= self.flatten * jnp.abs(slope)


class Ray(NamedTuple):
    """The slopes at both ends of a bracket; infinite where the value exceeds that at the start of the ray."""

    low: Array
    high: Array


@rule
class ExactSearch(_Search):
    """The exact minimum along the ray: φ′(t) = g(x + t d)ᵀd = 0, bracketed, then found.

    Steps grow until the slope is positive or the value rises. Then the search interpolates the slope by an
    inverse quadratic, or halves the bracket if interpolation is not safe, as in Brent's method. On a quadratic
    function the second trial is exact.

    Parameters
    ----------
    flatten : float
        The search stops when the slope is at most this share of the slope at the start of the ray.

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
        new_ends = Ray(jnp.where(below, slope, ends.low), jnp.where(below, ends.high, slope))
        other = jnp.where(below, high, low), jnp.where(below, new_ends.high, new_ends.low)
        replaced = jnp.where(below, trial.low, trial.high), jnp.where(below, ends.low, ends.high)
        secant = t - slope * (t - replaced[0]) / (slope - replaced[1])
        far = jnp.where(below & (secant > t), jnp.clip(secant, 2 * t, 100 * t), 10 * t)
        near = _interpolated((t, slope), other, replaced, TINY * t)
        narrow = high - low <= 4 * TINY * t
        found = (jnp.abs(slope) <= self.flatten * jnp.abs(trial.slope)) | narrow
        following = jnp.where(narrow, low, jnp.where(jnp.isinf(high), far, near))
        return Verdict(found & ~rose, following, low, high, new_ends)


# The relative precision of a step. Chosen, not measured: a larger number stops a search sooner, a smaller one adds
# trials among rounding errors.
TINY = 1e-12
# A step and the slope there.
Point = tuple[Array, Array]


def _interpolated(a: Point, b: Point, c: Point, least: Array) -> Array:
    """Estimate the step between a and b with slope 0, by the inverse quadratic through a, b and c if that is safe."""
    (t1, s1), (t2, s2), (t3, s3) = a, b, c
    xi, phi = (t1 - t2) / (t3 - t2), (s1 - s2) / (s3 - s2)
    safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi)
    quadratic = s1 / (s2 - s1) * s3 / (s2 - s3) + (t3 - t1) / (t2 - t1) * s1 / (s3 - s1) * s2 / (s3 - s2)
    linear = jnp.where(jnp.isfinite(s1 - s2) & ~jnp.isfinite(t3 + s3), s1 / (s1 - s2), 0.5)
    edge = jnp.clip(least / jnp.abs(t2 - t1), 0, 0.5)
    return t1 + jnp.clip(jnp.where(safe, quadratic, linear), edge, 1 - edge) * (t2 - t1)


NAMED = {"armijo": Armijo, "wolfe": Wolfe, "strong-wolfe": StrongWolfe, "exact": ExactSearch}
