"""`ConfusionDisplay`: which classes a fit takes for which others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.fitted.predictions import WIDEST_LABEL, Predictions, class_named, classified
from steepest.printable import printable
from steepest.types import Array, Rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# A matrix of more classes has cells too small for their numbers, and the largest confusions are listed instead.
MOST_CLASSES = 20
MOST_LISTED = 15
# With so many classes a cell has room for the share of its row below its count.
WITH_SHARES = 8
# From pale to dark, for the rows that are predicted as another class; the ramp of heights shows those that are right.
WRONG = ("#fdeee3", "#f8c9a5", "#ee9a5f", "#d55e00", "#8a3c00")
# The luminance at which dark and white letters have the same contrast, √(0.05 · 1.05) - 0.05 for black.
BRIGHT = 0.2


class ConfusionDisplay(Display):
    """The confusion matrix of a classification: its counts, and the share of each row's actual class.

    A row of the matrix holds the rows of one actual class. Its colours are shares: blue for right predictions, orange
    for wrong ones. Beyond 20 classes the largest confusions are listed as bars.

    Parameters
    ----------
    counts : array of shape (classes, classes)
        How many rows of each actual class were predicted as each class, or the sums of their weights.
    labels : sequence, optional
        The classes; 0, 1 and so on by default.
    where : str, optional
        On which rows, for the caption.
    title : str, optional
        The text above the picture.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    ax_ : matplotlib.axes.Axes
        The axes.
    shares : array of shape (classes, classes)
        The counts divided by those of the actual class; NaN for a class without rows.
    accuracy : float
        The share of rows on the diagonal.

    Examples
    --------
    >>> display = ConfusionDisplay([[7, 1], [0, 12]], ["cat", "dog"])
    >>> display.accuracy, display.shares[0]
    (0.95, array([0.875, 0.125]))
    """

    def __init__(
        self, counts: ArrayLike, labels: Sequence[object] | None = None, *, where: str = "", title: str = ""
    ) -> None:
        self.counts = np.asarray(counts)
        if self.counts.ndim != 2 or self.counts.shape[0] != self.counts.shape[1]:
            raise ValueError(f"counts has the shape {self.counts.shape}: give a square, one row and column a class")
        names = range(len(self.counts)) if labels is None else labels
        if len(names) != len(self.counts):
            raise ValueError(f"there are {len(names)} labels for {len(self.counts)} classes: give one for each")
        self.labels = tuple(printable(name, WIDEST_LABEL) for name in names)
        self.where, self.title = where, title
        with np.errstate(all="ignore"):
            self.shares = self.counts / self.counts.sum(axis=1, keepdims=True)
            self.accuracy = float(self.counts.trace() / self.counts.sum())

    @classmethod
    def from_predictions(
        cls, truth: ArrayLike, predicted: ArrayLike, *, sample_weight: ArrayLike | None = None,
        labels: Sequence[object] | None = None, where: str = "", title: str = "",
    ) -> ConfusionDisplay:  # fmt: skip
        """Count the pairs of actual and predicted classes.

        Parameters
        ----------
        truth, predicted : array of shape (rows,)
            The actual and the predicted class of each row.
        sample_weight : array of shape (rows,), optional
            The weights of the rows, whose sums replace counts.
        labels : sequence, optional
            The classes, in order; by default all that occur, sorted.
        where : str, optional
            On which rows, for the caption.
        title : str, optional
            The text above the picture.

        Returns
        -------
        ConfusionDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If there are not as many predictions as targets, or a class is not in `labels`.

        Examples
        --------
        >>> ConfusionDisplay.from_predictions(["a", "a", "b"], ["a", "b", "b"]).counts
        array([[1, 1],
               [0, 1]])
        """
        pair = [np.ravel(np.asarray(each, dtype=object)).tolist() for each in (truth, predicted)]
        if len(pair[0]) != len(pair[1]):
            raise ValueError(f"there are {len(pair[0])} targets and {len(pair[1])} predictions: give one of each a row")
        names = sorted({*pair[0], *pair[1]}, key=lambda label: (str(type(label)), label)) if labels is None else labels
        number = {label: k for k, label in enumerate(names)}
        unknown = next((label for each in pair for label in each if label not in number), None)
        if unknown is not None:
            raise ValueError(f"the class {printable(unknown, 40)} is not in labels: add it, or leave its rows out")
        actual, guessed = (np.array([number[label] for label in each], dtype=int) for each in pair)
        return cls(_counted(actual, guessed, len(names), sample_weight), names, where=where, title=title)

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: Any, X: Rows = None, y: Array = None, *, sample_weight: Array = None) -> ConfusionDisplay:
        """Predict the classes of the rows of a fit, or of other rows, and count.

        Parameters
        ----------
        run : fit, fit of a table, or estimator
            The fit of a classification.
        X, y : array or DataFrame, array, optional
            Other rows; for the fit of a table a table, whose target may be in it. By default those that were held out
            of the fit, or else those of the fit.
        sample_weight : array of shape (rows,), optional
            The weights of other rows.

        Returns
        -------
        ConfusionDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the fit has no rows and none are given, or it is a regression.
        TypeError
            If the run is not a fit.
        """
        return cls._of(classified(run, X, y, sample_weight, "a confusion matrix"))

    @classmethod
    def _of(cls, rows: Predictions) -> ConfusionDisplay:
        weight = rows.weight if rows.weight.min() < rows.weight.max() else None
        counts = _counted(rows.truth.astype(int), rows.chosen, len(rows.labels), weight)
        made = cls(counts, rows.labels, where=rows.where, title=rows.title)
        made._remarks = rows.remarks
        return made

    _remarks = ""

    @property
    def confusions(self) -> list[tuple[int, int]]:
        """The pairs of an actual and another predicted class that occur, the most frequent first."""
        wrong = self.counts * (1 - np.eye(len(self.counts), dtype=int))
        order = np.argsort(-wrong, axis=None, kind="stable")[: np.count_nonzero(wrong)]
        return [(int(k) // len(wrong), int(k) % len(wrong)) for k in order]

    @property
    def row_names(self) -> list[str]:
        """The names to the left of the axes: the classes, or the most frequent mistakes if there are many classes."""
        if len(self.labels) <= MOST_CLASSES:
            return list(self.labels)
        pairs = self.confusions[:MOST_LISTED]
        return [f"{self.labels[actual]} → {self.labels[guess]}" for actual, guess in pairs]

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the matrix."""
        total, right = self.counts.sum(), self.counts.trace()
        words = f"{100 * self.accuracy:.1f} % of predictions {self.where}".rstrip() + " are right "
        words += f"({style.number(float(right))} of {style.number(float(total))})"
        if not self.confusions:
            return f"{words}: none is wrong.{self._remarks}"
        actual, guess = self.confusions[0]
        times = float(self.counts[actual, guess])
        words += f". The most frequent mistake takes {class_named(self.labels[actual])} for "
        words += f"{class_named(self.labels[guess])}: {style.number(times)} time{'s' * (times != 1)}, "
        words += f"{100 * self.shares[actual, guess]:.1f} % of its rows."
        if len(self.labels) > MOST_CLASSES and len(self.confusions) > MOST_LISTED:
            words += f" The {MOST_LISTED} most frequent of {len(self.confusions):,} different mistakes are shown."
        return words + self._remarks

    def table(self) -> dict[str, np.ndarray]:
        """Return the cells.

        Returns
        -------
        dict of str to array
            The actual and the predicted class, the count and the share of each cell, row by row.
        """
        labels, size = np.array(self.labels, dtype=object), len(self.labels)
        return {
            "actual": np.repeat(labels, size), "predicted": np.tile(labels, size),
            "rows": self.counts.ravel(), "share": self.shares.ravel(),
        }  # fmt: skip

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, ...]:
        """Make a figure whose size follows the number of classes.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes.
        """
        count = len(self.labels)
        size = 6.4 if count > MOST_CLASSES else min(max(5.6, 3.2 + 0.42 * count), 11.0)
        return (style.dress(make(size, size - 0.4).add_subplot()),)

    def _draw(self, ax: Axes) -> None:
        if len(self.labels) > MOST_CLASSES:
            self._draw_list(ax)
            return
        from matplotlib.colors import LinearSegmentedColormap

        count = len(self.labels)
        right, wrong = style.ramp().reversed(), LinearSegmentedColormap.from_list("wrong", WRONG)
        shares = np.nan_to_num(self.shares)
        colours = np.where(np.eye(count, dtype=bool)[..., None], right(shares), wrong(shares))
        colours[..., 3] = self.counts > 0
        ax.imshow(colours, interpolation="nearest", aspect="equal")
        size = float(np.clip(96 / count, 6.5, 12))
        for row, column in zip(*np.nonzero(self.counts), strict=True):
            linear = colours[row, column, :3] ** 2.2
            light = linear @ [0.2126, 0.7152, 0.0722] > BRIGHT
            text = style.number(float(self.counts[row, column]))
            if count <= WITH_SHARES:
                text += f"\n{100 * self.shares[row, column]:.1f} %"
            look: style.Look = {"fontsize": size, "color": style.INK if light else style.PAPER}
            ax.text(float(column), float(row), text, ha="center", va="center", **look)
        for row, column in zip(*np.nonzero(self.counts == 0), strict=True):
            ax.text(float(column), float(row), "0", ha="center", va="center", fontsize=size, color=style.GREY)
        slanted = max(map(len, self.labels)) > 34 / count
        turn: style.Look = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
        fine = 10 if count <= 12 else 8
        ax.set_xticks(range(count), self.labels, parse_math=False, fontsize=fine, **turn)
        ax.set_yticks(range(count), self.labels, parse_math=False, fontsize=fine)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        # Thin lines between the cells that are empty, so that rows and columns can be followed.
        for place in np.arange(count + 1) - 0.5:
            ax.axhline(place, color=style.GREY, linewidth=0.4, alpha=0.5, clip_on=False)
            ax.axvline(place, color=style.GREY, linewidth=0.4, alpha=0.5, clip_on=False)
        style.label(ax, title=self.title, x="predicted", y="actual")

    def _draw_list(self, ax: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        pairs = self.confusions[:MOST_LISTED]
        heights = np.arange(len(pairs))
        counts = np.array([self.counts[pair] for pair in pairs], dtype=float)
        ax.barh(heights, counts, color=style.ORANGE, height=0.7)
        ax.set_yticks(heights, self.row_names, parse_math=False, fontsize=9)
        texts = [f" {style.number(float(self.counts[pair]))} ({100 * self.shares[pair]:.1f} %)" for pair in pairs]
        for height, pair, text in zip(heights, pairs, texts, strict=True):
            ax.text(
                float(self.counts[pair]), float(height), text, va="center", fontsize=9, color=ax.xaxis.label.get_color()
            )
        # Room for the texts: a letter of this size is at most a thirtieth of the width of the axes.
        room = 1 + max(map(len, texts)) / 30
        ax.set_xlim(0, room * max(counts.max(initial=0.0), 1.0))
        ax.invert_yaxis()
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        style.label(ax, title=self.title, x="rows (share of the actual class)", y="actual → predicted")


def _counted(actual: np.ndarray, guessed: np.ndarray, classes: int, weight: ArrayLike | None) -> np.ndarray:
    cells = actual * classes + guessed
    weights = None if weight is None else np.asarray(weight, dtype=float)
    return np.bincount(cells, weights=weights, minlength=classes**2).reshape(classes, classes)
