"""Which classes are taken for which: counts, and the counts as a table to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

WIDEST_LABEL = 20
WIDEST = 100
TRUTH, TOLD = "truth", "told"


@dataclass(frozen=True)
class Confusion:
    """How many rows of each class are told to be of each.

    Parameters
    ----------
    labels : tuple
        The classes.
    counts : tuple of tuples of int
        A row a true class, a column a predicted one.

    Examples
    --------
    >>> print(Confusion(("cat", "dog"), ((7, 1), (0, 12))))
    truth / told  cat  dog
    cat             7    1
    dog             0   12
    """

    labels: tuple[Any, ...]
    counts: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, labels: Sequence[Any], truth: np.ndarray, told: np.ndarray) -> Confusion:
        """Count.

        Parameters
        ----------
        labels : sequence
            The classes.
        truth, told : array of int of shape (rows,)
            The places of each row's class in `labels`: the true one, and the one that is predicted.

        Returns
        -------
        Confusion
            The counts.
        """
        counts = np.zeros((len(labels), len(labels)), dtype=int)
        np.add.at(counts, (truth, told), 1)
        return cls(tuple(labels), tuple(map(tuple, counts.tolist())))

    def __str__(self) -> str:
        names, counts = [_short(label) for label in self.labels], np.array(self.counts)
        order = np.argsort(-counts.sum(axis=1), kind="stable")
        shown = len(names)
        while len(max(lines := _aligned(*_largest(names, counts, order[:shown])), key=len)) > WIDEST and shown > 1:
            shown -= 1
        return "\n".join(lines)


def _largest(names: list[str], counts: np.ndarray, kept: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return the names and counts of some classes in their own order, and of all others as one."""
    kept = np.sort(kept)
    if len(kept) == len(names):
        return names, counts
    rest = np.setdiff1d(np.arange(len(names)), kept)
    for axis in (0, 1):
        others = counts.take(rest, axis=axis).sum(axis=axis, keepdims=True)
        counts = np.concatenate([counts.take(kept, axis=axis), others], axis=axis)
    return [*(names[k] for k in kept), f"{len(rest)} others"], counts


def _aligned(names: list[str], counts: np.ndarray) -> list[str]:
    corner = f"{TRUTH} / {TOLD}"
    cells = [[f"{count:,}" for count in row] for row in counts.tolist()]
    first = max(map(len, [corner, *names]))
    widths = [max(len(name), *(len(row[k]) for row in cells)) for k, name in enumerate(names)]
    lines = [(corner, names), *zip(names, cells, strict=True)]
    return [
        "  ".join([head.ljust(first), *(cell.rjust(width) for cell, width in zip(row, widths, strict=True))])
        for head, row in lines
    ]


def _short(label: Any) -> str:
    text = " ".join(str(label).split())
    return text if len(text) <= WIDEST_LABEL else text[: WIDEST_LABEL - 1] + "…"
