"""A generalised linear model on its rows: its value, derivatives and other products with X."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from steepest.data.sparse.segments import dense, rows_of
from steepest.derivatives.differences import EPS
from steepest.derivatives.objective import LEAST_PART
from steepest.derivatives.tracing.tracer import Traced, stack
from steepest.models.losses.base import Loss
from steepest.types import Array, PyTree

# Stands for a loss of the user's own, of which only the values are known.
UNKNOWN = Loss()
# A Hessian whose condition number is larger may differ from a singular one by rounding errors alone. Measured on 960
# fits with Huber's loss: 100 times more or less changes nothing.
SINGULAR = 0.01 / EPS


@dataclass(frozen=True)
class Glm:
    """The objective f(θ) = Σ pᵢ ℓ(aᵢᵀθ, yᵢ) + λ/2 ‖T u‖² in coordinates θ = (u, b), with aᵢ = (xᵢ, 1) and Σ pᵢ = 1.

    A product reads X once, a block of rows at a time. If a row has several outputs, θ is a matrix with a column
    for each output, stored as one vector.

    Attributes
    ----------
    X, y, weight : array
        The rows, their targets and weights, padded to whole blocks by rows of weight 0.
    mass : float
        The sum of the weights.
    ridge : float
        λ.
    transform : array or None
        T, which maps u to coefficients in the user's units: a matrix, or the vector of its diagonal. None without
        a penalty.
    smoothing : float or None
        μ, the smoothing of a loss with kinks; None for the loss itself.
    lowest : float
        A lower bound on f.
    loss : Loss
        ℓ, written in NumPy.
    block : int
        The number of rows in a block.
    is_whitened : bool
        Whether the columns are whitened, so that the Hessian of the squared loss is 2 I.
    """

    X: Array
    y: Array
    weight: Array
    mass: Array
    ridge: Array
    transform: Array | None
    smoothing: Array | None
    lowest: Array
    loss: Loss
    block: int
    is_whitened: bool = False

    def reshape(self, theta: Array) -> Array:
        """Return θ with a column for each output and the intercepts in the last row; unchanged for a single output."""
        return theta.reshape(-1, self.loss.outputs) if self.loss.outputs else theta

    def over_blocks(
        self, part: Callable[..., tuple[PyTree, PyTree]], zeros: PyTree, *columns: Array
    ) -> tuple[PyTree, PyTree]:
        """Call ``part(X, p, *columns)`` on each block; it returns sums over the block, and results for each row.

        Return the sums over all blocks, and the results for all rows in order. `zeros` has the shape of the sums.
        """
        arrays = (self.X, self.weight / self.mass, *columns)
        if len(self.y) == self.block:
            return part(*arrays)

        def add(total: PyTree, k: Array) -> tuple[PyTree, PyTree]:
            new, rows = part(*(rows_of(a, k * self.block, self.block) for a in arrays))
            return jax.tree.map(jnp.add, total, new), rows

        total, rows = jax.lax.scan(add, zeros, jnp.arange(len(self.y) // self.block))
        return total, jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), rows)

    def along(self, d: Array) -> Array:
        """Return A d: how far a step d moves the outputs of each row."""
        d = self.reshape(d)
        return self.over_blocks(lambda X, p: ((), X @ d[:-1] + d[-1]), ())[1]

    def losses(self, z: Array, y: Array, p: Array) -> tuple[Array, Array, Array]:
        """Return p ℓ, p ℓ′ and p ℓ″ of each row, 0 for a row of weight 0 even if its loss is not finite.

        With several outputs ℓ″ is a matrix for each row.
        """

        def value(z: Array) -> Array:
            if self.smoothing is None:
                return stack(self.loss(Traced(z), Traced(y)))
            return stack(self.loss.smoothed(Traced(z), Traced(y), Traced(self.smoothing)))

        if not self.loss.outputs:
            one = jnp.ones_like(z)
            (loss, first), (_, second) = jax.jvp(lambda z: jax.jvp(value, (z,), (one,)), (z,), (one,))
            return weighted(p, loss), weighted(p, first), weighted(p, second)
        slope = jax.grad(lambda z: value(z).sum())
        units = jnp.eye(self.loss.outputs)
        second = jax.vmap(lambda unit: jax.jvp(slope, (z,), (jnp.broadcast_to(unit, z.shape),))[1], out_axes=-1)(units)
        return weighted(p, value(z)), weighted(p[:, None], slope(z)), weighted(p[:, None, None], second)

    def curvature_product(self, second: Array, along: Array) -> Array:
        """Return p ℓ″ A d, from p ℓ″ and A d."""
        return jnp.einsum("nkl,nl->nk", second, along) if self.loss.outputs else second * along

    def unsmoothed(self, theta: Array, z: Array) -> Array:
        """Return f with the loss itself, without smoothing."""
        loss = stack(self.loss(Traced(z), Traced(self.y)))
        w = self.weights(theta)
        return jnp.where(self.weight > 0, self.weight / self.mass * loss, 0.0).sum() + self.ridge / 2 * (w @ w)

    def without_common_shift(self, d: Array) -> Array:
        """Return a step without its common shift: the mean step of the intercepts is subtracted from each.

        A common shift changes no prediction. Only a loss with an output for each class has such a shift.
        """
        if not self.loss.apart:
            return d
        by_output = self.reshape(d)
        return by_output.at[-1].add(-by_output[-1].mean()).ravel()

    def reference_value(self, value: Array) -> Array:
        """Return the value from which progress is measured: the least of the values at the start and at two constants.

        The constants are predictions of 0 and of the mean target. A tolerance is a share of the descent. Measured from
        a start far from the targets, the descent would be huge.
        """
        # Zeros that depend on y: XLA would evaluate the losses of constant zeros row by row while it compiles.
        zero = 0.0 * self.y
        if self.loss.outputs:
            zero = jnp.tile(zero[:, None], self.loss.outputs)
        levels = [zero]
        if not self.loss.outputs:
            mean = self.weight / self.mass @ self.y
            levels.append(zero + stack(self.loss.link(Traced(mean))))
        origin = jnp.zeros((self.X.shape[1] + 1) * max(self.loss.outputs, 1))
        values = jnp.stack([value, *(self.unsmoothed(origin, level) for level in levels)])
        return jnp.min(values, where=jnp.isfinite(values), initial=jnp.inf)

    def target_gap(self, tolerance: Array, first: Array, value: Array) -> Array:
        """Return the gap at which to stop, after a descent from `first` to `value`: see `Objective.scale`.

        A tolerance below 0 is a share of the remaining loss, wherever the descent began.
        """
        descent = first - value
        left = -tolerance * jnp.where(jnp.isfinite(self.lowest), value - self.lowest, jnp.abs(value))
        return jnp.where(tolerance < 0, left, tolerance * jnp.clip(value - self.lowest, LEAST_PART * descent, descent))

    def rounding(self, value: Array) -> Array:
        """Return the rounding error of a value: a share of the value, plus the squared rounding of the slopes."""
        p = self.weight / self.mass
        hidden = (4 * EPS * (p @ stack(self.loss.terms(Traced(self.y))))) ** 2
        if self.loss.kinked:
            # A kinked loss has the unit of the targets, and its slopes have none.
            hidden = hidden * (p @ jnp.abs(self.y))
        return 4 * EPS * jnp.abs(value) + hidden

    def at_the_lowest(self, value: Array) -> Array:
        """Tell whether a value is the least possible value, up to its rounding error."""
        return jnp.asarray(self.loss.vanishes) & (value - self.lowest <= self.rounding(value))

    def fenchel_young_gap(self, z: Array, along: Array) -> Array:
        """Return Σ pᵢ Δᵢ, where Δᵢ is how far the tangent of slope ℓ′ + ℓ″ A d lies below ℓ at zᵢ."""
        here = Traced(z), Traced(self.y), Traced(along)
        if self.smoothing is None:
            gaps = self.loss.fenchel_young_gap(*here)
        else:
            gaps = self.loss.smoothed_fenchel_young_gap(*here, Traced(self.smoothing))
        return jnp.where(self.weight > 0, self.weight / self.mass * stack(gaps), 0.0).sum()

    def weights(self, theta: Array) -> Array:
        """Return T u as one vector, which is empty if there is no penalty."""
        return jnp.zeros(0) if self.transform is None else _times(self.transform, self.reshape(theta)[:-1]).ravel()

    def penalty_gradient(self, theta: Array) -> Array:
        """Return the gradient of the penalty, λ (Tᵀ T u, 0)."""
        if self.transform is None:
            return jnp.zeros_like(theta)
        w = _times(self.transform, self.reshape(theta)[:-1])
        by_u = self.transform.T @ w if self.transform.ndim == 2 else _times(self.transform, w)
        return self.ridge * jnp.concatenate([by_u.ravel(), jnp.zeros(max(self.loss.outputs, 1))])

    def value_and_grad(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return f, its gradient and z = A θ, in one reading of X."""
        return self._read(theta, False)[:3]

    def value_grad_hessian(self, theta: Array) -> tuple[Array, Array, Array, Array]:
        """Return f, its gradient, z = A θ and the Hessian, in one reading of X."""
        return self._read(theta, True)

    def hessian(self, theta: Array) -> Array:
        """Return the Hessian of f, Aᵀ diag(p ℓ″) A + λ Tᵀ T."""
        return self._read(theta, True)[3]

    def _read(self, theta: Array, with_hessian: bool) -> tuple[Array, Array, Array, Array]:
        by_output = self.reshape(theta)
        u, b, size = by_output[:-1], by_output[-1], theta.size

        def part(X: Array, p: Array, y: Array) -> tuple[PyTree, Array]:
            z = X @ u + b
            loss, first, second = self.losses(z, y, p)
            gradient = jnp.concatenate([(first.T @ X).T.ravel(), first.sum(axis=0).reshape(-1)])
            return (loss.sum(), gradient, gram(X, second) if with_hessian else ()), z

        none = jnp.zeros((size, size)) if with_hessian else ()
        (value, gradient, H), z = self.over_blocks(part, (jnp.zeros(()), jnp.zeros_like(theta), none), self.y)
        if self.transform is None:
            return value, gradient, z, H
        w = self.weights(theta)
        value, gradient = value + self.ridge / 2 * (w @ w), gradient + self.penalty_gradient(theta)
        return value, gradient, z, H + jax.jacfwd(self.penalty_gradient)(theta) if with_hessian else H


