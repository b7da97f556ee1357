"""`FitDisplay`: a fit in one picture: how good it is, what it follows, and how its penalty and itself came about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.plots.descent import DescentDisplay
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.fitted.calibration import BINS, CalibrationDisplay
from steepest.inspection.plots.fitted.confusion import ConfusionDisplay
from steepest.inspection.plots.fitted.effects import EffectsDisplay, cut
from steepest.inspection.plots.fitted.predicted import PredictedDisplay, target_of
from steepest.inspection.plots.fitted.predictions import Predictions, judged
from steepest.inspection.plots.fitted.residuals import ResidualsDisplay
from steepest.inspection.plots.fitted.roc import RocDisplay
from steepest.inspection.plots.fitted.strength import StrengthDisplay
from steepest.inspection.plots.network.members import MembersDisplay
from steepest.inspection.plots.tree.restarts import RestartsDisplay
from steepest.inspection.protocol import FitLike, has_members, has_restarts
from steepest.inspection.window import NotAtHandError
from steepest.notebook.card import Picture
from steepest.printable import MOST_LETTERS, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The width of the figure, and the height of a row of panels, in inches.
WIDTH, ROW = 11.0, 3.6
# The room around panels in inches: for the title and two lines of a legend above, for the labels below and at the left,
# and between panels and the edge at the right.
ABOVE, BELOW, LEFT, RIGHT = 0.72, 0.58, 0.78, 0.2
# The width of a letter of a name to the left of the effects, in inches.
LETTER = 0.078
# The most letters of a name that get room: two classes and the arrow between them.
MOST_NAME = 43
# The share of the width that the choice of the penalty leaves to the descent.
SMALL_SHARE = 0.42
TITLE, LABEL, TICK = 11.0, 9.5, 9.0  # the sizes of texts, in points
# The height of a title above the axes, and of a line of a legend between them, in points.
PAD, LINE = 9.0, 14.0
# The texts of a legend that a small panel leaves out, as its caption or its axes say them.
LEFT_OUT = ("with a penalty", "± standard error of the difference from the least")

# Labels of the lower axis that fit below a panel.
SHORT: dict[type[Display], str] = {
    RocDisplay: "false alarms (share of the others)", StrengthDisplay: "strength of the penalty, λ",
}  # fmt: skip


class Panel(NamedTuple):
    """A part of the picture.

    Attributes
    ----------
    heading : str
        The text above it.
    display : Display
        What it shows.
    """

    heading: str
    display: Display


class FitDisplay(Display):
    """A fit of rows in one picture.

    The first panels show how good the fit is on the rows that were held out of it, or else on its own rows: for numbers
    the predictions against the true values, and the residuals; for two classes the ROC curve and the calibration; for
    more classes the confusion matrix in place of the ROC curve. Then come the largest effects of the columns with their
    intervals, or their importance if the model has no coefficients of columns; how the strength of the penalty was
    chosen, if it was; and, small, the descent.

    Parameters
    ----------
    panels : sequence of Panel
        The panels, each a heading with a display, the most important first.
    descent : display
        The descent, which comes last.
    notes : sequence of str, optional
        What else the caption says, such as which panel is missing and why.
    title : str, optional
        The text above the picture.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    axes_ : tuple of matplotlib.axes.Axes
        The axes of the panels in order, then those of the descent.
    panels : tuple of Panel
        The panels.

    Examples
    --------
    >>> import steepest as st
    >>> x = np.linspace(0.0, 1.0, 60)
    >>> wave = np.sin(40 * x)
    >>> fit = st.fit_table({"x": x, "wave": wave, "y": 3 * x + 0.1 * wave}, "y", rng=0)
    >>> [panel.heading for panel in FitDisplay.from_run(fit).panels]
    ['Predicted against true, 12 held-out rows', 'Residuals', 'Largest effects', 'Choice of the penalty']
    """

    def __init__(
        self, panels: Sequence[Panel], descent: Display, *, notes: Sequence[str] = (), title: str = ""
    ) -> None:  # fmt: skip
        self.panels, self.descent = tuple(panels), descent
        self.notes, self.title = tuple(notes), title

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: Any) -> FitDisplay:
        """Compute the panels of a fit.

        Parameters
        ----------
        run : fit or fit of a table
            The fit. One that was loaded has no rows, and so no panels of its predictions.

        Returns
        -------
        FitDisplay
            The display, not drawn yet.

        Raises
        ------
        TypeError
            If the run is not a fit.
        """
        if not isinstance(run, FitLike):
            raise TypeError(f"this picture is that of a fit, and this is a {type(run).__name__}: fit a model first")
        panels, notes = list[Panel](), list[str]()
        try:
            panels += _of_predictions(judged(run), target_of(run))
        except NotAtHandError:
            notes.append("There is no picture of the predictions, as the rows are not saved with a fit.")
        except ValueError as error:
            notes.append(f"There is no picture of the predictions: {error}.")
        try:
            effects = EffectsDisplay.from_run(run)
            panels.append(Panel("Importance of columns" if effects.shuffled else "Largest effects", effects))
        except NotAtHandError:
            notes.append("The importance of columns needs the rows, too.")
        except ValueError as error:
            notes.append(f"There is no picture of effects: {error}.")
        # A fit of each class against the rest has a path for each, and so no path of its own.
        if getattr(run, "path", None) is not None:
            panels.append(Panel("Choice of the penalty", StrengthDisplay.from_run(run)))
        for panel in panels:
            panel.display.title = ""
        return cls(panels, _descent_of(run), notes=notes, title=run.title)

    @property
    def caption(self) -> str:
        """A description of the picture: how good the fit is, and its largest effect."""
        said = [_first(panel.display) for panel in self.panels]
        return " ".join([*filter(None, said), *self.notes]) or self.descent.caption

    def table(self) -> dict[str, np.ndarray]:
        """Return the numbers of the first panel; those of the others are in `panels`.

        Returns
        -------
        dict of str to array
            The columns by name.
        """
        return (self.panels[0].display if self.panels else self.descent).table()

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, ...]:
        """Make a figure with two panels in a row, whose axes are level; the descent shares the last place if needed.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes.
        """
        count = len(self.panels)
        rows = max(-(-count // 2), 1)
        head = 0.3 if self.title else 0.0
        figure = make(WIDTH, ROW * rows + head)
        # Laid out by hand, which takes a third of the time that a search for the best layout takes.
        figure.set_layout_engine("none")
        width, height = (float(each) for each in figure.get_size_inches())
        row = (height - head) / rows
        # Places in inches: the left edge and the upper edge of a cell, and its width.
        cells = [((k % 2) * width / 2, height - head - (k // 2) * row, width / 2) for k in range(count)]
        if count == 0:
            cells.append((0.0, height - head, width))
        elif count % 2:
            cells.append((width / 2, cells[-1][1], width / 2))
        else:
            left, top, wide = cells.pop()
            cells += [(left, top, (1 - SMALL_SHARE) * wide), (left + (1 - SMALL_SHARE) * wide, top, SMALL_SHARE * wide)]
        axes = []
        for k, (left, top, wide) in enumerate(cells):
            margin = self._margin(k)
            box = [left + margin, top - row + BELOW, wide - margin - RIGHT, row - ABOVE - BELOW]
            axes.append(style.dress(figure.add_axes(tuple(np.array(box) / [width, height, width, height]))))
        return tuple(axes)

    def _margin(self, k: int) -> float:
        """Return the room to the left of a panel for the numbers or the names of its rows, in inches."""
        display = self.panels[k].display if k < len(self.panels) else self.descent
        names = [cut(name) for name in display.shown] if isinstance(display, EffectsDisplay) else []
        if isinstance(display, ConfusionDisplay):
            names = display.row_names
        widest = max((min(len(printable(name, MOST_LETTERS)), MOST_NAME) for name in names), default=0)
        return max(LEFT, 0.25 + LETTER * widest + 0.2 * isinstance(display, ConfusionDisplay))

    def _given(self, ax: Axes | Sequence[Axes]) -> tuple[Axes, ...]:
        given = tuple(np.ravel(np.asarray(ax, dtype=object)))
        most = len(self.panels) + 1
        if not given or len(given) > most:
            raise ValueError(f"got {len(given)} axes, and this picture has {most} panels: give as many, or fewer")
        return given

    def thumbnail(self) -> Picture:
        """Draw a small picture of the first panel, as all would be too small to read.

        Returns
        -------
        Picture
            The picture, as a PNG image.
        """
        first = self.panels[0].display if self.panels else self.descent
        return first.thumbnail()

    def _draw(self, *axes: Axes) -> None:
        shown = [*self.panels, Panel("Descent", self.descent)][: len(axes)]
        lines = [_draw_panel(ax, panel) for ax, panel in zip(axes, shown, strict=True)]
        tops = [round(ax.get_position().y1, 3) for ax in axes]
        for ax, panel, top in zip(axes, shown, tops, strict=True):
            # Titles in a row are level, above the highest legend among them.
            most = max(count for count, other in zip(lines, tops, strict=True) if other == top)
            look: style.Look = {"loc": "left", "fontsize": TITLE, "color": ax.xaxis.label.get_color()}
            ax.set_title(panel.heading, pad=PAD + LINE * most, parse_math=False, **look)
        if self.title:
            figure = axes[0].figure.figure
            figure.suptitle(printable(self.title, 100), fontsize=12, color=style.GREY, parse_math=False)


def _of_predictions(rows: Predictions, target: str) -> list[Panel]:
    """Return the panels of how good the predictions are."""
    on = f"{style.counted(len(rows), 'held-out row')}" if rows.source == "held out" else (
        f"the {style.counted(len(rows), 'row')} of the fit"
    )  # fmt: skip
    if rows.kind == "numbers":
        if rows.outputs.ndim > 1:
            raise ValueError(f"this fit has {rows.outputs.shape[1]} outputs a row")
        predicted = PredictedDisplay._of(rows, target)
        return [
            Panel(f"Predicted against true, {on}", predicted),
            Panel("Residuals", ResidualsDisplay._of(rows, target)),
        ]
    confusion, roc = ConfusionDisplay._of(rows), RocDisplay._of(rows)
    likely = [Panel("Calibration", CalibrationDisplay._of(rows, BINS))] if rows.kind == "probabilities" else []
    if len(rows.labels) > 2:
        return [Panel(f"Predicted classes, {on}", confusion), *(likely or [Panel("ROC curves", roc)])]
    return [Panel(f"ROC curve, {on}", roc), *(likely or [Panel("Predicted classes", confusion)])]


def _descent_of(run: FitLike) -> Display:
    descent: Display
    if has_restarts(run):
        descent = RestartsDisplay.from_run(run)
    else:
        descent = MembersDisplay.from_run(run) if has_members(run) else DescentDisplay.from_run(run)
    descent.title = ""
    return descent


def _first(display: Display) -> str:
    """Return what the caption says of a panel."""
    if isinstance(display, PredictedDisplay | RocDisplay | ConfusionDisplay | EffectsDisplay):
        return display.caption
    if isinstance(display, StrengthDisplay):
        return "Beside the losses of the penalties, grey lines are standard errors of the difference from the least."
    return ""


def _draw_panel(ax: Axes, panel: Panel) -> int:
    """Draw a panel without its title, and return how many lines its legend has."""
    display = panel.display
    if isinstance(display, DescentDisplay):
        display.draw_alone(ax)
    else:
        display.axes_, display.ax_, display.figure_ = (ax,), ax, ax.figure
        display._draw(ax)
    # The panels fill their places, so that their axes are level.
    ax.set_box_aspect(None)
    ax.set_aspect("auto")
    if isinstance(display, ConfusionDisplay) and any(tick.get_rotation() for tick in ax.get_xticklabels()):
        # Slanted names would reach into the panel below.
        ax.set_xticklabels([])
        ax.set_xlabel("predicted, in the order of the rows")
    for handle, text in zip(*ax.get_legend_handles_labels(), strict=True):
        if text in LEFT_OUT:
            handle.set_label("_")
    x = SHORT.get(type(display), ax.get_xlabel())
    lines = style.label(ax, x=x, y=ax.get_ylabel(), legend=4 if ax.get_legend() else 0)
    ax.xaxis.label.set_fontsize(LABEL)
    ax.yaxis.label.set_fontsize(LABEL)
    ax.tick_params(labelsize=TICK)
    return lines
