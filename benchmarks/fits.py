"""The cost of fits to tables compared with peers: an epoch, a full gradient, sparse rows, memory.

    python benchmarks/fits.py                  all parts, at their full size (a few GB of memory)
    python benchmarks/fits.py epoch --rows 200000

In each round every method runs once, so that other work on the machine affects all of them. The benchmark
prints medians over the rounds, and medians of the ratios within a round.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse import csr_array
from sklearn.linear_model import SGDClassifier, SGDRegressor

import steepest as st
from steepest.derivatives.precision import double_precision
from steepest.rules.choose import choose

COLUMNS, WIDE, HELD = 100, 47_000, 75
RATE = 1e-4
# The time of an epoch of scikit-learn is half the difference between runs of these numbers of epochs.
FEW, MORE = 1, 3
REST, ROW = 0.2, 5

Clock = Callable[[], float]


def main() -> None:
    """Run the chosen parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(PARTS)}; all by default")
    parser.add_argument("--rows", type=int, help="number of rows; 1,000,000 by default, or 200,000 sparse ones")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    for part in asked.parts or PARTS:
        PARTS[part](asked.rows or (200_000 if part == "sparse" else 1_000_000), asked.rounds)


def epoch(rows: int, rounds: int) -> None:
    """Time one epoch of squared loss on dense rows in single precision."""
    X, y = table(rows)
    clocks: dict[str, Clock] = {"scikit-learn, row by row": by_sklearn(SGDRegressor(eta0=RATE, **CONSTANT), X, y)}
    for size in (1, 32):
        clocks[f"steepest, batches of {size}"] = ours(st.models.Linear(), X, y, size, RATE)
    compare(f"an epoch of {rows:,} x {COLUMNS} in float32", clocks, rounds)


def sparse(rows: int, rounds: int) -> None:
    """Time one epoch of log loss on sparse rows."""
    for uneven in (False, True):
        X, y = sparse_table(rows, uneven)
        clocks = {"scikit-learn, row by row": by_sklearn(SGDClassifier(loss="log_loss", eta0=1e-2, **CONSTANT), X, y)}
        for size in (1, 32, 64, 256):
            clocks[f"steepest, batches of {size}"] = ours(st.models.Logistic(), X, y, size, 1e-2)
        kind = "of 75 on the whole, uneven" if uneven else "of 75"
        compare(f"an epoch of {rows:,} x {WIDE:,} sparse rows {kind}", clocks, rounds)