jax.tree_util.register_dataclass(
    Glm, ["X", "y", "weight", "mass", "ridge", "transform", "smoothing", "lowest"], ["loss", "block", "is_whitened"]
)


def weighted(p: Array, part: Array) -> Array:
    """Return p times each row's loss or derivative; 0 for a row of weight 0, even if its loss is not finite."""
    return jnp.where(p > 0, p * part, 0.0)


def gram(X: Array, second: Array) -> Array:
    """Return Aᵀ diag(p ℓ″) A for a block of rows; `second` is p ℓ″, a number or a matrix for each row."""
    A = jnp.c_[dense(X), jnp.ones(len(X))]
    if second.ndim == 1:
        return A.T @ (second[:, None] * A)
    size = A.shape[1] * second.shape[-1]
    return jnp.einsum("ni,nkl,nj->ikjl", A, second, A, optimize=[(0, 1), (0, 1)]).reshape(size, size)


def whitening(hessian: Array, gradient: Array) -> tuple[Array, Array]:
    """Return M with Mᵀ H M = I, by Cholesky, and a bound on the condition number of H scaled to a unit diagonal.

    The bound is infinite if H is not positive definite, or only by rounding errors. A coordinate with neither
    curvature nor slope is left out of M and of the bound.
    """
    diagonal = jnp.diag(hessian)
    alive = diagonal != 0
    of_alive = jnp.outer(alive, alive)
    scale = jnp.where(alive, jnp.sqrt(diagonal), 1.0)
    factor = jnp.linalg.cholesky(hessian / jnp.outer(scale, scale) + jnp.diag(jnp.where(alive, 0.0, 1.0)))
    inverse = jax.scipy.linalg.solve_triangular(factor, jnp.eye(len(hessian)), lower=True)
    metric = jnp.where(alive[:, None], (inverse / scale).T, 0.0)
    condition = jnp.sum(factor**2, where=of_alive) * jnp.sum(inverse**2, where=of_alive)
    sound = jnp.all(jnp.isfinite(metric)) & (condition < SINGULAR) & ~jnp.any(~alive & (gradient != 0))
    return metric, jnp.where(sound, condition, jnp.inf)


def _times(transform: Array, u: Array) -> Array:
    if transform.ndim == 2:
        return transform @ u
    return transform[:, None] * u if u.ndim == 2 else transform * u
