"""`StrengthDisplay`: how the strength of a penalty was chosen, by the loss of rows left out at each strength."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.protocol import StrengthPathLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# How far right of the weakest penalty, in factors of 10, the point without a penalty lies. Chosen by eye.
ASIDE = 1.0


class StrengthDisplay(Display):
    """The loss of rows left out at each strength of a penalty, with the strength that was chosen.

    Parameters
    ----------
    strengths : array of shape (strengths,)
        The strengths, the largest first; 0 for no penalty.
    scores : array of shape (strengths,)
        The loss of rows left out; infinite where no fit exists.
    paired : array of shape (strengths,)
        The standard errors of the differences from the least loss.
    chosen : float
        The strength that was chosen.
    method : str, optional
        How rows were left out.
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
    >>> StrengthDisplay([1.0, 0.1, 0.0], [3.0, 2.0, 2.5], [0.2, 0.0, 0.1], 0.1).best
    1
    """

    def __init__(
        self,
        strengths: ArrayLike,
        scores: ArrayLike,
        paired: ArrayLike,
        chosen: float,
        *,
        method: str = "leave-one-out",
        title: str = "",
    ) -> None:
        self.strengths, self.scores, self.paired = (
            np.asarray(part, dtype=float) for part in (strengths, scores, paired)
        )
        self.chosen, self.method, self.title = float(chosen), method, title

    @classmethod
    def from_run(cls, run: Any) -> StrengthDisplay:
        """Take the path of strengths of a fit.

        Parameters
        ----------
        run : fit, fit of a table, or StrengthPath
            A fit with ``penalty="auto"`` or the like, or its `path`.

        Returns
        -------
        StrengthDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the strength of the fit was not chosen by the fit.
        """
        path = run if isinstance(run, StrengthPathLike) else getattr(run, "path", None)
        if not isinstance(path, StrengthPathLike):
            raise ValueError("no strength was chosen for this fit: give penalty='auto', or draw another display")
        title = path.title or getattr(run, "title", "")
        return cls(path.strengths, path.scores, path.paired, path.chosen, method=path.method, title=title)

    @property
    def best(self) -> int:
        """The place of the least loss."""
        return int(np.argmin(self.scores))

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the path."""
        best = self.best
        words = f"The loss of rows left out ({self.method}) is least, {style.number(self.scores[best])}, "
        words += f"at λ = {style.number(self.strengths[best])} on standardised columns. " if self.strengths[best] else (
            "without a penalty. "
        )  # fmt: skip
        if self.chosen:
            return f"{words}This strength was chosen."
        if self.strengths[best]:
            near = "Without a penalty it is within one standard error of that. This is no clear gain"
            return f"{words}{near}, so that none was chosen."
        return f"{words}So none was chosen."

    def table(self) -> dict[str, np.ndarray]:
        """Return the strengths and their losses.

        Returns
        -------
        dict of str to array
            The strengths, the losses, and the standard errors of their differences from the least.
        """
        return {"strength": self.strengths, "loss of rows left out": self.scores, "± difference": self.paired}

    def _draw(self, ax: Axes) -> None:
        with_penalty = self.strengths > 0
        weakest = self.strengths[with_penalty].min(initial=np.inf)
        aside = weakest / 10**ASIDE if np.isfinite(weakest) else 1.0
        x, shown = np.where(with_penalty, self.strengths, aside), np.isfinite(self.scores)
        ax.set_xscale("log")
        line = with_penalty & shown
        ax.plot(x[line], self.scores[line], label="with a penalty", **style.series(0))
        error = np.where(np.isfinite(self.paired), self.paired, 0.0)
        low, high = self.scores - error, self.scores + error
        ax.vlines(x[shown], low[shown], high[shown], color=style.GREY, linewidth=1.4, zorder=1,
                  label="± standard error of the difference from the least")  # fmt: skip
        none = ~with_penalty & shown
        ax.plot(x[none], self.scores[none], label="without", **(style.series(1) | {"linestyle": "", "marker": "s"}))
        k = int(np.argmin(np.abs(self.strengths - self.chosen)))
        look: dict[str, Any] = {"markersize": 13, "markerfacecolor": "none", "markeredgewidth": 2}
        ax.plot(x[k], self.scores[k], "o", color=style.GREEN, label="chosen", clip_on=False, **look)
        ax.set_xlim(2 * x.max(), x.min() / 2)
        # Far above the least, strengths differ by more than matters.
        near = np.sort(self.scores[shown])
        top = max(
            high[shown & (self.scores <= np.median(near))].max(initial=-np.inf), self.scores[k], *self.scores[none]
        )
        bottom = low[shown].min()
        ax.set_ylim(bottom - 0.08 * (top - bottom), top + 0.35 * (top - bottom) if top > bottom else None)
        style.label(
            ax,
            title=self.title,
            x="strength of the penalty, λ (weaker to the right)",
            y="loss of rows left out",
            legend=4,
        )
