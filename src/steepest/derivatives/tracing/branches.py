"""Code that branches on values: compiled for each path that it takes, with the outcomes of its questions as guards."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.compiled import Jitted, Slope, make_room
from steepest.derivatives.precision import compiled_code, double_precision
from steepest.derivatives.tracing.tracer import Budget, Decisions, UntraceableError

MOST_PATHS = 8
# Compilers take some 10 ms for each array operation of a straight line, and more than in proportion for long ones.
LONGEST_PATH, MOST_SECONDS = 300, 10.0


class Branches:
    """Values and gradients by the paths that code took before, each a straight line for the points that go its way.

    A path is valid where each question that the code asks (`if`, `while`, `in`, `and`) has the answer that it had when
    the path was traced: the answers are computed with the value, and held against those.
    """

    def __init__(self, f: Callable[[Any], Any]) -> None:
        self.f = f
        self.paths: dict[tuple[bool, ...], Any] = {}
        self.seconds = 0.0

    def __call__(self, x: np.ndarray) -> Slope:
        """Return value and gradient; raise `UntraceableError` where the path is a new one too many, or is too long."""
        for answers, compiled in self.paths.items():
            found = self.by(compiled, answers, x)
            if found is not None:
                return found
        if len(self.paths) >= MOST_PATHS or self.seconds > MOST_SECONDS:
            raise UntraceableError("there are too many ways through its branches to compile each")
        with double_precision(), np.errstate(all="ignore"), Decisions.recorded() as recorded:
            Budget.renew()
            self.f(jnp.asarray(x))
            Budget.settle()
        if Budget.spent > LONGEST_PATH:
            raise UntraceableError("a way through its branches is too long to compile")
        path = tuple(recorded)
        make_room()
        began = time.perf_counter()
        compiled = Jitted(self.straight(path))
        found = self.by(compiled, path, x)
        self.seconds += time.perf_counter() - began
        if found is None:
            raise UntraceableError("compiled and plain code take different ways through the branches")
        self.paths[path] = compiled
        return found

    def straight(self, path: tuple[bool, ...]) -> Callable[[Any], Any]:
        """Return the code along one path: gradient, value and answers as one vector."""

        def follow(x: Any) -> tuple[Any, Any]:
            with Decisions.replayed(path) as guards:
                Budget.renew()
                value = self.f(x)
                Budget.settle()
            if len(guards) != len(path):
                raise UntraceableError("the code asks other questions when it is traced")
            return value, jnp.array(guards, dtype=float)

        def both(x: Any) -> Any:
            (value, guards), gradient = jax.value_and_grad(follow, has_aux=True)(x)
            return jnp.concatenate([gradient, value[None], guards])

        return both

    @staticmethod
    def by(compiled: Any, path: tuple[bool, ...], x: np.ndarray) -> Slope | None:
        """Return value and gradient by a path, None where the point goes another way."""
        with compiled_code():
            found = np.array(compiled(x))
        answers = found[x.size + 1 :]
        return (float(found[x.size]), found[: x.size]) if np.array_equal(answers, np.array(path, float)) else None
