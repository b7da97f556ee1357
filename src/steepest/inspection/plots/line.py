"""The data of one column and the curve that was fitted to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.inspection.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NUMBERS = "biuf"  # the dtype kinds that can be drawn


def one_column(data: Any) -> bool:
    """Return whether data (X, y) are at hand, X one column, y one number a row.

    Parameters
    ----------
    data : (X, y) or None
        The data of a fit.

    Returns
    -------
    bool
        Whether a `LineDisplay` can draw them.

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


def curve_of(fit: Any, x: np.ndarray, params: dict[str, Any] | None = None) -> np.ndarray:
    """Return what a fit on one column predicts at x, with its own parameters or others.

    Parameters
    ----------
    fit : fit
        A fit on one column, laid out as in ``fit.data``.
    x : array of shape (points,)
        Where.
    params : dict, optional
        Parameters laid out as ``fit.params``; the fit's own where left out.

    Returns
    -------
    array of shape (points,)
        The predictions.
    """
    X = x.reshape(-1, 1) if np.ndim(fit.data[0]) == 2 else x
    model = getattr(fit, "model", None)
    if model is None:
        return np.ravel(fit.predict(X))
    # The model itself: what was fitted to a table predicts from tables alone.
    params = fit.params if params is None else params
    with np.errstate(all="ignore"):
        return np.ravel(np.asarray(model.response(model(model.shaped(X, params), *params.values())), dtype=float))


class LineDisplay:
    """The data of a fit on one column, and the fitted curve over their range.

    Parameters
    ----------
    x, y : array of shape (rows,)
        The data.
    line_x, line_y : array of shape (points,)
        The fitted curve, from left to right.
    names : pair of str, optional
        What the column and the target are called.
    title : str, optional
        What is written above.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        What was drawn on.
    ax_ : matplotlib.axes.Axes
        The axes.

    Examples
    --------
    >>> LineDisplay([0, 1, 2], [1, 3, 5], [0, 2], [1, 5]).line_y
    array([1., 5.])
    """

    def __init__(
        self, x: Any, y: Any, line_x: Any, line_y: Any, *, names: Sequence[str] = ("x", "y"), title: str = ""
    ) -> None:
        self.x, self.y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        self.line_x, self.line_y = np.asarray(line_x, dtype=float), np.asarray(line_y, dtype=float)
        self.names = names
        self.title = title

    @classmethod
    def from_run(cls, run: Any, names: Sequence[str] | None = None, size: int = 200) -> LineDisplay:
        """Take the data of a fit and ask it for its curve.

        Parameters
        ----------
        run : fit
            A fit on one column of numbers.
        names : pair of str, optional
            What the column and the target are called; as in the data where they have names, else "x" and "y".
        size : int, optional
            At how many points the curve is evaluated.

        Returns
        -------
        LineDisplay
            Not drawn yet. Rows that are not finite are left out.

        Raises
        ------
        ValueError
            Where the data are not at hand, or are not one column of numbers with one number a row.
        """
        data = getattr(run, "data", None)
        if data is None:
            raise ValueError("the run has no data at hand for a line: use DescentDisplay.from_run(run)")
        if not one_column(data):
            shapes = " and ".join(f"{np.asarray(each).dtype} {np.shape(each)}" for each in data)
            raise ValueError(
                f"X and y are {shapes}, and a line needs one column of numbers with one number a row: "
                "use DescentDisplay.from_run(run), which draws any fit"
            )
        X = np.asarray(data[0])
        x, y = X.ravel().astype(float), np.asarray(data[1]).ravel().astype(float)
        finite = np.isfinite(x) & np.isfinite(y)
        if not finite.any():
            raise ValueError(f"none of {len(x)} rows is finite and a line needs one: look into the data")
        x, y = x[finite], y[finite]
        line_x = np.linspace(x.min(), x.max(), size)
        line_y = curve_of(run, line_x)
        return cls(x, y, line_x, line_y, names=names or _names_of(run), title=run.title)

    def plot(self, ax: Axes | None = None) -> LineDisplay:
        """Draw the data and the curve.

        Parameters
        ----------
        ax : axes, optional
            Where to draw; a new figure where left out.

        Returns
        -------
        LineDisplay
            This display.
        """
        self.ax_ = ax = style.one_axes(ax)
        self.figure_ = ax.figure
        rows = np.arange(len(self.x))
        label = "data"
        if len(rows) > style.MOST:
            rows = np.random.default_rng(0).choice(len(rows), style.MOST, replace=False)
            label = f"data ({style.MOST:,} of {len(self.x):,} rows)"
        ax.scatter(self.x[rows], self.y[rows], s=14, color=style.BLUE, alpha=0.8, linewidths=0, label=label)
        ax.plot(self.line_x, self.line_y, label="fit", **(style.series(1) | {"linestyle": "-"}))
        style.words(ax, title=self.title, x=self.names[0], y=self.names[1], legend=2)
        return self


def _names_of(run: Any) -> tuple[str, str]:
    X, y = run.data
    columns = getattr(X, "columns", None)
    columns = getattr(run, "columns", None) if columns is None else columns
    column = getattr(X, "name", None) or next(iter(columns if columns is not None else []), "x")
    return str(column), str(getattr(y, "name", None) or getattr(run, "target", None) or "y")
