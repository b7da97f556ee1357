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
    >>> of_object({"validation_0": {"rmse": [2.0, 1.0]}, "validation_1": {"rmse": [2.5, 1.5]}})
    ({'train/rmse': [2.0, 1.0], 'validation/rmse': [2.5, 1.5]}, 'the log')
    """
    if isinstance(log, Mapping):
        return (_of_sets(log) or of_json(log, "the log")), "the log"
    if (found := _fitted(log)) is not None:
        return found, type(log).__name__
    if hasattr(log, "columns") and hasattr(log, "__getitem__"):
        # A DataFrame writes cells that were not logged as NaN.
        return _without_nan({str(name): np.asarray(log[name]).tolist() for name in log.columns}), "the table"
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


def _fitted(log: Any) -> Columns | None:
    """Return the history of a fitted object; None if it has none."""
    kind = type(log).__name__
    if getattr(log, "loss_curve_", None) is not None:
        # The validation scores of scikit-learn's networks are accuracies or R², not losses.
        return of_mapping({"loss": log.loss_curve_} | _rate_of(log, len(log.loss_curve_)))
    if hasattr(log, "train_score_"):
        return _boosted(log, kind)
    if hasattr(log, "evals_result") or hasattr(log, "evals_result_"):
        result = log.evals_result_ if hasattr(log, "evals_result_") else log.evals_result()
        if not result:
            raise ValueError(f"{kind} holds no losses: give eval_set= when you fit it")
        return _of_sets(result) or of_mapping(result)
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


def _of_sets(result: Mapping[str, Any]) -> Columns | None:
    """Return the result of boosted trees, losses by the name of the metric by that of the set; None if it is none.

    The first set is that of the training rows if there are several, or if its name says so. The last metric is the one
    that their early stopping follows.
    """
    if not result or not all(
        isinstance(metrics, Mapping) and metrics and all(not isinstance(v, Mapping) for v in metrics.values())
        for metrics in result.values()
    ):
        return None
    sets = {str(name): list(metrics.items())[-1] for name, metrics in result.items()}
    if not any(word in name.lower() for name in sets for word in ("val", "eval", "test")):
        return None
    train = next((name for name in sets if any(word in name.lower() for word in LEARNT)), next(iter(sets)))
    metric, losses = sets.pop(train)
    found = {f"train/{metric}": losses}
    for metric, losses in list(sets.values())[:1]:
        found[f"validation/{metric}"] = losses
    return of_mapping(found)


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
