"""`Predictions`: rows with their targets and what a fit predicts for them, as the displays of this folder read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.protocol import Model, PredictorLike, TablePredictorLike, log_target_of
from steepest.inspection.window import BLOWN_UP, NotAtHandError
from steepest.printable import printable, quoted
from steepest.types import Array, Function, Rows

# The squares of larger numbers overflow in sums.
LARGEST = 1e150
# Labels are cut after so many letters.
WIDEST_LABEL = 20
# Names of losses whose outputs are probabilities of classes.
LIKELY = ("log loss", "softmax")
# Names of losses whose outputs are the logarithms of means.
OF_MEANS = ("Poisson", "Gamma")
NO_ROWS = "this fit has no rows at hand, because it was loaded, read a stream or is an estimator: give X= and y="


@dataclass(frozen=True, eq=False)
class Predictions:
    """Rows with their targets and what a fit predicts for them; rows that are not finite are left out.

    Parameters
    ----------
    truth : array of shape (rows,)
        The targets: numbers, or the index of each row's class.
    outputs : array of shape (rows,) or (rows, classes)
        Predicted numbers; for classes the probability or score of the second of two, or those of each class.
    weight : array of shape (rows,)
        The weights of the rows.
    unseen : array of bool of shape (rows,)
        The rows that the model did not learn from.
    kind : {"numbers", "probabilities", "scores"}
        What the outputs are.
    labels : tuple of str
        The classes; empty for numbers.
    source : str
        What the rows are, such as "it was fitted to".
    left_out : int
        How many rows were left out.
    title : str
        The title of the fit.
    note : str
        What else a caption must say of the predictions; "" or sentences.
    """

    truth: np.ndarray
    outputs: np.ndarray
    weight: np.ndarray
    unseen: np.ndarray
    kind: str
    labels: tuple[str, ...] = ()
    source: str = "it was fitted to"
    left_out: int = 0
    title: str = ""
    note: str = ""

    @classmethod
    def of(
        cls, truth: ArrayLike, outputs: ArrayLike, weight: ArrayLike | None = None, unseen: ArrayLike | None = None, *,
        kind: str = "numbers", labels: Sequence[object] = (), source: str = "given", title: str = "", note: str = "",
    ) -> Predictions:  # fmt: skip
        """Check numbers and leave out the rows that are not finite."""
        truth, outputs = np.asarray(truth, dtype=float).ravel(), np.asarray(outputs, dtype=float)
        outputs = outputs.reshape(len(outputs), -1) if outputs.ndim > 1 and outputs.shape[1] > 1 else outputs.ravel()
        weight = np.ones(len(truth)) if weight is None else np.asarray(weight, dtype=float).ravel()
        unseen = np.zeros(len(truth), dtype=bool) if unseen is None else np.asarray(unseen, dtype=bool)
        lengths = {len(truth), len(outputs), len(weight), len(unseen)}
        if len(lengths) > 1:
            raise ValueError(
                f"there are {len(truth)} targets, {len(outputs)} predictions and {len(weight)} weights: "
                "give one of each for a row"
            )
        if (weight < 0).any():
            raise ValueError(f"a weight is {weight.min():g}: weights must be 0 or more")
        table = np.column_stack([truth, weight, outputs])
        with np.errstate(all="ignore"):
            finite = (np.abs(table) <= LARGEST).all(axis=1)
        if not finite.any():
            raise ValueError(f"none of {len(truth)} rows has a finite target and prediction: check X and y")
        counts = finite & (weight > 0)
        if not counts.any():
            raise ValueError("every weight is 0: give some row a weight")
        named = tuple(printable(label, WIDEST_LABEL) for label in labels)
        left_out = int((~finite).sum())
        rows = truth[counts], outputs[counts], weight[counts], unseen[counts]
        return cls(*rows, kind, named, source, left_out, title, note)

    def __len__(self) -> int:
        return len(self.truth)

    def at(self, rows: np.ndarray, source: str) -> Predictions:
        """Return some of the rows, by a mask."""
        return Predictions(
            self.truth[rows], self.outputs[rows], self.weight[rows], self.unseen[rows], self.kind, self.labels, source,
            self.left_out, self.title, self.note,
        )  # fmt: skip

    @property
    def honest(self) -> Predictions:
        """The rows that the model did not learn from, if there are any; else all."""
        return self.at(self.unseen, "held out") if self.unseen.any() else self

    @property
    def chosen(self) -> np.ndarray:
        """The index of the predicted class of each row."""
        if self.outputs.ndim == 2:
            return self.outputs.argmax(axis=1)
        return (self.outputs > self.threshold).astype(int)

    @property
    def threshold(self) -> float:
        """The output above which the second of two classes is predicted."""
        return 0.5 if self.kind == "probabilities" else 0.0

    @property
    def where(self) -> str:
        """The rows, as a caption names them."""
        return f"on {rows_named(len(self), self.source)}"

    @property
    def remarks(self) -> str:
        """The ends of a caption: what else the predictions are, and how many rows were left out; "" if nothing is."""
        note = f" {self.note}" if self.note else ""
        if not self.left_out:
            return note
        verb = "is" if self.left_out == 1 else "are"
        rows = style.counted(self.left_out, "row")
        return f"{note} {rows} that {verb} not finite, or above {LARGEST:g}, {verb} left out."


def rows_named(count: int, source: str) -> str:
    """Return a number of rows with what they are.

    Parameters
    ----------
    count : int
        The number.
    source : {"it was fitted to", "held out", "given"}
        What they are.

    Returns
    -------
    str
        The words.

    Examples
    --------
    >>> rows_named(442, "it was fitted to"), rows_named(89, "held out")
    ('the 442 rows it was fitted to', '89 held-out rows')
    """
    if source == "held out":
        return style.counted(count, "held-out row")
    return f"the {style.counted(count, 'row')} {source}"


def class_named(label: str) -> str:
    """Return a class as a caption names it.

    Parameters
    ----------
    label : str
        The label.

    Returns
    -------
    str
        The label in quotation marks, if it begins with a letter; else with the word "class".

    Examples
    --------
    >>> class_named("benign"), class_named("1")
    ('“benign”', 'class 1')
    """
    return f"“{label}”" if label[:1].isalpha() else f"class {label}"


def predictions_of(run: Any, X: Rows = None, y: Array = None, weight: Array = None) -> Predictions:
    """Return the rows of a fit, or other rows, with the predictions of the fit.

    Parameters
    ----------
    run : fit, fit of a table, or estimator
        The fit.
    X, y : array or DataFrame, array
        Other rows; a table for the fit of a table, whose target may be in it. By default those of the fit.
    weight : array of shape (rows,), optional
        The weights of other rows.

    Returns
    -------
    Predictions
        The rows.

    Raises
    ------
    TypeError
        If the run is not a fit.
    ValueError
        If no rows are given and the fit has none, or only one of X and y is given.
    """
    if isinstance(run, TablePredictorLike):
        return _of_table(run, X, y, weight)
    if isinstance(run, PredictorLike):
        return _of_fit(run, X, y, weight)
    if hasattr(run, "predict") and not hasattr(run, "trace"):
        return _of_estimator(run, X, y, weight)
    raise TypeError(f"this picture is that of a fit, and this is a {type(run).__name__}: fit a model with st.fit")


def judged(run: Any) -> Predictions:
    """Return the rows that a fit is judged by: those held out of the fit of a table, if any; else all of the fit.

    Parameters
    ----------
    run : fit or fit of a table
        The fit.

    Returns
    -------
    Predictions
        The rows, with predictions.

    Raises
    ------
    ValueError
        If the fit has no rows, or none with a finite prediction.
    """
    if isinstance(run, TablePredictorLike) and run.held_out is not None:
        return _tabled(run, [(run.held_out.truth, run.held_out.predicted, True)]).honest
    return predictions_of(run).honest


def _of_fit(fit: PredictorLike, X: Rows, y: Array, weight: Array) -> Predictions:
    basis = fit.basis
    loss = _loss_of(fit)
    kind, note = _kind_of(loss), _note_of(fit, loss)
    if X is not None or y is not None:
        _check_pair(X, y)
        outputs = _outputs_of(fit, X, loss)
        return Predictions.of(
            y, outputs, weight, kind=kind, labels=_numbered(kind, outputs), title=fit.title, source="given", note=note
        )
    if basis is None:
        raise NotAtHandError(NO_ROWS)
    counts = basis.learnt | (basis.weight > 0)
    outputs = _outputs_of(fit, basis.X, loss)
    truth, weights, unseen = basis.y, np.where(counts, basis.weight, 0.0), ~basis.learnt
    if basis.validation is not None:
        other = _outputs_of(fit, basis.validation[0], loss)
        outputs, truth = np.concatenate([outputs, other]), np.concatenate([truth, basis.validation[1]])
        weights = np.concatenate([weights, basis.validation[2]])
        unseen = np.concatenate([unseen, np.ones(len(other), dtype=bool)])
    return Predictions.of(
        truth, outputs, weights, unseen, kind=kind, labels=_numbered(kind, outputs), title=fit.title,
        source="it was fitted to", note=note,
    )  # fmt: skip


def _of_table(fit: TablePredictorLike, X: Rows, y: Array, weight: Array) -> Predictions:
    kind = "numbers" if fit.classes is None else _kind_of(fit.loss)
    classes, note = fit.classes or (), point_of(fit)
    if X is not None:
        outputs, *_ = fit.outputs(X)
        if y is None:
            y = _column(X, fit.target)
        return Predictions.of(
            _indices(y, classes) if classes else y, outputs, weight, kind=kind, labels=classes, title=fit.title,
            source="given", note=note,
        )  # fmt: skip
    if y is not None:
        _check_pair(X, y)
    inner, held = fit.fit, fit.held_out
    parts = []
    if inner.data is not None and isinstance(inner, PredictorLike):
        truth, outputs = np.asarray(inner.data[1], dtype=float), _outputs_of(inner, inner.data[0], fit.loss)
        if (log_target := log_target_of(fit)) is not None:
            # Such a fit has the logarithm of its target.
            with np.errstate(over="ignore"):
                truth, outputs = np.exp(truth), log_target.back(outputs)
        parts.append((truth, outputs, False))
    if held is not None:
        parts.append((held.truth, held.predicted, True))
    if not parts:
        raise NotAtHandError("this fit has no rows at hand, because it was loaded: give X=, a table with its target")
    return _tabled(fit, parts)


def _tabled(fit: TablePredictorLike, parts: Sequence[tuple[Array, Array, bool]]) -> Predictions:
    """Return the rows of a table from parts: targets, outputs, and whether they were held out."""
    kind = "numbers" if fit.classes is None else _kind_of(fit.loss)
    truth = np.concatenate([part[0] for part in parts])
    outputs = np.concatenate([np.asarray(part[1], dtype=float) for part in parts])
    unseen = np.concatenate([np.full(len(part[0]), part[2]) for part in parts])
    return Predictions.of(
        truth, outputs, None, unseen, kind=kind, labels=fit.classes or (), title=fit.title, source="it was fitted to",
        note=point_of(fit),
    )  # fmt: skip


def _of_estimator(estimator: Any, X: Rows, y: Array, weight: Array) -> Predictions:
    if X is None or y is None:
        raise ValueError(NO_ROWS)
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        return Predictions.of(y, estimator.predict(X), weight, source="given")
    is_likely = hasattr(estimator, "predict_proba")
    outputs = np.asarray(estimator.predict_proba(X) if is_likely else estimator.decision_function(X))
    if is_likely and outputs.shape[1] == 2:
        outputs = outputs[:, 1]
    kind = "probabilities" if is_likely else "scores"
    return Predictions.of(_indices(y, classes), outputs, weight, kind=kind, labels=classes, source="given")


def _check_pair(X: Rows, y: Array) -> None:
    if X is None or y is None:
        missing, given = ("X", "y") if X is None else ("y", "X")
        raise ValueError(f"{given} is given and {missing} is not: give both, or neither for the rows of the fit")


def _loss_of(fit: PredictorLike) -> Function | None:
    """Return the loss of a fit; of one that was loaded, that of its model."""
    if fit.basis is not None:
        return fit.basis.loss
    return getattr(fit, "loss", None) or getattr(fit.model, "loss", None)


def _kind_of_fit(run: Any) -> str:
    """Return what a fit predicts, without its rows."""
    if isinstance(run, TablePredictorLike):
        return "numbers" if run.classes is None else _kind_of(run.loss)
    return _kind_of(_loss_of(run))


def _kind_of(loss: Function | None) -> str:
    name = getattr(loss, "name", "")
    if name in LIKELY:
        return "probabilities"
    return "scores" if getattr(loss, "classes", False) else "numbers"


def _numbered(kind: str, outputs: np.ndarray) -> Sequence[object]:
    """Return the labels of classes that have numbers for names."""
    if kind == "numbers":
        return ()
    return range(outputs.shape[1] if outputs.ndim == 2 and outputs.shape[1] > 1 else 2)


def _outputs_of(fit: PredictorLike, X: Rows, loss: Function | None) -> np.ndarray:
    """Return the predictions of numbers, the probabilities of classes, or their scores."""
    kind = _kind_of(loss)
    model, params = fit.model, fit.params
    with np.errstate(all="ignore"):
        if kind == "scores" and "coef" in params:
            rows = fit.in_order(X)
            rows = rows if hasattr(rows, "tocsr") else np.asarray(rows, dtype=float)
            z = model(model.shaped(rows, params), np.transpose(params["coef"]), params["intercept"])
            return np.asarray(z, dtype=float)
        found = np.asarray(fit.predict(X), dtype=float)
        return meant(found, loss, model)


def meant(outputs: np.ndarray, loss: Function | None, model: Model) -> np.ndarray:
    """Return what outputs of a model stand for under a loss: probabilities, means, or the outputs themselves.

    Parameters
    ----------
    outputs : array of shape (rows,) or (rows, classes)
        What the model predicts.
    loss : callable or None
        The loss.
    model : model
        The model.

    Returns
    -------
    array
        The probabilities of classes for the losses of log odds, means for those of the logarithms of means; the outputs
        themselves for other losses, and for a model that predicts these itself.

    Examples
    --------
    >>> import steepest as st
    >>> meant(np.zeros(1), st.losses.poisson, st.models.Linear()), meant(np.ones(1), None, st.models.Linear())
    (array([1.]), array([1.]))
    """
    if not _is_translated(loss, model):
        return outputs
    name = getattr(loss, "name", "")
    with np.errstate(all="ignore"):
        if name in OF_MEANS:
            return np.exp(outputs)
        if name == "softmax":
            power = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            return power / power.sum(axis=1, keepdims=True)
        return 1 / (1 + np.exp(-outputs))


def translation_of(loss: Function | None, model: Model) -> str:
    """Return how the outputs of a model became predictions, in a sentence.

    Parameters
    ----------
    loss : callable or None
        The loss.
    model : model
        The model.

    Returns
    -------
    str
        The sentence; "" if they are the predictions themselves.

    Examples
    --------
    >>> import steepest as st
    >>> translation_of(st.losses.gamma, st.models.Linear())
    'The outputs of the model are logarithms of means: shown are the means, exp of the outputs.'
    """
    if not _is_translated(loss, model):
        return ""
    if getattr(loss, "name", "") in OF_MEANS:
        return "The outputs of the model are logarithms of means: shown are the means, exp of the outputs."
    return "The outputs of the model are log odds: shown are the probabilities."


def _is_translated(loss: Function | None, model: Model) -> bool:
    # Functions of the user, and linear models with such a loss, predict log odds or logarithms of means: 0 stays 0.
    told = getattr(loss, "name", "") in (*LIKELY, *OF_MEANS)
    return told and not np.any(np.asarray(model.response(np.zeros((1, 2)))))


def point_of(fit: PredictorLike | TablePredictorLike) -> str:
    """Return a sentence on the parameters of a fit that diverged, which are not its last ones; "" for other fits.

    Parameters
    ----------
    fit : fit or fit of a table
        The fit.

    Returns
    -------
    str
        The sentence.
    """
    if fit.outcome not in BLOWN_UP:
        return ""
    columns = fit.trace.columns
    losses = np.asarray(columns.get("validation", fit.trace.value), dtype=float)
    epochs = np.asarray(columns.get("epoch", np.arange(len(losses))))
    finite = np.isfinite(losses)
    where = f", {int(epochs[np.argmin(np.where(finite, losses, np.inf))]):,}" if finite.any() else ""
    return f"The fit diverged, and these are the parameters of its best epoch{where}."


def _note_of(fit: PredictorLike, loss: Function | None) -> str:
    return " ".join(filter(None, (translation_of(loss, fit.model), point_of(fit))))


def _column(table: Rows, target: str) -> Array:
    try:
        return table[target]
    except (KeyError, TypeError, IndexError, ValueError):
        raise ValueError(f"X has no column {quoted(target)} that can be read as the targets: give them as y=") from None


def _indices(y: Array, classes: Sequence[object]) -> np.ndarray:
    """Return the index of each row's class; NaN for a label that is none of the classes."""
    known = {label: float(k) for k, label in enumerate(np.asarray(classes, dtype=object).tolist())}
    texts = {str(label): k for label, k in known.items()}
    given = y.to_pylist() if hasattr(y, "to_pylist") else np.asarray(y, dtype=object).ravel().tolist()
    return np.array([known.get(label, texts.get(str(label), np.nan)) for label in given])


