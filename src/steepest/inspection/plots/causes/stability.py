"""`StabilityDisplay`: the step size of each step under the largest one that is stable there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.causes.steps import (
    MOST_STEPS,
    computed,
    evenly,
    finite_steps,
    measurable,
    products_of,
    sign_of,
    slopes_of,
    steps_at,
)
from steepest.inspection.plots.causes.top import largest_curvature
from steepest.inspection.plots.display import Display
from steepest.inspection.protocol import DescentLike, RunLike
from steepest.inspection.window import HUGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WHAT = "a stability ceiling"
# Positive numbers that span more than this factor are drawn on a logarithmic axis; chosen by eye.
SPAN = 20
# The share of the steps that are chosen before the others, which go where the step size crosses its ceiling.
FIRST_SHARE = 2 / 3

# The rules with a ceiling in closed form: the ceiling times λ as a function of μ, and the formula.
CEILINGS: dict[str, tuple[Callable[[float], float], str]] = {
    "Plain": (lambda decay: 2.0, "2 / λ"),
    "Momentum": (lambda decay: 2 * (1 + decay), "2 (1 + μ) / λ"),
    "Nesterov": (lambda decay: 2 * (1 + decay) / (1 + 2 * decay), "2 (1 + μ) / ((1 + 2 μ) λ)"),
}
ALONG = "that of its own line"
RISES = "a step ends higher than it began, on the parabola with the slope and curvature of its line."


def largest_stable(rule: str, decay: float, curvature: ArrayLike) -> np.ndarray:
    """Return the step size above which a rule diverges on a quadratic function.

    Parameters
    ----------
    rule : {"Plain", "Momentum", "Nesterov"}
        The rule of the direction.
    decay : float
        μ, the share of the velocity that remains.
    curvature : array
        λ, the largest eigenvalue of the Hessian.

    Returns
    -------
    array
        2/λ for plain descent, 2(1 + μ)/λ for the heavy ball and 2(1 + μ)/((1 + 2μ) λ) for Nesterov's momentum;
        infinite where the function does not curve upwards.

    Notes
    -----
    Along an eigenvector the heavy ball follows z² - (1 + μ - tλ) z + μ = 0, and Nesterov's momentum
    z² - (1 + μ)(1 - tλ) z + μ (1 - tλ) = 0. Both are stable as long as the roots lie inside the unit circle
    (Polyak, 1964; Lessard, Recht and Packard, 2016).

    Examples
    --------
    >>> largest_stable("Plain", 0.0, [10.0, -1.0]), largest_stable("Momentum", 0.9, 10.0)
    (array([0.2, inf]), array(0.38))
    """
    curvature = np.asarray(curvature, dtype=float)
    with np.errstate(divide="ignore"):
        return np.where(curvature > 0, CEILINGS[rule][0](decay) / curvature, np.where(curvature <= 0, np.inf, np.nan))


class StabilityDisplay(Display):
    """The step size of each step, under the ceiling above which the steps of its rule grow.

    The ceiling comes from λ, the largest eigenvalue of the Hessian where the step begins: 2/λ for plain descent,
    2(1 + μ)/λ for the heavy ball, and 2(1 + μ)/((1 + 2μ) λ) for Nesterov's momentum. Other rules, such as Adam, scale
    the gradient or choose another direction and have no such ceiling. Theirs is that along the line of each step: a
    longer step ends higher than it began, by the slope and the curvature along it.

    Parameters
    ----------
    at : array of shape (steps,)
        The iteration or epoch at which each step begins.
    size : array of shape (steps,)
        The step size.
    ceiling : array of shape (steps,)
        The largest stable step size; infinite if every step is stable, NaN if it is not known.
    curvature : array of shape (steps,)
        The largest eigenvalue of the Hessian, or the curvature along the step.
    rule : str, optional
        The name of the rule; only those of "Plain", "Momentum" and "Nesterov" have a ceiling of their own.
    decay : float, optional
        μ, the share of the velocity that remains.
    total : int, optional
        The number of all steps, if only some of them are drawn.
    counted : str, optional
        The unit of `at`: "iteration" or "epoch".
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
    >>> import steepest as st
    >>> bowl = lambda x, y: x**2 + 10 * y**2
    >>> display = StabilityDisplay.from_run(st.gradient_descent(bowl, (9, 1), learning_rate=0.11, iterations=20))
    >>> display.ceiling[0].round(6), display.above.all()
    (np.float64(0.1), np.True_)
    """

    def __init__(
        self,
        at: ArrayLike,
        size: ArrayLike,
        ceiling: ArrayLike,
        curvature: ArrayLike,
        *,
        rule: str = "Plain",
        decay: float = 0.0,
        total: int | None = None,
        counted: str = "iteration",
        title: str = "",
    ) -> None:
        self.at, self.size = np.asarray(at), np.asarray(size, dtype=float)
        self.ceiling, self.curvature = np.asarray(ceiling, dtype=float), np.asarray(curvature, dtype=float)
        self.rule, self.decay, self.counted, self.title = rule, decay, counted, title
        self.total = len(self.at) if total is None else total

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: RunLike, most: int = MOST_STEPS) -> StabilityDisplay:
        """Compute the ceiling at the points of a run.

        Parameters
        ----------
        run : run or fit
            The run. It takes up to 30 products with the Hessian at each point, or a gradient and one product if its
            rule has no ceiling of its own.
        most : int, optional
            The most steps that are drawn: two thirds of them evenly spaced, and the others where the step size crosses
            its ceiling.

        Returns
        -------
        StabilityDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the run has no step, its points are not at hand, or it was loaded without its function.
        """
        run, sign = measurable(run, WHAT), sign_of(run)
        rows = finite_steps(run, WHAT)
        rule, decay = str(run.direction.get("name", "")), float(run.direction.get("decay", 0.0))
        measure = _Highest(run, sign) if rule in CEILINGS else _Along(run)
        sizes = steps_at(run, rows, len(rows)).size
        known: dict[int, float] = {}
        wanted = evenly(np.arange(len(rows)), max(2, int(FIRST_SHARE * most)))
        if np.isfinite(sizes).any():
            wanted = np.union1d(wanted, [np.nanargmin(sizes), np.nanargmax(sizes)])
        while wanted.size:
            known |= dict(zip(wanted.tolist(), measure(rows[wanted]), strict=True))
            drawn = np.array(sorted(known))
            curvature = np.array([known[k] for k in drawn])
            if rule in CEILINGS:
                ceiling = largest_stable(rule, decay, curvature)
            else:
                # A search may return a negative size, and a step of size 0 may have no ceiling.
                ceiling = np.where(curvature == np.inf, np.inf, curvature * np.abs(sizes[drawn]))
            wanted = _between(drawn, np.abs(sizes[drawn]) > ceiling, most - len(known))
        steps = steps_at(run, rows[drawn], len(rows))
        if rule not in CEILINGS:
            curvature = 2 / ceiling
        # Between two rows of a thinned trace, or of a fit to batches, lie several steps.
        iteration = np.asarray(run.trace.columns.get("iteration", np.arange(len(run.trace.x))))
        total = int((iteration[rows + 1] - iteration[rows]).sum())
        return cls(
            steps.at, steps.size, ceiling, curvature, rule=rule, decay=decay, total=total, counted=steps.counted,
            title=run.title,
        )  # fmt: skip

    @property
    def above(self) -> np.ndarray:
        """Whether each step is longer than its ceiling; false where the ceiling is not known."""
        return self.known & (np.abs(self.size) > self.ceiling)

    @property
    def known(self) -> np.ndarray:
        """Whether the step size and the ceiling of each step are known."""
        return np.isfinite(self.size) & ~np.isnan(self.ceiling)

    @property
    def formula(self) -> str:
        """The formula of the ceiling."""
        return CEILINGS[self.rule][1] if self.rule in CEILINGS else ALONG

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the run."""
        if not self.known.any():
            return f"{self._among(0)} has both a step size and a ceiling that can be computed."
        count = int(np.count_nonzero(self.known))
        others = ""
        if count < len(self.at):
            others = f" The step size or the ceiling of {len(self.at) - count:,} more is not known."
        if (self.ceiling[self.known] == np.inf).all():
            where = f"where {self._among(count)} {'begins' if count == 1 else 'begin'}"
            if self.rule not in CEILINGS:
                where = f"along the line{'s' * (count > 1)} of {self._among(count)}"
            return f"The function does not curve upwards {where}, so there is no ceiling.{others}"
        return f"{self._found(count)}{others} {self._remark}"

    def _found(self, count: int) -> str:
        """Return how the step sizes lie to their ceilings, of which a number is known."""
        with np.errstate(all="ignore"):
            share = np.where(self.known & (self.ceiling > 0), np.abs(self.size) / self.ceiling, np.nan)
            share[self.size == 0] = 0.0
        if self.above.any():
            first, is_all = self.at[np.flatnonzero(self.above)[0]], self.total <= len(self.at)
            found = f"The step size is above its ceiling {self._named} in {self._among(int(self.above.sum()))}"
            found += f", {'first' if is_all else 'the first of those drawn'} at {self.counted} {first:,}"
            if not (share > 1).any():
                return f"{found}. There no step is short enough."
            worst = int(np.nanargmax(share))
            return f"{found}, and up to {style.number(share[worst])} times as large. {self._consequence(worst)}"
        worst = int(np.nanargmax(share))
        below = "below" if share[worst] < 1 else "at or below"
        return (
            f"The step size stays {below} its ceiling {self._named} in {self._among(count)}; at most it is "
            f"{style.number(100 * share[worst])} % of the ceiling, at {self.counted} {self.at[worst]:,}."
        )

    def _among(self, count: int) -> str:
        """Return a number of steps in words, as a part of those drawn, which may be a part of all."""
        drawn = f"{style.counted(len(self.at), 'step')}"
        drawn += f" drawn of {self.total:,}" if self.total > len(self.at) else ""
        if len(self.at) == 1:
            return "the only step" if self.total <= 1 and count else f"{'the' if count else 'None of the'} {drawn}"
        return f"all {drawn}" if count == len(self.at) else f"{f'{count:,}' if count else 'None'} of the {drawn}"

    @property
    def _named(self) -> str:
        if self.rule not in CEILINGS:
            return "along its own line"
        return self.formula + f" with μ = {style.number(self.decay)}" * (self.rule != "Plain")

    def _consequence(self, worst: int) -> str:
        if self.rule == "Plain":
            grown = style.number(abs(1 - self.size[worst] * self.curvature[worst]))
            return f"There the distance along the most curved direction grows {grown} times in a step."
        return "There " + ("the oscillations grow." if self.rule in CEILINGS else RISES)

    @property
    def _remark(self) -> str:
        if self.rule in CEILINGS:
            finite = self.curvature[np.isfinite(self.curvature)]
            low, high = finite.min(), finite.max()
            is_one = high - low <= 1e-3 * abs(high)
            span = style.number(high) if is_one else f"{style.number(low)} to {style.number(high)}"
            return f"λ, the largest curvature, is {span}."
        return f"{self.rule or 'Its rule'} has no ceiling 2 / λ, because its steps do not follow the gradient."

    def table(self) -> dict[str, np.ndarray]:
        """Return the step sizes and their ceilings.

        Returns
        -------
        dict of str to array
            The numbers of each step.
        """
        return {
            self.counted: self.at,
            "step size": self.size,
            "ceiling": self.ceiling,
            "curvature": self.curvature,
        }

    def _draw(self, ax: Axes) -> None:
        at, size = self.at, np.clip(self.size, -HUGE, HUGE)
        shown = np.isfinite(self.ceiling) & (self.ceiling > 0)
        ceiling = np.where(shown, np.minimum(self.ceiling, HUGE), np.nan)
        positive = np.concatenate([size[size > 0], ceiling[shown]])
        floor, top = 0.0, 1.0
        if positive.size:
            low, high = positive.min(), positive.max()
            if high > SPAN * low:
                ax.set_yscale("log")
                floor, top = low / 2, high * 2
            else:
                top = 1.15 * high
        ax.set_ylim(floor, top)
        if len(at) > 1:
            stable = np.where(self.ceiling == np.inf, top, ceiling)
            ax.fill_between(at, floor, stable, color=style.BLUE, alpha=0.13, linewidth=0, label="stable")
        ax.plot(at, ceiling, label=f"ceiling {self._short}", **_look(style.BLUE, len(at), "_"))
        ax.plot(at, size, color=style.GREY, linewidth=0.8)
        under, unknown = ~self.above & self.known, ~self.known & np.isfinite(size)
        if under.any() or not unknown.any():
            ax.plot(at[under], size[under], "o", markersize=4, color=style.GREEN, label="step size")
        if unknown.any():
            label = "step size, ceiling not known"
            ax.plot(at[unknown], size[unknown], "o", markersize=4, color=style.GREY, fillstyle="none", label=label)
        if self.above.any():
            above = self.above
            ax.plot(at[above], size[above], "^", markersize=6, color=style.ORANGE, label="step size above its ceiling")
        if len(at) == 1:
            ax.set_xlim(at[0] - 1, at[0] + 1)
        ax.locator_params(axis="x", integer=True)
        style.label(ax, title=self.title, x=self.counted, y="step size", legend=4)

    @property
    def _short(self) -> str:
        return self.formula if self.rule in CEILINGS else "along the step"


