"""Waiting for searches and for worker processes, and the memory of a large table; against scikit-learn.

Each job runs in a new process with a cache of compiled programs of its own, first without programs and then with those
of the first run. The first time is that of the processor, of the process and its workers with their imports, as other
work on the machine disturbs it less; the second is that by the clock of the search alone. Memory is the peak beyond
the table, in shares of the table: a fit of a small table of the same shape comes first, so that a second fit of the
large one shows what compiled code takes, and the first what compiling it adds.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_diabetes
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - makes the next import possible
from sklearn.feature_selection import RFE
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import HalvingGridSearchCV, RepeatedStratifiedKFold, cross_validate, learning_curve
from stopwatch import timed

from steepest.estimators import DescentClassifier, DescentRegressor

X, Y = load_diabetes(return_X_y=True)
LABELS = (np.median(Y) < Y).astype(int)
FOLDS = RepeatedStratifiedKFold(n_splits=5, n_repeats=4, random_state=0)
# The parameter that sets the strength of the penalty in each library, and the values that a search tries.
STRENGTHS = {"steepest": ("alpha", [1e-4, 1e-3, 1e-2, 1e-1]), "scikit-learn": ("C", [0.1, 1.0, 10.0, 100.0])}
SEARCHES = {
    "20 fits, one process": lambda model, grid: cross_validate(model, X, LABELS, cv=FOLDS),
    "20 fits, two processes": lambda model, grid: cross_validate(model, X, LABELS, cv=FOLDS, n_jobs=2),
    "learning curve of 8 sizes": lambda model, grid: learning_curve(
        model, X, LABELS, cv=5, train_sizes=np.linspace(0.1, 1, 8)
    ),
    "elimination from 10 columns to 5": lambda model, grid: RFE(model, n_features_to_select=5).fit(X, LABELS),
    "search by halving": lambda model, grid: HalvingGridSearchCV(model, grid, random_state=0).fit(X, LABELS),
}
ROWS, COLUMNS, FEW = 200_000, 100, 6_000
FITS = {
    "linear": {"steepest": DescentRegressor(alpha=0.0), "scikit-learn": LinearRegression()},
    "logistic": {"steepest": DescentClassifier(alpha=1e-3), "scikit-learn": LogisticRegression(C=1e-2)},
}


def classifier(library):
    """Return a logistic regression of a library, and a grid of its penalties."""
    model = DescentClassifier(alpha=1e-3) if library == "steepest" else LogisticRegression()
    name, values = STRENGTHS[library]
    return model, {name: values}


def megabytes(what):
    """Return the memory of this process in MB: "VmRSS", that in use, or "VmHWM", its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def beyond(model, table, targets):
    """Return the peak memory of a fit beyond what was in use before, as a share of the table."""
    before = megabytes("VmRSS")
    # Begin a new peak.
    Path("/proc/self/clear_refs").write_text("5")
    model.fit(table, targets)
    return (megabytes("VmHWM") - before) * 2**20 / table.nbytes


def job(kind, name, library):
    """Print what a job takes: seconds, or the shares of a first and a second fit of a large table."""
    warnings.simplefilter("ignore")
    if kind == "search":
        model, grid = classifier(library)
        print(json.dumps([timed(lambda: SEARCHES[name](model, grid))]))
        return
    rng, model = np.random.default_rng(0), FITS[name][library]

    def data(rows):
        table = rng.standard_normal((rows, COLUMNS))
        outputs = table[:, 0] - table[:, 1] + rng.standard_normal(rows)
        return table, outputs if name == "linear" else outputs > 0

    model.fit(*data(FEW))
    large = data(ROWS)
    print(json.dumps([beyond(model, *large), beyond(model, *large)]))


def processor():
    """Return the processor's time of all processes that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def searched(folder, name, library):
    """Return what a search takes, as a text."""
    before = processor()
    clock = measured(folder, "search", name, library)[0]
    return f"{processor() - before:.1f} s ({clock:.1f} s)"


def measured(folder, *words):
    """Return what a job in a new process takes."""
    process = [sys.executable, __file__, *words]
    environment = os.environ | {"STEEPEST_CACHE": folder}
    done = subprocess.run(process, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def show(title, rows, *columns):
    """Print a table of texts."""
    table = Table(title=title, title_justify="left")
    for column in ("", *columns):
        table.add_column(column, justify="left" if column == "" else "right")
    for row in rows:
        table.add_row(*row)
    Console(width=110).print(table)


def main():
    """Run all jobs, and print what they take."""
    rows = []
    for name in SEARCHES:
        with tempfile.TemporaryDirectory() as folder:
            first, second = (searched(folder, name, "steepest") for _ in range(2))
        rows.append((name, first, second, searched("0", name, "scikit-learn")))
    show("Logistic regression, 442 x 10", rows, "steepest, first", "in a later process", "scikit-learn")
    rows = []
    for name, libraries in FITS.items():
        for library in libraries:
            first, again = measured("0", "memory", name, library)
            rows.append((f"{name}, {library}", f"{first:.2f}x", f"{again:.2f}x"))
    title = f"Peak memory beyond a table of {ROWS:,} x {COLUMNS}, {ROWS * COLUMNS * 8 / 1e6:.0f} MB"
    show(title, rows, "first fit", "second fit")


if __name__ == "__main__":
    job(*sys.argv[1:]) if len(sys.argv) > 1 else main()
