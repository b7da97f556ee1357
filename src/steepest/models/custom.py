"""A model that the user wrote as a function: data first, then named parameters."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from steepest.models.losses import squared
from steepest.models.losses.base import Loss
from steepest.printable import quoted
from steepest.types import Array, Function, PyTree, Rows


@dataclass(frozen=True)
class Custom:
    """A model given as a function: of named parameters, or of a tree of parameters as networks in JAX have.

    Parameters
    ----------
    function : callable
        Without `start`, ``function(X, *parameters)``, written with NumPy: it takes the whole batch X, then one argument
        for each parameter, and returns one prediction a row. With `start`, ``function(params, X)``, written for JAX: it
        gets JAX's own arrays, and `params` is a tree like `start`. With `state`, ``function(params, state, X, key)``,
        which returns the outputs and the next state; `key` is a random key of JAX while the model learns, and None in
        predictions and on validation rows.
    start : tree of arrays, optional
        The parameters to start from: arrays of floats in dicts, lists, or any other containers that JAX knows, such as
        the parameters of Flax and of Equinox. Each array keeps its type.
    state : tree of arrays, optional
        What batches change without being learnt, such as the means of a batch norm; it may be empty, as in
        ``state=()``, for a model that only needs random keys.

    Examples
    --------
    >>> Custom(lambda x, m, b: m * x + b).names
    ['m', 'b']

    A network of one's own, whose parameters are a dict of arrays:

    >>> import jax.numpy as jnp, numpy as np, steepest as st
    >>> x = np.linspace(-1, 1, 50)
    >>> start = {"in": np.linspace(-2, 2, 6), "shift": np.linspace(1, -1, 6), "out": np.ones(6) / 6}
    >>> net = st.models.Custom(lambda p, x: jnp.tanh(x[:, None] * p["in"] + p["shift"]) @ p["out"], start=start)
    >>> fit = st.fit(net, x, x**2, epochs=200)
    >>> bool(fit.fun < 1e-5), list(fit.params)
    (True, ['in', 'out', 'shift'])
    """

    function: Function
    start: PyTree = field(default=None, repr=False, compare=False)
    state: PyTree = field(default=None, repr=False, compare=False)
    loss: ClassVar[Loss] = squared

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise TypeError(f"Custom({quoted(self.function)}): give a function of (X, *parameters)")
        if self.start is None and self.state is not None:
            raise TypeError("Custom(state=…) needs start=, the tree of parameters: function(params, state, X, key)")

    @property
    def is_native(self) -> bool:
        """Whether the function is written for JAX, and its parameters are a tree."""
        return self.start is not None

    @property
    def names(self) -> list[str]:
        """The names of the parameters, in the order of the signature."""
        try:
            parameters = list(inspect.signature(self.function).parameters.values())
        except (TypeError, ValueError):
            raise TypeError(
                f"the signature of the model {quoted(self.function)} can't be read: wrap it in a def"
            ) from None
        if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
            raise TypeError("the model takes *args or **kwargs: name each parameter in its signature")
        if by_name := [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty]:
            raise TypeError(f"the model takes {by_name[0]} by name alone: its parameters come in order, after X")
        names = [p.name for p in parameters if p.default is p.empty]
        if len(names) < 2:
            raise TypeError(f"the model takes {len(names)} argument(s): it needs X and at least one parameter")
        return names[1:]

    def named_start(self, X: np.ndarray, given: PyTree = None) -> dict[str, PyTree]:
        """Return a starting value for each parameter, by name in the order of the signature; 1 by default.

        Parameters
        ----------
        X : array
            The rows, which are not used.
        given : mapping, sequence or None
            Values by name or in order; each a number, an array or a tree of arrays.

        Returns
        -------
        dict
            The value of each parameter.

        Raises
        ------
        ValueError
            If the names, or the number of values, do not fit the signature.
        """
        names = self.names
        if given is None:
            return dict.fromkeys(names, 1.0)
        if not isinstance(given, Mapping):
            values = list(given) if np.iterable(given) else [given]
            if len(values) != len(names):
                raise ValueError(f"the start has {len(values)} values; the model takes {', '.join(names)}")
            return dict(zip(names, values, strict=True))
        if set(given) != set(names):
            raise ValueError(f"the start names {', '.join(map(str, given))}; the model takes {', '.join(names)}")
        return {name: given[name] for name in names}

    def shaped(self, X: Rows, params: Mapping[str, PyTree] | None = None) -> Rows:
        """Return X unchanged: the user's function may take any shape.

        Parameters
        ----------
        X : array
            The rows.
        params : mapping, optional
            Fitted parameters, which are not used.

        Returns
        -------
        array
            X itself.
        """
        return X

    def __call__(self, X: Rows, *parameters: PyTree) -> Array:
        return self.function(X, *parameters)

    def response(self, z: Array) -> Array:
        """Return the prediction for an output: the output itself.

        Parameters
        ----------
        z : array
            Outputs of the model.

        Returns
        -------
        array
            The outputs, unchanged.
        """
        return z
