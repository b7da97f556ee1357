"""The edge between a user's point (scalar, vector, dict, tree) and the one flat vector of the loop."""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

Build = Callable[[Any], Any]


def positional_names(f: Callable[..., Any]) -> list[str] | None:
    """Return the names of the required positional parameters, or None where they can't be read."""
    if type(f) is types.FunctionType and not vars(f):
        # As `inspect.signature` reads it, in a fiftieth of its time.
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
    """Where one array lies in the flat vector."""

    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def __call__(self, vector: Any) -> Any:
        if not self.shape:
            return vector[self.offset]
        return vector[self.offset : self.offset + self.size].reshape(self.shape)


@dataclass(frozen=True)
class Structure:
    """How a point of the user's is laid out in a flat vector, dicts in the order that they came in.

    `build` slices and reshapes only, so that it serves NumPy arrays and traced ones alike.
    """

    layout: Any
    size: int
    names: tuple[str, ...]

    @classmethod
    def of(cls, start: Any, root: str = "x") -> tuple[Structure, np.ndarray]:
        """Read the layout of a start, and return it with the start as a flat float64 vector."""
        pieces: list[np.ndarray] = []
        names: list[str] = []

        def read(node: Any, name: str) -> Any:
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
            places = product(*map(range, array.shape))
            names.extend([name + _subscript(k) for k in places] if array.shape else [name])
            return leaf

        layout = read(start, "" if isinstance(start, dict) else root)
        vector = np.concatenate(pieces) if pieces else np.empty(0)
        if not vector.size:
            raise ValueError("the start is empty: it needs at least one number")
        wrong = np.flatnonzero(~np.isfinite(vector))
        if wrong.size:
            raise ValueError(f"the start has {names[wrong[0]]} = {vector[wrong[0]]}: every coordinate must be finite")
        return cls(layout, vector.size, tuple(names)), vector

    def build(self, vector: Any) -> Any:
        """Return the user's point that a flat vector stands for."""
        return _build(self.layout, vector)

    def flatten(self, point: Any, what: str) -> np.ndarray:
        """Return a point of this layout as a flat vector, dicts by their names; `what` names it in an error."""
        named = isinstance(self.layout, Leaf) and isinstance(point, dict)
        layout = ("dict", tuple((name, None) for name in self.names)) if named else self.layout
        try:
            _, vector = Structure.of(_ordered(layout, point, what))
        except ValueError as error:
            raise ValueError(str(error).replace("the start", what)) from None
        if vector.size != self.size:
            raise ValueError(f"{what} has {vector.size} numbers where the function takes {self.size}")
        return vector


def _ordered(layout: Any, point: Any, what: str) -> Any:
    """Return a point with its dicts in the order of a layout; their names must be the same."""
    if not (isinstance(layout, tuple) and layout[0] == "dict" and isinstance(point, dict)):
        return point
    names = [name for name, _ in layout[1]]
    if set(point) != set(names):
        raise ValueError(f"{what} names {', '.join(map(str, point))}; it must name {', '.join(map(str, names))}")
    return {name: _ordered(child, point[name], what) for name, child in layout[1]}


def _joined(name: str, key: Any) -> str:
    return f"{name}.{key}" if name else str(key)


def _subscript(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]"


def _numbers(node: Any, name: str) -> np.ndarray:
    array = np.asarray(node)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"the start has {name} = {node!r}: it must hold real numbers")
    return array.astype(np.float64)


def _build(layout: Any, vector: Any) -> Any:
    if isinstance(layout, Leaf):
        return layout(vector)
    kind, children = layout
    if kind == "dict":
        return {key: _build(child, vector) for key, child in children}
    built = [_build(child, vector) for child in children]
    return kind(*built) if hasattr(kind, "_fields") else kind(built)


@dataclass(frozen=True)
class Calling:
    """How a function takes its point: whole, or one scalar a parameter; what follows it is fixed."""

    structure: Structure
    spread: bool
    args: tuple[Any, ...] = ()

    def __call__(self, f: Callable[..., Any], vector: Any, args: tuple[Any, ...] | None = None) -> Any:
        extra = self.args if args is None else args
        if self.spread:
            return f(*(vector[k] for k in range(self.structure.size)), *extra)
        return f(self.structure.build(vector), *extra)

    def point(self, vector: np.ndarray) -> Any:
        """Return a vector as the user sees it: an array where f takes several scalars."""
        return vector.copy() if self.spread else self.structure.build(vector.copy())


def read_call(f: Callable[..., Any], start: Any, args: tuple[Any, ...] = ()) -> tuple[Calling, np.ndarray]:
    """Decide from the signature of f how it takes `start`, and return that with the flat start.

    One required positional parameter (beside `args`): f gets the point. Several: scalars.
    Signatures that can't be read, and ``*args``: the point.
    """
    if not callable(f):
        raise TypeError(f"the function must be callable, not {type(f).__name__}")
    names = positional_names(f)
    if names is not None and args:
        names = names[: len(names) - len(args)] if len(names) > len(args) else names[:1]
    if names is None or len(names) <= 1:
        if names == []:
            raise TypeError("the function takes no argument: give it one parameter for the point, or one a coordinate")
        structure, vector = Structure.of(start)
        return Calling(structure, spread=False, args=args), vector
    if isinstance(start, dict):
        if set(start) != set(names):
            raise ValueError(f"the start names {', '.join(map(str, start))}; the function takes {', '.join(names)}")
        start = [start[name] for name in names]
    array = _numbers(start, "x")
    if array.ndim != 1 or array.size != len(names):
        seen = f"{array.size} number{'s' * (array.size != 1)}"
        raise ValueError(f"the start has {seen}; the function takes {len(names)}: {', '.join(names)}")
    structure, vector = Structure.of(array)
    structure = Structure(structure.layout, structure.size, tuple(names))
    return Calling(structure, spread=True, args=args), vector
