"""When the smoothing of a loss with kinks is made sharper during a descent, and when a descent counts as stalled.

The tangents that bound the smoothed loss also bound the loss itself, so a certificate holds for the loss that the user
chose. Fiacco and McCormick, "Nonlinear programming" (1968), follow a path of smooth problems in this way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import jax.numpy as jnp

from steepest.fitting.linear.glm import Glm
from steepest.types import Array

# A descent has stalled after this many steps without a fall. Chosen, not measured: a smaller number would stop at a
# rise by rounding alone, a larger one takes more steps without gain.
MOST_IDLE = 4
# A smoothing is multiplied by SHARPER once at most the share CENTRED of the gap is due to the distance from the
# smoothed optimum. Chosen, not measured: a smaller factor takes fewer rounds, each of more steps.
SHARPER, CENTRED = 0.2, 0.1


class SmoothedState(Protocol):
    """The fields of a solver's state that show whether it has stalled."""

    @property
    def smoothing(self) -> Array | None: ...

    @property
    def height(self) -> Array: ...

    @property
    def idle(self) -> Array: ...


def sharpened(glm: Glm, centred: Array, along: Array) -> Glm:
    """Return the model with a sharper loss if the descent is near the optimum of the smoothed one.

    A loss without kinks, such as Huber's, is straight beyond its smoothing. As long as a step changes outputs by more
    than the smoothing, a sharper loss would be straight there, without curvature for the next step to use. So the loss
    stays as it is.
    """
    assert glm.smoothing is not None
    if not glm.loss.kinked:
        centred &= jnp.max(jnp.abs(along), where=glm.weight > 0, initial=0.0) <= SHARPER * glm.smoothing
    sharper = jnp.maximum(SHARPER * glm.smoothing, glm.loss.least_smoothing)
    return replace(glm, smoothing=jnp.where(centred, sharper, glm.smoothing))


def idle_steps(glm: Glm, here: SmoothedState, height: Array, rounding: Array, share: float = 0.0) -> Array:
    """Return the number of steps in which the smoothed value has not fallen, by more than a share of it.

    A loss without kinks becomes larger when it is sharpened, so a step that sharpens it counts as a fall. A rise counts
    twice, because rounding may make the value rise and fall alternately.
    """
    fell = height < here.height - jnp.maximum(rounding, share * jnp.abs(here.height))
    if here.smoothing is not None and not glm.loss.kinked:
        fell |= glm.smoothing < here.smoothing
    return jnp.where(fell, jnp.maximum(here.idle - 1, 0), here.idle + 1 + (height > here.height + rounding))


def is_suspect(endless: Array, watch: Array) -> Array:
    """Return whether to stop because the loss may fall without end.

    `watch` is 1 to stop at such signs, 2 if the loss is known to fall without end, and 0 otherwise.
    """
    return (endless & (watch > 0)) | (watch > 1)
