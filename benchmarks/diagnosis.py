"""How often a diagnosis is right: sabotaged runs whose cause is known, and healthy ones.

Usage: python benchmarks/diagnosis.py [--half develop|scored] [--cause NAME] [--each N]
       python benchmarks/diagnosis.py --speed
"""

from __future__ import annotations

import argparse
import time
import traceback
from collections import Counter

import numpy as np
from battery import healthy, learning, noise, rows, shape, steps
from battery.trial import HEALTHY, Trial

import steepest as st

SABOTAGES = (
    steps.SABOTAGES | shape.SABOTAGES | noise.SABOTAGES | rows.SABOTAGES | learning.SABOTAGES | healthy.SABOTAGES
)
# The halves have their own seeds and severities: those of the scored half are drawn, those of the other are fixed.
SEEDS = {"develop": 1, "scored": 2}
FIXED = (0.1, 0.35, 0.6, 0.85)


def trials(cause: str, half: str, each: int) -> list[Trial]:
    """Return the trials of a cause."""
    made = []
    ways = SABOTAGES[cause]
    for k in range(each):
        rng = np.random.default_rng([SEEDS[half], sum(map(ord, cause)), k])
        severity = FIXED[(k // len(ways)) % len(FIXED)] if half == "develop" else float(rng.uniform())
        made.append(ways[k % len(ways)](rng, severity))
    return made


def main() -> None:
    """Run the battery and print the scores."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--half", choices=list(SEEDS), default="develop")
    parser.add_argument("--cause")
    parser.add_argument("--each", type=int, default=12)
    parser.add_argument("--speed", action="store_true", help="time the diagnosis of long traces instead")
    asked = parser.parse_args()
    if asked.speed:
        speed()
        return
    for cause in [asked.cause] if asked.cause else list(SABOTAGES):
        first, within, cured, tried, seen = 0, 0, 0, 0, Counter()
        made = trials(cause, asked.half, asked.each)
        for trial in made:
            names, found = [], ()
            try:
                found = trial.make().diagnose()
                names = [finding.name for finding in found]
            except Exception:  # noqa: BLE001 - a failure counts as a miss, and is shown
                traceback.print_exc()
            seen[names[0] if names else HEALTHY] += 1
            right = {trial.cause, *trial.also} if trial.cause != HEALTHY else set()
            first += bool(names and names[0] in right) if right else not names
            within += bool(right & set(names[:3])) if right else not names
            if trial.solved and found and found[0].name in right:
                tried += 1
                cured += is_cured(trial, found[0].call)
        print(f"{cause:34} first {first}/{len(made)}  three {within}/{len(made)}  cured {cured}/{tried}  {dict(seen)}")


def speed(rows: int = 100_000, columns: int = 5) -> None:
    """Print how long the diagnosis of a trace takes, for several courses of a descent."""
    k = np.arange(rows)
    rng = np.random.default_rng(0)
    courses = {
        "converging": np.exp(-k / 5_000),
        "noisy": np.exp(-k / 5_000) + 0.01 * rng.exponential(size=rows),
        "zigzag": np.exp(-k / 50_000) * (1 + 0.5 * (-1.0) ** k),
        "growing": np.exp(k / 5_000),
        "with gaps": np.where(k % 7 == 0, np.nan, np.exp(-k / 5_000)),
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


def is_cured(trial: Trial, call: str) -> bool:
    """Return whether the pasted cure solves the case."""
    try:
        return bool(trial.solved and trial.solved(eval(call, {"st": st, "np": np, **trial.scope})))  # noqa: S307 - a paste
    except Exception:  # noqa: BLE001 - a cure that fails is no cure
        traceback.print_exc()
        return False


if __name__ == "__main__":
    main()
