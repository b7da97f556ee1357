"""The minimum of a quadratic model in a box, by projected Newton steps.

Bertsekas, "Projected Newton methods for optimization problems with simple constraints" (1982).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from steepest.derivatives.bounds import Box
from steepest.derivatives.differences import EPS
from steepest.types import Array

# The most Newton steps, and how many more for each coordinate: a step sets coordinates to their bounds or frees them.
# Chosen, not measured: random problems take about ten.
MOST_STEPS, A_COORDINATE = 50, 1
# If columns depend on one another, H has no Cholesky factor. Then FAINT is added to its diagonal, whose entries are 1,
# or CLEAR if that is too little. Chosen, not measured: about 50 eps, and far above.
FAINT, CLEAR = 1e-14, 1e-10
# How often a step is corrected by its own residual, which removes the error of that addition.
CORRECTIONS = 2
# The parts of the step that are tried, each projected to the box. The part up to the first edge is tried as well.
PARTS = (1.0, 0.5, 0.25, 0.0625)
# A step gains nothing if the model falls by less than this share of the sum of its terms: by its rounding error.
GAINED = 100 * EPS**2


def minimize_quadratic_box(H: Array, g: Array, x: Array, box: Box, most: int | None = None) -> Array:
    """Return the y in the box that minimises gᵀ(y - x) + ½ (y - x)ᵀ H (y - x).

    Each step is Newton's in the coordinates that are free to descend, projected to the box. If columns depend on one
    another, H is singular, and many y are best: a small multiple of the identity then chooses a step, and is corrected
    for by the residual of that step. After `most` steps the best y so far is returned.
    """
    most = MOST_STEPS + A_COORDINATE * len(x) if most is None else most
    h = jnp.diag(H)
    scale = jnp.where(h > 0, jnp.sqrt(jnp.where(h > 0, h, 1.0)), 1.0)
    low, high = (box.low - x) * scale, (box.high - x) * scale
    g, H = g / scale, H / scale / scale[:, None]
    alive = h > 0
    absolute = jnp.abs(H)

    def held(y: Array, r: Array) -> Array:
        return ~alive | ((y <= low) & (r >= 0)) | ((y >= high) & (r <= 0)) | (low == high)

    def solved(free: Array, r: Array) -> Array:
        b = jnp.where(free, -r, 0.0)
        part = jnp.where(free[:, None] & free, H, 0.0)

        def by(addition: float) -> Array:
            factor = jnp.linalg.cholesky(part + jnp.diag(jnp.where(free, addition, 1.0)))
            s = jax.scipy.linalg.cho_solve((factor, True), b)
            for _ in range(CORRECTIONS):
                s = s + jax.scipy.linalg.cho_solve((factor, True), b - part @ s)
            return jnp.where(free, s, 0.0)

        s = by(FAINT)
        return jax.lax.cond(jnp.all(jnp.isfinite(s)), lambda: s, lambda: by(CLEAR))

    def one_step(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        y, r, steps, single, _ = carry
        inside = (y > low) & (y < high)
        free = ~held(y, r)
        # Free one coordinate at a time if freeing all at once has gained nothing.
        released = free & ~inside
        steepest = jnp.arange(len(y)) == jnp.argmax(jnp.where(released, jnp.abs(r), -1.0))
        free = jnp.where(single, free & (inside | (released & steepest)), free)
        s = solved(free, r)
        # A coordinate at an edge that the step would cross stays there.
        s = jnp.where(((y <= low) & (s < 0)) | ((y >= high) & (s > 0)), 0.0, s)
        along = H @ s
        curvature, fall = s @ along, -(r @ s)
        best = jnp.where(curvature > 0, fall / jnp.where(curvature > 0, curvature, 1.0), 1.0)
        edge = jnp.where(s > 0, high, low)
        room = jnp.where(s != 0, (edge - y) / jnp.where(s != 0, s, 1.0), jnp.inf)
        first = jnp.min(room)
        cut = jnp.maximum(jnp.minimum(best, first), 0.0)
        parts = jnp.append(jnp.array(PARTS), cut)
        trials = jnp.clip(y + parts[:, None] * s, low, high)
        # The part up to the first edge ends exactly on it.
        trials = trials.at[-1].set(jnp.where((room <= cut) & (s != 0), edge, trials[-1]))
        moves = trials - y
        slopes = moves @ H
        falls = moves @ r + (moves * slopes).sum(axis=1) / 2
        falls = jnp.where(jnp.isfinite(falls), falls, jnp.inf)
        k = jnp.argmin(falls)
        size = jnp.abs(trials[k]) @ (jnp.abs(g) + absolute @ jnp.abs(trials[k]))
        fell = falls[k] < -GAINED * size
        y = jnp.where(fell, trials[k], y)
        r = jnp.where(fell, g + H @ y, r)
        return y, r, steps + 1, ~fell, fell | ~single

    def unsolved(carry: tuple[Array, ...]) -> Array:
        y, r, steps, _, going = carry
        rounding = 16 * EPS * (jnp.abs(g) + absolute @ jnp.abs(y))
        left = jnp.where(held(y, r), 0.0, r)
        return going & (steps < most) & jnp.any(jnp.abs(left) > rounding)

    begin = (jnp.zeros_like(x), g, jnp.asarray(0), jnp.asarray(False), jnp.asarray(True))
    y = jax.lax.while_loop(unsolved, one_step, begin)[0]
    # Without curvature only an edge can stop a slope.
    y = jnp.where(~alive & (g > 0) & jnp.isfinite(low), low, jnp.where(~alive & (g < 0) & jnp.isfinite(high), high, y))
    # In these units a coordinate on its edge has exactly the edge's number, and so it has in those of x.
    return jnp.where(y <= low, box.low, jnp.where(y >= high, box.high, jnp.clip(x + y / scale, box.low, box.high)))
