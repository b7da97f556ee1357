"""Precision and evaluations of `minimize` by default, compared with SciPy's BFGS and L-BFGS-B with the same gradients.

Each row is a function of tests/functions.py. It shows how far each method ends above the minimum of its basin, the
evaluations until steepest and BFGS reach the worse of their two last values, and all evaluations of steepest.

Run `python benchmarks/digits.py`, with `--only NAME` for the functions whose names contain NAME. It takes about five
minutes, most of which is compilation.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.optimize

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.functions import STANDARD, Standard

import steepest as st

ALIKE = 1e-3  # ends that differ by less, as a part of the descent, are the same minimum
TRUE = 1e-8  # an end that is farther from a known minimum is not one
BETTER = 10.0  # an end counts as near as another if its gap is at most this many times as large

Slope = Callable[[np.ndarray], tuple[float, np.ndarray]]


def by_scipy(slope: Slope, start: np.ndarray, method: str) -> tuple[float, np.ndarray]:
    """Return the last value of a method of SciPy, and the least value so far after each call."""
    values: list[float] = []

    def counted(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = slope(x)
        values.append(value)
        return value, gradient

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        result = scipy.optimize.minimize(counted, start, jac=True, method=method)
    return float(result.fun), np.minimum.accumulate(np.nan_to_num(values, nan=np.inf))


def above(case: Standard, value: float) -> float:
    """Return how far a value lies above the highest known minimum that is not above it, NaN if there is none."""
    known = [*case.also] if case.minimum is None else [case.minimum, *case.also]
    below = [least for least in known if least <= value + TRUE * max(1.0, abs(value))]
    return value - max(below) if below else float("nan")


def first(values: np.ndarray, calls: np.ndarray, target: float) -> int:
    """Return the number of calls until a value meets the target, or of all calls."""
    there = np.flatnonzero(values <= target)
    return int(calls[there[0]] if there.size else calls[-1])


def main() -> None:
    """Print a row for each function, then the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="NAME", help="only functions whose names contain NAME")
    only = parser.parse_args().only
    heads = f"{'steepest':>10}{'BFGS':>10}{'L-BFGS-B':>10}{'calls':>8}{'BFGS':>6}{'in all':>8}"
    print(f"{'f - f*':28}{'n':>4}{heads}  outcome")
    ratios, totals, digits, wrong, failed = [], [], [], [], []
    cases = [case for case in STANDARD if only in case.name]
    for case in cases:
        start = np.array(case.start, dtype=float)
        run = st.minimize(case.f, tuple(case.start) if case.scalars else start)
        slope = run.objective.slope
        (bfgs, seen), (lbfgsb, _) = (by_scipy(slope, start, method) for method in ("BFGS", "L-BFGS-B"))
        gaps = [above(case, value) for value in (run.fun, bfgs, lbfgsb)]
        values = np.minimum.accumulate(np.nan_to_num(run.trace.value, nan=np.inf))
        target = max(bfgs, run.fun)
        calls = first(values, run.trace.evaluations, target), first(seen, np.arange(1, len(seen) + 1), target)
        if abs(run.fun - bfgs) <= ALIKE * abs(run.trace.value[0] - bfgs):
            ratios.append(calls[0] / calls[1])
            totals.append(run.nfev / len(seen))
        best = np.fmin(gaps[1], gaps[2])
        digits.append(not gaps[0] > max(BETTER * best, 1e-14 * max(1.0, abs(run.fun))))
        # If BFGS ends at the same value, it is a local minimum that is missing from the list.
        if run.success and gaps[0] > TRUE * max(1.0, abs(run.fun)) and abs(run.fun - bfgs) > TRUE * max(1.0, abs(bfgs)):
            wrong.append(case.name)
        if not run.success:
            failed.append(f"{case.name} ({run.outcome})")
        row = "".join(f"{gap:>10.1e}" for gap in gaps) + f"{calls[0]:>8}{calls[1]:>6}{run.nfev:>8}"
        print(f"{case.name:28}{start.size:>4}{row}  {run.outcome} ({run.certificate.kind})", flush=True)
    quartiles = np.percentile(ratios, [25, 75]).round(2)
    print(f"\n{len(cases)} functions")
    print(f"as near to the minimum as the better of the two, within {BETTER:.0f}x or rounding: {np.mean(digits):.1%}")
    print(f"calls to the same value / BFGS: median {np.median(ratios):.2f}, quartiles {quartiles}")
    print(f"all calls / all calls of BFGS: median {np.median(totals):.2f}")
    print(f"reported convergence at no known minimum, and BFGS ends elsewhere: {', '.join(wrong) or 'none'}")
    print(f"without success: {', '.join(failed) or 'none'}")


if __name__ == "__main__":
    main()
