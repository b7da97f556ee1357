"""Generalised linear models on all rows, held against scikit-learn, closed forms and each other."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
)
from tests.interrupts import interrupted

import steepest as st
from steepest.descent.loop.bound import Bound
from steepest.fitting.linear.coordinates import coordinates
from steepest.fitting.linear.solvers.base import LinearSolver

LINEAR, LOGISTIC, POISSON = st.models.Linear(), st.models.Logistic(), st.models.Poisson()


@pytest.fixture(scope="module")
def table():
    """Raw units: columns that go together, of scale 0.1 to 1e3, up to 500 standard deviations off centre."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 4)) @ rng.standard_normal((4, 4)) * [1, 50, 1e3, 0.1] + [3, 1e3, -5e5, 0]
    signal = (X - X.mean(axis=0)) @ [0.5, 1e-2, -3e-4, 4]
    targets = {
        "squared": signal + rng.standard_normal(300),
        "log loss": (rng.uniform(size=300) < 1 / (1 + np.exp(-signal))).astype(float),
        "poisson": rng.poisson(np.exp(0.5 * signal + 1)).astype(float),
    }
    return X, targets


class TestPeers:
    def test_poisson_regression(self, table):
        X, targets = table
        scaled, y = (X - X.mean(axis=0)) / X.std(axis=0), targets["poisson"]
        fit = st.fit(POISSON, X, y, tolerance=1e-12)
        peer = PoissonRegressor(alpha=0, solver="newton-cholesky", tol=1e-12).fit(scaled, y)
        np.testing.assert_allclose(fit.params["coef"] * X.std(axis=0), peer.coef_, rtol=1e-6)
        np.testing.assert_allclose(fit.predict(X), peer.predict(scaled), rtol=1e-6)
        assert (fit.outcome, fit.certificate.kind) == ("converged", "certified")

    @pytest.mark.parametrize("strength", [1e-6, 1e-2, 10])
    def test_penalised_logistic_regression_with_weights(self, table, strength):
        X, targets = table
        X, y = X / [1, 50, 1e3, 0.1], targets["log loss"]
        weight = np.random.default_rng(1).uniform(0, 2, len(y))
        fit = st.fit(LOGISTIC, X, y, penalty=st.penalties.L2(strength), sample_weight=weight, tolerance=1e-14)
        peer = LogisticRegression(C=1 / (strength * weight.sum()), solver="newton-cholesky", tol=1e-12)
        np.testing.assert_allclose(fit.params["coef"], peer.fit(X, y, weight).coef_[0], rtol=1e-5, atol=1e-9)

    @pytest.mark.parametrize(("l1", "l2"), [(0.01, 0), (1, 0), (100, 0), (1, 1), (10, 1e-2)])
    def test_lasso_and_elastic_net(self, l1, l2):
        X, y = load_diabetes(return_X_y=True, scaled=False)
        penalty = st.penalties.ElasticNet(l1, l2) if l2 else st.penalties.L1(l1)
        fit = st.fit(LINEAR, X, y, penalty=penalty)
        words = {"tol": 1e-12, "max_iter": 100_000}
        rival = Lasso(l1 / 2, **words) if not l2 else ElasticNet((l1 + l2) / 2, l1_ratio=l1 / (l1 + l2), **words)
        peer = rival.fit(X, y)
        theirs = ((peer.predict(X) - y) ** 2).mean() + penalty(peer.coef_)
        assert fit.fun <= theirs * (1 + 1e-9)
        np.testing.assert_array_equal(fit.params["coef"] == 0, peer.coef_ == 0)
        assert (fit.outcome, fit.certificate.kind) == ("converged", "certified")

    @pytest.mark.parametrize("strength", [1e-3, 1e-2])
    def test_sparse_logistic_regression(self, strength):
        X, y = load_breast_cancer(return_X_y=True)
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        penalty = st.penalties.L1(strength)
        fit = st.fit(LOGISTIC, X, y, penalty=penalty, tolerance=1e-9)
        # With an intercept scaled up, so that liblinear all but leaves it free.
        words = {"solver": "liblinear", "tol": 1e-9, "max_iter": 50_000, "intercept_scaling": 1e4, "random_state": 0}
        peer = LogisticRegression(C=1 / (strength * len(y)), l1_ratio=1, **words).fit(X, y)
        z = peer.decision_function(X)
        theirs = (np.logaddexp(0, z) - y * z).mean() + penalty(peer.coef_[0])
        assert fit.fun <= theirs * (1 + 1e-6)
        assert fit.fun >= theirs * (1 - 1e-3)

    def test_a_lasso_lets_go_at_the_slope_of_the_loss(self, table):
        X, targets = table
        y = targets["squared"]
        most = np.abs(2 * (X - X.mean(axis=0)).T @ (y - y.mean()) / len(y)).max()
        above, below = (st.fit(LINEAR, X, y, penalty=st.penalties.L1(part * most)) for part in (1.001, 0.999))
        assert not above.params["coef"].any()
        assert above.params["intercept"] == pytest.approx(y.mean(), rel=1e-12)
        assert np.count_nonzero(below.params["coef"]) == 1

    def test_a_lasso_of_more_columns_than_a_hessian_is_formed_for(self):
        rng = np.random.default_rng(2)
        X = rng.standard_normal((50, 1_005))
        y = X[:, :3].sum(axis=1)
        fit = st.fit(LINEAR, X, y, penalty=st.penalties.L1(0.5))
        peer = Lasso(0.25, tol=1e-12, max_iter=100_000).fit(X, y)
        theirs = ((peer.predict(X) - y) ** 2).mean() + 0.5 * np.abs(peer.coef_).sum()
        assert theirs - 1e-9 <= fit.fun <= theirs + fit.certificate.tolerance
        assert (fit.outcome, fit.certificate.kind) == ("converged", "certified")
        assert fit.certificate.gap >= fit.fun - theirs
        assert np.count_nonzero(fit.params["coef"]) < 50

    def test_rows_in_many_blocks(self):
        rng = np.random.default_rng(3)
        X = rng.standard_normal((40_000, 3)).astype(np.float32)
        y = X @ [1, 2, 3] + rng.standard_normal(40_000)
        weight = rng.uniform(size=40_000)
        fit = st.fit(LINEAR, X, y, sample_weight=weight, penalty=st.penalties.L2(1e-2))
        peer = Ridge(1e-2 / 2 * weight.sum()).fit(X.astype(float), y, weight)
        np.testing.assert_allclose(fit.params["coef"], peer.coef_, rtol=1e-5)


