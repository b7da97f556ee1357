"""Ways along which a loss falls for ever, so that it has no least value at finite parameters.

A convex f falls, or stays, along v for ever where its recession function f∞(v) = lim f(t v) / t is
0 or less. For losses it is a sum over rows, of max(v, 0) - y v for the log loss and of -y v for
Poisson's, infinite there where v > 0 (Rockafellar, "Convex analysis", 1970, section 8).
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from steepest.fitting.glm import Glm
from steepest.models.losses import log_loss, poisson

Array = Any

# What is smaller, as a part of the largest, is rounding.
SMALL = 1e-8


def separates(glm: Glm, z: Array) -> Array:
    """Tell whether a plane with outputs z has every row of its own class on its side, with none on the plane."""
    if glm.loss is not log_loss or glm.turn is not None:
        return jnp.asarray(False)
    margin = jnp.where(glm.y == 1, z, jnp.where(glm.y == 0, -z, -jnp.inf))
    return jnp.all((margin > SMALL * jnp.max(jnp.abs(z))) | (glm.weight == 0))


def falls_forever(glm: Glm, way: Array) -> Array:
    """Tell whether f falls for ever along a way θ."""
    if glm.loss not in (log_loss, poisson):
        return jnp.asarray(False)
    v = jnp.where(glm.weight > 0, glm.along(way), 0.0)
    largest = jnp.max(jnp.abs(v))
    v = jnp.where(jnp.abs(v) <= SMALL * largest, 0.0, v)
    asymptote = jnp.maximum(v, 0.0) if glm.loss is log_loss else jnp.where(v > 0, jnp.inf, 0.0)
    free = jnp.all(jnp.abs(glm.weights(way[:-1])) <= SMALL * jnp.linalg.norm(way))
    return (largest > 0) & jnp.all(asymptote - glm.y * v == 0) & free
