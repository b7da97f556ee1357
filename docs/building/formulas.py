"""Formulas as MathML, which browsers draw themselves: a page needs no script, no font and no other host."""

from __future__ import annotations

from typing import Any


def inline(page: Any, node: Any) -> None:
    """Write a formula within a line."""
    page.body.append(mathml(node.astext()))
    skip()


def display(page: Any, node: Any) -> None:
    """Write a formula on a line of its own, which scrolls if it is wider than the page."""
    page.body.append(f'<div class="formula">{mathml(node.astext(), display="block")}</div>\n')
    skip()


def mathml(formula: str, display: str = "inline") -> str:
    """Return a formula of LaTeX as MathML, with the LaTeX as its annotation for readers who copy it."""
    from html import escape

    from latex2mathml.converter import convert

    written = convert(formula, display=display)
    inner = written[written.index(">") + 1 : written.rindex("</math>")]
    if not inner.startswith("<mrow>"):
        inner = f"<mrow>{inner}</mrow>"
    note = f'<annotation encoding="application/x-tex">{escape(formula)}</annotation>'
    return f'<math display="{display}"><semantics>{inner}{note}</semantics></math>'


def skip() -> None:
    """Tell docutils that the node is done."""
    from docutils.nodes import SkipNode

    raise SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Register the way of writing formulas."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    return {"parallel_read_safe": True}
