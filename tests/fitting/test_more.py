"""Fits that continue: 2 epochs and then 3 more equal 5 epochs, bit for bit, in memory and from disk."""

import json

import numpy as np
import optax
import pytest

import steepest as st
from steepest.loading import load
from steepest.models import losses
from steepest.rules import directions, steps
from steepest.saving.objects import from_json, to_json
from steepest.saving.record import digest_of
from steepest.trace import dumps

DRAWS = np.random.default_rng(5)
X = DRAWS.normal(size=(120, 3)) * [1, 10, 0.1] + [0, 5, 1]
Y = X @ [1, 0.2, 5] + DRAWS.normal(size=120)
C = (Y.mean() + DRAWS.normal(size=120) < Y) * 1.0
WEIGHT = DRAWS.uniform(0.5, 2, 120)
LINEAR, LOGISTIC = st.models.Linear(), st.models.Logistic()


def curve(X, a, b):
    return a * np.exp(-b * X[:, 0] ** 2)


def forked(X, a):
    return X[:, 2] * a if float(a) > 0 else X[:, 1] * a


def nightly(*case):
    return pytest.param(*case, marks=pytest.mark.nightly)


CASES = [
    (LOGISTIC, C, {"sample_weight": WEIGHT}, True),
    (LOGISTIC, C, {"batch_size": 16}, True),
    (LINEAR, Y, {"batch_size": 50, "step": 1e-3, "direction": "adam"}, True),
    (LINEAR, Y, {"step": lambda k: 1e-3 / (1 + k), "direction": "momentum"}, False),
    (LOGISTIC, C, {"direction": "l-bfgs", "rescale": "scale"}, True),
    (curve, Y, {}, False),
    nightly(LOGISTIC, C, {"penalty": st.penalties.L1(0.01)}, True),
    nightly(LINEAR, Y, {"batch_size": 50, "step": 1e-3, "direction": "adam", "shuffle": "rows"}, True),
    nightly(LINEAR, Y, {"batch_size": 1, "step": steps.Shrinking(1e-4)}, True),
    nightly(LINEAR, Y, {"step": "adgd"}, True),
    nightly(LINEAR, Y, {"batch_size": 50, "direction": optax.adam(1e-2)}, False),
    nightly(LOGISTIC, C, {"batch_size": 50, "direction": "momentum", "step": 1e-4, "shuffle": False}, True),
    nightly(LOGISTIC, C, {"loss": losses.Huber(1.5), "step": "barzilai-borwein"}, True),
    nightly(curve, Y, {"batch_size": 50}, False),
    nightly(forked, Y, {"direction": "momentum", "step": 1e-3}, False),
]


def assert_same(one, other):
    """Assert that two fits are equal to the last bit, except for the time that they took."""
    assert one.trace.columns.keys() == other.trace.columns.keys()
    for name in one.trace.columns.keys() - {"seconds"}:
        np.testing.assert_array_equal(getattr(one.trace, name), getattr(other.trace, name), err_msg=name)
    np.testing.assert_array_equal(one.trace.x, other.trace.x)
    assert all(np.array_equal(one.params[name], other.params[name]) for name in other.params)
    assert (one.fun, one.nit, one.nfev, one.njev) == (other.fun, other.nit, other.nfev, other.njev)
    assert (one.message, one.events) == (other.message, other.events)
    assert repr(one.certificate) == repr(other.certificate)


@pytest.mark.parametrize(("model", "y", "how", "savable"), CASES)
def test_parts_are_the_whole(model, y, how, savable, tmp_path):
    whole = st.fit(model, X, y, epochs=5, rng=1, **how)
    part = st.fit(model, X, y, epochs=1 if len(whole.trace) < 6 else 2, rng=1, **how)
    rows = len(part.trace)
    assert rows < len(whole.trace)
    left = 5 - int(part.trace.epoch[-1])
    assert_same(part.more(epochs=left), whole)
    assert_same(part.more(epochs=1).more(epochs=left - 1), whole)
    assert len(part.trace) == rows, "the fit itself stays as it was"
    loaded = load(part.save(tmp_path))
    assert loaded == part
    if not savable:
        with pytest.raises(RuntimeError, match="function not at hand"):
            loaded.more(X, y, epochs=1)
        return
    loaded = load(loaded.save(tmp_path / "again"))
    assert_same(loaded.more(X, y, sample_weight=how.get("sample_weight"), epochs=left), whole)


