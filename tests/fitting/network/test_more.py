"""A network's fit that stops, goes on, is saved and loaded."""

import copy
import signal

import numpy as np
import optax
import pytest
from tests.fitting.network.data import SMALL, classes, curved

import steepest as st


def stopped(after, **how):
    def callback(intermediate_result):
        if intermediate_result.nit == after:
            raise StopIteration

    return st.fit(SMALL, *curved(), rng=0, epochs=12, callback=callback, **how)


@pytest.fixture(scope="module")
def whole():
    return st.fit(SMALL, *curved(), rng=0, epochs=12)


def same(one, other):
    X, _ = curved()
    columns = [name for name in one.trace.columns if name != "seconds"]
    return np.array_equal(one.predict(X), other.predict(X)) and all(
        np.array_equal(one.trace.columns[name], other.trace.columns[name], equal_nan=True) for name in columns
    )


def test_it_goes_on_as_if_it_had_not_stopped(whole):
    fit = stopped(5)
    assert fit.outcome == "stopped by callback"
    assert fit.nit == 5
    assert same(fit.more(), whole)
    assert same(fit.more(epochs=3).more(), whole)


def test_a_saved_fit_goes_on_the_same_way(whole, tmp_path):
    fit = stopped(5, sample_weight=None)
    fit.save(tmp_path / "a")
    loaded = st.load(tmp_path / "a")
    assert loaded == fit
    assert np.array_equal(loaded.predict(curved()[0]), fit.predict(curved()[0]))
    with pytest.raises(RuntimeError, match="give them again"):
        loaded.more()
    with pytest.raises(ValueError, match="y is not what it was"):
        loaded.more(curved()[0], 2 * curved()[1])
    assert same(loaded.more(*curved()), whole)


def test_the_linear_fit_is_saved_once_it_was_asked_for(whole, tmp_path):
    whole.save(tmp_path / "a")
    with pytest.raises(RuntimeError, match="not at hand"):
        _ = st.load(tmp_path / "a").linear
    assert whole.linear.success
    whole.save(tmp_path / "b")
    assert st.load(tmp_path / "b").linear == whole.linear


def test_the_end_of_the_schedule_begins_another_one(whole):
    fit = whole.more(epochs=6)
    assert fit.nit == 18
    assert fit.trace.step_size[12] == pytest.approx(0, abs=1e-12)
    assert fit.trace.step_size[13:18].min() > 1e-3
    assert fit.trace.members()[fit.best_epochs[0], 0] == fit.trace.members()[:, 0].min()


def test_a_time_limit_keeps_the_best_so_far(whole):
    fit = st.fit(SMALL, *curved(), rng=0, epochs=12, seconds=1e-6)
    assert fit.outcome == "time limit"
    assert np.all(np.isfinite(fit.predict(curved()[0])))
    assert same(fit.more(), whole)


def test_ctrl_c_keeps_the_best_so_far(whole):
    def press(intermediate_result):
        if intermediate_result.nit == 4:
            raise KeyboardInterrupt

    fit = st.fit(SMALL, *curved(), rng=0, epochs=12, callback=press)
    assert fit.outcome == "interrupted"
    assert same(fit.more(), whole)


def test_another_fit_starts_where_this_one_stopped(whole):
    X, y = curved(seed=1)
    new = st.fit(SMALL, X, y, rng=0, epochs=2, start=whole)
    cold = st.fit(SMALL, X, y, rng=0, epochs=2)
    assert new.out_of_fold_loss < cold.out_of_fold_loss
    assert np.array_equal(new.model.frame.center, whole.model.frame.center)
    with pytest.raises(ValueError, match="other layers"):
        st.fit(st.models.Network(hidden=(9,), members=2), X, y, start=whole)
    with pytest.raises(ValueError, match="X has 3 columns"):
        st.fit(SMALL, X[:, :3], y, start=whole)
    with pytest.raises(TypeError, match="starts at its linear fit"):
        st.fit(SMALL, X, y, start=[1.0])


def test_classes_are_saved_with_their_response(tmp_path):
    X, y = classes(3)
    fit = st.fit(SMALL, X, y, loss="softmax", rng=0, epochs=4)
    fit.save(tmp_path / "a")
    assert np.array_equal(st.load(tmp_path / "a").predict(X), fit.predict(X))


ADAM = {"ours": {"direction": "adam", "step": 0.01}, "optax": {"step": optax.adam(0.01)}}
OTHERS = {
    "momentum": {"direction": st.directions.Momentum(0.9), "step": lambda k: 0.01 / (1 + k / 100)},
    "prodigy": {"step": optax.contrib.prodigy()},
}


def test_a_rule_of_the_user_takes_the_place_of_the_recipe():
    X, y = curved()
    ours, theirs = (st.fit(SMALL, X, y, rng=0, epochs=6, **how) for how in ADAM.values())
    assert ours.predict(X) == pytest.approx(theirs.predict(X), rel=1e-10)
    assert ours.solver.startswith("the rules given")
    ranking = st.Race({"ours": ours, "slow": st.fit(SMALL, X, y, rng=0, epochs=6, step=1e-5)}).ranking
    assert ranking == ["ours", "slow"]


@pytest.mark.parametrize("name", OTHERS)
def test_rules_go_on_as_if_they_had_not_stopped(name):
    fit = stopped(5, **OTHERS[name])
    whole = st.fit(SMALL, *curved(), rng=0, epochs=12, **OTHERS[name])
    assert same(fit.more(), whole)
    assert whole.trace.value[-1] < whole.trace.value[0]


def test_a_copy_is_the_same_fit():
    fit = stopped(5)
    twin = copy.deepcopy(fit)
    assert np.array_equal(twin.predict(curved()[0]), fit.predict(curved()[0]))
    assert same(twin.more(), fit.more())


@pytest.mark.usefixtures("hears_ctrl_c")
def test_the_keyboard_ends_more_epochs(whole):
    def interrupt(intermediate_result):
        if intermediate_result.nit == 14:
            signal.raise_signal(signal.SIGINT)

    more = whole.more(callback=interrupt)
    assert more.outcome == "interrupted"
    assert more.nit == 14
