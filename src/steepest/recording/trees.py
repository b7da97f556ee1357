"""The leaves of a point: an array, or dicts, lists, modules and other containers of arrays."""

from __future__ import annotations

import numbers
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from steepest.printable import quoted

Leaves = list[tuple[str, Any]]


def leaves_of(tree: Any, what: str, slopes: bool = False) -> Leaves:
    """Return the arrays of a point with their names.

    Parameters
    ----------
    tree : array or tree
        The point: an array or number; dicts, lists and tuples of arrays; a module of PyTorch, which has named
        parameters, or their iterator; or any container that JAX knows, if JAX is loaded.
    what : str
        The argument, for errors.
    slopes : bool, optional
        Whether to take the gradients (``.grad``) of a module's parameters in their place.

    Returns
    -------
    list of (str, array)
        The arrays by name; "" for a single one.

    Raises
    ------
    TypeError
        If it holds something that is no array.
    """
    found: Leaves = []
    _walk(tree, "", what, slopes, found)
    return found


def _walk(node: Any, name: str, what: str, slopes: bool, found: Leaves) -> None:
    if node is None:
        return
    if isinstance(node, Mapping):
        for key, value in node.items():
            _walk(value, f"{name}.{key}" if name else str(key), what, slopes, found)
    elif hasattr(node, "named_parameters"):
        for key, value in node.named_parameters():
            found.append((f"{name}.{key}" if name else key, _slope(value, key) if slopes else value))
    elif isinstance(node, list | tuple | Iterator):
        children = list(node)
        if children and all(isinstance(each, numbers.Number) for each in children):
            found.append((name, np.array(children, dtype=float)))
            return
        keys = getattr(node, "_fields", None)
        for k, value in enumerate(children):
            inner = (f"{name}.{keys[k]}" if name else keys[k]) if keys else f"{name}[{k}]"
            from_module = slopes and hasattr(value, "grad") and isinstance(node, Iterator)
            _walk(_slope(value, inner) if from_module else value, inner, what, slopes, found)
    elif isinstance(node, numbers.Number) or any(
        hasattr(node, each) for each in ("shape", "__array__", "__dlpack__", "detach")
    ):
        found.append((name, node))
    else:
        found += [(f"{name}{key}", value) for key, value in _by_jax(node, what)]


def _slope(parameter: Any, name: str) -> Any:
    if parameter.grad is None:
        raise ValueError(f"the parameter {name} has no gradient: call step() after backward() and before zero_grad()")
    return parameter.grad


def _by_jax(node: Any, what: str) -> Leaves:
    """Return the leaves of a container that is registered with JAX."""
    jax = sys.modules.get("jax")
    if jax is not None:
        found, _ = jax.tree_util.tree_flatten_with_path(node)
        if not (len(found) == 1 and found[0][1] is node):
            return [(jax.tree_util.keystr(path), value) for path, value in found]
    raise TypeError(
        f"{what} holds {quoted(node)}, a {type(node).__name__}: give arrays, or dicts and lists of arrays, or a module "
        "with named_parameters()"
    )
