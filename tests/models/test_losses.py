"""Each loss against a formula of another library, its slope as the engine takes it, its shape and its words."""

import jax
import numpy as np
import pytest
from scipy import special
from sklearn import metrics

from steepest.derivatives.precision import double_precision
from steepest.fitting.linear.glm import Glm
from steepest.models import losses
from steepest.models.losses.softmax import Contrasted


def each(metric, **words):
    """Return a metric of scikit-learn's as a function of outputs and targets, a number a row."""
    return lambda z, y: np.array([metric([b], [a], **words) for a, b in zip(z, y, strict=True)])


def deviance(metric, rest):
    """Return half a deviance, of the mean eᶻ, and what it lacks of minus the log likelihood."""
    return lambda z, y: each(metric)(np.exp(z), y) / 2 + rest(y)


def hinged(z, y):
    # scikit-learn takes the classes from the targets, so one row alone shows it only one class: add the mirror image of
    # the row.
    return np.array([metrics.hinge_loss([b, 1 - b], [a, -a]) for a, b in zip(z, y, strict=True)])


def cross_entropy(z, y):
    return -(y * special.log_expit(z) + (1 - y) * special.log_expit(-z))


def tube(z, y):
    return np.maximum(np.abs(z - y) - 0.5, 0)


NUMBERS, CLASSES, COUNTS, SIZES = (
    [-3.0, 0.0, 0.25, 2.0],
    [0.0, 1.0, 1.0, 0.0],
    [0.0, 1.0, 3.0, 7.0],
    [0.1, 1.0, 3.0, 9.0],
)
# The loss, targets for it, what another library makes of it, and the side of z = ±1e4 where it is infinite.
TABLE = [
    (losses.squared, NUMBERS, each(metrics.mean_squared_error), 0),
    (losses.absolute, NUMBERS, each(metrics.mean_absolute_error), 0),
    (losses.Huber(0.65), NUMBERS, lambda z, y: 2 * special.huber(0.65, z - y), 0),
    (losses.Quantile(0.9), NUMBERS, each(metrics.mean_pinball_loss, alpha=0.9), 0),
    (losses.EpsilonInsensitive(0.5), NUMBERS, tube, 0),
    (losses.log_loss, CLASSES, cross_entropy, 0),
    (losses.hinge, CLASSES, hinged, 0),
    (losses.squared_hinge, CLASSES, lambda z, y: hinged(z, y) ** 2, 0),
    (losses.poisson, COUNTS, deviance(metrics.mean_poisson_deviance, lambda y: y - special.xlogy(y, y)), 1),
    (losses.gamma, SIZES, deviance(metrics.mean_gamma_deviance, lambda y: 1 + np.log(y)), -1),
]
IDS = [loss.name for loss, *_ in TABLE]


def of_rows(loss, z, y, smoothing=None):
    """Return values, slopes and curvatures as the engine has them."""
    one = np.ones(len(y))
    glm = Glm(np.zeros((len(y), 1)), y, one, 1.0, 0.0, None, smoothing, 0.0, loss, len(y))
    with double_precision():
        return [np.asarray(a) for a in glm.losses(jax.numpy.asarray(z), jax.numpy.asarray(y), jax.numpy.asarray(one))]


