"""A direction and a step size as the loop uses them together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from steepest.derivatives.bounds import Box
from steepest.rules.steps.adaptive import Seen

Array = Any
Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Rules:
    """A direction and a step size, with what the loop must know about them when it is compiled."""

    direction: Any
    step: Any
    tabled: bool = False
    optax: bool = False

    @property
    def searches(self) -> bool:
        return getattr(self.step, "searches", False)

    @property
    def adapts(self) -> bool:
        """Whether the step size learns from point to point."""
        return getattr(self.step, "adapts", False)

    def signed(self, sign: float) -> Rules:
        """Return the rules for the values that the loop sees."""
        return replace(self, step=self.step.signed(sign)) if hasattr(self.step, "signed") else self

    def start(self, x: Array) -> Any:
        """Return what the rules remember before the first step."""
        way = self.direction.start(x)
        return (way, self.step.start(x)) if self.adapts else way

    @property
    def learns(self) -> bool:
        """Whether the direction keeps its steps apart from what it makes of them.

        A search then holds the steps outside of its branches, which would copy them at every trial.
        """
        return hasattr(self.direction, "learn")

    def learn(self, memory: Any, g: Array, x: Array, accepted: Array) -> tuple[Any, Any]:
        """Take in the point that a search has reached, if it has: return the steps and the rest of the memory."""
        return self.direction.learn(*memory, g, x, accepted) if self.learns else ((), memory)

    def anew(self, rest: Any, x: Array) -> Any:
        """Return the rest of a memory in which nothing is known."""
        return self.direction.anew(rest, x) if self.learns else self.start(x)

    def way(self, steps: Any, rest: Any, g: Array, x: Array, value: Array, box: Box | None) -> tuple[Array, Any]:
        """Return the direction of a search at x, and the rest of the memory.

        In a box it goes along a face: coordinates held by an edge stay there.
        """
        if not self.learns:
            return self.turn(g, rest, x, value, box=box)
        if box is None:
            return self.direction.way(steps, rest, g)
        return self._along_face(steps, rest, g, x, box)

    def remembered(self, x: Array) -> tuple[Any, Any]:
        """Return what the rules and the search remember once they have seen a point, for its layout."""
        seen = self.turn(x, self.start(x), x, x.sum(), jnp.sum)[1]
        return seen, self.remember()

    def remember(self) -> Any:
        """Return what a search remembers before its first trial along a direction."""
        return self.step.remember() if self.searches else ()

    def size(self, k: Array, sizes: Array, first: Array, memory: Any) -> Array:
        """Return the size of step k without trials; a table of sizes begins at step `first`."""
        if self.optax:
            return jnp.asarray(1.0)
        if self.adapts:
            return memory[1].t
        return jnp.asarray(sizes[k - first] if self.tabled else self.step.at(k), float)

    def tried_first(self, t: Array, memory: Any) -> Array:
        """Return the first size that a search tries after a step of size t was accepted."""
        return memory[1].t if self.adapts else self.step.again(t, self.direction.metric)

    def reference(self, value: Array, memory: Any) -> Array:
        """Return the value that a search compares with."""
        return self.step.reference(memory[1]) if self.adapts else value

    def turn(
        self, g: Array, memory: Any, x: Array, value: Array, f: Function | None = None, box: Box | None = None
    ) -> tuple[Array, Any]:
        """Return the direction at x, and what the rules remember; f is for a rule that makes trials of its own."""
        if not self.adapts:
            return self._way(g, memory, x, value, f, box)
        way, seen = memory
        direction, way = self._way(g, way, x, value, f, box)
        free = g if box is None else jnp.where(box.held(x, g), 0.0, g)
        return direction, (way, self.step.learn(seen, Seen(x, value, free, direction)))

    def _way(
        self, g: Array, memory: Any, x: Array, value: Array, f: Function | None, box: Box | None
    ) -> tuple[Array, Any]:
        if self.optax:
            return self.direction(g, memory, x, value, f)
        direction, memory = self.direction(g, memory, x)
        if box is None or not self.searches:
            return direction, memory
        return jnp.where(box.held(x, g), 0.0, direction), memory

    def _along_face(self, steps: Any, rest: Any, g: Array, x: Array, box: Box) -> tuple[Array, Any]:
        """Send coordinates that the direction would carry across an edge to that edge, and turn the rest anew."""
        held = box.held(x, g)
        ahead, rest = self.direction.way(steps, rest, g, held)
        edge = jnp.clip(x + ahead, box.low, box.high)
        crosses = (edge != x + ahead) & ((ahead < 0) == (g > 0))
        direction, _ = self.direction.way(steps, rest, g, held | crosses)
        return jnp.where(held, 0.0, jnp.where(crosses, edge - x, direction)), rest


jax.tree_util.register_dataclass(Rules, ["direction", "step"], ["tabled", "optax"])
