"""Directions from gradients alone, in order of complexity: plain, with momentum, with a size for each coordinate."""

from __future__ import annotations

import math
from dataclasses import field, fields

import jax.numpy as jnp

from steepest.printable import quoted
from steepest.rules.directions.direction import Direction, State
from steepest.rules.rule import rule
from steepest.types import Array


class _FirstOrder(Direction):
    """The base of rules that use gradients alone; it checks their hyper-parameters."""

    def __post_init__(self) -> None:
        for f in fields(self):  # type: ignore[arg-type]
            value, is_decay = getattr(self, f.name), f.name in ("decay", "b1", "b2")
            if f.type != "float" or (isinstance(value, (int, float)) and 0 <= value < (1 if is_decay else math.inf)):
                continue
            wanted = "0 or more and below 1" if is_decay else "0 or more, and finite"
            raise ValueError(f"{type(self).__name__}({f.name}={quoted(value)}): it must be a number, {wanted}")


@rule
class Plain(_FirstOrder):
    """Plain gradient descent, d = -g.

    Examples
    --------
    >>> Plain()(2.0, (), 1.0)
    (-2.0, ())
    """

    def start(self, x: Array) -> State:
        return ()

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        return -g, state


@rule
class Momentum(_FirstOrder):
    """The heavy ball: v ← μ v + g, d = -v.

    Parameters
    ----------
    decay : float
        μ, the share of the velocity that remains; 0 is plain descent.

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

    def start(self, x: Array) -> State:
        return jnp.zeros_like(x)

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        velocity = self.decay * state + g
        return -velocity, velocity


@rule
class Nesterov(_FirstOrder):
    """Nesterov's momentum: v ← μ v + g, d = -(g + μ v), the heavy ball with a look one step ahead.

    Parameters
    ----------
    decay : float
        μ, the share of the velocity that remains.
    restart : bool
        Whether to reset the velocity when it leads uphill, gᵀv < 0, which prevents oscillations.

    Notes
    -----
    Nesterov, "A method of solving a convex programming problem with convergence rate O(1/k²)"
    (1983), in the change of variables that optax and PyTorch use. The restart is the gradient scheme
    of O'Donoghue and Candès, "Adaptive restart for accelerated gradient schemes" (2015).

    Examples
    --------
    >>> Nesterov(0.5)(2.0, 4.0, 1.0)
    (-4.0, 4.0)
    """

    decay: float = 0.9
    restart: bool = field(default=False, metadata={"static": True})

    def start(self, x: Array) -> State:
        return jnp.zeros_like(x)

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        velocity = self.decay * state + g
        if self.restart:
            velocity = jnp.where(jnp.sum(g * velocity) < 0, g, velocity)
        return -(g + self.decay * velocity), velocity


@rule
class AdaGrad(_FirstOrder):
    """Adaptive gradients: G ← G + g², d = -g / √(G + ε): coordinates with rare gradients take larger steps.

    Parameters
    ----------
    initial : float
        G before the first step, in the units of a squared gradient.
    eps : float
        ε, inside the root.

    Notes
    -----
    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization" (2011). The defaults and the place of ε are those of optax; PyTorch starts at 0 and has ε outside
    the root.

    Examples
    --------
    >>> d, G = AdaGrad(initial=0.0)(jnp.array([3.0]), jnp.array([0.0]), jnp.array([1.0]))
    >>> d.round(4).item(), G.item()
    (-1.0, 9.0)
    """

    initial: float = 0.1
    eps: float = 1e-7

    def start(self, x: Array) -> State:
        return jnp.full_like(x, self.initial)

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        total = state + g * g
        return -jnp.where(total > 0, g / jnp.sqrt(total + self.eps), 0.0), total


@rule
class RMSProp(_FirstOrder):
    """Root mean squares: v ← β v + (1-β) g², d = -g / √(v + ε), AdaGrad with a decaying mean.

    Parameters
    ----------
    decay : float
        β, the decay of the mean of squared gradients.
    eps : float
        ε, inside the root.

    Notes
    -----
    Tieleman and Hinton, "Lecture 6.5: rmsprop" (2012). ε is inside the root as in optax; PyTorch has ε
    outside the root, and a decay of 0.99.

    Examples
    --------
    >>> d, v = RMSProp(decay=0.75)(jnp.array([2.0]), jnp.array([0.0]), jnp.array([1.0]))
    >>> d.round(4).item(), v.item()
    (-2.0, 1.0)
    """

    decay: float = 0.9
    eps: float = 1e-8

    def start(self, x: Array) -> State:
        return jnp.zeros_like(x)

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        v = self.decay * state + (1 - self.decay) * g * g
        return -g / jnp.sqrt(v + self.eps), v


@rule
class Adadelta(_FirstOrder):
    """Steps in the units of x: d = -g √(u + ε) / √(v + ε), with u and v decaying means of d² and g².

    Parameters
    ----------
    decay : float
        ρ, the decay of both means.
    eps : float
        ε, inside the roots; the first steps are of the order of √ε.

    Notes
    -----
    Zeiler, "ADADELTA: an adaptive learning rate method" (2012), which has no learning rate: t = 1.

    Examples
    --------
    >>> d, _ = Adadelta()(jnp.array([2.0]), Adadelta().start(jnp.array([1.0])), jnp.array([1.0]))
    >>> round(d.item(), 5)
    -0.00316
    """

    decay: float = 0.9
    eps: float = 1e-6

    def start(self, x: Array) -> State:
        return jnp.zeros_like(x), jnp.zeros_like(x)

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        u, v = state
        v = self.decay * v + (1 - self.decay) * g * g
        d = -g * jnp.sqrt(u + self.eps) / jnp.sqrt(v + self.eps)
        return d, (self.decay * u + (1 - self.decay) * d * d, v)


class _Moments(_FirstOrder):
    """The base of Adam and its variants: decaying means m of g and v of g², and the number of steps."""

    b1: float
    b2: float

    def start(self, x: Array) -> State:
        return jnp.zeros_like(x), jnp.zeros_like(x), jnp.zeros((), int)

    def update(self, g: Array, state: State) -> State:
        """Return m, v and the number of steps, updated by a gradient."""
        m, v, k = state
        return self.b1 * m + (1 - self.b1) * g, self.b2 * v + (1 - self.b2) * g * g, k + 1


@rule
class Adam(_Moments):
    """Adaptive moments: m ← β₁ m + (1-β₁) g, v ← β₂ v + (1-β₂) g², d = -m̂ / (√v̂ + ε).

    m̂ = m / (1 - β₁ᵏ) and v̂ = v / (1 - β₂ᵏ) correct the bias that comes from m = v = 0 at the start.

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

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        m, v, k = self.update(g, state)
        m_hat, v_hat = m / (1 - self.b1**k), v / (1 - self.b2**k)
        return -m_hat / (jnp.sqrt(v_hat) + self.eps), (m, v, k)


