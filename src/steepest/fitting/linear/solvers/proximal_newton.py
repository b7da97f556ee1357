"""Proximal Newton steps for L1 penalties: they minimise a quadratic model plus the penalty, which gives exact zeros.

F(θ) = f(θ) + Σ λⱼ |θⱼ|. Lee, Sun and Saunders, "Proximal Newton-type methods for minimizing composite functions"
(2014). The step, its bound and the smoothing of losses with kinks are those of `newton`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from steepest.derivatives.compiled import shared
from steepest.fitting.linear.certificates.base import Measurement
from steepest.fitting.linear.certificates.l1 import bound_parts
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.quadratic.l1 import min_norm_subgradient, minimize_quadratic_l1
from steepest.fitting.linear.solvers.base import Opening, chunk_of
from steepest.fitting.linear.solvers.newton import HessianSolver, SearchResult, State, initial_state, step
from steepest.types import Array, Function, PyTree

# A step is accepted if the value falls by this share of the fall of the quadratic model. Wright, Nowak and Figueiredo
# take 0.01 to 1e-5.
SUFFICIENT = 1e-4
# The descent has stalled after this many steps without a fall. Chosen, not measured: a smaller number would stop at a
# rise by rounding alone.
MOST_IDLE = 3
# A step that was halved this many times is lost in rounding errors.
MOST_HALVINGS = 60
# For a loss with kinks, as a share of the remaining loss: the gap at which rounding errors of the certificate exceed
# the gain of further steps. Measured, see docs/certificates.md.
NEAR_BOTH = 1e-8


@dataclass(frozen=True)
class L1Step:
    """Newton's step with the penalty Σ λⱼ |θⱼ|: the search halves the step until F falls enough."""

    most_idle: ClassVar[int] = MOST_IDLE
    rests: ClassVar[bool] = False
    glm: Glm
    lam: Array

    def smoothed(self, smoothing: Array | None) -> L1Step:
        """Return the method for the loss with another smoothing."""
        return replace(self, glm=replace(self.glm, smoothing=smoothing))

    def at(self, glm: Glm, x: Array, known: Array) -> dict[str, Array]:
        """Return the fields of the state that depend on the point alone."""
        height, slope, z, H = glm.value_grad_hessian(x)
        kinks = self.lam @ jnp.abs(x)
        value = height if glm.smoothing is None else glm.unsmoothed(x, z)
        gradient = min_norm_subgradient(slope, x, self.lam)
        point = {"slope": slope, "gradient": gradient, "z": z, "hessian": H}
        return point | {"height": height + kinks, "value": value + kinks}

    def direction(self, here: State) -> Array:
        """Return the step to the minimum of the quadratic model plus the penalty."""
        return self.glm.without_common_shift(minimize_quadratic_l1(here.hessian, here.slope, here.x, self.lam) - here.x)

    def measured(self, here: State, d: Array, along: Array) -> dict[str, PyTree]:
        """Return the fields with the parts of the bound, from the product of the rows with the direction."""
        parts, max_moves = bound_parts(
            self.glm, self.lam, here.x, here.value, here.slope, here.z, here.hessian, d, along
        )
        return {"parts": parts, "max_moves": max_moves}

    def closes(self, here: State, gap: Array, target: Array, rounding: Array, tolerance: Array) -> Array:
        """Return whether one more step is worth it: a single one, if no tolerance was given.

        The bound is a difference of large numbers here, so that it does not show the gain of later steps.
        """
        return (tolerance == 0) & (here.parts.gap > target) & (not self.glm.loss.kinked)

    def search(self, here: State, d: Array, along: Array, rounding: Array, closing: Array) -> SearchResult:
        """Return the direction, halved until F falls enough; a closing step is the whole direction."""
        glm, lam, x, z = self.glm, self.lam, here.x, here.z
        w, W, p = glm.weights(x), glm.weights(d), glm.weight / glm.mass
        fall = here.slope @ d + lam @ (jnp.abs(x + d) - jnp.abs(x))

        def height(t: Array) -> Array:
            weights = w + t * W
            loss = glm.losses(z + t * along, glm.y, p)[0].sum()
            return loss + glm.ridge / 2 * (weights @ weights) + lam @ jnp.abs(x + t * d)

        return halving_search(height, here, d, fall, rounding, closing)

    def reached(self, here: State, step: Array) -> Array:
        """Return the point a step away."""
        return here.x + step


jax.tree_util.register_dataclass(L1Step, ["glm", "lam"], [])


def halving_search(
    height: Function, here: State, d: Array, fall: Array, rounding: Array, closing: Array
) -> SearchResult:  # fmt: skip
    """Return the direction d, halved until F falls enough; a closing step is the whole direction.

    `height` is F along d, and `fall` is the fall that the slope promises for the whole direction.
    """

    def too_long(carry: tuple[Array, Array]) -> Array:
        t, halvings = carry
        high = ~(height(t) <= here.height + SUFFICIENT * t * fall + rounding)
        return high & ~closing & (halvings < MOST_HALVINGS)

    t, halvings = jax.lax.while_loop(too_long, lambda carry: (carry[0] / 2, carry[1] + 1), (jnp.ones(()), 0))
    return SearchResult(t * d, None, t, -fall / 2, halvings >= MOST_HALVINGS)


def begin(method: L1Step, x: Array, curvature: Array) -> State:
    """Return the state at a start; `curvature` is not used, because the Hessian is computed."""
    return initial_state(method, x, None, max_moves=jnp.abs(x))


class ProximalNewtonSolver(HessianSolver[L1Step]):
    """Proximal Newton steps, for linear models with an L1 penalty."""

    begin, chunk = staticmethod(shared(begin)), staticmethod(chunk_of(step))

    def __init__(self, glm: Glm, lam: Array, curvature: float, *arguments: Any, opening: Opening | None = None) -> None:
        super().__init__(L1Step(glm, lam), curvature, *arguments, opening=opening)

    @property
    def smooth_gradient(self) -> Array:
        """The gradient at the current point, without that of the penalty's kinks."""
        return self._state.slope

    def measurement(self) -> Measurement | None:
        """Return the parts of the bound that the last step has computed."""
        return self.measurement_of(self.state.parts, self._state.max_moves)

    @property
    def last_tolerance(self) -> float:
        """The share of the remaining loss to stop at if no tolerance was given."""
        return NEAR_BOTH if self.glm.loss.kinked else 0.0
