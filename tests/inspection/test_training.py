"""The lines of a fit at several epochs against the parameters in its trace."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.inspection.runs import make_fit

import steepest as st
from steepest.inspection import TrainingDisplay, plot_run
from steepest.models import Custom, Linear


def learning(epochs=9, model=None, params=None, shape=(-1,), **more):
    """Return a fit of y = 8x whose slope at epoch k is 8 (1 - 0.5^k), and so √loss halves: 8 · 0.5^k."""
    x = np.linspace(0, 10, 11)
    slopes = 8 * (1 - 0.5 ** np.arange(epochs))
    points = np.column_stack([slopes, np.zeros(epochs)])
    params = params or {"m": slopes[-1], "b": 0.0}
    return make_fit(lambda p: (p[0] - 8) ** 2, points, (x.reshape(shape), 8 * x), params, model, **more)


def test_lines_are_those_of_the_parameters_at_their_epochs():
    display = TrainingDisplay.from_run(learning(), epochs=(0, 1, 3), size=5)
    np.testing.assert_array_equal(display.epochs, [0, 1, 3])
    np.testing.assert_allclose(display.curves, np.outer([0, 4, 7], np.linspace(0, 10, 5)))
    np.testing.assert_allclose(display.line.line_y, 8 * (1 - 0.5**8) * np.linspace(0, 10, 5))
    np.testing.assert_allclose(display.descent.value, 64 * 0.25 ** np.arange(9))


def test_default_epochs_are_the_start_and_two_on_the_way_to_the_best():
    # √loss first falls below 2/3 of its start at epoch 1, and below 1/3 at epoch 2.
    np.testing.assert_array_equal(TrainingDisplay.from_run(learning()).epochs, [0, 1, 2])
    np.testing.assert_array_equal(TrainingDisplay.from_run(learning(epochs=2)).epochs, [0])
    assert TrainingDisplay.from_run(learning(epochs=1)).epochs.size == 0


def test_a_linear_model_takes_its_coefficients_from_the_row():
    params = {"coef": np.array([7.0]), "intercept": 0.0}
    for shape in ((-1,), (-1, 1)):
        display = TrainingDisplay.from_run(learning(model=Linear(), params=params, shape=shape), epochs=[1], size=3)
        np.testing.assert_allclose(display.curves, [[0, 20, 40]])
        np.testing.assert_allclose(display.line.line_y, [0, 35, 70])


def test_nested_parameters_are_laid_out_as_the_trace_names_them():
    params = {"p": {"w": 1.0, "both": (np.array([0.0, 0.0]), 5.0)}}
    model = Custom(lambda x, p: p["w"] * x + p["both"][0][1] + 100 * p["both"][1])
    data = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    run = make_fit(lambda p: p[0] ** 2, [[2.0, 3.0, 4.0, 5.0], [1.0, 0, 0, 5]], data, params, model, names="abcd")
    np.testing.assert_allclose(TrainingDisplay.from_run(run, epochs=[0], size=2).curves, [[504, 506]])


def test_a_real_fit_shows_the_lines_it_went_through():
    x = np.linspace(0, 4, 30)
    fit = st.fit(lambda x, m, b: m * x + b, x, 3 * x - 1, step=0.05, epochs=40)
    display = TrainingDisplay.from_run(fit, epochs=(0, 5))
    (m, b), five = fit.trace.x[0], fit.trace.at(epoch=5)["x"]
    np.testing.assert_allclose(display.curves, [m * display.line.line_x + b, five[0] * display.line.line_x + five[1]])
    np.testing.assert_allclose(display.line.line_y, fit.predict(display.line.line_x))


def test_a_table_of_one_column_is_drawn_with_its_names():
    fit = st.fit_table({"age": [2.0, 4.0, 6.0, 8.0], "height": [10.0, 14.0, 18.0, 22.0]}, target="height", held_out=0)
    display = plot_run(fit)
    np.testing.assert_allclose(display.line_y, 6 + 2 * display.line_x, rtol=1e-4)
    assert display.names == ("age", "height")


def test_lines_and_loss_are_drawn_alike():
    display = TrainingDisplay.from_run(learning(), epochs=(0, 2)).plot()
    left, upper, lower = display.axes_
    assert display.ax_ is left
    labels = [text.get_text() for text in left.get_legend().get_texts()]
    assert labels == ["data", "fit", "epoch 0", "epoch 2"]
    lines = {line.get_label(): line for line in left.lines}
    np.testing.assert_allclose(lines["epoch 2"].get_ydata(), 6 * display.line.line_x)
    marks = {line.get_xdata()[0]: line for line in upper.lines if len(line.get_xdata()) == 1}
    np.testing.assert_allclose(marks[2].get_ydata(), 64 * (0.25**2 - 0.25**8))
    assert marks[2].get_color() == lines["epoch 2"].get_color()
    assert marks[2].get_marker() == lines["epoch 2"].get_marker() != lines["epoch 0"].get_marker()
    assert lower.get_xlabel() == "epoch"
    assert (left.get_title(), upper.get_title()) == ("a title", "")


def test_a_start_far_off_does_not_squeeze_the_data():
    run = learning()
    run.trace.x[0] = 1e6, 1e6
    display = TrainingDisplay.from_run(run, epochs=[0]).plot()
    low, high = display.ax_.get_ylim()
    assert high < 200
    assert low == pytest.approx(-4)


def test_training_takes_axes_for_the_lines_alone_or_for_both(saved):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    display = TrainingDisplay.from_run(learning())
    assert display.plot(left).axes_ == (left,)
    left.clear()
    axes = display.plot([left, right]).axes_
    assert axes[:2] == (left, right)
    assert len(axes) == len(figure.axes) == 3
    with pytest.raises(ValueError, match=r"got 3 axes, and a training is drawn on 2 side by side"):
        display.plot(axes)
    saved(TrainingDisplay.from_run(learning()))


def test_training_leaves_out_what_is_not_finite_and_what_is_a_sketch(saved):
    run = learning()
    run.trace.x[1] = np.nan
    run.trace.value[1] = np.nan
    np.testing.assert_array_equal(TrainingDisplay.from_run(run, epochs=(0, 1)).epochs, [0])
    saved(TrainingDisplay.from_run(run, epochs=(0, 1)))
    sketched = learning()
    sketched.params = {"m": np.ones(5), "b": 0.0}
    sketched.model = Custom(lambda x, m, b: m.sum() * x + b)
    assert TrainingDisplay.from_run(sketched).curves.shape == (0, 200)


def test_training_refuses_epochs_before_the_first_and_runs_without_data():
    with pytest.raises(ValueError, match=r"epochs=\[-1\] and the first epoch of the fit is 0: give none before it"):
        TrainingDisplay.from_run(learning(), epochs=[-1])
    run = learning()
    run.data = None
    with pytest.raises(ValueError, match=r"a line needs the data of a fit"):
        TrainingDisplay.from_run(run)
