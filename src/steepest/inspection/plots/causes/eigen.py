"""`EigenDisplay`: the path in the axes of the Hessian, and the contraction along each beside the predicted one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.causes.pair import PairDisplay
from steepest.inspection.plots.causes.steps import computed, evenly, measurable, sign_of, steps_at
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import HUGE
from steepest.trace import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WHAT = "an eigen-lens"
# The most parameters: the whole Hessian takes a product for each, and its eigenvectors take the cube of the number.
MOST_PARAMETERS = 200
# The most eigenvectors that are drawn, whose lines can be told apart.
MOST_LINES = 12
# Distances below this share of the first one, and of that along another eigenvector at the same time, are left out of a
# measurement, because of rounding errors.
CLEAR = 1e-9
# An eigenvalue below this share of the largest counts as 0.
FLAT = 1e-12
# Step sizes that differ by less than this share are one step size.
CONSTANT = 1e-9
# In a fit of two numbers, the share of the largest singular value below which the second tells nothing.
RANK = 1e-9
# Eigenvalues that span more than this factor are drawn on a logarithmic axis, whose ticks need so much room.
SPAN = 50
# The distances that are drawn, as a share of the largest: those below are rounding errors.
DIGITS = 1e-15
# A measured factor that differs by more from the predicted one is named in the caption.
APART = 0.05
# A run has come to the minimum of its quadratic if its distance fell to this share, and the slope on the way is that of
# the quadratic to within the other share: along exp(-x), which has no minimum, it differs by 15 % or more.
FALLEN, BENT = 0.1, 0.05
# Outcomes of runs that have not come to a minimum.
ASTRAY = (
    Outcome.SADDLE, Outcome.FLAT, Outcome.UNBOUNDED, Outcome.NO_FINITE_OPTIMUM, Outcome.DIVERGED, Outcome.NON_FINITE,
    Outcome.WRONG_GRADIENT,
)  # fmt: skip
RULES = ("Plain", "Momentum", "Nesterov")  # those with a prediction
NO_FACTOR = "No contraction can be measured from these rows"
NOISY = "The steps follow gradients on batches of rows, whose noise hides the factor of a step"
NO_CURVATURE = "Without curvature, this quadratic has no point towards which a distance shrinks"


def predicted(rule: str, decay: float, size: ArrayLike, curvature: ArrayLike) -> np.ndarray:
    """Return the factor by which the distance along an eigenvector shrinks in a step, on a quadratic function.

    Parameters
    ----------
    rule : str
        The name of the rule of the direction.
    decay : float
        μ, the share of the velocity that remains.
    size : array
        The step size t.
    curvature : array
        The eigenvalue λ.

    Returns
    -------
    array
        |1 - tλ| for plain descent; for the heavy ball the larger root of z² - (1 + μ - tλ) z + μ, and for Nesterov's
        momentum that of z² - (1 + μ)(1 - tλ) z + μ (1 - tλ), in absolute value. NaN for other rules.

    Examples
    --------
    >>> predicted("Plain", 0.0, 0.1, [2.0, 30.0]).round(6), predicted("Momentum", 0.81, 0.1, 10.0).round(6)
    (array([0.8, 2. ]), np.float64(0.9))
    """
    step = np.asarray(size, dtype=float) * np.asarray(curvature, dtype=float)
    if rule == "Plain":
        return np.abs(1 - step)
    if rule == "Momentum":
        return larger_root(1 + decay - step, np.full_like(step, decay))
    if rule == "Nesterov":
        return larger_root((1 + decay) * (1 - step), decay * (1 - step))
    return np.full_like(step, np.nan)


def larger_root(trace: ArrayLike, determinant: ArrayLike) -> np.ndarray:
    """Return the larger absolute value of the roots of z² - trace · z + determinant.

    Parameters
    ----------
    trace, determinant : array
        The coefficients.

    Returns
    -------
    array
        The absolute values.

    Examples
    --------
    >>> larger_root(5.0, 6.0), larger_root(0.0, 4.0)
    (np.float64(3.0), np.float64(2.0))
    """
    half, product = np.asarray(trace, dtype=complex) / 2, np.asarray(determinant, dtype=complex)
    root = np.sqrt(half**2 - product)
    return np.maximum(np.abs(half + root), np.abs(half - root))


class EigenDisplay(PairDisplay):
    """The distance from the answer along each eigenvector of the Hessian, and how fast it shrinks.

    Near the answer the function is a quadratic, and along each eigenvector a descent goes its own way: a step of size t
    multiplies the distance by 1 - tλ, with momentum by the larger root of a quadratic equation. The distances are
    measured from the point at which the slope of this quadratic is zero: its lowest point if all eigenvalues are
    positive, which is the answer if the descent came to its end.

    Parameters
    ----------
    at : array of shape (rows,)
        The iteration or epoch of each row.
    distance : array of shape (rows, lines)
        The signed distance along each eigenvector.
    curvature : array of shape (lines,)
        The eigenvalue λ of each.
    measured, expected : array of shape (lines,)
        The factor by which a step shrank the distance, as measured and as the rule predicts; NaN if not known. Where
        the function is flat, or all distances are zero, none is measured, nor in fits to batches, because of noise.
    settled : bool, optional
        Whether the run came to the minimum of its quadratic.
    batched : bool, optional
        Whether the steps follow gradients on batches of rows.
    size : float, optional
        The step size t, if it was constant.
    rule : str, optional
        The name of the rule of the direction.
    decay : float, optional
        μ, the share of the velocity that remains.
    parameters : int, optional
        The number of all eigenvectors.
    counted : str, optional
        The unit of `at`: "iteration" or "epoch".
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
    >>> import steepest as st
    >>> bowl = lambda x, y: x**2 + 10 * y**2
    >>> display = EigenDisplay.from_run(st.gradient_descent(bowl, (9, 1), learning_rate=0.09, iterations=20))
    >>> display.curvature.round(6), display.measured.round(6), display.expected.round(6)
    (array([ 2., 20.]), array([0.82, 0.8 ]), array([0.82, 0.8 ]))
    """

    what = WHAT

    def __init__(
        self,
        at: ArrayLike,
        distance: ArrayLike,
        curvature: ArrayLike,
        measured: ArrayLike,
        expected: ArrayLike,
        *,
        settled: bool = False,
        batched: bool = False,
        size: float = np.nan,
        rule: str = "",
        decay: float = 0.0,
        parameters: int | None = None,
        counted: str = "iteration",
        title: str = "",
    ) -> None:
        self.at, self.distance = np.asarray(at), np.asarray(distance, dtype=float)
        self.curvature = np.asarray(curvature, dtype=float)
        self.measured, self.expected = np.asarray(measured, dtype=float), np.asarray(expected, dtype=float)
        self.settled, self.batched, self.size = settled, batched, size
        self.rule, self.decay, self.counted, self.title = rule, decay, counted, title
        self.parameters = len(self.curvature) if parameters is None else parameters

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: RunLike) -> EigenDisplay:
        """Compute the Hessian at the best point of a run, and the path in its axes.

        Parameters
        ----------
        run : run or fit
            A run of at most 200 parameters. It takes one product with the Hessian for each, and two gradients.

        Returns
        -------
        EigenDisplay
            The display, not drawn yet. Of more than 12 eigenvectors, 12 are drawn, evenly spaced from the least
            eigenvalue to the largest.

        Raises
        ------
        ValueError
            If the run has more parameters or no finite point, its points are not at hand, the Hessian at its best
            point is not finite, or the run was loaded without its function.
        """
        run, sign = measurable(run, WHAT), sign_of(run)
        x, value = np.asarray(run.trace.x, dtype=float), sign * np.asarray(run.trace.value, dtype=float)
        finite = np.flatnonzero(np.isfinite(x).all(axis=1))
        size = x.shape[1]
        if size > MOST_PARAMETERS:
            raise ValueError(
                f"the run has {size} parameters and {WHAT} takes at most {MOST_PARAMETERS}: "
                "use EffectiveRateDisplay.from_run(run), which draws any number"
            )
        if not finite.size:
            raise ValueError(f"{WHAT} needs a finite point and the run has none in {len(x)} rows: read run.message")
        best = finite[np.argmin(np.where(np.isfinite(value[finite]), value[finite], np.inf))]
        hessian = sign * computed(lambda v: run.curvature(x[best], v), list(np.eye(size)), size, WHAT)
        gradient = sign * computed(run.gradient_at, [x[best]], size, WHAT)[0]
        if not (np.isfinite(hessian).all() and np.isfinite(gradient).all()):
            raise ValueError(f"{WHAT} needs a finite Hessian and the run has none at its best point: read run.message")
        values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
        lines = evenly(np.arange(size), MOST_LINES)
        values, vectors = values[lines], vectors[:, lines]
        curved = np.abs(values) > FLAT * np.abs(values).max()
        ahead = np.where(curved, gradient @ vectors / np.where(curved, values, 1.0), 0.0)
        distance = (x[finite] - x[best]) @ vectors + ahead
        iteration = np.asarray(run.trace.columns.get("iteration", np.arange(len(x))))[finite]
        sizes = np.asarray(run.trace.columns.get("step_size", np.full(len(x), np.nan)), dtype=float)[finite]
        rule, decay = str(run.direction.get("name", "")), float(run.direction.get("decay", 0.0))
        scale = np.abs(x[finite]).max() if finite.size else 1.0
        lens = _Lens(distance, iteration, sizes, rule, decay, scale)
        pairs = [lens.contraction(line, each) for line, each in enumerate(values)]
        measured, expected = np.array(pairs).reshape(-1, 2).T
        batched = "epoch" in run.trace.columns and np.diff(iteration).max(initial=0) > 1
        measured[~curved | batched] = np.nan
        settled = False
        if np.isfinite(measured).any() and values[0] > -FLAT * values[-1] and run.outcome not in ASTRAY:
            slowest = int(np.nanargmax(measured))
            row, away = lens.check(slowest)
            slope = sign * computed(run.gradient_at, [x[finite[row]]], size, WHAT)[0] @ vectors[:, slowest]
            is_quadratic = abs(slope - values[slowest] * away) <= BENT * abs(slope)
            settled = bool(is_quadratic and _fell(distance[:, slowest]))
        all_steps = steps_at(run, np.arange(0), 0)
        at = np.asarray(run.trace.columns.get(all_steps.counted, iteration))
        return cls(
            at[finite] if len(at) == len(x) else at, distance, values, measured, expected, settled=settled,
            batched=bool(batched), size=lens.size, rule=rule, decay=decay, parameters=size, counted=all_steps.counted,
            title=run.title,
        )  # fmt: skip

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the run."""
        number, low, high = style.number, self.curvature.min(), self.curvature.max()
        drawn = f" ({len(self.curvature)} are drawn)" if self.parameters > len(self.curvature) else ""
        count = style.counted(self.parameters, "eigenvalue")
        span = f"from {number(low)} to {number(high)}" if number(low) != number(high) else f"all {number(low)}"
        found = f"The Hessian has {count}{drawn}, {span}"
        if len(self.curvature) == 1:
            found = f"The curvature is {number(high)}"
        if low < -FLAT * abs(high):
            found += f". Along λ = {number(low)} the function curves downwards, so the best point is no minimum"
        known = np.flatnonzero(np.isfinite(self.measured))
        if not known.size:
            reason = NO_FACTOR if self.curvature.any() else NO_CURVATURE
            return f"{found}. {NOISY if self.batched else reason}."
        upwards = known[self.curvature[known] > 0]
        shown = upwards if upwards.size else known
        slowest = shown[np.argmax(self.measured[shown])]
        rate = self.measured[slowest]
        which = f"distance along λ = {number(self.curvature[slowest])}"
        if len(known) > 1 and low > 0:
            which = f"slowest distance, that of λ = {number(self.curvature[slowest])},"
        found += f". A step multiplies the {which} by {number(rate)}"
        if np.isfinite(self.expected[slowest]):
            found += f"; {self.formula} predicts {number(self.expected[slowest])}"
        if 0 < rate < 1 and self.settled:
            steps = np.log(0.1) / np.log(rate)
            found += f". At this rate, one more digit takes {style.counted(int(np.ceil(steps)), 'step')}"
        elif rate > 1 and number(rate) != "1":
            found += ", so this distance grows"
        elif low > 0 and not _fell(self.distance[:, slowest]):
            found += ". Distances are from the lowest point of the quadratic, to which the run has not come"
        apart = np.abs(self.measured - self.expected)
        if (apart > APART).any():
            most = int(np.nanargmax(apart))
            found += (
                f". That of λ = {number(self.curvature[most])} it multiplies by {number(self.measured[most])}, where "
                f"{number(self.expected[most])} is predicted: there the steps do not follow this quadratic"
            )
        if np.isnan(self.expected).all():
            if self.rule in RULES:
                found += f". Without known and equal step sizes, {self.rule} has no prediction"
            else:
                found += f". {self.rule or 'This rule'} with these step sizes has no prediction"
        return found + "."

    @property
    def formula(self) -> str:
        """The formula of the predicted contraction."""
        return "|1 − tλ|" if self.rule == "Plain" else f"momentum with μ = {style.number(self.decay)}"

    def table(self) -> dict[str, np.ndarray]:
        """Return the contraction along each eigenvector.

        Returns
        -------
        dict of str to array
            The eigenvalues, and the contractions as measured and as predicted.
        """
        return {"eigenvalue": self.curvature, "measured": self.measured, "predicted": self.expected}

    def _draw(self, ax: Axes, right: Axes | None = None) -> None:
        self._draw_distances(ax)
        if right is not None:
            self._draw_contractions(right)

    def _draw_distances(self, ax: Axes) -> None:
        distance = np.minimum(np.abs(self.distance), HUGE)
        ax.set_yscale("log")
        largest = distance[np.isfinite(distance)].max(initial=0.0) or 1.0
        for line, curvature in enumerate(self.curvature):
            shown = np.flatnonzero((distance[:, line] > 0) & np.isfinite(distance[:, line]))
            height = np.maximum(distance[shown, line], 1 / HUGE)
            rows = style.rows_to_draw(np.log(height)) if shown.size else np.arange(0)
            look = self._look(line) | ({} if len(rows) <= style.MAX_MARKERS else {"marker": ""})
            ax.plot(self.at[shown][rows], height[rows], label=f"λ = {style.number(curvature)}", **look)
        least = distance[distance > 0].min(initial=largest)
        ax.set_ylim(max(least / 2, DIGITS * largest, 1 / HUGE), 3 * largest)
        ax.locator_params(axis="x", integer=True)
        style.label(ax, title=self.title, x=self.counted, y="distance along eigenvector", legend=4)

    def _draw_contractions(self, ax: Axes) -> None:
        positive = self.curvature[self.curvature > 0]
        log = len(positive) == len(self.curvature) and positive.max() > SPAN * positive.min()
        if log:
            ax.set_xscale("log")
        low, high = self.curvature.min(), self.curvature.max()
        margin = 0.1 * (high - low) or max(abs(high), 1.0) / 2
        ends = (low / 1.6, high * 1.6) if log else (low - margin, high + margin)
        grid = np.geomspace(*ends, 400) if log else np.linspace(*ends, 400)
        curve = predicted(self.rule, self.decay, self.size, grid)
        heights = np.concatenate([self.measured, self.expected])
        heights = heights[np.isfinite(heights)]
        top = min(max(1.15, 1.1 * heights.max(initial=0.0)), HUGE)
        ax.axhspan(1, max(top, 1.2), color=style.ORANGE, alpha=0.12, linewidth=0, label="grows")
        if np.isfinite(curve).any():
            ax.plot(grid, curve, color=style.GREY, linewidth=1.6, label="predicted")
        else:
            shown = np.isfinite(self.expected)
            if shown.any():
                ax.plot(
                    self.curvature[shown], self.expected[shown], "_", markersize=16, color=style.GREY, label="predicted"
                )
        known = np.flatnonzero(np.isfinite(self.measured))
        for line in known.tolist():
            look = self._look(line) | {"linestyle": "none", "markersize": 8}
            label = "measured" if line == known[0] else "_"
            ax.plot(self.curvature[line], self.measured[line], label=label, **look)
        ax.set(xlim=ends, ylim=(0, top))
        style.label(ax, x="eigenvalue λ", y="factor of a step", legend=3)

    def _look(self, line: int) -> style.Look:
        if len(self.curvature) <= len(style.COLOURS):
            return style.series(line, 0)
        return style.distinct(line) | {"markersize": 4}


