"""Trials of the battery: steps that are too long, too small, too few, or shrink too early, and scales that differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from battery.trial import HEALTHY, Sabotage, Trial

import steepest as st

TOO_LONG, TOO_SMALL = "step above the stability limit", "step far too small"
SCALES, TOO_FEW, SCHEDULE = "ill-conditioned", "too few iterations", "schedule ended too early"


class Bowl:
    """A quadratic function in turned coordinates, with a start, and its gradient."""

    def __init__(self, rng: np.random.Generator, condition: float, size: int, turned: bool = True) -> None:
        self.top = float(10 ** rng.uniform(-2, 3))
        self.curvature = self.top * np.geomspace(1, 1 / condition, size)
        turn = np.linalg.qr(rng.normal(size=(size, size)))[0] if turned else np.eye(size)
        self.matrix = turn @ np.diag(self.curvature) @ turn.T
        self.centre, self.height = rng.normal(size=size), float(rng.normal())
        # Each direction has a share of the descent.
        self.start = self.centre + turn @ (
            rng.choice([-1, 1], size) * rng.uniform(1, 2, size) / np.sqrt(self.curvature)
        )

    def f(self, x: np.ndarray) -> Any:
        return self.height + 0.5 * (x - self.centre) @ self.matrix @ (x - self.centre)

    def g(self, x: np.ndarray) -> np.ndarray:
        return self.matrix @ (x - self.centre)

    def solved(self, run: Any) -> bool:
        first = self.f(self.start) - self.height
        return bool(np.isfinite(run.fun) and run.fun - self.height < 0.02 * first)


def loop(
    f: Callable, g: Callable, start: np.ndarray, rate: Any, steps: int, kind: int, decay: float = 0.0
) -> Callable[[Any], None]:  # fmt: skip
    """Return a loop of plain descent that records more or less of it."""

    def write(recorder: Any) -> None:
        x, velocity = np.array(start, dtype=float), 0.0
        for k in range(steps):
            slope, t = g(x), rate(k) if callable(rate) else rate
            given = [{}, {"gradient": slope}, {"gradient": slope, "x": x.copy()}][kind]
            with np.errstate(all="ignore"):
                value = float(f(x))
            recorder.step(value, learning_rate=t, **given)
            velocity = decay * velocity + slope
            with np.errstate(all="ignore"):
                x = x - t * velocity
            if not np.isfinite(x).all():
                break

    return write


def _raw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Return a line in raw units, and its largest curvature."""
    x = rng.uniform(0, 10 ** rng.uniform(0.7, 2.5), size=int(rng.integers(30, 90)))
    y = rng.uniform(1, 5) * x + rng.normal(0, 3) + rng.normal(size=len(x)) * x.std() * 0.3
    design = np.column_stack([x, np.ones_like(x)])
    return x, y, float(np.linalg.eigvalsh(2 * design.T @ design / len(x))[-1])


def line(x: np.ndarray, m: float, b: float) -> np.ndarray:
    return m * x + b


def _line_solved(x: np.ndarray, y: np.ndarray) -> Callable[[Any], bool]:
    design = np.column_stack([x, np.ones_like(x)])
    best = float(np.mean((y - design @ np.linalg.lstsq(design, y, rcond=None)[0]) ** 2))
    first = float(np.mean((y - x - 1) ** 2))
    return lambda run: bool(run.fun - best < 0.02 * max(first - best, 0.0) + 1e-9 * best)


# --- steps that are too long


def diverges(rng: np.random.Generator, severity: float) -> Trial:
    bowl = Bowl(rng, 10 ** rng.uniform(0.3, 1.5), int(rng.integers(2, 8)))
    rate = 2 / bowl.top * 10 ** (0.03 + severity)
    steps = int(rng.integers(40, 150))
    return Trial(
        TOO_LONG, lambda: st.gradient_descent(bowl.f, bowl.start, learning_rate=rate, iterations=steps),
        {"f": bowl.f, "start": bowl.start}, bowl.solved,
        loop=loop(bowl.f, bowl.g, bowl.start, rate, steps, int(rng.integers(3))),
    )  # fmt: skip