@pytest.mark.parametrize("loss", ["huber", "absolute"])
def test_parts_of_any_length_are_the_whole_where_the_judge_helps(loss):
    draws = np.random.default_rng(0)
    x = np.linspace(0, 3, 60)
    y = 2 * np.exp(-1.3 * x) + 0.4 + 0.05 * draws.standard_t(2, 60)
    how = {"loss": loss, "start": (1.0, 1.0, 0.0)}

    def model(x, a, b, c):
        return a * np.exp(-b * x) + c

    whole = st.fit(model, x, y, epochs=300, **how)
    assert whole.trace.events, "the judge takes steps here"
    for epochs in range(1, len(whole.trace) - 1):
        part = st.fit(model, x, y, epochs=epochs, **how)
        assert_same(part.more(epochs=300 - epochs), whole)


@pytest.fixture(scope="module")
def three():
    return st.fit(LINEAR, X, Y, epochs=3, rng=1, batch_size=50, step=1e-3, direction="adam")


class TestWhereItStopped:
    @pytest.mark.parametrize("error", [StopIteration, KeyboardInterrupt])
    def test_whatever_stopped_it(self, three, error):
        def stop(state):
            if state.nit == 2:
                raise error

        seen = []
        stopped = st.fit(LINEAR, X, Y, epochs=3, rng=1, batch_size=50, step=1e-3, direction="adam", callback=stop)
        assert len(stopped.trace) == 3
        assert not stopped.success
        assert_same(stopped.more(epochs=1, callback=lambda state: seen.append(state.nit)), three)
        assert seen == [3], "what was called back is not called back again"

    def test_a_model_that_raised_is_asked_again(self):
        calls = []

        def broken(X, a, b):
            calls.append(1)
            if len(calls) == 63:
                raise RuntimeError("once")
            return np.array([float(a) * np.exp(-float(b) * v**2) for v in X[:, 0]])

        part = st.fit(broken, X, Y)
        assert str(part.outcome) == "function raised"
        more = part.more()
        assert more.success
        assert list(more.trace.iteration) == list(range(len(more.trace)))

    def test_seconds_are_those_from_here(self, three):
        more = three.more(seconds=30, epochs=1)
        assert more.nit == 12
        assert np.all(np.diff(more.trace.seconds) >= 0)

    def test_a_fit_that_has_converged_stays_unless_more_is_asked(self):
        fit = st.fit(LOGISTIC, X, C, sample_weight=WEIGHT, tolerance=1e-2)
        assert fit.success
        assert_same(fit.more(epochs=10), fit)
        finer = fit.more(tolerance=1e-12)
        assert finer.success
        assert len(finer.trace) > len(fit.trace)
        assert finer.certificate.gap < 1e-10
        assert fit.certificate.gap > 1e-8
        assert_same(finer.more(epochs=1), finer)

    def test_held_against_its_own_rows_a_fit_shows_its_own_loss(self):
        fit = st.fit(LOGISTIC, X, C, sample_weight=WEIGHT, validation=(X, C, WEIGHT))
        np.testing.assert_allclose(fit.trace.validation, fit.trace.value, rtol=1e-12)
        last = len(fit.trace) - 1
        assert str(fit.outcome) == "converged"
        assert f"validation loss least at epoch {last} of {last}" in fit.message
        assert_same(st.fit(LOGISTIC, X, C, sample_weight=WEIGHT, validation=(X, C, WEIGHT), epochs=1).more(), fit)

    def test_what_is_saved_does_not_grow_with_the_rows(self):
        # A limit makes the usual descent, of which a state is saved.
        fit = st.fit(LOGISTIC, X, C, sample_weight=WEIGHT, seconds=600)
        _, arrays = fit.resumable.saved()
        # The metric of padded columns may have more numbers than X has rows, which are padded, too.
        rows = len(fit.resumable.setup.plan.objective.arrays["direct"].glm.y)
        assert max(array.size for array in arrays.values()) < rows

    def test_without_a_count_it_goes_on_to_the_end(self):
        part = st.fit(LOGISTIC, X, C, sample_weight=WEIGHT, epochs=1)
        assert str(part.outcome) == "iteration limit"
        assert str(part.more().outcome) == "converged"

    @pytest.mark.parametrize(
        ("tolerance", "budget"),
        [(None, {"tolerance": 1e-6, "asked": False}), (1e-3, {"tolerance": 1e-3, "asked": True})],
    )
    def test_a_folder_that_holds_the_default_of_its_time(self, tolerance, budget, tmp_path):
        part = st.fit(LOGISTIC, X, C, tolerance=tolerance, epochs=1)
        folder = part.save(tmp_path)
        body = json.loads((folder / "run.json").read_text())
        state = body["record"]["onward"]
        assert state["budget"] == {"tolerance": tolerance or 0.0}
        state["budget"] = budget
        del body["sha256"]
        (folder / "run.json").write_text(dumps({"sha256": digest_of(dumps(body).encode()), **body}))
        assert_same(load(folder).more(X, C), part.more())


