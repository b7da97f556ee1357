"""`read_log`: what a training loop has logged, as a run with its pictures, report and diagnosis."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from steepest.arguments import our_words
from steepest.printable import quoted
from steepest.recording.logs.columns import Columns
from steepest.recording.logs.files import of_path
from steepest.recording.logs.objects import of_object, of_sets, results_of
from steepest.recording.logs.roles import roles_of
from steepest.recording.logs.rows import Losses, losses_of
from steepest.recording.recorded import RecordedRun
from steepest.trace import Certificate, Outcome, Trace


@our_words
@np.errstate(all="ignore")
def read_log(log: Any, *, loss: str | None = None, validation: str | None = None, title: str = "") -> RecordedRun:
    """Read the losses that a training loop has logged, as a run with its pictures, report and diagnosis.

    The columns are recognised by their names, such as ``train_loss``, ``val_loss``, ``lr``, ``grad_norm``, ``epoch``
    and ``step``; `message` of the run says which were taken, and which were not used. A logged loss of NaN or infinity
    is kept. Rows of one step are joined, and sorted by their step.

    Parameters
    ----------
    log : path or object
        A file: CSV with any separator, JSON, JSON Lines or one number a line, also with gzip; ``metrics.csv`` of
        Lightning, the CSVLogger of Keras, ``trainer_state.json`` of Hugging Face; an event file of TensorBoard, which
        needs ``pip install "steepest[tensorboard]"``; or a folder with one of them. Or an object: losses as a list, a
        dict of lists, a list of rows or a DataFrame; the History of Keras, a net of skorch, a Trainer of Hugging Face;
        an estimator of scikit-learn with ``loss_curve_`` or ``train_score_``; a model of XGBoost or LightGBM.
    loss, validation : str, optional
        The columns of the loss on the rows learnt, and on validation rows, if their names do not say it.
    title : str, optional
        The text above pictures; the name of the file by default.

    Returns
    -------
    RecordedRun
        The run, whose outcome is "recorded". Its trace has the columns value, validation, step_size for the learning
        rate, gradient_norm and seconds, NaN where nothing was logged, and no points.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the log has no loss, or several could be it.
    TypeError
        If the object is no log.
    ImportError
        If event files are given, and TensorBoard is not installed.

    Examples
    --------
    >>> run = read_log({"epoch": [0, 1], "loss": [4.0, 2.0], "val_loss": [4.5, 2.5], "acc": [0.1, 0.5]})
    >>> run.trace.value, run.trace.validation
    (array([4., 2.]), array([4.5, 2.5]))
    >>> run.message
    "recorded: 2 losses from the log; loss from 'loss'; validation from 'val_loss'; not used: acc"
    """
    for option, name in (("loss", loss), ("validation", validation)):
        if name is not None and not isinstance(name, str):
            raise TypeError(f"{option}={quoted(name)}: give the name of a column")
    columns: Columns
    if isinstance(log, str | os.PathLike):
        path = Path(log)
        columns, what = of_path(path)
        title = title or what
    else:
        columns, what = of_object(log)
        if loss is None and (sets := of_sets(results_of(log) or {})):
            loss, validation = sets[0], validation or sets[1]
    roles = roles_of(columns, what, loss, validation)
    losses = losses_of(columns, roles, what)
    count = len(losses.value)
    message = f"{Outcome.RECORDED}: {count:,} {'loss' if count == 1 else 'losses'} from {what}; {roles.words(columns)}"
    return _run_of(losses, "; ".join([message, *losses.notes]), title)


def _run_of(losses: Losses, message: str, title: str) -> RecordedRun:
    """Return the run of losses."""
    count = len(losses.value)
    columns = {
        "iteration": losses.iteration,
        "evaluations": np.arange(1, count + 1),
        "value": losses.value,
        "gradient_norm": losses.norm,
        "step_size": losses.rate,
        "seconds": losses.seconds,
        "validation": losses.validation,
    }
    if losses.is_epochs:
        columns["epoch"] = losses.iteration
    finite = losses.value[np.isfinite(losses.value)]
    spent = losses.seconds[np.isfinite(losses.seconds)]
    return RecordedRun(
        x=np.empty(0), fun=float(finite.min()) if finite.size else math.nan, jac=np.empty(0), nit=count - 1, nfev=count,
        njev=count, outcome=Outcome.RECORDED, message=message, certificate=Certificate(),
        trace=Trace(columns, np.empty((count, 0)), []), kind="recorded", why="another program has logged the losses",
        title=title, seconds=float(spent[-1]) if spent.size else math.nan,
    )  # fmt: skip
