"""How good a fit is on rows that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from steepest.models.losses import Loss, Quantile
from steepest.models.losses.smooth import Gamma, LogLoss, Poisson, Squared
from steepest.models.losses.softmax import Softmax
from steepest.tabular.confusion import Confusion
from steepest.tabular.files import counted

TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class Score:
    """How good predictions are on rows that the fit has not seen, beside the simplest guess.

    Parameters
    ----------
    rows : int
        How many rows were held out.
    loss, baseline_loss : float
        The mean loss of the model, and of the simplest guess. With the Poisson and Gamma losses the mean
        deviance, which is 0 where every row is predicted.
    value, baseline : float
        R² of the model and of the guess; or the part of rows whose class is told rightly, by the model
        and by naming the commonest class.
    measure, guess : str
        What `loss` is, and what the simplest guess is.
    below : float or None
        The part of rows at or below their prediction, where that is a quantile.
    confusion : Confusion or None
        Which classes are taken for which; None for a regression.
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

    def words(self) -> str:
        """Return the score in plain words, with the confusion of classes as a table.

        Returns
        -------
        str
            One sentence, and the table.
        """
        on = f"on {counted(self.rows, 'held-out row')}"
        if self.confusion is not None:
            return (
                f"{on}: {self.value:.2%} told rightly (the commonest class: {self.baseline:.2%}), "
                f"{self.measure} {self.loss:.4f} ({self.guess}: {self.baseline_loss:.4f})\n\n{self.confusion}"
            )
        loss, guess = self.loss, self.baseline_loss
        if self.measure == Squared.name:
            error, alone = loss**0.5, guess**0.5
            return f"{on}: R² {self.value:.4f}, off by {error:.4g} in root mean square (the mean alone: {alone:.4g})"
        below = "" if self.below is None else f"; {self.below:.2%} of the rows are at or below their prediction"
        return f"{on}: R² {self.value:.4f}, mean {self.measure} {loss:.4g} ({self.guess} alone: {guess:.4g}){below}"

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Score:
        """Make a score again of what it was saved as.

        Parameters
        ----------
        record : mapping
            The fields, as JSON has them.

        Returns
        -------
        Score
            An equal score.
        """
        known = {f.name: record[f.name] for f in fields(cls)}
        if (counts := record["confusion"]) is not None:
            known["confusion"] = Confusion(tuple(counts["labels"]), tuple(map(tuple, counts["counts"])))
        return cls(**known)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The rows that the fit has not seen: their numbers in the table from 0, the truth, the predictions, and X."""

    rows: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    X: np.ndarray


def tells_probabilities(loss: Loss) -> bool:
    """Return whether a model fitted by a loss predicts probabilities of classes, rather than scores or numbers."""
    return isinstance(loss, (LogLoss, Softmax))


def told(outputs: np.ndarray, loss: Loss) -> np.ndarray:
    """Return which class each row is told to be of.

    Parameters
    ----------
    outputs : array of shape (rows,) or (rows, classes)
        Probabilities or scores, of the second class or of each.
    loss : Loss
        What the model was fitted by.

    Returns
    -------
    array of int of shape (rows,)
        The places of the classes.
    """
    if outputs.ndim == 2:
        return outputs.argmax(axis=1)
    return (outputs > (0.5 if tells_probabilities(loss) else 0.0)).astype(int)


def score_of(held_out: HeldOut, learned: np.ndarray, loss: Loss, classes: Sequence[Any] | None) -> Score:
    """Return how good predictions of a model are that was fitted to other targets.

    Parameters
    ----------
    held_out : HeldOut
        The rows.
    learned : array of shape (rows,)
        The targets that the model was fitted to.
    loss : Loss
        What it was fitted by.
    classes : sequence or None
        The labels of a classification.

    Returns
    -------
    Score
        Beside the simplest guess.
    """
    if classes is not None:
        return _of_classes(held_out, learned, loss, classes)
    y, z = held_out.truth, held_out.predicted
    guess, what = _simplest(learned, loss)
    # Without spread there is nothing to explain.
    spread = y.var()
    value, baseline = (float(1 - ((y - each) ** 2).mean() / spread) if spread else float("nan") for each in (z, guess))
    cost, alone = (float(_cost(np.broadcast_to(each, y.shape), y, loss).mean()) for each in (z, guess))
    below = float(np.mean(y <= z)) if isinstance(loss, Quantile) else None
    return Score(len(y), cost, alone, value, baseline, _measure(loss), what, below)


def _of_classes(held_out: HeldOut, learned: np.ndarray, loss: Loss, classes: Sequence[Any]) -> Score:
    y, outputs = held_out.truth.astype(int), held_out.predicted
    shares = np.bincount(learned.astype(int), minlength=len(classes)) / len(learned)
    commonest, named = int(shares.argmax()), told(outputs, loss)
    if tells_probabilities(loss):
        likely = outputs if outputs.ndim == 2 else np.stack([1 - outputs, outputs], axis=1)
        costs = [-np.log(np.maximum(each, TINY)) for each in (likely[np.arange(len(y)), y], shares[y])]
        measure, guess = LogLoss.name, "the share" if len(classes) == 2 else "the shares"
    else:
        # A column a class that is told from the rest.
        own = (y[:, None] == (np.arange(len(classes)) if outputs.ndim == 2 else [1])).astype(float)
        always = np.where(np.arange(own.shape[1]) == (commonest if outputs.ndim == 2 else commonest - 1), 1.0, -1.0)
        costs = [loss(z, own).sum(axis=1) for z in (outputs.reshape(own.shape), np.broadcast_to(always, own.shape))]
        measure, guess = f"mean {loss.name}", "the commonest class"
    value, baseline = (float(np.mean(each == y)) for each in (named, commonest))
    cost, alone = (float(cost.mean()) for cost in costs)
    return Score(len(y), cost, alone, value, baseline, measure, guess, None, Confusion.of(classes, y, named))


def _cost(z: np.ndarray, y: np.ndarray, loss: Loss) -> np.ndarray:
    """Return the loss of predictions in the units of y: of means, the deviance."""
    if isinstance(loss, Poisson):
        return 2 * (y * np.log(np.where(y > 0, y, 1.0) / np.maximum(z, TINY)) - y + z)
    if isinstance(loss, Gamma):
        return 2 * (np.log(np.maximum(z, TINY) / y) + y / np.maximum(z, TINY) - 1)
    return np.asarray(loss(z, y))


def _measure(loss: Loss) -> str:
    if isinstance(loss, Squared):
        return loss.name
    return f"{loss.name} {'deviance' if isinstance(loss, (Poisson, Gamma)) else 'loss'}"


def _simplest(learned: np.ndarray, loss: Loss) -> tuple[float, str]:
    """Return the one number that is best for a loss of targets, or near it, and what it is called."""
    if isinstance(loss, (Squared, Poisson, Gamma)):
        return float(learned.mean()), "the mean"
    if isinstance(loss, Quantile):
        return float(np.quantile(learned, loss.level)), f"the {loss.level:g} quantile"
    return float(np.median(learned)), "the median"
