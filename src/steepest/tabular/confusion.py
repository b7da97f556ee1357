"""The confusion matrix of a classification: counts, and a text table of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steepest.printable import printable
from steepest.tabular.reading.arrow import Label

# So that the table fits a terminal, labels are cut after WIDEST_LABEL letters, and the classes with the fewest rows are
# merged until no line is longer than WIDEST letters.
WIDEST_LABEL = 20
WIDEST = 100
CORNER = "actual \\ predicted"


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix: how many rows of each class were predicted as each class.

    Parameters
    ----------
    labels : tuple
        The classes.
    counts : tuple of tuples of int
        One row per actual class, one column per predicted class.

    Examples
    --------
    >>> print(Confusion(("cat", "dog"), ((7, 1), (0, 12))))
    actual \\ predicted  cat  dog
    cat                   7    1
    dog                   0   12
    """

    labels: tuple[Label, ...]
    counts: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, labels: Sequence[Label], actual: np.ndarray, predicted: np.ndarray) -> Confusion:
        """Count the pairs of actual and predicted classes.

        Parameters
        ----------
        labels : sequence
            The classes.
        actual, predicted : array of int of shape (rows,)
            The index of each row's class in `labels`.

        Returns
        -------
        Confusion
            The counts.
        """
        counts = np.zeros((len(labels), len(labels)), dtype=int)
        np.add.at(counts, (actual, predicted), 1)
        return cls(tuple(labels), tuple(map(tuple, counts.tolist())))

    def __str__(self) -> str:
        names, counts = [_short(label) for label in self.labels], np.array(self.counts)
        order = np.argsort(-counts.sum(axis=1), kind="stable")
        shown = len(names)
        while len(max(lines := _aligned(*_merged(names, counts, order[:shown])), key=len)) > WIDEST and shown > 1:
            shown -= 1
        return "\n".join(lines)


def _merged(names: list[str], counts: np.ndarray, shown: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Merge the classes that are not shown into a last class, and return the names and the counts."""
    shown = np.sort(shown)
    if len(shown) == len(names):
        return names, counts
    rest = np.setdiff1d(np.arange(len(names)), shown)
    for axis in (0, 1):
        others = counts.take(rest, axis=axis).sum(axis=axis, keepdims=True)
        counts = np.concatenate([counts.take(shown, axis=axis), others], axis=axis)
    return [*(names[k] for k in shown), f"{len(rest)} others"], counts


def _aligned(names: list[str], counts: np.ndarray) -> list[str]:
    """Return the lines of the table."""
    cells = [[f"{count:,}" for count in row] for row in counts.tolist()]
    first = max(map(len, [CORNER, *names]))
    widths = [max(len(name), *(len(row[k]) for row in cells)) for k, name in enumerate(names)]
    lines = [(CORNER, names), *zip(names, cells, strict=True)]
    return [
        "  ".join([head.ljust(first), *(cell.rjust(width) for cell, width in zip(row, widths, strict=True))])
        for head, row in lines
    ]


def _short(label: Label) -> str:
    return printable(label, WIDEST_LABEL)
