"""The formula of a network and its scales, against code written out by hand."""

import math

import numpy as np
import pytest
from scipy.special import erf, expit, softmax

from steepest.models.frame import Frame, column_scales, responded
from steepest.models.layers import ACTIVATIONS, AMPLITUDE, Layers, wave

HERE = np.linspace(-6, 6, 101)
BY_HAND = {
    "silu": HERE * expit(HERE),
    "relu": np.where(HERE > 0, HERE, 0.0),
    "tanh": np.tanh(HERE),
    "gelu": HERE * (1 + erf(HERE / math.sqrt(2))) / 2,
    "selu": 1.0507009873554805 * np.where(HERE > 0, HERE, 1.6732632423543772 * (np.exp(HERE) - 1)),
    "mish": HERE * np.tanh(np.log(1 + np.exp(HERE))),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_is_its_formula(name):
    # The usual form of GELU by tanh differs from that by the error function in the fourth digit.
    assert ACTIVATIONS[name](HERE) == pytest.approx(BY_HAND[name], abs=1e-3 if name == "gelu" else 1e-12)
    assert np.all(np.isfinite(ACTIVATIONS[name](np.array([-1e4, 1e4]))))


def test_a_wave_is_a_cosine():
    t = np.linspace(-3, 3, 1001)
    assert wave(t) == pytest.approx(np.cos(2 * np.pi * t), abs=1e-4)


def test_layers_are_sums_over_their_inputs():
    random = np.random.default_rng(0)
    layers = Layers((3, 4, 2), "tanh", waves=2, waving=2)
    parts = layers.split(random.normal(size=layers.size))
    X, chosen = random.normal(size=(5, 3)), np.eye(3)[:, [0, 2]]
    shrink = 1 / math.sqrt(3 + 2 * AMPLITUDE**2 * 2)
    expected = np.empty((5, 2))
    for row in range(5):
        h = [X[row, j] * parts["scales"][j] for j in range(3)]
        inputs = list(h)
        for k in range(2):
            for j, column in enumerate((0, 2)):
                periods = h[column] * parts["frequencies"][k, j] + parts["phases"][k, j]
                inputs.append(AMPLITUDE * math.cos(2 * math.pi * periods))
        units = [
            math.tanh(sum(a * w for a, w in zip(inputs, parts["weights 1"][:, unit], strict=True)) * shrink + bias)
            for unit, bias in enumerate(parts["biases 1"])
        ]
        for k in range(2):
            expected[row, k] = sum(a * w for a, w in zip(units, parts["weights 2"][:, k], strict=True)) / 2
            expected[row, k] += parts["biases 2"][k]
    assert layers.shrink == pytest.approx(shrink)
    assert layers.outputs(parts, X, chosen, shrink) == pytest.approx(expected, abs=1e-3)


def frame_of(response, members=2):
    ones = np.ones((members, 1))
    return Frame(
        center=np.array([2.0]), factor=np.array([0.5]), bounded=np.array([True]), mean=np.array([1.0]),
        rate=np.array([0.25]), waving=np.array([True]), coef=ones[:, None], intercept=0 * ones, unit=ones,
        low=np.array([-np.inf]), high=np.array([np.inf]), share=np.array(0.75), line=np.array([[3.0]]),
        level=np.array([10.0]), response=response,
    )  # fmt: skip


def test_members_agree_on_the_mean_of_their_predictions():
    z = np.array([[[-1.0], [300.0]], [[2.0], [-300.0]]])
    for response, predict in (("outputs", lambda z: z), ("means", np.exp), ("probability", expit)):
        frame = frame_of(response)
        assert responded(frame.response, frame.combined(z)) == pytest.approx(predict(z).mean(axis=0), rel=1e-12)
    z = np.random.default_rng(0).normal(size=(3, 5, 4))
    frame = frame_of("probabilities")
    assert responded(frame.response, frame.combined(z)) == pytest.approx(softmax(z, axis=2).mean(axis=0), rel=1e-12)


def test_a_linear_model_has_the_rest_of_the_prediction():
    z, X = np.array([[[1.0]], [[3.0]]]), np.array([[4.0]])
    assert frame_of("outputs").blended(z, X) == pytest.approx(0.75 * 2 + 0.25 * 22)


def test_extreme_values_are_drawn_in_without_waves_and_kept_with_them():
    frame = frame_of("outputs")
    X = np.array([[2.0], [4.0], [1e200]])
    assert frame.columns(X, has_waves=False)[:, 0] == pytest.approx([0.0, 1 / math.sqrt(1 + 1 / 9), 3.0])
    assert frame.columns(X, has_waves=True)[:, 0] == pytest.approx([0.25, 0.75, 2.5e199])


def test_scales_of_weighted_rows_are_those_of_repeated_rows():
    random = np.random.default_rng(0)
    X = np.column_stack(
        [random.normal(size=40), random.integers(0, 2, 40), np.full(40, 1 / 3), random.exponential(size=40)]
    )
    weight = random.integers(1, 4, 40)
    weighted = column_scales(X, weight.astype(float))
    repeated = column_scales(np.repeat(X, weight, axis=0), np.ones(weight.sum()))
    for one, other in zip(weighted, repeated, strict=True):
        assert one == pytest.approx(other, rel=1e-12)
    assert weighted.factor[2] == 0 == weighted.rate[2]
    assert list(weighted.bounded[[0, 1, 3]]) == [True, False, True]
    assert list(weighted.waving) == [True, False, False, True]
