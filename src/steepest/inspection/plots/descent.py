"""`DescentDisplay`: the distance from the best value and the gradient norm during a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.protocol import RunLike
from steepest.inspection.window import HUGE
from steepest.printable import quoted
from steepest.trace import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Positive numbers that span more than this factor are drawn on a logarithmic axis. Chosen, not measured: on a linear
# axis all but the largest numbers would lie at the foot of the axis.
SPAN = 100
# Losses below the largest by more than this factor are drawn on a linear scale if others are 0 or less. Chosen by eye.
LINEAR = 1e4
# The columns of a trace that can be the horizontal axis, with the word for one of them.
CLOCKS = {"evaluations": "evaluation", "iteration": "step", "epoch": "epoch", "seconds": "second"}
# Events are shown in a strip below the upper axes, each kind in a line of its own. Chosen by eye, in shares of the
# height of these axes.
STRIP, LINE = -0.07, 0.055

NON_FINITE = "non-finite"  # the kind of the event that a trial had no finite value


class DescentDisplay(Display):
    """Value and gradient norm of a run, one above the other, by evaluation, iteration, epoch or second.

    The upper axes show ``value - min(value)``, or ``max(value) - value`` for a run that was maximised, so that values
    of any sign are drawn. If the numbers span more than a factor of 100, the axis is logarithmic. A logarithmic axis
    has no zero, so a star at the foot of the axis marks the best value, and a triangle a gradient of zero. Where
    numbers are not finite the line is broken, with crosses at the break. The events of the run are marked between the
    axes.

    If the run has a validation loss, the upper axes show the loss and the validation loss instead, with a
    star at the smallest validation loss.

    Parameters
    ----------
    evaluations : array of shape (rows,)
        The evaluations, iterations, epochs or seconds at each row.
    value : array of shape (rows,)
        The value of each row, in the sign of the user's function.
    gradient_norm : array of shape (rows,)
        The norm of the gradient at each row.
    counted : {"evaluations", "iteration", "epoch", "seconds"}, optional
        The unit of ``evaluations``.
    maximized : bool, optional
        Whether the best value is the largest.
    title : str, optional
        The text above the picture.
    validation : array of shape (rows,), optional
        The loss on rows that were held out from a fit.
    events : mapping of str to array, optional
        Where events happened, in the unit of ``evaluations``, by their kind.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    axes_ : tuple of matplotlib.axes.Axes
        The upper and the lower axes; ``ax_`` is the upper one.

    Examples
    --------
    >>> DescentDisplay([1, 2, 3], [4.0, 3.0, 2.5], [2.0, 1.0, 0.5]).gap
    array([1.5, 0.5, 0. ])
    """

    def __init__(
        self,
        evaluations: ArrayLike,
        value: ArrayLike,
        gradient_norm: ArrayLike,
        *,
        counted: str = "evaluations",
        maximized: bool = False,
        title: str = "",
        validation: ArrayLike | None = None,
        events: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        self.validation = None if validation is None else np.asarray(validation, dtype=float)
        self.evaluations = np.asarray(evaluations)
        self.value = np.asarray(value, dtype=float)
        self.gradient_norm = np.asarray(gradient_norm, dtype=float)
        self.counted, self.maximized, self.title = counted, maximized, title
        self.events = {kind: np.asarray(where) for kind, where in (events or {}).items()}

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: RunLike, by: str | None = None) -> DescentDisplay:
        """Read the columns of the trace of a run.

        Parameters
        ----------
        run : run or fit
            The run.
        by : {"evaluations", "iteration", "epoch", "seconds"}, optional
            The horizontal axis; by default the epochs of a fit, and the evaluations of any other run.

        Returns
        -------
        DescentDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the trace has no such column.
        """
        trace = run.trace
        by = by or ("epoch" if "epoch" in trace.columns else "evaluations")
        known = [name for name in CLOCKS if name in trace.columns]
        if by not in known:
            raise ValueError(f"by={quoted(by)}: the trace of this run has no such column: give {' or '.join(known)}")
        validation = trace.columns.get("validation")
        # A recorded loop has this column, also if it gave no validation loss.
        is_validated = validation is not None and not np.isnan(validation).all()
        return cls(
            trace.columns[by],
            trace.value,
            trace.gradient_norm,
            counted=by,
            maximized=run.maximized,
            title=run.title,
            validation=validation if is_validated else None,
            events=_events_of(run, trace.columns[by]),
        )

    @property
    def gap(self) -> np.ndarray:
        """The distance of each value from the best finite value."""
        finite = self.value[np.isfinite(self.value)]
        if not finite.size:
            return np.full(self.value.shape, np.nan)
        with np.errstate(over="ignore", invalid="ignore"):
            return finite.max() - self.value if self.maximized else self.value - finite.min()

    @property
    def height(self) -> np.ndarray:
        """The height of each row in the upper axes: its gap, or its loss if there is a validation loss."""
        return self.gap if self.validation is None else self.value

    @property
    def caption(self) -> str:
        """A description of the picture, with the numbers of the run."""
        finite = np.isfinite(self.value)
        if not finite.any():
            return f"No value is finite, of {len(self.value):,}." if len(self.value) else "There is no value to draw."
        said = [self._course(np.flatnonzero(finite))]
        norms = self.gradient_norm[np.isfinite(self.gradient_norm)]
        if norms.size:
            said[0] += f"; the gradient norm ends at {style.number(norms[-1])}"
        if self.validation is not None and np.isfinite(self.validation).any():
            row = int(np.nanargmin(np.where(np.isfinite(self.validation), self.validation, np.nan)))
            least = style.number(self.validation[row])
            said.append(f"The loss on rows held out is least after {self._counted(self.evaluations[row])}: {least}")
        if lost := int((~finite).sum()):
            many = f"{style.counted(lost, 'value')} {'is' if lost == 1 else 'are'} not finite"
            said.append(f"A cross marks where the line breaks off: {many}")
        if NON_FINITE in self.events:
            said.append("A trial step met a value that is not finite")
        if (np.abs(np.concatenate([self.gap, self.gradient_norm])) > HUGE).any():
            said.append(f"What is above {style.number(HUGE)} is drawn there")
        return ". ".join(said) + "."

    def _course(self, rows: np.ndarray) -> str:
        """Say where the value began, came best and ended; `rows` are those with a finite value."""
        first, last = rows[0], rows[-1]
        best = int(rows[np.argmin(self.gap[rows])])
        name = "value" if self.validation is None else "loss"
        better, worse = ("rises", "falls") if self.maximized else ("falls", "rises")
        start, least, end = style.apart(*self.value[[first, best, last]])
        if best == first:
            said = f"The {name} begins at {start}"
            return f"{said} and ends at {end}; it was never better" if end != start else f"{said} and never gets better"
        said = f"The {name} {better} from {start} to {least} within {self._counted(self.evaluations[best])}"
        return said if self.value[last] == self.value[best] else f"{said}, {worse} again and ends at {end}"

    def _counted(self, number: float) -> str:
        if self.counted == "seconds":
            return f"{style.number(float(number))} s"
        return style.counted(int(number), CLOCKS.get(self.counted, self.counted))

    def table(self) -> dict[str, np.ndarray]:
        """Return the numbers of each row.

        Returns
        -------
        dict of str to array
            The evaluations, value and gradient norm, and the validation loss if there is one.
        """
        table = {self.counted: self.evaluations, "value": self.value, "gradient norm": self.gradient_norm}
        return table if self.validation is None else table | {"validation": self.validation}

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, ...]:
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
        return style.stacked(make())

    def _given(self, ax: Axes | Sequence[Axes]) -> tuple[Axes, ...]:
        return style.stacked_axes(ax)

    def _draw(self, upper: Axes, lower: Axes) -> None:
        if self._draw_column(lower, self.gradient_norm, 1):
            self._mark_zeros(lower, self.gradient_norm == 0)
        self._draw_values(upper)
        self._mark_events(upper)
        style.label(upper, title=self.title, y=self._axis_of_values, legend=4)
        style.label(lower, x=self.counted, y="gradient norm")
        self._mark_steps(lower)

    def draw_alone(self, ax: Axes) -> None:
        """Draw the values without the gradient norm and the events, on axes as small as a corner of a picture.

        Parameters
        ----------
        ax : axes
            The axes.
        """
        self._draw_values(ax)
        style.label(ax, title=self.title, x=self.counted, y=self._axis_of_values, legend=2)
        self._mark_steps(ax)

    @property
    def _axis_of_values(self) -> str:
        if self.validation is not None:
            return "loss"
        return "best value − value" if self.maximized else "value − best value"

    def _draw_values(self, ax: Axes) -> None:
        if self.validation is not None:
            self._draw_losses(ax, self.validation)
        elif self._draw_column(ax, np.where(np.isfinite(self.value), np.minimum(self.gap, HUGE), np.nan), 0):
            self._mark_best(ax)

    def _mark_steps(self, ax: Axes) -> None:
        if self.counted != "seconds":
            ax.locator_params(axis="x", integer=True)
        if len(self.evaluations) == 1:
            ax.set_xlim(self.evaluations[0] - 1, self.evaluations[0] + 1)

    def _draw_losses(self, ax: Axes, validation: np.ndarray) -> None:
        both = np.concatenate([self.value, validation])
        sizes = np.abs(both[np.isfinite(both) & (both != 0)])
        if sizes.size and sizes.max() > SPAN * sizes.min():
            if (both <= 0).any():
                # Losses of 0 or less have a place on this scale, which is linear around 0.
                ax.set_yscale("symlog", linthresh=sizes.max() / LINEAR)
                marked = 10.0 ** np.floor(np.log10(sizes.max())) * np.array([0.01, 1.0])
                ax.set_yticks([*-marked, 0.0, *marked])
            else:
                ax.set_yscale("log")
        for k, (name, losses) in enumerate({"loss": self.value, "validation": validation}.items()):
            shown = np.where(np.isfinite(losses), np.clip(losses, -HUGE, HUGE), np.nan)
            # A loop may know the validation loss of some steps only: where it is not known, the line goes on.
            drawn = ~np.isnan(losses) | ~np.isfinite(self.value)
            look = style.series(k, int(drawn.sum())) | {"label": name}
            style.broken_line(ax, self.evaluations[drawn], shown[drawn], look, "" if k else style.NOT_FINITE)
        if np.isfinite(validation).any():
            best = int(np.nanargmin(np.where(np.isfinite(validation), validation, np.nan)))
            at, star = self.evaluations[best], f"best, {self.counted} {self.evaluations[best]:,}"
            ax.plot(at, validation[best], "*", markersize=11, color=style.BLUE, label=star)

    def _draw_column(self, ax: Axes, numbers: np.ndarray, k: int) -> bool:
        """Draw the numbers of all rows, and return whether the axis is logarithmic."""
        finite = np.isfinite(numbers)
        if not finite.any():
            ax.text(
                0.5,
                0.5,
                "not known" if np.isnan(numbers).all() else "no finite number",
                color=style.GREY,
                transform=ax.transAxes,
                ha="center",
            )
            return False
        shown = np.where(finite, np.minimum(numbers, HUGE), np.nan)
        positive = shown > 0
        log = bool(positive.any() and np.nanmax(shown) > SPAN * shown[positive].min())
        drawn = np.full(len(shown), True)
        if log:
            ax.set_yscale("log")
            # A zero is marked at the foot of the axis.
            drawn, shown = positive | ~finite, np.maximum(shown, 1 / HUGE)
        look = style.series(k, int(drawn.sum()))
        style.broken_line(ax, self.evaluations[drawn], shown[drawn], look, "" if k else style.NOT_FINITE)
        return log

    def _mark_best(self, ax: Axes) -> None:
        ax.margins(y=0.12)  # space for the text at the star
        best = self.evaluations[np.flatnonzero(self.gap == 0)[0]]
        foot = ax.get_xaxis_transform()
        ax.plot(best, 0, "*", markersize=11, color=style.BLUE, transform=foot, clip_on=False, label="_best")
        late = best > np.mean(ax.get_xlim())
        place: style.Look = {"textcoords": "offset points", "color": ax.yaxis.label.get_color()}
        place |= {"xytext": (-8, 2), "ha": "right"} if late else {"xytext": (8, 2), "ha": "left"}
        ax.annotate("best", (best, 0), xycoords=foot, fontsize=9, **place)

    def _mark_zeros(self, ax: Axes, zero: np.ndarray) -> None:
        where = self.evaluations[zero][: style.MAX_MARKERS]
        if where.size:
            look: style.Look = {"markersize": 7, "color": style.ORANGE, "linestyle": "", "clip_on": False}
            ax.plot(where, np.zeros(len(where)), marker="v", transform=ax.get_xaxis_transform(), **look)

    def _mark_events(self, ax: Axes) -> None:
        for k, (kind, where) in enumerate(self.events.items()):
            # No more marks than can be told apart.
            seen = np.unique(np.round((where - where[0]) / (np.ptp(where) or 1.0), 2), return_index=True)[1]
            look: style.Look = {"transform": ax.get_xaxis_transform(), "clip_on": False, "linestyle": ""}
            look |= {"marker": style.SHAPES[(k + 1) % len(style.SHAPES)], "markersize": 4, "alpha": 0.8}
            label = kind if len(where) == 1 else f"{kind} ({len(where):,})"
            height = np.full(len(seen), STRIP - LINE * k)
            ax.plot(where[seen], height, color=style.additional(k)["color"], label=label, **look)


def _events_of(run: RunLike, clock: np.ndarray) -> dict[str, np.ndarray]:
    """Return where the events of a run happened, by their kind; trial steps that were rejected come last."""
    trace, found = run.trace, dict[str, list[int]]()
    iterations = trace.columns.get("iteration")
    if iterations is None or not len(clock):
        return {}
    for event in trace.stored_events:
        row = int(np.searchsorted(iterations, event.iteration))
        found.setdefault(event.kind, []).append(min(row, len(clock) - 1))
    where = {kind: clock[np.unique(rows)] for kind, rows in found.items()}
    # A log that skips steps has rejected none.
    has_trials = "epoch" not in trace.columns and getattr(run, "outcome", None) != Outcome.RECORDED
    if has_trials and (rejected := np.flatnonzero(trace.rejected)).size:
        where["rejected"] = clock[rejected]
    return where
