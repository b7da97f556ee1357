"""A function of one variable with its derivative, and the difference quotients that tend to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.plots.path import path_of
from steepest.inspection.window import HUGE, sampled, window_given

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class SlopesDisplay:
    """A function with its tangent and secants at a point, above its derivative and its difference quotients.

    The quotient for h is (f(x + h) - f(x)) / h, as it stands: for h near the rounding of x, its noise is seen.
    The secant through x and x + h has the quotient as its slope, and the tangent has the derivative.

    Parameters
    ----------
    x : array of shape (size,)
        Where the function was evaluated.
    value : array of shape (size,)
        Its values there, NaN where it has none.
    derivative : array of shape (size,)
        Its derivative there.
    h : array of shape (count,)
        The steps.
    quotients : array of shape (count, size)
        The difference quotient for each step at each x.
    at : float
        Where tangent and secants touch the curve.
    value_at : float
        The value there.
    tangent_slope : float
        The derivative there.
    secant_slopes : array of shape (count,)
        The difference quotient there, for each step.
    name : str, optional
        What the variable is called.
    title : str, optional
        What is written above.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        What was drawn on.
    axes_ : tuple of matplotlib.axes.Axes
        The upper and the lower axes; ``ax_`` is the upper one.

    Examples
    --------
    >>> display = SlopesDisplay.from_function(lambda x: x**2, lambda x: 2 * x, at=1.0, h=(1.0, 0.5))
    >>> display.secant_slopes, display.tangent_slope
    (array([3. , 2.5]), 2.0)
    """

    def __init__(
        self,
        x: Any,
        value: Any,
        derivative: Any,
        h: Any,
        quotients: Any,
        *,
        at: float,
        value_at: float,
        tangent_slope: float,
        secant_slopes: Any,
        name: str = "x",
        title: str = "",
    ) -> None:
        self.x, self.value = np.asarray(x, dtype=float), np.asarray(value, dtype=float)
        self.derivative = np.asarray(derivative, dtype=float)
        self.h, self.quotients = np.asarray(h, dtype=float), np.asarray(quotients, dtype=float)
        self.at, self.value_at = at, value_at
        self.tangent_slope, self.secant_slopes = tangent_slope, np.asarray(secant_slopes, dtype=float)
        self.name, self.title = name, title

    @classmethod
    def from_function(
        cls,
        f: Callable[[float], Any],
        derivative: Callable[[float], Any],
        at: float,
        h: Sequence[float] = (1.0, 0.5, 0.1),
        window: tuple[float, float] | None = None,
        size: int = 200,
        *,
        name: str = "x",
        title: str = "",
    ) -> SlopesDisplay:
        """Evaluate a function, its derivative and its difference quotients.

        Parameters
        ----------
        f : callable
            Of one number; it is called with one number at a time.
        derivative : callable
            Its derivative, such as ``steepest.gradient(f)`` or a formula.
        at : float
            Where tangent and secants touch the curve.
        h : sequence of float, optional
            The steps; a negative one looks to the left.
        window : (low, high), optional
            Where to look; one and a half times the longest step to both sides of `at` where left out.
        size : int, optional
            How many points the curves have.
        name : str, optional
            What the variable is called.
        title : str, optional
            What is written above.

        Returns
        -------
        SlopesDisplay
            Not drawn yet. Where f raises, there is a gap.

        Raises
        ------
        ValueError
            Where a step is zero or not finite, `at` is outside the window, or f or its derivative has no
            finite value there.
        """
        steps = np.asarray(h, dtype=float).ravel()
        if not steps.size or not np.isfinite(steps).all() or not steps.all():
            raise ValueError(
                f"h={h!r} and each step must be finite and not zero: give one or more, such as h=(1.0, 0.1)"
            )
        at = float(at)
        reach = 1.5 * np.abs(steps).max()
        low, high = window_given((at - reach, at + reach) if window is None else window, 1)[0]
        if not low <= at <= high:
            raise ValueError(f"at={at} is outside the window ({low:g}, {high:g}): give a window around it")
        value_at, tangent_slope = (float(np.reshape(each(at), ())) for each in (f, derivative))
        if not np.isfinite([value_at, tangent_slope]).all():
            raise ValueError(
                f"f({at:g}) = {value_at} with derivative {tangent_slope}, and a tangent needs both finite: "
                "choose another at"
            )
        x = np.linspace(low, high, size)
        value = sampled(f, x)
        with np.errstate(all="ignore"):
            quotients = [(sampled(f, x + step) - value) / step for step in steps]
            secants = (sampled(f, at + steps) - value_at) / steps
        slopes: dict[str, Any] = {"tangent_slope": tangent_slope, "secant_slopes": secants}
        names: dict[str, Any] = {"name": name, "title": title}
        return cls(x, value, sampled(derivative, x), steps, quotients, at=at, value_at=value_at, **slopes, **names)

    @classmethod
    def from_run(
        cls,
        run: Any,
        at: float,
        h: Sequence[float] = (1.0, 0.5, 0.1),
        window: tuple[float, float] | None = None,
        size: int = 200,
    ) -> SlopesDisplay:
        """Evaluate the function of a run, its derivative and its difference quotients.

        Parameters
        ----------
        run : run
            A run of one parameter.
        at : float
            Where tangent and secants touch the curve.
        h : sequence of float, optional
            The steps; a negative one looks to the left.
        window : (low, high), optional
            Where to look; one and a half times the longest step to both sides of `at` where left out.
        size : int, optional
            How many points the curves have.

        Returns
        -------
        SlopesDisplay
            Not drawn yet.

        Raises
        ------
        ValueError
            Where the run has more parameters or no finite point, and as for `from_function`.
        RuntimeError
            Where the run was loaded without its function.
        """
        path_of(run, 1)  # which refuses other runs

        def value(x: float) -> Any:
            return run.evaluate(np.array([x]))

        def slope(x: float) -> Any:
            return run.gradient_at(np.array([x]))

        return cls.from_function(value, slope, at, h, window, size, name=run.trace.names[0], title=run.title)

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, Axes]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            Width and height in inches to an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The upper and the lower axes.
        """
        return style.stacked(make(6.4, 6.4))

    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> SlopesDisplay:
        """Draw the function with tangent and secants, and its derivative with the difference quotients below.

        Parameters
        ----------
        ax : axes or two axes, optional
            Where to draw: two axes, or one whose room is shared; a new figure where left out.

        Returns
        -------
        SlopesDisplay
            This display.
        """
        pair = self.room(style.pyplot_figure) if ax is None else ax
        self.axes_ = style.stacked_axes(pair, "a derivative")
        self.ax_, lower = self.axes_
        self.figure_ = self.ax_.figure
        self._draw_function(self.ax_)
        self._draw_slopes(lower)
        style.words(self.ax_, title=self.title, y="value", legend=3)
        style.words(lower, x=self.name, y="slope", legend=4)
        return self

    def _draw_function(self, ax: Axes) -> None:
        ax.plot(self.x, _drawable(self.value), label="function", **style.series(0))
        ends = self.x[[0, -1]]
        for k, (h, slope) in enumerate(zip(self.h, self.secant_slopes, strict=True)):
            # The marker is where the secant meets the curve again.
            through = np.array([ends[0], self.at + h, ends[1]])
            height = self.value_at + slope * (through - self.at)
            ax.plot(through, height, label=_typeset(f"h = {h:g}: slope {slope:.4g}"), markevery=[1], **style.another(k))
        tangent = self.value_at + self.tangent_slope * (ends - self.at)
        ax.plot(ends, tangent, label=_typeset(f"tangent: slope {self.tangent_slope:.4g}"), **TANGENT)
        ax.plot(self.at, self.value_at, "o", color=TANGENT["color"], markersize=7)
        _fit_height(ax, self.value)
        ax.set_xlim(*ends)

    def _draw_slopes(self, ax: Axes) -> None:
        for k, quotient in enumerate(self.quotients):
            look = style.another(k)
            ax.plot(self.x, _drawable(quotient), label=_typeset(f"h = {self.h[k]:g}"), **(look | {"marker": ""}))
            ax.plot(self.at, self.secant_slopes[k], **look)
        ax.plot(self.x, _drawable(self.derivative), label="derivative", **TANGENT)
        ax.plot(self.at, self.tangent_slope, "o", color=TANGENT["color"], markersize=7)
        _fit_height(ax, self.derivative, *self.quotients)


# The derivative is the slope of the tangent, and so is drawn like it.
TANGENT: dict[str, Any] = style.series(1) | {"linestyle": "-"}


def _typeset(words: str) -> str:
    """Return words with the minus that the ticks have."""
    return words.replace("-", "−")


def _drawable(numbers: np.ndarray) -> np.ndarray:
    return np.where(np.abs(numbers) <= HUGE, numbers, np.nan)


def _fit_height(ax: Axes, *curves: np.ndarray) -> None:
    """Set limits that show what is finite of the curves, and not how far a steep secant goes."""
    seen = np.concatenate([_drawable(curve) for curve in curves])
    seen = seen[np.isfinite(seen)]
    if seen.size:
        low, high = seen.min(), seen.max()
        room = 0.12 * (high - low) or max(1.0, abs(low))
        ax.set_ylim(low - room, high + room)
