"""L-BFGS by products of matrices is that of the two loops, and a probe tells it of coordinates of unlike curvature."""

import jax
import numpy as np
import pytest

import steepest as st
from steepest.derivatives.precision import double_precision
from steepest.rules import directions


def two_loops(pairs, scale, g):
    """Return H g by the recursion of Nocedal (1980), from γ D for the inverse of an unknown Hessian."""
    q, alphas = g.copy(), []
    for s, y in reversed(pairs):
        alphas.append(s @ q / (s @ y))
        q = q - alphas[-1] * y
    s, y = pairs[-1] if pairs else (g, g / scale)
    r = s @ y / (y @ (scale * y)) * scale * q
    for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
        r = r + (alpha - y @ r / (s @ y)) * s
    return r


@pytest.mark.parametrize("spread", [0, 3])
def test_lbfgs_is_the_two_loops(spread):
    draws = np.random.default_rng(0)
    n, kept = 9, 4
    root = draws.standard_normal((n, n))
    hessian = root @ root.T + np.eye(n)
    scale = 10.0 ** draws.uniform(-spread, spread, n)
    rule = directions.LBFGS(memory=kept)
    with double_precision():
        x = draws.standard_normal(n)
        steps, metric = rule.start(jax.numpy.asarray(x))
        memory, pairs = (steps, metric._replace(scale=jax.numpy.asarray(scale))), []
        for _ in range(3 * kept):
            g = hessian @ x
            direction, memory = rule(g, memory, x)
            if pairs:
                np.testing.assert_allclose(direction, -two_loops(pairs, scale, g), rtol=1e-9)
            new = x + 0.1 * np.asarray(direction) / np.abs(direction).max() + 0.05 * draws.standard_normal(n)
            pairs = [*pairs, (new - x, hessian @ (new - x))][-kept:]
            x = new


@pytest.mark.parametrize(("n", "condition"), [(50, 1e4), (50, 1e6), (200, 1e6)])
def test_a_slow_descent_is_helped_on_by_the_hessian(n, condition):
    draws = np.random.default_rng(n)
    turn = np.linalg.qr(draws.standard_normal((n, n)))[0]
    hessian = turn * np.logspace(0, np.log10(condition), n) @ turn.T
    least = draws.standard_normal(n)
    run = st.minimize(lambda x: 0.5 * (x - least) @ hessian @ (x - least), np.zeros(n))
    assert run.success
    # Two looks come after 4 and 8 (n + 10) iterations; L-BFGS alone has not come to the end after 10,000.
    assert run.nfev < 20 * n
    error = np.abs(run.x - least)
    assert error.max() < 1e-9
    assert np.all(error <= 2 * np.array(run.certificate.x_error))


def test_looks_at_the_hessian_cost_no_more_than_the_descent():
    def valley(x):
        return (100 * (x[1:] - x[:-1] ** 3) ** 2 + (1 - x[:-1]) ** 2).sum()

    start = np.tile([-1.2, 1.0], 30)
    run, alone = st.minimize(valley, start), st.minimize(valley, start, direction="l-bfgs")
    assert run.nit > 8 * (start.size + 10)
    assert run.nfev < 2 * alone.nfev


def test_coordinates_of_unlike_curvature_are_probed_once():
    scales = np.logspace(-3, 3, 12)

    def valley(x):
        z = x * scales
        return (100 * (z[1:] - z[:-1] ** 2) ** 2 + (1 - z[:-1]) ** 2).sum()

    run = st.minimize(valley, np.zeros(12))
    assert run.success
    assert [event.kind for event in run.events].count("probe") == 1
    np.testing.assert_allclose(run.x * scales, np.ones(12), rtol=1e-2)
    # By coordinates as they are it takes some 4,000.
    assert run.nfev < 800
    given = st.minimize(valley, np.zeros(12), direction="l-bfgs", iterations=400)
    assert not given.success
    assert "probe" not in {event.kind for event in given.events}
