"""`WrongGradientDisplay`: a claimed gradient beside differences, and its error by the step of the differences."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.causes.pair import PairDisplay
from steepest.inspection.plots.causes.steps import computed, evenly, measurable
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import HUGE, levels_of
from steepest.printable import printable, quoted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WHAT = "a check of a gradient"
EPS = float(np.finfo(float).eps)
# The steps h, as shares of the size of the coordinate: four for each power of ten.
STEPS = np.geomspace(1e-15, 1e-1, 57)
# The share of the coordinate at which four values give its slope best: eps^(1/5).
SHARE = EPS**0.2
# The most coordinates whose slopes are measured, and the most whose names are written below the axes.
MOST_MEASURED, MOST_NAMED, LETTERS = 40, 10, 9
# A claim is wrong if it differs by more than this share and this many errors of the differences.
WRONG, SURE = 1e-5, 8.0
# The half width of the map around the point, as a share of each coordinate, and its points in each direction.
AROUND, SIZE = 0.3, 30
# The length of the longer arrow as a share of that half width.
REACH = 0.8
# How many neighbouring steps are compared, because a single error may be small by chance.
SMOOTHED = 5


class CheckLike(Protocol):
    """The result of `steepest.check_gradient`."""

    @property
    def verdict(self) -> str:
        """What was found."""

    @property
    def wrong(self) -> tuple[int, ...]:
        """The wrong coordinates."""

    @property
    def slip(self) -> str | None:
        """The mistake that explains them."""


class WrongGradientDisplay(PairDisplay):
    """A claimed gradient beside one from differences, and the error of the claim by the step h of the differences.

    The error of a right gradient falls as h gets smaller, until rounding errors take over: a V, lowest near h = √eps
    for forward differences and near h = eps^(1/3) for central ones, as shares of the coordinate. The error of a wrong
    gradient stays where it is, however small h is.

    Parameters
    ----------
    claimed : array of shape (coordinates,)
        The claimed slope of each coordinate.
    measured : array of shape (coordinates,)
        Its slope by differences.
    error : array of shape (coordinates,)
        The error of these differences, as estimated.
    h : array of shape (steps,)
        The steps at which one coordinate was measured.
    forward, central : array of shape (steps,)
        The slope of this coordinate by forward and by central differences; NaN if h is lost in rounding.
    coordinate : int, optional
        Which coordinate that is.
    scale : float, optional
        The size of this coordinate.
    names : sequence of str
        The names of the coordinates.
    check : GradientCheck, optional
        The result of `steepest.check_gradient`, whose verdict the caption then gives.
    around : (x, values) or (x, y, values), optional
        The function around the point, for one or two coordinates.
    at : array of shape (coordinates,), optional
        The point.
    total : int, optional
        The number of all coordinates, if only some were measured.
    title : str, optional
        The text above the picture.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    axes_ : tuple of matplotlib.axes.Axes
        The left and the right axes; ``ax_`` is the left one.

    Examples
    --------
    >>> display = WrongGradientDisplay.from_function(lambda x, y: x**2 + y**3, lambda x, y: (2 * x, 3 * y), (1, 2))
    >>> display.claimed, display.measured.round(6), display.wrong
    (array([2., 6.]), array([ 2., 12.]), array([False,  True]))
    """

    what = WHAT

    def __init__(
        self,
        claimed: ArrayLike,
        measured: ArrayLike,
        error: ArrayLike,
        h: ArrayLike,
        forward: ArrayLike,
        central: ArrayLike,
        *,
        coordinate: int = 0,
        scale: float = 1.0,
        names: Sequence[str],
        check: CheckLike | None = None,
        around: tuple[np.ndarray, ...] | None = None,
        at: ArrayLike = (),
        total: int | None = None,
        title: str = "",
    ) -> None:
        self.claimed, self.measured = np.asarray(claimed, dtype=float), np.asarray(measured, dtype=float)
        self.error, self.h = np.asarray(error, dtype=float), np.asarray(h, dtype=float)
        self.forward, self.central = np.asarray(forward, dtype=float), np.asarray(central, dtype=float)
        self.coordinate, self.scale, self.names, self.check = coordinate, scale, list(names), check
        self.around, self.at, self.title = around, np.asarray(at, dtype=float), title
        self.total = len(self.claimed) if total is None else total

    @classmethod
    @np.errstate(all="ignore")
    def from_function(
        cls,
        f: Callable[..., Any],
        gradient: Callable[..., Any],
        at: ArrayLike,
        *,
        check: CheckLike | None = None,
        coordinate: int | None = None,
        names: Sequence[str] | None = None,
        title: str = "",
    ) -> WrongGradientDisplay:
        """Measure the slopes of a function and compare a gradient with them.

        Parameters
        ----------
        f : callable
            A function of one point, or of several numbers. It is called at most about 1,200 times.
        gradient : callable
            The supposed gradient, a function of the same arguments.
        at : float or array
            The point.
        check : GradientCheck, optional
            The result of ``steepest.check_gradient(f, gradient, at)``.
        coordinate : int, optional
            The coordinate whose error is drawn by h; by default the one whose claim is farthest off.
        names : sequence of str, optional
            The names of the coordinates; by default those of the parameters of f.
        title : str, optional
            The text above the picture.

        Returns
        -------
        WrongGradientDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If f is not finite at the point, or the gradient has another number of entries than the point.
        """
        shape, x = np.shape(at), np.array(at, dtype=float).ravel()
        parameters = _parameters(f)
        spread = len(shape) == 1 and len(parameters) > 1
        if names is None:
            names = parameters if spread and len(parameters) == x.size else _numbered(parameters, x.size)

        def called(function: Callable[..., Any], point: np.ndarray) -> Any:
            return function(*point) if spread else function(point.reshape(shape)[()])

        claimed = np.ravel(np.asarray(called(gradient, x.copy()), dtype=float))
        return cls._of(
            lambda point: called(f, point), claimed, x, names, check=check, coordinate=coordinate, title=title
        )

    @classmethod
    @np.errstate(all="ignore")
    def from_run(
        cls, run: RunLike, row: int = 0, *, coordinate: int | None = None, check: CheckLike | None = None
    ) -> WrongGradientDisplay:
        """Compare the gradient that a run used with slopes of its function.

        Parameters
        ----------
        run : run or fit
            The run.
        row : int, optional
            The row of the trace at whose point the gradient is checked; by default the start.
        coordinate : int, optional
            The coordinate whose error is drawn by h; by default the one whose claim is farthest off.
        check : GradientCheck, optional
            The result of a check at this point.

        Returns
        -------
        WrongGradientDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the point is not at hand or not finite, or the run was loaded without its function.
        """
        run = measurable(run, WHAT)
        rows = len(run.trace.x)
        if not -rows <= row < rows:
            raise ValueError(f"row={row} is not in the trace, which has {rows:,} rows: give one of them")
        x = np.asarray(run.trace.x, dtype=float)[row]
        if not np.isfinite(x).all():
            raise ValueError(f"{WHAT} needs a finite point and that of row {row} is not: give another row")
        claimed = computed(run.gradient_at, [x], x.size, WHAT)[0]
        return cls._of(
            run.evaluate, claimed, x, run.trace.names, check=check, coordinate=coordinate, title=run.title
        )  # fmt: skip

    @classmethod
    def _of(
        cls, f: Callable[[np.ndarray], Any], claimed: np.ndarray, x: np.ndarray, names: Sequence[str], *,
        check: CheckLike | None, coordinate: int | None, title: str,
    ) -> WrongGradientDisplay:  # fmt: skip
        if claimed.size != x.size:
            raise ValueError(f"the gradient has {claimed.size} entries and the point {x.size}: return one for each")

        def value(points: Sequence[np.ndarray]) -> np.ndarray:
            return computed(f, points, 1, WHAT)[:, 0]

        centre = float(value([x])[0])
        if not np.isfinite(centre):
            raise ValueError(f"the function is {centre} at the point: check where it is finite")
        if coordinate is not None and not -x.size <= coordinate < x.size:
            raise ValueError(f"coordinate={quoted(coordinate)}: the point has {x.size}, counted from 0")
        asked = [] if coordinate is None else [coordinate % x.size]
        named = np.array([*asked, *(() if check is None else check.wrong)][:MOST_MEASURED], dtype=int)
        chosen = np.union1d(evenly(np.arange(x.size), MOST_MEASURED), named)
        scale = np.where(x == 0, 1.0, np.abs(x))
        measured, error = np.array([_slope(value, x, k, SHARE * scale[k], centre) for k in chosen]).T
        off = np.abs(claimed[chosen] - measured)
        size = np.maximum(np.maximum(np.abs(claimed[chosen]), np.abs(measured)), error)
        off = np.where(np.isfinite(claimed[chosen]), off / np.where(size > 0, size, 1.0), np.inf)
        place = int(np.argmax(np.where(np.isnan(off), -1.0, off)))
        if coordinate is not None:
            place = int(np.flatnonzero(chosen == coordinate % x.size)[0])
        elif not _is_wrong(claimed[chosen], measured, error).any():
            place = int(np.argmax(np.abs(measured)))
        k = int(chosen[place])
        steps = STEPS * scale[k]
        up, down = x[k] + steps, x[k] - steps
        above, below = (value(_moved(x, k, ends)) for ends in (up, down))
        forward = np.where(up > x[k], (above - centre) / (up - x[k]), np.nan)
        central = np.where(up > down, (above - below) / (up - down), np.nan)
        around: tuple[np.ndarray, ...] | None = None
        if x.size <= 2:
            alike = scale.max() <= 3 * scale.min()
            half = AROUND * (np.full(x.size, scale.max()) if alike else scale)
            grid = [
                np.linspace(a - b, a + b, SIZE if x.size == 2 else SIZE**2 // 10) for a, b in zip(x, half, strict=True)
            ]
            points = np.stack(np.meshgrid(*grid), axis=-1).reshape(-1, x.size)
            around = (*grid, value(list(points)).reshape([len(each) for each in grid]))
        return cls(
            claimed[chosen], measured, error, steps, forward, central, coordinate=place, scale=float(scale[k]),
            names=[names[k] for k in chosen], check=check, around=around, at=x[chosen], total=x.size, title=title,
        )  # fmt: skip

    @property
    def wrong(self) -> np.ndarray:
        """Whether each claim differs from differences by more than their error."""
        return _is_wrong(self.claimed, self.measured, self.error)

    @property
    def forward_error(self) -> np.ndarray:
        """How far the claim is from forward differences, as a share of the slope, for each h."""
        return self._share(self.forward, self.claimed[self.coordinate])

    @property
    def central_error(self) -> np.ndarray:
        """How far the claim is from central differences, as a share of the slope, for each h."""
        return self._share(self.central, self.claimed[self.coordinate])

    def _share(self, slopes: np.ndarray, target: float) -> np.ndarray:
        size = max(
            abs(each)
            for each in (self.claimed[self.coordinate], self.measured[self.coordinate], 1e-300)
            if each == each
        )
        with np.errstate(all="ignore"):
            return np.abs(slopes - target) / size

    def best_step(self, kind: str = "central") -> float:
        """Return the step with the least error of the differences, by the largest error of neighbouring steps.

        Parameters
        ----------
        kind : {"central", "forward"}, optional
            Which differences.

        Returns
        -------
        float
            The step h, as a share of the coordinate.
        """
        if kind not in ("central", "forward"):
            raise ValueError(f"kind={quoted(kind)}: give 'central' or 'forward'")
        errors = self._share(self.central if kind == "central" else self.forward, self.measured[self.coordinate])
        worst = _windows(errors).max(axis=1)
        # Where several steps give the slope exactly, as on some quadratics, the one in their middle.
        least = np.flatnonzero(worst == worst.min())
        return float(self.h[SMOOTHED // 2 + least[len(least) // 2]] / self.scale)

    @property
    def caption(self) -> str:
        """What to see, with the numbers of the check."""
        number, k, wrong = style.number, self.coordinate, int(np.count_nonzero(self.wrong))
        name = printable(self.names[k], 30)
        measured = f"{len(self.claimed)} claimed slopes"
        if self.total > len(self.claimed):
            measured += f" that were measured, out of {self.total:,},"
        if self.check is not None and self.check.verdict not in ("right", "wrong"):
            verdict = f"The check found: {self.check.verdict}. "
        else:
            verdict = ""
        if not wrong:
            agree = f"All {measured} agree" if len(self.claimed) > 1 else "The claimed slope agrees"
            return f"{verdict}{agree} with differences. {self._valley(name)}"
        slip = f" ({self.check.slip})" if self.check is not None and self.check.slip else ""
        which = f"{wrong:,} of {measured} {'is' if wrong == 1 else 'are'} wrong{slip}"
        if len(self.claimed) == 1:
            which = f"The claimed slope is wrong{slip}"
        claim = f"The slope of {name} is claimed to be {number(self.claimed[k])}"
        claim += f", and differences give {number(self.measured[k])}"
        errors = self.central_error[np.isfinite(self.central_error)]
        if not (self.wrong[k] and errors.size):
            return f"{verdict}{which}. {claim}."
        least = number(100 * errors.min())
        right = _windows(self._share(self.central, self.measured[k])).max(axis=1).min()
        return (
            f"{verdict}{which}. {claim}. No step h brings the error of this claim below {least} %; "
            f"that of a right one would fall to {number(100 * right)} %."
        )

    def _valley(self, name: str) -> str:
        """Return a sentence about the step at which differences are best."""
        both = [self._share(each, self.measured[self.coordinate]) for each in (self.forward, self.central)]
        if min(_windows(each).max(axis=1).min() for each in both) < EPS:
            return f"For {name} some differences are exact, as round numbers and simple formulas allow."
        forward, central = (style.number(self.best_step(kind)) for kind in ("forward", "central"))
        return (
            f"For {name} the error is least near h = {forward} of the coordinate with forward differences, and near "
            f"{central} with central ones: a longer step adds curvature, and a shorter one rounding errors."
        )

    def table(self) -> dict[str, np.ndarray]:
        """Return the slopes.

        Returns
        -------
        dict of str to array
            The claimed and the measured slope of each coordinate, and the error of the measurement.
        """
        names = np.array(self.names, dtype=object)
        return {"coordinate": names, "claimed": self.claimed, "differences": self.measured, "error": self.error}

    def _draw(self, ax: Axes, right: Axes | None = None) -> None:
        if self.around is not None:
            draw = self._draw_tangents if len(self.around) == 2 else self._draw_arrows
            draw(ax, *self.around)
        else:
            self._draw_slopes(ax)
        if right is not None:
            self._draw_errors(right)

    def _draw_tangents(self, ax: Axes, x: np.ndarray, values: np.ndarray) -> None:
        """Draw the function of one number with the lines through its point that have the two slopes."""
        values = np.where(np.abs(values) <= HUGE, values, np.nan)
        centre = values[len(x) // 2] if len(x) % 2 else np.interp(self.at[0], x, values)
        ax.plot(x, values, label="function", **style.series(0))
        ends = self.at[0] + np.array([-1, 1]) * np.ptp(x) / 2
        looks = ((style.GREEN, "-", "differences", self.measured), (style.ORANGE, "--", "claimed", self.claimed))
        for colour, line, name, slope in looks:
            if np.isfinite(slope[0]):
                height = centre + slope[0] * (ends - self.at[0])
                ax.plot(
                    ends, height, line, color=colour, linewidth=1.8, label=f"{name}: slope {style.number(slope[0])}"
                )
        ax.plot(self.at[0], centre, "o", markersize=6, color=style.GREY, zorder=4)
        ax.set_xlim(x[0], x[-1])
        style.label(ax, title=self.title, x=self.names[0], y="value", legend=3)

    def _draw_arrows(self, ax: Axes, x: np.ndarray, y: np.ndarray, values: np.ndarray) -> None:
        """Draw both gradients as arrows from the point; a right one crosses the lines of equal value squarely."""
        half = np.array([np.ptp(x), np.ptp(y)]) / 2
        finite = np.where(np.isfinite(values), np.clip(values, -HUGE, HUGE), np.nan)
        height = finite - np.nanmin(np.append(finite, HUGE))
        levels = levels_of(height)
        if levels.size:
            ax.contour(x, y, np.ma.masked_invalid(height), levels, colors=style.GREY, linewidths=0.7, alpha=0.7)
        both = np.array([self.measured, self.claimed])
        finite_both = np.where(np.isfinite(both), both, 0.0)
        # The longest arrow that stays within the map, in both directions.
        with np.errstate(divide="ignore"):
            factor = REACH * np.min(half / np.abs(finite_both).max(axis=0))
        looks = ((style.BLUE, "differences"), (style.ORANGE, "claimed"))
        for (colour, name), slope, thick in zip(looks, finite_both, (14.0, 4.0), strict=True):
            ax.quiver(
                *self.at, *(factor * slope if np.isfinite(factor) else slope), color=colour, angles="xy",
                scale_units="xy", scale=1, width=0.002 * thick, zorder=3, label=name,
            )  # fmt: skip
        ax.plot(*self.at, "o", markersize=5, color=style.GREY, zorder=4)
        ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
        if 1 / 3 <= half[0] / half[1] <= 3:
            ax.set_aspect("equal")
        style.label(ax, title=self.title, x=self.names[0], y=self.names[1], legend=2)

    def _draw_slopes(self, ax: Axes) -> None:
        """Draw the claimed and the measured slope of each coordinate, joined by a line."""
        place, wrong = np.arange(len(self.claimed)), self.wrong
        sizes = np.abs(np.concatenate([self.claimed, self.measured]))
        sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
        if sizes.size and sizes.max() > 100 * sizes.min():
            ax.set_yscale("symlog", linthresh=max(float(np.quantile(sizes, 0.1)), 1e-12 * sizes.max()))
        ax.axhline(0, color=style.GREY, linewidth=0.8, linestyle=":")
        claimed, measured = (np.where(np.abs(each) <= HUGE, each, np.nan) for each in (self.claimed, self.measured))
        ax.vlines(place[wrong], claimed[wrong], measured[wrong], color=style.ORANGE, linewidth=1.4)
        ax.plot(place, measured, "o", markersize=6, color=style.BLUE, label="differences")
        mark: style.Look = {"markersize": 11, "fillstyle": "none", "markeredgewidth": 1.6, "linestyle": "none"}
        for chosen, colour, name in ((~wrong, style.GREEN, "claimed"), (wrong, style.ORANGE, "claimed, wrong")):
            if chosen.any():
                ax.plot(place[chosen], claimed[chosen], "s", color=colour, label=name, **mark)
        if len(place) <= MOST_NAMED:
            ax.set_xticks(place, [printable(name, LETTERS) for name in self.names], parse_math=False)
        else:
            ax.locator_params(axis="x", integer=True)
        ax.set_xlim(-0.6, len(place) - 0.4)
        style.label(ax, title=self.title, x="coordinate", y="slope", legend=3)

    def _draw_errors(self, ax: Axes) -> None:
        """Draw the error of the claim by h, and if it is wrong, that of a right one."""
        k, share = self.coordinate, self.h / self.scale
        ax.set(xscale="log", yscale="log")
        for h, name in ((EPS**0.5, "√eps"), (EPS ** (1 / 3), "eps^⅓")):
            ax.axvline(h, color=style.GREY, linewidth=0.8, linestyle=":")
            ax.text(
                h, 0.02, f" {name}", transform=ax.get_xaxis_transform(), fontsize=9, color=ax.xaxis.label.get_color()
            )
        colour = style.ORANGE if self.wrong[k] else style.BLUE
        least = EPS / 10
        if self.wrong[k]:
            for slopes, line, name in ((self.forward, "--", "forward"), (self.central, "-", "central")):
                error = np.maximum(self._share(slopes, self.measured[k]), least)
                ax.plot(share, error, line, color=style.BLUE, linewidth=1.2, label=f"right, {name}")
        for error, line, name in ((self.forward_error, "--", "forward"), (self.central_error, "-", "central")):
            ax.plot(share, np.maximum(error, least), line, color=colour, linewidth=1.8, label=f"claimed, {name}")
        ax.set_xlim(share[0], share[-1])
        name = printable(self.names[k], 20)
        style.label(ax, x=f"step h, as a share of {name}", y=f"error of the slope of {name}", legend=4)


def _windows(errors: np.ndarray) -> np.ndarray:
    """Return the errors of neighbouring steps in rows; an error that is not known counts as infinite."""
    return np.lib.stride_tricks.sliding_window_view(np.where(np.isnan(errors), np.inf, errors), SMOOTHED)


def _slope(
    value: Callable[[Sequence[np.ndarray]], np.ndarray], x: np.ndarray, k: int, h: float, centre: float
) -> tuple[float, float]:  # fmt: skip
    """Return the slope of a coordinate by four values, and its error as estimated."""
    f = value(_moved(x, k, x[k] + h * np.array([-2, -1, 1, 2])))
    near, far = (f[2] - f[1]) / (2 * h), (f[3] - f[0]) / (4 * h)
    slope = (4 * near - far) / 3
    # The extrapolation removes the error of `near`; what remains is smaller by about h², but a kink keeps it all.
    return slope, abs(slope - near) * 1e-2 + 4 * EPS * max(np.abs(f).max(), abs(centre)) / h


def _moved(x: np.ndarray, k: int, ends: np.ndarray) -> list[np.ndarray]:
    """Return copies of a point with one coordinate set to each of some numbers."""
    points = np.tile(x, (len(ends), 1))
    points[:, k] = ends
    return list(points)


def _is_wrong(claimed: np.ndarray, measured: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Tell which claims differ from differences by more than their error; a claim that is not finite is wrong."""
    size = np.maximum(np.abs(claimed), np.abs(measured))
    off = np.abs(claimed - measured) > SURE * error + WRONG * size
    return np.where(np.isfinite(claimed), off & np.isfinite(measured), True)


def _parameters(f: Callable[..., Any]) -> list[str]:
    """Return the names of the required parameters of a function; none if they can't be read."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [each.name for each in parameters if each.kind in kinds and each.default is inspect.Parameter.empty]


def _numbered(parameters: Sequence[str], size: int) -> list[str]:
    name = parameters[0] if parameters else "x"
    return [name] if size == 1 else [f"{name}[{k}]" for k in range(size)]
