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
# By these options the compiler takes half the time, and its code for large arrays up to twice as long. Up to so many
# numbers compiling takes longer than a descent does.
QUICKLY, FEW_NUMBERS = {"xla_cpu_use_fusion_emitters": False}, 100_000
Slope = tuple[float, np.ndarray]


class Jitted:
    """A function that JAX compiles at its first call: quickly where it takes few numbers, else to the fastest code."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.by_few: Any = None
        self.by_many: Any = jax.jit(function)

    def __call__(self, *args: Any) -> Any:
        return self.of(args)(*args)

    def of(self, args: Any) -> Any:
        """Return what is compiled for as many numbers."""
        if sum(np.size(leaf) for leaf in jax.tree.leaves(args)) > FEW_NUMBERS:
            return self.by_many
        self.by_few = self.by_few or jax.jit(self.function, compiler_options=_options())
        return self.by_few

    def forget(self) -> None:
        """Drop what was compiled."""
        for compiled in (self.by_few, self.by_many):
            if compiled is not None:
                compiled.clear_cache()


class Compiled:
    """A pure JAX function ``(x, arrays) -> (value, gradient)`` and what was compiled from it."""

    def __init__(self, pure: Callable[[Any, Any], tuple[Any, Any]]) -> None:
        make_room()
        self.pure = pure
        # One vector for both, as each array that leaves compiled code costs as much as a small function.
        self.jitted = Jitted(lambda x, arrays: jnp.append(*reversed(pure(x, arrays))))
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
            return self.jitted.of((x, arrays)).trace(x, arrays).jaxpr

    def kept(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what is kept under a key, made now where it is not there yet."""
        if key not in self.loops:
            make_room()
            self.loops[key] = make()
        return self.loops[key]

    def loop(self, key: Hashable, make: Callable[[], Callable[..., Any]]) -> Any:
        """Return what was compiled under a key, from the function that `make` returns where it is not there yet."""
        return self.kept(key, lambda: Jitted(make()))


_cache: OrderedDict[Hashable, Any] = OrderedDict()
_shared: list[Jitted] = []


@cache
def _options() -> dict[str, Any]:
    """Return the options for quick compilation; none where this version of the compiler does not know them."""
    try:
        jax.jit(lambda: 0.0, compiler_options=QUICKLY).lower().compile()
    except Exception:  # noqa: BLE001 - what an unknown option raises differs from version to version
        return {}
    return QUICKLY


def shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that serves every objective, so that it is forgotten with the others."""
    jitted = Jitted(function)
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
        jitted.forget()
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
