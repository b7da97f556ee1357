"""Conversion between a user's point (scalar, array, dict, tree) and the flat vector that the library works on."""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from steepest.printable import quoted
from steepest.sets.chart import Chart
from steepest.types import Array, Function, PyTree

# The layout of a tree: a `Leaf`, or a pair of a container's kind ("dict" or a type) and the layouts of its children.
Layout = Any

# The names of the elements of up to so many numbers are remembered: a fit asks for them three times.
MOST_REMEMBERED = 2**16


def positional_names(f: Function) -> list[str] | None:
    """Return the names of the required positional parameters, or None if the signature can't be read."""
    if type(f) is types.FunctionType and not vars(f):
        # The result is that of `inspect.signature`, in a fiftieth of the time.
        code = f.__code__
        required = code.co_argcount - len(f.__defaults__ or ())
        return None if code.co_flags & inspect.CO_VARARGS else list(code.co_varnames[:required])
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in positional and p.default is p.empty]


@dataclass(frozen=True)
class Leaf:
    """The place of one array in the flat vector."""

    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def __call__(self, vector: Array) -> Array:
        if not self.shape:
            return vector[self.offset]
        return vector[self.offset : self.offset + self.size].reshape(self.shape)


@dataclass(frozen=True)
class Structure:
    """The layout of a user's point in a flat vector; dicts keep the order of their keys.

    `build` only slices and reshapes, so that it can be called on traced arrays too.
    """

    layout: Layout
    size: int
    names: tuple[str, ...]

    @classmethod
    def of(cls, start: PyTree, root: str = "x") -> tuple[Structure, np.ndarray]:
        """Return the layout of a start, and the start as a flat float64 vector."""
        if _is_flat(start):
            array = _numbers(start, root)
            structure, vector = _flat_structure(array.shape, root), array.ravel()
            # A sum is finite only if each of its terms is, and takes less time than a look at each.
            if vector.size and math.isfinite(vector.sum()):
                return structure, vector
        pieces: list[np.ndarray] = []
        names: list[str] = []

        def read(node: PyTree, name: str) -> Layout:
            if isinstance(node, dict):
                return ("dict", tuple((key, read(value, _joined(name, key))) for key, value in node.items()))
            if isinstance(node, tuple) and hasattr(node, "_fields"):
                children = zip(node._fields, node, strict=True)
                return (type(node), tuple(read(value, _joined(name, key)) for key, value in children))
            nested = isinstance(node, (list, tuple)) and any(isinstance(v, dict) or np.ndim(v) for v in node)
            if nested:
                return (type(node), tuple(read(value, f"{name}[{k}]") for k, value in enumerate(node)))
            array = _numbers(node, name)
            leaf = Leaf(array.shape, sum(piece.size for piece in pieces))
            pieces.append(array.ravel())
            named = _remembered if array.size <= MOST_REMEMBERED else _named
            names.extend(named(name, array.shape))
            return leaf

        layout = read(start, "" if isinstance(start, dict) else root)
        vector = np.concatenate(pieces) if pieces else np.empty(0)
        if not vector.size:
            raise ValueError("the start is empty: it needs at least one number")
        wrong = np.flatnonzero(~np.isfinite(vector))
        if wrong.size:
            raise ValueError(f"the start has {names[wrong[0]]} = {vector[wrong[0]]}: every coordinate must be finite")
        return cls(layout, vector.size, tuple(names)), vector

    def build(self, vector: Array) -> PyTree:
        """Return a flat vector in the layout of the user's point."""
        return _build(self.layout, vector)

    def flatten(self, point: PyTree, what: str) -> np.ndarray:
        """Return a point of this layout as a flat vector; dicts are matched by their keys.

        `what` describes the point in error messages.
        """
        by_name = isinstance(self.layout, Leaf) and isinstance(point, dict)
        layout = ("dict", tuple((name, None) for name in self.names)) if by_name else self.layout
        try:
            _, vector = Structure.of(_ordered(layout, point, what))
        except ValueError as error:
            raise ValueError(str(error).replace("the start", what)) from None
        if vector.size != self.size:
            raise ValueError(f"{what} has {vector.size} numbers where the function takes {self.size}")
        return vector


def _is_flat(start: PyTree) -> bool:
    """Tell whether a start is an array, or a list of numbers, which is read in less time than a tree."""
    if type(start) in (list, tuple):
        return all(type(number) in (float, int) for number in start)
    return type(start) is np.ndarray


@lru_cache(maxsize=256)
def _flat_structure(shape: tuple[int, ...], root: str) -> Structure:
    """Return the layout of an array."""
    names = tuple(root + _subscript(place) for place in product(*map(range, shape))) if shape else (root,)
    return Structure(Leaf(shape, 0), math.prod(shape), names)


def _ordered(layout: Layout, point: PyTree, what: str) -> PyTree:
    """Return a point with the keys of its dicts in the order of a layout, which must have the same keys."""
    if not (isinstance(layout, tuple) and layout[0] == "dict" and isinstance(point, dict)):
        return point
    names = [name for name, _ in layout[1]]
    if set(point) != set(names):
        raise ValueError(f"{what} names {', '.join(map(str, point))}; it must name {', '.join(map(str, names))}")
    return {name: _ordered(child, point[name], what) for name, child in layout[1]}


