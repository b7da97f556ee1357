"""Small problems: warm and cold calls of `minimize`, against SciPy's BFGS with the exact gradient.

Times are those of the processor, of all threads of the process, as other work on the machine disturbs them less. Only
new processes have the time by the clock beside them.
"""

import os
import resource
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


def new_beale(p):
    """Return Beale's function."""
    x, y = p
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


# The function, its gradient, its start, and a maker of new functions of the same code.
PROBLEMS = {
    "x² + y²": (bowl, bowl_slope, (9.0, 9.0), lambda: lambda p: p[0] ** 2 + p[1] ** 2),
    "Himmelblau": (
        himmelblau,
        himmelblau_slope,
        (0.0, 0.0),
        lambda: lambda p: (p[0] ** 2 + p[1] - 11) ** 2 + (p[0] + p[1] ** 2 - 7) ** 2,
    ),
    "Beale": (beale, beale_slope, (1.0, 1.0), lambda: lambda p: new_beale(p)),
    # From here f falls towards infinity, and has no minimum on the way.
    "Beale from (-2, 2)": (beale, beale_slope, (-2.0, 2.0), lambda: lambda p: new_beale(p)),
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
FIRST = """
import steepest as st
print(st.minimize(lambda x, y: (x - 1) ** 2 + 100 * (y - x**2) ** 2, (-1.2, 1)))
"""


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
    """Print the time of new processes until their first answer: without stored programs, storing, and reading them."""
    table = Table(title="first answer of a new process, Rosenbrock", title_justify="left")
    for column in ("", "processor", "clock"):
        table.add_column(column, justify="right" if column else "left")
    with tempfile.TemporaryDirectory() as folder:
        stored = {"XDG_CACHE_HOME": folder}
        for name, variables, count in (
            ("without stored programs", {"STEEPEST_CACHE": "0"}, PROCESSES),
            ("storing them", stored, 1),
            ("reading them", stored, PROCESSES),
        ):
            processor, clock = zip(*(first(variables) for _ in range(count)), strict=True)
            table.add_row(name, f"{statistics.median(processor):.2f} s", f"{statistics.median(clock):.2f} s")
    Console(width=120).print(table)


def first(variables: dict[str, str]) -> tuple[float, float]:
    """Return the seconds that a new process takes of the processor, and by the clock."""
    before, began = children(), time.perf_counter()
    subprocess.run([sys.executable, "-c", FIRST], env=os.environ | variables, check=True, capture_output=True)
    return children() - before, time.perf_counter() - began


def children() -> float:
    """Return the seconds of the processor that all ended child processes have taken."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(job) -> float:
    """Return the seconds of the processor that a job takes."""
    began = time.process_time()
    job()
    return time.process_time() - began


if __name__ == "__main__":
    warm()
    cold()
