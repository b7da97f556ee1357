"""Arrows against the gradients of quadratic functions."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.quiver import Quiver
from tests.inspection.runs import bowl, halving, make_run, not_at_hand

from steepest.inspection import QuiverDisplay

WINDOW = ((-3, 3), (-2, 2))


def of_bowl(**more):
    return QuiverDisplay.from_function(lambda x, y: x**2 + y**2, lambda x, y: (2 * x, 2 * y), WINDOW, **more)


def drawn(display):
    return next(each for each in display.ax_.collections if isinstance(each, Quiver))


def test_slopes_of_a_bowl_are_twice_the_point():
    display = of_bowl(size=7, arrows=4)
    np.testing.assert_allclose(display.grid_y, np.linspace(-2, 2, 7))
    np.testing.assert_allclose(display.values, display.grid_x**2 + display.grid_y[:, None] ** 2)
    np.testing.assert_allclose(display.arrow_x, [-2.25, -0.75, 0.75, 2.25])
    np.testing.assert_allclose(display.arrow_y, [-1.5, -0.5, 0.5, 1.5])
    np.testing.assert_allclose(display.slopes[..., 0], np.tile(2 * display.arrow_x, (4, 1)))
    np.testing.assert_allclose(display.slopes[..., 1], np.tile(2 * display.arrow_y[:, None], (1, 4)))
    assert display.path is None


def test_arrows_go_uphill_in_proportion_to_the_slope_and_the_longest_is_nine_tenths_of_a_cell():
    display = of_bowl(arrows=4).plot()
    arrows = drawn(display)
    across, up = np.reshape(arrows.U, (4, 4)), np.reshape(arrows.V, (4, 4))
    np.testing.assert_allclose(np.stack([across, up], axis=-1), display.slopes)
    assert (arrows.angles, arrows.scale_units) == ("xy", "xy")
    # Cells are 1.5 by 1; the steepest slopes are in the corners: (4.5, 3), or (3, 3) in cells.
    assert 1 / arrows.scale == pytest.approx(0.9 / np.hypot(3, 3))
    assert display.length == pytest.approx(0.9 / np.hypot(3, 3))
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["uphill, slopes up to 5.408"]


def test_downhill_reverses_the_arrows_and_not_the_slopes():
    up, down = of_bowl(), of_bowl(downhill=True)
    np.testing.assert_array_equal(up.slopes, down.slopes)
    np.testing.assert_allclose(drawn(up.plot()).U, -drawn(down.plot()).U)
    assert down.ax_.get_legend().get_texts()[0].get_text().startswith("downhill")


@pytest.mark.parametrize("power", [0.0, 0.5])
def test_a_power_changes_lengths_and_keeps_directions(power):
    display = of_bowl(arrows=5, power=power).plot()  # an odd number: the middle slope is zero
    arrows = np.stack([np.reshape(drawn(display).U, (5, 5)), np.reshape(drawn(display).V, (5, 5))], axis=-1)
    steepness = np.hypot(display.slopes[..., 0], display.slopes[..., 1])
    length = np.hypot(arrows[..., 0], arrows[..., 1])
    assert length[2, 2] == 0
    steep = steepness > 1e-9
    np.testing.assert_allclose(length[steep], steepness[steep] ** power)
    cross = arrows[..., 0] * display.slopes[..., 1] - arrows[..., 1] * display.slopes[..., 0]
    np.testing.assert_allclose(cross, 0, atol=1e-12)


def test_a_run_gives_its_gradient_at_every_point_and_its_path():
    run = make_run(
        lambda p: p[0] + 10 * p[1] ** 2,
        [[0, 1], [1, 0]],
        names=["$a", "b"],
        gradient_at=lambda p: np.array([1, 20 * p[1]]),
    )
    display = QuiverDisplay.from_run(run, WINDOW, arrows=3)
    np.testing.assert_allclose(display.slopes[..., 0], 1)
    np.testing.assert_allclose(display.slopes[:, 1, 1], [-80 / 3, 0, 80 / 3])
    np.testing.assert_array_equal(display.path, [[0, 1], [1, 0]])
    ax = display.plot().ax_
    assert {line.get_label() for line in ax.lines} >= {"path", "start", "best"}
    assert (ax.get_xlabel(), ax.get_title()) == ("$a", "a title")
    assert len(ax.get_legend().get_texts()) == 4


def test_no_arrow_where_the_gradient_has_no_value(saved):
    def gradient(x, y):
        if x < 0:
            raise ZeroDivisionError
        return (np.inf if y > 0 else 1.0), 1.0

    display = QuiverDisplay.from_function(lambda x, y: x + y, gradient, WINDOW, arrows=4)
    assert np.isnan(display.slopes[:, :2]).all()
    saved(display)
    mask = np.ma.getmaskarray(np.ma.masked_invalid(drawn(display).U)) | (np.asarray(drawn(display).Umask))
    np.testing.assert_array_equal(np.reshape(mask, (4, 4))[:2], [[True, True, False, False]] * 2)
    assert np.reshape(mask, (4, 4))[2:].all()


def test_a_constant_has_no_arrows(saved):
    display = QuiverDisplay.from_function(lambda x, y: 1.0, lambda x, y: (0.0, 0.0), WINDOW)
    assert display.length == 0
    saved(display)
    assert not any(isinstance(each, Quiver) for each in display.ax_.collections)


def test_arrows_are_drawn_on_the_axes_given_and_saved_transparently(saved):
    figure, ax = plt.subplots()
    display = of_bowl().plot(ax)
    assert (display.ax_, display.figure_) == (ax, figure)
    saved(of_bowl())
    saved(QuiverDisplay.from_run(halving()))


def test_bad_arrows_are_refused():
    with pytest.raises(ValueError, match=r"the gradient has the shape \(3,\): return two numbers"):
        QuiverDisplay.from_function(lambda x, y: x, lambda x, y: (1, 2, 3), WINDOW)
    with pytest.raises(ValueError, match=r"arrows=0 and there must be one at least in each direction: give a number"):
        of_bowl(arrows=0)
    with pytest.raises(ValueError, match=r"is not finite with low < high: give window=\(\(x_low"):
        QuiverDisplay.from_function(lambda x, y: x, lambda x, y: (1, 0), (0, 1))
    with pytest.raises(
        ValueError, match=r"loaded without its function, and arrows need its gradient: use ContourDisplay"
    ):
        QuiverDisplay.from_run(make_run(bowl, [[1, 1], [0, 0]], evaluate=not_at_hand))