class TestRows:
    def test_the_same_rows_are_welcome(self, three):
        assert three.more(X, Y, epochs=1).nit == 12

    @pytest.mark.parametrize(
        ("rows", "more", "said"),
        [
            ((X[1:], Y[1:]), {}, r"shape \(119, 3\), and it had \(120, 3\)"),
            ((X + 1e-9, Y), {}, "X is not what it was"),
            ((X, -Y), {}, "y is not what it was"),
            ((X, Y), {"sample_weight": WEIGHT}, "sample_weight is not what it was"),
            ((X, Y), {"validation": 0.2}, "validation is not what it was"),
        ],
    )
    def test_other_rows_are_refused(self, three, tmp_path, rows, more, said):
        for fit in (three, load(three.save(tmp_path))):
            with pytest.raises(ValueError, match=f"{said}.*start=fit.params"):
                fit.more(*rows, epochs=1, **more)

    def test_rows_that_are_not_at_hand(self, three, tmp_path):
        with pytest.raises(RuntimeError, match="give them again"):
            load(three.save(tmp_path)).more(epochs=1)
        with pytest.raises(TypeError, match="both X and y"):
            three.more(X)

    def test_a_stream_was_read_once(self):
        with pytest.raises(RuntimeError, match="read only once"):
            st.fit(LINEAR, iter([(X, Y)])).more(epochs=1)

    def test_words(self, three):
        with pytest.raises(TypeError, match="it is called epochs="):
            three.more(n_epochs=3)
        with pytest.raises(ValueError, match="epochs=-1"):
            three.more(epochs=-1)


def test_a_table_goes_on_and_is_scored_anew(tmp_path):
    # With a fifth held out there are as many training rows as in the other tests.
    rows = np.arange(150) % 120
    table = {"a": X[rows, 0], "b": X[rows, 1], "c": X[rows, 2], "y": Y[rows]}
    how = {"step": 1e-3, "direction": "adam", "batch_size": 50}
    part, whole = (st.fit_table(table, "y", epochs=epochs, **how) for epochs in (2, 5))
    more = part.more(epochs=3)
    assert_same(more, whole)
    assert more.score == whole.score != part.score
    assert str(more) == str(whole)
    loaded = load(part.save(tmp_path))
    with pytest.raises(RuntimeError, match="give it again"):
        loaded.more(epochs=3)
    again = loaded.more(table, epochs=3)
    assert_same(again, whole)
    assert again.score == whole.score


@pytest.mark.parametrize("room", [directions, steps])
def test_every_rule_with_a_name_can_be_written_down(room):
    for kind in room.NAMED.values():
        rule = kind()
        assert from_json(to_json(rule)) == rule


@pytest.mark.parametrize(
    "thing",
    [None, True, 0.25, "batches", (1, 2), losses.squared, losses.Huber(2.0), st.penalties.ElasticNet(0.1, 0.2)],
)
def test_words_come_back(thing):
    assert from_json(to_json(thing)) == thing
