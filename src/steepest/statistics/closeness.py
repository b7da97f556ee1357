"""How closely one column determines the target: as numbers, as groups, or as classes."""

from __future__ import annotations

import math

import numpy as np

from steepest.statistics.separation import separates

# A column nearly determines numbers if it explains all but this part of their variance by a straight line, in their
# own units or in logarithms. Laws of nature as measured, and prices of yesterday, come close; hence the question.
UNEXPLAINED = 1e-3
# Below this part nothing but rounding is left.
EXACT = 1e-10
# One row far away from the others can make R² 1, so the ranks of about a hundred rows must agree, too. For a copy with
# noise of 1/1000 of the variance their correlation is above 0.99; most columns are told from the target by it.
LEAST_RANKS, RANKED = 0.9, 100
# How unlikely it must be that a column without any relation is as close, times the number of columns.
CHANCE = 1e-6
# Columns that differ from one number in fewer rows than this may do so in the same rows by chance.
FEWEST = 5


def of_numbers(x: np.ndarray, y: np.ndarray, column: str, target: str, columns: int) -> str:
    """Return how numbers determine numbers; "" if they do not.

    Parameters
    ----------
    x, y : array of shape (rows,)
        The column, and the target.
    column, target : str
        Their names.
    columns : int
        How many columns are looked at.

    Returns
    -------
    str
        Such as "equals price".

    Examples
    --------
    >>> y = np.sin(np.arange(40.0))
    >>> of_numbers(2 * y + 1, y, "copy", "y", 3), of_numbers(np.cos(np.arange(40.0)), y, "other", "y", 3)
    ('determines y (y = 0.5 × copy - 0.5)', '')
    """
    if _rank_correlation(x, y, RANKED) < LEAST_RANKS:
        return ""
    if min(np.count_nonzero(each != np.median(each)) for each in (x, y)) < FEWEST:
        return ""
    forms = {(column, target): (x, y)}
    if x.min() > 0 and y.min() > 0:
        forms |= {
            (f"log({column})", target): (np.log(x), y),
            (column, f"log({target})"): (x, np.log(y)),
            (f"log({column})", f"log({target})"): (np.log(x), np.log(y)),
        }
    rests = {form: max(1 - _correlation(*pair) ** 2, 1e-16) for form, pair in forms.items()}
    # Of the forms that leave only rounding the first, else the one that leaves least.
    form = min(rests, key=lambda each: max(rests[each], EXACT))
    rest = rests[form]
    likely = (len(x) - 2) / 2 * math.log10(rest) > math.log10(CHANCE / columns)
    if rest > UNEXPLAINED or likely:
        return f"puts the rows in the same order as {target} does" if len(x) >= 20 and _same_order(x, y) else ""
    if np.array_equal(x, y):
        return f"equals {target}"
    if rest > EXACT:
        return f"nearly determines {target} (R² {_below_one(1 - rest)}{_by_logs(form, column, target)} by itself)"
    right, left = forms[form]
    slope = float(np.cov(left, right)[0, 1] / np.var(right, ddof=1))
    constant = float(left.mean() - slope * right.mean())
    scale = abs(float(left.mean())) + float(left.std())
    words = f"{slope:.6g} × {form[0]}" if abs(slope - 1) > 1e-9 else form[0]
    if abs(constant) > 1e-9 * scale:
        words += f" {'+' if constant > 0 else '-'} {abs(constant):.6g}"
    return f"determines {target} ({form[1]} = {words})"


def _by_logs(form: tuple[str, str], column: str, target: str) -> str:
    logs = [name for name, own in zip(form, (column, target), strict=True) if name != own]
    return f" by {' and '.join(logs)}" if logs else ""


def of_groups(groups: np.ndarray, y: np.ndarray, target: str, columns: int) -> str:
    """Return how texts determine numbers; "" if they do not.

    Parameters
    ----------
    groups : array of int of shape (rows,)
        The number of the text of each row.
    y : array of shape (rows,)
        The target.
    target : str
        Its name.
    columns : int
        How many columns are looked at.

    Returns
    -------
    str
        The words for it.

    Examples
    --------
    >>> groups = np.arange(40) % 4
    >>> of_groups(groups, groups**2.0, "y", 3)
    'determines y, which is the same in all rows of each of its 4 values'
    """
    counts = np.bincount(groups)
    present = np.count_nonzero(counts)
    freedom = len(y) - present
    if freedom < 3 or present < 2 or np.ptp(y) == 0:
        return ""
    centred = y - y.mean()
    means = np.bincount(groups, centred) / np.maximum(counts, 1)
    rest = float(((centred - means[groups]) ** 2).sum() / (centred**2).sum())
    rest = max(rest * (len(y) - 1) / freedom, 1e-16)
    if rest > UNEXPLAINED or freedom / 2 * math.log10(rest) > math.log10(CHANCE / columns):
        return ""
    if rest <= EXACT:
        return f"determines {target}, which is the same in all rows of each of its {present:,} values"
    return f"nearly determines {target} (R² {_below_one(1 - rest)} by the means of its {present:,} values)"


def of_classes(x: np.ndarray, y: np.ndarray, target: str, columns: int, texts: bool) -> str:
    """Return how a column determines classes; "" if it does not.

    Parameters
    ----------
    x : array of shape (rows,)
        The column.
    y : array of int of shape (rows,)
        The classes.
    target : str
        The name of the target.
    columns : int
        How many columns are looked at.
    texts : bool
        Whether the numbers stand for texts.

    Returns
    -------
    str
        The words for it.

    Examples
    --------
    >>> y = np.repeat([0, 1], 40)
    >>> of_classes(y * 3.0, y, "y", 3, False)
    'determines y: each of its 2 values has one class in 80 training rows'
    """
    found = separates(x, y, CHANCE / columns, texts)
    if found is None:
        return ""
    wrong, guess, pieces = found
    rows = f"{len(x):,} training row{'s' * (len(x) != 1)}"
    what = f"each of its {pieces:,} values" if pieces else "each range of its values"
    if not wrong:
        return f"determines {target}: {what} has one class in {rows}"
    rate = f"{wrong:,} of {rows} are exceptions, and {guess:,} by always guessing one class"
    return f"nearly determines {target}: {what} has one class, {rate}"


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(), y - y.mean()
    size = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / size if size > 0 else 0.0


def _rank_correlation(x: np.ndarray, y: np.ndarray, most: int) -> float:
    """Return the size of the rank correlation of about so many rows."""
    step = max(len(x) // most, 1)
    return abs(_correlation(_ranks(x[::step]), _ranks(y[::step])))


def _ranks(x: np.ndarray) -> np.ndarray:
    """Return ranks, the mean of them for equal numbers."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def _same_order(x: np.ndarray, y: np.ndarray) -> bool:
    """Return whether the ranks agree or are opposite in all rows, and the rows of the table are not in that order.

    Two series that grow in time, such as a year and a population, are in the same order, too.
    """
    steps = np.sign(np.diff(x)), np.sign(np.diff(y))
    if all((step >= 0).all() or (step <= 0).all() for step in steps):
        return False
    return _rank_correlation(x, y, len(x)) > 1 - 1e-12


def _below_one(r2: float) -> str:
    """Return R² with as many digits as show that it is below 1."""
    return f"{r2:.{max(2, min(10, 1 - math.floor(math.log10(1 - r2))))}f}"
