"""The objective of a linear model, built from products with its rows: only the loss and the penalty are traced.

The same code serves dense and sparse rows, and runs on all rows or in batches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from steepest.data.batches import Layout
from steepest.data.sparse.csr import is_sparse
from steepest.data.sparse.segments import picked_from
from steepest.derivatives.compiled import Compiled, recalled, remember
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import compiled_code, precisely
from steepest.derivatives.serving.serve import serve
from steepest.derivatives.structure import Calling, Structure
from steepest.fitting.limits import CERTIFIED
from steepest.fitting.linear import own_loss, sparse_epoch
from steepest.fitting.linear.glm import Glm
from steepest.fitting.linear.own_loss import OwnGlm
from steepest.fitting.linear.spec import LinearSpec
from steepest.fitting.objective import (
    HEAVY,
    ArrangedRows,
    CompiledHessian,
    batch_mass,
    batch_of,
    epoch_of,
    key_of,
    order_of,
    sizes_of,
)
from steepest.models.losses import Loss
from steepest.rules.pair import Rules
from steepest.types import Array, PyTree


@dataclass(frozen=True)
class Direct:
    """The objective Σ pᵢ ℓ(aᵢᵀθ, yᵢ) plus a penalty: quadratic, Σ λⱼ |θⱼ|, or the user's own function, traced.

    Attributes
    ----------
    glm : Glm
        The losses, with the quadratic penalty.
    kinks : array or None
        λⱼ, for each coordinate; None without an L1 penalty.
    penalty_arrays : tuple
        The arrays that the user's penalty reads.
    """

    glm: Glm
    kinks: Array | None
    penalty_arrays: tuple[Array, ...]

    def value_and_grad(self, x: Array, user_penalty: Compiled | None) -> tuple[Array, Array]:
        """Return the value and the gradient."""
        value, gradient, _ = self.glm.value_and_grad(x)
        if self.kinks is not None:
            value, gradient = value + self.kinks @ jnp.abs(x), gradient + self.kinks * jnp.sign(x)
        if user_penalty is None:
            return value, gradient
        cost, penalty_gradient = user_penalty.pure(x, self.penalty_arrays)
        return value + cost, gradient + penalty_gradient

    def hessian(self, x: Array, user_penalty: Compiled | None) -> Array:
        """Return the Hessian; an L1 penalty adds nothing to it away from its kinks."""
        hessian = self.glm.hessian(x)
        if user_penalty is None:
            return hessian
        return hessian + jax.jacfwd(lambda x: user_penalty.pure(x, self.penalty_arrays)[1])(x)

    def on(self, rows: tuple[Array, Array, Array], mass: Array, size: int) -> Direct:
        """Return the objective on a batch of rows; products are computed in the precision of the rows."""
        X, y, weight = rows
        X = X if X.dtype == jnp.float64 else AsPrecise(X)
        return replace(self, glm=replace(self.glm, X=X, y=y, weight=weight, mass=mass, block=size))


jax.tree_util.register_dataclass(Direct, ["glm", "kinks", "penalty_arrays"], [])


@dataclass(frozen=True)
class AsPrecise:
    """Rows whose products are computed in the precision of the rows.

    Gradients of two batches differ by far more than rounding errors of single precision, so double would gain nothing.
    """

    rows: Array

    # With None here, NumPy leaves products of its arrays with these rows to the methods below.
    __array_ufunc__ = None

    def __matmul__(self, u: Array) -> Array:
        return (self.rows @ u.astype(self.rows.dtype)).astype(u.dtype)

    def __rmatmul__(self, r: Array) -> Array:
        return (r.astype(self.rows.dtype) @ self.rows).astype(r.dtype)


def direct(problem: LinearSpec, rows: ArrangedRows, seed: int) -> tuple[Objective, Calling] | None:
    """Return the objective of a linear model and the layout of its parameters.

    Return None if the model must be traced as a whole, with its rows: for the user's own loss on dense rows, and if a
    loss or a penalty can't be traced.
    """
    served = None
    if not isinstance(problem.loss, Loss):
        if not is_sparse(problem.X):
            return None
        served = own_loss.serve_loss(problem)
        # If z, y or w became constants of the traced code, the loss can't be evaluated for other rows.
        if served.compiled is None or len(served.arrays) < 3:
            return None
    structure, x = Structure.of(problem.start)
    calling = Calling(structure, spread=False)
    penalty = None if problem.has_known_penalty else problem.penalty()
    served_penalty = serve(penalty, calling, x) if penalty else None
    if served_penalty is not None and served_penalty.compiled is None:
        return None
    layout, user_penalty = rows.layout, served_penalty.compiled if served_penalty else None
    batched = layout.batches > 1
    loss = served.key if served else problem.loss
    even = problem.scales is None
    known_by = served_penalty.key if served_penalty else None
    key = ("direct", loss, layout if batched else layout.block, known_by, even)

    def make() -> Compiled:
        made = _compiled(user_penalty, layout, even)
        made.loops["penalty"] = user_penalty
        return made

    compiled = recalled(key, Compiled, make)
    if compiled.loops["penalty"] is not user_penalty:
        compiled = make()
    remember(key, compiled)
    with compiled_code():
        data = jax.device_put((rows.X, rows.y, rows.weight))
        kinks = jax.device_put(problem.kinks) if problem.kinks.any() else None
    glm = problem.glm(data, rows)
    penalty_arrays = tuple(served_penalty.arrays) if served_penalty else ()
    arrays = {
        "direct": Direct(OwnGlm.of(glm, served) if served else glm, kinks, penalty_arrays),
        "batch_mass": batch_mass(rows),
        "seed": seed,
    }
    known, plain = compiled, Plain(problem, rows)
    sentence = "exact: the loss was traced, and the products with the rows compiled"
    objective = Objective(x.size, plain, lambda x: known(x, arrays), "traced", sentence, known, arrays, key=key)
    objective.heavy = rows.X.size > HEAVY
    if objective.heavy and x.size <= CERTIFIED:
        objective.hessian = CompiledHessian(known.loop("hessian", lambda: _hessian(user_penalty)), arrays)
    return objective, calling


@dataclass(frozen=True)
class Plain:
    """The objective in NumPy, which calls the loss and the penalty untraced."""

    problem: LinearSpec
    rows: ArrangedRows

    def __call__(self, x: np.ndarray) -> float:
        total, penalty = self.problem.total(), self.problem.penalty()
        value = 0.0
        for X, y, weight in self.problem.plain_rows(self.rows):
            value += float(precisely(partial(total, X=X, y=y, weight=weight), x))
        return value / self.rows.mass + (float(precisely(penalty, x)) if penalty else 0.0)


def _compiled(user_penalty: Compiled | None, layout: Layout, even: bool) -> Compiled:
    """Return the compiled objective; `even` tells whether the penalty has one strength for all coefficients."""
    compiled = Compiled(lambda x, arrays: arrays["direct"].value_and_grad(x, user_penalty))

    def on_rows(x: Array, rows: Array, mass: Array, arrays: dict[str, PyTree]) -> tuple[Array, Array]:
        glm = arrays["direct"].glm
        batch = tuple(picked_from(a, rows) for a in (glm.X, glm.y, glm.weight))
        return arrays["direct"].on(batch, mass, rows.size).value_and_grad(x, user_penalty)

    compiled.on_rows = on_rows
    if layout.batches > 1:

        def on_batch(x: Array, i: Array, order: Array, arrays: dict[str, PyTree]) -> tuple[Array, Array]:
            glm = arrays["direct"].glm
            batch = batch_of(layout, (glm.X, glm.y, glm.weight), order, i)[1]
            return arrays["direct"].on(batch, arrays["batch_mass"], layout.size).value_and_grad(x, user_penalty)

        by_gradients = epoch_of(layout, on_batch)

        def epoch(
            rules: Rules, x: Array, memory: PyTree, number: Array, arrays: PyTree, sizes: Array, first: Array
        ) -> tuple[Array, PyTree, Array]:
            """Go through the batches once; return the point, the memory and the last step size."""
            here = arrays["direct"]
            alike = user_penalty is None and here.kinks is None and even
            if not alike or not sparse_epoch.serves(rules, here.glm):
                return by_gradients(rules, x, memory, number, arrays, sizes, first)
            size = sizes_of(layout, rules, number, sizes, first)
            order = order_of(layout, key_of(arrays, number))
            x = sparse_epoch.epoch(here.glm, layout, arrays["batch_mass"], x, order, lambda i: size(i, memory))
            return x, memory, size(layout.batches - 1, memory)

        compiled.epoch, compiled.updates = epoch, layout.batches
    return compiled


def _hessian(user_penalty: Compiled | None) -> Callable[[Array, PyTree], Array]:
    return lambda x, arrays: arrays["direct"].hessian(x, user_penalty)
