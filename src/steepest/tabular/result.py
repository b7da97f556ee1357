"""The fit of a table: the model's fit, and all that is needed to predict, score and save tables with it."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Unpack

import numpy as np

from steepest.fitting.result import Fit, described_fit
from steepest.fitting.resume import fit_from_record
from steepest.models import Linear
from steepest.models.losses import Loss
from steepest.saving.folder import staged, write_record
from steepest.saving.objects import from_json, to_json
from steepest.tabular.arrow import Label
from steepest.tabular.csv_files import write_csv
from steepest.tabular.encoding import Encoding
from steepest.tabular.files import read_table
from steepest.tabular.method import uses_features
from steepest.tabular.one_vs_rest import GoOn, OneVsRestFit, needs_one_vs_rest, outputs_of
from steepest.tabular.prepare import TableRows, prepare_again
from steepest.tabular.score import HeldOut, Score, predicted_classes, predicts_probabilities, score_of
from steepest.trace import Certificate, Event, Outcome, Trace, dumps
from steepest.types import Array, Json, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from steepest.inspection import ContourDisplay, CurveDisplay, DescentDisplay, LineDisplay

PREDICTIONS = "predictions.csv"
PICTURE = "descent.png"


@dataclass(eq=False)
class HoldsFit:
    """An object that holds a fit and shows what it knows under the same names.

    Parameters
    ----------
    fit : Fit
        The fit of the model to numbers; `Fit` documents the attributes.
    """

    fit: Fit

    @property
    def model(self) -> Linear:
        """The model that was fitted."""
        return self.fit.model

    @property
    def params(self) -> dict[str, np.ndarray]:
        """The parameters by name, in the units of the columns."""
        return self.fit.params

    @property
    def x(self) -> dict[str, np.ndarray]:
        """The parameters, by the name that they have in every run."""
        return self.fit.x

    @property
    def fun(self) -> float:
        """The loss, with the penalty."""
        return self.fit.fun

    @property
    def jac(self) -> dict[str, np.ndarray]:
        """The gradient by each parameter."""
        return self.fit.jac

    @property
    def columns(self) -> list[str] | None:
        """The names of the columns of the matrix that was fitted."""
        return self.fit.columns

    @property
    def data(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The training rows as numbers, (X, y); None if the fit was loaded from disk."""
        return self.fit.data

    @property
    def solver(self) -> str:
        """The solver that was used, and which problems it solves."""
        return self.fit.solver

    @property
    def outcome(self) -> Outcome:
        """How the fit ended."""
        return self.fit.outcome

    @property
    def success(self) -> bool:
        """Whether the fit did what was asked: it converged, or completed the epochs given."""
        return self.fit.success

    @property
    def status(self) -> int:
        """The outcome as a stable integer; 0 means converged."""
        return self.fit.status

    @property
    def message(self) -> str:
        """The outcome, its evidence and what to try next, in one sentence."""
        return self.fit.message

    @property
    def certificate(self) -> Certificate:
        """How far above the minimum the loss may be."""
        return self.fit.certificate

    @property
    def trace(self) -> Trace:
        """One row per epoch."""
        return self.fit.trace

    @property
    def events(self) -> list[Event]:
        """What happened between the rows of the trace."""
        return self.fit.events

    @property
    def nit(self) -> int:
        """The number of iterations."""
        return self.fit.nit

    @property
    def nfev(self) -> int:
        """The number of evaluations of the loss."""
        return self.fit.nfev

    @property
    def njev(self) -> int:
        """The number of evaluations of the gradient."""
        return self.fit.njev

    @property
    def kind(self) -> str:
        """How the gradient was computed."""
        return self.fit.kind

    @property
    def why(self) -> str:
        """Why it was computed in this way."""
        return self.fit.why

    @property
    def maximized(self) -> bool:
        """Always False: a loss is minimised."""
        return self.fit.maximized

    @property
    def runs(self) -> tuple[()]:
        """Always empty: a fit has one start."""
        return ()

    @property
    def title(self) -> str:
        """The title of pictures of the fit."""
        return self.fit.title

    @title.setter
    def title(self, title: str) -> None:
        self.fit.title = title

    def evaluate(self, x: Array) -> float:
        """Return the loss at parameters, as `Fit.evaluate` does."""
        return self.fit.evaluate(x)

    def gradient_at(self, x: Array) -> np.ndarray:
        """Return the gradient at parameters, as `Fit.gradient_at` does."""
        return self.fit.gradient_at(x)

    def curvature(self, x: Array, v: Array) -> np.ndarray:
        """Return the Hessian at parameters times a vector, as `Fit.curvature` does."""
        return self.fit.curvature(x, v)


