"""`DivergenceDisplay`: the function along the line of one step, where the step landed and where it should have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.causes.pair import PairDisplay
from steepest.inspection.plots.causes.steps import (
    Steps,
    computed,
    evenly,
    finite_steps,
    measurable,
    products_of,
    sign_of,
    slopes_of,
    steps_at,
)
from steepest.inspection.protocol import DescentLike, RunLike
from steepest.inspection.window import BLOWN_UP, HUGE
from steepest.trace import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WHAT = "the cut along a step"
# The line is drawn from a little behind the start to a little beyond the step and its ceiling, but at most so many
# times as far as the step. Chosen by eye.
BEHIND, BEYOND, FARTHEST = 0.12, 1.15, 6.0
# If the exact search would have made less than this share of the step, a second picture shows its surroundings.
TINY = 0.12
# A value below this share of that at the start is written as 0.
ROUNDING = 1e-14
# The evaluations of the function along the line, for each of the two pictures, and those that find its lowest point.
SIZE, SEARCHED = 160, 40


class Landing(NamedTuple):
    """A point of a line: the step size that leads there, and the value."""

    t: float
    value: float


class DivergenceDisplay(PairDisplay):
    """The function along the line of one step: where the step landed, and where the exact search would have landed.

    Along the line the function is f(x + t d), with the slope f′ = g · d and the curvature f″ = dᵀH d at the start. The
    quadratic model f + f′ t + f″ t² / 2 is lowest at t = -f′/f″, and at twice this t it is as high as at the start.
    This is the ceiling of the line by the model: on a quadratic function a longer step ends higher than it began.

    Parameters
    ----------
    t : array of shape (points,)
        The step sizes at which the function was evaluated.
    value : array of shape (points,)
        The values there, NaN if there is none.
    slope, curvature : float
        f′ and f″ at the start, t = 0.
    start : float
        The value at the start.
    landed : (t, value)
        The step size that was taken, and the value where it landed.
    exact : (t, value)
        The step size of an exact line search, and the value there; NaN if the line has no such point.
    at : int, optional
        The iteration or epoch at which the step begins.
    counted : str, optional
        The unit of `at`: "iteration" or "epoch".
    unit : str, optional
        What t is: "step size", or "share of the step" if the step size is not known.
    maximized : bool, optional
        Whether the best value is the largest.
    title : str, optional
        The text above the picture.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    axes_ : tuple of matplotlib.axes.Axes
        The axes; ``ax_`` is the first. A second shows the surroundings of the exact step if the step was far longer.

    Examples
    --------
    >>> import steepest as st
    >>> run = st.gradient_descent(lambda x: 5 * x**2, 1.0, learning_rate=0.25, iterations=9)
    >>> display = DivergenceDisplay.from_run(run)
    >>> [round(each, 9) for each in (display.exact.t, display.ceiling, *display.landed)]
    [0.1, 0.2, 0.25, 11.25]
    """

    what = WHAT

    def __init__(
        self,
        t: ArrayLike,
        value: ArrayLike,
        *,
        slope: float,
        curvature: float,
        start: float,
        landed: tuple[float, float],
        exact: tuple[float, float] = (np.nan, np.nan),
        at: int = 0,
        counted: str = "iteration",
        unit: str = "step size",
        maximized: bool = False,
        title: str = "",
    ) -> None:
        self.t, self.value = np.asarray(t, dtype=float), np.asarray(value, dtype=float)
        self.slope, self.curvature, self.start = slope, curvature, start
        self.landed, self.exact = Landing(*landed), Landing(*exact)
        self.at, self.counted, self.unit, self.maximized, self.title = at, counted, unit, maximized, title

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: RunLike, iteration: int | None = None) -> DivergenceDisplay:
        """Evaluate the function along the line of a step.

        Parameters
        ----------
        run : run or fit
            The run. The function is evaluated at most 360 times along the line.
        iteration : int, optional
            The iteration (for a fit: the epoch) at which the step begins. By default the one that left the best point
            if the run diverged, and the one that met a value that is not finite if the run ended so, else the one that
            rose most; if no step rose, the one that went farthest beyond the exact search, out of 60.

        Returns
        -------
        DivergenceDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If there is no such step, it is not known which one met a value that is not finite, the points are not at
            hand, or the run was loaded without its function.
        """
        run, sign = measurable(run, WHAT), sign_of(run)
        rows = finite_steps(run, WHAT)
        rows = rows[np.isfinite(np.asarray(run.trace.value, dtype=float)[rows])]
        lost = _trial(run) if iteration is None else None
        if not rows.size:
            raise ValueError(
                f"{WHAT} needs a step from a point with a finite value and the run has none: read run.message"
            )
        row = _chosen(run, rows) if iteration is None else _given(run, rows, iteration)
        step = steps_at(run, np.array([row]), len(rows)) if lost is None else lost
        slope = float((slopes_of(run, step, WHAT) @ step.move[0])[0])
        bend = float((products_of(run, step, WHAT) @ step.move[0])[0])
        best = -slope / bend if bend > 0 and slope < 0 else np.nan
        known = step.spans == 1 and step.size[0] > 0
        whole = np.float64(step.size[0]) if known else np.float64(1.0)
        if not _is_held(slope, slope / whole) or not _is_held(bend, bend / whole / whole):
            # So far from 1, a step size has derivatives that no number holds; a share of the step has.
            known, whole = False, np.float64(1.0)
        per_t = bend / whole / whole

        def along(share: np.ndarray) -> np.ndarray:
            points = step.x[0] + np.multiply.outer(share, step.move[0])
            return sign * computed(run.evaluate, list(points), 1, WHAT)[:, 0]

        share = _grid(best)
        value = along(share)
        exact = _lowest(along, share, value)
        return cls(
            share * whole, sign * value, slope=float(sign * slope / whole), curvature=sign * float(per_t),
            start=float(sign * step.value[0]), landed=(float(whole), float(sign * step.landed[0])),
            exact=(float(exact[0] * whole), sign * exact[1]), at=int(step.at[0]), counted=step.counted,
            unit="step size" if known else "share of the step", maximized=run.maximized, title=run.title,
        )  # fmt: skip

    @property
    def model(self) -> np.ndarray:
        """The quadratic model at each step size."""
        with np.errstate(all="ignore"):
            return self.start + self.slope * self.t + self.curvature * self.t**2 / 2

    @property
    def ceiling(self) -> float:
        """The step size at which the model is as high as at the start; NaN if it has none."""
        with np.errstate(all="ignore"):
            t = float(np.divide(-2 * self.slope, self.curvature)) if self.curvature else np.nan
        return t if 0 < t < np.inf and self._sign * self.curvature > 0 else np.nan

    @property
    def _sign(self) -> float:
        return -1.0 if self.maximized else 1.0

    @property
    def is_zoomed(self) -> bool:
        """Whether a second picture shows the surroundings of the exact step."""
        return bool(self.exact.t < TINY * self.landed.t)

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the step."""
        number, worse = style.number, "lower" if self.maximized else "higher"
        found = f"The step from {self.counted} {self.at:,} began at {number(self.start)}"
        end = self._sign * self.landed.value
        if not np.isfinite(end):
            found += " and landed where the value is not finite."
        else:
            better = "higher" if self.maximized else "lower"
            rise = end - self._sign * self.start
            compared = f"which is {worse if rise > 0 else better}" if rise else "which is the same"
            found += f" and landed at {number(self.landed.value)}, {compared}."
        if not self._sign * self.slope < 0:
            way = "downhill" if self.maximized else "uphill"
            if not self.slope or np.isnan(self.slope):
                known = "has no slope" if self.slope == 0 else "has no known slope"
                return f"{found} Along its line the function {known} at the start."
            return f"{found} Its direction leads {way} from the start, as those of momentum and of batches can."
        if np.isfinite(self.ceiling):
            share = self.landed.t / self.ceiling
            ceiling = f"the ceiling of its line is {self._named(self.ceiling)}"
            found += f" By the quadratic model, {ceiling}, and the step was {number(share)} times as long."
            rose = not np.isfinite(end) or end > self._sign * self.start
            if rose != (share > 1) and end != self._sign * self.start and not 0.99 < share < 1.01:
                found += " The function does not follow the model so far."
        else:
            found += " The line does not curve towards a best point at the start."
        if np.isfinite(self.exact.t):
            value = 0.0 if abs(self.exact.value) < ROUNDING * abs(self.start) else self.exact.value
            best = f"{self._named(self.exact.t)}, with {number(value)}"
            return f"{found} The exact search would have stopped at {best}."
        return f"{found} Along the line no best point was found."

    def _named(self, t: float) -> str:
        return f"{'t = ' if self.unit == 'step size' else ''}{style.number(t)}" + " of the step" * (
            self.unit != "step size"
        )

    def table(self) -> dict[str, np.ndarray]:
        """Return the values along the line.

        Returns
        -------
        dict of str to array
            The step sizes, the values and the quadratic model.
        """
        return {self.unit: self.t, "value": self.value, "quadratic model": self.model}

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, ...]:
        """Make a figure with the axes of this picture.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes: one, or two side by side.
        """
        return super().room(make) if self.is_zoomed else (style.dress(make().add_subplot()),)

    def _given(self, ax: Axes | Sequence[Axes]) -> tuple[Axes, ...]:
        return super()._given(ax) if self.is_zoomed else (style.only(ax),)

    def _draw(self, ax: Axes, zoom: Axes | None = None) -> None:
        ends = self.t[0], self.t[-1]
        if zoom is not None:
            near = 2 * self.exact.t
            self._draw_line(zoom, -BEHIND * near, BEYOND * near, [self.start, self.exact.value])
            style.label(zoom, title="near the start", x=self.unit)
        value = "value" if self._drawn_unit == 1 else f"value / {self._drawn_unit:.0e}"
        self._draw_line(ax, *ends, [self.start, self.landed.value, self.exact.value])
        style.label(ax, title=self.title, x=self.unit, y=value, legend=3)

    @property
    def _drawn_unit(self) -> float:
        """The divisor of the drawn values; not 1 beyond HUGE, where the margins of matplotlib overflow."""
        return float(10.0 ** np.floor(np.log10(abs(self.start)))) if HUGE < abs(self.start) < np.inf else 1.0

    def _draw_line(self, ax: Axes, low: float, high: float, heights: list[float]) -> None:
        """Draw the line between two step sizes; all the `heights` are in the picture."""
        shown = (self.t >= low) & (self.t <= high)
        t = self.t[shown]
        unit = self._drawn_unit
        start, exact, landed = self.start / unit, self.exact.value / unit, self.landed.value / unit
        drawn = self.value / unit, self.model / unit
        value, model = (np.where(np.abs(each) <= HUGE, each, np.nan)[shown] for each in drawn)
        tall = np.array([each / unit for each in heights if abs(each / unit) <= HUGE])
        inside = value[np.isfinite(value) & (t >= 0)]
        deepest = inside if not inside.size else (inside.max() if self.maximized else inside.min())
        ends = np.append(tall, deepest)
        margin = 0.12 * np.ptp(ends) or max(1.0, abs(ends[0]))
        floor, top = ends.min() - margin, ends.max() + margin
        ax.set(xlim=(low, high), ylim=(floor, top))
        ax.locator_params(axis="x", nbins=5)
        ax.axhline(start, color=style.GREY, linewidth=0.8, linestyle=":")
        ax.plot(t, value, label="function", **style.series(0))
        model_look = style.series(3) | {"linestyle": "--", "marker": ""}
        ax.plot(t, model, label="quadratic model", **model_look)
        if low <= self.ceiling <= high:
            ax.axvline(self.ceiling, color=style.GREY, linewidth=1.2, linestyle="-.", label="ceiling of the model")
        mark: style.Look = {"linestyle": "none", "zorder": 4, "clip_on": False}
        ax.plot(0, start, "s", markersize=11, fillstyle="none", markeredgewidth=1.8, color=style.BLUE,
                label="start", zorder=4)  # fmt: skip
        if np.isfinite(self.exact.t):
            ax.plot(self.exact.t, exact, "D", markersize=8, color=style.GREEN, label="exact search", **mark)
        if low <= self.landed.t <= high:
            best = floor if self.maximized else top
            end = landed if abs(landed) <= HUGE else best
            jump: style.Look = {"arrowstyle": "->", "color": style.ORANGE, "shrinkA": 9, "shrinkB": 7}
            place: style.Look = {"xy": (self.landed.t, end), "xytext": (0, start), "annotation_clip": False}
            # A bent arrow would leave the axes where the step ends at their edge.
            ax.annotate("", **place, arrowprops=jump)
            label = "landed" if np.isfinite(self.landed.value) else "landed: not finite"
            ax.plot(self.landed.t, end, "^", markersize=10, color=style.ORANGE, label=label, **mark)


