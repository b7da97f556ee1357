"""A generalised linear model on its rows: the few products with X that descent and certificates are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from steepest.data.sparse import dense, rows_of
from steepest.derivatives.tracing import Traced, stack
from steepest.models.losses import Loss, log_loss, poisson, squared

Array = Any

# Convex and self-concordant along lines, |ℓ‴| ≤ ℓ″, on which the search and the certificate rest.
CONVEX = (squared, log_loss, poisson)


@dataclass(frozen=True)
class Glm:
    """The objective f(θ) = Σ pᵢ ℓ(aᵢᵀθ, yᵢ) + λ/2 ‖T u‖² in coordinates θ = (u, b), with aᵢ = (xᵢ, 1) and Σ pᵢ = 1.

    Rows lie in blocks, so that X is read once for a product with it.

    Attributes
    ----------
    X, y, weight : array
        The rows, padded to whole blocks by rows of weight 0.
    mass : float
        The sum of the weights.
    ridge : float
        λ.
    turn : array or None
        T, which makes coefficients in the user's units of u: a matrix, or the diagonal of one; None where λ = 0.
    loss : callable
        ℓ, in NumPy.
    block : int
        Rows a block.
    """

    X: Array
    y: Array
    weight: Array
    mass: Array
    ridge: Array
    turn: Array | None
    loss: Loss
    block: int

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
        """Return A d, one number a row."""
        return self.over_blocks(lambda X, p: ((), X @ d[:-1] + d[-1]), ())[1]

    def losses(self, z: Array, y: Array, p: Array) -> tuple[Array, Array, Array]:
        """Return p ℓ, p ℓ′ and p ℓ″ of each row; a row of weight 0 is none, whatever its loss."""
        one = jnp.ones_like(z)

        def value(z: Array) -> Array:
            return stack(self.loss(Traced(z), Traced(y)))

        def slope(z: Array) -> tuple[Array, Array]:
            return jax.jvp(value, (z,), (one,))

        (loss, first), (_, second) = jax.jvp(slope, (z,), (one,))
        return tuple(jnp.where(p > 0, p * part, 0.0) for part in (loss, first, second))  # type: ignore[return-value]

    def weights(self, u: Array) -> Array:
        """Return T u, of no length where nothing is penalised."""
        if self.turn is None:
            return jnp.zeros(0)
        return self.turn @ u if self.turn.ndim == 2 else self.turn * u

    def push(self, u: Array) -> Array:
        """Return the gradient of the penalty, λ Tᵀ T u."""
        if self.turn is None:
            return jnp.zeros_like(u)
        return self.ridge * (self.turn.T @ self.weights(u)) if self.turn.ndim == 2 else self.ridge * self.turn**2 * u

    def slope(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return f, its gradient and z = A θ, in one reading of X."""
        u, b = theta[:-1], theta[-1]

        def part(X: Array, p: Array, y: Array) -> tuple[Any, Array]:
            z = X @ u + b
            loss, first, _ = self.losses(z, y, p)
            return (loss.sum(), jnp.append(first @ X, first.sum())), z

        (value, gradient), z = self.over_blocks(part, (jnp.zeros(()), jnp.zeros_like(theta)), self.y)
        if self.turn is None:
            return value, gradient, z
        w = self.weights(u)
        return value + self.ridge / 2 * (w @ w), gradient + jnp.append(self.push(u), 0.0), z

    def hessian(self, theta: Array) -> Array:
        """Return the Hessian of f, Aᵀ diag(p ℓ″) A + λ Tᵀ T."""

        def part(X: Array, p: Array, y: Array) -> tuple[Array, tuple[()]]:
            second = self.losses(X @ theta[:-1] + theta[-1], y, p)[2]
            A = jnp.c_[dense(X), jnp.ones(len(X))]
            return A.T @ (second[:, None] * A), ()

        total, _ = self.over_blocks(part, jnp.zeros((theta.size, theta.size)), self.y)
        if self.turn is None:
            return total
        bend = self.turn.T @ self.turn if self.turn.ndim == 2 else jnp.diag(self.turn**2)
        return total.at[:-1, :-1].add(self.ridge * bend)


def whitened(hessian: Array) -> tuple[Array, Array]:
    """Return M with Mᵀ H M = I, by Cholesky, and the condition number of H scaled to a unit diagonal.

    Neither is finite where H is not positive definite. What H has no curvature along is left out of both.
    """
    diagonal = jnp.diag(hessian)
    alive = diagonal != 0
    scale = jnp.where(alive, jnp.sqrt(diagonal), 1.0)
    factor = jnp.linalg.cholesky(hessian / jnp.outer(scale, scale) + jnp.diag(jnp.where(alive, 0.0, 1.0)))
    inverse = jax.scipy.linalg.solve_triangular(factor, jnp.eye(len(hessian)), lower=True)
    metric = jnp.where(alive[:, None], (inverse / scale).T, 0.0)
    return metric, (factor**2).sum() * (inverse**2).sum()


def length(metric: Array, g: Array) -> Array:
    """Return ‖g‖ as H⁻¹ = M Mᵀ measures it, infinite where there is slope without curvature."""
    flat = jnp.all(metric == 0, axis=1)
    return jnp.where(jnp.any(flat & (g != 0)), jnp.inf, jnp.linalg.norm(metric.T @ g))


jax.tree_util.register_dataclass(Glm, ["X", "y", "weight", "mass", "ridge", "turn"], ["loss", "block"])
