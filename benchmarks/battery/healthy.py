"""Healthy runs: any finding is a false alarm. Some are slow, noisy or unfinished, and healthy all the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from battery.trial import HEALTHY, Sabotage, Trial

import steepest as st


def bowl(curvature: np.ndarray, centre: np.ndarray) -> Callable[[np.ndarray], float]:
    """Return a quadratic function whose curvatures and minimum are given."""

    def f(x: np.ndarray) -> float:
        return 0.5 * np.sum(curvature * (x - centre) ** 2)

    return f


def _bowl(rng: np.random.Generator, condition: float, size: int) -> tuple[Callable, np.ndarray, float]:
    """Return a quadratic function in units of its own, a start, and its largest curvature."""
    top = 10 ** rng.uniform(-3, 3)
    curvature = top * np.geomspace(1, 1 / condition, size)
    unit = 10 ** rng.uniform(-2, 2)
    return bowl(curvature, unit * rng.normal(size=size)), unit * rng.normal(size=size) * 3, top


def defaults_on_a_bowl(rng: np.random.Generator, severity: float) -> Trial:
    """A badly scaled quadratic function, which the default rules bear."""
    f, start, _ = _bowl(rng, 10 ** (1 + 4 * severity), int(rng.integers(2, 7)))
    return Trial(HEALTHY, lambda: st.minimize(f, start))


def defaults_on_a_valley(rng: np.random.Generator, severity: float) -> Trial:
    """Rosenbrock's valley from a random start."""
    start, steep = rng.uniform(-2, 2, size=2), 10 ** (1 + 2 * severity)
    return Trial(HEALTHY, lambda: st.minimize(lambda x, y: (1 - x) ** 2 + steep * (y - x**2) ** 2, start))


def maximum(rng: np.random.Generator, severity: float) -> Trial:
    """A concave function that is maximised."""
    centre, width = rng.normal(size=2), 10 ** (2 * severity - 1)
    start = centre + width * rng.normal(size=2)
    return Trial(
        HEALTHY, lambda: st.maximize(lambda x: 3.0 - np.log(np.cosh((x - centre) / width)).sum(), start)
    )  # fmt: skip


def textbook(rng: np.random.Generator, severity: float) -> Trial:
    """Plain descent with a sensible step, which ends near the minimum; the severer, the more slowly."""
    condition = 3 + 60 * severity
    f, start, top = _bowl(rng, condition, int(rng.integers(2, 5)))
    share = rng.uniform(0.5, 1.6)
    steps = int(np.ceil(rng.uniform(3, 8) * condition / share)) + 5
    return Trial(HEALTHY, lambda: st.gradient_descent(f, start, learning_rate=share / top, iterations=steps))


def still_falling(rng: np.random.Generator, severity: float) -> Trial:
    """Plain descent that was given enough steps for all but 1 % of the descent, and would fall a little further."""
    condition = 20 + 200 * severity
    f, start, top = _bowl(rng, condition, 3)
    steps = int(2.5 * condition)
    return Trial(HEALTHY, lambda: st.gradient_descent(f, start, learning_rate=1 / top, iterations=steps))


def with_momentum(rng: np.random.Generator, severity: float) -> Trial:
    """Momentum, or Nesterov's, with a sensible step."""
    condition = 5 + 100 * severity
    f, start, top = _bowl(rng, condition, 3)
    decay = (1 - 1 / np.sqrt(condition)) / (1 + 1 / np.sqrt(condition))
    rule = [st.directions.Momentum(decay), st.directions.Nesterov(decay)][int(rng.integers(2))]
    steps = int(12 * np.sqrt(condition)) + 10
    rate = rng.uniform(0.6, 1) / top
    return Trial(HEALTHY, lambda: st.minimize(f, start, direction=rule, step=rate, iterations=steps))


def with_adam(rng: np.random.Generator, severity: float) -> Trial:
    """Adam with a rate that suits the distance."""
    centre = rng.normal(size=3) * 3
    f = bowl(np.array([1.0, 3.0, 10.0]) * 10 ** (4 * severity - 2), centre)
    steps, start = int(rng.integers(400, 800)), centre + rng.normal(size=3)
    return Trial(HEALTHY, lambda: st.minimize(f, start, direction="adam", step=0.05, iterations=steps))


