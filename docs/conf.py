"""The settings with which Sphinx builds a site from this folder: run `make docs`."""

from __future__ import annotations

import importlib
import inspect
import re
from importlib import metadata
from typing import Any

project = "steepest"
release = version = metadata.version(project)
html_title = f"{project} {release}"

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"

myst_heading_anchors = 3
# Notebooks are executed at each build. A page can't run widgets, so it shows what else a cell gave, and loads nothing.
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
nb_ipywidgets_js = {}
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]

# A name in single backticks becomes a link if it is a name of the library, and stays plain code otherwise.
default_role = "py:obj"
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autosummary_generate = False
numpydoc_show_class_members = False
python_maximum_signature_line_length = 80

# These are attributes of packages, which load a module at first use, so that `import steepest.steps` does not work.
RULES = ("directions", "steps", "losses", "penalties", "models")
BARS = re.compile(r"(``.*?``)|\|")
# Doctest needs an empty line before the closing fence; a reader does not.
ENDS = re.compile(r"(```python\n.*?)\n+```$", flags=re.DOTALL | re.MULTILINE)


def setup(app: Any) -> None:
    """Connect the functions below to the events of Sphinx."""
    app.connect("source-read", fill_in)
    app.connect("autodoc-process-docstring", keep_bars, priority=900)  # after numpydoc
    app.connect("env-check-consistency", miss_none)


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
    names = [name for name in getattr(module, "__all__", own) if name != "NAMED"]
    if home.rpartition(".")[2] not in RULES:
        return names
    # The source begins with the simplest.
    return sorted(names, key=lambda name: place(getattr(module, name)))


def place(thing: Any) -> tuple[str, int]:
    """Return the source file and the line of a function, a class, or the class of an object."""
    thing = thing if isinstance(thing, type) or inspect.isroutine(thing) else type(thing)
    return inspect.getsourcefile(thing) or "", inspect.getsourcelines(thing)[1]


def fill_in(app: Any, page: str, source: list[str]) -> None:
    """Replace each line `.. public:: module` by entries for its public names, and tidy the ends of code blocks."""

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
    """Escape the bars of formulas such as |x|, which are markup to Sphinx."""
    example = False
    for k, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            lines[k] = BARS.sub(lambda bar: bar[1] or r"\|", line)


def miss_none(app: Any, env: Any) -> None:
    """Warn of each public name that no page describes."""
    from sphinx.util import logging

    described = env.get_domain("py").objects
    for name in public(project):
        if name not in RULES and f"{project}.{name}" not in described:
            logging.getLogger(__name__).warning(
                "%s.%s is public and in no page of docs/api: add it there", project, name
            )
