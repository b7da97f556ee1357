"""`EffectsDisplay`: how much each column of a fit matters, the largest first, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.inspection.plots.display import Display
from steepest.inspection.plots.fitted.coefficients import spread_of
from steepest.inspection.protocol import FitLike, ImportanceLike, SpreadLike, StatedFitLike
from steepest.inspection.window import NotAtHandError
from steepest.printable import printable
from steepest.types import Function

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The most columns that are shown, and the most letters of their names.
MOST_SHOWN, WIDEST_NAME = 12, 26
# The most classes that are shown side by side; of more, each column shows that with its largest effect.
MOST_SIDE_BY_SIDE = 4
# The most work for intervals that nobody may have asked for: rows times parameters squared, measured as about 0.3 s.
MOST_WORK = 2e8
LEVEL = 0.95
# The most work for an importance that nobody may have asked for: rows times columns times numbers of the model, about
# 0.5 s; beyond, each column is shuffled once.
MOST_SHUFFLED = 1e9


class EffectsDisplay(Display):
    """The largest effects of columns: what a standard deviation of a column adds to the output of a linear model.

    Each dot is an effect, coefficient × standard deviation of the column, and the line through it an interval of 95 %
    confidence, if the fit has errors. A network, a tree or a kernel has no coefficients of columns: shown is then the
    importance, what the loss grows by if the values of a column are shuffled.

    Parameters
    ----------
    names : sequence of str
        The columns.
    effects : array of shape (columns,) or (columns, classes)
        The effects, or the importance.
    low, high : array of the same shape, optional
        The ends of the intervals; NaN where there is none.
    labels : sequence of str, optional
        The classes.
    on : str, optional
        What the effects are on.
    shuffled : bool, optional
        Whether the numbers are an importance.
    note : str, optional
        Why there are no intervals.
    title : str, optional
        The text above the picture.
    owners : sequence of str, optional
        The class of each effect, if each column shows only one of many classes.
    percent : bool, optional
        Whether the effects are growths in percent, as those on a target that was fitted as its logarithm.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once the display is drawn.
    ax_ : matplotlib.axes.Axes
        The axes.
    shown : list of str
        The names of the columns that are drawn, the largest first.

    Examples
    --------
    >>> EffectsDisplay(["age", "dose"], [1.5, -4.0], on="weight").shown
    ['dose', 'age']
    """

    def __init__(
        self, names: Sequence[str], effects: ArrayLike, low: ArrayLike | None = None, high: ArrayLike | None = None,
        *, labels: Sequence[str] = (), on: str = "", shuffled: bool = False, note: str = "", title: str = "",
        owners: Sequence[str] = (), percent: bool = False,
    ) -> None:  # fmt: skip
        self.names = [str(name) for name in names]
        self.effects = _matrix(effects, len(self.names))
        if not np.isfinite(self.effects).any():
            raise ValueError("no effect is a finite number, so there is nothing to draw: check the fit")
        unknown = np.full(self.effects.shape, np.nan)
        self.low, self.high = (unknown if end is None else _matrix(end, len(self.names)) for end in (low, high))
        self.labels, self.on, self.shuffled = tuple(labels), on, shuffled
        self.note, self.title = note, title
        self.owners, self.percent = tuple(owners), percent

    @classmethod
    @np.errstate(all="ignore")
    def from_run(cls, run: Any) -> EffectsDisplay:
        """Take the coefficients of a fit, or else the importance of its columns.

        Parameters
        ----------
        run : fit or fit of a table
            The fit.

        Returns
        -------
        EffectsDisplay
            The display, not drawn yet.

        Raises
        ------
        ValueError
            If the fit has neither coefficients of columns nor an importance.
        TypeError
            If the run is not a fit.
        """
        if not isinstance(run, FitLike):
            raise TypeError(f"effects are those of a fit, and this is a {type(run).__name__}: fit a model with st.fit")
        coef, names = np.asarray(run.params.get("coef", np.nan), dtype=float), _names_of(run)
        if coef.ndim and coef.shape[-1] == len(names) and getattr(run.model, "map", None) is None:
            return cls._of_coefficients(run, np.atleast_2d(coef), names)
        return cls._of_importance(run)

    @classmethod
    def _of_coefficients(cls, run: FitLike, coef: np.ndarray, names: list[str]) -> EffectsDisplay:
        spread = run.spread if isinstance(run, SpreadLike) else spread_of(run)
        if spread is None:
            raise NotAtHandError("the deviations of the columns are not at hand, as the fit was loaded: fit it again")
        reach, note = _reach_of(run, coef.shape)
        effects, reach = (coef * spread).T, (reach * spread).T
        owners = list[str]()
        labels = [printable(label, 16) for label in getattr(run, "classes", None) or range(len(coef))]
        if len(coef) == 1:
            labels = []
        elif len(coef) > MOST_SIDE_BY_SIDE:
            largest = np.nan_to_num(np.abs(effects)).argmax(axis=1)
            owners = [labels[k] for k in largest]
            names = [f"{name}, {owner}" for name, owner in zip(names, owners, strict=True)]
            effects, reach = (np.take_along_axis(each, largest[:, None], axis=1) for each in (effects, reach))
            labels = []
        on = effect_on(_loss_name(run), getattr(run, "target", "") or "the output", getattr(run, "classes", None))
        ends = [effects, effects - reach, effects + reach]
        percent = getattr(run, "log_target", None) is not None
        if percent:
            ends = [100 * np.expm1(each) for each in ends]
        return cls(names, *ends, labels=labels, on=on, note=note, title=run.title, owners=owners, percent=percent)

    @classmethod
    def _of_importance(cls, run: FitLike) -> EffectsDisplay:
        if not isinstance(run, ImportanceLike):
            raise ValueError("this fit has no coefficients of columns: use DescentDisplay, or fit a table")
        size = sum(np.size(part) for part in _parts(run.params))
        rows = _rows_of(run)
        try:
            found = run.importance(repeats=1 if rows * len(_names_of(run)) * size > MOST_SHUFFLED else 5)
        except RuntimeError as error:
            raise NotAtHandError(str(error)) from None
        return cls(list(found), list(found.values()), shuffled=True, on=_loss_name(run), title=run.title)

    @property
    def order(self) -> np.ndarray:
        """The columns, that with the largest effect first."""
        # Half as much and twice as much are as far from no effect.
        effects = np.log1p(self.effects / 100) if self.percent else self.effects
        size = np.where(np.isfinite(effects), np.abs(effects), 0.0).max(axis=1)
        return np.argsort(-size, kind="stable")

    @property
    def shown(self) -> list[str]:
        """The names of the columns that are drawn, the largest first."""
        return [self.names[k] for k in self.order[:MOST_SHOWN]]

    @property
    def caption(self) -> str:
        """A description of the picture, with the largest effect."""
        first = int(self.order[0])
        column = int(np.nan_to_num(np.abs(self.effects[first])).argmax())
        name, value = printable(self.names[first], 40), float(self.effects[first, column])
        if self.shuffled:
            loss = f"The {self.on}" if self.on else "The loss"
            loss = loss if loss.endswith("loss") else f"{loss} loss"
            words = f"{loss} grows most, by {style.number(value)}, if the values of {name} are shuffled"
        else:
            owner = self.labels[column] if self.labels else self.owners[first] if self.owners else ""
            if self.owners:
                name = printable(self.names[first].removesuffix(f", {owner}"), 40)
            on, of = self.on, ""
            if owner and on.endswith(" a class"):
                on = f"{on.removesuffix('a class')}{owner}"
            elif owner:
                of = f" (class {owner})"
            sign, unit = ("+" if value > 0 else "", " %") if self.percent else ("", "")
            words = f"A standard deviation of {name} changes {on}{of} most, by {sign}{style.number(value)}{unit}"
            if np.isfinite(self.low[first, column]):
                ends = style.number(self.low[first, column]), style.number(self.high[first, column])
                words += f", with a 95 % interval from {ends[0]} to {ends[1]}{unit}"
        if not np.nan_to_num(self.effects).any():
            words = "No column matters" if self.shuffled else f"No column changes {self.on}"
        elif (rest := len(self.names) - MOST_SHOWN) > 0:
            words += f"; {style.counted(rest, 'column')} with smaller effects {'is' if rest == 1 else 'are'} left out"
        return f"{words}.{f' {self.note}' if self.note else ''}"

    def table(self) -> dict[str, np.ndarray]:
        """Return the effects.

        Returns
        -------
        dict of str to array
            The column and its effect with the ends of the interval, the largest first; of several classes one after
            the other.
        """
        order, classes = self.order, self.effects.shape[1]
        table = {"column": np.repeat(np.array(self.names, dtype=object)[order], classes)}
        if self.labels:
            table["class"] = np.tile(np.array(self.labels, dtype=object), len(order))
        table["importance" if self.shuffled else "effect"] = self.effects[order].ravel()
        return table if self.shuffled else table | {"low": self.low[order].ravel(), "high": self.high[order].ravel()}

    def room(self, make: Callable[..., Figure]) -> tuple[Axes, ...]:
        """Make a figure whose height follows the number of columns.

        Parameters
        ----------
        make : callable
            A function of the width and height in inches that returns an empty figure, such as ``style.blank``.

        Returns
        -------
        tuple of matplotlib.axes.Axes
            The axes.
        """
        return (style.dress(make(6.8, 1.9 + 0.27 * min(len(self.names), MOST_SHOWN)).add_subplot()),)

    def _draw(self, ax: Axes) -> None:
        order = self.order[:MOST_SHOWN]
        places, classes = np.arange(len(order), dtype=float), self.effects.shape[1]
        if not self.shuffled:
            ax.axvline(0.0, color=style.GREY, linewidth=1.2, zorder=1)
        for k in range(classes):
            at = places + (k - (classes - 1) / 2) * 0.72 / classes
            effects, low, high = (each[order, k] for each in (self.effects, self.low, self.high))
            look: style.Look = {"color": style.COLOURS[k]}
            if classes == 1:
                ax.barh(at, effects, height=0.55, alpha=0.85 if self.shuffled else 0.3, linewidth=0, **look)
            if self.shuffled:
                continue
            known = np.isfinite(low) & np.isfinite(high)
            ax.hlines(at[known], low[known], high[known], linewidth=1.8, **look)
            label = self.labels[k] if self.labels else "effect with 95 % interval" if known.any() else "effect"
            dot: style.Look = {"linestyle": "", "marker": style.MARKERS[k], "markersize": 5.5 if classes == 1 else 4.5}
            ax.plot(effects, at, label=label, **look, **dot)
        names = [cut(self.names[k]) for k in order]
        ax.set_yticks(places, names, parse_math=False)
        ax.tick_params(axis="y", length=0)
        # At least three rows high, so that the bar of a single column is no block.
        margin = max(3 - len(order), 0) / 2
        ax.set_ylim(len(order) - 0.4 + margin, -0.6 - margin)
        style.label(ax, title=self.title, x=self._axis, legend=0 if self.shuffled else 4)

    @property
    def _axis(self) -> str:
        if self.shuffled:
            return "growth of the loss if the column is shuffled"
        percent = " in %" if self.percent else ""
        return f"change of {self.on}{percent} per standard deviation" if self.on else f"effect{percent}"


def effect_on(loss_name: str, target: str, classes: Sequence[object] | None) -> str:
    """Return what the coefficients of a linear model act on.

    Parameters
    ----------
    loss_name : str
        The name of the loss.
    target : str
        What is predicted.
    classes : sequence or None
        The labels of a classification.

    Returns
    -------
    str
        The words.

    Examples
    --------
    >>> effect_on("squared", "price", None), effect_on("log loss", "ill", ("no", "yes"))
    ('price', 'the log odds of yes')
    """
    if loss_name in ("log loss", "softmax"):
        return f"the log odds of {classes[1]}" if classes and len(classes) == 2 else "the log odds of a class"
    if classes is not None:
        return "the score of a class"
    return f"the logarithm of the mean of {target}" if loss_name.lower() in ("poisson", "gamma") else target


def cut(name: str, letters: int = WIDEST_NAME) -> str:
    """Return a name that fits beside the axes: of a long one the begin and the end, as names often differ there.

    Parameters
    ----------
    name : str
        The name.
    letters : int, optional
        The most letters.

    Returns
    -------
    str
        The name.

    Examples
    --------
    >>> cut("a long name of a column, number 1"), cut("age")
    ('a long name o…mn, number 1', 'age')
    """
    name = printable(name, 10 * letters)
    return name if len(name) <= letters else f"{name[: letters // 2]}…{name[letters // 2 + 1 - letters :]}"


def _matrix(values: ArrayLike, rows: int) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    if array.ndim not in (1, 2) or len(array) != rows or not rows:
        raise ValueError(f"the shape {array.shape} is not that of {rows} names: give a number, or a row, for each name")
    return array.reshape(rows, -1)


def _names_of(run: FitLike) -> list[str]:
    columns = run.columns
    if columns is not None:
        return [str(name) for name in columns]
    coef = np.asarray(run.params.get("coef", 0.0))
    return [f"x{j}" for j in range(coef.shape[-1])] if coef.ndim else []


def _reach_of(run: FitLike, shape: tuple[int, ...]) -> tuple[np.ndarray, str]:
    """Return how far the intervals of coefficients reach, NaN where there is none, and why there are none."""
    unknown = np.full(shape, np.nan)
    inner = getattr(run, "fit", run)
    size = np.size(run.params["coef"]) + np.size(run.params["intercept"])
    if run.data is not None and len(run.data[1]) * size**2 > MOST_WORK:
        return unknown, "Intervals would take a while: fit.summary() has them."
    if not isinstance(inner, StatedFitLike):
        return unknown, ""
    try:
        errors = inner.uncertainty(level=LEVEL)
    except Exception as error:  # noqa: BLE001 - the effects are worth a picture without their intervals, too
        return unknown, f"There are no intervals: {error}."
    if errors.why:
        return unknown, f"There are no intervals: {errors.why.partition(':')[0]}."
    flat = errors.flat_errors
    if len(flat) != size:
        return unknown, ""
    return errors.quantile(LEVEL) * flat[: unknown.size].reshape(shape), ""


def _loss_name(run: FitLike) -> str:
    inner = getattr(run, "fit", run)
    basis = getattr(inner, "basis", None)
    loss: Function | None = getattr(run, "loss", None) or getattr(basis, "loss", None)
    return str(getattr(loss, "name", ""))


def _rows_of(run: FitLike) -> int:
    held = getattr(run, "held_out", None)
    if held is not None:
        return len(held.truth)
    return 0 if run.data is None else len(run.data[1])


def _parts(params: Any) -> list[Any]:
    return [part for each in params.values() for part in (each if isinstance(each, (list, tuple)) else [each])]
