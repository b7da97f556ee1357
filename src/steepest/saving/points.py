"""Points on disk, as JSON that distinguishes dicts, tuples, lists and arrays.

Other containers that JAX knows, such as the parameters of a network, are stored as dicts of what they hold.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from steepest.types import Json, PyTree

# The types of arrays that are stored under their own names; arrays of all other types are stored as doubles.
NARROW = ("float16", "float32")


def point_to_json(x: PyTree) -> Json:
    """Return a point as JSON, which distinguishes dicts, tuples, lists and arrays."""
    if isinstance(x, dict):
        return {"dict": [[key, point_to_json(value)] for key, value in x.items()]}
    if not (isinstance(x, list | tuple) or np.isscalar(x) or hasattr(x, "__array__")):
        return point_to_json(children_of(x))
    if isinstance(x, tuple):
        return {"tuple": [point_to_json(value) for value in x]}
    if isinstance(x, list):
        return {"list": [point_to_json(value) for value in x]}
    array = np.asarray(x)
    kind = str(array.dtype) if str(array.dtype) in NARROW else "array"
    return {kind: array.astype(float).tolist()}


def children_of(x: PyTree) -> dict[str, PyTree]:
    """Return what a container holds, by name, one level deep."""
    from jax.tree_util import keystr, tree_flatten_with_path

    found, _ = tree_flatten_with_path(x, is_leaf=lambda node: node is not x)
    return {keystr(path, simple=True): value for path, value in found}


def point_from_json(record: Mapping[str, Json]) -> PyTree:
    """Return the point from a record of `point_to_json`."""
    ((kind, content),) = record.items()
    if kind == "dict":
        return {key: point_from_json(value) for key, value in content}
    if kind in ("tuple", "list"):
        return (tuple if kind == "tuple" else list)(point_from_json(value) for value in content)
    array = np.asarray(content, dtype=kind if kind in NARROW else float)
    return array if array.ndim else array[()]


def size_of(x: PyTree) -> int:
    """Return the number of coordinates of a point."""
    if isinstance(x, dict):
        return sum(map(size_of, x.values()))
    return sum(map(size_of, x)) if isinstance(x, list | tuple) else int(np.size(x))


def under(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin with a prefix, under their names without the prefix."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
