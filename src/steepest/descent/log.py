"""What a descent has been through: its rows, the best of them, and what happened on the way."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from steepest.descent.early_stopping import BestEpoch, EarlyStopping
from steepest.descent.loop.solver import Solver
from steepest.descent.loop.state import COLUMNS
from steepest.descent.meter import Meter
from steepest.descent.progress import Progress
from steepest.descent.view import View
from steepest.trace import Event, Recorder, Trace
from steepest.types import Callback


class Log:
    """The log of one descent, which shows its progress and tells a callback of it.

    Attributes
    ----------
    best : BestEpoch
        The epoch with the least validation loss; the least value of a descent that may lead up.
    stopped : bool
        Whether the callback has ended the descent.
    """

    def __init__(
        self, solver: Solver, view: View, watch: EarlyStopping | None, meter: Meter, callback: Callback | None,
        progress: Progress,
    ) -> None:  # fmt: skip
        self.solver, self.view, self.watch, self.meter = solver, view, watch, meter
        self.callback, self.progress, self.best, self.stopped = callback, progress, BestEpoch(), False
        self.called, self.last_value = solver.status.iteration, solver.status.value
        epoch = ("epoch",) if view.counted == "epoch" else ()
        watched = ("validation",) if watch else ()
        self.recorder = Recorder(view.names, (*COLUMNS, "seconds", *epoch, *watched))

    def resume(self, trace: Trace, events: int, best: BestEpoch) -> None:
        """Go on after the rows of a trace, and so many of its events."""
        self.recorder.resume(trace, events)
        self.best = best

    def trace(self) -> Trace:
        """Return all rows and events so far."""
        return self.recorder.trace()

    @property
    def events(self) -> int:
        """How many events there are."""
        return len(self.recorder.events)

    def tell(self, kind: str, detail: str, count: int = 1) -> None:
        """Add an event."""
        self.recorder.events.append(Event(self.solver.status.iteration, kind, detail, count))

    def record(self, rows: np.ndarray, since: float) -> None:
        """Keep rows, their values in the user's sign; times inside a chunk are spread evenly."""
        if not len(rows):
            return
        rows = rows.copy()
        self.last_value = float(rows[-1, 2])
        if self.watch is None and self.rises:
            self.remember(rows)
        losses = self.validated(rows)
        rows[:, 1] *= self.solver.objective.cost
        rows[:, 2] *= self.solver.sign
        seconds = np.linspace(since, self.meter.elapsed, len(rows) + 1)[1:, None]
        scalars, points = rows[:, : len(COLUMNS)], self.view.rows(rows[:, len(COLUMNS) :])
        epochs = self.view.epochs(scalars)
        scalars[:, 0] *= self.solver.objective.updates
        self.recorder.append(np.hstack([scalars, seconds, epochs, losses]), points)
        self.progress.show(rows[-1, 0], rows[-1, 2], rows[-1, 3], points[-1], self.meter.elapsed, *losses[-1])

    @property
    def rises(self) -> bool:
        """Whether the descent may lead up, as where a loss with kinks is taken softly and then harder."""
        return self.solver.rises

    def remember(self, rows: np.ndarray) -> None:
        """Remember the least value with its point, of a descent that itself remembers where it stands alone."""
        row = rows[np.argmin(np.where(np.isnan(rows[:, 2]), np.inf, rows[:, 2]))]
        self.best = self.best.beside(float(row[2]), int(row[0]), float(row[2]), row[len(COLUMNS) :])

    def validated(self, rows: np.ndarray) -> np.ndarray:
        """Return the validation loss of each row, in a column, and remember the best; no column where none is asked."""
        if self.watch is None:
            return rows[:, :0]
        losses = []
        for row in rows:
            x = row[len(COLUMNS) :]
            losses.append(self.watch.loss(x))
            self.best = self.best.beside(losses[-1], int(row[0]), float(row[2]), x)
        return np.array(losses)[:, None]

    def called_back(self) -> bool:
        """Call back where an iteration was done since, and tell whether that ends the run, or did before."""
        status = self.solver.status
        if self.stopped or self.callback is None or status.iteration == self.called:
            return self.stopped
        self.called = status.iteration
        result = SimpleNamespace(
            x=self.view.point(status.x),
            fun=self.solver.sign * status.value,
            nit=status.iteration,
            nfev=self.meter.spent,
        )
        try:
            self.callback(result)
        except StopIteration:
            self.stopped = True
        return self.stopped
