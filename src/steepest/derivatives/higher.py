"""`jacobian(f)`, `hessian(f)` and slopes along a direction: exact if the code can be traced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.differences import EPS, scale_of
from steepest.derivatives.finite import finite_difference
from steepest.derivatives.gradient import slope_at
from steepest.derivatives.objective import Objective, by_differences
from steepest.derivatives.precision import compiled_code
from steepest.derivatives.process.forks import check_fork
from steepest.derivatives.serving.serve import serve
from steepest.derivatives.structure import Calling, Leaf, Structure, array_of, read_call
from steepest.types import Array, Function, PyTree


class Derivative:
    """A derivative of a function: a function of the same arguments.

    Attributes
    ----------
    kind : str
        How the last call obtained the derivative: "traced", "eager" or "differences"; "not called" before
        the first call.
    why : str
        The reason for that kind, in one sentence.
    """

    name = "derivative"

    def __init__(self, f: Function) -> None:
        if not callable(f):
            raise TypeError(f"{self.name}() takes a function, not {type(f).__name__}")
        self.f = f
        self.kind = "not called"
        self.why = f"the {self.name} has not been called yet"

    def __repr__(self) -> str:
        return f"<{self.name} of {getattr(self.f, '__name__', self.f)!s}: {self.kind}>"

    @np.errstate(all="ignore")
    def __call__(self, *point: PyTree) -> Array:
        if not point:
            raise TypeError(f"the {self.name} needs a point: call it with the arguments of the function")
        check_fork()
        calling, x = read_call(self.f, point[0] if len(point) == 1 else point)
        matrix = self.at(calling, x)
        layout = calling.structure.layout
        scalar = not calling.spread and isinstance(layout, Leaf) and layout.shape == ()
        return self.of_a_scalar(matrix) if scalar else matrix

    def at(self, calling: Calling, x: np.ndarray) -> np.ndarray:
        """Return the derivative at a flat point; its last axes, one per differentiation, run over the coordinates."""
        raise NotImplementedError

    def of_a_scalar(self, matrix: np.ndarray) -> Array:
        """Return the derivative without the axes of the coordinates, for a point that is one number."""
        raise NotImplementedError


class Jacobian(Derivative):
    """The Jacobian matrix of a function: a function of the same arguments."""

    name = "jacobian"

    def at(self, calling: Calling, x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            shape = array_of(calling(self.f, x.copy())).shape
        outputs = int(np.prod(shape))
        weights = 1.0 + 0.5 * np.sin(np.arange(outputs) ** 2 + 1.0)
        objective = serve(_weighted, _WeightedCalling.of(calling, self.f), np.concatenate([x, weights]))
        self.kind, self.why = objective.kind, objective.why
        if objective.compiled is None:
            self.kind = "differences"
            self.why = by_differences(objective.obstacle)
            return np.asarray(finite_difference(lambda v: calling(self.f, v), x).derivative)
        pure = objective.compiled.pure
        jitted = objective.compiled.loop("jacobian", lambda: _jacobian(pure, x.size, outputs))
        with compiled_code():
            matrix = np.array(jitted(x, objective.arrays))
        if not np.all(np.isfinite(matrix)):
            self.kind, self.why = "differences", "central differences: the exact derivative is not finite here"
            return np.asarray(finite_difference(lambda v: calling(self.f, v), x).derivative)
        return matrix.reshape(*shape, x.size)

    def of_a_scalar(self, matrix: np.ndarray) -> Array:
        return matrix[..., 0]


def _weighted(x: Array, weights: Array, calling: Calling, f: Function) -> Array:
    """Return Σ wₖ fₖ(x): its gradients contain the Jacobian, and `serve` checks them like any others."""
    return np.sum(np.asarray(calling(f, x), dtype=float).ravel() * weights)


@dataclass(frozen=True)
class _WeightedCalling(Calling):
    """How `_weighted` takes its point: the point of the user's function, followed by the weights."""

    inner: Calling = field(kw_only=True)

    @classmethod
    def of(cls, calling: Calling, f: Function) -> _WeightedCalling:
        return cls(Structure(calling.structure.layout, calling.structure.size, ()), False, (f,), inner=calling)

    def __call__(self, f: Function, vector: Array, args: tuple[Array, ...] | None = None) -> Array:
        (user,) = self.args if args is None else args
        n = self.inner.structure.size
        return f(vector[:n], vector[n:], self.inner, user)


