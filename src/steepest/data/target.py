"""The column to predict, as numbers: what there is to learn is told from its values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from steepest.data.columns import allowed, as_codes, as_flags, as_numbers, column_of, family_of, is_text, stray_hint
from steepest.data.tables import TableError, arrow, counted

if TYPE_CHECKING:
    import pyarrow as pa

Task = Literal["regression", "classification"]


@dataclass(frozen=True, eq=False)
class Target:
    """The column to predict, as numbers.

    Parameters
    ----------
    y : array of shape (rows kept,)
        The values; for two classes 0.0 and 1.0.
    kept : array of bool of shape (rows,)
        Which rows of the table have a value.
    task : {"regression", "classification"}
        What there is to learn.
    classes : tuple or None
        The two labels, of which the second is 1.0 in `y`; None for a regression.
    notes : tuple of str
        Plain sentences on how the column was understood.
    """

    y: np.ndarray
    kept: np.ndarray
    task: Task
    classes: tuple[Any, Any] | None = None
    notes: tuple[str, ...] = ()


def learn_target(table: pa.Table, target: str, task: Task | None = None) -> Target:
    """Read the column to predict, and tell from its values what there is to learn.

    Two different values (numbers, texts, or true and false) are two classes; more numbers are a
    regression.

    Parameters
    ----------
    table : pyarrow.Table
        The table, as `read_table` returns it.
    target : str
        The name of the column.
    task : {"regression", "classification"}, optional
        What to learn, where it shall not be told from the values.

    Returns
    -------
    Target
        The values, the rows that have one, the task and the classes.

    Raises
    ------
    TableError
        Where there is no such column, or it can't be learned: fewer than two different values, more than
        two texts, dates, an infinity, or values that do not suit the task.
    ValueError
        Where `task` is another word.

    Examples
    --------
    >>> from steepest.data.tables import read_table
    >>> table, _ = read_table({"ill": ["no", "yes", None, "no"]})
    >>> answer = learn_target(table, "ill")
    >>> answer.y, answer.classes
    (array([0., 1., 0.]), ('no', 'yes'))
    >>> print(*answer.notes, sep="; ")
    ill: 3 rows with a value, 1 without one dropped; two values, so classification: 'yes' is 1, 'no' is 0
    """
    if task is not None:
        allowed("task", task, ("regression", "classification"))
    values, label = _target_values(target, column_of(table, target), task)
    kept = ~np.isnan(values)
    values = values[kept]
    distinct, lost = np.unique(values), len(kept) - len(values)
    if len(distinct) < 2:
        seen = f"is always {label(distinct[0])!r}" if len(distinct) else "has no value in any row"
        raise TableError(f"the target {target!r} {seen}, so there is nothing to predict: give another column")
    size = f"{target}: {counted(len(values), 'row')} with a value" + f", {lost:,} without one dropped" * bool(lost)
    chosen = task or ("classification" if len(distinct) == 2 else "regression")
    if chosen == "regression":
        why = "regression, as asked" if task else "numbers, so regression"
        return Target(values, kept, chosen, notes=(f"{size}; {why}",))
    if len(distinct) > 2:
        what = f"the target {target!r} has {len(distinct):,} different values and a classification needs two"
        raise TableError(f"{what}: use task='regression', or make two classes of it")
    classes = label(distinct[0]), label(distinct[1])
    why = "classification, as asked" if task else "two values, so classification"
    note = f"{size}; {why}: {classes[1]!r} is 1, {classes[0]!r} is 0"
    if not task and not isinstance(classes[0], str):
        note += " (task='regression' to override)"
    return Target((values == distinct[1]).astype(float), kept, chosen, classes, (note,))


def _target_values(target: str, data: Any, task: str | None) -> tuple[np.ndarray, Callable[[float], Any]]:
    """The target as numbers, NaN where it is missing, and what turns each into the label that the table has."""
    types = arrow().types
    if types.is_boolean(data.type):
        return as_flags(target, data), bool
    if family_of(data.type):
        raise TableError(f"the target {target!r} holds {data.type}: give a number instead, such as days since a day")
    if not is_text(data.type):
        return as_numbers(target, data), int if types.is_integer(data.type) else float
    codes, texts = as_codes(data)
    ordered = sorted(texts)
    rank = {text: float(k) for k, text in enumerate(ordered)}
    values = np.array([*(rank[text] for text in texts), np.nan])[codes]
    seen = np.unique(values[codes >= 0])
    if len(seen) > 2:
        some = ", ".join(repr(ordered[int(k)]) for k in seen[:3])
        what = f"the target {target!r} has {len(seen):,} different texts, such as {some}"
        raise TableError(f"{what}: give a column of two classes or of numbers{stray_hint(data)}")
    if task == "regression":
        raise TableError(
            f"the target {target!r} holds texts, and a regression needs numbers: use task='classification'"
        )
    return values, lambda k: ordered[int(k)]
