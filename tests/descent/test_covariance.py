"""`run.covariance` of negative log likelihoods, compared with closed forms."""

import math

import numpy as np
import pytest

import steepest as st
from steepest.descent.covariance import Inverse

Y = np.array([1.0, 2.0, 4.0, 5.5, 3.0])
VARIANCE = Y.var()
# The variances of the estimated mean and standard deviation of normal targets.
WANTED = np.diag([VARIANCE / 5, VARIANCE / 10])


def normal(m, s):
    return np.sum((Y - m) ** 2 / (2 * s**2) + np.log(s))


def by_values(m, s):
    return sum((float(y) - float(m)) ** 2 / (2 * float(s) ** 2) + math.log(float(s)) for y in Y)


@pytest.mark.parametrize(
    ("run", "kind", "digits"),
    [
        (lambda: st.minimize(normal, (1, 1)), "traced", 1e-8),
        (lambda: st.maximize(lambda m, s: -normal(m, s), (1, 1)), "traced", 1e-8),
        (lambda: st.minimize(by_values, (1, 1)), "differences", 1e-5),
        (
            lambda: st.minimize(
                by_values, (1, 1),
                gradient=lambda m, s: [-np.sum(Y - m) / s**2, len(Y) / s - np.sum((Y - m) ** 2) / s**3],
            ),
            None, 1e-6,
        ),
    ],
    ids=["traced", "maximised", "values", "own gradient"],
)  # fmt: skip
@pytest.mark.always(2)
def test_a_normal_likelihood(run, kind, digits):
    run = run()
    assert kind in (None, run.kind)
    np.testing.assert_allclose(run.covariance, WANTED, atol=digits * WANTED.max())


def test_a_variable_that_has_no_effect_is_infinite():
    covariance = st.minimize(lambda a, b, c: (a + b - 2) ** 2 + c**2 / 2, (1, 3, 1)).covariance
    assert np.isinf(np.diag(covariance)[:2]).all()
    assert covariance[2, 2] == pytest.approx(1)
    assert np.isnan(covariance[0, 2])


@pytest.mark.parametrize("name", ["at_bound", "fixed"])
def test_a_variable_that_is_held_has_none(name):
    run = st.minimize(lambda a, b: (a**2 + a * b + b**2) / 2, (1, 3))
    vars(run)[name] = {"b": "low"}
    covariance = run.covariance
    # The variance of a while b is held is 1; it would be 4/3 with b free.
    assert covariance[0, 0] == pytest.approx(1)
    assert np.isnan(covariance[1]).all()


def test_scales_do_not_hide_each_other():
    covariance = st.minimize(lambda a, b: (1e12 * a**2 + 1e-12 * b**2) / 2 + 0.5 * a * b, (1.0, 1.0)).covariance
    wanted = np.linalg.inv(np.array([[1, 0.5], [0.5, 1]])) * np.outer([1e-6, 1e6], [1e-6, 1e6])
    np.testing.assert_allclose(covariance, wanted, rtol=1e-8)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (lambda: st.minimize(lambda a: -(a**2), 1.0), "has no minimum there"),
        (lambda: st.maximize(lambda a: a**2, 1.0), "has no maximum there"),
        (lambda: st.minimize(lambda a, b: a**2 - b**2, (0.5, 0.5), iterations=1, step=0.1), "negative along"),
    ],
)
def test_without_a_minimum_there_is_none(run, words):
    run = run()
    with pytest.warns(RuntimeWarning, match=words) as seen:
        assert np.isnan(run.covariance).all()
    assert seen[0].filename == __file__


def test_noise_hides_the_curvature():
    rng = np.random.default_rng(0)
    run = st.minimize(lambda a, b: a**2 + b**2 + 1e-3 * rng.normal(), (1, 1), rng=0)
    with pytest.warns(RuntimeWarning, match="differ from call to call"):
        assert np.isnan(run.covariance).all()


def test_a_run_that_ended_early_warns_and_has_its_curvature():
    run = st.minimize(lambda a, b: (a**2 + b**2) / 2, (9, 9), step=0.1, iterations=2)
    with pytest.warns(RuntimeWarning, match="standard errors before the minimum"):
        np.testing.assert_allclose(run.covariance, np.eye(2), atol=1e-12)


def test_a_loaded_run_has_no_function(tmp_path):
    st.minimize(normal, (1, 1)).save(tmp_path / "run")
    with pytest.raises(RuntimeError, match="not at hand"):
        _ = st.load(tmp_path / "run").covariance