def _jacobian(pure: Function, n: int, outputs: int) -> Function:
    def forward(x: Array, arrays: PyTree) -> Array:
        # The gradient with respect to the weights is f itself.
        return jax.jacfwd(lambda x: pure(jnp.append(x, jnp.ones(outputs)), arrays)[1][n:])(x)

    def reverse(x: Array, arrays: PyTree) -> Array:
        return jax.vmap(lambda w: pure(jnp.append(x, w), arrays)[1][:n])(jnp.eye(outputs))

    return forward if n <= outputs else reverse


class Hessian(Derivative):
    """The Hessian matrix of a function: a function of the same arguments."""

    name = "hessian"

    def at(self, calling: Calling, x: np.ndarray) -> np.ndarray:
        objective = serve(self.f, calling, x)
        self.kind, self.why = objective.kind, objective.why
        matrix = hessian_at(objective, x)
        if objective.compiled is not None and not np.all(np.isfinite(matrix)):
            self.kind, self.why = "differences", "differences of values: the exact second derivative is not finite here"
            matrix = hessian_by_values(objective.value, x, scale_of(x, x) * EPS**0.25)
        return matrix

    def of_a_scalar(self, matrix: np.ndarray) -> Array:
        return matrix[0, 0]


def hessian_at(objective: Objective, x: np.ndarray) -> np.ndarray:
    """Return the Hessian: exact if the code is compiled, else by differences of gradients, or of values."""
    if objective.compiled is not None:
        pure = objective.compiled.pure
        jitted = objective.compiled.loop("hessian", lambda: _hessian(pure))
        with compiled_code():
            matrix = np.array(jitted(x, objective.arrays))
    elif objective.kind == "differences":
        noise = max(objective.relative_noise, EPS)
        return hessian_by_values(objective.value, x, scale_of(x, x) * min(noise**0.25, 0.1))
    else:
        matrix = hessian_by_differences(objective.slope, x, scale_of(x, x) * EPS ** (1 / 3))
    return (matrix + matrix.T) / 2


def _hessian(pure: Function) -> Function:
    return lambda x, arrays: jax.jacfwd(lambda x: pure(x, arrays)[1])(x)


def _product(pure: Function) -> Function:
    return lambda x, v, arrays: jax.jvp(lambda x: pure(x, arrays)[1], (x,), (v,))[1]


def hessian_by_differences(
    slope: Callable[[np.ndarray], tuple[float, np.ndarray]], x: np.ndarray, steps: np.ndarray
) -> np.ndarray:
    """Return the Hessian at x by central differences of the gradient, with one step per coordinate.

    A coordinate whose step is 0 is left as it is, and has a row of zeros.
    """
    hessian = np.zeros((x.size, x.size))
    for k in map(int, np.flatnonzero(steps)):
        h = steps[k]
        up, down = x.copy(), x.copy()
        up[k] += h
        down[k] -= h
        with np.errstate(invalid="ignore"):
            hessian[k] = (slope(up)[1] - slope(down)[1]) / (up[k] - down[k])
    return hessian


