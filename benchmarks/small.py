"""Small problems: warm and cold calls of `minimize`, against SciPy's BFGS with the exact gradient."""

import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize, rosen, rosen_der

import steepest as st
from functions import beale, beale_slope, bowl, bowl_slope, himmelblau, himmelblau_slope, rosenbrock, rosenbrock_slope

ROUNDS, PROCESSES = 101, 5
# The function, its gradient, its start, and a maker of new functions of the same code.
PROBLEMS = {
    "x² + y²": (bowl, bowl_slope, (9.0, 9.0), lambda: lambda p: p[0] ** 2 + p[1] ** 2),
    "Himmelblau": (
        himmelblau,
        himmelblau_slope,
        (0.0, 0.0),
        lambda: lambda p: (p[0] ** 2 + p[1] - 11) ** 2 + (p[0] + p[1] ** 2 - 7) ** 2,
    ),
    "Beale": (
        beale,
        beale_slope,
        (-2.0, 2.0),
        lambda: (
            lambda p: (
                (1.5 - p[0] + p[0] * p[1]) ** 2
                + (2.25 - p[0] + p[0] * p[1] ** 2) ** 2
                + (2.625 - p[0] + p[0] * p[1] ** 3) ** 2
            )
        ),
    ),
    "Rosenbrock": (
        rosenbrock,
        rosenbrock_slope,
        (-1.2, 1.0),
        lambda: lambda p: (p[0] - 1) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2,
    ),
    "Rosenbrock of 10": (
        rosen,
        rosen_der,
        (-1.2, 1.0) * 5,
        lambda: lambda p: (100 * (p[1:] - p[:-1] ** 2) ** 2 + (1 - p[:-1]) ** 2).sum(),
    ),
}
FIRST = (
    "import time; began = time.perf_counter(); import steepest as st; "
    "st.minimize(lambda x, y: (x - 1) ** 2 + 100 * (y - x**2) ** 2, (-1.2, 1)); print(time.perf_counter() - began)"
)


def warm() -> None:
    """Print the medians of calls that need no compilation, and the median of their ratios, pair by pair."""
    table = Table(title="warm", title_justify="left")
    for column in ("", "SciPy BFGS", "the same function", "ratio", "a new lambda", "ratio", "slopes", "SciPy's"):
        table.add_column(column, justify="right" if column else "left")
    for name, (f, slope, start, make) in PROBLEMS.items():
        x = np.array(start)
        jobs = (
            lambda f=f, x=x, slope=slope: minimize(f, x, jac=slope, method="BFGS"),
            lambda f=f, x=x: st.minimize(f, x),
            lambda make=make, x=x: st.minimize(make(), x),
        )
        theirs, ours, _ = [[job(), job()][1] for job in jobs]
        times = np.array([[timed(job) for job in jobs] for _ in range(ROUNDS)])
        theirs_ms, same_ms, new_ms = 1e3 * np.median(times, axis=0)
        same, new = np.median(times[:, 1:] / times[:, :1], axis=0)
        counts = str(ours.nfev), str(theirs.nfev)
        table.add_row(
            name, f"{theirs_ms:.2f} ms", f"{same_ms:.2f} ms", f"{same:.2f}x", f"{new_ms:.2f} ms", f"{new:.2f}x", *counts
        )
    Console(width=120).print(table)


def cold() -> None:
    """Print how long new processes take until their first answer: without a cache, with an empty one, and with one."""
    with tempfile.TemporaryDirectory() as folder:
        home = {"XDG_CACHE_HOME": folder}
        whole, inside = zip(*(first({"STEEPEST_CACHE": "0"}) for _ in range(PROCESSES)), strict=True)
        filling = first(home)
        cached, cached_inside = zip(*(first(home) for _ in range(PROCESSES)), strict=True)
    table = Table(title="first answer of a new process, Rosenbrock", title_justify="left")
    for column in ("", "whole process", "import and call"):
        table.add_column(column, justify="right" if column else "left")
    table.add_row("without a cache", f"{statistics.median(whole):.2f} s", f"{statistics.median(inside):.2f} s")
    table.add_row("the call that fills the cache", f"{filling[0]:.2f} s", f"{filling[1]:.2f} s")
    table.add_row("with a cache", f"{statistics.median(cached):.2f} s", f"{statistics.median(cached_inside):.2f} s")
    Console(width=120).print(table)


def first(variables: dict[str, str]) -> tuple[float, float]:
    """Return the seconds that a new process takes, and those of them after Python has started."""
    began = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-c", FIRST], env=os.environ | variables, check=True, capture_output=True, text=True
    )
    return time.perf_counter() - began, float(run.stdout)


def timed(job) -> float:
    """Return the seconds that a job takes."""
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


if __name__ == "__main__":
    warm()
    cold()
