"""`animate`: write an animation of a run, a race, a map of basins or slopes to a file."""

from __future__ import annotations

import numbers
import os
from pathlib import Path

import numpy as np

from steepest.inspection.motion.film import DARK, WHITE, Film, pace
from steepest.inspection.motion.gif import FASTEST, write_gif
from steepest.inspection.motion.player import write_player
from steepest.inspection.motion.progress import check_progress, shown
from steepest.inspection.motion.scenes.choose import Animated, scene_of
from steepest.inspection.motion.video import CODECS, has_ffmpeg, write_video
from steepest.inspection.templates import check_jinja
from steepest.places import file_of, path_of
from steepest.printable import quoted
from steepest.writing import check_replaceable, new_file

GIF, PAGE = ".gif", ".html"
ENDINGS = (GIF, PAGE, *CODECS)


@np.errstate(all="ignore")
def animate(
    what: Animated,
    path: str | os.PathLike[str],
    *,
    frames: int = 200,
    fps: float | None = None,
    dark: bool | None = None,
    progress: bool | None = None,
) -> Path:
    """Write an animation to a .gif, .html, .mp4 or .webm file.

    The frames are evenly spaced in evaluations, not in iterations, and the first and the last state are among them. A
    run of one variable moves along its curve, with the tangent; of two variables across its contour lines, with the way
    of steepest descent; any other run is drawn as its descent. A fit on one column turns its line into place. A network
    on one or two columns shows its predictions, and a tree the gate at its root, after the epochs at which their
    parameters are kept: 0, 1, 2, 4, 8 and so on. The runs of a race move by one clock. Each start of a map of basins
    appears after the number of steps that it needs. Slopes have one frame for each h.

    Parameters
    ----------
    what : run, fit, Race, Basins or SlopesDisplay
        What to animate.
    path : path-like
        The file. Its ending chooses the format: .gif, .html for a page that plays without any other file or connection,
        which needs Jinja2, or .mp4 and .webm, which need ffmpeg.
    frames : int, optional
        The largest number of frames.
    fps : float, optional
        The frames per second; by default so many that the animation takes about 6 seconds, but at most 20.
    dark : bool, optional
        Whether the background is dark. By default a page follows the reader's choice, and the others are light.
    progress : bool, optional
        Whether to show how far the drawing is; by default on a terminal or in a notebook, after 2 seconds.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        If the ending is unknown or can't be written on this machine, nothing moves, or `frames` or `fps` is too small.
    TypeError
        If an argument has the wrong type.
    ModuleNotFoundError
        If Jinja2 is missing.
    OSError
        If the file can't be written; an existing one is then not changed.
    RuntimeError
        If ffmpeg fails.

    Examples
    --------
    A learning rate that is almost too large: the path jumps across the valley, and nears the minimum only slowly.

    >>> import tempfile
    >>> import steepest as st
    >>> run = st.gradient_descent(lambda x: x**2, 3.0, learning_rate=0.9, iterations=8)
    >>> file = animate(run, Path(tempfile.mkdtemp()) / "valley.gif")
    >>> from PIL import Image
    >>> with Image.open(file) as film:
    ...     film.n_frames  # the start, and one for each step
    9
    """
    place = path_of(path, "file")
    ending = place.suffix.lower()
    _check(place, ending, frames, fps, dark)
    check_progress(progress)
    # Checked before the frames are drawn, which takes longer.
    check_replaceable(file_of(path))
    scene = scene_of(what, int(frames))
    film = Film(scene, "none" if ending == PAGE else DARK if dark else WHITE)
    rate = pace(len(film)) if fps is None else float(fps)
    with new_file(path) as file, shown(len(film), progress) as order:
        if ending == GIF:
            write_gif(film, order, file, rate)
        elif ending == PAGE:
            write_player(film, order, file, rate, title=scene.title or "Animation", dark=dark)
        else:
            write_video(film, order, file, rate, ending)
    return place


def _check(path: Path, ending: str, frames: int, fps: float | None, dark: bool | None) -> None:
    """Raise an error if an animation can't be written as asked."""
    if ending not in ENDINGS:
        raise ValueError(
            f"{quoted(path.name)} ends in none of {', '.join(ENDINGS)}, which animations are written as: rename it"
        )
    if ending in CODECS and not has_ffmpeg():
        raise ValueError(f"{ending} needs ffmpeg, which is not on this machine: install it, or name a {GIF} or {PAGE}")
    if ending == PAGE:
        check_jinja()
    if isinstance(frames, bool) or not isinstance(frames, numbers.Integral) or frames < 2:
        raise ValueError(f"frames={quoted(frames)}: give the largest number of frames, a whole number, 2 or more")
    if fps is not None and (isinstance(fps, bool) or not isinstance(fps, numbers.Real) or not 0 < fps < np.inf):
        raise ValueError(f"fps={quoted(fps)}: give the frames per second, a number above 0")
    if fps is not None and ending == GIF and fps > FASTEST:
        most = f"a {GIF} shows at most {FASTEST} frames a second"
        raise ValueError(f"fps={fps:g} and {most}: give less, or name a {PAGE}")
    if dark not in (None, True, False):
        raise TypeError(f"dark={quoted(dark)}: give True or False, or leave it out")
