"""Any optax transformation as a rule of this library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax

from steepest.derivatives.tracing.fingerprint import Fingerprint
from steepest.rules.directions.direction import Direction
from steepest.rules.rule import Array, State


@dataclass(frozen=True)
class Optax(Direction):
    """Any ``optax.GradientTransformation`` as a rule of this library: x ← x + updates.

    Parameters
    ----------
    transformation : optax.GradientTransformation
        It brings its own step size, so no ``step=`` goes with it. Where it searches along the line,
        as `optax.lbfgs` does, its trials are its own: the run can neither count nor record them.

    Examples
    --------
    >>> import jax.numpy as jnp, optax
    >>> Optax(optax.sgd(0.5))(jnp.array([2.0]), optax.sgd(0.5).init(jnp.array([1.0])), jnp.array([1.0]))[0]
    Array([-1.], dtype=float32)
    """

    transformation: Any = field(compare=False)
    key: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Two calls of optax.adam(0.1) make two objects that must find the same compiled loop.
        functions = [self.transformation.init, self.transformation.update]
        object.__setattr__(self, "key", Fingerprint(functions, constants=True).key)

    def start(self, x: Array) -> State:
        return self.transformation.init(x)

    def __call__(
        self, g: Array, state: State, x: Array, value: Array = None, f: Callable[[Array], Array] | None = None
    ) -> tuple[Array, State]:
        import optax

        known = {"value": value, "grad": g, "value_fn": f}
        extra = {name: what for name, what in known.items() if what is not None}
        # Transformations without support for extra arguments get the first three alone.
        try:
            return optax.with_extra_args_support(self.transformation).update(g, state, x, **extra)
        except TypeError as error:
            if f is not None or "value_fn" not in str(error):
                raise
            raise ValueError(
                "this optax transformation calls the function by itself, and this function can't be traced: "
                "take step='auto' or step='wolfe', which work on any"
            ) from None


jax.tree_util.register_pytree_node(Optax, lambda rule: ((), rule), lambda rule, _: rule)
