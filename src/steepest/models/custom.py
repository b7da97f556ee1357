"""A model that the user wrote as a function: data first, then named parameters."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from steepest.models.losses import squared
from steepest.models.losses.base import Loss
from steepest.printable import quoted
from steepest.types import Array, Function, Rows, Tree


@dataclass(frozen=True)
class Custom:
    """A model given as a function, ``function(X, *parameters)``.

    Parameters
    ----------
    function : callable
        Takes the whole batch X, then one argument for each parameter; returns one prediction a row.

    Examples
    --------
    >>> Custom(lambda x, m, b: m * x + b).names
    ['m', 'b']
    """

    function: Function
    loss: ClassVar[Loss] = squared

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

    def start(self, X: np.ndarray, given: Tree = None) -> dict[str, Tree]:
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

    def shaped(self, X: Rows, params: Mapping[str, Tree] | None = None) -> Rows:
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

    def __call__(self, X: Rows, *parameters: Tree) -> Array:
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
