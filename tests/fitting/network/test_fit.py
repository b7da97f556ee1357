"""The fit of networks: answers, traces and messages."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import LinearRegression, LogisticRegression
from tests.fitting.network.data import SMALL, classes, curved

import steepest as st


@pytest.fixture(scope="module")
def fit():
    return st.fit(SMALL, *curved(), rng=0, epochs=24)


def test_each_member_keeps_its_best_epoch(fit):
    unseen = fit.trace.members()
    assert unseen.shape == (25, 2)
    assert fit.best_epochs == list(unseen.argmin(axis=0))
    assert fit.trace.validation == pytest.approx(unseen.mean(axis=1))
    assert fit.trace.value == pytest.approx(fit.trace.members("training").mean(axis=1))


def test_each_row_is_predicted_out_of_fold_by_one_member(fit):
    X, y = curved()
    by_member = fit.model.by_member(X, *fit.params.values())[:, :, 0]
    mine = np.isclose(by_member, fit.out_of_fold, rtol=1e-9)
    assert np.all(mine.sum(axis=0) >= 1)
    assert abs(int(mine[0].sum()) - 80) <= 2
    assert fit.out_of_fold_loss == pytest.approx(np.mean((fit.out_of_fold - y) ** 2))
    # The loss on the rows left out is that of these outputs.
    best = [fit.trace.members()[epoch, k] for k, epoch in enumerate(fit.best_epochs)]
    assert np.mean(best) == pytest.approx(fit.out_of_fold_loss, rel=1e-4)


def test_the_value_is_the_mean_loss_of_the_members(fit):
    X, y = curved()
    point = np.concatenate([np.ravel(part) for own in fit.params.values() for part in own.values()])
    assert fit.fun == pytest.approx(fit.evaluate(point))
    by_member = fit.model.by_member(X, *fit.params.values())[:, :, 0]
    learnt = ~np.isclose(by_member, fit.out_of_fold, rtol=1e-9)
    # The loss that is descended is that of outputs without bounds.
    frame = replace(fit.model.frame, low=np.array([-np.inf]), high=np.array([np.inf]))
    unbounded = replace(fit.model, frame=frame).by_member(X, *fit.params.values())[:, :, 0]
    each = [np.mean((z[own] - y[own]) ** 2) for z, own in zip(unbounded, learnt, strict=True)]
    assert fit.fun == pytest.approx(np.mean(each), rel=1e-9)
    assert fit.model.frame.share == 1
    assert fit.predict(X) == pytest.approx(by_member.mean(axis=0))


def test_it_claims_no_optimum(fit):
    assert fit.outcome == "completed"
    assert fit.certificate.kind == "none"
    assert "no optimum is certified" in fit.message
    assert fit.linear.certificate.kind == "certified"
    assert fit.linear.params["coef"] == pytest.approx(LinearRegression().fit(*curved()).coef_, rel=1e-6)
    assert fit.out_of_fold_loss < 0.75 * fit.linear.fun


def test_a_column_with_one_value_is_left_out_and_said(fit):
    assert any("1 column with one value" in event.detail for event in fit.events)
    X, _ = curved()
    assert np.array_equal(fit.predict(np.column_stack([X[:, :3], X[:, 3] + 100])), fit.predict(X))


def test_the_same_seed_gives_the_same_bits_in_another_process():
    code = (
        "import steepest as st; from tests.fitting.network.data import SMALL, curved; "
        "print(st.fit(SMALL, *curved(), rng=0, epochs=4).predict(curved()[0]).tobytes().hex())"
    )
    # The code must be compiled with the same options as here.
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ))
    here = st.fit(SMALL, *curved(), rng=0, epochs=4)
    assert out.stdout.strip() == here.predict(curved()[0]).tobytes().hex()
    other = st.fit(SMALL, *curved(), rng=1, epochs=4)
    assert not np.array_equal(other.predict(curved()[0]), here.predict(curved()[0]))


def test_sparse_rows_are_as_good_as_dense_ones():
    X, y = curved()
    dense = st.fit(SMALL, X, y, rng=0, epochs=4)
    sparse = st.fit(SMALL, csr_array(X), y, rng=0, epochs=4)
    assert sparse.predict(csr_array(X)) == pytest.approx(dense.predict(X), abs=1e-3 * y.std())


LOSSES = {
    "absolute": lambda z, y: np.abs(z - y),
    "huber": lambda z, y: np.where(np.abs(z - y) <= 1, (z - y) ** 2, 2 * np.abs(z - y) - 1),
    "poisson": lambda z, y: np.exp(z) - y * z,
    "gamma": lambda z, y: z + y * np.exp(-z),
}


@pytest.mark.parametrize(
    "loss",
    [
        "poisson",
        *(pytest.param(loss, marks=pytest.mark.nightly) for loss in ("absolute", "huber", "gamma", "quantile")),
    ],
)
def test_every_loss_is_lower_than_that_of_the_linear_model(loss):
    X, y = curved()
    cost, formula = loss, LOSSES.get(loss)
    if loss == "quantile":
        cost, formula = st.losses.Quantile(0.9), lambda z, y: np.where(y > z, 0.9 * (y - z), 0.1 * (z - y))
    fit = st.fit(SMALL, X, y, loss=cost, rng=0)
    z = fit.model(X, *fit.params.values())
    linear = fit.linear
    line = np.asarray(linear.model(X, *linear.params.values()))
    gain = formula(line, y).mean() - formula(z, y).mean()
    assert gain > 0.2 * (formula(np.full(len(y), line.mean()), y).mean() - formula(line, y).mean())
    if loss == "quantile":
        assert np.mean(y <= fit.predict(X)) == pytest.approx(0.9, abs=0.08)


@pytest.mark.parametrize("count", [2, 3])
def test_classes_in_rings_are_told_apart(count):
    X, y = classes(count)
    loss = "log loss" if count == 2 else "softmax"
    fit = st.fit(SMALL, X, y, loss=loss, rng=0)
    new, truth = classes(count, 500, seed=1)
    p = fit.predict(new)
    found = (p > 0.5).astype(int) if count == 2 else p.argmax(axis=1)
    assert np.mean(found == truth) > 0.85
    if count > 2:
        assert p.sum(axis=1) == pytest.approx(np.ones(500))
    assert fit.linear.success


def test_no_hidden_layer_is_the_linear_model():
    X, y = curved()
    fit = st.fit(st.models.Network(hidden=()), X, y)
    assert fit.predict(X) == pytest.approx(LinearRegression().fit(X, y).predict(X), rel=1e-6)
    assert "this is the linear fit, converged (certified)" in fit.message
    flags = (X[:, 2] + (X[:, 0] > 55) > 0.5).astype(float)
    flags[::7] = 1 - flags[::7]
    fit = st.fit(st.models.Network(hidden=()), X[:, :3], flags, loss="log loss")
    scaled = (X[:, :3] - X[:, :3].mean(axis=0)) / X[:, :3].std(axis=0)
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(scaled, flags).predict_proba(scaled)[:, 1]
    assert fit.predict(X[:, :3]) == pytest.approx(oracle, abs=1e-4)


def test_a_linear_target_is_left_to_the_linear_model():
    random = np.random.default_rng(0)
    X = random.normal(size=(60, 4))
    y = X @ [1.0, -2.0, 3.0, 0.5] + random.standard_t(2, 60)
    fit = st.fit(SMALL, X, y, rng=0, epochs=20)
    assert fit.model.frame.share < 1
    by_member = fit.model.by_member(X, *fit.params.values())[:, :, 0].mean(axis=0)
    share = float(fit.model.frame.share)
    line = X @ fit.model.frame.line[0] + fit.model.frame.level
    assert fit.predict(X) == pytest.approx(share * by_member + (1 - share) * line)
    # A ridge of 1 on columns of unit variance shrinks the coefficients by about a sixtieth.
    assert fit.model.frame.line[0] == pytest.approx(LinearRegression().fit(X, y).coef_, rel=0.05)


def test_a_constant_target_is_returned_and_said():
    X, y = curved()
    fit = st.fit(SMALL, X, 0 * y + 3.5, rng=0)
    assert set(fit.predict(X)) == {3.5}
    assert "every target is 3.5" in fit.message
    assert fit.nit == 0


def test_few_rows_bear_few_members():
    X, y = curved(17)
    fit = st.fit(st.models.Network(hidden=(8,), members=8), X, y, rng=0, epochs=2)
    assert fit.model.members == 2
    assert any("2 members in place of 8" in event.detail for event in fit.events)
    lone = st.fit(st.models.Network(hidden=(8,)), X[:3], y[:3], rng=0, epochs=2)
    assert lone.model.members == 1
    assert np.all(np.isfinite(lone.predict(X)))


def test_validation_rows_judge_every_member():
    X, y = curved()
    fit = st.fit(SMALL, X[:100], y[:100], validation=(X[100:], y[100:]), rng=0, epochs=16)
    by_member = fit.model.by_member(X[100:], *fit.params.values())[:, :, 0]
    losses = np.mean((by_member - y[100:]) ** 2, axis=1)
    best = [fit.trace.members()[epoch, k] for k, epoch in enumerate(fit.best_epochs)]
    assert losses == pytest.approx(best, rel=1e-4)
    assert fit.out_of_fold is None


def test_extreme_units_change_nothing():
    X, y = curved()
    plain = st.fit(SMALL, X, y, rng=0, epochs=6)
    scaled = st.fit(SMALL, X * np.array([2.0**100, 2.0**-90, 1.0, 1.0]), y * 2.0**80, rng=0, epochs=6)
    found = scaled.predict(X * np.array([2.0**100, 2.0**-90, 1.0, 1.0])) / 2.0**80
    assert found == pytest.approx(plain.predict(X), rel=1e-4)


@pytest.mark.parametrize(("how", "match"), [
    ({"direction": "adam"}, "needs a learning rate"),
    ({"step": "armijo"}, "Armijo needs exact values"),
    ({"tolerance": 1e-3}, "tolerance=0.001 is not for a network"),
    ({"rescale": "whiten"}, "rescale='whiten' is not for a network"),
    ({"penalty": st.penalties.L1(1.0)}, "takes only penalties.L2"),
    ({"loss": "log loss"}, "log loss takes"),
    ({"batch_size": 0}, "batch_size=0"),
])  # fmt: skip
def test_arguments_that_make_no_sense_are_refused(how, match):
    with pytest.raises(ValueError, match=match):
        st.fit(SMALL, *curved(20), **how)


@pytest.mark.parametrize(("how", "match"), [
    ({"hidden": (0,)}, r"has 0: each layer"),
    ({"hidden": (8, -1)}, r"has -1: each layer"),
    ({"hidden": (2.5,)}, r"has 2.5: each layer"),
    ({"hidden": "64"}, r"hidden='64'"),
    ({"hidden": (10**9,)}, r"from 1 to 65,536"),
    ({"members": 0}, r"members=0"),
    ({"members": 2.0}, r"members=2.0"),
    ({"activation": "sigmoid"}, r"known: silu, relu"),
    ({"dropout": 1.0}, r"dropout=1.0"),
    ({"dropout": "a"}, r"dropout='a'"),
    ({"waves": -1}, r"waves=-1"),
])  # fmt: skip
def test_networks_that_make_no_sense_are_refused(how, match):
    with pytest.raises(ValueError, match=match):
        st.models.Network(**how)


def test_bad_rows_are_refused_in_words():
    X, y = curved(20)
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="row 3, column 1"):
        st.fit(SMALL, X, y)
    with pytest.raises(TypeError, match="encode"):
        st.fit(SMALL, curved(20)[0], ["a"] * 20)
    with pytest.raises(ValueError, match="rows of both"):
        st.fit(SMALL, curved(20)[0], np.ones(20), loss="log loss")
    with pytest.raises(ValueError, match="every target is 0"):
        st.fit(SMALL, curved(20)[0], np.zeros(20), loss="softmax")
    with pytest.raises(ValueError, match="DescentRegressor fits several outputs"):
        st.fit(SMALL, curved(20)[0], curved(20)[0][:, :2])
    with pytest.raises(TypeError, match="Network is a class"):
        st.fit(st.models.Network, *curved(20))
    fit = st.fit(SMALL, *curved(20), rng=0, epochs=1)
    with pytest.raises(ValueError, match="3 columns and the model was fitted on 4"):
        fit.predict(curved(20)[0][:, :3])


def test_rows_beyond_memory_are_refused_in_words(monkeypatch):
    monkeypatch.setattr("steepest.fitting.network.task.memory_of_machine", lambda: 100_000)
    wide = csr_array((np.ones(20), (np.arange(20), np.arange(20) * 40)), shape=(20, 800))
    with pytest.raises(ValueError, match=r"20 rows of 800 columns.*fewer rows or columns"):
        st.fit(SMALL, wide, np.arange(20.0))


def test_the_gradient_is_that_of_the_value(fit):
    point = np.concatenate([np.ravel(part) for own in fit.params.values() for part in own.values()])
    direction = np.random.default_rng(0).normal(size=point.size)
    h = 1e-4
    difference = (fit.evaluate(point + h * direction) - fit.evaluate(point - h * direction)) / (2 * h)
    assert fit.gradient_at(point) @ direction == pytest.approx(difference, rel=1e-2)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_predictions_stay_within_the_targets_where_a_line_does(sign):
    x = np.linspace(-1, 1, 200)
    fit = st.fit(st.models.Network(hidden=(16,), members=2), x, sign * x**2, epochs=60, rng=0)
    far = sign * fit.predict(np.array([-30.0, 30.0]))
    # The best line of a parabola is flat.
    assert (far >= -1e-9).all()
    assert (far <= 1 + 1e-9).all()
    assert far.max() > 0.5


def test_members_leave_out_the_same_share_of_each_class():
    random = np.random.default_rng(0)
    X, y = random.normal(size=(100, 2)), (np.arange(100) < 13).astype(float)
    members = st.fit(replace(SMALL, members=4), X, y, loss="log loss", epochs=0, rng=0).resumable.setup.members
    counts = np.array([np.bincount(members[y == k], minlength=4) for k in (0, 1)])
    assert (np.ptp(counts, axis=1) <= 1).all()


def test_members_start_at_a_line_and_at_a_constant_by_turns():
    X = np.random.default_rng(0).normal(size=(400, 3))
    y = X @ [1.0, -2.0, 0.5] + 4
    fit = st.fit(replace(SMALL, members=4), X, y, epochs=0, rng=0)
    z = fit.model.by_member(X, *fit.params.values())[:, :, 0]
    for k in (0, 2):
        assert z[k] == pytest.approx(y, abs=0.1)
    for k in (1, 3):
        assert z[k] == pytest.approx(np.full(400, y.mean()), abs=0.2)