@rule
class AdamW(_Moments):
    """Adam with weight decay, which the adaptive factors do not scale: d = -(m̂ / (√v̂ + ε) + λ x).

    The decay moves the point towards 0, so the run converges to a minimum of f only if λ = 0.

    Parameters
    ----------
    b1 : float
        β₁, the decay of the mean of gradients.
    b2 : float
        β₂, the decay of the mean of squared gradients.
    eps : float
        ε, in the units of a gradient, outside the root.
    weight_decay : float
        λ; the step size multiplies λ, too.

    Notes
    -----
    Loshchilov and Hutter, "Decoupled weight decay regularization" (2019). The default λ is 1e-4 as in
    optax; in PyTorch it is 1e-2.

    Examples
    --------
    >>> rule = AdamW(weight_decay=0.5)
    >>> d, _ = rule(jnp.array([2.0]), rule.start(jnp.array([4.0])), jnp.array([4.0]))
    >>> round(float(d[0]), 4)
    -3.0
    """

    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8
    weight_decay: float = 1e-4

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        m, v, k = self.update(g, state)
        m_hat, v_hat = m / (1 - self.b1**k), v / (1 - self.b2**k)
        return -(m_hat / (jnp.sqrt(v_hat) + self.eps) + self.weight_decay * x), (m, v, k)


@rule
class NAdam(_Moments):
    """Adam with Nesterov's look ahead: m̄ = β₁ m / (1 - β₁ᵏ⁺¹) + (1-β₁) g / (1 - β₁ᵏ), d = -m̄ / (√v̂ + ε).

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
    Dozat, "Incorporating Nesterov momentum into Adam" (2016), with a constant β₁ as in optax; PyTorch
    lets β₁ grow over time.

    Examples
    --------
    >>> d, _ = NAdam()(jnp.array([2.0]), NAdam().start(jnp.array([1.0])), jnp.array([1.0]))
    >>> round(float(d[0]), 4)
    -1.4737
    """

    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        m, v, k = self.update(g, state)
        ahead = self.b1 * m / (1 - self.b1 ** (k + 1)) + (1 - self.b1) * g / (1 - self.b1**k)
        v_hat = v / (1 - self.b2**k)
        return -ahead / (jnp.sqrt(v_hat) + self.eps), (m, v, k)


@rule
class AMSGrad(_Moments):
    """Adam with the largest v̂ so far in place of v̂, so that the factors 1 / √v̂ never grow again.

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
    Reddi, Kale and Kumar, "On the convergence of Adam and beyond" (2018). The maximum is over the
    bias-corrected v̂, as in optax; PyTorch takes the maximum of v.

    Examples
    --------
    >>> d, _ = AMSGrad()(jnp.array([2.0]), AMSGrad().start(jnp.array([1.0])), jnp.array([1.0]))
    >>> round(float(d[0]), 4)
    -1.0
    """

    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8

    def start(self, x: Array) -> State:
        return *super().start(x), jnp.zeros_like(x)

    def __call__(self, g: Array, state: State, x: Array) -> tuple[Array, State]:
        *moments, largest = state
        m, v, k = self.update(g, moments)
        m_hat, v_hat = m / (1 - self.b1**k), v / (1 - self.b2**k)
        largest = jnp.maximum(largest, v_hat)
        return -m_hat / (jnp.sqrt(largest) + self.eps), (m, v, k, largest)
