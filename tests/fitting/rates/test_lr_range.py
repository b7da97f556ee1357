"""The learning-rate range test, against the rates at which fixed steps on a quadratic function stop being stable."""

import matplotlib
import numpy as np
import pytest

import steepest as st
from steepest.inspection import LearningRateDisplay

matplotlib.use("Agg")


def bowl(x, y):
    return x**2 + 10 * y**2  # curvatures 2 and 20


def rows(count=400):
    """Rows of a linear model, and the Hessian of its mean squared error by the textbook."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(count, 3)) * [1.0, 3.0, 2.0]
    y = X @ [1.0, -2.0, 0.5] + 0.1 * rng.normal(size=count)
    Z = np.column_stack([X, np.ones(count)])
    return X, y, 2 * Z.T @ Z / count


def test_a_quadratic_function_blows_up_at_two_over_its_largest_curvature():
    tested = st.lr_range(bowl, (9.0, 1.0))
    assert tested.limit == pytest.approx(0.1, rel=1e-6)
    # After 30 steps the part along y, 10 of the 91 at the start, has grown by |1 - 20 t| to the power of 60: the value
    # is back at the start if that is 9.1, at t = 0.10188; bisection stops within 1 %.
    assert 0.1018 < tested.diverges < 0.1030
    sound = tested.rates < 0.1
    assert (tested.values[sound] < tested.first_value).all()
    assert tested.suggested <= tested.limit / 2
    assert st.minimize(bowl, (9.0, 1.0), step=tested.suggested).success


def test_values_are_those_of_the_textbook_formula():
    tested = st.lr_range(lambda x: x**2, 3.0, low=1e-3, high=0.4, steps=7)
    np.testing.assert_allclose(tested.values, 9 * (1 - 2 * tested.rates) ** 14, rtol=1e-9)
    assert np.isnan(tested.diverges)  # below 2/λ = 1 every rate leads down
    assert "too large     none, up to 0.4" in str(tested)


def test_momentum_has_its_own_limit():
    # 2 (1 + μ) / λ with μ = 0.9 (Polyak, 1964).
    assert st.lr_range(bowl, (9.0, 1.0), direction="momentum").limit == pytest.approx(0.19, rel=1e-6)


def test_a_least_squares_fit_blows_up_at_two_over_the_largest_eigenvalue():
    X, y, hessian = rows()
    edge = 2 / np.linalg.eigvalsh(hessian)[-1]
    tested = st.lr_range(st.models.Linear(), X, y)
    # The loss of the library is the squared error, or half of it: the fit tells, by its value at zeros.
    factor = tested.first_value / np.mean(y**2)
    assert tested.limit == pytest.approx(edge / factor, rel=1e-5)
    assert tested.limit < tested.diverges < 1.1 * tested.limit
    fitted = st.fit(st.models.Linear(), X, y, step=tested.suggested, epochs=400)
    plain = np.linalg.lstsq(np.column_stack([X, np.ones(len(y))]), y, rcond=None)[0]
    np.testing.assert_allclose(fitted.x["coef"], plain[:3], atol=1e-3)


def test_batches_are_tested_on_rows_drawn_by_the_seed():
    X, y, _ = rows(5000)
    first, again = (st.lr_range(st.models.Linear(), X, y, batch_size=50, rng=3) for _ in range(2))
    np.testing.assert_array_equal(first.values, again.values)
    assert (first.rows, first.batch_size, first.steps) == (2000, 50, 40)
    assert first.diverges > first.suggested < first.limit
    fitted = st.fit(st.models.Linear(), X, y, batch_size=50, step=first.suggested, epochs=3, rng=0)
    assert fitted.fun < 0.02 * first.first_value  # the noise of the rows is 0.01 of 41


def test_the_test_ends_once_the_descents_blow_up():
    calls = 0

    def f(x):
        nonlocal calls
        calls += 1
        return float(x) ** 2  # float() keeps it in plain Python

    tested = st.lr_range(f, 1.0, gradient=lambda x: 2 * x, steps=5)
    assert tested.limit == pytest.approx(1.0, rel=1e-3)
    assert tested.rates[-1] < 2  # and not a thousand times the limit
    assert np.isfinite(tested.diverges)
    assert calls < 1000


def test_a_function_that_curves_more_elsewhere_gets_lower_rates():
    # The curvature at the start is 2e-6, and 10 one step from there.
    tested = st.lr_range(lambda x: 1e-6 * x**2 + 5 * np.maximum(x - 3, 0) ** 2 + np.abs(x), 2.9, steps=20)
    assert tested.limit > 1e5
    assert tested.values[0] < tested.first_value
    assert tested.suggested < tested.diverges < 1e3


def test_a_saddle_has_no_limit_and_still_gets_a_range():
    tested = st.lr_range(lambda x, y: -(x**2) - y**2, (0.1, 0.2), steps=3)
    assert tested.limit == np.inf
    assert "none at the start" in str(tested)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: st.lr_range(bowl, (0.0, 0.0)), ValueError, "gradient is 0 at the start"),
        (lambda: st.lr_range(bowl, (1.0, 1.0), low=0.0), ValueError, "low=0.0: give a learning rate above 0"),
        (lambda: st.lr_range(bowl, (1.0, 1.0), low=1.0, high=0.1), ValueError, "low must be less"),
        (lambda: st.lr_range(bowl, (1.0, 1.0), low=1e9), ValueError, "give both low= and high="),
        (lambda: st.lr_range(bowl, (1.0, 1.0), batch_size=3), TypeError, "batch_size= is for a model"),
        (lambda: st.lr_range(bowl), TypeError, "give one start"),
        (lambda: st.lr_range(bowl, (1.0, 1.0), steps=0), ValueError, "steps=0"),
        (lambda: st.lr_range(bowl, (1.0, 1.0), direction="levenberg-marquardt"), ValueError, "finds its step sizes"),
        (lambda: st.lr_range(st.models.Linear(), [[1.0], [2.0]]), TypeError, "needs rows"),
        (lambda: st.lr_range(st.models.Tree(), [[1.0], [2.0]], [1, 2]), ValueError, "Tree finds its step sizes"),
        (lambda: st.lr_range(st.models.Linear(), [[1.0], [2.0]], [1, 2], gradient=True), TypeError, "gradient= is for"),
    ],
)
def test_errors_say_what_to_do(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_the_picture_marks_the_limit_and_the_rates_that_blow_up():
    tested = st.lr_range(bowl, (9.0, 1.0))
    display = tested.plot()
    assert isinstance(display, LearningRateDisplay)
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert "limit 2 / λ: 0.1" in labels
    assert display.above.sum() == (tested.rates >= tested.diverges).sum()
    assert "rates up to 0.1 are stable" in display.caption
    matplotlib.pyplot.close("all")
