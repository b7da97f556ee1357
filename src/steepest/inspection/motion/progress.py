"""`shown`: how far the drawing of a film is, on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from steepest.printable import quoted

# Seconds before a terminal shows anything, as for a descent.
PATIENCE = 2.0


@contextmanager
def shown(count: int, wanted: bool | None) -> Iterator[Iterator[int]]:
    """Yield an iterator over the numbers below a count, and show how far it is.

    Parameters
    ----------
    count : int
        The number of steps.
    wanted : bool or None
        Whether to show anything; None shows a bar only on a terminal, and only after 2 seconds.

    Yields
    ------
    iterator of int
        The number of each step.
    """
    if wanted is False or (wanted is None and not sys.stderr.isatty()):
        yield iter(range(count))
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    # Without a terminal, Rich shows only the last state.
    bar = Progress(console=console, transient=console.is_terminal)
    task = bar.add_task("drawing frames", total=count)
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


def check_progress(wanted: bool | None) -> None:
    """Raise TypeError if `progress=` is not True, False or None.

    Parameters
    ----------
    wanted : bool or None
        The argument.
    """
    if wanted not in (None, True, False):
        raise TypeError(f"progress={quoted(wanted)}: give True or False, or leave it out")
