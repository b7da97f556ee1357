"""NIST's 27 certified non-linear regressions from both starts, compared with SciPy's curve_fit and least_squares."""

import statistics
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import optimize

import steepest as st

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.oracles.nist import NonLinear

ENOUGH = 6.0  # correct digits in every parameter


def ours(problem, start):
    """Fit by the defaults of steepest."""
    return list(st.fit(problem.predict, problem.x, problem.y, start=start).params.values())


def ours_by_differences(problem, start):
    """Fit a model whose code can't be traced."""

    def hidden(x, *b):
        return problem.predict(x, *map(float, b))

    names = ", ".join(f"b{k + 1}" for k in range(problem.certified.size))
    model = eval(f"lambda x, {names}: hidden(x, {names})", {"hidden": hidden})  # noqa: S307 - gives the model named parameters
    return list(st.fit(model, problem.x, problem.y, start=start).params.values())


def curve_fit(problem, start):
    """SciPy's curve_fit with its defaults."""
    return optimize.curve_fit(problem.predict, problem.x, problem.y, p0=start)[0]


def curve_fit_tight(problem, start):
    """SciPy's curve_fit with the tightest tolerances and practically no limit on calls."""
    tight = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15, "maxfev": 100_000}
    return optimize.curve_fit(problem.predict, problem.x, problem.y, p0=start, **tight)[0]


def least_squares(problem, start):
    """SciPy's least_squares with its defaults."""
    return optimize.least_squares(lambda b: problem.predict(problem.x, *b) - problem.y, start).x


def least_squares_tight(problem, start):
    """SciPy's least_squares by Levenberg-Marquardt, with tight tolerances and parameters in units of the start."""
    tight = {"method": "lm", "x_scale": np.abs(start), "ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15, "max_nfev": 100_000}
    return optimize.least_squares(lambda b: problem.predict(problem.x, *b) - problem.y, start, **tight).x


METHODS = {
    "steepest": ours,
    "steepest, not traced": ours_by_differences,
    "curve_fit": curve_fit,
    "curve_fit, tight": curve_fit_tight,
    "least_squares": least_squares,
    "least_squares, lm, tight": least_squares_tight,
}


def tried(method, problem, start):
    """Return the number of correct digits, the seconds of a first call, and those of a second."""
    seconds = []
    digits = 0.0
    for _ in range(2):
        began = time.perf_counter()
        try:
            digits = problem.digits(method(problem, start))
        except (RuntimeError, ValueError):
            digits = 0.0
        seconds.append(time.perf_counter() - began)
    return digits, *seconds


def shown(digits):
    """Return a number of digits as text, in red if they are too few."""
    return f"{digits:4.1f}" if digits >= ENOUGH else f"[red]{digits:4.1f}[/]"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    console = Console(width=130)
    digits = Table(title="digits of the worst parameter, first and second start", title_justify="left")
    digits.add_column("")
    for name in METHODS:
        digits.add_column(name, justify="right")
    seen = {name: [] for name in METHODS}
    for name in NonLinear.names:
        problem, line = NonLinear(name), []
        for method, solve in METHODS.items():
            both = [tried(solve, problem, start) for start in problem.starts]
            seen[method] += both
            line.append("  ".join(shown(right) for right, *_ in both))
        digits.add_row(name, *line)
    console.print(digits)
    table = Table(title=f"of {2 * len(NonLinear.names)} runs", title_justify="left")
    table.add_column("")
    for column in (f"≥ {ENOUGH:g} digits", "median digits", "ms, first call", "ms, again", "slowest, again"):
        table.add_column(column, justify="right")
    for method, runs in seen.items():
        right, first, again = zip(*runs, strict=True)
        times = (statistics.median(first[::2]), statistics.median(again), max(again))
        shares = str(sum(r >= ENOUGH for r in right)), f"{statistics.median(right):.1f}"
        table.add_row(method, *shares, *(f"{1e3 * seconds:,.1f}" for seconds in times))
    console.print(table)
