"""Which rows of which fits the displays read, and which they refuse, with the display to use instead."""

import numpy as np
import pytest

import steepest as st
from steepest.inspection import (
    CalibrationDisplay,
    CoefficientsDisplay,
    ConfusionDisplay,
    PredictedDisplay,
    ResidualsDisplay,
    RocDisplay,
)

OF_CLASSES = (ConfusionDisplay, RocDisplay, CalibrationDisplay)
OF_NUMBERS = (PredictedDisplay, ResidualsDisplay)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3))
Z = X @ [1.0, 2.0, -1.0]
TWO, THREE = (Z + RNG.normal(size=120) > 0).astype(float), np.digitize(Z + RNG.normal(size=120), [-1, 1])
LABELS = np.array(["low", "middle", "high"], dtype=object)[THREE]


@pytest.fixture(scope="module")
def logistic():
    return st.fit(st.models.Logistic(), X, TWO)


@pytest.fixture(scope="module")
def linear():
    return st.fit(st.models.Linear(), X, Z + RNG.normal(size=120))


def test_probabilities_above_a_half_are_the_second_class(logistic):
    assert ConfusionDisplay.from_run(logistic).accuracy == np.mean((logistic.predict(X) > 0.5) == TWO)


def test_a_function_with_the_log_loss_predicts_log_odds(logistic):
    def line(X, a, b, c, d):
        return X @ np.array([a, b, c]) + d

    own = st.fit(line, X, TWO, loss="log loss")
    mine, theirs = (CalibrationDisplay.from_run(fit) for fit in (own, logistic))
    np.testing.assert_allclose(mine.predicted, theirs.predicted, atol=1e-4)
    network = st.fit(st.models.Network(hidden=(4,), members=1), X, THREE, loss="softmax", epochs=3, rng=0)
    np.testing.assert_allclose(CalibrationDisplay.from_run(network).probabilities, network.predict(X).max(axis=1))


@pytest.mark.parametrize("model", ["linear", "svm"])
def test_tables_have_labels_and_held_out_rows(model):
    table = {"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "kind": LABELS.tolist()}
    fit = st.fit_table(table, "kind", model=model, rng=0)
    display = ConfusionDisplay.from_run(fit)
    assert display.labels == fit.classes
    np.testing.assert_array_equal(display.counts, fit.score.confusion.counts)
    assert "on 24 held-out rows" in display.caption
    whole = ConfusionDisplay.from_run(fit, table)
    assert whole.accuracy == np.mean(fit.predict(table) == LABELS)
    assert RocDisplay.from_run(fit).areas.keys() == set(fit.classes)
    if model == "svm":
        with pytest.raises(ValueError, match=r"scores of classes and no probabilities, .*: use RocDisplay"):
            CalibrationDisplay.from_run(fit)
    features = {name: table[name] for name in "abc"}
    assert ConfusionDisplay.from_run(fit, features, LABELS).accuracy == whole.accuracy
    with pytest.raises(ValueError, match=r"X has no column 'kind' that can be read as the targets: give them as y="):
        ConfusionDisplay.from_run(fit, features)


def test_estimators_give_theirs_with_the_labels():
    classifier = pytest.importorskip("sklearn.linear_model").LogisticRegression().fit(X, LABELS)
    assert ConfusionDisplay.from_run(classifier, X, LABELS).accuracy == classifier.score(X, LABELS)
    assert list(RocDisplay.from_run(classifier, X, LABELS).areas) == sorted(set(LABELS))
    regressor = pytest.importorskip("steepest.estimators").DescentRegressor().fit(X, Z)
    assert PredictedDisplay.from_run(regressor, X, Z).r2 == pytest.approx(regressor.score(X, Z))
    with pytest.raises(ValueError, match=r"no rows at hand, .* or is an estimator: give X= and y="):
        RocDisplay.from_run(classifier)


def test_a_loaded_fit_needs_rows(tmp_path, logistic):
    logistic.save(tmp_path / "fit")
    loaded = st.load(tmp_path / "fit")
    for display in OF_CLASSES:
        with pytest.raises(ValueError, match=r"no rows at hand, because it was loaded, .*: give X= and y="):
            display.from_run(loaded)
        display.from_run(loaded, X, TWO)


@pytest.mark.parametrize("display", OF_CLASSES)
def test_numbers_have_no_classes(display, linear):
    with pytest.raises(ValueError, match=r"predicts numbers, and .* is for classes: use PredictedDisplay or Residuals"):
        display.from_run(linear)


@pytest.mark.parametrize("display", OF_NUMBERS)
def test_classes_have_no_residuals(display, logistic):
    with pytest.raises(ValueError, match=r"this fit predicts classes, which have no .*: use ConfusionDisplay, Roc"):
        display.from_run(logistic)


@pytest.mark.parametrize("display", [*OF_CLASSES, *OF_NUMBERS, CoefficientsDisplay])
def test_a_run_of_a_function_is_no_fit(display):
    run = st.gradient_descent(lambda x: x**2, 1.0, learning_rate=0.1, iterations=1)
    with pytest.raises(TypeError, match=r"a Run"):
        display.from_run(run)


@pytest.mark.parametrize("display", [*OF_CLASSES, *OF_NUMBERS])
def test_x_and_y_come_together(display, logistic, linear):
    fit = logistic if display in OF_CLASSES else linear
    with pytest.raises(ValueError, match=r"X is given and y is not: give both"):
        display.from_run(fit, X)
    with pytest.raises(ValueError, match=r"there are 3 targets, 120 predictions"):
        display.from_run(fit, X, TWO[:3])


def test_the_basis_of_a_fit_knows_what_it_learnt_from():
    weight = np.r_[np.zeros(20), np.ones(100)]
    fit = st.fit(st.models.Linear(), X, Z, sample_weight=weight, penalty=st.penalties.L2(0.1), validation=0.25, rng=0)
    basis = fit.basis
    assert (basis.loss, basis.penalty) == (st.losses.squared, st.penalties.L2(0.1))
    assert basis.learnt.sum() + (~basis.learnt & (weight > 0)).sum() == 100
    assert not basis.learnt[:20].any()
    # The rows that it did not learn from are those that its validation loss was measured on.
    held = ~basis.learnt
    loss = np.average((fit.predict(X) - Z)[held] ** 2, weights=weight[held])
    assert loss == pytest.approx(fit.trace.validation.min(), rel=1e-6, abs=1e-12)
