"""A generalised linear model on its rows: the few products with X that descent and certificates are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from steepest.data.sparse.segments import dense, rows_of
from steepest.derivatives.differences import EPS
from steepest.derivatives.objective import LEAST_PART
from steepest.derivatives.tracing.tracer import Traced, stack
from steepest.models.losses.base import Loss

Array = Any


@dataclass(frozen=True)
class Glm:
    """The objective f(θ) = Σ pᵢ ℓ(aᵢᵀθ, yᵢ) + λ/2 ‖T u‖² in coordinates θ = (u, b), with aᵢ = (xᵢ, 1) and Σ pᵢ = 1.

    Rows lie in blocks, so that X is read once for a product with it. Where a row has several outputs,
    θ is a matrix with a column for each, as one vector.

    Attributes
    ----------
    X, y, weight : array
        The rows, padded to whole blocks by rows of weight 0.
    mass : float
        The sum of the weights.
    ridge : float
        λ.
    transform : array or None
        T, which makes coefficients in the user's units of u: a matrix, or the diagonal of one; None where λ = 0.
    smoothing : float or None
        How softly a kinked loss is taken.
    lowest : float
        What no value of f is below.
    loss : Loss
        ℓ, in NumPy.
    block : int
        Rows a block.
    is_whitened : bool
        Whether the columns are such that the Hessian of the squared loss is 2 I.
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
        """Return θ with a row a column of X and one for the intercept, and a column an output."""
        return theta.reshape(-1, self.loss.outputs) if self.loss.outputs else theta

    def per_output(self, numbers: Array) -> Array:
        """Return one number a row in the shape of outputs."""
        return numbers[:, None] if self.loss.outputs else numbers

    def over_blocks(self, part: Callable[..., tuple[Any, Any]], sums: Any, *columns: Array) -> tuple[Any, Any]:
        """Return the sums and the stacked rows of ``part(X, p, *columns)``, a block of rows at a time."""
        arrays = (self.X, self.weight / self.mass, *columns)
        if len(self.y) == self.block:
            return part(*arrays)

        def add(total: Any, k: Array) -> tuple[Any, Any]:
            new, rows = part(*(rows_of(a, k * self.block, self.block) for a in arrays))
            return jax.tree.map(jnp.add, total, new), rows

        total, rows = jax.lax.scan(add, sums, jnp.arange(len(self.y) // self.block))
        return total, jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), rows)

    def along(self, d: Array) -> Array:
        """Return A d, the outputs of each row."""
        d = self.reshape(d)
        return self.over_blocks(lambda X, p: ((), X @ d[:-1] + d[-1]), ())[1]

    def losses(self, z: Array, y: Array, p: Array) -> tuple[Array, Array, Array]:
        """Return p ℓ, p ℓ′ and p ℓ″ of each row; a row of weight 0 is none, whatever its loss.

        With several outputs ℓ″ is a matrix a row.
        """

        def value(z: Array) -> Array:
            if self.smoothing is None:
                return stack(self.loss(Traced(z), Traced(y)))
            return stack(self.loss.smoothed(Traced(z), Traced(y), Traced(self.smoothing)))

        if self.loss.outputs:
            slope = jax.grad(lambda z: value(z).sum())
            ways = jnp.eye(self.loss.outputs)
            second = jax.vmap(lambda way: jax.jvp(slope, (z,), (jnp.broadcast_to(way, z.shape),))[1], out_axes=-1)(ways)
            parts = (value(z), p), (slope(z), p[:, None]), (second, p[:, None, None])
            return tuple(jnp.where(p > 0, p * part, 0.0) for part, p in parts)  # type: ignore[return-value]
        one = jnp.ones_like(z)
        (loss, first), (_, second) = jax.jvp(lambda z: jax.jvp(value, (z,), (one,)), (z,), (one,))
        return tuple(jnp.where(p > 0, p * part, 0.0) for part in (loss, first, second))  # type: ignore[return-value]

    def curvature_product(self, second: Array, along: Array) -> Array:
        """Return p ℓ″ A d, from p ℓ″ and A d."""
        return jnp.einsum("nkl,nl->nk", second, along) if self.loss.outputs else second * along

    def unsmoothed(self, theta: Array, z: Array) -> Array:
        """Return f with a kinked loss as it is."""
        loss = stack(self.loss(Traced(z), Traced(self.y)))
        w = self.weights(theta)
        return jnp.where(self.weight > 0, self.weight / self.mass * loss, 0.0).sum() + self.ridge / 2 * (w @ w)

    def without_common_shift(self, d: Array) -> Array:
        """Return a step without what it adds to the intercepts of all classes alike, which changes nothing."""
        if not self.loss.apart:
            return d
        shaped = self.reshape(d)
        return shaped.at[-1].add(-shaped[-1].mean()).ravel()

    def reference_value(self, value: Array) -> Array:
        """Return from where a descent is counted: the value at its start, or of 0 or the mean where that is less.

        Far from the targets a start would make any part of the descent a large number.
        """
        # Not a constant, which would be worked out while compiling, row by row.
        nothing = 0.0 * self.y
        if self.loss.outputs:
            nothing = jnp.tile(nothing[:, None], self.loss.outputs)
        levels = [nothing]
        if not self.loss.outputs:
            mean = self.weight / self.mass @ self.y
            levels.append(nothing + stack(self.loss.link(Traced(mean))))
        origin = jnp.zeros((self.X.shape[1] + 1) * max(self.loss.outputs, 1))
        values = jnp.stack([value, *(self.unsmoothed(origin, level) for level in levels)])
        return jnp.min(values, where=jnp.isfinite(values), initial=jnp.inf)

    def target_gap(self, tolerance: Array, first: Array, value: Array) -> Array:
        """Return how near the optimum is near enough, after a descent from a first value: see `Objective.scale`.

        A tolerance below 0 is a part of what is left of the loss, wherever the descent began.
        """
        descent = first - value
        left = -tolerance * jnp.where(jnp.isfinite(self.lowest), value - self.lowest, jnp.abs(value))
        return jnp.where(tolerance < 0, left, tolerance * jnp.clip(value - self.lowest, LEAST_PART * descent, descent))

    def rounding(self, value: Array) -> Array:
        """Return by how much rounding may change a value: a part of it, and what rounded slopes are squared."""
        slope = self.weight / self.mass @ stack(self.loss.terms(Traced(self.y)))
        return 4 * EPS * jnp.abs(value) + (4 * EPS * slope) ** 2

    def at_the_lowest(self, value: Array) -> Array:
        """Tell whether a value is, to rounding, the least that any can be."""
        return jnp.asarray(self.loss.vanishes) & (value - self.lowest <= self.rounding(value))

    def fenchel_young_gap(self, z: Array, along: Array) -> Array:
        """Return Σ pᵢ by which the tangents of slope ℓ′ + ℓ″ A d lie below ℓ."""
        here = Traced(z), Traced(self.y), Traced(along)
        if self.smoothing is None:
            short = self.loss.fenchel_young_gap(*here)
        else:
            short = self.loss.smoothed_fenchel_young_gap(*here, Traced(self.smoothing))
        return jnp.where(self.weight > 0, self.weight / self.mass * stack(short), 0.0).sum()

    def weights(self, theta: Array) -> Array:
        """Return T u as one vector, of no length where nothing is penalised."""
        return jnp.zeros(0) if self.transform is None else self._turned(self.reshape(theta)[:-1]).ravel()

    def penalty_gradient(self, theta: Array) -> Array:
        """Return the gradient of the penalty, λ (Tᵀ T u, 0)."""
        if self.transform is None:
            return jnp.zeros_like(theta)
        u = self.reshape(theta)[:-1]
        pull = self.transform.T @ self._turned(u) if self.transform.ndim == 2 else self._turned(self._turned(u))
        return self.ridge * jnp.concatenate([pull.ravel(), jnp.zeros(max(self.loss.outputs, 1))])

    def _turned(self, u: Array) -> Array:
        assert self.transform is not None
        if self.transform.ndim == 2:
            return self.transform @ u
        return self.transform[:, None] * u if u.ndim == 2 else self.transform * u

    def value_and_grad(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return f, its gradient and z = A θ, in one reading of X."""
        return self._read(theta, False)[:3]

    def value_grad_hessian(self, theta: Array) -> tuple[Array, Array, Array, Array]:
        """Return f, its gradient, z = A θ and the Hessian, in one reading of X."""
        return self._read(theta, True)

    def hessian(self, theta: Array) -> Array:
        """Return the Hessian of f, Aᵀ diag(p ℓ″) A + λ Tᵀ T."""
        return self._read(theta, True)[3]

    def _read(self, theta: Array, bent: bool) -> tuple[Array, Array, Array, Array]:
        shaped = self.reshape(theta)
        u, b, size = shaped[:-1], shaped[-1], theta.size

        def part(X: Array, p: Array, y: Array) -> tuple[Any, Array]:
            z = X @ u + b
            loss, first, second = self.losses(z, y, p)
            gradient = jnp.concatenate([(first.T @ X).T.ravel(), first.sum(axis=0).reshape(-1)])
            return (loss.sum(), gradient, self._gram(X, second) if bent else ()), z

        none = jnp.zeros((size, size)) if bent else ()
        (value, gradient, gram), z = self.over_blocks(part, (jnp.zeros(()), jnp.zeros_like(theta), none), self.y)
        if self.transform is None:
            return value, gradient, z, gram
        w = self.weights(theta)
        value, gradient = value + self.ridge / 2 * (w @ w), gradient + self.penalty_gradient(theta)
        return value, gradient, z, gram + jax.jacfwd(self.penalty_gradient)(theta) if bent else gram

    def _gram(self, X: Array, second: Array) -> Array:
        A = jnp.c_[dense(X), jnp.ones(len(X))]
        if not self.loss.outputs:
            return A.T @ (second[:, None] * A)
        size = A.shape[1] * self.loss.outputs
        return jnp.einsum("ni,nkl,nj->ikjl", A, second, A, optimize=[(0, 1), (0, 1)]).reshape(size, size)


def whitening(hessian: Array, gradient: Array) -> tuple[Array, Array]:
    """Return M with Mᵀ H M = I, by Cholesky, and the condition number of H scaled to a unit diagonal.

    The number is infinite where H is not positive definite. A coordinate along which there is neither curvature
    nor slope is left out of both.
    """
    diagonal = jnp.diag(hessian)
    alive = diagonal != 0
    scale = jnp.where(alive, jnp.sqrt(diagonal), 1.0)
    factor = jnp.linalg.cholesky(hessian / jnp.outer(scale, scale) + jnp.diag(jnp.where(alive, 0.0, 1.0)))
    inverse = jax.scipy.linalg.solve_triangular(factor, jnp.eye(len(hessian)), lower=True)
    metric = jnp.where(alive[:, None], (inverse / scale).T, 0.0)
    sound = jnp.all(jnp.isfinite(metric)) & ~jnp.any(~alive & (gradient != 0))
    return metric, jnp.where(sound, (factor**2).sum() * (inverse**2).sum(), jnp.inf)


jax.tree_util.register_dataclass(
    Glm, ["X", "y", "weight", "mass", "ridge", "transform", "smoothing", "lowest"], ["loss", "block", "is_whitened"]
)
