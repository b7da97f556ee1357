"""The diagnosis in reports: each thing said once, with its code and the figure that shows it."""

import time
from types import SimpleNamespace

import numpy as np
import pytest
from tests.inspection.report.pages import read

import steepest as st
from steepest.finding import Finding
from steepest.inspection import Comparison, write_report
from steepest.inspection.diagnosis import diagnose as rooms
from steepest.inspection.report import figures, patience
from steepest.inspection.report.findings import findings_of
from steepest.trace import Event

TITLE = "The data do not determine all parameters"
CODE = "st.minimize(f, (9, 9), step=0.05) # <b>"


def bowl(x, y):
    return x**2 + 10 * y**2


@pytest.fixture
def page(tmp_path):
    """Return a function that writes a report without an animation, and reads it back."""
    return lambda what: read(write_report(what, tmp_path / "page.html", animation=False))


@pytest.fixture
def bare(monkeypatch):
    """Leave the figures out, which take most of the time."""
    monkeypatch.setattr(figures, "FIGURES", ())


@pytest.fixture(scope="module")
def long_steps():
    return st.gradient_descent(bowl, (9, 9), learning_rate=0.105, iterations=20)


@pytest.fixture
def finds(monkeypatch):
    """Return a function that lets diagnoses find these things, and nothing else."""
    return lambda *findings: monkeypatch.setattr(rooms, "FINDERS", (lambda _: findings,))


def test_a_finding_has_its_code_and_leads_to_its_figure(page, finds, long_steps):
    finds(
        Finding("warning", "step above the stability limit", "Too long.", "Halve it.", "2 / 20 = 0.1.", CODE,
                "StabilityDisplay", 0.97),
        Finding("warning", "ill-conditioned", "Steep.", picture="EffectiveRateDisplay", confidence=0.8),
        Finding("note", "slow function", "Slow.", picture="NoSuchDisplay", confidence=0.7),
    )  # fmt: skip
    root = page(long_steps)
    section = root.one("section", id="findings")
    first, second = section.all("li", class_="warning")[:2]
    assert first.text.startswith("! Step above the stability limit. Too long. Halve it.")
    assert first.one("pre").text == CODE
    assert "Confidence: 97 %." in first.text
    # The second figure suits no kind of this run, and is drawn since the finding names it.
    for item, heading in ((first, "The step size under its ceiling"), (second, "The step sizes in effect")):
        link = item.one("a").attributes["href"].removeprefix("#")
        assert root.one("figure", id=link).one("h3").text == heading
    (note,) = [each for each in section.all("li", class_="note") if "Slow" in each.text]
    assert not note.all("a")


def test_nothing_is_added_to_the_page_of_a_healthy_run(page, finds, bare):
    finds()
    plain = page(st.minimize(bowl, (9, 9))).one("section", id="findings")
    assert "Nothing suspicious was found." in plain.text
    assert not plain.all("pre")
    assert "judged" not in plain.text


def test_the_same_thing_is_said_once(long_steps):
    dependent = Event(0, "rank-deficient", "2 of 5 columns depend on others")
    run = SimpleNamespace(**{name: getattr(long_steps, name) for name in ("trace", "kind", "certificate", "runs")})
    run.events, run.fun = [dependent], 0.0
    found = Finding("warning", "collinear columns", "b is twice a.", "Leave b out.", confidence=0.9)
    assert [each.name for each in findings_of(run)] == [TITLE]
    assert [each.name for each in findings_of(run, [found])] == ["Collinear columns"]


def test_warnings_come_first_and_the_diagnosis_first_among_them(long_steps):
    run = SimpleNamespace(**{name: getattr(long_steps, name) for name in ("trace", "certificate", "runs")})
    run.events, run.fun, run.kind, run.why = [Event(0, "rank-deficient", "2 columns")], 0.0, "differences", "no code"
    notes = Finding("note", "slow function", "Slow."), Finding("warning", "kink", "A kink.")
    found = [each.name for each in findings_of(run, notes)]
    assert found == ["Kink", TITLE, "Slow function", "The derivatives are not exact"]


def test_a_slow_function_is_not_probed(page, monkeypatch, bare, long_steps):
    asked = []

    def finder(case):
        asked.append(case.function.is_at_hand)
        yield Finding("warning", "kink", "A kink.", confidence=0.6)

    monkeypatch.setattr(rooms, "FINDERS", (finder,))
    assert "judged from the record alone" not in page(long_steps).one("section", id="findings").text
    slow = st.gradient_descent(bowl, (9, 9), learning_rate=0.105, iterations=20)
    quick = slow.gradient_at
    monkeypatch.setattr(slow, "gradient_at", lambda x: (time.sleep(0.02), quick(x))[1])
    monkeypatch.setattr(patience.Patience.__init__, "__defaults__", (0.2,))
    text = page(slow).one("section", id="findings").text
    assert asked == [True, False]
    assert "judged from the record alone" in text


def test_a_comparison_explains_the_runs_that_failed(page, finds, bare, long_steps):
    finds(Finding("warning", "step above the stability limit", "Too long.", call=CODE, confidence=0.9))
    runs = {"long": long_steps, "default": st.minimize(bowl, (9, 9))}
    named = [each.text for each in page(Comparison(runs)).one("section", id="findings").all("strong")]
    assert "long: Step above the stability limit." in named
    assert not any(each.startswith("default:") for each in named)
    assert np.isfinite(runs["default"].fun)
