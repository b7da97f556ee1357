"""Trials of the battery: what is wrong of the function, its gradient or its shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from battery.trial import HEALTHY, Sabotage, Trial

import steepest as st

Function = Callable[..., Any]


def _descended(f: Function, gradient: Function, start: Any, rate: float, steps: int, points: bool = True) -> Function:
    """Return plain descent as a loop of the user's own, written into a recorder."""

    def loop(rec: Any) -> None:
        x = np.array(start, dtype=float)
        with np.errstate(all="ignore"):
            for _ in range(steps):
                g = np.asarray(gradient(x), dtype=float)
                rec.step(float(f(x)), gradient=g, learning_rate=rate, **({"x": x} if points else {}))
                x = x - rate * g

    return loop


def _bowl(rng: np.random.Generator) -> tuple[Function, Function, np.ndarray, np.ndarray]:
    """Return a convex function that is no parabola, its gradient, its curvature and a start."""
    n = int(rng.integers(2, 6))
    c, centre = rng.uniform(1, 5, n), rng.normal(size=n)

    def f(x: np.ndarray) -> float:
        return 0.5 * np.sum(c * (x - centre) ** 2) + np.sum(np.log(np.cosh(x)))

    return f, lambda x: c * (x - centre) + np.tanh(x), c, centre + rng.uniform(1, 3, n) * rng.choice([-1, 1], n)


def _wrong(rng: np.random.Generator, f: Function, bad: Function, start: np.ndarray, rate: float, steps: int) -> Trial:
    ways = [{}, {"step": rate, "iterations": steps}]
    asked = ways[int(rng.integers(2))]
    return Trial(
        "wrong gradient", lambda: st.minimize(f, start, gradient=bad, **asked), {"f": f, "start": start},
        lambda run: run.outcome != "wrong gradient", loop=_descended(f, bad, start, rate, steps),
    )  # fmt: skip


def wrong_sign(rng: np.random.Generator, severity: float) -> Trial:
    """Some entries, or all, have the wrong sign."""
    f, g, _, start = _bowl(rng)
    signs = np.ones(len(start))
    signs[: 1 + int(severity * (len(start) - 1))] = -1
    return _wrong(rng, f, lambda x: signs * g(x), start, 0.05, 60)


def wrong_factor(rng: np.random.Generator, severity: float) -> Trial:
    """One entry, or all, are off by a factor."""
    f, g, _, start = _bowl(rng)
    factor = np.ones(len(start))
    factor[:: 2 if severity < 0.5 else 1] = rng.choice([0.5, 2.0, 1 / len(start), len(start)])
    return _wrong(rng, f, lambda x: factor * g(x), start, 0.05, 60)


def missing_term(rng: np.random.Generator, severity: float) -> Trial:
    """A term of the function is missing from the gradient."""
    f, _, c, start = _bowl(rng)
    strength = 1 + 5 * severity
    return _wrong(
        rng,
        lambda x: f(x) + 0.5 * strength * np.sum(x**2),
        lambda x: c * (x - start * 0.2) + np.tanh(x),
        start,
        0.05,
        60,
    )


def swapped(rng: np.random.Generator, severity: float) -> Trial:
    """The entries are in another order."""
    f, g, _, start = _bowl(rng)
    return _wrong(rng, f, lambda x: g(x)[::-1] if len(x) % 2 == 0 else np.roll(g(x), 1), start, 0.05, 60)


def wrong_in_a_region(rng: np.random.Generator, severity: float) -> Trial:
    """The gradient is wrong in the middle of the way only."""
    n = 2
    c, centre = rng.uniform(1, 3, n), rng.normal(size=n)
    start = centre + 4.0

    def f(x: np.ndarray) -> float:
        return 0.5 * np.sum(c * (x - centre) ** 2)

    def bad(x: np.ndarray) -> np.ndarray:
        away = np.linalg.norm(x - centre) / np.linalg.norm(start - centre)
        return c * (x - centre) * (0.5 - 0.4 * severity if 0.1 < away < 0.9 else 1.0)

    return Trial(
        "wrong gradient", lambda: st.minimize(f, start, gradient=bad, step=0.1, iterations=80),
        {"f": f, "start": start}, lambda run: run.success, loop=_descended(f, bad, start, 0.1, 80),
    )  # fmt: skip


