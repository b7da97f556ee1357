"""The command line: `steepest minimize`, `check`, `fit`, `predict` and `show`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

from steepest.derivatives.process.interrupts import interruptible, last_signal

# The exit codes of a program that Ctrl-C or SIGTERM stopped, as in shells: 128 + the number of the signal.
INTERRUPTED = 128 + signal.SIGINT
TERMINATED = 128 + signal.SIGTERM


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit with its code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The arguments after the program's name; those of ``sys.argv`` by default.
    """
    try:
        with interruptible(signal.SIGTERM):
            # Imported here, so that Ctrl-C shows no traceback while the packages that it needs are loaded.
            from steepest.cli.app import run

            code = run(arguments)
    except KeyboardInterrupt:
        code = INTERRUPTED
        sys.stderr.write("steepest: interrupted; nothing was written\n")
    sys.exit(TERMINATED if last_signal() == signal.SIGTERM else code)
