"""The pair of a direction and a step size, as the loop uses it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp

from steepest.derivatives.bounds import Box
from steepest.rules.directions.direction import Direction
from steepest.rules.steps.schedules import Tabled
from steepest.rules.steps.step import Seen, StepSize
from steepest.sets.region import Region
from steepest.types import Array, Function, PyTree


@dataclass(frozen=True)
class Rules:
    """A direction and a step size; if the size adapts, the memory is a pair of the memories of both."""

    direction: Direction
    step: StepSize

    @property
    def searches(self) -> bool:
        """Whether the step size is found by trials along the direction: a line search."""
        return self.step.searches

    @property
    def adapts(self) -> bool:
        """Whether the step size has a memory and learns at each point."""
        return self.step.adapts

    @property
    def learns(self) -> bool:
        """Whether the memory of the direction is a pair: the last steps, and the rest.

        The loop then keeps the steps out of the branches of a search, because these would copy the steps at every
        trial.
        """
        return self.direction.learns

    def signed(self, sign: float) -> Rules:
        """Return the rules for a loop that minimises `sign` times the user's function."""
        return replace(self, step=self.step.signed(sign))

    def for_loop(self) -> Rules:
        """Return the rules for compiled code, which reads the sizes of a user's function from a table."""
        return replace(self, step=Tabled()) if self.step.tabled else self

    def start(self, x: Array) -> PyTree:
        """Return the memory before the first step."""
        memory = self.direction.start(x)
        return (memory, self.step.start(x)) if self.adapts else memory

    def learn(self, memory: PyTree, g: Array, x: Array, accepted: Array) -> tuple[PyTree, PyTree]:
        """Add a trial point to the memory if it was accepted; return the last steps and the rest of the memory."""
        if not self.learns:
            return (), memory
        steps, rest = memory
        return self.direction.learn(steps, rest, g, x, accepted)

    def restarted(self, rest: PyTree, x: Array) -> PyTree:
        """Return the memory before the first step, without the last steps if the direction keeps them apart."""
        return self.direction.restarted(rest, x) if self.learns else self.start(x)

    def search_direction(
        self, steps: PyTree, rest: PyTree, g: Array, x: Array, value: Array, box: Box | Region | None
    ) -> tuple[Array, PyTree]:  # fmt: skip
        """Return the direction of a search at x, and the memory without the last steps.

        In a box the direction follows a face: coordinates that a bound holds stay at the bound.
        """
        if not self.learns:
            return self.next_direction(g, rest, x, value, box=box)
        if not isinstance(box, Box):
            return self.direction.search_direction(steps, rest, g)
        return self._along_face(steps, rest, g, x, box)

    def memory_layout(self, x: Array) -> tuple[PyTree, PyTree]:
        """Return the memory of the rules and that of the search after one point, to show the shapes of their arrays."""
        if self.searches and self.learns:
            return self.start(x), self.remember()
        return self.next_direction(x, self.start(x), x, x.sum(), jnp.sum)[1], self.remember()

    def remember(self) -> PyTree:
        """Return the memory of a search before its first trial along a direction."""
        return self.step.remember() if self.searches else ()

    def size(self, k: Array, sizes: Array, first: Array, memory: PyTree) -> Array:
        """Return the size of step k, for rules that do not search; the table `sizes` begins at step `first`."""
        if self.adapts:
            return memory[1].t
        return jnp.asarray(sizes[k - first] if self.step.tabled else self.step.at(k), float)

    def tried_first(self, t: Array, memory: PyTree) -> Array:
        """Return the first size that a search tries after a step of size t was accepted."""
        return memory[1].t if self.adapts else self.step.again(t, self.direction.metric)

    def reference(self, value: Array, memory: PyTree) -> Array:
        """Return the value that a search compares trials with."""
        return self.step.reference(memory[1]) if self.adapts else value

    def next_direction(
        self,
        g: Array,
        memory: PyTree,
        x: Array,
        value: Array,
        f: Function | None = None,
        box: Box | Region | None = None,
    ) -> tuple[Array, PyTree]:
        """Return the direction at x and the new memory; f is for a direction that evaluates trial points itself."""
        if not self.adapts:
            return self._direction(g, memory, x, value, f, box)
        memory, step_memory = memory
        direction, memory = self._direction(g, memory, x, value, f, box)
        free = g if box is None else box.free(x, g)
        return direction, (memory, self.step.learn(step_memory, Seen(x, value, free, direction)))

    def _direction(
        self, g: Array, memory: PyTree, x: Array, value: Array, f: Function | None, box: Box | Region | None
    ) -> tuple[Array, PyTree]:
        if self.direction.evaluates:
            return self.direction.evaluate(g, memory, x, value, f)
        direction, memory = self.direction(g, memory, x)
        if box is None or not self.searches:
            return direction, memory
        return box.turned(x, g, direction), memory

    def _along_face(self, steps: PyTree, rest: PyTree, g: Array, x: Array, box: Box) -> tuple[Array, PyTree]:
        """Return a direction that ends at a bound for each coordinate that would cross the bound.

        The direction of the other coordinates is then computed again, with those coordinates fixed.
        """
        held = box.held(x, g)
        ahead, rest = self.direction.search_direction(steps, rest, g, held)
        bound = jnp.clip(x + ahead, box.low, box.high)
        crosses = (bound != x + ahead) & ((ahead < 0) == (g > 0))
        direction, _ = self.direction.search_direction(steps, rest, g, held | crosses)
        return jnp.where(held, 0.0, jnp.where(crosses, bound - x, direction)), rest


jax.tree_util.register_dataclass(Rules, ["direction", "step"], [])


@dataclass(frozen=True)
class LeadingRules(Rules):
    """Rules for the first `learnt` coordinates of a point; the problem itself changes the others.

    The others are the state of a model, such as the means of a batch norm.
    """

    learnt: int

    def start(self, x: Array) -> PyTree:
        """Return the memory before the first step."""
        return super().start(x[: self.learnt])

    def next_direction(
        self,
        g: Array,
        memory: PyTree,
        x: Array,
        value: Array,
        f: Function | None = None,
        box: Box | Region | None = None,
    ) -> tuple[Array, PyTree]:
        """Return the direction at x, which is 0 along the other coordinates, and the new memory."""
        first, others = slice(self.learnt), x[self.learnt :]
        own = None if f is None else lambda x: f(jnp.concatenate([x, others]))
        direction, memory = super().next_direction(g[first], memory, x[first], value, own)
        return jnp.concatenate([direction, jnp.zeros_like(others)]), memory


jax.tree_util.register_dataclass(LeadingRules, ["direction", "step"], ["learnt"])
