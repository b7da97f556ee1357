"""`SlopesDisplay`: a function of one variable with its derivative and its difference quotients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.function.path import path_of
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import HUGE, sampled, window_given
from steepest.printable import quoted
from steepest.types import Function

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The look of the tangent, and of the derivative, which is the slope of the tangent.
TANGENT: style.Look = style.series(1) | {"linestyle": "-"}


class Secants(TypedDict):
    """The tangent and the secants of a curve at one of its points."""

    at: float
    value_at: float
    tangent_slope: float
    secant_slopes: np.ndarray


class SlopesDisplay(Display):
    """A function with its tangent and secants at a point, above its derivative and its difference quotients.

    The quotient for h is (f(x + h) - f(x)) / h, computed by this formula, so that the noise of rounding errors is
    visible for a tiny h. It is the slope of the secant through x and x + h; the derivative is the slope of the tangent.

    Parameters
    ----------
    x : array of shape (size,)
        The points at which the function was evaluated.
    value : array of shape (size,)
        The value at each point, NaN if there is none.
    derivative : array of shape (size,)
        The derivative at each point.
    h : array of shape (count,)
        The steps h of the difference quotients.
    quotients : array of shape (count, size)
        The difference quotient for each step at each x.
    at : float
        The point of the tangent and the secants.
    value_at : float
        The value at this point.
    tangent_slope : float
        The derivative at this point.
    secant_slopes : array of shape (count,)
        The difference quotient at this point, for each step.
    name : str, optional
        The name of the variable.
    title : str, optional
        The text above the picture.

    Examples
    --------
    >>> display = SlopesDisplay.from_function(lambda x: x**2, lambda x: 2 * x, at=1.0, h=(1.0, 0.5))
    >>> display.secant_slopes, display.tangent_slope
    (array([3. , 2.5]), 2.0)
    """

    def __init__(
        self,
        x: ArrayLike,
        value: ArrayLike,
        derivative: ArrayLike,
        h: ArrayLike,
        quotients: ArrayLike,
        *,
        at: float,
        value_at: float,
        tangent_slope: float,
        secant_slopes: ArrayLike,
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
    @np.errstate(all="ignore")
    def from_function(
        cls,
        f: Callable[[float], ArrayLike],
        derivative: Callable[[float], ArrayLike],
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
            A function of one number. It is called with one number at a time.
        derivative : callable
            The derivative of f, such as ``steepest.gradient(f)`` or a formula.
        at : float
            The point of the tangent and the secants.
        h : sequence of float, optional
            The steps; a negative step goes to the left.
        window : (low, high), optional
            The interval to draw; by default 1.5 times the longest step to both sides of `at`.
        size : int, optional
            The number of points of the curves.
        name : str, optional
            The name of the variable.
        title : str, optional
            The text above the picture.

        Returns
        -------
        SlopesDisplay
            The display, not drawn yet. The curves have gaps where f raises an exception.

        Raises
        ------
        ValueError
            If a step is zero or not finite, `at` is outside the window, or f or its derivative has no
            finite value there.
        """
        steps = _steps(h)
        at = float(at)
        ends = _interval(window, at, 1.5 * np.abs(steps).max())
        secants = _secants(f, derivative, at, steps)
        x = np.linspace(ends[0], ends[1], size)
        value, quotients = _quotients(f, x, steps)
        return cls(x, value, sampled(derivative, x), steps, quotients, **secants, name=name, title=title)

    @classmethod
    @np.errstate(all="ignore")
    def from_run(
        cls,
        run: RunLike,
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
            The point of the tangent and the secants.
        h : sequence of float, optional
            The steps; a negative step goes to the left.
        window : (low, high), optional
            The interval to draw; by default 1.5 times the longest step to both sides of `at`.
        size : int, optional
            The number of points of the curves.

        Returns
        -------
        SlopesDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the run has more than one parameter or no finite point, or if `from_function` raises the error.
        RuntimeError
            If the run was loaded without its function.
        """
        path_of(run, 1)  # only for its check that the run has one parameter
        functions = (lambda x: run.evaluate(np.array([x]))), (lambda x: run.gradient_at(np.array([x])))
        return cls.from_function(*functions, at, h, window, size, name=run.trace.names[0], title=run.title)

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, Axes]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The upper and the lower axes.
        """
        return style.stacked(make(6.4, 6.4))

    def _given(self, ax: Axes | Sequence[Axes]) -> tuple[Axes, ...]:
        return style.stacked_axes(ax, "a derivative")

    @property
    def caption(self) -> str:
        """A description of the picture, with the slopes."""
        nearest = int(np.argmin(np.abs(self.h)))
        h, slope, tangent = map(style.number, (self.h[nearest], self.secant_slopes[nearest], self.tangent_slope))
        begin = f"At {self.name} = {style.number(self.at)} the slope of the tangent is {tangent}"
        return f"{begin}; the secant with h = {h} has {slope}. Below, the same at every {self.name}."

    def table(self) -> dict[str, np.ndarray]:
        columns = {self.name: self.x, "value": self.value, "derivative": self.derivative}
        return columns | {f"quotient, h = {h:g}": each for h, each in zip(self.h, self.quotients, strict=True)}

    def _draw(self, upper: Axes, lower: Axes) -> None:
        upper.tick_params(labelbottom=False)
        _draw_function(upper, self)
        _draw_slopes(lower, self)
        style.label(upper, title=self.title, y="value", legend=3)
        style.label(lower, x=self.name, y="slope", legend=4)


def _steps(h: ArrayLike) -> np.ndarray:
    """Return the steps of difference quotients, after checking them."""
    steps = np.asarray(h, dtype=float).ravel()
    if not steps.size or not np.isfinite(steps).all() or not steps.all():
        raise ValueError(
            f"h={quoted(h)} and each step must be finite and not zero: give one or more, such as h=(1.0, 0.1)"
        )
    return steps


def _interval(window: ArrayLike | None, at: float, reach: float) -> np.ndarray:
    """Return the interval to draw: the given window, or else all points within `reach` of `at`."""
    low, high = ends = window_given((at - reach, at + reach) if window is None else window, 1)[0]
    if not low <= at <= high:
        raise ValueError(f"at={at} is outside the window ({low:g}, {high:g}): give a window around it")
    return ends


def _secants(f: Function, derivative: Function, at: float, steps: np.ndarray) -> Secants:
    """Return the tangent and the secants at a point, at which the value and the derivative must be finite."""
    value, slope = (float(np.reshape(each(at), ())) for each in (f, derivative))
    if not np.isfinite([value, slope]).all():
        raise ValueError(
            f"f({at:g}) = {value} with derivative {slope}, and a tangent needs both finite: choose another at"
        )
    with np.errstate(all="ignore"):
        secant_slopes = (sampled(f, at + steps) - value) / steps
    return {"at": at, "value_at": value, "tangent_slope": slope, "secant_slopes": secant_slopes}


def _quotients(f: Function, x: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of a function at points, and its difference quotients there for each step."""
    value = sampled(f, x)
    with np.errstate(all="ignore"):
        return value, np.array([(sampled(f, x + step) - value) / step for step in steps])


def _draw_function(ax: Axes, display: SlopesDisplay) -> None:
    """Draw the function, its tangent and its secants."""
    x, at, value_at = display.x, display.at, display.value_at
    ax.plot(x, _drawable(display.value), label="function", **style.series(0))
    ends = x[[0, -1]]
    for k, (h, slope) in enumerate(zip(display.h, display.secant_slopes, strict=True)):
        # The marker is where the secant meets the curve again.
        through = np.array([ends[0], at + h, ends[1]])
        height = value_at + slope * (through - at)
        label = _typeset(f"h = {h:g}: slope {slope:.4g}")
        ax.plot(through, height, label=label, markevery=[1], **style.additional(k))
    tangent = value_at + display.tangent_slope * (ends - at)
    ax.plot(ends, tangent, label=_typeset(f"tangent: slope {display.tangent_slope:.4g}"), **TANGENT)
    ax.plot(at, value_at, "o", color=TANGENT["color"], markersize=7)
    _fit_height(ax, display.value)
    ax.set_xlim(*ends)


def _draw_slopes(ax: Axes, display: SlopesDisplay) -> None:
    """Draw the derivative and the difference quotients."""
    for k, quotient in enumerate(display.quotients):
        look = style.additional(k)
        label = _typeset(f"h = {display.h[k]:g}")
        ax.plot(display.x, _drawable(quotient), label=label, **(look | {"marker": ""}))
        ax.plot(display.at, display.secant_slopes[k], **look)
    ax.plot(display.x, _drawable(display.derivative), label="derivative", **TANGENT)
    ax.plot(display.at, display.tangent_slope, "o", color=TANGENT["color"], markersize=7)
    _fit_height(ax, display.derivative, *display.quotients)


def _typeset(text: str) -> str:
    """Return a text with the minus sign that matplotlib writes at ticks."""
    return text.replace("-", "−")


def _drawable(numbers: np.ndarray) -> np.ndarray:
    return np.where(np.abs(numbers) <= HUGE, numbers, np.nan)


def _fit_height(ax: Axes, *curves: np.ndarray) -> None:
    """Fit the height of the axes to the finite values of the curves; steep secants may go beyond."""
    heights = np.concatenate([_drawable(curve) for curve in curves])
    heights = heights[np.isfinite(heights)]
    if heights.size:
        low, high = heights.min(), heights.max()
        margin = 0.12 * (high - low) or max(1.0, abs(low))
        ax.set_ylim(low - margin, high + margin)
