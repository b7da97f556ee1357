"""`Scene`: what stands still while one explores: the function, its picture, and what is known of its minimum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from steepest.derivatives.structure import Calling
from steepest.descent.run import Run
from steepest.inspection.plots import style
from steepest.inspection.plots.function.contour import ContourDisplay
from steepest.inspection.window import HUGE, values_at, window_around, window_given
from steepest.minimizing.minimize import minimize
from steepest.notebook.png import small_png
from steepest.printable import MOST_LETTERS, printable
from steepest.rules.directions import Momentum
from steepest.types import Function

CURVE, GRID = 400, 100  # the points of a curve, and of a side of a grid
WIDTH, HEIGHT = 6.4, 4.4  # of the picture, in inches
# The factor between the rate at which descent diverges and the smallest one, and the largest one, of the slider.
SLOWER, FASTER = 1e-3, 4.0
# What is added on each side of a window, as a share of it, by the number of variables: there one clicks other starts.
ROOM = {1: 0.3, 2: 0.1}
# The most steps of the slider. Chosen, not measured: more dots can't be told apart.
MOST_STEPS = 500
PREVIEW = 200  # the steps of the path that the window shows
FEW = 5  # the points of it if there is no minimum, as they may run away
UNKNOWN_CEILING = 1.0  # the rate at which descent diverges, where no curvature is known


@dataclass(frozen=True, eq=False)
class Scene:
    """What stands still while one explores a function.

    Parameters
    ----------
    f : callable
        The function.
    calling : Calling
        How it takes its point.
    start : array
        The first start, flat.
    best : Run
        The automatic run, which found the minimum.
    box : array of shape (parameters, 2)
        The window: low and high of x, and of y or, for one variable, of the value.
    png : bytes
        The picture of the function in the window, with its axes.
    frame : (left, top, right, bottom)
        The place of the axes in the picture, as shares of its width and height from the upper left.
    """

    f: Function
    calling: Calling
    start: np.ndarray
    best: Run
    box: np.ndarray
    png: bytes
    frame: tuple[float, float, float, float]

    @classmethod
    @np.errstate(all="ignore")
    def of(cls, f: Function, calling: Calling, start: np.ndarray, window: ArrayLike | None) -> Scene:
        """Find the minimum, and draw the function around the way there.

        Parameters
        ----------
        f : callable
            The function.
        calling : Calling
            How it takes its point.
        start : array
            The first start, flat.
        window : array-like or None
            The window that the user gave.

        Returns
        -------
        Scene
            The scene.

        Raises
        ------
        ValueError
            If the window is empty.
        """
        best = minimize(f, calling.point(start), progress=False)
        if window is None:
            box = window_around(_way(f, calling, start, best), 1, "")
            box += ROOM[start.size] * np.diff(box) * np.array([-1, 1])
        else:
            box = window_given(window, start.size)
        draw = _draw_curve if start.size == 1 else _draw_contour
        return cls(f, calling, start, best, *draw(best, box))

    @property
    def names(self) -> list[str]:
        """The names of the axes."""
        named = [printable(name, MOST_LETTERS) for name in self.best.trace.names]
        return named if len(named) == 2 else [*named, "value"]

    @property
    def curvature(self) -> float:
        """The largest curvature at the minimum; NaN if it is not known."""
        return curvature_at_minimum(self.best)

    @property
    def rates(self) -> tuple[float, float, float]:
        """The smallest and the largest rate of the slider, and one between them that descends."""
        ceiling = 2 / self.curvature if self.curvature == self.curvature else UNKNOWN_CEILING
        return SLOWER * ceiling, FASTER * ceiling, max(usual_rate(self.best, self.start), SLOWER * ceiling)

    def descend(self, start: np.ndarray, rate: float, momentum: float, iterations: int) -> Run:
        """Return the descent from a start by a fixed rate.

        Parameters
        ----------
        start : array
            The start, flat.
        rate : float
            The learning rate.
        momentum : float
            The share of the velocity that remains.
        iterations : int
            The number of steps.

        Returns
        -------
        Run
            The run.
        """
        return descended(self.f, self.calling, start, rate, momentum, iterations)


def descended(
    f: Function, calling: Calling, start: np.ndarray, rate: float, momentum: float, iterations: int
) -> Run:  # fmt: skip
    """Return the descent by a fixed rate; see `Scene.descend`."""
    # Plain descent is the heavy ball without momentum; one rule for both compiles once.
    how: dict[str, Any] = {"direction": Momentum(momentum), "step": rate, "iterations": iterations}
    return minimize(f, calling.point(start), progress=False, **how)


def curvature_at_minimum(best: Run) -> float:
    """Return the largest curvature at a minimum; NaN if it is not known."""
    known = best.certificate.curvature
    return known[-1] if known and math.isfinite(known[-1]) and known[-1] > 0 else math.nan


def usual_rate(best: Run, start: np.ndarray) -> float:
    """Return 1/λ, where λ is the largest curvature at the start and at the minimum."""
    steepest = np.fmax(curvature_at_minimum(best), _curvature_at(best, start))
    return float(1 / steepest) if np.isfinite(steepest) and steepest > 0 else UNKNOWN_CEILING / 2


def _curvature_at(run: Run, point: np.ndarray) -> float:
    """Return the largest curvature at a point, up or down; NaN if it can't be computed."""
    try:
        hessian = np.array([run.curvature(point, axis) for axis in np.eye(point.size)])
    except Exception:  # noqa: BLE001 - the user's function may raise anything
        return math.nan
    return float(np.abs(np.linalg.eigvalsh(hessian)).max()) if np.isfinite(hessian).all() else math.nan


