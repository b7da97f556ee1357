"""Proximal Newton steps for L1 penalties: they minimise the quadratic model with its kinks, which gives exact zeros.

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
from steepest.fitting.linear.quadratic_l1 import min_norm_subgradient, minimize_quadratic_l1
from steepest.fitting.linear.solvers.base import LinearSolver, chunk_of
from steepest.fitting.linear.solvers.newton import Found, State, begun, step
from steepest.fitting.linear.solvers.proximal_gradient import MOST_IDLE, SUFFICIENT
from steepest.types import Array

# Halved so often, a step is lost in rounding.
MOST_HALVINGS = 60
# The gap, as a part of what is left of a loss that has kinks, at which rounding of the certificate exceeds the gain of
# further steps: measured, see docs/certificates.md.
NEAR_BOTH = 1e-8


@dataclass(frozen=True)
class L1Step:
    """Newton's step with the kinks of Σ λⱼ |θⱼ|: the search halves the step until F falls enough."""

    patience: ClassVar[int] = MOST_IDLE
    glm: Glm
    lam: Array

    def smoothed(self, smoothing: Array | None) -> L1Step:
        """Return the method for a loss of another smoothing."""
        return replace(self, glm=replace(self.glm, smoothing=smoothing))

    def at(self, glm: Glm, x: Array, metric: Array) -> dict[str, Any]:
        """Return the fields of the state that depend on the point alone."""
        height, slope, z, H = glm.value_grad_hessian(x)
        kinks = self.lam @ jnp.abs(x)
        value = height if glm.smoothing is None else glm.unsmoothed(x, z)
        gradient = min_norm_subgradient(slope, x, self.lam)
        point = {"slope": slope, "gradient": gradient, "z": z, "hessian": H}
        return point | {"height": height + kinks, "value": value + kinks}

    def direction(self, here: State) -> Array:
        """Return the step to the minimum of the quadratic model with its kinks."""
        return self.glm.without_common_shift(minimize_quadratic_l1(here.hessian, here.slope, here.x, self.lam) - here.x)

    def measured(self, here: State, d: Array, along: Array) -> dict[str, Any]:
        """Return the parts of the bound, from the product of the rows with the direction."""
        seen, moved = bound_parts(self.glm, self.lam, here.x, here.value, here.slope, here.z, here.hessian, d, along)
        return {"seen": seen, "moved": moved}

    def closes(self, here: State, gap: Array, asked: Array, rounding: Array, tolerance: Array) -> Array:
        """Tell whether one more step is worth it: one is, if no tolerance was given; the bound is a difference here."""
        return (tolerance == 0) & (here.seen.gap > asked) & (not self.glm.loss.kinked)

    def search(self, here: State, d: Array, along: Array, rounding: Array, closing: Array) -> Found:
        """Return the direction, halved until F falls enough; the whole direction if it closes."""
        glm, lam, x, z = self.glm, self.lam, here.x, here.z
        w, W, p = glm.weights(x), glm.weights(d), glm.weight / glm.mass
        fall = here.slope @ d + lam @ (jnp.abs(x + d) - jnp.abs(x))

        def height(t: Array) -> Array:
            weights = w + t * W
            loss = glm.losses(z + t * along, glm.y, p)[0].sum()
            return loss + glm.ridge / 2 * (weights @ weights) + lam @ jnp.abs(x + t * d)

        def short(carry: tuple[Array, Array]) -> Array:
            t, halvings = carry
            high = ~(height(t) <= here.height + SUFFICIENT * t * fall + rounding)
            return high & ~closing & (halvings < MOST_HALVINGS)

        t, halvings = jax.lax.while_loop(short, lambda carry: (carry[0] / 2, carry[1] + 1), (jnp.ones(()), 0))
        return Found(t * d, None, t, -fall / 2, halvings >= MOST_HALVINGS)


jax.tree_util.register_dataclass(L1Step, ["glm", "lam"], [])


def begin(method: L1Step, x: Array, curvature: Array) -> State:
    """Return the state at a start; the Hessian shows the curvature."""
    return begun(method, x, None, moved=jnp.abs(x))


class ProximalNewtonSolver(LinearSolver[L1Step, State]):
    """Proximal Newton steps, for an L1 penalty."""

    begin, chunk = staticmethod(shared(begin)), staticmethod(chunk_of(step))

    def __init__(self, glm: Glm, lam: Array, curvature: float, *arguments: Any) -> None:
        super().__init__(L1Step(glm, lam), curvature, *arguments)

    @property
    def glm(self) -> Glm:
        """The model on its rows."""
        return self.model.glm

    @property
    def smoothing(self) -> Array | None:
        """The smoothing of a loss with kinks at the current point."""
        return self.state.smoothing

    @property
    def estimate(self) -> float:
        """The bound on how far the value is above the minimum, but for rounding."""
        return float(self.state.seen.gap)

    def measurement(self) -> Measurement | None:
        """Return the parts of the bound that the last step has computed."""
        return self.measured_by(self.state.seen, self._state.moved)

    @property
    def nearest(self) -> float:
        """How near is near enough if no tolerance was given."""
        return NEAR_BOTH if self.glm.loss.kinked else 0.0
