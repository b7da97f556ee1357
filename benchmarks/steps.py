"""Automatic steps on every problem, in its own and in other units, compared with other methods.

A call is one evaluation of the function, or of it and its gradient. A problem is solved at the first call with
f - f* <= 1e-6 (f₀ - f*), where f* is the minimum of the method's basin: the highest known minimum that is not above
its least value. A "false" result is one that the method reported as a success without having solved the problem.
The best constant step is the best of 20 around 2/L, with L the largest curvature at the start; the calls of the
others are not counted.

Run `python benchmarks/steps.py`, with `--ours` for steepest alone, `--only NAME` for the problems whose names
contain NAME, `--quick` for those of at most 12 variables. All of it takes about a quarter of an hour on two free
cores, most of which is compilation.
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

from descent.attempt import Attempt, Slope
from descent.peers import PEERS, Race, peers
from tests.problems import Problem, every_problem

import steepest as st
from steepest.descent.run import Run

OURS = "steepest"
CONSTANT = PEERS[-1]
VIEWS = ("plain", "other units")
Row = dict[str, Attempt]
Result = tuple[str, int, list[Row], list[float]]


def judged(problem: Problem, run: Run, plain: Slope) -> Attempt:
    """Return the result of `minimize` on a problem, from its trace."""
    bound = run.certificate.gap / problem.target(run.fun)[1]
    words = f"{run.outcome} ({run.certificate.kind}, gap {bound:.1e}), {run.kind}"
    values, calls = np.append(run.trace.value, run.fun), np.append(run.trace.evaluations, run.nfev)
    return Attempt.of(problem, values, calls, (run.fun, run.x), run.success, plain, words)


@cache
def by_name() -> dict[str, Problem]:
    """Return all problems by name; each process makes them once."""
    return {problem.name: problem for problem in every_problem()}


def attempted(name: str, alone: bool) -> Result:
    """Return the results of all methods on a problem in its own and in other units, and minima that are not listed."""
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
    """Yield the results in order, from several processes, each of which is replaced before compiled code fills it."""
    if jobs == 1:
        yield from map(partial(attempted, alone=alone), names)
        return
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=40) as pool:
        yield from pool.imap(partial(attempted, alone=alone), names)


def line(name: str, size: int, row: Row) -> str:
    """Return a row: the calls until each method solved the problem, then the end of the run of steepest."""
    cells = [
        "—" if attempt is None else str(attempt.calls) if attempt.solved else "FALSE" if attempt.false else "never"
        for attempt in map(row.get, (OURS, *PEERS) if len(row) > 1 else (OURS,))
    ]
    own = row[OURS]
    mark = "" if own.solved else "  <-- false" if own.false else "  <-- not solved"
    return f"{name:30}{size:>4}" + "".join(f"{cell:>15}" for cell in cells) + f"  {own.gap:8.1e} {own.words}{mark}"


def summary(view: str, rows: list[Row]) -> str:
    """Return how many problems each method solved, and its calls compared with those of the best constant step."""
    solvable = [row for row in rows if any(attempt.solved for attempt in row.values())]
    own = sum(row[OURS].solved for row in solvable)
    lines = [
        f"\n{view}: {len(rows)} problems, {len(solvable)} of them solved by at least one method",
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
    """Return the calls of a method over those of the best constant step, on the problems that this solves.

    The ratio is infinite if the method does not solve the problem.
    """
    both = [(row[method], row[CONSTANT]) for row in rows if method in row and CONSTANT in row]
    return np.array([mine.calls / its.calls if mine.solved else np.inf for mine, its in both if its.solved])


def median(values: Sequence[float] | np.ndarray) -> float:
    """Return the median, NaN if there are no values."""
    return float(np.median(values)) if len(values) else float("nan")


def read_arguments() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="NAME", help="only problems whose names contain NAME")
    parser.add_argument("--quick", action="store_true", help="only problems of at most 12 variables")
    parser.add_argument("--ours", action="store_true", help="steepest alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="number of processes")
    return parser.parse_args()


def main() -> None:
    """Print a row for each problem and its units as soon as it is known, then the unsolved problems, then summaries."""
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
    print("\nminima that are not listed:", *found, sep="\n")
    print("\nnot solved by steepest (* in other units):", *failed, sep="\n")
    for view in VIEWS:
        print(summary(view, rows[view]))


if __name__ == "__main__":
    main()
