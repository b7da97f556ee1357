"""The cost of choosing a penalty's strength: fits with penalty="auto" and the like against fits with the one chosen.

Both sides are warm and take turns; the times are those of the processor in this process. A fit with a strength that is
chosen makes one fit with that strength at the end, which is part of its time.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import statistics
import sys
import time
import warnings
from collections.abc import Iterator

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits, load_wine

import steepest as st
from steepest.fitting.strength.record import StrengthPath
from steepest.models.penalties import named

# Pairs are timed until they have taken so many seconds, but so many at least and at most.
SECONDS, LEAST, MOST = 3.0, 3, 41


def rows(n: int, p: int, kind: str = "squared", noise: float = 3.0, used: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return rows in several units, and targets that depend on a few columns."""
    rng = np.random.default_rng(n + p)
    X = rng.normal(size=(n, p))
    z = X[:, :used] @ np.array([1.0, -1.0, 0.7, 0.5, -0.3])[:used]
    X *= 10.0 ** rng.integers(-2, 3, p)
    if kind == "squared":
        return X, z + noise * rng.normal(size=n)
    if kind == "poisson":
        return X, rng.poisson(np.exp(0.3 * z + 0.5)).astype(float)
    if kind == "softmax":
        return X, (np.column_stack([z, -z, np.zeros(n)]) + rng.gumbel(size=(n, 3))).argmax(axis=1)
    return X, (z + noise / 2 * rng.logistic(size=n) > 0).astype(float)


def cases() -> Iterator[tuple[str, object, str | None, tuple[np.ndarray, np.ndarray], str]]:
    """Yield each case: its name, the model, the loss, the rows with their targets and the argument `penalty`."""
    linear, logistic, softmax = st.models.Linear(), st.models.Logistic(), st.models.Multinomial()
    for n, p in ((300, 10), (3000, 50), (100, 500)):
        yield f"squared, {n} x {p}", linear, None, rows(n, p), "auto"
    for n, p in ((300, 10), (1000, 30), (3000, 300)):
        yield f"log loss, {n} x {p}", logistic, None, rows(n, p, "log loss"), "auto"
    yield "softmax, wine, 178 x 13 x 3", softmax, None, load_wine(return_X_y=True), "auto"
    yield "softmax, 344 x 9 x 3", softmax, None, rows(344, 9, "softmax"), "auto"
    yield "softmax, digits, 1797 x 64 x 10", softmax, None, load_digits(return_X_y=True), "auto"
    yield "Poisson, 1000 x 20", st.models.Poisson(), None, rows(1000, 20, "poisson"), "auto"
    yield "absolute, 300 x 10", linear, "absolute", rows(300, 10), "auto"
    yield "squared, 400 x 30", linear, None, rows(400, 30), "auto-l1"
    yield "squared, 100 x 500", linear, None, rows(100, 500), "auto-l1"
    yield "log loss, 400 x 30", logistic, None, rows(400, 30, "log loss"), "auto-l1"
    yield "softmax, wine, 178 x 13 x 3", softmax, None, load_wine(return_X_y=True), "auto-l1"
    yield "squared, 400 x 30", linear, None, rows(400, 30), "auto-elasticnet"
    yield "log loss, 400 x 30", logistic, None, rows(400, 30, "log loss"), "auto-elasticnet"


def with_strength(path: StrengthPath) -> st.penalties.L2 | st.penalties.L1 | None:
    """Return the penalty that a path chose."""
    if not path.chosen:
        return None
    return named(path.kind, path.chosen, path.l1_ratio or 1.0, scales="standard")


def seconds(model: object, loss: str | None, X: np.ndarray, y: np.ndarray, penalty: object) -> float:
    """Return the seconds of the processor that a fit takes."""
    began = time.process_time()
    st.fit(model, X, y, loss=loss, penalty=penalty, progress=False)
    return time.process_time() - began


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    table = Table(title="choosing a strength, warm: medians of CPU, both sides in turns", title_justify="left")
    for column in ("", "penalty", "chosen", "one fit", "with the choice", "ratio"):
        table.add_column(column, justify="left" if column in ("", "penalty") else "right")
    for name, model, loss, (X, y), penalty in cases():
        if wanted not in f"{name}, {penalty}":
            continue
        path = st.fit(model, X, y, loss=loss, penalty=penalty, progress=False).path
        given = with_strength(path)
        seconds(model, loss, X, y, given)
        times: tuple[list[float], list[float]] = ([], [])
        while len(times[0]) < LEAST or (sum(map(sum, times)) < SECONDS and len(times[0]) < MOST):
            times[0].append(seconds(model, loss, X, y, given))
            times[1].append(seconds(model, loss, X, y, penalty))
        one, several = map(statistics.median, times)
        ratio = statistics.median(b / a for a, b in zip(*times, strict=True))
        shown = f"{path.chosen:.3g}" if path.chosen else "none"
        table.add_row(name, penalty, shown, f"{1e3 * one:.1f} ms", f"{1e3 * several:.1f} ms", f"{ratio:.1f}x")
    Console(width=120).print(table)
