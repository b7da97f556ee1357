"""Trees of arrays as JAX knows them, such as the parameters of a network, and their numbers as one flat vector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.precision import double_precision
from steepest.printable import quoted
from steepest.types import Array, PyTree

# Whole numbers up to this size are exact in double precision.
EXACT = 2**53
# How a tree of arrays is obtained from the modules of two libraries.
REMEDY = "eqx.partition(model, eqx.is_inexact_array) and nnx.split(model, nnx.Param, ...) return such trees"


class Leaf(NamedTuple):
    """An array of a tree: its name, shape and type, and the kind of random keys if it holds such keys."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    keys: str = ""

    @property
    def size(self) -> int:
        """How many numbers the array holds."""
        return math.prod(self.shape)

    def read(self, numbers: Array) -> Array:
        """Return the array from its numbers, in its own type."""
        array = numbers.reshape(self.shape).astype(self.dtype)
        return jax.random.wrap_key_data(jnp.asarray(array), impl=self.keys) if self.keys else array


@dataclass(frozen=True)
class TreeLayout:
    """The structure of a tree, and the place of each of its arrays in a flat vector.

    Attributes
    ----------
    structure : PyTreeDef
        The structure, without the arrays.
    leaves : tuple of Leaf
        The arrays in their order.
    plain : tuple of bool
        Whether each array was one of NumPy, and is returned as one.
    """

    structure: Any
    leaves: tuple[Leaf, ...]
    plain: tuple[bool, ...] = field(compare=False)

    @classmethod
    def of(cls, tree: PyTree, what: str, floats: bool = True) -> tuple[TreeLayout, np.ndarray]:
        """Return the layout of a tree and its numbers; `what` is the tree in error messages.

        With `floats`, every array must hold floats, and there must be one.
        """
        found, structure = jax.tree_util.tree_flatten_with_path(tree)
        leaves, pieces = [], []
        for path, value in found:
            leaf, numbers = _read(_name(path, what), value, what)
            if floats and not jnp.issubdtype(leaf.dtype, jnp.floating):
                raise TypeError(
                    f"{what} has {leaf.name} of type {getattr(value, 'dtype', leaf.dtype)}: parameters are floats; "
                    "keep other arrays in state=, or in the function"
                )
            leaves.append(leaf)
            pieces.append(numbers)
        vector = np.concatenate([np.zeros(0), *pieces])
        if floats and not vector.size:
            raise ValueError(f"{what} is empty: it needs at least one array; {REMEDY}")
        layout = cls(structure, tuple(leaves), tuple(not isinstance(value, jax.Array) for _, value in found))
        wrong = np.flatnonzero(~np.isfinite(vector))
        if wrong.size:
            raise ValueError(f"{what} has {layout.names[wrong[0]]} = {vector[wrong[0]]}: every number must be finite")
        return layout, vector

    @property
    def size(self) -> int:
        """How many numbers the tree holds."""
        return sum(leaf.size for leaf in self.leaves)

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each number."""
        return tuple(name for leaf in self.leaves for name in _subscripted(leaf))

    def build(self, vector: Array) -> PyTree:
        """Return the tree whose numbers are a flat vector."""
        return self.structure.unflatten(self.arrays(vector))

    def given(self, vector: np.ndarray) -> PyTree:
        """Return the tree as the user gave it: arrays of JAX are arrays of JAX again."""
        with double_precision():
            pairs = zip(self.arrays(np.array(vector)), self.plain, strict=True)
            return self.structure.unflatten([array if plain else jnp.asarray(array) for array, plain in pairs])

    def arrays(self, vector: Array) -> list[Array]:
        """Return the arrays of the tree in their order."""
        arrays, first = [], 0
        for leaf in self.leaves:
            arrays.append(leaf.read(vector[first : first + leaf.size]))
            first += leaf.size
        return arrays

    def flatten(self, tree: PyTree, what: str) -> np.ndarray:
        """Return the numbers of a tree that must have this layout; `what` is the tree in error messages."""
        found, vector = TreeLayout.of(tree, what, floats=False)
        self.check(found, what)
        return vector

    def numbers(self, tree: PyTree, what: str) -> Array:
        """Return the numbers of a tree of traced arrays, which must have this layout."""
        arrays, structure = jax.tree.flatten(tree)
        shapes = [Leaf(leaf.name, _shape(array), leaf.dtype) for leaf, array in zip(self.leaves, arrays, strict=False)]
        self.check(TreeLayout(structure, tuple(shapes), self.plain), what)
        return jnp.concatenate([jnp.zeros(0), *(jnp.ravel(_raw(array)).astype(float) for array in arrays)])

    def check(self, other: TreeLayout, what: str) -> None:
        """Raise ValueError if another tree has another structure, or arrays of other shapes."""
        if other.structure != self.structure:
            raise ValueError(
                f"{what} has another structure than at the start: {quoted(other.structure)}, not "
                f"{quoted(self.structure)}"
            )
        for mine, theirs in zip(self.leaves, other.leaves, strict=True):
            if mine.shape != theirs.shape:
                raise ValueError(f"{what} has {mine.name} of shape {theirs.shape}: at the start it has {mine.shape}")


def _read(name: str, value: Array, what: str) -> tuple[Leaf, np.ndarray]:
    """Return a leaf and its numbers; raise if it is no array of real numbers."""
    keys = ""
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        keys = str(jax.random.key_impl(value))
    array = (
        np.asarray(_raw(value)) if isinstance(value, (bool, int, float, np.generic, np.ndarray, jax.Array)) else None
    )
    if array is None or not (jnp.issubdtype(array.dtype, jnp.number) or array.dtype == bool) or array.dtype.kind == "c":
        raise TypeError(f"{what} has {name} = {quoted(value)}, which is no array of real numbers; {REMEDY}")
    numbers = array.astype(np.float64).ravel()
    if array.dtype.kind in "iu" and numbers.size and np.abs(numbers).max() > EXACT:
        raise ValueError(f"{what} has a whole number in {name} that is too large to be exact: keep it below 2**53")
    return Leaf(name, array.shape, array.dtype, keys), numbers


def _raw(value: Array) -> Array:
    """Return the numbers of random keys, and other arrays unchanged."""
    is_keys = isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key)
    return jax.random.key_data(value) if is_keys else value


def _shape(value: Array) -> tuple[int, ...]:
    return tuple(np.shape(_raw(value)))


def _name(path: Sequence[Any], what: str) -> str:
    """Return the name of a leaf, with dots between the steps of its path; that of a single array is `what`."""
    steps = [next(str(getattr(step, a)) for a in ("key", "idx", "name") if hasattr(step, a)) for step in path]
    # Variables of Flax hold their array as the attribute `value`, which tells a reader nothing.
    return ".".join(steps[:-1] if len(steps) > 1 and steps[-1] == "value" else steps) or what


def _subscripted(leaf: Leaf) -> list[str]:
    if not leaf.shape:
        return [leaf.name]
    return [f"{leaf.name}[{', '.join(map(str, place))}]" for place in product(*map(range, leaf.shape))]