def diverges_on_raw_rows(rng: np.random.Generator, severity: float) -> Trial:
    x, y, top = _raw(rng)
    rate, epochs = 2 / top * 10 ** (0.03 + 2 * severity), int(rng.integers(30, 90))
    return Trial(
        TOO_LONG, lambda: st.fit(line, x, y, step=rate, epochs=epochs),
        {"line": line, "X": x, "y": y}, _line_solved(x, y),
    )  # fmt: skip


def bounces(rng: np.random.Generator, severity: float) -> Trial:
    """A function that is steep in the middle and flat outside: the steps jump over the minimum for ever."""
    width, size = 10 ** rng.uniform(-1, 1), int(rng.integers(1, 4))
    centre = rng.normal(size=size)

    def f(x: np.ndarray) -> Any:
        return width * np.sum(np.sqrt(1 + ((x - centre) / width) ** 2))

    rate = 2 * width * 10 ** (0.15 + 0.6 * severity)
    start = centre + rng.uniform(2, 4, size) * rate
    return Trial(
        TOO_LONG, lambda: st.minimize(f, start, step=rate, iterations=120), {"f": f, "start": start},
        lambda run: bool(f(run.x) - size * width < 0.01 * (f(start) - size * width)),
    )  # fmt: skip


def at_the_edge(rng: np.random.Generator, severity: float) -> Trial:
    """A step just below the limit."""
    size = int(rng.integers(2, 5))
    bowl = Bowl(rng, 3, size)
    rate, steps = (2 - 10 ** (-1.8 - severity)) / bowl.top, int(rng.integers(20, 40))
    return Trial(
        TOO_LONG, lambda: st.minimize(bowl.f, bowl.start, step=rate, iterations=steps),
        {"f": bowl.f, "start": bowl.start}, bowl.solved,
        loop=loop(bowl.f, bowl.g, bowl.start, rate, steps, int(rng.integers(1, 3))),
    )  # fmt: skip


def climbs_down(rng: np.random.Generator, severity: float) -> Trial:
    """A maximum that is missed by steps that are too long."""
    bowl = Bowl(rng, 10, 2)
    rate = 2 / bowl.top * 10 ** (0.05 + severity)

    def f(x: np.ndarray) -> Any:
        return -bowl.f(x)

    return Trial(
        TOO_LONG, lambda: st.maximize(f, bowl.start, step=rate, iterations=60), {"f": f, "start": bowl.start},
        lambda run: bool(-run.fun - bowl.height < 0.02 * (bowl.f(bowl.start) - bowl.height)),
    )  # fmt: skip


def with_velocity(rng: np.random.Generator, severity: float) -> Trial:
    bowl = Bowl(rng, 10 ** rng.uniform(0.3, 1.5), 3)
    decay = float(rng.uniform(0.5, 0.95))
    rule = [st.directions.Momentum(decay), st.directions.Nesterov(decay)][int(rng.integers(2))]
    limit = 2 * (1 + decay) / bowl.top / (1 if type(rule).__name__ == "Momentum" else 1 + 2 * decay)
    rate = limit * 10 ** (0.04 + severity)
    return Trial(
        TOO_LONG, lambda: st.minimize(bowl.f, bowl.start, direction=rule, step=rate, iterations=150),
        {"f": bowl.f, "start": bowl.start}, bowl.solved,
    )  # fmt: skip


def restless_adam(rng: np.random.Generator, severity: float) -> Trial:
    bowl = Bowl(rng, 10, 3)
    rule = ["adam", "rmsprop"][int(rng.integers(2))]
    distance = np.linalg.norm(bowl.start - bowl.centre)
    rate = distance * 10 ** (0.3 + 1.2 * severity)
    return Trial(
        TOO_LONG, lambda: st.minimize(bowl.f, bowl.start, direction=rule, step=rate, iterations=60),
        {"f": bowl.f, "start": bowl.start}, bowl.solved,
    )  # fmt: skip


