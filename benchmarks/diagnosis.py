"""How often a diagnosis is right: sabotaged runs whose cause is known, and healthy ones.

The battery has two halves with other seeds: one to develop on, whose severities are fixed, and one that is only scored,
whose severities are drawn. A run counts as right if the first finding names its cause; "of three", if one of the first
three does. A cure is pasted and run, and counts if it solves the case. A finding in a healthy run is a false alarm.
With --recorded the same descents are written into a recorder, from which the function is not at hand; causes that no
record of a loop shows, such as those of rows, are left out. With --speed the diagnosis of traces of 100,000 rows is
timed instead.

Run `python benchmarks/diagnosis.py` for the scored half; `--half develop` for the other; `--cause NAME` for one cause;
`--each N` for N trials of each cause; `--jobs N` for N processes. All of it takes about a quarter of an hour.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from battery import healthy, learning, loops, noise, rows, shape, steps
from battery.recorded import recorded
from battery.speed import speed
from battery.trial import HEALTHY, Trial
from rich.console import Console
from rich.table import Table

import steepest as st

SABOTAGES = {
    name: ways
    for part in (healthy, steps, shape, noise, rows, learning, loops)
    for name, ways in part.SABOTAGES.items()
}  # fmt: skip
# The halves have their own seeds and severities: those of the scored half are drawn, those of the other are fixed.
SEEDS = {"develop": 1, "scored": 2}
FIXED = (0.1, 0.35, 0.6, 0.85)
# The name under which a trial that raised an exception is counted; it counts as wrong.
FAILED = "an exception"
# The causes that the record of one loop can't show: it has no rows of a table, only one start, and no calls.
UNSEEN = (
    "several minima", "function raised", "slow function", "recompilation", "constant column", "duplicated column",
    "collinear columns", "leaking column", "outliers", "class imbalance", "separable classes", "under-fitting",
    "targets not scaled",
)  # fmt: skip
# The trials of each sabotaged cause, and of all healthy kinds together.
EACH, ALL_HEALTHY = 20, 300


@dataclass
class Score:
    """How the trials of one cause came out."""

    cause: str
    trials: int = 0
    first: int = 0
    within: int = 0
    cures: int = 0
    cured: int = 0
    said: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    @property
    def is_healthy(self) -> bool:
        """Whether nothing should be found."""
        return self.cause.startswith(HEALTHY)


def trial_of(cause: str, half: str, k: int) -> tuple[str, Trial]:
    """Return trial k of a cause, and the name of the way that brings it about."""
    ways = SABOTAGES[cause]
    rng = np.random.default_rng([SEEDS[half], *cause.encode(), k])
    severity = float(rng.uniform()) if half == "scored" else FIXED[(k // len(ways)) % len(FIXED)]
    way = ways[k % len(ways)]
    return f"{way.__name__} {k} ({severity:.2f})", way(rng, severity)


def score(asked: tuple[str, str, int, bool]) -> Score:
    """Return the score of a cause in one half."""
    cause, half, each, from_recorder = asked
    result = Score(cause)
    for k in range(each):
        name, trial = trial_of(cause, half, k)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                run = recorded(trial) if from_recorder else trial.make()
                if run is None:
                    continue
                found = run.diagnose()
        except Exception:  # noqa: BLE001 - a failure counts as a miss, and is shown
            print(name, traceback.format_exc(), file=sys.stderr)
            names = [FAILED]
        else:
            names = [finding.name for finding in found]
        result.trials += 1
        result.said[names[0] if names else "nothing"] += 1
        right = set() if result.is_healthy else {trial.cause, *trial.also}
        hit = names[0] in right if names and right else not names and not right
        result.first += hit
        result.within += bool(right & set(names[:3])) if right else hit
        if not hit:
            result.missed.append(f"{name}: {', '.join(names) or 'nothing'}")
        if hit and right and trial.solved and not from_recorder:
            result.cures += 1
            cured = is_cured(trial, found[0].call)
            result.cured += cured
            if not cured:
                result.missed.append(f"{name}: not cured by {found[0].call}")
    return result


def is_cured(trial: Trial, call: str) -> bool:
    """Return whether the pasted cure solves the case."""
    scope = {"st": st, "np": np, **trial.scope}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bool(trial.solved and trial.solved(eval(call, scope)))  # noqa: S307 - it is a paste
    except Exception:  # noqa: BLE001 - a cure that fails is no cure
        print(call, traceback.format_exc(), file=sys.stderr)
        return False


def show(scores: list[Score], console: Console) -> None:
    """Print the score of each cause, the mean, the worst, and what was said instead."""
    sick = [each for each in scores if not each.is_healthy and each.trials]
    well = [each for each in scores if each.is_healthy and each.trials]
    table = Table("cause", "trials", "first", "of three", "cured", "said first")
    for each in [*sick, *well]:
        said = ", ".join(f"{name} {count}" for name, count in each.said.most_common())
        cured = f"{each.cured}/{each.cures}" if each.cures else ""
        table.add_row(each.cause, str(each.trials), str(each.first), str(each.within), cured, said)
    console.print(table)
    for each in scores:
        for line in each.missed:
            console.print(f"  {each.cause}: {line}", highlight=False)
    if sick:
        total = sum(each.trials for each in sick)
        worst = min(sick, key=lambda each: each.first / each.trials)
        for label, count in (("first", "first"), ("within the first three", "within")):
            right = sum(getattr(each, count) for each in sick)
            console.print(f"{label}: {right}/{total} = {right / total:.1%}")
        console.print(f"the worst cause: {worst.cause}, {worst.first}/{worst.trials}")
        cures = sum(each.cures for each in sick)
        if cures:
            cured = sum(each.cured for each in sick)
            console.print(f"cures that work: {cured}/{cures} = {cured / cures:.1%}")
    if well:
        total, alarms = sum(each.trials for each in well), sum(each.trials - each.first for each in well)
        console.print(f"false alarms: {alarms}/{total} = {alarms / total:.1%}")


def main() -> None:
    """Run the battery and print the scores."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--half", choices=list(SEEDS), default="scored")
    parser.add_argument("--cause", action="append")
    parser.add_argument("--each", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--recorded", action="store_true")
    parser.add_argument("--speed", action="store_true")
    asked = parser.parse_args()
    if asked.speed:
        speed()
        return
    causes = asked.cause or [each for each in SABOTAGES if not (asked.recorded and each in UNSEEN)]
    kinds = sum(name.startswith(HEALTHY) for name in SABOTAGES)
    work = [
        (cause, asked.half, asked.each or (ALL_HEALTHY // kinds if cause.startswith(HEALTHY) else EACH), asked.recorded)
        for cause in causes
    ]
    if asked.jobs > 1 and len(work) > 1:
        # A fork of a process that has used JAX could hang.
        with multiprocessing.get_context("spawn").Pool(asked.jobs, maxtasksperchild=4) as pool:
            scores = pool.map(score, work, chunksize=1)
    else:
        scores = [score(each) for each in work]
    show(scores, Console(width=160))


if __name__ == "__main__":
    main()
