"""Step sizes that adapt to the points of the descent, and so need no learning rate.

At each point `learn` takes the memory of the rule and the point, with its value, gradient and direction. The
field `t` of the new memory, which `learn` returns, is the size of the next step.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import field
from typing import ClassVar, NamedTuple

import jax.numpy as jnp

from steepest.printable import quoted
from steepest.rules.rule import rule
from steepest.rules.steps.searches import Backtracking
from steepest.rules.steps.step import Seen, StepSize, check
from steepest.types import Array

# The length of the first step as a share of ‖x‖, as for the searches. Chosen, not measured: a longer step may leave the
# neighbourhood of the start, a shorter one takes more steps to grow.
FIRST = 0.01
# After a step without positive curvature, the first trial is this many times as long. Chosen, not measured: a larger
# factor descends a concave slope in fewer steps, with more rejected trials where the slope becomes convex.
LONGER = 10.0


class _Adaptive(StepSize):
    """The base of sizes that adapt without trials of their own."""

    adapts: ClassVar[bool] = True
    plain_only: ClassVar[bool] = True
    exact: ClassVar[bool] = True


def first_size(here: Seen) -> Array:
    """Return the size of a step that moves the point by 1 % of its norm, or by 0.01 at the origin."""
    return FIRST * _scale(here.x) / jnp.linalg.norm(here.gradient)


def _scale(x: Array) -> Array:
    size = jnp.linalg.norm(x)
    return jnp.where(size == 0, 1.0, size)


class History(NamedTuple):
    """The last values of f and BB2, after k points the newest in entry (k - 1) mod their number; point and gradient."""

    t: Array
    values: Array
    short: Array
    k: Array
    x: Array
    g: Array


BB_KINDS = ("bb1", "bb2", "abbmin")
# ABBmin takes a short size if BB2 is below this share of BB1. Chosen, not measured: a larger share takes short sizes
# more often.
ALTERNATE = 0.8
# The short size is the smallest of the last LOOK_BACK values of BB2. Chosen, not measured: more values damp large
# curvatures longer, with shorter steps.
LOOK_BACK = 5


@rule
class BarzilaiBorwein(Backtracking):
    """The inverse of the curvature along the last step, t ≈ ‖s‖ / ‖y‖, with a nonmonotone search.

    With the last step s and the change y of the gradient along it, the long size is BB1 = sᵀs / sᵀy and the
    short one BB2 = sᵀy / yᵀy. ABBmin takes the smallest of the last five BB2 if BB2 < 0.8 BB1, else BB1. The
    search shrinks the size until f is enough below the largest of the last values.

    Parameters
    ----------
    kind : {"abbmin", "bb1", "bb2"}
        The formula.
    fraction : float
        The required share of the decrease that the slope predicts, below 1.
    shrink : float
        The factor for a rejected step, below 1.
    history : int
        The number of last values to compare with; with 1 every step must lower the value.

    Notes
    -----
    Barzilai and Borwein, "Two-point step size gradient methods" (1988); Frassoldati, Zanghirati and
    Zanni, "New adaptive stepsize selections in gradient methods" (2008); the search is that of Grippo,
    Lampariello and Lucidi (1986), as in Raydan, "The Barzilai and Borwein gradient method for the large
    scale unconstrained minimization problem" (1997).

    Examples
    --------
    >>> import steepest as st
    >>> run = st.minimize(lambda x, y: x**2 + 100 * y**2, (1.0, 1.0), step=BarzilaiBorwein())
    >>> run.success, run.nfev < 60
    (True, True)
    """

    kind: str = field(default="abbmin", metadata={"static": True})
    fraction: float = 1e-4
    shrink: float = 0.5
    history: int = field(default=10, metadata={"static": True})
    adapts: ClassVar[bool] = True
    plain_only: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check(self, fraction=1, shrink=1)
        if self.kind not in BB_KINDS:
            raise ValueError(f"BarzilaiBorwein(kind={quoted(self.kind)}): it must be one of {', '.join(BB_KINDS)}")
        if not (isinstance(self.history, int) and self.history >= 1):
            raise ValueError(f"BarzilaiBorwein(history={quoted(self.history)}): it must be a whole number, 1 or more")

    def start(self, x: Array) -> History:
        values, short = jnp.full(self.history, -jnp.inf), jnp.full(LOOK_BACK, jnp.inf)
        return History(jnp.asarray(jnp.nan), values, short, jnp.zeros((), int), x, jnp.full_like(x, jnp.nan))

    def learn(self, memory: History, here: Seen) -> History:
        t, short = _barzilai_borwein(memory, here, self.kind)
        values = memory.values.at[memory.k % self.history].set(here.value)
        return History(t, values, short, memory.k + 1, here.x, here.gradient)

    def reference(self, memory: History) -> Array:
        return memory.values.max()


def _barzilai_borwein(memory: History, here: Seen, kind: str) -> tuple[Array, Array]:
    """Return the size computed from the last step, and the last values of BB2."""
    s, y = here.x - memory.x, here.gradient - memory.g
    ss, sy, yy = s @ s, s @ y, y @ y
    bb1, bb2 = ss / sy, sy / yy
    short = memory.short.at[memory.k % LOOK_BACK].set(jnp.where(sy > 0, bb2, jnp.inf))
    abbmin = jnp.where(bb2 < ALTERNATE * bb1, short.min(), bb1)
    size = {"bb1": bb1, "bb2": bb2, "abbmin": abbmin}[kind]
    # Without positive curvature along the last step, try a step LONGER times as long.
    longer = LONGER * jnp.sqrt(ss) / jnp.linalg.norm(here.gradient)
    return jnp.where(sy > 0, size, jnp.where(ss > 0, longer, first_size(here))), short


class AdGDMemory(NamedTuple):
    """The last size, its last growth factor, and the last point with its gradient."""

    t: Array
    growth: Array
    x: Array
    g: Array


@rule
class AdGD(_Adaptive):
    """Adaptive gradient descent: the size grows until the curvature along the last step bounds it.

    With L = ‖y‖ / ‖s‖ on the last step and θ the last growth factor of the size,
    t ← min(√(2/3 + θ) t, t / √(2 t² L² - 1)₊).

    Notes
    -----
    Malitsky and Mishchenko, "Adaptive proximal gradient method for convex optimization" (2023),
    algorithm 1. Convergence is proved for convex functions. There are no trials, so some steps may raise the value.

    Examples
    --------
    >>> import steepest as st
    >>> run = st.minimize(lambda x, y: x**2 + 10 * y**2, (1.0, 1.0), step=AdGD())
    >>> run.success
    True
    """

    def start(self, x: Array) -> AdGDMemory:
        return AdGDMemory(jnp.asarray(jnp.nan), jnp.asarray(1 / 3), x, jnp.full_like(x, jnp.nan))

    def learn(self, memory: AdGDMemory, here: Seen) -> AdGDMemory:
        s, y = here.x - memory.x, here.gradient - memory.g
        excess = 2 * memory.t**2 * (y @ y) / (s @ s) - 1
        bounded = jnp.where(excess > 0, memory.t / jnp.sqrt(excess), jnp.inf)
        t = jnp.minimum(jnp.sqrt(2 / 3 + memory.growth) * memory.t, bounded)
        begins = jnp.isnan(memory.t)
        return AdGDMemory(
            jnp.where(begins, first_size(here), t),
            jnp.where(begins, memory.growth, t / memory.t),
            here.x,
            here.gradient,
        )


class Target(NamedTuple):
    """The size, the value at the last success, and δ, by which the next target is below that value."""

    t: Array
    record: Array
    below: Array


# The factors of δ after a success and after a failure. Chosen, not measured: larger factors keep the target low for
# longer, smaller factors sooner raise a target that f can't reach.
GROW, DECAY = 2.0, 0.9


@rule
class Polyak(_Adaptive):
    """Polyak's size: t = (f(x) - f*) / |gᵀd|, which for plain descent is (f(x) - f*) / ‖g‖².

    If f* is not known, a target replaces f*: the value of the last success, minus δ. A step that goes at
    least half-way to the target is a success: it sets the next target and increases δ. Any other step decreases δ.

    Parameters
    ----------
    optimum : float, optional
        f*, the minimum of f (the maximum, for `maximize`), if known.

    Notes
    -----
    Polyak, "Introduction to optimization" (1987), section 5.3; the moving target is the dynamic rule of
    Nedić and Bertsekas, "Incremental subgradient methods for nondifferentiable optimization" (2001).

    Examples
    --------
    >>> import steepest as st
    >>> run = st.minimize(lambda x, y: abs(x) + abs(y), (3.0, 1.0), step=Polyak(optimum=0.0), iterations=50)
    >>> bool(run.fun < 1e-6)
    True
    """

    optimum: float | None = None
    plain_only: ClassVar[bool] = False

    def __post_init__(self) -> None:
        known = self.optimum is None or (isinstance(self.optimum, numbers.Real) and math.isfinite(self.optimum))
        if not known or isinstance(self.optimum, bool):
            raise ValueError(f"Polyak(optimum={quoted(self.optimum)}): it must be a finite number, or left out")

    def signed(self, sign: float) -> Polyak:
        """Return the rule for a loop that minimises `sign` times the user's function, whose optimum is sign · f*."""
        return self if self.optimum is None else Polyak(sign * self.optimum)

    def start(self, x: Array) -> Target:
        return Target(*(jnp.asarray(jnp.nan) for _ in range(3)))

    def learn(self, memory: Target, here: Seen) -> Target:
        slope = jnp.abs(here.gradient @ here.direction)
        begins = jnp.isnan(memory.below)
        reached = begins | (here.value <= memory.record - memory.below / 2)
        record = jnp.where(reached, here.value, memory.record)
        below = jnp.where(begins, first_size(here) * slope, memory.below * jnp.where(reached, GROW, DECAY))
        goal = record - below if self.optimum is None else self.optimum
        return Target(jnp.maximum(here.value - goal, 0.0) / slope, record, below)


