"""A model as a file holds it: its name, its settings, and what it has learnt of the rows beside its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from steepest import models
from steepest.models.features import KINDS

NAMED: dict[str, type[models.Linear]] = {
    "linear": models.Linear,
    "logistic": models.Logistic,
    "multinomial": models.Multinomial,
    "poisson": models.Poisson,
    "gamma": models.Gamma,
    "svm": models.SVM,
    "svr": models.SVR,
}
PLACE = "model/"


def model_to_json(model: Any) -> tuple[dict[str, Any] | None, dict[str, np.ndarray]]:
    """Return a model as JSON and arrays; None for a function, which is not saved.

    Parameters
    ----------
    model : model
        What was fitted.

    Returns
    -------
    record, arrays : dict or None, dict
        What `model_from_json` makes the same of.

    Examples
    --------
    >>> model_to_json(models.Multinomial(3))
    ({'kind': 'multinomial', 'with': {'classes': 3}}, {})
    """
    name = next((name for name, kind in NAMED.items() if type(model) is kind), None)
    if name is None:
        return None, {}
    words = {f.name: getattr(model, f.name) for f in fields(model) if f.name != "map"}
    features = getattr(model, "map", None)
    arrays = {} if features is None else {PLACE + key: np.asarray(value) for key, value in vars(features).items()}
    return {"kind": name, "with": words}, arrays


def model_from_json(record: Mapping[str, Any] | None, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return the model that `model_to_json` made a record of.

    Parameters
    ----------
    record, arrays : dict or None, dict
        As they were saved.

    Returns
    -------
    model or None
        None for a function.

    Examples
    --------
    >>> model_from_json({"kind": "multinomial", "with": {"classes": 3}}, {})
    Multinomial(classes=3)
    """
    if record is None:
        return None
    words = dict(record["with"])
    known = {key.removeprefix(PLACE): array for key, array in arrays.items() if key.startswith(PLACE)}
    if known:
        parts: dict[str, Any] = {key: array if array.ndim else float(array) for key, array in known.items()}
        words["map"] = KINDS[words["features"]](**parts)
    return NAMED[record["kind"]](**words)
