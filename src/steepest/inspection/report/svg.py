"""`svg_of`: a figure as SVG that belongs into a page: accessible, in the colours of the page, and small."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np

from steepest.inspection.plots import style

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

# A figure whose SVG is longer, in bytes, has its largest parts drawn as images. Measured: contour lines are 30 kB as
# paths, and 100 kB as an image; a shaded surface is 900 kB as paths, and 100 kB as an image.
MOST_BYTES = 150_000
IMAGE = "data:image/png;base64,"
QUALITY = 80  # of images, from 0 to 100. Measured: with 80 they have a quarter of the size of PNG, and look the same.
# A part with fewer corners stays as paths, which are sharp at each size.
FEW_CORNERS = 10_000
DPI = 150
# Colours of texts that have too little contrast for letters on some pages: the style sheet has others for them.
LETTERS = {style.GREY: "--soft", style.BLUE: "--blue", style.ORANGE: "--orange", style.GREEN: "--green"} | {
    style.PURPLE: "--purple"
}
SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # Texts as texts: a third of the size of outlines, and a reader can search and copy them.
    "svg.hashsalt": "steepest",  # The same figure has the same names, and so the same bytes.
    "svg.image_inline": True,
}
# Elements and attributes that say nothing to a reader. The size is that of the page.
IDLE = {"metadata", "style"}
NUMBERS = re.compile(r"-?\d+\.\d{2,}")
FONT = re.compile(r"font: ([^;]*?)([\d.]+px)[^;]*")
FAMILY = re.compile(r"font-family: [^;]*;? ?")
UPRIGHT = re.compile(r"rotate\(-?0 [^)]*\)")
COORDINATES = ("d", "x", "y", "width", "height", "transform", "points")
NAMES = re.compile(r"url\(#([^)]+)\)")


def svg_of(figure: Figure, name: str, title: str, description: str) -> str:
    """Return a figure as an SVG element for the inside of a page.

    Texts stay texts, in the font of the page. What has the grey of all pictures takes a colour of the page, which
    suits its ground. Parts with many corners become images.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The figure. If it is large, some of its parts are marked as images.
    name : str
        What all names inside begin with, so that several figures share a page.
    title, description : str
        What it shows, for readers who don't see it.

    Returns
    -------
    str
        The element.
    """
    source = _drawn(figure)
    if len(source) > MOST_BYTES:
        for artist in _large(figure):
            artist.set_rasterized(True)
        source = _drawn(figure)
    # This library has written it, so that it holds nothing that a parser should fear.
    root = ElementTree.fromstring(source)
    _trim(root)
    _rename(root, name)
    for tag, text in (("desc", description), ("title", title)):
        element = ElementTree.Element(tag, {"id": f"{name}-{tag}"})
        element.text = text
        root.insert(0, element)
    box = [float(part) for part in root.attrib["viewBox"].split()]
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-labelledby": f"{name}-title {name}-desc",
        # So wide that a text of 10 points has 9 to 18 pixels. Where this is too wide for a phone, it scrolls.
        "style": f"min-width: {0.9 * box[2]:.0f}px; max-width: {1.8 * box[2]:.0f}px",
    }
    return ElementTree.tostring(root, encoding="unicode")


def _drawn(figure: Figure) -> bytes:
    import matplotlib as mpl

    file = io.BytesIO()
    with mpl.rc_context(SETTINGS):
        figure.savefig(
            file, format="svg", dpi=DPI, bbox_inches="tight", pad_inches=0.04, metadata={"Date": None, "Creator": None}
        )
    return file.getvalue()


def _large(figure: Figure) -> Iterator[Artist]:
    """Yield the parts of a figure that are drawn with many corners."""
    from matplotlib.collections import Collection
    from matplotlib.lines import Line2D

    for artist in figure.findobj():
        if isinstance(artist, Line2D):
            corners = np.size(artist.get_path().vertices) // 2
        elif isinstance(artist, Collection):
            corners = sum(np.size(path.vertices) // 2 for path in artist.get_paths())
            # A surface has its corners only once it is projected, and a mesh has them in arrays.
            corners = max(corners, 4 * (0 if (array := artist.get_array()) is None else array.size))
            # A scatter repeats one path, and each place takes as many bytes as about ten corners.
            corners = max(corners, 10 * len(np.atleast_2d(artist.get_offsets())))
        else:
            continue
        if corners > FEW_CORNERS:
            yield artist


def _trim(root: ElementTree.Element) -> None:
    """Take out what the page does not need, and give the colours of the page to what is grey."""
    for parent in root.iter():
        parent.tag = parent.tag.rpartition("}")[2]
        parent.attrib = {key.rpartition("}")[2]: value for key, value in parent.attrib.items()}
        parent.text, parent.tail = (parent.text or "").strip() or None, None
        for child in list(parent):
            if child.tag.rpartition("}")[2] in IDLE:
                parent.remove(child)
        _recolour(parent)
        if parent.tag == "image":
            parent.attrib["href"] = _smaller(parent.attrib["href"])
        for key in COORDINATES:
            if key in parent.attrib:
                parent.attrib[key] = " ".join(NUMBERS.sub(_rounded, UPRIGHT.sub("", parent.attrib[key])).split())
        if not parent.attrib.get("transform", "-"):
            del parent.attrib["transform"]


def _smaller(address: str) -> str:
    """Return an image as WebP, if Pillow can write it here and it is smaller."""
    from PIL import Image, features

    data = base64.b64decode(address.removeprefix(IMAGE).encode())
    if not features.check("webp"):
        return address
    file = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        image.save(file, "WEBP", quality=QUALITY, method=4)
    coded = f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
    return min(address, coded, key=len)


def _recolour(element: ElementTree.Element) -> None:
    look = element.attrib.get("style", "")
    if element.tag in ("text", "tspan"):
        look = FAMILY.sub("", FONT.sub(lambda found: f"{_weight(found[1])}font-size: {found[2]}", look))
        for colour, name in LETTERS.items():
            look = look.replace(colour, f"var({name})")
    look = look.replace(style.GREY, "var(--soft)")
    if look:
        element.attrib["style"] = look


def _rounded(found: re.Match[str]) -> str:
    # A hundredth of a point is less than anyone sees.
    return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")


def _weight(words: str) -> str:
    return "".join(f"font-weight: {word}; " for word in words.split() if word.isdigit() or word == "bold") + "".join(
        f"font-style: {word}; " for word in words.split() if word == "italic"
    )


def _rename(root: ElementTree.Element, name: str) -> None:
    """Begin each name that is used with `name`, and drop the others."""
    used = set()
    for element in root.iter():
        for key, value in element.attrib.items():
            used.update(NAMES.findall(value))
            if key == "href" and value.startswith("#"):
                used.add(value[1:])
    for element in root.iter():
        if element.attrib.get("id") not in used:
            element.attrib.pop("id", None)
        for key, value in element.attrib.items():
            if key == "id":
                element.attrib[key] = f"{name}-{value}"
            elif key == "href" and value.startswith("#"):
                element.attrib[key] = f"#{name}-{value[1:]}"
            else:
                element.attrib[key] = NAMES.sub(lambda found: f"url(#{name}-{found[1]})", value)