def _is_bounded(run: Any) -> bool:
    return bool(np.all(np.isfinite(np.asarray(run.x, dtype=float))) and run.outcome == "converged")


def falls_without_end(rng: np.random.Generator, severity: float) -> Trial:
    """A parabola that opens downwards in one coordinate."""
    a, b = rng.uniform(0.5, 2, 2)
    start, power = np.array([rng.uniform(0.2, 1), rng.uniform(1, 2)]), [2, 4][int(severity > 0.7)]

    def f(x: np.ndarray) -> float:
        return b * (x[1] - 1) ** 2 - a * x[0] ** 2 / 2 if power == 2 else b * (x[1] - 1) ** 2 - a * x[0] ** 3

    asked = [{}, {"step": 0.1, "iterations": int(30 + 40 * severity)}][int(rng.integers(2))] if power == 2 else {}
    return Trial(
        "unbounded below", lambda: st.minimize(f, start, **asked), {"f": f, "start": start}, _is_bounded,
        loop=_descended(
            lambda x: b * (x[1] - 1) ** 2 - a * x[0] ** 2 / 2,
            lambda x: np.array([-a * x[0], 2 * b * (x[1] - 1)]), start, 0.1, 60,
        ),
    )  # fmt: skip


def falls_evenly(rng: np.random.Generator, severity: float) -> Trial:
    """A slope that goes on for ever, as of a term that was forgotten; or a maximum that was meant."""
    a, b = rng.uniform(0.5, 2), rng.normal(size=2)
    start = rng.normal(size=3)

    def f(x: np.ndarray) -> float:
        return np.sum((x[:2] - b) ** 2) + a * x[2] + 0.3 * np.sin(x[2])

    asked = {"step": 0.05, "iterations": int(200 + 400 * severity)}
    if severity > 0.5:
        return Trial("unbounded below", lambda: st.maximize(lambda x: -f(x), start, **asked), {"f": f, "start": start})
    return Trial("unbounded below", lambda: st.minimize(f, start, **asked), {"f": f, "start": start}, _is_bounded)


def decays(rng: np.random.Generator, severity: float) -> Trial:
    """A value that approaches its limit at infinity."""
    rate, centre = rng.uniform(0.5, 2), rng.normal()
    kind = int(rng.integers(3))
    start = np.array([rng.uniform(-1, 1), centre + 1.0])

    def tail(u: Any) -> Any:
        return [np.exp(-u), np.log1p(np.exp(-u)), 1 / (1 + np.exp(u))][kind]

    def f(x: np.ndarray) -> float:
        return tail(rate * x[0]) + (x[1] - centre) ** 2

    def g(x: np.ndarray) -> np.ndarray:
        h = 1e-6
        return np.array([(tail(rate * (x[0] + h)) - tail(rate * (x[0] - h))) / (2 * h), 2 * (x[1] - centre)])

    asked = [{}, {"step": 0.3, "iterations": int(300 + 600 * severity)}][int(rng.integers(2))]
    return Trial(
        "no finite optimum", lambda: st.minimize(f, start, **asked), {"f": f, "start": start}, _is_bounded,
        loop=_descended(f, g, start, 0.3, 600),
    )  # fmt: skip


def curve_to_infinity(rng: np.random.Generator, severity: float) -> Trial:
    """Points on a level line, fitted by an exponential that decays faster and faster."""
    x = np.linspace(0.5, 1.5, 30)
    y = np.full(30, rng.uniform(-1, 1))
    start = {"k": float(rng.uniform(0.5, 1)), "c": 0.0}

    def model(x: Any, k: Any, c: Any) -> Any:
        return np.exp(-k * x) + c * 0 + y.mean()

    return Trial(
        "no finite optimum", lambda: st.fit(model, x, y, start=start, step=1.0, epochs=int(300 + 500 * severity)),
    )  # fmt: skip