def _joined(name: str, key: Hashable) -> str:
    return f"{name}.{key}" if name else str(key)


def _named(name: str, shape: tuple[int, ...]) -> list[str]:
    """Return the names of the elements of an array."""
    return [name + _subscript(k) for k in product(*map(range, shape))] if shape else [name]


_remembered = lru_cache(maxsize=4)(_named)


def _subscript(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]"


def _numbers(node: PyTree, name: str) -> np.ndarray:
    try:
        array = np.asarray(node)
    except ValueError:
        raise ValueError(
            f"the start has {name} = {quoted(node)}, whose parts differ in shape: give one array, "
            "or a dict with an array for each parameter, such as {'w': np.zeros(3), 'b': 0.0}"
        ) from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"the start has {name} = {quoted(node)}: it must hold real numbers")
    return array.astype(np.float64)


def leaves_of(layout: Layout, node: PyTree) -> Iterator[Array]:
    """Yield the arrays of a user's tree in the order of a layout."""
    if isinstance(layout, Leaf):
        yield node
    else:
        kind, children = layout
        inner = [(child, node[key]) for key, child in children] if kind == "dict" else zip(children, node, strict=True)
        for child, value in inner:
            yield from leaves_of(child, value)


def _build(layout: Layout, vector: Array) -> PyTree:
    if isinstance(layout, Leaf):
        return layout(vector)
    kind, children = layout
    if kind == "dict":
        return {key: _build(child, vector) for key, child in children}
    built = [_build(child, vector) for child in children]
    return kind(*built) if hasattr(kind, "_fields") else kind(built)


@dataclass(frozen=True)
class Calling:
    """How a function takes its point.

    Attributes
    ----------
    structure : Structure
        The layout of the point.
    spread : bool
        Whether each coordinate is an argument of its own; else the whole point is the first argument.
    args : tuple
        Further arguments, the same in every call.
    chart : Chart or None
        The coordinates of the loop, if they are not those of the point.
    """

    structure: Structure
    spread: bool
    args: tuple[Array, ...] = ()
    chart: Chart | None = None

    @property
    def layout(self) -> Layout:
        """The layout of the gradient: that of the point, or one vector if each coordinate is an argument."""
        return Leaf((self.structure.size,), 0) if self.spread else self.structure.layout

    def __call__(self, f: Function, vector: Array, args: tuple[Array, ...] | None = None) -> Array:
        extra = self.args if args is None else args
        if self.chart is not None:
            vector = self.chart.outward(vector)
        if self.spread:
            return f(*(vector[k] for k in range(self.structure.size)), *extra)
        return f(self.structure.build(vector), *extra)

    def pulled(self, gradient: Array) -> Array:
        """Return a flat gradient of the user's function in the coordinates of the loop."""
        return gradient if self.chart is None else gradient @ self.chart.matrix

    def point(self, vector: np.ndarray) -> PyTree:
        """Return a vector in the layout of the user's point, or as an array if f takes several scalars."""
        return vector.copy() if self.spread else self.structure.build(vector.copy())


def read_call(f: Function, start: PyTree, args: tuple[Array, ...] = ()) -> tuple[Calling, np.ndarray]:
    """Return how f takes its point, according to its signature, and the start as a flat vector.

    With one required positional parameter, not counting `args`, f gets the whole point; with several, one scalar each.
    If the signature can't be read, or has ``*args``, f gets the whole point.
    """
    if not callable(f):
        raise TypeError(f"the function must be callable, not {type(f).__name__}")
    names = positional_names(f)
    if names is not None and args:
        names = names[: len(names) - len(args)] if len(names) > len(args) else names[:1]
    if names is None or len(names) <= 1:
        if names == []:
            raise TypeError(
                "the function takes no argument: give it one parameter for the point, or one per coordinate"
            )
        structure, vector = Structure.of(start)
        return Calling(structure, spread=False, args=args), vector
    if isinstance(start, dict):
        if set(start) != set(names):
            raise ValueError(f"the start names {', '.join(map(str, start))}; the function takes {', '.join(names)}")
        start = [start[name] for name in names]
    array = _numbers(start, "x")
    if array.ndim != 1 or array.size != len(names):
        count = f"{array.size} number{'s' * (array.size != 1)}"
        raise ValueError(f"the start has {count}; the function takes {len(names)}: {', '.join(names)}")
    structure, vector = Structure.of(array)
    structure = Structure(structure.layout, structure.size, tuple(names))
    return Calling(structure, spread=True, args=args), vector


def array_of(returned: PyTree) -> np.ndarray:
    """Return what a function of the user returned as an array.

    Raises
    ------
    ValueError
        If it holds text.
    """
    values = np.asarray(returned)
    if holds_text(values):
        raise ValueError(f"the function returned {returned!r:.60}, which is text: it must return numbers")
    return values


def holds_text(values: np.ndarray) -> bool:
    """Tell whether an array holds text, which NumPy would convert: "3" to the number 3."""
    kind = values.dtype.kind
    return kind in "US" or (kind == "O" and any(isinstance(value, str | bytes) for value in values.flat))
