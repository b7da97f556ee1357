"""`small_png`: a figure as a small image."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Pixels in an inch: sharp on a screen with two pixels in each of CSS; then coarser, until the image is small enough.
SHARPEST, COARSEST = 160, 60
MOST_BYTES = 90_000


def small_png(figure: Figure) -> bytes:
    """Return a figure as a transparent PNG image of at most about 90 kB, in 256 colours.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure.

    Returns
    -------
    bytes
        The image.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> small_png(Figure(figsize=(4, 3)))[:4]
    b'\\x89PNG'
    """
    from PIL import Image

    dpi = SHARPEST
    while True:
        drawn, file = io.BytesIO(), io.BytesIO()
        figure.savefig(drawn, format="png", dpi=dpi, transparent=True)
        with Image.open(drawn) as image:
            image.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
        if file.tell() <= MOST_BYTES or dpi <= COARSEST:
            return file.getvalue()
        dpi = max(COARSEST, dpi // 2)
