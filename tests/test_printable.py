"""Names and labels of users show as what they are, and never act on a terminal, also in a saved folder."""

import csv
import io
import re
import unicodedata

import matplotlib as mpl
import numpy as np
import pytest

import steepest as st
from steepest.cli import main
from steepest.descent.progress import Progress
from steepest.inspection import DescentDisplay, RaceDisplay
from steepest.printable import printable
from steepest.tabular.confusion import Confusion
from steepest.tabular.reading.arrow import TableError

EVIL = {
    "escape code": "a\x1b[2Jb",
    "line break": "a\nFAKE LINE: converged (certified)",
    "carriage return": "a\rconverged",
    "direction": "a\u202ebc",
    "no width": "a\u200bb",
    "line separator": "a\u2028b",
    "c1 control": "a\x9b2Jb",
    "markup": "[red]a[/red]",
    "formula": "$a$",
}
RNG = np.random.default_rng(0)
NUMBERS, COLOURS = RNG.standard_normal((2, 60)), np.array(["red", "blue"] * 30)


def is_plain(text):
    """Tell whether nothing in a text but its line breaks acts on a terminal or is invisible."""
    kinds = {unicodedata.category(letter) for letter in text if letter != "\n"}
    return not kinds & {"Cc", "Cf", "Cs", "Zl", "Zp"} and not re.search("^ *(FAKE|converged$)", text, re.MULTILINE)


@pytest.mark.parametrize("text", EVIL.values(), ids=EVIL)
def test_the_escape_shows_all_and_hides_nothing(text):
    assert is_plain(printable(text))
    # A reader of Python can tell which letters they were.
    assert printable(text).encode("latin-1", "backslashreplace").decode("unicode_escape") == text
    assert len(printable(text * 10, 12)) == 12


def test_letters_of_all_writings_stay():
    text = "größe, 高さ, ارتفاع, 1 234 €, naïve 🙂"
    assert printable(text) == text


@pytest.mark.parametrize("name", EVIL.values(), ids=EVIL)
@pytest.mark.always(3)
def test_names_of_columns_and_labels_in_a_fit(name, tmp_path):
    table = {name: NUMBERS[0], "dull": np.ones(60), "y": np.where(NUMBERS[0] + NUMBERS[1] > 0, name, "b")}
    fit = st.fit_table(table, "y")
    assert printable(name)[:40] in str(fit)
    fit.save(tmp_path)
    for text in (str(fit), *fit.notes, fit.message, str(st.load(tmp_path))):
        assert is_plain(text)
    with (tmp_path / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert {len(row) for row in rows} == {4}
    assert f"probability of {name}" in rows[0] or "probability of b" in rows[0]
    assert {row[1] for row in rows[1:]} <= {name, "b"}


@pytest.mark.parametrize("name", EVIL.values(), ids=EVIL)
@pytest.mark.always(3)
def test_names_in_messages(name):
    with pytest.raises(TableError) as refusal:
        st.fit_table({name: ["1", "2", "x"], "y": [1.0, 2.0, 3.0]}, name, task="regression")
    assert is_plain(str(refusal.value))
    run = st.minimize(lambda p: sum(v**2 for v in p.values()), {name: 1.0, "b": 2.0}, iterations=1)
    assert is_plain(str(run))
    raised = st.minimize(lambda x: x**2 if x > 2 else _raise(name), 3.0, gradient=lambda x: 2 * x)
    assert raised.outcome == "function raised"
    assert is_plain(raised.message)
    assert is_plain(str(st.race(lambda x: x**2, 1.0, {name: 0.1, "b": 0.2}, iterations=2)))
    assert is_plain(str(Confusion((name, "b"), ((1, 0), (0, 1)))))


def _raise(text):
    raise ArithmeticError(text)


@pytest.mark.parametrize("name", EVIL.values(), ids=EVIL)
def test_names_in_the_progress(name, capsys):
    trace = st.minimize(lambda x: x**2, 1.0, step=0.1, iterations=3).trace
    with Progress.of(True, "iteration", [name]) as shown:
        shown.finish(trace)
    shown = capsys.readouterr().err
    assert is_plain(shown)
    assert printable(name, 14) in shown


@pytest.mark.parametrize("name", EVIL.values(), ids=EVIL)
@pytest.mark.always(3)
def test_names_in_pictures(name):
    race = st.race(lambda x: x**2, 1.0, {name: 0.1, "b": 0.2}, iterations=2)
    race.runs[name].title = name
    for display in (RaceDisplay.from_race(race), DescentDisplay.from_run(race.runs[name])):
        texts = display.plot().figure_.findobj(mpl.text.Text)
        display.figure_.savefig(io.BytesIO())
        assert all(is_plain(text.get_text()) for text in texts)
        assert any(printable(name)[:15] in text.get_text() for text in texts)


def test_the_command_line_shows_a_saved_title_escaped(tmp_path, capsys):
    run = st.minimize(lambda x: x**2, 1.0, iterations=1)
    run.title = "".join(EVIL.values())
    run.save(tmp_path)
    with pytest.raises(SystemExit):
        main(["show", str(tmp_path)])
    shown = capsys.readouterr().out
    assert all(unicodedata.category(letter)[0] != "C" for letter in shown if letter != "\n")


def test_predictions_on_a_terminal(tmp_path, monkeypatch, capsys):
    table = {"a": NUMBERS[0], "y": np.array(["no", EVIL["escape code"]] * 30)}
    folder = st.fit_table(table, "y", rng=0).save(tmp_path / "fit")
    (tmp_path / "t.csv").write_text("a\n1\n2\n")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with pytest.raises(SystemExit):
        main(["predict", str(folder), str(tmp_path / "t.csv")])
    out = capsys.readouterr().out
    assert is_plain(out)
    assert out.count("\n") == 3
