"""The memory of a network that learns part by part: rows of earlier parts, from which it learns again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import vstack

from steepest.fitting.network.result import NetworkFit
from steepest.fitting.network.resume import LiveNetwork
from steepest.models import Network
from steepest.models.frame import column_scales
from steepest.types import Rows

# The most rows to remember. With more, a random sample of all rows so far stays. Chosen, not measured: more rows take
# more memory and time in each call, and fewer forget more.
MOST_ROWS = 20_000
# A network begins anew if the median of a column, or the mean target, has moved by more than this share of the spread,
# or if the spread has changed by more than this factor. Chosen, not measured: a smaller share begins anew more often.
MOVED, STRETCHED = 0.25, 1.25


@dataclass
class Memory:
    """A random sample of the rows so far, with as many as fit: Vitter, "Random sampling with a reservoir" (1985).

    Attributes
    ----------
    X : array or sparse array
        The rows.
    targets : array of shape (rows, outputs)
        Their targets.
    weight : array of shape (rows,)
        Their weights.
    seen : int
        How many rows there have been in all.
    """

    X: Rows
    targets: np.ndarray
    weight: np.ndarray
    seen: int

    def with_part(self, X: Rows, targets: np.ndarray, weight: np.ndarray, random: np.random.RandomState) -> Memory:
        """Return the memory after another part."""
        seen = self.seen + len(targets)
        stacked = vstack([self.X, X]).tocsr() if hasattr(X, "tocsr") else np.concatenate([self.X, X])
        whole = Memory(stacked, np.concatenate([self.targets, targets]), np.concatenate([self.weight, weight]), seen)
        return whole if len(whole.targets) <= MOST_ROWS else whole.sampled(len(self.targets), random)

    def sampled(self, old: int, random: np.random.RandomState) -> Memory:
        """Return a sample in which each row so far is as likely as another; the first `old` rows are remembered."""
        new = len(self.targets) - old
        # Each remembered row stands for `(seen - new) / old` rows.
        share = np.concatenate([np.full(old, (self.seen - new) / max(old, 1)), np.ones(new)])
        # The largest keys u^(1/w) are a sample without replacement with these chances: Efraimidis and Spirakis (2006).
        keys = np.log(random.random_sample(len(share))) / share
        kept = np.sort(np.argsort(-keys)[:MOST_ROWS])
        return Memory(self.X[kept], self.targets[kept], self.weight[kept], self.seen)


def can_go_on(run: NetworkFit, memory: Memory, output: int) -> bool:
    """Tell whether a network can go on from its last fit, or the rows have moved away from its scales.

    Parameters
    ----------
    run : NetworkFit
        The fit.
    memory : Memory
        The rows so far.
    output : int
        The number of its target.

    Returns
    -------
    bool
        False if the network has to begin anew.
    """
    if not isinstance(run.resumable, LiveNetwork):
        return False
    network = run.model
    assert isinstance(network, Network)
    frame = network.frame
    assert frame is not None
    center, factor = column_scales(memory.X, memory.weight)[:2]
    moved = np.abs(center - frame.center) * np.maximum(factor, frame.factor)
    ratio = np.where((factor > 0) & (frame.factor > 0), factor / np.where(frame.factor > 0, frame.factor, 1.0), np.inf)
    same = (factor == 0) & (frame.factor == 0)
    stretched = ~same & ((ratio > STRETCHED) | (ratio < 1 / STRETCHED))
    return not (np.any(moved > MOVED) or np.any(stretched) or _target_moved(run, memory, output))


def _target_moved(run: NetworkFit, memory: Memory, output: int) -> bool:
    y = memory.targets[:, output]
    known = run.data[1] if run.data is not None else y
    spread = float(np.std(known)) or 1.0
    return abs(float(np.mean(y)) - float(np.mean(known))) > MOVED * spread or float(np.std(y)) > STRETCHED * spread
