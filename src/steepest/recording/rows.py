"""`Rows`: the rows of a recorded loop, of which the points, gradients and norms may begin later than the values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from steepest.trace import Collector, Event, Trace

# The columns of the trace, after the number of the row, by which rows are thinned.
COLUMNS = ("iteration", "evaluations", "value", "gradient_norm", "step_size", "seconds", "validation")
WIDTH = len(COLUMNS)
PLACES = {name: k for k, name in enumerate(COLUMNS)}


class Rows:
    """The rows of a recorded loop.

    Attributes
    ----------
    names : list of str
        The names of the coordinates of the points; empty until a point comes.
    leaves : list of str
        The names of the leaves of the points, whose norms are recorded.
    slopes : list of str
        The names of the leaves of the gradients.
    gradients : int
        The number of coordinates of the gradients; 0 if they are not recorded.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.leaves: list[str] = []
        self.slopes: list[str] = []
        self.gradients = 0
        self.count, self.iteration = 0, -math.inf
        self.collector = self._collector()

    def _collector(self) -> Collector:
        further = [f"{kind} {k}" for kind, size in self._parts() for k in range(size)]
        return Collector(self.names, ("row", *COLUMNS, *further))

    def _parts(self) -> list[tuple[str, int]]:
        return [("leaf", len(self.leaves)), ("slope", len(self.slopes)), ("gradient", self.gradients)]

    def widen(
        self, names: Sequence[str] = (), leaves: Sequence[str] = (), slopes: Sequence[str] = (), gradients: int = 0
    ) -> None:
        """Take points, norms or gradients from here on; they are NaN in the rows before."""
        before = self.collector.trace()
        self.names, self.leaves = self.names or list(names), self.leaves or list(leaves)
        self.slopes, self.gradients = self.slopes or list(slopes), self.gradients or gradients
        self.collector = self._collector()
        if not len(before):
            return
        missing = np.full(len(before), np.nan)
        columns = {
            name: before.columns.get(name, missing) for name in ("row", *COLUMNS, *self.collector.scalars[WIDTH + 1 :])
        }
        width = len(self.collector.names)
        x = before.x if before.x.shape[1] == width else np.full((len(before), width), np.nan)
        wide = Trace(columns, x, self.collector.names, before.stored_events, before.stride)
        self.collector.resume(wide, len(before.stored_events))

    def append(self, scalars: np.ndarray, parts: Sequence[np.ndarray | None], points: np.ndarray | None) -> None:
        """Add rows: their scalar columns, the norms of leaves and slopes and the gradients, and the points.

        A row with the iteration of the row before fills what that lacks. If that lacks nothing of it, or if the
        iteration is lower, the loop has gone back, and the rows from there on are dropped.
        """
        further = [
            np.full((len(scalars), size), np.nan) if part is None else part
            for part, (_, size) in zip(parts, self._parts(), strict=True)
        ]
        rows = np.concatenate([np.zeros((len(scalars), 1)), scalars, *further], axis=1)
        points = np.full((len(scalars), len(self.names)), np.nan) if points is None else points
        iterations = scalars[:, 0]
        # NaN and infinite values are rows like others; the numbers of iterations are always finite.
        breaks = np.flatnonzero(np.diff(iterations, prepend=self.iteration) <= 0)
        for begin, end in pairwise([0, *breaks[breaks > 0].tolist(), len(rows)]):
            part, place = rows[begin:end], points[begin:end]
            if part[0, 1] == self.iteration and self._filled(part[0], place[0]):
                part, place = part[1:], place[1:]
            elif part[0, 1] <= self.iteration:
                self._go_back(part[0, 1])
            if len(part):
                part[:, 0] = np.arange(self.count, self.count + len(part))
                self.count += len(part)
                part[:, 1 + PLACES["evaluations"]] = part[:, 0] + 1
                self.collector.append(part, place)
                self.iteration = float(part[-1, 1])

    def _filled(self, row: np.ndarray, point: np.ndarray) -> bool:
        """Fill what the last row lacks by another row of its iteration; False if that has something else."""
        last = self.collector.last
        if last is None:
            return False
        size = len(row)
        old, skipped = last[:size], 1 + PLACES["seconds"]
        both = ~np.isnan(old) & ~np.isnan(row)
        both[[0, 1, 1 + PLACES["evaluations"], skipped]] = False
        if both.any():
            return False
        missing = np.isnan(old)
        old[missing] = row[missing]
        if len(last) == size + len(point) and np.isnan(last[size:]).all():
            last[size:] = point
        return True

    def _go_back(self, iteration: float) -> None:
        """Drop the rows of an iteration and of all after it."""
        dropped = self.collector.cut("iteration", iteration)
        last = self.collector.last
        self.count = 0 if last is None else int(last[0]) + 1
        detail = f"the loop went back from iteration {self.iteration:.0f}, and the later rows were dropped"
        self.events.append(Event(int(iteration), "went back", detail, dropped))

    @property
    def events(self) -> list[Event]:
        """The events."""
        return self.collector.events

    def trace(self) -> tuple[Trace, np.ndarray | None, dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Return the trace, the gradients, and the norms of the leaves of points and gradients."""
        whole = self.collector.trace()
        columns = {name: whole.columns[name] for name in COLUMNS}
        parts = {kind: [whole.columns[f"{kind} {k}"] for k in range(size)] for kind, size in self._parts()}
        trace = Trace(columns, whole.x, whole.names, list(whole.stored_events), whole.stride)
        gradients = np.column_stack(parts["gradient"]) if self.gradients else None
        leaves = dict(zip(self.leaves, parts["leaf"], strict=True))
        return trace, gradients, leaves, dict(zip(self.slopes, parts["slope"], strict=True))