def _is_held(whole: float, part: np.float64) -> bool:
    """Return whether a number is still one after a division, neither infinite nor 0."""
    return not np.isfinite(whole) or (bool(np.isfinite(part)) and bool(part) == bool(whole))


def _trial(run: DescentLike) -> Steps | None:
    """Return the step to a value that is not finite, with which a run ended; None if the trace has it.

    Raises
    ------
    ValueError
        If the run ended so and the step is not known: that of another rule than plain descent by one step size.
    """
    value = np.asarray(run.trace.value, dtype=float)
    if str(run.outcome) != Outcome.NON_FINITE or not np.isfinite(value).all():
        return None
    last = steps_at(run, np.array([len(value) - 2]), len(value) - 1)
    sizes = np.asarray(run.trace.columns.get("step_size", [np.nan]), dtype=float)[1:]
    start = replace(
        last, row=last.row + 1, at=np.asarray(run.trace.columns.get(last.counted, np.arange(len(value))))[-1:],
        x=np.asarray(run.trace.x, dtype=float)[-1:], value=last.landed,
    )  # fmt: skip
    plain = run.direction.get("name") == "Plain" and last.spans == 1 and sizes.size and np.ptp(sizes) == 0
    if plain:
        move = -sizes[-1] * slopes_of(run, start, WHAT)
        landed = computed(run.evaluate, list(start.x + move), 1, WHAT)[0]
        if np.isfinite(move).all() and not np.isfinite(landed).all():
            return replace(start, move=move, landed=sign_of(run) * landed)
    raise ValueError(
        f"{WHAT} needs the step that met a value that is not finite and the trace lacks it: give iteration=, or "
        "use DescentDisplay.from_run(run)"
    )


