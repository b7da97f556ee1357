"""Which column of a log is the loss, which the validation loss, the learning rate, and so on: by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from steepest.arguments import closest
from steepest.printable import printable, quoted
from steepest.recording.logs.columns import Columns

# Words that say of which rows a loss is. Earlier words of UNSEEN are preferred: test rows are not for choosing.
LEARNT = ("train", "training", "learn", "trn")
UNSEEN = ("val", "valid", "validation", "eval", "evaluation", "dev", "holdout", "test")
# Words that add nothing to the name of a loss: "train_loss_step" is as good as "loss".
FILLERS = {*LEARNT, "epoch", "step", "batch", "iter", "iteration", "total", "mean", "avg", "average", "running", "mb"}
LOSS = "loss"
# Other names of what descends, if no column is called a loss.
LOSSES = (
    "objective", "cost", "logloss", "crossentropy", "nll", "mse", "rmse", "mae", "mape", "rmsle", "deviance", "energy",
    "perplexity", "error", "err", "l1", "l2", "multi", "binary", "mlogloss", "entropy", "value", "fun",
)  # fmt: skip
# What rises as a model learns: no loss, even if it is the only column.
SCORES = ("acc", "accuracy", "auc", "auroc", "f", "r", "score", "precision", "recall", "bleu", "iou", "map", "reward")
STEPS = ("step", "globalstep", "iteration", "iter", "it", "update", "batch", "round", "trainerglobalstep", "iterations")
EPOCHS = ("epoch", "epochs", "ep")
RATES = ("lr", "learningrate", "stepsize", "lr0", "currentlr")
NORMS = ("gradnorm", "gradientnorm", "gnorm", "gradnormtotal", "totalgradnorm")
TIMES = ("seconds", "time", "walltime", "elapsed", "duration", "dur", "timestamp")
# The most names of columns in a message.
MOST_NAMED = 12


@dataclass(frozen=True)
class Roles:
    """The names of the columns by what they hold; None if there is none.

    Attributes
    ----------
    loss, validation, rate, norm, step, epoch, time : str or None
        The columns of the loss of the rows learnt, that of the validation rows, the learning rate, the norm of the
        gradient, the number of the step and of the epoch, and the time.
    """

    loss: str
    validation: str | None = None
    rate: str | None = None
    norm: str | None = None
    step: str | None = None
    epoch: str | None = None
    time: str | None = None

    def words(self, columns: Columns) -> str:
        """Return which columns are taken for what, and which are not used."""
        parts = [f"loss from {quoted(self.loss)}"]
        parts += [f"validation from {quoted(self.validation)}"] if self.validation else []
        parts += [f"learning rate from {quoted(self.rate)}"] if self.rate else []
        parts += [f"gradient norm from {quoted(self.norm)}"] if self.norm else []
        used = {self.loss, self.validation, self.rate, self.norm, self.step, self.epoch, self.time}
        others = [name for name in columns if name not in used]
        return "; ".join(parts) + (f"; not used: {named(others)}" if others else "")


def named(names: Sequence[str]) -> str:
    """Return names for a message, not too many.

    Parameters
    ----------
    names : sequence of str
        The names.

    Returns
    -------
    str
        The text.
    """
    shown = ", ".join(printable(name, 40) for name in names[:MOST_NAMED])
    return shown + (f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else "")


def roles_of(columns: Columns, what: str, loss: str | None = None, validation: str | None = None) -> Roles:
    """Return what each column of a log holds, by its name.

    Parameters
    ----------
    columns : dict of str to list
        The columns.
    what : str
        The log, for messages.
    loss, validation : str, optional
        The columns of the losses, if the user says them.

    Returns
    -------
    Roles
        The names.

    Raises
    ------
    ValueError
        If there is no loss, or several could be it.

    Examples
    --------
    >>> roles_of({"epoch": [0.0], "acc": [0.5], "train_loss": [1.0], "valid_loss": [2.0], "lr-Adam": [0.1]}, "a.csv")
    Roles(loss='train_loss', validation='valid_loss', rate='lr-Adam', norm=None, step=None, epoch='epoch', time=None)
    """
    for option, name in (("loss", loss), ("validation", validation)):
        if name is not None and name not in columns:
            near = closest(name, columns)
            remedy = f"did you mean {quoted(near)}?" if near else f"it has {named(list(columns))}"
            raise ValueError(f"{option}={quoted(name)} is no column of numbers in {what}: {remedy}")
    if not columns:
        raise ValueError(f"{what} has no column of numbers: give a loss for each step")
    if loss is not None and loss == validation:
        raise ValueError(
            f"loss={quoted(loss)} and validation={quoted(validation)} are one column: give two, or one of them"
        )
    main = loss or _loss(columns, what)
    return Roles(
        main,
        validation or validation_beside(columns, main),
        rate=_first(columns, RATES) or _first_with(columns, ("lr",)),
        norm=_first(columns, NORMS) or _first_with(columns, ("grad", "norm")),
        step=_first(columns, STEPS),
        epoch=_first(columns, EPOCHS),
        time=_first(columns, TIMES),
    )


def _words(name: str) -> list[str]:
    """Return the words of a name: "trainLoss", "loss/train" and "Train Loss" have the same two."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]


