"""Surfaces against their functions, and the paths on them."""

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb, to_rgba
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D
from tests.inspection.runs import bowl, halving, make_run, not_at_hand

from steepest.inspection import SurfaceDisplay, plot_run
from steepest.inspection.plots import style
from steepest.trace import Outcome


def axes_3d():
    return Figure().add_subplot(projection="3d")


def drawn_path(ax):
    return np.array(next(line for line in ax.lines if line.get_label() == "path").get_data_3d()).T


def test_surface_holds_the_function_and_the_path_with_its_heights():
    display = SurfaceDisplay.from_run(halving(), window=((-1, 10), (-2, 5)), size=12)
    np.testing.assert_allclose(display.grid_x, np.linspace(-1, 10, 12))
    np.testing.assert_allclose(display.values, display.grid_x**2 + display.grid_y[:, None] ** 2)
    shrink = 0.5 ** np.arange(11)
    np.testing.assert_allclose(display.path, np.column_stack([9 * shrink, 4 * shrink, 97 * shrink**2]))
    assert display.best == 10


def test_surface_is_drawn_where_the_function_is_with_the_path_on_it(monkeypatch):
    drawn, plot_surface = [], Axes3D.plot_surface

    def spy(ax, *arrays, **look):
        drawn.append(arrays)
        return plot_surface(ax, *arrays, **look)

    monkeypatch.setattr(Axes3D, "plot_surface", spy)
    display = SurfaceDisplay.from_run(halving(), size=20).plot(axes_3d())
    ((x, y, height),) = drawn
    np.testing.assert_allclose(height, x**2 + y**2)
    np.testing.assert_allclose(x[0], display.grid_x)
    path = drawn_path(display.ax_)
    # The path lies a little above the surface, so that it stays in sight.
    lift = path[:, 2] - path[:, 0] ** 2 - path[:, 1] ** 2
    np.testing.assert_allclose(lift, 0.012 * np.ptp(height), rtol=1e-6)
    assert len(path) == 11
    np.testing.assert_allclose(display.ax_.get_xlim(), display.grid_x[[0, -1]])
    assert display.ax_.get_zlabel() == "value"


def test_contour_lines_are_drawn_to_the_right_of_the_surface():
    display = SurfaceDisplay.from_run(halving()).plot()
    surface, contour = display.axes_
    assert (surface.name, contour.name) == ("3d", "rectilinear")
    assert display.ax_ is surface
    assert len(contour.collections[1].levels) == 12
    np.testing.assert_allclose(contour.lines[0].get_xdata(), 9 * 0.5 ** np.arange(11))


def test_surface_takes_three_dimensional_axes_alone_or_with_plain_ones():
    display = SurfaceDisplay.from_run(halving(), size=10)
    alone = axes_3d()
    assert display.plot(alone).axes_ == (alone,)
    figure = Figure()
    pair = figure.add_subplot(1, 2, 1, projection="3d"), figure.add_subplot(1, 2, 2)
    assert display.plot(pair).axes_ == pair
    assert display.figure_ is figure
    assert not plt.get_fignums()


def test_surface_refuses_axes_that_it_can_not_use():
    display = SurfaceDisplay.from_run(halving(), size=10)
    flat = Figure().add_subplot()
    for given in (flat, [flat, axes_3d()]):
        with pytest.raises(ValueError, match=r"axes given for the surface are flat, and .*add_subplot\(projection="):
            display.plot(given)
    with pytest.raises(ValueError, match=r"second axes given are three-dimensional, and contour lines need flat"):
        display.plot([axes_3d(), axes_3d()])
    with pytest.raises(ValueError, match=r"got 3 axes, and a surface is drawn on 2 side by side: give"):
        display.plot([axes_3d(), flat, flat])
    with pytest.raises(ValueError, match=r"the run has 1 parameter \(x\) and this picture needs exactly 2"):
        SurfaceDisplay.from_run(make_run(lambda p: p[0], [[1], [2]]))


def test_surface_has_transparent_panes_and_grey_text(saved):
    display = SurfaceDisplay.from_run(halving())
    saved(display)
    for axis in (display.ax_.xaxis, display.ax_.yaxis, display.ax_.zaxis):
        assert axis.pane.get_facecolor()[3] == 0
        assert axis.pane.get_edgecolor() == to_rgba(style.GREY)
        assert to_rgb(axis.label.get_color()) == to_rgb(axis.line.get_color()) == to_rgb(style.GREY)
        assert {to_rgb(text.get_color()) for text in axis.get_ticklabels()} == {to_rgb(style.GREY)}


def test_surface_draws_nothing_outside_its_box():
    display = SurfaceDisplay.from_run(halving(), window=((-1, 5), (-1, 5)), size=10).plot(axes_3d())
    path = drawn_path(display.ax_)
    assert np.nanmax(path[:, 0]) <= 5
    assert np.isnan(path[0]).all()
    assert np.isfinite(path[1:]).all()


def test_surface_has_holes_where_there_is_no_value(saved):
    def f(point):
        return float(np.log(point[0])) + (np.inf if point[1] > 3 else 0)

    display = SurfaceDisplay.from_run(make_run(f, [[2, 2], [1, 1]]), window=((-1, 4), (-1, 4)), size=20)
    assert np.isnan(display.values[:5, display.grid_x < 0]).all()
    saved(display)


def test_surface_of_a_run_that_blew_up_and_of_one_that_was_loaded(saved):
    blown = halving(rows=800, t=1.25, outcome=Outcome.DIVERGED)
    saved(SurfaceDisplay.from_run(blown, size=10))
    saved(SurfaceDisplay.from_run(make_run(lambda p: 1e300 * p[0] ** 3, [[1, 1], [-2, 1]]), size=10))
    loaded = halving(evaluate=not_at_hand)
    display = SurfaceDisplay.from_run(loaded).plot(axes_3d())
    assert display.values is None
    assert display.ax_.get_title() == "a title (function not at hand)"
    assert len(drawn_path(display.ax_)) == 11


def test_surface_names_keep_their_dollars_and_a_maximum_its_best():
    run = make_run(lambda p: -bowl(p), [[2, 1], [0, 0], [1, 1]], names=["$a", "b$"], maximized=True)
    display = SurfaceDisplay.from_run(run, size=10).plot()
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel(), display.best) == ("$a", "b$", 1)
    display.figure_.canvas.draw()
    inner = next(path for path in display.axes_[1].collections[1].get_paths() if len(path.vertices))
    assert np.hypot(*inner.vertices.T).max() < 1


def test_a_run_of_two_parameters_is_still_plotted_as_its_contour_lines():
    assert plot_run(halving()).ax_.name == "rectilinear"


def test_a_bowl_does_not_end_at_its_lowest_point():
    display = SurfaceDisplay.from_run(halving(), size=10)
    for grid, best in zip((display.grid_x, display.grid_y), display.path[display.best, :2], strict=True):
        assert best - grid[0] > 0.59 * (grid[-1] - best)
