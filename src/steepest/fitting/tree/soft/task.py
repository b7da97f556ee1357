"""The task of a soft descent: rows, starts and schedule in the form that compiled code takes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from steepest.derivatives.compiled import Jitted
from steepest.fitting.target import Target
from steepest.fitting.tree.soft.coordinates import Coordinates, Ranks, Scaled
from steepest.fitting.tree.soft.kernel import NEVER, SHARPNESS, Soft, leaf_shares, random_soft, sharpener
from steepest.fitting.validation import LabelledRows
from steepest.models.losses import Loss
from steepest.types import Array

# The restarts of a program; two programs run side by side. Fixed, so that the answer is the same on every machine.
TOGETHER = 8
BATCH, UPDATES = 256, 1000
# An epoch is a pass over the rows, or over so many batches of them, drawn anew for each epoch.
MOST_BATCHES, LEAST_EPOCHS = 50, 20
# Tables of similar size share compiled code: rows and columns are padded to powers of two, from these numbers on.
LEAST_ROWS, LEAST_COLUMNS = 1024, 8


@dataclass(frozen=True)
class SoftTask:
    """A soft descent.

    Attributes
    ----------
    depth : int
        The depth of the trees.
    cost : Loss
        The loss in the user's units.
    is_oblique : bool
        Whether a gate looks at a sum of columns, or at one of them.
    coordinates : Coordinates
        What the gates look at.
    target : Target
        The target in the units of compiled code.
    center : array of shape (outputs,)
        The best constant of all rows, in the user's units.
    rows : LabelledRows
        The rows, in the user's units.
    arrays : (X, y, weight)
        The rows for compiled code, padded, in these coordinates.
    allowed : array of shape (columns,)
        What is added to the choice of each column.
    count, columns : int
        The numbers of rows and columns without padding.
    size, batches, epochs : int
        The rows of a batch, the batches of an epoch, and the epochs of the schedule.
    seed : int
        The seed of the starts and the batches.
    sizes : list of int
        The restarts of each program.
    sharpen : Jitted
        The compiled code.
    """

    depth: int
    cost: Loss
    is_oblique: bool
    coordinates: Coordinates
    target: Target
    center: np.ndarray
    rows: LabelledRows
    arrays: tuple[Array, Array, Array]
    allowed: Array
    count: int
    columns: int
    size: int
    batches: int
    epochs: int
    seed: int
    sizes: list[int]
    sharpen: Jitted

    @classmethod
    def of(
        cls, rows: LabelledRows, depth: int, loss: Loss, center: np.ndarray, restarts: int, epochs: int | None,
        batch: int | None, seed: int, is_oblique: bool,
    ) -> SoftTask:  # fmt: skip
        """Lay out rows whose loss has the best constant `center`, and draw the starts."""
        count, columns = rows.X.shape
        target = Target.of(loss, np.tile(center, (count, 1)), rows.y, rows.weight)
        y = (rows.y - center[0]) / target.unit[0] if target.is_located else rows.y
        # Padded rows lie in no batch.
        padded, width = _power(count, LEAST_ROWS), _power(columns, LEAST_COLUMNS)
        coordinates = Scaled.of(rows.X, rows.weight) if is_oblique else Ranks.of(rows.X)
        X = np.zeros((padded, width), dtype=np.float32)
        X[:count, :columns] = coordinates.inward(rows.X)
        y, weight = (np.pad(a, (0, padded - count)).astype(np.float32) for a in (y, rows.weight / rows.weight.mean()))
        size = min(batch or BATCH, count)
        batches = min(-(-count // size), MOST_BATCHES)
        sizes = [TOGETHER] * (restarts // TOGETHER) + [restarts % TOGETHER] * (restarts % TOGETHER > 0)
        return cls(
            depth, loss, is_oblique, coordinates, target, center, rows, (X, y, weight),
            np.where(np.arange(width) < columns, 0.0, NEVER).astype(np.float32), count, columns, size, batches,
            max(-(-UPDATES // batches), LEAST_EPOCHS) if epochs is None else epochs, seed, sizes,
            sharpener(depth, target.loss, _power(size, 1), is_oblique, target.loss),
        )  # fmt: skip

    @property
    def restarts(self) -> int:
        """The number of restarts."""
        return sum(self.sizes)

    def starts(self, number: int) -> list[Soft]:
        """Return the random starts of each program, for a round of restarts."""
        X, random = self.arrays[0][: self.count], np.random.default_rng([self.seed, 0, number])
        value = np.zeros(1) if self.target.is_located else self.center
        return [random_soft(own, self.depth, X, self.is_oblique, value, random) for own in self.sizes]

    def orders(self, epoch: int) -> np.ndarray:
        """Return the rows of each batch of an epoch, (batches, slot); the last rows of a short batch do not count."""
        slot, random = _power(self.size, 1), np.random.default_rng([self.seed, epoch])
        order = random.permutation(self.count)[: self.batches * self.size]
        # The rows that a short last batch lacks are taken from the first.
        order = np.resize(order, (self.batches, self.size))
        return np.pad(order, ((0, 0), (0, slot - self.size))).astype(np.int32)

    @cached_property
    def by_column(self) -> np.ndarray:
        """The rows in the coordinates of the gates, (columns, rows)."""
        return np.ascontiguousarray(self.arrays[0][: self.count].T)

    def loss(self, soft: Soft, sharpness: float = SHARPNESS[1]) -> float:
        """Return the mean loss of a soft tree on the rows, in the user's units; with gates as sharp as in the end."""
        # In single precision, as in compiled code.
        soft, columns = Soft(*(np.asarray(part, dtype=np.float32) for part in soft)), self.by_column
        seen = soft.choice @ columns if self.is_oblique else columns[soft.choice[:, : self.columns].argmax(axis=1)]
        gates = np.float32(sharpness) * (seen - soft.threshold[:, None])
        right = np.float32(0.5) + np.float32(0.5) * np.tanh(np.float32(0.5) * gates)
        z = self.in_units(leaf_shares(right, self.depth, np).T @ soft.value)
        each = np.asarray(self.cost(z if z.shape[1] > 1 else z[:, 0], self.rows.y))
        return float(np.average(each, weights=self.rows.weight))

    def in_units(self, value: np.ndarray) -> np.ndarray:
        """Return outputs of compiled code in the user's units."""
        return self.center + self.target.unit[0] * value if self.target.is_located else value


def _power(number: int, least: int) -> int:
    return max(least, 1 << (number - 1).bit_length())
