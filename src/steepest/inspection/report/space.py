"""`Space`: the surface of a function of two parameters, with the path of a run, to be turned by the reader."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.inspection.plots import style
from steepest.inspection.plots.function.path import describe_path, path_of
from steepest.inspection.protocol import FitLike, ResultLike
from steepest.inspection.window import NOT_AT_HAND, values_at, window_around
from steepest.types import Json

SIZE = 60  # points of the surface in each direction; chosen, not measured: more are no smoother to the eye
# The surface is shown up to this many times the largest height of the path above the best value. Chosen, not measured:
# higher walls would flatten the valley in which the path lies.
ROOM = 1.5
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
            If the run is no run of two parameters, or its function is not at hand.
        ModuleNotFoundError
            If Plotly is missing.
        """
        if not isinstance(run, ResultLike) or isinstance(run, FitLike):
            raise ValueError("three_d=True needs the run of a function of two parameters: leave it out")
        points, height, best = path_of(run, 2)
        box = window_around(points, best, run.outcome)
        x, y = (np.linspace(low, high, SIZE) for low, high in box)
        values = values_at(run, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
        if values is None:
            raise ValueError(f"three_d=True needs the function of the run ({NOT_AT_HAND}): leave it out")
        names = [str(name) for name in run.trace.names]
        surface = values.reshape(SIZE, SIZE)
        low, high = _heights(surface, height[np.isfinite(height)], run.maximized)
        inside = np.isfinite(height) & (points >= box[:, 0]).all(axis=1) & (points <= box[:, 1]).all(axis=1)
        inside &= (height >= low) & (height <= high)
        rows = np.flatnonzero(inside)
        rows = rows[style.rows_to_draw(height[rows])] if rows.size else rows
        ramp = list(style.RAMP[::-1] if run.maximized else style.RAMP)
        scale = [[k / (len(ramp) - 1), colour] for k, colour in enumerate(ramp)]
        shown = np.where((surface >= low) & (surface <= high), surface, np.nan)
        traces: list[Json] = [
            {"type": "surface", "x": _numbers(x), "y": _numbers(y), "z": [_numbers(row) for row in shown]}
            | {"colorscale": scale, "showscale": False, "cmin": low, "cmax": high, "name": "function"}
            | {"contours": {"z": {"show": True, "color": style.INK, "width": 1}}, "opacity": 0.95},
            _line("path", points[rows], height[rows], "lines+markers", size=3),
        ]
        if best in rows:
            traces.append(_line("best", points[[best]], height[[best]], "markers", size=7, symbol="diamond"))
        if 0 in rows:
            traces.append(_line("start", points[:1], height[:1], "markers", size=7, symbol="square-open"))
        axes = {f"{axis}axis": {"title": {"text": text}} for axis, text in zip("xyz", [*names, "value"], strict=True)}
        axes["zaxis"]["range"] = [low, high]
        layout = {
            "scene": axes | {"camera": {"eye": {"x": 1.3, "y": -1.5, "z": 0.9}}},
            "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "legend": {"x": 0, "y": 1, "bgcolor": "rgba(0,0,0,0)"},
            "showlegend": True,
        }
        return cls(library(), traces, layout, dict(CONFIG), describe_path(points, height, best))


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


def _line(name: str, points: np.ndarray, height: np.ndarray, mode: str, **marker: Json) -> dict[str, Json]:
    look = {"color": style.ORANGE, **marker}
    place = {"x": _numbers(points[:, 0]), "y": _numbers(points[:, 1]), "z": _numbers(height)}
    return (
        {"type": "scatter3d", "name": name, "mode": mode, "marker": look}
        | place
        | {"line": {"color": style.ORANGE, "width": 5}}
    )


def _numbers(values: np.ndarray) -> list[float | None]:
    """Return numbers as JSON has them, in six digits; None for those that are not finite."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values.tolist()]
