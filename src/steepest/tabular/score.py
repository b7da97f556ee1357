"""How well a fit predicts rows that were held out of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from steepest.inspection.plots.style import number
from steepest.models.losses import Loss, Quantile
from steepest.models.losses.smooth import Gamma, LogLoss, Poisson, Squared
from steepest.models.losses.softmax import Softmax
from steepest.printable import printable
from steepest.tabular.confusion import Confusion
from steepest.tabular.printing.doubt import FEW_HELD_OUT, likely_reason
from steepest.tabular.reading.arrow import Label, counted

# The smallest normal float. It replaces smaller probabilities and means, because the logarithm of 0 is infinite.
TINY = np.finfo(float).tiny
# A loss that is above that of the guess by this part is the same but for rounding.
ROUNDING = 1e-9
# Labels are cut after so many letters.
WIDEST_LABEL = 20


@dataclass(frozen=True)
class Score:
    """How good predictions of held-out rows are, compared with a constant guess.

    Parameters
    ----------
    rows : int
        How many rows were held out.
    loss, baseline_loss : float
        The mean loss of the model and of the constant guess. For the Poisson and Gamma losses they are mean
        deviances, which are 0 if every row is predicted exactly.
    value, baseline : float
        For a regression R² of the model and of the guess; for a classification the accuracy of the model, and the
        accuracy of always guessing the most frequent class.
    measure, guess : str
        The names of the loss and of the constant guess, for `words`.
    below : float or None
        For a fitted quantile the share of rows at or below their prediction.
    confusion : Confusion or None
        The confusion matrix; None for a regression.
    reason : str
        The likely reason, if the model predicts the held-out rows worse than the guess; else "".
    off, baseline_off : float or None
        For a regression the mean absolute error of the model and of the guess.
    commonest : label or None
        For a classification the most frequent class of the training rows.

    Examples
    --------
    >>> print(Score(30, 25.0, 100.0, 0.75, 0.0, "squared", "the mean", off=4.0, baseline_off=9.0).words())
    on 30 held-out rows the predictions are off by 4 on average; always guessing the mean would be off by 9
    root mean square error 5 (guessing the mean: 10), R² 0.7500: 75 % of the variance of these rows is explained
    """

    rows: int
    loss: float
    baseline_loss: float
    value: float
    baseline: float
    measure: str
    guess: str
    below: float | None = None
    confusion: Confusion | None = None
    reason: str = ""
    # Folders of earlier versions lack these.
    off: float | None = None
    baseline_off: float | None = None
    commonest: Label | None = None

    def doubt(self) -> str:
        """Return a sentence that says so if the model predicts the held-out rows worse than the guess.

        Returns
        -------
        str
            The sentence; "" for a model that is at least as good as the guess.
        """
        if not self.reason:
            return ""
        on = f"on {counted(self.rows, 'held-out row')}"
        if self.confusion is not None and self.value < self.baseline:
            rates = f"{_percent(self.value)} {on} are right, and {_percent(self.baseline)} by the guess"
            return f"worse than always guessing the most frequent class: {rates}; likely reason: {self.reason}"
        root = self.measure == Squared.name and self.confusion is None
        what = "the root mean square error" if root else f"the mean {self.measure}"
        loss, guess = (each**0.5 if root else each for each in (self.loss, self.baseline_loss))
        numbers = f"{what} {on} is {loss:.4g}, and {guess:.4g} by the guess"
        return f"worse than guessing {self.guess}: {numbers}; likely reason: {self.reason}"

    def words(self) -> str:
        """Return the score in words: first what a reader without statistics understands, then the measures.

        Returns
        -------
        str
            Two lines; for a classification the confusion matrix follows.
        """
        on = f"on {counted(self.rows, 'held-out row')}"
        loss, guess = self.loss, self.baseline_loss
        if self.confusion is not None:
            right = (
                f"{round(self.value * self.rows):,} of {counted(self.rows, 'held-out row')} are classified correctly"
            )
            plain = f"{right}; always guessing {self._commonest} would get {round(self.baseline * self.rows):,}"
            accuracy = f"accuracy {_percent(self.value)} (always guessing {self._commonest}: {_percent(self.baseline)})"
            losses = f"{self.measure} {loss:.4g} (guessing {self.guess}: {guess:.4g})"
            return f"{plain}\n{accuracy}, {losses}{self._few}\n\n{self.confusion}"
        if self.measure == Squared.name:
            measure, loss, guess = "root mean square error", loss**0.5, guess**0.5
        else:
            measure = f"mean {self.measure}"
        measures = f"{measure} {number(loss)} (guessing {self.guess}: {number(guess)}), {self._r2}{self._few}"
        return f"{on} {self._plainly}\n{measures}" if self._plainly else f"{on}: {measures}"

    @property
    def _plainly(self) -> str:
        """What the predictions of numbers are like; "" if that is not known."""
        if self.below is not None:
            quantile = self.guess.removeprefix("the ")
            return f"{_percent(self.below)} of the targets are at or below the predicted {quantile}"
        if self.off is None or self.baseline_off is None:
            return ""
        if not math.isfinite(self.off):
            return "not all predictions are finite numbers"
        alone = f"always guessing {self.guess} would be off by {number(self.baseline_off)}"
        return f"the predictions are off by {number(self.off)} on average; {alone}"

    @property
    def _commonest(self) -> str:
        if self.commonest is None:
            return "the most frequent class"
        label = printable(self.commonest, WIDEST_LABEL)
        return f'"{label}"' if isinstance(self.commonest, str) else f"class {label}"

    @property
    def _r2(self) -> str:
        if math.isnan(self.value):
            return "no R² (one row has none)" if self.rows == 1 else "no R² (all targets are equal)"
        text = f"R² {self.value:.4f}"
        # A quantile is not meant to be near the targets.
        if self.below is not None:
            return text
        if self.value < 0 and not self.reason:
            # The guess is the mean of the training rows, and R² compares with that of the held-out rows.
            return (
                f"{text}: below 0, as the mean of these rows themselves, not known before, has a smaller squared error"
            )
        # Of few rows a share of the variance sounds like more than it is.
        if self.value <= 0 or self._few:
            return text
        return f"{text}: {_explained(self.value)} of the variance of these rows is explained"

    @property
    def _few(self) -> str:
        """A remark on a score of few rows; "" for one of more."""
        if self.rows >= FEW_HELD_OUT:
            return ""
        return f"; only {counted(self.rows, 'row')}: such a score says little"


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The rows that were held out of a fit.

    Parameters
    ----------
    rows : array of int of shape (rows,)
        The number of each row in the table, from 0.
    truth : array of shape (rows,)
        The targets: numbers, or the index of each row's class.
    predicted : array of shape (rows,) or (rows, classes)
        The outputs of the model.
    X : array of shape (rows, columns)
        The features as numbers.
    """

    rows: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    X: np.ndarray


