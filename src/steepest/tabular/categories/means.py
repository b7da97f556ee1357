"""A column of many texts: the mean of the target in the rows of each text, drawn to the overall mean if few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steepest.tabular.categories.answers import Answers
from steepest.tabular.categories.unseen import unseen_in
from steepest.tabular.reading.arrow import counted
from steepest.tabular.reading.columns import almost_numeric, as_codes

if TYPE_CHECKING:
    import pyarrow as pa

# Training rows get the means of the other folds. Five, as in scikit-learn's TargetEncoder.
FOLDS = 5
# How many degrees of freedom the variance within all groups counts for in that of one group. Between 0, as in
# scikit-learn, and infinity, held-out R² of 14 public tables differ by 0.02 at most; 4 is never far from the best.
PRIOR = 4


@dataclass(frozen=True)
class TargetMean:
    """A column of many texts, as the mean of the target in the training rows that have the same text.

    Without a target to learn from, or with few texts, `Category` is used instead.

    Parameters
    ----------
    column : str
        The column of the table.
    outputs : tuple of str
        What each column of the matrix holds, such as "mean of price"; for k classes the shares of all but one.
    overall : tuple of float
        The means over all training rows, which texts get that the training rows lack.
    texts : tuple of (str or None)
        The texts of the training rows in alphabetical order, then None if values were missing.
    means : tuple of tuple of float
        The means by text, one for each output.
    """

    column: str
    outputs: tuple[str, ...]
    overall: tuple[float, ...]
    texts: tuple[str | None, ...]
    means: tuple[tuple[float, ...], ...]

    @classmethod
    def learn(
        cls, column: str, data: pa.ChunkedArray, rows: np.ndarray | slice, answers: Answers
    ) -> tuple[TargetMean | None, str]:
        """Return the encoder learned from the selected rows, or None if the column is useless, and a note.

        Parameters
        ----------
        column : str
            The name of the column.
        data : pyarrow.ChunkedArray
            The texts.
        rows : array of bool or slice
            The rows to learn from.
        answers : Answers
            The targets of all rows.

        Returns
        -------
        encoder, note : TargetMean or None, str
            The encoder and what it does.
        """
        codes, texts = as_codes(data)
        values, codes = answers.values[rows], codes[rows]
        present, codes = np.unique(codes, return_inverse=True)
        size = f"{column}: {counted(len(present), 'different value')}"
        if len(present) == len(codes):
            return None, f"{column}: a different value in each row, so dropped{almost_numeric(data)}"
        varying = np.flatnonzero(np.ptp(values, axis=0) > 0)
        # The shares of all classes add up to 1, so one of them says nothing new.
        chosen = [answers.names[k] for k in (varying[1:] if len(answers.names) > 1 else varying)]
        means, overall = shrunken_means(codes, answers.columns(chosen)[rows])
        if not (np.ptp(means, axis=0) > 0).any():
            what = "which differ in the target by no more than chance"
            return None, f"{size}, {what}, so dropped"
        order = sorted(range(len(present)), key=lambda k: (present[k] < 0, texts[present[k]]))
        encoder = cls(
            column,
            tuple(chosen),
            tuple(overall.tolist()),
            tuple(texts[present[k]] if present[k] >= 0 else None for k in order),
            tuple(map(tuple, means[order].tolist())),
        )
        names = " and ".join(chosen) if len(chosen) < 3 else "share of each class"
        what = f"{counted(len(chosen), 'column')} with the {names} in the training rows of each"
        return encoder, f"{size}, so {what}, drawn to the mean of all rows where they are few"

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the matrix."""
        return tuple(f"{self.column} ({output})" for output in self.outputs)

    def fill(self, out: np.ndarray, data: pa.ChunkedArray, rows: np.ndarray | slice) -> str:
        """Write the means of the selected rows into `out`, and return a note on texts that the training rows lack.

        Parameters
        ----------
        out : array of shape (selected rows, len(names))
            Where to write.
        data : pyarrow.ChunkedArray
            The texts.
        rows : array of bool or slice
            The rows to encode.

        Returns
        -------
        str
            The note, or "".
        """
        codes, texts = as_codes(data)
        position = {text: k for k, text in enumerate(self.texts)}
        # The last row of the table of means is for texts that the training rows lack.
        positions = np.array([position.get(text, len(self.texts)) for text in [*texts, None]])[codes[rows]]
        out[:] = np.array([*self.means, self.overall])[positions]
        overall = " and ".join(
            f"the overall {what}, {mean:.4g}" for what, mean in zip(self.outputs[:2], self.overall, strict=False)
        )
        return unseen_in(self.column, codes[rows][positions == len(self.texts)], texts, overall)

    def out_of_fold(self, data: pa.ChunkedArray, rows: np.ndarray, answers: Answers) -> np.ndarray:
        """Return the means that training rows get: those of the other folds, so that no row sees its own target.

        Parameters
        ----------
        data : pyarrow.ChunkedArray
            The texts.
        rows : array of bool
            The training rows.
        answers : Answers
            The targets of all rows.

        Returns
        -------
        array of shape (training rows, len(names))
            The means.
        """
        codes, values = as_codes(data)[0][rows] + 1, answers.columns(self.outputs)[rows]
        # The overall mean of the other folds is low where that of a row's own fold is high. So the differences from it
        # are added to one mean, or it would tell each row of its own target.
        found, levels = np.tile(self.overall, (len(codes), 1)), int(codes.max()) + 1
        # The same folds for each table of this length, so that a saved fit goes on with the same numbers.
        folds = np.random.default_rng(0).permutation(np.arange(len(codes)) % FOLDS)
        for fold in range(FOLDS):
            inside = folds == fold
            means, overall = shrunken_means(codes[~inside], values[~inside], levels)
            found[inside] += np.where(np.isnan(means), 0, means - overall)[codes[inside]]
        return found


