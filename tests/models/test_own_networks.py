"""Models written for JAX, with a tree of parameters: compared with loops by hand, closed forms and properties."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import steepest as st

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3))
Y = np.sin(X[:, 0]) + X[:, 1] ** 2
CLASSES = (X[:, 0] > X[:, 1]).astype(float)


class Layer(NamedTuple):
    w: np.ndarray
    b: np.ndarray


def start(dtype=float, outputs=()):
    rng = np.random.default_rng(1)
    first = Layer(rng.normal(size=(3, 4)).astype(dtype), np.zeros(4, dtype))
    last = Layer(rng.normal(size=(4, *outputs)).astype(dtype), np.zeros(outputs, dtype))
    return {"hidden": [first], "out": last}


def apply(params, X):
    h = X
    for layer in params["hidden"]:
        h = jnp.tanh(h @ layer.w + layer.b)
    return h @ params["out"].w + params["out"].b


NET = st.models.Custom(apply, start=start())


def by_hand(rule, batch, epochs, train, evaluate, params, state=None):
    """Return the losses after each epoch of a loop in optax, and the last parameters and state.

    ``train(params, state, rows)`` returns (loss, state), and ``evaluate(params, state)`` the loss over all rows.
    """
    with jax.enable_x64(True):
        memory, losses = rule.init(params), []
        slope = jax.jit(jax.grad(train, has_aux=True))
        for _ in range(epochs):
            for first in range(0, len(X), batch):
                gradient, state = slope(params, state, slice_of(first, batch))
                updates, memory = rule.update(gradient, memory, params)
                params = optax.apply_updates(params, updates)
            losses.append(float(evaluate(params, state)))
        return np.array(losses), params, state


def slice_of(first, batch):
    return np.arange(first, first + batch)


def test_training_in_batches_is_that_of_a_loop_in_optax():
    weight = RNG.random(len(X)) + 0.5
    share, lam = weight / weight.sum(), 1e-2

    def loss(params, rows, times):
        flat = jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(params)])
        error = apply(params, jnp.asarray(X)[rows]) - jnp.asarray(Y)[rows]
        return times * (jnp.asarray(share)[rows] * error**2).sum() + lam / 2 * (flat**2).sum()

    def train(params, state, rows):
        return loss(params, rows, 3), state

    losses, params, _ = by_hand(optax.adam(1e-2), 8, 5, train, lambda p, _: loss(p, np.arange(24), 1), start())
    fit = st.fit(
        NET, X, Y, batch_size=8, epochs=5, shuffle=False, step=optax.adam(1e-2), sample_weight=weight,
        penalty=st.penalties.L2(lam),
    )  # fmt: skip
    np.testing.assert_allclose(fit.trace.value[1:], losses, rtol=1e-12)
    jax.tree.map(lambda mine, theirs: np.testing.assert_allclose(mine, theirs, rtol=1e-9), fit.params, params)


def test_all_rows_at_once_come_to_the_least_squares_in_closed_form():
    line = st.models.Custom(lambda p, X: X @ p["w"] + p["b"], start={"w": np.zeros(3), "b": 0.0})
    fit = st.fit(line, X, Y)
    A = np.column_stack([np.ones(24), X])
    best = np.linalg.lstsq(A, Y)[0]
    np.testing.assert_allclose([fit.params["b"], *fit.params["w"]], best, rtol=1e-8)
    assert (fit.outcome, fit.solver.split(":")[0]) == ("converged", "L-BFGS")
    assert fit.trace.names == ["b", "w[0]", "w[1]", "w[2]"]


class Counted:
    """The network, which counts how often it is traced."""

    traces = 0

    def __call__(self, params, X):
        self.traces += 1
        assert isinstance(X, jax.Array)
        return apply(params, X)


def test_equal_fits_are_traced_once():
    counted = Counted()
    for options in ({"epochs": 3}, {"epochs": 3, "batch_size": 8, "validation": 0.25}):
        fit = st.fit(st.models.Custom(counted, start=start()), X, Y, rng=0, **options)
        fit.predict(X)
        before = counted.traces
        again = st.fit(st.models.Custom(counted, start=start()), X + 1, Y, rng=1, **options)
        again.predict(X)
        assert (counted.traces, again.fun != fit.fun) == (before, True)


def test_the_tree_keeps_its_containers_and_types():
    seen = []

    def noted(params, X):
        seen.extend(leaf.dtype for leaf in (X, *jax.tree.leaves(params)))
        return apply(params, X)

    jax_start = jax.tree.map(jnp.asarray, start(np.float32))
    fit = st.fit(st.models.Custom(noted, start=jax_start), X, Y, epochs=3)
    assert set(seen) == {np.dtype("float32")}
    assert jax.tree.structure(fit.params) == jax.tree.structure(jax_start)
    assert all(isinstance(a, jax.Array) and a.dtype == np.float32 for a in jax.tree.leaves(fit.params))
    assert all(
        isinstance(a, np.ndarray) and a.dtype == float for a in jax.tree.leaves(st.fit(NET, X, Y, epochs=1).params)
    )
    np.testing.assert_allclose(fit.predict(X), apply(fit.params, X.astype(np.float32)), rtol=1e-5)
    with jax.enable_x64(True):
        wide = np.asarray(apply(jax.tree.map(np.float64, fit.params), X))
    assert abs(np.mean((wide - Y) ** 2) - fit.fun) < 1e-6


@pytest.mark.parametrize(
    ("loss", "outputs", "y"),
    [
        ("log loss", (1,), CLASSES),
        ("softmax", (2,), CLASSES),
        (lambda z, y: np.log1p((z - y) ** 2), (), Y),
        (lambda z, y: optax.softmax_cross_entropy_with_integer_labels(z, y.astype(int)), (2,), CLASSES),
    ],
    ids=["log loss", "softmax", "in NumPy", "in JAX"],
)
def test_the_value_is_the_mean_loss_of_the_predictions(loss, outputs, y):
    fit = st.fit(st.models.Custom(apply, start=start(outputs=outputs)), X, y, loss=loss, epochs=5)
    z = fit.predict(X)
    assert z.shape == ((24, 2) if outputs == (2,) else (24,))
    each = st.losses.named(loss) if isinstance(loss, str) else loss
    with jax.enable_x64(True):
        assert fit.fun == pytest.approx(float(np.mean(each(z, y))), rel=1e-12)
    assert fit.fun < fit.trace.value[0]


def test_validation_keeps_the_best_epoch():
    fit = st.fit(NET, X, Y, validation=(X[:5] + 0.3, Y[:5]), batch_size=6, epochs=8, step=0.2, rng=0)
    best = int(np.argmin(fit.trace.validation))
    assert f"least at epoch {best} of" in fit.message
    assert np.mean((fit.predict(X[:5] + 0.3) - Y[:5]) ** 2) == pytest.approx(fit.trace.validation[best], rel=1e-12)
    flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(fit.params)])
    np.testing.assert_array_equal(flat, fit.trace.x[best])


def test_a_fit_goes_on_and_is_called_back_with_the_tree(tmp_path):
    seen = []
    options = {"batch_size": 8, "rng": 0}
    fit = st.fit(NET, X, Y, epochs=2, callback=lambda r: seen.append(r.x["hidden"][0].w.shape), **options).more(
        epochs=2
    )
    whole = st.fit(NET, X, Y, epochs=4, **options)
    assert (seen, fit.trace.value.tolist()) == ([(3, 4)] * 2, whole.trace.value.tolist())
    assert fit.evaluate(fit.params) == pytest.approx(fit.fun)
    again = st.fit(NET, X, Y, start=fit.params, epochs=0)
    assert again.fun == pytest.approx(fit.fun)
    fit.save(tmp_path / "fit")
    loaded = st.load(tmp_path / "fit")
    np.testing.assert_array_equal(loaded.params["hidden"][0][0], fit.params["hidden"][0].w)
    with pytest.raises(RuntimeError, match="functions are not saved"):
        loaded.predict(X)


def test_a_fit_keeps_to_its_seconds():
    fit = st.fit(NET, X, Y, batch_size=4, epochs=10**7, seconds=0.5)
    assert (fit.outcome, fit.fun < fit.trace.value[0]) == ("time limit", True)


def test_single_precision_is_saved_as_such(tmp_path):
    fit = st.fit(st.models.Custom(apply, start=start(np.float32)), X, Y, epochs=1)
    fit.save(tmp_path / "fit")
    w = st.load(tmp_path / "fit").params["out"][0]
    assert (w.dtype, w.tolist()) == (np.float32, fit.params["out"].w.tolist())


class TestState:
    """A model whose state counts its batches, and notes the last key and a running mean of the rows."""

    @staticmethod
    def apply(params, state, X, key):
        if key is None:
            # In predictions the state stays as it is, whatever is returned.
            return apply(params, X - state["mean"]), {name: value * 0 for name, value in state.items()}
        mean = 0.9 * state["mean"] + 0.1 * X.mean(axis=0)
        seen = {"mean": mean, "batches": state["batches"] + 1, "key": jax.random.key_data(key)}
        return apply(params, X - mean), seen

    STATE = {"mean": np.zeros(3), "batches": np.array(0), "key": np.zeros(2, np.uint32)}  # noqa: RUF012

    def fit(self, **options):
        model = st.models.Custom(self.apply, start=start(), state=self.STATE)
        return st.fit(model, X, Y, **{"epochs": 4, "shuffle": False, "step": optax.adam(1e-2)} | options)

    def test_training_is_that_of_a_loop_in_optax(self):
        def train(params, state, rows):
            state = 0.9 * state + 0.1 * jnp.asarray(X)[rows].mean(axis=0)
            return jnp.mean((apply(params, jnp.asarray(X)[rows] - state) - jnp.asarray(Y)[rows]) ** 2), state

        def evaluate(params, state):
            return jnp.mean((apply(params, X - state) - Y) ** 2)

        for size in (8, None):
            losses, params, state = by_hand(optax.adam(1e-2), size or 24, 4, train, evaluate, start(), np.zeros(3))
            fit = self.fit(batch_size=size)
            np.testing.assert_allclose(fit.trace.value[1:], losses, rtol=1e-12)
            np.testing.assert_allclose(fit.state["mean"], state, rtol=1e-12)
            np.testing.assert_allclose(fit.params["out"].w, params["out"].w, rtol=1e-9)
            assert (fit.state["batches"], fit.state["batches"].dtype) == (4 * (24 // (size or 24)), int)
            assert fit.trace.x.shape[1] == len(fit.trace.names) == 21
            np.testing.assert_allclose(np.mean((fit.predict(X) - Y) ** 2), fit.fun, rtol=1e-12)

    def test_each_batch_has_a_key_of_its_own_and_a_seed_repeats_them(self):
        def noting(p, s, X, key):
            return apply(p, X), s if key is None else jnp.vstack([s[1:], jax.random.key_data(key)])

        model = st.models.Custom(noting, start=start(), state=np.zeros((6, 2), np.uint32))
        options = {"batch_size": 8, "epochs": 2, "step": 1e-3}
        keys, again, other = (st.fit(model, X, Y, rng=seed, **options).state.tolist() for seed in (0, 0, 1))
        assert keys == again
        assert len({tuple(key) for key in keys + other}) == 12

    def test_a_short_last_batch_is_filled_up_with_the_first_rows(self):
        last = st.models.Custom(lambda p, s, X, key: (apply(p, X), X.mean(axis=0)), start=start(), state=np.zeros(3))
        fit = st.fit(last, X, Y, batch_size=20, epochs=1, shuffle=False, step=1e-3)
        np.testing.assert_allclose(fit.state, X[[*range(20, 24), *range(16)]].mean(axis=0))

    def test_a_fit_goes_on_with_its_state(self):
        parts, whole = self.fit(batch_size=8, epochs=2, rng=0).more(epochs=2), self.fit(batch_size=8, epochs=4, rng=0)
        assert parts.trace.value.tolist() == whole.trace.value.tolist()
        assert parts.state["key"].tolist() == whole.state["key"].tolist()

    def test_a_rule_of_its_own_sees_the_parameters_only(self):
        def train(params, state, rows):
            return jnp.mean((apply(params, jnp.asarray(X)[rows] - state) - jnp.asarray(Y)[rows]) ** 2), state

        still = st.models.Custom(lambda p, s, X, key: (apply(p, X), s + 1e6), start=start(), state=np.zeros(2))
        fit = st.fit(still, X, Y, epochs=5, batch_size=8, shuffle=False)
        losses, *_ = by_hand(
            optax.contrib.dowg(), 8, 5, train, lambda p, s: jnp.mean((apply(p, X) - Y) ** 2), flat_start := start(), 0.0
        )
        assert fit.solver.startswith("DoWG")
        assert jax.tree.structure(fit.params) == jax.tree.structure(flat_start)
        np.testing.assert_allclose(fit.trace.value[1:], losses, rtol=1e-9)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"step": "armijo"}, "needs values that are the same in every call"),
            ({"step": "auto", "direction": "adam"}, "for a model with a state needs a learning rate"),
            ({"tolerance": 1e-3}, "tolerance= needs a loss that is the same in every call"),
        ],
    )
    def test_what_needs_the_same_value_twice_is_refused(self, options, message):
        with pytest.raises(ValueError, match=message):
            self.fit(**options)


def stateful(returned):
    return st.models.Custom(lambda p, s, X, key: returned(p, s, X), start=start(), state={"n": np.zeros(2)})


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: st.models.Custom(3, start=start()), TypeError, r"Custom\(3\): give a function"),
        (lambda: st.models.Custom(apply, state={}), TypeError, "needs start="),
        (lambda: st.models.Custom(apply, start={}), ValueError, "the start is empty"),
        (lambda: st.models.Custom(apply, start={"f": np.tanh, "w": X}), TypeError, "f = .*no array of real numbers"),
        (lambda: st.models.Custom(apply, start={"n": np.arange(3)}), TypeError, "type int64: parameters are floats"),
        (lambda: st.models.Custom(apply, start={"w": [1.0, np.nan]}), ValueError, r"w\.1 = nan"),
        (lambda: st.models.Custom(lambda p, X: p["w"] * X, start={"w": X}), ValueError, r"the shape \(24, 3\) for 24"),
        (lambda: st.models.Custom(lambda p, X: (p["w"], X), start={"w": X}), TypeError, "it must return one array"),
        (lambda: st.models.Custom(lambda p, X: np.asarray(X)[:, 0], start={"w": X}), TypeError, "with jax.numpy"),
        (lambda: st.models.Custom(lambda p, X: jnp.log(p - 1) * X[:, 0], start=np.array(0.5)), ValueError, "is nan at"),
        (lambda: stateful(lambda p, s, X: apply(p, X)), TypeError, r"returns \(outputs, new_state\)"),
        (lambda: stateful(lambda p, s, X: (apply(p, X), {"m": s["n"]})), ValueError, "another structure"),
        (lambda: stateful(lambda p, s, X: (apply(p, X), {"n": s["n"][:1]})), ValueError, r"n of shape \(1,\)"),
    ],
)  # fmt: skip
def test_bad_input_is_named_in_one_line(make, error, message):
    with pytest.raises(error, match=message) as caught:
        st.fit(make(), X, Y, epochs=1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"start": {"w": X}}, ValueError, "start= has another structure"),
        ({"start": start(outputs=(2,))}, ValueError, r"start= has out\.w of shape \(4, 2\)"),
        ({"direction": "levenberg-marquardt"}, ValueError, "named parameters"),
        ({"loss": lambda z, y: (z - y).sum()}, ValueError, r"the loss returned the shape \(\)"),
        ({"loss": lambda z, y: float(z[0]) + y}, ValueError, "can't be traced"),
    ],
)
def test_bad_options_are_named(options, error, message):
    with pytest.raises(error, match=message):
        st.fit(NET, X, Y, epochs=1, **options)


class TestSeparatedClasses:
    """The log loss of classes that a network separates comes ever nearer to 0, so that there is no minimum."""

    @staticmethod
    def moons(seed):
        rng = np.random.default_rng(seed)
        angle, y = np.pi * rng.random(60), np.arange(60) % 2.0
        sign = np.where(y == 1, -1, 1)
        moons = np.column_stack([np.cos(angle) * sign + y, np.sin(angle) * sign + y / 2])
        return moons + 0.05 * rng.normal(size=moons.shape), y

    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize("bend", [np.tanh, lambda z: np.maximum(z, 0)], ids=["tanh", "relu"])
    @pytest.mark.always(4)
    def test_a_network_in_numpy(self, bend, seed):
        rng = np.random.default_rng(seed)
        first = {"w1": rng.normal(size=(2, 8)), "b1": np.zeros(8), "w2": rng.normal(size=8) / 3, "b2": 0.0}
        data = self.moons(seed)
        fit = st.fit(lambda X, w1, b1, w2, b2: bend(X @ w1 + b1) @ w2 + b2, *data, start=first, loss="log loss")
        if np.all((fit.predict(data[0]) > 0) == data[1]):
            assert fit.outcome == "no finite optimum"
            assert fit.fun < 1e-14

    def test_the_limit_is_that_of_the_loss_alone(self):
        x, y = np.array([-1.0, 1.0]), np.array([0.0, 1.0])
        fit = st.fit(lambda x, w: w * x, x, y, loss="log loss", penalty=st.penalties.L2(1e-2))
        assert fit.outcome == "converged"
        fixed = st.fit(lambda x, w: w * x, x, y, loss="log loss", step=50.0, epochs=400)
        assert fixed.outcome == "completed"
