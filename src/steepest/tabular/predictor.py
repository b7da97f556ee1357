"""Predict tables with a fit: read a table, encode its columns, apply the model, and write the predictions."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import IO, Any, Literal, overload

import numpy as np

from steepest.fitting.tree.result import TreeFit
from steepest.fitting.uncertainty.bands import PredictedInterval
from steepest.models import Network, Tree
from steepest.models.losses import Loss
from steepest.printable import printable
from steepest.tabular.encoding import Encoding
from steepest.tabular.holds_fit import HoldsFit
from steepest.tabular.method import has_coefficients
from steepest.tabular.one_vs_rest import outputs_of
from steepest.tabular.reading.arrow import Label, counted
from steepest.tabular.reading.csv_files import write_csv
from steepest.tabular.reading.files import read_table
from steepest.tabular.scale.log_target import LogTarget
from steepest.tabular.score import HeldOut, predicted_classes, predicts_probabilities
from steepest.types import Table


@dataclass(eq=False)
class TablePredictor(HoldsFit):
    """A fit that predicts one column of any table from the others.

    Parameters
    ----------
    fit : Fit
        The fit of the model to the table's numbers.
    encoding : Encoding
        How columns become numbers.
    target : str
        The column to predict.
    classes : tuple or None
        The labels of a classification; None for a regression.
    loss : Loss
        The loss that was minimised.
    log_target : LogTarget or None
        The way back from predicted logarithms to the target; None if the target was fitted as it is.
    """

    encoding: Encoding
    target: str
    classes: tuple[Label, ...] | None
    loss: Loss
    log_target: LogTarget | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.fit, TreeFit):
            # A name such as "a=b=c" does not tell which part of it is that of the column.
            self.fit.category_names = self.encoding.category_names

    @property
    def coefficients(self) -> dict[str, float] | dict[Label, dict[str, float]]:
        """The coefficients by column or category, in the column's units; of several classes, by class first."""
        if isinstance(self.model, Network):
            raise AttributeError(
                "a network has no coefficients of columns; those of a linear model are in linear.params"
            )
        if isinstance(self.model, Tree):
            raise AttributeError("a tree has no coefficients of columns: see rules() and importance()")
        if not has_coefficients(self.model):
            raise AttributeError(
                "a support vector machine with a Gaussian kernel has no coefficients of columns; the coefficients of "
                "its features are in params"
            )
        coef, columns = self.params["coef"], self.encoding.names
        if coef.ndim == 1:
            return dict(zip(columns, coef.tolist(), strict=True))
        by_class = [dict(zip(columns, row, strict=True)) for row in coef.tolist()]
        return dict(zip(self.classes or (), by_class, strict=True))

    def rules(self, full: bool = False) -> str:
        """Return a tree as nested sentences, as `TreeFit.rules` does, with the labels of the classes.

        Parameters
        ----------
        full : bool
            Whether the text is exact.

        Returns
        -------
        str
            The rules.
        """
        return self._tree.rules(full, self.classes)

    def __str__(self) -> str:
        return self._tree.described(self.classes) if isinstance(self.model, Tree) else super().__str__()

    @overload
    def predict(
        self,
        X: Table,
        *,
        interval: None = None,
        level: float | None = None,
        encoding: str | None = None,
        sheet: str | None = None,
    ) -> np.ndarray: ...
    @overload
    def predict(
        self,
        X: Table,
        *,
        interval: Literal["confidence", "prediction"],
        level: float | None = None,
        encoding: str | None = None,
        sheet: str | None = None,
    ) -> PredictedInterval: ...
    def predict(
        self,
        X: Table,
        *,
        interval: str | None = None,
        level: float | None = None,
        encoding: str | None = None,
        sheet: str | None = None,
    ) -> np.ndarray | PredictedInterval:
        """Predict each row of a table, with intervals if you ask for them.

        Parameters
        ----------
        X : path, DataFrame, pyarrow.Table, dict or list
            A table with the columns that the fit uses, in any order; other columns are ignored. A dict of single values
            or a Series is one row, and a list has several such rows.
        interval, level : optional
            As for `Fit.predict`. For two classes the interval is that of the probability of the second. With
            ``log_target=True`` it is that of the target: its ends are exponentials, and the interval of the mean has
            the error of the smearing factor, too.
        encoding, sheet : str, optional
            The encoding of a CSV and the sheet of a workbook, as for `fit_table`.

        Returns
        -------
        array, or PredictedInterval
            A number or a label per row. If ``missing="drop"``, rows with missing values get NaN or None. With
            ``interval=`` an object with the arrays `prediction`, `low` and `high`.

        Raises
        ------
        TableError
            If a column is missing or can't be read as the kind of column that was learned.
        ValueError
            If no such interval follows from the fit, with the reason.

        Warns
        -----
        RuntimeWarning
            If rows have texts that the training rows lack, with their count and what they are treated as; or texts that
            are missing as they are no numbers or dates, with their count; or a date or a number that could be two, with
            what was read; or predictions beyond the range of numbers.
        """
        if interval is not None or level is not None:
            read, _ = read_table(X, texts=self.encoding.spelling, encoding=encoding, sheet=sheet)
            encoded = self.encoding.transform(read)
            _warn([*encoded.strays, *encoded.unseen])
            found: Any = self.fit.predict(encoded.X, interval=interval, level=level)  # type: ignore[arg-type]
            if self.log_target is not None:
                found = self.log_target.interval(found, self.fit, self.loss)
            ends = np.full((read.num_rows, 3), np.nan)
            ends[encoded.kept] = np.asarray(found)
            return replace(found, prediction=ends[:, 0], low=ends[:, 1], high=ends[:, 2])
        outputs, _, doubts = self.outputs(X, encoding=encoding, sheet=sheet)
        _warn(doubts)
        return self.labels(outputs)

    @np.errstate(all="ignore")
    def outputs(
        self, table: Table, max_bytes: float | None = None, *, encoding: str | None = None, sheet: str | None = None
    ) -> tuple[np.ndarray, list[str], list[str]]:
        """Return the outputs of the model for each row of a table, from which `labels` makes predictions.

        Parameters
        ----------
        table : path, DataFrame, pyarrow.Table or dict
            As for `predict`.
        max_bytes : number, optional
            The most bytes that a file may hold once it is unpacked, as for `fit_table`.
        encoding, sheet : str, optional
            As for `fit_table`.

        Returns
        -------
        outputs : array of shape (rows,) or (rows, classes)
            For a regression numbers in the target's units. For two classes the probability of the second, or, from
            a support vector machine, a score that is above 0 for the second. For more classes one column for each.
        notes : list of str
            Sentences on what was read, and on values that were filled in.
        doubts : list of str
            Sentences on texts that the training rows lack, on those that are missing, as they are no numbers or dates,
            on those that could be two dates or numbers, and on predictions beyond the range of numbers.
        """
        spelling = self.encoding.spelling
        read, notes = read_table(table, max_bytes, texts=spelling, encoding=encoding, sheet=sheet)
        encoded = self.encoding.transform(read)
        found = in_units(outputs_of(self.fit, encoded.X), self.log_target)
        outputs = np.full((read.num_rows, *found.shape[1:]), np.nan)
        outputs[encoded.kept] = found
        doubts = [*encoded.strays, *encoded.unseen, *_too_large(outputs)]
        return outputs, [*map(printable, [*notes, *encoded.notes])], [*map(printable, doubts)]

    def labels(self, outputs: np.ndarray) -> np.ndarray:
        """Return the predictions for outputs of the model: the outputs of a regression, else the most likely classes.

        Parameters
        ----------
        outputs : array
            The outputs, as `outputs` returns them.

        Returns
        -------
        array
            Numbers or labels.
        """
        if self.classes is None:
            return outputs
        labels = self._labels_at(predicted_classes(outputs, self.loss))
        labels[np.isnan(outputs if outputs.ndim == 1 else outputs[:, 0])] = None
        return labels

    def write(
        self, file: str | os.PathLike[str] | IO[bytes], outputs: np.ndarray, held_out: HeldOut | None = None
    ) -> None:
        """Write predictions as CSV, one line per row: its number from 1, the truth if known, and the prediction.

        Parameters
        ----------
        file : path or binary stream
            The file to write; an existing file is replaced only after everything is written.
        outputs : array
            The outputs of the model.
        held_out : HeldOut, optional
            The rows that the outputs belong to, with their truth; by default all rows of a table.
        """
        rows = np.arange(len(outputs)) if held_out is None else held_out.rows
        what = "probability" if predicts_probabilities(self.loss) else "score"
        # For two classes there is one output, that of the second class.
        labels = (self.classes or ())[outputs.ndim == 1 :]
        details = {
            f"{what} of {label}": column for label, column in zip(labels, np.atleast_2d(outputs.T), strict=False)
        }
        columns = {"row": rows + 1}
        if held_out is not None:
            truth = held_out.truth if self.classes is None else self._labels_at(held_out.truth.astype(int))
            clashes = self.target in ("row", "predicted", *details)
            columns[f"{self.target} (truth)" if clashes else self.target] = truth
        write_csv(file, {**columns, "predicted": self.labels(outputs), **details})

    def _labels_at(self, indices: np.ndarray) -> np.ndarray:
        return np.array(self.classes, dtype=object)[indices]


def in_units(outputs: np.ndarray, scale: LogTarget | None) -> np.ndarray:
    """Return outputs of a model in the units of the target.

    Parameters
    ----------
    outputs : array
        The outputs.
    scale : LogTarget or None
        The way back from logarithms, if the model predicts those.

    Returns
    -------
    array
        The outputs, mapped back from logarithms.
    """
    return outputs if scale is None else scale.back(outputs)


def _too_large(outputs: np.ndarray) -> list[str]:
    """Return a sentence on predictions that are infinite, if there are any."""
    rows = np.flatnonzero(np.isinf(outputs).reshape(len(outputs), -1).any(axis=1))
    if not rows.size:
        return []
    others = f" and {counted(rows.size - 1, 'more row')}" if rows.size > 1 else ""
    where = f"row {rows[0] + 1:,}{others}"
    return [f"{where}: predicted beyond the range of numbers, as values are far from those learnt from"]


def _warn(doubts: Sequence[str]) -> None:
    if doubts:
        # Level 3 is the caller of `predict`.
        warnings.warn("; ".join(map(printable, doubts)), RuntimeWarning, stacklevel=3)