class _Highest:
    """Measures the largest eigenvalue of the Hessian at rows, each time from the last eigenvector."""

    def __init__(self, run: DescentLike, sign: float) -> None:
        self.run, self.sign = run, sign
        self.vector = np.ones(np.shape(run.trace.x)[1])

    def __call__(self, rows: np.ndarray) -> list[float]:
        found = []
        for x in np.asarray(self.run.trace.x, dtype=float)[rows]:

            def product(v: np.ndarray, x: np.ndarray = x) -> np.ndarray:
                return self.sign * computed(lambda v: self.run.curvature(x, v), [v], len(v), WHAT)[0]

            value, self.vector = largest_curvature(product, self.vector)
            found.append(value)
        return found


class _Along:
    """Measures the share of a step at which its line is as high as where it begins, by the quadratic model."""

    def __init__(self, run: DescentLike) -> None:
        self.run = run

    def __call__(self, rows: np.ndarray) -> list[float]:
        steps = steps_at(self.run, rows, len(rows))
        if steps.spans > 1:
            raise ValueError(
                f"the rows of the trace are up to {steps.spans:,} steps apart and {WHAT} along a step needs each one: "
                "use DescentDisplay.from_run(run), which draws any run"
            )
        fall = -np.sum(slopes_of(self.run, steps, WHAT) * steps.move, axis=1)
        bend = np.sum(products_of(self.run, steps, WHAT) * steps.move, axis=1)
        share = np.where(bend > 0, 2 * fall / bend, np.where(np.isnan(bend), np.nan, np.inf))
        return [float(each) for each in np.where(fall > 0, share, np.nan)]


def _between(drawn: np.ndarray, above: np.ndarray, left: int) -> np.ndarray:
    """Return the middle of each interval in which the step size crosses its ceiling, at most `left` of them."""
    crossed = np.flatnonzero((above[:-1] != above[1:]) & (np.diff(drawn) > 1))
    widest = crossed[np.argsort(-np.diff(drawn)[crossed], kind="stable")][: max(left, 0)]
    return (drawn[widest] + drawn[widest + 1]) // 2


def _look(colour: str, points: int, marker: str) -> style.Look:
    """Return the look of a line, with a marker if it is a single point."""
    return {"color": colour, "linewidth": 1.8, "marker": marker if points == 1 else "", "markersize": 14}
