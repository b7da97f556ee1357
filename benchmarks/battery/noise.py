"""Trials of noise, rounding and time: functions that are noisy, coarse or slow, and fits in batches that hover."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from battery.trial import HEALTHY, Sabotage, Trial

import steepest as st

NOISE, ROUNDING = "noise of the function", "rounding of float32"
BATCHES, ORDER, SLOW = "noise of mini-batches", "unshuffled rows", "slow function"
COMPILING = "recompilation"


def _bowl(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return curvatures, a minimum and a start."""
    curvature = np.geomspace(1, 10 ** rng.uniform(0, 1.5), size) * 10 ** rng.uniform(-1, 1)
    centre = rng.normal(size=size)
    return curvature, centre, centre + rng.choice([-1, 1], size) * rng.uniform(1, 4, size)


def _near(centre: np.ndarray, start: np.ndarray, curvature: np.ndarray, share: float) -> Callable[[Any], bool]:
    """Return a judge of a result: all but a share of the descent must be done, without the noise."""

    def solved(run: Any) -> bool:
        x = np.ravel(run.x)
        return bool(curvature @ (x - centre) ** 2 < share * (curvature @ (start - centre) ** 2))

    return solved


def _steps(recorder: Any, value: Callable, gradient: Callable, x: np.ndarray, rate: float, count: int) -> None:
    """Take plain steps, and record them."""
    for _ in range(count):
        g = gradient(x)
        recorder.step(value(x), gradient=g, x=x, learning_rate=rate)
        x = x - rate * g


def _jumping(
    f: Callable, curvature: np.ndarray, centre: np.ndarray, start: np.ndarray, count: int = 300
) -> Callable[[Any], None]:
    """Return a loop with the values of f and a gradient without noise."""
    rate = 0.5 / curvature.max()
    return lambda recorder: _steps(recorder, f, lambda x: 2 * curvature * (x - centre), start, rate, count)


def _stuck(rng: np.random.Generator, severity: float) -> Callable[[Any], None]:
    """Return a loop in float32 whose steps are shorter than the distance between two numbers."""
    curvature = rng.uniform(0.3, 1, 3).astype(np.float32)
    target = np.float32(2.0 ** np.round(28 + 8 * severity)) * rng.uniform(1, 1.9, 3).astype(np.float32)
    start = target + np.spacing(target) * rng.integers(1, 3, 3).astype(np.float32)

    def loop(recorder: Any) -> None:
        x, rate = start, np.float32(0.1)
        for _ in range(300):
            g = 2 * curvature * (x - target)
            recorder.step(np.sum(curvature * (x - target) ** 2) + np.float32(0.7), gradient=g, x=x, learning_rate=rate)
            x = x - rate * g

    return loop


def noisy_by_default(rng: np.random.Generator, severity: float) -> Trial:
    """A simulation whose values differ from call to call, under the default rules."""
    curvature, centre, start = _bowl(rng, int(rng.integers(2, 5)))
    descent = curvature @ (start - centre) ** 2
    level, chance = 10 ** (-4 + 2.5 * severity) * descent, np.random.default_rng(rng.integers(2**32))

    def f(x: np.ndarray) -> float:
        return float(curvature @ (x - centre) ** 2 + level * chance.normal())

    scope = {"f": f, "start": start}
    return Trial(
        NOISE,
        lambda: st.minimize(f, start),
        scope,
        _near(centre, start, curvature, 0.02),
        loop=_jumping(f, curvature, centre, start),
    )


def noisy_with_a_step(rng: np.random.Generator, severity: float) -> Trial:
    """The mean of random draws, maximised with a fixed step."""
    curvature, centre, start = _bowl(rng, int(rng.integers(2, 4)))
    draws, chance = int(10 ** (3 - 2 * severity)), np.random.default_rng(rng.integers(2**32))
    rate = 0.2 / curvature.max()

    def f(x: np.ndarray) -> float:
        return -float(np.mean(curvature @ (x - centre) ** 2 + 3 * curvature.max() * chance.normal(size=draws)))

    def make() -> Any:
        return st.maximize(f, start, step=rate, iterations=200)

    solved, loop = _near(centre, start, curvature, 0.05), _jumping(lambda x: -f(x), curvature, centre, start)
    return Trial(NOISE, make, {"f": f, "start": start}, solved, loop=loop)


