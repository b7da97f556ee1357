"""How often a diagnosis is right: sabotaged runs whose cause is known, and healthy ones.

Usage: python benchmarks/diagnosis.py [--half develop|scored] [--cause NAME] [--each N]
"""

from __future__ import annotations

import argparse
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
    asked = parser.parse_args()
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


def is_cured(trial: Trial, call: str) -> bool:
    """Return whether the pasted cure solves the case."""
    try:
        return bool(trial.solved and trial.solved(eval(call, {"st": st, "np": np, **trial.scope})))  # noqa: S307 - a paste
    except Exception:  # noqa: BLE001 - a cure that fails is no cure
        traceback.print_exc()
        return False


if __name__ == "__main__":
    main()
