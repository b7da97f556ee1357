"""Errors of paths are one line that names the path of the user, never a draft beside it, and what to do."""

import errno
import os
import resource
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import steepest as st
from steepest.cli.app import app, run
from steepest.cli.written import Written
from steepest.inspection import DescentDisplay, save_figure
from steepest.writing import is_draft


@pytest.fixture(scope="module")
def fit():
    return st.fit_table({"a": [1.0, 2.0, 3.0, 4.0], "y": [1.0, 2.0, 3.5, 4.0]}, "y", held_out=0.25)


@pytest.fixture(scope="module")
def place(fit, tmp_path_factory):
    """Return a folder with a saved fit, a table, and links in circles."""
    place = tmp_path_factory.mktemp("place")
    fit.save(place / "kept")
    (place / "t.csv").write_text("a\n1\n2\n")
    (place / "loop").symlink_to("loop")
    (place / "one").symlink_to("two")
    (place / "two").symlink_to("one")
    return place


@pytest.fixture
def writers(fit, place, monkeypatch):
    """Return what writes to a path, by the kind of path."""
    monkeypatch.chdir(place)
    outputs = np.zeros(2)
    return {
        "folder": [fit.save, fit.fit.save],
        "file": [lambda path: fit.write(path, outputs), lambda path: save_figure(DescentDisplay.from_run(fit), path)],
    }


def message(act, *words):
    """Return the class and the message of the error that an action raises."""
    with pytest.raises((OSError, ValueError, TypeError)) as raised:
        act(*words)
    return type(raised.value), str(raised.value)


def check(text, path):
    """Check that a message is one line that names a path, in place of the system's words."""
    assert text.startswith(str(path))
    assert text.count("\n") == 0
    assert ".steepest-" not in text
    assert "Errno" not in text
    assert len(text) < 600


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("", ValueError, "the path of the folder is empty: give its name"),
        (" ", ValueError, "the path of the folder is empty: give its name"),
        ("a\0b", ValueError, "holds the character NUL"),
        (3, TypeError, "3 is no path: give the name of a folder"),
        (None, TypeError, "None is no path"),
        (b"kept", TypeError, "is no path"),
        ("loop", ValueError, "loop is a link that leads back to itself: name another folder"),
        ("two/x", ValueError, "two/x: two is a link that leads back to itself: name another folder"),
        ("z" * 300, OSError, "can't be reached (file name too long): give a shorter name"),
    ],
)
def test_paths_of_folders_that_are_none(writers, path, kind, words):
    before = sorted(Path().iterdir())
    for act in (*writers["folder"], st.load):
        found = message(act, path)
        assert issubclass(found[0], kind)
        assert words in found[1]
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("new.png/", "new.png/ ends with a slash, as only the name of a folder does: name a file"),
        ("t.csv/q.png", "t.csv/q.png: t.csv is a file, not a folder; name another"),
        ("t.csv/in/q.png", "t.csv/in/q.png: t.csv is a file, not a folder; name another"),
        ("no/q.png", "no/q.png: there is no folder no; make it first"),
        ("loop/q.png", "loop/q.png: loop is a link that leads back to itself: name another file"),
        ("/proc/q.png", "/proc/q.png can't be written (no such file or directory): name another place"),
    ],
)
def test_paths_of_files_that_are_none(writers, path, words):
    before = sorted(Path().iterdir())
    for act in writers["file"]:
        assert message(act, path)[1] == words
    for words_of_command in (["predict", "kept", "t.csv", "--out", path], ["show", "kept", "--plot", path]):
        done = CliRunner().invoke(app, words_of_command)
        assert done.exit_code == 2
        assert f"--{'plot' if 'show' in words_of_command else 'out'} {words}" in " ".join(done.output.split())
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize("path", ["t.csv/x", "t.csv/x/y", "/dev/null/x"])
def test_folders_below_a_file(writers, path):
    file = "/dev/null" if "null" in path else "t.csv"
    for act in writers["folder"]:
        assert message(act, path)[1] == f"{path}: {file} is a file, not a folder; name another"


@contextmanager
def files_of_at_most(size):
    """Let the system refuse to write longer files, as it does on a full disk: the error names no file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("path", ["new", "kept", "./deep/new", "n\nl\x1b[31m"])
@pytest.mark.parametrize("size", [0, 200])
def test_a_system_that_refuses_to_write(writers, path, size, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kept").mkdir()
    shown = path.replace("\n", "\\n").replace("\x1b", "\\x1b")
    for kind, acts in writers.items():
        given = path if kind == "folder" else f"{Path(path).name}.png"
        named = shown if kind == "folder" else f"{Path(shown).name}.png"
        for act in acts:
            if kind == "file" and size:
                continue
            with files_of_at_most(size):
                found = message(act, given)
            check(found[1], named)
            assert found[1] == f"{named} can't be written (file too large): name another place"
    assert not [left for left in tmp_path.rglob("*") if is_draft(left) or left.is_file()]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "no space left on device): free some space, or name another place"),
        (errno.EROFS, "read-only file system): name another place"),
        (errno.EACCES, "permission denied): name another place"),
    ],
)
def test_the_remedy_follows_the_reason(writers, monkeypatch, tmp_path, code, words):
    def fail(path, *_, **__):
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "mkdir", fail)
    kind, text = message(writers["folder"][0], "new")
    assert text == f"new can't be written ({words}"
    assert kind is type(OSError(code, ""))


def test_errors_of_other_files_stay_as_they_are(writers, monkeypatch, tmp_path):
    # Such as a font that is missing when the picture is drawn.
    def fail(*_):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", "/fonts/missing.ttf")

    monkeypatch.setattr("steepest.inspection.save_figure", fail)
    assert "/fonts/missing.ttf" in message(writers["folder"][0], tmp_path / "new")[1]


def test_the_output_of_a_command_is_full(place, capsys, monkeypatch):
    monkeypatch.chdir(place)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("steepest.tabular.result.TableFit.write", full)
    assert run(["predict", "kept", "t.csv"], Written()) == 2
    assert "steepest: the output can't be written (no space left on device): free" in capsys.readouterr().err
