"""Neural networks for tables, with nothing to tune."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, TypeGuard

import numpy as np

from steepest.models.frame import RESPONSES, Frame, dense_blocks, responded
from steepest.models.layers import ACTIVATIONS, WAVES, Drop, Layers
from steepest.models.losses import squared
from steepest.models.losses.base import Loss
from steepest.models.matrix import as_matrix, check_shapes
from steepest.printable import quoted
from steepest.types import Array, Rows

# The most units of a layer: an upper limit against slips such as a number of rows. Chosen, not measured.
MOST_UNITS = 65_536
MOST_WAVES = 64
# The kinds of members, which alternate: without and with waves.
KINDS = ("plain", "wavy")


@dataclass(frozen=True)
class Network:
    """A neural network on top of a linear model, or several of them, whose predictions are averaged.

    Columns are centred and scaled by their quartiles, and extreme values are drawn in. Each member leaves out its own
    part of the rows and keeps the epoch that predicts this part best, so that there is no number of epochs to choose.

    Parameters
    ----------
    hidden : tuple of int
        The units of each hidden layer; ``()`` is the linear model.
    members : int, optional
        How many networks are fitted, from random starts; by default 8, or 4 above 20,000 rows. With 1, no row is left
        out and the last epoch counts.
    activation : {"silu", "relu", "tanh", "gelu", "selu", "mish"}
        The function of a hidden unit.
    dropout : float
        The share of the hidden units that each update leaves out at random, in the first half of a fit; it then falls
        to 0.
    waves : int
        How many cosines of each column every other member gets beside the column; with 0, members see columns alone.
    frame : Frame, optional
        The scales and the linear start, which a fit makes from its rows.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> x = np.linspace(-2, 2, 200)
    >>> fit = st.fit(Network(hidden=(16,), members=2), x, np.sin(2 * x), rng=0)
    >>> bool(np.abs(fit.predict(x) - np.sin(2 * x)).max() < 0.2)
    True
    """

    hidden: tuple[int, ...] = (64, 64)
    members: int | None = None
    activation: str = "silu"
    dropout: float = 0.15
    waves: int = WAVES
    frame: Frame | None = None

    loss: ClassVar[Loss] = squared

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", _units(self.hidden))
        if self.members is not None and not (_is_whole(self.members) and self.members >= 1):
            raise ValueError(f"Network(members={quoted(self.members)}): give a whole number, 1 or more")
        if not _is_whole(self.waves) or not 0 <= self.waves <= MOST_WAVES:
            raise ValueError(f"Network(waves={quoted(self.waves)}): give a whole number from 0 to {MOST_WAVES}")
        if self.activation not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise ValueError(f"Network(activation={quoted(self.activation)}) is not known (known: {known})")
        is_number = isinstance(self.dropout, numbers.Real) and not isinstance(self.dropout, bool)
        if not is_number or not 0 <= self.dropout < 1:
            raise ValueError(f"Network(dropout={quoted(self.dropout)}): give a share from 0 to less than 1")

    def kinds(self, columns: int, outputs: int) -> dict[str, tuple[Layers, int]]:
        """Return the layers of each kind of member, and how many members are of that kind.

        Parameters
        ----------
        columns, outputs : int
            The numbers of columns and of outputs.

        Returns
        -------
        dict
            "plain" for members 0, 2, …, and "wavy" for members 1, 3, …, if there are any.
        """
        layers = Layers((columns, *self.hidden, outputs), self.activation)
        members = self.members or 1
        waving = columns if self.frame is None else int(self.frame.waving.sum())
        wavy = replace(layers, waves=self.waves, waving=waving) if self.waves and waving else layers
        counts = -(-members // 2), members // 2
        both = zip(KINDS, (layers, wavy), counts, strict=True)
        return {kind: (own, count) for kind, own, count in both if count}

    def shaped(self, X: Rows, params: Mapping[str, Array] | None = None) -> Rows:
        """Return X as a matrix; a vector becomes one column.

        Parameters
        ----------
        X : array or CSR
            The rows.
        params : mapping, optional
            Fitted parameters, which are not used: the frame knows the columns.

        Returns
        -------
        array or CSR of shape (rows, columns)
            The same numbers.

        Raises
        ------
        ValueError
            If X is not a matrix, or has more or fewer columns than in the fit.
        """
        width = None if self.frame is None else len(self.frame.center)
        return as_matrix(X, width, "a network")

    def checked(self, params: Mapping[str, Mapping[str, Array]]) -> dict[str, dict[str, Array]]:
        """Return parameters in the order of the layers.

        Parameters
        ----------
        params : mapping
            Parameters by kind and name, each with the members of the kind as its first axis.

        Returns
        -------
        dict
            The parameters.

        Raises
        ------
        ValueError
            If a parameter, or an array of the frame, is missing or has another shape.
        """
        frame = self.frame
        assert frame is not None
        columns, outputs, members = len(frame.center), len(frame.low), self.members or 1
        if frame.response not in RESPONSES:
            raise ValueError(f"the response of the network is {quoted(frame.response)} (known: {', '.join(RESPONSES)})")
        scales: dict[str, tuple[int, ...]] = dict.fromkeys(("factor", "bounded", "mean", "rate", "waving"), (columns,))
        scales |= dict.fromkeys(("intercept", "unit"), (members, outputs))
        check_shapes(vars(frame), scales | {
            "coef": (members, outputs, columns), "line": (outputs, columns), "level": (outputs,),
            "high": (outputs,), "share": (),
        })  # fmt: skip
        kinds = self.kinds(columns, outputs)
        for kind, (layers, count) in kinds.items():
            check_shapes(params.get(kind, {}), {name: (count, *shape) for name, shape in layers.shapes.items()})
        return {kind: {name: params[kind][name] for name in layers.shapes} for kind, (layers, _) in kinds.items()}

    def __call__(self, X: Rows, *parameters: Mapping[str, Array]) -> Array:
        """Return the outputs of all members together: their linear starts, plus what the layers add."""
        assert self.frame is not None
        blocks = [self.frame.blended(self.by_member(rows, *parameters), rows) for _, rows in dense_blocks(X)]
        z = np.concatenate(blocks)
        return z if self.frame.response == "probabilities" else z[:, 0]

    def by_member(self, X: Rows, *parameters: Mapping[str, Array]) -> np.ndarray:
        """Return the outputs of each member.

        Parameters
        ----------
        X : array or CSR of shape (rows, columns)
            The rows, in the user's units.
        *parameters : mapping of str to array
            The parameters of each kind, by name, with the members of the kind as the first axis.

        Returns
        -------
        array of shape (members, rows, outputs)
            The outputs.
        """
        own = [{name: part[k // 2] for name, part in parameters[k % 2].items()} for k in range(self.members or 1)]
        return np.stack([self.of_member(X, k, parts) for k, parts in enumerate(own)])

    def of_member(
        self, X: Rows, member: int, parts: Mapping[str, Array], drop: Drop = lambda layer, h: h, bounded: bool = True
    ) -> np.ndarray:
        """Return the outputs of one member.

        Parameters
        ----------
        X : array or CSR of shape (rows, columns)
            The rows, in the user's units.
        member : int
            The number of the member.
        parts : mapping of str to array
            Its parameters by name.
        drop : callable
            Takes the number of each hidden layer and its outputs, and returns what the next layer gets.

        bounded : bool
            Whether outputs stay within the bounds of the frame.

        Returns
        -------
        array of shape (rows, outputs)
            The outputs.
        """
        frame = self.frame
        assert frame is not None
        layers, _ = self.kinds(X.shape[1], len(frame.low))[KINDS[member % 2]]
        has_waves = bool(member % 2)
        z = []
        for _, rows in dense_blocks(X):
            h = layers.outputs(parts, frame.columns(rows, has_waves), frame.chosen, layers.shrink, drop)
            z.append(frame.linear(rows, member) + frame.unit[member] * h)
        return np.clip(np.concatenate(z), *frame.bounds(X)) if bounded else np.concatenate(z)

    def response(self, z: Array) -> Array:
        """Return the prediction for an output: a number, a mean, or the probabilities of classes.

        Parameters
        ----------
        z : array
            Outputs.

        Returns
        -------
        array
            Predictions in the units of y, the probability of class 1, or one probability for each of several classes.
        """
        return z if self.frame is None else responded(self.frame.response, z)


def _is_whole(number: object) -> TypeGuard[int]:
    return isinstance(number, numbers.Integral) and not isinstance(number, bool)


def _units(hidden: Iterable[int] | int) -> tuple[int, ...]:
    if _is_whole(hidden):
        hidden = (hidden,)
    if isinstance(hidden, str) or not isinstance(hidden, Iterable):
        raise ValueError(f"Network(hidden={quoted(hidden)}): give the units of each hidden layer, such as (64, 64)")
    units = tuple(hidden)
    for number in units:
        if not _is_whole(number) or not 1 <= number <= MOST_UNITS:
            raise ValueError(
                f"Network(hidden={quoted(hidden)}) has {quoted(number)}: each layer has a whole number of units, "
                f"from 1 to {MOST_UNITS:,}"
            )
    return tuple(map(int, units))
