"""A tree's fit that stops, goes on, is saved and loaded; the same seed gives the same bits."""

import hashlib
import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest

import steepest as st
from steepest.fitting.tree import choice, pool
from steepest.fitting.tree.choice import kept_of
from steepest.fitting.tree.pool import Grower
from steepest.fitting.tree.soft import solver
from steepest.fitting.tree.soft.kernel import Span

SMALL = st.models.Tree(depth=2, restarts=4)
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(200, 4))
Y = np.where(X[:, 0] > 0, X[:, 1] > 0.2, X[:, 2] > 0.1) * 2.0 + 0.3 * RANDOM.normal(size=200)
WEIGHT = RANDOM.uniform(0.5, 2, 200)


def fitted(**how):
    return st.fit(SMALL, X, Y, sample_weight=WEIGHT, rng=0, epochs=8, **how)


def stopped(after, **how):
    def callback(intermediate_result):
        if intermediate_result.nit == after:
            raise StopIteration

    return fitted(callback=callback, **how)


@pytest.fixture(scope="module")
def whole():
    return fitted()


def assert_same(one, other):
    for name in one.params:
        np.testing.assert_array_equal(one.params[name], other.params[name])
    assert one.candidates == other.candidates
    assert one.message == other.message
    for name in set(one.trace.columns) - {"seconds"}:
        np.testing.assert_array_equal(one.trace.columns[name], other.trace.columns[name])


def test_it_goes_on_as_if_it_had_not_stopped(whole, tmp_path):
    part = stopped(3)
    assert part.outcome == "stopped by callback"
    assert part.nit == 3
    assert part.locally_optimal is None
    assert "restart" in " ".join(part.candidates)
    assert_same(part.more(), whole)
    assert_same(part.more(epochs=2).more(), whole)
    part.save(tmp_path / "part")
    loaded = st.load(tmp_path / "part")
    assert loaded == part
    assert_same(loaded.more(X, Y, sample_weight=WEIGHT), whole)
    with pytest.raises(RuntimeError, match="give them again"):
        loaded.more()
    with pytest.raises(ValueError, match="y is not what it was"):
        loaded.more(X, Y + 1, sample_weight=WEIGHT)


def test_a_complete_fit_makes_another_round_beside_the_tree_it_kept(whole, tmp_path):
    more = whole.more()
    assert more.nit == 16
    assert not set(more.candidates) & {f"restart {k}" for k in range(1, 5)} - {whole.kept}
    kept = {name: loss for name, loss in more.candidates.items() if name == whole.kept}
    assert kept == {whole.kept: whole.candidates[whole.kept]}
    assert more.candidates[more.kept] <= whole.candidates[whole.kept]
    whole.save(tmp_path / "whole")
    loaded = st.load(tmp_path / "whole")
    assert loaded == whole
    assert loaded.rules(full=True) == whole.rules(full=True)
    assert_same(loaded.more(X, Y, sample_weight=WEIGHT), more)
    assert whole.more(epochs=3).nit == 11
    assert whole.more(epochs=0) is whole


def test_a_loaded_fit_says_what_it_lacks(whole, tmp_path):
    whole.save(tmp_path / "whole")
    loaded = st.load(tmp_path / "whole")
    np.testing.assert_array_equal(loaded.predict(X), whole.predict(X))
    assert loaded.importance(X, Y) == whole.importance(X, Y)
    for call in (loaded.importance, lambda: loaded.evaluate(loaded.params)):
        with pytest.raises(RuntimeError, match="not at hand"):
            call()
    with pytest.raises(RuntimeError, match="no gradient"):
        loaded.gradient_at(loaded.params)


