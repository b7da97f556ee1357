"""Gradients of batches against a formula for each row of a linear model, and against draws and a limit of its own."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.inspection.runs import clashes

import steepest as st
from steepest.inspection import NoiseConeDisplay
from steepest.inspection.plots import style
from steepest.trace import Trace

ROWS = 400
DRAWN = np.random.default_rng(3)
X = DRAWN.normal(size=(ROWS, 3)) * [1, 5, 0.2] + [0, 3, 1]
Y = X @ [1, -2, 3] + 4 * DRAWN.normal(size=ROWS)
WEIGHT = DRAWN.uniform(0.5, 2, ROWS)


def line(x, m, b):
    return m * x + b


def row_gradients(params, X=X, y=Y, weight=None, ridge=0.0):
    """Return the gradient of each row's loss, w (x·coef + b - y)² / mean w + λ/2 ‖coef‖², by (coef, b)."""
    weight = np.ones(len(y)) if weight is None else weight
    coef, b = params[:-1], params[-1]
    error = weight / weight.mean() * 2 * (X @ coef + b - y)
    return np.column_stack([error[:, None] * X + ridge * coef, error])


@pytest.fixture(scope="module")
def linear():
    return st.fit(st.models.Linear(), X, Y, sample_weight=WEIGHT, penalty=st.penalties.L2(0.5), progress=False)


@pytest.fixture(scope="module")
def plane():
    return st.fit(line, X[:, 0], Y, start={"m": 0.0, "b": 0.0}, step=0.05, epochs=30, progress=False)


