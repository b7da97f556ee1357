"""L-BFGS: a direction from the curvature that the last steps have shown."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from steepest.descent.rule import Array, State, rule

FLAT = 1e-12
GROWTH = 4.0


class Steps(NamedTuple):
    """The last steps s and gradient changes y, a row each, the newest in row (k - 1) mod m."""

    s: Array
    y: Array


class Metric(NamedTuple):
    """What the last k steps say of the curvature: their products sᵢᵀyⱼ and yᵢᵀyⱼ; where the last one ended."""

    sy: Array
    yy: Array
    gamma: Array
    k: Array
    x: Array
    g: Array


@rule
class LBFGS:
    """Limited-memory BFGS: d = -H g, with H made from the last steps s and gradient changes y.

    Parameters
    ----------
    memory : int
        How many pairs (s, y) are kept.

    Notes
    -----
    Byrd, Nocedal and Schnabel, "Representations of quasi-Newton matrices and their use in limited
    memory methods" (1994), theorem 2.2: the same H as by the two loops of Nocedal (1980), from products
    of matrices. A pair without positive curvature, sᵀy ≤ 1e-12 ‖s‖ ‖y‖, is left out.

    Examples
    --------
    >>> LBFGS(memory=5).memory
    5
    """

    memory: int = field(default=10, metadata={"static": True})
    metric: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (isinstance(self.memory, int) and self.memory >= 1):
            raise ValueError(f"LBFGS(memory={self.memory!r}): it must be a whole number, 1 or more")

    def start(self, x: Array) -> State:
        rows, square = jnp.zeros((self.memory, x.size), x.dtype), jnp.zeros((self.memory, self.memory), x.dtype)
        one = jnp.ones((), x.dtype)
        return Steps(rows, rows), self.anew(Metric(square, square, one, jnp.zeros((), int), x, x), x)

    def anew(self, metric: Metric, x: Array) -> Metric:
        """Return the metric that knows of no step."""
        one, none = jnp.ones_like(metric.gamma), jnp.zeros_like(metric.k)
        return metric._replace(gamma=one, k=none, x=x, g=jnp.full_like(x, jnp.nan))

    def learn(self, steps: Steps, metric: Metric, g: Array, x: Array, accepted: Any = True) -> tuple[Steps, Metric]:
        """Take in the last step, in place of the oldest, if it was accepted and its curvature is positive."""
        s, y = x - metric.x, g - metric.g
        ss, sy, yy = s @ s, s @ y, y @ y
        good = accepted & (sy > FLAT * jnp.sqrt(ss) * jnp.sqrt(yy))
        row = metric.k % self.memory

        def keep(old: Array, new: Array) -> Array:
            return old.at[row].set(jnp.where(good, new, old[row]))

        # Where no step has met a curvature that would bound the next, the next is longer.
        longer = jnp.where(accepted & (metric.k == 0) & (ss > 0), GROWTH * metric.gamma, metric.gamma)
        metric = metric._replace(
            gamma=jnp.where(good, sy / yy, longer),
            k=metric.k + good,
            x=jnp.where(accepted, x, metric.x),
            g=jnp.where(accepted, g, metric.g),
        )
        return Steps(keep(steps.s, s), keep(steps.y, y)), metric

    def way(self, steps: Steps, metric: Metric, g: Array, held: Array | None = None) -> tuple[Array, Metric]:
        """Return -H g, on the face of a box where `held` tells which coordinates its edges hold."""
        known = jnp.arange(self.memory) < metric.k
        if held is not None:
            steps, on_face, known = _on_face(steps, metric, held, known)
            return -_product(steps, on_face, known, jnp.where(held, 0.0, g)), metric
        newest = (metric.k - 1) % self.memory
        s, y = steps.s[newest], steps.y[newest]
        by_s, by_y = steps.y @ s, jnp.stack([steps.s @ y, steps.y @ y])
        metric = metric._replace(
            sy=metric.sy.at[newest].set(by_s).at[:, newest].set(by_y[0]),
            yy=metric.yy.at[newest].set(by_y[1]).at[:, newest].set(by_y[1]),
        )
        return -_product(steps, metric, known, g), metric

    def __call__(self, g: Array, state: State, x: Array, held: Array | None = None) -> tuple[Array, State]:
        steps, metric = state
        steps, metric = self.learn(steps, metric, g, x)
        direction, metric = self.way(steps, metric, g, held)
        return direction, (steps, metric)


def _product(steps: Steps, metric: Metric, known: Array, g: Array) -> Array:
    """Return H g = γ g + S a + Y b, from the products of the known pairs in the order of their age.

    With R the upper triangle of SᵀY and D its diagonal: p = R⁻¹Sᵀg, a = R⁻ᵀ((D + γ YᵀY) p - γ Yᵀg), b = -γ p.
    """
    memory, gamma = len(known), metric.gamma
    by_age = (metric.k + jnp.arange(memory)) % memory
    known = known[by_age]
    both = known[:, None] & known
    sy, yy = metric.sy[by_age][:, by_age], jnp.where(both, metric.yy[by_age][:, by_age], 0.0)
    r = jnp.where(both, jnp.triu(sy), jnp.eye(memory, dtype=g.dtype))
    along_s, along_y = (jnp.where(known, (rows @ g)[by_age], 0.0) for rows in steps)
    p = solve_triangular(r, along_s)
    a = solve_triangular(r, jnp.diag(r) * p + gamma * (yy @ p - along_y), trans=1)
    back = jnp.argsort(by_age)
    return gamma * g + a[back] @ steps.s - gamma * p[back] @ steps.y


def _on_face(steps: Steps, metric: Metric, held: Array, known: Array) -> tuple[Steps, Metric, Array]:
    """Return what the steps teach on a face of a box, by their free coordinates alone, and which of them do."""
    s, y = jnp.where(held, 0.0, steps.s), jnp.where(held, 0.0, steps.y)
    sy, yy = s @ y.T, y @ y.T
    along, across = jnp.diag(sy), jnp.sqrt((s * s).sum(axis=1) * jnp.diag(yy))
    known = known & (along > FLAT * across)
    last = (metric.k - 1) % len(s)
    gamma = jnp.where(known[last], along[last] / yy[last, last], metric.gamma)
    return Steps(s, y), metric._replace(sy=sy, yy=yy, gamma=gamma), known
