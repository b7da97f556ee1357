"""A learner of a stream that finds out by itself whether to forget."""

from __future__ import annotations

import copy
import math
import numbers
from dataclasses import dataclass, field, replace

import numpy as np

from steepest.fitting.stream.blocks import Block
from steepest.fitting.stream.evidence import SequentialTest
from steepest.fitting.stream.learner import StreamLearner
from steepest.models import Linear, losses
from steepest.printable import quoted

# The type of the argument forget=.
Forget = float | str | None
AUTO = "auto"
# The half-life of the fast learner: the least rows, the rows per column, and the most rows. Measured on streams as in
# benchmarks/streams.py: with ten columns, 200 and 500 rows are about as good; with 200 columns, 3 rows a column are
# better than 5 and 10.
FAST, FAST_PER_COLUMN, FAST_MOST = 300, 3, 3_000
# The least mean number of rows between false alarms. Chosen, not measured.
RARE = 1e6
# The same for the return to the learner that forgets nothing. It costs little, as its model was good until the drift.
LIKELY = 100.0
# The distance of the first steps after a drift, in the coordinates of the learner. Measured: with 0.3, the first
# distance of a stream, the accuracy in the 4,000 rows after a flip of all signs is lower by 0.02.
DISTANCE = 1.0
# At the start of a stream, and while the fast learner gives the answer, the other one has this many half-lives of the
# fast one to become as good before it may begin anew. Measured on streams as in benchmarks/streams.py: with 1 it begins
# anew in vain with 200 columns, and with 3 a change is found late with 1,000 sparse columns.
PATIENCE = 2


