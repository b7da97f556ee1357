"""The rows of a log in order: one for each logged loss, with the validation loss beside it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from steepest.recording.logs.columns import Cell, Columns, is_empty
from steepest.recording.logs.roles import Roles

# If more of the steps than this share are repeated, their column counts something else, such as the epoch of each
# batch. Chosen: a run that was resumed repeats fewer.
REPEATED = 0.5


@dataclass(frozen=True)
class Losses:
    """The losses of a log, one row for each, in order.

    Attributes
    ----------
    iteration : array of int of shape (rows,)
        The number of each row: its step or epoch, or its place if the log has none.
    value, validation, rate, norm, seconds : array of shape (rows,)
        The losses, learning rates, norms of gradients and times; NaN where nothing was logged.
    is_epochs : bool
        Whether the rows are epochs.
    notes : tuple of str
        What was unusual about the rows.
    """

    iteration: np.ndarray
    value: np.ndarray
    validation: np.ndarray
    rate: np.ndarray
    norm: np.ndarray
    seconds: np.ndarray
    is_epochs: bool
    notes: tuple[str, ...]


def losses_of(columns: Columns, roles: Roles, what: str) -> Losses:
    """Return the losses of a log in the order of their steps.

    Rows of one step are joined: many loggers write the loss and the validation loss in rows of their own, with the
    other cells empty. A validation loss at a step without a loss goes to the loss before it.

    Parameters
    ----------
    columns : dict of str to list
        The log.
    roles : Roles
        What its columns hold.
    what : str
        The log, for messages.

    Returns
    -------
    Losses
        The losses.

    Raises
    ------
    ValueError
        If no row has a loss.

    Examples
    --------
    >>> log = {"step": [9, 9, 19, 19], "loss": [4.0, None, 2.0, None], "val_loss": [None, 5.0, None, 3.0]}
    >>> found = losses_of(log, Roles("loss", "val_loss", step="step"), "losses.csv")
    >>> found.iteration, found.value, found.validation
    (array([ 9, 19]), array([4., 2.]), array([5., 3.]))
    """
    rows = len(columns[roles.loss])
    empty: list[Cell] = [None] * rows
    names = (roles.loss, roles.validation, roles.rate, roles.norm, roles.time)
    parts = [columns[name] if name else empty for name in names]
    (key, is_epochs), notes = _keys(columns, roles, rows), list[str]()
    order = sorted(range(rows), key=key.__getitem__) if key is not None else range(rows)
    if key is not None and any(later < earlier for earlier, later in pairwise(key)):
        notes.append("rows sorted by their step")
    joined: list[list[Cell]] = []
    at: list[float] = []
    repeated = 0
    for k in order:
        cells = [part[k] for part in parts]
        if joined and key is not None and key[k] == at[-1]:
            repeated += cells[0] is not None and joined[-1][0] is not None
            joined[-1] = [old if new is None else new for old, new in zip(joined[-1], cells, strict=True)]
        else:
            joined.append(cells)
            at.append(float(k) if key is None else key[k])
    if repeated:
        steps = "1 step that was" if repeated == 1 else f"{repeated:,} steps that were"
        notes.append(f"{steps} logged twice: the last loss counts")
    kept = _with_loss(joined)
    if not kept:
        raise ValueError(f"no row of {what} has a loss")
    table = np.array([[np.nan if cell is None else cell for cell in joined[k]] for k in kept], dtype=float)
    numbers = np.array([at[k] for k in kept])
    if key is None or len(np.unique(np.rint(numbers))) < len(numbers):
        numbers = np.arange(len(kept))
    seconds = _elapsed(table[:, 4])
    iteration = np.rint(numbers).astype(int)
    value, validation, rate, norm = table.T[:4]
    # A learning rate holds until another one is logged.
    known = np.maximum.accumulate(np.where(np.isnan(rate), -1, np.arange(len(rate))))
    rate = np.where(known >= 0, rate[known], np.nan)
    return Losses(iteration, value, validation, rate, norm, seconds, is_epochs, tuple(notes))


def _elapsed(times: np.ndarray) -> np.ndarray:
    """Return the seconds since the first row: of times that rise, or else of how long each row took."""
    known = times[np.isfinite(times)]
    if not known.size:
        return times
    if (np.diff(known) < 0).any() or (known.size > 1 and not np.diff(known).any()):
        return np.cumsum(np.where(np.isfinite(times), times, 0.0))
    return times - known[0]


def _keys(columns: Columns, roles: Roles, rows: int) -> tuple[list[float] | None, bool]:
    """Return the step of each row, None if their order counts; and whether it is an epoch."""
    counts = {name: _continued(columns[name]) for name in (roles.step, roles.epoch) if name}
    if roles.step and roles.epoch:
        pairs = list(zip(counts[roles.epoch], counts[roles.step], strict=True))
        whole = {
            pairs[k] for k in range(rows)
            if None not in (columns[roles.epoch][k], columns[roles.step][k], columns[roles.loss][k])
        }  # fmt: skip
        if len(whole) > max(len({step for _, step in whole}), len({epoch for epoch, _ in whole})):
            # The steps are counted in each epoch anew.
            place = {pair: float(k) for k, pair in enumerate(sorted(set(pairs)))}
            return [place[pair] for pair in pairs], False
    with_loss = [k for k in range(rows) if columns[roles.loss][k] is not None]
    for name, key in counts.items():
        if with_loss and 1 - len({key[k] for k in with_loss}) / len(with_loss) <= REPEATED:
            return key, name == roles.epoch
    return None, False


def _continued(column: list[Cell]) -> list[float]:
    """Return steps as numbers; a row without one has the step of the row before it."""
    key, last = [], -1.0
    for cell in column:
        if cell is not None and not is_empty(cell):
            last = cell
        key.append(last)
    return key


def _with_loss(joined: list[list[Cell]]) -> list[int]:
    """Return the rows that have a loss; what the rows after each of them hold goes to it, if it lacks that."""
    kept = [k for k, cells in enumerate(joined) if cells[0] is not None]
    if not kept:
        return kept
    own = {k: list(joined[k]) for k in kept}
    last = kept[0]
    for k, cells in enumerate(joined):
        last = k if k in own else last
        for part in range(1, len(cells)):
            if k not in own and k > last and own[last][part] is None and cells[part] is not None:
                joined[last][part] = cells[part]
    # What was logged before the first loss, such as a validation before the training.
    for cells in joined[: kept[0]]:
        joined[kept[0]] = [new if old is None else old for old, new in zip(joined[kept[0]], cells, strict=True)]
    return kept
