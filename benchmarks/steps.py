"""Automatic steps on every problem, and on the same seen through other units, beside those that others take.

A call is one evaluation of the function, or of it and its gradient. A problem is solved at the first call with
f - f* <= 1e-6 (f₀ - f*), where f* is the minimum of the basin that the method went into: the highest known
minimum that is not above its least value. "False" is a method that said it succeeded and had not solved it.
The best constant step is the best of 20 around 2/L, L the largest curvature at the start; its search is not charged.

Run it as `python benchmarks/steps.py`, with `--ours` for steepest alone, `--only NAME` for the problems with
NAME in theirs, `--quick` for those of at most 12 variables. The whole takes about a quarter of an hour on two
free cores, most of it compiling.
"""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from attempt import Attempt, Slope
from peers import PEERS, Race, peers
from tests.problems import Problem, every_problem

import steepest as st
from steepest.descent.run import Run

OURS = "steepest"
CONSTANT = PEERS[-1]
VIEWS = ("plain", "other units")
Row = dict[str, Attempt]
Result = tuple[str, int, list[Row], list[float]]


def judged(problem: Problem, run: Run, plain: Slope) -> Attempt:
    """Return what `minimize` made of a problem, by its trace."""
    bound = run.certificate.gap / problem.target(run.fun)[1]
    words = f"{run.outcome} ({run.certificate.kind}, gap {bound:.1e}), {run.kind}"
    values, calls = np.append(run.trace.value, run.fun), np.append(run.trace.evaluations, run.nfev)
    return Attempt.of(problem, values, calls, (run.fun, run.x), run.success, plain, words)


@cache
def by_name() -> dict[str, Problem]:
    """Return all problems by their names, made once a process."""
    return {problem.name: problem for problem in every_problem()}


def attempted(name: str, alone: bool) -> Result:
    """Return what each method makes of a problem, plain and through other units, and minima that no list names."""
    problem, rows, race, plain = by_name()[name], [], None, None
    listed = len(problem.minima)
    for seen in (problem, problem.through_other_units()):
        run = st.minimize(seen.objective, seen.x0)
        plain = plain or run.objective.slope
        row = {OURS: judged(seen, run, plain)}
        if not alone:
            race = race or (Race(problem, run.objective) if run.objective.compiled else None)
            row |= peers(seen, run.objective, plain, race if run.objective.compiled else None)
        rows.append(row)
    return name, problem.start.size, rows, problem.minima[listed:]


def results(names: list[str], alone: bool, jobs: int) -> Iterator[Result]:
    """Yield the results in order, worked out by several processes, each renewed before what it compiled fills it."""
    if jobs == 1:
        yield from map(partial(attempted, alone=alone), names)
        return
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=40) as pool:
        yield from pool.imap(partial(attempted, alone=alone), names)


def line(name: str, size: int, row: Row) -> str:
    """Return a problem's row: the calls until it was solved, then in what state steepest left it."""
    cells = [
        "—" if attempt is None else str(attempt.calls) if attempt.solved else "FALSE" if attempt.false else "never"
        for attempt in map(row.get, (OURS, *PEERS) if len(row) > 1 else (OURS,))
    ]
    own = row[OURS]
    mark = "" if own.solved else "  <-- false" if own.false else "  <-- not solved"
    return f"{name:30}{size:>4}" + "".join(f"{cell:>15}" for cell in cells) + f"  {own.gap:8.1e} {own.words}{mark}"


def summary(view: str, rows: list[Row]) -> str:
    """Return how many problems each method solved, and its calls beside those of the best constant."""
    solvable = [row for row in rows if any(attempt.solved for attempt in row.values())]
    own = sum(row[OURS].solved for row in solvable)
    lines = [
        f"\n{view}: {len(rows)} problems, {len(solvable)} of them solved by one of the methods or more",
        f"  solved by steepest    {own} of {len(solvable)}, {own / max(len(solvable), 1):.1%} (goal: 98 % or more)",
    ]
    ratios = beside_constant(rows, OURS)
    if ratios.size:
        lines += [
            f"  calls / constant      median {np.median(ratios):.3f} (goal: 0.06 or less), on {ratios.size}",
            f"  at most 1.0x of it    {np.mean(ratios <= 1):.1%} (goal: 95 % or more)",
        ]
    lines.append(f"  {'':16}{'solved':>8}{'false':>8}{'median calls':>14}{'/ constant':>12}")
    for method in (OURS, *PEERS):
        tried = [row[method] for row in rows if method in row]
        if tried:
            calls = median([attempt.calls for attempt in tried if attempt.solved])
            beside = median(beside_constant(rows, method))
            false = sum(attempt.false for attempt in tried)
            solved = sum(attempt.solved for attempt in tried)
            lines.append(f"  {method:16}{solved:>8}{false:>8}{calls:>14,.0f}{beside:>12.3f}")
    return "\n".join(lines)


def beside_constant(rows: list[Row], method: str) -> np.ndarray:
    """Return a method's calls over those of the best constant, where that solves; infinite where only that does."""
    both = [(row[method], row[CONSTANT]) for row in rows if method in row and CONSTANT in row]
    return np.array([mine.calls / its.calls if mine.solved else np.inf for mine, its in both if its.solved])


def median(values: Sequence[float] | np.ndarray) -> float:
    """Return the median, NaN of none."""
    return float(np.median(values)) if len(values) else float("nan")


def read_arguments() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="NAME", help="only problems with NAME in theirs")
    parser.add_argument("--quick", action="store_true", help="only problems of at most 12 variables")
    parser.add_argument("--ours", action="store_true", help="steepest alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many processes share the work")
    return parser.parse_args()


def main() -> None:
    """Print a row a problem and view as it is worked out, then what was not solved, then the summaries."""
    arguments = read_arguments()
    names = [name for name, problem in by_name().items() if arguments.only in name]
    names = [name for name in names if not arguments.quick or by_name()[name].start.size <= 12]
    methods = (OURS,) if arguments.ours else (OURS, *PEERS)
    print(f"{'calls until solved':30}{'n':>4}" + "".join(f"{m:>15}" for m in methods) + "  true gap, outcome")
    rows: dict[str, list[Row]] = {view: [] for view in VIEWS}
    failed, found = [], []
    for name, size, both, minima in results(names, arguments.ours, arguments.jobs):
        for view, label, row in zip(VIEWS, (name, f"{name} *"), both, strict=True):
            rows[view].append(row)
            text = line(label, size, row)
            print(text, flush=True)
            if not row[OURS].solved:
                failed.append(text)
        if minima:
            found.append(f"{name}: {', '.join(map(repr, minima))}")
    print("\nminima that no list names:", *found, sep="\n")
    print("\nnot solved by steepest (* through other units):", *failed, sep="\n")
    for view in VIEWS:
        print(summary(view, rows[view]))


if __name__ == "__main__":
    main()