def _filled(column: Sequence[float | None]) -> int:
    return sum(cell is not None for cell in column)


def _is_unseen(words: Sequence[str]) -> bool:
    # XGBoost and LightGBM number their sets: validation_0, valid_1.
    return any(word in UNSEEN or word.rstrip("0123456789") in UNSEEN for word in words)


def _is_score(words: Sequence[str]) -> bool:
    return any(word.rstrip("0123456789") in SCORES for word in words)


def _is_loss(words: Sequence[str], is_named: bool) -> bool:
    if is_named:
        return any(word.endswith((LOSS, "losses")) for word in words)
    return any(word in LOSSES for word in words)


def _loss(columns: Columns, what: str) -> str:
    """Return the column of the training loss."""
    words = {name: _words(name) for name in columns}
    learnt = {name: found for name, found in words.items() if not _is_unseen(found)}
    for is_named in (True, False):
        candidates = {name: found for name, found in learnt.items() if _is_loss(found, is_named)}
        if not candidates:
            continue
        # The plainest name first, then the column with the most entries.
        own = {LOSS, "losses"} if is_named else set(LOSSES)
        extra = {name: sum(word not in FILLERS | own for word in found) for name, found in candidates.items()}
        order = sorted(candidates, key=lambda name: (extra[name], -_filled(columns[name]), len(candidates[name])))
        best = order[0]
        rivals = [name for name in order if extra[name] == extra[best]]
        if extra[best] and len(rivals) > 1:
            raise ValueError(
                f"{what} has several losses, {named(rivals)}: say which one it is with loss={quoted(rivals[0])}"
            )
        return best
    if len(columns) == 1 and not _others(columns) & set(columns) and not any(map(_is_score, words.values())):
        return next(iter(columns))
    unseen = [name for name, found in words.items() if _is_unseen(found) and (_is_loss(found, True))]
    if unseen:
        raise ValueError(
            f"{what} has no training loss, only {named(unseen)}: to read that, give loss={quoted(unseen[0])}"
        )
    name = next((name for name in columns if name not in _others(columns)), next(iter(columns)))
    raise ValueError(
        f"{what} has no column of a loss, only {named(list(columns))}: say which one it is, as in loss={quoted(name)}"
    )


def _others(columns: Columns) -> set[str | None]:
    """Return the columns that can be no loss."""
    return {_first(columns, names) for names in (STEPS, EPOCHS, RATES, NORMS, TIMES)} - {None}


def validation_beside(columns: Columns, loss: str) -> str | None:
    """Return the column of the validation loss; None if there is none."""
    own = set(_words(loss)) - FILLERS - set(UNSEEN)
    best: tuple[tuple[int, ...], str] | None = None
    for name in columns:
        words = _words(name)
        plain = {word for word in words if word not in FILLERS and word.rstrip("0123456789") not in UNSEEN}
        if name == loss or not _is_unseen(words) or plain != own:
            continue
        sets = [word.rstrip("0123456789") for word in words]
        rank = min(UNSEEN.index(word) for word in sets if word in UNSEEN)
        key = (rank, -_filled(columns[name]))
        if best is None or key < best[0]:
            best = key, name
    return best and best[1]


def _first(columns: Columns, names: Sequence[str]) -> str | None:
    """Return the column that has one of these names, earlier ones first."""
    joined = {"".join(_words(name)): name for name in reversed(list(columns))}
    return next((joined[name] for name in names if name in joined), None)


def _first_with(columns: Columns, words: Sequence[str]) -> str | None:
    """Return the first column whose name has all these words, such as "train/lr" or "lr-Adam/pg1"."""
    for name in columns:
        found = _words(name)
        if set(words) <= set(found) or (words == ("lr",) and {"learning", "rate"} <= set(found)):
            return name
    return None