class TestPasses:
    @pytest.mark.parametrize("rescale", ["auto", "scale"])
    @pytest.mark.parametrize("strength", [1e-6, 1e-3, 1])
    @pytest.mark.always(3)
    def test_breast_cancer_in_raw_units(self, strength, rescale):
        X, y = load_breast_cancer(return_X_y=True)
        fit = st.fit(LOGISTIC, X, y, penalty=st.penalties.L2(strength), rescale=rescale)
        best = st.fit(LOGISTIC, X, y, penalty=st.penalties.L2(strength), tolerance=1e-12).fun
        assert fit.fun - best <= min(fit.certificate.gap, 1e-6 * fit.trace.value[0])
        assert (fit.outcome, fit.certificate.kind) == ("converged", "certified")
        assert fit.nfev <= 25

    def test_least_squares_takes_one_step(self, table):
        X, targets = table
        for penalty in (None, st.penalties.L2(1e-3), st.penalties.L2(1e3)):
            fit = st.fit(LINEAR, X, targets["squared"], penalty=penalty)
            assert (fit.nit, fit.certificate.kind) == (1, "certified")

    def test_a_warm_start_converges_at_once(self, table):
        X, targets = table
        for model, y in ((LINEAR, targets["squared"]), (POISSON, targets["poisson"])):
            for penalty in (None, st.penalties.L1(0.1)):
                first = st.fit(model, X, y, penalty=penalty, tolerance=1e-13)
                again = st.fit(model, X, y, penalty=penalty, start=first.params)
                assert (again.outcome, again.nit <= 3) == ("converged", True)

    @pytest.mark.parametrize("intercept", [300.0, -100.0])
    def test_a_start_where_the_loss_is_huge_or_flat(self, table, intercept):
        X, targets = table
        fit = st.fit(POISSON, X, targets["poisson"], start=[0, 0, 0, 0, intercept])
        again = st.fit(POISSON, X, targets["poisson"], start=fit.params)
        assert again.fun == pytest.approx(st.fit(POISSON, X, targets["poisson"]).fun, rel=1e-5)

    @pytest.mark.parametrize("size", [1e3, 1e10, 1e200])
    @pytest.mark.parametrize(
        ("model", "words"),
        [
            (LOGISTIC, {"penalty": st.penalties.L2(0.1)}),
            (POISSON, {}),
            (LINEAR, {"penalty": st.penalties.L1(0.1)}),
            (POISSON, {"bounds": {"coef": (0.1, None)}}),
        ],
        ids=["log loss", "poisson", "l1", "bounds"],
    )
    def test_a_start_where_slopes_say_nothing_or_overflow(self, model, words, size):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(60, 2))
        y = (X[:, 0] + 2 * rng.normal(size=60) > 0).astype(float)
        near = st.fit(model, X, y, **words)
        far = st.fit(model, X, y, start={"coef": [size, 0.2], "intercept": 0}, **words)
        assert (far.outcome, far.certificate.kind) == ("converged", "certified")
        assert far.fun == pytest.approx(near.fun, rel=1e-12)

    def test_a_start_that_is_better_than_zeros_is_taken(self, table):
        X = table[0][:50]
        # Better than predictions of 0, worse than those of the mean.
        y, penalty = 20.0 + np.arange(50) % 2, st.penalties.L1(0.1)
        fit = st.fit(POISSON, X, y, start=[0, 0, 0, 0, 2.0], penalty=penalty)
        np.testing.assert_allclose(fit.trace.x[0], [0, 0, 0, 0, 2], atol=1e-12)

    def test_an_infinite_bound_is_no_success(self, table, monkeypatch):
        X, targets = table
        monkeypatch.setattr(LinearSolver, "bound", lambda solver, x: Bound(np.inf, np.inf, 1))
        fit = st.fit(LINEAR, X, targets["squared"], penalty=st.penalties.L1(0.1), epochs=50)
        assert not fit.success

    def test_a_start_with_an_infinite_loss_is_refused_under_rules_of_the_user(self, table):
        X, targets = table
        with pytest.raises(ValueError, match="the loss is inf at the start: give a start="):
            st.fit(POISSON, X, targets["poisson"], start=[0, 0, 0, 0, 1e4], step=0.1, epochs=3)

    def test_a_solver_that_no_longer_moves_ends(self, monkeypatch):
        X = np.random.default_rng(0).normal(size=(60, 2))
        y = (X[:, 0] > 0) ^ (np.arange(60) < 5)
        # Without another start, its steps lead where rounding errors of the value hide all further steps.
        monkeypatch.setattr(LinearSolver, "origin", property(lambda solver: solver.start))
        words = {"penalty": st.penalties.L2(0.1), "start": {"coef": [1e10, 0], "intercept": 0}}
        assert st.fit(LOGISTIC, X, y, **words, seconds=10).outcome == "stalled at rounding"

    def test_a_callback_a_chunk_and_a_rerun_see_the_same_rows(self, table):
        X, targets = table
        seen = []
        whole = st.fit(LOGISTIC, X, targets["log loss"], rescale="none", epochs=40)
        steps = st.fit(
            LOGISTIC, X, targets["log loss"], rescale="none", epochs=40, callback=lambda row: seen.append(row.nit)
        )
        np.testing.assert_array_equal(whole.trace.value, steps.trace.value)
        np.testing.assert_array_equal(whole.trace.x, steps.trace.x)
        assert seen == list(range(1, whole.nit + 1))
        # The last step, which squares the error, changes the value by its rounding alone.
        assert np.all(np.diff(whole.trace.value) <= 1e-15)
        assert whole.trace.evaluations[-1] <= whole.nfev

    def test_limits_and_the_keyboard(self, table):
        X, targets = table
        y = targets["log loss"]
        assert st.fit(LOGISTIC, X, y, epochs=1, tolerance=1e-15).outcome == "iteration limit"
        assert st.fit(LOGISTIC, X, y, seconds=1e-9).outcome == "time limit"

        script = """
import sys
import numpy as np, steepest as st
X = np.random.default_rng(0).standard_normal((40_000, 200)) * np.logspace(-6, 6, 200)
def tell(row):
    print("going", flush=True)
y = X[:, 0] + 1e-7 * X[:, 99] > 1e-6 * np.random.default_rng(1).standard_normal(40_000)
fit = st.fit(st.models.Logistic(), X, y, rescale="none", callback=tell)
sys.exit(fit.outcome)
"""
        code, _, err = interrupted(script)
        assert (code, err.strip()) == (1, "interrupted")