@dataclass
class AdaptiveLearner:
    """Two learners side by side: one that forgets nothing, and a fast one that forgets all but the last rows.

    The first gives the answer, until the fast one predicts better beyond doubt: Bach and Maloof, "Paired learners for
    concept drift" (2008). Then the fast one gives the answer, and the first begins anew: where the fast one is, or at
    coefficients of 0 if these predict better. It gives the answer again once it is the better one. If the answer
    predicts worse than coefficients of 0, as after a flip of all signs, both begin anew. The tests are
    `SequentialTest`; they look at each block before the learners do. So without drift the answer is that of the first
    learner, bit for bit.

    Attributes
    ----------
    standing, fast : StreamLearner
        The two learners.
    drifts : tuple of int
        How many rows had been read when a drift was found, for each drift.
    rows : int
        The number of rows so far.
    is_drifting : bool
        Whether the fast learner gives the answer.
    """

    standing: StreamLearner
    fast: StreamLearner
    drifts: tuple[int, ...] = ()
    rows: int = 0
    is_drifting: bool = False
    drift: SequentialTest = field(default_factory=lambda: SequentialTest(RARE))
    calm: SequentialTest = field(default_factory=lambda: SequentialTest(LIKELY))
    failure: SequentialTest = field(default_factory=lambda: SequentialTest(RARE))

    @classmethod
    def of(cls, learner: StreamLearner) -> AdaptiveLearner:
        """Return a learner that continues another one."""
        standing, fast = learner.copied(), learner.copied()
        standing.half_life = math.inf
        fast.half_life = float(np.clip(FAST_PER_COLUMN * (len(learner.point) - 1), FAST, FAST_MOST))
        fast.rng = copy.deepcopy(learner.rng)
        return cls(standing, fast)

    @property
    def leader(self) -> StreamLearner:
        """The learner that gives the answer."""
        return self.fast if self.is_drifting else self.standing

    @property
    def parts(self) -> tuple[StreamLearner, ...]:
        """Both learners."""
        return self.standing, self.fast

    @property
    def model(self) -> Linear:
        """The model."""
        return self.standing.model

    @property
    def loss(self) -> losses.Loss:
        """The loss."""
        return self.standing.loss

    @property
    def answer(self) -> np.ndarray:
        """The answer."""
        return self.leader.answer

    @property
    def slope(self) -> np.ndarray:
        """The mean gradient of the last block."""
        return self.leader.slope

    @property
    def t(self) -> float:
        """The last step size."""
        return self.leader.t

    @property
    def updates(self) -> int:
        """The number of updates; those of the fast learner, which never begins anew."""
        return self.fast.updates

    def value(self, block: Block, point: np.ndarray) -> float:
        """Return the mean loss of a block at a point, with the penalty."""
        return self.leader.value(block, point)

    def gains(self, block: Block, point: np.ndarray) -> bool:
        """Return whether a point, with its penalty, has a lower loss on a block than the start."""
        return self.standing.gains(block, point)

    def is_flattened(self, block: Block, point: np.ndarray) -> bool:
        """Return whether an L1 penalty sets all coefficients to 0, and what is left is about the best constant."""
        return self.leader.is_flattened(block, point)

    def begin(self, block: Block) -> None:
        """Start with the intercept at the mean target of the first block."""
        for learner in self.parts:
            learner.begin(block)

    def move(self, point: np.ndarray) -> None:
        """Continue from another point."""
        for learner in self.parts:
            learner.move(point)

    def copied(self) -> AdaptiveLearner:
        """Return a copy that learns without changing this learner."""
        return replace(
            self, standing=self.standing.copied(), fast=self.fast.copied(),
            drift=copy.copy(self.drift), calm=copy.copy(self.calm), failure=copy.copy(self.failure),
        )  # fmt: skip

    def learn(self, block: Block) -> None:
        """Compare the learners on a block, and let both learn from it."""
        if self.rows:
            self.compare(block)
        self.rows += len(block.y)
        for learner in self.parts:
            learner.learn(block)

    def compare(self, block: Block) -> None:
        """Change the leader if the other learner, or a constant, has come to predict better."""
        share = block.weight / block.weight.mean()
        of_standing, of_fast = (share * part.row_losses(block, part.answer) for part in self.parts)
        of_leader = of_fast if self.is_drifting else of_standing
        drifts, calms = self.drift.add(of_standing - of_fast), self.calm.add(of_fast - of_standing)
        fails = self.failure.add(of_leader - share * self.fast.row_losses(block, self.fast.flat))
        age = self.rows - (self.drifts[-1] if self.drifts else 0)
        is_young = (self.is_drifting or not self.drifts) and age < PATIENCE * self.fast.half_life
        if (fails or drifts) and not is_young:
            self.drifts += (self.rows,)
            self.is_drifting = True
            start = min((self.fast.answer, self.fast.flat), key=lambda point: self.fast.value(block, point))
            self.standing = self.fast.anew(start, DISTANCE, self.standing.rng)
            self.calm.restart()
            if fails:
                # All that was learnt is wrong, so the fast learner need not forget it first.
                half_life = self.fast.half_life
                self.fast = self.fast.anew(start, DISTANCE, self.fast.rng)
                self.fast.half_life = half_life
                self.drift.restart()
        elif self.is_drifting and calms:
            self.drift.restart()
            self.is_drifting = False


Learner = StreamLearner | AdaptiveLearner


def read_forget(forget: Forget) -> Forget:
    """Return the argument forget=, after checking it.

    Parameters
    ----------
    forget : float, "auto" or None
        A half-life in rows, "auto", or None to forget nothing.

    Returns
    -------
    float, "auto" or None
        The same.

    Raises
    ------
    ValueError
        If it is something else.

    Examples
    --------
    >>> read_forget(1000)
    1000.0
    """
    if forget is None or (isinstance(forget, str) and forget == AUTO):
        return forget
    is_number = isinstance(forget, numbers.Real) and not isinstance(forget, bool)
    if not (is_number and 0 < float(forget) < math.inf):
        raise ValueError(
            f"forget={quoted(forget)}: give the rows after which a row counts half, such as 1000, 'auto', or None"
        )
    return float(forget)


def forgetting(learner: Learner, forget: Forget) -> Learner:
    """Return a learner that continues another one, and forgets in the way that was asked for.

    Parameters
    ----------
    learner : StreamLearner or AdaptiveLearner
        The learner.
    forget : float, "auto" or None
        As `read_forget` returns it.

    Returns
    -------
    StreamLearner or AdaptiveLearner
        A copy, or the learner itself if "auto" goes on.
    """
    if isinstance(forget, str):
        return learner if isinstance(learner, AdaptiveLearner) else AdaptiveLearner.of(learner)
    if isinstance(learner, AdaptiveLearner):
        learner = learner.leader
    learner = learner.copied()
    learner.half_life = math.inf if forget is None else forget
    return learner