def _chosen(run: DescentLike, rows: np.ndarray) -> int:
    """Return the row at which the step begins that shows best why the run overshot."""
    sign, value = sign_of(run), np.asarray(run.trace.value, dtype=float)
    value = np.where(np.isfinite(value), sign * value, np.inf)
    met = rows[~np.isfinite(value[rows + 1])]
    if str(run.outcome) == Outcome.NON_FINITE and met.size:
        return int(met[0])
    if run.outcome in BLOWN_UP or value[-1] > value[0]:
        best = rows[rows <= int(np.argmin(value))]
        return int(best[-1] if best.size else rows[0])
    rise = value[rows + 1] - value[rows]
    if rise.max() > 0:
        return int(rows[np.argmax(rise)])
    some = steps_at(run, evenly(rows), len(rows))
    fall = -np.sum(slopes_of(run, some, WHAT) * some.move, axis=1)
    bend = np.sum(products_of(run, some, WHAT) * some.move, axis=1)
    beyond = np.where((fall > 0) & np.isfinite(bend) & _is_clear(some), bend / fall, -np.inf)
    return int(some.row[np.argmax(beyond)])


def _is_clear(steps: Steps) -> np.ndarray:
    """Return which steps change the value by far more than rounding errors."""
    return np.abs(steps.value - steps.landed) > 1e-9 * np.abs(steps.value)


