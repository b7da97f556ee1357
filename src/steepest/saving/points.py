"""Points on disk, as JSON that distinguishes dicts, tuples, lists and arrays."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steepest.types import Json, Tree


def point_to_json(x: Tree) -> Json:
    """Return a point as JSON, which distinguishes dicts, tuples, lists and arrays."""
    if isinstance(x, dict):
        return {"dict": [[key, point_to_json(value)] for key, value in x.items()]}
    if isinstance(x, tuple):
        return {"tuple": [point_to_json(value) for value in x]}
    if isinstance(x, list):
        return {"list": [point_to_json(value) for value in x]}
    return {"array": np.asarray(x, dtype=float).tolist()}


def point_from_json(record: Mapping[str, Json]) -> Tree:
    """Return the point from a record of `point_to_json`."""
    ((kind, content),) = record.items()
    if kind == "dict":
        return {key: point_from_json(value) for key, value in content}
    if kind in ("tuple", "list"):
        return (tuple if kind == "tuple" else list)(point_from_json(value) for value in content)
    array = np.asarray(content, dtype=float)
    return array if array.ndim else np.float64(array)


def size_of(x: Tree) -> int:
    """Return the number of coordinates of a point."""
    if isinstance(x, dict):
        return sum(map(size_of, x.values()))
    return sum(map(size_of, x)) if isinstance(x, list | tuple) else int(np.size(x))
