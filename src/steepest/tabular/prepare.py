"""A table made ready for a fit: its numbers, its target, and which rows are learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.models.losses import Loss
from steepest.tabular.encoding import Encoding, learn_encoding
from steepest.tabular.files import TableError, arrow, counted, read_table
from steepest.tabular.method import named_loss
from steepest.tabular.target import Task, learn_target


@dataclass(frozen=True, eq=False)
class Prepared:
    """What is left of a table.

    Parameters
    ----------
    X, y : array of shape (rows, columns), array of shape (rows,)
        Features and target as numbers.
    seen : array of bool of shape (rows,)
        Which rows to learn from; the others are held out.
    places : array of int of shape (rows,)
        The number of each row in the table, from 0.
    classes : tuple or None
        The labels, of which y holds the places; None for numbers.
    encoding : Encoding
        How columns became numbers.
    notes : list of str
        What was done, in plain sentences.
    rows : int
        How many rows the table has.
    """

    X: np.ndarray
    y: np.ndarray
    seen: np.ndarray
    places: np.ndarray
    classes: tuple[Any, ...] | None
    encoding: Encoding
    notes: list[str]
    rows: int

    @property
    def learnt(self) -> np.ndarray:
        """Which rows of the table are learnt from."""
        learnt = np.zeros(self.rows, bool)
        learnt[self.places[self.seen]] = True
        return learnt


def prepare(
    table: Any, target: str, task: Task | None, held_out: float, draws: np.random.Generator, **encode: Any
) -> Prepared:
    """Read a table, hold rows out, and make numbers of it as the rows that remain teach.

    Parameters
    ----------
    table : path, DataFrame, pyarrow.Table or dict
        The table.
    target : str
        The column to predict.
    task : {"regression", "classification"} or None
        What to learn; None where the target tells.
    held_out : float
        The part of the rows to hold out.
    draws : numpy.random.Generator
        What draws them.
    **encode : object
        As for `learn_encoding`.

    Returns
    -------
    Prepared
        The numbers.

    Raises
    ------
    TableError
        Where the table must be mended first.
    """
    read, notes = read_table(table)
    rows = read.num_rows
    answer = learn_target(read, target, task)
    places = np.flatnonzero(answer.kept)
    if len(places) < rows:
        read = read.filter(arrow().array(answer.kept))
    seen = split(answer.y, held_out, len(answer.classes or ()), draws)
    encoding = learn_encoding(read, target, rows=seen, **encode)
    encoded = encoding.transform(read)
    X, y, seen, places = encoded.X, answer.y[encoded.kept], seen[encoded.kept], places[encoded.kept]
    notes = [*notes[:1], *answer.notes, *notes[1:]]
    classes, present = answer.classes, np.unique(y[seen])
    if len(present) < 2:
        raise TableError(
            f"the target {target!r} has one value in the {seen.sum():,} rows to learn from: give more rows"
        )
    if classes is not None and len(present) < len(classes):
        there = np.isin(y, present)
        X, y, seen, places = X[there], np.searchsorted(present, y[there]).astype(float), seen[there], places[there]
        absent = ", ".join(repr(label) for k, label in enumerate(classes) if k not in present)
        notes.append(f"{target}: no row is left to learn {absent} from, so it is left out")
        classes = tuple(classes[int(k)] for k in present)
    if not seen.all():
        notes.append(f"{counted(int((~seen).sum()), 'row')} held out, {seen.sum():,} to learn from")
    return Prepared(X, y, seen, places, classes, encoding, [*notes, *encoding.notes], rows)


def prepared_again(
    table: Any, target: str, classes: tuple[Any, ...] | None, encoding: Encoding, learnt: np.ndarray
) -> Prepared:
    """Make a table ready as it was for a fit.

    Parameters
    ----------
    table : path, DataFrame, pyarrow.Table or dict
        The table.
    target : str
        The column to predict.
    classes : tuple or None
        The labels that the fit tells apart; None for numbers.
    encoding : Encoding
        How columns become numbers.
    learnt : array of bool
        Which rows were learnt from.

    Returns
    -------
    Prepared
        The numbers.

    Raises
    ------
    TableError
        Where it is another table: of other columns, rows or labels.
    """
    read, notes = read_table(table)
    if read.num_rows != len(learnt):
        raise TableError(
            f"the table has {counted(read.num_rows, 'row')}, and had {len(learnt):,}: give that of the fit"
        )
    answer = learn_target(read, target, "regression" if classes is None else "classification")
    y, places = answer.y, np.flatnonzero(answer.kept)
    if classes is not None:
        known = [classes.index(label) if label in classes else -1 for label in answer.classes or ()]
        y = np.array(known, dtype=float)[y.astype(int)]
    encoded = encoding.transform(read.filter(arrow().array(answer.kept)))
    X, y, places = encoded.X, y[encoded.kept], places[encoded.kept]
    told = y >= 0 if classes is not None else np.ones(len(y), bool)
    X, y, places = X[told], y[told], places[told]
    seen = np.isin(places, np.flatnonzero(learnt))
    if lost := int(learnt.sum() - seen.sum()):
        raise TableError(f"{counted(lost, 'row')} of the fit not in this table, or otherwise labelled: give the same")
    return Prepared(X, y, seen, places, classes, encoding, notes, read.num_rows)


def split(y: np.ndarray, part: float, classes: int, draws: np.random.Generator) -> np.ndarray:
    """Return which rows to learn from: the rest is drawn at random, from each class alike, but never all of one.

    Parameters
    ----------
    y : array of shape (rows,)
        Numbers, or the places of classes.
    part : float
        The part of the rows to hold out.
    classes : int
        How many classes there are; 0 for numbers.
    draws : numpy.random.Generator
        What draws.

    Returns
    -------
    array of bool of shape (rows,)
        True for the rows to learn from.
    """
    seen = np.ones(len(y), dtype=bool)
    for rows in [np.flatnonzero(y == k) for k in range(classes)] or [np.arange(len(y))]:
        seen[draws.permutation(rows)[: min(round(part * len(rows)), len(rows) - 1)]] = False
    return seen


def check_numbers(target: str, ready: Prepared, loss: Loss) -> None:
    """Refuse a number that a loss does not take, by its row in the table.

    Parameters
    ----------
    target : str
        The column to predict.
    ready : Prepared
        The rows.
    loss : Loss
        What the fit is to be by.

    Raises
    ------
    TableError
        If there is one.
    """
    wrong = np.flatnonzero((ready.y < loss.least) | (ready.y > loss.most))
    if wrong.size:
        span = "from 0 up" if loss.least == 0 else "above 0"
        what = f"{target}: the value in row {ready.places[wrong[0]] + 1:,} is {ready.y[wrong[0]]:g}"
        raise TableError(f"{what}, and the {named_loss(loss)} takes numbers {span}: mend it, or take another loss")
