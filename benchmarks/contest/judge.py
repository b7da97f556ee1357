"""How well a method predicts the test rows of a split, and how long its fit takes."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from contest.tables import Split

import steepest as st

# The least probability in a log loss.
LEAST = 1e-7

Predict = Callable[[np.ndarray], np.ndarray]
Method = Callable[[Split, int], Predict]
# Takes predictions, targets and the number of classes; returns the loss of each row.
Losses = Callable[[np.ndarray, np.ndarray, int], np.ndarray]


class Result(NamedTuple):
    """The loss of each row, the score (R² or accuracy), and the processor seconds of the fit."""

    losses: np.ndarray
    score: float
    seconds: float


def judged(method: Method, rows: Split, seed: int, losses_of: Losses) -> Result:
    """Fit a method; return how well it predicts the test rows."""
    began = time.process_time()
    try:
        predict = method(rows, seed)
    except ValueError as error:
        # Networks of scikit-learn raise it if their weights overflow.
        print(f"    {error}")
        return Result(np.full(len(rows.y_test), np.inf), -np.inf, time.process_time() - began)
    seconds = time.process_time() - began
    predicted = predict(rows.X_test)
    losses = losses_of(predicted, rows.y_test, rows.classes)
    score = (predicted.argmax(axis=1) == rows.y_test).mean() if rows.classes else 1 - losses.mean() / rows.y_test.var()
    return Result(losses, float(score), seconds)


def log_loss(predicted: np.ndarray, y: np.ndarray, classes: int) -> np.ndarray:
    """Return the squared error or the log loss of each row."""
    if not classes:
        return (predicted - y) ** 2
    return -np.log(np.clip(predicted[np.arange(len(y)), y], LEAST, 1))


def wrong(predicted: np.ndarray, y: np.ndarray, classes: int) -> np.ndarray:
    """Return the squared error of each row, or 1 for a row whose most likely class is wrong."""
    return (predicted.argmax(axis=1) != y).astype(float) if classes else (predicted - y) ** 2


def predicting(fitted: st.Fit, classes: int) -> Predict:
    """Return the predictions of a fit of ours, for two classes with the probabilities of both."""

    def predict(X: np.ndarray) -> np.ndarray:
        predicted = np.asarray(fitted.predict(X))
        return np.column_stack([1 - predicted, predicted]) if classes == 2 else predicted

    return predict
