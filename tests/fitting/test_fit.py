"""Fits compared with the printed tables of a tutorial, plain loops, NumPy, scikit-learn and optax."""

import gc
import tracemalloc
import warnings
import weakref

import numpy as np
import optax
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

import steepest as st

XS = np.arange(-50, 50)
YS = 30 * XS + 7

# Printed by a tutorial on gradient descent: every 500th epoch of the full batch, every 100th of the stochastic one.
FULL = """
49.79222779 -0.12864659  29.99842866 4.38372465  29.99942234 6.0382      29.99978764 6.6464213   29.99992193 6.87001674
29.9999713  6.95221531   29.99998945 6.9824333   29.99999612 6.9935421   29.99999857 6.99762593  29.99999948 6.99912724
29.99999981 6.99967915
"""
STOCHASTIC = """
30.1538657  -0.65822025  30.00191734 6.90456916  30.00002389 6.99881082  30.0000003  6.99998518  30.00000001 6.99999982
30.         7.           30.00000001 7.          30.00000001 7.          30.         7.          30.00000002 7.
30.00000001 7.
"""
# The tutorial does not print the order of its mini-batches, so only their limit is known.
LIMIT = (30, 7)


def line(x, m, b):
    return m * x + b


def printed(table):
    return np.array(table.split(), dtype=float).reshape(-1, 2)