def in_a_valley(rng: np.random.Generator, severity: float) -> Trial:
    """Rosenbrock's valley, whose walls are too steep for the step."""
    start, rate = np.array([-1.2, 1.0]) + 0.2 * rng.normal(size=2), 10 ** (-2.4 + 1.4 * severity)

    def f(x: np.ndarray) -> Any:
        return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2

    def g(x: np.ndarray) -> np.ndarray:
        wall = x[1] - x[0] ** 2
        return np.array([-2 * (1 - x[0]) - 400 * x[0] * wall, 200 * wall])

    return Trial(
        TOO_LONG, lambda: st.minimize(f, start, step=rate, iterations=200), {"f": f, "start": start},
        lambda run: bool(run.fun < 0.01), loop=loop(f, g, start, rate, 60, int(rng.integers(3))),
    )  # fmt: skip


# --- steps that are too small


def crawls(rng: np.random.Generator, severity: float) -> Trial:
    bowl = Bowl(rng, 10 ** rng.uniform(0.3, 1.3), int(rng.integers(2, 9)))
    rate, steps = 1 / bowl.top / 10 ** (1.4 + 2.6 * severity), int(rng.integers(20, 60))
    return Trial(
        TOO_SMALL, lambda: st.gradient_descent(bowl.f, bowl.start, learning_rate=rate, iterations=steps),
        {"f": bowl.f, "start": bowl.start}, bowl.solved,
        loop=loop(bowl.f, bowl.g, bowl.start, rate, 5 * steps, int(rng.integers(3))),
    )  # fmt: skip


def crawls_on_rows(rng: np.random.Generator, severity: float) -> Trial:
    X = rng.normal(size=(80, 3))
    y = X @ rng.normal(size=3) * 3 + 2 + 0.3 * rng.normal(size=80)
    rate, epochs = 10 ** (-2 - 2 * severity), int(rng.integers(40, 90))
    best = float(np.mean((y - np.c_[X, np.ones(80)] @ np.linalg.lstsq(np.c_[X, np.ones(80)], y, rcond=None)[0]) ** 2))
    first = float(np.mean(y**2))
    return Trial(
        TOO_SMALL, lambda: st.fit(st.models.Linear(), X, y, step=rate, epochs=epochs), {"X": X, "y": y},
        lambda run: bool(run.fun - best < 0.02 * (first - best)),
    )  # fmt: skip


def crawls_with_velocity(rng: np.random.Generator, severity: float) -> Trial:
    bowl = Bowl(rng, 10, 3)
    rate = 1 / bowl.top / 10 ** (2.4 + 2 * severity)
    return Trial(
        TOO_SMALL, lambda: st.minimize(bowl.f, bowl.start, direction="momentum", step=rate, iterations=80),
        {"f": bowl.f, "start": bowl.start}, bowl.solved,
    )  # fmt: skip


def crawling_adam(rng: np.random.Generator, severity: float) -> Trial:
    bowl = Bowl(rng, 5, 3)
    distance = float(np.abs(bowl.start - bowl.centre).max())
    rate, steps = distance / 10 ** (3.4 + 2 * severity), int(rng.integers(100, 300))
    return Trial(
        TOO_SMALL, lambda: st.minimize(bowl.f, bowl.start, direction="adam", step=rate, iterations=steps),
        {"f": bowl.f, "start": bowl.start}, bowl.solved,
    )  # fmt: skip


def crawls_up(rng: np.random.Generator, severity: float) -> Trial:
    centre, width = rng.normal(size=2), 10 ** rng.uniform(-1, 1)
    start = centre + width * rng.uniform(0.5, 1.5, size=2)

    def f(x: np.ndarray) -> Any:
        return -np.log(np.cosh((x - centre) / width)).sum()

    rate = width**2 / 10 ** (1.8 + 2 * severity)
    return Trial(
        TOO_SMALL, lambda: st.maximize(f, start, step=rate, iterations=50), {"f": f, "start": start},
        lambda run: bool(-run.fun < 0.02 * -f(start)),
    )  # fmt: skip


# --- scales that differ


