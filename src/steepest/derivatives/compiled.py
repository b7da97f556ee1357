"""The cache of compiled functions, kept within the memory maps that a process may have."""

from __future__ import annotations

import gc
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.differences import EPS
from steepest.derivatives.precision import compiled_code

MOST_COMPILED = 128
CROWDED = 0.4
Slope = tuple[float, np.ndarray]


class Compiled:
    """A pure JAX function ``(x, arrays) -> (value, gradient)`` and what was compiled from it."""

    def __init__(self, pure: Callable[[Any, Any], tuple[Any, Any]]) -> None:
        make_room()
        self.pure = pure
        # One vector for both, as each array that leaves compiled code costs as much as a small function.
        self.jitted = jax.jit(lambda x, arrays: jnp.append(*reversed(pure(x, arrays))))
        self.loops: dict[Hashable, Any] = {}
        # The rounding of the coarsest type that the code computes in.
        self.precision = EPS
        # For fits in batches: an epoch of updates, each on its batch, and how many there are in it.
        self.epoch: Callable[..., Any] | None = None
        self.updates = 1

    def __call__(self, x: np.ndarray, arrays: Any) -> Slope:
        with compiled_code():
            both = np.array(self.jitted(x, arrays))
        return float(both[-1]), both[:-1]

    def trace(self, x: np.ndarray, arrays: Any) -> Any:
        """Return the traced code, which the first call compiles."""
        with compiled_code():
            return self.jitted.trace(x, arrays).jaxpr

    def loop(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was compiled under a key, made now where it is not there yet."""
        if key not in self.loops:
            make_room()
            self.loops[key] = make()
        return self.loops[key]


_cache: OrderedDict[Hashable, Any] = OrderedDict()
_shared: list[Any] = []


def shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that serves every objective, so that it is forgotten with the others."""
    jitted = jax.jit(function)
    _shared.append(jitted)
    return jitted


def recalled(key: Hashable) -> Any:
    """Return what was compiled under a key, if it is still there."""
    return _cache.get(key)


def remember(key: Hashable, compiled: Any) -> None:
    """Keep what was compiled, and drop what was not used for longest."""
    _cache[key] = compiled
    _cache.move_to_end(key)
    while len(_cache) > MOST_COMPILED:
        _cache.popitem(last=False)


def drop(key: Hashable) -> None:
    """Forget what was compiled under a key."""
    _cache.pop(key, None)


def forget(part: float = 1.0) -> None:
    """Drop what was compiled: the part of it that was not used for longest, and what serves all."""
    for _ in range(round(part * len(_cache))):
        _cache.popitem(last=False)
    for jitted in _shared:
        jitted.clear_cache()
    # A loop refers to the function that it was compiled from, and that to its loops.
    gc.collect()


def make_room() -> None:
    """Drop what was compiled where the process comes near its limit of memory maps.

    A compiled loop takes a few hundred of them, and a process that runs out of maps is killed by
    the next one.
    """
    if _crowded():
        forget(0.5)
        if _crowded():
            forget()


def _crowded() -> bool:
    limit = _most_maps()
    if not limit:
        return False
    with Path("/proc/self/maps").open("rb") as maps:
        return sum(1 for _ in maps) > CROWDED * limit


@cache
def _most_maps() -> int:
    """Return how many memory maps the process may have, 0 where the system sets or tells no limit."""
    try:
        return int(Path("/proc/sys/vm/max_map_count").read_text())
    except (OSError, ValueError):
        return 0
