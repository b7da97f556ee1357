"""`Frames`: the moments of a run that an animation shows, evenly spaced in evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steepest.inspection.protocol import RunLike


@dataclass(frozen=True)
class Frames:
    """The moments of a run that an animation shows.

    Parameters
    ----------
    counts : array of shape (frames,)
        The evaluations that are done at each frame, evenly spaced.
    rows : array of int of shape (frames,)
        The last row of the trace that is reached by then.
    """

    counts: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(cls, run: RunLike, most: int) -> Frames:
        """Choose the frames of a run.

        Parameters
        ----------
        run : run or fit
            The run.
        most : int
            The largest number of frames.

        Returns
        -------
        Frames
            The frames, of which the first shows the start, and the last the last row.

        Raises
        ------
        ValueError
            If the trace has a single row.
        """
        if len(run.trace) < 2:
            raise ValueError("the run has 1 row, in which nothing moves: draw it with run.plot()")
        evaluations = np.asarray(run.trace.evaluations)
        counts = even_counts(evaluations[0], evaluations[-1], most)
        return cls(counts, rows_at(counts, evaluations))

    def among(self, drawn: np.ndarray) -> np.ndarray:
        """Return the rows of the frames in a picture that leaves out some rows of the trace.

        Parameters
        ----------
        drawn : array of bool
            Which rows of the trace are in the picture.

        Returns
        -------
        array of int
            For each frame, the last row of the picture that is reached by then.

        Examples
        --------
        >>> Frames(np.array([1, 2, 3]), np.array([0, 1, 2])).among(np.array([True, False, True]))
        array([0, 0, 1])
        """
        return np.maximum(np.cumsum(drawn) - 1, 0)[self.rows]


def even_counts(first: float, last: float, most: int) -> np.ndarray:
    """Return whole numbers that are evenly spaced, as far as whole numbers can be, with both ends.

    Parameters
    ----------
    first, last : int
        The ends.
    most : int
        The largest number of them.

    Returns
    -------
    array
        The numbers. There are at least two, and no more than the whole numbers in between.

    Examples
    --------
    >>> even_counts(1, 9, most=5), even_counts(1, 3, most=5)
    (array([1., 3., 5., 7., 9.]), array([1., 2., 3.]))
    """
    return np.linspace(first, last, max(2, min(most, int(last - first) + 1))).round()


def rows_at(counts: np.ndarray, evaluations: np.ndarray) -> np.ndarray:
    """Return for each count the last row that has been reached by then, or the first row if none has.

    Parameters
    ----------
    counts : array
        The numbers of evaluations.
    evaluations : array
        The evaluations of each row.

    Returns
    -------
    array of int
        The rows.

    Examples
    --------
    >>> rows_at(np.array([1, 5, 9]), np.array([1, 4, 8]))
    array([0, 1, 2])
    """
    return np.maximum(np.searchsorted(evaluations, counts, side="right") - 1, 0)


def captions_of(run: RunLike, frames: Frames) -> list[str]:
    """Return the line below each frame of a run: how far it is, and the value there.

    Parameters
    ----------
    run : run or fit
        The run.
    frames : Frames
        The frames.

    Returns
    -------
    list of str
        The lines.
    """
    trace, last = run.trace, f"{int(frames.counts[-1]):,}"
    if "epoch" in trace.columns:
        epochs = trace.columns["epoch"]
        return [f"epoch {epochs[row]:,} of {epochs[-1]:,}, loss {number(trace.value[row])}" for row in frames.rows]
    moments = zip(frames.counts, trace.value[frames.rows], strict=True)
    return [f"evaluation {int(count):,} of {last}, value {number(value)}" for count, value in moments]


def number(value: float) -> str:
    """Return a number in four digits, with the minus sign that matplotlib writes at ticks.

    Parameters
    ----------
    value : float
        The number.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> number(-1234.5678)
    '−1235'
    """
    return f"{value:.4g}".replace("-", "−")


def chosen(items: Sequence[int], most: int) -> list[int]:
    """Return at most `most` of the items, evenly spaced, the first and the last among them.

    Parameters
    ----------
    items : sequence
        The items.
    most : int
        The largest number of them.

    Returns
    -------
    list
        The items.

    Examples
    --------
    >>> chosen(range(7), most=3)
    [0, 3, 6]
    """
    return [items[k] for k in even_counts(0, len(items) - 1, most).astype(int)]
