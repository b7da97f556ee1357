"""Quick tests at a point of a descent: whether a loss seems to fall without end along a direction.

The tests are compiled with the solvers and do not read X. `recession` proves what the tests suggest.
"""

from __future__ import annotations

import math

import jax.numpy as jnp

from steepest.derivatives.tracing.tracer import Traced, stack
from steepest.fitting.linear.glm import Glm
from steepest.types import Array

# A search for a direction takes entries below this share of the largest for rounding noise; the proofs are stricter.
SMALL = 1e-8


def is_separated(glm: Glm, z: Array) -> Array:
    """Tell whether the outputs z separate the classes: each row is on the side of its class, none on the plane."""
    margin = None if glm.transform is not None else glm.loss.margin(Traced(z), Traced(glm.y))
    if margin is None:
        return jnp.asarray(False)
    return jnp.all((stack(margin) > SMALL * jnp.max(jnp.abs(z))) | (glm.weight == 0))


def falls_without_end(glm: Glm, along: Array) -> Array:
    """Tell whether f seems to fall without end along a direction that changes the outputs by `along`."""
    if glm.transform is not None:
        return jnp.asarray(False)
    counts = (glm.weight[:, None] if glm.loss.outputs else glm.weight) > 0
    largest = jnp.max(jnp.abs(jnp.where(counts, along, 0.0)))
    v = jnp.where((jnp.abs(along) <= SMALL * largest) | ~counts, 0.0, along)
    asymptote = glm.loss.asymptote(Traced(v), Traced(glm.y))
    if asymptote is None:
        return jnp.asarray(False)
    return (largest > 0) & jnp.all(jnp.where(glm.weight > 0, stack(asymptote), 0.0) <= 0)


def largest_move(glm: Glm, along: Array) -> Array:
    """Return the most that a step moves an output.

    If that is below 1, the slopes ℓ′ + ℓ″ A d lie in the interior of their range, and prove that f has a minimum.
    """
    moves = jnp.linalg.norm(along, axis=-1) * math.sqrt(2) if glm.loss.outputs else jnp.abs(along)
    return jnp.max(moves, where=glm.weight > 0, initial=0.0)
