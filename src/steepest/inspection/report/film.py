"""`reel_of`: the animation of a run, small enough for a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from steepest.inspection.motion.film import DPI, Film, pace
from steepest.inspection.motion.player import Reel
from steepest.inspection.motion.scenes.choose import scene_of
from steepest.inspection.report.illustration import SCALE

if TYPE_CHECKING:
    from steepest.inspection.motion.scenes.choose import Animated

# The frames that a report shows at most, and the bytes that they may have. Chosen, not measured: a report is to be
# smaller than 600 kB.
FRAMES, MOST_BYTES = 60, 220_000
# With fewer frames an animation shows nothing that the figures don't. Chosen, not measured.
LEAST = 6


def reel_of(what: object, most: int = MOST_BYTES) -> Reel | None:
    """Return the animation of a run.

    Parameters
    ----------
    what : run, fit or race
        What is animated.
    most : int, optional
        The most bytes of all frames.

    Returns
    -------
    Reel or None
        The animation, in as many frames as fit; None if hardly anything moves, or too few frames fit.
    """
    try:
        scene = scene_of(cast("Animated", what), FRAMES)
    except ValueError:
        return None
    if len(scene.captions) < LEAST:
        return None
    width, height = scene.figure.get_size_inches().tolist()
    scene.figure.set_size_inches(SCALE * width, SCALE * height)
    film = Film(scene, "none", captioned=False, dpi=round(DPI / SCALE))
    order = range(len(film))
    reel = _reel(film, order)
    if (size := sum(map(len, reel.layers))) > most:
        # All frames have about the same size.
        frames = int(len(order) * max(most, 0) / size)
        if frames < LEAST:
            return None
        order = np.linspace(0, len(film) - 1, frames).round().astype(int).tolist()
        reel = Reel(
            reel.still,
            [reel.layers[k] for k in order],
            [reel.captions[k] for k in order],
            reel.title, reel.width, reel.height, pace(len(order)), alone=False,
        )  # fmt: skip
    return reel


def _reel(film: Film, order: range) -> Reel:
    return Reel.of(film, order, pace(len(order)), title=film.scene.title or "the descent", alone=False)
