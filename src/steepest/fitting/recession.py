"""Ways along which a loss falls for ever, so that it has no least value at finite parameters.

A convex f falls, or stays, along v for ever where its recession function f∞(v) = lim f(t v) / t is
0 or less. For losses it is a sum over rows of what `Loss.asymptote` returns (Rockafellar, "Convex
analysis", 1970, section 8).
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from steepest.derivatives.tracing import Traced, stack
from steepest.fitting.glm import Glm

Array = Any

# What is smaller, as a part of the largest, is rounding.
SMALL = 1e-8


def separates(glm: Glm, z: Array) -> Array:
    """Tell whether outputs z have every row of its own class on its side, with none on the plane."""
    margin = None if glm.turn is not None else glm.loss.margin(Traced(z), Traced(glm.y))
    if margin is None:
        return jnp.asarray(False)
    return jnp.all((stack(margin) > SMALL * jnp.max(jnp.abs(z))) | (glm.weight == 0))


def falls_forever(glm: Glm, way: Array, along: Array) -> Array:
    """Tell whether f falls for ever along a way θ that changes the outputs by A θ."""
    largest = jnp.max(jnp.abs(jnp.where(glm.row(glm.weight) > 0, along, 0.0)))
    v = jnp.where((jnp.abs(along) <= SMALL * largest) | (glm.row(glm.weight) == 0), 0.0, along)
    asymptote = glm.loss.asymptote(Traced(v), Traced(glm.y))
    if asymptote is None:
        return jnp.asarray(False)
    free = jnp.all(jnp.abs(glm.weights(way)) <= SMALL * jnp.linalg.norm(way))
    return (largest > 0) & jnp.all(jnp.where(glm.weight > 0, stack(asymptote), 0.0) <= 0) & free
