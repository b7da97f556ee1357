"""`explore`: a picture of a function in a notebook, with sliders for the rules of its descent."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from steepest.arguments import our_words
from steepest.derivatives.structure import read_call
from steepest.printable import quoted
from steepest.types import Function, PyTree
from steepest.widget.scene import MOST_STEPS, Scene

if TYPE_CHECKING:
    from steepest.widget.explorer import Explorer

MOST_PARAMETERS = 2


@our_words
def explore(
    f: Function,
    start: PyTree,
    *,
    learning_rate: float | None = None,
    momentum: float = 0.0,
    iterations: int = 50,
    window: ArrayLike | None = None,
) -> Explorer:
    """Explore in a notebook how the learning rate, the momentum and the start change a descent.

    A function of one variable is drawn as a curve, and of two as contour lines, with the path of plain descent or, with
    momentum μ > 0, of the heavy ball. Sliders change its rules, and a click or a drag on the picture its start. Each
    path is a descent of f itself, and the words below it say how it ended.

    Parameters
    ----------
    f : callable
        A function of one or two variables, as for `minimize`.
    start : float, array or dict
        The first point.
    learning_rate : float, optional
        The learning rate at first; by default 1/λ, where λ is the largest curvature at the start and at the minimum.
        Above 2/λ plain descent would diverge near the minimum.
    momentum : float, optional
        The share μ of the velocity that remains after each step, from 0 to below 1.
    iterations : int, optional
        The number of steps, from 1 to 500.
    window : (low, high) or ((x_low, x_high), (y_low, y_high)), optional
        What to draw; by default the surroundings of the start and of the minimum that `minimize` finds from there.

    Returns
    -------
    Explorer
        A widget. Its ``run`` is the current run, and ``learning_rate``, ``momentum``, ``iterations`` and ``start`` can
        be read and set.

    Raises
    ------
    ValueError
        If f takes more than two variables, or an argument is out of its range.
    ModuleNotFoundError
        If anywidget is missing.

    Examples
    --------
    >>> explorer = explore(lambda x, y: x**2 + 4 * y**2, (2.0, 1.0), learning_rate=0.1, iterations=10)
    >>> print(explorer.outcome)
    After 10 steps the value is 0.04612, which is 0.04612 above the minimum. Near it, rates below 0.25 settle.
    >>> explorer.learning_rate = 0.3
    >>> str(explorer.run.outcome)
    'diverged'
    """
    widget = _widget()
    calling, x = read_call(f, start)
    if x.size > MOST_PARAMETERS or not x.size:
        raise ValueError(
            f"f takes {x.size} numbers, and explore draws functions of 1 or 2: fix the others, such as "
            "st.explore(lambda x, y: f(x, y, 0.5), start=(x, y))"
        )
    rate = None if learning_rate is None else _number("learning_rate", learning_rate, "a number above 0")
    if rate is not None and rate <= 0:
        raise ValueError(f"learning_rate={quoted(learning_rate)}: give a number above 0")
    decay = _number("momentum", momentum, "a number from 0 to below 1")
    if not 0 <= decay < 1:
        raise ValueError(f"momentum={quoted(momentum)}: give a number from 0 to below 1")
    if (
        isinstance(iterations, bool)
        or not isinstance(iterations, numbers.Integral)
        or not 1 <= iterations <= MOST_STEPS
    ):
        raise ValueError(f"iterations={quoted(iterations)}: give a whole number from 1 to {MOST_STEPS}")
    scene = Scene.of(f, calling, x, window)
    return widget(scene, rate=rate, momentum=decay, iterations=int(iterations))


def _number(name: str, value: object, wanted: str) -> float:
    """Return a finite number that a user gave."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        raise ValueError(f"{name}={quoted(value)}: give {wanted}")
    return float(value)


def _widget() -> type[Explorer]:
    try:
        from steepest.widget.explorer import Explorer
    except ModuleNotFoundError as error:
        if error.name not in ("anywidget", "traitlets", "ipywidgets"):
            raise
        raise ModuleNotFoundError('explore needs anywidget: pip install "steepest[notebook]"') from None
    return Explorer
