"""BFGS is L-BFGS that forgets no step, and on a face of the box the inverse of the free part of the Hessian."""

import jax
import numpy as np
import pytest

import steepest as st
from steepest.derivatives.precision import double_precision
from steepest.rules import directions


def followed(rule, hessian, scale, steps, draws):
    """Return the directions of a rule at the points of a random walk, its memory, and the steps as two matrices."""
    x = np.ones(len(hessian))
    walk, found = [x], []
    first, rest = rule.start(jax.numpy.asarray(x))
    memory = first, rest._replace(scale=jax.numpy.asarray(scale))
    for _ in range(steps):
        direction, memory = rule(hessian @ x, memory, x)
        found.append(np.asarray(direction))
        x = x + draws.standard_normal(x.size)
        walk.append(x)
    s = np.diff(walk[:-1], axis=0)
    return np.array(found), memory, s, s @ hessian


def problem(n, spread):
    draws = np.random.default_rng(0)
    root = draws.standard_normal((n, n))
    return root @ root.T + np.eye(n), 10.0 ** draws.uniform(-spread, spread, n), draws


@pytest.mark.parametrize("spread", [0, 2])
def test_bfgs_is_l_bfgs_with_all_steps(spread):
    hessian, scale, draws = problem(5, spread)
    state = draws.bit_generator.state
    with double_precision():
        found, *_ = followed(directions.BFGS(), hessian, scale, 15, draws)
        draws.bit_generator.state = state
        expected, *_ = followed(directions.LBFGS(memory=15), hessian, scale, 15, draws)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max())


def test_on_a_face_the_free_part_of_the_hessian_is_inverted():
    hessian, scale, draws = problem(5, 0)
    held = np.array([True, False, False, True, False])
    g = draws.standard_normal(5)
    with double_precision():
        _, memory, s, y = followed(directions.BFGS(), hessian, scale, 8, draws)
        gamma = s[-1] @ y[-1] / (y[-1] @ y[-1])
        inverse = gamma * np.eye(5)
        for step, change in zip(s, y, strict=True):
            v = np.eye(5) - np.outer(step, change) / (step @ change)
            inverse = v @ inverse @ v.T + np.outer(step, step) / (step @ change)
        direction, _ = directions.BFGS().search_direction(*memory, g, held)
    expected = np.zeros(5)
    expected[~held] = -np.linalg.solve(np.linalg.inv(inverse)[np.ix_(~held, ~held)], g[~held])
    np.testing.assert_allclose(direction, expected, rtol=1e-7, atol=1e-10)


def test_few_variables_are_descended_by_bfgs_and_many_by_l_bfgs():
    few, many = (st.minimize(lambda x: (x**2).sum(), np.ones(n)) for n in (10, 11))
    assert (few.direction["name"], many.direction["name"]) == ("BFGS", "LBFGS")
    assert few.success
    assert many.success


def test_bfgs_refuses_a_matrix_that_is_too_large():
    with pytest.raises(ValueError, match="too large for 5,000 variables: use direction='l-bfgs'"):
        st.minimize(lambda x: (x**2).sum(), np.ones(5_000), direction="bfgs")
