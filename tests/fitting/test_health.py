"""Events that name what is wrong inside a network, on networks made by hand."""

from dataclasses import replace

import numpy as np
import pytest

import steepest as st
from steepest.fitting.network.health import (
    dead_units,
    events_of,
    exploding_weights,
    is_constant,
    saturated_outputs,
    saturated_units,
)
from steepest.trace import Trace


@pytest.fixture(scope="module")
def fitted():
    """Return a small fit of two classes, and its rows."""
    X = np.random.default_rng(0).normal(size=(200, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(float)
    network = st.models.Network(hidden=(8,), members=2)
    return st.fit(network, X, y, loss="log loss", epochs=16, rng=0, progress=False), X


def sizes(*rows, first=0):
    """Return a trace whose points are the sizes of one group of parameters."""
    return Trace({"iteration": first + np.arange(len(rows))}, np.array(rows, dtype=float)[:, None], ["weights 1"])


def members_of(fit):
    return [fit.member(k) for k in range(len(fit.best_epochs))]


def kinds(events):
    return [event.kind for event in events]


def test_a_sound_fit_has_no_events(fitted):
    fit, _ = fitted
    assert fit.events == []


@pytest.mark.parametrize("activation", ["relu", "silu", "gelu", "tanh", "selu", "mish"])
def test_a_unit_that_no_row_reaches_is_dead(fitted, activation):
    fit, X = fitted
    members = members_of(fit)
    members[1] = members[1] | {"biases 1": np.where(np.arange(8) < 3, -1e6, members[1]["biases 1"])}
    network = replace(fit.model, activation=activation)
    (event,) = [event for event in events_of(network, members, X, fit.trace) if event.kind == "dead units"]
    assert event.detail.startswith("layer 1: 3 of 16 hidden units (18.8 %) have the same output for every row")
    assert (event.iteration, event.count) == (16, 3)


def test_a_network_whose_units_are_all_dead_is_named(fitted):
    fit, X = fitted
    members = [parts | {"biases 1": np.full(8, -1e6)} for parts in members_of(fit)]
    (event,) = events_of(replace(fit.model, activation="relu"), members, X, fit.trace)
    assert event.detail.startswith("layer 1: 16 of 16 hidden units (100 %) have the same output for every row")


def test_rows_that_are_alike_say_nothing_of_units(fitted):
    fit, X = fitted
    assert events_of(fit.model, members_of(fit), np.repeat(X[:1], 50, axis=0), fit.trace) == []


def test_an_output_is_constant_up_to_single_precision_and_beside_its_layer():
    steps = np.linspace(0, 1, 50)[:, None]
    assert is_constant(np.hstack([1 + 1e-8 * steps, 1 + 1e-5 * steps, steps])).tolist() == [True, False, False]
    # The outputs of the first unit vanish beside those of the second one.
    assert is_constant(np.hstack([1e-12 * steps, steps])).tolist() == [True, False]
    assert is_constant(np.ones((1, 3))).tolist() == [False] * 3


def test_layers_are_counted_apart():
    alive, dead = np.arange(6.0).reshape(3, 2), np.zeros((3, 2))
    events = dead_units(7, [[alive, dead], [alive, alive]])
    assert [(event.iteration, event.detail[:31]) for event in events] == [(7, "layer 2: 2 of 4 hidden units (5")]


def test_a_unit_of_tanh_is_saturated_at_both_ends():
    z = np.linspace(-1, 1, 400)[:, None]
    h = np.tanh(np.hstack([1e4 * z, 3 * z, np.zeros_like(z) + 20]))
    (event,) = saturated_units(2, [[h]], "tanh")
    # tanh′(3) is 0.01; and the last unit is constant, so that it is dead.
    assert event.detail.startswith("layer 1: 1 of 3 hidden units (33.3 %) is saturated on 99 % of the rows")
    assert saturated_units(2, [[h]], "silu") == []


@pytest.mark.parametrize(("z", "found"), [(20.0, ["saturated"]), (15.0, [])])
def test_probabilities_are_saturated_beyond_a_score_of_16(fitted, z, found):
    # 1 / (1 + e^16.1) is 1e-7.
    fit, _ = fitted
    scores = np.where(np.arange(10) % 2, z, -z)[None, :, None]
    assert kinds(saturated_outputs(3, fit.model, scores)) == found
    several = np.stack([np.zeros(10), np.full(10, z)], axis=1)[None]
    frame = replace(fit.model.frame, response="probabilities")
    assert kinds(saturated_outputs(3, replace(fit.model, frame=frame), several)) == found
    numbers = replace(fit.model.frame, response="outputs")
    assert saturated_outputs(3, replace(fit.model, frame=numbers), scores) == []


def test_weights_explode_where_they_have_grown_a_hundredfold_or_are_not_finite():
    (event,) = exploding_weights(sizes(2, 30, 199, 201, 250, first=10))
    assert (event.iteration, event.kind) == (13, "exploding weights")
    assert event.detail == (
        "weights 1: their root mean square grew from 2 to 250, by a factor of 100 or more from epoch 13 on"
    )
    for bad in (np.nan, np.inf):
        (event,) = exploding_weights(sizes(1, 2, bad, bad))
        assert event.detail == "weights 1: their root mean square is not finite from epoch 2 on"
    # A group that starts at 0, as the last layer does, has 1 as its usual size.
    assert exploding_weights(sizes(0, 1e-3, 5, 99)) == []
    assert kinds(exploding_weights(sizes(0, 1e-3, 5, 101))) == ["exploding weights"]


def test_a_fit_that_goes_on_names_nothing_twice(fitted):
    _, X = fitted
    y = (X[:, 0] > 0).astype(float)
    network = st.models.Network(hidden=(8,), members=3)
    fit = st.fit(network, np.column_stack([X, np.ones(200)]), y, loss="log loss", epochs=2, rng=0, progress=False)
    assert kinds(fit.events) == kinds(fit.more(epochs=1, progress=False).events) == ["features"]
