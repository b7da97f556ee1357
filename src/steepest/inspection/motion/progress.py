"""`shown`: how far the drawing of a film, or other work in steps, is: on a terminal or in a notebook."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from steepest.activity import on_terminal
from steepest.notebook.line import Line, in_notebook
from steepest.printable import quoted

# Seconds before anything is shown, and between two states of a line, as for a descent.
PATIENCE = 2.0
PAUSE = 0.5


@contextmanager
def shown(count: int, wanted: bool | None, what: str = "drawing frames") -> Iterator[Iterator[int]]:
    """Yield an iterator over the numbers below a count, and show how far it is.

    Parameters
    ----------
    count : int
        The number of steps.
    wanted : bool or None
        Whether to show anything; None shows a bar on a terminal, or a line in a notebook, and only after 2 seconds.
    what : str
        What the steps are.

    Yields
    ------
    iterator of int
        The number of each step.
    """
    if wanted is not False and in_notebook():
        yield _lined(count, 0.0 if wanted else PATIENCE, what)
        return
    if wanted is False or (wanted is None and not on_terminal()):
        yield iter(range(count))
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    # Without a terminal, Rich shows only the last state.
    bar = Progress(console=console, transient=console.is_terminal)
    task = bar.add_task(what, total=count)
    due = time.perf_counter() + (0.0 if wanted else PATIENCE)

    def steps() -> Iterator[int]:
        for k in range(count):
            yield k
            if time.perf_counter() >= due:
                bar.start()
            bar.update(task, completed=k + 1)

    try:
        yield steps()
    finally:
        if bar.live.is_started:
            bar.stop()


def _lined(count: int, patience: float, what: str) -> Iterator[int]:
    """Yield the numbers below a count, and show how far it is in one line."""
    began = time.perf_counter()
    due, line = began + patience, None
    for k in range(count):
        yield k
        now = time.perf_counter()
        if now >= due or (line and k + 1 == count):
            line, due = line or Line(), now + PAUSE
            line.show(f"{what} · {k + 1:,} of {count:,} · {now - began:.1f} s")


def check_progress(wanted: bool | None) -> None:
    """Raise TypeError if `progress=` is not True, False or None.

    Parameters
    ----------
    wanted : bool or None
        The argument.
    """
    if wanted not in (None, True, False):
        raise TypeError(f"progress={quoted(wanted)}: give True or False, or leave it out")
