"""A loss of the user's own on sparse rows, which are no arguments of its code: it is traced as one of outputs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.data.sparse.csr import SparseColumns
from steepest.derivatives.compiled import Compiled
from steepest.derivatives.objective import Objective
from steepest.derivatives.serving.serve import serve
from steepest.derivatives.structure import Calling, Structure
from steepest.fitting.linear.glm import Glm
from steepest.fitting.objective import SAMPLE_ROWS
from steepest.models.losses import Loss

if TYPE_CHECKING:
    from steepest.fitting.linear.spec import LinearSpec

Array = Any

# What stands for a loss of which nothing is known but its values.
UNKNOWN = Loss()


@dataclass(frozen=True)
class OwnGlm(Glm):
    """The products with rows, and a loss that was traced as F(s) = Σ wᵢ ℓ(zᵢ + s, yᵢ) at s = 0.

    Attributes
    ----------
    few : Compiled
        F, as a function of s and of arrays, of which z, y and w are the last.
    closed : tuple
        The arrays before them, which the loss reads.
    """

    few: Compiled | None = None
    closed: tuple[Any, ...] = ()

    @classmethod
    def of(cls, glm: Glm, served: Objective) -> OwnGlm:
        """Return the same products with the loss that was served."""
        known = {f.name: getattr(glm, f.name) for f in fields(glm)}
        return cls(**known | {"loss": UNKNOWN}, few=served.compiled, closed=tuple(served.arrays[:-3]))

    def losses(self, z: Array, y: Array, p: Array) -> tuple[Array, Array, Array]:
        """Return p ℓ, p ℓ′ and p ℓ″ of each row: F is linear in w, and by zᵢ its slope is wᵢ ℓ′ᵢ."""
        one = jnp.ones_like(z)

        def total(z: Array, w: Array) -> Array:
            assert self.few is not None
            return self.few.pure(jnp.zeros(1), (*self.closed, z, y, w))[0]

        loss = jax.grad(total, argnums=1)(z, p)
        first, second = jax.jvp(lambda z: jax.grad(total)(z, one), (z,), (one,))
        return tuple(jnp.where(p > 0, p * part, 0.0) for part in (loss, first, second))  # type: ignore[return-value]


jax.tree_util.register_dataclass(
    OwnGlm,
    ["X", "y", "weight", "mass", "ridge", "transform", "smoothing", "lowest", "closed"],
    ["loss", "block", "is_whitened", "few"],
)


def served(problem: LinearSpec) -> Objective:
    """Serve F for the outputs of some rows at the start."""
    some, theta, columns, loss = slice(0, SAMPLE_ROWS), problem.start, problem.columns(), problem.loss
    assert isinstance(columns, SparseColumns)

    def shifted(shift: Any, z: Any, y: Any, weight: Any) -> Any:
        return (weight * loss(z + shift, y)).sum()

    z = SparseColumns(columns.X[some], columns.mean, columns.turn) @ theta[:-1] + theta[-1]
    structure, zero = Structure.of(np.zeros(1))
    return serve(shifted, Calling(structure, spread=False, args=(z, problem.y[some], problem.weight[some])), zero)
