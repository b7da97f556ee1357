"""L-BFGS: a direction from the curvature along the last steps."""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from steepest.printable import quoted
from steepest.rules.directions.direction import Direction, State
from steepest.rules.rule import rule
from steepest.types import Array

# A pair has positive curvature if sᵀy exceeds this share of ‖s‖ ‖y‖, some thousand eps, so that the sign of sᵀy is no
# rounding error. Chosen, not measured: a larger share leaves out ill-conditioned pairs, a smaller one lets in noise.
FLAT = 1e-12
# The factor of γ after each step while no pair has positive curvature. Chosen, not measured: a larger factor reaches
# the scale of the problem in fewer steps, with more rejected trials.
GROWTH = 4.0


class Steps(NamedTuple):
    """The last m steps s and gradient changes y, one a row; after k pairs the newest is in row (k - 1) mod m."""

    s: Array
    y: Array


class Metric(NamedTuple):
    """The curvature along the last steps: the products sᵢᵀyⱼ and yᵢᵀDyⱼ, D, γ, and the number k of pairs so far.

    γ D is the initial inverse Hessian of the recursion. The diagonal matrix D, `scale`, is the identity, unless a
    probe of the descent has measured the curvature of each coordinate. x and g are the last accepted point and the
    gradient there.
    """

    sy: Array
    yy: Array
    scale: Array
    gamma: Array
    k: Array
    x: Array
    g: Array


@rule
class LBFGS(Direction):
    """Limited-memory BFGS: d = -H g, with H built from the last steps s and gradient changes y.

    Parameters
    ----------
    memory : int
        The number of pairs (s, y).

    Notes
    -----
    Byrd, Nocedal and Schnabel, "Representations of quasi-Newton matrices and their use in limited
    memory methods" (1994), theorem 2.2: products of matrices give the same H as the two loops of
    Nocedal (1980). Pairs without positive curvature, sᵀy ≤ 1e-12 ‖s‖ ‖y‖, are left out.

    Examples
    --------
    >>> LBFGS(memory=5).memory
    5
    """

    memory: int = field(default=10, metadata={"static": True})
    metric: ClassVar[bool] = True
    learns: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (isinstance(self.memory, int) and self.memory >= 1):
            raise ValueError(f"LBFGS(memory={quoted(self.memory)}): it must be a whole number, 1 or more")

    def start(self, x: Array) -> State:
        rows, square = jnp.zeros((self.memory, x.size), x.dtype), jnp.zeros((self.memory, self.memory), x.dtype)
        metric = Metric(square, square, jnp.ones_like(x), jnp.ones((), x.dtype), jnp.zeros((), int), x, x)
        return Steps(rows, rows), self.restarted(metric, x)

    def restarted(self, metric: Metric, x: Array) -> Metric:
        one, none = jnp.ones_like(metric.gamma), jnp.zeros_like(metric.k)
        return metric._replace(gamma=one, k=none, x=x, g=jnp.full_like(x, jnp.nan))

    def learn(self, steps: Steps, metric: Metric, g: Array, x: Array, accepted: Array = True) -> tuple[Steps, Metric]:
        return _updated(steps, metric, g, x, accepted)

    def search_direction(self, steps: Steps, metric: Metric, g: Array, held: Array = None) -> tuple[Array, Metric]:
        known = jnp.arange(self.memory) < metric.k
        return _direction(steps, metric, known, g) if held is None else _free_direction(steps, metric, known, g, held)

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        steps, metric = self.learn(state[0], state[1], g, x)
        direction, metric = self.search_direction(steps, metric, g)
        return direction, (steps, metric)


def has_curvature(s: Array, y: Array) -> Array:
    """Tell whether the curvature along a step s is positive, beyond rounding errors."""
    return s @ y > FLAT * jnp.sqrt(s @ s) * jnp.sqrt(y @ y)