def long_valley(rng: np.random.Generator, severity: float) -> Trial:
    turned = bool(rng.integers(2))
    bowl = Bowl(rng, 10 ** (3.1 + 2.5 * severity), int(rng.integers(2, 6)), turned)
    rate, steps = rng.uniform(0.5, 1.7) / bowl.top, int(rng.integers(200, 500))
    return Trial(
        SCALES, lambda: st.gradient_descent(bowl.f, bowl.start, learning_rate=rate, iterations=steps),
        {"f": bowl.f, "start": bowl.start}, bowl.solved,
        loop=loop(bowl.f, bowl.g, bowl.start, rate, steps, int(rng.integers(3))),
    )  # fmt: skip


def stuck_along_a_valley(rng: np.random.Generator, severity: float) -> Trial:
    """The flat direction has so small a share of the value that the value alone does not show it."""
    top, size = float(10 ** rng.uniform(-1, 2)), int(rng.integers(2, 5))
    curvature = top * np.geomspace(1, 10 ** (-3 - 2 * severity), size)
    start = rng.choice([-1, 1], size) * rng.uniform(0.5, 3, size)

    def f(x: np.ndarray) -> Any:
        return 0.5 * np.sum(curvature * x**2)

    rate, steps = rng.uniform(0.5, 1.5) / top, int(rng.integers(50, 300))
    return Trial(
        SCALES, lambda: st.gradient_descent(f, start, learning_rate=rate, iterations=steps), {"f": f, "start": start},
        lambda run: bool(np.abs(run.x).max() < 0.05),
        loop=loop(f, lambda x: curvature * x, start, rate, steps, 2),
    )  # fmt: skip


def far_intercept(rng: np.random.Generator, severity: float) -> Trial:
    """A line in raw units, whose intercept hardly moves."""
    x = rng.uniform(0, 10 ** (1.5 + severity), size=60)
    y = rng.uniform(1, 4) * x + rng.choice([-1, 1]) * x.max() * rng.uniform(0.3, 1) + rng.normal(size=60)
    design = np.column_stack([x, np.ones_like(x)])
    rate = 1 / float(np.linalg.eigvalsh(2 * design.T @ design / 60)[-1])
    best = np.linalg.lstsq(design, y, rcond=None)[0]
    return Trial(
        SCALES, lambda: st.fit(line, x, y, step=rate, epochs=200), {"line": line, "X": x, "y": y},
        lambda run: bool(abs(float(run.params["b"]) - best[1]) < 0.05 * abs(best[1])),
    )  # fmt: skip


def searched_valley(rng: np.random.Generator, severity: float) -> Trial:
    bowl = Bowl(rng, 10 ** (3.5 + 2 * severity), 3)
    rule = ["armijo", "exact"][int(rng.integers(2))]
    return Trial(
        SCALES, lambda: st.minimize(bowl.f, bowl.start, direction="plain", step=rule, iterations=150),
        {"f": bowl.f, "start": bowl.start}, bowl.solved,
    )  # fmt: skip


def raw_columns(rng: np.random.Generator, severity: float) -> Trial:
    """Columns of different units, and a model of the user's own."""
    scale = 10 ** (1.6 + 1.4 * severity)
    X = rng.normal(size=(100, 2)) * np.array([1, scale]) + np.array([0, scale])
    y = X @ np.array([3.0, 2 / scale]) + 4 + 0.3 * rng.normal(size=100)
    design = np.c_[X, np.ones(100)]
    top = float(np.linalg.eigvalsh(2 * design.T @ design / 100)[-1])
    best = float(np.mean((y - design @ np.linalg.lstsq(design, y, rcond=None)[0]) ** 2))
    first = float(np.mean(y**2))
    model, scope = [(plane, {"plane": plane}), (st.models.Linear(), {})][int(rng.integers(2))]
    start = {"w": np.zeros(2), "b": 0.0}
    given = {"start": start} if model is plane else {}
    return Trial(
        SCALES, lambda: st.fit(model, X, y, step=1 / top, epochs=300, **given),
        {"X": X, "y": y, "start": start, **scope},
        lambda run: bool(run.fun - best < 0.02 * (first - best)),
    )  # fmt: skip


