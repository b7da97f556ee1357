"""Which way to go: each rule turns a gradient into a direction, in order of complexity.

A rule is a frozen record of its hyper-parameters. `start(x)` is its state before the first step;
calling it with a gradient, its state and the point gives the direction and the next state. The loop
moves to x + t d, with the step size t from `steepest.descent.steps`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, dataclass_transform

import jax
import jax.numpy as jnp

from steepest.derivatives.fingerprint import Fingerprint

State = Any
Array = Any


@dataclass_transform(frozen_default=True)
def rule(cls: type) -> type:
    """Make a class a frozen record that JAX takes as an argument: its numbers never recompile.

    The class is part of the static data: JAX compares two dataclasses by their fields alone, and
    would run what it compiled for one rule with the numbers of another.
    """
    cls = dataclass(frozen=True)(cls)
    moving = [f.name for f in fields(cls) if not f.metadata.get("static")]
    static = [f.name for f in fields(cls) if f.metadata.get("static")]

    def flatten(record: Any) -> tuple[list[Any], tuple[Any, ...]]:
        return [getattr(record, n) for n in moving], (cls, *(getattr(record, n) for n in static))

    def unflatten(data: tuple[Any, ...], values: Iterable[Any]) -> Any:
        record: Any = object.__new__(cls)
        for name, value in [*zip(moving, values, strict=True), *zip(static, data[1:], strict=True)]:
            object.__setattr__(record, name, value)
        return record

    jax.tree_util.register_pytree_node(cls, flatten, unflatten)
    return cls


@rule
class Plain:
    """Plain gradient descent: straight down, d = -g.

    Examples
    --------
    >>> Plain()(2.0, (), 1.0)
    (-2.0, ())
    """

    metric: ClassVar[bool] = False

    def start(self, x: Array) -> State:
        return ()

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        return -g, state


@rule
class Momentum:
    """The heavy ball: v ← μ v + g, d = -v.

    Parameters
    ----------
    decay : float
        μ, how much of the velocity is kept; 0 is plain descent.

    Notes
    -----
    Polyak, "Some methods of speeding up the convergence of iteration methods" (1964), in the form of
    Sutskever et al. (2013) in which the step size multiplies the whole velocity.

    Examples
    --------
    >>> Momentum(0.5)(2.0, 4.0, 1.0)
    (-4.0, 4.0)
    """

    decay: float = 0.9
    metric: ClassVar[bool] = False

    def start(self, x: Array) -> State:
        return jnp.zeros_like(x)

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        velocity = self.decay * state + g
        return -velocity, velocity


@rule
class Nesterov:
    """Nesterov's momentum: v ← μ v + g, d = -(g + μ v), the heavy ball looking one step ahead.

    Parameters
    ----------
    decay : float
        μ, how much of the velocity is kept.

    Notes
    -----
    Nesterov, "A method of solving a convex programming problem with convergence rate O(1/k²)"
    (1983), in the change of variables that optax and PyTorch use.

    Examples
    --------
    >>> Nesterov(0.5)(2.0, 4.0, 1.0)
    (-4.0, 4.0)
    """

    decay: float = 0.9
    metric: ClassVar[bool] = False

    def start(self, x: Array) -> State:
        return jnp.zeros_like(x)

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        velocity = self.decay * state + g
        return -(g + self.decay * velocity), velocity


@rule
class Adam:
    """Adaptive moments: m ← β₁ m + (1-β₁) g, v ← β₂ v + (1-β₂) g², d = -m̂ / (√v̂ + ε).

    m̂ = m / (1 - β₁ᵏ) and v̂ = v / (1 - β₂ᵏ) undo the bias of the zero start.

    Parameters
    ----------
    b1 : float
        β₁, the decay of the mean of gradients.
    b2 : float
        β₂, the decay of the mean of squared gradients.
    eps : float
        ε, in the units of a gradient, outside the root.

    Notes
    -----
    Kingma and Ba, "Adam: a method for stochastic optimization" (2015).

    Examples
    --------
    >>> d, _ = Adam()(jnp.array([2.0]), Adam().start(jnp.array([1.0])), jnp.array([1.0]))
    >>> round(float(d[0]), 4)
    -1.0
    """

    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8
    metric: ClassVar[bool] = False

    def start(self, x: Array) -> State:
        return jnp.zeros_like(x), jnp.zeros_like(x), jnp.zeros((), int)

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        m, v, k = state
        k = k + 1
        m = self.b1 * m + (1 - self.b1) * g
        v = self.b2 * v + (1 - self.b2) * g * g
        m_hat = m / (1 - self.b1**k)
        v_hat = v / (1 - self.b2**k)
        return -m_hat / (jnp.sqrt(v_hat) + self.eps), (m, v, k)


@rule
class LBFGS:
    """Limited-memory BFGS: d = -H g, with H made from the last steps s and gradient changes y.

    Parameters
    ----------
    memory : int
        How many pairs (s, y) are kept.

    Notes
    -----
    Nocedal and Wright, "Numerical Optimization" (2006), algorithm 7.4. A pair without positive
    curvature, sᵀy ≤ 1e-12 ‖s‖ ‖y‖, is left out.

    Examples
    --------
    >>> LBFGS(memory=5).memory
    5
    """

    memory: int = field(default=10, metadata={"static": True})
    metric: ClassVar[bool] = True

    def start(self, x: Array) -> State:
        pairs = jnp.zeros((self.memory, x.size), x.dtype)
        return {"s": pairs, "y": pairs, "rho": jnp.zeros(self.memory, x.dtype), "gamma": jnp.ones((), x.dtype),
                "k": jnp.zeros((), int), "x": x, "g": jnp.full_like(x, jnp.nan)}  # fmt: skip

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        state = self._remember(g, state, x)
        s, y, rho, newest = state["s"], state["y"], state["rho"], state["k"] - 1

        def backward(i: Any, carry: Any) -> Any:
            q, alphas = carry
            row = (newest - i) % self.memory
            alpha = rho[row] * (s[row] @ q)
            return q - alpha * y[row], alphas.at[row].set(alpha)

        def forward(i: Any, r: Any) -> Any:
            row = (newest + 1 + i) % self.memory
            return r + (alphas[row] - rho[row] * (y[row] @ r)) * s[row]

        q, alphas = jax.lax.fori_loop(0, self.memory, backward, (g, jnp.zeros(self.memory, g.dtype)))
        return -jax.lax.fori_loop(0, self.memory, forward, state["gamma"] * q), state

    def _remember(self, g: Array, state: State, x: Array) -> State:
        s, y = x - state["x"], g - state["g"]
        sy, yy = s @ y, y @ y
        good = sy > 1e-12 * jnp.sqrt(s @ s) * jnp.sqrt(yy)
        row = state["k"] % self.memory

        def keep(old: Array, new: Array) -> Array:
            return old.at[row].set(jnp.where(good, new, old[row]))

        return {"s": keep(state["s"], s), "y": keep(state["y"], y), "rho": keep(state["rho"], 1 / sy),
                "gamma": jnp.where(good, sy / yy, state["gamma"]), "k": state["k"] + good, "x": x, "g": g}  # fmt: skip


@dataclass(frozen=True)
class Optax:
    """Any ``optax.GradientTransformation`` as a rule of this library: x ← x + updates.

    Parameters
    ----------
    transformation : optax.GradientTransformation
        It brings its own step size, so no ``step=`` goes with it. Where it searches along the line,
        as `optax.lbfgs` does, its trials are its own: the run can neither count nor record them.

    Examples
    --------
    >>> import optax
    >>> Optax(optax.sgd(0.5))(jnp.array([2.0]), optax.sgd(0.5).init(jnp.array([1.0])), jnp.array([1.0]))[0]
    Array([-1.], dtype=float32)
    """

    transformation: Any = field(compare=False)
    key: Any = field(init=False, repr=False)
    metric: ClassVar[bool] = False

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
        # What was written without these in mind takes the first three alone.
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

NAMED = {"plain": Plain, "momentum": Momentum, "nesterov": Nesterov, "adam": Adam, "l-bfgs": LBFGS}