def _given(run: DescentLike, rows: np.ndarray, iteration: int) -> int:
    """Return the row of a user's iteration or epoch."""
    steps = steps_at(run, rows, len(rows))
    found = rows[steps.at == iteration]
    if not found.size:
        raise ValueError(
            f"iteration={iteration} begins no step between finite points: give one from {steps.at[0]:,} to "
            f"{steps.at[-1]:,}" + " that the trace has" * (run.trace.stride > 1)
        )
    return int(found[0])


def _grid(best: float) -> np.ndarray:
    """Return the shares of the step at which to evaluate the function; `best` is the share that the model finds."""
    far = float(np.clip(2 * best, 1.0, FARTHEST)) if np.isfinite(best) else 1.0
    share = np.linspace(-BEHIND * far, BEYOND * far, SIZE)
    if best < TINY:
        near = 2 * best
        share = np.concatenate([share, np.linspace(-BEHIND * near, BEYOND * near, SIZE)])
    return np.unique(np.concatenate([share, [0.0, 1.0]]))


def _lowest(along: Callable[[np.ndarray], np.ndarray], share: np.ndarray, value: np.ndarray) -> tuple[float, float]:
    """Return the first lowest point of the line beyond its start, and the value there; NaN if there is none."""
    from scipy.optimize import minimize_scalar

    height = np.where(np.isfinite(value), value, np.inf)[share >= 0]
    forward = share[share >= 0]
    # Beside a value that is not finite the function may fall without end, as a logarithm does.
    turned = (height[1:-1] <= height[:-2]) & (height[1:-1] < height[2:]) & np.isfinite(height[2:])
    turns = np.flatnonzero(turned) + 1
    if not turns.size:
        return np.nan, np.nan
    k = int(turns[0])
    options = {"maxiter": SEARCHED, "xatol": 1e-12 * forward[k]}
    found = minimize_scalar(
        lambda s: float(along(np.array([s]))[0]), bounds=(forward[k - 1], forward[k + 1]), method="bounded",
        options=options,
    )  # fmt: skip
    # Rounding errors may hide which of two near points is lower; the grid's own point is then as good.
    return (float(found.x), float(found.fun)) if found.fun <= height[k] else (float(forward[k]), float(height[k]))
