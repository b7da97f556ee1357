"""Early stopping against plain NumPy: the losses, the epoch at which they are least, and the outcome."""

import numpy as np
import pytest

import steepest as st
from steepest.descent.early_stopping import BestEpoch
from steepest.descent.ending import Ending
from steepest.inspection import DescentDisplay
from steepest.loading import load
from steepest.trace import Certificate, Outcome

DRAWS = np.random.default_rng(3)
STEP, PATIENCE = 0.03, 10


def drawn(rows):
    X = DRAWS.normal(size=(rows, 15))
    return X, X[:, 0] + DRAWS.normal(size=rows)


(X, Y), (XV, YV) = drawn(20), drawn(200)
WEIGHT = DRAWS.uniform(0.5, 2, 200)
LINEAR = st.models.Linear()


def line(X, a, b):
    return a * X[:, 0] + b * X[:, 1]


def descended(epochs):
    """Return coefficients and intercepts of plain descent on the mean squared error, and the validation losses."""
    theta, A = np.zeros(16), np.column_stack([X, np.ones(20)])
    points = [theta]
    for _ in range(epochs):
        theta = theta - STEP * 2 * A.T @ (A @ theta - Y) / 20
        points.append(theta)
    points = np.array(points)
    return points, ((points @ np.column_stack([XV, np.ones(200)]).T - YV) ** 2).mean(axis=1)


@pytest.fixture(scope="module")
def stopped():
    return st.fit(LINEAR, X, Y, step=STEP, epochs=400, validation=(XV, YV))


class TestPlainDescent:
    def test_the_best_epoch_is_that_of_a_plain_loop(self, stopped):
        points, losses = descended(400)
        best = int(np.argmin(losses))
        assert 3 < best < 300
        assert losses[-1] > 1.1 * losses[best], "it overfits"
        np.testing.assert_allclose(stopped.trace.validation, losses[: best + PATIENCE + 1], rtol=1e-10)
        np.testing.assert_allclose(np.append(*stopped.params.values()), points[best], rtol=1e-8)
        assert stopped.fun == pytest.approx(np.mean((X @ points[best, :-1] + points[best, -1] - Y) ** 2), rel=1e-9)
        assert stopped.success
        assert f"least at epoch {best} of {best + PATIENCE}, whose parameters these are" in stopped.message

    def test_it_goes_on_from_the_last_epoch_and_remembers_the_best(self, stopped, tmp_path):
        part = st.fit(LINEAR, X, Y, step=STEP, epochs=3, validation=(XV, YV))
        for fit in (part, load(part.save(tmp_path))):
            rows = () if fit is part else (X, Y)
            given = {} if fit is part else {"validation": (XV, YV)}
            more = fit.more(*rows, **given, epochs=397)
            np.testing.assert_array_equal(more.trace.validation, stopped.trace.validation)
            np.testing.assert_array_equal(more.trace.x, stopped.trace.x)
            assert (more.message, more.fun, more.nfev) == (stopped.message, stopped.fun, stopped.nfev)
            np.testing.assert_array_equal(more.params["coef"], stopped.params["coef"])
        assert len(stopped.more(epochs=5).trace) == len(stopped.trace)

    def test_saved_and_pictured(self, stopped, tmp_path):
        again = load(stopped.save(tmp_path))
        assert again == stopped
        display = DescentDisplay.from_run(again).plot()
        drawn = {line.get_label(): line for line in display.ax_.lines}
        np.testing.assert_array_equal(drawn["validation"].get_ydata(), stopped.trace.validation)
        np.testing.assert_array_equal(drawn["loss"].get_ydata(), stopped.trace.value)
        best = np.argmin(stopped.trace.validation)
        assert drawn[f"best, epoch {best}"].get_xydata().tolist() == [[best, stopped.trace.validation[best]]]


