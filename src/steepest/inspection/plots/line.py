"""`LineDisplay`: the data of a fit on one column, and the fitted curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.fitted.band import Band, band_of
from steepest.inspection.plots.fitted.predictions import meant, point_of, predictions_of, r2_of, translation_of
from steepest.inspection.protocol import FitLike, PredictorLike, RunLike, TableFitLike, fitted_target, has_members
from steepest.inspection.window import NotAtHandError
from steepest.types import Array, Function, PyTree, Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUMBERS = "biuf"  # the kinds of dtype that can be drawn: booleans, integers and floats


def one_column(data: tuple[Rows, Array] | None) -> bool:
    """Return whether data are one column X of numbers and one number y for each row.

    Parameters
    ----------
    data : (X, y) or None
        The data of a fit; None if they were not saved.

    Returns
    -------
    bool
        Whether a `LineDisplay` can draw the data.

    Examples
    --------
    >>> one_column(([1.0, 2.0], [3.0, 4.0])), one_column(([[1.0, 2.0]], [3.0])), one_column(None)
    (True, False, False)
    """
    if data is None:
        return False
    X, y = (np.asarray(each) for each in data)
    column = X.ndim == 1 or (X.ndim == 2 and X.shape[1] == 1)
    return column and y.size == len(X) and X.dtype.kind in NUMBERS and y.dtype.kind in NUMBERS


def classes_of(fit: FitLike) -> int:
    """Return the number of outputs of a model: one for each class if there are several classes, else 1.

    Parameters
    ----------
    fit : fit
        A fit.

    Returns
    -------
    int
        The number of outputs.
    """
    if has_members(fit) and fit.data is not None:
        return int(np.size(curve_of(fit, np.ravel(fit.data[0])[:1])))
    # A linear model of several classes has an intercept for each class.
    return int(np.size(fit.params.get("intercept", 0.0)))


def is_line(fit: FitLike) -> bool:
    """Return whether a fit is one curve over one column of data.

    Parameters
    ----------
    fit : fit
        A fit.

    Returns
    -------
    bool
        Whether a `LineDisplay` can draw the fit.
    """
    return one_column(fit.data) and classes_of(fit) == 1


def curve_of(fit: FitLike, x: np.ndarray, params: Mapping[str, PyTree] | None = None) -> np.ndarray:
    """Return the predictions of a fit on one column.

    Parameters
    ----------
    fit : fit
        A fit on one column, with its data.
    x : array of shape (points,)
        The values of the column.
    params : dict, optional
        Parameters laid out like ``fit.params``; by default the fitted parameters.

    Returns
    -------
    array of shape (points,)
        The predictions.
    """
    assert fit.data is not None
    X = x.reshape(-1, 1) if np.ndim(fit.data[0]) == 2 else x
    # The model is called directly, because the `predict` of a fit to a table takes tables only.
    model, params = fit.model, fit.params if params is None else params
    with np.errstate(all="ignore"):
        outputs = np.asarray(model.response(model(model.shaped(X, params), *params.values())), dtype=float)
        return np.ravel(meant(outputs, _loss_of(fit), model))


def _loss_of(fit: FitLike) -> Function | None:
    inner = fit.fit if isinstance(fit, TableFitLike) else fit
    basis = inner.basis if isinstance(inner, PredictorLike) else None
    return None if basis is None else basis.loss


class LineDisplay(Display):
    """The data of a fit on one column, and the fitted curve over their range, with its band.

    For the squared loss without a penalty the band is that of least squares: a darker one that holds the true curve at
    each point with 95 % confidence, and a paler one that holds 95 % of new rows. For other losses of numbers it holds
    the middle 90 % of the residuals of the fit.

    Parameters
    ----------
    x, y : array of shape (rows,)
        The data.
    line_x, line_y : array of shape (points,)
        The fitted curve, from left to right.
    names : pair of str, optional
        The names of the column and of the target.
    title : str, optional
        The text above the picture.
    band : Band, optional
        The band around the curve.
    note : str, optional
        Why the band is not that of least squares, as the end of a sentence.
    learnt : int, optional
        How many of the rows the fit learnt from; all by default.
    r2 : float, optional
        1 - Σw(y - curve)² / Σw(y - mean)² over the rows it learnt from, with their weights w; NaN if the curve does not
        predict y itself.
    remark : str, optional
        What else the caption says.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    ax_ : matplotlib.axes.Axes
        The axes.

    Notes
    -----
    The band of a curve that is not linear in its parameters is that of the delta method: Seber and Wild, "Nonlinear
    Regression" (1989), section 5.1. Both bands hold at each point by itself, if the errors of the rows are independent,
    normal, and equally spread.

    Examples
    --------
    >>> import steepest as st
    >>> x = np.arange(10.0)
    >>> fit = st.fit(st.models.Linear(), x, 2 * x + np.array([0.1, -0.1] * 5))
    >>> display = LineDisplay.from_run(fit)
    >>> bool(np.all(display.band.curve_high < display.band.high)), display.band.level
    (True, 0.95)
    """

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        line_x: ArrayLike,
        line_y: ArrayLike,
        *,
        names: Sequence[str] = ("x", "y"),
        title: str = "",
        band: Band | None = None,
        note: str = "",
        learnt: int | None = None,
        r2: float = math.nan,
        remark: str = "",
    ) -> None:
        self.x, self.y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        self.line_x, self.line_y = np.asarray(line_x, dtype=float), np.asarray(line_y, dtype=float)
        self.names = names
        self.title = title
        self.band, self.note, self.r2, self.remark = band, note, r2, remark
        self.learnt = len(self.x) if learnt is None else learnt

    @classmethod
    @np.errstate(all="ignore")
    def from_run(
        cls, run: RunLike, names: Sequence[str] | None = None, size: int = 200, *, band: bool = True
    ) -> LineDisplay:
        """Evaluate the curve of a fit over the range of its data.

        Parameters
        ----------
        run : fit
            A fit on one column of numbers.
        names : pair of str, optional
            The names of the column and of the target; by default the names in the data, or else "x" and "y".
        size : int, optional
            The number of points of the curve.
        band : bool, optional
            Whether to compute the band around the curve.

        Returns
        -------
        LineDisplay
            The display, not drawn yet. Rows that are not finite are left out.

        Raises
        ------
        ValueError
            If the run has no data, the data are not one column of numbers with one number for each row, or
            the model predicts several classes.
        """
        if not isinstance(run, FitLike) or run.data is None:
            suits = isinstance(run, FitLike) and _may_be_a_line(run)
            raise (NotAtHandError if suits else ValueError)(
                "a line needs the data of a fit and this run has none, because it was loaded or is not a fit: "
                "use DescentDisplay.from_run(run), which draws any run"
            )
        if not one_column(run.data):
            shapes = " and ".join(f"{np.asarray(each).dtype} {np.shape(each)}" for each in run.data)
            raise ValueError(
                f"X and y are {shapes}, and a line needs one column of numbers with one number a row: "
                "use DescentDisplay.from_run(run), which draws any fit"
            )
        if classes_of(run) > 1:
            raise ValueError(
                f"the model has one output for each of {classes_of(run)} classes and a line needs a single output: "
                "use DescentDisplay.from_run(run), which draws any fit"
            )
        x, y = (np.asarray(each).ravel().astype(float) for each in run.data)
        finite = np.isfinite(x) & np.isfinite(y)
        if not finite.any():
            raise ValueError(f"none of {len(x)} rows is finite and a line needs one: check the data")
        x, y = x[finite], y[finite]
        line_x = np.linspace(x.min(), x.max(), size)
        line_y = curve_of(run, line_x)
        found, note, r2 = None, "", math.nan
        inner = run.fit if isinstance(run, TableFitLike) else run
        basis = inner.basis if isinstance(inner, PredictorLike) else None
        learnt = None if basis is None else int(np.sum(basis.learnt))
        if band:
            found, note = band_of(inner, line_x, lambda points, params: curve_of(inner, points, params))
            r2 = _r2_of_learnt(inner) if found is not None and isinstance(inner, PredictorLike) else math.nan
        remarks = translation_of(_loss_of(run), run.model), point_of(inner) if isinstance(inner, PredictorLike) else ""
        told: dict[str, Any] = {"band": found, "note": note, "learnt": learnt, "r2": r2}
        told["remark"] = " ".join(filter(None, remarks))
        return cls(x, y, line_x, line_y, names=names or _names_of(run), title=run.title, **told)

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the fit."""
        return f"{self._said} {self.remark}".rstrip()

    @property
    def _said(self) -> str:
        rows = style.counted(len(self.x), "row")
        what = f"The curve is the fit to {rows if self.learnt == len(self.x) else f'{self.learnt:,} of {rows}'}"
        if math.isfinite(self.r2):
            # Adding 0 turns -0 into 0.
            what += f", with an R² of {round(self.r2, 4) + 0.0:.4f}".replace("-", "−")
        if self.band is None:
            return f"{what}; there is no band, because {self.note}." if self.note else f"{what}."
        share = f"{100 * self.band.level:.0f} %"
        if not self.band.has_theory:
            below, above = self.line_y - self.band.low, self.band.high - self.line_y
            return (
                f"{what}. The band holds the middle {share} of its residuals, from {style.number(-below[0])} to "
                f"{style.number(above[0])}; it is not one of confidence, because {self.note}."
            )
        assert self.band.curve_low is not None
        half = np.array([self.band.curve_high - self.line_y, self.band.high - self.line_y]).min(axis=1)
        return (
            f"{what}. At each point the darker band holds the true curve with {share} confidence "
            f"(± {style.number(half[0])} at its narrowest), and the paler one {share} of new rows "
            f"(± {style.number(half[1])}), if errors are independent, normal and equally spread."
        )

    def table(self) -> dict[str, np.ndarray]:
        """Return the curve and its band.

        Returns
        -------
        dict of str to array
            The points and the heights of the curve; with a band also its ends.
        """
        columns = {self.names[0]: self.line_x, "fit": self.line_y}
        if self.band is None:
            return columns
        if self.band.curve_low is not None and self.band.curve_high is not None:
            columns |= {"curve low": self.band.curve_low, "curve high": self.band.curve_high}
        return columns | {"low": self.band.low, "high": self.band.high}

    def _draw(self, ax: Axes) -> None:
        rows = np.arange(len(self.x))
        label = "data"
        if len(rows) > style.MAX_POINTS:
            rows = np.random.default_rng(0).choice(len(rows), style.MAX_POINTS, replace=False)
            label = f"data ({style.MAX_POINTS:,} of {len(self.x):,} rows)"
        ax.scatter(self.x[rows], self.y[rows], s=14, color=style.BLUE, alpha=0.8, linewidths=0, label=label)
        ax.plot(self.line_x, self.line_y, label="fit", **(style.series(1) | {"linestyle": "-"}))
        if self.band is not None:
            self._draw_band(ax, self.band)
        style.label(ax, title=self.title, x=self.names[0], y=self.names[1], legend=4)

    def _draw_band(self, ax: Axes, band: Band) -> None:
        share = f"{100 * band.level:.0f} %"
        pale: style.Look = {"color": style.ORANGE, "linewidth": 0}
        edge: style.Look = {"color": style.ORANGE, "linewidth": 0.8, "linestyle": ":", "alpha": 0.9}
        if band.curve_low is not None and band.curve_high is not None:
            curves = band.curve_low, band.curve_high
            ax.fill_between(self.line_x, *curves, alpha=0.4, label=f"{share} confidence", **pale)
        label = f"{share} of new rows" if band.has_theory else f"{share} of residuals"
        ax.fill_between(self.line_x, band.low, band.high, alpha=0.13, label=label, **pale)
        for end in (band.low, band.high):
            ax.plot(self.line_x, end, **edge)


def _may_be_a_line(fit: FitLike) -> bool:
    """Return whether a fit without its data is one of a single column, as far as its parameters tell."""
    if fit.columns is not None and len(fit.columns) != 1:
        return False
    return np.size(fit.params.get("coef", ())) == 1


def _r2_of_learnt(fit: PredictorLike) -> float:
    """Return R² as the picture of the predictions has it."""
    rows = predictions_of(fit)
    seen = rows.at(~rows.unseen, rows.source)
    return r2_of(seen.truth, seen.outputs, seen.weight) if len(seen) else math.nan


def _names_of(fit: FitLike) -> tuple[str, str]:
    """Return the names of the column and of the target; "x" and "y" if there are no names."""
    assert fit.data is not None
    X, y = fit.data
    columns = getattr(X, "columns", None)
    columns = fit.columns if columns is None else columns
    column = getattr(X, "name", None) or next(iter(columns if columns is not None else []), "x")
    target = fitted_target(fit)
    return str(column), str(getattr(y, "name", None) or target or "y")
