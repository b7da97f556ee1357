"""`SensitivityDisplay`: how far each rule of a race comes, by its learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.races.gaps import draw_gaps, set_gap_axis, shown_name
from steepest.inspection.protocol import SensitivityLike
from steepest.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A learning rate serves if it comes to within this factor of the smallest gap of its rule. Chosen, not measured.
SERVES = 10.0
# The distance between two lines of crosses, as a share of the height of the axes. Chosen by eye.
ROW = 0.05


class SensitivityDisplay(Display):
    """The gap that each rule reaches within one budget, by its learning rate.

    A wide valley is a rule that forgives a wrong learning rate. A ring marks the learning rate that the race used, and
    a cross a learning rate with which the descent diverged. A rule without a learning rate, or with a hidden one as
    those of optax, is a level line.

    Parameters
    ----------
    names : sequence of str
        The rules.
    rates : array of shape (rates,)
        The learning rates.
    gaps : array of shape (rules, rates)
        The distance of the best value reached from the best value of the function.
    diverged : array of bool of shape (rules, rates), optional
        Whether the descent diverged.
    given : sequence of (float, float), optional
        For each rule, the learning rate of the race and the gap reached with it.
    unrated : mapping of str to float, optional
        The gaps of rules without a learning rate.
    budget : int, optional
        The evaluations that each descent had.
    order : sequence of str, optional
        All rules in the order of the race, by which colours are chosen; by default `names`, then those without a rate.
    maximized : bool, optional
        Whether the best value is the largest.
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
    >>> display = SensitivityDisplay(["plain"], [0.01, 0.1, 1.0], [[9.0, 2.0, 12.0]], [[False, False, True]])
    >>> display.ranges["plain"]
    (0.01, 0.1)
    """

    def __init__(
        self,
        names: Sequence[str],
        rates: ArrayLike,
        gaps: ArrayLike,
        diverged: ArrayLike | None = None,
        *,
        given: Sequence[tuple[float, float]] = (),
        unrated: Mapping[str, float] | None = None,
        budget: int | None = None,
        order: Sequence[str] = (),
        maximized: bool = False,
        title: str = "",
    ) -> None:
        self.names = [str(name) for name in names]
        self.rates, self.gaps = np.asarray(rates, dtype=float), np.asarray(gaps, dtype=float)
        self.diverged = np.zeros(self.gaps.shape, bool) if diverged is None else np.asarray(diverged, dtype=bool)
        self.given, self.unrated, self.budget = list(given), dict(unrated or {}), budget
        self.order = list(order) or [*self.names, *self.unrated]
        self.maximized, self.title = maximized, title
        shape = (len(self.names), self.rates.size)
        if self.gaps.shape != shape or self.diverged.shape != shape:
            raise ValueError(
                f"gaps have the shape {self.gaps.shape} for {shape[0]} rules and {shape[1]} rates: give {shape}"
            )

    @classmethod
    @np.errstate(all="ignore")
    def from_sensitivity(cls, sensitivity: SensitivityLike, best: float | None = None) -> SensitivityDisplay:
        """Make the display of the sensitivity of a race.

        Parameters
        ----------
        sensitivity : Sensitivity
            The values, as `sensitivity` of a race returns them.
        best : float, optional
            The value from which gaps are measured; by default that of `sensitivity`.

        Returns
        -------
        SensitivityDisplay
            The display, not drawn yet.
        """
        best = sensitivity.best if best is None else best
        last = np.abs(np.asarray(sensitivity.given_values) - best)
        return cls(
            sensitivity.names,
            sensitivity.rates,
            np.abs(np.asarray(sensitivity.values) - best),
            sensitivity.diverged,
            given=list(zip(np.asarray(sensitivity.given).tolist(), last.tolist(), strict=True)),
            unrated={name: abs(value - best) for name, value in sensitivity.unrated.items()},
            budget=sensitivity.budget,
            order=sensitivity.order,
            title=sensitivity.title,
        )

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The least and the largest rate of each rule that come to within 10 times its smallest gap."""
        ranges = {}
        for name, gap, away in zip(self.names, self.gaps, self.diverged, strict=True):
            sound = np.isfinite(gap) & ~away
            if sound.any():
                rates = self.rates[sound & (gap <= SERVES * gap[sound].min())]
                ranges[name] = float(rates.min()), float(rates.max())
        return ranges

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the race."""
        said = []
        for k, name in enumerate(self.names):
            sound = np.isfinite(self.gaps[k]) & ~self.diverged[k]
            if not sound.any():
                said.append(f"{printable(name, 40)} diverges with every rate")
                continue
            at = int(np.argmin(np.where(sound, self.gaps[k], np.inf)))
            words = f"{printable(name, 40)} comes nearest with {_rounded(self.rates[at])}"
            if self.diverged[k].any():
                words += f" and diverges from {_rounded(self.rates[self.diverged[k]].min())} on"
            said.append(words)
        within = "" if self.budget is None else f" within {style.counted(self.budget, 'evaluation')}"
        return f"The gap that each learning rate leaves{within}: {'; '.join(said)}."

    def table(self) -> dict[str, np.ndarray]:
        """Return the gaps.

        Returns
        -------
        dict of str to array
            The learning rates, then the gap of each rule.
        """
        return {"rate": self.rates} | dict(zip(self.names, self.gaps, strict=True))

    def _draw(self, ax: Axes, legend: bool = True) -> None:
        ax.set_xscale("log")
        ax.set_xlim(self.rates[0] / 1.1, self.rates[-1] * 1.1)
        sound = np.where(self.diverged, np.nan, self.gaps)
        level = [np.array([gap]) for gap in [*self.unrated.values(), *(gap for _, gap in self.given)]]
        log = set_gap_axis(ax, [*sound, *level], [gap[np.isfinite(gap)].max(initial=0.0) for gap in sound])
        for gap, name in zip(sound, self.names, strict=True):
            line = self._look(name) | {"label": shown_name(name) if legend else "_", "marker": ""}
            draw_gaps(ax, self.rates, gap, line, log, crosses=False)
        for name, gap in self.unrated.items():
            if np.isfinite(gap):
                line = self._look(name) | {"marker": "", "label": f"{shown_name(name)} (as raced)" if legend else "_"}
                height, place = _placed(ax, gap)
                ax.plot(self.rates[[0, -1]], [height, height], **line, **place)
        self._mark_given(ax)
        self._mark_diverged(ax)
        within = "" if self.budget is None else f" after {style.counted(self.budget, 'evaluation')}"
        style.label(ax, title=self.title, x="learning rate", y=f"gap{within}", legend=4)

    def _look(self, name: str) -> style.Look:
        return style.distinct(self.order.index(name))

    def _mark_given(self, ax: Axes) -> None:
        """Mark the learning rates of the race with rings."""
        label = "rate of the race"
        for name, (rate, gap) in zip(self.names, self.given, strict=False):
            ring: style.Look = {"fillstyle": "none", "markersize": 10, "markeredgewidth": 2, "linestyle": ""}
            if np.isfinite(gap):
                height, place = _placed(ax, gap)
                ring |= {"color": self._look(name)["color"], "zorder": 4, "clip_on": False}
                ax.plot(rate, height, "o", label=label, **(ring | place))
                label = "_"

    def _mark_diverged(self, ax: Axes) -> None:
        """Mark the rates that diverge at the top of the axes, those of each rule in a line of its own."""
        label = "diverged"
        for k, name in enumerate(name for name, away in zip(self.names, self.diverged, strict=True) if away.any()):
            rates = self.rates[self.diverged[self.names.index(name)]]
            look: style.Look = {
                "markersize": 5,
                "markeredgewidth": 1.4,
                "linestyle": "",
                "color": self._look(name)["color"],
            }
            height = np.full(len(rates), 0.97 - ROW * k)
            ax.plot(rates, height, "x", label=label, transform=ax.get_xaxis_transform(), **look)
            label = "_"


def _placed(ax: Axes, gap: float) -> tuple[float, style.Look]:
    """Return the height at which a gap is drawn: at the foot of the axes, which stands for 0, if it lies below."""
    low, high = ax.get_ylim()
    if gap < low:
        return 0.0, {"transform": ax.get_xaxis_transform(), "clip_on": False}
    return min(gap, high), {}


def _rounded(rate: float) -> str:
    """Return a learning rate in two digits, as the grid knows it no better."""
    return style.number(float(f"{rate:.2g}"))