def test_the_gradient_of_a_row_is_that_of_the_formula_with_its_weight_and_the_penalty(linear):
    params = np.array([0.5, 0.1, -2.0, 1.0])
    expected = row_gradients(params, weight=WEIGHT, ridge=0.5)
    found = linear.batch_gradients(params, np.arange(ROWS)[:, None])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    rows = np.random.default_rng(0).integers(ROWS, size=(20, 7))
    np.testing.assert_allclose(linear.batch_gradients(params, rows), expected[rows].mean(axis=1), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(expected.mean(axis=0), linear.gradient_at(params), rtol=1e-9, atol=1e-9)


def test_rows_are_numbered_as_they_were_given_whatever_the_order_of_the_batches():
    how = {"batch_size": 32, "epochs": 2, "step": 1e-4, "rng": 0, "progress": False}
    fit = st.fit(st.models.Linear(), X, Y, **how)
    params = np.array([0.5, 0.1, -2.0, 1.0])
    found = fit.batch_gradients({"coef": params[:3], "intercept": params[3]}, [[7], [301]])
    np.testing.assert_allclose(found, row_gradients(params)[[7, 301]], rtol=1e-9)
    held = st.fit(st.models.Linear(), X, Y, validation=0.25, **how)
    assert held.rows_learnt == 300
    every = held.batch_gradients(params, np.arange(300)[:, None])
    np.testing.assert_allclose(every.mean(axis=0), held.gradient_at(params), rtol=1e-9)


@pytest.mark.parametrize("model", ["classes", "tree of parameters", "absolute"])
@pytest.mark.always(2)
def test_the_mean_over_all_batches_is_the_gradient_of_all_rows(model):
    import jax.numpy as jnp

    start = {"in": np.ones((3, 2)), "out": np.ones(2)}
    made = {
        "classes": lambda: st.fit(st.models.Multinomial(), X, np.digitize(Y, [-5, 5]), epochs=2, progress=False),
        "tree of parameters": lambda: st.fit(
            st.models.Custom(lambda p, x: jnp.tanh(x @ p["in"]) @ p["out"], start=start), X, Y, epochs=2, progress=False
        ),
        "absolute": lambda: st.fit(line, X[:, 0], Y, loss=lambda z, y: np.abs(z - y), epochs=2, progress=False),
    }
    fit = made[model]()
    point = fit.trace.x[0] + 0.01
    found = fit.batch_gradients(point, np.arange(ROWS).reshape(-1, 8))
    assert found.shape == (ROWS // 8, fit.trace.x.shape[1])
    np.testing.assert_allclose(found.mean(axis=0), fit.gradient_at(point), rtol=1e-8, atol=1e-10)


def test_the_share_that_goes_uphill_is_exact_for_single_rows(linear):
    display = NoiseConeDisplay.from_run(linear, at="start", sizes=[1])
    rows = row_gradients(linear.trace.x[0], weight=WEIGHT, ridge=0.5)
    full = rows.mean(axis=0)
    assert display.uphill == pytest.approx([np.mean(rows @ full < 0)])
    assert display.complete == [True]
    assert display.norm == pytest.approx(np.linalg.norm(full))
    cosines = rows @ full / np.linalg.norm(rows, axis=1) / np.linalg.norm(full)
    np.testing.assert_allclose(display.angles[0], np.degrees(np.arccos(cosines)), atol=1e-4)
    assert display.noise == pytest.approx([np.sqrt(((rows - full) ** 2).sum(axis=1).mean()) / np.linalg.norm(full)])


def test_the_share_of_larger_batches_is_that_of_other_draws_and_of_the_normal_limit(plane):
    draws, sizes = 2_000, [8, 64]
    display = NoiseConeDisplay.from_run(plane, at=25, sizes=sizes, draws=draws)
    rows = row_gradients(plane.trace.x[25], X[:, :1])
    full = rows.mean(axis=0)
    for size, share in zip(sizes, display.uphill, strict=True):
        other = np.random.default_rng(77)
        batches = np.stack([other.permutation(ROWS)[:size] for _ in range(draws)])
        apart = np.mean(rows[batches].mean(axis=1) @ full < 0)
        # Without replacement, the variance of a mean falls by (n - b) / (n - 1).
        spread = np.std(rows @ full) * math.sqrt((ROWS - size) / (ROWS - 1) / size)
        limit = math.erfc(full @ full / spread / math.sqrt(2)) / 2
        error = math.sqrt(apart * (1 - apart) / draws)
        assert 0.01 < apart < 0.5
        assert share == pytest.approx(apart, abs=5 * math.sqrt(2) * error)
        assert share == pytest.approx(limit, abs=5 * error + 0.01)


def test_a_batch_of_all_rows_is_the_full_gradient(plane):
    display = NoiseConeDisplay.from_run(plane, sizes=[ROWS])
    np.testing.assert_allclose(display.along[0], [1], rtol=1e-9)
    np.testing.assert_allclose(display.across[0], [0], atol=1e-9)
    assert display.complete == [True]


def test_a_plane_is_drawn_as_a_fan_of_arrows(plane, saved):
    display = NoiseConeDisplay.from_run(plane, at=20)
    saved(display)
    assert display.sizes == [1, 8, 64]
    assert len(display.axes_) == 3
    for ax, size, share in zip(display.axes_, display.sizes, display.uphill, strict=True):
        down, up, full = ax.collections
        assert (down.U > 0).all()
        assert (up.U < 0).all()
        assert down.N + up.N == 250
        # The full gradient has the length of the first ring.
        assert (full.U, full.V) == (1, 0)
        assert ax.get_title() == f"batch {size}: {100 * share:.3g} % uphill"
    # A direction keeps its angle, however long it is.
    shown = np.unique(np.linspace(0, ROWS - 1, 250).astype(int))
    angles = display.angles[0][shown]
    down = display.axes_[0].collections[0]
    drawn = np.degrees(np.arctan2(down.V, down.U))
    np.testing.assert_allclose(np.sort(drawn), np.sort(angles[np.abs(angles) < 90]), atol=1e-6)
    assert "in row 20 of the trace: " in display.caption
    assert "of all 400 batches of 1" in display.caption
    assert list(display.table()) == ["batch size", "batches", "uphill", "noise"]


def test_more_parameters_are_drawn_along_and_across_the_gradient(linear, saved):
    display = NoiseConeDisplay.from_run(linear, sizes=(1, 4))
    saved(display)
    assert (display.across[0] >= 0).all()
    down, up, *_ = (line for line in display.axes_[0].lines if line.get_marker() in "o^")
    assert (down.get_xdata() > 0).all()
    assert (up.get_xdata() < 0).all()
    assert (down.get_color(), up.get_color()) == (style.BLUE, style.ORANGE)
    display.title = "a fit"
    assert not clashes(display.to_figure())


def test_the_fit_of_a_table_and_batches_that_are_not_finite(saved):
    fit = st.fit_table({"x": X[:, 0], "y": Y}, "y", progress=False)
    assert NoiseConeDisplay.from_run(fit, sizes=[1]).parameters == 2
    broken = SimpleNamespace(
        trace=Trace({}, np.ones((1, 2)), ["m", "b"]), rows_learnt=4, title="", maximized=False, outcome="",
        model=None, params={}, columns=None, data=None, evaluate=lambda x: 0.0,
        gradient_at=lambda x: np.array([1.0, 0.0]),
        batch_gradients=lambda x, rows: np.array([[1.0, 1.0], [np.nan, 0.0], [np.inf, 1.0], [-1.0, 0.0]]),
    )  # fmt: skip
    display = NoiseConeDisplay.from_run(broken, sizes=[1])
    assert display.uphill == [0.5]
    saved(display)
    saved(NoiseConeDisplay([1], [[]], [[]], norm=1.0))


def test_what_is_refused(plane, tmp_path):
    with pytest.raises(ValueError, match=r"sizes=\[401\]: give whole numbers of rows, from 1 to the 400 of the fit"):
        NoiseConeDisplay.from_run(plane, sizes=[401])
    with pytest.raises(ValueError, match=r"at=31: give 'start', 'end', or the number of a row of the trace, 0 to 30"):
        NoiseConeDisplay.from_run(plane, at=31)
    with pytest.raises(ValueError, match=r"draws=0: give the number of batches"):
        NoiseConeDisplay.from_run(plane, draws=0)
    with pytest.raises(ValueError, match=r"rows go from -1 to 3, and the fit has learnt from 400: give 0 to 399"):
        plane.batch_gradients([0, 0], [[-1, 3]])
    with pytest.raises(ValueError, match=r"rows=\[1, 2\]: give the numbers of rows, one list of them for each batch"):
        plane.batch_gradients([0, 0], [1, 2])
    with pytest.raises(ValueError, match="the gradient of all rows is 0 at the end, and batches have no direction"):
        NoiseConeDisplay.from_run(st.fit(line, [0.0, 1.0], [0.0, 0.0], start=[0, 0], progress=False), at="end")
    with pytest.raises(ValueError, match="got 1 axes for 3 batch sizes: give one axes for each"):
        NoiseConeDisplay.from_run(plane).plot(Figure().add_subplot())
    with pytest.raises(ValueError, match="this run has no rows to draw batches from"):
        NoiseConeDisplay.from_run(st.minimize(lambda x: x**2, 1.0))
    network = replace(plane, model=st.models.Network(), row_gradients=None)
    with pytest.raises(RuntimeError, match=r"gradients of batches are not at hand for models.Network"):
        NoiseConeDisplay.from_run(network)
    loaded = st.load(plane.save(tmp_path / "fit"))
    with pytest.raises(RuntimeError, match="the rows of this fit are not at hand, as it was loaded, read a stream"):
        NoiseConeDisplay.from_run(loaded)
    plain = st.fit(lambda x, m: np.array([float(v) * float(m) for v in x]), X[:, 0], Y, epochs=1, progress=False)
    with pytest.raises(ValueError, match="batches need a model that can be traced, and this one can't be"):
        NoiseConeDisplay.from_run(plain)


def test_one_batch_has_no_percents():
    display = NoiseConeDisplay([1], [[1.0]], [[0.0]], norm=1.0, complete=[True])
    assert "Steps that point uphill: 0 of 1 batch of 1." in display.caption
    assert "no gradient is finite" in NoiseConeDisplay([8], [[]], [[]], norm=1.0).caption