def gradient(rows: int, rounds: int) -> None:
    """Time the gradient of a least-squares loss over all rows; steepest computes in double precision in both cases."""
    for dtype in (np.float32, np.float64):
        X, y = table(rows if dtype is np.float32 else rows // 2)
        X, y = X.astype(dtype, copy=False), y.astype(dtype)
        w, theta, flat = np.zeros(COLUMNS, dtype), np.zeros(COLUMNS + 1), X.ravel()
        half = X.size // 2
        objective = st.fit(st.models.Linear(), X, y, step=RATE, epochs=1).objective
        assert objective is not None
        clocks: dict[str, Clock] = {
            "NumPy, X.T @ (X @ w - y)": partial(in_a_row, partial(two_passes, X, y, w)),
            "steepest, with the loss": partial(in_a_row, partial(objective.slope, theta)),
            "X read once": partial(in_a_row, partial(np.dot, flat[:half], flat[half : 2 * half])),
        }
        times = compare(f"a gradient of {len(X):,} x {COLUMNS} in {np.dtype(dtype)}", clocks, rounds)
        speed = X.nbytes / 1e9 / times["X read once"]
        part = times["X read once"] / times["steepest, with the loss"]
        print(f"  memory is read at {speed:.1f} GB/s, and the gradient reads it at {part:.0%} of that speed\n")


def two_passes(X: np.ndarray, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return the gradient by NumPy."""
    return X.T @ (X @ w - y)


def in_a_row(work: Callable[[], object]) -> float:
    """Return the mean time of work that is repeated, as in a descent."""
    work()
    return timed(lambda: [work() for _ in range(ROW)]) / ROW


def memory(rows: int, rounds: int) -> None:
    """Measure the peak memory of whole fits, each in its own process."""
    print("peak memory beyond the caller's X")
    for kind in ("dense", "batches", "sparse", "uneven"):
        command = [sys.executable, __file__, "peak", "--rows", str(rows)]
        done = subprocess.run([*command, "--kind", kind], capture_output=True, text=True, check=True)
        print(f"  {kind:<28} {done.stdout.strip()}")
    print()


def peak(rows: int, kind: str) -> None:
    """Print the memory that a fit adds to this process, as a part of its data."""
    sizes = {"step": RATE, "epochs": 1, "batch_size": 32 if kind == "batches" else None}
    if kind in ("dense", "batches"):
        X, y = table(rows)
        model, held = st.models.Linear(), X.nbytes
        few = X[:1000]
    else:
        X, y = sparse_table(rows // 5, kind == "uneven")
        model, held = st.models.Logistic(), X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
        few = X[:1000]
    st.fit(model, few, y[:1000], **sizes)
    # Reset the peak that Linux has recorded.
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    st.fit(model, X, y, **sizes)
    print(f"{(resident('VmHWM') - before) / held:.2f} x the {held / 1e6:.0f} MB of rows")


def resident(what: str) -> int:
    """Return the current (VmRSS) or the peak (VmHWM) memory of this process in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(what))


CONSTANT = {"penalty": None, "learning_rate": "constant", "tol": None}
PARTS = {"epoch": epoch, "gradient": gradient, "sparse": sparse, "memory": memory}


def table(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows in single precision, and targets."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((rows, COLUMNS), dtype=np.float32)
    return X, X @ rng.normal(size=COLUMNS) + rng.normal(size=rows)


def sparse_table(rows: int, uneven: bool) -> tuple[csr_array, np.ndarray]:
    """Return sparse rows with 75 entries each, or with a log-normal number of this mean, and their classes."""
    rng = np.random.default_rng(0)
    lengths = np.full(rows, HELD)
    if uneven:
        lengths = np.clip(rng.lognormal(np.log(HELD) - 0.32, 0.8, rows), 1, WIDE).astype(int)
    starts = np.append(0, np.cumsum(lengths)).astype(np.int32)
    columns = rng.integers(0, WIDE, starts[-1], dtype=np.int32)
    X = csr_array((rng.standard_normal(starts[-1]), columns, starts), shape=(rows, WIDE))
    X.sum_duplicates()
    return X, (X @ rng.normal(size=WIDE) > 0).astype(float)


def by_sklearn(model: SGDRegressor | SGDClassifier, X: object, y: np.ndarray) -> Clock:
    """Return a function that times an epoch of scikit-learn, without the work that its `fit` does once."""

    def seconds() -> float:
        few = timed(lambda: model.set_params(max_iter=FEW).fit(X, y))
        return (timed(lambda: model.set_params(max_iter=MORE).fit(X, y)) - few) / (MORE - FEW)

    return seconds


def ours(model: object, X: object, y: np.ndarray, size: int, rate: float) -> Clock:
    """Return a function that times the updates of an epoch; a fit also computes the loss over all rows."""
    fitted = st.fit(model, X, y, batch_size=size, step=rate, epochs=1, rng=0)
    objective, rules = fitted.objective, choose(None, rate, noisy=True)
    assert objective is not None
    assert objective.compiled is not None
    go = objective.compiled.epoch
    assert go is not None
    with double_precision():
        x = jnp.zeros(objective.size)
        run = jax.jit(lambda x, k, arrays: go(rules, x, rules.start(x), k, arrays, (), 0)[0])
        run = run.lower(x, 0, objective.arrays).compile()
        run(x, 0, objective.arrays).block_until_ready()

    def seconds() -> float:
        with double_precision():
            return timed(lambda: run(x, 1, objective.arrays).block_until_ready())

    return seconds


def timed(work: Callable[[], object]) -> float:
    """Return the time of work in seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare(what: str, clocks: dict[str, Clock], rounds: int) -> dict[str, float]:
    """Print the median times and the median ratios to the first one within a round; return the median times."""
    print(what)
    seen = {name: np.array([0.0] * rounds) for name in clocks}
    for k in range(rounds):
        for name, clock in clocks.items():
            # The threads of BLAS keep spinning for a while after a product.
            time.sleep(REST)
            seen[name][k] = clock()
    first = next(iter(seen.values()))
    for name, times in seen.items():
        print(f"  {name:<28} {np.median(times):8.4f} s   {np.median(first / times):5.2f} x")
    print()
    return {name: float(np.median(times)) for name, times in seen.items()}


if __name__ == "__main__":
    if sys.argv[1:2] == ["peak"]:
        peak(int(sys.argv[3]), sys.argv[5])
    else:
        main()
