"""`shown`: how far the drawing of a film is, on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from steepest.printable import quoted

# Seconds before a terminal shows anything, as for a descent.
PATIENCE = 2.0


def shown(count: int, wanted: bool | None) -> Iterator[int]:
    """Yield the numbers below a count, and show how far they are.

    Parameters
    ----------
    count : int
        The number of steps.
    wanted : bool or None
        Whether to show anything; None shows a bar only on a terminal, and only after 2 seconds.

    Yields
    ------
    int
        The number of each step.
    """
    if wanted is False or (wanted is None and not sys.stderr.isatty()):
        yield from range(count)
        return
    from rich.console import Console
    from rich.progress import Progress

    patience = 0.0 if wanted else PATIENCE
    began = time.perf_counter()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("drawing frames", total=count, visible=False)
        for k in range(count):
            yield k
            bar.update(task, completed=k + 1, visible=time.perf_counter() - began > patience)


def check_progress(wanted: bool | None) -> None:
    """Raise TypeError if `progress=` is not True, False or None.

    Parameters
    ----------
    wanted : bool or None
        The argument.
    """
    if wanted not in (None, True, False):
        raise TypeError(f"progress={quoted(wanted)}: give True or False, or leave it out")
