"""Reports against the runs that they are of, read back by another parser; and their promises to readers."""

import json
import re
import sys
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.inspection.report.pages import read

import steepest as st
from steepest import inspection
from steepest.inspection import Comparison, ContourDisplay, write_report
from steepest.inspection.plots.display import Display
from steepest.inspection.report import figures, film, write
from steepest.inspection.report.findings import findings_of
from steepest.inspection.report.outcome import Verdict
from steepest.inspection.report.patience import Patience
from steepest.trace import Certificate, Event, Outcome

NASTY = '<script>alert("1")</script>'


def valley(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


@pytest.fixture(scope="module")
def run():
    return st.minimize(valley, (-1.2, 1.0))


@pytest.fixture(scope="module")
def steps():
    """Return a run of 21 rows: x is 3 · 0.8^k."""
    return st.gradient_descent(lambda x: x**2, 3.0, learning_rate=0.1, iterations=20)


@pytest.fixture(scope="module")
def table():
    """Return the fit of a table with gaps and a column whose name is out to break the page."""
    random = np.random.default_rng(0)
    age = random.integers(2, 18, 90).astype(float)
    rows = {"age": np.where(np.arange(90) % 9 == 0, np.nan, age), NASTY: random.normal(size=90)}
    return st.fit_table(rows | {"height": 80 + 6 * age + random.normal(size=90)}, "height")


@pytest.fixture(scope="module")
def race():
    rules = {"slow": 0.0001, "too fast": 0.1, "auto": "auto"}
    return st.race(valley, (-1.2, 1.0), rules, evaluations=60)


@pytest.fixture(scope="module")
def pages(run, table, tmp_path_factory):
    """Return the pages of the run and of the table, without an animation."""
    folder = tmp_path_factory.mktemp("pages")
    return [read(write_report(what, folder / f"{k}.html", animation=False)) for k, what in enumerate((run, table))]


@pytest.fixture
def paged(tmp_path):
    """Return a function that writes a report without an animation, and reads it back."""

    def page(what, **options):
        return read(write_report(what, tmp_path / "page.html", **{"animation": False} | options))

    return page


def changed(run, **more):
    """Return a run with other attributes."""
    names = ("trace", "maximized", "outcome", "title", "evaluate", "gradient_at", "success", "message", "certificate")
    names += ("events", "x", "fun", "nit", "nfev", "njev", "kind", "why", "runs")
    return SimpleNamespace(**{name: getattr(run, name) for name in names} | more)


def facts_in(page):
    """Return the numbers of a page by name, each with its note."""
    return {each.one("dt").text: each.one("dd").text for each in page.one("dl", class_="facts").all("div")}


def test_it_says_how_the_run_ended_and_gives_its_numbers(run, pages):
    page = pages[0]
    verdict = page.one("section", id="outcome")
    assert verdict.attributes["class"] == "verdict good"
    assert run.message[1:] in verdict.text
    facts = facts_in(page)
    assert facts["Minimum"] == f"{run.fun:.8g}"
    assert facts["Work"] == f"{run.nit} steps {run.nfev} values and {run.njev} gradients of the function"
    assert float(facts["Distance"].split()[2].replace("−", "-")) == pytest.approx(run.certificate.gap, rel=0.1)
    head, *rows = page.one("table", class_="numbers").table()
    assert head == ["name", "value", "numerical error"]
    assert [name for name, _, _ in rows] == ["x", "y"]
    np.testing.assert_allclose([float(value) for _, value, _ in rows], run.x)
    errors = [float(error.split()[2].replace("−", "-")) for _, _, error in rows]
    np.testing.assert_allclose(errors, run.certificate.x_error, rtol=0.1)


def test_parameters_of_a_fit_have_their_standard_errors(paged):
    x = np.arange(8.0)
    fit = st.fit(lambda x, m, b: m * x + b, x, 2 * x + np.resize([1.0, -1.0, 0.5], 8))
    page = paged(fit)
    head, *rows = page.one("table", class_="numbers").table()
    assert head[:3] == ["name", "value", "standard error"]
    stated = [float(row[2].removeprefix("±")) for row in rows]
    np.testing.assert_allclose(stated, list(fit.standard_errors.values()), rtol=0.05)
    assert "how sure the data make a parameter: errors of equal variance." in page.one("section", id="numbers").text
    lasso = paged(st.fit(st.models.Linear(), x, x, penalty=st.penalties.L1(0.1)))
    assert "standard error" not in lasso.one("table", class_="numbers").text


def test_it_is_complete_and_leads_nowhere(run, table, race, tmp_path):
    for k, what in enumerate((run, table, race)):
        path = what.report(tmp_path / f"{k}.html")
        assert path.stat().st_size < 600_000
        page = read(path)
        assert page.one("html").attributes["lang"] == "en"
        assert page.one("head").one("title").text == page.one("h1").text != ""
        assert len(page.all("main")) == 1
        levels = [int(each.tag[1]) for each in page.walk() if re.fullmatch("h[1-6]", each.tag)]
        assert all(after - before <= 1 for before, after in pairwise(levels))
        known = [each.attributes["id"] for each in page.walk() if "id" in each.attributes]
        assert len(known) == len(set(known))
        for each in page.walk():
            for name in ("src", "href", "action", "srcset", "xlink:href"):
                address = each.attributes.get(name, "data:")
                assert address.startswith("data:") or address.removeprefix("#") in known
            for name in each.attributes.get("aria-labelledby", "").split():
                assert name in known
        assert not re.findall(r"https?:", re.sub(r"data:[^\"]*", "", path.read_text("utf-8")))
        policy = next(each for each in page.all("meta") if "http-equiv" in each.attributes).attributes["content"]
        assert policy.startswith("default-src 'none'")


def test_the_same_run_gives_the_same_bytes(run, tmp_path):
    first = run.report(tmp_path / "run.html").read_bytes()
    again = st.minimize(valley, (-1.2, 1.0))
    assert again.report(tmp_path / "run.html").read_bytes() == first
    assert len(list(tmp_path.iterdir())) == 1


def test_a_title_and_a_date_are_shown_if_given(run, pages, paged):
    page = paged(run, title=f"A {NASTY} valley", date="30 November 2026")
    assert page.one("h1").text == f"A {NASTY} valley"
    assert page.one("p", class_="date").text == "30 November 2026"
    assert page.one("p", class_="kind").text == "Descent of a function of 2 parameters"
    assert not pages[0].all("p", class_="date")


def test_texts_of_users_stay_texts(pages, paged):
    run = changed(st.minimize(lambda x: x**2, 1.0), message=NASTY, title=NASTY)
    for page in (pages[1], paged(run), paged(Comparison({NASTY: run, "b": run}))):
        assert not page.all("script")
        assert NASTY in page.text or "…" in page.text


def test_the_fit_of_a_table_shows_its_score_its_notes_and_its_coefficients(table, pages):
    page = pages[1]
    facts = facts_in(page)
    assert float(facts["R²"].split()[0]) == pytest.approx(table.score.value, abs=1e-4)
    assert all(line[1:] in page.one("section", id="outcome").text for line in table.score.words().splitlines())
    assert all(note in page.one("section", id="findings").text for note in table.notes if NASTY not in note)
    rows = {name: float(value.replace("−", "-")) for name, value, *_ in page.one("table", class_="numbers").table()[1:]}
    for name, value in table.coefficients.items():
        assert rows[name] == pytest.approx(value, rel=1e-6)


def test_the_counts_of_a_classification_are_those_of_its_score(paged):
    x = np.arange(60.0)
    fit = st.fit_table({"x": x, "kind": np.where(np.sin(x) + x / 20 > 1, "late", "early")}, "kind")
    page = paged(fit)
    head, *rows = page.all("table", class_="numbers")[0].table()
    assert head[1:] == list(fit.score.confusion.labels)
    assert [[int(count) for count in row[1:]] for row in rows] == [list(row) for row in fit.score.confusion.counts]
    assert facts_in(page)["Accuracy"].startswith(f"{100 * fit.score.value:.1f} %")


def test_of_many_parameters_the_largest_come_first_and_the_rest_folds_away(paged):
    run = st.minimize(lambda v: np.sum((v - np.arange(50)) ** 2), np.zeros(50))
    page = paged(run)
    shown, rest = (each.table()[1:] for each in page.all("table", class_="numbers"))
    assert [name for name, *_ in shown] == [f"x[{k}]" for k in range(49, 29, -1)]
    assert [name for name, *_ in rest] == [f"x[{k}]" for k in range(29, -1, -1)]
    folded = page.one("section", id="numbers").one("details")
    assert folded.one("summary").text == "30 more"


def test_digits_beyond_the_error_are_not_shown(run, paged):
    near = changed(
        run, x=np.array([1.23456789e-20, 1.23456789]), certificate=Certificate("audited", x_error=(1e-9, 1e-3))
    )
    rows = paged(near).one("table", class_="numbers").table()[1:]
    assert [row[1] for row in rows] == ["0", "1.2346"]


def test_each_picture_has_a_title_a_description_and_its_data(run, pages):
    page, display = pages[0], ContourDisplay.from_run(run)
    figure = page.all("figure")[0]
    svg = figure.one("svg")
    assert svg.attributes["role"] == "img"
    caption = figure.one("figcaption").text
    assert svg.one("desc").text == caption == " ".join(display.caption.split())
    assert svg.one("title").text == figure.one("h3").text
    head, *rows = figure.one("table").table()
    columns = display.table()
    assert head == list(columns)
    shown = np.array([[float(cell.replace("−", "-").replace(",", "")) for cell in row] for row in rows])
    expected = np.column_stack([np.asarray(column, dtype=float) for column in columns.values()])
    assert len(expected) == len(run.trace)
    np.testing.assert_allclose(shown, expected, rtol=1e-5, atol=1e-300)


def test_a_long_table_is_thinned_evenly_and_keeps_both_ends(paged):
    run = st.gradient_descent(lambda x: x**2, 3.0, learning_rate=1e-3, iterations=1999)
    figure = paged(run).all("figure")[0]
    rows = figure.one("table").table()[1:]
    assert len(rows) == 200
    points = np.array([float(row[0].replace("−", "-")) for row in rows])
    steps = np.log(points / 3) / np.log(1 - 2e-3)
    np.testing.assert_allclose(steps, np.linspace(0, 1999, 200), atol=0.6)
    assert "200 of 2,000 rows, evenly spaced." in figure.one("details").text


def test_a_picture_that_fails_is_named_and_costs_no_other(steps, paged, monkeypatch):
    class Broken(ContourDisplay):
        from_run = classmethod(lambda cls, run: 1 / 0)

    class Absent(ContourDisplay):
        @classmethod
        def from_run(cls, run):
            raise ValueError("this run has no such picture")

    monkeypatch.setattr(inspection, "Broken", Broken, raising=False)
    monkeypatch.setattr(inspection, "Absent", Absent, raising=False)
    before = len(paged(steps).all("figure"))
    rows = tuple(figures.Row("function", name, "from_run", f"A {name} one") for name in ("Broken", "Absent"))
    monkeypatch.setattr(figures, "FIGURES", rows + figures.FIGURES)
    page = paged(steps)
    assert len(page.all("figure")) == before > 0
    said = "A picture could not be drawn. A Broken one: ZeroDivisionError: division by zero"
    assert page.one("p", class_="failed").text == said


def test_a_picture_that_needs_what_is_not_at_hand_is_left_out_and_named(paged):
    x = np.linspace(-1, 1, 40)[:, None]
    blocks = ((x[k : k + 10], 3 * x[k : k + 10, 0]) for k in range(0, 40, 10))
    page = paged(st.fit(st.models.Linear(), blocks))
    text = page.one("section", id="figures").text
    assert "not at hand, which are not saved with a fit: The data and the fit; The predictions" in text
    assert "The residuals; The gradients of batches." in text
    assert not page.all("p", class_="failed")


def again(run, folder):
    """Save a run, and load it."""
    return st.load(run.save(folder / "saved"))


X = np.random.default_rng(0).normal(size=(60, 2))


@pytest.mark.always(4)
@pytest.mark.parametrize(
    "make",
    [
        lambda: st.gradient_descent(lambda x: x**2, 3.0, learning_rate=0.1, iterations=20),
        lambda: st.gradient_descent(lambda v: np.sum(v**4), (1.0, 2.0, 3.0), learning_rate=0.01, iterations=20),
        lambda: st.gradient_descent(lambda x, y: x**2 + 4 * y**2, (3.0, 1.0), learning_rate=9.0, iterations=20),
        lambda: st.fit(st.models.Linear(), X, X @ [1.0, 2.0] + X[:, 0] ** 2),
        lambda: st.fit(st.models.Linear(), X[:, 0], X @ [1.0, 2.0]),
        lambda: st.fit(st.models.Logistic(), X, (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(float)),
        lambda: st.fit_table({"a": X[:, 0], "b": X[:, 0] + X[:, 1]}, "b"),
        lambda: st.fit_table({"a": X[:, 0], "b": np.where(X[:, 0] + X[:, 1] > 0, "u", "v")}, "b"),
    ],
)
def test_a_loaded_run_names_each_picture_that_it_lacks_and_no_other(make, paged, tmp_path):
    run = make()
    loaded = again(run, tmp_path)
    before, after = figures.gallery_of(run), figures.gallery_of(loaded)
    assert not before.absent
    shown = [each.heading for each in before.shown]
    assert sorted(shown) == sorted([each.heading for each in after.shown] + after.absent)
    asides = [each.text for each in paged(loaded).all("p", class_="aside") if each.text.startswith("Left out")]
    assert len(asides) == bool(after.absent)
    assert all(heading in asides[0] for heading in after.absent)


def sleepy(x, y):
    time.sleep(0.001)
    return (x - 1) ** 2 + 4 * y**2


def test_what_takes_long_is_left_out_with_its_time(tmp_path):
    slow = st.minimize(sleepy, (3.0, 2.0), gradient=lambda x, y: (2 * (x - 1), 8 * y))
    began = time.perf_counter()
    page = read(slow.report(tmp_path / "run.html"))
    # The contour lines alone would take 10 s.
    assert time.perf_counter() - began < 9
    lines = [each.text for each in page.all("p", class_="aside") if "would take" in each.text]
    assert [line.partition(":")[0] for line in lines] == ["The path across the function", "The animation"]
    assert "run.plot() draws it" in lines[0]
    seconds = float(re.search(r"about (\d+) s", lines[0])[1])
    assert 10 <= seconds < 40
    race = st.race(sleepy, (3.0, 2.0), {"a": 0.1, "b": 0.05}, evaluations=5)
    page = read(race.report(tmp_path / "race.html"))
    assert "race.plot() draws it" in page.one("section", id="figures").text
    assert "figure does" not in page.text


def test_all_pictures_together_have_one_patience(run):
    patience = Patience(run, seconds=60.0)
    assert not patience.lacking("ContourDisplay")
    assert not patience.lacking("DescentDisplay")
    spent = 60.0 - patience.left
    assert spent > 0
    assert Patience(run, seconds=spent / 1e6).lacking("ContourDisplay") > 0
    assert not Patience(run, seconds=0.0).lacking("DescentDisplay")


def test_an_animation_that_fails_is_named(steps, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "reel_of", lambda *_: 1 / 0)
    page = read(steps.report(tmp_path / "run.html"))
    assert "The animation: ZeroDivisionError" in page.one("p", class_="failed").text
    assert page.all("figure")


def test_each_row_of_the_table_of_figures_names_a_display():
    kinds = {"race", "function", "fit", "network", "tree", "table", "one", "two", "many", "fixed", "blown-up"}
    kinds |= {"unfinished", "own-gradient", "coefficients", "batches"}
    for row in figures.FIGURES:
        assert callable(getattr(getattr(inspection, row.display), row.make))
        assert set(row.kinds.split()) <= kinds


def test_the_kinds_of_runs(run, steps, race, table):
    kinds = figures.kinds_of
    assert kinds(run) == {"function", "two"}
    assert kinds(steps) == {"function", "one", "fixed"}
    assert kinds(race) == {"race"}
    assert kinds(table) == {"fit", "table", "coefficients"}
    x = np.linspace(-1, 1, 30)
    batched = st.fit(st.models.Linear(), x, x, batch_size=5, step=0.1, direction="plain", epochs=3)
    assert kinds(batched) == {"fit", "coefficients", "batches"}
    assert kinds(st.fit(st.models.SVR("rbf"), x, np.sin(3 * x))) == {"fit"}
    assert kinds(race.runs["too fast"]) >= {"two", "fixed", "blown-up", "unfinished"}
    given = st.minimize(lambda v: np.sum(v**2), np.ones(3), gradient=lambda v: 2 * v)
    assert kinds(given) >= {"function", "many", "own-gradient"}


@pytest.mark.parametrize("outcome", list(Outcome))
def test_each_outcome_has_a_headline(steps, outcome):
    for maximized in (False, True):
        verdict = Verdict.of(changed(steps, outcome=outcome, success=outcome.success, maximized=maximized))
        assert verdict.headline
        assert not set("{}") & set(verdict.headline)
        assert ("maximum" in verdict.headline) <= maximized
        assert (verdict.tone in ("good", "done")) == outcome.success


def test_a_run_that_diverged_says_so_and_where_it_was_best(paged):
    run = st.gradient_descent(lambda x, y: x**2 + y**2, (9, 9), learning_rate=1.1, iterations=20)
    page = paged(run)
    assert page.one("section", id="outcome").attributes["class"] == "verdict bad"
    assert "keep the step below 1" in page.one("section", id="outcome").text
    assert facts_in(page)["Best value"] == "162 at the start: no later point is better"
    assert "Apart from the outcome, nothing suspicious" in page.one("section", id="findings").text


def test_a_best_point_outside_the_record_is_not_called_the_start(paged):
    run = st.minimize(lambda x: -(x**2), 1.0)
    assert abs(run.x) > 1e9
    assert "start" not in facts_in(paged(run))["Best value"]


def test_a_function_of_very_many_parameters_keeps_their_number(paged):
    run = st.minimize(lambda v: np.sum((v - 1) ** 2), np.zeros(1500))
    page = paged(run)
    assert page.one("h1").text == "Descent of a function of 1,500 parameters"
    assert "The other 980 are smaller." in page.one("section", id="numbers").text


def test_features_of_a_kernel_are_not_listed(paged):
    x = np.linspace(-1, 1, 30)[:, None]
    fit = st.fit(st.models.SVR("rbf"), x, np.sin(3 * x[:, 0]))
    assert not paged(fit).all("table", class_="numbers")


def test_a_maximum_is_called_one(paged):
    run = st.maximize(lambda x, y: -(x**2) - y**2 + 5, (3.0, 1.0))
    page = paged(run)
    assert facts_in(page)["Maximum"] == "5"
    assert "below the maximum" in facts_in(page)["Distance"]
    assert "maximum" in page.one("section", id="outcome").one("h2").text


def test_a_loaded_run_is_reported_without_its_function(run, pages, paged, tmp_path):
    page = paged(st.load(run.save(tmp_path / "kept")))
    assert facts_in(page) == facts_in(pages[0])
    assert page.all("svg")


def test_rows_that_are_not_finite_are_found(steps, paged):
    trace = steps.trace
    value = trace.value.copy()
    value[[7, 9]] = np.nan, np.inf
    broken = type(trace)(trace.columns | {"value": value}, trace.x, trace.names, trace.stored_events)
    run = changed(steps, trace=broken)
    (warning,) = [each for each in findings_of(run) if each.level == "warning"]
    assert warning.text == "2 of 21 rows of the record are not finite, the first at 7."
    assert warning.text in paged(run).one("section", id="findings").text


REJECTED = [Event(3, "rejected", "", 2), Event(5, "rejected", "", 4)]
DEPENDENT = [Event(0, "collinear", "2 of 5 columns depend on others")]


@pytest.mark.parametrize(
    ("more", "level", "words"),
    [
        ({"events": REJECTED}, "note", "6 trials in 2 steps, most of them in step 5 (4)."),
        ({"events": DEPENDENT}, "warning", "2 of 5 columns depend on others."),
        ({"events": [Event(1, "new kind", "a detail")]}, "note", "A detail (step 1)."),
        ({"certificate": Certificate("audited", x_error=(np.inf,))}, "warning", "Other values fit as well: x."),
        ({"kind": "differences", "why": "the code can't be traced"}, "note", "The code can't be traced."),
    ],
)
def test_findings(steps, more, level, words):
    assert (level, words) in [(each.level, each.text) for each in findings_of(changed(steps, **more))]


def test_a_model_that_is_no_better_than_a_guess_is_a_finding(paged):
    random = np.random.default_rng(1)
    fit = st.fit_table({"noise": random.normal(size=60), "y": random.normal(size=60)}, "y", penalty=None)
    assert fit.score.loss > fit.score.baseline_loss
    assert "predicts no better than a guess" in paged(fit).one("section", id="findings").text


def test_a_fit_without_rows_held_out_says_so(table):
    x = np.arange(20.0)
    rows = x, 3 * x + np.sin(x)
    line = st.models.Linear()
    titles = [[each.name for each in findings_of(fit)] for fit in (st.fit(line, *rows), table)]
    assert ["No rows were held out" in each for each in titles] == [True, False]
    network = st.fit(st.models.Network(hidden=(4,), members=1), *rows, epochs=2, rng=0)
    assert "No rows were held out" not in [each.name for each in findings_of(network)]


def test_standings_are_those_of_the_race(race, paged):
    page = paged(race)
    head, *rows = page.one("table", class_="standings").table()
    names = [row[head.index("run")] for row in rows]
    assert names == race.ranking
    assert [row[head.index("evaluations")] for row in rows] == [
        str(race.runs[name].trace.columns["evaluations"][-1]) for name in names
    ]
    assert [row[head.index("outcome")].split(maxsplit=1)[1] for row in rows] == [
        race.runs[name].outcome for name in names
    ]
    behind = [row[head.index("behind the best")] for row in rows]
    expected = [race.runs[name].fun - race.runs["auto"].fun for name in names]
    np.testing.assert_allclose([float(each.replace("−", "-")) for each in behind], expected, rtol=1e-3)
    assert page.one("h1").text == "Race of 3 rules"
    assert "“auto” came furthest" in page.one("section", id="outcome").text


def test_long_names_that_begin_alike_stay_two_runs(run, paged):
    page = paged(Comparison({"x" * 60 + end: run for end in "ab"}))
    assert len(page.one("table", class_="standings").table()) == 3


def test_a_comparison_warns_of_runs_that_cannot_be_compared(run, steps, paged):
    page = paged(Comparison({"plane": run, "line": steps}))
    assert page.one("h1").text == "Comparison of 2 runs"
    assert "different parameters" in page.one("section", id="findings").text
    later = st.gradient_descent(valley, (-1.2, 1.0), learning_rate=1e-3, iterations=9)
    table = paged(Comparison({"later": later, "best": run})).one("table", class_="standings").table()
    assert [row[1] for row in table[1:]] == ["best", "later"]
    same = paged(Comparison({"one": run, "two": run})).one("section", id="findings").text
    assert "different parameters" not in same


def test_runs_of_different_functions_are_not_ranked(run, steps, paged):
    down = {"good": steps, "worse": st.gradient_descent(lambda x: x**2 + 48, 3.0, learning_rate=5.0, iterations=30)}
    up = {"up": st.maximize(lambda x: -(x**2), 3.0), "down": steps}
    for runs, reason in ((down, "different values"), (up, "Some maximise"), ({"a": run, "b": steps}, "parameters")):
        page = paged(Comparison(runs), animation=True)
        text = page.one("main").text
        assert "came furthest" not in text
        assert "not ranked" in page.one("section", id="outcome").text
        assert reason in page.one("section", id="findings").text
        rows = page.one("table", class_="standings").table()[1:]
        assert [(row[0], row[1], row[3]) for row in rows] == [("–", name, "–") for name in runs]
        # Gaps from one best value, still or moving, would rank them all the same.
        assert not page.all("figure")
        assert not page.all("section", id="animation")
        assert "figure does" not in text


def test_one_page_counts_evaluations_in_one_way(paged):
    fast = st.minimize(valley, (-1.2, 1.0))
    slow = st.gradient_descent(valley, (-1.2, 1.0), learning_rate=1e-4, iterations=200)
    counts = [int(each.trace.columns["evaluations"][-1]) for each in (fast, slow)]
    assert fast.nfev > counts[0]  # the audit
    page = paged(Comparison({"fast": fast, "slow": slow}))
    rows = page.one("table", class_="standings").table()[1:]
    assert [int(row[5]) for row in rows] == counts
    assert f"after {counts[0]} evaluations" in page.one("section", id="outcome").text
    assert f"“fast” ended after {counts[0]} evaluations, and “slow” after {counts[1]}" in page.text


def test_a_tree_shows_its_rules(paged):
    x = np.arange(60.0)
    fit = st.fit(st.models.Tree(depth=1), x, np.where(x > 41, 5.0, 2.0), rng=0)
    assert paged(fit).one("pre").text == " ".join(fit.rules().split())


def test_an_animation_is_part_of_the_page_and_fits_in_it(steps, tmp_path):
    page = read(steps.report(tmp_path / "run.html"))
    (script,) = page.all("script")
    frames, captions = (
        json.loads(re.search(rf"const {name} = (.*);", script.texts[0])[1]) for name in ("layers", "captions")
    )
    assert len(frames) == len(captions) == 21
    assert 'part("controls")' in script.texts[0]
    assert not read(steps.report(tmp_path / "run.html", animation=False)).all("script")


def test_an_animation_that_is_too_large_has_fewer_frames_with_both_ends(steps, tmp_path, monkeypatch):
    whole = film.reel_of(steps)
    small = film.reel_of(steps, sum(map(len, whole.layers)) // 2)
    assert len(small.layers) == len(small.captions) == len(whole.layers) // 2
    assert (small.captions[0], small.captions[-1]) == (whole.captions[0], whole.captions[-1])
    assert set(small.layers) < set(whole.layers)
    assert film.reel_of(steps, 100) is None
    # It takes what the figures leave.
    monkeypatch.setattr(write, "MOST_PAGE", 0)
    assert not read(steps.report(tmp_path / "run.html")).all("script")


def test_what_hardly_moves_has_no_animation():
    assert film.reel_of(st.gradient_descent(lambda x: x**2, 3.0, learning_rate=0.1, iterations=3)) is None


# In 3-D.


@pytest.fixture
def plotly(monkeypatch):
    """Put a library in the place of Plotly."""
    fake = SimpleNamespace(get_plotlyjs=lambda: "const Plotly = 'the library';")
    monkeypatch.setitem(sys.modules, "plotly", SimpleNamespace(offline=fake))
    monkeypatch.setitem(sys.modules, "plotly.offline", fake)


def constants(page):
    """Return the traces, the layout and the settings that a page gives to Plotly."""
    code = page.all("script")[-1].texts[0]
    layout = json.loads(re.search(r"const layout = (.*);", code)[1])
    traces, config = re.search(r"Plotly.react\(place, (\[.*\]), layout, (\{.*?\})\);", code).groups()
    return json.loads(traces), layout, json.loads(config)


def test_a_surface_has_the_values_of_the_function_and_keeps_to_itself(plotly, paged):
    run = st.gradient_descent(lambda x, y: x**2 + 2 * y**2, (3.0, 2.0), learning_rate=0.1, iterations=20)
    page = paged(run, three_d=True)
    traces, layout, config = constants(page)
    surface = next(each for each in traces if each["type"] == "surface")
    x, y = np.meshgrid(surface["x"], surface["y"])
    low, high = layout["scene"]["zaxis"]["range"]
    z = np.array(surface["z"], dtype=float)
    shown = (z >= low) & (z <= high)
    assert shown.mean() > 0.4
    np.testing.assert_allclose(z[shown], (x**2 + 2 * y**2)[shown], rtol=1e-4, atol=1e-4)
    path = next(each for each in traces if each["name"] == "steps")
    np.testing.assert_allclose(path["x"], run.trace.x[:, 0], rtol=1e-4)
    np.testing.assert_allclose(path["z"], run.trace.value + 0.01 * (high - low), rtol=1e-4)
    # The line between the steps lies on the surface, but for a lift.
    line = next(each for each in traces if each["name"] == "path")
    x, y = np.array(line["x"]), np.array(line["y"])
    assert len(x) > len(path["x"])
    np.testing.assert_allclose(line["z"], x**2 + 2 * y**2 + 0.01 * (high - low), rtol=1e-3, atol=1e-3)
    assert "the library" in page.text
    assert config["displaylogo"] is config["showSendToCloud"] is False
    assert "sendDataToCloud" in config["modeBarButtonsToRemove"]


def test_a_loaded_run_has_a_path_in_3d_alone(run, plotly, paged, tmp_path):
    page = paged(st.load(run.save(tmp_path / "kept")), three_d=True)
    assert {each["type"] for each in constants(page)[0]} == {"scatter3d"}
    assert "only the path is shown" in page.one("section", id="space").text


# What can't be written.


def test_without_jinja2_or_plotly_one_line_says_what_to_install(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(
        ModuleNotFoundError, match=r'^a section in 3-D needs Plotly: pip install "steepest\[report3d\]"$'
    ):
        run.report(tmp_path / "run.html", three_d=True)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ModuleNotFoundError, match=r'^writing .html needs Jinja2: pip install "steepest\[html\]"$'):
        run.report(tmp_path / "run.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "options", "kind", "said"),
    [
        ("run.htm", {}, ValueError, "'run.htm' does not end in .html"),
        ("", {}, ValueError, "the path of the file is empty"),
        ("no/run.html", {}, OSError, "there is no folder"),
        ("run.html", {"title": 3}, TypeError, "title=3: give a text"),
        ("run.html", {"date": 2026}, TypeError, "date=2026: give a text"),
        ("run.html", {"three_d": "yes"}, TypeError, "three_d='yes': give True or False"),
        ("run.html", {"three_d": True}, ValueError, "the run has 1 parameter"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line(steps, plotly, name, options, kind, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=re.escape(said)) as error:
        steps.report(name, **options)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", [3, "run", None, SimpleNamespace(runs={})])
def test_what_is_no_run_is_refused(what, tmp_path):
    with pytest.raises((TypeError, ValueError)):
        write_report(what, tmp_path / "page.html")


def test_a_failure_leaves_the_old_page(steps, tmp_path, monkeypatch):
    path = Path(tmp_path / "run.html")
    path.write_bytes(b"old")
    monkeypatch.setattr(write, "page", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        steps.report(path, animation=False)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]


def test_displays_are_displays():
    assert any(issubclass(getattr(inspection, row.display), Display) for row in figures.FIGURES)
