"""Columns, targets, weights and penalties of any size: the same fit in other units, or a refusal."""

import itertools

import numpy as np
import pytest
from scipy import sparse

import steepest as st
from steepest.fitting.linear.coordinates import coordinates
from steepest.models.features import learn_features
from steepest.models.penalties import split

RNG = np.random.default_rng(7)
ROWS = RNG.normal(size=(50, 3)) + np.array([1.0, 0.0, 2.0])
TARGETS = ROWS @ [1.0, -2.0, 0.5] + RNG.normal(size=50)
KINDS = {"dense": np.asarray, "sparse": sparse.csr_array}
POWERS = [-1060, -1000, -960, -700, -540, -300, 300, 540, 700, 960, 1000, 1020]


def fitted(X, y=TARGETS, **options):
    return st.fit(st.models.Linear(), X, y, **options)


@pytest.fixture(scope="module", params=KINDS)
def plain(request):
    return KINDS[request.param], fitted(KINDS[request.param](ROWS))


@pytest.mark.parametrize("power", POWERS)
def test_a_column_in_another_unit_gives_the_same_fit_or_is_refused(plain, power):
    kind, known = plain
    scaled = ROWS * [1.0, 2.0**power, 1.0]
    if not 1e-290 < np.abs(scaled[:, 1]).max() < 1e290:
        verb = "multiply" if power < 0 else "divide"
        with pytest.raises(ValueError, match=f"column 1 of X .*: {verb} the column, for example by 1e\\d+"):
            fitted(kind(scaled))
        return
    fit = fitted(kind(scaled))
    # Powers of two change no digit.
    np.testing.assert_array_equal(fit.params["coef"] * [1.0, 2.0**power, 1.0], known.params["coef"])
    assert fit.fun == known.fun
    assert fit.certificate.kind == "certified"
    np.testing.assert_array_equal(fit.predict(kind(scaled)), known.predict(kind(ROWS)))


