"""`fit_table`: from a file or a DataFrame to a fitted linear model, its honest score, and a folder to keep it in."""

from __future__ import annotations

import numbers
import os
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from steepest.data.batches import generator
from steepest.data.encoding import Encoding, learn_encoding
from steepest.data.tables import TableError, arrow, counted, read_table
from steepest.data.target import learn_target
from steepest.descent.choose import our_words
from steepest.descent.storage import staged, write_record
from steepest.fitting.fit import fit
from steepest.fitting.result import Fit
from steepest.models import Linear, Logistic

PREDICTIONS = "predictions.csv"
PICTURE = "descent.png"


@dataclass(frozen=True)
class Score:
    """How good predictions are on rows that the fit has not seen, beside the simplest guess.

    Parameters
    ----------
    rows : int
        How many rows were held out.
    loss, baseline_loss : float
        The mean loss of the model, and of guessing the training mean or the training share.
    value, baseline : float
        R² of the model and of the training mean; or the part of rows whose class is told rightly, by
        the model and by naming the commonest class.
    """

    rows: int
    loss: float
    baseline_loss: float
    value: float
    baseline: float

    def words(self, classification: bool) -> str:
        """Return the score in plain words.

        Parameters
        ----------
        classification : bool
            Whether classes are told, rather than numbers.

        Returns
        -------
        str
            One sentence.
        """
        on = f"on {counted(self.rows, 'held-out row')}"
        if classification:
            return (
                f"{on}: {self.value:.2%} told rightly (the commonest class: {self.baseline:.2%}), "
                f"log loss {self.loss:.4f} (the share: {self.baseline_loss:.4f})"
            )
        error, guess = self.loss**0.5, self.baseline_loss**0.5
        return f"{on}: R² {self.value:.4f}, off by {error:.4g} in root mean square (the mean alone: {guess:.4g})"


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The rows that the fit has not seen: their numbers in the table from 0, the truth, the predictions, and X."""

    rows: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    X: np.ndarray


@dataclass(eq=False)
class TableFit(Fit):
    """A linear model fitted to a table, with everything that turns a new table into predictions.

    Attributes
    ----------
    encoding : Encoding
        How columns become numbers.
    target : str
        The column that is predicted.
    classes : tuple or None
        The two labels of a classification, the second being 1; None for a regression.
    score : Score or None
        On held-out rows; None where none were held out.
    notes : list of str
        What was read, made of the columns, filled in and dropped, in plain sentences.
    held_out : HeldOut or None
        The held-out rows; None where the fit was loaded.
    """

    encoding: Encoding = field(default_factory=lambda: Encoding(()))
    target: str = ""
    classes: tuple[Any, Any] | None = None
    score: Score | None = None
    notes: list[str] = field(default_factory=list)
    held_out: HeldOut | None = field(default=None, repr=False)

    @property
    def coefficients(self) -> dict[str, float]:
        """Each coefficient by the name of its column or category, in the column's own units."""
        return dict(zip(self.encoding.names, self.params["coef"].tolist(), strict=True))

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
        outputs : array
            Numbers in the target's units, or probabilities of the second class.
        notes : list of str
            What was read, filled in, and not known.
        """
        read, notes = read_table(table)
        encoded = self.encoding.transform(read)
        outputs = np.full(read.num_rows, np.nan)
        outputs[encoded.kept] = super().predict(encoded.X)
        return outputs, [*notes, *encoded.notes]

    def labels(self, outputs: np.ndarray) -> np.ndarray:
        """Return predictions for outputs of the model: the same numbers, or the likelier class.

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
        labels = np.array(self.classes, dtype=object)[(outputs > 0.5).astype(int)]
        labels[np.isnan(outputs)] = None
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
        pyarrow = arrow()
        rows = np.arange(len(outputs)) if held_out is None else held_out.rows
        columns: dict[str, Any] = {"row": rows + 1}
        if held_out is not None:
            truth = held_out.truth
            columns[self.target] = truth if self.classes is None else self.labels(truth)
        columns["predicted"] = pyarrow.array(self.labels(outputs), from_pandas=True)
        if self.classes is not None:
            columns[f"probability of {self.classes[1]}"] = pyarrow.array(outputs, from_pandas=True)
        table, plainly = pyarrow.table(columns), pyarrow.csv.WriteOptions(quoting_style="needed")
        if hasattr(file, "write"):
            pyarrow.csv.write_csv(table, file, plainly)
            return
        path = Path(file)
        draft = path.with_name(f".writing-{path.name}")
        try:
            pyarrow.csv.write_csv(table, str(draft), plainly)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    def more(self, *rows: Any, **how: Any) -> TableFit:
        """Go on from where this fit stopped, while the table is at hand; the score is told anew.

        Parameters
        ----------
        *rows, **how : optional
            As for `Fit.more`; the rows are at hand.

        Returns
        -------
        TableFit
            Another fit, whose trace continues that of this one.

        Raises
        ------
        RuntimeError
            If the fit was loaded: the table is not saved with it.
        """
        if self.onward is None:
            raise RuntimeError("this fit was loaded, and its table is not saved with it: call fit_table again")
        fitted, held = super().more(*rows, **how), self.held_out
        known = {f.name: getattr(fitted, f.name) for f in fields(Fit)}
        known["columns"], fitted.trace.names = self.columns, self.trace.names
        if held is not None and fitted.data is not None:
            held = replace(held, predicted=Fit.predict(fitted, held.X))
            known["score"] = _score(held, fitted.data[1], self.model)
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
        from steepest.reading import DescentDisplay, save_figure

        with staged(folder) as room:
            save_figure(DescentDisplay.from_run(self), room / PICTURE)
            if self.held_out is not None:
                self.write(room / PREDICTIONS, self.held_out.predicted, self.held_out)
            write_record(room, self._header(), self.trace.arrays())
        return Path(folder)

    def __str__(self) -> str:
        told = self.score.words(self.classes is not None) if self.score else "no rows were held out, so no honest score"
        return "\n".join([*self.notes, "", super().__str__(), "", told])

    def _header(self) -> dict[str, Any]:
        return super()._header() | {
            "result": "table",
            "encoding": self.encoding.to_dict(),
            "target": self.target,
            "classes": self.classes and list(self.classes),
            "score": self.score and asdict(self.score),
            "notes": self.notes,
        }

    @classmethod
    def _revive(cls, record: dict[str, Any], arrays: dict[str, np.ndarray]) -> TableFit:
        known = {
            "encoding": Encoding.from_dict(record["encoding"]),
            "classes": record["classes"] and tuple(record["classes"]),
            "score": record["score"] and Score(**record["score"]),
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
    """Fit a linear model to a column of a table, with all that it takes to make numbers of the others.

    Numbers, true and false, dates and texts of few values are used; what can't help is dropped, and
    named in `notes`. Two different values in the target make a classification (log loss), more
    numbers a regression (squared loss).

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
        Overrides what the target suggests.
    held_out : float
        The part of the rows kept back for the score, drawn at random; 0 for none.
    penalty, batch_size, epochs, direction, step, tolerance, seconds, callback, progress : optional
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
    draws = generator(rng)
    read, notes = read_table(table)
    answer = learn_target(read, target, task)
    places = np.flatnonzero(answer.kept)
    if len(places) < read.num_rows:
        read = read.filter(arrow().array(answer.kept))
    seen = _split(answer.y, float(held_out), answer.classes is not None, draws)
    encoding = learn_encoding(
        read, target, features=features, drop=drop, missing=missing, max_categories=max_categories, rows=seen,
    )  # fmt: skip
    encoded = encoding.transform(read)
    y, seen, places = answer.y[encoded.kept], seen[encoded.kept], places[encoded.kept]
    if np.unique(y[seen]).size < 2:
        raise TableError(
            f"the target {target!r} has one value in the {seen.sum():,} rows to learn from: give more rows"
        )
    model = Linear() if answer.classes is None else Logistic()
    fitted = fit(
        model, encoded.X[seen], y[seen], penalty=penalty, batch_size=batch_size, epochs=epochs, direction=direction,
        step=step, validation=validation, tolerance=tolerance, seconds=seconds, rng=draws, callback=callback,
        progress=progress,
    )  # fmt: skip
    fitted.columns = list(encoding.names)
    fitted.trace.names = [*encoding.names, "intercept"]
    unseen = None
    if not seen.all():
        X = encoded.X[~seen]
        unseen = HeldOut(places[~seen], y[~seen], Fit.predict(fitted, X), X)
        notes = [*notes, f"{counted(int((~seen).sum()), 'row')} held out, {seen.sum():,} to learn from"]
    return TableFit(
        **{f.name: getattr(fitted, f.name) for f in fields(fitted)},
        encoding=encoding,
        target=target,
        classes=answer.classes,
        score=unseen and _score(unseen, y[seen], model),
        notes=[*notes[:1], *answer.notes, *notes[1:], *encoding.notes],
        held_out=unseen,
    )


def _split(y: np.ndarray, part: float, by_class: bool, draws: np.random.Generator) -> np.ndarray:
    """Return which rows to learn from: the rest is drawn at random, from each class alike."""
    seen = np.ones(len(y), dtype=bool)
    for rows in [np.flatnonzero(y == label) for label in (0, 1)] if by_class else [np.arange(len(y))]:
        seen[draws.permutation(rows)[: round(part * len(rows))]] = False
    return seen


def _score(held_out: HeldOut, learned: np.ndarray, model: Linear) -> Score:
    y, z = held_out.truth, held_out.predicted
    middle = learned.mean()
    if isinstance(model, Logistic):
        tiny = np.finfo(float).tiny
        loss = -np.log(np.maximum(np.where(y == 1, z, 1 - z), tiny)).mean()
        guess = -np.log(np.maximum(np.where(y == 1, middle, 1 - middle), tiny)).mean()
        return Score(
            len(y), float(loss), float(guess), float(((z > 0.5) == y).mean()), float(((middle > 0.5) == y).mean())
        )
    loss, guess, spread = ((y - z) ** 2).mean(), ((y - middle) ** 2).mean(), y.var()
    # Without spread there is nothing to explain.
    explained = [float(1 - each / spread) if spread else float("nan") for each in (loss, guess)]
    return Score(len(y), float(loss), float(guess), *explained)