def test_validation_rows_choose_and_do_not_teach(tmp_path):
    part = stopped(3, validation=0.3)
    assert part.leaf_rows.sum() == 140
    part.save(tmp_path / "part")
    assert_same(st.load(tmp_path / "part").more(X, Y, sample_weight=WEIGHT), fitted(validation=0.3))
    held = X[:50], Y[:50], WEIGHT[:50]
    fit = st.fit(SMALL, X[50:], Y[50:], rng=0, epochs=3, validation=held)
    assert fit.leaf_rows.sum() == 150
    # The greedy tree that was kept is the one whose loss on the rows held out was named.
    if fit.kept == "the greedy tree":
        error = np.average((fit.predict(held[0]) - held[1]) ** 2, weights=held[2])
        np.testing.assert_allclose(fit.candidates[fit.kept], error, rtol=1e-12)


def test_a_limit_of_time_leaves_the_greedy_tree(whole):
    fit = st.fit(SMALL, X, Y, rng=0, seconds=1e-9)
    assert fit.outcome == "time limit"
    assert "the greedy tree" in fit.candidates
    assert "the polished greedy tree" not in fit.candidates
    assert np.isfinite(fit.predict(X)).all()


PROGRAM = """
import hashlib, pickle, sys
from tests.fitting.tree.test_more import fitted
print(hashlib.sha256(pickle.dumps([fitted().params, fitted().trace.value])).hexdigest())
"""


def test_another_process_finds_the_same_bits(whole):
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    here = hashlib.sha256(pickle.dumps([whole.params, whole.trace.value])).hexdigest()
    assert done.stdout.strip() == here


@pytest.mark.usefixtures("hears_ctrl_c")
def test_the_keyboard_ends_a_polish(whole, monkeypatch):
    def interrupted(self, *args):
        signal.raise_signal(signal.SIGINT)
        assert self.is_over()
        return polish(self, *args)

    polish = Grower.all_polished
    monkeypatch.setattr(Grower, "all_polished", interrupted)
    for part in (fitted(), whole.more()):
        assert part.outcome == "interrupted"
        assert "the polish of its trees is not" in part.message
        assert part.locally_optimal is None
    monkeypatch.undo()
    # The descent was complete, so that only its end is made again.
    assert part.more().params["values"].tolist() == whole.more().params["values"].tolist()


def test_trees_are_polished_side_by_side_as_one_by_one(monkeypatch):
    one = fitted()
    monkeypatch.setattr(pool, "MANY_ROWS", 1)
    assert_same(fitted(), one)


def test_another_round_begins_elsewhere_with_gentle_gates(whole, monkeypatch):
    spans = []

    def noted(*span):
        spans.append([int(part) for part in span])
        return Span(*span)

    stay = []

    def seen(pool, stays):
        stay.append(stays)
        return kept_of(pool, stays)

    monkeypatch.setattr(solver, "Span", noted)
    monkeypatch.setattr(choice, "kept_of", seen)
    more = whole.more(epochs=2)
    assert stay[0] is whole.resumable.kept
    done = [span[0] for span in spans]
    assert done == [0, spans[0][1]]
    assert not np.array_equal(more.snapshots[0]["choice"], whole.snapshots[0]["choice"])


def test_a_saved_round_goes_on_beside_the_trees_it_began_with(whole, tmp_path):
    def stop(intermediate_result):
        if intermediate_result.nit == 11:
            raise StopIteration

    part = whole.more(callback=stop)
    assert part.outcome == "stopped by callback"
    part.save(tmp_path / "part")
    assert_same(st.load(tmp_path / "part").more(X, Y, sample_weight=WEIGHT), part.more())
    assert whole.kept in part.more().candidates


def test_a_depth_that_was_found_stays_after_a_load(tmp_path):
    def stop(intermediate_result):
        if intermediate_result.nit == 1:
            raise StopIteration

    how = {"rng": 0, "epochs": 3}
    found = st.fit(st.models.Tree(restarts=4), X, Y, **how)
    assert "the tree that set the depth" in found.candidates
    part = st.fit(st.models.Tree(restarts=4), X, Y, callback=stop, **how)
    part.save(tmp_path / "part")
    assert_same(st.load(tmp_path / "part").more(X, Y), found)