def shrinking(rng: np.random.Generator, severity: float) -> Trial:
    """A shrinking step that ends near the minimum."""
    f, start, top = _bowl(rng, 3 + 7 * severity, 2)
    rule = [st.steps.Shrinking(1 / top, power=0.5), st.steps.Exponential(1 / top, 0.995), st.steps.Cosine(1 / top, 300)]
    step = rule[int(rng.integers(3))]
    return Trial(HEALTHY, lambda: st.minimize(f, start, step=step, iterations=300))


def named_rule(rng: np.random.Generator, severity: float) -> Trial:
    """A rule that finds its step size, on a smooth function."""
    f, start, _ = _bowl(rng, 3 + 50 * severity, 4)
    name = ["armijo", "wolfe", "exact", "barzilai-borwein", "adgd"][int(rng.integers(5))]
    return Trial(HEALTHY, lambda: st.minimize(f, start, direction="plain", step=name))


def agreeing_starts(rng: np.random.Generator, severity: float) -> Trial:
    """Restarts of a function with one minimum."""
    f, start, _ = _bowl(rng, 10 + 100 * severity, 2)
    return Trial(HEALTHY, lambda: st.minimize(f, start, restarts=3, rng=7))


def idle_bounds(rng: np.random.Generator, severity: float) -> Trial:
    """Bounds that do not hold the answer."""
    centre = rng.uniform(-1, 1, size=2)
    f, bounds = bowl(np.array([1.0, 1 + 20 * severity]), centre), [(-3, 3), (-2, None)]
    start = rng.uniform(-1, 1, size=2)
    return Trial(HEALTHY, lambda: st.minimize(f, start, bounds=bounds))


def with_gradient(rng: np.random.Generator, severity: float) -> Trial:
    """A right gradient by hand."""
    matrix = rng.normal(size=(4, 4))
    matrix = matrix @ matrix.T + 10 ** (-2 * severity) * np.eye(4)
    b, start = rng.normal(size=4), rng.normal(size=4)
    return Trial(
        HEALTHY,
        lambda: st.minimize(
            lambda x: 0.5 * x @ matrix @ x - b @ x + 0.25 * np.sum(x**4), start,
            gradient=lambda x: matrix @ x - b + x**3,
        ),
    )  # fmt: skip


def plain_python(rng: np.random.Generator, severity: float) -> Trial:
    """A quick function in plain Python, whose derivatives come from differences."""
    import math

    a = rng.normal(size=2)

    def f(x: float, y: float) -> float:
        return math.cosh(float(x) - a[0]) + math.exp(float(y) - a[1]) - float(y) * (1 + severity)

    return Trial(HEALTHY, lambda: st.minimize(f, (0.5, 0.5)))


def line(rng: np.random.Generator, severity: float) -> Trial:
    """A line by least squares, in raw units."""
    x = 10 ** (5 * severity - 2) * rng.normal(3, 1, size=80)
    y = 2.5 * x + rng.normal(size=80) * np.abs(x).mean()
    return Trial(HEALTHY, lambda: st.fit(lambda x, m, b: m * x + b, x, y))


def tutorial_line(rng: np.random.Generator, severity: float) -> Trial:
    """A line with a sensible fixed step and enough epochs."""
    x = rng.uniform(0, 1, size=100)
    y = rng.uniform(5, 30) * x + 4 + rng.normal(size=100)
    epochs = int(600 + 600 * severity)
    return Trial(
        HEALTHY, lambda: st.fit(lambda x, m, b: m * x + b, x, y, start={"m": 1.0, "b": 0.0}, step=0.3, epochs=epochs)
    )  # fmt: skip


def curve(rng: np.random.Generator, severity: float) -> Trial:
    """An exponential curve with noise."""
    x = np.linspace(0, 4, 60)
    y = 3 * np.exp(-(0.4 + severity) * x) + 0.5 + 0.05 * rng.normal(size=60)
    return Trial(
        HEALTHY, lambda: st.fit(lambda x, a, k, c: a * np.exp(-k * x) + c, x, y, start={"a": 1.0, "k": 1.0, "c": 0.0})
    )  # fmt: skip


def table_like(rng: np.random.Generator, severity: float) -> Trial:
    """A linear model on columns of several units, some of them correlated."""
    rows = int(rng.integers(80, 200))
    X = rng.normal(size=(rows, 4))
    X[:, 1] = 0.8 * X[:, 0] + 0.6 * X[:, 1]
    y = X @ rng.normal(size=4) + (0.3 + severity) * rng.normal(size=rows)
    X = X * np.array([1, 1e3, 1e-2, 10]) + np.array([0, 5e3, 1, -4])
    return Trial(HEALTHY, lambda: st.fit(st.models.Linear(), X, y))


