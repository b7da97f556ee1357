"""The cards that a notebook shows: whole for every result, small, escaped, and never an error."""

import base64
import builtins
import io
import re
import time
from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image
from tests.inspection.runs import bowl, halving, make_fit, make_run

import steepest as st
from steepest.inspection import CurveDisplay
from steepest.inspection.shown import Shown
from steepest.notebook import card as cards
from steepest.notebook.card import card
from steepest.trace import Certificate, Trace

EVIL = "<script>alert(1)</script>"
MOST_BYTES = 150_000
ALLOWED = {"div", "p", "strong", "pre", "figure", "img", "figcaption"}


class Tags(HTMLParser):
    """The tags, attributes and texts of a card; every tag is closed but those without content."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.text = [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.open += [tag] * (tag != "img")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(html):
    """Return the parsed card, after the checks that hold for each."""
    assert len(html.encode()) < MOST_BYTES
    tags = Tags(html)
    assert {tag for tag, _ in tags.tags} <= ALLOWED
    assert not [name for _, attrs in tags.tags for name in attrs if name.startswith("on")]
    return tags


def image_of(tags):
    [source] = [attrs["src"] for tag, attrs in tags.tags if tag == "img"]
    assert source.startswith("data:image/png;base64,")
    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("RGBA")


class Card(Shown):
    """A run that tests make, as a card."""

    def __init__(self, run, text="converged\n  at  1"):
        self.text = text
        self.__dict__.update(vars(run))

    def __str__(self):
        return self.text


def himmelblau(x, y):
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    descent = st.gradient_descent(lambda x, y: x**2 + 2 * y**2, (9.0, 4.0), learning_rate=0.1, iterations=20)
    rows = np.arange(40.0)
    table = {EVIL: rows, "y": 3 * rows + 1}
    return {
        "run": descent,
        "loaded": st.load(descent.save(tmp_path_factory.mktemp("run") / "run")),
        "fit": st.fit(st.models.Linear(), rows, 3 * rows + 1),
        "race": st.race(himmelblau, (0, 0), {EVIL: 0.01, "less": 0.001}, iterations=20),
        "basins": st.basins(himmelblau, ((-5, 5), (-5, 5)), size=20),
        "table": st.fit_table(table, target="y", held_out=0.25, rng=0),
    }


@pytest.mark.parametrize("name", ["run", "loaded", "fit", "race", "basins", "table"])
def test_every_result_has_its_text_and_a_small_picture(results, name):
    result = results[name]
    known = plt.get_fignums()
    began = time.process_time()
    tags = read(result._repr_html_())
    spent = time.process_time() - began
    assert plt.get_fignums() == known
    # Half a second on a quiet machine.
    assert spent < 5
    shown = re.sub(r"\s+", " ", tags.text)
    for line in str(result).splitlines():
        assert re.sub(r"\s+", " ", line).strip() in shown
    image = image_of(tags)
    assert min(image.size) > 200
    pixels = np.asarray(image)
    assert pixels[[0, 0, -1, -1], [0, -1, 0, -1], 3].max() == 0
    assert pixels[..., 3].max() > 200


def test_a_headline_says_how_it_went(results):
    for name, said in [("run", "completed"), ("table", "converged (certified)"), ("race", f"{EVIL} is ahead")]:
        text = read(results[name]._repr_html_()).text.strip()
        assert text.startswith(said)


def test_a_certificate_says_what_it_claims():
    text = read(Certificate("certified", gap=1e-9, tolerance=1e-6, curvature=(1.0, 4.0), x_error=(1e-3,))._repr_html_())
    assert "a proven bound" in text.text
    assert re.search(r"gap\s+1e-09 or less\s+allowed\s+1e-06\s+curvature\s+1 to 4\s+error\s+0.001", text.text)
    assert re.search(r"nothing is claimed .*\s+gap\s+not known", read(Certificate()._repr_html_()).text)


def nothing_finite():
    return make_run(lambda p: np.nan, np.full((3, 2), np.nan))


def no_rows():
    run = halving()
    run.trace = Trace({name: column[:0] for name, column in run.trace.columns.items()}, run.trace.x[:0], ["x", "y"])
    return run


def no_function():
    def lost(point):
        raise RuntimeError("function not at hand: this run was loaded")

    run = halving()
    run.evaluate = run.gradient_at = lost
    return run


def raises():
    def broken(point):
        raise ZeroDivisionError(EVIL)

    run = halving()
    run.evaluate = broken
    return run


@pytest.mark.parametrize("make", [nothing_finite, no_rows, no_function, raises])
def test_no_run_is_an_error(make):
    assert "converged" in read(Card(make())._repr_html_()).text


def test_what_can_not_be_drawn_is_said():
    run = halving()
    run.trace.columns.clear()
    assert re.search(r"No picture: \S+", read(Card(run)._repr_html_()).text)


def test_texts_of_users_are_shown_as_they_are():
    run = halving(title=EVIL, names=[EVIL, "$y$"])
    tags = read(Card(run, f"{EVIL}\n  {EVIL}\x1b[2J  1")._repr_html_())
    assert tags.text.count(EVIL) >= 2
    assert "\x1b" not in tags.text


def test_a_slow_function_is_not_evaluated_for_a_picture_that_nobody_asked_for():
    calls = []

    def slow(point):
        calls.append(time.sleep(0.002))
        return bowl(point)

    run = halving()
    run.evaluate = slow
    image_of(read(Card(run)._repr_html_()))
    assert len(calls) < 10


def test_a_large_result_is_a_small_card():
    random = np.random.default_rng(0)
    data = random.normal(size=100_000), random.normal(size=100_000)
    fit = make_fit(bowl, random.normal(size=(10_000, 2)), data, {"m": 1.0, "b": 0.0})
    lines = "\n".join(f"  {'x' * 1000}{k}  1" for k in range(5000))
    assert "more lines" in read(Card(fit, f"completed\n{lines}")._repr_html_()).text


def test_a_display_shows_its_picture_and_caption_once():
    display = CurveDisplay.from_run(make_run(lambda p: float(p[0] ** 2), [[2.0], [1.0], [0.5]], names="x"))
    tags = read(display._repr_html_())
    image_of(tags)
    assert display.caption in tags.text
    assert not hasattr(display, "figure_")
    # Drawn by pyplot, its figure is what the notebook shows, until the cell is over.
    display.plot()
    assert display._repr_html_() is None
    plt.close(display.figure_)
    image_of(read(display._repr_html_()))


def test_without_jinja_a_notebook_shows_the_text(monkeypatch, results):
    real = builtins.__import__

    def missing(name, *rest, **more):
        if name == "jinja2":
            raise ModuleNotFoundError(name)
        return real(name, *rest, **more)

    cards._template.cache_clear()
    monkeypatch.setattr(builtins, "__import__", missing)
    assert card("converged") is None
    assert results["run"]._repr_html_() is None
    cards._template.cache_clear()
