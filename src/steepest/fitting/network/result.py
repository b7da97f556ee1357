"""The result of fitting a network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from steepest.fitting.result import Fit
from steepest.fitting.resume import SavedFit, fit_from_record
from steepest.models import Network
from steepest.models.network import KINDS
from steepest.printable import quoted
from steepest.saving.points import point_to_json, under
from steepest.saving.schema import NetworkRecord, checked
from steepest.trace import Trace
from steepest.types import Array, Function, Json, PyTree

# The prefixes of the names of arrays in a folder: the parameters, their gradient, and the arrays of the linear fit.
PARAMETERS, SLOPES, LINEAR = "parameters/", "gradient/", "linear/"
OUT_OF_FOLD = "out of fold"
ALONE = "this is the start of a network, and goes no further: fit models.Linear() by itself"


@dataclass(eq=False)
class NetworkFit(Fit):
    """A network fitted to data.

    Attributes
    ----------
    best_epochs : list of int
        The epoch that each member kept; the last one if no rows were left out.
    out_of_fold : array of shape (rows,) or (rows, outputs), or None
        The output for each row of the member that has not seen it; None if no rows were left out by turns.
    out_of_fold_loss : float
        The mean loss of these outputs. It is optimistic in that each epoch was chosen on the same rows, and pessimistic
        in that one member is worse than all together.
    linear_of : callable or None
        Returns the linear fit; None if the rows are not at hand.
    known_linear : Fit or None
        The linear fit, once it was asked for or loaded.
    snapshots : dict of int to dict
        The parameters of all members before the first epoch and after epochs 1, 2, 4, 8 and so on, laid out like
        `params`, in single precision. They are not saved, and not kept of networks with more than 1,000,000 parameters
        in all members.
    loss_of : callable or None
        Returns the loss of a member as a function; None if the rows are not at hand.

    Notes
    -----
    `fun` is the mean loss of the members on the rows that they learn from, and `jac` the mean gradient during the last
    epoch. A row of the trace has, in place of the parameters, the root mean square of each group of them. A network has
    no certificate: the kind of its `certificate` is "none".
    """

    best_epochs: list[int] = field(default_factory=list)
    out_of_fold: np.ndarray | None = field(default=None, repr=False)
    out_of_fold_loss: float = math.nan
    linear_of: Callable[[], Fit] | None = field(default=None, repr=False)
    known_linear: Fit | None = field(default=None, repr=False)
    snapshots: Mapping[int, Mapping[str, PyTree]] = field(default_factory=dict, repr=False)
    loss_of: Callable[[int, int], Function] | None = field(default=None, repr=False)

    @property
    def linear(self) -> Fit:
        """The linear model of the same loss and rows, with its own certificate; fitted when it is first asked for.

        A folder holds it if it was asked for before the fit was saved.
        """
        if self.known_linear is None:
            if self.linear_of is None:
                raise RuntimeError("the rows of this fit are not at hand: fit models.Linear() to them by itself")
            self.known_linear = self.linear_of()
        return self.known_linear

    def member(self, number: int) -> dict[str, Array]:
        """Return the parameters of one member.

        Parameters
        ----------
        number : int
            The number of the member, from 0; even ones have no waves, and odd ones have them.

        Returns
        -------
        dict of str to array
            Its parameters by name.

        Raises
        ------
        ValueError
            If there is no such member.
        """
        members = len(self.best_epochs)
        if not 0 <= number < members:
            raise ValueError(f"member={quoted(number)}: the members of this network are 0 to {members - 1}")
        return {name: value[number // 2] for name, value in self.params[KINDS[number % 2]].items()}

    def member_loss(self, number: int, rows: int = 512) -> Function:
        """Return the mean loss of one member, without a penalty, as a function of its parameters.

        Parameters
        ----------
        number : int
            The number of the member, from 0.
        rows : int
            The loss is that of at most so many of the rows that the member learns from, evenly spaced.

        Returns
        -------
        callable
            Takes parameters as `member` returns them, and returns their loss.

        Raises
        ------
        RuntimeError
            If the rows are not at hand.
        ValueError
            If there is no such member, or no row is asked for.

        Examples
        --------
        >>> import numpy as np, steepest as st
        >>> x = np.linspace(-1, 1, 40)
        >>> fit = st.fit(st.models.Network(hidden=(4,), members=1), x, x**2, epochs=3, rng=0)
        >>> bool(np.isclose(fit.member_loss(0)(fit.member(0)), fit.fun, rtol=1e-3))
        True
        """
        self.member(number)
        if self.loss_of is None:
            raise RuntimeError("the rows of this fit are not at hand: fit it again, as rows are not saved with a fit")
        if rows < 1:
            raise ValueError(f"rows={quoted(rows)}: give 1 or more")
        return self.loss_of(number, rows)

    def __str__(self) -> str:
        lines = super().__str__().splitlines()
        head = lines[:2]
        if math.isfinite(self.out_of_fold_loss):
            head.append(f"  {'out of fold':>12}  {self.out_of_fold_loss:.10g}")
        return "\n".join(head + lines[-2:])

    @classmethod
    def _check_points(cls, trace: Trace, x: PyTree) -> None:
        """Do nothing: the trace holds sizes of groups of parameters."""

    def _saved(self) -> tuple[dict[str, Json], dict[str, np.ndarray]]:
        record, arrays = super()._saved()
        for prefix, point in ((PARAMETERS, self.params), (SLOPES, self.jac)):
            for kind, own in point.items():
                arrays |= {f"{prefix}{kind}/{name}": np.asarray(value) for name, value in own.items()}
        if self.out_of_fold is not None:
            arrays[OUT_OF_FOLD] = self.out_of_fold
        if self.known_linear is not None:
            arrays |= {LINEAR + name: array for name, array in _alone(self.known_linear)._saved()[1].items()}
        return record, arrays

    def _header(self) -> dict[str, Json]:
        return super()._header() | {
            "result": "network",
            "x": point_to_json({}),
            "jac": point_to_json({}),
            "best_epochs": self.best_epochs,
            "out_of_fold_loss": self.out_of_fold_loss,
            "linear": _alone(self.known_linear)._saved()[0] if self.known_linear else None,
        }

    @classmethod
    def _revive(cls, record: dict[str, Json], arrays: dict[str, np.ndarray]) -> Self:
        checked(record, NetworkRecord)
        record = dict(record)
        linear = record.pop("linear")
        if linear is not None:
            linear = {name: value for name, value in linear.items() if name != "result"}
            record["known_linear"] = fit_from_record(linear, under(LINEAR, arrays))
        fit = super()._revive(record, arrays)
        assert isinstance(fit, cls)
        network = fit.model
        if not isinstance(network, Network) or network.frame is None:
            raise ValueError("the fit of a network has a network with its scales, and this one has none")
        fit.x, fit.jac = (network.checked(_nested(under(prefix, arrays))) for prefix in (PARAMETERS, SLOPES))
        fit.out_of_fold = arrays.get(OUT_OF_FOLD)
        return fit


def _alone(linear: Fit) -> Fit:
    """Return the linear fit without the state from which it could go on."""
    return replace(linear, resumable=SavedFit({"why": ALONE}, {}), row_gradients=None)


def _nested(arrays: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Return arrays whose names are a kind of member and a parameter, by both."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        kind, _, parameter = name.partition("/")
        found.setdefault(kind, {})[parameter] = array
    return found
