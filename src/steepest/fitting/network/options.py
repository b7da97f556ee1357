"""The options of a network's fit, and which of them make no sense for its rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.fitting.options import read_rules
from steepest.models import Network, losses
from steepest.models.penalties import L2
from steepest.rules.pair import Rules
from steepest.types import Function, RuleLike


@dataclass(frozen=True)
class NetworkOptions:
    """The options of a network's fit, without its data and its budget.

    Attributes
    ----------
    network : Network
        The network that the user gave.
    loss : callable
        The loss.
    batch_size, epochs : int or None
        As for `fit`.
    seed : int
        The seed of everything random.
    drawn : int or None
        The seed that draws the validation rows, if a fraction of the rows is held out.
    penalty : L2 or None
        A penalty on the weights, in the coordinates of the network.
    direction, step : object
        The rule of the user, in place of the recipe.
    dtype : {"float32", "float64"}
        The type of the numbers in compiled code.
    classes : int or None
        The number of classes, if the rows may lack some; by default that of the rows.
    """

    network: Network
    loss: Function
    batch_size: int | None
    epochs: int | None
    seed: int
    drawn: int | None
    penalty: L2 | None = None
    direction: RuleLike = None
    step: RuleLike = "auto"
    dtype: str = "float32"
    classes: int | None = None

    @property
    def rules(self) -> Rules | None:
        """The rule of the user; None for that of the recipe."""
        if self.direction is None and isinstance(self.step, str) and self.step == "auto":
            return None
        return read_rules(self.direction, self.step, batched=True)

    @property
    def is_classes(self) -> bool:
        """Whether the targets are classes."""
        return isinstance(self.loss, losses.Loss) and self.loss.classes

    def outputs(self, y: np.ndarray) -> int:
        """Return the number of outputs for targets, once these are checked."""
        losses.check_targets(self.loss, y)
        if not isinstance(self.loss, losses.Loss):
            shape = np.shape(self.loss(np.zeros(len(y)), y))
            if shape != y.shape:
                raise ValueError(
                    f"the loss returned the shape {shape} for {len(y):,} rows: it must be one number a row"
                )
        if self.loss is losses.softmax:
            count = int(y.max()) + 1
            if self.classes is None and count < 2:
                raise ValueError("softmax needs 2 classes or more, and every target is 0: add rows of other classes")
            return max(count, self.classes or 0)
        if self.is_classes and self.classes is None and y.min() == y.max():
            raise ValueError(f"every target is {y[0]:g}: a network of two classes needs rows of both")
        return 1
