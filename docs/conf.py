"""The settings with which Sphinx builds a site from this folder: run `make docs`."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

project = "steepest"
release = version = metadata.version(project)
html_title = f"{project} {release}"
language = "en"

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "building.names",
    "building.formulas",
    "building.images",
    "building.checks",
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_theme_options = {
    "light_css_variables": {"color-code-background": "#f6f8fa"},
    "dark_css_variables": {
        "color-background-primary": "#1e1e1e",  # that of animations for the dark theme
        "color-background-secondary": "#191919",
        "color-code-background": "#141414",
    },
}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
# Styles whose colours have enough contrast (WCAG AA); accessible-pygments comes with the theme.
pygments_style = "github-light-high-contrast"
pygments_dark_style = "github-dark-high-contrast"

myst_enable_extensions = ["colon_fence", "dollarmath"]
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

SIGNATURE = re.compile(r"<dl>\n((?:<dd>.*</dd>\n)+)</dl>")
BARS = re.compile(r"(``.*?``)|\|")
# Doctest needs an empty line before the closing fence; a reader does not.
ENDS = re.compile(r"(```python\n.*?)\n+```$", flags=re.DOTALL | re.MULTILINE)


def setup(app: Any) -> None:
    """Connect the functions below to the events of Sphinx."""
    app.connect("source-read", tidy_blocks)
    app.connect("autodoc-process-docstring", keep_bars, priority=900)  # after numpydoc
    app.connect("html-page-context", mend, priority=900)  # after the theme


def tidy_blocks(app: Any, page: str, source: list[str]) -> None:
    """Remove the empty lines at the ends of code blocks."""
    source[0] = ENDS.sub(r"\1\n```", source[0])


def mend(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Mend two things that mislead screen readers: captions without a level, and signatures as lists of definitions."""
    context["body"] = SIGNATURE.sub(
        lambda found: f'<span class="parameters">{found[1].replace("dd>", "span>")}</span>', context.get("body", "")
    )
    if "furo_navigation_tree" in context:
        caption = 'class="caption" role="heading"'
        context["furo_navigation_tree"] = context["furo_navigation_tree"].replace(caption, f'{caption} aria-level="2"')


def keep_bars(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Escape the bars of formulas such as |x|, which are markup to Sphinx."""
    example = False
    for k, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            lines[k] = BARS.sub(lambda bar: bar[1] or r"\|", line)
