"""Other methods on a problem: SciPy's quasi-Newton methods, optax's Adam and L-BFGS, and constant steps.

All get exact gradients of the same function as steepest. A method that is compiled in JAX stops when it reaches the
lowest of the known minima, no longer changes the point, or has used `MOST` calls.
"""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import scipy.optimize
from descent.attempt import Attempt, Slope
from tests.problems import Problem

from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import double_precision

MOST = 20_000  # calls of a method, after which it is stopped
TARGETS = 16  # minima of one problem, to which the compiled loops are padded
ADAM = (1e-3, 1e-2, 1e-1, 1.0)
CONSTANTS = np.geomspace(1e-4, 1e2, 20)
TIGHT = {"ftol": 1e-15, "gtol": 1e-12, "maxiter": MOST, "maxfun": MOST}
SCIPY: dict[str, tuple[str, dict[str, Any]]] = {
    "SciPy L-BFGS-B": ("L-BFGS-B", {}),
    "L-BFGS-B tight": ("L-BFGS-B", TIGHT),
    "SciPy BFGS": ("BFGS", {}),
}
PEERS = (*SCIPY, "Adam 1e-3", "Adam best", "optax L-BFGS", "best constant")


def peers(problem: Problem, objective: Objective, plain: Slope, race: "Race | None") -> Iterator[tuple[str, Attempt]]:
    """Yield the result of each method on a problem; methods in JAX run only if the function was compiled."""
    for name, (method, options) in SCIPY.items():
        yield name, by_scipy(problem, objective, plain, method, options)
    if race is not None:
        yield from race.attempts(problem, objective.arrays)


def by_scipy(problem: Problem, objective: Objective, plain: Slope, method: str, options: dict[str, Any]) -> Attempt:
    """Return the result of a method of SciPy, with the calls counted by the function."""
    values: list[float] = []

    def slope(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = objective.slope(x)
        values.append(value)
        return value, gradient

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        result = scipy.optimize.minimize(slope, problem.x0, jac=True, method=method, options=options)
    calls = np.arange(1, len(values) + 1)
    end = float(result.fun), result.x
    return Attempt.of(problem, np.array(values), calls, end, bool(result.success), plain)


class Race:
    """The methods that run in compiled loops; a loop is compiled once for a function in any units."""

    def __init__(self, problem: Problem, objective: Objective) -> None:
        self.curvature = curvature(objective, problem.start)
        pure = objective.compiled.pure
        self.lanes = jax.jit(jax.vmap(lanes(pure), in_axes=(0, 0, None, None, None)))
        self.lbfgs = jax.jit(lbfgs(pure))

    def attempts(self, problem: Problem, arrays: Any) -> Iterator[tuple[str, Attempt]]:
        """Yield the results of Adam with its usual and its best rate, of L-BFGS, and of the best constant step."""
        scaled = problem.factor * self.curvature * np.outer(problem.units, problem.units)
        largest = float(np.abs(np.linalg.eigvalsh(scaled)).max())
        rates = np.concatenate([ADAM, CONSTANTS * 2 / largest])
        is_adam = np.arange(rates.size) < len(ADAM)
        targets = padded(problem.targets())
        with double_precision():
            raced = [np.array(part) for part in self.lanes(rates, is_adam, problem.x0, arrays, targets)]
            single = [np.array(part) for part in self.lbfgs(problem.x0, arrays, targets)]
        all_lanes = [Attempt.at_targets(problem, *lane) for lane in zip(*raced, strict=True)]
        yield "Adam 1e-3", all_lanes[0]
        yield "Adam best", best(all_lanes[: len(ADAM)])
        yield "optax L-BFGS", Attempt.at_targets(problem, *single)
        yield "best constant", best(all_lanes[len(ADAM) :])


def padded(targets: np.ndarray) -> np.ndarray:
    """Return targets of a fixed length, so that a minimum found later does not compile the loop again."""
    return np.concatenate([targets, np.full(max(TARGETS - targets.size, 0), targets[0])])


def best(attempts: list[Attempt]) -> Attempt:
    """Return the attempt that solved the problem in the fewest calls, or else the nearest one."""
    return min(attempts, key=lambda a: (a.calls if a.calls is not None else MOST + 1, a.gap))


def curvature(objective: Objective, x: np.ndarray) -> np.ndarray:
    """Return the Hessian at the start by central differences of gradients."""
    rows = []
    for k, step in enumerate(6e-6 * np.maximum(np.abs(x), 1.0)):
        side = step * np.eye(1, x.size, k)[0]
        rows.append((objective.slope(x + side)[1] - objective.slope(x - side)[1]) / (2 * step))
    return (np.array(rows) + np.array(rows).T) / 2


def first_at(met: Any, calls: Any, value: Any, targets: Any) -> Any:
    """Return the calls at which each target was met for the first time; 0 means not yet."""
    return jnp.where((met == 0) & (value <= targets), calls, met)


def lanes(pure: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Return a descent by x - rate · direction, with the gradient or Adam's update as the direction."""
    adam = optax.adam(1.0)

    def lane(rate: Any, is_adam: Any, x: Any, arrays: Any, targets: Any) -> Any:
        value, gradient = pure(x, arrays)

        def goes_on(carry: Any) -> Any:
            _, gradient, _, calls, least, _, moved = carry
            return (calls < MOST) & moved & ~(least <= jnp.min(targets)) & jnp.all(jnp.isfinite(gradient))

        def step(carry: Any) -> Any:
            x, gradient, state, calls, least, seen, _ = carry
            update, state = adam.update(gradient, state)
            new = x + rate * jnp.where(is_adam, update, -gradient)
            value, gradient = pure(new, arrays)
            calls = calls + 1
            seen = first_at(seen, calls, value, targets)
            return new, gradient, state, calls, jnp.fmin(least, value), seen, jnp.any(new != x)

        start = (x, gradient, adam.init(x), 1, value, first_at(jnp.zeros_like(targets, int), 1, value, targets), True)
        _, _, _, calls, least, seen, _ = jax.lax.while_loop(goes_on, step, start)
        return least, calls, seen

    return lane


def lbfgs(pure: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Return a descent by `optax.lbfgs` as in its documentation, with each trial of its search counted."""
    rule = optax.lbfgs()

    def descent(x: Any, arrays: Any, targets: Any) -> Any:
        def f(x: Any) -> Any:
            return pure(x, arrays)[0]

        value_and_grad = optax.value_and_grad_from_state(f)

        def goes_on(carry: Any) -> Any:
            _, _, calls, least, _, moved = carry
            return (calls < MOST) & moved & ~(least <= jnp.min(targets))

        def step(carry: Any) -> Any:
            x, state, calls, least, seen, _ = carry
            value, gradient = value_and_grad(x, state=state)
            update, state = rule.update(gradient, state, x, value=value, grad=gradient, value_fn=f)
            new = optax.apply_updates(x, update)
            search = state[-1]
            calls = calls + jnp.maximum(search.info.num_linesearch_steps, 1)
            value = search.value
            return new, state, calls, jnp.fmin(least, value), first_at(seen, calls, value, targets), jnp.any(new != x)

        value = f(x)
        start = (x, rule.init(x), 1, value, first_at(jnp.zeros_like(targets, int), 1, value, targets), True)
        _, _, calls, least, seen, _ = jax.lax.while_loop(goes_on, step, start)
        return least, calls, seen

    return descent
