"""More than 200 variables: no Hessian is formed, and conjugate gradients estimate the gap and reach the minimum."""

import numpy as np
import pytest

import steepest as st


def string(x):
    """Return the energy of a loaded string that is fixed at both ends."""
    pulled = np.concatenate([np.zeros(1), x, np.zeros(1)])
    return 0.5 * ((pulled[1:] - pulled[:-1]) ** 2).sum() - 1e-3 * x.sum()


def above_its_minimum(x):
    """Return how far the energy of a string is above its minimum, with all digits."""
    i = np.arange(1, x.size + 1)
    off = np.concatenate(
        [np.zeros(1), x - np.longdouble(1) * np.longdouble(1e-3) * i * (x.size + 1 - i) / 2, np.zeros(1)]
    )
    return float(0.5 * ((off[1:] - off[:-1]) ** 2).sum())


def valley(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


@pytest.mark.parametrize("start", ["zeros", "drawn"])
def test_the_gap_is_true(start):
    n = 300
    begin = np.zeros(n) if start == "zeros" else np.random.default_rng(0).standard_normal(n)
    run = st.minimize(string, begin)
    assert run.outcome == "converged", run.message
    assert run.certificate.kind == "estimated"
    # Rounding of values of about 1 hides 1e-16; the gradient shows a smaller gap.
    above = above_its_minimum(run.x)
    assert above < 1e-15
    assert above / 2 <= run.certificate.gap <= 2 * above + 1e-20


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-6, {"value": 1e-4}])
def test_a_valley_is_no_minimum(tolerance):
    start = np.tile([-1.2, 1.0], 150)

    def lifted(x):
        return 3 + valley(x)

    run = st.minimize(lifted, start, tolerance=tolerance)
    assert run.outcome == "converged", run.message
    allowed = 3 * tolerance["value"] if isinstance(tolerance, dict) else tolerance * (lifted(start) - 3)
    assert run.fun - 3 <= allowed


@pytest.mark.parametrize("f", [
    valley,
    lambda x: (x[0] - 1) ** 2 + (np.arange(2, x.size + 1) * (2 * x[1:] ** 2 - x[:-1]) ** 2).sum(),
    lambda x: ((x - 1) ** 2).sum() - (x[1:] * x[:-1]).sum(),
], ids=["rosenbrock", "dixon_price", "trid"])  # fmt: skip
def test_a_descent_to_rounding_is_a_success(f):
    n = 250
    run = st.minimize(f, np.ones(n) * (0.5 if f is valley else 1.0))
    assert run.outcome == "converged", run.message
    least = {"valley": 0.0}.get(f.__name__, 0.0 if run.fun > -1 else -n * (n + 4) * (n - 1) / 6)
    assert abs(run.fun - least) <= 1e-13 * max(1.0, abs(least))


def test_edges_hold_their_coordinates():
    n = 300
    # The string is inside the box where it is pulled away from the edge, and on the edge elsewhere.
    run = st.minimize(lambda x: string(x) + 0.5 * (x**2).sum(), np.full(n, 0.5), bounds=[(0.0004, 1.0)] * n)
    inner = st.minimize(lambda x: string(x) + 0.5 * (x**2).sum(), np.full(n, 0.5))
    assert run.outcome == inner.outcome == "converged"
    assert np.all(run.x >= 0.0004)
    matrix = 3 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
    np.testing.assert_allclose(inner.x, np.linalg.solve(matrix, np.full(n, 1e-3)), atol=2e-8)
    slope = matrix @ run.x - 1e-3
    assert np.all((run.x > 0.0004) | (slope >= 0))
    assert np.abs(slope[run.x > 0.0004]).max() < 2e-8


@pytest.mark.parametrize(("curvature", "distance"), [(1e-6, 1e3), (1e-7, 1e4), (1e-8, 1e4)])
@pytest.mark.always(1)
def test_a_coordinate_of_little_curvature_is_not_missed(curvature, distance):
    def f(x):
        near = x[:-1] - 1
        return (
            0.5 * (near**2 * np.linspace(1, 2, 299)).sum()
            + 0.25 * (near**4).sum()
            + 0.5 * curvature * (x[-1] - distance) ** 2
        )

    start = np.zeros(300)
    for tolerance in (1e-3, 1e-5, 1e-7):
        run = st.minimize(f, start, tolerance=tolerance)
        assert run.success
        assert run.fun <= 1.01 * tolerance * f(start)
