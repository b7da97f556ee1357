"""`Space`: the surface of a function of two parameters, with the path of a run, to be turned by the reader."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.plots.function.path import describe_path, path_of
from steepest.inspection.plots.style.colours import RAMP
from steepest.inspection.protocol import FitLike, ResultLike
from steepest.inspection.window import values_at, window_around
from steepest.printable import MOST_LETTERS, printable
from steepest.types import Json

SIZE = 60  # points of the surface in each direction; chosen, not measured: more are no smoother to the eye
# The surface is shown up to this many times the largest height of the path above the best value. Chosen, not measured:
# higher walls would flatten the valley in which the path lies.
ROOM = 1.2
# By how much the path lies above the surface, as a share of the height of the box, as half of it would be below else.
# Chosen by eye.
LIFT = 0.01
MOST_POINTS = 600  # of the path; chosen, not measured: each costs a call of the function
# A page keeps to itself: no button that sends data to a server, and no mark of another company.
CONFIG: dict[str, Json] = {
    "displaylogo": False,
    "displayModeBar": False,
    "responsive": True,
    "showSendToCloud": False,
    "showEditInChartStudio": False,
    "showLink": False,
    "plotlyServerURL": "",
    "modeBarButtonsToRemove": ["sendDataToCloud", "editInChartStudio"],
}


@dataclass(frozen=True)
class Space:
    """A surface and a path, as Plotly takes them.

    Parameters
    ----------
    library : str
        The code of Plotly, which the page holds.
    traces : list
        The surface, the path, its start and its best point.
    layout, config : dict
        How they are shown.
    caption : str
        What to see.
    """

    library: str
    traces: list[Json]
    layout: dict[str, Json]
    config: dict[str, Json]
    caption: str

    @classmethod
    def of(cls, run: object) -> Space:
        """Compute the surface around the path of a run.

        Parameters
        ----------
        run : run
            A run of two parameters.

        Returns
        -------
        Space
            The surface.

        Raises
        ------
        ValueError
            If the run is no run of two parameters.
        ModuleNotFoundError
            If Plotly is missing.
        """
        if not isinstance(run, ResultLike) or isinstance(run, FitLike):
            raise ValueError("three_d=True needs the run of a function of two parameters: leave it out")
        points, height, best = path_of(run, 2)
        box = window_around(points, best, run.outcome)
        x, y = (np.linspace(low, high, SIZE) for low, high in box)
        values = values_at(run, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
        names = [printable(name, MOST_LETTERS) for name in run.trace.names]
        surface = np.full((SIZE, SIZE), np.nan) if values is None else values.reshape(SIZE, SIZE)
        low, high = _heights(surface, height[np.isfinite(height)], run.maximized)
        inside = np.isfinite(height) & (points >= box[:, 0]).all(axis=1) & (points <= box[:, 1]).all(axis=1)
        inside &= (height >= low) & (height <= high)
        rows = np.flatnonzero(inside)
        rows = rows[style.rows_to_draw(height[rows])] if rows.size else rows
        ramp = list(RAMP[::-1] if run.maximized else RAMP)
        scale = [[k / (len(ramp) - 1), colour] for k, colour in enumerate(ramp)]
        # What is beyond the box is cut off there by Plotly, in a smooth edge; numbers far beyond would lose digits.
        shown = np.clip(surface, low - 2 * (high - low), high + 2 * (high - low))
        caption = describe_path(points, height, best)
        lift = LIFT * (high - low)
        traces: list[Json] = []
        if values is None:
            caption += " The function is not saved with a run, so that only the path is shown."
            line, above = points[rows], height[rows]
        else:
            traces.append(
                {"type": "surface", "x": _numbers(x), "y": _numbers(y), "z": [_numbers(row) for row in shown]}
                | {"colorscale": scale, "showscale": False, "cmin": low, "cmax": high, "name": "function"}
                | {"contours": {"z": {"show": True, "color": style.INK, "width": 1}}, "opacity": 0.95}
            )
            line = _between(points[rows])
            on_surface = values_at(run, line)
            assert on_surface is not None
            above = on_surface
        traces.append(_points("path", line, above + lift, "lines"))
        traces.append(_points("steps", points[rows], height[rows] + lift, "markers", size=3))
        if best in rows:
            traces.append(_points("best", points[[best]], height[[best]] + lift, "markers", size=7, symbol="diamond"))
        if 0 in rows:
            traces.append(_points("start", points[:1], height[:1] + lift, "markers", size=7, symbol="square-open"))
        axes: dict[str, dict[str, Json]] = {
            f"{axis}axis": {"title": {"text": text}} for axis, text in zip("xyz", [*names, "value"], strict=True)
        }
        axes["zaxis"]["range"] = [low, high]
        layout = {
            "scene": axes | {"camera": {"eye": {"x": 1.0, "y": -1.2, "z": 1.7}}},
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "legend": {"x": 0, "y": 1, "bgcolor": "rgba(0,0,0,0)"},
            "showlegend": True,
        }
        return cls(library(), traces, layout, dict(CONFIG), caption)


def library() -> str:
    """Return the code of Plotly.

    Returns
    -------
    str
        The code.

    Raises
    ------
    ModuleNotFoundError
        If Plotly is missing.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ModuleNotFoundError:
        raise ModuleNotFoundError('a section in 3-D needs Plotly: pip install "steepest[report3d]"') from None
    return str(get_plotlyjs())


def _heights(surface: np.ndarray, path: np.ndarray, maximized: bool) -> tuple[float, float]:
    """Return the least and the largest height to show."""
    every = np.concatenate([surface[np.isfinite(surface)], path])
    if not every.size:
        raise ValueError("three_d=True needs finite values around the path, and there are none: leave it out")
    sign = -1.0 if maximized else 1.0
    best, worst = (sign * every).min(), (sign * every).max()
    if path.size:
        worst = min(worst, best + ROOM * max((sign * path).max() - best, 0.05 * (worst - best)))
    low, high = sorted((sign * float(best), sign * float(worst)))
    return low, high if high > low else low + 1.0


def _between(points: np.ndarray) -> np.ndarray:
    """Return points along the lines between points, so that they can be drawn on a surface that bends."""
    parts = np.clip(MOST_POINTS // max(len(points), 1), 1, 20)
    places = np.arange((len(points) - 1) * parts + 1) / parts if len(points) else np.zeros(0)
    whole = np.arange(len(points))
    return np.column_stack([np.interp(places, whole, column) if len(points) else places for column in points.T])


def _points(name: str, points: np.ndarray, height: np.ndarray, mode: str, **marker: Json) -> dict[str, Json]:
    place = {"x": _numbers(points[:, 0]), "y": _numbers(points[:, 1]), "z": _numbers(height)}
    look = {"marker": {"color": style.ORANGE, **marker}, "line": {"color": style.ORANGE, "width": 5}}
    return {"type": "scatter3d", "name": name, "mode": mode} | place | look


def _numbers(values: np.ndarray) -> list[float | None]:
    """Return numbers as JSON has them, in six digits; None for those that are not finite."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values.tolist()]
