"""The region of a descent: a set for each part of the flat point."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import jax
import numpy as np

from steepest.sets.base import ConvexSet, library_of
from steepest.sets.curve import Curve
from steepest.types import Array


@dataclass(frozen=True)
class Region:
    """Sets of parts of a flat vector, one after the other; together they cover all of it.

    Attributes
    ----------
    sets : tuple of ConvexSet
        The set of each part.
    ends : tuple of int
        Where each part ends.
    """

    sets: tuple[ConvexSet, ...]
    ends: tuple[int, ...]

    @property
    def parts(self) -> Iterable[tuple[slice, ConvexSet]]:
        """The places of the parts, with their sets."""
        return zip(map(slice, (0, *self.ends), self.ends), self.sets, strict=False)

    def nearest(self, x: Array) -> Array:
        """Return the nearest point of the region."""
        return self._joined(x, [one.nearest(x[part]) for part, one in self.parts])

    def free(self, x: Array, gradient: Array) -> Array:
        """Return the part of the gradient that a small step can follow within the region; also for rows of points."""
        if np.ndim(x) == 2:
            return jax.vmap(self.free)(x, gradient)
        return self._joined(x, [-one.steepest(x[part], gradient[part]) for part, one in self.parts])

    def along(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Return the part of a vector along the face of x."""
        return np.concatenate([one.along(x[part], v[part]) for part, one in self.parts])

    def onward(self, x: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Return the point that a step along the face of x leads to; it ends where the face ends."""
        return np.concatenate([one.onward(x[part], step[part]) for part, one in self.parts])

    def turned(self, x: Array, gradient: Array, direction: Array) -> Array:
        """Return the direction of a search, which follows the projection of a line: the line itself."""
        return direction

    def contains(self, x: np.ndarray) -> bool:
        """Tell whether a point lies in the region, but for rounding errors."""
        return all(one.contains(x[part]) for part, one in self.parts)

    def gap(self, x: np.ndarray, gradient: np.ndarray) -> float:
        """Return the Frank–Wolfe gap at x: how far a convex f is above its minimum, at most."""
        return sum(one.gap(x[part], gradient[part]) for part, one in self.parts)

    def reach(self, x: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Return how far each coordinate is from the point at which gradient · x is least, or 0 without one."""
        far = [one.farthest(gradient[part]) for part, one in self.parts]
        pairs = zip(self.parts, far, strict=True)
        return np.concatenate([np.abs(x[part]) * 0 if to is None else np.abs(x[part] - to) for (part, _), to in pairs])

    def face(self, x: np.ndarray) -> tuple[bytes, ...]:
        """Return which face of the region x lies on."""
        return tuple(one.face(x[part]) for part, one in self.parts)

    def bend(self, x: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        """Return the curvature that curved edges add along each coordinate."""
        bends = [np.full(part.stop - part.start, one.bend(x[part], gradient[part])) for part, one in self.parts]
        return np.concatenate(bends)

    def curves(self, x: np.ndarray) -> list[Curve]:
        """Return as many curves through x as it has coordinates, along which f can be evaluated in the region."""
        return [curve.placed(part.start, x.size) for part, one in self.parts for curve in one.curves(x[part])]

    def drawn(self, draws: np.random.Generator, around: np.ndarray) -> np.ndarray:
        """Return a random point of the region."""
        return np.concatenate([one.drawn(draws, around[part]) for part, one in self.parts])

    def neighbour(self, x: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Return a point of the region about one step away."""
        there, back = self.nearest(x + step), self.nearest(x - step)
        return there if np.abs(there - x).max() >= np.abs(back - x).max() else back

    def inward(self, x: np.ndarray) -> np.ndarray:
        """Return a direction from x to another point of the region, the same in each call."""
        return self.drawn(np.random.default_rng(0), x) - x

    def _joined(self, x: Array, parts: list[Array]) -> Array:
        return parts[0] if len(parts) == 1 else library_of(x, *parts).concatenate(parts)


jax.tree_util.register_dataclass(Region, ["sets"], ["ends"])
