"""The user's own loss on sparse rows: it is traced as a function of the outputs, not of the rows.

Traced code takes only dense arrays, so sparse rows can't be its arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import jax
import jax.numpy as jnp
import numpy as np

from steepest.data.sparse.csr import SparseColumns
from steepest.derivatives.compiled import Compiled
from steepest.derivatives.objective import Objective
from steepest.derivatives.serving.serve import serve
from steepest.derivatives.structure import Calling, Structure
from steepest.fitting.linear.glm import Glm, weighted
from steepest.fitting.linear.spec import LinearSpec
from steepest.fitting.objective import SAMPLE_ROWS
from steepest.types import Array


@dataclass(frozen=True)
class OwnGlm(Glm):
    """A linear model on its rows, with the user's loss traced as F(s) = Σ wᵢ ℓ(zᵢ + s, yᵢ) at s = 0.

    Attributes
    ----------
    traced : Compiled
        F, as a function of s and of arrays, of which the last three are z, y and w.
    closed : tuple
        The arrays before z, y and w: those that the loss reads from its closure.
    """

    traced: Compiled | None = None
    closed: tuple[Array, ...] = ()

    @classmethod
    def of(cls, glm: Glm, served: Objective) -> OwnGlm:
        """Return the same model with the traced loss of `served`."""
        same = {f.name: getattr(glm, f.name) for f in fields(glm)}
        return cls(**same, traced=served.compiled, closed=tuple(served.arrays[:-3]))

    def losses(self, z: Array, y: Array, p: Array) -> tuple[Array, Array, Array]:
        """Return p ℓ, p ℓ′ and p ℓ″ of each row.

        F is linear in w, so its derivative by wᵢ is ℓᵢ; its derivative by zᵢ is wᵢ ℓ′ᵢ.
        """
        one = jnp.ones_like(z)

        def total(z: Array, w: Array) -> Array:
            assert self.traced is not None
            return self.traced.pure(jnp.zeros(1), (*self.closed, z, y, w))[0]

        loss = jax.grad(total, argnums=1)(z, p)
        first, second = jax.jvp(lambda z: jax.grad(total)(z, one), (z,), (one,))
        return weighted(p, loss), weighted(p, first), weighted(p, second)


jax.tree_util.register_dataclass(
    OwnGlm,
    ["X", "y", "weight", "mass", "ridge", "transform", "smoothing", "lowest", "closed"],
    ["loss", "block", "is_whitened", "traced"],
)


def serve_loss(problem: LinearSpec) -> Objective:
    """Trace F on a sample of the rows, at the outputs of the start."""
    sample, theta, columns, loss = slice(0, SAMPLE_ROWS), problem.start, problem.columns(), problem.loss
    assert isinstance(columns, SparseColumns)

    def shifted(shift: Array, z: Array, y: Array, weight: Array) -> Array:
        return (weight * loss(z + shift, y)).sum()

    z = SparseColumns(columns.X[sample], columns.mean, columns.transform) @ theta[:-1] + theta[-1]
    structure, zero = Structure.of(np.zeros(1))
    return serve(shifted, Calling(structure, spread=False, args=(z, problem.y[sample], problem.weight[sample])), zero)