def two_classes(rng: np.random.Generator, severity: float) -> Trial:
    """Classes that overlap, of sizes that differ."""
    rows = int(rng.integers(150, 300))
    X = rng.normal(size=(rows, 3)) * np.array([1, 100, 0.1])
    z = X[:, 0] + X[:, 1] / 100 - 0.8 * severity
    y = (rng.uniform(size=rows) < 1 / (1 + np.exp(-z))).astype(int)
    penalty = [None, st.penalties.L2(1e-2)][int(rng.integers(2))]
    return Trial(HEALTHY, lambda: st.fit(st.models.Logistic(), X, y, penalty=penalty))


def counts(rng: np.random.Generator, severity: float) -> Trial:
    """Counts by a Poisson model."""
    X = rng.normal(size=(200, 2))
    y = rng.poisson(np.exp(0.3 + X @ np.array([0.5, -0.3]) * (0.5 + severity)))
    return Trial(HEALTHY, lambda: st.fit(st.models.Poisson(), X, y))


def batches(rng: np.random.Generator, severity: float) -> Trial:
    """Mini-batches by the default rule."""
    X = rng.normal(size=(400, 3))
    y = X @ rng.normal(size=3) + 0.3 * rng.normal(size=400)
    return Trial(
        HEALTHY, lambda: st.fit(st.models.Linear(), X, y, batch_size=int(8 + 56 * severity), epochs=30, rng=1)
    )  # fmt: skip


def held_out(rng: np.random.Generator, severity: float) -> Trial:
    """A fit with few coefficients whose loss on held-out rows wiggles."""
    X = rng.normal(size=(300, 3))
    y = X @ rng.normal(size=3) + (0.3 + severity) * rng.normal(size=300)
    start = {"w": np.zeros(3), "b": 0.0}
    return Trial(
        HEALTHY,
        lambda: st.fit(lambda X, w, b: X @ w + b, X, y, start=start, step=0.1, epochs=120, validation=0.3, rng=1),
    )


def small_network(rng: np.random.Generator, severity: float) -> Trial:
    """A small network on a smooth curve."""
    x = rng.uniform(-1, 1, size=(120, 1))
    y = np.sin(3 * x[:, 0]) + (0.05 + 0.2 * severity) * rng.normal(size=120)
    return Trial(
        HEALTHY, lambda: st.fit(st.models.Network(hidden=(8,), members=2), x, y, epochs=150, rng=7)
    )  # fmt: skip


def own_network(rng: np.random.Generator, severity: float) -> Trial:
    """A network of the user's own, by the default rules."""
    X = rng.uniform(-1, 1, size=(64, 2))
    y = X[:, 0] ** 2 - X[:, 1] + 0.1 * rng.normal(size=64)
    start = {"V": 0.7 * rng.normal(size=(2, 6)), "c": np.zeros(6), "w": 0.4 * rng.normal(size=6), "b": 0.0}
    return Trial(
        HEALTHY,
        lambda: st.fit(lambda X, V, c, w, b: np.tanh(X @ V + c) @ w + b, X, y, start=start, step=0.1, epochs=1500),
    )


def small_table(rng: np.random.Generator, severity: float) -> Trial:
    """A table with raw units, a category and a few gaps."""
    import pandas as pd

    rows = int(rng.integers(150, 300))
    size, age, town = rng.normal(80, 20, rows), rng.uniform(0, 60, rows), rng.choice(["Bonn", "Ulm", "Kiel"], rows)
    price = 2_000 * size - 900 * age + 15_000 * (town == "Bonn") + rng.normal(0, 10_000 + 20_000 * severity, rows)
    size[rng.choice(rows, 5, replace=False)] = np.nan
    frame = pd.DataFrame({"size": size.round(1), "age": age.round(), "town": town, "price": price.round()})
    return Trial(HEALTHY, lambda: st.fit_table(frame, "price", rng=0))


SABOTAGES: dict[str, tuple[Sabotage, ...]] = {
    HEALTHY: (
        defaults_on_a_bowl, defaults_on_a_valley, maximum, textbook, still_falling, with_momentum, with_adam, shrinking,
        named_rule, agreeing_starts, idle_bounds, with_gradient, plain_python, line, tutorial_line, curve, table_like,
        two_classes, counts, batches, held_out, small_network, own_network, small_table,
    ),
}  # fmt: skip
