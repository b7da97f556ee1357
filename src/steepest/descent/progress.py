"""The display of a run while it goes on: a live table on a terminal, a line in a notebook, its last state elsewhere."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from steepest.activity import doing, on_terminal, screen
from steepest.notebook.line import Line, in_notebook
from steepest.printable import printable, quoted

if TYPE_CHECKING:
    from rich.live import Live as RichLive
    from rich.table import Table

    from steepest.trace import Trace

# Seconds before a terminal shows anything, and between two rows. Chosen, not measured: with shorter pauses the table
# flickers.
PATIENCE = 2.0
PAUSE = 0.5
MOST_ROWS = 11
MOST_PARAMETERS = 4
# The width of a column in characters.
COLUMN = 14


class Progress:
    """A display that shows nothing, and the base of `Live`."""

    @staticmethod
    def of(wanted: bool | None, counted: str, names: Sequence[str], validated: bool = False) -> Progress:
        """Return the display that `progress=` asks for: by default a table on a terminal or a line in a notebook.

        Parameters
        ----------
        wanted : bool or None
            Whether to show anything; None shows it only on a terminal and in a notebook, after 2 seconds.
        counted : str
            The unit of a row: "iteration" or "epoch".
        names : sequence of str
            The names of the parameters; the first few are shown.
        validated : bool
            Whether there is a validation loss to show.

        Returns
        -------
        Progress
            A context manager.

        Raises
        ------
        TypeError
            If `wanted` is not True, False or None.
        """
        if wanted not in (None, True, False):
            raise TypeError(f"progress={quoted(wanted)}: give True or False, or leave it out")
        patience = PATIENCE if wanted is None else 0.0
        if wanted is not False and in_notebook():
            return LiveLine(counted, (), patience, validated)
        if wanted or (wanted is None and on_terminal()):
            return Live(counted, names, patience, validated)
        return Progress()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        """Restore the screen."""

    def show(
        self, count: float, value: float, gradient_norm: float, x: np.ndarray, seconds: float, *validation: float
    ) -> None:  # fmt: skip
        """Show a row of the run, if a row is due.

        Parameters
        ----------
        count : float
            The iteration or epoch.
        value, gradient_norm : float
            The value, and the norm of the gradient.
        x : array
            The parameters.
        seconds : float
            The seconds since the start.
        *validation : float
            The validation loss, if there is one.
        """

    def finish(self, trace: Trace) -> None:
        """Show the whole run in a few evenly spaced rows.

        Parameters
        ----------
        trace : Trace
            The trace of the run.
        """


class Live(Progress):
    """A table on the terminal that grows while a run goes on.

    Parameters
    ----------
    counted : str
        The unit of a row: "iteration" or "epoch".
    names : sequence of str
        The names of the parameters.
    patience : float
        Seconds before anything is shown.
    validated : bool
        Whether there is a validation loss.
    """

    def __init__(self, counted: str, names: Sequence[str], patience: float, validated: bool = False) -> None:
        self.validated = validated
        # The other columns always fit; show as many parameters as the terminal is wide enough for.
        fitting = max(0, min(MOST_PARAMETERS, shutil.get_terminal_size().columns // COLUMN - 3 - validated))
        self.counted, self.names, self.patience = counted, list(names)[:fitting], patience
        self.rows: deque[list[str]] = deque(maxlen=MOST_ROWS)
        self._due = patience
        self._live: RichLive | None = None
        self._has_screen = False
        self._began = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        try:
            if self._live is not None:
                self._live.stop()
        finally:
            if self._has_screen:
                self._has_screen = False
                screen.release()

    def show(
        self, count: float, value: float, gradient_norm: float, x: np.ndarray, seconds: float, *validation: float
    ) -> None:  # fmt: skip
        if time.perf_counter() - self._began < self._due:
            return
        self._due = time.perf_counter() - self._began + PAUSE
        self.rows.append(self._row(count, value, gradient_norm, x, seconds, *validation))
        self._refresh()

    def finish(self, trace: Trace) -> None:
        if not self._has_begun and self.patience:
            return
        count = trace.columns[self.counted]
        picked = np.unique(np.linspace(0, len(trace) - 1, MOST_ROWS).round().astype(int))
        self.rows.clear()
        for k in picked:
            validation = (trace.validation[k],) if self.validated else ()
            numbers = trace.value[k], trace.gradient_norm[k], trace.x[k], trace.seconds[k]
            self.rows.append(self._row(count[k], *numbers, *validation))
        self._refresh()

    def _row(
        self, count: float, value: float, gradient_norm: float, x: np.ndarray, seconds: float, *validation: float
    ) -> list[str]:  # fmt: skip
        shown = [f"{number:.6g}" for number in (*x[: len(self.names)], value, *validation)]
        return [f"{int(count):,}", *shown, f"{gradient_norm:.1e}", f"{seconds:.3g}"]

    @property
    def _has_begun(self) -> bool:
        return self._live is not None

    def _refresh(self) -> None:
        if self._live is None:
            # The table takes the place of the line that says what a longer call is doing.
            doing("")
            from rich.console import Console
            from rich.live import Live as RichLive

            # Without a terminal, Rich shows only the last state.
            console = Console(stderr=True)
            if console.is_terminal:
                self._has_screen = screen.acquire(blocking=False)
                if not self._has_screen:
                    return
            self._live = RichLive(console=console, auto_refresh=False)
            self._live.start()
        self._live.update(self._table(), refresh=True)

    def _table(self) -> Table:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        loss = "loss" if self.counted == "epoch" else "value"
        table = Table(box=SIMPLE_HEAD)
        validation = ("validation",) if self.validated else ()
        for name in (self.counted, *self.names, loss, *validation, "slope", "seconds"):
            # A text, and no string, which Rich would read for markup such as [red].
            table.add_column(Text(printable(name, COLUMN)), justify="right", no_wrap=True)
        for row in self.rows:
            table.add_row(*row)
        return table


class LiveLine(Live):
    """A line below a cell of a notebook, with the last row of the table."""

    _line: Line | None = None

    @property
    def _has_begun(self) -> bool:
        return self._line is not None

    def _refresh(self) -> None:
        if not self._has_screen:
            doing("")
        self._has_screen = self._has_screen or screen.acquire(blocking=False)
        if not self._has_screen:
            return
        self._line = self._line or Line()
        count, value, *validation, slope, seconds = self.rows[-1]
        loss = "loss" if self.counted == "epoch" else "value"
        parts = [f"{count} {self.counted}{'s' * (count != '1')}", f"{loss} {value}"]
        parts += [f"validation {loss}" for loss in validation]
        # A tree has no slope.
        parts += [f"slope {slope}"] * (slope != "nan")
        self._line.show(" · ".join([*parts, f"{seconds} s"]))
