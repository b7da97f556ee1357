"""`scene_of`: the scene that suits what is animated."""

from __future__ import annotations

from steepest.inspection.motion.scenes.contour import ContourScene
from steepest.inspection.motion.scenes.curve import CurveScene
from steepest.inspection.motion.scenes.growing import DescentScene
from steepest.inspection.motion.scenes.scene import Scene
from steepest.inspection.picture import picture_of
from steepest.inspection.plots.contour import ContourDisplay
from steepest.inspection.plots.curve import CurveDisplay
from steepest.inspection.protocol import RunLike

Animated = RunLike


def scene_of(what: Animated, most: int) -> Scene:
    """Return the scene that suits what is animated.

    Parameters
    ----------
    what : run
        What is animated.
    most : int
        The largest number of frames.

    Returns
    -------
    Scene
        The scene.
    """
    picture = picture_of(what)
    if isinstance(picture, CurveDisplay):
        return CurveScene(what, picture, most)
    if isinstance(picture, ContourDisplay):
        return ContourScene(what, picture, most)
    return DescentScene(what, most)
