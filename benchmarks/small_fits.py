"""Small fits: curves of 2 to 5 parameters on 50 points against curve_fit, 442 x 10 tables against scikit-learn.

And 1,000 bootstrap refits of a curve against a loop over curve_fit.
"""

import statistics
import sys
import time
import warnings

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import optimize
from sklearn.linear_model import LinearRegression, LogisticRegression

import steepest as st

# How often each pair is timed, one after the other: the machine's other work then slows both sides alike.
ROUNDS = 60
rng = np.random.default_rng(0)
x = np.linspace(0.1, 5.0, 50)


def decay(x, height, rate):
    """Return an exponential decay."""
    return height * np.exp(-rate * x)


def decay_to(x, height, rate, level):
    """Return an exponential decay to a level."""
    return height * np.exp(-rate * x) + level


def peak(x, height, centre, width, level):
    """Return a Gaussian peak above a level."""
    return height * np.exp(-((x - centre) ** 2) / (2 * width**2)) + level


def two_decays(x, a, b, c, d, level):
    """Return the sum of two exponential decays above a level."""
    return a * np.exp(-b * x) + c * np.exp(-d * x) + level


# The function, its parameters, and a start.
CURVES = {
    "decay, 2 parameters": (decay, (3.0, 0.7), (1.0, 1.0)),
    "decay to a level, 3": (decay_to, (3.0, 0.7, 0.5), (1.0, 1.0, 1.0)),
    "peak, 4": (peak, (3.0, 2.0, 0.6, 0.5), (2.0, 2.5, 1.0, 0.0)),
    "two decays, 5": (two_decays, (3.0, 0.4, 2.0, 3.0, 0.5), (2.0, 0.5, 1.0, 2.0, 0.1)),
}


def ys(function, true):
    """Yield new data of a curve."""
    while True:
        yield function(x, *true) + 0.05 * rng.normal(size=x.size)


def fresh(function):
    """Return a new function object with the code of a function."""
    return type(function)(function.__code__, function.__globals__, function.__name__)


def pair(ours, theirs, rounds=ROUNDS):
    """Return the seconds of both sides, which take turns on the same data: a job gives a pair of functions."""
    times = [], []
    for k in range(rounds + 3):
        for job, seconds in ((ours, times[0]), (theirs, times[1])) if k % 2 else ((theirs, times[1]), (ours, times[0])):
            began = time.perf_counter()
            job(k)
            seconds.append(time.perf_counter() - began)
    return [seconds[3:] for seconds in times]


def rows():
    """Yield the name of each comparison and its two jobs."""
    for name, (function, true, start) in CURVES.items():
        made = ys(function, true)
        data = [next(made) for _ in range(ROUNDS + 3)]
        yield (
            f"{name}, again",
            lambda k, f=function, d=data, s=start: st.fit(f, x, d[k], start=s),
            lambda k, f=function, d=data, s=start: optimize.curve_fit(f, x, d[k], p0=s),
        )
        lambdas = [fresh(function) for _ in range(ROUNDS + 3)]
        yield (
            f"{name}, a new function of the same code",
            lambda k, fs=lambdas, d=data, s=start: st.fit(fs[k], x, d[k], start=s),
            lambda k, fs=lambdas, d=data, s=start: optimize.curve_fit(fs[k], x, d[k], p0=s),
        )
    X = rng.normal(size=(442, 10)) * np.logspace(-1, 1, 10)
    coefficients = rng.normal(size=10)
    targets = [X @ coefficients + rng.normal(size=442) for _ in range(ROUNDS + 3)]
    classes = [(target > 0).astype(float) for target in targets]
    yield (
        "linear, 442 x 10",
        lambda k: st.fit(st.models.Linear(), X, targets[k]),
        lambda k: LinearRegression().fit(X, targets[k]),
    )
    # Both without a penalty: the model of steepest has none.
    yield (
        "logistic, 442 x 10",
        lambda k: st.fit(st.models.Logistic(), X, classes[k]),
        lambda k: LogisticRegression(C=np.inf).fit(X, classes[k]),
    )
    ridge = st.penalties.L2(1 / 442)
    yield (
        "logistic, 442 x 10, L2",
        lambda k: st.fit(st.models.Logistic(), X, classes[k], penalty=ridge),
        lambda k: LogisticRegression().fit(X, classes[k]),
    )


def loop_over_curve_fit(function, y, start, resamples):
    """Return the seconds of as many refits by curve_fit, each to rows drawn again."""
    drawn = np.random.default_rng(0).integers(0, len(x), (resamples, len(x)))
    began = time.perf_counter()
    for places in drawn:
        try:
            optimize.curve_fit(function, x[places], y[places], p0=start)
        except RuntimeError:
            # It has not converged.
            continue
    return time.perf_counter() - began


def refits(resamples=1_000, rounds=7):
    """Print the median seconds of a bootstrap and of the loop, which are timed in turns."""
    table = Table(title=f"{resamples:,} bootstrap refits, warm: medians", title_justify="left")
    for column in ("", "fit.bootstrap", "loop over curve_fit", "ratio"):
        table.add_column(column, justify="left" if not column else "right")
    for name, (function, true, start) in CURVES.items():
        y = next(ys(function, true))
        fit = st.fit(function, x, y, start=start)
        fit.bootstrap(resamples, rng=0)
        answer, times = tuple(fit.params.values()), ([], [])
        for _ in range(rounds):
            began = time.perf_counter()
            fit.bootstrap(resamples, rng=0)
            times[0].append(time.perf_counter() - began)
            # A tenth of the loop.
            times[1].append(10 * loop_over_curve_fit(function, y, answer, resamples // 10))
        ours, theirs = map(statistics.median, times)
        table.add_row(name, f"{1e3 * ours:.1f} ms", f"{1e3 * theirs:.0f} ms", f"{theirs / ours:.0f}x")
    Console(width=120).print(table)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    table = Table(title="small fits, warm: medians, both sides in turns", title_justify="left")
    for column in ("", "steepest", "the other", "ratio", "quartiles of the ratio"):
        table.add_column(column, justify="left" if not column else "right")
    for name, ours, theirs in rows():
        if wanted not in name:
            continue
        mine, other = pair(ours, theirs)
        ratios = sorted(a / b for a, b in zip(mine, other, strict=True))
        quartiles = f"{ratios[len(ratios) // 4]:.1f} to {ratios[3 * len(ratios) // 4]:.1f}"
        a, b = statistics.median(mine), statistics.median(other)
        table.add_row(name, f"{1e3 * a:.2f} ms", f"{1e3 * b:.2f} ms", f"{a / b:.1f}x", quartiles)
    Console(width=120).print(table)
    refits()
