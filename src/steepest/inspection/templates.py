"""`page`: the templates of web pages, which need Jinja2."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

HOME = "steepest.inspection"


def page(name: str, **content: object) -> str:
    """Return a web page; texts in its content can't become tags.

    Parameters
    ----------
    name : str
        The template, as a path below the folder of this file.
    **content : object
        What the template shows, by name.

    Returns
    -------
    str
        The page.

    Raises
    ------
    ModuleNotFoundError
        If Jinja2 is missing.
    """
    return _environment().get_template(name).render(content)


def check_jinja() -> None:
    """Raise ModuleNotFoundError if Jinja2 is missing."""
    _environment()


def _environment() -> Environment:
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    except ModuleNotFoundError:
        raise ModuleNotFoundError('writing .html needs Jinja2: pip install "steepest[html]"') from None
    loader = FunctionLoader(lambda name: resources.files(HOME).joinpath(name).read_text("utf-8"))
    return Environment(autoescape=True, undefined=StrictUndefined, loader=loader, trim_blocks=True, lstrip_blocks=True)
