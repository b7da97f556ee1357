"""Trials of the battery: over-fitting, and units and slopes of networks that learn nothing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from battery.trial import HEALTHY, Sabotage, Trial

import steepest as st

ROWS, INPUTS, UNITS = 48, 3, 8
Params = dict[str, Any]


def relu_network(X, W1, b1, W2, b2):
    return np.maximum(X @ W1 + b1, 0) @ W2 + b2


def tanh_network(X, W1, b1, W2, b2):
    return np.tanh(X @ W1 + b1) @ W2 + b2


def sigmoid_network(X, W1, b1, W2, b2):
    return 1 / (1 + np.exp(-(X @ W1 + b1))) @ W2 + b2


def deep_sigmoids(X, W1, b1, W2, b2, W3, b3, W4, b4, W5, b5):
    for W, b in ((W1, b1), (W2, b2), (W3, b3), (W4, b4)):
        X = 1 / (1 + np.exp(-(X @ W + b)))
    return X @ W5 + b5


def deep_tanhs(X, W1, b1, W2, b2, W3, b3, W4, b4):
    for W, b in ((W1, b1), (W2, b2), (W3, b3)):
        X = np.tanh(X @ W + b)
    return X @ W4 + b4


def deep_relus(X, W1, b1, W2, b2, W3, b3, W4, b4):
    for W, b in ((W1, b1), (W2, b2), (W3, b3)):
        X = np.maximum(X @ W + b, 0)
    return X @ W4 + b4


def jax_network(p, X):
    return (jax.nn.relu(X @ p["hidden"]["kernel"] + p["hidden"]["bias"]) @ p["out"]["kernel"])[:, 0] + p["out"]["bias"][
        0
    ]


def jax_tanh_network(p, X):
    hidden = jnp.tanh(X @ p["hidden"]["kernel"] + p["hidden"]["bias"])
    return (hidden @ p["out"]["kernel"])[:, 0] + p["out"]["bias"][0]


def rows(rng: np.random.Generator, count: int = ROWS, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of a curved target."""
    X = rng.normal(size=(count, INPUTS))
    return X, np.sin(X[:, 0]) + 0.5 * X[:, 1] * X[:, 2] + noise * rng.normal(size=count)


def shallow(rng: np.random.Generator, scale: float = 1.0, bias: float = 0.0) -> Params:
    """Return a start of one hidden layer."""
    return {
        "W1": rng.normal(0, scale / np.sqrt(INPUTS), (INPUTS, UNITS)),
        "b1": np.full(UNITS, bias),
        "W2": rng.normal(0, 1 / np.sqrt(UNITS), UNITS),
        "b2": 0.0,
    }


def deep(rng: np.random.Generator, layers: int, scale: float) -> Params:
    """Return a start of several hidden layers."""
    sizes = [INPUTS, *[UNITS] * layers]
    start: Params = {}
    for k, (a, b) in enumerate(pairwise(sizes), 1):
        start |= {f"W{k}": rng.normal(0, scale / np.sqrt(a), (a, b)), f"b{k}": np.zeros(b)}
    return start | {f"W{layers + 1}": rng.normal(0, scale / np.sqrt(UNITS), UNITS), f"b{layers + 1}": 0.0}


def nested(start: Params) -> Params:
    """Return a start in the layout of Flax."""
    return {
        "hidden": {"bias": start["b1"], "kernel": start["W1"]},
        "out": {"bias": np.array([start["b2"]]), "kernel": start["W2"][:, None]},
    }


def learnt(y: np.ndarray, share: float = 0.5) -> Callable[[Any], bool]:
    """Return whether a fit is well below the loss of a constant."""
    return lambda fit: bool(fit.fun < share * np.var(y))


def fitted(
    cause: str, model: Any, X: np.ndarray, y: np.ndarray, start: Params, share: float = 0.5, **how: Any
) -> Trial:  # fmt: skip
    """Return the trial of a fit of an own network by fixed steps; a model written for JAX has its own start."""
    how = {"step": 0.05, "direction": "plain", "epochs": 300, "rng": 0, **how}
    if not isinstance(model, st.models.Custom):
        how["start"] = start

    def make() -> Any:
        return st.fit(model, X, y, **how)

    scope = {"X": X, "y": y, "start": start, getattr(model, "__name__", "model"): model}
    solved = None if cause == HEALTHY else learnt(y, share)
    return Trial(cause, make, scope, solved, loop=lambda recorder: write_again(recorder, make(), start))


