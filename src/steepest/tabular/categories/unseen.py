"""The words about texts of a column that no training row had."""

from __future__ import annotations

import numpy as np

from steepest.tabular.reading.arrow import counted


def unseen_in(column: str, codes: np.ndarray, texts: list[str], substitute: str) -> str:
    """Return a sentence on rows whose text no training row had.

    Parameters
    ----------
    column : str
        The column.
    codes : array of int
        The index in `texts` of the text of each such row; -1 for a missing value.
    texts : list of str
        The distinct texts of the column.
    substitute : str
        What these rows are treated as.

    Returns
    -------
    str
        The sentence; "" if there is no such row.

    Examples
    --------
    >>> unseen_in("hue", np.array([1, 1, -1]), ["red", "lilac"], "the baseline hue=red")
    'hue: 3 rows with values that the training rows lack, such as (missing), lilac: treated as the baseline hue=red'
    """
    if not len(codes):
        return ""
    examples = ", ".join(texts[code] if code >= 0 else "(missing)" for code in np.unique(codes)[:3])
    what = f"{counted(len(codes), 'row')} with values that the training rows lack, such as {examples}"
    return f"{column}: {what}: treated as {substitute}"
