"""The column to predict, as numbers. Its values decide between regression and classification."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from steepest.printable import quoted
from steepest.tabular.reading.arrow import Label, TableError, arrow, counted
from steepest.tabular.reading.columns import (
    almost_numeric,
    as_codes,
    as_flags,
    as_numbers,
    check_choice,
    column_of,
    family_of,
    is_text,
)
from steepest.tabular.reading.written.learn import Spelling, Written, learn_spelling
from steepest.tabular.reading.written.missing import is_missing
from steepest.tabular.reading.written.numbers import WrittenNumber
from steepest.tabular.reading.written.texts import WrittenText
from steepest.tabular.reading.written.words import Words

if TYPE_CHECKING:
    import pyarrow as pa

Task = Literal["regression", "classification"]
TASKS = ("regression", "classification")

# The most classes. Chosen, not measured: a target with more labels is more likely a column of names or numbers.
MOST_CLASSES = 50
# The most labels listed in a note.
MOST_SHOWN = 5
# With at most this many different whole numbers, a note explains how to treat them as labels. Chosen, not measured.
FEW_VALUES = 10


@dataclass(frozen=True, eq=False)
class Target:
    """The column to predict, as numbers.

    Parameters
    ----------
    y : array of shape (rows kept,)
        The values; for a classification the index of each label in `classes`, from 0.0.
    kept : array of bool of shape (rows,)
        A mask of the table's rows: True for rows with a value.
    task : {"regression", "classification"}
        The task.
    classes : tuple or None
        The labels, in order; None for a regression.
    notes : tuple of str
        Sentences on the task and the classes.
    written : Written or None
        How its texts are written; None if it is no column of texts.
    """

    y: np.ndarray
    kept: np.ndarray
    task: Task
    classes: tuple[Label, ...] | None = None
    notes: tuple[str, ...] = ()
    written: Written | None = None


def learn_target(table: pa.Table, target: str, task: Task | None = None, spelling: Spelling | None = None) -> Target:
    """Read the column to predict, and decide from its values between regression and classification.

    Two different values (numbers, texts, or true and false) make a classification, as more than two different texts do;
    more than two different numbers make a regression. Texts that are written as numbers are numbers.

    Parameters
    ----------
    table : pyarrow.Table
        The table, as `read_table` returns it.
    target : str
        The name of the column.
    task : {"regression", "classification"}, optional
        The task, instead of the one that the values suggest.
    spelling : Spelling, optional
        How the texts of the table are written; learned from it by default.

    Returns
    -------
    Target
        The values, the rows with a value, the task and the classes.

    Raises
    ------
    TableError
        If there is no such column, or it can't be learned: fewer than two different values, more than
        50 classes, dates, an infinity, or values that do not suit the task.
    ValueError
        If `task` is another value.

    Examples
    --------
    >>> from steepest.tabular.reading.files import read_table
    >>> table, _ = read_table({"ill": ["no", "yes", None, "no"]})
    >>> answer = learn_target(table, "ill")
    >>> answer.y, answer.classes
    (array([0., 1., 0.]), ('no', 'yes'))
    >>> print(*answer.notes, sep="; ")
    ill: 3 rows with a value (1 without one dropped); classification: the target has two values, 'no' and 'yes' ...
    """
    if task is not None:
        check_choice("task", task, TASKS)
    data = column_of(table, target)
    if spelling is None or (task == "regression" and target not in spelling):
        # A fit of an earlier version does not hold it, and its target may have decimal commas.
        spelling = learn_spelling(table)
    spelling.check([target])
    written, read = spelling.get(target), ""
    if written is not None:
        data, written, read = _as_written(data, written, spelling, task)
    answer = _decided(target, data, task)
    return replace(answer, notes=(*answer.notes, *filter(None, [read])), written=written)


def _as_written(
    data: pa.ChunkedArray, written: Written, spelling: Spelling, task: Task | None
) -> tuple[pa.ChunkedArray, Written, str]:
    """Return the target as its texts are read, how, and what there is to say of it.

    Labels stay as they are in the table, even if they could be read as numbers.
    """
    numbers, _ = written.read(data)
    labels = WrittenText(written.column, written.na)
    if is_text(data.type) and (task == "classification" or (task is None and len(numbers.drop_null().unique()) == 2)):
        note = ""
        if task is None and isinstance(written, WrittenNumber):
            # Beside two numbers, 0 and 1, "?" is no third class.
            words = Words.of(data)
            absent = is_missing(words.texts, (*written.na, *written.strays))
            labels = replace(labels, na=(*written.na, *words.texts.filter(arrow().array(absent)).to_pylist()))
            note = f"{written.column}: missing: {words.listed(absent)}" if absent.any() else ""
        return labels.read(data)[0], labels, note
    return numbers, written, spelling.notes.get(written.column, "")


def _decided(target: str, data: pa.ChunkedArray, task: Task | None) -> Target:
    """Return the target as numbers, with the task that is asked for or that the values suggest."""
    values, label = _target_values(target, data)
    kept = ~np.isnan(values)
    values = values[kept]
    distinct, codes = np.unique(values, return_inverse=True)
    dropped = len(kept) - len(values)
    if len(distinct) < 2:
        problem = f"is always {label(distinct[0])!r}" if len(distinct) else "has no value in any row"
        raise TableError(f"the target {quoted(target)} {problem}, so there is nothing to predict: give another column")
    texts = isinstance(label(distinct[0]), str)
    size = f"{target}: {counted(len(values), 'row')} with a value"
    if dropped:
        size += f" ({dropped:,} without one dropped)"
    chosen = task or ("classification" if texts or len(distinct) == 2 else "regression")
    asked = " (as asked)" if task else ""
    if chosen == "regression":
        if texts:
            what = f"the target {target!r} holds texts, and a regression needs numbers"
            raise TableError(f"{what}: use task='classification', and a loss for classes if you give one")
        why = f"regression{asked or ': the target is numeric'}"
        if not task and len(distinct) <= min(FEW_VALUES, len(values) // 2) and _whole(distinct):
            why += f" (if its {len(distinct)} values are labels, use task='classification')"
        return Target(values, kept, chosen, notes=(f"{size}; {why}",))
    _check_classes(target, data, distinct, len(values), label, task)
    classes = tuple(label(value) for value in distinct)
    if len(classes) == 2:
        first, second = classes
        values_are = f"the target has two values, {first!r} and {second!r} ({second!r} is the positive class)"
        note = f"classification{asked}: {values_are}"
        if not task and not texts:
            note += "; task='regression' treats them as numbers"
    else:
        shown = ", ".join(map(repr, classes[:MOST_SHOWN])) + ", …" * (len(classes) > MOST_SHOWN)
        note = f"classification{asked}: the target has {len(classes)} classes, {shown}"
    return Target(codes.ravel().astype(float), kept, chosen, classes, (f"{size}; {note}",))


def _check_classes(
    target: str,
    data: pa.ChunkedArray,
    distinct: np.ndarray,
    rows: int,
    label: Callable[[float], Label],
    task: str | None,
) -> None:
    """Raise an error if there are more than two different values and they can't be labels."""
    count = len(distinct)
    if count == 2:
        return
    texts = isinstance(label(distinct[0]), str)
    some = ", ".join(repr(label(value)) for value in distinct[:3])
    what = f"the target {target!r} has {count:,} different {'texts' if texts else 'values'}, such as {some}"
    stray = almost_numeric(data) if texts else ""
    if stray and not task:
        raise TableError(f"{what}{stray}: correct it, or use task='classification'")
    if not (texts or _whole(distinct)):
        raise TableError(f"{what}, and labels are texts or whole numbers: use task='regression', or recode it")
    other = "one of numbers" if texts else "use task='regression'"
    if count > MOST_CLASSES:
        problem = f"and at most {MOST_CLASSES} classes are possible"
        raise TableError(f"{what}, {problem}: give a column with fewer, or {other}{stray}")
    if count == rows:
        problem = "a different one in each row, and a class needs several rows"
        raise TableError(f"{what}, {problem}: give another column, or {other}")


def _whole(numbers: np.ndarray) -> bool:
    return bool((numbers == np.floor(numbers)).all())


def _target_values(target: str, data: pa.ChunkedArray) -> tuple[np.ndarray, Callable[[float], Label]]:
    """Return the target as numbers, NaN if missing, and a function from such a number to its value in the table."""
    types = arrow().types
    if types.is_boolean(data.type):
        return as_flags(target, data), bool
    if family_of(data.type):
        what = f"the target {target!r} holds {data.type}, which can't be predicted"
        raise TableError(f"{what}: give a number instead, such as days since a day")
    if not is_text(data.type):
        return as_numbers(target, data), int if types.is_integer(data.type) else float
    codes, texts = as_codes(data)
    ordered = sorted(texts)
    rank = {text: float(k) for k, text in enumerate(ordered)}
    # A missing value has the code -1, which picks the last entry.
    return np.array([*(rank[text] for text in texts), np.nan])[codes], lambda k: ordered[int(k)]
