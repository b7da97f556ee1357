"""`fit_table`: from a file or a DataFrame to a fitted model, its honest score, and a folder to keep it in."""

from __future__ import annotations

import numbers
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from steepest.arguments import generator, our_words
from steepest.descent.budget import Budget
from steepest.fitting.fit import fit_given
from steepest.fitting.result import Fit
from steepest.fitting.setup import TrainingData
from steepest.models import SVM, losses
from steepest.models.penalties import L2
from steepest.saving.folder import staged, write_record
from steepest.saving.objects import from_json, to_json
from steepest.tabular.encoding import Encoding
from steepest.tabular.files import read_table
from steepest.tabular.method import Method, described, outputs_of, parameter_names
from steepest.tabular.one_vs_rest import fit_one_vs_rest
from steepest.tabular.predictions import columns_of, write_csv
from steepest.tabular.prepare import Prepared, check_numbers, prepare, prepared_again
from steepest.tabular.score import HeldOut, Score, score_of, tells_probabilities, told
from steepest.trace import Outcome

PREDICTIONS = "predictions.csv"
PICTURE = "descent.png"


@dataclass(eq=False)
class TableFit(Fit):
    """A model fitted to a table, with everything that turns a new table into predictions.

    Attributes
    ----------
    encoding : Encoding
        How columns become numbers.
    target : str
        The column that is predicted.
    classes : tuple or None
        The labels of a classification; None for a regression.
    loss : Loss
        What the model was fitted by.
    score : Score or None
        On held-out rows; None where none were held out.
    notes : list of str
        What was read, made of the columns, filled in and dropped, in plain sentences.
    learnt : array of bool
        Which rows of the table it was fitted to.
    held_out : HeldOut or None
        The held-out rows; None where the fit was loaded.
    """

    encoding: Encoding = field(default_factory=lambda: Encoding(()))
    target: str = ""
    classes: tuple[Any, ...] | None = None
    loss: losses.Loss = losses.squared
    score: Score | None = None
    notes: list[str] = field(default_factory=list)
    learnt: np.ndarray = field(default_factory=lambda: np.zeros(0, bool), repr=False)
    held_out: HeldOut | None = field(default=None, repr=False)

    @property
    def coefficients(self) -> dict[Any, Any]:
        """Each coefficient by the name of its column or category, in its units; of several classes by class."""
        if self._has_features:
            raise AttributeError(f"{self.model.kernel!r} is a kernel: its coefficients are of features, in params")
        coef, columns = self.params["coef"], self.encoding.names
        if coef.ndim == 1:
            return dict(zip(columns, coef.tolist(), strict=True))
        each = [dict(zip(columns, row, strict=True)) for row in coef.tolist()]
        return dict(zip(self.classes or (), each, strict=True))

    def predict(self, X: Any) -> np.ndarray:
        """Predict each row of a table.

        Parameters
        ----------
        X : path, DataFrame, pyarrow.Table or dict
            With the columns that were learned from; others are left alone.

        Returns
        -------
        array
            A number or a label a row; NaN or None where rows with missing values were to be dropped.

        Raises
        ------
        TableError
            Where a column is missing or can't be read as it was learned.
        """
        return self.labels(self.outputs(X)[0])

    def outputs(self, table: Any) -> tuple[np.ndarray, list[str]]:
        """Return the model's output for each row of a table, and what was done to the table.

        Parameters
        ----------
        table : path, DataFrame, pyarrow.Table or dict
            As for `predict`.

        Returns
        -------
        outputs : array of shape (rows,) or (rows, classes)
            Numbers in the target's units, or probabilities of the second class, or the scores of a machine, above
            0 for the second class; of each class where there are more than two.
        notes : list of str
            What was read, filled in, and not known.
        """
        read, notes = read_table(table)
        encoded = self.encoding.transform(read)
        found = outputs_of(self, encoded.X)
        outputs = np.full((read.num_rows, *found.shape[1:]), np.nan)
        outputs[encoded.kept] = found
        return outputs, [*notes, *encoded.notes]

    def labels(self, outputs: np.ndarray) -> np.ndarray:
        """Return predictions for outputs of the model: the same numbers, or the likeliest class.

        Parameters
        ----------
        outputs : array
            What `outputs` returned.

        Returns
        -------
        array
            Numbers or labels.
        """
        if self.classes is None:
            return outputs
        labels = self._labels_at(told(outputs, self.loss))
        labels[np.isnan(outputs if outputs.ndim == 1 else outputs[:, 0])] = None
        return labels

    def write(self, file: Any, outputs: np.ndarray, held_out: HeldOut | None = None) -> None:
        """Write predictions as CSV, a line a row: its number from 1, the truth if known, the prediction.

        Parameters
        ----------
        file : path or binary stream
            Where; a path is replaced when all is written.
        outputs : array
            What the model returned.
        held_out : HeldOut, optional
            Which rows these are, and their truth.
        """
        rows, truth = np.arange(len(outputs)), None
        if held_out is not None:
            rows, truth = held_out.rows, held_out.truth
            truth = truth if self.classes is None else self._labels_at(truth.astype(int))
        write_csv(file, columns_of(rows, self.target, truth, self.labels(outputs), self._beside(outputs)))

    def more(self, table: Any = None, **how: Any) -> TableFit:  # type: ignore[override]
        """Go on from where this fit stopped; the score is told anew.

        Parameters
        ----------
        table : path, DataFrame, pyarrow.Table or dict, optional
            The table of the fit, where it was loaded: it is not saved with it.
        **how : optional
            ``epochs``, ``tolerance``, ``seconds``, ``callback`` and ``progress``, as for `Fit.more`.

        Returns
        -------
        TableFit
            Another fit, whose trace continues that of this one.

        Raises
        ------
        ValueError
            If the table is not that of the fit.
        RuntimeError
            If the table must be given again, or a loaded fit is one of each class against the rest.
        """
        if table is None and self.data is None:
            raise RuntimeError("the table of a fit is not saved with it: give it again, fit.more(table, …)")
        rows: tuple[Any, ...] = ()
        held = self.held_out
        if table is not None:
            ready = prepared_again(table, self.target, self.classes, self.encoding, self.learnt)
            rows, held = (ready.X[ready.seen], ready.y[ready.seen]), held_out_of(self, ready)
        fitted = super().more(*rows, **how)
        known = {f.name: getattr(fitted, f.name) for f in fields(Fit)}
        known["columns"], fitted.trace.names = self.columns, self.trace.names
        if held is not None and fitted.data is not None:
            held = replace(held, predicted=outputs_of(fitted, held.X))
            known["score"] = score_of(held, fitted.data[1], self.loss, self.classes)
        return replace(self, **known, held_out=held)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write model, preprocessing, trace, held-out predictions and a picture: all of it, or nothing.

        Parameters
        ----------
        folder : path
            Made if missing; what a fit left there before is replaced.

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

        with staged(folder) as room:
            save_figure(DescentDisplay.from_run(self), room / PICTURE)
            if self.held_out is not None:
                self.write(room / PREDICTIONS, self.held_out.predicted, self.held_out)
            write_record(room, *self._saved())
        return Path(folder)

    def __str__(self) -> str:
        score = self.score.words() if self.score else "no rows were held out, so no honest score"
        return "\n".join([*self.notes, "", super().__str__(), "", score])

    @property
    def _has_features(self) -> bool:
        return isinstance(self.model, SVM) and self.model.kernel != "linear"

    @property
    def _named(self) -> Mapping[str, float]:
        # Coefficients of features tell a reader nothing.
        if not self._has_features:
            return super()._named
        intercepts = np.ravel(self.params["intercept"])
        return dict(zip(self.trace.names[-len(intercepts) :], intercepts.tolist(), strict=True))

    def _labels_at(self, places: np.ndarray) -> np.ndarray:
        return np.array(self.classes, dtype=object)[places]

    def _beside(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Return what a file has beside predictions: the outputs that tell the classes, by name."""
        what = "probability" if tells_probabilities(self.loss) else "score"
        labels = (self.classes or ())[outputs.ndim == 1 :]
        return {f"{what} of {label}": column for label, column in zip(labels, np.atleast_2d(outputs.T), strict=False)}

    def _saved(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        record, arrays = super()._saved()
        return record, arrays | {"learnt": self.learnt}

    def _header(self) -> dict[str, Any]:
        return super()._header() | {
            "result": "table",
            "encoding": self.encoding.to_dict(),
            "target": self.target,
            "classes": self.classes and list(self.classes),
            "loss": to_json(self.loss),
            "score": self.score and asdict(self.score),
            "notes": self.notes,
        }

    @classmethod
    def _revive(cls, record: dict[str, Any], arrays: dict[str, np.ndarray]) -> TableFit:
        known = {
            "encoding": Encoding.from_dict(record["encoding"]),
            "classes": record["classes"] and tuple(record["classes"]),
            "loss": from_json(record["loss"]),
            "score": record["score"] and Score.from_json(record["score"]),
            "learnt": arrays["learnt"],
        }
        return super()._revive(record | known, arrays)  # type: ignore[return-value]


@our_words
def fit_table(
    table: Any,
    target: str,
    *,
    features: Iterable[str] | None = None,
    drop: Iterable[str] = (),
    missing: str = "mean",
    max_categories: int = 50,
    task: str | None = None,
    held_out: float = 0.2,
    model: str = "linear",
    loss: Any = None,
    kernel: str = "linear",
    gamma: float | None = None,
    components: int | None = None,
    penalty: Callable[..., Any] | None = None,
    batch_size: int | None = None,
    epochs: int | None = None,
    direction: Any = None,
    step: Any = "auto",
    validation: float | None = None,
    tolerance: float | None = None,
    seconds: float | None = None,
    rng: Any = 0,
    callback: Callable[..., Any] | None = None,
    progress: bool | None = None,
) -> TableFit:
    """Fit a model to a column of a table, with all that it takes to make numbers of the others.

    Numbers, true and false, dates and texts of few values are used; what can't help is dropped, and
    named in `notes`. Two different values in the target, or several texts, make a classification (log
    loss, and softmax for more than two), more numbers a regression (squared loss).

    Parameters
    ----------
    table : path, DataFrame, pyarrow.Table or dict
        A CSV (also .gz, .zip, .tsv) or Parquet file, or a table in memory.
    target : str
        The column to predict.
    features : iterable of str, optional
        The columns to predict from; all others by default.
    drop : iterable of str
        Columns to leave out.
    missing : {"mean", "drop", "error"}
        What missing values become; rows without a target are always dropped.
    max_categories : int
        How many values a column of texts may have.
    task : {"regression", "classification"}, optional
        Overrides what the target suggests: whole numbers, too, can be classes.
    held_out : float
        The part of the rows kept back for the score, drawn at random, of each class alike; 0 for none.
    model : {"linear", "svm"}
        A linear model, or a support vector machine. By the hinge and the squared hinge more than two classes
        are each told from the rest, as much as that costs: `seconds` are for each.
    loss : str or Loss, optional
        A name such as "huber", or an object such as ``losses.Quantile(0.9)``; by default that of the model,
        which for a machine is the hinge, or the ε-insensitive loss of numbers. A loss of classes makes a
        classification and any other a regression; by "poisson" and "gamma" means are predicted.
    kernel : {"linear", "rbf"}
        That of a machine.
    gamma : float, optional
        γ of the kernel exp(-γ ‖x - x'‖²), of standardised columns; one over their number by default.
    components : int, optional
        How many features stand for that kernel; 300 by default.
    penalty : callable, optional
        As for `fit`. Where none is given and the classes can be told apart without error, so that there is
        no best fit without one, L2(1/n) is taken, and said in `notes`.
    batch_size, epochs, direction, step, tolerance, seconds, callback, progress : optional
        As for `fit`.
    validation : float, optional
        The part of the rows to learn from that early stopping looks at instead; the score is on others.
    rng : int, numpy.random.Generator or None
        What draws the held-out rows and shuffles; the same seed gives the same fit.

    Returns
    -------
    TableFit
        A fit that predicts tables; `coefficients` has names, `score` is honest, `save` keeps all.

    Raises
    ------
    TableError
        Where the file or the table must be mended first; the message says where and how.
    ValueError
        If an option makes no sense.

    Examples
    --------
    >>> heights = {"age": [2, 4, 6, 8], "sex": ["f", "m", "f", "f"], "height": [86.0, 103.0, 116.0, 128.0]}
    >>> fitted = fit_table(heights, "height", held_out=0)
    >>> {name: round(value, 3) for name, value in fitted.coefficients.items()}
    {'age': 7.071, 'sex=m': 2.429}
    >>> fitted.predict({"age": [5], "sex": ["m"]}).round(2)
    array([110.07])
    """
    if isinstance(held_out, bool) or not isinstance(held_out, numbers.Real) or not 0 <= held_out < 1:
        raise ValueError(f"held_out={held_out!r}: give the part of the rows to hold out, such as 0.2; 0 for none")
    if isinstance(validation, (tuple, list)):
        raise TypeError("validation= takes a part of the table's rows here, such as 0.2")
    method = Method.read(model, loss, kernel, gamma, components)
    wanted = method.task(task)
    draws = generator(rng)
    ready = prepare(
        table, target, wanted, float(held_out), draws,
        features=features, drop=drop, missing=missing, max_categories=max_categories,
    )  # fmt: skip
    X, y, seen, classes, names = ready.X, ready.y, ready.seen, ready.classes, ready.encoding.names
    chosen, cost = method.chosen(len(classes or ()), penalty, draws)
    if classes is None:
        check_numbers(target, ready, cost)
    words = {"direction": direction, "step": step, "shuffle": "batches", "rescale": "auto", "dtype": None}
    budget = Budget.of(tolerance, seconds, epochs=epochs)

    def descend(X: np.ndarray, y: np.ndarray, *, penalty: Any) -> Fit:
        given = TrainingData.read(X, y, None, validation, None, list(names))
        options = {"rng": draws, "callback": callback, "progress": progress}
        return fit_given(chosen, given, cost, penalty, None, batch_size, words, budget, **options)

    if classes is not None and len(classes) > 2 and cost != losses.softmax:
        descend = partial(fit_one_vs_rest, descend, labels=classes)
    fitted, why = descend(X[seen], y[seen], penalty=penalty), ""
    if penalty is None and fitted.outcome is Outcome.NO_FINITE_OPTIMUM:
        why = needed(fitted.message)
        penalty = L2(float(f"{1 / seen.sum():.3g}"))
        fitted = descend(X[seen], y[seen], penalty=penalty)
    fitted.columns = list(names)
    fitted.trace.names = parameter_names(names if kernel == "linear" else fitted.trace.names[:-1], classes)
    unseen = held_out_of(fitted, ready)
    return TableFit(
        **{f.name: getattr(fitted, f.name) for f in fields(fitted)},
        encoding=ready.encoding,
        target=target,
        classes=classes,
        loss=cost,
        score=unseen and score_of(unseen, y[seen], cost, classes),
        notes=[*ready.notes, f"fitted: {described(chosen, cost, penalty)}{why}"],
        learnt=ready.learnt,
        held_out=unseen,
    )


def needed(message: str) -> str:
    """Return why a penalty was taken, from what the fit without one said; what to do, which follows there, is done."""
    cause = message.partition("no finite optimum: ")[2].partition("; ")[0]
    return f", taken as without one {cause}"


def held_out_of(fitted: Fit, ready: Prepared) -> HeldOut | None:
    """Return the rows that a fit was not told of, with what it makes of them; None where there are none."""
    if ready.seen.all():
        return None
    rest = ~ready.seen
    return HeldOut(ready.places[rest], ready.y[rest], outputs_of(fitted, ready.X[rest]), ready.X[rest])
