"""Streams whose rows change over time, compared with fits of the rows after the change."""

import copy

import numpy as np
import pytest

import steepest as st
from steepest.estimators import DescentClassifier, DescentRegressor
from steepest.fitting.stream.evidence import SequentialTest
from steepest.fitting.stream.moments import Moments

BLOCK, ROWS = 100, 6_000
AFTER = slice(ROWS // 2, ROWS // 2 + ROWS // 5)


def flipped(is_classes=False, seed=0):
    """Rows in raw units; after half of them, all coefficients have the other sign."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((ROWS, 4))
    z = 3 * X @ [1.0, -2.0, 1.0, 0.5]
    z[ROWS // 2 :] *= -1
    y = z + rng.logistic(size=ROWS) > 0 if is_classes else z + rng.standard_normal(ROWS)
    return X * [1, 10, 100, 0.1] + [0, 50, 7, 1], y.astype(float)


def blocks(X, y):
    for k in range(0, len(y), BLOCK):
        yield X[k : k + BLOCK], y[k : k + BLOCK]


def learnt(estimator, X, y):
    """Return the predictions of each block before it was learnt from; those of the first are 0."""
    found = []
    for k, (A, b) in enumerate(blocks(X, y)):
        found.append(estimator.predict(A) if k else 0 * b)
        estimator.partial_fit(A, b, **({"classes": [0, 1]} if isinstance(estimator, DescentClassifier) else {}))
    return np.concatenate(found)


def test_an_abrupt_change_is_found_and_unlearnt():
    X, y = flipped(is_classes=True)
    adaptive = DescentClassifier(alpha=0.0, random_state=0)
    right = {g: learnt(e, X, y) == y for g, e in {"auto": adaptive, None: DescentClassifier(forget=None)}.items()}
    # The first two blocks are predicted before a drift can be found.
    assert right["auto"][AFTER].mean() > 0.7
    assert right[None][AFTER].mean() < 0.5
    # At the end the model is that of the rows after the change.
    best = DescentClassifier(alpha=0.0).fit(X[ROWS // 2 :], y[ROWS // 2 :]).decision_function(X)
    assert np.corrcoef(adaptive.decision_function(X), best)[0, 1] > 0.995
    (found,) = adaptive._learners[0].drifts
    assert ROWS // 2 <= found <= ROWS // 2 + 3 * BLOCK
    assert f"signs of drift after {found:,} rows" in adaptive.run_.message


def test_a_flip_costs_two_blocks():
    X, y = flipped()
    errors = (learnt(DescentRegressor(random_state=0), X, y) - y) ** 2
    of_blocks = errors[ROWS // 2 :].reshape(-1, BLOCK).mean(axis=1)
    # The first block after the flip can't be known, and its rows, of variance 57, are all that the second is known by.
    assert of_blocks[0] > 100
    assert of_blocks[1] < 57
    assert of_blocks[3:].max() < 5


def test_without_drift_the_answer_is_that_of_all_rows_alike():
    X, y = (a[: ROWS // 2] for a in flipped())
    fits = [st.fit(st.models.Linear(), blocks(X, y), forget=forget, rng=0) for forget in (None, "auto")]
    np.testing.assert_array_equal(fits[0].params["coef"], fits[1].params["coef"])
    assert "drift" not in fits[1].message


@pytest.mark.parametrize("forget", ["auto", 200])
def test_a_stream_that_forgets_ends_near_the_last_rows(forget, tmp_path):
    X, y = flipped()
    fit = st.fit(st.models.Linear(), blocks(X, y), forget=forget, rng=0)
    last = np.linalg.lstsq(np.c_[X, np.ones(ROWS)][ROWS // 2 :], y[ROWS // 2 :], rcond=None)[0]
    np.testing.assert_allclose(fit.params["coef"] * X.std(axis=0), last[:-1] * X.std(axis=0), atol=0.3)
    fit.save(tmp_path / "run")
    loaded = st.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.predict(X), fit.predict(X))
    assert loaded.message == fit.message


def test_a_copy_goes_on_as_the_original_does_also_after_a_drift():
    X, y = flipped()
    whole, part = DescentRegressor(random_state=0), DescentRegressor(random_state=0)
    for k, (A, b) in enumerate(blocks(X[: ROWS // 2 + 1_000], y[: ROWS // 2 + 1_000])):
        whole.partial_fit(A, b)
        part.partial_fit(A, b)
        if k in (5, 33):
            part = copy.deepcopy(part)
    np.testing.assert_array_equal(whole.coef_, part.coef_)
    assert len(whole._learners[0].drifts) == 1


def test_the_way_of_forgetting_may_change_between_calls():
    X, y = flipped()
    learner = DescentRegressor(forget=None, random_state=0)
    for forget in (None, "auto", 50, None):
        learner.set_params(forget=forget).partial_fit(X[:500], y[:500])
        assert learner.score(X[: ROWS // 2], y[: ROWS // 2]) > 0.9


@pytest.mark.parametrize("wrong", [0, -1, np.inf, np.nan, True, "often"])
def test_refusals(wrong):
    with pytest.raises(ValueError, match="the rows after which a row counts half"):
        st.fit(st.models.Linear(), iter([(np.ones((4, 2)), np.arange(4.0))]), forget=wrong)
    with pytest.raises(ValueError, match="the rows after which a row counts half"):
        DescentRegressor(forget=wrong).partial_fit(np.ones((4, 2)), np.arange(4.0))


def test_all_rows_at_once_are_not_forgotten():
    with pytest.raises(ValueError, match="is for an iterator of blocks"):
        st.fit(st.models.Linear(), np.ones((4, 2)), np.arange(4.0), forget=10)
    with pytest.raises(ValueError, match="is for linear models"):
        DescentRegressor(forget=10, step=0.1).partial_fit(np.ones((4, 2)), np.arange(4.0))


def test_moments_forget_by_their_half_life():
    X = np.random.default_rng(0).standard_normal((200, 3))
    moments, weight = Moments(True), 0.5 ** (np.arange(200)[::-1] // 10 / 3)
    for k in range(0, 200, 10):
        if k:
            moments.forget(0.5 ** (1 / 3))
        moments.add(X[k : k + 10], np.ones(10))
    np.testing.assert_allclose(moments.mean, np.average(X, axis=0, weights=weight))
    np.testing.assert_allclose(moments.squares / moments.mass, np.cov(X.T, aweights=weight, ddof=0))


def rounds(test, advantages, most=20_000, block=50):
    """Return how many rows pass until the test finds the rival better."""
    for k in range(0, most, block):
        if test.add(advantages(block)):
            return k + block
    return most


def test_false_alarms_are_as_rare_as_stated_and_an_advantage_is_found():
    rng = np.random.default_rng(0)
    waits = [rounds(SequentialTest(1_000.0), lambda n: rng.choice([-1.0, 1.0], n)) for _ in range(30)]
    assert np.mean(waits) > 1_000
    assert np.mean([rounds(SequentialTest(1e6), rng.standard_normal) for _ in range(10)]) == 20_000
    # An advantage of one standard deviation is found within a few hundred rows, also after many rows without one.
    for _ in range(5):
        test = SequentialTest(1e6)
        assert rounds(test, lambda n: rng.standard_normal(n) - 0.2, most=2_000) == 2_000
        assert rounds(test, lambda n: rng.standard_normal(n) + 1) <= 300


def test_losses_that_overflow_are_no_evidence():
    test = SequentialTest(100.0)
    test.add(np.ones(10))
    assert not any(test.add(np.full(1_000, value)) for value in (np.inf, -np.inf, np.nan))
    assert np.isfinite(test.squares)