class _Lens:
    """Measures how distances shrink, and predicts it; `size` is the step size if it was constant."""

    def __init__(
        self, distance: np.ndarray, iteration: np.ndarray, sizes: np.ndarray, rule: str, decay: float, scale: float
    ) -> None:  # fmt: skip
        self.distance, self.sizes, self.rule, self.decay, self.scale = distance, sizes, rule, decay, scale
        steps = np.diff(iteration)
        # The steps between two rows: 0 if they differ from row to row.
        self.span = int(steps[0]) if steps.size and (steps == steps[0]).all() else 0
        taken = sizes[1:]
        is_constant = taken.size > 0 and np.ptp(taken) <= CONSTANT * np.abs(taken).max()
        self.size = float(taken[0]) if is_constant else np.nan

    def contraction(self, line: int, curvature: float) -> tuple[float, float]:
        """Return the measured and the predicted factor of a step along an eigenvector; NaN if not known."""
        low, high = self._window(line)
        if high - low < 1 or self.span < 1:
            return np.nan, np.nan
        distance, sizes = self.distance[low : high + 1, line], self.sizes[low + 1 : high + 1]
        if self.rule == "Plain" and self.span == 1:
            factors = predicted("Plain", 0.0, sizes, curvature)
            return _mean_factor(distance), float(np.exp(np.mean(np.log(factors))))
        expected = float(predicted(self.rule, self.decay, self.size, curvature))
        is_pair = self.rule in ("Momentum", "Nesterov") and self.span == 1 and np.isfinite(self.size)
        measured = _pair_factor(distance) if is_pair and len(distance) > 3 else _mean_factor(distance)
        return float(measured ** (1 / self.span)), expected

    def check(self, line: int) -> tuple[int, float]:
        """Return the row of a measurement that is farthest along an eigenvector, and its distance."""
        low, high = self._window(line)
        row = low + int(np.argmax(np.abs(self.distance[low : high + 1, line])))
        return row, float(self.distance[row, line])

    def _window(self, line: int) -> tuple[int, int]:
        """Return the first and the last row of a measurement: the later half of those above rounding errors."""
        size = np.abs(self.distance[:, line])
        largest = np.abs(self.distance).max(axis=1)
        floor = CLEAR * np.maximum(largest, max(size[0], self.scale if self.rule != "Plain" else 0.0))
        # With momentum the distance passes through 0 many times, so a row counts with its neighbour.
        clear = np.maximum(size, np.append(size[1:], 0.0)) > floor
        last = int(np.argmin(clear)) - 1 if not clear.all() else len(size) - 1
        if last == 0 and len(size) > 1 and clear[0]:
            last = 1  # a step to a distance of 0
        return (last // 2 if last > 3 else 0), max(last, 0)


def _mean_factor(distance: np.ndarray) -> float:
    """Return the mean factor from the first distance to the last; NaN if the first is 0."""
    ratio = abs(distance[-1] / distance[0]) if distance[0] else np.nan
    return 0.0 if ratio <= CLEAR and len(distance) == 2 else float(ratio ** (1 / (len(distance) - 1)))


def _fell(distance: np.ndarray) -> bool:
    """Return whether a distance fell to a small share of what it was."""
    return bool(np.abs(distance).min() <= FALLEN * np.abs(distance[0]))


def _pair_factor(distance: np.ndarray) -> float:
    """Return the larger root of the recurrence c₊₊ = a c₊ - b c that the distances follow best."""
    pairs = np.column_stack([distance[1:-1], -distance[:-2]])
    # Each equation is scaled, so that early and late ones count alike.
    weight = 1 / np.hypot(*pairs.T)
    weight[~np.isfinite(weight)] = 0.0
    (a, b), _, _, _ = np.linalg.lstsq(pairs * weight[:, None], distance[2:] * weight, rcond=RANK)
    return float(larger_root(a, b))