class TestPowersOfTwo:
    @pytest.mark.parametrize("loss", ["squared", "log loss", "poisson"])
    @pytest.mark.parametrize("rescale", ["scale", "whiten"])
    @pytest.mark.always(3)
    def test_units_a_power_of_two_apart_change_no_bit(self, table, loss, rescale):
        X, targets = table
        units = 2.0 ** np.array([7, -12, 20, -3])
        one, other = (st.fit(LINEAR, A, targets[loss], loss=loss, rescale=rescale) for A in (X, X * units))
        np.testing.assert_array_equal(one.trace.value, other.trace.value)
        np.testing.assert_array_equal(one.params["coef"], other.params["coef"] * units)
        assert one.params["intercept"] == other.params["intercept"]


class TestTheMeanAlone:
    @pytest.mark.parametrize("loss", ["squared", "log loss"])
    def test_steps_that_lead_to_less_than_the_mean_tells_are_no_success(self, table, loss):
        X, targets = table
        y, scaled = targets[loss] + (loss == "squared") * 50, (X - X.mean(axis=0)) / X.std(axis=0)
        few = st.fit(LINEAR, scaled, y, loss=loss, step=1e-3, epochs=1, start=np.ones(5))
        many = st.fit(LINEAR, scaled, y, loss=loss, step=0.1, epochs=200, start=np.ones(5))
        assert (few.success, few.outcome, many.success, many.outcome) == (False, "iteration limit", True, "completed")
        assert "that of a constant prediction" in few.message


