"""`CoefficientsDisplay`: the coefficients of a model epoch by epoch, or along the strengths of a penalty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.protocol import FitLike, PenaltyPathLike, PredictorLike, has_members, tree_of
from steepest.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The most lines with a name and a colour; the others are thin and grey. Chosen, not measured: more names do not fit
# beside the axes of a small figure.
MOST_NAMED = 10
WIDEST_NAME = 16
# Epochs beyond this many are on an axis on which the first ones keep their room.
MANY_EPOCHS = 200
# A coefficient has settled if it is this near its end, as a share of the largest.
SETTLED = 0.01
# If they settle only in the last tenth of more than a few epochs, then because the epochs end.
LATE, FEW_EPOCHS = 0.9, 20
# The height of a name beside the axes, in inches.
LINE = 0.17
# The words of the axis and of the caption for what values were multiplied by.
UNITS = {
    "": ("coefficient", ""),
    "deviation": (
        "coefficient × deviation of column",
        " Coefficients are multiplied by the standard deviations of their columns.",
    ),
    "end": ("parameter / last value", " Parameters are divided by their last values."),
}


class CoefficientsDisplay(Display):
    """The paths of coefficients: by epoch of a fit, or by the strength of a penalty.

    The coefficients of a linear model are multiplied by the standard deviations of their columns, if these are at hand,
    so that they can be compared; the parameters of a function are divided by their last values. With a penalty, the
    strongest is on the left; if there is a validation loss, it is drawn below, and a line marks its least value.

    Parameters
    ----------
    at : array of shape (rows,)
        The epochs, or the strengths of the penalty.
    paths : array of shape (rows, columns)
        The coefficients in comparable units.
    names : sequence of str
        The names of the columns.
    units : {"", "deviation", "end"}, optional
        What the coefficients are multiplied by: nothing, the deviations of the columns, or the reciprocals of the last
        values.
    penalty : str, optional
        The name of the penalty; "" for epochs.
    losses, validation : array of shape (rows,), optional
        The loss at each strength, on the rows of the fit and on others.
    title : str, optional
        The text above the picture.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    ax_ : matplotlib.axes.Axes
        The axes of the coefficients.
    axes_ : tuple of matplotlib.axes.Axes
        The axes of the coefficients and, if there is a validation loss, those of the losses.

    Examples
    --------
    >>> import steepest as st
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> path = st.penalty_path(st.models.Linear(), X, 3 * X[:, 0] + X[:, 1], strengths=5)
    >>> CoefficientsDisplay.from_run(path).entered
    ['x0', 'x1']
    """

    def __init__(
        self, at: ArrayLike, paths: ArrayLike, names: Sequence[str], *, units: str = "", penalty: str = "",
        losses: ArrayLike | None = None, validation: ArrayLike | None = None, title: str = "",
    ) -> None:  # fmt: skip
        self.at, self.paths = np.asarray(at, dtype=float), np.asarray(paths, dtype=float)
        if self.paths.shape != (len(self.at), len(names)):
            raise ValueError(
                f"paths has the shape {self.paths.shape}: give a row for each of {len(self.at)} places and a column "
                f"for each of {len(names)} names"
            )
        self.names, self.units, self.penalty, self.title = list(names), units, penalty, title
        self.losses, self.validation = (
            None if each is None else np.asarray(each, dtype=float) for each in (losses, validation)
        )

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: Any, *, scaled: bool = True) -> CoefficientsDisplay:
        """Take the coefficients from the trace of a fit, or from a path of penalties.

        Parameters
        ----------
        run : fit, fit of a table, or PenaltyPath
            The fit of a linear model or a function, or what ``penalty_path`` returns.
        scaled : bool, optional
            Whether the coefficients are put in comparable units.

        Returns
        -------
        CoefficientsDisplay
            The display, not drawn yet. Several classes have one line a column, the length of its coefficients.

        Raises
        ------
        TypeError
            If it is neither.
        ValueError
            If the model is a network or a tree, or its trace holds a sketch of the parameters.
        """
        if isinstance(run, PenaltyPathLike):
            paths = run.coef * run.spread if scaled else run.coef
            paths = np.linalg.norm(paths, axis=1) if paths.ndim == 3 else paths
            units = "deviation" if scaled else ""
            more: dict[str, Any] = {"losses": run.losses, "validation": run.validation, "title": run.title}
            return cls(run.strengths, paths, run.names, units=units, penalty=run.penalty, **more)
        if not isinstance(run, FitLike):
            raise TypeError(
                f"coefficients are those of a fit, and this is a {type(run).__name__}: give what st.fit or "
                "st.penalty_path returns"
            )
        if has_members(run) or tree_of(run) is not None:
            raise ValueError("a network or a tree has no coefficients of columns: use MembersDisplay or TreeDisplay")
        return cls._of_trace(run, scaled)

    @classmethod
    def _of_trace(cls, run: FitLike, scaled: bool) -> CoefficientsDisplay:
        trace, params = run.trace, run.params
        at = np.asarray(trace.columns.get("epoch", trace.columns["iteration"]))
        paths = np.asarray(trace.x, dtype=float)
        if paths.shape[1] != sum(np.size(value) for value in _leaves(params)):
            raise ValueError(
                f"the trace holds a sketch of the parameters, {paths.shape[1]} numbers a row: "
                "use DescentDisplay.from_run(run), which draws any fit"
            )
        names = [str(name) for name in trace.names]
        units = ""
        if set(params) == {"coef", "intercept"}:
            coef = np.asarray(params["coef"])
            paths, names = paths[:, : coef.size], names[: coef.size]
            spread = spread_of(run) if scaled else None
            if spread is not None and spread.size == coef.shape[-1]:
                paths, units = paths * np.tile(spread, coef.size // spread.size), "deviation"
        elif scaled:
            last = np.abs(paths[-1])
            paths, units = paths / np.where((last > 0) & np.isfinite(last), last, 1.0), "end"
        return cls(at, paths, names, units=units, title=run.title)

    @property
    def order(self) -> np.ndarray:
        """The columns, the largest first: at the least validation loss, or else anywhere on their paths."""
        size = np.where(np.isfinite(self.paths), np.abs(self.paths), 0.0)
        size = size.max(axis=0, initial=0.0) if self.best is None else size[self.best]
        return np.argsort(-size, kind="stable")

    @property
    def entered(self) -> list[str]:
        """The names of the columns in the order in which their coefficients leave 0, without those that never do."""
        moved = self.paths != 0
        first = np.where(moved.any(axis=0), moved.argmax(axis=0), len(self.at))
        # Columns that come in at the same strength are in the order of their size there.
        size = np.abs(self.paths[np.minimum(first, len(self.at) - 1), np.arange(len(first))])
        order = np.lexsort([-size, first])
        return [self.names[k] for k in order if first[k] < len(self.at)]

    @property
    def best(self) -> int | None:
        """The place of the least validation loss; None if there is none."""
        if self.validation is None or not np.isfinite(self.validation).any():
            return None
        return int(np.nanargmin(self.validation))

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the paths."""
        units = UNITS[self.units][1]
        broken = int((~np.isfinite(self.paths).all(axis=1)).sum())
        broken_words = f" {style.counted(broken, 'row')} with values that are not finite left out." if broken else ""
        if self.penalty:
            return self._caption_of_path() + units + broken_words
        finite = self.paths[np.isfinite(self.paths).all(axis=1)]
        if not len(finite):
            return f"No row of {len(self.at)} is finite."
        last = finite[-1]
        away = np.flatnonzero(np.abs(finite - last).max(axis=1) > SETTLED * (np.abs(last).max() or 1.0))
        settled = self.at[np.isfinite(self.paths).all(axis=1)][away[-1] + 1 if len(away) else 0]
        k = int(np.abs(last).argmax())
        noun = "parameter" if self.units == "end" else "coefficient"
        words = f"{style.counted(len(self.names), noun)} after each of {style.counted(int(self.at[-1]), 'epoch')}: "
        if (finite == last).all():
            at = "0" if not last.any() else "its start"
            return f"{words}none has left {at}.{units}{broken_words}"
        if not last.any():
            words += "all end at 0; "
        elif self.units != "end" and len(self.names) == 1:
            words += f"it ends at {style.number(last[k])}; "
        elif self.units != "end":
            words += f"{printable(self.names[k], WIDEST_NAME)} ends largest, at {style.number(last[k])}; "
        if settled > LATE * self.at[-1] and len(finite) > FEW_EPOCHS:
            words += f"they still moved by more than 1 % in the last tenth, at epoch {int(settled) - 1:,}."
        else:
            near = "1 % of " + ("their last value" if self.units == "end" else "the largest last value")
            words += f"from epoch {int(settled):,} on, all are as near to their ends as {near}."
        return words + units + broken_words

    def _caption_of_path(self) -> str:
        entered = [printable(name, WIDEST_NAME) for name in self.entered]
        name = self.penalty.upper() if len(self.penalty) == 2 else self.penalty
        words = f"From left to right the {name} penalty becomes weaker"
        if self.penalty != "l2" and len(entered) > 1:
            words += f": the first columns that come in are {', '.join(entered[:3])}"
        elif self.penalty != "l2" and entered:
            words += f": only {entered[0]} comes in"
        if self.best is not None and self.validation is not None:
            count = int((self.paths[self.best] != 0).sum())
            words += f". The validation loss is least, {style.number(self.validation[self.best])}, at λ = "
            words += f"{style.number(self.at[self.best])}, with {count} of {style.counted(len(self.names), 'column')}"
        return words + "."

    def table(self) -> dict[str, np.ndarray]:
        """Return the paths.

        Returns
        -------
        dict of str to array
            The epoch or the strength, the coefficients by column, and the losses.
        """
        columns = {"strength" if self.penalty else "epoch": self.at}
        columns |= {name: self.paths[:, k] for k, name in enumerate(self.names)}
        more = {"loss": self.losses, "validation loss": self.validation}
        return columns | {name: each for name, each in more.items() if each is not None}

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, ...]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes of the coefficients and, below, those of the losses if there is a validation loss.
        """
        if self.best is None:
            return (style.dress(make(7.2, 4.8).add_subplot()),)
        top, bottom = make(7.2, 6.0).subplots(2, 1, sharex=True, height_ratios=(3, 1))
        top.tick_params(labelbottom=False)
        return style.dress(top), style.dress(bottom)

    def _given(self, ax: Axes | Sequence[Axes]) -> tuple[Axes, ...]:
        return tuple(each for each in style.one_or_two(ax, "this picture") if each is not None)

    def _draw(self, top: Axes, bottom: Axes | None = None) -> None:
        x = self._place(top)
        order = self.order
        named = [int(k) for k in order[:MOST_NAMED]]
        rows = _rows_to_draw(len(x))
        paths = np.where(np.isfinite(self.paths), self.paths, np.nan)[rows]
        for k in order[MOST_NAMED:]:
            top.plot(x[rows], paths[:, k], color=style.GREY, linewidth=0.7, alpha=0.6, zorder=1)
        top.axhline(0.0, color=style.GREY, linewidth=0.9)
        for place, k in enumerate(named):
            top.plot(x[rows], paths[:, k], label=self.names[k], **(style.distinct(place) | {"marker": ""}))
        if len(x) == 1:
            top.plot(np.full(len(named), x[0]), paths[0, named], linestyle="", marker="o", color=style.BLUE)
        best = self.best
        if best is not None:
            for ax in (top, bottom):
                if ax is not None:
                    ax.axvline(x[best], color=style.GREY, linewidth=1.2, linestyle="--", zorder=0)
        style.label(top, title=self.title, x=self._axis if bottom is None else "", y=UNITS[self.units][0])
        if bottom is not None:
            self._draw_losses(bottom, x)
        self._write_names(top, named, paths[-1])

    @property
    def _axis(self) -> str:
        return "strength of the penalty, λ (weaker to the right)" if self.penalty else "epoch"

    def _place(self, ax: Axes) -> np.ndarray:
        """Set the scale of the lower axis, and return the places of the rows on it."""
        if self.penalty:
            ax.set_xscale("log")
            high, low = float(self.at.max()), float(self.at.min())
            ax.set_xlim((2 * high, high / 2) if high == low else (high, low))
            return self.at
        if self.at.max(initial=0.0) > MANY_EPOCHS:
            ax.set_xscale("asinh", linear_width=2.0)
        low, high = float(self.at.min()), float(self.at.max())
        ax.set_xlim(low, high if high > low else low + 1)
        return self.at

    def _draw_losses(self, ax: Axes, x: np.ndarray) -> None:
        assert self.validation is not None
        if self.losses is not None:
            ax.plot(x, self.losses, label="loss of the fit", **(style.series(0) | {"marker": ""}))
        ax.plot(x, self.validation, label="validation loss", **(style.series(1) | {"marker": ""}))
        best = self.best
        assert best is not None
        ax.plot(x[best], self.validation[best], "o", color=style.ORANGE, markersize=6, clip_on=False)
        style.label(ax, x=self._axis, y="loss", legend=2)

    def _write_names(self, ax: Axes, named: list[int], ends: np.ndarray) -> None:
        """Write the names to the right of the axes, beside the ends of their lines but not over each other."""
        shown = [(k, place) for place, k in enumerate(named) if np.isfinite(ends[k])]
        if not shown:
            return
        low, high = ax.get_ylim()
        heights = (np.array([ends[k] for k, _ in shown]) - low) / (high - low)
        order = np.argsort(heights, kind="stable")
        inches = ax.get_window_extent().height / ax.figure.dpi
        spots = spaced(heights[order], LINE / inches)
        for spot, row in zip(spots, order, strict=True):
            k, place = shown[row]
            colour = style.distinct(place)["color"]
            look: style.Look = {"color": colour, "linewidth": 0.8, "transform": ax.transAxes, "clip_on": False}
            ax.plot([1.0, 1.02], [heights[row], spot], **look)
            ax.text(
                1.025, spot, printable(self.names[k], WIDEST_NAME), transform=ax.transAxes, va="center", fontsize=9,
                color=colour, parse_math=False,
            )  # fmt: skip
        ax.set_ylim(low, high)


def spaced(heights: np.ndarray, gap: float) -> np.ndarray:
    """Return heights that are at least a gap apart, and as near to the given ones as blocks of them can be.

    Parameters
    ----------
    heights : array of shape (names,)
        The heights, from the lowest.
    gap : float
        The gap.

    Returns
    -------
    array of shape (names,)
        The heights to use.

    Examples
    --------
    >>> spaced(np.array([0.5, 0.5, 0.9]), 0.1).round(2)
    array([0.45, 0.55, 0.9 ])
    """
    # Least squares under an order: blocks of heights that would overlap share a mean (pool adjacent violators).
    blocks: list[list[float]] = []
    for k, height in enumerate(heights):
        blocks.append([float(height - k * gap), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            mean, count = blocks.pop()
            blocks[-1] = [
                (blocks[-1][0] * blocks[-1][1] + mean * count) / (blocks[-1][1] + count), blocks[-1][1] + count
            ]  # fmt: skip
    return np.concatenate([np.full(int(count), mean) for mean, count in blocks]) + gap * np.arange(len(heights))


def _rows_to_draw(count: int) -> np.ndarray:
    """Return all rows if they are few, else rows that are even on a linear and on a logarithmic axis."""
    if count <= style.MAX_POINTS:
        return np.arange(count)
    half = style.MAX_POINTS // 2
    return np.unique(np.r_[np.geomspace(1, count, half) - 1, np.linspace(0, count - 1, half)].astype(int))


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for branch in tree.values() for leaf in _leaves(branch)]
    if isinstance(tree, (list, tuple)):
        return [leaf for branch in tree for leaf in _leaves(branch)]
    return [tree]


def spread_of(run: FitLike) -> np.ndarray | None:
    """Return the standard deviations of the columns in the rows of a fit; None if the rows are not at hand.

    Parameters
    ----------
    run : fit or fit of a table
        The fit.

    Returns
    -------
    array of shape (columns,) or None
        The deviations.
    """
    inner = getattr(run, "fit", run)
    basis = inner.basis if isinstance(inner, PredictorLike) else None
    if basis is None:
        return None
    X, weight = basis.X[basis.learnt], basis.weight[basis.learnt]
    share = weight / weight.sum()
    if hasattr(X, "tocsr"):
        mean = np.asarray(X.T @ share).ravel()
        return np.sqrt(np.maximum(np.asarray(X.multiply(X).T @ share).ravel() - mean**2, 0.0))
    X = X.reshape(len(X), -1)
    return np.sqrt(share @ (X - share @ X) ** 2)
