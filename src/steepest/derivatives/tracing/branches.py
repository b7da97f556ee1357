"""Code that branches on values, compiled once per path through its branches, with the path's conditions as guards."""

from __future__ import annotations

import time

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.compiled import Jitted, Slope, make_room
from steepest.derivatives.precision import compiled_code, double_precision
from steepest.derivatives.tracing.budget import UntraceableError, recorded, replayed, running, tracing
from steepest.types import Array, Function

# The most paths that are compiled. Chosen, not measured: each new path costs a compilation, and at each point all paths
# may be tried.
MOST_PATHS = 8
# The most array operations of a path, and the most seconds spent compiling paths. The compiler takes about 10 ms for
# each array operation, and for long paths more than in proportion. The seconds are chosen, not measured: with more
# seconds, paths are compiled that a short descent does not take again.
LONGEST_PATH, MOST_SECONDS = 300, 10.0


class Branches:
    """Values and gradients of a function by compiled paths through its branches.

    A path is valid at the points where each condition of the code (`if`, `while`, `in`, `and`) has the same answer as
    when the path was traced. The compiled code returns the answers too, to be compared with those of the path.

    Attributes
    ----------
    f : callable
        The function; it takes JAX arrays.
    paths : dict
        The compiled code of each path; the keys are the answers on the path.
    candidates : dict
        The same for all paths that a thread has begun to compile, so that no other thread compiles them too.
    seconds : float
        The time spent compiling so far.
    """

    def __init__(self, f: Function) -> None:
        self.f = f
        self.paths: dict[tuple[bool, ...], Jitted] = {}
        self.candidates: dict[tuple[bool, ...], Jitted] = {}
        self.seconds = 0.0

    def __call__(self, x: np.ndarray) -> Slope:
        """Return value and gradient; raise `UntraceableError` if the path is too long, or paths are too many."""
        for answers, compiled in list(self.paths.items()):
            slope = self.along(compiled, answers, x)
            if slope is not None:
                return slope
        if len(self.paths) >= MOST_PATHS or self.seconds > MOST_SECONDS:
            raise UntraceableError("there are too many paths through the branches of the code to compile each")
        with double_precision(), np.errstate(all="ignore"), tracing(), recorded() as made:
            self.f(jnp.asarray(x))
            operations = running.spent
        if operations > LONGEST_PATH:
            raise UntraceableError("a path through the branches of the code is too long to compile")
        path = tuple(made)
        make_room()
        began = time.perf_counter()
        compiled = self.candidates.setdefault(path, Jitted(self.straight(path)))
        slope = self.along(compiled, path, x)
        self.seconds += time.perf_counter() - began
        if slope is None:
            raise UntraceableError("compiled and plain code take different paths through the branches")
        self.paths[path] = compiled
        return slope

    def straight(self, path: tuple[bool, ...]) -> Function:
        """Return the code of one path, a function of x that returns gradient, value and answers as one vector."""

        def follow(x: Array) -> tuple[Array, Array]:
            with tracing(), replayed(path) as guards:
                value = self.f(x)
            if len(guards) != len(path):
                raise UntraceableError("the code takes other branches when it is traced")
            return value, jnp.array(guards, dtype=float)

        def together(x: Array) -> Array:
            (value, guards), gradient = jax.value_and_grad(follow, has_aux=True)(x)
            return jnp.concatenate([gradient, value[None], guards])

        return together

    @staticmethod
    def along(compiled: Jitted, path: tuple[bool, ...], x: np.ndarray) -> Slope | None:
        """Return value and gradient by the code of a path, or None if the point takes another path."""
        with compiled_code():
            vector = np.array(compiled(x))
        answers = vector[x.size + 1 :]
        return (float(vector[x.size]), vector[: x.size]) if np.array_equal(answers, np.array(path, float)) else None
