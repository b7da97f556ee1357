"""Take trees of arrays apart: containers of Python and of JAX, with the names of their leaves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from steepest.derivatives.structure import Structure
from steepest.printable import quoted
from steepest.recording.numbers import PLAIN, Remote, all_taken
from steepest.types import Array, Json, PyTree

# Beyond so many coordinates only the norms of the leaves are recorded: the projections of a sketch would take 13 MB at
# this size, and each point 0.8 MB. Chosen, not measured.
MOST_RECORDED = 100_000
# The names of the leaves of a point that is one array.
ALONE = ["x"]


class Reading:
    """A point or a gradient at one step, which nobody else can change.

    Parameters
    ----------
    tree : tree
        The point as the user gave it.
    name : str
        What it is: "x" or "gradient".

    Attributes
    ----------
    names : list of str
        The names of the leaves; "x" if there are no names. Those of a gradient are the names of the point.
    shapes : list of tuple
        Their shapes.
    arrays : sequence of array or Remote
        The leaves, or their norms if they are too large to be recorded.
    """

    __slots__ = ("arrays", "is_large", "names", "shapes", "size", "tree")

    def __init__(self, tree: PyTree, name: str) -> None:
        if type(tree) is np.ndarray and 0 < tree.size <= MOST_RECORDED and tree.dtype.kind in "fiub":
            # The usual case without the detours of trees.
            self.tree, self.names, self.shapes, self.size, self.is_large = 0, ALONE, [tree.shape], tree.size, False
            self.arrays: Sequence[np.ndarray | Remote] = [np.array(tree, dtype=float)]
            return
        if type(tree) is np.ndarray or type(tree) in PLAIN:
            found = [("x", tree)]
        else:
            tree = listed(tree)
            try:
                found = list(leaves_of(tree, "x", ""))
            except RecursionError:
                raise ValueError(f"{name} contains itself, or is nested too deeply: give a flatter tree") from None
        self.tree = skeleton(tree, iter(range(len(found)))) if type(tree) is not np.ndarray else 0
        self.names = [each for each, _ in found]
        if len(found) > 1 and len(set(self.names)) < len(found):
            twice = next(each for each in self.names if self.names.count(each) > 1)
            raise ValueError(f"{name} has two arrays with the name {quoted(twice)}: rename one of their keys")
        self.shapes = [tuple(map(int, np.shape(leaf))) for _, leaf in found]
        self.size = sum(map(math.prod, self.shapes))
        self.is_large = self.size > MOST_RECORDED
        if not self.size:
            raise ValueError(f"{name} is empty: it must hold at least one number, or be left out")
        named = [(name if each == "x" else f"{name}: {each}", leaf) for each, leaf in found]
        self.arrays = all_taken(named, norms=self.is_large)

    def to_json(self) -> Json:
        """Return the form of the tree as JSON; None if the arrays are too large to be recorded."""
        return None if self.is_large else {"tree": shape_to_json(self.tree), "shapes": [list(s) for s in self.shapes]}

    def is_like(self, other: Reading) -> bool:
        """Tell whether another reading has the same leaves."""
        return self.shapes == other.shapes and self.names == other.names

    def align(self, other: Reading, fill: bool) -> None:
        """Put the leaves in the order of another reading, if it has the same; JAX sorts the keys of dicts.

        With `fill`, leaves that only the other has are zero here: a parameter that took no part in a loss has no
        gradient in PyTorch.
        """
        own, others = set(self.names), set(other.names)
        if self.names == other.names or not (own <= others if fill else own == others):
            return
        given = dict(zip(self.names, zip(self.shapes, self.arrays, strict=True), strict=True))
        zeros = {
            name: (shape, np.asarray(0.0) if self.is_large else np.zeros(shape))
            for name, shape in zip(other.names, other.shapes, strict=True)
        }
        found = [given.get(name, zeros[name]) for name in other.names]
        self.names, self.tree = other.names, other.tree
        self.shapes, self.arrays = [shape for shape, _ in found], [array for _, array in found]
        self.size = sum(map(math.prod, self.shapes))


def listed(tree: PyTree) -> PyTree:
    """Return a tree with a generator, such as the parameters of a module of PyTorch, as a list."""
    return list(tree) if isinstance(tree, Iterator) else tree


def children_of(tree: PyTree) -> list[tuple[str, PyTree]] | None:
    """Return what a container holds, with names; None for an array or a number."""
    if hasattr(tree, "items") and hasattr(tree, "keys") and not hasattr(tree, "__array__"):
        return [(f".{key}", tree[key]) for key in tree]
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return [(f".{key}", value) for key, value in zip(tree._fields, tree, strict=True)]
    if isinstance(tree, list | tuple):
        if all(type(each) in PLAIN and each is not None for each in tree):
            return None
        return [(f"[{k}]", value) for k, value in enumerate(tree)]
    if hasattr(tree, "shape") or hasattr(tree, "__array__") or type(tree) in PLAIN or isinstance(tree, str):
        return None
    if type(tree).__module__.split(".")[0] != "builtins" and not is_dataclass_of_arrays(tree):
        from steepest.saving.points import children_of as jax_children

        # The modules of Flax and Equinox are containers of JAX.
        found = jax_children(tree)
        return [(f".{key}", value) for key, value in found.items()] if list(found) != [""] else None
    if is_dataclass_of_arrays(tree):
        return [(f".{each.name}", getattr(tree, each.name)) for each in fields(tree)]
    return None


def is_dataclass_of_arrays(tree: Any) -> bool:
    """Tell whether an object is a plain dataclass, which JAX does not know."""
    return is_dataclass(tree) and not isinstance(tree, type) and not hasattr(tree, "tree_flatten")


def leaves_of(tree: PyTree, name: str, path: str) -> Iterator[tuple[str, Array]]:
    """Yield the leaves of a tree with their names, such as "w" or "layers[0].w"; those that are None are left out."""
    if tree is None:
        return
    children = children_of(tree)
    if children is None:
        yield path.removeprefix(".") or name, tree
        return
    for key, value in children:
        yield from leaves_of(value, name, path + key)


def skeleton(tree: PyTree, numbers: Iterator[int]) -> PyTree:
    """Return a tree of dicts, lists and tuples with the number of each leaf in its place."""
    children = children_of(tree)
    if children is None:
        return next(numbers)
    inner = {key: skeleton(value, numbers) for key, value in children if value is not None}
    if isinstance(tree, list):
        return list(inner.values())
    return tuple(inner.values()) if isinstance(tree, tuple) else {key.removeprefix("."): v for key, v in inner.items()}


def filled(tree: PyTree, leaves: list[np.ndarray]) -> PyTree:
    """Return a skeleton with its leaves in their places."""
    if isinstance(tree, dict):
        return {key: filled(value, leaves) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(filled(value, leaves) for value in tree)
    return leaves[tree] if leaves[tree].ndim else leaves[tree][()]


def shape_to_json(tree: PyTree) -> Json:
    """Return a skeleton as JSON, in which tuples and lists differ."""
    if isinstance(tree, dict):
        return {"dict": [[key, shape_to_json(value)] for key, value in tree.items()]}
    if isinstance(tree, list | tuple):
        return {type(tree).__name__: [shape_to_json(value) for value in tree]}
    return tree


def built(form: Json, flat: np.ndarray | None) -> PyTree:
    """Return a tree from its form of `Reading.to_json` and its numbers; an empty array if either is missing."""
    if form is None or flat is None:
        return np.empty(0)
    shapes = [tuple(shape) for shape in form["shapes"]]
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    leaves = [part.reshape(shape) for part, shape in zip(np.split(flat, ends), shapes, strict=True)]
    return filled(_skeleton_of(form["tree"]), leaves)


def _skeleton_of(form: Json) -> PyTree:
    if not isinstance(form, dict):
        return form
    ((kind, content),) = form.items()
    if kind == "dict":
        return {key: _skeleton_of(value) for key, value in content}
    return (tuple if kind == "tuple" else list)(_skeleton_of(value) for value in content)


def structure_of(reading: Reading) -> Structure:
    """Return the layout of a point, with a name for each coordinate."""
    zeros = [np.zeros(shape) for shape in reading.shapes]
    return Structure.of(filled(reading.tree, zeros))[0]
