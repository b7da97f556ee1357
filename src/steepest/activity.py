"""Show what a long call is doing, in one line on a terminal or below a cell. A descent shows a table instead."""

from __future__ import annotations

import functools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from steepest.notebook.line import Line, in_notebook
from steepest.printable import printable, quoted

if TYPE_CHECKING:
    from rich.live import Live

P = ParamSpec("P")
R = TypeVar("R")
# Seconds before anything is shown, and between two states of it. Chosen, not measured: with shorter pauses it flickers.
PATIENCE = 2.0
PAUSE = 0.5
# The longest line, in characters.
LONGEST = 100

# A terminal shows one live display at a time, and a cell one live line: a call in another thread shows nothing
# meanwhile.
screen = threading.Lock()


class Activity:
    """The line of a call that shows nothing, and the base of `Shown`.

    Attributes
    ----------
    what : str
        What the call is doing; "" while there is nothing to show.
    amount : str
        How much of it is done.
    """

    what = amount = ""

    def say(self, what: str, amount: str = "") -> None:
        """Say what the call is doing, and how much of it is done; "" to clear the line."""
        self.what, self.amount = what, amount

    def __enter__(self) -> Activity:
        return self

    def __exit__(self, *error: object) -> None:
        """Clear the line."""


class Shown(Activity):
    """A line that a thread brings up to date, so that it also shows a step that takes long.

    Parameters
    ----------
    patience : float
        Seconds before anything is shown.
    """

    def __init__(self, patience: float) -> None:
        self.due, self.began = patience, time.perf_counter()
        self._over, self._lock = threading.Event(), threading.RLock()
        self._has_screen = False

    def __enter__(self) -> Shown:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self.say("")

    def _watch(self) -> None:
        while not self._over.wait(PAUSE):
            self.tick()

    def say(self, what: str, amount: str = "") -> None:
        begins = what and what != self.what
        with self._lock:
            super().say(what, amount)
            if not what:
                self._give_back()
        if begins:
            self.tick()

    def tick(self) -> None:
        """Bring the line up to date, if it is time to show it."""
        with self._lock:
            seconds = time.perf_counter() - self.began
            if not self.what or seconds < self.due:
                return
            self._has_screen = self._has_screen or screen.acquire(blocking=False)
            if self._has_screen:
                parts = [printable(self.what, LONGEST), self.amount, f"{seconds:.0f} s"]
                self.write(" · ".join(filter(None, parts)))

    def _give_back(self) -> None:
        if not self._has_screen:
            return
        try:
            self.clear()
        finally:
            self._has_screen = False
            screen.release()

    def write(self, text: str) -> None:
        """Show a text in place of the one before."""

    def clear(self) -> None:
        """Remove the text."""


class OnTerminal(Shown):
    """A line on a terminal, of which nothing is left at the end; a file gets a line for each step."""

    _live: Live | None = None
    _written = ""

    def write(self, text: str) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        console = Console(stderr=True) if self._live is None else self._live.console
        if not console.is_terminal:
            if self.what != self._written:
                console.print(Text(self.what))
                self._written = self.what
            return
        if self._live is None:
            self._live = Live(console=console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)

    def clear(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.stop()


class InNotebook(Shown):
    """A line below a cell, which stays there with the last step."""

    _line: Line | None = None

    def write(self, text: str) -> None:
        self._line = self._line or Line()
        self._line.show(text)


_silent = Activity()
_current: ContextVar[Activity] = ContextVar("activity", default=_silent)


def on_terminal() -> bool:
    """Return whether the standard error is shown on a terminal; it may also be closed.

    Returns
    -------
    bool
        Whether it is.
    """
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def activity(wanted: bool | None) -> Iterator[None]:
    """Show what the code inside says it is doing, in one line.

    Parameters
    ----------
    wanted : bool or None
        Whether to show anything; None shows it only on a terminal and in a notebook, after 2 seconds. Inside another
        activity, None leaves it as it is.

    Raises
    ------
    TypeError
        If `wanted` is not True, False or None.
    """
    if wanted not in (None, True, False):
        raise TypeError(f"progress={quoted(wanted)}: give True or False, or leave it out")
    if wanted is None and _current.get() is not _silent:
        yield
        return
    patience = PATIENCE if wanted is None else 0.0
    line: Activity = _silent
    if wanted is not False and in_notebook():
        line = InNotebook(patience)
    elif wanted or (wanted is None and on_terminal()):
        line = OnTerminal(patience)
    with line:
        known = _current.set(line)
        try:
            yield
        finally:
            _current.reset(known)


def with_activity(function: Callable[P, R]) -> Callable[P, R]:
    """Show what a function says it is doing, as its keyword `progress` asks for.

    Parameters
    ----------
    function : callable
        The function.

    Returns
    -------
    callable
        The same function, within `activity`.
    """

    @functools.wraps(function)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        wanted: Any = kwargs.get("progress")
        with activity(wanted):
            return function(*args, **kwargs)

    return inner


def current() -> Activity:
    """Return the activity of this call, for code that goes on in another thread.

    Returns
    -------
    Activity
        The activity; one that shows nothing, outside `activity`.
    """
    return _current.get()


def doing(what: str, done: int = 0, total: int = 0, of: str = "") -> None:
    """Say what the call in progress is doing; outside `activity` nothing shows it.

    Parameters
    ----------
    what : str
        What it is doing, such as "encoding"; "" to clear the line for another display.
    done, total : int
        How many parts of it are done, and how many there are.
    of : str
        What the parts are, such as "columns"; by default they are not counted.

    Examples
    --------
    >>> with activity(False):
    ...     doing("encoding", 3, 12, "columns")
    """
    counted = f"{done:,} of {total:,} {of}" if total else f"{done:,} {of}"
    current().say(what, counted if of else "")
