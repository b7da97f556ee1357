"""The log of a descent: the rows of its trace, its events, and its best epoch."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from steepest.descent.early_stopping import BestEpoch, EarlyStopping
from steepest.descent.loop.solver import Solver
from steepest.descent.loop.state import COLUMNS
from steepest.descent.meter import Meter
from steepest.descent.progress import Progress
from steepest.descent.view import View
from steepest.trace import Event, Trace, TraceWriter
from steepest.types import Callback


class Log:
    """Records one descent, shows its progress and calls the user's callback.

    Attributes
    ----------
    best : BestEpoch
        The epoch with the least validation loss. Without validation, the epoch with the least value, if the value may
        rise.
    stopped : bool
        Whether the callback has ended the descent.
    last_value : float
        The value of the last row.
    """

    def __init__(
        self, solver: Solver, view: View, early_stopping: EarlyStopping | None, meter: Meter,
        callback: Callback | None, progress: Progress,
    ) -> None:  # fmt: skip
        self.solver, self.view, self.early_stopping, self.meter = solver, view, early_stopping, meter
        self.callback, self.progress, self.best, self.stopped = callback, progress, BestEpoch(), False
        # The last iteration for which the callback was called.
        self.called, self.last_value = solver.status.iteration, solver.status.value
        epoch = ("epoch",) if view.counted == "epoch" else ()
        validation = ("validation",) if early_stopping else ()
        self.writer = TraceWriter(view.names, (*COLUMNS, "seconds", *epoch, *validation, *solver.columns))

    def resume(self, trace: Trace, events: int, best: BestEpoch) -> None:
        """Continue after the rows of a trace and its first `events` events."""
        self.writer.resume(trace, events)
        self.best = best

    def trace(self) -> Trace:
        """Return all rows and events so far."""
        return self.writer.trace()

    @property
    def events(self) -> int:
        """The number of events so far."""
        return len(self.writer.events)

    def add_event(self, kind: str, detail: str, count: int = 1) -> None:
        """Add an event at the current iteration."""
        self.writer.events.append(Event(self.solver.status.iteration, kind, detail, count))

    def record(self, rows: np.ndarray, since: float) -> None:
        """Add the rows of a chunk that began after `since` seconds; each row gets an equal share of the time."""
        if not len(rows):
            return
        rows = rows.copy()
        self.last_value = float(rows[-1, 2])
        if self.early_stopping is None and self.solver.rises:
            self.remember_least(rows)
        losses = self.validation_losses(rows)
        rows[:, 1] *= self.solver.objective.cost
        rows[:, 2] *= self.solver.sign
        elapsed, first, last = self.meter.elapsed, len(COLUMNS), len(COLUMNS) + len(self.solver.columns)
        seconds = np.linspace(since, elapsed, len(rows) + 1)[1:, None] if len(rows) > 1 else np.array([[elapsed]])
        scalars, further, points = rows[:, :first], rows[:, first:last], rows[:, last:]
        points = self.view.rows(points)
        epochs = self.view.epochs(scalars)
        scalars[:, 0] *= self.solver.objective.updates
        self.writer.append(np.concatenate([scalars, seconds, epochs, losses, further], axis=1), points)
        shown = further[-1, :1] if "validation" in self.solver.columns else losses[-1]
        self.progress.show(rows[-1, 0], rows[-1, 2], rows[-1, 3], points[-1], self.meter.elapsed, *shown)

    def remember_least(self, rows: np.ndarray) -> None:
        """Remember the row with the least value, for a solver that stores no best point although its value may rise."""
        row = rows[np.argmin(np.where(np.isnan(rows[:, 2]), np.inf, rows[:, 2]))]
        self.best = self.best.or_better(float(row[2]), int(row[0]), float(row[2]), row[len(COLUMNS) :])

    def remember_convergence(self) -> None:
        """Let the point of convergence be the best epoch, unless an earlier one was better by more than rounding."""
        status = self.solver.status
        if self.early_stopping is not None and self.best.epoch < status.iteration:
            loss = self.early_stopping.loss(status.best_x)
            self.best = self.best.or_converged(loss, status.iteration, status.best_value, status.best_x)

    def validation_losses(self, rows: np.ndarray) -> np.ndarray:
        """Return the validation losses of the rows as a column, and remember the best epoch.

        Without validation, return no column.
        """
        if self.early_stopping is None:
            return rows[:, :0]
        losses = []
        for row in rows:
            x = row[len(COLUMNS) :]
            losses.append(self.early_stopping.loss(x))
            self.best = self.best.or_better(losses[-1], int(row[0]), float(row[2]), x)
        return np.array(losses)[:, None]

    def run_callback(self) -> bool:
        """Call the callback if there is a new iteration; return whether the callback has ended the run."""
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