def plane(X: np.ndarray, w: np.ndarray, b: float) -> np.ndarray:
    return X @ w + b


# --- too few iterations


def stopped(rng: np.random.Generator, severity: float) -> Trial:
    condition = 10 ** rng.uniform(0.8, 1.7)
    bowl = Bowl(rng, condition, int(rng.integers(2, 8)))
    rate, steps = rng.uniform(0.6, 1.3) / bowl.top, max(4, int(condition * (0.6 - 0.5 * severity)))
    return Trial(
        TOO_FEW, lambda: st.gradient_descent(bowl.f, bowl.start, learning_rate=rate, iterations=steps),
        {"f": bowl.f, "start": bowl.start}, bowl.solved,
        loop=loop(bowl.f, bowl.g, bowl.start, rate, max(steps, 8), int(rng.integers(3))),
    )  # fmt: skip


def stopped_by_default(rng: np.random.Generator, severity: float) -> Trial:
    start, steps = rng.uniform(-1.5, 0, size=2), int(12 - 8 * severity)

    def f(x: np.ndarray) -> Any:
        return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2

    limit = [{"iterations": steps}, {"evaluations": steps + 3}][int(rng.integers(2))]
    return Trial(
        TOO_FEW, lambda: st.minimize(f, start, **limit), {"f": f, "start": start}, lambda run: bool(run.fun < 1e-6)
    )  # fmt: skip


def stopped_on_rows(rng: np.random.Generator, severity: float) -> Trial:
    x = rng.uniform(0, 1, size=60)
    y = rng.uniform(5, 30) * x + 4 + 0.5 * rng.normal(size=60)
    epochs = int(11 - 6 * severity)  # more epochs leave less than 1.5 % of the descent
    return Trial(
        TOO_FEW, lambda: st.fit(line, x, y, step=0.3, epochs=epochs), {"line": line, "X": x, "y": y},
        _line_solved(x, y),
    )  # fmt: skip


def stopped_adam(rng: np.random.Generator, severity: float) -> Trial:
    bowl = Bowl(rng, 5, 3)
    distance = float(np.abs(bowl.start - bowl.centre).max())
    steps = int(70 - 50 * severity)
    return Trial(
        TOO_FEW, lambda: st.minimize(bowl.f, bowl.start, direction="adam", step=distance / 150, iterations=steps),
        {"f": bowl.f, "start": bowl.start}, bowl.solved,
    )  # fmt: skip


# --- schedules that end too early


def frozen(rng: np.random.Generator, severity: float) -> Trial:
    bowl = Bowl(rng, 10 ** rng.uniform(0.8, 1.4), int(rng.integers(2, 6)))
    peak, steps = rng.uniform(0.5, 1.2) / bowl.top, int(rng.integers(200, 400))
    unit = 0.4 - 0.3 * severity  # the sum of all sizes, as a share of what the flattest direction needs
    most = float(unit * bowl.top / bowl.curvature[-1])
    rule = [
        st.steps.Exponential(peak, 0.5, every=most * np.log(2)), st.steps.Staircase(peak, 0.1, every=max(2, int(most))),
        st.steps.Cosine(peak, max(3, int(2 * most))), st.steps.Shrinking(peak, decay=4 / most, power=1.5),
    ][int(rng.integers(4))]  # fmt: skip
    rates = [float(rule.at(k)) for k in range(steps)]
    return Trial(
        SCHEDULE, lambda: st.minimize(bowl.f, bowl.start, step=rule, iterations=steps),
        {"f": bowl.f, "start": bowl.start}, bowl.solved,
        loop=loop(bowl.f, bowl.g, bowl.start, lambda k: rates[k], steps, int(rng.integers(3))),
    )  # fmt: skip


def frozen_on_rows(rng: np.random.Generator, severity: float) -> Trial:
    x = rng.uniform(0, 1, size=60)
    y = rng.uniform(5, 30) * x + 4 + 0.5 * rng.normal(size=60)
    rule = st.steps.Exponential(0.3, 0.5, every=6 - 4 * severity)
    return Trial(
        SCHEDULE, lambda: st.fit(line, x, y, step=rule, epochs=300), {"line": line, "X": x, "y": y},
        _line_solved(x, y),
    )  # fmt: skip