@dataclass(eq=False)
class TableFit(HoldsFit):
    """A model fitted to a table, and all that is needed to predict other tables with it.

    Attributes
    ----------
    fit : Fit
        The fit of the model to the table's numbers. Its attributes are also attributes of this object:
        `outcome`, `message`, `certificate`, `trace`, `params` and the rest.
    encoding : Encoding
        How columns become numbers.
    target : str
        The column to predict.
    classes : tuple or None
        The labels of a classification; None for a regression.
    loss : Loss
        The loss that was minimised.
    score : Score or None
        The score on held-out rows; None if none were held out.
    notes : list of str
        Sentences that say what was read, and how each column was encoded, filled in or dropped.
    learnt : array of bool
        A mask of the rows of the table: True for the rows that were fitted.
    held_out : HeldOut or None
        The held-out rows; None if there are none, or if the fit was loaded from disk.
    """

    encoding: Encoding
    target: str
    classes: tuple[Label, ...] | None
    loss: Loss
    score: Score | None
    notes: list[str]
    learnt: np.ndarray = field(repr=False)
    held_out: HeldOut | None = field(default=None, repr=False)

    @property
    def coefficients(self) -> dict[str, float] | dict[Label, dict[str, float]]:
        """Each coefficient by its column or category, in the column's units; first by class if there are several."""
        if uses_features(self.model):
            raise AttributeError(
                "a support vector machine with a Gaussian kernel has no coefficients of columns; those of its features "
                "are in params"
            )
        coef, columns = self.params["coef"], self.encoding.names
        if coef.ndim == 1:
            return dict(zip(columns, coef.tolist(), strict=True))
        by_class = [dict(zip(columns, row, strict=True)) for row in coef.tolist()]
        return dict(zip(self.classes or (), by_class, strict=True))

    def predict(self, X: Table) -> np.ndarray:
        """Predict each row of a table.

        Parameters
        ----------
        X : path, DataFrame, pyarrow.Table or dict
            A table with the columns that the fit uses; others are ignored.

        Returns
        -------
        array
            A number or a label per row. If ``missing="drop"``, rows with missing values get NaN or None.

        Raises
        ------
        TableError
            If a column is missing or can't be read as the kind of column that was learned.
        """
        return self.labels(self.outputs(X)[0])

    def outputs(self, table: Table) -> tuple[np.ndarray, list[str]]:
        """Return the outputs of the model for each row of a table, from which `labels` makes predictions.

        Parameters
        ----------
        table : path, DataFrame, pyarrow.Table or dict
            As for `predict`.

        Returns
        -------
        outputs : array of shape (rows,) or (rows, classes)
            For a regression numbers in the target's units. For two classes the probability of the second, or, from
            a support vector machine, a score that is above 0 for the second. For more classes one column for each.
        notes : list of str
            Sentences that say what was read, filled in, and absent from the training rows.
        """
        read, notes = read_table(table)
        encoded = self.encoding.transform(read)
        found = outputs_of(self.fit, encoded.X)
        outputs = np.full((read.num_rows, *found.shape[1:]), np.nan)
        outputs[encoded.kept] = found
        return outputs, [*notes, *encoded.notes]

    def labels(self, outputs: np.ndarray) -> np.ndarray:
        """Return the predictions for outputs of the model: the same numbers, or the most likely class.

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
            The file to write; an existing one is replaced only after everything is written.
        outputs : array
            The outputs of the model.
        held_out : HeldOut, optional
            The rows that the outputs belong to, with their truth; by default all rows of a table.
        """
        rows = np.arange(len(outputs)) if held_out is None else held_out.rows
        what = "probability" if predicts_probabilities(self.loss) else "score"
        # For two classes there is one output, that of the second.
        labels = (self.classes or ())[outputs.ndim == 1 :]
        details = {
            f"{what} of {label}": column for label, column in zip(labels, np.atleast_2d(outputs.T), strict=False)
        }
        columns = {"row": rows + 1}
        if held_out is not None:
            truth = held_out.truth if self.classes is None else self._labels_at(held_out.truth.astype(int))
            taken = self.target in ("row", "predicted", *details)
            columns[f"{self.target} (truth)" if taken else self.target] = truth
        write_csv(file, {**columns, "predicted": self.labels(outputs), **details})

    def more(self, table: Table = None, **how: Unpack[GoOn]) -> TableFit:
        """Continue from where this fit stopped, and score the result.

        Parameters
        ----------
        table : path, DataFrame, pyarrow.Table or dict, optional
            The table of the fit. It must be given if the fit was loaded from disk, because it is not saved.
        **how : optional
            ``epochs``, ``tolerance``, ``seconds``, ``callback`` and ``progress``, as for `Fit.more`.

        Returns
        -------
        TableFit
            A new fit, whose trace continues the trace of this one.

        Raises
        ------
        ValueError
            If the table is not that of the fit.
        RuntimeError
            If the table must be given again, or if the fit is one of each class against the rest and was loaded.
        """
        if table is None:
            if self.data is None:
                raise RuntimeError("the table of a fit is not saved with it: give it again, fit.more(table, …)")
            held_out, fitted = self.held_out, self.fit.more(**how)
        else:
            ready = prepare_again(table, self.target, self.classes, self.encoding, self.learnt)
            held_out = held_out_of(self.fit, ready.held_out)
            fitted = self.fit.more(ready.training.X, ready.training.y, **how)
        fitted.columns, fitted.trace.names = self.fit.columns, self.fit.trace.names
        score = self.score
        if held_out is not None and fitted.data is not None:
            held_out = replace(held_out, predicted=outputs_of(fitted, held_out.X))
            score = score_of(held_out, fitted.data[1], self.loss, self.classes)
        return replace(self, fit=fitted, score=score, held_out=held_out)

    def plot(self, ax: Axes | None = None) -> ContourDisplay | CurveDisplay | DescentDisplay | LineDisplay:
        """Draw the data and the fitted line if there is one column of numbers, else the descent of the loss.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        LineDisplay or DescentDisplay
            The display, with its figure, axes and numbers as attributes.
        """
        from steepest.inspection import plot_run

        return plot_run(self, ax=ax)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write model, preprocessing, trace, held-out predictions and a picture into a folder: all, or nothing.

        Parameters
        ----------
        folder : path
            The folder, which is made if missing; a fit saved there before is replaced.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        OSError
            If the folder can't be written.
        """
        from steepest.inspection import DescentDisplay, save_figure

        with staged(folder) as draft:
            save_figure(DescentDisplay.from_run(self.fit), draft / PICTURE)
            if self.held_out is not None:
                self.write(draft / PREDICTIONS, self.held_out.predicted, self.held_out)
            record, arrays = self.fit._saved()
            write_record(draft, record | self._record(), arrays | {"learnt": self.learnt})
        return Path(folder)

    def __str__(self) -> str:
        score = self.score.words() if self.score else "no rows were held out, so there is no score"
        return "\n".join([*self.notes, "", self._described(), "", score])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TableFit):
            return NotImplemented
        # Compare the text of the records, because a NaN equals a NaN there.
        return self.fit == other.fit and dumps(self._record()) == dumps(other._record())

    def _described(self) -> str:
        if not uses_features(self.model):
            return str(self.fit)
        # Coefficients of features tell a reader nothing, so show the intercepts alone.
        intercepts = np.ravel(self.params["intercept"])
        names = self.trace.names[-len(intercepts) :]
        return described_fit(self.fit, dict(zip(names, intercepts.tolist(), strict=True)))

    def _labels_at(self, indices: np.ndarray) -> np.ndarray:
        return np.array(self.classes, dtype=object)[indices]

    def _record(self) -> dict[str, Json]:
        """Return what is saved beside the fit."""
        return {
            "result": "table",
            "encoding": self.encoding.to_dict(),
            "target": self.target,
            "classes": self.classes and list(self.classes),
            "loss": to_json(self.loss),
            "score": self.score and asdict(self.score),
            "notes": self.notes,
        }

    @classmethod
    def from_record(cls, record: dict[str, Json], arrays: dict[str, np.ndarray]) -> TableFit:
        """Rebuild a fit from what `save` wrote.

        Parameters
        ----------
        record : dict
            The content of the JSON file, without the kind of result.
        arrays : dict of str to array
            The arrays beside it.

        Returns
        -------
        TableFit
            An equal fit.
        """
        own = {name: record.pop(name) for name in ("encoding", "target", "classes", "loss", "score", "notes")}
        classes, loss = own["classes"] and tuple(own["classes"]), from_json(own["loss"])
        kind = OneVsRestFit if needs_one_vs_rest(classes, loss) else Fit
        return cls(
            fit=fit_from_record(record, arrays, kind),
            encoding=Encoding.from_dict(own["encoding"]),
            target=own["target"],
            classes=classes,
            loss=loss,
            score=own["score"] and Score.from_json(own["score"]),
            notes=own["notes"],
            learnt=arrays["learnt"],
        )


def held_out_of(fit: Fit, rows: TableRows) -> HeldOut | None:
    """Return held-out rows with the outputs of a fit; None if there are no rows.

    Parameters
    ----------
    fit : Fit
        The fit.
    rows : TableRows
        The rows.

    Returns
    -------
    HeldOut or None
        The rows with their predictions.
    """
    if not len(rows.y):
        return None
    return HeldOut(rows.numbers, rows.y, outputs_of(fit, rows.X), rows.X)