class TestCoordinates:
    def test_whitening_makes_the_ridge_and_the_covariance_one(self, table):
        X, _ = table
        found = coordinates(X, np.ones(len(X)), "whiten", 0.3)
        A = (X - X.mean(axis=0)) @ found.transform
        np.testing.assert_allclose(A.T @ A / len(A) + 0.3 * found.transform.T @ found.transform, np.eye(4), atol=1e-9)

    def test_nearly_dependent_columns_keep_half_their_digits_and_say_so(self):
        rng = np.random.default_rng(4)
        X = rng.standard_normal((100, 3))
        X[:, 2] = X[:, 0] + 1e-9 * X[:, 2]
        coef = np.array([1.0, 2.0, 3.0])
        fit = st.fit(LINEAR, X, X @ coef, tolerance=1e-15)
        np.testing.assert_allclose(fit.params["coef"], coef, rtol=1e-5)
        assert [event.kind for event in fit.events] == ["ill-conditioned"]
        assert "ill-conditioned" in fit.message

    def test_a_column_that_is_constant_but_for_rounding_gets_no_coefficient(self, table):
        X, targets = table
        for rescale in ("whiten", "scale"):
            fit = st.fit(LINEAR, np.c_[X, np.full(len(X), 0.1)], targets["squared"], rescale=rescale)
            assert abs(fit.params["coef"][4]) < 1e-6
            peer = LinearRegression().fit(X, targets["squared"])
            np.testing.assert_allclose(fit.params["coef"][:4], peer.coef_, rtol=1e-3)


class TestNoFiniteOptimum:
    @pytest.mark.parametrize(
        ("model", "x", "y", "penalty"),
        [
            (LOGISTIC, [-2, -1, 1, 3], [0, 0, 1, 1], None),
            (LOGISTIC, [0, 0, 1, 1], [0, 1, 1, 1], None),
            (LOGISTIC, [0, 1, 2, 5], [1, 1, 1, 1], st.penalties.L2(1)),
            (LOGISTIC, [0, 1, 2, 5], [1, 1, 1, 1], st.penalties.L1(1)),
            (POISSON, [0, 0, 1, 1], [0, 0, 1, 2], None),
            (POISSON, [0, 1, 2, 5], [0, 0, 0, 0], st.penalties.L1(1)),
        ],
    )
    def test_found_on_the_way(self, model, x, y, penalty):
        fit = st.fit(model, np.array(x, dtype=float), np.array(y), penalty=penalty)
        assert (fit.outcome, fit.success, fit.certificate.kind) == ("no finite optimum", False, "none")
        assert fit.nfev < 30

    @pytest.mark.parametrize(
        ("model", "y", "options"),
        [
            (LOGISTIC, [1, 1, 1, 1], {}),
            (LOGISTIC, [0, 0, 0, 0], {}),
            (LOGISTIC, [0, 1, 1, 1], {"sample_weight": [0, 1, 1, 1]}),
            (POISSON, [0, 0, 0, 0], {}),
            (LOGISTIC, [1, 1, 1, 1], {"step": 0.1, "epochs": 5}),
        ],
    )
    def test_no_penalty_is_advised_for_targets_that_are_all_alike(self, model, y, options):
        fit = st.fit(model, np.array([0.0, 1, 2, 5]), np.array(y), **options)
        assert fit.outcome == "no finite optimum"
        assert "all targets are equal" in fit.message
        assert "penalty" not in fit.message

    def test_a_penalty_is_advised_for_classes_that_separate(self):
        assert "add penalty=L2" in st.fit(LOGISTIC, np.array([-2.0, -1, 1, 3]), np.array([0, 0, 1, 1])).message

    def test_not_said_where_one_row_is_on_the_other_side(self):
        x = np.r_[np.linspace(-2, -1, 20), np.linspace(1, 2, 20), 0.99]
        y = np.r_[np.zeros(20), np.ones(20), 0]
        assert st.fit(LOGISTIC, x, y).outcome == "no finite optimum"
        y[30] = 0
        assert st.fit(LOGISTIC, x, y).outcome == "converged"


