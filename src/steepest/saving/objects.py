"""What was asked of a fit as words that a file can hold: names, numbers, and the library's own objects."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from steepest.models import losses, penalties
from steepest.rules import directions, steps

ROOMS = {"directions": directions, "steps": steps, "penalties": penalties, "losses": losses}


class UnnamedError(TypeError):
    """Said of what no file can hold: functions, and objects that are not the library's own."""


def to_json(thing: Any) -> Any:
    """Return a name, a number or an object of the library's own as JSON takes it.

    Parameters
    ----------
    thing : object
        What was asked for.

    Returns
    -------
    object
        What `from_json` makes the same of.

    Raises
    ------
    UnnamedError
        If it is a function, or an object that is not the library's own.

    Examples
    --------
    >>> to_json(penalties.L2(0.5))
    {'of': 'penalties', 'kind': 'L2', 'with': {'strength': 0.5}}
    """
    if thing is None or isinstance(thing, (bool, str)):
        return thing
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
    for name, room in ROOMS.items():
        if is_dataclass(thing) and getattr(room, kind, None) is type(thing):
            return {"of": name, "kind": kind, "with": {f.name: to_json(getattr(thing, f.name)) for f in fields(thing)}}
    raise UnnamedError(f"function not at hand: {thing!r:.80} is not the library's own, and so was not saved")


def from_json(word: Any) -> Any:
    """Return what `to_json` made words of.

    Parameters
    ----------
    word : object
        As it was saved.

    Returns
    -------
    object
        The same name, number or object.

    Examples
    --------
    >>> from_json({"of": "penalties", "kind": "L2", "with": {"strength": 0.5}})
    L2(strength=0.5)
    """
    if not isinstance(word, Mapping):
        return word
    if "tuple" in word:
        return tuple(from_json(part) for part in word["tuple"])
    if "loss" in word:
        return losses.NAMED[word["loss"]]
    kind = getattr(ROOMS[word["of"]], word["kind"])
    return kind(**{name: from_json(value) for name, value in word["with"].items()})