def hessian_by_values(value: Callable[[np.ndarray], float], x: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return the Hessian at x from n² + n + 1 values of f, by central second differences."""
    centre, moves = value(x), np.diag(steps)
    up, down = [value(x + move) for move in moves], [value(x - move) for move in moves]
    hessian = np.diag([(a - 2 * centre + b) / h**2 for a, b, h in zip(up, down, steps, strict=True)])
    for i in range(x.size):
        for j in range(i):
            both = value(x + moves[i] + moves[j]) + value(x - moves[i] - moves[j])
            mixed = both - up[i] - up[j] - down[i] - down[j] + 2 * centre
            hessian[i, j] = hessian[j, i] = mixed / (2 * steps[i] * steps[j])
    return hessian


def hessian_product(objective: Objective, x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the Hessian at x times a vector: exact if the code is compiled, else by a central difference of slopes."""
    if objective.compiled is not None and objective.compiled.epoch is None:
        pure = objective.compiled.pure
        jitted = objective.compiled.loop("curvature", lambda: _product(pure))
        with compiled_code():
            product = np.array(jitted(x, v, objective.arrays))
        if np.all(np.isfinite(product)):
            return product
    size = np.linalg.norm(v)
    if not size:
        return np.zeros(x.size)
    h = max(objective.relative_noise, EPS) ** (1 / 3) * max(float(np.linalg.norm(x)), 1.0) / size
    return (slope_at(objective, x + h * v)[1] - slope_at(objective, x - h * v)[1]) / (2 * h)


def jacobian(f: Function) -> Jacobian:
    """Return the Jacobian of f, as a function of the same arguments.

    J[k, i] = ∂fₖ/∂xᵢ. If the code of f can be traced, as most plain NumPy code can, J is exact, by
    forward or reverse mode, whichever needs fewer passes. Otherwise J comes from central differences.

    Parameters
    ----------
    f : callable
        A function of one point (scalar, array, dict or tree) or of several scalars. It returns an
        array or a list of numbers.

    Returns
    -------
    Jacobian
        Call it like f. It returns an array with the shape of f's result, and one more axis for the
        coordinates of the point, unless the point is a scalar.

    Raises
    ------
    TypeError
        If f is not callable.

    Examples
    --------
    >>> j = jacobian(lambda x, y: [x * y, x + y, y**2])
    >>> j(3.0, 2.0)
    array([[2., 3.],
           [1., 1.],
           [0., 4.]])
    >>> j.kind
    'traced'
    """
    return Jacobian(f)


def hessian(f: Function) -> Hessian:
    """Return the Hessian of f, as a function of the same arguments.

    H[i, j] = ∂²f / ∂xᵢ∂xⱼ: exact if the code of f can be traced; otherwise from differences of gradients,
    or of n² + n + 1 values.

    Parameters
    ----------
    f : callable
        A function of one point (scalar, array, dict or tree) or of several scalars.

    Returns
    -------
    Hessian
        Call it like f. It returns a symmetric matrix over the coordinates of the point, or one number for
        a scalar point.

    Raises
    ------
    TypeError
        If f is not callable.

    Examples
    --------
    >>> hessian(lambda x, y: x**2 * y)(3.0, 2.0)
    array([[4., 6.],
           [6., 0.]])
    """
    return Hessian(f)


@np.errstate(all="ignore")
def directional_derivative(f: Function, at: PyTree, along: PyTree) -> float:
    """Return the slope of f at a point along a direction.

    The slope is ∇f(x) · v: how fast f changes if x moves with velocity v, which is not normalised.

    Parameters
    ----------
    f : callable
        A function of one point or of several scalars, as for `gradient`.
    at : float, array, dict or tree
        The point.
    along : like at
        The direction v, flat or laid out like the point.

    Returns
    -------
    float
        The slope, in units of f per unit of v.

    Raises
    ------
    ValueError
        If the direction has another number of coordinates than the point, or is not finite.

    Examples
    --------
    >>> directional_derivative(lambda x, y: x**2 + 3 * y, (1.0, 2.0), along=(1, 1))
    5.0
    """
    calling, x = read_call(f, at)
    v = calling.structure.flatten(along, "the direction")
    return float(slope_at(serve(f, calling, x), x)[1] @ v)
