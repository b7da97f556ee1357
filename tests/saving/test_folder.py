"""A saved folder is the old result or the new one, and the files of a user in it are safe."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import steepest as st
from steepest.saving.lock import locked

STRESS = Path(__file__).parent / "stress.py"


@pytest.fixture(scope="module")
def run():
    return st.gradient_descent(lambda x, y: x**2 + y**2, (9, 9), learning_rate=0.1, iterations=2)


@pytest.fixture(scope="module")
def other():
    return st.gradient_descent(lambda x, y: x**2 + y**2, (9, 9), learning_rate=0.2, iterations=3)


def stress(*words):
    """Run deaths, kills or races in a process without JAX, and return what they found."""
    done = subprocess.run([sys.executable, STRESS, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class TestOneOrTheOther:
    def test_death_at_every_operation(self):
        # Mixed files, and a folder that can't be loaded, fail within the process.
        swapped, moved = stress("deaths")
        assert min(swapped["1"], swapped["2"], moved["1"], moved["2"]) > 0

    def test_two_writers_and_a_reader(self):
        for found in stress("races", "25"):
            assert found == {"failed": 0, "files": 4}

    def test_killed_at_random(self):
        assert sum(stress("kills", "25").values()) == 25

    @pytest.mark.nightly
    def test_many_races_and_kills(self):
        for found in stress("races", "1000"):
            assert found == {"failed": 0, "files": 4}
        assert sum(stress("kills", "1000").values()) == 1000

    def test_a_failure_leaves_the_old_result(self, run, other, tmp_path, monkeypatch):
        run.save(tmp_path / "run")

        def fail(*_):
            raise OSError("no space left")

        monkeypatch.setattr("steepest.descent.run.write_record", fail)
        with pytest.raises(OSError, match="no space"):
            other.save(tmp_path / "run")
        assert st.load(tmp_path / "run") == run
        assert [path.name for path in tmp_path.iterdir()] == ["run"]


class TestFilesOfTheUser:
    @pytest.mark.parametrize("name", ["notes.txt", "predictions.csv", "fit.png", "run.json", ".hidden"])
    def test_a_folder_with_others_is_refused(self, run, tmp_path, name):
        (tmp_path / name).write_text("mine")
        with pytest.raises(FileExistsError, match=f"{name}.*overwrite=True"):
            run.save(tmp_path)
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]

    def test_a_file_put_beside_a_result(self, run, other, tmp_path):
        run.save(tmp_path)
        (tmp_path / "notes.txt").write_text("mine")
        with pytest.raises(FileExistsError, match=r"notes\.txt"):
            other.save(tmp_path)
        assert st.load(tmp_path) == run
        assert st.load(other.save(tmp_path, overwrite=True)) == other
        assert (tmp_path / "notes.txt").read_text() == "mine"
        # The arrays of the first result are gone.
        assert len(list(tmp_path.iterdir())) == 3

    def test_a_result_that_was_edited(self, tmp_path):
        table = {"a": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "y": [2.0, 4.0, 6.5, 8.0, 10.0, 12.0]}
        fit = st.fit_table(table, "y", held_out=0.4)
        fit.save(tmp_path)
        with (tmp_path / "predictions.csv").open("a") as file:
            file.write("my remark\n")
        with pytest.raises(FileExistsError, match=r"predictions\.csv"):
            fit.save(tmp_path)
        assert (tmp_path / "predictions.csv").read_text().endswith("my remark\n")

    def test_a_folder_in_the_way(self, run, tmp_path):
        (tmp_path / "run.json").mkdir()
        with pytest.raises(FileExistsError, match=r"run\.json is a folder"):
            run.save(tmp_path, overwrite=True)

    def test_a_file_in_place_of_the_folder(self, run, tmp_path):
        (tmp_path / "run").write_text("mine")
        with pytest.raises(NotADirectoryError, match="is a file"):
            run.save(tmp_path / "run")

    def test_names_that_resemble_drafts_are_kept(self, run, other, tmp_path):
        # Only whole names of drafts are swept, and only if they are old.
        names = [".steepest-notes", ".writing-notes.txt", ".steepest-0123456789abcdef.txt"]
        for place in (tmp_path, tmp_path / "run"):
            place.mkdir(exist_ok=True)
            for name in names:
                (place / name).write_text("mine")
                os.utime(place / name, (0, 0))
        with pytest.raises(FileExistsError, match=r"\.steepest-notes"):
            run.save(tmp_path / "run")
        assert st.load(run.save(tmp_path / "run", overwrite=True)) == run
        assert st.load(other.save(tmp_path / "other")) == other
        for place in (tmp_path, tmp_path / "run"):
            assert [(place / name).read_text() for name in names] == ["mine"] * 3

    def test_a_folder_that_another_process_holds(self, run, other, tmp_path, monkeypatch):
        monkeypatch.setattr("steepest.saving.lock.PATIENCE", 0.05)
        folder = run.save(tmp_path / "run")
        with locked(folder), pytest.raises(TimeoutError, match="another process has held"):
            other.save(folder)
        assert st.load(folder) == run

    def test_marks_of_a_desktop_do_not_count(self, run, other, tmp_path):
        run.save(tmp_path)
        (tmp_path / ".DS_Store").touch()
        assert st.load(other.save(tmp_path)) == other


class TestPlaces:
    def test_the_working_folder_stays_the_same_folder(self, run, other, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        before = tmp_path.stat().st_ino
        run.save(".")
        assert st.load(other.save(".")) == other
        assert tmp_path.stat().st_ino == before

    def test_a_system_without_the_swap(self, run, other, tmp_path, monkeypatch):
        monkeypatch.setattr("steepest.saving.exchange.SWAPS", {})
        folder = run.save(tmp_path / "run")
        assert st.load(other.save(folder)) == other
        assert sorted(path.name.split("-")[0] for path in folder.iterdir()) == ["arrays", "run.json"]
        assert [path.name for path in tmp_path.iterdir()] == ["run"]

    def test_a_link_to_a_folder_is_followed(self, run, tmp_path):
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        run.save(tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert st.load(tmp_path / "real") == run

    def test_permissions_are_kept(self, run, other, tmp_path):
        folder = run.save(tmp_path / "run")
        assert folder.stat().st_mode & 0o777 == 0o777 & ~_umask()
        folder.chmod(0o750)
        other.save(folder)
        assert folder.stat().st_mode & 0o777 == 0o750


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
