"""Divide the rows of a table into those to learn from and those held out: at random, by an order, or by groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from steepest.printable import quoted
from steepest.tabular.reading.arrow import MOST_NAMES, Label, TableError, arrow, counted, nearest
from steepest.tabular.reading.columns import as_codes, as_microseconds, as_numbers, column_of, family_of, is_text
from steepest.tabular.reading.written.learn import Spelling

if TYPE_CHECKING:
    import pyarrow as pa

RANDOM, TIME = "random", "time"
# The most groups that a note names.
MOST_GROUPS = 5


@dataclass(frozen=True, eq=False)
class Parts:
    """Which rows are learned from, and which are held out.

    Parameters
    ----------
    training : array of bool of shape (rows,)
        True for training rows, False for held-out rows.
    which : str
        What the held-out rows are, for a note; "" if they were drawn at random.
    groups : array of int of shape (rows,), optional
        The group of each row, if groups decided.
    ordered_by, grouped_by : str
        The column that decided, by its order or by its groups; "" if there is none.
    asked : float
        The fraction of rows to hold out, which whole groups and equal values may miss.
    """

    training: np.ndarray
    which: str = ""
    groups: np.ndarray | None = None
    ordered_by: str = ""
    grouped_by: str = ""
    asked: float = 0.0

    def note(self, held_out: int, training: int) -> str:
        """Return how many rows are held out, and which.

        Parameters
        ----------
        held_out, training : int
            The numbers of rows.

        Returns
        -------
        str
            The sentence.
        """
        which = f" ({self.which})" if self.which else ""
        return f"{counted(held_out, 'row')} held out{which}, {training:,} to learn from"


def check_split(split: str, held_out: float, target: str) -> None:
    """Refuse a split that can't be one for any table.

    Parameters
    ----------
    split : str
        The argument `split` of `fit_table`.
    held_out : float
        The fraction of rows to hold out.
    target : str
        The column to predict.

    Raises
    ------
    TypeError
        If it is not a text.
    ValueError
        If it is the target, or nothing is to be held out.
    """
    if not isinstance(split, str):
        raise TypeError(f"split={quoted(split)}: give 'random', 'time' or the name of a column")
    if split == target:
        raise ValueError(f"split={quoted(split)} is the target, which is to be predicted: give another column")
    if split != RANDOM and not held_out:
        raise ValueError(f"split={quoted(split)} says which rows to hold out, and held_out=0 holds out none")


def parts_of(
    split: str,
    fraction: float,
    table: pa.Table,
    spelling: Spelling,
    target: str,
    y: np.ndarray,
    classes: Sequence[Label] | None,
    random: np.random.Generator,
) -> Parts:
    """Divide the rows of a table.

    Parameters
    ----------
    split : {"random", "time"} or str
        Rows drawn at random; the last rows by the only column of dates; or, by the name of a column, the last rows by
        its dates or numbers, or all rows of some of its texts.
    fraction : float
        The fraction of rows to hold out.
    table : pyarrow.Table
        The rows, each with a target.
    spelling : Spelling
        How the texts of the table are written.
    target : str
        The column to predict.
    y : array of shape (rows,)
        Numbers, or the index of each row's class.
    classes : sequence or None
        The labels of a classification; None for numbers.
    random : numpy.random.Generator
        The generator that draws rows or groups.

    Returns
    -------
    Parts
        The two parts.

    Raises
    ------
    TableError
        If the column that decides is missing, or leaves nothing, or not each class, to learn from.

    Examples
    --------
    >>> table = arrow().table({"year": [2001, 2003, 2002, 2003], "site": ["a", "b", "b", "c"], "y": [1, 2, 3, 4]})
    >>> y, random = np.arange(1.0, 5.0), np.random.default_rng(0)
    >>> parts_of("year", 0.4, table, Spelling({}, {}), "y", y, None, random).which
    'those with year from 2003 on'
    >>> parts_of("site", 0.4, table, Spelling({}, {}), "y", y, None, random).training
    array([False,  True,  True, False])
    """
    if split == RANDOM:
        return Parts(drawn(y, fraction, len(classes or ()), random), asked=fraction)

    def read(name: str) -> pa.ChunkedArray:
        data = column_of(table, name)
        return spelling[name].read(data)[0] if name in spelling else data

    name = split if split != TIME else _only_date({each: read(each) for each in table.column_names if each != target})
    if name not in table.column_names:
        raise TableError(f"split={quoted(name)} is no column: {nearest(name, [RANDOM, TIME, *table.column_names])}")
    data = read(name)
    types = arrow().types
    if is_text(data.type) or types.is_boolean(data.type):
        parts = replace(_grouped(name, data, fraction, random), groups=as_codes(data)[0])
    elif family_of(data.type) or types.is_integer(data.type) or types.is_floating(data.type):
        parts = _ordered(name, data, fraction)
    elif types.is_decimal(data.type):
        parts = _ordered(name, data.cast(arrow().float64()), fraction)
    else:
        raise TableError(f"split={quoted(name)}: the column holds {data.type}, which has neither an order nor groups")
    if classes is not None and (lost := np.setdiff1d(np.arange(len(classes)), y[parts.training])).size:
        other = ", or another rng= for other groups" if parts.grouped_by else ""
        raise TableError(
            f"split={quoted(split)}: all rows of {target} = {classes[int(lost[0])]!r} would be held out, and none is "
            f"left to learn it from: hold out fewer rows with held_out=, or use split='random'{other}"
        )
    return parts


def drawn(y: np.ndarray, fraction: float, classes: int, random: np.random.Generator) -> np.ndarray:
    """Draw the held-out rows at random: the same fraction of each class, but never all rows of a class.

    Parameters
    ----------
    y : array of shape (rows,)
        Numbers, or the index of each row's class.
    fraction : float
        The fraction of rows to hold out.
    classes : int
        How many classes there are; 0 for numbers.
    random : numpy.random.Generator
        The generator that draws the rows.

    Returns
    -------
    array of bool of shape (rows,)
        True for training rows, False for held-out rows.
    """
    training = np.ones(len(y), dtype=bool)
    for rows in [np.flatnonzero(y == k) for k in range(classes)] or [np.arange(len(y))]:
        training[random.permutation(rows)[: min(round(fraction * len(rows)), len(rows) - 1)]] = False
    return training


def _only_date(columns: dict[str, pa.ChunkedArray]) -> str:
    """Return the name of the only column of dates; else that of a column which is called "time" itself."""
    dates = [name for name, data in columns.items() if family_of(data.type) in ("date", "instant")]
    if len(dates) == 1 and TIME in columns and dates != [TIME]:
        raise TableError(
            f"split='time' may mean the column 'time' or that of the dates, {quoted(dates[0])}: give "
            f"split={quoted(dates[0])}, or rename 'time' and give its new name"
        )
    if len(dates) == 1:
        return dates[0]
    if TIME in columns:
        return TIME
    if dates:
        shown = ", ".join(map(quoted, dates[:MOST_NAMES]))
        raise TableError(f"split='time': the table has {len(dates)} columns of dates, {shown}: give one by its name")
    raise TableError(
        "split='time': the table has no column of dates: give the name of the column that orders the rows, if it has "
        "another one, such as split='year'"
    )


def _ordered(name: str, data: pa.ChunkedArray, fraction: float) -> Parts:
    """Hold out the last rows; rows with the same value stay together, and those without one are learned from."""
    family = family_of(data.type)
    values = as_microseconds(name, data, family) if family else as_numbers(name, data)
    present = ~np.isnan(values)
    distinct, counts = np.unique(values[present], return_counts=True)
    if len(distinct) < 2:
        raise TableError(f"split={quoted(name)}: the column has fewer than two different values, so it orders no rows")
    # The number of rows from each value on, but for the first value, which leaves none to learn from.
    later = counts[::-1].cumsum()[::-1][1:]
    cut = distinct[1:][np.abs(later - fraction * present.sum()).argmin()]
    training = ~(values >= cut)
    value = data[int(np.argmax(values == cut))].as_py()
    # Whole numbers beside a missing value are read as floats.
    whole = isinstance(value, float) and value.is_integer()
    first = f"{value:.0f}" if whole else str(value).removesuffix(" 00:00:00")
    which = f"those with {name} from {first} on"
    if not present.all():
        which += f"; {counted(int((~present).sum()), 'row')} without {name} to learn from"
    return Parts(training, which, ordered_by=name, asked=fraction)


def _grouped(name: str, data: pa.ChunkedArray, fraction: float, random: np.random.Generator) -> Parts:
    """Hold out all rows of some groups; rows without a text are a group.

    In a random order each group is held out that brings the number of rows nearer to the fraction; if none does, it is
    the smallest.
    """
    codes, texts = as_codes(data)
    labels = [*texts, *["(missing)"] * bool((codes < 0).any())]
    codes = np.where(codes < 0, len(texts), codes)
    if len(labels) < 2:
        raise TableError(f"split={quoted(name)}: all rows are one group, so none can be held out: give another column")
    order = random.permutation(len(labels))
    sizes, wanted, held = np.bincount(codes, minlength=len(labels)), fraction * len(codes), 0
    out: list[int] = []
    for k in order:
        if abs(held + sizes[k] - wanted) < abs(held - wanted) and len(out) < len(labels) - 1:
            out, held = [*out, int(k)], held + sizes[k]
    out = out or [int(order[sizes[order].argmin()])]
    shown = ", ".join(labels[k] for k in sorted(out)[:MOST_GROUPS]) + ", …" * (len(out) > MOST_GROUPS)
    which = f"all rows of {len(out):,} of {counted(len(labels), 'group')} of {name}: {shown}"
    return Parts(~np.isin(codes, out), which, grouped_by=name, asked=fraction)
