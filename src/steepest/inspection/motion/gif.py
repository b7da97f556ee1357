"""`write_gif`: write a film as a GIF file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO, TYPE_CHECKING

import numpy as np

from steepest.inspection.motion.film import HOLD, Film
from steepest.inspection.motion.frames import chosen
from steepest.inspection.plots import style

if TYPE_CHECKING:
    from PIL.Image import Image

# A palette has 256 colours, of which the writer keeps one for pixels that stay as they were.
COLOURS = 255
# The frames of which the palette is made. Chosen by eye: frames in between have no other colours.
SAMPLED = 6
# Pillow rounds the levels of a colour down to multiples of 4 before it looks for the nearest one, so that colours of
# the palette which are nearer to the background than this would take its place.
NEAR = 12
FASTEST = 50  # frames per second: browsers slow down GIF files with shorter pauses than 1/50 s


def write_gif(film: Film, order: Iterable[int], file: IO[bytes], fps: float) -> None:
    """Write a film as a GIF file that repeats itself; all frames share one palette.

    Parameters
    ----------
    film : Film
        The film, on an opaque background.
    order : iterable of int
        The numbers of its frames, in order.
    file : binary file
        The file to write to.
    fps : float
        The frames per second, rounded to whole hundredths of a second for each frame.
    """
    from PIL import Image

    palette = _palette([film.frame(k).convert("RGB") for k in chosen(range(len(film)), SAMPLED)])

    def images() -> Iterator[Image.Image]:
        for k in order:
            yield film.frame(k).convert("RGB").quantize(palette=palette, dither=Image.Dither.NONE)

    drawn = images()
    pause = 10 * round(100 / fps)
    durations = [pause] * (len(film) - 1) + [round(1000 * HOLD)]
    next(drawn).save(file, "GIF", save_all=True, append_images=drawn, duration=durations, loop=0, optimize=False)


def _palette(images: list[Image]) -> Image:
    """Return an image with the palette of several images."""
    from matplotlib.colors import to_rgba_array
    from PIL import Image

    width, height = images[0].size
    sheet = Image.new("RGB", (width, height * len(images)))
    for k, image in enumerate(images):
        sheet.paste(image, (0, k * height))
    # A colour of a few pixels, such as that of a line in a legend, would be mixed with others.
    kept = np.round(255 * to_rgba_array((*style.COLOURS, style.GREY))[:, :3]).astype(int)
    few = sheet.quantize(COLOURS - len(kept))
    colours = np.concatenate([np.array(few.getpalette()).reshape(-1, 3)[: COLOURS - len(kept)], kept])
    ground = np.array(sheet.getpixel((0, 0)))
    # The quantiser mixes the background with what is near it, and a white page would show the seam.
    colours[(np.abs(colours - ground) < NEAR).all(axis=1)] = ground
    few.putpalette(colours.ravel().tolist())
    return few
