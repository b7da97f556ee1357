"""Pictures that suit the reader's screen, from files beside them.

A page names `pictures/valley.png`. If `pictures/valley-tall.png` lies beside it, narrow screens show that one. In the
same way `-dark` is for the dark theme, and `-still` for readers who have asked for less motion.
"""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import Any

NARROW = "(max-width: 46em)"
STILL = "(prefers-reduced-motion: reduce)"


def write(page: Any, node: Any) -> None:
    """Write an image with its size and its variants."""
    from docutils.nodes import SkipNode

    source = Path(page.builder.srcdir, node["uri"])
    dark = source.with_stem(source.stem + "-dark")
    if not source.is_file():
        raise SkipNode  # Sphinx has warned of it
    if dark.is_file():
        page.body.append(picture(page, node, source, "only-light") + picture(page, node, dark, "only-dark"))
    else:
        page.body.append(picture(page, node, source))
    raise SkipNode


def picture(page: Any, node: Any, source: Path, theme: str = "") -> str:
    """Return the element of one file, with the files for narrow screens and for less motion."""
    tall = source.with_name(f"{source.stem}-tall{source.suffix}")
    still = source.with_name(f"{source.stem}-still.png")
    variants = [(media, file) for media, file in ((STILL, still), (NARROW, tall)) if file.is_file()]
    sources = [f'<source srcset="{address(page, file)}" media="{media}" {size(file)}>' for media, file in variants]
    moving = f'data-still="{address(page, still)}"' if still.is_file() else ""
    classes = " ".join(filter(None, [theme, "moving" if moving else ""]))
    text = page.attval(node.get("alt", ""))
    image = f'<img src="{address(page, source)}" alt="{text}" {size(source)} {moving}>'
    return f'<picture class="{classes}">{"".join(sources)}{image}</picture>'


def address(page: Any, source: Path) -> str:
    """Return where a file lies from the page, and have it copied there."""
    builder = page.builder
    key = source.relative_to(builder.srcdir).as_posix()
    if key not in builder.images:
        # Two folders may have files of the same name.
        builder.images[key] = key.replace("pictures/", "").replace("/", "-")
    return posixpath.join(builder.imgpath, builder.images[key])


def size(source: Path) -> str:
    """Return the width and the height in CSS pixels, so that the page does not jump while it loads."""
    from PIL import Image

    with Image.open(source) as opened:
        width, height = opened.size
    return f'width="{width}" height="{height}"'


def setup(app: Any) -> dict[str, bool]:
    """Take over the writing of images."""
    from docutils.nodes import image

    app.add_node(image, override=True, html=(write, None))
    return {"parallel_read_safe": True, "parallel_write_safe": False}
