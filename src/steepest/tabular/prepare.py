"""Prepare a table for a fit: turn columns into numbers, and divide the rows into training rows and held-out rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from steepest.models.losses import Loss
from steepest.printable import printable, quoted
from steepest.tabular.categories.answers import Answers
from steepest.tabular.encoding import Encoding, Missing, learn_encoding
from steepest.tabular.method import loss_name
from steepest.tabular.parts.split import RANDOM, Parts, parts_of
from steepest.tabular.reading.arrow import Label, TableError, arrow, counted
from steepest.tabular.reading.excel_files import OTHER_SHEET, WITHOUT_VALUE
from steepest.tabular.reading.files import read_table
from steepest.tabular.reading.written.learn import learn_spelling
from steepest.tabular.reading.written.marks import Marks
from steepest.tabular.scale.log_target import logarithms
from steepest.tabular.target import Task, learn_target
from steepest.types import Table


@dataclass(frozen=True, eq=False)
class TableRows:
    """Rows of a table as numbers.

    Parameters
    ----------
    X : array of shape (rows, columns)
        The features.
    y : array of shape (rows,)
        The target: numbers, or the index of each row's class.
    numbers : array of int of shape (rows,)
        The number of each row in the table, from 0.
    """

    X: np.ndarray
    y: np.ndarray
    numbers: np.ndarray

    def __getitem__(self, mask: np.ndarray) -> TableRows:
        """Return the rows that a mask selects, without a copy if it selects all."""
        return self if mask.all() else TableRows(self.X[mask], self.y[mask], self.numbers[mask])


@dataclass(frozen=True, eq=False)
class Prepared:
    """A table that is ready for a fit.

    Parameters
    ----------
    training, held_out : TableRows
        The rows to fit, and the rows to score the fit by; there may be no held-out rows.
    classes : tuple or None
        The labels of a classification; None for numbers.
    encoding : Encoding
        How the columns became numbers.
    notes : list of str
        Sentences on what was read, held out, filled in and dropped.
    size : int
        The number of rows of the table.
    parts : Parts or None
        How the rows were divided; None if they are those of an earlier fit.
    groups : array of int of shape (size,), optional
        The group of each row of the table, if they were divided by groups.
    gaps : mapping of str to int
        How many values each column that is used lacks, and how many the target.
    """

    training: TableRows
    held_out: TableRows
    classes: tuple[Label, ...] | None
    encoding: Encoding
    notes: list[str]
    size: int
    parts: Parts | None = None
    groups: np.ndarray | None = None
    gaps: Mapping[str, int] = field(default_factory=dict)

    @property
    def learnt(self) -> np.ndarray:
        """A mask of the rows of the table: True for training rows."""
        learnt = np.zeros(self.size, bool)
        learnt[self.training.numbers] = True
        return learnt

    def logged(self) -> Prepared:
        """Return the same with the logarithm of the target."""
        training, held_out = (replace(rows, y=np.log(rows.y)) for rows in (self.training, self.held_out))
        return replace(self, training=training, held_out=held_out)


def prepare(
    table: Table,
    target: str,
    task: Task | None,
    held_out: float,
    random: np.random.Generator,
    *,
    features: Iterable[str] | None,
    drop: Iterable[str],
    missing: Missing,
    max_categories: int,
    max_bytes: float | None = None,
    marks: Marks | None = None,
    text_encoding: str | None = None,
    sheet: str | None = None,
    split: str = RANDOM,
    log_target: bool = False,
) -> Prepared:
    """Read a table, hold out rows, and learn from the others how the columns become numbers.

    Parameters
    ----------
    table : path, DataFrame, pyarrow.Table or dict
        The table.
    target : str
        The column to predict.
    task : {"regression", "classification"} or None
        The task; None if the target decides.
    held_out : float
        The fraction of rows to hold out.
    random : numpy.random.Generator
        The generator that draws the held-out rows.
    features, drop, missing, max_categories
        As for `learn_encoding`.
    max_bytes : number, optional
        As for `read_table`.
    marks : Marks, optional
        What the user says of how the table is written.
    text_encoding, sheet : str, optional
        The encoding of a CSV and the sheet of a workbook, as for `read_table`.
    split : str
        Which rows are held out, as for `fit_table`.
    log_target : bool
        Whether the target is fitted as its logarithm, so that encoders learn from that.

    Returns
    -------
    Prepared
        The rows as numbers, with the target in its own units.

    Raises
    ------
    TableError
        If the table must be corrected first.
    """
    marks = marks or Marks()
    read, notes = read_table(table, max_bytes, decimal=marks.decimal, encoding=text_encoding, sheet=sheet)
    size = read.num_rows
    spelling = learn_spelling(read, marks)
    try:
        answer = learn_target(read, target, task, spelling)
    except TableError as error:
        # A workbook may have the target in another sheet, and its formulas may never have been calculated.
        told = [note for note in notes if OTHER_SHEET in note or WITHOUT_VALUE in note]
        if told:
            raise TableError(f"{error} ({'; '.join(told)})") from None
        raise
    numbers = np.flatnonzero(answer.kept)
    if len(numbers) < size:
        read = read.filter(arrow().array(answer.kept))
    learnt = logarithms(target, answer.y, numbers, answer.classes) if log_target else answer.y
    parts = parts_of(split, held_out, read, spelling, target, answer.y, answer.classes, random)
    training = parts.training
    answers = Answers.of(target, learnt, answer.classes, training)
    # A group that is held out as a whole is unseen, so what names the groups can't be learned from.
    unused: list[str] = []
    if parts.grouped_by and features is None and not isinstance(drop, str):
        unused = [name for name in [parts.grouped_by] if name not in (drop := list(drop))]
        drop = [*drop, *unused]
    encoding = learn_encoding(
        read, target, rows=training, features=features, drop=drop, missing=missing,
        max_categories=max_categories, answers=answers, spelling=spelling,
    )  # fmt: skip
    if answer.written is not None:
        encoding = replace(encoding, written=(*encoding.written, answer.written))
    encoded = encoding.transform(read, answers=answers)
    kept, training = encoded.kept, training[encoded.kept]
    rows = TableRows(encoded.X, answer.y[kept], numbers[kept])
    notes = [*notes[:1], *answer.notes, *notes[1:]]
    classes, present = answer.classes, np.unique(rows.y[training])
    if len(present) < 2:
        count = counted(int(training.sum()), "row")
        raise TableError(f"the target {quoted(target)} has only one value in the {count} to learn from: give more rows")
    if classes is not None and len(present) < len(classes):
        # All training rows with the other labels had missing values, and were dropped. Drop the held-out rows with
        # these labels, too.
        known = np.isin(rows.y, present)
        rows, training = rows[known], training[known]
        rows = TableRows(rows.X, np.searchsorted(present, rows.y).astype(float), rows.numbers)
        absent = ", ".join(repr(label) for k, label in enumerate(classes) if k not in present)
        notes.append(f"{target}: no row is left to learn {absent} from, so it is left out")
        classes = tuple(classes[int(k)] for k in present)
    if not training.all():
        notes.append(parts.note(int((~training).sum()), int(training.sum())))
    notes += [f"{name}: no feature, as its groups are held out as a whole" for name in unused]
    # Only held-out rows can have texts that the training rows lack.
    notes += [*encoding.notes, *(f"held out, {note}" for note in encoded.unseen)]
    groups = None
    if parts.groups is not None:
        groups = np.full(size, -1)
        groups[numbers] = parts.groups
    return Prepared(
        rows[training], rows[~training], classes, encoding, [*map(printable, notes)], size, parts, groups,
        {**encoded.gaps, target: size - len(numbers)},
    )  # fmt: skip


def prepare_again(
    table: Table,
    target: str,
    classes: tuple[Label, ...] | None,
    encoding: Encoding,
    learnt: np.ndarray,
    *,
    log_target: bool = False,
    text_encoding: str | None = None,
    sheet: str | None = None,
) -> Prepared:
    """Prepare the table of an earlier fit in the same way.

    Parameters
    ----------
    table : path, DataFrame, pyarrow.Table or dict
        The table.
    target : str
        The column to predict.
    classes : tuple or None
        The labels of the fit; None for numbers.
    encoding : Encoding
        How the columns become numbers.
    learnt : array of bool
        A mask of the rows of the table: True for training rows.
    log_target : bool
        Whether the target is fitted as its logarithm.
    text_encoding, sheet : str, optional
        As for `prepare`.

    Returns
    -------
    Prepared
        The rows as numbers, with the target in its own units.

    Raises
    ------
    TableError
        If the table is not that of the fit: its columns, rows or labels differ.
    """
    read, notes = read_table(table, texts=encoding.spelling, encoding=text_encoding, sheet=sheet)
    if read.num_rows != len(learnt):
        size = counted(read.num_rows, "row")
        raise TableError(f"the table has {size}, and that of the fit has {len(learnt):,}: give the table of the fit")
    answer = learn_target(read, target, "regression" if classes is None else "classification", encoding.spelling)
    y, numbers = answer.y, np.flatnonzero(answer.kept)
    if classes is not None:
        codes = [classes.index(label) if label in classes else -1 for label in answer.classes or ()]
        y = np.array(codes, dtype=float)[y.astype(int)]
    logs = logarithms(target, y, numbers, classes) if log_target else y
    answers = Answers.of(target, logs, classes, learnt[answer.kept])
    encoded = encoding.transform(read.filter(arrow().array(answer.kept)), answers=answers)
    rows = TableRows(encoded.X, y[encoded.kept], numbers[encoded.kept])
    if classes is not None:
        rows = rows[rows.y >= 0]
    training = np.isin(rows.numbers, np.flatnonzero(learnt))
    if lost := int(learnt.sum() - training.sum()):
        what = f"{counted(lost, 'row')} of the fit not in this table, or otherwise labelled"
        raise TableError(f"{what}: give the table of the fit")
    return Prepared(rows[training], rows[~training], classes, encoding, notes, read.num_rows)


def check_numbers(target: str, ready: Prepared, loss: Loss) -> None:
    """Refuse a target with a number that the loss does not accept, and name its row.

    Parameters
    ----------
    target : str
        The column to predict.
    ready : Prepared
        The rows.
    loss : Loss
        The loss.

    Raises
    ------
    TableError
        If the loss does not accept a number of the target.
    """
    y = np.concatenate([ready.training.y, ready.held_out.y])
    numbers = np.concatenate([ready.training.numbers, ready.held_out.numbers])
    wrong = np.flatnonzero((y < loss.least) | (y > loss.most))
    if wrong.size:
        first = wrong[numbers[wrong].argmin()]
        limits = "numbers from 0 up" if loss.least == 0 else "numbers above 0"
        what = f"{target}: the value in row {numbers[first] + 1:,} is {y[first]:g}"
        raise TableError(f"{what}, and the {loss_name(loss)} needs {limits}: correct it, or use another loss")