def at_a_saddle(rng: np.random.Generator, severity: float) -> Trial:
    """A start on the line of symmetry, from which descent runs into a saddle."""
    a, b = rng.uniform(0.5, 2, 2)
    start = np.array([rng.uniform(1, 2), 0.0])

    def f(x: np.ndarray) -> float:
        return a * x[0] ** 2 - b * x[1] ** 2 + x[1] ** 4

    asked = {"step": 0.1, "iterations": int(60 + 100 * severity)}
    return Trial(
        "saddle", lambda: st.minimize(f, start, **asked), {"f": f, "start": start},
        lambda run: run.fun < -0.9 * b**2 / 4,
    )  # fmt: skip


def symmetric_network(rng: np.random.Generator, severity: float) -> Trial:
    """A model of the user's own whose weights begin at zero."""
    X = rng.normal(size=(60, 2))
    y = np.tanh(X[:, 0] - X[:, 1]) + 0.05 * rng.normal(size=60)
    y = y - y.mean()
    start = {"V": np.zeros((2, 3)), "w": np.zeros(3)}

    def model(X: Any, V: Any, w: Any) -> Any:
        return np.tanh(X @ V) @ w

    epochs = int(50 + 100 * severity)
    return Trial(
        "saddle", lambda: st.fit(model, X, y, start=start, step=0.1, epochs=epochs),
        {"model": model, "X": X, "y": y, "start": start}, lambda fit: fit.fun < 0.3 * np.mean(y**2),
    )  # fmt: skip


def bounces(rng: np.random.Generator, severity: float) -> Trial:
    """Fixed steps around a kink such as that of |x|."""
    n = int(rng.integers(1, 4))
    c, centre = rng.uniform(0.5, 2, n), rng.normal(size=n)
    start = centre + rng.uniform(1, 3, n) * rng.choice([-1, 1], n)
    rate = (0.02 + 0.3 * severity) * rng.uniform(0.8, 1.2)
    steps = int(400 + 3 / rate)
    sign = [1.0, -1.0][int(rng.integers(2))]

    def f(x: np.ndarray) -> float:
        return sign * (np.sum(c * np.abs(x - centre)) + 0.1 * np.sum((x - centre) ** 2))

    def g(x: np.ndarray) -> np.ndarray:
        return c * np.sign(x - centre) + 0.2 * (x - centre)

    ask = st.minimize if sign > 0 else st.maximize
    return Trial(
        "kink", lambda: ask(f, start, step=rate, iterations=steps), {"f": f, "start": start},
        lambda run: abs(run.fun) < 1e-6,
        loop=_descended(lambda x: abs(f(x)), g, start, rate, steps, rng.random() < 0.5),
    )  # fmt: skip


def along_a_ridge(rng: np.random.Generator, severity: float) -> Trial:
    """The largest of two linear functions plus a bowl: steps zigzag along the kink."""
    steep = 2 + 8 * severity
    start = np.array([rng.uniform(1, 2), rng.uniform(2, 3)])

    def f(x: np.ndarray) -> float:
        return steep * np.abs(x[0] - x[1]) + 0.1 * (x[0] + x[1]) ** 2

    def g(x: np.ndarray) -> np.ndarray:
        s = steep * np.sign(x[0] - x[1])
        return np.array([s, -s]) + 0.2 * (x[0] + x[1])

    return Trial(
        "kink", lambda: st.gradient_descent(f, start, learning_rate=0.03, iterations=400), {"f": f, "start": start},
        lambda run: run.fun < 1e-6, loop=_descended(f, g, start, 0.03, 400),
    )  # fmt: skip


def on_the_plain(rng: np.random.Generator, severity: float) -> Trial:
    """A start far out, where a well has almost no slope."""
    n = int(rng.integers(1, 4))
    centre, away = rng.normal(size=n), 2.6 + 2 * severity
    way = rng.normal(size=n)
    start = centre + away * way / np.linalg.norm(way)

    def f(x: np.ndarray) -> float:
        return 1 - np.exp(-np.sum((x - centre) ** 2))

    return Trial(
        "plateau", lambda: st.minimize(f, start, step=0.1, iterations=100), {"f": f, "start": start},
        lambda run: run.fun < 1e-6,
    )  # fmt: skip


