"""`scene_of`: the scene that suits what is animated."""

from __future__ import annotations

from steepest.inspection.motion.scenes.basins import BasinScene
from steepest.inspection.motion.scenes.contour import ContourScene
from steepest.inspection.motion.scenes.curve import CurveScene
from steepest.inspection.motion.scenes.growing import DescentScene
from steepest.inspection.motion.scenes.race import RaceScene
from steepest.inspection.motion.scenes.scene import Scene
from steepest.inspection.motion.scenes.slides import GatesScene, SnapshotsScene
from steepest.inspection.motion.scenes.slopes import SlopesScene
from steepest.inspection.motion.scenes.training import TrainingScene
from steepest.inspection.picture import picture_of
from steepest.inspection.plots.function.contour import ContourDisplay
from steepest.inspection.plots.function.curve import CurveDisplay
from steepest.inspection.plots.function.slopes import SlopesDisplay
from steepest.inspection.plots.line import LineDisplay
from steepest.inspection.plots.network.snapshots import SnapshotsDisplay, has_panels
from steepest.inspection.plots.tree.gates import GatesDisplay
from steepest.inspection.protocol import BasinsLike, FitLike, NetworkFitLike, RaceLike, RunLike, tree_of
from steepest.printable import quoted

Animated = RunLike | RaceLike | BasinsLike | SlopesDisplay


def scene_of(what: Animated, most: int) -> Scene:
    """Return the scene that suits what is animated.

    Parameters
    ----------
    what : run, fit, Race, Basins or SlopesDisplay
        What is animated.
    most : int
        The largest number of frames.

    Returns
    -------
    Scene
        The scene.

    Raises
    ------
    TypeError
        If it is something else.
    """
    if isinstance(what, RunLike):
        return _scene_of_run(what, most)
    if isinstance(what, BasinsLike):
        return BasinScene(what, most)
    if isinstance(what, RaceLike):
        return RaceScene(what, most)
    if isinstance(what, SlopesDisplay):
        return SlopesScene(what, most)
    raise TypeError(f"{quoted(what)} can't be animated: give a run, a fit, a race, a map of basins or a SlopesDisplay")


def _scene_of_run(run: RunLike, most: int) -> Scene:
    tree = tree_of(run)
    if tree is not None:
        at_hand = tree.snapshots and tree.coordinates is not None and tree.data is not None
        return GatesScene(GatesDisplay.from_run(run), most) if at_hand else DescentScene(run, most)
    if isinstance(run, NetworkFitLike) and has_panels(run):
        return SnapshotsScene(SnapshotsDisplay.from_run(run), most)
    picture = picture_of(run)
    if isinstance(picture, CurveDisplay):
        return CurveScene(run, picture, most)
    if isinstance(picture, ContourDisplay):
        return ContourScene(run, picture, most)
    if isinstance(picture, LineDisplay) and isinstance(run, FitLike):
        return TrainingScene(run, most)
    return DescentScene(run, most)
