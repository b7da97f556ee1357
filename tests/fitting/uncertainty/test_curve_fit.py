"""`curve_fit`, compared with SciPy's function of that name."""

import numpy as np
import pytest
from scipy import optimize

import steepest as st

X = np.linspace(0, 3, 40)
Y = 2.5 * np.exp(-1.3 * X) + 0.4 + 0.05 * np.cos(40 * X)
SIGMA = 0.02 * (1 + X)
CORRELATED = np.diag(SIGMA**2) + 1e-4 * np.exp(-np.abs(X - X[:, None]))


def decay(x, a, b, c):
    return a * np.exp(-b * x) + c


def slopes(x, a, b, c):
    return np.column_stack([np.exp(-b * x), -a * x * np.exp(-b * x), np.ones(len(x))])


@pytest.mark.parametrize("absolute_sigma", [False, True])
@pytest.mark.parametrize("sigma", [None, 0.3, SIGMA, CORRELATED], ids=["none", "number", "each", "matrix"])
@pytest.mark.always(4)
def test_parameters_and_covariance(sigma, absolute_sigma):
    found = st.curve_fit(decay, X, Y, sigma=sigma, absolute_sigma=absolute_sigma)
    exact = {"jac": slopes, "ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15}
    # With a jac SciPy does not take one number.
    theirs = np.full(40, sigma) if isinstance(sigma, float) else sigma
    wanted = optimize.curve_fit(decay, X, Y, sigma=theirs, absolute_sigma=absolute_sigma, **exact)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-7)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-6)


@pytest.mark.parametrize(
    ("f", "x", "options"),
    [
        (lambda x, *p: p[0] * x + p[1], X, {"p0": [1, 1]}),
        (lambda x, a, b=3: a * x + b, X, {}),
        (lambda x, a, b, c: a * x[0] + b * x[1] + c, np.stack([X, X**2]), {}),
        (lambda x, a, b: a * x[:, 0] + b * x[:, 1], np.stack([X, X**2], axis=1), {}),
        (lambda x, a: a * x, list(X), {"p0": 3}),
        (lambda x, a, b: np.array([a * float(t) + b if b > -9 else 0 for t in x]), X, {}),
    ],
    ids=["*args", "default", "(k, M)", "(M, k)", "list", "not traced"],
)
def test_models_and_data_as_scipy_takes_them(f, x, options):
    found, wanted = st.curve_fit(f, x, Y, **options), optimize.curve_fit(f, x, Y, **options)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-6)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-5)


@pytest.mark.parametrize("p0", [None, [2, 1, 0.1]])
@pytest.mark.parametrize(
    "bounds", [(0, 3), ([0, -np.inf, 0.1], np.inf), (-np.inf, [9, 5, 9])], ids=["both", "low", "high"]
)
def test_bounds_that_do_not_bite(bounds, p0):
    found, wanted = (each(decay, X, Y, p0=p0, bounds=bounds) for each in (st.curve_fit, optimize.curve_fit))
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-5)
    np.testing.assert_allclose(found[1], wanted[1], rtol=1e-3)


def test_a_bound_that_bites_has_an_infinite_variance():
    with pytest.warns(optimize.OptimizeWarning, match="Covariance of all parameters could not be estimated: .*bound"):
        popt, pcov = st.curve_fit(decay, X, Y, bounds=(0, [9, 9, 0.3]))
    with pytest.warns(optimize.OptimizeWarning, match="held at this value"):
        equal = st.curve_fit(decay, X, Y, bounds=optimize.Bounds([0, 0, 0.3], [9, 9, 0.3]))
    np.testing.assert_allclose(equal[1], pcov, rtol=1e-3)
    held, covariance = optimize.curve_fit(lambda x, a, b: decay(x, a, b, 0.3), X, Y)
    np.testing.assert_allclose(popt, [*held, 0.3], rtol=1e-6)
    np.testing.assert_allclose(pcov[:2, :2], covariance, rtol=1e-4)
    assert np.isinf(pcov[2]).all()


@pytest.mark.parametrize("rows", [2, 40])
def test_a_covariance_that_cannot_be_estimated(rows):
    def f(x, a, b):
        return a * x + (b if rows == 2 else 0 * b)

    for curve_fit in (st.curve_fit, optimize.curve_fit):
        with pytest.warns(optimize.OptimizeWarning, match="could not be estimated") as seen:
            assert np.isinf(curve_fit(f, X[:rows], Y[:rows])[1]).all()
        assert seen[0].filename == __file__


@pytest.mark.parametrize(
    ("error", "words", "options"),
    [
        (ValueError, r"sigma\[0\] = 0", {"sigma": np.zeros(40)}),
        (ValueError, "positive definite", {"sigma": -CORRELATED}),
        (ValueError, "symmetric", {"sigma": CORRELATED + np.triu(np.full((40, 40), 1e-3), 1)}),
        (ValueError, r"shape \(2,\)", {"sigma": [1, 2]}),
        (ValueError, "bounds", {"bounds": ([0, 0], [1, 1])}),
        (ValueError, "start", {"bounds": (0, 1), "p0": [2, 0.5, 0.5]}),
        (ValueError, "p0", {"f": lambda x, *p: p[0] * x}),
        (ValueError, "p0", {"p0": []}),
        (ValueError, "ydata", {"ydata": np.ones((40, 2))}),
        (ValueError, "xdata", {"xdata": X[:3]}),
        (TypeError, "3 parameters and only 2 data", {"xdata": X[:2], "ydata": Y[:2]}),
        (TypeError, "method", {"method": "lm"}),
        (RuntimeError, "no finite optimum", {"f": lambda x, a: x / (1 + a * a), "ydata": -np.ones(40)}),
    ],
)
def test_what_makes_no_sense(error, words, options):
    with pytest.raises(error, match=words):
        st.curve_fit(**{"f": decay, "xdata": X, "ydata": Y} | options)


@pytest.mark.parametrize(
    ("keyword", "advice"),
    [("method", "leave it out"), ("jac", "exact"), ("maxfev", "ends by itself"), ("full_output", r"call fit\("),
     ("nan_policy", "missing values"), ("check_finite", "always checked")],
)  # fmt: skip
def test_other_words_of_scipy_are_answered(keyword, advice):
    with pytest.raises(TypeError, match=rf"no argument {keyword!r}: .*{advice}"):
        st.curve_fit(lambda x, a: a * x, [1.0, 2.0], [1.0, 2.0], **{keyword: None})
