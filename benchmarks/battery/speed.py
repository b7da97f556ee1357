"""How long the diagnosis of a long trace takes."""

from __future__ import annotations

import time

import numpy as np

import steepest as st


def speed(rows: int = 100_000, columns: int = 5) -> None:
    """Print how long the diagnosis of a trace takes, for several courses of a descent."""
    k = np.arange(rows)
    fall = np.exp(-k / 5_000)
    courses = {
        "converging": fall,
        "noisy": fall + 0.01 * np.random.default_rng(0).exponential(size=rows),
        "zigzag": np.exp(-k / 50_000) * (1 + 0.5 * (-1.0) ** k),
        "growing": np.exp(k / 5_000),
        "with gaps": np.where(k % 7 == 0, np.nan, fall),
    }
    for name, value in courses.items():
        trace = st.Trace(
            {
                "iteration": k, "evaluations": k + 1, "value": value, "gradient_norm": np.sqrt(np.abs(value)),
                "step_size": np.full(rows, 0.01), "seconds": 1e-4 * k, "validation": value + 0.1,
            },
            np.sqrt(np.abs(value))[:, None] * np.linspace(1, 2, columns), [],
        )  # fmt: skip
        run = st.Run(
            x=trace.x[-1], fun=float(value[-1]), jac=np.zeros(columns), nit=rows - 1, nfev=rows, njev=rows,
            outcome=st.Outcome.RECORDED, message="recorded", certificate=st.Certificate(), trace=trace, kind="recorded",
            why="made for this benchmark",
        )  # fmt: skip
        began = time.perf_counter()
        found = run.diagnose()
        print(f"{name:10} {time.perf_counter() - began:.3f} s  {[finding.name for finding in found]}")
