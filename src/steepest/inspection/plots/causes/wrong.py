"""`WrongGradientDisplay`: a claimed gradient beside differences, and its error by the step of the differences."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.causes.pair import PairDisplay
from steepest.inspection.plots.causes.probe import EPS, RIGHT, SURE, WHAT, Probe, is_wrong, moved
from steepest.inspection.plots.causes.steps import computed, measurable
from steepest.inspection.plots.function.contour import ContourDisplay
from steepest.inspection.plots.function.heights import draw_heights
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import HUGE
from steepest.printable import printable, quoted
from steepest.trace import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The steps h, as shares of the size of the coordinate: four for each power of ten.
STEPS = np.geomspace(1e-15, 1e-1, 57)
# The most coordinates whose names are written below the axes, and the letters of a name.
MOST_NAMED, LETTERS = 10, 9
# The half width of the map around the point, as a share of each coordinate, and its points in each direction.
AROUND, SIZE = 0.3, 30
# The length of the longer arrow as a share of that half width.
REACH = 0.8
# The error has a clear minimum if at the longest steps it is this many times as large. Chosen, not measured.
CLEAR = 100.0
# How many neighbouring steps are compared, because a single error may be small by chance.
SMOOTHED = 5


class CheckLike(Protocol):
    """The result of `steepest.check_gradient`."""

    @property
    def verdict(self) -> str:
        """A sentence that says whether the claims agree with differences."""

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
    place : str, optional
        Where the point is, as in "at the start", for the caption.
    blamed : bool, optional
        Whether the gradient was found to be wrong already, by the run or by a check.

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
        place: str = "",
        blamed: bool = False,
    ) -> None:
        self.claimed, self.measured = np.asarray(claimed, dtype=float), np.asarray(measured, dtype=float)
        self.error, self.h = np.asarray(error, dtype=float), np.asarray(h, dtype=float)
        self.forward, self.central = np.asarray(forward, dtype=float), np.asarray(central, dtype=float)
        self.coordinate, self.scale, self.names, self.check = coordinate, scale, list(names), check
        self.around, self.at, self.title = around, np.asarray(at, dtype=float), title
        self.total = len(self.claimed) if total is None else total
        self.place, self.blamed = place, blamed or (check is not None and check.verdict == "wrong")

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
        probe = Probe(lambda point: called(f, point), x, claimed, () if check is None else check.wrong, coordinate)
        return cls._of(probe, names, check=check, title=title)

    @classmethod
    @np.errstate(all="ignore")
    def from_run(
        cls, run: RunLike, row: int | None = None, *, coordinate: int | None = None, check: CheckLike | None = None
    ) -> WrongGradientDisplay:
        """Compare the gradient that a run used with slopes of its function.

        Parameters
        ----------
        run : run or fit
            The run.
        row : int, optional
            The row of the trace at whose point the gradient is checked. By default the start, unless the gradient is
            wrong at the best point only: the check of a run looks at both.
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
        if row is not None and not -rows <= row < rows:
            raise ValueError(f"row={row} is not in the trace, which has {rows:,} rows: give one of them")
        points = np.asarray(run.trace.x, dtype=float)
        best = _best(run)
        # A check that is given was made at one point, which the caller knows; it is the start unless a row says so.
        tried = {0: 0, best: best} if row is None and check is None else {row or 0: (row or 0) % rows}
        if not any(np.isfinite(points[each]).all() for each in tried.values()):
            raise ValueError(f"{WHAT} needs a finite point and that of row {row or 0} is not: give another row")
        found, refused = [], None
        for each in tried.values():
            if not np.isfinite(points[each]).all():
                continue
            claimed = computed(run.gradient_at, [points[each]], points.shape[1], WHAT)[0]
            try:
                probe = Probe(run.evaluate, points[each], claimed, () if check is None else check.wrong, coordinate)
            except ValueError as error:
                refused = error
                continue
            found.append((each, probe))
            if probe.wrong.any():
                break
        if not found:
            raise refused or ValueError(f"{WHAT} needs a finite point and the run has none: read run.message")
        chosen = found[-1] if found[-1][1].wrong.any() else found[0]
        place = {best: "at the best point", 0: "at the start"}.get(chosen[0], f"at row {chosen[0]:,}")
        blamed = str(run.outcome) == Outcome.WRONG_GRADIENT
        return cls._of(chosen[1], run.trace.names, check=check, title=run.title, place=place, blamed=blamed)

    @classmethod
    def _of(
        cls, probe: Probe, names: Sequence[str], *, check: CheckLike | None, title: str, place: str = "",
        blamed: bool = False,
    ) -> WrongGradientDisplay:  # fmt: skip
        x, scale, k = probe.x, probe.scale, int(probe.chosen[probe.place])
        steps = STEPS * scale[k]
        up, down = x[k] + steps, x[k] - steps
        above, below = (probe.value(moved(x, k, ends)) for ends in (up, down))
        forward = np.where(up > x[k], (above - probe.centre) / (up - x[k]), np.nan)
        central = np.where(up > down, (above - below) / (up - down), np.nan)
        around: tuple[np.ndarray, ...] | None = None
        if x.size <= 2:
            # One scale for both coordinates: only then do gradients cross the lines of equal value at right angles.
            half = AROUND * (np.abs(x).max() or 1.0)
            count = SIZE if x.size == 2 else SIZE**2 // 10
            grid = [np.linspace(each - half, each + half, count) for each in x]
            points = np.stack(np.meshgrid(*grid), axis=-1).reshape(-1, x.size)
            around = (*grid, probe.value(list(points)).reshape([len(each) for each in grid]))
        return cls(
            probe.claimed[probe.chosen], probe.measured, probe.error, steps, forward, central, coordinate=probe.place,
            scale=float(scale[k]), names=[names[k] for k in probe.chosen], check=check, around=around,
            at=x[probe.chosen], total=x.size, title=title, place=place, blamed=blamed,
        )  # fmt: skip

    @property
    def wrong(self) -> np.ndarray:
        """Whether each claim differs from differences by more than their error."""
        return is_wrong(self.claimed, self.measured, self.error)

    @property
    def forward_error(self) -> np.ndarray:
        """How far the claim is from forward differences, as a share of the slope, for each h."""
        return self._share(self.forward, self.claimed[self.coordinate])

    @property
    def central_error(self) -> np.ndarray:
        """How far the claim is from central differences, as a share of the slope, for each h."""
        return self._share(self.central, self.claimed[self.coordinate])

    def _share(self, slopes: np.ndarray, target: float) -> np.ndarray:
        k = self.coordinate
        known = (self.measured[k],) if self._is_resolved else (self.claimed[k], self.measured[k])
        size = max(abs(each) for each in (*known, 1e-300) if each == each)
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
        # On some quadratics several steps give the slope exactly: take the middle one.
        least = np.flatnonzero(worst == worst.min())
        return float(self.h[SMOOTHED // 2 + least[len(least) // 2]] / self.scale)

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the check."""
        number, k, wrong = style.number, self.coordinate, int(np.count_nonzero(self.wrong))
        name = printable(self.names[k], 30)
        measured = f"{len(self.claimed)} claimed slopes"
        if self.total > len(self.claimed):
            measured += f" that were measured, out of {self.total:,},"
        if self.check is not None and self.check.verdict not in ("right", "wrong"):
            verdict = f"The check found: {self.check.verdict}. "
        else:
            verdict = ""
        where = f"{self.place[:1].upper()}{self.place[1:]}, " if self.place else ""
        if not wrong and self.blamed:
            return f"{verdict}{self._unseen(where)}"
        if not wrong:
            return f"{verdict}{_sentence(where + self._agreement(measured))}. {self._valley(name)}"
        slip = f" ({self.check.slip})" if self.check is not None and self.check.slip else ""
        which = f"{where}{wrong:,} of {measured} {'is' if wrong == 1 else 'are'} wrong{slip}"
        if len(self.claimed) == 1:
            which = _sentence(f"{where}the claimed slope is wrong{slip}")
        claimed, slope = _apart(self.claimed[k], self.measured[k])
        claim = f"The slope of {name} is claimed to be {claimed}, and differences give {slope}"
        if not (self.wrong[k] and np.isfinite(self.claimed[k]) and self._is_resolved):
            return f"{verdict}{which}. {claim}."
        off = abs(self.claimed[k] - self.measured[k]) / abs(self.measured[k])
        right = _windows(self._share(self.central, self.measured[k])).max(axis=1).min()
        return (
            f"{verdict}{which}. {claim}: the claim is off by {number(100 * off)} %, and shorter steps h do not "
            f"change that. The error of a right claim would fall to {number(100 * right)} %."
        )

    @property
    def _is_resolved(self) -> bool:
        """Whether the slope of the drawn coordinate stands out from the error of differences."""
        k = self.coordinate
        return bool(abs(self.measured[k]) > SURE * self.error[k])

    @property
    def _room(self) -> tuple[np.ndarray, np.ndarray]:
        """How far off each claim may be without being called wrong, and the size of the slope."""
        size = np.maximum(np.abs(self.claimed), np.abs(self.measured))
        return SURE * self.error + RIGHT * size, size

    def _agreement(self, measured: str) -> str:
        """Return how many of the claims agree with differences, none of which is wrong."""
        room, size = self._room
        known, one = (room < size) | (size == 0), len(self.claimed) == 1
        if known.all():
            return "the claimed slope agrees with differences" if one else f"all {measured} agree with differences"
        if not known.any():
            return f"differences can't judge the claimed slope{'' if one else 's'}: their error is larger"
        return f"{np.count_nonzero(known):,} of {measured} agree with differences, whose error hides the rest"

    def _unseen(self, where: str) -> str:
        """Return what differences can tell of a gradient that is known to be wrong, but not at this point."""
        room, size = self._room
        known = room < size
        found = f"The gradient was found to be wrong, but {where[:1].lower()}{where[1:]}differences do not show it."
        if not known.any():
            return f"{found} Their error is larger than these slopes, so they tell nothing here."
        worst = style.number(100 * float((room[known] / size[known]).max()))
        some = "" if known.all() else f", for {np.count_nonzero(known):,} of {len(known):,} slopes"
        return f"{found} They resolve errors above {worst} %{some}."

    def _valley(self, name: str) -> str:
        """Return a sentence about the step at which differences are best."""
        if not self._is_resolved:
            return f"The slope of {name} is too small for differences to show how their error depends on the step."
        slopes = {"forward": self.forward, "central": self.central}
        errors = {kind: _windows(self._share(each, self.measured[self.coordinate])) for kind, each in slopes.items()}
        worst = {kind: each.max(axis=1) for kind, each in errors.items()}
        if min(each.min() for each in worst.values()) < EPS:
            return f"For {name} some differences are exact, as round numbers and simple formulas allow."
        # Without curvature forward differences have no error but rounding, and without a third derivative central ones:
        # the least error is then that of chance.
        clear = {kind: each[-1] > CLEAR * each.min() for kind, each in worst.items()}
        ends = {"forward": "curvature", "central": "the third derivative"}
        parts = [
            f"with {kind} differences near h = {style.number(self.best_step(kind))} of the coordinate, "
            f"as a longer step adds {ends[kind]}"
            for kind in slopes
            if clear[kind]
        ]
        plain = " and ".join(kind for kind in slopes if not clear[kind])
        found = f"For {name} the error is least {', and '.join(parts)}; a shorter step adds rounding errors." * bool(
            parts
        )
        if not plain:
            return found
        rest = f"{plain.capitalize()} differences of {name} show rounding errors only, which longer steps make smaller."
        return f"{found} {rest}".strip()

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
        ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
        map_ = ContourDisplay(x, y, values, None)
        map_.is_labelled = False  # the arrows would cover the values
        draw_heights(ax, map_)
        both = np.array([self.measured, self.claimed])
        finite_both = np.where(np.isfinite(both), both, 0.0)
        # The longest arrow that stays within the map, in both directions.
        with np.errstate(divide="ignore"):
            factor = REACH * np.min(half / np.abs(finite_both).max(axis=0))
        looks = ((style.PAPER, style.INK, "differences"), (style.ORANGE, style.PAPER, "claimed"))
        for (colour, edge, name), slope, thick in zip(looks, finite_both, (14.0, 5.0), strict=True):
            ax.quiver(
                *self.at, *(factor * slope if np.isfinite(factor) else slope), color=colour, edgecolor=edge,
                linewidth=0.9, angles="xy", scale_units="xy", scale=1, width=0.002 * thick, zorder=3, label=name,
            )  # fmt: skip
        ax.plot(*self.at, "o", markersize=6, color=style.INK, markeredgecolor=style.PAPER, zorder=4)
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


def _best(run: RunLike) -> int:
    """Return the row of the best finite value of a run; 0 if it has none."""
    value = np.asarray(run.trace.value, dtype=float) * (-1 if run.maximized else 1)
    value = np.where(np.isfinite(value), value, np.inf)
    return int(np.argmin(value)) if np.isfinite(value).any() else 0


def _apart(a: float, b: float) -> tuple[str, str]:
    """Return two numbers as texts, with more digits than usual if they would look the same."""
    texts = style.number(a), style.number(b)
    for digits in range(5, 16):
        if texts[0] != texts[1] or a == b:
            break
        texts = f"{a:,.{digits}g}".replace("-", "−"), f"{b:,.{digits}g}".replace("-", "−")
    return texts


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


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