def minimized(
    cause: str, network: Callable[..., Any], X: np.ndarray, y: np.ndarray, start: Params, **how: Any
) -> Trial:  # fmt: skip
    """Return the trial of a loss of one's own, as a function of a dict."""

    def loss(p: Params) -> Any:
        return np.mean((network(X, *p.values()) - y) ** 2)

    how = {"step": 0.05, "iterations": 300, **how}

    def make() -> Any:
        return st.minimize(loss, start, **how)

    solved = None if cause == HEALTHY else learnt(y)
    scope = {"loss": loss, "start": start}
    return Trial(cause, make, scope, solved, loop=lambda recorder: write_again(recorder, make(), start))


def write_again(recorder: Any, run: Any, start: Params) -> None:
    """Write the steps of a run as a loop of one's own would, with trees of parameters and slopes."""
    for row, x in enumerate(run.trace.x):
        size = run.trace.step_size[min(row + 1, len(run.trace) - 1)]
        given = {"validation": float(run.trace.validation[row])} if "validation" in run.trace.columns else {}
        gradient = filled(start, run.gradient_at(x))
        recorder.step(float(run.trace.value[row]), gradient=gradient, x=filled(start, x), learning_rate=size, **given)


def filled(tree: Any, flat: np.ndarray) -> Any:
    """Return a tree with other numbers, from a flat array."""
    if not isinstance(tree, dict):
        return np.reshape(flat, np.shape(tree))
    found, place = {}, 0
    for name, each in tree.items():
        size = sum(np.size(leaf) for leaf in jax.tree.leaves(each))
        found[name] = filled(each, flat[place : place + size])
        place += size
    return found


# Dead units: those of ReLU, by biases far below zero, by columns of one sign, or by steps that are too long.