class TestColumn:
    @pytest.mark.parametrize(
        ("model", "how"),
        [
            (line, {}),
            pytest.param(LINEAR, {}, marks=pytest.mark.nightly),
            pytest.param(LINEAR, {"batch_size": 8, "penalty": st.penalties.L2(0.1)}, marks=pytest.mark.nightly),
            pytest.param(line, {"batch_size": 8, "loss": lambda z, y: np.abs(z - y)}, marks=pytest.mark.nightly),
            pytest.param(line, {"direction": "l-bfgs", "dtype": "float32"}, marks=pytest.mark.nightly),
            pytest.param(LINEAR, {"penalty": st.penalties.L1(0.1)}, marks=pytest.mark.nightly),
        ],
    )
    def test_it_is_the_mean_loss_at_the_points_of_the_trace(self, model, how):
        fit = st.fit(model, X, Y, validation=(XV, YV, WEIGHT), **how)
        loss = how.get("loss", lambda z, y: (z - y) ** 2)
        rows = ((x[:-1], x[-1]) if model is LINEAR else x for x in fit.trace.x)
        losses = [np.average(loss(model(XV, *x), YV), weights=WEIGHT) for x in rows]
        np.testing.assert_allclose(fit.trace.validation, losses, rtol=1e-6 if "dtype" in how else 1e-12)
        best = np.argmin(losses)
        assert f"least at epoch {best} of {len(losses) - 1}" in fit.message
        np.testing.assert_array_equal(np.concatenate([np.ravel(p) for p in fit.params.values()]), fit.trace.x[best])
        # Only the last point can be called converged, and another point is returned.
        assert (str(fit.outcome) == "converged") == (best == len(losses) - 1)

    def test_drawn_rows_are_not_learnt_from(self):
        fit = st.fit(line, XV, YV, validation=0.25, rng=7)
        drawn = np.random.default_rng(int(np.random.default_rng(7).integers(2**31))).permutation(200)[:50]
        learnt = np.setdiff1d(np.arange(200), drawn)
        a, b = fit.trace.x[-1]
        np.testing.assert_allclose([a, b], np.linalg.lstsq(XV[learnt, :2], YV[learnt], rcond=None)[0])
        z = line(XV[drawn], a, b)
        assert fit.trace.validation[-1] == pytest.approx(np.mean((z - YV[drawn]) ** 2), rel=1e-12)


class TestOutcome:
    def test_classes_that_separate_end_where_validation_says(self):
        how = {"step": 0.5, "epochs": 400, "validation": (XV, (YV > 0) * 1.0)}
        right = X[:, 0] > 0
        apart = X + np.outer(np.where(right, 3, -3), np.eye(15)[0])
        fit = st.fit(st.models.Logistic(), apart, right * 1.0, **how)
        best = np.argmin(fit.trace.validation)
        assert 0 < best < len(fit.trace) - 1 < 400
        z = st.models.Logistic()(apart, *fit.params.values())
        assert np.all((z > 0) == right), "they separate at the best epoch"
        assert fit.success
        assert f"least at epoch {best}" in fit.message

    @pytest.mark.parametrize(
        ("ending", "epoch", "outcome"),
        [
            (Outcome.CONVERGED, 9, "converged"),
            (Outcome.CONVERGED, 7, "completed"),
            (Outcome.CONVERGED, 0, "diverged"),
            (Outcome.NO_FINITE_OPTIMUM, 9, "no finite optimum"),
            (Outcome.NO_FINITE_OPTIMUM, 7, "completed"),
            (Outcome.NO_FINITE_OPTIMUM, 0, "no finite optimum"),
            (Outcome.TIME_LIMIT, 7, "time limit"),
        ],
    )
    def test_what_is_said_of_the_best_epoch_of_nine(self, ending, epoch, outcome):
        sure = Certificate("certified", 1e-9, 1e-6)
        told = BestEpoch(0.5, epoch, 1.0, np.zeros(2)).ending(Ending(ending, "so it ended", sure), 9)
        assert str(told.outcome) == outcome
        assert "so it ended" in told.facts
        assert f"validation loss least at epoch {epoch} of 9, whose parameters these are" in told.facts
        assert told.certificate.kind == ("certified" if epoch == 9 else "none")

    @pytest.mark.parametrize(("loss", "epoch"), [(0.5, 9), (0.5 + 2e-16, 9), (0.5 + 1e-6, 4), (np.nan, 4)])
    def test_rounding_does_not_make_an_epoch_before_convergence_the_best(self, loss, epoch):
        best = BestEpoch(0.5, 4, 1.0, np.zeros(2), unseen=3)
        told = best.or_converged(loss, 9, 1.0, np.ones(2))
        assert (told.epoch, told.x[0], told.unseen) == (epoch, float(epoch == 9), 3)

    def test_a_start_that_was_better_is_no_success(self):
        fit = st.fit(line, X, Y, start=(0, 0), step=STEP, epochs=50, validation=(X, -Y))
        assert str(fit.outcome) == "diverged"
        assert "rose from the start on" in fit.message
        np.testing.assert_array_equal(list(fit.params.values()), [0, 0])

    def test_losses_that_are_not_finite(self):
        with np.errstate(all="ignore"):
            fit = st.fit(lambda X, a: a * np.exp(X[:, 0]), X, Y, step=1e-3, epochs=3, validation=(XV + 1e3, YV))
        assert "not finite at 4 epochs: these are the parameters of the least loss" in fit.message
        assert fit.fun == pytest.approx(fit.trace.value.min(), rel=1e-12)


