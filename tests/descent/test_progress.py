"""The live table of a run: one at a time on a terminal, whichever threads runs are in."""

import threading

import numpy as np
import pytest

from steepest.activity import screen
from steepest.descent.progress import Progress


@pytest.fixture
def _terminal(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")


def show(progress):
    progress.show(1, 2.0, 3.0, np.array([4.0]), 5.0)


@pytest.mark.usefixtures("_terminal")
def test_a_terminal_shows_one_table_at_a_time(capsys):
    with Progress.of(True, "iteration", ["alpha"]) as first:
        show(first)
        with Progress.of(True, "iteration", ["beta"]) as second:
            thread = threading.Thread(target=show, args=(second,))
            thread.start()
            thread.join()
    with Progress.of(True, "iteration", ["gamma"]) as third:
        show(third)
    assert not screen.locked()
    shown = capsys.readouterr().err
    assert "alpha" in shown
    assert "gamma" in shown
    assert "beta" not in shown


def test_a_file_gets_the_table_of_every_run(capsys):
    with Progress.of(True, "iteration", ["alpha"]) as first, Progress.of(True, "iteration", ["beta"]) as second:
        show(first)
        show(second)
    shown = capsys.readouterr().err
    assert "alpha" in shown
    assert "beta" in shown