def _way(f: Function, calling: Calling, start: np.ndarray, best: Run) -> np.ndarray:
    """Return the start, the minimum if there is one, and the points of two descents that lie around them."""
    plain = np.asarray(descended(f, calling, start, usual_rate(best, start), 0.0, PREVIEW).trace.x, dtype=float)
    if not best.success:
        return plain[:FEW][np.isfinite(plain[:FEW]).all(axis=1)]
    ends = np.array([start, flat(best.x)])
    path = np.concatenate([plain, np.asarray(best.trace.x, dtype=float)])
    # Either may swing far out, where the picture would hide what lies between the start and the minimum.
    near = np.linalg.norm(path - ends.mean(axis=0), axis=1) <= np.linalg.norm(ends[1] - ends[0])
    return np.concatenate([ends, path[near]])


def flat(x: object) -> np.ndarray:
    """Return a point as a user sees it as a flat array."""
    values = list(x.values()) if isinstance(x, dict) else x
    return np.ravel(np.asarray(values, dtype=float))


Drawn = tuple[np.ndarray, bytes, tuple[float, float, float, float]]


def _draw_curve(run: Run, box: np.ndarray) -> Drawn:
    """Draw a curve, and return its window with low and high of the values, the picture and the place of the axes."""
    x = np.linspace(box[0, 0], box[0, 1], CURVE)
    value = np.clip(_values(run, x[:, None]), -HUGE, HUGE)
    finite = value[np.isfinite(value)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    margin = 0.08 * (high - low) or max(1.0, abs(low))
    box = np.array([box[0], [low - margin, high + margin]])
    figure = style.blank(WIDTH, HEIGHT)
    ax = style.dress(figure.add_subplot())
    ax.set(xlim=box[0], ylim=box[1])
    ax.plot(x, value, color=style.BLUE, linewidth=1.8)
    style.label(ax, x=run.trace.names[0], y="value")
    return (box, *_pictured(figure, ax))


def _draw_contour(run: Run, box: np.ndarray) -> Drawn:
    """Draw contour lines, and return the window, the picture and the place of the axes."""
    grid_x, grid_y = (np.linspace(low, high, GRID) for low, high in box)
    values = _values(run, np.stack(np.meshgrid(grid_x, grid_y), axis=-1).reshape(-1, 2)).reshape(GRID, GRID)
    display = ContourDisplay(grid_x, grid_y, values, None, names=run.trace.names)
    figure = style.blank(WIDTH, HEIGHT)
    ax = style.dress(figure.add_subplot())
    display.plot(ax)
    ax.set_aspect("auto")
    return (box, *_pictured(figure, ax))


def _values(run: Run, points: np.ndarray) -> np.ndarray:
    values = values_at(run, points)
    assert values is not None  # the run was made here, so its function is at hand
    return values


def _pictured(figure, ax):  # type: ignore[no-untyped-def]
    png = small_png(figure)
    # Known once it is drawn.
    place = ax.get_position()
    return png, (place.x0, 1 - place.y1, place.x1, 1 - place.y0)
