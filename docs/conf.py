"""How Sphinx makes a site of this folder: run `make docs`."""

from __future__ import annotations

import importlib
import inspect
import re
from importlib import metadata
from typing import Any

project = "steepest"
release = version = metadata.version(project)
html_title = f"{project} {release}"

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"

myst_heading_anchors = 3

# A name in single backticks is a link where it is one of ours, and plain code elsewhere.
default_role = "py:obj"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autosummary_generate = False
numpydoc_show_class_members = False
python_maximum_signature_line_length = 80

# `steepest.steps` and the like are attributes that load a module when they are first asked for.
RULES = ("directions", "steps", "losses", "penalties", "models")
BARS = re.compile(r"(``.*?``)|\|")
# Doctest wants an empty line before the fence, and a reader none.
ENDS = re.compile(r"(```python\n.*?)\n+```$", flags=re.DOTALL | re.MULTILINE)


def setup(app: Any) -> None:
    """Tell Sphinx of what is done here beside its own work."""
    app.connect("source-read", fill_in)
    app.connect("autodoc-process-docstring", keep_bars, priority=900)  # when numpydoc has done its part
    app.connect("env-check-consistency", miss_none)


def module_of(home: str) -> Any:
    """Return a module by the name that users know it by."""
    parent, _, name = home.rpartition(".")
    return getattr(importlib.import_module(parent), name) if name in RULES else importlib.import_module(home)


def public(home: str) -> list[str]:
    """Return the public names of a module: rules in the order of their source, others as they are listed."""
    module = module_of(home)
    known = getattr(module, "NAMED", {}).values()
    here = {name: what for name, what in vars(module).items() if getattr(what, "__module__", "") == module.__name__}
    own = [name for name, what in here.items() if name[0] != "_" and (isinstance(what, type) or what in known)]
    names = [name for name in getattr(module, "__all__", own) if name != "NAMED"]
    if home.rpartition(".")[2] not in RULES:
        return names
    # What is simple comes first there.
    return sorted(names, key=lambda name: place(getattr(module, name)))


def place(thing: Any) -> tuple[str, int]:
    """Return the file of a class, a function or what an object is made by, and the line."""
    thing = thing if isinstance(thing, type) or inspect.isroutine(thing) else type(thing)
    return inspect.getsourcefile(thing) or "", inspect.getsourcelines(thing)[1]


def fill_in(app: Any, page: str, source: list[str]) -> None:
    """Write an entry for each public name of a module in the place of a line `.. public:: module`; tidy code."""

    def entries(line: re.Match[str]) -> str:
        home = line[1]
        parts = [f".. currentmodule:: {home}\n\n.. autosummary::\n   :nosignatures:\n"]
        parts += [f"   {name}" for name in public(home)]
        for name in public(home):
            thing = getattr(module_of(home), name)
            if isinstance(thing, type):
                parts.append(f"\n.. autoclass:: {name}\n   :members:")
            elif inspect.isroutine(thing):
                parts.append(f"\n.. autofunction:: {name}")
            else:
                parts.append(f"\n.. autodata:: {name}\n   :no-value:")
        return "\n".join(parts)

    source[0] = ENDS.sub(r"\1\n```", source[0])
    source[0] = re.sub(r"^\.\. public:: (\S+)$", entries, source[0], flags=re.MULTILINE)


def keep_bars(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Let the bars of a formula, as in |x|, be bars: to Sphinx they are markup."""
    example = False
    for k, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            lines[k] = BARS.sub(lambda bar: bar[1] or r"\|", line)


def miss_none(app: Any, env: Any) -> None:
    """Warn of a public name that no page describes."""
    from sphinx.util import logging

    described = env.get_domain("py").objects
    for name in public(project):
        if name not in RULES and f"{project}.{name}" not in described:
            logging.getLogger(__name__).warning(
                "%s.%s is public and in no page of docs/api: add it there", project, name
            )
