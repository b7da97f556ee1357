"""What the finders of warnings look at: a table, its fit, and statistics of the training rows that several need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from steepest.fitting.result import Fit
from steepest.models.losses import Loss
from steepest.statistics.moments import Moments
from steepest.tabular.encoders import Encoder
from steepest.tabular.prepare import Prepared
from steepest.tabular.scale.log_target import LogTarget
from steepest.tabular.target import Task

# Whatever holds in all rows holds in so many drawn at random, so these are looked at first.
FEW = 2000


@dataclass(frozen=True, eq=False)
class FittedTable:
    """What the finders look at.

    Parameters
    ----------
    ready : Prepared
        The rows as numbers, and how the columns became numbers.
    target : str
        The column to predict.
    loss : Loss
        The loss that was minimised.
    fit : Fit
        The fit to the training rows.
    asked : {"regression", "classification"} or None
        The task, if the user's options say it.
    log_target : LogTarget or None
        The way back to the target, if it was fitted as its logarithm.
    """

    ready: Prepared
    target: str
    loss: Loss
    fit: Fit
    asked: Task | None = None
    log_target: LogTarget | None = None

    @property
    def matrix(self) -> np.ndarray:
        """The training rows as numbers."""
        return self.ready.training.X

    @property
    def y(self) -> np.ndarray:
        """The target of the training rows: numbers, or the index of each row's class."""
        return self.ready.training.y

    @property
    def as_fitted(self) -> np.ndarray:
        """The same as it was fitted: the logarithm, if that was asked for."""
        return self.y if self.log_target is None else np.log(self.y)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the matrix."""
        return self.ready.encoding.names

    @cached_property
    def parts(self) -> list[tuple[Encoder, slice]]:
        """Each column of the table that is used, and which columns of the matrix it became."""
        found, start = [], 0
        for part in self.ready.encoding.parts:
            found.append((part, slice(start, start + len(part.names))))
            start += len(part.names)
        return found

    @cached_property
    def owners(self) -> list[str]:
        """The column of the table that each column of the matrix comes from."""
        return [part.column for part, _ in self.parts for _ in part.names]

    @cached_property
    def few(self) -> np.ndarray:
        """The indices of some training rows, in order: all of them, if they are few."""
        rows = len(self.y)
        return np.arange(rows) if rows <= FEW else np.unique(np.random.default_rng(0).integers(0, rows, FEW))

    @cached_property
    def moments(self) -> Moments:
        """The means, deviations and correlations of the columns of the matrix."""
        return Moments.of(self.matrix)

    def row(self, index: int) -> str:
        """Return the words for a training row, as it is numbered in the table.

        Parameters
        ----------
        index : int
            The index of the row among the training rows.

        Returns
        -------
        str
            Such as "row 17", counted from 1.
        """
        return f"row {self.ready.training.numbers[index] + 1:,}"