def r2_of(truth: np.ndarray, predicted: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return R² = 1 - Σw(y - z)² / Σw(y - mean)².

    Parameters
    ----------
    truth, predicted : array of shape (rows,)
        y and z.
    weight : array of shape (rows,), optional
        w; equal weights by default.

    Returns
    -------
    float
        R²; NaN if all targets are equal.

    Examples
    --------
    >>> r2_of(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0])), r2_of(np.ones(2), np.ones(2))
    (0.5, nan)
    """
    weight = np.ones(len(truth)) if weight is None else weight
    scatter = weight @ (truth - np.average(truth, weights=weight)) ** 2
    return float(1 - weight @ (truth - predicted) ** 2 / scatter) if scatter else float("nan")


def numbers_of(run: Any, X: Rows, y: Array, weight: Array, what: str) -> Predictions:
    """Return the rows of a regression; raise ValueError for classes, with the display that suits them."""
    try:
        found = predictions_of(run, X, y, weight)
        kind = found.kind
    except NotAtHandError:
        if (kind := _kind_of_fit(run)) == "numbers":
            raise
    if kind != "numbers":
        raise ValueError(
            f"this fit predicts classes, which have no {what}: use ConfusionDisplay, RocDisplay or CalibrationDisplay"
        )
    if found.outputs.ndim > 1:
        raise ValueError(f"this fit has {found.outputs.shape[1]} outputs a row, and {what} needs one")
    return found


def classified(run: Any, X: Rows, y: Array, weight: Array, what: str) -> Predictions:
    """Return the rows of a classification; raise ValueError for numbers, with the display that suits them."""
    try:
        found = predictions_of(run, X, y, weight)
        kind = found.kind
    except NotAtHandError:
        if (kind := _kind_of_fit(run)) != "numbers":
            raise
    if kind == "numbers":
        raise ValueError(
            f"this fit predicts numbers, and {what} is for classes: use PredictedDisplay or ResidualsDisplay"
        )
    return found.honest


def given_classes(
    truth: ArrayLike, outputs: ArrayLike, weight: ArrayLike | None, labels: Sequence[object] | None, scores: bool
) -> Predictions:
    """Return rows of a classification from numbers; targets are labels, or the numbers of the classes from 0."""
    array = np.asarray(outputs, dtype=float)
    count = array.shape[1] if array.ndim == 2 and array.shape[1] > 1 else 2
    names = range(count) if labels is None else labels
    if len(names) != count:
        raise ValueError(f"there are {len(names)} labels for {count} classes: give one for each")
    indices = _indices(truth, names)
    if np.isnan(indices).all() and np.asarray(truth).dtype.kind in "biuf":
        indices = _indices(truth, range(count))
    if np.isnan(indices).all():
        first = quoted(np.ravel(np.asarray(truth, dtype=object))[0]) if len(indices) else "nothing"
        raise ValueError(
            f"no target is one of the classes {', '.join(map(str, names))} (the first is {first}): give labels="
        )
    return Predictions.of(indices, array, weight, kind="scores" if scores else "probabilities", labels=names)
