"""What is found in networks that a user wrote, against their layers computed by hand, and by what the cures do."""

import re

import numpy as np
import pytest

import steepest as st
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.causes import EXPLAINS
from steepest.inspection.diagnosis.learning.dead import dead_units
from steepest.inspection.diagnosis.learning.exploding import exploding_weights
from steepest.inspection.diagnosis.learning.network import leaves_of, network_of
from steepest.inspection.diagnosis.learning.saturated import saturated_units
from steepest.inspection.diagnosis.learning.vanishing import vanishing_gradients

FINDERS = (dead_units, saturated_units, vanishing_gradients, exploding_weights)
ROWS, UNITS = 40, 6
rng = np.random.default_rng(5)
X = rng.normal(size=(ROWS, 2))
y = np.sin(X[:, 0]) + 0.5 * X[:, 1]


def relu_network(X, W1, b1, W2, b2):
    return np.maximum(X @ W1 + b1, 0) @ W2 + b2


def tanh_network(X, W1, b1, W2, b2):
    return np.tanh(X @ W1 + b1) @ W2 + b2


def deep_network(X, W1, W2, W3, b):
    # Of tanh, laid out with a row for each unit.
    return np.tanh(W2 @ np.tanh(W1 @ X.T)).T @ W3 + b


def deep_relus(X, W1, W2, W3, b):
    return np.maximum(np.maximum(X @ W1, 0) @ W2, 0) @ W3 + b


def shallow(scale=1.0, bias=0.0):
    draw = np.random.default_rng(1)
    return {
        "W1": draw.normal(0, scale, (2, UNITS)),
        "b1": np.full(UNITS, bias),
        "W2": draw.normal(0, 0.4, UNITS),
        "b2": 0.0,
    }


def deep(scale, by_row=False):
    draw = np.random.default_rng(2)
    W1, W2 = draw.normal(0, scale, (2, UNITS)), draw.normal(0, scale / np.sqrt(UNITS), (UNITS, UNITS))
    W3 = draw.normal(0, scale / np.sqrt(UNITS), UNITS)
    return {"W1": W1.T if by_row else W1, "W2": W2.T if by_row else W2, "W3": W3, "b": 0.0}


def fitted(network, start, **how):
    return st.fit(network, X, y, start=start, **({"step": 0.05, "direction": "plain", "epochs": 200} | how))


def found(run, probe=True):
    case = Case(run, probe)
    findings = [finding for finder in FINDERS for finding in finder(case)]
    # All together may take as many gradients as a few finders of twenty.
    assert case.function.left >= 14 or not probe
    return findings


def pasted(finding):
    names = {network.__name__: network for network in (relu_network, tanh_network, deep_network, deep_relus)}
    return eval(finding.call, {"st": st, "np": np, "X": X, "y": y} | names)  # noqa: S307 - the cure is pasted


def test_hidden_layers_are_those_computed_by_hand():
    start = deep(0.8, by_row=True)
    run = fitted(deep_network, start, epochs=3)
    first, second = run.objective.hidden(run.trace.x[0])
    h = np.tanh(start["W1"] @ X.T)
    np.testing.assert_allclose(first.outputs, h.T, rtol=1e-12)
    np.testing.assert_allclose(second.outputs, np.tanh(start["W2"] @ h).T, rtol=1e-12)
    np.testing.assert_allclose(first.slopes, 1 - h.T**2, atol=1e-12)


def test_a_sigmoid_that_is_written_out_is_known():
    def logits(X, W, v):
        return (1 / (1 + np.exp(-(X @ W)))) @ v

    start = {"W": np.eye(2), "v": np.ones(2)}
    run = st.fit(logits, X, y, start=start, step=0.1, direction="plain", epochs=1)
    (layer,) = run.objective.hidden(run.trace.x[0])
    assert layer.kind == "sigmoid"
    np.testing.assert_allclose(layer.outputs, 1 / (1 + np.exp(-X)), rtol=1e-12)


def test_functions_without_layers_have_none():
    run = st.minimize(lambda p: np.sum((p["A"] @ p["v"] - 1) ** 2), {"A": np.eye(3), "v": np.ones(3)}, iterations=2)
    assert run.objective.hidden(run.trace.x[0]) == []
    assert found(run) == []