@pytest.mark.parametrize(("loss", "y", "outside", "endless"), TABLE, ids=IDS)
class TestEach:
    def test_is_what_others_say(self, loss, y, outside, endless):
        # No z lies on a kink, nor where the slope of Huber's loss or of the squared hinge bends.
        z, y = np.repeat([-2.3, -0.9, 0.1, 0.6, 3.4], 4), np.tile(y, 5)
        np.testing.assert_allclose(loss(z, y), outside(z, y), rtol=1e-12, atol=1e-13)
        value, slope, curvature = of_rows(loss, z, y)
        h = 1e-4
        up, down = outside(z + h, y), outside(z - h, y)
        np.testing.assert_allclose(value, loss(z, y), rtol=1e-15)
        np.testing.assert_allclose(slope, (up - down) / (2 * h), rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(curvature, (up - 2 * outside(z, y) + down) / h**2, rtol=1e-4, atol=1e-5)
        assert np.all(curvature <= loss.steepest * (1 + 1e-12))

    def test_is_right_far_out(self, loss, y, outside, endless):
        y = np.array(y)
        for z in (1e4, -1e4):
            far = np.full(4, z)
            if endless * z > 0:
                continue
            with np.errstate(all="raise", under="ignore"):
                value = loss(far, y)
            # Where the mean eᶻ is 0 or infinite in floating point, scikit-learn has no deviance. There minus the log
            # likelihood is linear in z, so compare with the line.
            straight = {"Poisson": -y * z, "Gamma": far}.get(loss.name)
            np.testing.assert_allclose(value, outside(far, y) if straight is None else straight, rtol=1e-12)
            for part in of_rows(loss, far, y):
                assert np.all(np.isfinite(part))
        assert [np.all(np.isfinite(loss(np.array([z]), np.array(y[:1])))) for z in (600.0, -600.0)] == [True, True]

    def test_is_convex(self, loss, y, outside, endless):
        rng = np.random.default_rng(0)
        a, b, t, y = rng.normal(0, 3, 4000), rng.normal(0, 3, 4000), rng.uniform(size=4000), np.tile(y, 1000)
        chord = t * loss(a, y) + (1 - t) * loss(b, y)
        assert np.all(loss(t * a + (1 - t) * b, y) <= chord + 1e-12 * (1 + np.abs(chord)))


def of(chosen):
    """Return the lines of the table whose losses are chosen."""
    return pytest.mark.parametrize(
        ("loss", "y", "outside"),
        [line[:3] for line in TABLE if chosen(line[0])],
        ids=[loss.name for loss, *_ in TABLE if chosen(loss)],
    )


@of(lambda loss: loss.name in ("squared", "log loss", "Poisson", "Gamma"))
def test_its_link_is_the_best_of_all_constants(loss, y, outside):
    y = np.array(y)
    z = loss.link(y.mean())
    assert all(outside(np.full(4, z), y).mean() < outside(np.full(4, z + step), y).mean() for step in (-1e-3, 1e-3))


@of(lambda loss: loss.smoothing(np.arange(4.0), np.ones(4)) is not None)
def test_the_smoothed_loss_converges_to_the_loss(loss, y, outside):
    y = np.array(y)
    z, errors, first = np.linspace(-4, 4, 4), [], loss.smoothing(y, np.ones(4))
    last = loss.least_smoothing or 1e-9
    for smoothing in (first, (first + last) / 2, last):
        value, slope, _ = of_rows(loss, z, y, smoothing)
        errors.append(np.abs(value - outside(z, y)).max())
        assert np.all(np.abs(slope) <= 1.4 + 1e-12)
    assert errors[0] >= errors[1] > errors[2]
    assert errors[2] < 1e-8


class TestSoftmax:
    scores = np.array([[0.3, -2.0, 1.1], [5.0, 0.0, 0.1], [-1.0, -1.0, -1.0]])
    y = np.array([2.0, 1.0, 0.0])

    def test_is_what_others_say(self):
        expected = -special.log_softmax(self.scores, axis=1)[np.arange(3), self.y.astype(int)]
        np.testing.assert_allclose(losses.softmax(self.scores, self.y), expected, rtol=1e-14)
        loss = Contrasted(3)
        v = self.scores @ loss.contrasts
        value, slope, curvature = of_rows(loss, v, self.y)
        p = special.softmax(self.scores, axis=1)
        np.testing.assert_allclose(value, expected, rtol=1e-13)
        np.testing.assert_allclose(slope, (p - np.eye(3)[self.y.astype(int)]) @ loss.contrasts, atol=1e-14)
        for row, bend in zip(p, curvature, strict=True):
            np.testing.assert_allclose(
                bend, loss.contrasts.T @ (np.diag(row) - np.outer(row, row)) @ loss.contrasts, atol=1e-14
            )
            assert np.linalg.eigvalsh(bend).max() <= loss.steepest

    def test_is_right_far_out(self):
        far = np.array([[1e4, -1e4, 0.0], [1e4, 1e4, 1e4]])
        with np.errstate(all="raise", under="ignore"):
            np.testing.assert_allclose(losses.softmax(far, np.array([1.0, 2.0])), [2e4, np.log(3)], rtol=1e-15)

    def test_is_convex(self):
        rng = np.random.default_rng(0)
        a, b = rng.normal(0, 3, (2, 2000, 3))
        t, y, loss = rng.uniform(size=2000), rng.integers(0, 3, 2000), losses.softmax
        between = loss(t[:, None] * a + (1 - t[:, None]) * b, y)
        assert np.all(between <= t * loss(a, y) + (1 - t) * loss(b, y) + 1e-12)


class TestWords:
    @pytest.mark.parametrize(
        ("loss", "wrong", "words"),
        [
            (losses.log_loss, 2.0, "the log loss takes targets of 0 and 1, and row 3 has 2: recode them"),
            (losses.log_loss, -0.5, "row 3 has -0.5"),
            (losses.hinge, 0.5, "the hinge takes targets of 0 and 1, and row 3 has 0.5"),
            (losses.squared_hinge, -1.0, "the squared hinge takes targets of 0 and 1, and row 3 has -1"),
            (losses.poisson, -1.0, "the Poisson loss takes targets of 0 or more, and row 3 has -1"),
            (losses.gamma, 0.0, "the Gamma loss takes targets above 0, and row 3 has 0"),
            (losses.gamma, -2.0, "the Gamma loss takes targets above 0, and row 3 has -2"),
            (losses.softmax, 0.5, "softmax takes classes numbered from 0, and row 3 has 0.5"),
            (losses.softmax, -1.0, "row 3 has -1"),
        ],
    )
    def test_targets_out_of_range(self, loss, wrong, words):
        losses.check_targets(loss, np.ones(3))
        with pytest.raises(ValueError) as error:
            losses.check_targets(loss, np.array([1.0, 1.0, 1.0, wrong]))
        assert words in str(error.value)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("loss", [losses.squared, losses.absolute, losses.Huber(), losses.Quantile(0.1)])
    def test_any_number_is_a_target(self, loss):
        assert losses.check_targets(loss, np.array([-1e140, 0.0, 1e140])) is None

    def test_names(self):
        assert [losses.named(name) for name in losses.NAMED] == list(losses.NAMED.values())
        assert len(losses.NAMED) == 11

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("Huber", "'huber'"), ("logloss", "'log loss'"), ("Poison", "'poisson'"),
            ("squared-hinge", "'squared hinge'"), ("epsilon insensitive", "'epsilon-insensitive'"),
        ],
    )  # fmt: skip
    def test_a_name_that_is_misspelt(self, name, meant):
        with pytest.raises(ValueError) as error:
            losses.named(name)
        assert f"loss={name!r} is not known: did you mean {meant}?" in str(error.value)

    @pytest.mark.parametrize(
        ("name", "ours"),
        [
            ("squared_error", losses.squared), ("absolute_error", losses.absolute), ("log_loss", losses.log_loss),
            ("squared_hinge", losses.squared_hinge), ("epsilon_insensitive", losses.EpsilonInsensitive()),
            ("pinball", losses.Quantile()),
        ],
    )  # fmt: skip
    def test_the_spellings_of_scikit_learn(self, name, ours):
        assert losses.named(name) == ours

    def test_a_name_like_none(self):
        with pytest.raises(ValueError, match=r"loss='xyzzy' is not known \(known: squared, absolute"):
            losses.named("xyzzy")

    @pytest.mark.parametrize("given", [3, None, ["squared"]])
    def test_no_name_at_all(self, given):
        with pytest.raises(TypeError, match="give one of squared"):
            losses.named(given)

    def test_a_class_is_no_loss(self):
        with pytest.raises(TypeError, match=r"loss=Huber is a class: write losses.Huber\(\)"):
            losses.named(losses.Huber)

    @pytest.mark.parametrize("wrong", [0, -1.0, float("nan"), float("inf"), "1", None, True, [1.0], [1.0, 2.0]])
    @pytest.mark.parametrize("make", [losses.Huber, losses.Quantile, losses.EpsilonInsensitive])
    def test_parameters_that_are_none(self, make, wrong):
        if make is losses.EpsilonInsensitive and wrong == 0:
            assert make(wrong)(3.0, 1.0) == 2.0
            return
        with pytest.raises(ValueError, match=rf"losses.{make.__name__}\(.*: give a finite number above 0"):
            make(wrong)

    @pytest.mark.parametrize("level", [1, 1.0, 90])
    def test_a_level_that_is_none(self, level):
        with pytest.raises(ValueError, match="give a number between 0 and 1"):
            losses.Quantile(level)