def shrunken_means(codes: np.ndarray, values: np.ndarray, levels: int = 0) -> tuple[np.ndarray, np.ndarray]:
    r"""Return the mean of each group, drawn to the overall mean, and the overall mean.

    A group of n rows keeps the part n τ² / (n τ² + σ²) of its distance from the overall mean, where σ² is the variance
    of its rows, and τ² that of the true means of groups. This is the best linear predictor of the mean of a group drawn
    at random. τ² is that of the analysis of variance. σ² is an average of the group's own variance and of that within
    all groups, since few rows tell little of a variance.

    Parameters
    ----------
    codes : array of int of shape (rows,)
        The group of each row, from 0.
    values : array of shape (rows, outputs)
        The numbers.
    levels : int
        The number of groups, if some of the last may have no rows.

    Returns
    -------
    means : array of shape (groups, outputs)
        The means, NaN for a group without rows.
    overall : array of shape (outputs,)
        The overall means.

    Notes
    -----
    S. R. Searle, G. Casella and C. E. McCulloch, *Variance Components*, 1992, chapter 3. In scikit-learn's
    `TargetEncoder` τ² is the variance of all rows, and σ² the group's own, which is 0 in a group of one row.

    Examples
    --------
    >>> means, overall = shrunken_means(np.array([0, 0, 1, 1]), np.array([[1.0], [3.0], [7.0], [9.0]]))
    >>> means.ravel().round(3), overall
    (array([2.167, 7.833]), array([5.]))
    """
    counts = np.bincount(codes, minlength=levels)
    rows, groups = len(codes), np.count_nonzero(counts)
    overall = values.mean(axis=0)
    # Differences from the overall mean, so that the squares of large numbers lose no digits.
    centred = values - overall
    with np.errstate(invalid="ignore"):
        raw = _sums(codes, centred, levels) / counts[:, None]
    own = raw[codes]
    squares = _sums(codes, (centred - own) ** 2, levels)
    within = squares.sum(axis=0) / max(rows - groups, 1)
    among = (own**2).sum(axis=0) / max(groups - 1, 1)
    # The number of rows of a group; less than the average if groups differ in size.
    size = (rows - (counts.astype(float) ** 2).sum() / rows) / max(groups - 1, 1)
    # With one row in each group nothing tells the two variances apart, and with one group there is no other mean.
    between = np.maximum(among - within, 0) / size if 1 < groups < rows else np.zeros_like(within)
    noise = (squares + PRIOR * within) / (np.maximum(counts - 1, 0) + PRIOR)[:, None]
    kept = counts[:, None] * between
    kept = np.divide(kept, kept + noise, out=np.zeros_like(kept), where=kept + noise > 0)
    return overall + kept * raw, overall


def _sums(codes: np.ndarray, values: np.ndarray, levels: int) -> np.ndarray:
    """Return the sum of each group, column by column."""
    return np.stack([np.bincount(codes, column, minlength=levels) for column in values.T], axis=1)
