"""`Shown`: runs, races, maps and fits as cards in a notebook."""

from __future__ import annotations

import time
import warnings
from textwrap import dedent
from typing import Any

import numpy as np

from steepest.inspection.picture import descent_of, picture_of
from steepest.inspection.plots.basins import BasinDisplay
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.race import RaceDisplay
from steepest.inspection.protocol import BasinsLike, FitLike, RaceLike, RunLike
from steepest.notebook.card import card

# The seconds in which a function may be evaluated for the picture of a card, which nobody asked for: below what a
# reader waits for without noticing. POINTS are as many values as a curve, and contour lines, need.
PATIENCE = 0.3
POINTS = {1: 200, 2: 10_000}


class Shown:
    """An object that a notebook shows as a card: its text, and a small picture."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # IPython prefers the `__repr__` of a class, which each dataclass has, to what the class inherits.
        cls._repr_pretty_ = Shown._repr_pretty_  # type: ignore[method-assign]

    def _repr_html_(self) -> str | None:
        """Return the object as HTML for a notebook; None without Jinja2, so that the notebook shows the text."""
        headline, text = self._summary()
        picture, caption = None, ""
        # A notebook shows an object that nobody asked to draw, so a picture that can't be drawn is no error.
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                display = _display_of(self)
                picture, caption = _thumbnail(display), getattr(display, "caption", "")
        except Exception as error:  # noqa: BLE001 - the user's function may raise anything
            caption = f"No picture: {error}"
        return card(headline, dedent(text), picture, caption)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Print the object for IPython as its text, in place of all its fields."""
        printer.text(str(self))

    def _summary(self) -> tuple[str, str]:
        """Return the first line of the text, and the others."""
        headline, _, text = str(self).partition("\n")
        return headline, text


def _thumbnail(display):  # type: ignore[no-untyped-def]
    if isinstance(display, Display):
        return display.thumbnail()
    # MERGE: displays that are no Display yet
    from steepest.inspection.plots import style
    from steepest.notebook.card import Picture
    from steepest.notebook.png import small_png

    if hasattr(display, "room"):
        display.plot(
            [ax for ax in display.room(lambda w=6.4, h=4.8: style.blank(0.75 * w, 0.75 * h)) if ax is not None]
        )
    else:
        display.plot(style.dress(style.blank(4.8, 3.6).add_subplot()))
    figure = display.figure_.figure
    return Picture(small_png(figure), round(96 * figure.get_figwidth()), type(display).__name__)


def _display_of(what: object) -> Any:  # MERGE: -> Display
    """Return the display that suits an object, not drawn yet."""
    # A run has all that a race has, so it comes first.
    if isinstance(what, RunLike):
        quick = isinstance(what, FitLike) or _seconds_of_values(what) <= PATIENCE
        return (picture_of(what) if quick else None) or descent_of(what)
    if isinstance(what, BasinsLike):
        return BasinDisplay.from_basins(what)
    assert isinstance(what, RaceLike)
    seconds = max(map(_seconds_of_values, what.runs.values()))
    if seconds > PATIENCE:
        raise TimeoutError(f"the values for it would take {seconds:.1g} s; plot() draws it")
    return RaceDisplay.from_race(what)


def _seconds_of_values(run: RunLike) -> float:
    """Return about how long the values for a picture of the function of a run would take."""
    points = np.asarray(run.trace.x)
    finite = points[np.isfinite(points).all(axis=1)]
    if points.shape[1] not in POINTS or not len(finite):
        return 0.0
    spent = []
    # The first call may compile.
    for _ in range(2):
        began = time.perf_counter()
        try:
            run.evaluate(finite[-1])
        except Exception:  # noqa: BLE001 - a function that is not at hand, or raises, takes no time
            return 0.0
        spent.append(time.perf_counter() - began)
    return min(spent) * POINTS[points.shape[1]]
