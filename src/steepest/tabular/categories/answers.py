"""The target of each row, as encoders read it: one column of numbers, or one column of 0 and 1 for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steepest.tabular.reading.arrow import Label


@dataclass(frozen=True, eq=False)
class Answers:
    """The targets of the rows of a table, for encoders that learn from them.

    Parameters
    ----------
    values : array of shape (rows, outputs)
        The target; for a classification one column for each class, 1 in the rows of that class.
    names : tuple of str
        What the mean of each column is called, such as "mean of price" or "share of yes".
    training : array of bool of shape (rows,)
        True for the rows to learn from.
    """

    values: np.ndarray
    names: tuple[str, ...]
    training: np.ndarray

    @classmethod
    def of(cls, target: str, y: np.ndarray, classes: Sequence[Label] | None, training: np.ndarray) -> Answers:
        """Return the answers of a target.

        Parameters
        ----------
        target : str
            The column to predict.
        y : array of shape (rows,)
            Numbers, or the index of each row's class.
        classes : sequence or None
            The labels of a classification; None for numbers.
        training : array of bool of shape (rows,)
            True for the rows to learn from.

        Returns
        -------
        Answers
            The answers.

        Examples
        --------
        >>> answers = Answers.of("ill", np.array([0, 1, 1]), ("no", "yes"), np.array([True, True, False]))
        >>> answers.names
        ('share of no', 'share of yes')
        >>> answers.values
        array([[1., 0.],
               [0., 1.],
               [0., 1.]])
        """
        if classes is None:
            return cls(y[:, None], (f"mean of {target}",), training)
        shares = (y[:, None] == np.arange(len(classes))).astype(float)
        return cls(shares, tuple(f"share of {label}" for label in classes), training)

    def columns(self, names: Sequence[str]) -> np.ndarray:
        """Return the columns of `values` with these names, in this order.

        Parameters
        ----------
        names : sequence of str
            Some of `names`.

        Returns
        -------
        array of shape (rows, len(names))
            The columns.
        """
        return self.values[:, [self.names.index(name) for name in names]]
