"""How long a recorded step takes, beside appending a tuple to a list.

Usage: python benchmarks/recorder.py [STEPS]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np

import steepest as st

ROUNDS = 7


def bare(count: int) -> None:
    """Append a tuple to a list, step by step."""
    kept: list[tuple[float, float]] = []
    for k in range(count):
        kept.append((float(k), 0.1))


def floats(count: int) -> None:
    """Record values that are Python's numbers."""
    rec = st.Recorder()
    for k in range(count):
        rec.step(float(k))


def rates(count: int) -> None:
    """Record values and learning rates."""
    rec = st.Recorder()
    for k in range(count):
        rec.step(float(k), learning_rate=0.1)


def doubles(count: int) -> None:
    """Record values that are NumPy's numbers."""
    rec, value, rate = st.Recorder(), np.float64(3.0), np.float64(0.1)
    for _ in range(count):
        rec.step(value, learning_rate=rate)


def gradients(count: int) -> None:
    """Record a point and a gradient of ten coordinates, too."""
    rec, x = st.Recorder(), np.ones(10)
    for k in range(count):
        rec.step(float(k), gradient=x, x=x, learning_rate=0.1)


def seconds(work: Callable[[int], None], count: int) -> float:
    """Return the processor's seconds that a loop takes."""
    began = time.process_time()
    work(count)
    return time.process_time() - began


def main() -> None:
    """Print the microseconds of a step: the median of rounds that are taken in turn."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    ways = (bare, floats, rates, doubles, gradients)
    taken = {way: [seconds(way, count) for _ in range(1)] for way in ways}
    for _ in range(ROUNDS - 1):
        for way in ways:
            taken[way].append(seconds(way, count))
    for way in ways:
        print(f"{way.__name__:10} {1e6 * statistics.median(taken[way]) / count:8.2f} µs a step")


if __name__ == "__main__":
    main()
