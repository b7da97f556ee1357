"""`Rows`: the rows of a recorded loop, of which the points, gradients and norms may begin later than the values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from steepest.trace import Collector, Event, Trace
from steepest.types import Json

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
    mended : bool
        Whether the rows that came last have filled or dropped rows before them.
    back_to : float
        The least iteration that they have gone back to; infinite if none.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.leaves: list[str] = []
        self.slopes: list[str] = []
        self.gradients = 0
        self.count, self.iteration = 0, -math.inf
        self.mended = False
        self.back_to = math.inf
        self.collector = self._collector()

    def _collector(self) -> Collector:
        further = [f"{kind} {k}" for kind, size in self._parts() for k in range(size)]
        return Collector(self.names, ("row", *COLUMNS, *further))

    def _parts(self) -> list[tuple[str, int]]:
        return [("leaf", len(self.leaves)), ("slope", len(self.slopes)), ("gradient", self.gradients)]

    def layout(self) -> dict[str, Json]:
        """Return the arguments of `widen` that lead to these columns; the names are those in the trace."""
        return {
            "names": self.collector.names, "leaves": self.leaves, "slopes": self.slopes, "gradients": self.gradients,
        }  # fmt: skip

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

    def append(
        self, scalars: np.ndarray, parts: Sequence[np.ndarray | None], points: np.ndarray | None
    ) -> np.ndarray:  # fmt: skip
        """Add rows: their scalar columns, the norms of leaves and slopes and the gradients, and the points.

        Returns what a log needs for `add`.
        """
        further = [
            np.full((len(scalars), size), np.nan) if part is None else part
            for part, (_, size) in zip(parts, self._parts(), strict=True)
        ]
        points = np.full((len(scalars), len(self.names)), np.nan) if points is None else points
        block = np.concatenate([scalars, *further, self.collector.sketch(points)], axis=1)
        return block[self.add(block)]

    def add(self, block: np.ndarray) -> np.ndarray:
        """Add rows with all their entries, and return which of them a log needs; their evaluations are counted here.

        A row with the iteration of the row before fills what that lacks. If that lacks nothing of it, or if the
        iteration is lower, the loop has gone back, and the rows from there on are dropped.
        """
        self.mended, self.back_to = False, math.inf
        kept = np.ones(len(block), dtype=bool)
        width = len(self.collector.scalars) - 1
        # NaN and infinite values are rows like others; the numbers of iterations are always finite.
        breaks = np.flatnonzero(np.diff(block[:, 0], prepend=self.iteration) <= 0)
        for begin, end in pairwise([0, *breaks[breaks > 0].tolist(), len(block)]):
            part = block[begin:end]
            if part[0, 0] == self.iteration and self._filled(part[0]):
                part, begin = part[1:], begin + 1
            elif part[0, 0] <= self.iteration:
                self._go_back(part[0, 0])
            if not len(part):
                continue
            counted = part[:, PLACES["evaluations"]]
            if np.isnan(counted[0]):
                counted[:] = np.arange(self.count + 1, self.count + len(part) + 1)
            self.count, self.iteration = int(counted[-1]), float(part[-1, 0])
            self.collector.append(np.column_stack([counted - 1, part[:, :width]]), part[:, width:])
            # The rows that the thinning leaves out; the first may be where the loop went back to.
            kept[begin + 1 : end] = (counted[1:] - 1) % self.collector.stride == 0
        return kept

    def _filled(self, row: np.ndarray) -> bool:
        """Fill what the last row lacks by another row of its iteration; False if that has something else."""
        last = self.collector.last
        if last is None:
            return False
        old = last[1:]
        both = ~np.isnan(old) & ~np.isnan(row)
        both[[PLACES["iteration"], PLACES["evaluations"], PLACES["seconds"]]] = False
        if both.any():
            return False
        self.mended = True
        missing = np.isnan(old)
        old[missing] = row[missing]
        return True

    def _go_back(self, iteration: float) -> None:
        """Drop the rows of an iteration and of all after it."""
        self.mended, self.back_to = True, min(self.back_to, iteration)
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