def wobbling(rng: np.random.Generator, severity: float) -> Trial:
    """A smooth function with a fine wave on it, under the default rules."""
    curvature, centre, start = _bowl(rng, int(rng.integers(1, 4)))
    level = 10 ** (-3 + 1.5 * severity) * (curvature @ (start - centre) ** 2)
    wave = rng.normal(size=len(centre)) * 10 ** rng.uniform(3, 6)

    def f(x: np.ndarray) -> float:
        return curvature @ (x - centre) ** 2 + level * np.sin(wave @ x)

    solved, loop = _near(centre, start, curvature, 0.05), _jumping(f, curvature, centre, start, 40)
    return Trial(NOISE, lambda: st.minimize(f, start), {"f": f, "start": start}, solved, loop=loop)


def rounded(rng: np.random.Generator, severity: float) -> Trial:
    """A function that rounds its value, as a report does."""
    curvature, centre, start = _bowl(rng, 2)
    curvature = curvature / (curvature @ (start - centre) ** 2) * 10
    decimals = round(3 - 2 * severity)

    def f(x: float, y: float) -> float:
        return round(float(curvature @ (np.array([x, y]) - centre) ** 2), decimals)

    chance, solved = np.random.default_rng(rng.integers(2**32)), _near(centre, start, curvature, 0.05)
    # In a loop with an exact gradient rounded values do no harm; those of an estimate by chance have the noise.
    loop = _jumping(lambda x: f(*x) + 10.0**-decimals * chance.normal(), curvature, centre, start)
    return Trial(NOISE, lambda: st.minimize(f, start), {"f": f, "start": start}, solved, loop=loop)


def noisy_gradient(rng: np.random.Generator, severity: float) -> Trial:
    """A right value with a gradient by random directions."""
    curvature, centre, start = _bowl(rng, 3)
    chance = np.random.default_rng(rng.integers(2**32))
    level = (0.3 + severity) * np.linalg.norm(curvature * (start - centre))

    def f(x: np.ndarray) -> float:
        return float(curvature @ (x - centre) ** 2)

    def gradient(x: np.ndarray) -> np.ndarray:
        return 2 * curvature * (x - centre) + level * chance.normal(size=3)

    def make() -> Any:
        return st.minimize(f, start, gradient=gradient, step=0.1 / curvature.max(), iterations=150)

    scope = {"f": f, "start": start, "gradient": gradient}
    # In a recorded loop nobody can tell it from the noise of batches.
    return Trial(NOISE, make, scope, _near(centre, start, curvature, 0.02), also=(BATCHES,))


def single_by_default(rng: np.random.Generator, severity: float) -> Trial:
    """A function that computes in float32, with a large constant."""
    curvature, centre, start = _bowl(rng, int(rng.integers(2, 5)))
    small, middle = curvature.astype(np.float32), centre.astype(np.float32)
    base = np.float32(10 ** (4 * severity))

    def f(x: np.ndarray) -> np.float32:
        return np.sum(small * (np.asarray(x, np.float32) - middle) ** 2) + base

    return Trial(ROUNDING, lambda: st.minimize(f, start), {"f": f, "start": start}, loop=_stuck(rng, severity))


def single_in_python(rng: np.random.Generator, severity: float) -> Trial:
    """A valley in float32 that can't be traced."""
    steep = np.float32(10 ** (1 + 2 * severity))

    def f(x: float, y: float) -> float:
        a, b = np.float32(float(x)), np.float32(float(y))
        return float((1 - a) ** 2 + steep * (b - a * a) ** 2 + np.float32(10))

    start = rng.uniform(-1.5, 1.5, size=2)
    return Trial(ROUNDING, lambda: st.minimize(f, start), {"f": f, "start": start}, loop=_stuck(rng, severity))


def single_with_a_step(rng: np.random.Generator, severity: float) -> Trial:
    """Plain descent in float32 until nothing changes; as a loop, with parameters that are large beside the steps."""
    curvature, centre, start = _bowl(rng, 3)
    small, middle = curvature.astype(np.float32), centre.astype(np.float32)
    base, rate = np.float32(10 ** (2 + 3 * severity)), 0.3 / curvature.max()

    def f(x: np.ndarray) -> np.float32:
        return np.sum(small * (x.astype(np.float32) - middle) ** 2) + base

    loop = _stuck(rng, severity)
    return Trial(
        ROUNDING, lambda: st.minimize(f, start, step=rate, iterations=400), {"f": f, "start": start}, loop=loop
    )


def single_rows(rng: np.random.Generator, severity: float) -> Trial:
    """Rows with a large offset, which float32 does not resolve."""
    X = rng.normal(size=(200, 3))
    X[:, 1] += 10 ** (6 + severity)
    y = X[:, 1] - X[:, 1].mean() + X[:, 0] + 0.1 * rng.normal(size=200)

    def solved(fit: Any) -> bool:
        return bool(fit.fun < 0.05)

    scope = {"X": X, "y": y}
    return Trial(
        ROUNDING, lambda: st.fit(st.models.Linear(), X, y, dtype=np.float32), scope, solved, loop=_stuck(rng, severity)
    )


