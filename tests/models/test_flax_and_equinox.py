"""Networks of Flax and Equinox with batch norm and dropout: trained like a loop by hand in the same library."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import steepest as st

eqx = pytest.importorskip("equinox")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3))
Y = np.sin(X[:, 0]) + X[:, 1] ** 2


def doubled(tree):
    """Return a tree with doubles in place of single precision, so that two ways to train it can be compared."""
    wide = jax.tree.map(np.asarray, tree)
    return jax.tree.map(lambda a: a.astype(float) if a.dtype == np.float32 else a, wide)


def check(apply, params, state):
    """Compare a fit with a loop by hand. Each update gets some key, which must not matter: there is no dropout.

    The layer before the batch norm has no bias: its slope would be 0, and Adam makes steps of rounding errors.
    """
    rule, start = optax.adam(1e-2), params
    fit = st.fit(
        st.models.Custom(apply, start=params, state=state), X, Y, batch_size=8, epochs=3, shuffle=False, step=rule
    )
    with jax.enable_x64(True):
        memory = rule.init(params)

        @jax.jit
        def updated(params, state, memory, first):
            def loss(params):
                rows = first + jnp.arange(8)
                # Variables of NNX may change only in the trace in which they were made: make them again.
                own = jax.tree.map(lambda a: a, state)
                z, after = apply(params, own, jnp.asarray(X)[rows], jax.random.key(0))
                return jnp.mean((z.reshape(8) - jnp.asarray(Y)[rows]) ** 2), after

            gradient, state_after = jax.grad(loss, has_aux=True)(params)
            updates, memory = rule.update(gradient, memory, params)
            return optax.apply_updates(params, updates), state_after, memory

        for first in [0, 8, 16] * 3:
            params, state, memory = updated(params, state, memory, first)
        value = np.mean((np.ravel(apply(params, state, jnp.asarray(X), None)[0]) - Y) ** 2)
    assert fit.fun == pytest.approx(float(value), rel=1e-9)
    assert jax.tree.structure(fit.params) == jax.tree.structure(start)
    for mine, theirs in ((fit.params, params), (fit.state, state)):
        pairs = zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True)
        assert all(np.allclose(a, b, rtol=1e-8, atol=1e-12) for a, b in pairs)
    np.testing.assert_allclose(np.mean((fit.predict(X) - Y) ** 2), fit.fun, rtol=1e-9)
    return fit


def check_dropout(apply, params, state):
    """Check that dropout acts while the model learns, differs between seeds, and is off in predictions."""
    model = st.models.Custom(apply, start=params, state=state)
    a, b, c = (st.fit(model, X, Y, epochs=2, step=0.05, rng=seed) for seed in (0, 0, 1))
    assert a.trace.value.tolist() == b.trace.value.tolist()
    assert a.trace.value[0] == c.trace.value[0]
    assert a.fun != c.fun
    np.testing.assert_allclose(np.mean((a.predict(X) - Y) ** 2), a.fun, rtol=1e-5)


class TestEquinox:
    @staticmethod
    def network(dropout):
        class Net(eqx.Module):
            first: eqx.nn.Linear
            norm: eqx.nn.BatchNorm
            drop: eqx.nn.Dropout
            last: eqx.nn.Linear

            def __init__(self, key):
                keys = jax.random.split(key)
                self.first = eqx.nn.Linear(3, 4, use_bias=False, key=keys[0])
                self.norm = eqx.nn.BatchNorm(4, axis_name="rows", mode="batch")
                self.drop = eqx.nn.Dropout(dropout)
                self.last = eqx.nn.Linear(4, "scalar", key=keys[1])

            def __call__(self, x, state, key):
                x, state = self.norm(self.first(x), state)
                return self.last(self.drop(jax.nn.tanh(x), key=key)), state

        model, state = eqx.nn.make_with_state(Net)(jax.random.key(0))
        params, static = eqx.partition(model, eqx.is_inexact_array)

        def apply(params, state, X, key):
            model = eqx.nn.inference_mode(eqx.combine(params, static), key is None)
            keys = jax.random.split(jax.random.key(0) if key is None else key, len(X))
            rows = jax.vmap(model, in_axes=(0, None, 0), out_axes=(0, None), axis_name="rows")
            return rows(X, state, keys)

        return apply, params, state

    def test_batch_norm(self):
        apply, params, state = self.network(0.0)
        fit = check(apply, doubled(params), doubled(state))
        assert fit.trace.names[0] == "first.weight[0, 0]"

    def test_dropout(self):
        check_dropout(*self.network(0.5))

    def test_a_model_without_a_state(self):
        params, static = eqx.partition(eqx.nn.MLP(3, "scalar", 4, 1, key=jax.random.key(0)), eqx.is_inexact_array)
        net = st.models.Custom(lambda params, X: jax.vmap(eqx.combine(params, static))(X), start=params)
        fit = st.fit(net, X, Y, epochs=5)
        model = eqx.combine(fit.params, static)
        np.testing.assert_allclose(fit.predict(X), jax.vmap(model)(X.astype(np.float32)), rtol=1e-5)
        with pytest.raises(TypeError, match=r"activation = .*eqx.partition"):
            st.fit(st.models.Custom(net.function, start=model), X, Y)


class TestFlax:
    @staticmethod
    def linen(dropout):
        nn = pytest.importorskip("flax.linen")

        class Net(nn.Module):
            @nn.compact
            def __call__(self, x, learning):
                x = nn.BatchNorm(use_running_average=not learning)(nn.Dense(4, use_bias=False)(x))
                return nn.Dense(1)(nn.Dropout(dropout, deterministic=not learning)(nn.tanh(x)))

        net = Net()
        parts = net.init(jax.random.key(0), X, learning=False)

        def apply(params, state, X, key):
            variables = {"params": params, "batch_stats": state}
            if key is None:
                return net.apply(variables, X, learning=False), state
            z, changed = net.apply(variables, X, learning=True, rngs={"dropout": key}, mutable=["batch_stats"])
            return z, changed["batch_stats"]

        return apply, parts["params"], parts["batch_stats"]

    def test_linen(self):
        apply, params, state = self.linen(0.0)
        fit = check(apply, doubled(params), doubled(state))
        assert fit.trace.names[0] == "BatchNorm_0.bias[0]"
        check_dropout(*self.linen(0.5))

    def test_a_bound_method_of_linen(self):
        nn = pytest.importorskip("flax.linen")
        net = nn.Dense(1)
        start = net.init(jax.random.key(0), X.astype(np.float32))
        fit = st.fit(st.models.Custom(net.apply, start=start), X, Y)
        best = np.linalg.lstsq(np.column_stack([X, np.ones(24)]), Y)[0]
        np.testing.assert_allclose(np.ravel(fit.params["params"]["kernel"]), best[:3], rtol=1e-4)

    @staticmethod
    def nnx(dropout):
        nnx = pytest.importorskip("flax.nnx")

        class Net(nnx.Module):
            def __init__(self, rngs):
                self.first, self.norm = nnx.Linear(3, 4, use_bias=False, rngs=rngs), nnx.BatchNorm(4, rngs=rngs)
                self.drop, self.last = nnx.Dropout(dropout), nnx.Linear(4, 1, rngs=rngs)

            def __call__(self, x, rngs):
                return self.last(self.drop(nnx.tanh(self.norm(self.first(x))), rngs=rngs))

        graph, params, state = nnx.split(Net(nnx.Rngs(0)), nnx.Param, ...)

        def apply(params, state, X, key):
            model = nnx.merge(graph, params, state)
            model.train() if key is not None else model.eval()
            z = model(X, None if key is None else nnx.Rngs(key))
            return z, nnx.split(model, nnx.Param, ...)[2]

        return apply, params, state

    def test_nnx(self, tmp_path):
        apply, params, state = self.nnx(0.0)
        fit = check(apply, doubled(params), doubled(state))
        fit.save(tmp_path / "fit")
        loaded = st.load(tmp_path / "fit")
        np.testing.assert_array_equal(loaded.params["first"]["kernel"], np.asarray(jax.tree.leaves(fit.params)[0]))
        check_dropout(*self.nnx(0.5))
