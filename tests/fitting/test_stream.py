"""Linear models on streams, compared with least squares in closed form and with fits of all rows."""

import gc
import weakref

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Lasso, LogisticRegression
from tests.interrupts import interrupted

import steepest as st
from steepest.fitting.stream.learner import StreamLearner
from steepest.fitting.stream.moments import Moments


def raw(rows, columns=5, seed=0, kind="linear"):
    """A table in raw units: correlated columns with scales from 1e-3 to 1e4, and means that are not 0."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((rows, columns)) @ rng.standard_normal((columns, columns))
    signal = X / X.std(axis=0) @ rng.standard_normal(columns)
    X = X * 10.0 ** rng.uniform(-3, 4, columns) + 10.0 ** rng.uniform(-3, 4, columns)
    if kind == "linear":
        return X, 1e3 * signal + 500 * rng.standard_normal(rows) + 1e4
    return X, (rng.random(rows) < 1 / (1 + np.exp(-signal))).astype(float)


def blocks(X, y, size=1000, weight=None):
    for k in range(0, len(y), size):
        rows = slice(k, k + size)
        yield (X[rows], y[rows]) if weight is None else (X[rows], y[rows], weight[rows])


def excess(fit, X, y, weight=None):
    """Return the share of the descent, from the mean to least squares, that is missing."""
    A, root = np.c_[X, np.ones(len(y))], np.sqrt(np.ones(len(y)) if weight is None else weight)
    best = np.linalg.lstsq(root[:, None] * A, root * y, rcond=None)[0]

    def loss(p):
        return np.average((A @ p - y) ** 2, weights=weight)

    middle = np.append(np.zeros(X.shape[1]), np.average(y, weights=weight))
    return (loss(np.append(fit.params["coef"], fit.params["intercept"])) - loss(best)) / (loss(middle) - loss(best))


@pytest.mark.parametrize(("rows", "columns", "most"), [(2_000, 5, 5e-3), (20_000, 5, 3e-4), (50_000, 30, 5e-4)])
@pytest.mark.parametrize("seed", [0])
def test_near_least_squares_in_raw_units(rows, columns, most, seed):
    X, y = raw(rows, columns, seed)
    fit = st.fit(st.models.Linear(), blocks(X, y), rng=0)
    assert abs(excess(fit, X, y)) < most
    assert (fit.outcome, fit.nfev, fit.certificate.kind) == ("completed", -(-rows // 1000), "none")
    assert "read once, so the answer is approximate" in fit.message


@pytest.mark.parametrize("kind", ["linear", "classes"])
def test_an_l1_penalty_finds_the_zeros_of_a_fit_to_all_rows(kind):
    rng = np.random.default_rng(6)
    X = rng.standard_normal((20_000, 20)) * 10.0 ** rng.uniform(-0.3, 0.3, 20) + 2
    z = X[:, :4] @ [1.0, -1, 0.5, 0.5]
    y = z + rng.standard_normal(20_000) if kind == "linear" else (z + rng.logistic(size=20_000) > 2).astype(float)
    model, penalty = st.models.Linear() if kind == "linear" else st.models.Logistic(), st.penalties.L1(0.1)
    fit = st.fit(model, blocks(X, y, 500), penalty=penalty, rng=0)
    coef = fit.params["coef"]
    if kind == "linear":
        # Its loss is half of ours.
        exact = Lasso(alpha=0.05).fit(X, y).coef_
    else:
        exact = LogisticRegression(l1_ratio=1.0, C=1 / (0.1 * 20_000), solver="saga", tol=1e-4).fit(X, y).coef_[0]
    np.testing.assert_array_equal(coef == 0, exact == 0)
    np.testing.assert_allclose(coef, exact, atol=0.05)


@pytest.mark.parametrize("forget", [None, 500])
def test_a_penalty_that_leaves_no_column_is_no_limit(forget):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((5_000, 4))
    y = 5 + X @ [0.2, -0.2, 0, 0] + rng.standard_normal(5_000)
    # No coefficient leaves 0 where the penalty is above the largest slope of the loss at 0.
    assert np.abs(2 * (X - X.mean(axis=0)).T @ (y - y.mean()) / 5_000).max() < 1
    # A last block whose mean is by chance that of the first, from which the start is.
    y[4_500:] += y[:500].mean() - y[4_500:].mean()
    fit = st.fit(st.models.Linear(), blocks(X, y, 500), penalty=st.penalties.L1(1.0), rng=0, forget=forget)
    assert not fit.params["coef"].any()
    assert fit.params["intercept"] == pytest.approx(y.mean(), abs=0.1)
    assert (fit.outcome, fit.success) == ("completed", True)
    assert "the penalty sets all coefficients to 0; " in fit.message
    assert "no better" not in fit.message


def test_near_the_maximum_likelihood_of_classes():
    X, y = raw(20_000, kind="classes")
    fit, whole = st.fit(st.models.Logistic(), blocks(X, y), rng=0), st.fit(st.models.Logistic(), X, y)
    z = X @ fit.params["coef"] + fit.params["intercept"]
    assert (np.logaddexp(0, z) - y * z).mean() - whole.fun < 5e-3 * (np.log(2) - whole.fun)
    assert np.all((fit.predict(X[:5]) > 0) & (fit.predict(X[:5]) < 1))


@pytest.mark.parametrize("how", ["scale", "none"])
def test_other_coordinates(how):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 3))
    y = X @ [1.0, 2, 3] + rng.standard_normal(20_000)
    assert excess(st.fit(st.models.Linear(), blocks(X, y), rescale=how, rng=0), X, y) < 1e-3


def test_units_and_places_of_columns_and_targets_change_nothing():
    X, y = raw(5_000)
    one = st.fit(st.models.Linear(), blocks(X, y), rng=0)
    other = st.fit(st.models.Linear(), blocks(X * 2.0**20, y * 2.0**-10), rng=0)
    np.testing.assert_allclose(other.params["coef"], one.params["coef"] * 2.0**-30, rtol=1e-9)


def test_weights_count_as_repetitions():
    X, y = raw(20_000)
    weight = np.random.default_rng(1).integers(0, 4, len(y)).astype(float)
    fit = st.fit(st.models.Linear(), blocks(X, y, weight=weight), rng=0)
    assert excess(fit, X, y, weight) < 1e-3
    assert excess(fit, X, y, weight) < excess(st.fit(st.models.Linear(), blocks(X, y), rng=0), X, y, weight) + 1e-3


def test_a_ridge_is_in_the_users_units():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50_000, 3)) * [1, 10, 100] + 5
    y = X @ [30.0, 2, 0.1] + 20 * rng.standard_normal(50_000)
    ridge = st.penalties.L2(4.0)
    whole = st.fit(st.models.Linear(), X, y, penalty=ridge)
    fit = st.fit(st.models.Linear(), blocks(X, y), penalty=ridge, rng=0)
    np.testing.assert_allclose(fit.params["coef"], whole.params["coef"], rtol=0.05)
    assert abs(whole.params["coef"][0] - 30) > 5


@pytest.mark.parametrize("full", [True, False])
def test_running_moments_are_those_of_all_rows(full):
    X, _ = raw(1_000, 3)
    X[300:] += [1e4, 0, 7]
    weight = np.random.default_rng(0).uniform(0.5, 2, 1_000)
    moments = Moments(full)
    for rows in (slice(0, 300), slice(300, 301), slice(301, 1_000)):
        moments.add(X[rows], weight[rows])
    covariance = np.cov(X.T, aweights=weight, ddof=0)
    np.testing.assert_allclose(moments.mean, np.average(X, axis=0, weights=weight))
    np.testing.assert_allclose(moments.squares / moments.mass, covariance if full else np.diag(covariance))


def test_blocks_are_let_go():
    kept = []

    def watched():
        for k in range(10):
            X = np.random.default_rng(k).standard_normal((500, 3))
            kept.append(weakref.ref(X))
            yield X, X @ [1.0, 2, 3]
            gc.collect()
            assert sum(ref() is not None for ref in kept) <= 3

    assert st.fit(st.models.Linear(), watched(), rng=0).outcome == "completed"


def test_the_same_seed_gives_the_same_fit_and_no_shuffling_needs_none():
    X, y = raw(3_000)
    one, two, other = (st.fit(st.models.Linear(), blocks(X, y), rng=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.trace.x, two.trace.x)
    assert not np.array_equal(one.trace.x, other.trace.x)
    one, two = (st.fit(st.models.Linear(), blocks(X, y), shuffle=False) for _ in range(2))
    np.testing.assert_array_equal(one.trace.x, two.trace.x)


def test_a_row_a_block_and_its_loss_before_it_was_learnt_from():
    X, y = raw(3_500)
    fit = st.fit(st.models.Linear(), blocks(X, y), rng=0)
    assert fit.trace.evaluations.tolist() == [0, 1, 2, 3, 4]
    assert fit.trace.iteration[-1] == fit.nit == 3 * 63 + 32
    before = fit.trace.x[3]
    np.testing.assert_allclose(fit.trace.value[4], ((X[3000:] @ before[:-1] + before[-1] - y[3000:]) ** 2).mean())
    np.testing.assert_allclose(fit.trace.value[0], y[:1000].var())
    assert np.all(np.isfinite(fit.trace.gradient_norm[1:]))


def test_frames_keep_their_names_and_columns_that_vary_late_are_learnt():
    X, y = raw(4_000, 3)
    X[:1000, 2] = X[0, 2]
    frames = ((pd.DataFrame(a, columns=["a", "b", "c"]), b) for a, b in blocks(X, y))
    fit = st.fit(st.models.Linear(), frames, rng=0)
    assert (fit.columns, list(fit.trace.names)) == (["a", "b", "c"], ["a", "b", "c", "intercept"])
    assert excess(fit, X, y) < 0.05


def test_it_is_saved_and_loaded(tmp_path):
    X, y = raw(2_000)
    fit = st.fit(st.models.Linear(), blocks(X, y), rng=0)
    fit.save(tmp_path / "run")
    np.testing.assert_array_equal(st.load(tmp_path / "run").predict(X), fit.predict(X))


def test_limits():
    X, y = raw(5_000)
    seen = []

    def stop(intermediate_result):
        seen.append(intermediate_result.fun)
        if len(seen) == 2:
            raise StopIteration

    assert st.fit(st.models.Linear(), blocks(X, y), callback=stop, rng=0).outcome == "stopped by callback"
    endless = (block for _ in iter(int, 1) for block in blocks(X, y))
    assert st.fit(st.models.Linear(), endless, seconds=0.2, rng=0).outcome == "time limit"


def test_ctrl_c():
    script = """
