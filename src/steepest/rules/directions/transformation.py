"""An optax transformation as a direction of this library."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import jax

from steepest.derivatives.tracing.fingerprint import Fingerprint
from steepest.rules.directions.direction import Direction, State
from steepest.types import Array, Function


class GradientTransformation(Protocol):
    """The methods of an ``optax.GradientTransformation`` that `Optax` calls."""

    init: Function
    update: Function


@dataclass(frozen=True)
class Optax(Direction):
    """An ``optax.GradientTransformation`` as a direction of this library: x ← x + updates.

    Parameters
    ----------
    transformation : optax.GradientTransformation
        The transformation, which includes a step size, so leave out ``step=``. If the transformation searches
        along a line, as `optax.lbfgs` does, the run can neither count nor record the trials.

    Examples
    --------
    >>> import jax.numpy as jnp, optax
    >>> Optax(optax.sgd(0.5))(jnp.array([2.0]), optax.sgd(0.5).init(jnp.array([1.0])), jnp.array([1.0]))[0]
    Array([-1.], dtype=float32)
    """

    evaluates: ClassVar[bool] = True
    transformation: GradientTransformation = field(compare=False)
    key: Hashable = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Two calls of optax.adam(0.1) return two objects. Both have the same key, so they share a compiled loop.
        functions = [self.transformation.init, self.transformation.update]
        object.__setattr__(self, "key", Fingerprint(functions, constants=True).key)

    def start(self, x: Array) -> State:
        return self.transformation.init(x)

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        return self.evaluate(g, state, x, None, None)

    def evaluate(self, g: Array, state: State, x: Array, value: Array, f: Function | None) -> tuple[Array, State]:
        import optax

        known = {"value": value, "grad": g, "value_fn": f}
        extra = {name: argument for name, argument in known.items() if argument is not None}
        # with_extra_args_support drops the extra arguments for transformations that do not take them.
        try:
            return optax.with_extra_args_support(self.transformation).update(g, state, x, **extra)
        except TypeError as error:
            if f is not None or "value_fn" not in str(error):
                raise
            raise ValueError(
                "this optax transformation calls the function itself, and this function can't be traced: "
                "use step='auto' or step='wolfe', which work with any function"
            ) from None


jax.tree_util.register_pytree_node(Optax, lambda rule: ((), rule), lambda rule, _: rule)
