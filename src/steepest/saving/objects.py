"""The options of a fit or a run on disk: names, numbers, and objects of this library such as losses, rules and sets."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

import numpy as np

from steepest import sets
from steepest.models import losses, penalties
from steepest.rules import directions, steps
from steepest.types import Json, RuleLike

# The modules whose objects can be saved, by their names in a record.
MODULES = {"directions": directions, "steps": steps, "penalties": penalties, "losses": losses, "sets": sets}


class UnnamedError(TypeError):
    """Raised for objects that can't be saved: functions, and objects of other libraries."""


def to_json(thing: RuleLike) -> Json:
    """Return a name, a number or an object of this library as JSON.

    Parameters
    ----------
    thing : object
        The option.

    Returns
    -------
    object
        The argument of `from_json`.

    Raises
    ------
    UnnamedError
        If `thing` is a function, or an object of another library.

    Examples
    --------
    >>> to_json(penalties.L2(0.5))
    {'of': 'penalties', 'kind': 'L2', 'with': {'strength': 0.5}}
    """
    if thing is None or isinstance(thing, (bool, str)):
        return thing
    if isinstance(thing, np.ndarray) and thing.ndim:
        return {"array": thing.tolist()}
    if isinstance(thing, (tuple, list)):
        return {"tuple": [to_json(part) for part in thing]}
    if isinstance(thing, numbers.Integral):
        return int(thing)
    if isinstance(thing, numbers.Real) or (hasattr(thing, "dtype") and np.ndim(thing) == 0):
        return float(thing)
    for name, loss in losses.NAMED.items():
        if type(loss) is type(thing) and loss == thing:
            return {"loss": name}
    kind = type(thing).__name__
    for name, module in MODULES.items():
        if is_dataclass(thing) and getattr(module, kind, None) is type(thing):
            return {
                "of": name,
                "kind": kind,
                # An option that was left out stays out, so that folders look as before it existed.
                "with": {
                    f.name: to_json(value)
                    for f in fields(thing)
                    if f.init and not ((value := getattr(thing, f.name)) is None and f.default is None)
                },
            }
    raise UnnamedError(f"function not at hand: {thing!r:.80} is not an object of this library, so it was not saved")


def from_json(record: Json) -> RuleLike:
    """Return the option from a record of `to_json`.

    Parameters
    ----------
    record : object
        The record.

    Returns
    -------
    object
        An equal name, number or object.

    Examples
    --------
    >>> from_json({"of": "penalties", "kind": "L2", "with": {"strength": 0.5}})
    L2(strength=0.5)
    """
    if not isinstance(record, Mapping):
        return record
    if "array" in record:
        return np.array(record["array"], dtype=float)
    if "tuple" in record:
        return tuple(from_json(part) for part in record["tuple"])
    if "loss" in record:
        return losses.NAMED[record["loss"]]
    kind = getattr(MODULES[record["of"]], record["kind"], None)
    if not (isinstance(kind, type) and is_dataclass(kind)):
        raise ValueError(f"there are no {record['of']} of the kind {record['kind']!r:.80}")
    return kind(**{name: from_json(value) for name, value in record["with"].items()})
