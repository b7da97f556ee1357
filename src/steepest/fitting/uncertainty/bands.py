"""Intervals around predictions: for the curve itself, and for new rows around it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steepest.fitting.uncertainty.answer import Uncertainty
from steepest.fitting.uncertainty.reasons import EARLY, Fitted
from steepest.fitting.uncertainty.rows import slopes_of
from steepest.models import Custom, Linear, Multinomial, losses
from steepest.models.penalties import ridge_of
from steepest.printable import quoted
from steepest.types import Rows

if TYPE_CHECKING:
    import pandas

KINDS = ("confidence", "prediction")
# The numbers in a block of standard errors, 8 MB. Chosen, not measured.
BLOCK = 2**20
# The most undetermined parameters that a message names.
MOST_NAMED = 4
INSTEAD = 'interval="confidence" is for the curve itself'


@dataclass(frozen=True, eq=False)
class PredictedInterval:
    """Predictions with an interval around each.

    It unpacks into three arrays, ``prediction, low, high = fit.predict(X, interval="confidence")``, and
    ``np.asarray`` makes it an array of shape (rows, 3).

    Attributes
    ----------
    prediction : array of shape (rows,)
        The predictions, as `predict` returns them without an interval.
    low, high : array of shape (rows,)
        The ends of the intervals.
    level : float
        The level.
    interval : {"confidence", "prediction"}
        What the intervals hold: the curve at a row, or the target of a new row.
    label : str
        What the errors assume.
    """

    prediction: np.ndarray
    low: np.ndarray
    high: np.ndarray
    level: float
    interval: str
    label: str

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.prediction, self.low, self.high))

    def __len__(self) -> int:
        return 3

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        return np.column_stack([self.prediction, self.low, self.high]).astype(dtype or float)  # type: ignore[call-overload]

    def to_frame(self) -> pandas.DataFrame:
        """Return a DataFrame of pandas with the columns prediction, low and high.

        Returns
        -------
        pandas.DataFrame
            A row for each prediction.
        """
        import pandas

        return pandas.DataFrame({"prediction": self.prediction, "low": self.low, "high": self.high})


def check_interval(interval: str) -> None:
    """Raise ValueError if interval= has an unknown value."""
    if interval not in KINDS:
        raise ValueError(
            f'interval={quoted(interval)}: give "confidence", for the curve, or "prediction", for new rows around it'
        )


@np.errstate(all="ignore")
def predicted_interval(
    fit: Fitted, uncertainty: Uncertainty, X: Rows, prediction: np.ndarray, interval: str
) -> PredictedInterval:
    """Return predictions with intervals.

    Parameters
    ----------
    fit : Fit
        The fit.
    uncertainty : Uncertainty
        Its errors, with the level.
    X : array of shape (rows, columns)
        The rows, as the model takes them.
    prediction : array of shape (rows,)
        The predictions.
    interval : {"confidence", "prediction"}
        What the intervals hold.

    Returns
    -------
    PredictedInterval
        The intervals.

    Raises
    ------
    ValueError
        If no such interval follows from the fit, with the reason.
    """
    model = fit.model
    if why := _obstacle(fit, uncertainty, interval):
        raise ValueError(f"interval={quoted(interval)}: {why}")
    if EARLY in uncertainty.label:
        # Level 5 is the user's line: this function and `Fit.predict` are each called through np.errstate.
        warnings.warn(f"the intervals may be wrong: {uncertainty.label}", RuntimeWarning, stacklevel=5)
    assert isinstance(model, (Linear, Custom))
    error = _errors(model, fit, X, np.where(np.isnan(uncertainty.root), 0.0, uncertainty.root), prediction)
    if interval == "prediction":
        error = np.sqrt(error**2 + uncertainty.scale)
    reach = uncertainty.quantile() * error
    z = np.asarray(model(X, *fit.params.values()), dtype=float)
    low, high = (np.asarray(model.response(z + side * reach), dtype=float) for side in (-1.0, 1.0))
    return PredictedInterval(prediction, low, high, uncertainty.level, interval, uncertainty.label)


def _errors(model: Linear | Custom, fit: Fitted, X: Rows, root: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the standard error of the output of each row: the length of its gradient times the root."""
    rows = len(z)
    if isinstance(model, Custom):
        finite = np.isfinite(z)
        if not finite.all():
            # Derivatives are taken at all rows at once, and only rows with a prediction have them.
            error = np.full(rows, math.nan)
            if finite.any():
                error[finite] = _errors(model, fit, X[finite], root, z[finite])
            return error
        error = np.linalg.norm(np.atleast_2d(slopes_of(model, fit.params, X)[0]) @ root, axis=1)
        # A function of the parameters alone has one gradient for all rows.
        return np.broadcast_to(error, (rows,))
    size = max(1, BLOCK // max(1, root.shape[1]))
    blocks = [X[first : first + size] @ root[:-1] + root[-1] for first in range(0, rows, size)]
    return np.concatenate([np.linalg.norm(block, axis=1) for block in blocks]) if blocks else np.zeros(0)


def _obstacle(fit: Fitted, uncertainty: Uncertainty, interval: str) -> str:
    """Return why there are no such intervals; "" if there are."""
    if uncertainty.why:
        return uncertainty.why
    if isinstance(fit.model, Multinomial) or getattr(fit.basis and fit.basis.loss, "apart", False):
        return "a row of several classes has a probability for each, and there are no intervals for them yet"
    variances = zip(uncertainty.names, np.diag(uncertainty.covariance), strict=True)
    if loose := [name for name, variance in variances if variance == math.inf]:
        shown = ", ".join(loose[:MOST_NAMED]) + ", …" * (len(loose) > MOST_NAMED)
        return f"the rows do not determine {shown}: leave out what repeats other parameters, or hold some with fixed="
    if interval == "confidence":
        return ""
    basis = fit.basis
    if basis is None:
        return "" if math.isfinite(uncertainty.degrees) else f"the fit was loaded without its loss; {INSTEAD}"
    if basis.loss is not losses.squared:
        name = getattr(basis.loss, "name", "") or "other"
        return f"the scatter of new rows is known for the squared loss, and not for the {name} one; {INSTEAD}"
    if ridge_of(basis.penalty):
        return f"a penalty draws the curve away from the truth, around which new rows would scatter; {INSTEAD}"
    return ""
