"""What a diagnosis says, and how it prints."""

import copy
import pickle
import re
from types import SimpleNamespace

import numpy as np
import pytest

import steepest as st
from steepest.finding import HINT, Finding
from steepest.inspection.diagnosis import diagnose as rooms
from steepest.inspection.diagnosis.diagnosis import TRY, WIDTH, Diagnosis
from steepest.trace import Outcome, Trace

LONG = Finding(
    "warning",
    "step above the stability limit",
    "Each step was too long: 0.3, and above 0.1 the steps grow instead of shrinking. " * 3,
    "Take a shorter step.",
    "The largest curvature is 20, and 2 / 20 = 0.1.",
    f"st.minimize(f, {[0.5] * 30}, step=0.05)",
    "StabilityDisplay",
    0.97,
)
SHORT = Finding("note", "ill-conditioned", "One direction is steep.", confidence=0.6)


def test_a_diagnosis_is_read_in_lines_and_its_code_is_whole():
    text = str(Diagnosis([LONG, SHORT]))
    lines = text.splitlines()
    assert lines[0] == "1. Step above the stability limit (97 % sure)"
    code = f"       {LONG.call}"
    assert lines.count(code) == 1
    assert all(len(line) <= WIDTH for line in lines if line != code)
    assert "What to do: Take a shorter step." in text
    assert "2. Ill-conditioned (60 % sure)" in lines
    # Joined again, the sentences are those of the finding.
    assert LONG.text.strip() in re.sub(r"\s+", " ", text)


def test_a_part_is_a_diagnosis_and_a_copy_is_equal():
    whole = Diagnosis([LONG, SHORT], from_trace=True)
    assert str(whole[:1]) == str(Diagnosis([LONG], from_trace=True))
    assert whole[1] is SHORT
    assert whole == (LONG, SHORT) == Diagnosis([LONG, SHORT])
    assert whole != whole[:1]
    for twin in (pickle.loads(pickle.dumps(whole)), copy.deepcopy(whole)):  # noqa: S301 - its own
        assert (twin, str(twin)) == (whole, str(whole))
    # A part without findings does not say that nothing is wrong.
    assert "Nothing" not in str(whole[2:])


def test_nothing_found_is_said_of_healthy_runs_alone():
    assert str(Diagnosis()) == "Nothing suspicious was found."
    assert "the record alone" in str(Diagnosis(from_trace=True))
    failed = str(Diagnosis(failure=f"iteration limit: 5 iterations done{HINT}"))
    assert failed.startswith("No cause was found. The run itself says: iteration limit: 5 iterations done\n")
    assert TRY.split(":")[0] in failed
    assert "Nothing" not in failed
    assert HINT not in failed


def test_names_of_columns_can_not_act_on_a_terminal():
    text = str(Diagnosis([Finding("warning", "constant column", "The column \x1b[2J\nis constant.")]))
    assert "\x1b" not in text
    assert r"\x1b[2J\nis constant" in text


def test_a_notebook_shows_the_same_words_escaped():
    pytest.importorskip("jinja2")
    page = Diagnosis([Finding("warning", "kink", "At <b> it bends.", call="st.minimize(f, 'a<b')")])._repr_html_()
    assert "At &lt;b&gt; it bends." in page
    assert "a&lt;b" in page


@pytest.mark.parametrize(
    ("outcome", "success", "fails"),
    [
        (Outcome.CONVERGED, True, False),
        (Outcome.ITERATION_LIMIT, False, True),
        (Outcome.DIVERGED, False, True),
        (Outcome.RECORDED, False, False),
        (Outcome.CALLBACK, False, False),
    ],
)
def test_a_run_failed_unless_it_succeeded_or_the_user_ended_it(monkeypatch, outcome, success, fails):
    monkeypatch.setattr(rooms, "FINDERS", ())
    run = SimpleNamespace(
        maximized=False, outcome=outcome, success=success, message="the message", trace=Trace({}, [[0.0]], []), x=0.0
    )
    found = rooms.diagnose(run)
    assert (found.failure, found.from_trace) == ("the message" if fails else "", True)


def test_consequences_are_left_out_and_the_surest_comes_first(monkeypatch):
    sure = Finding("warning", "class imbalance", "One class is rare.", confidence=0.7)
    monkeypatch.setattr(rooms, "FINDERS", (lambda _: [SHORT, sure], lambda _: [LONG]))
    monkeypatch.setitem(rooms.EXPLAINS, "step above the stability limit", ("ill-conditioned",))
    run = SimpleNamespace(
        maximized=False,
        outcome=Outcome.CONVERGED,
        success=True,
        message="",
        trace=Trace({}, [[0.0]], []),
        x=0.0,
        objective=0,
    )
    assert [each.name for each in rooms.diagnose(run)] == [LONG.name, sure.name]


@pytest.mark.parametrize(("size", "step", "digits"), [(3, 0.01, 15), (3, 0.05, 4), (8, 1e-4, 15)])
def test_differences_take_no_more_values_than_twenty_gradients(size, step, digits):
    """Rounded values need long searches for the steps of differences, which count as well."""
    calls = []

    def f(x):
        # float() keeps the function from being traced.
        calls.append(1)
        return round(sum((k + 1) * (float(each) - 1) ** 2 for k, each in enumerate(x)), digits)

    run = st.minimize(f, np.full(size, 2.0), step=step, iterations=40)
    assert run.kind == "differences"
    calls.clear()
    run.diagnose()
    assert 0 < len(calls) <= 20 * (2 * size + 1)
