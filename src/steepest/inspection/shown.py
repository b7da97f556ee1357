"""`Shown`: runs, races, maps and fits as cards in a notebook."""

from __future__ import annotations

import warnings
from textwrap import dedent
from typing import Any

import numpy as np

from steepest.notebook.card import card


class Shown:
    """An object that a notebook shows as a card: its text, and a small picture."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # IPython prefers the `__repr__` of a class, which each dataclass has, to what the class inherits.
        cls._repr_pretty_ = Shown._repr_pretty_  # type: ignore[method-assign]

    def _repr_html_(self) -> str | None:
        """Return the object as HTML for a notebook; None without Jinja2, so that the notebook shows the text."""
        # Imported here, so that a run can be made without the pictures.
        from steepest.inspection.suited import suited

        headline, text = self._summary()
        picture, caption = None, ""
        # A notebook shows an object that nobody asked to draw, so a picture that can't be drawn is no error.
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                display = suited(self)
                picture, caption = display.thumbnail(), display.caption
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