def predicts_probabilities(loss: Loss) -> bool:
    """Return whether a model fitted with this loss outputs probabilities of classes, not scores or numbers."""
    return isinstance(loss, (LogLoss, Softmax))


def predicted_classes(outputs: np.ndarray, loss: Loss) -> np.ndarray:
    """Return the index of each row's predicted class.

    Parameters
    ----------
    outputs : array of shape (rows,) or (rows, classes)
        Probabilities or scores of the second of two classes, or of each class.
    loss : Loss
        The loss that the model was fitted by.

    Returns
    -------
    array of int of shape (rows,)
        The indices.
    """
    if outputs.ndim == 2:
        return outputs.argmax(axis=1)
    return (outputs > (0.5 if predicts_probabilities(loss) else 0.0)).astype(int)


def losses_of(outputs: np.ndarray, truth: np.ndarray, loss: Loss) -> np.ndarray:
    """Return the loss of each row, of which a score has the mean.

    Parameters
    ----------
    outputs : array of shape (rows,) or (rows, classes)
        Numbers, probabilities or scores, as a model predicts them.
    truth : array of shape (rows,)
        The targets: numbers, or the index of each row's class.
    loss : Loss
        The loss that the model was fitted by.

    Returns
    -------
    array of shape (rows,)
        The loss in the units of the targets; the deviance for the Poisson and Gamma losses.

    Examples
    --------
    >>> from steepest.models import losses
    >>> losses_of(np.array([0.25, 0.5]), np.array([1.0, 0.0]), losses.log_loss).round(4)
    array([1.3863, 0.6931])
    """
    z, y = outputs, truth
    if isinstance(loss, Poisson):
        return 2 * (y * np.log(np.where(y > 0, y, 1.0) / np.maximum(z, TINY)) - y + z)
    if isinstance(loss, Gamma):
        return 2 * (np.log(np.maximum(z, TINY) / y) + y / np.maximum(z, TINY) - 1)
    if not loss.classes:
        return np.asarray(loss(z, y))
    if predicts_probabilities(loss):
        probabilities = z if z.ndim == 2 else np.stack([1 - z, z], axis=1)
        return -np.log(np.maximum(probabilities[np.arange(len(y)), y.astype(int)], TINY))
    # Each column holds the scores of one class: of the second of two classes, else of every class.
    several = z.ndim == 2 and z.shape[1] > 1
    own = (y[:, None] == (np.arange(z.shape[1]) if several else [1])).astype(float)
    return np.asarray(loss(z.reshape(own.shape), own)).sum(axis=1)


