"""Checks of the built site: a search finds what people look for, pictures have texts, and no page asks another host."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

# Words to search for, and the page that must come first. A page claims words by a directive `index` with an
# exclamation mark.
SEARCHES = {
    "minimise": "howto",
    "minimize": "howto",
    "gradient descent": "howto",
    "learning rate": "howto",
    "curve fitting": "howto",
    "confidence interval": "guide",
    "logistic regression": "howto",
    "lasso": "howto",
    "quantile regression": "howto",
    "neural network": "howto",
    "csv": "howto",
}
# Attributes that a browser follows by itself, unlike the `href` of a link.
FOLLOWED = {"src", "srcset", "data", "poster"}


class Page(HTMLParser):
    """Collects what is wrong with a page."""

    def __init__(self) -> None:
        super().__init__()
        self.complaints: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        given = dict(attrs)
        if tag == "html" and not given.get("lang"):
            self.complaints.append("the page does not say its language")
        if tag == "img" and not given.get("alt"):
            self.complaints.append(f"the picture {given.get('src')} has no text")
        followed = [value or "" for name, value in attrs if name in FOLLOWED or (tag == "link" and name == "href")]
        # A picture inside the page may have the slashes among its letters.
        asked = [value for value in followed if "//" in value and not value.startswith("data:")]
        self.complaints += [f"asks another host: {value[:200]}" for value in asked]


def complaints_of(folder: Path) -> list[str]:
    """Return what is wrong with the pages in a folder, and with the index that searches read."""
    found = []
    for path in sorted(folder.rglob("*.html")):
        page = Page()
        page.feed(path.read_text(encoding="utf-8"))
        found += [f"{path.relative_to(folder)}: {complaint}" for complaint in page.complaints]
    text = (folder / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    for words, wanted in SEARCHES.items():
        entries = index["indexentries"].get(words, [])
        if wanted not in [index["docnames"][page] for page, _, main in entries if main]:
            found.append(f"a search for {words!r} does not lead to {wanted}: name it there in a directive `index`")
    return found


def check(app: Any, error: Exception | None) -> None:
    """Fail the build if anything is wrong."""
    from sphinx.errors import SphinxError

    if error is None and app.builder.name == "html" and (found := complaints_of(Path(app.outdir))):
        raise SphinxError("\n".join(found))


def setup(app: Any) -> dict[str, bool]:
    """Have the site checked once it is built."""
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