import time, numpy as np, steepest as st
def endless():
    rng, k = np.random.default_rng(0), 0
    while True:
        X = rng.standard_normal((100, 2))
        yield X, X @ [1.0, 2.0]
        k += 1
        if k == 5: print("going", flush=True)
        time.sleep(0.02)
fit = st.fit(st.models.Linear(), endless(), rng=0)
print(fit.outcome, fit.params["coef"].round(1).tolist())
"""
    code, out, err = interrupted(script)
    assert (code, out.split("\n")[-2]) == (0, "interrupted [1.0, 2.0]"), err


A, B = np.ones((4, 2)), np.arange(4.0)
BAD = np.ones((4, 2))
BAD[2, 1] = np.nan


@pytest.mark.parametrize(
    ("stream", "options", "words"),
    [
        ([], {}, "has no rows: give an iterator"),
        ([(A[:0], B[:0])], {}, "has no rows: give an iterator"),
        ([(A, B, 0 * B)], {}, "has no rows: give an iterator"),
        ([(BAD, B)], {}, "X of block 0 has nan in row 2, column 1"),
        ([(A, B[:3])], {}, "X of block 0 has 4 rows and y of block 0 has 3"),
        ([(A, B)], {"epochs": 2}, "read only once"),
        ([(A, B)], {"tolerance": 1e-3}, "tolerance= has no meaning"),
        ([(A, B)], {"sample_weight": B}, "sample_weight= has no meaning"),
        ([(A, B)], {"y": B}, "y= has no meaning"),
        ([(A, B)], {"step": 0.1}, "step= has no meaning"),
        ([(A, B)], {"direction": "adam"}, "direction= has no meaning"),
        ([(A, B)], {"batch_size": 0}, "batch_size=0"),
        ([(A, B)], {"shuffle": True}, "shuffle=True"),
        ([(A, B)], {"rescale": "much"}, "rescale='much'"),
        ([(A, B)], {"penalty": st.penalties.L1(1.0), "rescale": "whiten"}, "mixes them: leave rescale= out"),
        ([(A, B)], {"loss": lambda z, y: np.abs(z - y)}, "only the squared loss and log loss"),
        ([(A, B)], {"loss": "log loss"}, "log loss takes targets of 0 and 1"),
    ],
)
def test_refusals(stream, options, words):
    with pytest.raises(ValueError, match=words):
        st.fit(st.models.Linear(), iter(stream), **options)


def named(columns):
    return pd.DataFrame(A, columns=list(columns))


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        (A, (np.ones((4, 3)), B), "block 2 raised ValueError: block 2 has 3 columns, and the blocks before it 2"),
        (A, (BAD, B), "block 2 raised ValueError: X of block 2 has nan in row 2, column 1"),
        (A, (A, [0, 1, np.inf, 3]), "y of block 2 has inf in row 2"),
        (A, 7, "block 2 raised TypeError: block 2 of the stream is int"),
        (A, (A, B, -B), "block 2 raised ValueError: sample_weight has -1 in row 1"),
        (named("ab"), (named("ba"), B), "block 2 has the columns"),
        (A, OSError("the line is dead"), "block 2 raised OSError: the line is dead"),
        (A, KeyboardInterrupt(), "stopped at block 2"),
    ],
)
def test_what_was_learnt_is_kept_where_a_later_block_can_not_be_read(good, bad, words):
    def stream():
        yield from [(good, B), (good, B)]
        if isinstance(bad, BaseException):
            raise bad
        yield bad
        raise AssertionError("read on")

    whole = st.fit(st.models.Linear(), iter([(good, B), (good, B)]), rng=0)
    fit = st.fit(st.models.Linear(), stream(), rng=0)
    assert fit.outcome == ("interrupted" if isinstance(bad, KeyboardInterrupt) else "function raised")
    assert words in fit.message
    assert "\n" not in fit.message
    np.testing.assert_array_equal(fit.trace.x, whole.trace.x)
    np.testing.assert_array_equal(fit.params["coef"], whole.params["coef"])
    assert (fit.nfev, fit.njev, fit.nit) == (fit.trace.evaluations[-1], 2, fit.trace.iteration[-1])


def test_ctrl_c_amid_a_block_gives_the_answer_before_it(monkeypatch):
    X, y = raw(3_000)
    learn = StreamLearner.learn

    def pressed(student, block):
        learn(student, block)
        if block.y[0] == y[2000]:
            raise KeyboardInterrupt

    whole = st.fit(st.models.Linear(), blocks(X[:2000], y[:2000]), rng=0)
    monkeypatch.setattr(StreamLearner, "learn", pressed)
    fit = st.fit(st.models.Linear(), blocks(X, y), rng=0)
    np.testing.assert_array_equal(fit.params["coef"], whole.params["coef"])
    assert (fit.outcome, fit.nit, fit.nfev) == ("interrupted", whole.nit, 2)


def test_what_the_callback_raises_is_the_users():
    def fail(intermediate_result):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        st.fit(st.models.Linear(), iter([(A, B)]), callback=fail)


def test_blocks_without_weight_are_skipped():
    X, y = raw(3_000)
    weight = np.r_[np.ones(1000), np.zeros(1000), np.ones(1000)]
    part = np.r_[:1000, 2000:3000]
    fit = st.fit(st.models.Linear(), blocks(X, y, weight=weight), rng=0)
    np.testing.assert_array_equal(
        fit.params["coef"], st.fit(st.models.Linear(), blocks(X[part], y[part]), rng=0).params["coef"]
    )


def test_the_value_has_the_penalty_and_is_that_of_the_last_block_before_it_was_learnt_from():
    X, y = raw(2_000)
    fit = st.fit(st.models.Linear(), blocks(X, y), penalty=st.penalties.L2(3.0), rng=0)
    before = fit.trace.x[1]
    loss = ((X[1000:] @ before[:-1] + before[-1] - y[1000:]) ** 2).mean()
    assert fit.fun == fit.trace.value[2] == pytest.approx(loss + 1.5 * (before[:-1] ** 2).sum())
    assert fit.fun > loss * 1.0001
    assert "2 blocks read once" in str(fit)
    with pytest.raises(RuntimeError, match="its rows were read only once"):
        fit.evaluate(fit.trace.x[-1])


def test_other_refusals():
    with pytest.raises(TypeError, match="give \\(X, y\\) or \\(X, y, weight\\)"):
        st.fit(st.models.Linear(), iter([A]))
    with pytest.raises(TypeError, match="only linear models learn from"):
        st.fit(lambda x, m: m * x, iter([(A, B)]))
    with pytest.raises(TypeError, match=r"y is missing.* iter\(blocks\)"):
        st.fit(st.models.Linear(), [(A, B), (A, B)])


@pytest.mark.parametrize("penalty", [None, st.penalties.L1(3.0)])
def test_an_answer_no_better_than_the_start_is_named(penalty):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((400, 30)), rng.standard_normal(400)
    y[300:] += 100
    fit = st.fit(st.models.Linear(), blocks(X, y, 100), start=[*np.zeros(30), 100.0], penalty=penalty, rng=0)
    assert "no better than the start" in fit.message
    assert (fit.outcome, fit.success) == ("iteration limit", False)
