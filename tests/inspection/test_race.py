"""Races of plain descents on x² + y² against their closed form: each step multiplies the value by (1 - 2t)²."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from tests.inspection.runs import bowl, halving, make_run, not_at_hand

from steepest.inspection import RaceDisplay
from steepest.inspection.plots import style
from steepest.trace import Outcome


def race(*rates, rows=11, **more):
    runs = {f"t = {t:g}": halving(rows=rows, t=t, **more) for t in rates}
    return SimpleNamespace(runs=runs, title="rates")


def wide(count, rows=5):
    """Return a race on five variables, in which run k ends a little lower than run k - 1."""
    runs = {}
    for k in range(count):
        points = np.outer(0.9 ** ((k + 1) * np.arange(rows)), np.ones(5))
        runs[f"run {k}"] = make_run(lambda p: float((p**2).sum()), points, names="abcde")
    return SimpleNamespace(runs=runs, title="")


def curves(ax):
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def test_gaps_are_above_the_best_value_that_any_run_reached():
    display = RaceDisplay.from_race(race(0.1, 0.25))
    k = np.arange(11)
    assert display.names == ["t = 0.1", "t = 0.25"]
    np.testing.assert_array_equal(display.evaluations[0], 2 * k + 1)
    best = 97 * 0.25**10
    np.testing.assert_allclose(display.gaps[0], 97 * 0.8 ** (2 * k) - best)
    np.testing.assert_allclose(display.gaps[1], 97 * 0.5 ** (2 * k) - best, atol=1e-12)
    np.testing.assert_allclose(display.paths[0], np.outer(0.8**k, [9, 4]))


def test_gaps_are_above_the_best_value_given():
    display = RaceDisplay.from_race(race(0.1, 0.25), best=0.0)
    np.testing.assert_allclose(display.gaps[1], 97 * 0.25 ** np.arange(11))
    with pytest.raises(ValueError, match=r"best=1.0 and 't = 0.25' reached 9.2.*e-05: give the best value there is"):
        RaceDisplay.from_race(race(0.1, 0.25), best=1.0)
    with pytest.raises(ValueError, match=r"best=nan and"):
        RaceDisplay.from_race(race(0.1), best=np.nan)


def test_gaps_of_a_maximum_are_below_it():
    runs = {"up": make_run(lambda p: -bowl(p), [[2, 0], [1, 0], [0.5, 0]], maximized=True)}
    display = RaceDisplay.from_race(SimpleNamespace(runs=runs, title=""), best=0.0).plot()
    np.testing.assert_allclose(display.gaps[0], [4, 1, 0.25])
    assert display.ax_.get_ylabel() == "best value − value"
    assert display.bests == [2]
    runs["down"] = halving()
    with pytest.raises(ValueError, match=r"runs that maximise \(up\) and runs that minimise: race them apart"):
        RaceDisplay.from_race(SimpleNamespace(runs=runs, title=""))


def test_a_span_above_100_is_drawn_on_a_log_axis_with_the_best_at_its_foot():
    display = RaceDisplay.from_race(race(0.1, 0.25)).plot()
    ax = display.ax_
    assert ax.get_yscale() == "log"
    drawn = curves(ax)
    np.testing.assert_allclose(drawn["t = 0.1"].get_ydata(), display.gaps[0])
    np.testing.assert_allclose(drawn["t = 0.25"].get_ydata(), display.gaps[1][:-1])
    (star,) = [line for line in ax.lines if line.get_marker() == "*"]
    assert (star.get_xdata()[0], star.get_ydata()[0]) == (21, 0)
    assert star.get_color() == drawn["t = 0.25"].get_color()
    low, high = ax.get_ylim()
    assert low < display.gaps[1][:-1].min() < 97 < high


def test_a_span_within_100_is_drawn_on_a_linear_axis():
    display = RaceDisplay.from_race(race(0.05, 0.1, rows=3)).plot()
    assert display.ax_.get_yscale() == display.ax_.get_xscale() == "linear"
    np.testing.assert_allclose(curves(display.ax_)["t = 0.1"].get_ydata(), display.gaps[1])
    assert display.ax_.get_ylim()[0] < 0


def test_lengths_that_differ_100_times_are_drawn_on_a_log_axis():
    runs = {"quick": halving(rows=3), "slow": halving(rows=500, t=0.001)}
    assert RaceDisplay.from_race(SimpleNamespace(runs=runs, title="")).plot().ax_.get_xscale() == "log"


def test_a_run_that_blew_up_leaves_the_picture_at_the_top_and_is_named(saved):
    field = race(0.25)
    field.runs["too far"] = halving(rows=600, t=1.5, outcome=Outcome.DIVERGED)
    field.runs["broken"] = make_run(bowl, np.full((3, 2), np.nan), outcome=Outcome.NON_FINITE)
    display = RaceDisplay.from_race(field)
    saved(display)
    gaps, paths = display.axes_
    assert gaps.get_ylim()[1] < 97 * 100
    assert set(curves(gaps)) == {"t = 0.25", "too far (diverged)", "broken (non-finite)"}
    assert curves(gaps)["too far (diverged)"].get_ydata().max() > 1e100
    np.testing.assert_allclose(paths.get_xlim(), [9 * 0.5**10 - (9 - 9 * 0.5**10) / 4, 9 + (9 - 9 * 0.5**10) / 4])
    assert len(display.paths[2]) == 0


def test_paths_are_drawn_over_contour_lines_in_the_colours_of_the_gaps():
    display = RaceDisplay.from_race(race(0.1, 0.25, 0.4)).plot()
    gaps, paths = display.axes_
    (lines,) = paths.collections
    assert len(lines.levels) == 12
    np.testing.assert_allclose(to_rgb(lines.get_edgecolor()[0]), to_rgb(style.GREY))
    drawn = [line for line in paths.lines if line.get_label() == "path"]
    for line, path, gap in zip(drawn, display.paths, curves(gaps).values(), strict=True):
        np.testing.assert_array_equal(np.column_stack(line.get_data()), path)
        assert (line.get_color(), line.get_linestyle()) == (gap.get_color(), gap.get_linestyle())
    np.testing.assert_allclose(display.contour.values, display.contour.grid_x**2 + display.contour.grid_y[:, None] ** 2)


def test_contour_lines_cover_all_paths_or_the_window_given():
    field = SimpleNamespace(runs={"a": halving(start=(9, 4)), "b": halving(start=(-9, -4))}, title="")
    display = RaceDisplay.from_race(field)
    edge = 9 + (9 - 9 * 0.5**10) / 4
    np.testing.assert_allclose(display.contour.grid_x[[0, -1]], [-edge, edge])
    given = RaceDisplay.from_race(field, window=((0, 1), (0, 2)), size=5)
    np.testing.assert_allclose(given.contour.grid_y, np.linspace(0, 2, 5))


def test_twelve_runs_differ_in_colour_and_line_and_in_marker(saved):
    display = RaceDisplay.from_race(wide(12))
    saved(display)
    lines = curves(display.ax_).values()
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 12
    assert len({line.get_marker() for line in lines}) == 12
    assert display.paths is None
    assert len(display.ax_.get_legend().get_texts()) == 12
    display.figure_.canvas.draw()
    box, page = display.ax_.get_legend().get_window_extent(), display.figure_.bbox
    assert page.x0 <= box.x0
    assert box.x1 <= page.x1
    assert display.figure_.get_figheight() > 4.8  # so that the legend takes no space from the axes


def test_forty_eight_runs_differ():
    looks = [style.distinct(k) for k in range(48)]
    assert len({(look["color"], look["linestyle"], look["marker"]) for look in looks}) == 48


def test_names_are_shown_as_they_are():
    field = SimpleNamespace(runs={"_hidden": halving(), "$t$": halving(t=0.1), "x" * 60: halving(t=0.2)}, title="$")
    display = RaceDisplay.from_race(field).plot()
    display.figure_.canvas.draw()
    shown = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert shown == [" _hidden", "$t$", "x" * 27 + "…"]
    assert not any(text.get_parse_math() for text in display.ax_.get_legend().get_texts())


def test_race_takes_one_axes_for_the_gaps_or_two(saved):
    display = RaceDisplay.from_race(race(0.1, 0.25))
    alone = Figure().add_subplot()
    assert display.plot(alone).axes_ == (alone,)
    assert len(alone.figure.axes) == 1
    pair = tuple(Figure().subplots(1, 2))
    assert display.plot(pair).axes_ == pair
    with pytest.raises(ValueError, match=r"got 3 axes, and a race is drawn on 2 side by side"):
        display.plot([*pair, alone])
    with pytest.raises(ValueError, match=r"got 2 axes, and this race has no paths of two parameters .*: give one"):
        RaceDisplay.from_race(wide(2)).plot(tuple(Figure().subplots(1, 2)))
    saved(RaceDisplay.from_race(race(0.1, 0.25)))


def test_race_of_loaded_runs_of_one_row_and_of_none(saved):
    loaded = RaceDisplay.from_race(race(0.1, 0.25, evaluate=not_at_hand)).plot()
    assert not loaded.axes_[1].collections
    assert "function not at hand" in loaded.axes_[1].get_title()
    saved(RaceDisplay.from_race(race(0.1, 0.25, rows=1)))
    saved(RaceDisplay(["nothing"], [[1, 2]], [[np.nan, np.inf]]))
    with pytest.raises(ValueError, match=r"the race has 0 runs and a picture needs one at least"):
        RaceDisplay.from_race(SimpleNamespace(runs={}, title=""))
