"""The layers of a neural network: how its parameters lie in a flat vector, and the formula of its outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from steepest.types import Array, Function

# Waves a column, of this amplitude, in a member that has them. Chosen by measurement: a larger amplitude fits sharp
# edges sooner, and smooth tables of few rows worse.
WAVES, AMPLITUDE = 8, 0.25
# The coefficients of a polynomial in u² that is cos 2πu for |u| ≤ ½ within 4e-5, at a third of the time of a cosine.
COSINE = (0.9999598, -19.731040, 64.673388, -82.40319, 45.64566)
# Constants of SELU, with which the mean 0 and the variance 1 of a unit's inputs persist from layer to layer.
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def wave(t: Array) -> Array:
    """Return cos 2πt, to about four digits.

    Parameters
    ----------
    t : array
        Numbers of periods.

    Returns
    -------
    array
        The cosines.

    Examples
    --------
    >>> wave(np.array([0.0, 0.5, 1.25])).round(3)
    array([ 1., -1., -0.])
    """
    u = t - np.rint(t)
    q, value = u * u, 0.0
    for coefficient in reversed(COSINE):
        value = value * q + coefficient
    return value


def silu(z: Array) -> Array:
    """Return z / (1 + e⁻ᶻ), the default: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units" (2018).

    Parameters
    ----------
    z : array
        The inputs of units.

    Returns
    -------
    array
        Their outputs.

    Examples
    --------
    >>> silu(np.array([-100.0, 0.0, 100.0]))
    array([ -0.,   0., 100.])
    """
    # By tanh, neither the value nor the slope overflows.
    return z * (0.5 + 0.5 * np.tanh(0.5 * z))


def _relu(z: Array) -> Array:
    return np.maximum(z, 0.0)


def _gelu(z: Array) -> Array:
    """Hendrycks and Gimpel, "Gaussian error linear units" (2016), by their tanh."""
    return z * (0.5 + 0.5 * np.tanh(0.7978845608028654 * (z + 0.044715 * z * z * z)))


def _selu(z: Array) -> Array:
    """Klambauer et al., "Self-normalizing neural networks" (2017)."""
    return SELU_SCALE * np.where(z > 0, z, SELU_ALPHA * np.expm1(np.minimum(z, 0.0)))


def _mish(z: Array) -> Array:
    """Misra, "Mish: a self regularized non-monotonic activation function" (2019)."""
    return z * np.tanh(np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z))))


ACTIVATIONS: dict[str, Function] = {
    "silu": silu, "relu": _relu, "tanh": np.tanh, "gelu": _gelu, "selu": _selu, "mish": _mish,
}  # fmt: skip
# Takes the number of a hidden layer and its outputs, and returns the outputs with some units dropped.
Drop = Callable[[int, Array], Array]


@dataclass(frozen=True)
class Layers:
    """The formula of a member, h₀ = s x, hₖ = φ(hₖ₋₁ Wₖ / √dₖ₋₁ + bₖ), and the last layer without φ.

    Division by the root of the number dₖ₋₁ of inputs lets one step size suit layers of every width: Jacot, Gabriel and
    Hongler, "Neural tangent kernel" (2018). With waves, the first layer also gets a cos 2π(f h₀ + c) for several
    frequencies f of each column: Gorishniy, Rubachev and Babenko, "On embeddings for numerical features" (2022). The
    code is plain NumPy, which the kernel of the fit traces.

    Parameters
    ----------
    widths : tuple of int
        The numbers of columns, of the units of each hidden layer, and of outputs.
    activation : str
        The name of φ.
    waves, waving : int
        How many waves a column has, and how many columns have waves; 0 for none.

    Examples
    --------
    >>> Layers((2, 3, 1), "silu").shapes
    {'scales': (2,), 'weights 1': (2, 3), 'biases 1': (3,), 'weights 2': (3, 1), 'biases 2': (1,)}
    """

    widths: tuple[int, ...]
    activation: str
    waves: int = 0
    waving: int = 0

    @property
    def depth(self) -> int:
        """The number of layers with weights."""
        return len(self.widths) - 1

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the parameters by name, in the order of the flat vector."""
        columns, *units = self.widths
        shapes: dict[str, tuple[int, ...]] = {"scales": (columns,)}
        if self.waves:
            shapes |= dict.fromkeys(("frequencies", "phases"), (self.waves, self.waving))
        inputs = columns + self.waves * self.waving
        for k, width in enumerate(units, start=1):
            shapes |= {f"weights {k}": (inputs, width), f"biases {k}": (width,)}
            inputs = width
        return shapes

    @property
    def size(self) -> int:
        """The number of parameters."""
        return sum(map(math.prod, self.shapes.values()))

    def split(self, vector: Array) -> dict[str, Array]:
        """Return the parameters by name.

        Parameters
        ----------
        vector : array of shape (..., size)
            Flat vectors.

        Returns
        -------
        dict of str to array
            Parts of the vectors, in their shapes.
        """
        parts, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            parts[name] = vector[..., start:stop].reshape(*vector.shape[:-1], *shape)
            start = stop
        return parts

    @property
    def shrink(self) -> float:
        """The factor of the first layer, the reciprocal root of its inputs; a wave counts by its squared amplitude."""
        return 1 / math.sqrt(self.widths[0] + AMPLITUDE**2 * self.waves * self.waving)

    def inputs(self, parts: Mapping[str, Array], X: Array, chosen: Array) -> Array:
        """Return the inputs of the first layer: the scaled columns, then their waves.

        Parameters
        ----------
        parts : mapping of str to array
            The parameters by name.
        X : array of shape (rows, columns)
            The rows.
        chosen : array of shape (columns, waving)
            A 1 in each column, in the row of a column of X that has waves; zeros where there is none.

        Returns
        -------
        array of shape (rows, columns + waves · waving)
            The inputs.
        """
        h = X * parts["scales"]
        if not self.waves:
            return h
        # A product picks columns faster than an index, whose derivative is slow.
        periods = (h @ chosen)[:, None, :] * parts["frequencies"] + parts["phases"]
        waves = AMPLITUDE * chosen.sum(axis=0) * wave(periods)
        return np.concatenate([h, waves.reshape(waves.shape[0], -1)], axis=1)

    def outputs(
        self, parts: Mapping[str, Array], X: Array, chosen: Array, shrink: Array, drop: Drop = lambda layer, h: h
    ) -> Array:
        """Return the outputs of rows.

        Parameters
        ----------
        parts, X, chosen
            As for `inputs`.
        shrink : float
            The factor of the first layer.
        drop : callable
            Drops units of a hidden layer; none by default.

        Returns
        -------
        array of shape (rows, outputs)
            The outputs.
        """
        phi, h = ACTIVATIONS[self.activation], self.inputs(parts, X, chosen)
        for k in range(1, self.depth + 1):
            factor = shrink if k == 1 else 1 / math.sqrt(self.widths[k - 1])
            z = h @ parts[f"weights {k}"] * factor + parts[f"biases {k}"]
            h = z if k == self.depth else drop(k, phi(z))
        return h
