"""The pages of docs: what they promise to have, their links, and the code that makes the site of them."""

import doctest
import importlib.util
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Patch

import steepest
from steepest.inspection.plots import style
from steepest.trace import Outcome

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)]
# `make docs` draws these; they are not in the repository.
DRAWN = re.compile(r"gallery/[\w-]+\.png$|\.gif$")


def load(name):
    """Return a module of docs, which is no package."""
    spec = importlib.util.spec_from_file_location(name.replace("/", "_"), DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def sections(page):
    """Return the text below each heading of the second level, by heading."""
    parts = re.split(r"^## (.+)\n", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def prose(page):
    """Return the text of a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page):
    """Return the anchors of the headings of a page, as MyST makes them."""
    headings = re.findall(r"^#{1,3} (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("outcome", Outcome, ids=lambda outcome: outcome.name)
def test_an_outcome_has_its_anchor_and_an_example_that_ends_in_it(outcome):
    text = sections("outcomes.md")[str(outcome)]
    assert "**Evidence**" in text
    assert "**Next**" in text
    shown = "".join(example.want for example in doctest.DocTestParser().get_examples(text))
    assert f"{outcome}:" in shown or f"'{outcome}'" in shown


def test_the_page_of_outcomes_has_no_others():
    assert sections("outcomes.md").keys() == {str(outcome) for outcome in Outcome}


def test_the_comparison_has_the_tasks_of_the_how_to():
    tasks = [task for task in sections("howto.md") if task != "More"]
    assert len(tasks) == 12
    assert list(sections("comparison.md")) == tasks


def test_the_code_of_lmfit_runs():
    pytest.importorskip("lmfit")
    blocks = re.findall(r"\*\*lmfit\*\*\n\n```python\n(.*?)```", (DOCS / "comparison.md").read_text(), re.DOTALL)
    assert len(blocks) == 4
    exec("\n".join(blocks), {})  # noqa: S102 - our own page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_of_a_page_hold(page):
    for mark, label, target in re.findall(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", prose(page)):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        place = (page.parent / name).resolve() if name else page
        assert place.exists() or DRAWN.search(target), f"{target} is not there"
        assert not mark or len(label) > 20, f"{target} has no text for those who can't see it"
        if anchor and place.suffix == ".md":
            assert anchor in anchors(place), f"{target} has no such heading"


def test_each_entry_of_the_gallery_draws_its_picture():
    entries = sections("gallery.md")
    assert len(entries) >= 15
    for text in entries.values():
        examples = doctest.DocTestParser().get_examples(text)
        assert examples[-1].source.startswith("picture = ")
        assert len(examples) <= 7
        assert re.search(r"\]\(pictures/gallery/[\w-]+\.png\)", text)


def test_the_reference_has_every_public_name():
    names = load("building/names")
    blocks = [
        names.Block.read(found)
        for page in (DOCS / "api").glob("*.rst")
        for found in names.BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]
    described = {name for block in blocks if block.home == "steepest" for name in block.names}
    homes = {block.home.rpartition(".")[2] for block in blocks}
    assert set(steepest.__all__) <= described | homes


def test_panels_side_by_side_are_stacked_in_their_order():
    pictures = load("pictures")
    figure = style.blank(8, 3)
    for column, colour in enumerate(["#ff0000", "#00ff00"]):
        figure.add_subplot(1, 2, column + 1).axvspan(0, 1, color=colour)
    figure.legend(handles=[Patch(color="#0000ff", label="a key")], loc="outside upper center")
    figure.text(0.5, 0, "a caption of the whole figure " * 4, ha="center")
    wide, tall = pictures.drawn(figure), pictures.stacked(figure)
    assert wide.width > 2 * wide.height
    assert tall.width < tall.height
    rows = np.asarray(tall)[:, :, :3] / 255.0
    opaque = np.asarray(tall)[:, :, 3] > 250
    red, green, blue = (opaque & (np.abs(rows - colour).max(axis=2) < 0.1) for colour in np.eye(3))
    assert red.sum() == pytest.approx(green.sum(), rel=0.02)
    assert blue.any()
    assert np.flatnonzero(blue.any(axis=1)).max() < np.flatnonzero(red.any(axis=1)).min()
    assert np.flatnonzero(red.any(axis=1)).max() < np.flatnonzero(green.any(axis=1)).min()


def test_a_single_panel_with_its_colour_bar_stays_as_it_is():
    pictures = load("pictures")
    figure = style.blank()
    ax = figure.add_subplot()
    figure.colorbar(ax.imshow(np.eye(3)), ax=ax)
    assert pictures.stacked(figure) is None


def test_a_bad_page_is_complained_of(tmp_path):
    checks = load("building/checks")
    bad = '<html><img src="a.png"><img alt="a" src="https://x.org/a.png"><a href="https://x.org">x</a></html>'
    (tmp_path / "bad.html").write_text(bad)
    (tmp_path / "good.html").write_text('<html lang="en"><img src="a.png" alt="a valley"></html>')
    pages = sorted(set(checks.SEARCHES.values()))
    found = {words: [[pages.index(page), "a", True]] for words, page in checks.SEARCHES.items() if words != "lasso"}
    index = f"Search.setIndex({json.dumps({'docnames': pages, 'indexentries': found})})"
    (tmp_path / "searchindex.js").write_text(index)
    complaints = checks.complaints_of(tmp_path)
    assert len(complaints) == 4
    assert all(complaint.startswith("bad.html") for complaint in complaints[:3])
    assert "'lasso'" in complaints[3]


def test_a_formula_becomes_mathml():
    pytest.importorskip("latex2mathml")
    written = load("building/formulas").mathml(r"\frac{a}{2} < b", display="block")
    assert written.startswith('<math display="block"><semantics><mrow><mfrac>')
    assert r"\frac{a}{2} &lt; b</annotation>" in written
