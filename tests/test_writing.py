"""A file is written whole, under its own name alone."""

import contextlib
import os
import subprocess
import sys
import threading

import pytest
from click.testing import CliRunner

from steepest.cli.app import app
from steepest.writing import new_file


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")
    with contextlib.suppress(OSError), new_file(path) as file:
        file.write(b"half")
        raise OSError("the disk is full")
    assert contents(tmp_path) == {"out.csv": "old"}


def test_the_old_file_stays_until_the_new_one_is_complete(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")
    path.chmod(0o640)
    with new_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert contents(tmp_path) == {"out.csv": "new"}
    assert path.stat().st_mode & 0o777 == 0o640


def test_death_while_writing(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")
    script = (
        "import os, sys; from steepest.writing import new_file\n"
        "with new_file(sys.argv[1]) as file: file.write(b'half'); file.flush(); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", script, path], check=False, timeout=60)
    assert path.read_text() == "old"


@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "folder"])
def test_only_regular_files_are_replaced(tmp_path, kind):
    victim, path = tmp_path / "victim", tmp_path / "out.csv"
    victim.write_text("mine")
    make = {
        "link": lambda: path.symlink_to(victim),
        "dangling link": lambda: path.symlink_to(tmp_path / "missing"),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
    }
    make[kind]()
    words = "is a folder: name a file in it" if kind == "folder" else f"is a {kind.split()[-1]}, and only a regular"
    with pytest.raises(OSError, match=words):
        new_file(path).__enter__()
    assert victim.read_text() == "mine"
    assert {entry.name for entry in tmp_path.iterdir()} == {"victim", "out.csv"}


def test_a_device_is_refused():
    with pytest.raises(FileExistsError, match="is a device"):
        new_file("/dev/null").__enter__()


def test_a_planted_link_is_not_followed(tmp_path, monkeypatch):
    # Even a name that somebody has foreseen is created exclusively.
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / ".steepest-00").symlink_to(victim)
    monkeypatch.setattr("secrets.token_hex", lambda _: "00")
    with pytest.raises(FileExistsError), new_file(tmp_path / "out.csv") as file:
        file.write(b"theirs")
    assert victim.read_text() == "mine"


def test_many_writers_of_one_name(tmp_path):
    def write(number):
        for _ in range(20):
            with new_file(tmp_path / "out.csv") as file:
                file.write(str(number).encode() * 1000)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    ((name, text),) = contents(tmp_path).items()
    assert (name, len(text), len(set(text))) == ("out.csv", 1000, 1)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with a table and a fit of it, as the command line writes it."""
    place = tmp_path_factory.mktemp("predict")
    (place / "t.csv").write_text("a,y\n" + "".join(f"{k},{2 * k + k % 2}\n" for k in range(20)))
    done = CliRunner().invoke(app, ["fit", str(place / "t.csv"), "--target", "y", "--out", str(place / "kept")])
    assert done.exit_code == 0, done.output
    (place / "same.csv").symlink_to(place / "t.csv")
    os.link(place / "t.csv", place / "hard.csv")
    return place


def predict(place, out):
    words = ["predict", str(place / "kept"), str(place / "t.csv"), "--out", str(place / out)]
    return CliRunner().invoke(app, words)


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("t.csv", "is a file that is read here"),
        ("hard.csv", "is a file that is read here"),
        ("kept/../t.csv", "is a file that is read here"),
        ("kept/run.json", "is a file that is read here"),
        ("kept/predictions.csv", "is a file that is read here"),
        ("same.csv", "is a link"),
        ("kept", "is a folder"),
    ],
)
def test_predict_does_not_write_over_what_it_reads(place, out, said):
    before = (place / "t.csv").read_text()
    done = predict(place, out)
    assert done.exit_code == 2
    assert said in done.output
    assert (place / "t.csv").read_text() == before


def test_predict_writes_another_file(place):
    assert predict(place, "p.csv").exit_code == 0
    assert len((place / "p.csv").read_text().splitlines()) == 21
