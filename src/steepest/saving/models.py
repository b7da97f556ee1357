"""Models on disk: the name of the model, its settings, and the features that it learned before the fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import numpy as np

from steepest import models
from steepest.models.features import KINDS
from steepest.models.frame import Frame
from steepest.models.tree import Form
from steepest.saving.points import under
from steepest.types import Function, Json

# The models that can be saved, by their names in a record.
NAMED: dict[str, type[models.Linear | models.Network | models.Tree]] = {
    "linear": models.Linear,
    "logistic": models.Logistic,
    "multinomial": models.Multinomial,
    "poisson": models.Poisson,
    "gamma": models.Gamma,
    "svm": models.SVM,
    "svr": models.SVR,
    "network": models.Network,
    "tree": models.Tree,
}
# The fields of models that hold arrays computed from the rows before the fit; they are saved apart from the settings.
LEARNT = ("map", "frame", "form")
# The names of a model's arrays begin with this, unlike those of the trace's arrays.
PLACE = "model/"


def model_to_json(
    model: models.Linear | models.Network | models.Tree | Function | None,
) -> tuple[dict[str, Json] | None, dict[str, np.ndarray]]:
    """Return a model as JSON and arrays; None for a function, which can't be saved.

    Parameters
    ----------
    model : Linear or callable
        The model.

    Returns
    -------
    record, arrays : dict or None, dict
        The arguments of `model_from_json`.

    Examples
    --------
    >>> model_to_json(models.Multinomial(3))
    ({'kind': 'multinomial', 'with': {'classes': 3}}, {})
    """
    name = next((name for name, kind in NAMED.items() if type(model) is kind), None)
    if name is None or not isinstance(model, (models.Linear, models.Network, models.Tree)):
        return None, {}
    settings = {f.name: getattr(model, f.name) for f in fields(model) if f.name not in LEARNT}
    learnt = next((getattr(model, f.name) for f in fields(model) if f.name in LEARNT), None)
    values = {} if learnt is None else vars(learnt)
    if isinstance(model, models.Network):
        settings |= {"hidden": list(model.hidden), "response": values.get("response")}
    if isinstance(model, models.Tree):
        categories = [list(own) for own in model.categories]
        settings |= {"categories": categories, "baselines": list(model.baselines), "response": values.get("response")}
    arrays = {
        PLACE + key: np.asarray(value) for key, value in values.items() if not (value is None or isinstance(value, str))
    }
    return {"kind": name, "with": settings}, arrays


def model_from_json(
    record: Mapping[str, Json] | None, arrays: Mapping[str, np.ndarray]
) -> models.Linear | models.Network | models.Tree | None:
    """Return the model from a record of `model_to_json`.

    Parameters
    ----------
    record, arrays : dict or None, dict
        The record, and arrays that include those of the model.

    Returns
    -------
    Linear, Network, Tree or None
        An equal model; None if the record is None, because the model was a function.

    Examples
    --------
    >>> model_from_json({"kind": "multinomial", "with": {"classes": 3}}, {})
    Multinomial(classes=3)
    """
    if record is None:
        return None
    settings = dict(record["with"])
    own = under(PLACE, arrays)
    if record["kind"] == "network":
        response = settings.pop("response")
        frame = None if response is None else Frame(**own, response=response)
        return models.Network(**settings | {"frame": frame})
    if record["kind"] == "tree":
        response = settings.pop("response")
        form = None if response is None else _form(own, response)
        return models.Tree(**settings | {"form": form})
    if own:
        features: dict[str, Json] = {key: array if array.ndim else float(array) for key, array in own.items()}
        settings["map"] = KINDS[settings["features"]](**features)
    return NAMED[record["kind"]](**settings)


def _form(arrays: Mapping[str, np.ndarray], response: str) -> Form:
    columns, gaps = int(arrays["columns"]), bool(arrays["gaps"])
    return Form(columns, response, gaps, arrays["filled"], arrays["spread"], arrays.get("bounds"))