@pytest.mark.parametrize("probe", [True, False])
def test_dead_units_are_counted_and_cured(probe):
    start = shallow(bias=-4.0)
    run = fitted(relu_network, start)
    dead = int((X @ run.params["W1"] + run.params["b1"] <= 0).all(axis=0).sum())
    assert dead >= UNITS / 2
    finding = found(run, probe)[0]
    assert finding.name == "dead units"
    assert f"{dead} of the {UNITS}" in finding.text or (dead == UNITS and f"All {UNITS}" in finding.text)
    assert finding.confidence > (0.9 if probe else 0.7)
    assert pasted(finding).fun < 0.3 * np.var(y) < run.fun


def test_one_dead_unit_of_six_is_not_told():
    start = shallow()
    start["b1"][0] = -50.0
    run = fitted(relu_network, start)
    assert run.fun < 0.3 * np.var(y)
    assert found(run) == found(run, probe=False) == []


def test_units_of_a_start_at_zero_are_not_dead():
    run = fitted(relu_network, {name: np.zeros_like(each) for name, each in shallow().items()})
    assert found(run) == found(run, probe=False) == []


def test_saturated_units_are_measured_and_cured():
    run = fitted(tanh_network, shallow(scale=60.0), step=0.02)
    share = np.mean(1 - np.tanh(X @ run.trace.x[-1][: 2 * UNITS].reshape(2, UNITS)) ** 2 < 0.05)
    finding = found(run)[0]
    assert finding.name == "saturated units"
    # The biases have moved, too.
    assert abs(float(re.match(r"(\d+) %", finding.text)[1]) - 100 * share) < 3
    assert pasted(finding).fun < 0.5 * run.fun
    assert found(run, probe=False)[0].name == "saturated units"


def test_columns_in_large_units_are_given_in_standard_units_by_the_cure():
    run = st.fit(tanh_network, 300 * X + 900, y, start=shallow(), step=0.02, direction="plain", epochs=200)
    finding = found(run)[0]
    assert finding.name == "saturated units"
    assert "(X - X.mean(axis=0)) / X.std(axis=0)" in finding.call


@pytest.mark.parametrize("network", [relu_network, tanh_network])
def test_networks_that_learn_are_healthy(network):
    run = fitted(network, shallow())
    assert found(run) == found(run, probe=False) == []


def test_vanished_slopes_are_compared_with_the_largest():
    run = fitted(deep_network, deep(0.02, by_row=True))
    slope = run.gradient_at(run.trace.x[0])
    ratio = abs(slope[-1]) / np.linalg.norm(slope[: 2 * UNITS])
    finding = found(run)[0]
    assert finding.name == "vanishing gradients"
    assert f"{ratio:,.0f} times" in finding.text
    assert pasted(finding).fun < 0.3 * run.fun
    assert found(run, probe=False)[0].name == "vanishing gradients"
    assert found(fitted(deep_network, deep(0.8, by_row=True))) == []


def test_layers_that_blow_up_what_they_get_are_found_and_cured():
    run = fitted(deep_relus, deep(20.0), step=0.01)
    # The units that the first steps killed are a consequence, which the diagnosis leaves out.
    (finding,) = [each for each in found(run) if each.name not in EXPLAINS["exploding weights"]]
    assert finding.name == "exploding weights"
    assert finding.confidence > 0.9
    assert pasted(finding).fun < np.var(y) < run.fun


def test_names_of_entries_tell_the_arrays():
    names = ["layers[0].W[0, 0]", "layers[0].W[0, 1]", "layers[0].b[0]", "layers[0].b[1]", "scale"]
    assert [(leaf.name, leaf.shape, leaf.start) for leaf in leaves_of(names)] == [
        ("layers[0].W", (1, 2), 0),
        ("layers[0].b", (2,), 2),
        ("scale", (), 4),
    ]


def test_a_function_of_two_numbers_is_no_network():
    assert network_of(Case(st.minimize(lambda x, y: x**2 + y**2, (9, 9)), True)) is None
