"""A target that is fitted as its logarithm: back to its own units, by Duan's smearing estimate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from steepest.fitting.result import Fit
from steepest.fitting.uncertainty.bands import PredictedInterval
from steepest.models import losses
from steepest.models.losses import Loss, Quantile
from steepest.printable import quoted
from steepest.tabular.one_vs_rest import outputs_of
from steepest.tabular.reading.arrow import Label, TableError, counted

# Residuals this many robust standard deviations from their median are left out of the factor: a single one, often of a
# row with an impossible value, can double all predictions. Of a billion normal residuals none is so far.
FAR = 8.0
# Far residuals are few: with more than this part of the rows, all count.
MOST_FAR = 0.01
# A median absolute deviation is this part of the standard deviation of normal numbers.
PART = 0.6745
# A rank correlation of the sizes of residuals with the predictions that matters, and how many of its standard errors,
# 1/√n, are no chance.
UNEVEN, ERRORS = 0.2, 4.0
# The largest standard error of the factor, as a share of it, with which an interval of the mean is given. Measured: at
# 0.41, of 50 rows whose logarithms scatter by 1.5, 95 % intervals hold the mean in 83 %.
UNSURE = 0.2
# Losses whose models are linear in the logarithm of the mean already.
OF_LOGARITHMS = (losses.poisson, losses.gamma)


@dataclass(frozen=True)
class LogTarget:
    """The way from the logarithm of a target back to the target.

    The exponential of a mean of logarithms is below the mean: of a target whose logarithm scatters normally with the
    standard deviation s around z, the mean is exp(z + s²/2). The smearing estimate of the mean is exp(z) times the mean
    of exp(residual) in the training rows, and assumes no distribution. It assumes that residuals scatter alike in all
    rows. Rows whose residuals are far from all others are left out of it. The exponential of a median or of a quantile
    is the median or the quantile, so nothing is to be corrected after the absolute and the quantile loss.

    Parameters
    ----------
    factor : float
        The mean of exp(residual) in the training rows but the far ones; 1 after the absolute and the quantile loss.
    scatter : float
        The variance of exp(residual) divided by the square of its mean.
    rows : int
        The number of training rows.
    far : int
        How many of them are left out of the factor.
    whole : float or None
        The factor with them; None if there are none.
    drift : float
        The rank correlation of the sizes of the residuals with the predictions; near 0 if residuals scatter alike.

    References
    ----------
    N. Duan, "Smearing Estimate: A Nonparametric Retransformation Method", Journal of the American Statistical
    Association 78 (1983), 605-610.

    Examples
    --------
    >>> logs = np.log([1.0, 4.0])
    >>> log_target = LogTarget.learn(losses.squared, logs, np.full(2, logs.mean()))
    >>> log_target.factor
    1.25
    >>> log_target.back(np.array([logs.mean()]))
    array([2.5])
    """

    factor: float
    scatter: float
    rows: int
    far: int = 0
    whole: float | None = None
    drift: float = 0.0

    @classmethod
    def of(cls, fit: Fit, loss: Loss) -> LogTarget:
        """Return the way back from the predictions of a fit.

        Parameters
        ----------
        fit : Fit
            The fit to logarithms.
        loss : Loss
            The loss that was minimised.

        Returns
        -------
        LogTarget
            The way back.
        """
        assert fit.data is not None
        return cls.learn(loss, fit.data[1], outputs_of(fit, fit.data[0]))

    @classmethod
    def learn(cls, loss: Loss, logs: np.ndarray, outputs: np.ndarray) -> LogTarget:
        """Learn the way back from the residuals of the training rows.

        Parameters
        ----------
        loss : Loss
            The loss that was minimised.
        logs, outputs : array of shape (rows,)
            The logarithms of the target, and their predictions.

        Returns
        -------
        LogTarget
            The way back.
        """
        if _of_quantiles(loss):
            return cls(1.0, 0.0, len(logs))
        residuals = logs - outputs
        sizes = np.abs(residuals - np.median(residuals))
        far = sizes > FAR / PART * np.median(sizes)
        if far.sum() > MOST_FAR * len(far):
            far = np.zeros(len(far), dtype=bool)
        ratios = np.exp(residuals[~far])
        factor = float(ratios.mean())
        return cls(
            factor,
            float(ratios.var()) / factor**2,
            len(logs),
            int(far.sum()),
            float(np.exp(residuals).mean()) if far.any() else None,
            _rank_correlation(sizes, outputs),
        )

    @property
    def is_uneven(self) -> bool:
        """Whether the residuals scatter more where predictions are larger, or smaller, beyond chance."""
        return abs(self.drift) > max(UNEVEN, ERRORS / math.sqrt(self.rows))

    def back(self, outputs: np.ndarray) -> np.ndarray:
        """Return predictions in the units of the target.

        Parameters
        ----------
        outputs : array of shape (rows,)
            Predictions of the logarithm.

        Returns
        -------
        array of shape (rows,)
            Predictions of the target.
        """
        return np.exp(outputs) * self.factor

    def measured_by(self, loss: Loss) -> Loss:
        """Return the loss that measures predictions in the units of the target.

        Parameters
        ----------
        loss : Loss
            The loss that was minimised.

        Returns
        -------
        Loss
            The same for medians and quantiles; for means the squared loss, as a width such as that of the Huber loss
            holds for logarithms.
        """
        return loss if _of_quantiles(loss) else losses.squared

    def interval(self, found: PredictedInterval, fit: Fit, loss: Loss) -> PredictedInterval:
        """Return intervals in the units of the target.

        An interval for the logarithm of a new row is one for the row, once its ends are mapped by exp. So is that for
        a median. The mean has the error of the smearing factor, too: with the standard error e of the prediction z, the
        residual variance s², n rows and the relative variance v of exp(residual), log(mean) has the variance
        e² - s²/n + v/n by the delta method. The intercept contributes s²/n to e²; a factor that is estimated makes up
        for any error of it.

        Parameters
        ----------
        found : PredictedInterval
            Intervals for the logarithm.
        fit : Fit
            The fit to logarithms.
        loss : Loss
            The loss that was minimised.

        Returns
        -------
        PredictedInterval
            Intervals for the target.

        Raises
        ------
        ValueError
            If no interval of the mean is known.
        """
        center, low, high = found
        if found.interval == "confidence" and not _of_quantiles(loss):
            if loss is not losses.squared or "intercept" in fit.fixed:
                why = f"for the {loss.name} loss" if loss is not losses.squared else "with an intercept that is fixed"
                raise ValueError(
                    f'interval="confidence": the error of the smearing factor is not known {why}; the absolute loss '
                    "predicts medians, which need no factor"
                )
            if self.is_uneven:
                raise ValueError(
                    'interval="confidence": the residuals scatter unevenly, so that one smearing factor is not that of '
                    'all rows; fit the mean itself by loss="gamma"'
                )
            if (error := (self.scatter / self.rows) ** 0.5) > UNSURE:
                raise ValueError(
                    f'interval="confidence": the smearing factor has an error of {100 * error:.0f} %, with which '
                    "such an interval is too short; the absolute loss predicts medians, which need no factor"
                )
            uncertainty = fit.uncertainty(level=found.level)
            quantile = uncertainty.quantile()
            error = np.sqrt(
                np.maximum(((high - low) / 2 / quantile) ** 2 + (self.scatter - uncertainty.scale) / self.rows, 0.0)
            )
            center = center + math.log(self.factor)
            low, high = center - quantile * error, center + quantile * error
            return replace(found, prediction=np.exp(center), low=np.exp(low), high=np.exp(high))
        return replace(found, prediction=self.back(center), low=np.exp(low), high=np.exp(high))

    def note(self, target: str, loss: Loss) -> str:
        """Return what was done to the target.

        Parameters
        ----------
        target : str
            The column to predict.
        loss : Loss
            The loss that was minimised.

        Returns
        -------
        str
            The sentence.
        """
        done = f"{target}: fitted as its logarithm, on whose scale the parameters are; predictions are exp of that"
        if _of_quantiles(loss):
            return f"{done}, without a factor, as exp of a median or quantile is the median or quantile"
        factor = f"{done} times {self.factor:.4g}, the mean of exp(residual) in the training rows (Duan's smearing)"
        if self.whole is None:
            return factor
        rows = f"{counted(self.far, 'row')} far from all others"
        return f"{factor}, without {rows}, with which it is {self.whole:.4g}"


def _rank_correlation(some: np.ndarray, others: np.ndarray) -> float:
    """Return the rank correlation of two arrays; 0 if one is constant."""
    if np.ptp(some) == 0 or np.ptp(others) == 0:
        return 0.0
    first, second = (each.argsort().argsort() for each in (some, others))
    return float(np.corrcoef(first, second)[0, 1])


def _of_quantiles(loss: Loss) -> bool:
    """Return whether a model fitted by a loss predicts medians or other quantiles."""
    return loss == losses.absolute or isinstance(loss, Quantile)


def check_log_target(log_target: bool, loss: Loss | None, task: str | None) -> None:
    """Refuse a logarithm of the target that contradicts the loss or the task.

    Parameters
    ----------
    log_target : bool
        Whether the target is fitted as its logarithm.
    loss : Loss or None
        The loss that was asked for.
    task : {"regression", "classification"} or None
        The task, if it was asked for or the loss decides it.

    Raises
    ------
    ValueError
        If they contradict each other.
    TypeError
        If `log_target` is neither True nor False.
    """
    if not isinstance(log_target, (bool, np.bool_)):
        raise TypeError(f"log_target={quoted(log_target)}: give True or False")
    if not log_target:
        return
    if loss in OF_LOGARITHMS:
        raise ValueError(
            f"log_target=True and loss={loss} contradict each other: that loss fits the logarithm of the mean, and not "
            "the mean of the logarithm; leave one of the two out"
        )
    if task == "classification":
        raise ValueError("log_target=True is for numbers, and classes have no logarithm: leave it out")


def logarithms(target: str, y: np.ndarray, numbers: np.ndarray, classes: Sequence[Label] | None) -> np.ndarray:
    """Return the logarithms of a target, or name the first row that has none.

    Parameters
    ----------
    target : str
        The column to predict.
    y : array of shape (rows,)
        The numbers.
    numbers : array of int of shape (rows,)
        The number of each row in the table, from 0.
    classes : sequence or None
        The labels of a classification, which have no logarithms.

    Returns
    -------
    array of shape (rows,)
        The logarithms.

    Raises
    ------
    TableError
        If the target is a class, or a number is not above 0.

    Examples
    --------
    >>> logarithms("price", np.array([2.0, 0.0]), np.arange(2), None)
    Traceback (most recent call last):
    ...
    steepest.tabular.reading.arrow.TableError: price: the value in row 2 is 0, and log_target=True needs ...
    """
    if classes is not None:
        raise TableError(
            f"log_target=True is for numbers, and the target {quoted(target)} is one of classes: leave it out, or use "
            "task='regression' if it holds numbers"
        )
    wrong = np.flatnonzero(y <= 0)
    if wrong.size:
        first = wrong[0]
        what = f"{target}: the value in row {numbers[first] + 1:,} is {y[first]:g}, and log_target=True needs numbers"
        remedy = "leave log_target=True out" if y.min() < 0 else "use loss='poisson', which takes zeros, instead"
        raise TableError(f"{what} above 0: correct it, or {remedy}")
    return np.log(y)