def _updated(steps: Steps, metric: Metric, g: Array, x: Array, accepted: Array) -> tuple[Steps, Metric]:
    """Replace the oldest pair by the newest, if the last step was accepted and has positive curvature."""
    s, y = x - metric.x, g - metric.g
    ss, sy = s @ s, s @ y
    usable = accepted & has_curvature(s, y)
    row = metric.k % len(steps.s)

    def stored(old: Array, new: Array) -> Array:
        return old.at[row].set(jnp.where(usable, new, old[row]))

    # Until a step finds positive curvature, which bounds the next step, each step is longer than the last.
    longer = jnp.where(accepted & (metric.k == 0) & (ss > 0), GROWTH * metric.gamma, metric.gamma)
    metric = metric._replace(
        gamma=jnp.where(usable, sy / (y @ (metric.scale * y)), longer),
        k=metric.k + usable,
        x=jnp.where(accepted, x, metric.x),
        g=jnp.where(accepted, g, metric.g),
    )
    return Steps(stored(steps.s, s), stored(steps.y, y)), metric


def _direction(steps: Steps, metric: Metric, known: Array, g: Array) -> tuple[Array, Metric]:
    """Return -H g, and the metric with the products of the newest pair filled in."""
    newest = (metric.k - 1) % len(known)
    s, y = steps.s[newest], steps.y[newest]
    by_s, by_y = steps.y @ s, jnp.stack([steps.s @ y, steps.y @ (metric.scale * y)])
    metric = metric._replace(
        sy=metric.sy.at[newest].set(by_s).at[:, newest].set(by_y[0]),
        yy=metric.yy.at[newest].set(by_y[1]).at[:, newest].set(by_y[1]),
    )
    return -_product(steps, metric, known, g), metric


def _free_direction(steps: Steps, metric: Metric, known: Array, g: Array, held: Array) -> tuple[Array, Metric]:
    """Return -H g on a face of the box, where the coordinates `held` are at a bound."""
    free, on_face, known = _on_face(steps, metric, held, known)
    return -_product(free, on_face, known, jnp.where(held, 0.0, g)), metric


def _product(steps: Steps, metric: Metric, known: Array, g: Array) -> Array:
    """Return H g = γ D (g - Y p) + S a, with the known pairs ordered by age.

    With R the upper triangle of SᵀY and C its diagonal: p = R⁻¹Sᵀg and a = R⁻ᵀ((C + γ YᵀDY) p - γ YᵀD g).
    """
    memory, gamma = len(known), metric.gamma
    by_age = (metric.k + jnp.arange(memory)) % memory
    known = known[by_age]
    both = known[:, None] & known
    sy, yy = metric.sy[by_age][:, by_age], jnp.where(both, metric.yy[by_age][:, by_age], 0.0)
    r = jnp.where(both, jnp.triu(sy), jnp.eye(memory, dtype=g.dtype))
    along_s, along_y = steps.s @ g, steps.y @ (metric.scale * g)
    along_s, along_y = (jnp.where(known, along[by_age], 0.0) for along in (along_s, along_y))
    p = solve_triangular(r, along_s)
    a = solve_triangular(r, jnp.diag(r) * p + gamma * (yy @ p - along_y), trans=1)
    back = jnp.argsort(by_age)
    return gamma * metric.scale * (g - p[back] @ steps.y) + a[back] @ steps.s


def _on_face(steps: Steps, metric: Metric, held: Array, known: Array) -> tuple[Steps, Metric, Array]:
    """Return the pairs restricted to the free coordinates of a face, their metric, and the mask of usable pairs."""
    s, y = jnp.where(held, 0.0, steps.s), jnp.where(held, 0.0, steps.y)
    sy, yy = s @ y.T, (y * metric.scale) @ y.T
    along, across = jnp.diag(sy), jnp.sqrt((s * s).sum(axis=1) * (y * y).sum(axis=1))
    known = known & (along > FLAT * across)
    last = (metric.k - 1) % len(s)
    gamma = jnp.where(known[last], along[last] / yy[last, last], metric.gamma)
    return Steps(s, y), metric._replace(sy=sy, yy=yy, gamma=gamma), known