@pytest.mark.parametrize(
    ("validation", "error", "said"),
    [
        (1.0, ValueError, "between 0 and 1"),
        (True, TypeError, "validation is a bool"),
        ((XV,), TypeError, r"\(X, y\) or \(X, y, weight\)"),
        ((XV[:, :3], YV), ValueError, r"shape \(200, 3\) and X has \(20, 15\)"),
        ((XV, YV[:3]), ValueError, "the X of validation has 200 rows and the y of validation has 3"),
        ((np.where(XV[4, 2] == XV, np.nan, XV), YV), ValueError, "the X of validation has nan in row 4, column 2"),
        ((XV, YV, -WEIGHT), ValueError, "the weight of validation has"),
    ],
)
def test_rows_are_checked(validation, error, said):
    with pytest.raises(error, match=said):
        st.fit(LINEAR, X, Y, validation=validation)


def test_names_and_targets_are_checked():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcdefghijklmno"))
    with pytest.raises(ValueError, match="lacks the column 'b'"):
        st.fit(LINEAR, frame, Y, validation=(frame[["a"]], Y))
    shuffled = st.fit(LINEAR, frame, Y, step=STEP, epochs=2, validation=(frame[frame.columns[::-1]], Y))
    np.testing.assert_allclose(shuffled.trace.validation, shuffled.trace.value)
    with pytest.raises(ValueError, match="in the rows for validation, the log loss takes targets of 0 and 1"):
        st.fit(st.models.Logistic(), X, (Y > 0) * 1.0, validation=(XV, YV))
    with pytest.raises(ValueError, match="X is an iterator, and validation= has no meaning"):
        st.fit(LINEAR, iter([(X, Y)]), validation=0.2)
    with pytest.raises(ValueError, match="can't be split"):
        st.fit(LINEAR, X[:1], Y[:1], validation=0.2)
    with pytest.raises(TypeError, match=r"a fraction of the training rows here, such as 0\.2"):
        st.fit_table(frame.assign(y=Y), "y", validation=(X, Y))


@pytest.mark.parametrize(
    "model", [st.models.Multinomial(3), st.models.Network(hidden=(2,), members=1), st.models.Tree(depth=1, restarts=1)]
)
def test_a_class_that_only_validation_has_is_refused(model):
    X, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 3
    with pytest.raises(ValueError, match=r"in the rows for validation, y has the class 4, .* none above 2"):
        st.fit(model, X, y, loss="softmax", validation=(X[:5], np.arange(5)))


@pytest.mark.parametrize("model", [st.models.Network(hidden=(2,), members=1), st.models.Tree(depth=1, restarts=1)])
def test_a_class_whose_only_row_is_drawn_for_validation_is_known(model):
    X, y = np.random.default_rng(0).normal(size=(30, 2)), np.arange(30) % 2
    y[7] = 2
    for seed in range(4):
        fit = st.fit(model, X, y, loss="softmax", validation=0.5, epochs=1, rng=seed)
        assert fit.predict(X).shape == (30, 3)
        assert np.isfinite(fit.predict(X)).all()