def sharp_well(rng: np.random.Generator, severity: float) -> Trial:
    """A narrow well of another shape, far away; or its mirror image, which is maximised."""
    centre = rng.normal()
    start = np.array([centre + 5 + 5 * severity])
    if rng.random() < 0.5:

        def f(x: np.ndarray) -> float:
            return -1 / np.cosh(x[0] - centre) ** 2

        ask, best = st.minimize, -1.0
    else:

        def f(x: np.ndarray) -> float:
            return 3.0 / (1 + np.exp(2 * (x[0] - centre) ** 2 / 4))

        ask, best = st.maximize, 1.5
    return Trial(
        "plateau", lambda: ask(f, start, step=0.2, iterations=150), {"f": f, "start": start},
        lambda run: abs(run.fun - best) < 1e-3,
    )  # fmt: skip


def stairs(rng: np.random.Generator, severity: float) -> Trial:
    """A function of rounded numbers, whose gradient is zero."""
    start = rng.uniform(2.1, 2.9, 2) + np.round(5 * severity)

    def f(x: np.ndarray) -> float:
        return np.floor(x[0]) ** 2 + np.floor(x[1]) ** 2

    return Trial("plateau", lambda: st.minimize(f, start), {"f": f, "start": start})


def restarts_disagree(rng: np.random.Generator, severity: float) -> Trial:
    """Two valleys in each coordinate."""
    tilt, start = 0.1 + 0.2 * severity, np.array([0.9, 0.9])

    def f(x: np.ndarray) -> float:
        return np.sum((x**2 - 1) ** 2) + tilt * np.sum(x)

    best = 2 * min((t**2 - 1) ** 2 + tilt * t for t in np.linspace(-1.3, -0.7, 2001))
    seed, box = int(rng.integers(99)), [(-2, 2), (-2, 2)]
    return Trial(
        "several minima", lambda: st.minimize(f, start, bounds=box, restarts=6, rng=seed), {"f": f, "start": start},
        lambda run: run.fun < best + 1e-3,
    )  # fmt: skip


def local_minimum(rng: np.random.Generator, severity: float) -> Trial:
    """Waves on a bowl, or a tilted double well, from the wrong side."""
    if rng.random() < 0.5:
        size, start = 4 + 4 * severity, np.array([rng.uniform(1.6, 2.4)])

        def f(x: np.ndarray) -> float:
            return 0.5 * np.sum(x**2) + size * np.sum(1 - np.cos(2 * np.pi * x / 2))

        bottom = 0.0
    else:
        tilt, start = 0.3 + 0.4 * severity, np.array([rng.uniform(0.7, 1.3)])

        def f(x: np.ndarray) -> float:
            return np.sum((x**2 - 1) ** 2) + tilt * np.sum(x)

        t = np.linspace(-1.4, -0.7, 4001)
        bottom = float(np.min((t**2 - 1) ** 2 + tilt * t))
    asked = [{}, {"step": 0.02, "iterations": 200}][int(rng.integers(2))]
    return Trial(
        "several minima", lambda: st.minimize(f, start, **asked), {"f": f, "start": start},
        lambda run: run.fun < bottom + 0.01,
    )  # fmt: skip


def held(rng: np.random.Generator, severity: float) -> Trial:
    """A bound that excludes the minimum."""
    centre = rng.normal(size=2)
    low = float(centre[0] + 0.1 + 2 * severity)
    start = np.array([low + 1, centre[1] + 1])

    def f(x: np.ndarray) -> float:
        return (x[0] - centre[0]) ** 2 + 3 * (x[1] - centre[1]) ** 2 + 0.1 * x[0] * x[1]

    bounds = [(low, None), (-9, 9)]
    asked = [{}, {"step": 0.05, "iterations": 200}][int(rng.integers(2))]
    return Trial(
        "answer at a bound", lambda: st.minimize(f, start, bounds=bounds, **asked), {"f": f, "start": start},
        lambda run: not run.at_bound,
    )  # fmt: skip