def frozen_function(rng: np.random.Generator, severity: float) -> Trial:
    """A function of the iteration, with momentum."""
    bowl = Bowl(rng, 20, 3)
    decay = 10 ** (-0.9 + 0.6 * severity)
    rate = 0.3 / bowl.top
    return Trial(
        SCHEDULE,
        lambda: st.minimize(
            bowl.f, bowl.start, direction="momentum", step=lambda k: rate * np.exp(-decay * k), iterations=200
        ),
        {"f": bowl.f, "start": bowl.start, "step": lambda k: rate}, bowl.solved,
    )  # fmt: skip


# --- healthy runs that look like these


def unhurried(rng: np.random.Generator, severity: float) -> Trial:
    """A small step, and enough of them."""
    bowl = Bowl(rng, 3 + 5 * severity, 3)
    rate = 1 / bowl.top / (10 + 20 * severity)
    steps = int(3 / (rate * bowl.curvature[-1]))
    return Trial(HEALTHY, lambda: st.gradient_descent(bowl.f, bowl.start, learning_rate=rate, iterations=steps))


def swings_and_settles(rng: np.random.Generator, severity: float) -> Trial:
    """A step near the limit, or much momentum, whose swings die out."""
    bowl = Bowl(rng, 2 + 4 * severity, 2)
    if rng.integers(2):
        return Trial(HEALTHY, lambda: st.minimize(bowl.f, bowl.start, step=1.8 / bowl.top, iterations=80))
    return Trial(
        HEALTHY,
        lambda: st.minimize(
            bowl.f, bowl.start, direction=st.directions.Momentum(0.9), step=1 / bowl.top, iterations=120
        ),
    )


def patient_valley(rng: np.random.Generator, severity: float) -> Trial:
    """Badly scaled, and descended for long enough."""
    bowl = Bowl(rng, 200 + 800 * severity, 2)
    steps = int(2.5 * bowl.top / bowl.curvature[-1])
    return Trial(HEALTHY, lambda: st.minimize(bowl.f, bowl.start, step=1 / bowl.top, iterations=steps))


def well_timed(rng: np.random.Generator, severity: float) -> Trial:
    """A schedule that ends where the descent does."""
    bowl = Bowl(rng, 3 + 7 * severity, 3)
    steps = int(6 * bowl.top / bowl.curvature[-1]) + 20
    rule = [st.steps.Cosine(1 / bowl.top, steps), st.steps.Exponential(1 / bowl.top, 0.1, every=steps)]
    step = rule[int(rng.integers(2))]
    return Trial(HEALTHY, lambda: st.minimize(bowl.f, bowl.start, step=step, iterations=steps))


def steady_adam(rng: np.random.Generator, severity: float) -> Trial:
    """Adam or RMSProp that swings a little and arrives."""
    bowl = Bowl(rng, 10, 3)
    rate = float(np.abs(bowl.start - bowl.centre).max()) / (20 + 80 * severity)
    rule = ["adam", "rmsprop"][int(rng.integers(2))]
    return Trial(HEALTHY, lambda: st.minimize(bowl.f, bowl.start, direction=rule, step=rate, iterations=400))


# For each cause the ways to bring it about, which take turns.
SABOTAGES: dict[str, tuple[Sabotage, ...]] = {
    TOO_LONG: (
        diverges, diverges_on_raw_rows, bounces, at_the_edge, climbs_down, with_velocity, restless_adam, in_a_valley,
    ),
    TOO_SMALL: (crawls, crawls_on_rows, crawls_with_velocity, crawling_adam, crawls_up),
    SCALES: (long_valley, stuck_along_a_valley, far_intercept, searched_valley, raw_columns),
    TOO_FEW: (stopped, stopped_by_default, stopped_on_rows, stopped_adam),
    SCHEDULE: (frozen, frozen_on_rows, frozen_function),
    f"{HEALTHY}: steps": (unhurried, swings_and_settles, patient_valley, well_timed, steady_adam),
}  # fmt: skip
