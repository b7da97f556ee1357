"""Read the history that a fitted object of another library holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from steepest.printable import quoted
from steepest.recording.logs.columns import Columns, of_mapping, of_rows
from steepest.recording.logs.roles import LEARNT
from steepest.recording.logs.texts import of_json

ACCEPTED = (
    "give a file or folder, losses as a list or a dict of lists, or a fitted object with loss_curve_, train_score_, "
    "evals_result() or history"
)


def of_object(log: Any) -> tuple[Columns, str]:
    """Return the columns of a history in memory, and what it is.

    Parameters
    ----------
    log : object
        A list of losses, a list of rows, a mapping or table of columns, or a fitted object of scikit-learn, XGBoost,
        LightGBM, Keras, skorch or Hugging Face.

    Returns
    -------
    columns : dict of str to list
        The columns.
    what : str
        Its name for messages.

    Raises
    ------
    TypeError
        If it is none of these.
    ValueError
        If the object holds scores in place of losses, or nothing.

    Examples
    --------
    >>> of_object({"loss": [2.0, 1.0], "val_loss": [2.5, 1.5]})
    ({'loss': [2.0, 1.0], 'val_loss': [2.5, 1.5]}, 'the log')
    """
    if isinstance(log, Mapping):
        return of_json(log, "the log"), "the log"
    if (found := _fitted(log)) is not None:
        return found, type(log).__name__
    if hasattr(log, "columns") and hasattr(log, "__getitem__"):
        # A DataFrame writes cells that were not logged as NaN.
        columns = {str(name): np.asarray(log[name]) for name in log.columns}
        # Of columns with one name the first counts, as in files.
        firsts = {name: (each if each.ndim == 1 else each[:, 0]).tolist() for name, each in columns.items()}
        return _without_nan(firsts), "the table"
    if isinstance(log, str | bytes) or not isinstance(log, Iterable):
        raise TypeError(f"{quoted(log)} is no log: {ACCEPTED}")
    rows = list(log)
    if rows and all(isinstance(row, Mapping) for row in rows):
        return of_rows(rows), "the log"
    try:
        losses = np.asarray(rows, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"a {type(log).__name__} of {type(rows[0]).__name__} is no log: {ACCEPTED}") from None
    if losses.ndim != 1 or not losses.size:
        raise ValueError(f"losses have the shape {losses.shape}: give one number for each step")
    return {"loss": losses.tolist()}, "the log"


def results_of(log: Any) -> Any:
    """Return the losses of boosted trees by the set and the metric; None if the object is no model of such trees.

    Parameters
    ----------
    log : object
        The model, or the result itself.

    Returns
    -------
    mapping or None
        The result.
    """
    if isinstance(log, Mapping):
        return log
    if hasattr(log, "evals_result_"):
        return log.evals_result_
    return log.evals_result() if callable(getattr(log, "evals_result", None)) else None


def _fitted(log: Any) -> Columns | None:
    """Return the history of a fitted object; None if it has none."""
    kind = type(log).__name__
    if getattr(log, "loss_curve_", None) is not None:
        # The validation scores of scikit-learn's networks are accuracies or R², not losses.
        return of_mapping({"loss": log.loss_curve_} | _rate_of(log, len(log.loss_curve_)))
    if hasattr(log, "train_score_"):
        return _boosted(log, kind)
    if hasattr(log, "evals_result") or hasattr(log, "evals_result_"):
        result = results_of(log)
        if not result:
            raise ValueError(f"{kind} holds no losses: give eval_set= when you fit it")
        return of_mapping(result)
    if hasattr(getattr(log, "state", None), "log_history"):
        return of_rows(log.state.log_history)
    history = getattr(log, "history", None)
    if isinstance(history, Mapping) and history:
        return of_mapping(history)
    if isinstance(history, Iterable) and not isinstance(history, str) and not callable(history):
        return of_rows(history)
    return None


def _rate_of(log: Any, steps: int) -> dict[str, list[float]]:
    """Return the learning rate of a network of scikit-learn, if it is constant."""
    is_constant = getattr(log, "solver", "") == "adam" or (
        getattr(log, "solver", "") == "sgd" and getattr(log, "learning_rate", "") == "constant"
    )
    return {"learning_rate": [float(log.learning_rate_init)] * steps} if is_constant else {}


def _boosted(log: Any, kind: str) -> Columns:
    """Return the losses of scikit-learn's gradient boosting."""
    train = np.asarray(log.train_score_, dtype=float)
    if not train.size:
        raise ValueError(f"{kind} holds no losses: fit it with early_stopping=True and scoring='loss'")
    if not hasattr(log, "validation_score_"):
        # GradientBoosting: the loss itself, and with subsample= that of the rows left out.
        return of_mapping({"loss": train} | ({"val_loss": log.oob_scores_} if hasattr(log, "oob_scores_") else {}))
    if getattr(log, "scoring", None) != "loss":
        raise ValueError(f"{kind} holds scores in place of losses: fit it with scoring='loss'")
    # HistGradientBoosting: scores are minus the loss.
    held = np.asarray(log.validation_score_, dtype=float)
    return of_mapping({"loss": -train} | ({"val_loss": -held} if held.size else {}))


def of_sets(result: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """Return the columns of the losses of boosted trees: that of the rows learnt, and that of other rows.

    Their names say little: XGBoost calls its sets validation_0 and validation_1, and LightGBM valid_0. The set of the
    rows learnt is the one whose name says so, or else the first, as in the examples of both.

    Parameters
    ----------
    result : mapping
        The losses by the metric, by the set.

    Returns
    -------
    (str, str or None) or None
        The names of the columns, of which the second is None if there is one set; None if it is no such result. The
        last metric is taken, which early stopping follows.

    Examples
    --------
    >>> of_sets({"validation_0": {"rmse": [2.0, 1.0]}, "validation_1": {"rmse": [2.5, 1.5]}})
    ('validation_0/rmse', 'validation_1/rmse')
    """
    if not result or not all(
        isinstance(metrics, Mapping) and metrics and all(not isinstance(v, Mapping) for v in metrics.values())
        for metrics in result.values()
    ):
        return None
    sets = [str(name) for name in result]
    if not any(word in name.lower() for name in sets for word in ("val", "eval", "test")):
        return None
    columns = [f"{name}/{list(result[name])[-1]}" for name in result]
    train = next((k for k, name in enumerate(sets) if any(word in name.lower() for word in LEARNT)), 0)
    loss = columns.pop(train)
    return loss, columns[0] if columns else None


def _without_nan(columns: Mapping[str, list[Any]]) -> Columns:
    """Return the columns of a DataFrame, in which NaN also stands for cells that were not logged.

    A NaN beside a number in another column that has gaps was not logged. If all of these are NaN in a row, so were the
    losses.
    """
    found = of_mapping(columns)
    rows = len(next(iter(found.values()), []))
    gaps = [name for name, cells in found.items() if any(cell is None or cell != cell for cell in cells)]
    full = [any(found[name][k] is not None and found[name][k] == found[name][k] for name in gaps) for k in range(rows)]
    for name in gaps:
        found[name] = [None if full[k] and cell != cell else cell for k, cell in enumerate(found[name])]
    return found
