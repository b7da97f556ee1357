"""Displays against closed forms, and the promises of every figure: transparent and legible."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from tests.inspection.runs import bowl, clashes, make_fit, make_run, not_at_hand

import steepest as st
from steepest.inspection import (
    ContourDisplay,
    CurveDisplay,
    DescentDisplay,
    FitDisplay,
    LineDisplay,
    overview,
    plot_run,
    save_figure,
)
from steepest.inspection.plots import style
from steepest.models import Custom
from steepest.trace import Event, Outcome, Trace


def textbook(rows=51):
    """Return descent on x² + y² from (9, 9) at rate 0.1: point k is 9 · 0.8^k, its gradient 18√2 · 0.8^k."""
    shrink = 0.8 ** np.arange(rows)
    return make_run(bowl, np.outer(9 * shrink, [1, 1]), gradient_norm=18 * np.sqrt(2) * shrink)


def line_fit(rows=300, epochs=5, shape=(-1,)):
    x = np.linspace(0, 10, rows)
    points = np.column_stack([np.linspace(0, 30, epochs), np.full(epochs, 4.0)])

    def line(X, m, b):
        assert X.ndim == len(shape)
        return m * X + b

    data, params = (x.reshape(shape), 30 * x + 4), {"m": 30.0, "b": 4.0}
    return make_fit(lambda p: float((p[0] - 30) ** 2), points, data, params, model=Custom(line))


def curve_run(**more):
    return make_run(lambda p: float(p[0] ** 2), 0.5 ** np.arange(5), names="x", **more)


def test_descent_holds_the_columns_of_the_trace():
    display = DescentDisplay.from_run(textbook())
    k = np.arange(51)
    np.testing.assert_array_equal(display.evaluations, 2 * k + 1)
    np.testing.assert_allclose(display.value, 162 * 0.64**k)
    np.testing.assert_allclose(display.gradient_norm, 18 * np.sqrt(2) * 0.8**k)


def test_descent_draws_the_gap_on_a_log_axis_with_the_best_at_its_foot():
    display = DescentDisplay.from_run(textbook()).plot()
    upper, lower = display.axes_
    line, star = upper.lines[:2]
    np.testing.assert_allclose(line.get_ydata(), 162 * (0.64 ** np.arange(50) - 0.64**50))
    assert (star.get_xdata(), star.get_ydata()) == (101, 0)
    assert upper.get_yscale() == lower.get_yscale() == "log"
    assert (upper.get_ylabel(), lower.get_xlabel()) == ("value − best value", "evaluations")


def test_descent_stays_linear_within_a_factor_of_100_and_turns_round_for_a_maximum():
    display = DescentDisplay([1, 2, 3], [1.0, 2.0, 3.0], [0.0, 99.0, 1.0], maximized=True).plot()
    assert [ax.get_yscale() for ax in display.axes_] == ["linear", "linear"]
    np.testing.assert_array_equal(display.ax_.lines[0].get_ydata(), [2, 1, 0])
    assert display.ax_.get_ylabel() == "best value − value"


def test_descent_of_a_fit_counts_epochs():
    display = DescentDisplay.from_run(line_fit(epochs=7)).plot()
    assert display.axes_[1].get_xlabel() == "epoch"
    np.testing.assert_array_equal(display.evaluations, np.arange(7))


def test_descent_breaks_off_where_numbers_are_not_finite_and_survives_what_is_huge(tmp_path):
    value = np.array([1.0, np.nan, 5e307, -1.7e308, np.inf, 1.7e308])
    display = DescentDisplay(np.arange(6), value, np.full(6, np.nan)).plot()
    line, crosses = display.ax_.lines[:2]
    np.testing.assert_array_equal(np.isfinite(line.get_ydata()), [True, False, True, True, False, True])
    assert (crosses.get_marker(), list(crosses.get_xdata())) == ("x", [0, 3])
    assert "2 values are not finite" in display.caption
    assert display.axes_[1].texts[0].get_text() == "not known"
    save_figure(display, tmp_path / "huge.png")
    save_figure(DescentDisplay([0, 1], [np.nan] * 2, [np.nan] * 2).plot(), tmp_path / "none.png")


def test_descent_of_one_row_is_a_marker():
    display = DescentDisplay.from_run(textbook(rows=1)).plot()
    assert [ax.lines[0].get_marker() for ax in display.axes_] == ["o", "s"]


def test_descent_thins_what_it_draws_and_keeps_the_extremes():
    value = np.ones(100_000)
    value[[31_337, 77_777]] = 90, 80
    value[[5]] = 0
    drawn = DescentDisplay(np.arange(100_000), value, value).plot().ax_.lines[0]
    assert len(drawn.get_xdata()) <= style.MAX_POINTS + 2
    assert {0, 5, 31_337, 77_777, 99_999} <= set(drawn.get_xdata())


@pytest.mark.parametrize("by", ["evaluations", "iteration", "seconds"])
def test_descent_is_drawn_by_any_clock_of_the_trace(by):
    run = textbook()
    run.trace.columns["seconds"] = np.arange(51) / 10
    display = DescentDisplay.from_run(run, by=by).plot()
    np.testing.assert_array_equal(display.ax_.lines[0].get_xdata(), run.trace.columns[by][:-1])
    assert display.axes_[1].get_xlabel() == by
    units = {"evaluations": "101 evaluations", "iteration": "50 steps", "seconds": "5 s"}
    assert f"within {units[by]}; the gradient norm ends at" in display.caption


def test_descent_names_the_clocks_that_a_trace_has():
    with pytest.raises(ValueError, match=r"by='epoch': .*give evaluations or iteration$"):
        DescentDisplay.from_run(textbook(), by="epoch")


def test_descent_marks_events_where_they_happened_below_the_upper_axes(saved):
    run = textbook()
    run.trace.stored_events += [Event(3, "probe"), Event(40, "reset"), Event(9, "reset"), Event(99, "newton")]
    run.trace.columns["evaluations"] = np.arange(51) + 3 * (np.arange(51) > 20) + 1
    display = DescentDisplay.from_run(run)
    saved(display)
    marks = {line.get_label(): line for line in display.ax_.lines[2:]}
    found = {label: list(line.get_xdata()) for label, line in marks.items()}
    # Row 21 took 4 evaluations. An event after the last row is at its end.
    assert found == {"probe": [4], "reset (2)": [10, 44], "newton": [54], "rejected": [25]}
    assert len({(line.get_marker(), line.get_ydata()[0]) for line in marks.values()}) == 4
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == list(found)
    assert not clashes(display.to_figure())


def test_descent_has_a_place_for_losses_and_gradients_of_zero_and_below(saved):
    loss = np.array([50.0, -2.0, 0.0, 1e-3, np.nan, -40.0])
    display = DescentDisplay(np.arange(6), loss, [9, 3, 0, 1e-3, 1e-4, 1], counted="epoch", validation=loss / 2)
    saved(display)
    upper, lower = display.axes_
    assert upper.get_yscale() == "symlog"
    drawn = upper.lines[0].get_ydata()
    np.testing.assert_array_equal(drawn, loss)
    assert lower.get_yscale() == "log"
    (zero,) = [line for line in lower.lines if line.get_marker() == "v"]
    assert zero.get_xydata().tolist() == [[2, 0]]
    assert not clashes(display.to_figure())


def test_descent_of_many_rows_draws_no_more_marks_than_can_be_told_apart():
    rows = np.arange(100_000)
    columns = {"iteration": rows, "evaluations": np.cumsum(1 + rows % 2), "value": np.exp(-rows / 1e4)}
    trace = Trace(columns | {"gradient_norm": np.exp(-rows / 2e4)}, rows[:, None].astype(float), ["x"])
    display = DescentDisplay.from_run(SimpleNamespace(trace=trace, maximized=False, title=""))
    assert len(display.events["rejected"]) == 50_000
    display.to_figure()
    assert sum(len(line.get_xdata()) for ax in display.axes_ for line in ax.lines) < 3 * style.MAX_POINTS


def test_descent_takes_one_axes_or_two():
    _, (upper, lower) = plt.subplots(2, 1)
    assert DescentDisplay.from_run(textbook()).plot([upper, lower]).axes_ == (upper, lower)
    for alone in (Figure(layout="constrained").add_subplot(), Figure().add_axes((0.1, 0.1, 0.8, 0.8))):
        display = DescentDisplay.from_run(textbook()).plot(alone)
        alone.figure.canvas.draw()
        boxes = [each.get_window_extent() for each in display.axes_]
        assert display.ax_ is alone
        assert boxes[0].y0 > boxes[1].y1
        assert display.axes_[1].get_tightbbox().y0 >= 0
    with pytest.raises(ValueError, match=r"got 3 axes, and a descent is drawn on 2: give"):
        display.plot([upper, lower, alone])


def test_contour_evaluates_the_box_of_the_path_widened_by_a_quarter():
    display = ContourDisplay.from_run(textbook(), size=20)
    end = 9 * 0.8**50
    low, high = end - (9 - end) / 4, 9 + (9 - end) / 4
    np.testing.assert_allclose(display.grid_x, np.linspace(low, high, 20))
    np.testing.assert_allclose(display.values, display.grid_x**2 + display.grid_y[:, None] ** 2)
    np.testing.assert_allclose(display.path[:, 0], 9 * 0.8 ** np.arange(51))
    assert display.best == 50


def test_contour_tells_rows_from_columns():
    run = make_run(lambda p: float(p[0] + 10 * p[1]), [[0, 0], [1, 2]])
    want = ContourDisplay.from_run(run, window=((0, 1), (0, 2)), size=3).values
    np.testing.assert_array_equal(want, [[0, 0.5, 1], [10, 10.5, 11], [20, 20.5, 21]])


def test_contour_masks_where_the_function_raises_or_is_not_finite(tmp_path):
    def f(point):
        if point[0] < 0:
            raise ZeroDivisionError
        return float(np.log(point[1]) + point[0])

    run = make_run(f, [[1, 1], [0.5, 0.5]])
    display = ContourDisplay.from_run(run, window=((-1, 1), (-1, 1)), size=11)
    assert np.isnan(display.values[:, display.grid_x < 0]).all()
    assert not np.isfinite(display.values[display.grid_y <= 0]).any()
    assert np.isfinite(display.values[np.ix_(display.grid_y > 0, display.grid_x >= 0)]).all()
    save_figure(display, tmp_path / "masked.png")


def contour_lines(display):
    _, lines = display.ax_.collections  # the first are the bands of colour
    return [path for path in lines.get_paths() if len(path.vertices)]


def test_contour_shows_the_valley_of_rosenbrock():
    def rosenbrock(p):
        return float((1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2)

    display = ContourDisplay.from_run(make_run(rosenbrock, [[-1.2, 1], [1, 1]]), window=((-2, 2), (-1, 3))).plot()
    lines = contour_lines(display)
    inner = lines[0].vertices  # it follows the parabola y = x², where the valley is
    assert np.abs(inner[:, 1] - inner[:, 0] ** 2).max() < 0.3
    levels = display.ax_.collections[1].levels
    assert {f"{level:.0e}"[0] for level in levels} == set("125")
    assert 8 < len(levels) <= 12
    written = [float(text.get_text().replace(",", "")) for text in display.ax_.texts]
    assert len(written) > 3
    for height in written:
        assert np.isclose(levels, height, rtol=1e-6).any()


@pytest.mark.parametrize(("f", "lines"), [(lambda p: 3.0, 0), (lambda p: float(p[0] > 0), 1), (bowl, 12)])
def test_contour_of_a_constant_of_a_step_and_of_a_bowl(f, lines):
    display = ContourDisplay.from_run(make_run(f, [[1, 1], [-1, -1]])).plot()
    assert len(display.ax_.collections) == 2 * (lines > 0)
    assert not lines or len(contour_lines(display)) == lines


def test_contour_lines_gather_around_the_best_value_also_where_that_is_the_largest():
    run = make_run(lambda p: -bowl(p), [[2, 2], [0, 0]], maximized=True)
    inner = contour_lines(ContourDisplay.from_run(run).plot())[0].vertices
    assert np.hypot(*inner.T).max() < 1


def test_contour_marks_start_best_and_names():
    run = make_run(lambda p: -bowl(p), [[2, 1], [0, 0], [1, 1]], names=["price_$", "$tax"], maximized=True)
    ax = ContourDisplay.from_run(run).plot().ax_
    marks = {line.get_label(): (line.get_marker(), line.get_xdata()[0]) for line in ax.lines}
    assert marks["start"] == ("s", 2)
    assert marks["best"] == ("*", 0)
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("price_$", "$tax", "a title")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["path", "start", "end", "best"]


@pytest.mark.parametrize(("widths", "aspect"), [((4, 2), 1.0), ((4, 400), "auto")])
def test_contour_has_equal_aspect_only_where_the_widths_are_alike(widths, aspect):
    run = make_run(bowl, [[0, 0], widths])
    assert ContourDisplay.from_run(run, size=5).plot().ax_.get_aspect() == aspect


def test_contour_of_one_row_has_a_window_of_some_width():
    display = ContourDisplay.from_run(textbook(rows=1)).plot()
    np.testing.assert_allclose(display.grid_x[[0, -1]], [0, 18])
    moved = make_run(bowl, [[3, 5], [1, 5]])
    np.testing.assert_allclose(ContourDisplay.from_run(moved).grid_y[[0, -1]], [4, 6])


@pytest.mark.parametrize("outcome", [Outcome.DIVERGED, Outcome.ITERATION_LIMIT])
def test_contour_of_a_run_that_blew_up(outcome, tmp_path):
    points = np.outer((-2.0) ** np.arange(1024), [1, 1])
    points[-3:] = np.inf
    run = make_run(lambda p: np.square(p).sum(), points, outcome=outcome)
    display = ContourDisplay.from_run(run)
    assert np.isfinite(display.grid_x).all()
    assert len(display.path) == np.isfinite(points).all(axis=1).sum()
    if outcome == Outcome.DIVERGED:  # rows 1, -2, 4, -8 and no more: within 4 first steps of the start
        np.testing.assert_allclose(display.grid_x[[0, -1]], [-11, 7])
    save_figure(display, tmp_path / "blown.png")
    assert overview(run).axes


def test_contour_of_a_loaded_run_draws_the_path_and_says_so():
    run = textbook()
    run.evaluate = not_at_hand
    run.title = "x" * 200
    display = plot_run(run)
    assert display.values is None
    assert display.ax_.get_title().endswith("… (function not at hand)")
    assert not display.ax_.collections
    np.testing.assert_array_equal(display.ax_.lines[0].get_xdata(), run.trace.x[:, 0])


@pytest.mark.parametrize("window", [((1, 1), (0, 1)), (0, 1), ((0, np.inf), (0, 1)), ((1, 0), (0, 1))])
def test_contour_refuses_an_empty_window(window):
    with pytest.raises(ValueError, match=r"window=.* is not finite with low < high: give window=\(\(x_low"):
        ContourDisplay.from_run(textbook(), window=window)


def test_pictures_refuse_runs_that_they_cannot_show():
    with pytest.raises(ValueError, match=r"the run has 2 parameters \(x, y\) and this picture needs exactly 1: use"):
        CurveDisplay.from_run(textbook())
    with pytest.raises(ValueError, match=r"3 rows and none is a finite point"):
        ContourDisplay.from_run(make_run(bowl, np.full((3, 2), np.nan)))


def test_curve_holds_the_function_and_the_path():
    display = CurveDisplay.from_run(curve_run(), size=50)
    margin = (1 - 0.5**4) / 4
    np.testing.assert_allclose(display.x, np.linspace(0.5**4 - margin, 1 + margin, 50))
    np.testing.assert_allclose(display.value, display.x**2)
    np.testing.assert_allclose(display.path, np.column_stack([0.5 ** np.arange(5), 0.25 ** np.arange(5)]))
    ax = display.plot().ax_
    assert (ax.get_xlabel(), display.best) == ("x", 4)
    assert [line.get_label() for line in ax.lines] == ["function", "path", "start", "best"]


def test_curve_of_a_loaded_run_and_of_huge_values(tmp_path):
    loaded = curve_run()
    loaded.evaluate = not_at_hand
    display = CurveDisplay.from_run(loaded).plot()
    assert display.value is None
    assert display.ax_.get_title() == "a title (function not at hand)"
    steep = make_run(lambda p: 1.7e308 * np.sign(p[0]), [[1.0], [-1.0]], names="x")
    save_figure(CurveDisplay.from_run(steep), tmp_path / "steep.png")
    far = make_run(lambda p: 1.0, [[1.7e308], [-1.7e308]], names="x")
    save_figure(CurveDisplay.from_run(far), tmp_path / "far.png")


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_line_holds_the_data_and_the_fitted_curve(shape):
    display = LineDisplay.from_run(line_fit(shape=shape))
    np.testing.assert_allclose(display.x, np.linspace(0, 10, 300))
    np.testing.assert_allclose(display.y, 30 * display.x + 4)
    np.testing.assert_allclose(display.line_x, np.linspace(0, 10, 200))
    np.testing.assert_allclose(display.line_y, 30 * np.linspace(0, 10, 200) + 4)
    ax = display.plot().ax_
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x", "y")


def test_line_draws_at_most_2000_rows_and_says_so():
    display = LineDisplay.from_run(line_fit(rows=20_000), names=("distance", "delay")).plot()
    (dots,) = display.ax_.collections
    assert len(dots.get_offsets()) == 2_000
    assert len(display.x) == 20_000
    assert dots.get_label() == "data (2,000 of 20,000 rows)"
    assert display.ax_.get_ylabel() == "delay"


def test_line_leaves_out_rows_that_are_not_finite():
    fit = line_fit(rows=5)
    fit.data[1][2] = np.nan
    np.testing.assert_allclose(LineDisplay.from_run(fit).x, [0, 2.5, 7.5, 10])


def test_line_takes_names_from_the_data():
    pandas = pytest.importorskip("pandas")
    fit = line_fit(shape=(-1, 1))
    frame = pandas.DataFrame({"distance": fit.data[0][:, 0], "delay": fit.data[1]})
    fit.data = frame[["distance"]], frame["delay"]
    assert LineDisplay.from_run(fit).names == ("distance", "delay")


def test_line_refuses_what_is_no_line():
    fit = line_fit()
    fit.data = np.ones((300, 2)), np.ones(300)
    with pytest.raises(ValueError, match=r"float64 \(300, 2\) and float64 \(300,\), and a line needs one column"):
        LineDisplay.from_run(fit)
    for run in (line_fit(), textbook()):
        run.data = None
        with pytest.raises(ValueError, match=r"a line needs the data of a fit and this run has none, .*: use Desc"):
            LineDisplay.from_run(run)


@pytest.mark.parametrize("model", ["linear", "svm"])
@pytest.mark.always(1)
def test_a_fit_of_three_classes_to_one_column_is_no_line(model):
    x = np.linspace(-1, 1, 30)
    label = np.repeat(["low", "middle", "high"], 10).tolist()
    fit = st.fit_table({"x": x, "label": label}, target="label", model=model, held_out=0)
    assert type(plot_run(fit)) is FitDisplay
    with pytest.raises(ValueError, match=r"one output for each of 3 classes and a line needs a single output: use"):
        LineDisplay.from_run(fit)


def wide_fit():
    fit = line_fit()
    fit.data = np.ones((300, 2)), np.ones(300)
    return fit


PICTURES = [
    (textbook, ContourDisplay),
    (line_fit, LineDisplay),
    (wide_fit, DescentDisplay),
    (curve_run, CurveDisplay),
    (lambda: make_run(bowl, np.ones((4, 3)), names="xyz"), DescentDisplay),
    (lambda: make_run(bowl, np.full((2, 2), np.nan)), DescentDisplay),
]


@pytest.mark.parametrize(("make", "kind"), PICTURES)
def test_plot_run_chooses_the_picture_and_draws_it_transparently(make, kind):
    display = plot_run(make())
    assert type(display) is kind
    assert display.plot() is display
    assert display.figure_.get_facecolor()[3] == 0
    assert all(ax.get_facecolor()[3] == 0 for ax in display.figure_.axes)
    assert display.ax_ in display.figure_.axes


@pytest.mark.parametrize(("make", "kind"), PICTURES)
def test_plot_run_draws_on_the_axes_given_and_leaves_their_colours(make, kind):
    figure, ax = plt.subplots()
    display = plot_run(make(), ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert ax.get_facecolor()[3] == 1
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(("make", "kind"), PICTURES)
def test_overview_puts_the_picture_beside_the_descent(make, kind):
    figure = overview(make())
    assert len(figure.axes) == (2 if kind is DescentDisplay else 3)
    assert figure.get_facecolor()[3] == 0
    assert not plt.get_fignums()


@pytest.mark.parametrize("suffix", ["png", "PNG", "svg", "pdf"])
def test_save_figure_writes_whole_files_and_leaves_nothing_else(tmp_path, suffix):
    path = save_figure(ContourDisplay.from_run(textbook(), size=10), tmp_path / f"path.{suffix}")
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    assert path.read_bytes().startswith(starts[suffix.lower()])
    assert [each.name for each in tmp_path.iterdir()] == [f"path.{suffix}"]
    assert not plt.get_fignums()


def test_save_figure_writes_a_png_with_a_transparent_background(tmp_path):
    on_white = plot_run(textbook(), ax=plt.subplots()[1])
    for figure in (overview(textbook()), on_white):
        pixels = plt.imread(save_figure(figure, str(tmp_path / "path.png")))
        assert pixels.shape[2] == 4
        assert (pixels[0, 0, 3], pixels[..., 3].max()) == (0, 1)
    assert on_white.ax_.get_facecolor()[3] == 1


def test_save_figure_keeps_the_old_file_where_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "path.png"
    path.write_bytes(b"old")

    def full(figure, target, **kwargs):
        target.write(b"ne")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(OSError, match="disk full"):
        save_figure(DescentDisplay.from_run(textbook()), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_save_figure_refuses_other_formats_and_missing_folders(tmp_path):
    display = DescentDisplay.from_run(textbook())
    with pytest.raises(ValueError, match=r"'path.jpg' ends in none of .png, .svg, .pdf"):
        save_figure(display, tmp_path / "path.jpg")
    with pytest.raises(FileNotFoundError, match=r"path.png: there is no folder .*nowhere; make it first"):
        save_figure(display, tmp_path / "nowhere" / "path.png")


def contrast(one, other):
    """Return the contrast ratio of two colours, as WCAG 2.2 defines it."""

    def luminance(colour):
        parts = np.array(to_rgb(colour))
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("page", ["#ffffff", "#1e1e1e"])
def test_colours_read_on_light_and_dark_pages(page):
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast(style.GREY, page) >= 4
    assert min(contrast(colour, page) for colour in style.COLOURS) >= 3


def test_text_ticks_and_spines_are_grey():
    ax = plot_run(textbook()).ax_
    ax.figure.canvas.draw()
    texts = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.get_xticklabels(), *ax.get_legend().get_texts()]
    assert {to_rgb(text.get_color()) for text in texts} == {to_rgb(style.GREY)}
    assert {to_rgb(ax.spines[side].get_edgecolor()) for side in ("left", "bottom")} == {to_rgb(style.GREY)}


def test_every_series_has_its_own_colour_line_and_marker():
    drawn = [style.series(k, points=5) for k in range(4)]
    for what in ("color", "linestyle", "marker"):
        assert len({each[what] for each in drawn}) == 4


def test_both_axes_of_a_saved_descent_look_alike(tmp_path):
    display = DescentDisplay([1, 2, 3], [4.0, 3.0, 2.5], [2.0, 1.0, 0.5])
    save_figure(display, tmp_path / "d.png")
    upper, lower = display.axes_
    assert lower.yaxis.label.get_color() == upper.yaxis.label.get_color() != "black"
    assert [s.get_visible() for s in lower.spines.values()] == [s.get_visible() for s in upper.spines.values()]
    assert lower.get_facecolor() == upper.get_facecolor()


def descent_of_values(values, **more):
    return DescentDisplay(np.arange(len(values)), values, np.ones(len(values)), **more).caption


def test_the_caption_of_a_descent_tells_the_best_value_from_the_last():
    assert descent_of_values([9.0, 4.0, 1.0]).startswith(
        "The value falls from 9 to 1 within 2 evaluations; the gradient"
    )
    assert "falls from 9 to 4 within 1 evaluation, rises again and ends at 1e32" in descent_of_values([9.0, 4.0, 1e32])
    assert "begins at −13 and ends at −20; it was never better" in descent_of_values([-13.0, -20.0], maximized=True)
    assert "begins at 5 and never gets better" in descent_of_values([5.0, 5.0])
    assert "falls from 1.00000000002e12 to 1e12" in descent_of_values([1e12 + 20, 1e12])
    assert "1 value is not finite" in descent_of_values([2.0, np.nan, 1.0])
    assert "What is above 1e150 is drawn there" in descent_of_values([1.0, 1e200])


def test_a_path_is_drawn_until_it_leaves_for_good():
    points = np.array([[0, 0], [3, 0], [0.5, 0.5], [9, 9], [-9, 9], [9, -9]])
    display = ContourDisplay.from_run(make_run(bowl, points), window=((-1, 1), (-1, 1))).plot()
    path = next(line for line in display.ax_.lines if line.get_label() == "path")
    np.testing.assert_array_equal(np.column_stack(path.get_data()), points[:4])
    assert "end" not in [line.get_label() for line in display.ax_.lines]


def test_the_best_point_between_the_points_of_a_grid_counts_among_the_values():
    display = ContourDisplay.from_run(make_run(bowl, [[3, 2], [0, 0]]), window=((-1, 4), (-1, 4)), size=4)
    assert display.values.min() > 0.1
    assert "values here go from 0 to 32" in display.caption


def test_the_value_on_a_contour_line_is_that_of_the_function_there():
    display = ContourDisplay.from_run(make_run(bowl, [[3, 2], [0.5, 0.5]]), window=((-4, 4), (-4, 4))).plot()
    labels = [text for text in display.ax_.texts if text.get_zorder() < 1]
    assert len(labels) > 2
    for label in labels:
        np.testing.assert_allclose(bowl(label.get_position()), float(label.get_text()), rtol=0.1)


def test_the_best_point_of_the_path_is_the_lowest_height():
    display = ContourDisplay.from_run(make_run(bowl, [[3, 2], [0, 0]]), window=((-1, 4), (-1, 4)), size=4)
    assert display.best_value == 0
    np.testing.assert_allclose(display.height, display.values)


def test_heights_grow_evenly_lighter():
    linear = np.array(style.ramp()(np.linspace(0, 1, 13)))[:, :3]
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    lightness = 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16  # CIELAB's L*
    steps = np.diff(lightness)
    assert steps.min() > 0.7 * steps.mean()
    assert steps.max() < 1.4 * steps.mean()


def test_tangents_have_the_slope_of_the_function_and_one_length_on_the_page():
    run = make_run(lambda p: float(p[0] ** 2), [[3.0], [-2.0], [1.0]], gradient_at=lambda p: 2 * np.asarray(p))
    ax = CurveDisplay.from_run(run).plot().ax_
    tangents = [line for line in ax.lines if line.get_color() == style.GREEN]
    assert len(tangents) > 1
    shares = np.array([np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())])
    for line in tangents:
        x, y = line.get_data()
        np.testing.assert_allclose(np.diff(y) / np.diff(x), 2 * x.mean(), rtol=1e-9)
        np.testing.assert_allclose(np.hypot(*(np.array([np.ptp(x), np.ptp(y)]) / shares)), 0.12, rtol=1e-9)


def test_a_text_on_a_point_that_stays_free_is_dropped():
    ax = style.blank().add_subplot()
    near, far = ax.text(0.2, 0.2, "near"), ax.text(0.8, 0.8, "far")
    style.drop_overlapping(ax, [near, far], np.array([[0.2, 0.2]]))
    assert list(ax.texts) == [far]
