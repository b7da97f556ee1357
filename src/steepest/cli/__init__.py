"""The command line: `steepest minimize`, `check`, `fit`, `predict`, `show`, `diagnose`, `report` and `compare`."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
from collections.abc import Sequence

from steepest.derivatives.process.interrupts import Interrupts, ignore, last_signal, listen

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# The exit codes of a program that Ctrl-C or SIGTERM stopped, as in shells: 128 + the number of the signal.
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM
# How many objects a process makes before the garbage collector looks through the young ones. Loading the packages makes
# 200,000 that stay: with Python's own number, 700, a fit of 344 rows took 0.25 s more of 2.5 s.
YOUNG = 100_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit with its code; from then on the process ignores Ctrl-C and SIGTERM.

    Parameters
    ----------
    arguments : sequence of str, optional
        The arguments after the program's name; those of ``sys.argv`` by default.
    """
    code: int | None = None
    written: object = "nothing was written"
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
    # At its end Python looks for garbage several times, which took 0.45 s: all memory is given back anyway.
    atexit.register(gc.freeze)
    try:
        listen(*SIGNALS)
        # Imported here, so that Ctrl-C shows no traceback while the packages that these need are loaded.
        from steepest.cli.app import run
        from steepest.cli.written import Written

        written = Written()
        code = run(arguments, written)
    except KeyboardInterrupt:
        # The message and the exit code follow below.
        code = None
    finally:
        # Assigned, because in a call Python could handle another signal first. An interrupt of a command that has just
        # ended changes nothing.
        Interrupts.over = True
    ignore(*SIGNALS)
    if code is None:
        sys.stderr.write(f"steepest: interrupted; {written}\n")
        code = INTERRUPTED
    sys.exit(TERMINATED if last_signal() == signal.SIGTERM else code)