@pytest.mark.parametrize("rescale", ["scale", "whiten"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weight", [None, np.linspace(0, 1, 50)], ids=["equal", "weighted"])
def test_coordinates_follow_the_units_of_columns_of_very_different_size(rescale, kind, weight):
    factors = 2.0 ** np.array([-900, 900, 0])
    known = coordinates(ROWS, weight, rescale)
    found = coordinates(KINDS[kind](ROWS * factors), weight, rescale)
    np.testing.assert_allclose(found.mean / factors, known.mean, rtol=1e-12)
    np.testing.assert_array_equal(found.scale / factors, known.scale)
    theta = np.arange(1.0, 5.0)
    np.testing.assert_allclose(found.to_user(theta)[:3] * factors, known.to_user(theta)[:3], rtol=1e-9)


def test_a_row_without_weight_chooses_no_unit():
    weight = np.ones(51)
    weight[0] = 0
    found = coordinates(np.vstack([[1e280, 1.0, 1.0], ROWS]), weight, "scale")
    np.testing.assert_array_equal(found.scale, coordinates(ROWS, None, "scale").scale)


def test_a_penalty_keeps_its_meaning_in_extreme_units():
    # A penalty of λ on a coefficient of size 1e160 is one of λ 1e320 on a coefficient of size 1.
    power, strength = -532, 0.1
    known = fitted(ROWS, penalty=st.penalties.L2(strength))
    tiny = np.ldexp(strength, 2 * power + 2)
    fit = fitted(ROWS * 2.0 ** (power + 1), penalty=st.penalties.L2(tiny))
    # The strength, near 1e-321, has few digits.
    assert fit.fun == pytest.approx(known.fun, rel=1e-2)
    np.testing.assert_allclose(fit.params["coef"] * 2.0 ** (power + 1), known.params["coef"], rtol=0.1)


def test_a_penalty_that_overflows_in_the_units_of_a_column_is_refused():
    X = ROWS * [1e-200, 1.0, 1.0]
    for penalty in (st.penalties.L2(1e300), st.penalties.L1(1e250)):
        with pytest.raises(ValueError, match=r"penalty overflows in the units of column 0 of X"):
            fitted(X, penalty=penalty)


@pytest.mark.parametrize("strength", [1e-300, 0.1, 3.0, 1e300])
def test_a_strength_is_split_without_rounding(strength):
    rest, root = split(strength)
    assert 0.5 <= rest < 2
    assert np.frexp(root)[0] == 0.5
    assert rest * root * root == strength
    weights = np.array([1.0, -2.0])
    assert st.penalties.L2(strength)(weights) == strength / 2 * 5.0


# At 2^±600 the squares of the targets overflow or vanish, and losses that are linear in them do not.
EXTREME = [("squared", power) for power in (-600, 600)] + list(
    itertools.product(("squared", "huber", "absolute"), (-1060, 1020))
)


@pytest.mark.parametrize(("loss", "power"), EXTREME)
def test_targets_whose_loss_overflows_or_vanishes_are_refused(loss, power):
    fault = "vanish: multiply y" if power < 0 else "overflow: divide y"
    with pytest.raises(ValueError, match=f"largest absolute value of y is .* would {fault} by a power of ten"):
        fitted(ROWS, TARGETS * 2.0**power, loss=loss)


@pytest.mark.parametrize("power", [-400, 400])
def test_targets_of_other_size_give_the_same_fit(power):
    fit, known = fitted(ROWS, TARGETS * 2.0**power), fitted(ROWS)
    np.testing.assert_allclose(fit.params["coef"] / 2.0**power, known.params["coef"], rtol=1e-12)
    assert fit.certificate.kind == "certified"


SCALED = {
    "epsilon-insensitive": lambda unit: st.losses.EpsilonInsensitive(unit / 8),
    "absolute": lambda unit: "absolute",
    "quantile": lambda unit: st.losses.Quantile(0.8),
    "huber": st.losses.Huber,
}


@pytest.mark.parametrize("loss", SCALED)
@pytest.mark.always(2)
def test_other_losses_follow_the_unit_of_the_targets(loss):
    """Losses of the first and second degree in (z, y), with their parameter in the unit of y."""
    known = fitted(ROWS, loss=SCALED[loss](1.0))
    for power in (-465, 465):
        unit = 2.0**power
        fit = fitted(ROWS, TARGETS * unit, loss=SCALED[loss](unit))
        np.testing.assert_allclose(fit.params["coef"] / unit, known.params["coef"], rtol=1e-9)
        degree = 2 if loss == "huber" else 1
        assert np.ldexp(fit.fun, -power * degree) == pytest.approx(known.fun, rel=1e-12)
        assert (fit.nit, fit.outcome, fit.certificate.kind) == (known.nit, st.Outcome.CONVERGED, "certified")


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_weights_of_extreme_size_are_refused(size):
    with pytest.raises(ValueError, match="divide all weights by it"):
        fitted(ROWS, sample_weight=np.full(50, size))


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_columns_that_are_not_rescaled_must_have_ordinary_squares(size):
    with pytest.raises(ValueError, match=r"column 2 of X .* squares"):
        fitted(ROWS * [1, 1, size], step=0.01, epochs=2)
    with pytest.raises(ValueError, match=r"block 0: column 2 of X .* squares"):
        fitted(iter([(ROWS * [1, 1, size], TARGETS)]), None)


def test_validation_targets_are_checked_too():
    with pytest.raises(ValueError, match="in the rows for validation, the largest absolute value of y"):
        fitted(ROWS, validation=(ROWS, TARGETS * 1e200))


@pytest.mark.parametrize("kind", KINDS)
def test_single_precision_that_loses_a_column_is_refused(kind):
    for size in (1e-60, 1e60):
        with pytest.raises(ValueError, match=r"column 1 of X .* float32 can't hold"):
            fitted(KINDS[kind](ROWS * [1, size, 1]), dtype="float32")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", ["squared", "absolute"])
@pytest.mark.always(3)
def test_a_row_without_weight_changes_nothing(kind, loss):
    weight, known = np.append(0.0, np.ones(50)), fitted(KINDS[kind](ROWS), loss=loss)
    for features, target in (([1e280, 1.0, 1.0], 0.0), ([1.0, 1.0, 1.0], 1e200), ([1.0, 1e-280, -1e280], 1e-300)):
        X = KINDS[kind](np.vstack([features, ROWS]))
        fit = fitted(X, np.append(target, TARGETS), loss=loss, sample_weight=weight)
        np.testing.assert_array_equal(fit.params["coef"], known.params["coef"])
        assert (fit.fun, fit.nit, fit.outcome) == (known.fun, known.nit, known.outcome)


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e200])
def test_features_of_a_kernel_do_not_depend_on_units(size):
    known = learn_features(ROWS, "nystroem", 20, None, seed=0)
    found = learn_features(ROWS * size, "nystroem", 20, None, seed=0)
    np.testing.assert_allclose(found(ROWS * size) @ found(ROWS * size).T, known(ROWS) @ known(ROWS).T, atol=1e-9)


@pytest.mark.parametrize("size", [1e-250, 1e-200, 1e120])
def test_a_function_of_columns_of_extreme_size_is_fitted(size):
    x = ROWS[:, 0]
    slope, intercept = np.polyfit(x, TARGETS, 1)
    fit = st.fit(lambda x, m, b: m * x + b, x * size, TARGETS)
    assert fit.params["m"] * size == pytest.approx(slope, rel=1e-9)
    assert fit.params["b"] == pytest.approx(intercept, rel=1e-9)
