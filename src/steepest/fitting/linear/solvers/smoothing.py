"""How the smoothing of a loss with kinks is sharpened along a descent, and when a descent counts as at rest.

The tangents that bound the smoothed loss also bound the loss itself, so a certificate holds for the loss that the user
chose. Fiacco and McCormick, "Nonlinear programming" (1968), follow a path of smooth problems in this way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import jax.numpy as jnp

from steepest.fitting.linear.glm import Glm
from steepest.types import Array

# After how many steps that lower nothing a descent is at rest. Chosen, not measured: rounding lets single steps rise.
MOST_IDLE = 4
# The factor that sharpens a smoothing, once this part of the gap at most is due to the distance from the smoothed
# optimum. Chosen, not measured: a smaller factor takes fewer rounds, each of more steps.
SHARPER, CENTRED = 0.2, 0.1


class Standing(Protocol):
    """The fields of a solver's state that tell whether it is at rest."""

    @property
    def smoothing(self) -> Array | None: ...

    @property
    def height(self) -> Array: ...

    @property
    def idle(self) -> Array: ...


def sharpened(glm: Glm, centred: Array, along: Array) -> Glm:
    """Return the model with a sharper loss if the descent is near the optimum of the smoothed one.

    A loss that only bends suddenly is straight beyond its smoothing, and has no slope to follow while outputs still
    have to change by more than that: then it stays as it is.
    """
    assert glm.smoothing is not None
    if not glm.loss.kinked:
        centred &= jnp.max(jnp.abs(along), where=glm.weight > 0, initial=0.0) <= SHARPER * glm.smoothing
    sharper = jnp.maximum(SHARPER * glm.smoothing, glm.loss.least_smoothing)
    return replace(glm, smoothing=jnp.where(centred, sharper, glm.smoothing))


def idle_steps(glm: Glm, here: Standing, height: Array, rounding: Array) -> Array:
    """Return for how many steps the smoothed value has not fallen.

    A sharper loss without kinks is higher, so a step that sharpens it counts as a fall. A rise counts twice, because
    rounding may let the value rise and fall in turn.
    """
    fell = height < here.height - rounding
    if here.smoothing is not None and not glm.loss.kinked:
        fell |= glm.smoothing < here.smoothing
    return jnp.where(fell, jnp.maximum(here.idle - 1, 0), here.idle + 1 + (height > here.height + rounding))


def is_suspect(endless: Array, watch: Array) -> Array:
    """Tell whether to stop as the loss may fall without end: it looks so and that is watched for, or it is known."""
    return (endless & (watch > 0)) | (watch > 1)