def score_of(
    held_out: HeldOut, training: np.ndarray, loss: Loss, classes: Sequence[Label] | None, success: bool = True
) -> Score:
    """Score the predictions of held-out rows.

    Parameters
    ----------
    held_out : HeldOut
        The rows, with their predictions.
    training : array of shape (rows,)
        The targets of the training rows, from which the constant guess is computed.
    loss : Loss
        The loss that the model was fitted by.
    classes : sequence or None
        The labels of a classification; None for a regression.
    success : bool
        Whether the fit converged, or did all that it was asked to do.

    Returns
    -------
    Score
        The score.
    """
    if classes is not None:
        score, costs, of_guess = _score_of_classes(held_out, training, loss, classes)
    else:
        score, costs, of_guess = _score_of_numbers(held_out, training, loss)
    # The comparison is also false if the loss is NaN.
    as_good = score.loss <= score.baseline_loss * (1 + ROUNDING)
    if score.confusion is not None:
        as_good = as_good and score.value >= score.baseline
    if as_good:
        return score
    if not success:
        return replace(score, reason="the fit has not converged")
    by_classes = score.confusion is not None and score.value < score.baseline
    columns = held_out.X.shape[1]
    return replace(score, reason=likely_reason(len(training), columns, costs, of_guess, held_out.rows, by_classes))


def _score_of_numbers(held_out: HeldOut, training: np.ndarray, loss: Loss) -> tuple[Score, np.ndarray, np.ndarray]:
    """Return the score of numbers, and the loss of each row by the model and by the guess."""
    y, z = held_out.truth, held_out.predicted
    guess, what = _constant_guess(training, loss)
    # If all targets are equal, or there is one row, R² is not defined, so it is NaN.
    variance = y.var()
    r2, r2_of_guess = (
        float(1 - ((y - each) ** 2).mean() / variance) if variance else float("nan") for each in (z, guess)
    )
    costs = [losses_of(np.broadcast_to(each, y.shape), y, loss) for each in (z, guess)]
    cost, cost_of_guess = (float(each.mean()) for each in costs)
    below = float(np.mean(y <= z)) if isinstance(loss, Quantile) else None
    off, off_of_guess = (float(np.abs(y - each).mean()) for each in (z, guess))
    score = Score(
        len(y), cost, cost_of_guess, r2, r2_of_guess, _measure(loss), what, below, off=off, baseline_off=off_of_guess
    )  # fmt: skip
    return score, costs[0], costs[1]


def _score_of_classes(
    held_out: HeldOut, training: np.ndarray, loss: Loss, classes: Sequence[Label]
) -> tuple[Score, np.ndarray, np.ndarray]:
    """Return the score of classes, and the loss of each row by the model and by the guess."""
    y, outputs = held_out.truth.astype(int), held_out.predicted
    frequencies = np.bincount(training.astype(int), minlength=len(classes)) / len(training)
    most_frequent, predicted = int(frequencies.argmax()), predicted_classes(outputs, loss)
    if predicts_probabilities(loss):
        alone = np.broadcast_to(frequencies, (len(y), len(classes)))
        measure, guess = LogLoss.name, "the class frequencies"
    else:
        # One score is that of the second of two classes; else there is one for each class.
        own = np.arange(len(classes)) if outputs.ndim == 2 else np.array([1])
        alone = np.broadcast_to(np.where(own == most_frequent, 1.0, -1.0), (len(y), len(own)))
        measure, guess = f"mean {loss.name}", "the most frequent class"
    costs = [losses_of(each, y, loss) for each in (outputs, alone)]
    accuracy, accuracy_of_guess = (float(np.mean(each == y)) for each in (predicted, most_frequent))
    cost, cost_of_guess = (float(each.mean()) for each in costs)
    confusion = Confusion.of(classes, y, predicted)
    score = Score(
        len(y), cost, cost_of_guess, accuracy, accuracy_of_guess, measure, guess, None, confusion,
        commonest=classes[most_frequent],
    )  # fmt: skip
    return score, costs[0], costs[1]


def _measure(loss: Loss) -> str:
    if isinstance(loss, Squared):
        return loss.name
    return f"{loss.name} {'deviance' if isinstance(loss, (Poisson, Gamma)) else 'loss'}"


def _constant_guess(training: np.ndarray, loss: Loss) -> tuple[float, str]:
    """Return the constant with the least, or nearly the least, loss on the training targets, and its name."""
    if isinstance(loss, (Squared, Poisson, Gamma)):
        return float(training.mean()), "the mean"
    if isinstance(loss, Quantile):
        return float(np.quantile(training, loss.level)), f"the {loss.level:g} quantile"
    return float(np.median(training)), "the median"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def _explained(r2: float) -> str:
    """Return R² in percent; near 1 with two more digits, and rounded down, as 100 % is for exact predictions."""
    return f"{100 * r2:.0f} %" if r2 < 0.99 else f"{math.floor(1e4 * r2) / 100:g} %"
