"""`penalty_path`: a linear model fitted at many strengths of a penalty, from all coefficients at 0 to nearly none."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from steepest.arguments import generator, our_words
from steepest.descent.budget import Budget
from steepest.fitting.fit import fit_given
from steepest.fitting.result import Fit, Validation
from steepest.fitting.setup import TrainingData
from steepest.fitting.validation import LabelledRows
from steepest.models import Linear, losses, penalties
from steepest.models.frame import column_deviations
from steepest.models.losses import Loss
from steepest.printable import printable, quoted
from steepest.types import Array, Function, Rows, Seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from steepest.inspection.plots.fitted.coefficients import CoefficientsDisplay

KINDS = ("l1", "l2", "elasticnet")
# How far the strengths go down from the largest: with an L1 penalty from the one at which the last coefficient becomes
# 0, as in glmnet; with an L2 penalty, which sets none to 0, from so many curvatures of the loss.
LEAST, RIDGE = 1e-3, (1e3, 1e-4)
# The first strength is larger by this share, so that rounding errors leave no coefficient.
MARGIN = 1e-6


@dataclass(frozen=True, eq=False)
class PenaltyPath:
    """The fits of a linear model at several strengths of a penalty.

    Attributes
    ----------
    fits : tuple of Fit
        The fit at each strength.
    strengths : array of shape (strengths,)
        The strengths λ, from the largest to the smallest.
    coef : array of shape (strengths, columns) or (strengths, classes, columns)
        The coefficients, in the units of the columns.
    intercept : array of shape (strengths,) or (strengths, classes)
        The intercepts.
    losses : array of shape (strengths,)
        The mean loss of the rows of the fit, without the penalty.
    validation : array of shape (strengths,) or None
        The mean loss of the validation rows; None if there are none.
    names : list of str
        The names of the columns; x0, x1 and so on if they had none.
    spread : array of shape (columns,)
        The standard deviation of each column.
    penalty : str
        The name of the penalty.
    title : str
        A title for pictures.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> path = st.penalty_path(st.models.Linear(), X, 3 * X[:, 0] + X[:, 1], strengths=[9.0, 3.0, 0.1])
    >>> path.active
    array([0, 1, 2])
    """

    fits: tuple[Fit, ...] = field(repr=False)
    strengths: np.ndarray
    coef: np.ndarray = field(repr=False)
    intercept: np.ndarray = field(repr=False)
    losses: np.ndarray = field(repr=False)
    validation: np.ndarray | None = field(repr=False)
    names: list[str]
    spread: np.ndarray = field(repr=False)
    penalty: str
    title: str = ""

    @property
    def active(self) -> np.ndarray:
        """How many columns have a coefficient other than 0, at each strength."""
        moved = self.coef != 0
        return (moved.any(axis=1) if moved.ndim == 3 else moved).sum(axis=1)

    @property
    def best(self) -> int:
        """The place of the strength with the least validation loss."""
        if self.validation is None:
            raise ValueError("no rows were kept for validation, so no strength is the best: give validation=0.2")
        return int(np.nanargmin(self.validation))

    def plot(self, ax: Axes | None = None) -> CoefficientsDisplay:
        """Draw the coefficients against the strength.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        CoefficientsDisplay
            The display, with its numbers as attributes.
        """
        from steepest.inspection.plots.fitted.coefficients import CoefficientsDisplay

        return CoefficientsDisplay.from_run(self).plot(ax)

    def __str__(self) -> str:
        head = f"  {'λ':>10}  {'columns':>7}  {'loss':>12}"
        lines = [
            f"  {s:10.4g}  {n:7d}  {v:12.6g}" for s, n, v in zip(self.strengths, self.active, self.losses, strict=True)
        ]
        if self.validation is not None:
            head += f"  {'validation':>12}"
            lines = [f"{line}  {value:12.6g}" for line, value in zip(lines, self.validation, strict=True)]
            lines[self.best] += " (least)"
        failed = [each for each in self.fits if not each.success]
        if failed:
            lines.append(f"{len(failed)} did not converge: {printable(failed[0].message)}")
        return "\n".join([f"{len(self.fits)} fits with the penalty {self.penalty}, the strongest first", head, *lines])


@our_words
@np.errstate(all="ignore")
def penalty_path(
    model: Linear,
    X: Rows,
    y: Array,
    *,
    penalty: str = "l1",
    strengths: Array = 50,
    l1_ratio: float = 0.5,
    loss: str | Function | None = None,
    sample_weight: Array = None,
    validation: Validation = None,
    tolerance: float | None = None,
    rng: Seed = None,
    callback: Callable[[Fit], object] | None = None,
) -> PenaltyPath:
    """Fit a linear model at many strengths of a penalty, each fit beginning where the last one ended.

    With an L1 penalty the path begins where all coefficients are 0, and shows in which order columns come in. A penalty
    acts on coefficients in the units of the columns, so columns of different units should be scaled first.

    Parameters
    ----------
    model : model
        A linear model, such as ``models.Linear()`` or ``models.Logistic()``.
    X : array, DataFrame or sparse array of shape (rows, columns)
        The features.
    y : array of shape (rows,)
        The targets.
    penalty : {"l1", "l2", "elasticnet"}
        The penalty: λ ‖w‖₁, λ/2 ‖w‖², or both with λ divided between them.
    strengths : int or array
        The strengths λ, or how many: by default 50, evenly on a logarithmic axis. They go from the least strength at
        which all coefficients are 0 to a thousandth of it; for "l2" from 1,000 to 1/10,000 times the curvature of the
        loss along the column that varies most.
    l1_ratio : float
        The share of λ for L1 in an elastic net, above 0 and up to 1.
    loss : str or callable, optional
        The loss; the model's own by default.
    sample_weight : array of shape (rows,), optional
        The weight of each row.
    validation : float, (X, y) or (X, y, weight), optional
        Rows that no fit learns from: a fraction of the rows, drawn by `rng`, or other rows. Their mean loss is that of
        `PenaltyPath.validation`. Other than in `fit`, they don't stop a fit early.
    tolerance : float, optional
        As for `fit`.
    rng : int, numpy.random.Generator or None
        The seed or generator that draws the validation rows.
    callback : callable, optional
        A function of the fit, called after each; it may raise StopIteration to end the path at this strength.

    Returns
    -------
    PenaltyPath
        The fits, with their coefficients and losses.

    Raises
    ------
    TypeError
        If the model is not a linear one.
    ValueError
        If a strength is not a finite number above 0, or the data make no sense.

    Notes
    -----
    Friedman, Hastie and Tibshirani, "Regularization paths for generalized linear models via coordinate descent" (2010).
    The squared loss is here without ½, so that λ is twice the ``alpha`` of scikit-learn's `lasso_path`.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> path = penalty_path(st.models.Linear(), X, 3 * X[:, 0] + X[:, 1], strengths=5)
    >>> path.coef[0], path.active
    (array([0., 0., 0.]), array([0, 2, 2, 2, 2]))
    """
    if not isinstance(model, Linear) or getattr(model, "kernel", "linear") != "linear":
        raise TypeError(f"model={quoted(model)}: a path needs a model of the columns, such as models.Linear()")
    if penalty not in KINDS:
        raise ValueError(f"penalty={quoted(penalty)} is not known (known: {', '.join(KINDS)})")
    if not 0 < l1_ratio <= 1:
        raise ValueError(f"l1_ratio={quoted(l1_ratio)}: give a number above 0 and up to 1")
    data = TrainingData.read(X, y, sample_weight, validation, None)
    rows, held = data.split(int(generator(rng).integers(2**31)) if isinstance(data.validation, float) else None)
    rows = rows.weighted()
    rows = rows._replace(X=rows.X if rows.X.ndim > 1 else rows.X[:, None])
    model = model.prepared(rows.X, data.targets_of(losses.named(loss or model.loss), rows, held))
    cost = losses.named(model.loss if loss is None else loss)
    spread = column_deviations(rows.X, rows.weight)
    known = read_strengths(strengths, lambda: largest_strength(model, cost, rows, penalty, l1_ratio, spread), penalty)
    fits, start = [], None
    for strength in known:
        fitted = fit_given(
            model, TrainingData(rows, data.names, None, (rows.X, rows.y)), cost,
            penalties.named(penalty, float(strength), l1_ratio), Budget.of(tolerance, None, epochs=None),
            start=start, rng=0, progress=False,
        )  # fmt: skip
        start = fitted.params
        fits.append(fitted)
        try:
            if callback is not None:
                callback(fitted)
        except StopIteration:
            break
    names = data.names or [f"x{k}" for k in range(rows.X.shape[1])]
    return PenaltyPath(
        fits=tuple(fits),
        strengths=known[: len(fits)],
        coef=np.array([each.params["coef"] for each in fits]),
        intercept=np.array([each.params["intercept"] for each in fits]),
        losses=np.array([mean_loss(each, cost, rows) for each in fits]),
        validation=None if held is None else np.array([mean_loss(each, cost, held) for each in fits]),
        names=names,
        spread=spread,
        penalty=penalty,
    )


def read_strengths(given: Array, largest: Callable[[], float], penalty: str) -> np.ndarray:
    """Return the strengths, the largest first: those given, or so many on a logarithmic axis."""
    if isinstance(given, (int, np.integer)) and not isinstance(given, bool) and given >= 1:
        top = largest()
        if not (math.isfinite(top) and top > 0):
            raise ValueError(
                "the strengths of this path can't be found, as its loss has kinks or no column tells anything: "
                "give strengths=, such as np.geomspace(1, 1e-3, 50)"
            )
        low, high = (LEAST * top, top) if penalty != "l2" else (RIDGE[1] * top, RIDGE[0] * top)
        return np.geomspace(high, low, int(given))
    try:
        strengths = np.unique(np.asarray(given, dtype=float))[::-1]
    except (TypeError, ValueError):
        strengths = np.array([np.nan])
    if np.ndim(given) != 1 or not strengths.size or not (np.isfinite(strengths) & (strengths > 0)).all():
        raise ValueError(f"strengths={quoted(given)}: give finite numbers above 0, or how many strengths to take")
    return strengths


def largest_strength(
    model: Linear, cost: Function, rows: LabelledRows, penalty: str, l1_ratio: float, spread: np.ndarray
) -> float:  # fmt: skip
    """Return the least strength at which all coefficients are 0; for "l2" the largest curvature of the loss."""
    if not isinstance(cost, Loss) or cost.kinked:
        return math.nan
    share = rows.weight / rows.weight.sum()
    if cost is losses.softmax:
        classes = int(model.classes)  # type: ignore[attr-defined]
        own = (rows.y[:, None] == np.arange(classes)).astype(float)
        slopes = share @ own - own
        curvature = 0.25
    else:
        # The null model: the intercept alone.
        null = null_output(cost, rows.y, share)
        step = 1e-5 * max(1.0, abs(null), float(np.abs(rows.y).max()))
        slopes = (cost(null + step, rows.y) - cost(null - step, rows.y)) / (2 * step)
        curvature = cost.curvature(float(share @ rows.y))
    if penalty == "l2":
        return float(curvature * spread.max() ** 2)
    slopes = share[:, None] * slopes.reshape(len(share), -1)
    steepest = float(np.abs(rows.X.T @ slopes).max())
    return (1 + MARGIN) * steepest / (l1_ratio if penalty == "elasticnet" else 1.0)


def null_output(cost: Loss, y: np.ndarray, share: np.ndarray) -> float:
    """Return the constant output with the least mean loss, by bisection of the slope."""
    guess = float(cost.link(share @ y))
    if cost.name in ("squared", "log loss", "poisson", "gamma"):
        return guess
    low, high = float(y.min()) - 2.0, float(y.max()) + 2.0
    if cost.classes:
        low, high = -50.0, 50.0
    step = 1e-7 * max(1.0, high - low)
    for _ in range(80):
        middle = (low + high) / 2
        slope = share @ (cost(middle + step, y) - cost(middle - step, y))
        low, high = (low, middle) if slope > 0 else (middle, high)
    return (low + high) / 2


def mean_loss(fitted: Fit, cost: Function, rows: LabelledRows) -> float:
    """Return the mean loss of rows, without the penalty."""
    model = fitted.model
    assert isinstance(model, Linear)
    z = model(model.shaped(rows.X, fitted.params), *fitted.params.values())
    return float(np.average(np.asarray(cost(np.asarray(z), rows.y)), weights=rows.weight))
