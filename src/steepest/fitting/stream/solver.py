"""The solver of a stream: it reads each block of rows once, learns from it, and drops it."""

from __future__ import annotations

import math

import numpy as np

from steepest.derivatives.bounds import Box
from steepest.derivatives.objective import Objective
from steepest.descent.ending import Ending
from steepest.descent.loop.bound import Bound
from steepest.descent.loop.solver import Status
from steepest.descent.loop.state import COLUMNS, RUNNING
from steepest.fitting.stream.adaptive import Learner
from steepest.fitting.stream.blocks import Block, Blocks
from steepest.rules.pair import Rules
from steepest.trace import Outcome
from steepest.types import Json


class StreamSolver:
    """A solver whose steps are the blocks of a stream.

    Its value is the mean loss on the last block before the model learnt from it, with the penalty. As the rows are new
    to the model, this loss is not too optimistic.

    Attributes
    ----------
    block : Block
        The block that was read last.
    rows : int
        How many rows the model has learnt from.
    count : int
        How many blocks.
    pending : Block or None
        The first block, until it is processed.
    """

    noise = 0.0
    negligible_gap = 0.0
    gaps = 0
    rises = False
    columns: tuple[str, ...] = ()

    def __init__(
        self, objective: Objective, rules: Rules, sign: float, tolerance: float, start: np.ndarray,
        box: Box | None = None, *, learner: Learner, first: Block, blocks: Blocks,
    ) -> None:  # fmt: skip
        self.objective, self.sign, self.tolerance, self.start, self.box = objective, sign, tolerance, start, box
        self.learner, self.blocks, self.block = learner, blocks, first
        self.pending: Block | None = first
        self.ending: Ending | None = None
        self.rows = self.count = 0
        self.value = self.first_value = learner.value(first, learner.answer)
        self.code = RUNNING

    @property
    def status(self) -> Status:
        """The progress so far; the answer is the average of all points."""
        learner = self.learner
        return Status(
            x=learner.answer, gradient=learner.slope, value=self.value, iteration=learner.updates,
            evaluations=self.count, first_value=self.first_value, best_x=learner.answer, best_value=self.value,
            estimate=math.inf, code=self.code,
        )  # fmt: skip

    def read(self) -> Block | None:
        """Return the next block; None at the end of the stream, or if a block can't be read, which ends the fit."""
        if self.pending is not None:
            block, self.pending = self.pending, None
            return block
        try:
            return next(self.blocks)
        except StopIteration:
            self.ending = Ending(Outcome.COMPLETED, "")
        except Exception as error:  # noqa: BLE001 - a stream may raise anything, and the answer so far is kept
            cause = f"block {self.blocks.number} raised {type(error).__name__}: {error}; "
            self.ending = Ending(Outcome.RAISED, cause)
        return None

    def run(self, rows: int, evaluations: int, together: int) -> np.ndarray:
        """Learn from the next block, and return its row of the trace."""
        block = self.read()
        if block is None:
            return self.unfinished()
        self.block = block
        # Learn on a copy, so that Ctrl-C during a block leaves the answer before it.
        learner = self.learner.copied()
        value = learner.value(block, learner.answer)
        learner.learn(block)
        if not np.all(np.isfinite(learner.answer)):
            self.ending = Ending(Outcome.NON_FINITE, "")
            return self.unfinished()
        self.learner, self.value = learner, value
        self.count, self.rows = self.count + 1, self.rows + len(block.y)
        return self.row(learner.t)[None]

    def unfinished(self) -> np.ndarray:
        """Return no rows: a block has a row only once it is complete."""
        return np.empty((0, len(COLUMNS) + self.start.size))

    def row(self, t: float = 0.0) -> np.ndarray:
        """Return the answer so far as a row of the trace; t is the last step size."""
        learner = self.learner
        norm = float(np.linalg.norm(learner.slope))
        return np.concatenate([[learner.updates, self.count, self.value, norm, t], learner.answer])

    def mark(self, code: int) -> None:
        """Set the code of the status."""
        self.code = code

    def begin_at(
        self, x: np.ndarray, scale: np.ndarray | None = None, known: tuple[float, np.ndarray] | None = None
    ) -> None:
        """Continue from another point."""
        self.learner.move(x)

    def bound(self, x: np.ndarray) -> Bound | None:
        """Return None: nothing can be proven about rows that are no longer there."""

    def arrays(self) -> list[np.ndarray]:
        """Return nothing: a stream can't be read again."""
        return []

    def counters(self) -> dict[str, Json]:
        """Return nothing: a stream can't be read again."""
        return {}

    def restore(self, arrays: list[np.ndarray], counters: dict[str, Json]) -> None:
        """Refuse: a stream can't be read again."""
        raise RuntimeError("a stream is read once, and can't be continued: give more blocks to a new fit")
