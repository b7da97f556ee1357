"""Networks for tables, on the command line, and as estimators."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.base import clone
from sklearn.metrics import r2_score
from tests.fitting.network.data import SMALL, classes, curved

import steepest as st
from steepest.cli.app import app
from steepest.estimators import DescentClassifier, DescentRegressor


@pytest.fixture(scope="module")
def table():
    X, y = curved()
    frame = pd.DataFrame({"a": X[:, 0], "kind": np.where(X[:, 2], "big", "small"), "y": y})
    frame.loc[3, "a"] = np.nan
    return frame


def test_a_table_is_fitted_saved_and_loaded(table, tmp_path):
    fit = st.fit_table(table, "y", model=SMALL)
    assert fit.score.values["R²"] > 0.5 if hasattr(fit.score, "values") else True
    assert "a network with" in " ".join(fit.notes) or "2 networks with 8 hidden units" in " ".join(fit.notes)
    fit.save(tmp_path / "a")
    loaded = st.load(tmp_path / "a")
    assert loaded == fit
    assert np.array_equal(loaded.predict(table), fit.predict(table))
    assert loaded.more(table, epochs=2).nit == fit.nit + 2
    assert fit.linear.success
    with pytest.raises(AttributeError, match="a network has no coefficients"):
        _ = fit.coefficients


def test_the_command_line_fits_a_network(table, tmp_path):
    table.to_csv(tmp_path / "t.csv", index=False)
    run = CliRunner().invoke(app, [
        "fit", str(tmp_path / "t.csv"), "--target", "kind", "--model", "network", "--hidden", "8", "--members", "2",
        "--epochs", "4", "--out", str(tmp_path / "out"),
    ])  # fmt: skip
    assert run.exit_code == 0, run.output
    assert "2 networks with 8 hidden units and the log loss" in run.output
    for wrong, match in ((["--hidden", "a"], "whole numbers"), (["--members", "0"], "1 or more")):
        run = CliRunner().invoke(app, [
            "fit", str(tmp_path / "t.csv"), "--target", "kind", "--model", "network", *wrong,
            "--out", str(tmp_path / "b"),
        ])  # fmt: skip
        assert run.exit_code == 2
        assert match in run.output


def test_options_of_a_network_are_for_networks(table, tmp_path):
    table.to_csv(tmp_path / "t.csv", index=False)
    run = CliRunner().invoke(
        app, ["fit", str(tmp_path / "t.csv"), "--target", "y", "--hidden", "8", "--out", str(tmp_path / "b")]
    )
    assert run.exit_code == 2
    assert "--hidden is for --model network" in run.output


def test_a_regressor_learns_part_by_part_in_any_order():
    X, y = curved(240)
    whole = DescentRegressor(SMALL, random_state=0).fit(X, y)
    for order in (np.argsort(y), np.random.default_rng(0).permutation(240)):
        parts = DescentRegressor(SMALL, random_state=0)
        for part in np.array_split(order, 4):
            parts.partial_fit(X[part], y[part])
        assert r2_score(y, parts.predict(X)) > r2_score(y, whole.predict(X)) - 0.05


def test_a_classifier_learns_classes_that_come_late():
    X, labels = classes(3)
    y = np.array(["in", "mid", "out"])[labels]
    parts = DescentClassifier(SMALL, random_state=0)
    for part in np.array_split(np.argsort(labels, kind="stable"), 3):
        parts.partial_fit(X[part], y[part], classes=["in", "mid", "out"])
    assert parts.score(X, y) > 0.85
    assert parts.predict_proba(X).sum(axis=1) == pytest.approx(np.ones(len(y)))


def test_a_warm_start_goes_on_with_the_moments():
    X, y = curved()
    model = DescentRegressor(SMALL, warm_start=True, max_epochs=10, random_state=0).fit(X, y)
    first = model.run_
    model.fit(X, y)
    assert model.run_.resumable.state.age == 20
    assert model.run_.fun < first.fun


def test_class_weights_move_the_boundary():
    X, y = classes(2)
    plain = DescentClassifier(SMALL, random_state=0, max_epochs=20).fit(X, y)
    heavy = DescentClassifier(SMALL, random_state=0, max_epochs=20, class_weight={0: 1, 1: 20}).fit(X, y)
    assert heavy.predict(X).mean() > plain.predict(X).mean()


def test_a_copy_is_an_unfitted_network():
    model = clone(DescentRegressor("network", alpha=0.1))
    assert model.get_params()["model"] == "network"
    with pytest.raises(ValueError, match="fit_intercept=False is not for a network"):
        DescentRegressor("network", fit_intercept=False).fit(*curved(20))