class Travelled(NamedTuple):
    """The size, the start, the largest distance from the start, and the (weighted) sum of squared gradient norms."""

    t: Array
    x: Array
    far: Array
    squares: Array


class _Distance(_Adaptive):
    """The base of both forms of distance over gradients."""

    first: float
    exact: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check(self, first=math.inf)

    def start(self, x: Array) -> Travelled:
        far = jnp.asarray(self.first * (1 + jnp.linalg.norm(x)), float)
        return Travelled(jnp.asarray(jnp.nan), x, far, jnp.asarray(0.0))


def _farthest(memory: Travelled, here: Seen) -> Array:
    return jnp.maximum(memory.far, jnp.linalg.norm(here.x - memory.x))


@rule
class DoG(_Distance):
    """Distance over gradients: t = max ‖xᵢ - x₀‖ / √Σ‖gᵢ‖².

    Parameters
    ----------
    first : float
        The first distance, in units of 1 + ‖x₀‖; small, as it must not exceed the distance to the minimum.

    Notes
    -----
    Ivgi, Hinder and Carmon, "DoG is SGD's best friend" (2023). DoG works with noisy gradients, such as those
    of batches; the authors recommend to average the iterates.

    Examples
    --------
    >>> import steepest as st
    >>> run = st.minimize(lambda x: (x - 1) ** 2, 0.0, step=DoG(first=0.01))
    >>> run.success
    True
    """

    first: float = 1e-6

    def learn(self, memory: Travelled, here: Seen) -> Travelled:
        far = _farthest(memory, here)
        squares = memory.squares + here.gradient @ here.gradient
        return Travelled(far / jnp.sqrt(squares), memory.x, far, squares)


@rule
class DoWG(_Distance):
    """Distance over weighted gradients: t = r² / √Σ rᵢ²‖gᵢ‖², with r the largest distance so far.

    Parameters
    ----------
    first : float
        The first distance, in units of 1 + ‖x₀‖; small, as it must not exceed the distance to the minimum.

    Notes
    -----
    Khaled, Mishchenko and Jin, "DoWG unleashed: an efficient universal parameter-free gradient descent
    method" (2023). DoWG works with noisy gradients, such as those of batches.

    Examples
    --------
    >>> import steepest as st
    >>> run = st.minimize(lambda x: (x - 1) ** 2, 0.0, step=DoWG(first=0.01))
    >>> run.success
    True
    """

    first: float = 1e-4

    def learn(self, memory: Travelled, here: Seen) -> Travelled:
        far = _farthest(memory, here)
        squares = memory.squares + far**2 * (here.gradient @ here.gradient)
        return Travelled(far**2 / jnp.sqrt(squares), memory.x, far, squares)


NAMED = {"barzilai-borwein": BarzilaiBorwein, "polyak": Polyak, "adgd": AdGD, "dog": DoG, "dowg": DoWG}
