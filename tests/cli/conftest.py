"""Command lines that run in an empty folder."""

from pathlib import Path

import pytest

from steepest.cli import main


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command line in an empty folder; return its exit code and the text of both streams."""
    monkeypatch.chdir(tmp_path)

    def command(*words):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    return command


@pytest.fixture
def refused(run):
    """Run a command line that must be refused; return the message, which is one line."""

    def command(*words):
        before = sorted(Path().rglob("*"))
        code, out, err = run(*words)
        assert code == 2
        assert out == ""
        assert err.startswith("steepest: ")
        assert err.count("\n") == 1
        assert sorted(Path().rglob("*")) == before
        return err

    return command
