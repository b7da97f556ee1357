"""The objective of a linear model, made of products with its rows: nothing of it is traced but the loss.

Dense and sparse rows share it, and so do all the rows at once and in batches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.data.batches import Layout
from steepest.data.sparse.csr import is_sparse
from steepest.derivatives.compiled import Compiled, recalled, remember
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import compiled_code, precisely
from steepest.derivatives.serving.serve import serve
from steepest.derivatives.structure import Calling, Structure
from steepest.fitting.linear import own_loss, sparse_epoch
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.own_loss import OwnGlm
from steepest.fitting.objective import (
    HEAVY,
    Rows,
    Second,
    batch_mass,
    batch_of,
    epoch_of,
    key_of,
    order_of,
    sizes_of,
)
from steepest.models.losses import Loss
from steepest.rules.pair import Rules

if TYPE_CHECKING:
    from steepest.fitting.linear.spec import LinearSpec

WIDEST_HESSIAN = 2_000

Array = Any


@dataclass(frozen=True)
class Direct:
    """Σ pᵢ ℓ(aᵢᵀθ, yᵢ), with a penalty: quadratic, of λⱼ |θⱼ|, or a function of the user's that was traced.

    Attributes
    ----------
    glm : Glm
        The losses, with the quadratic penalty.
    kinks : array or None
        λ.
    own : tuple
        The arrays that the user's penalty reads.
    """

    glm: Glm
    kinks: Array | None
    own: tuple[Any, ...]

    def slope(self, x: Array, extra: Compiled | None) -> tuple[Array, Array]:
        """Return the value and the gradient."""
        value, gradient, _ = self.glm.value_and_grad(x)
        if self.kinks is not None:
            value, gradient = value + self.kinks @ jnp.abs(x), gradient + self.kinks * jnp.sign(x)
        if extra is None:
            return value, gradient
        cost, push = extra.pure(x, self.own)
        return value + cost, gradient + push

    def hessian(self, x: Array, extra: Compiled | None) -> Array:
        """Return the Hessian, where there are no kinks."""
        bend = 0.0 if extra is None else jax.jacfwd(lambda x: extra.pure(x, self.own)[1])(x)
        return self.glm.hessian(x) + bend

    def on(self, rows: tuple[Array, Array, Array], mass: Array, size: int) -> Direct:
        """Return the objective on a batch of rows, the products with which are as precise as they are."""
        X, y, weight = rows
        X = X if X.dtype == jnp.float64 else AsPrecise(X)
        return replace(self, glm=replace(self.glm, X=X, y=y, weight=weight, mass=mass, block=size))


jax.tree_util.register_dataclass(Direct, ["glm", "kinks", "own"], [])


@dataclass(frozen=True)
class AsPrecise:
    """Rows whose products are computed in their own precision: what batches differ by is far above its rounding."""

    rows: Array

    # NumPy's arrays leave products with these rows to them.
    __array_ufunc__ = None

    def __matmul__(self, u: Array) -> Array:
        return (self.rows @ u.astype(self.rows.dtype)).astype(u.dtype)

    def __rmatmul__(self, r: Array) -> Array:
        return (r.astype(self.rows.dtype) @ self.rows).astype(r.dtype)


def direct(problem: LinearSpec, rows: Rows, seed: int) -> tuple[Objective, Calling] | None:
    """Return the objective of a linear model and how its parameters are laid out; None where it must be traced whole.

    On dense rows a loss of the user's own is traced with the model. A penalty that can't be traced takes all with it.
    """
    few = None
    if not isinstance(problem.loss, Loss):
        if not is_sparse(problem.X):
            return None
        few = own_loss.served(problem)
        if few.compiled is None or len(few.arrays) < 3:
            return None
    structure, x = Structure.of(problem.start)
    calling = Calling(structure, spread=False)
    penalty = None if problem.knows_its_penalty else problem.penalty()
    extra = serve(penalty, calling, x) if penalty else None
    if extra is not None and extra.compiled is None:
        return None
    layout, push = rows.layout, extra.compiled if extra else None
    batched = layout.batches > 1
    loss = few.key if few else problem.loss
    key = ("direct", loss, layout if batched else layout.block, extra.key if extra else None)
    compiled = recalled(key, Compiled)
    if compiled is None or compiled.loops.get("penalty") is not push:
        compiled = _compiled(push, layout)
        compiled.loops["penalty"] = push
    remember(key, compiled)
    with compiled_code():
        data = jax.device_put((rows.X, rows.y, rows.weight))
        kinks = jax.device_put(problem.kinks) if problem.kinks.any() else None
    glm = problem.glm(data, rows)
    arrays = {
        "direct": Direct(OwnGlm.of(glm, few) if few else glm, kinks, tuple(extra.arrays) if extra else ()),
        "batch_mass": batch_mass(rows),
        "seed": seed,
    }
    known, plain = compiled, Plain(problem, rows)
    sentence = "exact: the loss was traced, and the products with the rows compiled"
    objective = Objective(x.size, plain, lambda x: known(x, arrays), "traced", sentence, known, arrays, key=key)
    objective.heavy = rows.X.size > HEAVY
    if objective.heavy and x.size <= WIDEST_HESSIAN:
        objective.hessian = Second(known.loop("bend", lambda: _bent(push)), arrays)
    return objective, calling


@dataclass(frozen=True)
class Plain:
    """The value at a point in NumPy, by calling the loss and the penalty as they are."""

    problem: LinearSpec
    rows: Rows

    def __call__(self, x: np.ndarray) -> float:
        total, penalty = self.problem.total(), self.problem.penalty()
        value = 0.0
        for block in self.problem.plain_rows(self.rows):
            value += float(precisely(partial(total, X=block[0], y=block[1], weight=block[2]), x))
        return value / self.rows.mass + (float(precisely(penalty, x)) if penalty else 0.0)


def _compiled(push: Compiled | None, layout: Layout) -> Compiled:
    compiled = Compiled(lambda x, arrays: arrays["direct"].slope(x, push))
    if layout.batches > 1:

        def on_batch(x: Array, i: Array, order: Array, arrays: dict[str, Any]) -> tuple[Array, Array]:
            glm = arrays["direct"].glm
            batch = batch_of(layout, (glm.X, glm.y, glm.weight), order, i)[1]
            return arrays["direct"].on(batch, arrays["batch_mass"], layout.size).slope(x, push)

        whole = epoch_of(layout, on_batch)

        def epoch(rules: Rules, x: Array, memory: Any, number: Array, arrays: Any, sizes: Array, first: Array) -> Any:
            """Go through the batches once; return the point, the memory and the last step size."""
            here = arrays["direct"]
            if push is not None or here.kinks is not None or not sparse_epoch.bears(rules, here.glm):
                return whole(rules, x, memory, number, arrays, sizes, first)
            size = sizes_of(layout, rules, number, sizes, first)
            order = order_of(layout, key_of(arrays, number))
            x = sparse_epoch.epoch(here.glm, layout, arrays["batch_mass"], x, order, lambda i: size(i, memory))
            return x, memory, size(layout.batches - 1, memory)

        compiled.epoch, compiled.updates = epoch, layout.batches
    return compiled


def _bent(push: Compiled | None) -> Callable[[Array, Any], Array]:
    return lambda x, arrays: arrays["direct"].hessian(x, push)