def outside_the_logarithm(rng: np.random.Generator, severity: float) -> Trial:
    """A fixed step into where the logarithm or the root has no value."""
    a = rng.uniform(1, 3)
    start = np.array([rng.uniform(0.8, 1.2) * a, 1.0])
    root = rng.random() < 0.5

    def f(x: np.ndarray) -> float:
        return (a * x[0] - (2 * np.sqrt(x[0]) if root else np.log(x[0]))) + (x[1] - 2) ** 2

    def g(x: np.ndarray) -> np.ndarray:
        return np.array([a - (1 / np.sqrt(x[0]) if root else 1 / x[0]), 2 * (x[1] - 2)])

    rate = (1.3 + 2 * severity) * start[0] / g(start)[0]
    return Trial(
        "not finite", lambda: st.minimize(f, start, step=rate, iterations=50), {"f": f, "start": start},
        lambda run: run.success, also=("step above the stability limit",), loop=_descended(f, g, start, rate, 5),
    )  # fmt: skip


def raises(rng: np.random.Generator, severity: float) -> Trial:
    """A function that raises where the descent comes to."""
    limit = float(rng.uniform(0.2, 0.6))

    def f(x: Any) -> float:
        if float(x[0]) < limit:
            raise ValueError(f"x must be above {limit:.3f}")
        return float(x[0]) ** 2 + float(x[1]) ** 2

    return Trial("function raised", lambda: st.minimize(f, np.array([3.0, 2.0]), step=0.1, iterations=100))


# Near misses, which must stay silent.


def kink_by_default(rng: np.random.Generator, severity: float) -> Trial:
    """A kink that the default rules find."""
    start = rng.normal(size=2) + 2
    return Trial(HEALTHY, lambda: st.minimize(lambda x: np.sum(np.abs(x - 0.3)) + 0.1 * np.sum(x**2), start))


def right_gradient(rng: np.random.Generator, severity: float) -> Trial:
    """A right gradient with a fixed step."""
    f, g, _, start = _bowl(rng)
    return Trial(
        HEALTHY,
        lambda: st.minimize(f, start, gradient=g, step=0.1, iterations=300),
        loop=_descended(f, g, start, 0.1, 300),
    )


def soft_kink(rng: np.random.Generator, severity: float) -> Trial:
    """A function that is nearly |x|, with steps short enough for it."""
    width = 0.3 - 0.2 * severity

    def f(x: np.ndarray) -> float:
        return np.sum(np.sqrt(x**2 + width**2))

    return Trial(HEALTHY, lambda: st.minimize(f, np.array([1.0, -0.7]), step=width, iterations=int(40 / width)))


def one_of_equals(rng: np.random.Generator, severity: float) -> Trial:
    """Two minima that are equally good."""
    start = rng.uniform(0.3, 2, 2)
    return Trial(HEALTHY, lambda: st.minimize(lambda x: np.sum((x**2 - 1) ** 2), start, restarts=4, rng=0))


def past_a_saddle(rng: np.random.Generator, severity: float) -> Trial:
    """A descent that passes a saddle and reaches the minimum."""
    start = np.array([1.0, 10 ** (-1 - 3 * severity)])
    return Trial(
        HEALTHY, lambda: st.minimize(lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4, start, step=0.1, iterations=300)
    )


def right_maximum(rng: np.random.Generator, severity: float) -> Trial:
    """A well that a fixed step climbs to the top of."""
    start = rng.uniform(-0.8, 0.8, 2)
    return Trial(HEALTHY, lambda: st.maximize(lambda x: np.exp(-np.sum(x**2)), start, step=0.3, iterations=100))


# For each cause the ways to bring it about, which take turns.
SABOTAGES: dict[str, tuple[Sabotage, ...]] = {
    "wrong gradient": (wrong_sign, wrong_factor, missing_term, swapped, wrong_in_a_region),
    "unbounded below": (falls_without_end, falls_evenly),
    "no finite optimum": (decays, curve_to_infinity),
    "saddle": (at_a_saddle, symmetric_network),
    "kink": (bounces, along_a_ridge),
    "plateau": (on_the_plain, sharp_well, stairs),
    "several minima": (restarts_disagree, local_minimum),
    "answer at a bound": (held,),
    "not finite": (outside_the_logarithm,),
    "function raised": (raises,),
    "healthy: shape": (kink_by_default, right_gradient, soft_kink, one_of_equals, past_a_saddle, right_maximum),
}
