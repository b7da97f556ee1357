"""`steepest report` and `steepest compare` as users call them, and what they refuse in one line."""

import shutil
import sys
from contextlib import chdir
from pathlib import Path

import pytest
from tests.inspection.report.pages import read

from steepest.cli import main

VALLEY = ("minimize", "(1-x)**2 + 100*(y-x**2)**2", "--start=-1.2,1")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Save two runs, and return the folder that holds theirs."""
    folder = tmp_path_factory.mktemp("runs")
    for words in (["--out", "auto"], ["--learning-rate", "0.001", "--iterations", "50", "--out", "slow"]):
        with chdir(folder), pytest.raises(SystemExit) as ended:
            main([*VALLEY, *words])
        assert ended.value.code == 0
    return folder


@pytest.fixture
def kept(run, runs):
    """Return the folders of two saved runs, copied into the empty folder."""
    shutil.copytree(runs, "runs")
    return Path("runs/auto"), Path("runs/slow")


def test_a_report_lies_beside_the_folder(run, kept):
    before = sorted(kept[0].iterdir())
    code, out, _ = run("report", kept[0])
    assert (code, out) == (0, "report: runs/auto-report.html\n")
    page = read(Path("runs/auto-report.html"))
    assert "minimum is found" in page.one("section", id="outcome").text
    assert page.one("h1").text == "(1-x)**2 + 100*(y-x**2)**2"
    # A page in the folder would be a file that does not belong to what is saved there.
    assert sorted(kept[0].iterdir()) == before
    first = Path("runs/auto-report.html").read_bytes()
    assert run("report", "runs/auto/")[0] == 0
    assert Path("runs/auto-report.html").read_bytes() == first


def test_a_report_goes_where_it_is_asked_to(run, kept):
    words = ("report", kept[0], "--out", "a.html", "--title", "A valley", "--date", "30 November 2026")
    assert run(*words)[:2] == (0, "report: a.html\n")
    page = read(Path("a.html"))
    assert page.one("h1").text == "A valley"
    assert page.one("p", class_="date").text == "30 November 2026"


def test_a_report_of_the_folder_one_is_in(run, kept, monkeypatch):
    monkeypatch.chdir(kept[0])
    assert run("report", ".")[0] == 0
    assert (Path.cwd().parent / "auto-report.html").exists()


def test_a_report_of_the_fit_of_a_table(run):
    Path("t.csv").write_text("age,height\n" + "".join(f"{k % 17},{80 + 6 * (k % 17) + k % 3}\n" for k in range(60)))
    assert run("fit", "t.csv", "--target", "height", "--out", "fit")[0] == 0
    assert run("report", "fit")[0] == 0
    text = read(Path("fit-report.html")).text
    assert "read 60 rows and 2 columns from t.csv" in text
    assert "12 rows held out" in text


def test_a_comparison_has_the_standings_of_all_runs(run, kept):
    code, out, _ = run("compare", *kept)
    assert (code, out) == (0, "report: comparison.html\n")
    head, *rows = read(Path("comparison.html")).one("table", class_="standings").table()
    assert [row[head.index("run")] for row in rows] == ["auto", "slow"]
    assert [row[head.index("steps")] for row in rows][1] == "50"


def test_folders_of_one_name_are_told_apart_by_their_paths(run, kept):
    kept[1].rename("auto")
    assert run("compare", kept[0], "auto", "--out", "c.html")[0] == 0
    _, *rows = read(Path("c.html")).one("table", class_="standings").table()
    assert {row[1] for row in rows} == {"runs/auto", "auto"}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["report"], "Missing argument 'FOLDER'"),
        (["report", ""], "the path of the folder is empty"),
        (["report", "no"], "no run is saved in no"),
        (["report", "runs"], "no run is saved in runs"),
        (["report", "runs/auto", "--out", "a.txt"], "the name of a page ends in .html"),
        (["report", "runs/auto", "--out", "no/a.html"], "there is no folder no"),
        (["report", "runs/auto", "--out", "dir.html"], "dir.html is a folder"),
        (["report", "runs/auto", "--tilte", "x"], "did you mean --title?"),
        (["compare"], "two folders or more, and got 0"),
        (["compare", "runs/auto"], "two folders or more, and got 1"),
        (["compare", "runs/auto", "runs/../runs/auto"], "is given twice"),
        (["compare", "runs/auto", "no"], "no run is saved in no"),
    ],
)
def test_refusals(refused, kept, words, line):
    Path("dir.html").mkdir()
    assert line in refused(*words)


@pytest.mark.parametrize(("module", "words"), [("jinja2", ()), ("plotly.offline", ("--3d",))])
def test_what_is_missing_is_named(refused, kept, monkeypatch, module, words):
    monkeypatch.setitem(sys.modules, module, None)
    assert "pip install" in refused("report", kept[0], *words)
