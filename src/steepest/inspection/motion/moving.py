"""The method `animate` of runs, races, maps and fits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from steepest.inspection.motion.scenes.choose import Animated


class Moving:
    """An object that can be drawn in motion."""

    def animate(
        self,
        path: str | os.PathLike[str],
        *,
        frames: int = 200,
        fps: float | None = None,
        dark: bool | None = None,
        progress: bool | None = None,
    ) -> Path:
        """Write an animation, whose frames are evenly spaced in evaluations.

        On a map of basins, each start appears after the number of steps that it needs; of a network or a tree, each
        frame is an epoch that was kept.

        Parameters
        ----------
        path : path
            The file: .gif, or .html for a page that plays without any other file, or .mp4 or .webm, which need ffmpeg.
        frames : int
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
            If the file can't be of this kind here, nothing moves, or `frames` or `fps` is too small.
        OSError
            If the file can't be written.

        Examples
        --------
        >>> import tempfile
        >>> import steepest as st
        >>> run = st.minimize(lambda x, y: (1 - x) ** 2 + 100 * (y - x**2) ** 2, (-1.2, 1.0))
        >>> run.animate(Path(tempfile.mkdtemp()) / "valley.gif", frames=20).name
        'valley.gif'
        """
        from steepest.inspection.motion.animate import animate

        return animate(cast("Animated", self), path, frames=frames, fps=fps, dark=dark, progress=progress)
