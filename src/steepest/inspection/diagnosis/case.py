"""`Case`: the facts of a run that a diagnosis rests on, each computed once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from steepest.call import Call
from steepest.inspection.diagnosis.at_hand import RowsAtHand
from steepest.inspection.diagnosis.function import FunctionAtHand
from steepest.inspection.protocol import BasisLike, FitLike, ResultLike, TableFitLike
from steepest.trace import Outcome, Trace


class Case:
    """The facts of a run that a diagnosis rests on, each computed once.

    Values have their sign turned if the run maximised, so that lower is better. Columns that the trace lacks are NaN.

    Parameters
    ----------
    run : ResultLike
        The run or fit.
    probe : bool
        Whether its function may be evaluated again.
    """

    def __init__(self, run: ResultLike, probe: bool) -> None:
        self.run = run
        self.sign = -1.0 if run.maximized else 1.0
        self.function = FunctionAtHand(run, probe)

    @property
    def trace(self) -> Trace:
        """The record."""
        return self.run.trace

    @property
    def outcome(self) -> Outcome:
        """How the run ended."""
        return self.run.outcome

    @cached_property
    def call(self) -> Call | None:
        """How the run was asked for; None if that is not known."""
        return getattr(self.run, "call", None)

    def asked(self, name: str) -> Any:
        """Return an argument of the call; None if it was not given or is not known.

        Parameters
        ----------
        name : str
            The argument.

        Returns
        -------
        object
            The value as it was given.
        """
        return self.call.get(name) if self.call else None

    def column(self, name: str) -> np.ndarray:
        """Return a column of the trace; NaN if it has none of this name.

        Parameters
        ----------
        name : str
            The name.

        Returns
        -------
        array
            The numbers, one for each row.
        """
        if name in self.trace.columns:
            return np.asarray(self.trace.columns[name], dtype=float)
        return np.full(len(self.trace), np.nan)

    @cached_property
    def value(self) -> np.ndarray:
        """The value of each row; lower is better."""
        return self.sign * self.column("value")

    @cached_property
    def slope(self) -> np.ndarray:
        """The norm of the gradient of each row."""
        return self.column("gradient_norm")

    @cached_property
    def size(self) -> np.ndarray:
        """The step size that led to each row."""
        return self.column("step_size")

    @cached_property
    def iteration(self) -> np.ndarray:
        """The iteration of each row."""
        return self.column("iteration")

    @cached_property
    def validation(self) -> np.ndarray:
        """The loss on other rows."""
        return self.column("validation")

    @cached_property
    def points(self) -> np.ndarray | None:
        """The points, one for each row; None if they are not recorded, or only as a sketch."""
        x = np.asarray(self.trace.x, dtype=float)
        size = sum(np.size(leaf) for leaf in _leaves(self.run.x))
        return x if x.shape[1] and x.shape[1] == size else None

    @cached_property
    def fit(self) -> FitLike | None:
        """The fit, which is that inside the fit of a table; None if the run is no fit."""
        run = self.run.fit if isinstance(self.run, TableFitLike) else self.run
        return run if isinstance(run, FitLike) else None

    @cached_property
    def basis(self) -> BasisLike | None:
        """The loss, the penalty and the rows of the fit; None if they are not at hand."""
        return getattr(self.fit, "basis", None)

    @cached_property
    def rows(self) -> RowsAtHand | None:
        """The rows that the fit learned from; None if they are not at hand."""
        return RowsAtHand.of(self.fit)


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for each in tree.values() for leaf in _leaves(each)]
    if isinstance(tree, (list, tuple)):
        return [leaf for each in tree for leaf in _leaves(each)]
    return [tree]