def dead_by_bias(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    return fitted("dead units", relu_network, X, y, shallow(rng, bias=-3 - 5 * severity))


def dead_of_dict(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    return minimized("dead units", relu_network, X, y, shallow(rng, bias=-3 - 5 * severity))


def dead_of_jax(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    start = nested(shallow(rng, bias=-3 - 5 * severity))
    return fitted("dead units", st.models.Custom(jax_network, start=start), X, y, start)


def dead_by_columns(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    start = shallow(rng)
    dead = rng.permutation(UNITS)[: round(UNITS * (0.6 + 0.4 * severity))]
    start["W1"][:, dead] = -np.abs(start["W1"][:, dead])
    return fitted("dead units", relu_network, X + 5 - X.min(), y, start, step=1e-3)


def dead_of_batches(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    return fitted("dead units", relu_network, X, y, shallow(rng, bias=-3 - 5 * severity), batch_size=16, epochs=100)


def dead_of_library(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    model = st.models.Network(hidden=(UNITS,), members=1, activation="relu", waves=0, dropout=0)
    how = {"step": 1.5 + severity, "direction": "plain", "epochs": 40, "rng": 0}
    return Trial(
        "dead units", lambda: st.fit(model, X, y, **how), {"X": X, "y": y}, learnt(y, 0.9), ("exploding weights",)
    )


# Saturated units: those of tanh and sigmoids, by large weights, large biases, or columns in large units.


def saturated_by_weights(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    return fitted("saturated units", tanh_network, X, y, shallow(rng, scale=30 * 10**severity), step=0.02)


def saturated_by_bias(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    start = shallow(rng)
    start["b1"] = rng.choice([-1, 1], UNITS) * (9 + 6 * severity) + rng.normal(size=UNITS)
    return fitted("saturated units", sigmoid_network, X, y, start)


def saturated_by_columns(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    return fitted("saturated units", tanh_network, X * 50 * 10**severity, y, shallow(rng), step=0.02)


def saturated_of_dict(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    return minimized("saturated units", tanh_network, X, y, shallow(rng, scale=30 * 10**severity), step=0.02)


def saturated_of_jax(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    start = nested(shallow(rng, scale=30 * 10**severity))
    return fitted("saturated units", st.models.Custom(jax_tanh_network, start=start), X, y, start, step=0.02)


# Vanishing gradients: deep networks of sigmoids, or of tiny weights.


def vanishing_by_sigmoids(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    start = deep(rng, 4, 0.5 - 0.3 * severity)
    return fitted("vanishing gradients", deep_sigmoids, X, y, start, 1.1, step=0.1)


def vanishing_by_start(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    return fitted("vanishing gradients", deep_tanhs, X, y, deep(rng, 3, 0.05 * 10**-severity), 0.8, step=0.1)


def vanishing_of_dict(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    return minimized("vanishing gradients", deep_relus, X, y, deep(rng, 3, 0.05 * 10**-severity), step=0.05)


# Exploding weights: deep networks of large weights, and steps that are far too long.


def exploding_by_start(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    return fitted("exploding weights", deep_relus, X, y, deep(rng, 3, 5 + 10 * severity), 1.0, step=0.01, epochs=100)


def exploding_of_dict(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    start = deep(rng, 3, 5 + 10 * severity)
    return minimized("exploding weights", deep_relus, X, y, start, step=0.01, iterations=100)


def exploding_of_library(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    model = st.models.Network(hidden=(UNITS,), members=1, activation="tanh", waves=0, dropout=0)
    how = {"step": 30 + 100 * severity, "direction": "plain", "epochs": 40, "rng": 0}
    return Trial("exploding weights", lambda: st.fit(model, X, y, **how), {"X": X, "y": y}, learnt(y, 0.9))


# Over-fitting: a linear model of many columns, a network of many units, and a loop that goes on for too long.


def wide(rng: np.random.Generator, severity: float, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    X = rng.normal(size=(count, round(count * (0.66 + 0.24 * severity))))
    return X, X[:, 0] + rng.normal(size=count)


def over_wide(rng: np.random.Generator, severity: float) -> Trial:
    X, y = wide(rng, severity)
    return Trial(
        "over-fitting", lambda: st.fit(st.models.Linear(), X, y, rng=0), {"X": X, "y": y}, beyond(rng, X, y)
    )  # fmt: skip


def over_wide_held(rng: np.random.Generator, severity: float) -> Trial:
    X, y = wide(rng, severity, 80)
    scope = {"X": X, "y": y}
    return Trial(
        "over-fitting", lambda: st.fit(st.models.Linear(), X, y, validation=0.25, rng=0), scope, beyond(rng, X, y)
    )  # fmt: skip


def beyond(rng: np.random.Generator, X: np.ndarray, y: np.ndarray) -> Callable[[Any], bool]:
    """Return whether a fit predicts fresh rows better than one number, or nearly."""
    fresh = rng.normal(size=(500, X.shape[1]))
    target = fresh[:, 0] + rng.normal(size=500)
    return lambda fit: bool(np.mean((fit.predict(fresh) - target) ** 2) < 1.1 * np.var(target))


def over_network(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rng.normal(size=(ROWS, INPUTS)), rng.normal(size=ROWS)
    y += 0.5 * X[:, 0]
    fresh = rng.normal(size=(ROWS, INPUTS))
    held = fresh, 0.5 * fresh[:, 0] + rng.normal(size=ROWS)
    start = {
        "W1": rng.normal(size=(INPUTS, 40)), "b1": rng.normal(size=40), "W2": rng.normal(size=40) / 7, "b2": 0.0
    }  # fmt: skip

    def loop(recorder: Any) -> None:
        write(recorder, X, y, held, start, 500 + round(2000 * severity))

    return Trial("over-fitting", lambda: recorded(loop), loop=loop)


def over_polynomial(rng: np.random.Generator, severity: float) -> Trial:
    x = rng.uniform(-1, 1, 20)
    y = np.sin(3 * x) + (0.3 + 0.3 * severity) * rng.normal(size=20)
    fresh = rng.uniform(-1, 1, 40)
    target = np.sin(3 * fresh) + (0.3 + 0.3 * severity) * rng.normal(size=40)
    A, B = np.vander(x, 15), np.vander(fresh, 15)

    def loop(recorder: Any) -> None:
        w = np.zeros(15)
        size = 1 / np.linalg.norm(A.T @ A / 20, 2)
        # Momentum gets into the flat directions, where the noise is.
        v = np.zeros(15)
        for _ in range(2000 + round(8000 * severity)):
            r = A @ w - y
            g = A.T @ r / 20
            recorder.step(np.mean(r**2), gradient=g, x=w, learning_rate=size, validation=np.mean((B @ w - target) ** 2))
            v = 0.99 * v - size * g
            w = w + v

    return Trial("over-fitting", lambda: recorded(loop), loop=loop)


def recorded(loop: Callable[[Any], None]) -> Any:
    """Return the run of a loop."""
    recorder = st.Recorder()
    loop(recorder)
    return recorder.run


def write(
    recorder: Any, X: np.ndarray, y: np.ndarray, held: Any, start: Params, steps: int, rate: float = 0.05
) -> None:
    """Descend a network of tanh by hand, and write down each step."""
    p = {name: np.array(each, dtype=float) for name, each in start.items()}
    for _ in range(steps):
        h = np.tanh(X @ p["W1"] + p["b1"])
        r = h @ p["W2"] + p["b2"] - y
        back = np.outer(r, p["W2"]) * (1 - h**2) * 2 / len(y)
        g = {"W1": X.T @ back, "b1": back.sum(0), "W2": h.T @ r * 2 / len(y), "b2": 2 * r.mean()}
        unseen = np.tanh(held[0] @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"] - held[1]
        recorder.step(np.mean(r**2), gradient=g, x=p, learning_rate=rate, validation=np.mean(unseen**2))
        p = {name: p[name] - rate * g[name] for name in p}


# Healthy: networks that learn, also with a few dead units, and early stopping at the right time.


def healthy_relu(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    return fitted(HEALTHY, relu_network, X, y, shallow(rng, 1.4), epochs=round(300 + 1000 * severity))


def healthy_tanh(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    return fitted(HEALTHY, tanh_network, X, y, shallow(rng, 1 + severity), step=0.1, epochs=1000)


def healthy_dict(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    return minimized(HEALTHY, tanh_network, X, y, shallow(rng, 1 + severity), step=0.1, iterations=1000)


def healthy_deep(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    return fitted(HEALTHY, deep_tanhs, X, y, deep(rng, 3, 0.8 + 0.6 * severity), step=0.05, epochs=1000)


def healthy_jax(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    start = nested(shallow(rng, 1 + severity))
    return fitted(HEALTHY, st.models.Custom(jax_tanh_network, start=start), X, y, start, step=0.1, epochs=1000)


def healthy_stopped(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng, 64)
    return fitted(
        HEALTHY, tanh_network, X, y, shallow(rng, 1 + severity), step=0.1, epochs=1000, validation=0.25, rng=1
    )  # fmt: skip


def healthy_table(rng: np.random.Generator, severity: float) -> Trial:
    X = rng.normal(size=(60, 4 + round(6 * severity)))
    y = X[:, 0] + rng.normal(size=60)
    return Trial(HEALTHY, lambda: st.fit(st.models.Linear(), X, y, validation=0.25, rng=0))


def healthy_library(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng)
    activation = ["relu", "tanh"][round(severity)]
    model = st.models.Network(hidden=(UNITS,), members=1, activation=activation, waves=0, dropout=0)
    return Trial(HEALTHY, lambda: st.fit(model, X, y, epochs=40, rng=0))


def healthy_loop(rng: np.random.Generator, severity: float) -> Trial:
    X, y = rows(rng, noise=0.3)
    held = rows(rng, noise=0.3)

    def loop(recorder: Any) -> None:
        write(recorder, X, y, held, shallow(rng), 300 + round(200 * severity))

    return Trial(HEALTHY, lambda: recorded(loop), loop=loop)


# For each cause the ways to bring it about, which take turns.
SABOTAGES: dict[str, tuple[Sabotage, ...]] = {
    "dead units": (dead_by_bias, dead_of_dict, dead_of_jax, dead_by_columns, dead_of_batches, dead_of_library),
    "saturated units": (
        saturated_by_weights, saturated_by_bias, saturated_by_columns, saturated_of_dict, saturated_of_jax
    ),
    "vanishing gradients": (vanishing_by_sigmoids, vanishing_by_start, vanishing_of_dict),
    "exploding weights": (exploding_by_start, exploding_of_dict, exploding_of_library),
    "over-fitting": (over_wide, over_wide_held, over_network, over_polynomial),
    "healthy: learning": (
        healthy_relu, healthy_tanh, healthy_dict, healthy_deep, healthy_jax, healthy_stopped, healthy_table,
        healthy_library, healthy_loop,
    ),
}  # fmt: skip
