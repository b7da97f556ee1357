"""L-BFGS: a direction from the curvature that the last steps have shown."""

from __future__ import annotations

from dataclasses import field
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from steepest.descent.rule import Array, State, rule

FLAT = 1e-12
GROWTH = 4.0


class Pairs(NamedTuple):
    """The last steps s and gradient changes y, a row each, the newest in row (k - 1) mod m; where they came from."""

    s: Array
    y: Array
    rho: Array
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
    Nocedal and Wright, "Numerical Optimization" (2006), algorithm 7.4. A pair without positive
    curvature, sᵀy ≤ 1e-12 ‖s‖ ‖y‖, is left out.

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
        rows, one = jnp.zeros((self.memory, x.size), x.dtype), jnp.ones((), x.dtype)
        return Pairs(rows, rows, jnp.zeros(self.memory, x.dtype), one, jnp.zeros((), int), x, jnp.full_like(x, jnp.nan))

    def __call__(self, g: Array, state: State, x: Array, held: Array | None = None) -> tuple[Array, State]:
        pairs = _remembered(state, g, x)
        if held is None:
            return -_product(pairs, g), pairs
        return -_product(_on_face(pairs, held), jnp.where(held, 0.0, g)), pairs


def _remembered(pairs: Pairs, g: Array, x: Array) -> Pairs:
    """Return the pairs with the newest in place of the oldest, if its curvature is positive."""
    s, y = x - pairs.x, g - pairs.g
    sy, yy = s @ y, y @ y
    good = sy > FLAT * jnp.sqrt(s @ s) * jnp.sqrt(yy)
    row = pairs.k % len(pairs.s)

    def keep(old: Array, new: Array) -> Array:
        return old.at[row].set(jnp.where(good, new, old[row]))

    # Where no step has met a curvature that would bound the next, the next is longer.
    longer = jnp.where((pairs.k == 0) & (s @ s > 0), GROWTH * pairs.gamma, pairs.gamma)
    gamma = jnp.where(good, sy / yy, longer)
    return Pairs(keep(pairs.s, s), keep(pairs.y, y), keep(pairs.rho, 1 / sy), gamma, pairs.k + good, x, g)


def _product(pairs: Pairs, g: Array) -> Array:
    """Return H g by the two loops, from the newest pair to the oldest and back."""
    s, y, rho, memory, newest = pairs.s, pairs.y, pairs.rho, len(pairs.s), pairs.k - 1

    def backward(i: Any, carry: Any) -> Any:
        q, alphas = carry
        row = (newest - i) % memory
        alpha = rho[row] * (s[row] @ q)
        return q - alpha * y[row], alphas.at[row].set(alpha)

    def forward(i: Any, r: Any) -> Any:
        row = (newest + 1 + i) % memory
        return r + (alphas[row] - rho[row] * (y[row] @ r)) * s[row]

    q, alphas = jax.lax.fori_loop(0, memory, backward, (g, jnp.zeros(memory, g.dtype)))
    return jax.lax.fori_loop(0, memory, forward, pairs.gamma * q)


def _on_face(pairs: Pairs, held: Array) -> Pairs:
    """Return what the pairs teach on a face of a box, by their free coordinates alone."""
    s, y = jnp.where(held, 0.0, pairs.s), jnp.where(held, 0.0, pairs.y)
    sy, ss, yy = ((a * b).sum(axis=1) for a, b in ((s, y), (s, s), (y, y)))
    good = sy > FLAT * jnp.sqrt(ss * yy)
    last = (pairs.k - 1) % len(s)
    gamma = jnp.where(good[last], sy[last] / yy[last], pairs.gamma)
    return pairs._replace(s=s, y=y, rho=jnp.where(good, 1 / sy, 0.0), gamma=gamma)
