"""`Film`: the frames of a scene as images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from steepest.inspection.motion.scenes.scene import Scene
from steepest.inspection.plots import style

if TYPE_CHECKING:
    from PIL.Image import Image

WHITE, DARK = "#ffffff", "#1e1e1e"  # the backgrounds for which the colours of figures are chosen
DPI = 100
# Seconds for which the last frame stays. Chosen, not measured: as long as it takes to read its caption.
HOLD = 1.5
# By default a film takes about SECONDS, within these frames per second. Chosen by eye: slower ones look like slides,
# and GIF players skip frames of faster ones.
SECONDS, SLOWEST, FASTEST = 6.0, 2.0, 20.0


class Film:
    """The frames of a scene as images. What doesn't move is drawn once, and its pixels are used again.

    Parameters
    ----------
    scene : Scene
        The scene.
    background : str
        The colour behind it; "none" for transparent images.
    captioned : bool
        Whether the images have the captions in them.
    dpi : int
        The pixels in an inch of the figure.
    """

    def __init__(self, scene: Scene, background: str = WHITE, *, captioned: bool = True, dpi: int = DPI) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        self.scene, self.captions = scene, scene.captions
        figure = scene.figure
        figure.set(facecolor=background, dpi=dpi)
        self._caption = figure.supxlabel("", color=style.GREY, fontsize=10, parse_math=False, visible=captioned)
        self._caption.set_in_layout(captioned)
        self._moving = sorted(scene.moving, key=lambda artist: artist.get_zorder())
        self._canvas = FigureCanvasAgg(figure)
        # The layout is that of the last frame, which shows most, and stays. So do the pixels of what doesn't move.
        self.draw(len(self) - 1)
        self._canvas.draw()
        figure.set_layout_engine("none")
        for artist in (*self._moving, self._caption):
            artist.set_animated(True)
        self._canvas.draw()
        self._still = self._canvas.copy_from_bbox(figure.bbox)

    def __len__(self) -> int:
        return len(self.captions)

    def draw(self, k: int) -> None:
        """Bring the figure into the state of frame k."""
        self.scene.draw(k)
        self._caption.set_text(self.captions[k])

    def frame(self, k: int) -> Image:
        """Return frame k."""
        self._canvas.restore_region(self._still)
        return self._drawn(k)

    def layer(self, k: int) -> Image:
        """Return what moves in frame k, on a transparent ground; `still` is the image below it."""
        self._canvas.get_renderer().clear()
        return self._drawn(k)

    @property
    def still(self) -> Image:
        """The image of all that stands still, which lies below every layer."""
        self._canvas.restore_region(self._still)
        return self._image()

    def _drawn(self, k: int) -> Image:
        self.draw(k)
        for artist in (*self._moving, self._caption):
            self.scene.figure.draw_artist(artist)
        return self._image()

    def _image(self) -> Image:
        from PIL import Image

        return Image.fromarray(np.array(self._canvas.buffer_rgba()))


def pace(frames: int) -> float:
    """Return the frames per second at which a film of some length is shown if no number is given.

    Parameters
    ----------
    frames : int
        The number of frames.

    Returns
    -------
    float
        The frames per second.

    Examples
    --------
    >>> pace(200), pace(60), pace(4)
    (20.0, 10.0, 2.0)
    """
    return min(max(frames / SECONDS, SLOWEST), FASTEST)
