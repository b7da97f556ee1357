"""Functions of two variables from their usual starts, compared with SciPy's BFGS with exact gradients."""

import subprocess
import sys

import numpy as np
from scipy.optimize import minimize, rosen, rosen_der
from stopwatch import compare

import steepest as st

START_UP = {
    "python alone": "pass",
    "import numpy": "import numpy",
    "import steepest": "import numpy, steepest",
    "steepest, first answer": "import steepest as st; print(st.minimize(lambda x, y: x**2 + y**2, (9, 9)))",
    "SciPy, first answer": "from scipy.optimize import minimize; print(minimize(lambda p: p @ p, (9, 9)))",
}


def rosenbrock(p):
    """Return Rosenbrock's valley."""
    return (p[0] - 1) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def rosenbrock_slope(p):
    """Return its gradient."""
    offset = p[1] - p[0] ** 2
    return np.array([2 * (p[0] - 1) - 400 * p[0] * offset, 200 * offset])


def beale(p):
    """Return Beale's function."""
    x, y = p
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def beale_slope(p):
    """Return its gradient."""
    x, y = p
    one, two, three = 1.5 - x + x * y, 2.25 - x + x * y**2, 2.625 - x + x * y**3
    by_x = 2 * (one * (y - 1) + two * (y**2 - 1) + three * (y**3 - 1))
    return np.array([by_x, 2 * x * (one + 2 * two * y + 3 * three * y**2)])


def himmelblau(p):
    """Return Himmelblau's function."""
    x, y = p
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def himmelblau_slope(p):
    """Return its gradient."""
    x, y = p
    one, two = x**2 + y - 11, x + y**2 - 7
    return np.array([4 * x * one + 2 * two, 2 * one + 4 * y * two])


def bowl(p):
    """Return the sum of squares."""
    return p[0] ** 2 + p[1] ** 2


def bowl_slope(p):
    """Return its gradient."""
    return np.array([2 * p[0], 2 * p[1]])


FUNCTIONS = {
    "Rosenbrock from (-1.2, 1)": (rosenbrock, rosenbrock_slope, (-1.2, 1.0)),
    "Rosenbrock as SciPy has it": (rosen, rosen_der, (-1.2, 1.0)),
    "Beale from (-2, 2)": (beale, beale_slope, (-2.0, 2.0)),
    "Himmelblau from (0, 0)": (himmelblau, himmelblau_slope, (0.0, 0.0)),
    "x² + y² from (9, 9)": (bowl, bowl_slope, (9.0, 9.0)),
}


def fresh(code: str) -> None:
    """Run some code in a new process."""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


if __name__ == "__main__":
    for name, (f, slope, start) in FUNCTIONS.items():
        x = np.array(start)
        jobs = {
            "steepest, no gradient given": lambda f=f, x=x: st.minimize(f, x),
            "SciPy BFGS, exact gradient": lambda f=f, x=x, slope=slope: minimize(f, x, jac=slope, method="BFGS"),
            "SciPy BFGS, no gradient given": lambda f=f, x=x: minimize(f, x, method="BFGS"),
        }
        ours, theirs, _ = (job() for job in jobs.values())
        title = f"{name}: values {ours.fun:.1e} and {theirs.fun:.1e} after {ours.nfev} and {theirs.nfev} evaluations"
        compare(title, "steepest, no gradient given", jobs, 101)
    compare(
        "fresh processes", "steepest, first answer", {name: lambda c=c: fresh(c) for name, c in START_UP.items()}, 5
    )
