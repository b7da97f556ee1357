"""The limits by which a solver is chosen: seconds and readings of the rows by both solvers, below, at and above each.

Each pair of solvers fits the same rows to the same certificate, alternately, and medians are shown. A row tells who
should serve that many coefficients. A second table has least squares with coefficients of 0 or above, and SciPy's nnls.
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import nnls

import steepest as st
from steepest.fitting import solvers

ROUNDS = 3


def rows(columns: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return correlated columns and a noisy linear signal of a tenth of them."""
    rng = np.random.default_rng(seed)
    count = max(2_000, 4 * columns)
    X = rng.standard_normal((count, columns)) + rng.standard_normal((count, 1))
    w = np.where(rng.random(columns) < 0.1, rng.standard_normal(columns), 0.0)
    return X, X @ w + rng.standard_normal(count)


def logistic(columns: int) -> Callable[[], Any]:
    """Return a logistic fit with a ridge."""
    X, y = rows(columns)
    return lambda: st.fit(st.models.Logistic(), X, y > 0, penalty=st.penalties.L2(1e-3))


def huber(columns: int) -> Callable[[], Any]:
    """Return a fit by the Huber loss with a ridge."""
    X, y = rows(columns)
    return lambda: st.fit(st.models.Linear(), X, y, loss="huber", penalty=st.penalties.L2(1e-3))


def lasso(columns: int) -> Callable[[], Any]:
    """Return a fit with an L1 penalty."""
    X, y = rows(columns)
    return lambda: st.fit(st.models.Linear(), X, y, penalty=st.penalties.L1(0.1))


CASES = {
    "NEWTON": ("Newton / L-BFGS, log loss", logistic, (32, 64, 128, 256)),
    "NEWTON_IF_JUMPS": ("Newton / L-BFGS, Huber loss", huber, (125, 250, 500, 1_000)),
    "PROXIMAL_NEWTON": ("proximal Newton / on working sets", lasso, (250, 500, 999, 2_000)),
}


def measured(name: str, fit: Callable[[], Any]) -> dict[int, tuple[float, float, str]]:
    """Return seconds, evaluations and the outcome with the limit above the size, and below it."""
    found: dict[int, tuple[float, float, str]] = {}
    seconds: dict[int, list[float]] = {10**6: [], 0: []}
    for k in range(ROUNDS + 1):
        for limit in seconds:
            with patch.object(solvers, name, limit):
                began = time.perf_counter()
                run = fit()
            # The first round compiles.
            if k:
                seconds[limit].append(time.perf_counter() - began)
            found[limit] = (median(seconds[limit] or [0.0]), run.nfev, str(run.outcome))
    return found


# Rows and columns, and whether entries are positive: with fewer rows than columns of both signs all targets are met.
POSITIVE = ((300, 500, False), (300, 1_500, True), (300, 1_500, False), (1_000, 1_500, False), (2_000, 2_000, False))


def of_nnls() -> Table:
    """Return seconds and the difference of the least values, relative to the squared targets, a row a size."""
    table = Table(
        "rows x columns", "steepest", "nnls", "ratio", "difference", "gap", title="Coefficients of 0 or above"
    )
    for count, columns, is_positive in POSITIVE:
        rng = np.random.default_rng(1)
        X = rng.standard_normal((count, columns))
        X = np.abs(X) if is_positive else X
        y = X @ np.where(rng.random(columns) < 0.05, rng.random(columns), 0.0) + rng.standard_normal(count)
        spent: tuple[list[float], list[float]] = ([], [])
        for k in range(ROUNDS + 1):
            began = time.process_time()
            fit = st.fit(st.models.Linear(), X, y, bounds={"coef": (0, None)}, fixed={"intercept": 0.0})
            between = time.process_time()
            length = nnls(X, y, maxiter=100_000)[1]
            # The first round compiles.
            if k:
                spent[0].append(between - began)
                spent[1].append(time.process_time() - between)
        ours, theirs = map(median, spent)
        size = float(y @ y) / count
        table.add_row(
            f"{count:,} x {columns:,}{', above 0' if is_positive else ''}", f"{ours:.3f}", f"{theirs:.3f}",
            f"{ours / theirs:.1f}", f"{(fit.fun - length**2 / count) / size:.1e}", f"{fit.certificate.gap / size:.1e}",
        )  # fmt: skip
    return table


def main() -> None:
    """Print a row a size."""
    Console(width=140).print(of_nnls())
    table = Table("limit", "solvers", "columns", "seconds", "ratio", "evaluations", "outcomes", title="Limits")
    for name, (words, case, sizes) in CASES.items():
        for columns in sizes:
            (first, calls, ended), (second, others, end) = measured(name, case(columns)).values()
            ratio = f"{first / second:.2f}"
            table.add_row(
                name, words, f"{columns:,}", f"{first:.3f} / {second:.3f}", ratio, f"{calls} / {others}",
                ended if ended == end else f"{ended} / {end}",
            )  # fmt: skip
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
