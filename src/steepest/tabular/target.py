"""The column to predict, as numbers: what there is to learn is told from its values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from steepest.tabular.columns import allowed, as_codes, as_flags, as_numbers, column_of, family_of, is_text, stray_hint
from steepest.tabular.files import TableError, arrow, counted

if TYPE_CHECKING:
    import pyarrow as pa

Task = Literal["regression", "classification"]

MOST_CLASSES = 50
MOST_SHOWN = 5
# So few whole numbers may well be labels.
FEW = 10


@dataclass(frozen=True, eq=False)
class Target:
    """The column to predict, as numbers.

    Parameters
    ----------
    y : array of shape (rows kept,)
        The values; for classes the place of each in `classes`, from 0.0.
    kept : array of bool of shape (rows,)
        Which rows of the table have a value.
    task : {"regression", "classification"}
        What there is to learn.
    classes : tuple or None
        The labels, in order; None for a regression.
    notes : tuple of str
        Plain sentences on how the column was understood.
    """

    y: np.ndarray
    kept: np.ndarray
    task: Task
    classes: tuple[Any, ...] | None = None
    notes: tuple[str, ...] = ()


def learn_target(table: pa.Table, target: str, task: Task | None = None) -> Target:
    """Read the column to predict, and tell from its values what there is to learn.

    Two different values (numbers, texts, or true and false), or more texts, are classes; more numbers
    are a regression.

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
        50 classes, dates, an infinity, or values that do not suit the task.
    ValueError
        Where `task` is another word.

    Examples
    --------
    >>> from steepest.tabular.files import read_table
    >>> table, _ = read_table({"ill": ["no", "yes", None, "no"]})
    >>> answer = learn_target(table, "ill")
    >>> answer.y, answer.classes
    (array([0., 1., 0.]), ('no', 'yes'))
    >>> print(*answer.notes, sep="; ")
    ill: 3 rows with a value, 1 without one dropped; two values, so classification: 'yes' is 1, 'no' is 0
    """
    if task is not None:
        allowed("task", task, ("regression", "classification"))
    data = column_of(table, target)
    values, label = _target_values(target, data)
    kept = ~np.isnan(values)
    values = values[kept]
    distinct, places = np.unique(values, return_inverse=True)
    lost = len(kept) - len(values)
    if len(distinct) < 2:
        seen = f"is always {label(distinct[0])!r}" if len(distinct) else "has no value in any row"
        raise TableError(f"the target {target!r} {seen}, so there is nothing to predict: give another column")
    texts = isinstance(label(distinct[0]), str)
    size = f"{target}: {counted(len(values), 'row')} with a value" + f", {lost:,} without one dropped" * bool(lost)
    chosen = task or ("classification" if texts or len(distinct) == 2 else "regression")
    if chosen == "regression":
        if texts:
            what = f"the target {target!r} holds texts, and a regression needs numbers"
            raise TableError(f"{what}: use task='classification', and a loss of classes if any")
        why = "regression, as asked" if task else "numbers, so regression"
        if not task and len(distinct) <= min(FEW, len(values) // 2) and _whole(distinct):
            why += f" (task='classification' to tell its {len(distinct)} values apart)"
        return Target(values, kept, chosen, notes=(f"{size}; {why}",))
    _check_classes(target, data, distinct, len(values), label, task)
    classes = tuple(label(value) for value in distinct)
    if len(classes) == 2:
        why = "classification, as asked" if task else "two values, so classification"
        note = f"{size}; {why}: {classes[1]!r} is 1, {classes[0]!r} is 0"
        if not task and not texts:
            note += " (task='regression' to override)"
    else:
        some = ", ".join(map(repr, classes[:MOST_SHOWN])) + ", …" * (len(classes) > MOST_SHOWN)
        why = "classification, as asked," if task else "texts, so classification"
        note = f"{size}; {why} of {len(classes)} classes: {some}"
    return Target(places.ravel().astype(float), kept, chosen, classes, (note,))


def _check_classes(
    target: str, data: Any, distinct: np.ndarray, rows: int, label: Callable[[float], Any], task: str | None
) -> None:
    """Refuse more than two values that are no labels."""
    count = len(distinct)
    if count == 2:
        return
    texts = isinstance(label(distinct[0]), str)
    some = ", ".join(repr(label(value)) for value in distinct[:3])
    what = f"the target {target!r} has {count:,} different {'texts' if texts else 'values'}, such as {some}"
    stray = stray_hint(data) if texts else ""
    if stray and not task:
        raise TableError(f"{what}{stray}: mend it, or use task='classification'")
    if not (texts or _whole(distinct)):
        raise TableError(f"{what}, and labels are texts or whole numbers: use task='regression', or recode it")
    other = "one of numbers" if texts else "use task='regression'"
    if count > MOST_CLASSES:
        raise TableError(f"{what}, and {MOST_CLASSES} classes are the most: give a column of fewer, or {other}{stray}")
    if count == rows:
        raise TableError(f"{what}, another in each row, and a class has several rows: give another column, or {other}")


def _whole(numbers: np.ndarray) -> bool:
    return bool((numbers == np.floor(numbers)).all())


def _target_values(target: str, data: Any) -> tuple[np.ndarray, Callable[[float], Any]]:
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
    return np.array([*(rank[text] for text in texts), np.nan])[codes], lambda k: ordered[int(k)]
