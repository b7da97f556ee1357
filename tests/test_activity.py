"""The line that says what a long call is doing: on a terminal after two seconds, and nothing of it is left."""

import functools
import inspect
import io
import re
import threading
from contextlib import redirect_stderr

import pytest

from steepest import activity as activities
from steepest.activity import activity, current, doing, screen
from steepest.descent.progress import Progress

ERASE = "\x1b[2K"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that is set by hand, and no thread that reads it."""
    now = [100.0]
    monkeypatch.setattr(activities.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(activities.Shown, "_watch", lambda self: None)
    return now


def on_terminal(test):
    """Call a test with a terminal in place of the errors; as a fixture would do, but pytest puts its own there."""

    @functools.wraps(test)
    def inner(clock, monkeypatch):
        monkeypatch.setenv("TERM", "xterm")
        with redirect_stderr(Terminal()) as terminal:
            test(clock, terminal)

    inner.__signature__ = inspect.signature(lambda clock, monkeypatch: None)
    return inner


def after(clock, seconds):
    clock[0] += seconds
    current().tick()


def texts(terminal):
    """Return what was written, without the codes that move the cursor, and each text once."""
    lines = [line.strip() for line in re.split(r"(?:\x1b\[[\d;?]*\w|\s*[\r\n])+", terminal.getvalue())]
    return list(dict.fromkeys(filter(None, lines)))


@on_terminal
def test_nothing_for_two_seconds_and_nothing_left(clock, terminal):
    with activity(None):
        doing("reading a.csv")
        after(clock, 1.9)
        assert terminal.getvalue() == ""
        after(clock, 0.2)
        doing("encoding", 3, 12, "columns")
    assert texts(terminal) == ["reading a.csv · 2 s", "encoding · 3 of 12 columns · 2 s"]
    # The line is erased, the cursor is shown again, and another may use the screen.
    assert terminal.getvalue().rstrip().endswith(ERASE)
    assert terminal.getvalue().count("\x1b[?25l") == terminal.getvalue().count("\x1b[?25h") == 1
    assert not screen.locked()


@on_terminal
def test_a_short_call_shows_nothing(clock, terminal):
    with activity(None):
        doing("reading a.csv")
        after(clock, 1.0)
    assert terminal.getvalue() == ""


@on_terminal
def test_an_interrupt_erases_the_line(clock, terminal):
    def interrupted():
        with activity(None):
            doing("fitting")
            after(clock, 3.0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert terminal.getvalue().rstrip().endswith(ERASE)
    assert not screen.locked()


@on_terminal
def test_false_shows_nothing_also_inside_another(clock, terminal):
    with activity(None):
        clock[0] += 3
        with activity(False):
            doing("reading a.csv")
        assert terminal.getvalue() == ""
        with activity(None):
            doing("reading b.csv")
    assert texts(terminal) == ["reading b.csv · 3 s"]


def test_a_file_gets_nothing_by_default_and_a_line_for_each_step_if_asked(clock, capsys):
    for wanted in (None, True):
        with activity(wanted):
            doing("reading a.csv")
            clock[0] += 3
            doing("encoding", 1, 2, "columns")
            doing("encoding", 2, 2, "columns")
    assert capsys.readouterr().err.split("\n") == ["reading a.csv", "encoding", ""]


@on_terminal
def test_the_table_of_a_descent_takes_its_place(clock, terminal):
    with activity(None), Progress.of(True, "epoch", ["slope"]) as table:
        doing("fitting")
        after(clock, 3.0)
        table.show(1, 2.0, 3.0, [4.0], 5.0)
        after(clock, 3.0)
    found = texts(terminal)
    assert found[0] == "fitting · 3 s"
    assert not any("fitting" in line for line in found[1:])
    assert any("slope" in line for line in found)


@on_terminal
def test_another_thread_reports_to_the_call_that_began_it(clock, terminal):
    with activity(None):
        clock[0] += 3
        thread = threading.Thread(target=current().say, args=("reading a.csv", "1 MB of 2 MB"))
        thread.start()
        thread.join()
    assert texts(terminal) == ["reading a.csv · 1 MB of 2 MB · 3 s"]


@on_terminal
def test_a_name_cannot_move_the_cursor(clock, terminal):
    with activity(None):
        clock[0] += 3
        doing("reading \x1b[31m[red]a.csv")
    assert "\x1b[31m" not in terminal.getvalue()
    assert "[red]a.csv" in terminal.getvalue()


def test_another_word_is_refused():
    with pytest.raises(TypeError, match="progress='yes': give True or False"), activity("yes"):
        pass
