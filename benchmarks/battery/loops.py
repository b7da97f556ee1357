"""Loops as people write them, by hand and in batches: with losses alone, rates, validation, or gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from battery.trial import HEALTHY, Trial

import steepest as st

ROWS, COLUMNS = 512, 8
# The sets of further numbers that loops log beside their losses.
LOGGED = ((), ("rate",), ("rate", "validation"), ("rate", "gradient"), ("rate", "gradient", "x"))


@dataclass(frozen=True)
class Loop:
    """A loop over batches, in which a linear model learns numbers or two classes.

    Parameters
    ----------
    count, batch : int
        The number of steps, and of rows in each.
    rate : float
        The largest learning rate.
    rule : {"plain", "momentum", "Adam"}
        The rule of the steps.
    schedule : callable
        The share of the rate, by the share of the steps that were made.
    classes : bool
        Whether the targets are classes.
    noise : float
        What the columns don't explain of the targets.
    scale : float
        The size of the columns, from that of the first to that of the last.
    """

    count: int
    batch: int
    rate: float
    rule: str = "plain"
    schedule: Callable[[float], float] = lambda share: 1.0
    classes: bool = False
    noise: float = 0.3
    scale: float = 1.0

    def writer(self, rng: np.random.Generator, logged: tuple[str, ...]) -> Callable[[Any], None]:
        """Return what writes the loop into a recorder."""
        X = rng.standard_normal((ROWS, COLUMNS)) * np.geomspace(1, self.scale, COLUMNS)
        y = X @ (rng.standard_normal(COLUMNS) / np.geomspace(1, self.scale, COLUMNS))
        y = y + self.noise * rng.standard_normal(ROWS)
        y = (y > 0) * 1.0 if self.classes else y
        seed = int(rng.integers(2**32))
        return lambda recorder: self._write(recorder, X, y, np.random.default_rng(seed), logged)

    def _write(
        self, recorder: Any, X: np.ndarray, y: np.ndarray, chance: np.random.Generator, logged: tuple[str, ...]
    ) -> None:
        w, first, second = np.zeros(COLUMNS), np.zeros(COLUMNS), np.zeros(COLUMNS)
        queue = np.zeros(0, dtype=int)
        for k in range(self.count):
            queue = queue if len(queue) >= self.batch else chance.permutation(ROWS)
            rows, queue = queue[: self.batch], queue[self.batch :]
            loss, g = self._loss(w, X[rows], y[rows])
            rate = self.rate * self.schedule(k / self.count)
            known = {"learning_rate": rate, "gradient": g, "x": w, "validation": np.nan}
            if "validation" in logged and k % 10 == 0:
                known["validation"] = self._loss(w, X, y)[0]
            given = {"rate": "learning_rate"}
            recorder.step(loss, **{given.get(name, name): known[given.get(name, name)] for name in logged})
            first = (0.9 if self.rule != "plain" else 0.0) * first + (0.1 if self.rule == "Adam" else 1.0) * g
            second = 0.999 * second + 0.001 * g**2
            if self.rule == "Adam":
                w = w - rate * first / (1 - 0.9 ** (k + 1)) / (np.sqrt(second / (1 - 0.999 ** (k + 1))) + 1e-8)
            else:
                w = w - rate * first

    def _loss(self, w: np.ndarray, X: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
        z = X @ w
        if self.classes:
            return float(np.mean(np.logaddexp(0, z) - y * z)), X.T @ (1 / (1 + np.exp(-z)) - y) / len(y)
        return float(np.mean((z - y) ** 2) / 2), X.T @ (z - y) / len(y)


def cosine(share: float) -> float:
    """Return a rate that falls to 0 as half a cosine."""
    return (1 + math.cos(math.pi * share)) / 2


def warmed(share: float) -> float:
    """Return a rate that rises over the first tenth, and then falls as half a cosine."""
    return 10 * share if share < 0.1 else cosine((share - 0.1) / 0.9)


def trapezoid(share: float) -> float:
    """Return a rate that rises, stays, and falls in a straight line."""
    return min(1.0, 20 * share, 5 * (1 - share))


def _trial(cause: str, write: Callable[[Any], None]) -> Trial:
    def make() -> Any:
        recorder = st.Recorder()
        write(recorder)
        return recorder.run

    return Trial(cause, make, loop=write)


HEALTHY_LOOPS = {
    "all_rows": Loop(300, ROWS, 0.3),
    "with_momentum": Loop(200, ROWS, 0.1, "momentum"),
    "by_adam": Loop(800, ROWS, 0.03, "Adam"),
    "batches_with_cosine": Loop(800, 32, 0.05, schedule=cosine),
    "batches_warmed_up": Loop(1_200, 32, 0.01, "Adam", warmed),
    "batches_with_trapezoid": Loop(1_200, 32, 0.01, "Adam", trapezoid),
    "batches_with_short_steps": Loop(1_500, 32, 0.01),
    "classes_by_adam": Loop(1_200, 32, 0.01, "Adam", classes=True, noise=1.0),
}


def well(name: str) -> Callable[[np.random.Generator, float], Trial]:
    """Return a way to make a healthy loop, which logs one thing or another."""

    def way(rng: np.random.Generator, severity: float) -> Trial:
        return _trial(HEALTHY, HEALTHY_LOOPS[name].writer(rng, LOGGED[int(rng.integers(len(LOGGED)))]))

    way.__name__ = name
    return way


def spikes(rng: np.random.Generator, severity: float) -> Trial:
    """Losses that jump up for a step now and then, and go on falling as before."""

    def write(recorder: Any) -> None:
        k = np.arange(1_000)
        chance = np.random.default_rng(k.size)
        losses = 0.5 + 2 * np.exp(-k / 80) + 0.03 * chance.standard_normal(k.size)
        losses[chance.integers(200, 900, 4)] += 2
        for each in losses:
            recorder.step(each, learning_rate=1e-3)

    return _trial(HEALTHY, write)


def good_epochs(rng: np.random.Generator, severity: float) -> Trial:
    """A table of epochs whose two losses flatten together."""

    def write(recorder: Any) -> None:
        chance = np.random.default_rng(int(100 * severity))
        for k in range(60):
            recorder.step(
                0.3 + 0.9 * math.exp(-k / 8) + 0.004 * chance.standard_normal(),
                validation=0.36 + 0.85 * math.exp(-k / 8) + 0.008 * chance.standard_normal(),
            )

    return _trial(HEALTHY, write)


def bad_epochs(rng: np.random.Generator, severity: float) -> Trial:
    """A table of epochs whose validation loss turns round and rises."""
    turn, rise = int(rng.integers(8, 25)), 0.006 + 0.02 * severity
    seed = int(rng.integers(2**32))

    def write(recorder: Any) -> None:
        chance = np.random.default_rng(seed)
        for k in range(60):
            loss = 0.02 + 0.9 * math.exp(-k / 12) + 0.003 * chance.standard_normal()
            other = 0.4 + 0.6 * math.exp(-k / (turn / 3)) + rise * max(k - turn, 0) + 0.006 * chance.standard_normal()
            recorder.step(loss, validation=other)

    return _trial("over-fitting", write)


def few_epochs(rng: np.random.Generator, severity: float) -> Trial:
    """A table of epochs that ends while both losses still fall."""
    length = 25 + 30 * severity

    def write(recorder: Any) -> None:
        for k in range(20):
            recorder.step(0.2 + 2 * math.exp(-k / length), validation=0.25 + 2 * math.exp(-k / length))

    return _trial("too few iterations", write)


def long_steps(rng: np.random.Generator, severity: float) -> Trial:
    """Plain steps on all rows, twice the limit and more, until the loss overflows."""
    loop = Loop(int(60 + 100 * severity), ROWS, 3.5 + 3 * severity)
    return _trial("step above the stability limit", loop.writer(rng, (("rate",), ("rate", "gradient"))[severity > 0.5]))


def long_steps_on_batches(rng: np.random.Generator, severity: float) -> Trial:
    """Plain steps on batches that are so long that the loss hovers far above its minimum."""
    loop = Loop(800, 8, 0.08 + 0.06 * severity, noise=1.5)
    return _trial("noise of mini-batches", loop.writer(rng, ("rate", "gradient")))


# For each cause the ways to bring it about, which take turns. They are causes of their own, as all of them are loops.
SABOTAGES: dict[str, tuple[Callable[[np.random.Generator, float], Trial], ...]] = {
    "healthy: loops": (*(well(name) for name in HEALTHY_LOOPS), spikes, good_epochs),
    "loops: with a cause": (bad_epochs, few_epochs, long_steps, long_steps_on_batches),
}
