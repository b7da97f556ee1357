"""From starts far away no descent claims more of its answer than is true, whichever way its derivatives come."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import steepest as st

CENTRE = np.array([1.0, 2.0])


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x))) - 0.3 * x + 0.05 * x * x


def log_cosh(x):
    return abs(x) + math.log1p(math.exp(-2 * abs(x))) - math.log(2)


def distances(x):
    return [abs(float(a) - float(c)) for a, c in zip(x, CENTRE, strict=True)]


def saturated(x):
    s = sum(d * d for d in distances(x))
    return s / (1 + s)


# Functions of floats, which can't be traced, and their minima.
BY_VALUES = {
    "softplus and ridge": (
        lambda x: sum(softplus(float(a)) for a in x), 2 * minimize_scalar(softplus, (-3, 0), tol=1e-14).fun
    ),
    "largest distance": (lambda x: max(distances(x)), 0.0),
    "sum of distances": (lambda x: sum(distances(x)) + 1, 1.0),
    "log cosh": (lambda x: sum(map(log_cosh, distances(x))), 0.0),
    "Cauchy": (lambda x: math.log1p(sum(d * d for d in distances(x))), 0.0),
    "Rosenbrock": (lambda x: (1 - float(x[0])) ** 2 + 100 * (float(x[1]) - float(x[0]) ** 2) ** 2, 0.0),
    "cubic valley": (lambda x: (1 - float(x[0])) ** 2 + 100 * (float(x[1]) - float(x[0]) ** 3) ** 2, 0.0),
    "saturated": (saturated, 0.0),
}  # fmt: skip
STARTS = [
    10.0**power * np.array(side)
    for power in (0, 4, 6, 7, 8, 10, 12, 16, 20, 24, 30)
    for side in ((1.0, 0.0), (0.9447, -0.569), (-0.31, 0.77))
]


def is_true(run, least):
    """Tell whether a run that has converged is no farther above the minimum than it says, but for rounding."""
    rounding = 4 * np.finfo(float).eps * max(abs(run.fun), abs(least))
    return run.outcome != "converged" or run.fun - least <= run.certificate.gap + rounding


@pytest.mark.parametrize("start", STARTS, ids=str)
@pytest.mark.parametrize("name", BY_VALUES)
@pytest.mark.always(24)
def test_differences_claim_no_more_than_is_true(name, start):
    f, least = BY_VALUES[name]
    if not math.isfinite(f(start)):
        pytest.skip("the value overflows")
    run = st.minimize(f, start, evaluations=20_000)
    assert run.kind == "differences"
    assert is_true(run, least), run.message
    assert run.outcome in ("converged", "stalled at rounding", "evaluation limit", "noise floor", "flat"), run.message


@pytest.mark.parametrize(
    ("name", "far"), [("softplus and ridge", 1e20), ("softplus and ridge", 1e30), ("log cosh", 1e24)]
)
def test_far_starts_reach_the_minimum_by_differences(name, far):
    # Steps as long as those at the start ended up to 0.6 and 1.75 above the minimum.
    f, least = BY_VALUES[name]
    run = st.minimize(f, far * np.array([0.9447, -0.569]))
    assert run.outcome == "converged", run.message
    assert run.fun - least <= 1e-9


@pytest.mark.parametrize("far", [1.0, 1e4, 1e18])
def test_a_kink_is_found_by_differences(far):
    run = st.minimize(BY_VALUES["largest distance"][0], far * np.array([1.0, 0.0]))
    assert run.outcome == "converged", run.message
    assert run.fun <= run.certificate.gap + 1e-15
    assert run.fun <= 1e-9


def flattened(x):
    s = np.sum((x - CENTRE) ** 2)
    return s / (1 + s)


@pytest.mark.parametrize("start", [s for s in STARTS if np.abs(s).max() > 3e8], ids=str)
@pytest.mark.parametrize("f", [flattened, saturated])
@pytest.mark.always(8)
def test_a_plateau_by_rounding_is_no_minimum(f, start):
    # The values are exactly 1 from here to a distance of about 1e8 from the centre.
    run = st.minimize(f, start)
    assert run.outcome != "converged" or run.fun <= run.certificate.gap
    if run.outcome == "flat":
        assert "plateau" in run.message or "constant" in run.message
