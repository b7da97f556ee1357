"""`write_player`: write a film as a web page that plays it without any other file."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from importlib import resources
from typing import IO, TYPE_CHECKING

from steepest.inspection.motion.film import Film

if TYPE_CHECKING:
    from PIL.Image import Image


def write_player(
    film: Film, order: Iterable[int], file: IO[bytes], fps: float, *, title: str, dark: bool | None
) -> None:  # fmt: skip
    """Write a film as a web page with all its frames; the page makes no request.

    What doesn't move is one image, over which the page lays a small one for each frame.

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
    template = _environment().from_string(resources.files(__package__).joinpath("player.html").read_text("utf-8"))
    width, height = film.still.size
    page = template.render(
        still=_embedded(film.still),
        layers=[_embedded(film.layer(k)) for k in order],
        captions=list(film.captions),
        title=title,
        width=width,
        height=height,
        fps=fps,
        scheme={None: "", True: "dark", False: "light"}[dark],
    )
    file.write(page.encode("utf-8"))


def check_jinja() -> None:
    """Raise ModuleNotFoundError if Jinja2 is missing."""
    _environment()


def _environment():  # type: ignore[no-untyped-def]
    try:
        from jinja2 import Environment, StrictUndefined
    except ModuleNotFoundError:
        raise ModuleNotFoundError('writing .html needs Jinja2: pip install "steepest[html]"') from None
    return Environment(autoescape=True, undefined=StrictUndefined)


def _embedded(image: Image) -> str:
    """Return an image as an address that holds all of it."""
    from PIL import Image

    file = io.BytesIO()
    # A picture has few colours, so that a palette of 256 halves its size.
    image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