@pytest.fixture(scope="module")
def raw():
    """A table in raw units: columns with scales 1, 1e3 and 1e5, and means that are not 0."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 3)) * [1, 1e3, 1e5] + [0.5, 2e4, -3e6]
    y = X @ [1, 2e-3, 3e-5] + 4 + rng.standard_normal(500)
    return X, y


class TestTutorial:
    def test_full_batch_to_every_digit(self):
        start = {"m": 49.79222779, "b": -0.12864659}
        fit = st.fit(line, XS, YS, start=start, step=0.001, epochs=5000)
        np.testing.assert_array_equal(fit.trace.x[::500].round(8), printed(FULL))
        assert (fit.outcome, len(fit.trace), list(fit.params)) == ("completed", 5001, ["m", "b"])
        assert fit.trace.at(epoch=500)["x"].round(8).tolist() == [29.99842866, 4.38372465]

    def test_stochastic(self):
        start = {"m": 30.1538657, "b": -0.65822025}
        fit = st.fit(line, XS, YS, start=start, batch_size=1, shuffle=False, step=0.001, epochs=1000)
        off = np.abs(fit.trace.x[::100] - printed(STOCHASTIC)).max(axis=0)
        assert off[0] < 5e-8
        assert off[1] < 1e-8
        assert fit.trace.iteration[-1] == 100_000

    @pytest.mark.parametrize("shuffle", ["batches", "rows", False])
    def test_mini_batches_reach_the_line(self, shuffle):
        fit = st.fit(line, XS, YS, start=(20.0, -2.0), batch_size=10, shuffle=shuffle, step=0.001, epochs=1000, rng=0)
        np.testing.assert_allclose(fit.trace.x[-1], LIMIT, atol=1e-7)

    def test_linear_gradient_of_a_point_and_of_several(self):
        assert st.linear_gradient(2.0, 5.0, (1.0, 1.0)) == [-8.0, -4.0]
        by_m, by_b = st.linear_gradient(XS, YS, (1.0, 2.0))
        assert by_m.shape == XS.shape
        mean = st.gradient(lambda p: ((p[0] * XS + p[1] - YS) ** 2).mean())([1.0, 2.0])
        np.testing.assert_allclose([by_m.mean(), by_b.mean()], mean)


def plain_loop(X, y, theta, size, rate, epochs, weight=None, momentum=0.0):
    """Mini-batch descent of a linear model with NumPy alone, with the batches in order."""
    weight = np.ones(len(y)) if weight is None else weight
    A, rows, velocity = np.c_[X, np.ones(len(y))], [theta], np.zeros_like(theta)
    for _ in range(epochs):
        for start in range(0, len(y), size):
            a, b, w = A[start : start + size], y[start : start + size], weight[start : start + size]
            gradient = 2 * a.T @ (w * (a @ theta - b)) / (size * weight.mean())
            velocity = momentum * velocity + gradient
            theta = theta - rate * velocity
        rows.append(theta)
    return np.array(rows)


class TestBatches:
    @pytest.mark.parametrize("size", [1, 7, 32, 50])
    def test_path_is_that_of_a_plain_loop_with_a_short_last_batch(self, size):
        rng = np.random.default_rng(1)
        X, y, weight = rng.standard_normal((50, 2)), rng.standard_normal(50), rng.uniform(0.5, 2, 50)
        fit = st.fit(
            st.models.Linear(), X, y, sample_weight=weight, batch_size=size, shuffle=False, step=0.01, epochs=5
        )
        np.testing.assert_allclose(fit.trace.x, plain_loop(X, y, np.zeros(3), size, 0.01, 5, weight), rtol=1e-10)

    def test_momentum_goes_on_from_batch_to_batch(self):
        rng = np.random.default_rng(1)
        X, y = rng.standard_normal((50, 2)), rng.standard_normal(50)
        fit = st.fit(st.models.Linear(), X, y, batch_size=8, shuffle=False, step=0.01, direction="momentum", epochs=5)
        np.testing.assert_allclose(fit.trace.x, plain_loop(X, y, np.zeros(3), 8, 0.01, 5, momentum=0.9), rtol=1e-10)

    def test_optax_on_batches_is_optax(self):
        import jax
        import jax.numpy as jnp

        rng = np.random.default_rng(2)
        X, y = rng.standard_normal((40, 2)), rng.standard_normal(40)
        with jax.enable_x64(True):
            rule, theta = optax.adam(0.05), jnp.zeros(3)
            state, A = rule.init(theta), jnp.asarray(np.c_[X, np.ones(40)])
            for _ in range(3):
                for k in range(0, 40, 10):
                    a, b = A[k : k + 10], y[k : k + 10]
                    update, state = rule.update(2 * a.T @ (a @ theta - b) / 10, state, theta)
                    theta = theta + update
        fit = st.fit(st.models.Linear(), X, y, batch_size=10, shuffle=False, step=optax.adam(0.05), epochs=3)
        np.testing.assert_allclose(fit.trace.x[-1], theta, rtol=1e-12)

    def test_a_schedule_gets_the_number_of_the_update(self):
        seen = []

        def size(k):
            seen.append(k)
            return 0.01 / (1 + k)

        fit = st.fit(line, XS[:20] / 50, YS[:20], start=(0, 0), batch_size=6, shuffle=False, step=size, epochs=40)
        assert sorted(set(seen))[:160] == list(range(160))
        np.testing.assert_allclose(fit.trace.step_size[1:], 0.01 / (4 * np.arange(1, 41)), rtol=1e-12)

    def test_each_way_to_shuffle_visits_every_row_once(self):
        # With very short steps the point hardly moves: in any order the steps of an epoch add up to the full gradient.
        rng = np.random.default_rng(3)
        x, y, rate = rng.standard_normal(23), rng.standard_normal(23), 1e-9
        full = -rate * 23 * 2 * np.array([-(x * y).mean(), -y.mean()]) / 5
        for shuffle in ("batches", "rows", False):
            fit = st.fit(line, x, y, start=(0.0, 0.0), batch_size=5, shuffle=shuffle, step=rate, epochs=1, rng=4)
            np.testing.assert_allclose(fit.trace.x[1], full, rtol=1e-6)

    def test_same_seed_same_answer_other_seed_other_path(self, raw):
        X, y = raw
        fits = [st.fit(st.models.Linear(), X, y, batch_size=32, epochs=3, rng=seed) for seed in (1, 1, 2)]
        np.testing.assert_array_equal(fits[0].trace.x, fits[1].trace.x)
        assert not np.array_equal(fits[0].trace.x, fits[2].trace.x)

    def test_blocks_of_many_rows_are_all_visited(self):
        x = np.linspace(-1, 1, 100_001)
        fit = st.fit(line, x, 3 * x - 1, start=(0.0, 0.0), batch_size=10, step=0.05, epochs=3, rng=0)
        np.testing.assert_allclose(fit.trace.x[-1], [3, -1], atol=1e-9)

    def test_the_step_that_finds_itself_says_what_it_reached(self, raw):
        X, y = raw
        fit = st.fit(st.models.Linear(), X, y, batch_size=32, rng=0)
        best = np.mean((LinearRegression().fit(X, y).predict(X) - y) ** 2)
        assert fit.fun < 1.01 * best
        assert (fit.outcome, fit.success) in {("iteration limit", False), ("converged", True)}
        assert fit.fun <= fit.trace.value.min() * (1 + 1e-12)


class TestLinear:
    @pytest.mark.parametrize("words", [{}, {"step": 0.01, "epochs": 1, "batch_size": 100}], ids=str)
    def test_beyond_the_rows_memory_holds_one_copy_of_them(self, words):
        X = np.random.default_rng(0).standard_normal((200_000, 40), dtype=np.float32)
        y = X @ np.arange(40.0) + 1
        tracemalloc.start()
        fit = st.fit(st.models.Linear(), X, y, **words)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert fit.success
        # Other memory: targets and weights in double precision, and a block of rows.
        assert most < 1.2 * X.nbytes + 4 * y.nbytes + 2**23

    def test_rows_are_let_go_of_with_the_fit(self, raw):
        """The rows are freed at once, without waiting for the garbage collector."""
        gc.disable()
        try:
            fit = st.fit(st.models.Linear(), *raw)
            held = weakref.ref(fit.objective)
            del fit
            assert held() is None
        finally:
            gc.enable()

    def test_least_squares_in_raw_units(self, raw):
        X, y = raw
        fit = st.fit(st.models.Linear(), X, y)
        exact = np.linalg.lstsq(np.c_[X, np.ones(len(y))], y, rcond=None)[0]
        np.testing.assert_allclose([*fit.params["coef"], fit.params["intercept"]], exact, rtol=1e-7)
        assert (fit.outcome, fit.certificate.kind) == ("converged", "certified")
        np.testing.assert_allclose(fit.predict(X), np.c_[X, np.ones(len(y))] @ exact, rtol=1e-9)
        residual = fit.predict(X) - y
        np.testing.assert_allclose(fit.fun, (residual**2).mean(), rtol=1e-12)

    def test_weights_count_as_repetitions(self, raw):
        X, y = raw
        weight = np.random.default_rng(5).integers(0, 4, len(y))
        weighted = st.fit(st.models.Linear(), X, y, sample_weight=weight)
        repeated = st.fit(st.models.Linear(), np.repeat(X, weight, axis=0), np.repeat(y, weight))
        np.testing.assert_allclose(weighted.params["coef"], repeated.params["coef"], rtol=1e-7)
        np.testing.assert_allclose(weighted.fun, repeated.fun, rtol=1e-10)

    def test_ridge_penalises_the_weights_in_your_units(self, raw):
        X, y = raw
        fit = st.fit(st.models.Linear(), X, y, penalty=st.penalties.L2(0.3), tolerance=1e-12)
        peer = Ridge(alpha=0.3 * len(y) / 2, solver="cholesky").fit(X, y)
        np.testing.assert_allclose(fit.params["coef"], peer.coef_, rtol=1e-6)
        assert fit.certificate.kind == "certified"

    def test_any_penalty_of_the_weights(self, raw):
        X, y = raw
        ours = st.fit(st.models.Linear(), X, y, penalty=lambda w: 0.15 * (w**2).sum(), tolerance=1e-12)
        named = st.fit(st.models.Linear(), X, y, penalty=st.penalties.L2(0.3), tolerance=1e-12)
        np.testing.assert_allclose(ours.fun, named.fun, rtol=1e-10)

    def test_logistic_regression_is_the_peers(self, raw):
        X, y = raw
        labels = (y + np.random.default_rng(6).standard_normal(len(y)) > y.mean()).astype(int)
        fit = st.fit(st.models.Logistic(), X, labels, tolerance=1e-13)
        scaled = (X - X.mean(axis=0)) / X.std(axis=0)
        peer = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(scaled, labels)
        np.testing.assert_allclose(fit.params["coef"], peer.coef_[0] / X.std(axis=0), rtol=1e-5)
        np.testing.assert_allclose(fit.predict(X), peer.predict_proba(scaled)[:, 1], atol=1e-6)
        assert fit.success

    @pytest.mark.parametrize("rescale", ["whiten", "scale", "none"])
    def test_rescaling_changes_the_path_and_not_the_answer(self, rescale):
        rng = np.random.default_rng(7)
        X = rng.standard_normal((200, 3)) @ rng.standard_normal((3, 3)) + 1
        y = (rng.uniform(size=200) < 1 / (1 + np.exp(-X @ [1, -1, 0.5]))).astype(float)
        fit = st.fit(st.models.Logistic(), X, y, rescale=rescale, penalty=st.penalties.L2(0.01), tolerance=1e-12)
        peer = LogisticRegression(C=1 / (0.01 * 200), tol=1e-12, max_iter=10_000).fit(X, y)
        np.testing.assert_allclose(fit.params["coef"], peer.coef_[0], rtol=1e-4)

    def test_gradient_and_value_are_in_your_units(self, raw):
        X, y = raw
        fit = st.fit(st.models.Linear(), X, y, epochs=1, step=1e-16)
        point = np.array([0.5, 1e-3, 2e-5, 3.0])
        whitened = st.fit(st.models.Linear(), X, y, penalty=st.penalties.L2(0.1))
        A = np.c_[X, np.ones(len(y))]
        residual = A @ point - y
        np.testing.assert_allclose(fit.evaluate(point), (residual**2).mean(), rtol=1e-12)
        ridge = np.array([0.1, 0.1, 0.1, 0]) * point
        np.testing.assert_allclose(
            whitened.gradient_at(point), 2 * A.T @ residual / len(y) + ridge, rtol=1e-7, atol=1e-6
        )

    def test_columns_that_say_nothing_new_get_short_coefficients(self, raw):
        X, y = raw
        fit = st.fit(st.models.Linear(), np.c_[X, X[:, 0], np.ones(len(y))], y)
        alone = st.fit(st.models.Linear(), X, y)
        np.testing.assert_allclose(fit.fun, alone.fun, rtol=1e-9)
        np.testing.assert_allclose(fit.params["coef"][[0, 3]], alone.params["coef"][0] / 2, rtol=1e-6)
        assert fit.params["coef"][4] == pytest.approx(0, abs=1e-9)
        assert [event.kind for event in fit.trace.events] == ["collinear"]

    def test_float32_columns_keep_their_precision(self, raw):
        X, y = raw
        fit = st.fit(st.models.Linear(), (X / [1, 1e3, 1e5]).astype(np.float32), y)
        assert fit.params["coef"].dtype == np.float64
        exact = np.linalg.lstsq(np.c_[X / [1, 1e3, 1e5], np.ones(len(y))], y, rcond=None)[0]
        np.testing.assert_allclose(fit.params["coef"], exact[:3], rtol=1e-4)

    def test_separated_classes_have_no_finite_optimum(self):
        x = np.array([-2.0, -1.0, 1.0, 3.0])
        fit = st.fit(st.models.Logistic(), x, x > 0)
        assert (fit.outcome, fit.success) == ("no finite optimum", False)
        assert "penalty=L2" in fit.message
        assert st.fit(st.models.Logistic(), x, x > 0, penalty=st.penalties.L2(0.1)).outcome == "converged"

    def test_a_learning_rate_is_for_your_own_columns_and_may_diverge_honestly(self, raw):
        X, y = raw
        fit = st.fit(st.models.Linear(), X, y, step=0.01, epochs=100)
        assert (fit.outcome, fit.success) == ("diverged", False)
        np.testing.assert_array_equal(fit.params["coef"], np.zeros(3))
        assert "keep the step below" in fit.message

    def test_data_frames_give_names_and_are_taken_by_name(self, raw):
        pd = pytest.importorskip("pandas")
        X, y = raw
        frame = pd.DataFrame(X, columns=["a", "b", "c"])
        fit = st.fit(st.models.Linear(), frame, pd.Series(y))
        assert list(fit.trace.names) == ["a", "b", "c", "intercept"]
        np.testing.assert_array_equal(fit.predict(frame[["c", "a", "b"]]), fit.predict(frame))
        with pytest.raises(ValueError, match="lacks the column 'b'"):
            fit.predict(frame[["a", "c"]])

    def test_columns_of_data_frames_may_be_numbers(self, raw):
        pd = pytest.importorskip("pandas")
        X, y = raw
        fit = st.fit(st.models.Linear(), pd.DataFrame(X), y)
        np.testing.assert_array_equal(fit.predict(pd.DataFrame(X)[[2, 0, 1]]), fit.predict(pd.DataFrame(X)))


class TestFunctions:
    def test_a_nonlinear_model_recovers_its_parameters(self):
        x = np.linspace(0, 4, 60)
        fit = st.fit(lambda x, a, k, c: a * np.exp(-k * x) + c, x, 5 * np.exp(-1.3 * x) + 0.5, tolerance=1e-14)
        np.testing.assert_allclose(list(fit.params.values()), [5, 1.3, 0.5], rtol=1e-5)
        assert list(fit.params) == ["a", "k", "c"]

    def test_parameters_keep_the_order_of_the_signature(self):
        fit = st.fit(lambda x, z, a: z * x + a, XS, YS, start={"a": 1.0, "z": 2.0})
        assert (list(fit.params), list(fit.trace.names)) == (["z", "a"], ["z", "a"])
        np.testing.assert_allclose(list(fit.params.values()), LIMIT, rtol=1e-6)

    def test_array_parameters_such_as_a_small_network(self):
        rng = np.random.default_rng(8)
        x = np.linspace(-2, 2, 80)

        def network(x, inner, bias, outer):
            return np.tanh(x[:, None] * inner + bias) @ outer

        start = {"inner": rng.standard_normal(4), "bias": rng.standard_normal(4), "outer": rng.standard_normal(4)}
        fit = st.fit(network, x, np.sin(2 * x), start=start)
        assert fit.fun < 1e-3
        assert fit.params["outer"].shape == (4,)
        np.testing.assert_allclose(((fit.predict(x) - np.sin(2 * x)) ** 2).mean(), fit.fun, rtol=1e-9)

    def test_code_that_cannot_be_traced_is_fitted_by_values(self):
        def stubborn(x, m, b):
            return float(m) * x + float(b)

        fit = st.fit(stubborn, XS / 50, YS, start=(1.0, 1.0))
        assert fit.kind == "differences"
        np.testing.assert_allclose(list(fit.params.values()), [1500, 7], rtol=1e-4)
        with pytest.raises(ValueError, match="batches need a model that can be traced"):
            st.fit(stubborn, XS, YS, batch_size=10, step=0.1)

    def test_a_loss_of_your_own(self):
        rng = np.random.default_rng(9)
        x, y = XS / 50, 3 * XS / 50 + rng.standard_normal(100)
        fit = st.fit(line, x, y, loss=lambda z, y: np.sqrt(1 + (z - y) ** 2), tolerance=1e-12)
        from scipy.optimize import minimize

        peer = minimize(lambda p: np.sqrt(1 + (p[0] * x + p[1] - y) ** 2).mean(), [1, 1], tol=1e-12)
        np.testing.assert_allclose(fit.fun, peer.fun, rtol=1e-9)

    def test_a_model_that_mixes_rows_is_found_out(self):
        fit = st.fit(lambda x, m, b: m * (x - x.mean()) + b, np.arange(600.0), np.arange(600.0))
        assert fit.success
        rows = np.arange(70_000.0)
        mixed = st.fit(lambda x, m, b: m * (x - x.mean()) + b, rows, rows, step=1e-12, epochs=2)
        assert mixed.outcome == "wrong gradient"

    def test_saved_and_loaded_equal_and_a_linear_one_predicts(self, raw, tmp_path):
        X, y = raw
        fit = st.fit(st.models.Linear(), X, y)
        again = st.load(fit.save(tmp_path / "fit"))
        assert again == fit
        np.testing.assert_array_equal(again.predict(X), fit.predict(X))
        own = st.load(st.fit(line, XS, YS).save(tmp_path / "own"))
        with pytest.raises(RuntimeError, match="functions are not saved"):
            own.predict(XS)

    def test_a_callback_sees_your_parameters_and_can_stop(self):
        seen = []

        def watch(intermediate_result):
            seen.append(intermediate_result.x)
            if len(seen) == 3:
                raise StopIteration

        fit = st.fit(line, XS, YS, step=1e-4, epochs=100, callback=watch)
        assert (fit.outcome, len(fit.trace)) == ("stopped by callback", 4)
        assert list(seen[0]) == ["m", "b"]


class TestRefusals:
    X, y = np.arange(12.0).reshape(6, 2), np.arange(6.0)
    linear = st.models.Linear()

    @pytest.mark.parametrize(
        ("words", "changes"),
        [
            ("here it is called step=", {"learning_rate": 0.1}),
            ("did you mean epochs=", {"epoch": 3}),
            ("batch_size=0", {"batch_size": 0}),
            ("batch_size=2.5", {"batch_size": 2.5}),
            ("epochs=-1", {"epochs": -1}),
            ("shuffle='row'", {"shuffle": "row"}),
            ("shuffle=True", {"shuffle": True}),
            ("rescale='whitten'", {"rescale": "whitten"}),
            ("loss='squred' is not known: did you mean 'squared'", {"loss": "squred"}),
            ("penalty='l2'", {"penalty": "l2"}),
            ("dtype='int8'", {"dtype": "int8"}),
            ("needs exact values", {"batch_size": 2, "step": "armijo"}),
            ("needs a learning rate", {"batch_size": 2, "direction": "adam"}),
            ("the start has 2 numbers; the model takes 2 in coef", {"start": (1, 2)}),
            ("the start names w", {"start": {"w": 1}}),
            ("y has 5", {"y": np.arange(5.0)}),
            ("y has nan in row 2", {"y": [0, 1, np.nan, 3, 4, 5]}),
            ("y has the shape", {"y": np.ones((6, 2))}),
            ("X has inf in row 0, column 1", {"X": [[1, np.inf]] * 6}),
            ("X has no rows", {"X": np.empty((0, 2))}),
            ("must hold numbers", {"X": [["a", "b"]] * 6}),
            ("sample_weight has -1 in row 0", {"sample_weight": [-1, 1, 1, 1, 1, 1]}),
            ("zero in every row", {"sample_weight": np.zeros(6)}),
            ("log loss takes targets of 0 and 1, and row 2", {"loss": "log loss"}),
            ("progress='yes'", {"progress": "yes"}),
        ],
    )
    def test_one_line_that_names_what_is_wrong(self, words, changes):
        given = {"X": self.X, "y": self.y} | changes
        with pytest.raises((ValueError, TypeError)) as error:
            st.fit(self.linear, given.pop("X"), given.pop("y"), **given)
        assert words in str(error.value)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("words", "model"),
        [
            ("is a class: write Linear()", st.models.Linear),
            ("give a model such as models.Linear()", "linear"),
            ("takes 1 argument", lambda X: X),
            ("takes *args", lambda X, *p: X),
            ("the model returned the shape (6, 2)", lambda X, m: m * X),
            ("the model returned the shape (3,)", lambda X, m: m * X[:3, 0]),
        ],
    )
    def test_models_that_are_none(self, words, model):
        with pytest.raises((ValueError, TypeError), match=None) as error:
            st.fit(model, self.X, self.y)
        assert words in str(error.value)

    def test_a_model_that_raises_at_the_start_keeps_its_error(self):
        def broken(X, m):
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            st.fit(broken, self.X, self.y)

    def test_predicting_other_columns(self):
        fit = st.fit(self.linear, self.X, self.y)
        with pytest.raises(ValueError, match="X has 3 columns and the model was fitted on 2"):
            fit.predict(np.ones((4, 3)))


class TestProgress:
    def test_a_table_of_epochs_parameters_and_loss(self, capsys):
        st.fit(line, XS, YS, start={"m": 49.79222779, "b": -0.12864659}, step=0.001, epochs=5000, progress=True)
        shown = capsys.readouterr().err
        assert all(word in shown for word in ("epoch", "m", "b", "loss", "5,000", "29.9984", "4.38372"))
        assert len(shown.splitlines()) < 20

    def test_nothing_unless_asked_or_on_a_terminal(self, capsys):
        st.fit(line, XS, YS, step=0.001, epochs=10)
        assert capsys.readouterr().err == ""


def test_minibatches_are_the_tutorials():
    rows = np.arange(23)
    batches = list(st.minibatches(rows, 5, rng=0))
    assert sorted(np.concatenate(batches).tolist()) == rows.tolist()
    assert all((np.diff(batch) == 1).all() and batch[0] % 5 == 0 for batch in batches)
    assert [b.tolist() for b in st.minibatches(rows, 5, rng=0)] == [b.tolist() for b in batches]
    assert [b[0] for b in st.minibatches(rows, 5, shuffle=False)] == [0, 5, 10, 15, 20]
    with pytest.raises(ValueError, match="batch_size=0"):
        next(st.minibatches(rows, 0))


def test_warnings_stay_off():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = st.fit(st.models.Linear(), np.arange(4.0), np.arange(4.0) * 1e60)
    assert fit.params["coef"] == pytest.approx(1e60)
