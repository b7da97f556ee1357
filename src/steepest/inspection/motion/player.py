"""`Reel` and `write_player`: a film as a web page that plays it without any other file."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from steepest.inspection.motion.film import Film
from steepest.inspection.templates import page

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Reel:
    """A film as the player takes it. What doesn't move is one image, over which it lays a small one for each frame.

    Parameters
    ----------
    still : str
        The image of what doesn't move, as an address that holds all of it.
    layers : sequence of str
        The image of each frame.
    captions : sequence of str
        The line below each frame.
    title : str
        What is shown.
    width, height : int
        The size of the images, in pixels.
    fps : float
        The frames per second.
    alone : bool
        Whether the page has nothing else: then the film plays by itself, and all keys are the player's.
    """

    still: str
    layers: Sequence[str]
    captions: Sequence[str]
    title: str
    width: int
    height: int
    fps: float
    alone: bool

    @classmethod
    def of(cls, film: Film, order: Iterable[int], fps: float, *, title: str, alone: bool) -> Reel:
        """Draw the frames of a film.

        Parameters
        ----------
        film : Film
            The film, on a transparent background.
        order : iterable of int
            The numbers of its frames, in order.
        fps, title, alone : float, str, bool
            As for `Reel`.

        Returns
        -------
        Reel
            The film for the player.
        """
        width, height = film.still.size
        frames = [(_embedded(film.layer(k)), film.captions[k]) for k in order]
        return cls(
            _embedded(film.still),
            [layer for layer, _ in frames],
            [caption for _, caption in frames],
            title, width, height, fps, alone,
        )  # fmt: skip


def write_player(
    film: Film, order: Iterable[int], file: IO[bytes], fps: float, *, title: str, dark: bool | None
) -> None:  # fmt: skip
    """Write a film as a web page with all its frames; the page makes no request.

    Parameters
    ----------
    film : Film
        The film, on a transparent background.
    order : iterable of int
        The numbers of its frames, in order.
    file : binary file
        The file to write to.
    fps : float
        The frames per second.
    title : str
        The title of the page.
    dark : bool or None
        Whether the page is dark; None for the colours that the reader prefers.

    Raises
    ------
    ModuleNotFoundError
        If Jinja2 is missing.
    """
    reel = Reel.of(film, order, fps, title=title, alone=True)
    scheme = {None: "", True: "dark", False: "light"}[dark]
    file.write(page("motion/player.html", film=reel, scheme=scheme).encode("utf-8"))


def _embedded(image: Image) -> str:
    """Return an image as an address that holds all of it."""
    from PIL import Image

    file = io.BytesIO()
    # A picture has few colours, so that a palette of 256 halves its size.
    image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
