"""How good a fit is on rows that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.data.tables import counted
from steepest.models import Linear, Logistic


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


def score_of(held_out: HeldOut, learned: np.ndarray, model: Linear) -> Score:
    """Return how good predictions of a model are that was fitted to other targets.

    Parameters
    ----------
    held_out : HeldOut
        The rows.
    learned : array of shape (rows,)
        The targets that the model was fitted to.
    model : Linear
        The model.

    Returns
    -------
    Score
        Beside the simplest guess.
    """
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
