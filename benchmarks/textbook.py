"""Races, restarts, basin maps and checks of gradients, compared with the same work by SciPy."""

import numpy as np
from scipy.optimize import check_grad, minimize, rosen, rosen_der
from stopwatch import compare

import steepest as st

RACERS = {
    "plain": 1e-3,
    "momentum": {"direction": "momentum", "step": 2e-4},
    "nesterov": {"direction": "nesterov", "step": 2e-4},
    "adagrad": {"direction": "adagrad", "step": 0.5},
    "rmsprop": {"direction": "rmsprop", "step": 0.01},
    "adam": {"direction": "adam", "step": 0.05},
    "nadam": {"direction": "nadam", "step": 0.05},
    "amsgrad": {"direction": "amsgrad", "step": 0.05},
}
START = np.array([-1.2, 1.0])
WINDOW = ((-5, 5), (-5, 5))


def himmelblau(x, y):
    """Return Himmelblau's function."""
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def himmelblau_slope(x, y):
    """Return its gradient."""
    one, two = x**2 + y - 11, x + y**2 - 7
    return np.array([4 * x * one + 2 * two, 2 * one + 4 * y * two])


def plain_loop(steps=500, rate=1e-3):
    """Descend Rosenbrock's function by a loop of NumPy."""
    x = START
    for _ in range(steps):
        x = x - rate * rosen_der(x)
    return x


def scipy_from(starts):
    """Descend from each start by SciPy's BFGS with the exact gradient."""
    return [
        minimize(lambda p: himmelblau(*p), start, jac=lambda p: himmelblau_slope(*p), method="BFGS") for start in starts
    ]


if __name__ == "__main__":
    compare(
        "8 rules × 500 steps on Rosenbrock, recorded",
        "st.race, 8 rules",
        {
            "st.race, 8 rules": lambda: st.race(rosen, START, RACERS, iterations=500),
            "one rule of them as a loop of NumPy, not recorded": plain_loop,
        },
    )
    starts = np.random.default_rng(0).uniform(-5, 5, (20, 2))
    compare(
        "Himmelblau from 21 starts",
        "st.minimize, restarts=",
        {
            "st.minimize, restarts=": lambda: st.minimize(himmelblau, (0, 0), restarts=starts),
            "SciPy BFGS, exact gradient, one by one": lambda: scipy_from(np.vstack([[[0.0, 0.0]], starts])),
        },
    )
    few = np.stack(np.meshgrid(*[np.linspace(-5, 5, 20)] * 2), axis=-1).reshape(-1, 2)
    compare(
        "Himmelblau's basins",
        "st.basins, 200 × 200 starts",
        {
            "st.basins, 200 × 200 starts": lambda: st.basins(himmelblau, WINDOW),
            "SciPy BFGS, exact gradient, 20 × 20 starts": lambda: scipy_from(few),
        },
        3,
    )
    point = np.linspace(-1, 1, 100)
    compare(
        "is this the gradient of Rosenbrock's function of 100 variables?",
        "st.check_gradient",
        {
            "st.check_gradient": lambda: st.check_gradient(rosen, rosen_der, point),
            "SciPy check_grad": lambda: check_grad(rosen, rosen_der, point),
        },
    )
