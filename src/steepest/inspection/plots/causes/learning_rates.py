"""`LearningRateDisplay`: the values that short descents reach, by their learning rate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.causes.stability import CEILINGS
from steepest.inspection.plots.display import Display
from steepest.inspection.protocol import LearningRatesLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# How far above the start the axis of the values reaches, as a share of the descent. Chosen by eye.
HEADROOM = 0.25


class LearningRateDisplay(Display):
    """The value that a short descent from one start reaches with each learning rate, on a logarithmic axis.

    Rates whose descents end above the start, or at no finite value, are crosses at the top. A line marks the largest
    rate that is stable by the curvature at the start, and another one the suggested rate.

    Parameters
    ----------
    rates : array of shape (rates,)
        The learning rates, in increasing order.
    values : array of shape (rates,)
        The values after the last step.
    first_value : float
        The value at the start.
    limit : float, optional
        The largest stable rate; infinite if there is none, NaN if it is not known.
    diverges : float, optional
        The rate from which on the descents end above their start; NaN if none does.
    suggested : float, optional
        The rate to use; NaN if there is none.
    steps : int, optional
        The steps of each descent.
    rule : str, optional
        The rule of the direction.
    title : str, optional
        The text above the picture.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    ax_ : matplotlib.axes.Axes
        The axes.

    Examples
    --------
    >>> display = LearningRateDisplay([0.01, 0.1, 1.0], [8.0, 1.0, 900.0], 9.0, diverges=0.5, suggested=0.1)
    >>> print(display.caption)
    The value after a short descent with each learning rate. It is least with 0.1: 1, from 9 at the start. From 0.5 on
    the descents end above their start. Suggested: 0.1.
    """

    def __init__(
        self,
        rates: ArrayLike,
        values: ArrayLike,
        first_value: float,
        *,
        limit: float = math.nan,
        diverges: float = math.nan,
        suggested: float = math.nan,
        steps: int | None = None,
        rule: str = "",
        title: str = "",
    ) -> None:
        self.rates, self.values = np.asarray(rates, dtype=float), np.asarray(values, dtype=float)
        if self.rates.ndim != 1 or not self.rates.size or self.rates.shape != self.values.shape:
            raise ValueError(f"{self.values.size} values for {self.rates.size} rates: give one value for each rate")
        self.first_value, self.limit, self.diverges, self.suggested = first_value, limit, diverges, suggested
        self.steps, self.rule, self.title = steps, rule, title

    @classmethod
    def from_rates(cls, tested: LearningRatesLike, title: str = "") -> LearningRateDisplay:
        """Make the display of a test of learning rates.

        Parameters
        ----------
        tested : LearningRates
            The result of `lr_range`.
        title : str, optional
            The text above the picture.

        Returns
        -------
        LearningRateDisplay
            The display, not drawn yet.
        """
        return cls(
            tested.rates, tested.values, tested.first_value, limit=tested.limit, diverges=tested.diverges,
            suggested=tested.suggested, steps=tested.steps, rule=tested.rule, title=title,
        )  # fmt: skip

    @property
    def above(self) -> np.ndarray:
        """Whether the descent with each rate ends above the start, or at no finite value."""
        return ~(self.values <= self.first_value)

    @property
    def caption(self) -> str:
        """A description of the picture, with its numbers."""
        count = "a short descent" if self.steps is None else style.counted(self.steps, "step")
        said = [f"The value after {count} with each learning rate{f' of {self.rule}' if self.rule else ''}."]
        if self.above.all():
            said.append(f"All end above the start, whose value is {style.number(self.first_value)}.")
        else:
            best = int(np.argmin(np.where(self.above, np.inf, self.values)))
            said.append(
                f"It is least with {_rounded(self.rates[best])}: {style.number(self.values[best])}, from "
                f"{style.number(self.first_value)} at the start."
            )
        if 0 < self.limit < np.inf:
            said.append(f"By the curvature at the start, rates up to {_rounded(self.limit)} are stable.")
        if math.isfinite(self.diverges):
            said.append(f"From {_rounded(self.diverges)} on the descents end above their start.")
        if math.isfinite(self.suggested):
            said.append(f"Suggested: {_rounded(self.suggested)}.")
        return " ".join(said)

    def table(self) -> dict[str, np.ndarray]:
        """Return the values.

        Returns
        -------
        dict of str to array
            The learning rates and the values.
        """
        return {"rate": self.rates, "value": self.values}

    def _draw(self, ax: Axes) -> None:
        ax.set_xscale("log")
        low, high = (
            self.rates[0],
            max(self.rates[-1], *([self.limit] if 0 < self.limit < np.inf else []), self.rates[0]),
        )
        ax.set_xlim(low / 1.2, high * 1.2)
        sound = ~self.above
        least = self.values[sound].min(initial=self.first_value)
        descent = self.first_value - least or abs(self.first_value) or 1.0
        ax.set_ylim(least - 0.06 * descent, self.first_value + HEADROOM * descent)
        if math.isfinite(self.diverges):
            ax.axvspan(self.diverges, high * 1.2, color=style.ORANGE, alpha=0.13, linewidth=0, label="too large")
        ax.axhline(self.first_value, color=style.GREY, linewidth=0.8, label="value at the start")
        ax.plot(
            self.rates[sound], self.values[sound], "o-", color=style.BLUE, markersize=3.5, linewidth=1.4,
            label="value at the end",
        )  # fmt: skip
        if self.above.any():
            top = np.full(int(self.above.sum()), 0.96)
            look: style.Look = {"linestyle": "", "markersize": 5, "markeredgewidth": 1.4, "color": style.ORANGE}
            ax.plot(
                self.rates[self.above],
                top,
                "x",
                transform=ax.get_xaxis_transform(),
                label="ends above the start",
                **look,
            )
        if 0 < self.limit < np.inf:
            formula = CEILINGS[self.rule][1] if self.rule in CEILINGS else ""
            label = f"limit {formula}: {_rounded(self.limit)}".replace(" :", ":")
            ax.axvline(self.limit, color=style.GREY, linewidth=1.6, linestyle="--", label=label)
        if math.isfinite(self.suggested):
            ax.axvline(
                self.suggested, color=style.GREEN, linewidth=1.6, linestyle="-.",
                label=f"suggested: {_rounded(self.suggested)}",
            )  # fmt: skip
        style.label(ax, title=self.title, x="learning rate", y="value", legend=3)


def _rounded(rate: float) -> str:
    """Return a learning rate in two digits, as the test knows it no better."""
    return style.number(float(f"{rate:.2g}"))
