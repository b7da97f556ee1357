"""Races of plain descents on x² + y² against their closed form: each step multiplies the value by (1 - 2t)²."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from tests.inspection.runs import bowl, clashes, halving, make_run, not_at_hand

from steepest.inspection import RaceDisplay, SensitivityDisplay
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


def test_all_runs_end_at_the_budget_that_none_lacked():
    # The search pays for its trials: 11 rows cost it 61 evaluations, and 10 steps of the others 21.
    field = race(0.1, 0.25)
    search = halving(t=0.4)
    search.trace.columns["evaluations"] = 6 * np.arange(11) + 1
    field.runs["search"] = search
    field.runs["done"] = halving(rows=4, t=0.3, outcome=Outcome.CONVERGED)
    display = RaceDisplay.from_race(field, best=0.0).plot()
    assert display.budget == 21
    drawn = {name: list(line.get_xdata()) for name, line in curves(display.ax_).items()}
    assert drawn["search"] == [1, 7, 13, 19]
    assert drawn["done (converged)"] == [1, 3, 5, 7]
    assert len(display.paths[2]) == 4
    assert "4 runs are compared up to 21 evaluations, a value with its gradient as one" in display.caption
    reached = {"t = 0.1": 97 * 0.8**20, "t = 0.25": 97 * 0.25**10, "search": 97 * 0.2**6, "done": 97 * 0.4**6}
    assert display.reached == pytest.approx(reached)
    assert "t = 0.25 comes nearest" in display.caption
    assert "t = 0.1 stays farthest" in display.caption


def test_a_race_against_the_clock_ends_when_the_quickest_does():
    field = race(0.1, 0.25)
    for k, run in enumerate(field.runs.values()):
        run.trace.columns["seconds"] = 5 + (k + 1) * np.arange(11) / 10
    display = RaceDisplay.from_race(field, by="seconds").plot()
    assert display.budget == pytest.approx(1.0)
    assert [len(line.get_xdata()) for line in curves(display.ax_).values()] == [11, 6]
    assert display.ax_.get_xlabel() == "seconds"
    assert "up to 1 s, compilation included" in display.caption
    with pytest.raises(ValueError, match=r"by='epoch': give one of evaluations, seconds"):
        RaceDisplay.from_race(field, by="epoch")
    with pytest.raises(ValueError, match=r"by='seconds': a run of this race has no such column"):
        RaceDisplay.from_race(race(0.1), by="seconds")


def test_a_search_that_stops_short_of_the_budget_does_not_shorten_the_race():
    field = race(0.1, 0.25, outcome=Outcome.EVALUATION_LIMIT)
    field.runs["search"] = halving(rows=9, outcome=Outcome.EVALUATION_LIMIT)
    assert RaceDisplay.from_race(field).budget == 21


def test_a_run_breaks_off_where_its_values_are_not_finite(saved):
    field = race(0.1)
    field.runs["t = 0.1"].trace.columns["value"][4:6] = np.nan, np.inf
    display = RaceDisplay.from_race(field)
    saved(display)
    line = curves(display.ax_)["t = 0.1"]
    assert np.isnan(line.get_ydata()).sum() == 1
    (cross,) = [line for line in display.ax_.lines if line.get_marker() == "x"]
    np.testing.assert_allclose(cross.get_xydata(), [[7, display.gaps[0][3]]])


# How far each rule comes with other learning rates.


def rates(**more):
    gaps = [[9.0, 1e-3, 0.1, 8.0], [8.0, 2.0, 1e-4, 1e-6]]
    diverged = [[False, False, False, True], [False] * 4]
    how = {"given": [(0.1, 1e-3), (10.0, 1e-6)], "unrated": {"auto": 1e-2}, "budget": 40, "order": ["auto", "a", "b"]}
    return SensitivityDisplay(["a", "b"], [0.01, 0.1, 1.0, 10.0], gaps, diverged, **how | more)


def test_each_rule_is_a_line_by_its_learning_rate_with_a_ring_where_the_race_was(saved):
    display = rates()
    saved(display)
    ax = display.ax_
    assert ax.get_xscale() == ax.get_yscale() == "log"
    drawn = curves(ax)
    np.testing.assert_array_equal(drawn["a"].get_ydata(), [9, 1e-3, 0.1, np.nan])
    np.testing.assert_array_equal(drawn["b"].get_ydata(), display.gaps[1])
    np.testing.assert_array_equal(drawn["auto (as raced)"].get_ydata(), [1e-2, 1e-2])
    assert [drawn[name].get_color() for name in ("auto (as raced)", "a", "b")] == list(style.COLOURS[:3])
    rings = [line for line in ax.lines if line.get_marker() == "o" and line.get_fillstyle() == "none"]
    assert [tuple(ring.get_xydata()[0]) for ring in rings] == [(0.1, 1e-3), (10, 1e-6)]
    (cross,) = [line for line in ax.lines if line.get_marker() == "x"]
    assert list(cross.get_xdata()) == [10]
    assert cross.get_color() == drawn["a"].get_color()
    assert display.ranges == {"a": (0.1, 0.1), "b": (10, 10)}
    assert "within 40 evaluations: a comes nearest with 0.1 and diverges from 10 on; b comes nearest" in display.caption
    assert list(display.table()) == ["rate", "a", "b"]
    assert not clashes(display.to_figure())


def test_a_rule_that_always_diverges_and_gaps_that_do_not_fit(saved):
    display = SensitivityDisplay(["a"], [0.1, 1.0], [[3.0, 3.0]], [[True, True]], given=[(0.1, np.nan)])
    saved(display)
    assert "a diverges with every rate" in display.caption
    with pytest.raises(ValueError, match=r"gaps have the shape \(1, 2\) for 1 rules and 3 rates: give \(1, 3\)"):
        SensitivityDisplay(["a"], [0.1, 1.0, 2.0], [[3.0, 3.0]])


def test_the_learning_rates_are_drawn_below_the_race_in_the_same_looks(saved):
    values = [[9.0, 1e-6, 97.0], [9.0, 1e-2, 1e-4]]
    found = SimpleNamespace(
        names=("t = 0.1", "t = 0.25"), rates=np.array([0.01, 0.1, 1.0]), values=np.array(values), best=1e-6,
        diverged=np.zeros((2, 3), bool), given=np.array([0.1, 0.25]), given_values=np.array([1e-6, 1e-3]),
        unrated={}, budget=21, order=("t = 0.1", "t = 0.25"), title="rates",
    )  # fmt: skip
    display = RaceDisplay.from_race(race(0.1, 0.25), sensitivity=found)
    saved(display)
    gaps, _, below = display.axes_
    for name, line in curves(below).items():
        if name in display.names:
            assert line.get_color() == curves(gaps)[name].get_color()
            assert line.get_linestyle() == curves(gaps)[name].get_linestyle()
    # The rate 0.1 came lower than any run, so that both pictures measure gaps from there.
    assert display.gaps[1][-1] == pytest.approx(97 * 0.25**10 - 1e-6)
    assert display.sensitivity.gaps[0, 1] == 0
    assert gaps.get_window_extent().y0 > below.get_window_extent().y1
    assert not clashes(display.to_figure())
    alone = RaceDisplay.from_race(wide(2), sensitivity=found)
    alone.names = ["t = 0.1", "t = 0.25"]
    assert len(alone.to_figure().axes) == 2
    assert not clashes(alone.to_figure())


def test_lengths_that_differ_100_times_are_drawn_on_a_log_axis():
    quick = halving(rows=3, outcome=Outcome.CONVERGED)
    runs = {"quick": quick, "slow": halving(rows=500, t=0.001)}
    assert RaceDisplay.from_race(SimpleNamespace(runs=runs, title="")).plot().ax_.get_xscale() == "log"


def test_a_run_that_blew_up_leaves_the_picture_at_the_top_and_is_named(saved):
    field = race(0.25, outcome=Outcome.CONVERGED)
    field.runs["too far"] = halving(rows=600, t=1.5, outcome=Outcome.DIVERGED)
    field.runs["broken"] = make_run(bowl, np.full((3, 2), np.nan), outcome=Outcome.NON_FINITE)
    display = RaceDisplay.from_race(field)
    saved(display)
    gaps, paths = display.axes_
    assert gaps.get_ylim()[1] < 97 * 100
    assert set(curves(gaps)) == {"t = 0.25 (converged)", "too far (diverged)", "broken (non-finite)"}
    assert "too far, broken diverged" in display.caption
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
    with pytest.raises(ValueError, match=r"got 3 axes, and this race is drawn on 2: give ax=\(gaps, paths\) or one"):
        display.plot([*pair, alone])
    with pytest.raises(ValueError, match=r"got 2 axes, and this race is drawn on 1: give ax=ax"):
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


def test_runs_that_come_equally_near_are_named_together():
    clock = [[1, 2]] * 3
    assert "All reach one value." in RaceDisplay(["a", "b"], clock[:2], [[4, 0], [4, 0]]).caption
    tied = RaceDisplay(["a", "b", "c"], clock, [[4, 0], [4, 0], [4, 1]]).caption
    assert "a and b come nearest to the best value, and c stays farthest, 1 away" in tied
    lost = RaceDisplay(["a", "b"], clock[:2], [[np.nan, np.inf], [np.nan, np.nan]]).caption
    assert "No run has a finite value" in lost
    for caption in (tied, lost):
        assert "rule" not in caption