def test_an_inverse_of_columns_that_depend_on_each_other():
    rng = np.random.default_rng(3)
    A = rng.normal(size=(30, 3)) * [1, 1e8, 1e-8]
    A = np.column_stack([A, A[:, 1] * 1e-3])
    inverse = Inverse.of_triangle(np.linalg.qr(A, mode="r"))
    assert inverse.root.shape == (4, 3)
    loose = inverse.undetermined(lambda columns: columns, lambda columns: columns)
    assert loose.tolist() == [False, True, False, True]
    kept = np.linalg.inv(A[:, :3].T @ A[:, :3] / np.outer([1, 1e8, 1e-8], [1, 1e8, 1e-8]))
    found = (inverse.root @ inverse.root.T)[[0, 2]][:, [0, 2]] * np.outer([1, 1e-8], [1, 1e-8])
    np.testing.assert_allclose(found, kept[[0, 2]][:, [0, 2]], rtol=1e-9)


def test_a_set_has_no_covariance_on_its_edge_and_the_usual_one_inside():
    def bowl(x):
        return ((x - np.array([0.1, 2.0, 3.0])) ** 2 * np.array([1.0, 2.0, 3.0])).sum()

    inside = st.minimize(bowl, np.full(3, 1 / 3), within=st.sets.Ball(9.0))
    np.testing.assert_allclose(inside.covariance, np.diag(1 / np.array([2.0, 4.0, 6.0])), rtol=1e-9, atol=1e-12)
    edges = {"edge": st.sets.Ball(1.0), "ties": st.sets.Affine([[1.0, 1.0, 1.0]], [1.0])}
    for word, within in edges.items():
        run = st.minimize(bowl, np.full(3, 1 / 3), within=within)
        with pytest.warns(RuntimeWarning, match=word):
            found = run.covariance
        assert found.shape == (3, 3)
        assert np.isnan(found).all()


def test_a_large_constant_hides_the_curvature():
    def bowl(constant):
        return lambda m, s: constant + 50 * (float(m) - 1) ** 2 + 0.5 * (float(s) - 1) ** 2

    np.testing.assert_allclose(np.diag(st.minimize(bowl(1), (0.5, 2)).covariance), [0.01, 1], rtol=1e-4)
    run = st.minimize(bowl(1e9), (0.5, 2))
    with pytest.warns(RuntimeWarning, match="hide the curvature along .*s"):
        found = np.diag(run.covariance)
    assert not np.isfinite(found[1])


@pytest.mark.parametrize(
    ("f", "start", "along"),
    [
        (lambda a, b: abs(a) + b**2, (1, 1), "a"),
        (lambda a, b: a**4 + b**2, (1, 1), "a"),
        (lambda a, b: (a + b) ** 6 + (a - b) ** 2, (2, 1), "a, b"),
    ],
)
def test_a_curvature_that_does_not_describe_the_function_is_no_error(f, start, along):
    with pytest.warns(RuntimeWarning, match=f"a kink or a higher power there along {along}$"):
        assert np.isnan(st.minimize(f, start).covariance).all()


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_curvatures_of_flat_and_skewed_functions_are_taken(scale):
    # Poisson counts: the inverse information of a rate is rate² / sum; the log likelihood is skewed.
    counts = np.array([0.0, 1.0, 0.0, 1.0])
    run = st.minimize(lambda r, free: np.sum(r / scale - counts * np.log(r / scale)), (scale, 1))
    np.testing.assert_allclose(run.covariance[0, 0], (0.5 * scale) ** 2 / 2, rtol=1e-7)
    assert run.covariance[1, 1] == np.inf


def refuses(v):
    if v <= 0:
        raise ValueError("v must be positive")
    return 0.5 * np.log(v) + 1.69 / (2 * v)


@pytest.mark.parametrize(
    ("f", "start", "variance"),
    [
        # One standard error below the estimate the values are infinite, NaN or refused.
        (lambda m: 50 * m - np.log(m), 0.1, 0.02**2),
        (lambda r: 2 * r - np.log(r), 0.1, 0.25),
        (lambda v: np.log(v) / 2 + 1.69 / (2 * v), 0.5, 2 * 1.69**2),
        (refuses, 1.0, 2 * 1.69**2),
    ],
)
@pytest.mark.always(2)
def test_an_error_that_reaches_the_edge_of_the_domain(f, start, variance):
    np.testing.assert_allclose(np.ravel(st.minimize(f, start).covariance), [variance], rtol=1e-4)


def test_a_bent_valley_is_described_by_its_curvature_at_the_minimum():
    # One standard error along the valley of Rosenbrock's function the value rises by far more than ½.
    run = st.minimize(lambda x, y: (x - 1) ** 2 + 100 * (y - x**2) ** 2, (-1.2, 1))
    np.testing.assert_allclose(run.covariance, np.linalg.inv([[802.0, -400.0], [-400.0, 200.0]]), rtol=1e-6)
