"""BFGS: a direction from the curvature along all steps, for few variables."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import jax.numpy as jnp

from steepest.rules.directions.direction import Direction, State
from steepest.rules.directions.lbfgs import GROWTH, has_curvature
from steepest.rules.rule import rule
from steepest.types import Array

# The most variables: the two matrices then take 16 MB. Chosen, not measured: L-BFGS, which takes less, serves more.
LARGEST = 1_000


class Inverse(NamedTuple):
    """The inverse Hessian γ A + B, where γ and D mean the same as in the metric of L-BFGS, and A is D at first.

    The update of BFGS is linear in the matrix that it changes, so A and B are updated apart, and the newest γ, which
    measures the scale of the curvature, counts for all steps. `both` holds A and B.
    """

    both: Array
    scale: Array
    gamma: Array
    k: Array
    x: Array
    g: Array


@rule
class BFGS(Direction):
    """BFGS: d = -H g, with H built from all steps s and gradient changes y.

    H ← V H Vᵀ + s sᵀ / sᵀy with V = I - s yᵀ / sᵀy. A matrix of n² numbers is kept, so this is for few variables; LBFGS
    keeps the last steps only.

    Notes
    -----
    Nocedal and Wright, "Numerical Optimization" (2006), section 6.1. As in L-BFGS, the matrix before the first update
    is γ D with the newest γ = sᵀy / yᵀDy, so with few steps the directions are those of LBFGS. Pairs without
    positive curvature, sᵀy ≤ 1e-12 ‖s‖ ‖y‖, are left out.

    Examples
    --------
    >>> import steepest as st
    >>> run = st.minimize(lambda x, y: (x - 1) ** 2 + 10 * (y - 2) ** 2, (9, 9), direction="bfgs")
    >>> run.x.round(6)
    array([1., 2.])
    """

    metric: ClassVar[bool] = True
    learns: ClassVar[bool] = True

    def start(self, x: Array) -> State:
        if x.size > LARGEST:
            raise ValueError(f"BFGS keeps a matrix, too large for {x.size:,} variables: use direction='l-bfgs'")
        both = jnp.zeros((2, x.size, x.size), x.dtype)
        inverse = Inverse(both, jnp.ones_like(x), jnp.ones((), x.dtype), jnp.zeros((), int), x, x)
        return (), self.restarted(inverse, x)

    def restarted(self, inverse: Inverse, x: Array) -> Inverse:
        one, none = jnp.ones_like(inverse.gamma), jnp.zeros_like(inverse.k)
        return inverse._replace(gamma=one, k=none, x=x, g=jnp.full_like(x, jnp.nan))

    def learn(self, steps: State, inverse: Inverse, g: Array, x: Array, accepted: Array = True) -> tuple[State, State]:
        return steps, _updated(inverse, g, x, accepted)

    def search_direction(self, steps: State, inverse: Inverse, g: Array, held: Array = None) -> tuple[Array, State]:
        return (-_product(inverse, g) if held is None else _free_direction(inverse, g, held)), inverse

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        steps, inverse = self.learn(state[0], state[1], g, x)
        direction, inverse = self.search_direction(steps, inverse, g)
        return direction, (steps, inverse)


def _updated(inverse: Inverse, g: Array, x: Array, accepted: Array) -> Inverse:
    """Update the matrices if the last step was accepted and has positive curvature."""
    s, y = x - inverse.x, g - inverse.g
    sy, usable = s @ y, accepted & has_curvature(s, y)
    # While no pair is known, the matrices are those of the start, whatever a descent before a reset has left.
    new = inverse.k == 0
    start = jnp.stack([jnp.diag(inverse.scale), jnp.zeros_like(inverse.both[1])])
    both = jnp.where(new, start, inverse.both)
    longer = jnp.where(accepted & new & jnp.any(s != 0), GROWTH * inverse.gamma, inverse.gamma)
    # V H Vᵀ = H - s wᵀ - w sᵀ + (yᵀw) s sᵀ / sᵀy with w = H y / sᵀy, and B gains s sᵀ / sᵀy.
    w = both @ y / sy
    gain = (w @ y + jnp.array([0.0, 1.0])) / sy
    updated = both - s[:, None] * w[:, None] - w[:, :, None] * s + gain[:, None, None] * (s[:, None] * s)
    return inverse._replace(
        both=jnp.where(usable, updated, both),
        gamma=jnp.where(usable, sy / (y @ (inverse.scale * y)), longer),
        k=inverse.k + usable,
        x=jnp.where(accepted, x, inverse.x),
        g=jnp.where(accepted, g, inverse.g),
    )


def _product(inverse: Inverse, g: Array) -> Array:
    """Return H g."""
    along, rest = inverse.both @ g
    return jnp.where(inverse.k == 0, inverse.gamma * inverse.scale * g, inverse.gamma * along + rest)


def _free_direction(inverse: Inverse, g: Array, held: Array) -> Array:
    """Return the direction on a face of the box, where the coordinates `held` are at a bound.

    With F the free coordinates and A the held ones, the inverse of the free part of the Hessian is the Schur complement
    H_FF - H_FA H_AA⁻¹ H_AF.
    """
    matrix = jnp.where(inverse.k == 0, jnp.diag(inverse.gamma * inverse.scale), jnp.tensordot(
        jnp.stack([inverse.gamma, jnp.ones_like(inverse.gamma)]), inverse.both, 1
    ))  # fmt: skip
    along = matrix @ jnp.where(held, 0.0, g)
    part = jnp.where(held[:, None] & held, matrix, jnp.eye(g.size, dtype=g.dtype))
    back = jnp.linalg.solve(part, jnp.where(held, along, 0.0))
    return -jnp.where(held, 0.0, along - matrix @ jnp.where(held, back, 0.0))
