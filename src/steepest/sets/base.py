"""What every convex set offers: projection, membership, its linear minimiser, and equality by value."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, TypeVar, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np

from steepest.printable import quoted
from steepest.sets.curve import Curve
from steepest.types import Array

T = TypeVar("T")

# A point lies on the edge of a set if its distance from the edge is at most this many rounding errors of the numbers
# that the distance is computed from.
SLACK = 8 * float(np.finfo(float).eps)
# The most numbers of an array that the text of a set shows.
MOST_SHOWN = 6


class ConvexSet(ABC):
    """A convex set of arrays, to which every point of a descent can be projected.

    `project`, `contains` and `linear_minimiser` take an array of any shape and look at it as one vector. The other
    methods serve the descent: they take flat vectors. `nearest` and `steepest` also work on traced arrays of JAX.
    """

    # Whether the set has no inside: no picture of two coordinates shows more of it than a line.
    is_thin: ClassVar[bool] = False

    def project(self, x: Array) -> Array:
        """Return the nearest point of the set.

        Parameters
        ----------
        x : array
            The point.

        Returns
        -------
        array
            The nearest point, of the same shape.

        Raises
        ------
        ValueError
            If the shape of x does not fit the set.

        Examples
        --------
        >>> import steepest as st
        >>> st.sets.Simplex().project([0.9, 0.5, -2.0])
        array([0.7, 0.3, 0. ])
        """
        x = self._read(x)
        return self.nearest(x.ravel()).reshape(x.shape)

    def contains(self, x: Array, tolerance: float = 1e-12) -> bool:
        """Tell whether a point lies in the set, but for rounding errors.

        Parameters
        ----------
        x : array
            The point.
        tolerance : float
            How far each coordinate may be from the nearest point of the set, as a share of the largest coordinate or
            of the size of the set.

        Returns
        -------
        bool
            Whether it does.

        Examples
        --------
        >>> import steepest as st
        >>> st.sets.Ball(2.0).contains([1.0, 1.0]), st.sets.Ball(2.0).contains([2.0, 1.0])
        (True, False)
        """
        flat = np.asarray(self._read(x), dtype=float).ravel()
        if not np.all(np.isfinite(flat)):
            return False
        size = max(float(np.abs(flat).max(initial=0.0)), self.size)
        return bool(np.all(np.abs(flat - self.nearest(flat)) <= tolerance * size))

    def linear_minimiser(self, slope: Array) -> Array:
        """Return the point of the set at which slope · x is least.

        Parameters
        ----------
        slope : array
            The vector that the point is multiplied with, such as a gradient.

        Returns
        -------
        array
            The point, of the same shape.

        Raises
        ------
        ValueError
            If slope · x falls without end in the set.

        Examples
        --------
        >>> import steepest as st
        >>> st.sets.Simplex().linear_minimiser([3.0, 1.0, 2.0])
        array([0., 1., 0.])
        """
        slope = self._read(slope)
        point = self.farthest(slope.ravel())
        if point is None:
            raise ValueError(f"slope · x falls without end in {self!r}: give a bounded set, such as a Ball")
        return point.reshape(slope.shape)

    def _read(self, x: Array) -> Array:
        x = x if isinstance(x, jax.Array) else np.asarray(x, dtype=float)
        if why := self.misfit(x.size):
            raise ValueError(f"{why}: give an array of as many")
        return x

    @property
    @abstractmethod
    def is_bounded(self) -> bool:
        """Whether the set is bounded, so that it has a linear minimiser for every slope."""

    @property
    @abstractmethod
    def size(self) -> float:
        """The size of the numbers that describe the set."""

    @property
    def numbers(self) -> int | None:
        """How many numbers a point has; None if the set takes any."""
        return None

    def misfit(self, size: int) -> str:
        """Return why points of so many numbers do not fit the set; empty if they do."""
        if self.numbers is None or size == self.numbers:
            return ""
        return f"{self!r} holds points of {_count(self.numbers)}, not of {size}"

    @abstractmethod
    def nearest(self, x: Array) -> Array:
        """Return the nearest point of the set to a flat vector; a point of the set stays as it is."""

    @abstractmethod
    def farthest(self, slope: np.ndarray) -> np.ndarray | None:
        """Return the point at which slope · x is least, or None if slope · x falls without end."""

    def gap(self, x: np.ndarray, slope: np.ndarray) -> float:
        """Return how far slope · x is above its least value in the set: the Frank–Wolfe gap; infinite without one."""
        point = self.farthest(slope)
        return math.inf if point is None else float(np.maximum(slope * (x - point), 0.0).sum())

    @abstractmethod
    def steepest(self, x: Array, slope: Array) -> Array:
        """Return the projection of -slope onto the directions that lead from x into the set."""

    @abstractmethod
    def along(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the projection of a vector onto the directions of the face of x: those with both signs."""

    def onward(self, x: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Return the point that a step along the face of x leads to; it ends where the face ends."""
        return np.asarray(self.nearest(x + step))

    @abstractmethod
    def face(self, x: np.ndarray) -> bytes:
        """Return which face of the set x lies on."""

    @abstractmethod
    def curves(self, x: np.ndarray) -> list[Curve]:
        """Return as many curves through x as it has coordinates, along which f can be evaluated inside the set."""

    @abstractmethod
    def drawn(self, draws: np.random.Generator, around: np.ndarray) -> np.ndarray:
        """Return a random point of the set; `around` says how large the point is where the set is unbounded."""

    def bend(self, x: np.ndarray, slope: np.ndarray) -> float:
        """Return the curvature that the curved edge of the set adds along the face of x; 0 on flat faces."""
        return 0.0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ConvexSet) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    @property
    def _value(self) -> Hashable:
        """The fields, in a form that can be compared."""
        values = (getattr(self, field.name) for field in fields(self) if field.init)  # type: ignore[arg-type]
        return type(self), *((v.shape, v.tobytes()) if isinstance(v, np.ndarray) else v for v in values)

    def __repr__(self) -> str:
        parts = []
        for field in (field for field in fields(self) if field.init):  # type: ignore[arg-type]
            value, named = getattr(self, field.name), field.kw_only or field.metadata.get("named")
            if not (value is field.default or np.array_equal(np.asarray(value), np.asarray(field.default))):
                parts.append(f"{field.name}={_shown(value)}" if named else _shown(value))
        return f"{type(self).__name__}({', '.join(parts)})"


@dataclass_transform(frozen_default=True, eq_default=False)
def convex_set(cls: type[T]) -> type[T]:
    """Make a class a frozen record and a JAX pytree, so that new numbers in its fields need no new compilation.

    Sets are compared by value. A field with ``metadata={"static": True}`` is compiled in.
    """
    cls = dataclass(frozen=True, eq=False, repr=False)(cls)
    dynamic = [f.name for f in fields(cls) if not f.metadata.get("static")]  # type: ignore[arg-type]
    static = [f.name for f in fields(cls) if f.metadata.get("static")]  # type: ignore[arg-type]

    def flatten(record: T) -> tuple[list[Array], tuple[Hashable, ...]]:
        return [getattr(record, name) for name in dynamic], tuple(getattr(record, name) for name in static)

    def unflatten(data: tuple[Hashable, ...], values: Iterable[Array]) -> T:
        record = object.__new__(cls)
        for name, value in [*zip(dynamic, values, strict=True), *zip(static, data, strict=True)]:
            object.__setattr__(record, name, value)
        return record

    jax.tree_util.register_pytree_node(cls, flatten, unflatten)
    return cls


def library_of(*arrays: Array) -> Any:
    """Return `jax.numpy` if one of the arrays belongs to JAX, else NumPy."""
    return jnp if any(isinstance(array, jax.Array) for array in arrays) else np


def positive(value: float, call: str, rule: str) -> float:
    """Return a positive finite number as a float; raise an error that shows the call otherwise."""
    number = real(value, call)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{call}: {rule}, so give a positive number")
    return number


def real(value: float, call: str) -> float:
    """Return a real number as a float."""
    if isinstance(value, (bool, str, bytes)) or np.ndim(value) or np.asarray(value).dtype.kind not in "fiu":
        raise TypeError(f"{call}: give a real number")
    return float(value)


def vector(values: Array | Sequence[float], name: str, ndim: int = 1, finite: bool = True) -> np.ndarray:
    """Return numbers as a read-only array of so many dimensions; raise an error that names what is wrong."""
    try:
        array = np.array(values, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"{name}={quoted(values)}: give an array of real numbers") from None
    if array.ndim != ndim or not array.size:
        shape = "a vector" if ndim == 1 else "a matrix, a row for each equation"
        raise ValueError(f"{name} has the shape {array.shape}: give {shape}")
    wrong = array[~np.isfinite(array)] if finite else array[np.isnan(array)]
    if wrong.size:
        raise ValueError(f"{name} holds {wrong[0]}: give numbers that are finite")
    array.flags.writeable = False
    return array


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        if value.size > MOST_SHOWN:
            return f"<array of shape {value.shape}>"
        return np.array2string(value, separator=", ").replace("\n", "")
    return f"{value:g}" if isinstance(value, float) and value == float(f"{value:g}") else repr(value)


def _count(numbers: int) -> str:
    return f"{numbers:,} number{'s' * (numbers != 1)}"