def single_model(rng: np.random.Generator, severity: float) -> Trial:
    """A curve of the user's own that computes in float32."""
    import jax.numpy as jnp

    t = np.linspace(0, 4, 80)
    y = 3 * np.exp(-(0.5 + severity) * t) + 0.02 * rng.normal(size=80)

    def curve(t: Any, height: float, rate: float) -> Any:
        return jnp.float32(height) * jnp.exp(-jnp.float32(rate) * jnp.asarray(t, jnp.float32))

    return Trial(ROUNDING, lambda: st.fit(curve, t, y), {"curve": curve, "t": t, "y": y}, loop=_stuck(rng, severity))


def _line(rng: np.random.Generator, rows: int, size: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    X, w = rng.normal(size=(rows, size)), rng.normal(size=size) * 2
    return X, X @ w + rng.normal() + noise * rng.normal(size=rows)


def _least(X: np.ndarray, y: np.ndarray) -> float:
    """Return the smallest mean square of the residuals."""
    full = np.column_stack([X, np.ones(len(X))])
    rest = y - full @ np.linalg.lstsq(full, y, rcond=None)[0]
    return float(rest @ rest / len(y))


def _batch_loop(X: np.ndarray, y: np.ndarray, size: int, rate: float, epochs: int, seed: int) -> Callable[[Any], None]:
    """Return a loop in mini-batches; in the order of the rows if the seed is negative."""

    def loop(recorder: Any) -> None:
        chance, w, full = (
            np.random.default_rng(abs(seed)),
            np.zeros(X.shape[1] + 1),
            np.column_stack([X, np.ones(len(X))]),
        )
        for _ in range(epochs):
            rows = np.arange(len(X)) if seed < 0 else chance.permutation(len(X))
            for first in range(0, len(X), size):
                part = rows[first : first + size]
                rest = full[part] @ w - y[part]
                g = 2 * full[part].T @ rest / len(part)
                recorder.step(float(rest @ rest / len(part)), gradient=g, x=w, learning_rate=rate)
                w = w - rate * g

    return loop


def _class_loop(X: np.ndarray, y: np.ndarray, size: int, rate: float, epochs: int, seed: int) -> Callable[[Any], None]:
    """Return a loop in mini-batches for two classes; in the order of the rows if the seed is negative."""

    def loop(recorder: Any) -> None:
        chance, w = np.random.default_rng(abs(seed)), np.zeros(X.shape[1])
        for _ in range(epochs):
            rows = np.arange(len(X)) if seed < 0 else chance.permutation(len(X))
            for first in range(0, len(X), size):
                part = rows[first : first + size]
                z = X[part] @ w
                g = X[part].T @ (1 / (1 + np.exp(-z)) - y[part]) / len(part)
                recorder.step(np.mean(np.logaddexp(0, z) - y[part] * z), gradient=g, learning_rate=rate)
                w = w - rate * g

    return loop


def hovering_line(rng: np.random.Generator, severity: float) -> Trial:
    """A line in small batches with a long step."""
    X, y = _line(rng, 240, int(rng.integers(2, 6)), 1 + 2 * severity)
    size = int(rng.choice([1, 2, 4, 8]))
    # As long as the noise allows: a batch of one row needs steps below 2 / E‖x‖².
    rate = (0.15 + 0.35 * severity) / (1 + (X.shape[1] + 1) / size)
    epochs, least, seed = 30, _least(X, y), int(rng.integers(1, 1000))

    def make() -> Any:
        return st.fit(st.models.Linear(), X, y, batch_size=size, step=rate, epochs=epochs, rng=seed)

    def solved(fit: Any) -> bool:
        return bool(fit.fun - least < 0.01 * (np.var(y) - least) + 0.02 * least)

    return Trial(BATCHES, make, {"X": X, "y": y}, solved, loop=_batch_loop(X, y, size, rate, epochs, seed))


def hovering_classes(rng: np.random.Generator, severity: float) -> Trial:
    """Two classes that overlap, by a model of the user's own."""
    X = rng.normal(size=(200, 3))
    y = (X @ rng.normal(size=3) + 1.5 * rng.normal(size=200) > 0).astype(float)

    def model(X: Any, w: Any, b: float) -> Any:
        return X @ w + b

    begin = {"w": np.zeros(3), "b": 0.0}
    options = {"batch_size": int(rng.choice([1, 2, 4])), "step": 0.6 + 1.4 * severity, "epochs": 30, "rng": 1}

    def make() -> Any:
        return st.fit(model, X, y, loss="log loss", start=begin, **options)

    def solved(fit: Any) -> bool:
        best = st.fit(st.models.Logistic(), X, y).fun
        return bool(fit.fun - best < 0.05 * (np.log(2) - best) + 0.01)

    scope = {"X": X, "y": y, "model": model, "start": begin}
    return Trial(BATCHES, make, scope, solved, loop=_class_loop(X, y, options["batch_size"], options["step"], 30, 1))


def hovering_adam(rng: np.random.Generator, severity: float) -> Trial:
    """A line by Adam with a long constant rate."""
    X, y = _line(rng, 200, 3, 1.5)
    least, rate = _least(X, y), 0.15 + 0.35 * severity

    def make() -> Any:
        return st.fit(st.models.Linear(), X, y, batch_size=4, direction="adam", step=rate, epochs=40, rng=0)

    def solved(fit: Any) -> bool:
        return bool(fit.fun - least < 0.01 * (np.var(y) - least) + 0.02 * least)

    # Plain steps have the same trouble.
    return Trial(BATCHES, make, {"X": X, "y": y}, solved, loop=_batch_loop(X, y, 4, rate / 3, 40, 1))


def _sorted(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(y, kind="stable")
    return X[order], y[order]


def sorted_by_target(rng: np.random.Generator, severity: float) -> Trial:
    """Rows sorted by their target, in batches that are not shuffled."""
    X, y = _sorted(*_line(rng, 240, 3, 1.0))
    size, least = int(rng.choice([4, 8, 16])), _least(X, y)
    rate = 0.05 + 0.1 * severity

    def make() -> Any:
        return st.fit(st.models.Linear(), X, y, batch_size=size, step=rate, epochs=40, shuffle=False)

    def solved(fit: Any) -> bool:
        return bool(fit.fun - least < 0.05 * (np.var(y) - least) + 0.1 * least)

    return Trial(ORDER, make, {"X": X, "y": y}, solved, loop=_batch_loop(X, y, size, rate, 12, -1))


def sorted_by_class(rng: np.random.Generator, severity: float) -> Trial:
    """One class after the other, in batches that are not shuffled."""
    X = rng.normal(size=(240, 3))
    X, y = _sorted(X, (X @ rng.normal(size=3) + rng.normal(size=240) > 0).astype(float))
    rate, size = 0.3 + 0.7 * severity, int(rng.choice([4, 8]))

    def make() -> Any:
        return st.fit(st.models.Logistic(), X, y, batch_size=size, step=rate, epochs=30, shuffle=False)

    def solved(fit: Any) -> bool:
        best = st.fit(st.models.Logistic(), X, y).fun
        return bool(fit.fun - best < 0.2 * (np.log(2) - best) + 0.02)

    loop = _class_loop(X, y, size, rate, 10, -1)
    return Trial(ORDER, make, {"X": X, "y": y}, solved, loop=loop)


def sleeping(rng: np.random.Generator, severity: float) -> Trial:
    """A program that is called for each value, under a limit of time."""
    size, pause = int(rng.integers(10, 25)), 0.002 + 0.006 * severity
    curvature, centre, start = _bowl(rng, size)

    def f(x: np.ndarray) -> float:
        time.sleep(pause)
        return float(curvature @ (x - centre) ** 2 + 0.1 * np.sum((x - centre) ** 4))

    return Trial(SLOW, lambda: st.minimize(f, start, seconds=0.6), {"f": f, "start": start})


def by_hand(rng: np.random.Generator, severity: float) -> Trial:
    """Rows in a loop of plain Python, with derivatives by differences."""
    size = int(rng.integers(2, 5))
    rows = rng.normal(size=(int(1_500 + 1_500 * severity), size))
    centre, start = rng.normal(size=size), np.zeros(size)

    def f(x: np.ndarray) -> float:
        total = 0.0
        for row in rows:
            total += abs(float(row @ (x - centre))) ** 1.5
        return total / len(rows)

    return Trial(SLOW, lambda: st.minimize(f, start), {"f": f, "start": start})


def compiled_late(rng: np.random.Generator, severity: float) -> Trial:
    """A long function that is new, under a limit of time that its compilation uses up."""
    # Each length is a program of its own, which no earlier trial has compiled.
    size, shift = int(rng.integers(3, 6)), rng.normal(size=int(rng.integers(6, 60)))

    def f(x: np.ndarray) -> float:
        total = np.sum(x**2)
        for each in shift:
            total = total + np.log(np.cosh(x - each)).sum() / len(shift)
        return total

    def solved(run: Any) -> bool:
        return bool(run.outcome != "time limit")

    start, limit = np.full(size, 4.0), 0.3 - 0.2 * severity
    return Trial(COMPILING, lambda: st.minimize(f, start, seconds=limit), {"f": f, "start": start}, solved)


def honest_batches(rng: np.random.Generator, severity: float) -> Trial:
    """Mini-batches with a sensible short step, whose noise is far below the descent."""
    X, y = _line(rng, 400, 3, 0.3 + 0.3 * severity)
    return Trial(
        HEALTHY,
        lambda: st.fit(st.models.Linear(), X, y, batch_size=16, step=0.02, epochs=20, rng=0),
        loop=_batch_loop(X, y, 16, 0.02, 20, 1),
    )


def falling_batches(rng: np.random.Generator, severity: float) -> Trial:
    """Mini-batches that are still falling plainly when the epochs end."""
    X, y = _line(rng, 300, 4, 1.0)
    loop = _batch_loop(X, y, 8, 0.005, 6, 1)
    return Trial(
        HEALTHY, lambda: st.fit(st.models.Linear(), X, y, batch_size=8, step=0.005, epochs=12, rng=0), loop=loop
    )


def decayed_batches(rng: np.random.Generator, severity: float) -> Trial:
    """Mini-batches with a step that shrinks to 0."""
    X, y = _line(rng, 240, 3, 1 + severity)
    step = st.steps.Cosine(0.1, iterations=900)
    return Trial(HEALTHY, lambda: st.fit(st.models.Linear(), X, y, batch_size=8, step=step, epochs=30, rng=0))


def sorted_and_shuffled(rng: np.random.Generator, severity: float) -> Trial:
    """Sorted rows that the fit shuffles, by the default rule."""
    X, y = _sorted(*_line(rng, 240, 3, 1.0))
    return Trial(HEALTHY, lambda: st.fit(st.models.Linear(), X, y, batch_size=8, epochs=20, rng=0))


def random_and_in_order(rng: np.random.Generator, severity: float) -> Trial:
    """Rows in random order that need no shuffling."""
    X, y = _line(rng, 240, 3, 0.5)
    loop = _batch_loop(X, y, 16, 0.02, 15, -1)
    options = {"batch_size": 16, "step": 0.02, "epochs": 40, "shuffle": False}
    return Trial(HEALTHY, lambda: st.fit(st.models.Linear(), X, y, **options), loop=loop)


def met_above_the_noise(rng: np.random.Generator, severity: float) -> Trial:
    """A noisy function whose tolerance is above its noise, and met."""
    curvature, centre, start = _bowl(rng, 2)
    chance = np.random.default_rng(rng.integers(2**32))
    level = 1e-5 * (curvature @ (start - centre) ** 2)

    def f(x: np.ndarray) -> float:
        return float(curvature @ (x - centre) ** 2 + level * chance.normal())

    return Trial(HEALTHY, lambda: st.minimize(f, start, tolerance=0.01))


def kinks(rng: np.random.Generator, severity: float) -> Trial:
    """A sum of absolute values, which is rough at its kinks only."""
    centre = rng.normal(size=3)
    return Trial(HEALTHY, lambda: st.minimize(lambda x: np.sum(np.abs(x - centre)), centre + rng.normal(size=3) * 3))


def first_call(rng: np.random.Generator, severity: float) -> Trial:
    """A function that is new, so that compiling takes most of the time."""
    centre = rng.normal(size=3)
    return Trial(HEALTHY, lambda: st.minimize(lambda x: np.sum(np.cosh(x - centre)), np.zeros(3)))


# For each cause the ways to bring it about, which take turns.
SABOTAGES: dict[str, tuple[Sabotage, ...]] = {
    NOISE: (noisy_by_default, wobbling, noisy_with_a_step, rounded, noisy_gradient),
    ROUNDING: (single_by_default, single_with_a_step, single_in_python, single_rows, single_model),
    BATCHES: (hovering_line, hovering_classes, hovering_adam),
    ORDER: (sorted_by_target, sorted_by_class),
    SLOW: (sleeping, by_hand),
    COMPILING: (compiled_late,),
    f"{HEALTHY}: noise": (
        honest_batches,
        falling_batches,
        decayed_batches,
        sorted_and_shuffled,
        random_and_in_order,
        met_above_the_noise,
        kinks,
        first_call,
    ),
}
