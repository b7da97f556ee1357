"""A column of few texts: one column of 0 and 1 for each text, and one for all texts that are rare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steepest.tabular.categories.unseen import unseen_in
from steepest.tabular.reading.arrow import counted
from steepest.tabular.reading.columns import almost_numeric, as_codes

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Category:
    """A column of texts: each text except the most frequent becomes a column, 1 in rows with that text and 0 elsewhere.

    Parameters
    ----------
    column : str
        The column of the table.
    baseline : str
        The most frequent text. It has no column, so the coefficients of the other texts are differences from it.
    categories : tuple of (str or None)
        The other texts in alphabetical order, then None if values were missing.
    pooled : tuple of str
        The rarest texts, which share the last column, "other": those of one row, if there are two or more, and those
        beyond the most that may have a column. Texts that the training rows lack count as other, too; if no text is
        pooled, they count as the baseline.
    """

    column: str
    baseline: str
    categories: tuple[str | None, ...]
    pooled: tuple[str, ...] = ()

    @classmethod
    def learn(
        cls, column: str, data: pa.ChunkedArray, rows: np.ndarray | slice, most: int
    ) -> tuple[Category | None, str]:
        """Return the encoder learned from the selected rows, or None if the column is useless, and a note.

        Parameters
        ----------
        column : str
            The name of the column.
        data : pyarrow.ChunkedArray
            The texts.
        rows : array of bool or slice
            The rows to learn from.
        most : int
            The most texts with a column of their own, with the baseline among them; the rest are pooled.

        Returns
        -------
        encoder, note : Category or None, str
            The encoder and what it does.
        """
        codes, texts = as_codes(data)
        missing, *counts = np.bincount(codes[rows] + 1, minlength=len(texts) + 1).tolist()
        present = {text: count for text, count in zip(texts, counts, strict=True) if count}
        if not present:
            return None, f"{column}: no value in any row, so dropped"
        if len(present) == 1 and not missing:
            return None, f"{column}: {next(iter(present))!r} in every row, so dropped"
        if len(present) > most and max(present.values()) == 1:
            return None, f"{column}: a different value in each row, so dropped{almost_numeric(data)}"
        # The most frequent first; alphabetically among those with the same count.
        ranked = sorted(present, key=lambda text: (-present[text], text))
        once = sum(count == 1 for count in present.values())
        # A coefficient of one row would only fit this row. If such texts share one, R² on held-out rows rises from 0.82
        # to 0.97 (longitudes of airports), from 0.94 to 0.97 (seats of planes), and from -0.04 to 0.36 (journals).
        own = len(ranked) - once if 1 < once < len(ranked) else len(ranked)
        baseline, *others = ranked[: min(own, most)]
        pooled = sorted(ranked[len(others) + 1 :])
        encoder = cls(column, baseline, (*sorted(others), *([None] if missing else [])), tuple(pooled))
        note = f"{column}: {counted(len(encoder.names), 'column')} against the baseline {column}={baseline}"
        if not pooled:
            return encoder, f"{note}, the most frequent"
        count = sum(present[text] for text in pooled)
        rare = "values in one row each" if count == len(pooled) else f"rarest values ({counted(count, 'row')})"
        return encoder, f"{note}, the most frequent; the {len(pooled):,} {rare} are pooled as {encoder.names[-1]}"

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the matrix."""
        own = ["(missing)" if text is None else text for text in self.categories]
        return tuple(f"{self.column}={text}" for text in own + ["(other)"] * bool(self.pooled))

    def fill(self, out: np.ndarray, data: pa.ChunkedArray, rows: np.ndarray | slice) -> str:
        """Write the numbers of the selected rows into `out`, and return a note on texts that the training rows lack.

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
        position = {text: k for k, text in enumerate(self.categories)} | {self.baseline: -1}
        position |= dict.fromkeys(self.pooled, len(self.categories))
        # A missing value has the code -1, which picks the last entry, that of None.
        positions = np.array([position.get(text, -2) for text in [*texts, None]])[codes[rows]]
        unknown = positions == -2
        positions[unknown] = len(self.categories) if self.pooled else -1
        out[:] = 0
        inside = np.flatnonzero(positions >= 0)
        out[inside, positions[inside]] = 1
        substitute = self.names[-1] if self.pooled else f"the baseline {self.column}={self.baseline}"
        return unseen_in(self.column, codes[rows][unknown], texts, substitute)