class TestWords:
    X, y = np.arange(12.0).reshape(6, 2) ** 1.5, np.arange(6.0)

    @pytest.mark.parametrize(
        ("words", "changes"),
        [
            ("its kinks at 0 need proximal steps", {"direction": "l-bfgs"}),
            ("its kinks at 0 need proximal steps", {"step": "wolfe"}),
            ("its kinks at 0 need proximal steps", {"step": st.steps.AdGD()}),
            ("use penalties.L2, or models.Linear() as the model", {"model": lambda X, m: X[:, 0] * m}),
            ("use penalties.L2 instead", {"loss": lambda z, y: np.logaddexp(z - y, y - z)}),
            (
                "use penalties.L2 instead",
                {"penalty": st.penalties.ElasticNet(0.1, 0.1), "loss": lambda z, y: np.sqrt(1 + (z - y) ** 2)},
            ),
            ("columns of equal scale", {"rescale": "none"}),
            ("rescale='nonsense' is not known", {"rescale": "nonsense"}),
            ("mixes them", {"rescale": "whiten"}),
            ("the Poisson loss takes targets of 0 or more, and row 0", {"y": -np.ones(6), "loss": "poisson"}),
        ],
    )
    def test_refused_in_one_line(self, words, changes):
        given = {"model": LINEAR, "X": self.X, "y": self.y, "penalty": st.penalties.L1(0.1)} | changes
        with pytest.raises(ValueError) as error:
            st.fit(given.pop("model"), given.pop("X"), given.pop("y"), **given)
        assert words in str(error.value)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("make", [lambda: st.penalties.L1(-1), lambda: st.penalties.ElasticNet(1, float("nan"))])
    def test_strengths_that_are_none(self, make):
        with pytest.raises(ValueError, match="must be a finite number, 0 or more"):
            make()

    @pytest.mark.parametrize(
        "make",
        [
            lambda: st.penalties.L1("a"), lambda: st.penalties.L2("a"), lambda: st.penalties.L2([1.0]),
            lambda: st.penalties.L2(True), lambda: st.penalties.ElasticNet(0.1, None),
        ],
    )  # fmt: skip
    def test_strengths_that_are_no_number(self, make):
        with pytest.raises(TypeError, match="the strength must be a finite number, 0 or more"):
            make()

    @pytest.mark.parametrize("given", [(np.ones(2), 3.0), [1, 1, 3], {"coef": [1, 1], "intercept": 3}, ([1, 1], [3])])
    def test_a_start_by_name_or_in_order(self, given):
        fit = st.fit(LINEAR, self.X, self.y, start=given, step=1e-9, epochs=1)
        np.testing.assert_array_equal(fit.trace.x[0], [1, 1, 3])

    @pytest.mark.parametrize(
        ("words", "given"),
        [
            ("has 4 numbers", (np.ones(3), 0.0)),
            ("does not hold numbers only", "abc"),
            ("does not hold numbers only", (np.ones(2), "b")),
        ],
    )
    def test_a_start_that_does_not_fit(self, words, given):
        with pytest.raises(ValueError, match=words):
            st.fit(LINEAR, self.X, self.y, start=given)

    def test_a_learning_rate_takes_subgradients_and_claims_nothing(self):
        fit = st.fit(LINEAR, self.X, self.y, penalty=st.penalties.L1(0.1), step=1e-4, epochs=10)
        assert fit.outcome == "completed"

    def test_a_step_by_name_and_as_an_object_are_the_same_fit(self):
        named, made = (st.fit(LINEAR, self.X, self.y, step=step, epochs=20) for step in ("dog", st.steps.DoG()))
        np.testing.assert_array_equal(named.trace.x, made.trace.x)

    def test_an_elastic_net_without_kinks_is_a_ridge(self):
        penalties = st.penalties.ElasticNet(0, 0.3), st.penalties.L2(0.3)
        net, ridge = (st.fit(LINEAR, self.X, self.y, penalty=penalty) for penalty in penalties)
        np.testing.assert_array_equal(net.params["coef"], ridge.params["coef"])

    def test_a_saved_poisson_model_predicts(self, tmp_path):
        fit = st.fit(POISSON, self.X, self.y)
        np.testing.assert_array_equal(st.load(fit.save(tmp_path / "fit")).predict(self.X), fit.predict(self.X))
