"""The reference: tables of the public names, and a page for each class.

A page of docs/api has a line `.. public:: module`, for all public names of a module, or with names below it, for
these. It becomes a table of the names with their first sentences. The functions follow on the same page. Each class
gets a page of its own, which is written into docs/api/names while the site is built.
"""

from __future__ import annotations

import importlib
import inspect
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# These are attributes of packages, which load a module at first use, so that `import steepest.steps` does not work.
RULES = ("directions", "steps", "losses", "penalties", "models")
BLOCK = re.compile(r"^\.\. public:: (\S+)\n(?:   :(\w+):\n)?((?:\n*   [\w ]+$)*)", flags=re.MULTILINE)
TITLE = re.compile(r"^(.+)\n=+$", flags=re.MULTILINE)
# The options of autodoc for classes that do not show exactly the members that they define.
MEMBERS = {
    "TableFit": ":members:\n   :inherited-members:",
    **dict.fromkeys(
        ("Affine", "Ball", "Box", "ConvexSet", "Halfspace", "Simplex"), ":members: project, contains, linear_minimiser"
    ),
    "DescentRegressor": ":members: fit, partial_fit, predict",
    "DescentClassifier": ":members: fit, partial_fit, predict, predict_proba, predict_log_proba, decision_function",
}
FOLDER = "names"


@dataclass(frozen=True)
class Block:
    """The names of one line `.. public::`; nobody but the library makes objects of `results`."""

    home: str
    names: list[str]
    results: bool = False

    @classmethod
    def read(cls, found: re.Match[str]) -> Block:
        """Read a block from the text of a page."""
        return cls(found[1], found[3].split() or public(found[1]), found[2] == "results")

    def things(self) -> Iterator[tuple[str, Any]]:
        """Yield each name with its object."""
        for name in self.names:
            yield name, getattr(module_of(self.home), name)

    def table(self) -> str:
        """Return the table of the names with their first sentences."""
        rows = "\n".join(f"   {name}" for name in self.names)
        return f".. currentmodule:: {self.home}\n\n.. autosummary::\n   :nosignatures:\n\n{rows}\n"

    def entries(self) -> str:
        """Return the table, the functions, and a hidden list of the pages of classes."""
        parts, pages = [self.table()], []
        for name, thing in self.things():
            if isinstance(thing, type):
                pages.append(f"   {FOLDER}/{self.home}.{name}")
            elif inspect.isroutine(thing):
                parts.append(f".. autofunction:: {name}\n")
            else:
                parts.append(f".. autodata:: {name}\n   :no-value:\n")
        if pages:
            parts.append("\n".join([".. toctree::", "   :hidden:", "", *pages, ""]))
        return "\n".join(parts)

    def pages(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the text of the page of each class."""
        for name, thing in self.things():
            if not isinstance(thing, type):
                continue
            shown = f"{name}()" if self.results else name
            yield (
                f"{self.home}.{name}",
                f"{name}\n{'=' * len(name)}\n\n.. currentmodule:: {self.home}\n\n"
                f".. autoclass:: {shown}\n   {MEMBERS.get(name, ':members:')}\n",
            )


def module_of(home: str) -> Any:
    """Return the module with a public name."""
    parent, _, name = home.rpartition(".")
    return getattr(importlib.import_module(parent), name) if name in RULES else importlib.import_module(home)


def public(home: str) -> list[str]:
    """Return the public names of a module, for rules in the order of their source, for others in that of `__all__`."""
    module = module_of(home)
    known = getattr(module, "NAMED", {}).values()
    here = {name: what for name, what in vars(module).items() if getattr(what, "__module__", "") == module.__name__}
    own = [name for name, what in here.items() if name[0] != "_" and (isinstance(what, type) or what in known)]
    names = [name for name in getattr(module, "__all__", own) if name not in ("NAMED", "SYNONYMS")]
    if home.rpartition(".")[2] not in RULES:
        return names
    # The source begins with the simplest.
    return sorted(names, key=lambda name: place(getattr(module, name)))


def place(thing: Any) -> tuple[str, int]:
    """Return the source file and the line of a function, a class, or the class of an object."""
    thing = thing if isinstance(thing, type) or inspect.isroutine(thing) else type(thing)
    return inspect.getsourcefile(thing) or "", inspect.getsourcelines(thing)[1]


def write_pages(app: Any) -> None:
    """Write the page of each class, and remove those of earlier builds."""
    api = Path(app.srcdir, "api")
    shutil.rmtree(api / FOLDER, ignore_errors=True)
    (api / FOLDER).mkdir()
    for page in sorted(api.glob("*.rst")):
        for found in BLOCK.finditer(page.read_text(encoding="utf-8")):
            for name, text in Block.read(found).pages():
                (api / FOLDER / f"{name}.rst").write_text(text, encoding="utf-8")


def fill_in(app: Any, page: str, source: list[str]) -> None:
    """Replace the lines `.. public::` of a page, and the line `.. everything::` by the tables of all its neighbours."""

    def everything(line: re.Match[str]) -> str:
        return "\n".join(summary(Path(app.srcdir, "api", f"{name}.rst")) for name in line[1].split())

    source[0] = BLOCK.sub(lambda found: Block.read(found).entries(), source[0])
    source[0] = re.sub(r"^\.\. everything:: (.+)$", everything, source[0], flags=re.MULTILINE)


def summary(page: Path) -> str:
    """Return the title of a page as a heading with a link, and its tables."""
    text = page.read_text(encoding="utf-8")
    title = TITLE.search(text)[1]
    heading = f":doc:`{title} <{page.stem}>`"
    tables = [Block.read(found).table() for found in BLOCK.finditer(text)]
    return "\n".join([f"{heading}\n{'-' * len(heading)}\n", *tables])


def miss_none(app: Any, env: Any) -> None:
    """Warn of each public name that no page describes."""
    from sphinx.util import logging

    described = env.get_domain("py").objects
    for name in public("steepest"):
        if name not in RULES and f"steepest.{name}" not in described:
            logging.getLogger(__name__).warning("steepest.%s is public and in no page of docs/api: add it there", name)


def setup(app: Any) -> dict[str, bool]:
    """Connect the functions above to the events of Sphinx."""
    app.connect("builder-inited", write_pages)
    app.connect("source-read", fill_in)
    app.connect("env-check-consistency", miss_none)
    return {"parallel_read_safe": True}
