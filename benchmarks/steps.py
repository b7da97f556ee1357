"""Automatic steps on every problem, and on the same seen through other units, beside those that others take.

A call is one evaluation of the function, or of it and its gradient. A problem is solved at the first call with
f - f* <= 1e-6 (f₀ - f*), where f* is the minimum of the basin that the method went into: the highest known
minimum that is not above its least value. "False" is a method that said it succeeded and had not solved it.

Run it as `python benchmarks/steps.py`, with `--ours` for steepest alone, `--only NAME` for the problems with
NAME in theirs, `--quick` for the small ones among them.
"""

import argparse
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import steepest as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.problems import ENOUGH, Problem, every_problem

OURS = "steepest"


@dataclass(frozen=True)
class Attempt:
    """What a method made of a problem.

    `calls` is how many it had spent when the problem was solved, None where it never was; `spent` is how many in
    all. `gap` is (f - f*) / (f₀ - f*) at the end.
    """

    calls: int | None
    spent: int
    gap: float
    success: bool
    words: str = ""
    seconds: float = field(default=0.0, compare=False)

    @property
    def solved(self) -> bool:
        return self.calls is not None

    @property
    def false(self) -> bool:
        return self.success and not self.solved


def ours(problem: Problem) -> Attempt:
    """Run `minimize` with nothing but the function and its start."""
    began = time.perf_counter()
    run = st.minimize(problem.objective, problem.x0)
    least, descent, target = problem.target(run.fun)
    reached = np.flatnonzero(run.trace.value <= target)
    calls = int(run.trace.evaluations[reached[0]]) if reached.size else run.nfev if run.fun <= target else None
    gap = (run.fun - least) / descent
    bound = run.certificate.gap / descent
    words = f"{run.outcome} ({run.certificate.kind}, gap {bound:.1e}) {run.kind}"
    return Attempt(calls, run.nfev, gap, run.success, words, time.perf_counter() - began)


def only_ours(problems: list[Problem]) -> None:
    """Print a line a run as it ends, then what failed."""
    print(f"{'problem':32}{'n':>4}{'solved at':>10}{'calls':>7}{'true gap':>10}  outcome")
    failed: list[str] = []
    attempts: dict[str, list[Attempt]] = {"plain": [], "other units": []}
    for problem in problems:
        for way, seen in (("plain", problem), ("other units", problem.through_other_units())):
            attempt = ours(seen)
            attempts[way].append(attempt)
            calls = "never" if attempt.calls is None else str(attempt.calls)
            mark = " FALSE" if attempt.false else "" if attempt.solved else " FAILED"
            name = problem.name + (" *" if way != "plain" else "")
            line = f"{name:32}{problem.start.size:>4}{calls:>10}{attempt.spent:>7}{attempt.gap:>10.1e}  "
            line += f"{attempt.words} {attempt.seconds:.1f} s{mark}"
            print(line, flush=True)
            if mark:
                failed.append(line)
    print("\nnot solved (* through other units):", *failed, sep="\n")
    for way, each in attempts.items():
        solved = [a.calls for a in each if a.calls is not None]
        false = sum(a.false for a in each)
        print(f"{way}: {len(solved)} of {len(each)} solved, median {np.median(solved):.0f} calls, false {false}")


def chosen(arguments: argparse.Namespace) -> list[Problem]:
    """Return the problems that were asked for."""
    names = [problem for problem in every_problem() if arguments.only in problem.name]
    return [problem for problem in names if problem.start.size <= 12] if arguments.quick else names


def main() -> None:
    """Read the options and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="NAME", help="only problems with NAME in theirs")
    parser.add_argument("--quick", action="store_true", help="only problems of at most 12 variables")
    parser.add_argument("--ours", action="store_true", help="steepest alone, a line a run")
    arguments = parser.parse_args()
    problems = chosen(arguments)
    if not problems:
        parser.error(f"--only {arguments.only}: no problem has that in its name")
    only_ours(problems)


if __name__ == "__main__":
    main()
