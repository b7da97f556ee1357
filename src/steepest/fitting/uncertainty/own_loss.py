"""The derivatives of a loss that the user wrote, by the outputs of the model."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.precision import compiled_code
from steepest.derivatives.tracing.tracer import Traced, stack
from steepest.fitting.uncertainty.families import Family
from steepest.types import Function

# The step of the differences with five points, relative to the output: their error is about eps^(2/3) in ℓ″.
STEP = float(np.finfo(float).eps) ** (1 / 6)
# A traced loss must agree with a plain call to this share of its largest value.
AGREES = 1e-10


def own_family(loss: Function) -> Family:
    """Return a loss of the user's own as minus a log likelihood, with its observed curvature.

    Parameters
    ----------
    loss : callable
        A function of outputs and targets that returns one number a row.

    Returns
    -------
    Family
        The family.
    """

    def curved(z: np.ndarray, y: np.ndarray) -> np.ndarray:
        return slopes(loss, z, y)[1]

    return Family(
        "inverse Hessian of your own loss, taken as minus a log likelihood",
        lambda z, y: slopes(loss, z, y)[0],
        lambda z, y: np.sqrt(np.maximum(curved(z, y), 0.0)),
        curved=curved,
    )


def slopes(loss: Function, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ℓ′ and ℓ″ of each row: exact if the loss can be traced, else by differences.

    Parameters
    ----------
    loss : callable
        The loss.
    z, y : array of shape (rows,)
        Outputs and targets.

    Returns
    -------
    first, second : array of shape (rows,)
        The derivatives by z.

    Examples
    --------
    >>> slopes(lambda z, y: (z - y) ** 4, np.array([2.0]), np.array([1.0]))
    (array([4.]), array([12.]))
    """
    return _traced(loss, z, y) or _by_differences(loss, z, y)


def _traced(loss: Function, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    def value(z: jax.Array) -> jax.Array:
        return stack(loss(Traced(z), Traced(y)))

    plain = np.asarray(loss(z, y), dtype=float)
    try:
        with compiled_code():
            one = jnp.ones(z.shape)
            (found, first), (_, second) = jax.jvp(lambda z: jax.jvp(value, (z,), (one,)), (jnp.asarray(z),), (one,))
            found, first, second = (np.asarray(part) for part in (found, first, second))
    except Exception:  # noqa: BLE001 - the user's loss may be code that JAX can't trace, and raise anything
        return None
    apart = np.abs(found - plain).max(initial=0.0)
    sound = np.isfinite(first).all() and np.isfinite(second).all() and apart <= AGREES * np.abs(plain).max(initial=0.0)
    return (first, second) if sound else None


def _by_differences(loss: Function, z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    h = STEP * np.maximum(np.abs(z), 1.0)
    back2, back, here, there, there2 = (np.asarray(loss(z + k * h, y), dtype=float) for k in (-2, -1, 0, 1, 2))
    first = (8 * (there - back) - (there2 - back2)) / (12 * h)
    return first, (16 * (there + back) - 30 * here - (there2 + back2)) / (12 * h**2)
