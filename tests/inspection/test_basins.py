"""Maps of basins against known ones: a start reaches the minimum on its side of a ridge."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from tests.inspection.runs import clashes

from steepest.inspection import BasinDisplay
from steepest.inspection.plots.basins import FILLS, SHADES, shades


def double_well(nx=40, ny=30):
    """Return the basins of (x² - 1)² + y²: x < 0 falls to (-1, 0) and x > 0 to (1, 0), but |y| > 1.5 to none."""
    grid_x, grid_y = np.linspace(-2, 2, nx), np.linspace(-2, 2, ny)
    labels = np.where(np.abs(grid_y)[:, None] > 1.5, -1, (grid_x > 0).astype(int) * np.ones((ny, 1), int))
    counts = np.bincount(labels[labels >= 0])
    record = {"minima": [[-1, 0], [1, 0]], "values": [0.0, 0.25], "names": ("$u", "v"), "title": "two wells"}
    record |= {"iterations": None, "diverged": None, "maximized": False}
    return SimpleNamespace(grid_x=grid_x, grid_y=grid_y, labels=labels, counts=counts, **record)


def checks(count):
    """Return a row of basins, with two cells for each."""
    labels = np.repeat(np.arange(count), 2)[None, :]
    minima = np.column_stack([np.arange(count), np.zeros(count)])
    grid_x = np.arange(2 * count) / 2 - 0.25
    return BasinDisplay(grid_x, [0.0], labels, minima, np.arange(count) / 4, np.arange(count) + 1)


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def mesh(display):
    return next(each for each in display.ax_.collections if hasattr(each, "get_coordinates"))


def test_basins_hold_the_record_and_the_share_of_each():
    record = double_well()
    display = BasinDisplay.from_basins(record)
    np.testing.assert_array_equal(display.labels, record.labels)
    np.testing.assert_array_equal(display.counts, [20 * 22, 20 * 22])
    np.testing.assert_allclose(display.shares, [440 / 1200] * 2)
    assert display.lost == 40 * 8
    assert display.shares.sum() + display.lost / 1200 == pytest.approx(1)


def test_every_start_is_a_cell_of_its_basins_colour_and_no_minimum_is_transparent():
    display = BasinDisplay.from_basins(double_well()).plot()
    cells = mesh(display)
    drawn = np.ma.masked_array(cells.get_array()).reshape(30, 40)
    np.testing.assert_array_equal(drawn.mask, display.labels < 0)
    np.testing.assert_array_equal(drawn.compressed() // SHADES, display.labels[display.labels >= 0])
    # Without the numbers of steps, the shade is the fill itself.
    assert [to_hex(cells.cmap(cells.norm(k))) for k in np.unique(drawn.compressed())] == list(FILLS[:2])
    (hatched,) = display.ax_.patches
    assert hatched.get_hatch()
    middles = np.stack(np.meshgrid(display.grid_x, display.grid_y), axis=-1).reshape(-1, 2)
    inside = hatched.get_path().contains_points(middles).reshape(30, 40)
    np.testing.assert_array_equal(inside, display.labels < 0)


def shaded(steps, diverged=None):
    """Return a map of two basins of four starts each, and of two starts that reach no minimum."""
    labels = np.array([[0, 0, 1, 1, -1], [0, 0, 1, 1, -1]])
    how = {"iterations": steps, "diverged": diverged}
    return BasinDisplay(np.arange(5), np.arange(2), labels, [[0, 0], [2, 0]], [1.0, 2.0], [4, 4], **how)


def lightness(colours):
    """Return the relative luminance of colours, by the formula of WCAG."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_starts_that_need_more_steps_are_darker(saved):
    steps = np.array([[1, 2, 1, 16, 500], [4, 8, 2, 4, 9]])
    display = shaded(steps)
    saved(display)
    cells = mesh(display)
    colours = cells.cmap(cells.norm(cells.get_array()))[..., :3].reshape(2, 5, 3)
    for label in (0, 1):
        own = display.labels == label
        order = np.argsort(steps[own])
        assert (np.diff(lightness(colours[own][order])) < 0).all()
    # The steps double from shade to shade at equal distances: 1, 2, 4, 8 and 16.
    drawn = np.ma.getdata(cells.get_array()).reshape(2, 5)[display.labels >= 0]
    at = {int(step): int(shade) for step, shade in zip(steps[display.labels >= 0], drawn % SHADES, strict=True)}
    assert list(np.diff([at[step] for step in (2, 4, 8)])) == [6, 6]
    assert "Darker starts need more steps: from 1 to 16." in display.caption


def test_the_scale_of_the_steps_is_beside_the_map_and_its_marks_do_not_overlap(saved):
    display = shaded(np.array([[1, 2, 1, 16, 500], [4, 8, 2, 4, 9]]))
    saved(display)
    (scale,) = display.ax_.child_axes
    assert scale.get_ylabel() == "steps"
    display.figure_.canvas.draw()
    boxes = sorted((text.get_window_extent() for text in scale.get_yticklabels()), key=lambda box: box.y0)
    assert all(low.y1 < high.y0 for low, high in itertools.pairwise(boxes))
    assert scale.get_window_extent().x0 > display.ax_.get_window_extent().x1
    assert not clashes(BasinDisplay.from_basins(double_well()).to_figure())
    assert not shaded(np.full((2, 5), 3)).plot().ax_.child_axes


def test_black_numbers_are_readable_on_every_shade():
    darkest = np.concatenate([shades(fill) for fill in FILLS])
    # 4.5 is the least contrast of WCAG for small texts; black has the luminance 0.
    assert ((lightness(darkest) + 0.05) / 0.05).min() > 4.5


def test_starts_that_diverged_are_hatched_and_those_that_reached_nothing_are_dotted(saved):
    away = np.zeros((2, 5), bool)
    away[0, 4] = away[0, 0] = True  # the second start reached a minimum, on whichever way
    display = shaded(np.ones((2, 5)), away)
    saved(display)
    diverged, nothing = display.ax_.patches
    assert (diverged.get_label(), nothing.get_label()) == ("diverged (10 %)", "no minimum (10 %)")
    assert diverged.get_hatch() != nothing.get_hatch()
    for patch, place in ((diverged, (4, 0)), (nothing, (4, 1))):
        middles = np.stack(np.meshgrid(np.arange(5), np.arange(2)), axis=-1).reshape(-1, 2)
        assert middles[patch.get_path().contains_points(middles)].tolist() == [list(place)]
    assert "From the hatched 10 % the descent diverges. From the dotted 10 % it reaches no minimum." in display.caption


def test_a_map_is_told_in_words_and_numbers():
    display = shaded(np.ones((2, 5)))
    assert display.caption == "40 % of 10 starts lead to minimum 1 at (0, 0), as wide as the widest other of 2 basins."
    table = display.table()
    assert {name: list(column) for name, column in table.items()} == {
        "x": [0, 2], "y": [0, 0], "value": [1, 2], "starts": [4, 4]
    }  # fmt: skip


def test_the_corners_of_the_map():
    display = BasinDisplay.from_basins(double_well()).plot()
    np.testing.assert_allclose(mesh(display).get_coordinates()[0, [0, -1], 0], [-2 - 2 / 39, 2 + 2 / 39])


def test_boundaries_run_between_the_cells_whose_labels_differ():
    display = BasinDisplay.from_basins(double_well()).plot()
    lines = next(each for each in display.ax_.collections if each is not mesh(display))
    ends = np.array(lines.get_segments())
    upright = ends[ends[:, 0, 0] == ends[:, 1, 0]]
    level = ends[ends[:, 0, 1] == ends[:, 1, 1]]
    assert len(upright) == 22  # the ridge x = 0, in each row in which a minimum is reached
    np.testing.assert_allclose(upright[..., 0], 0, atol=1e-12)
    assert len(level) == 2 * 40
    assert (np.abs(level[..., 1]) > 1.4).all()
    assert len(lines.get_segments()) == len(upright) + len(level)


def test_minima_and_map_are_numbered():
    display = BasinDisplay.from_basins(double_well()).plot()
    bold = {text.get_text(): text.get_position() for text in display.ax_.texts if text.get_weight() == "bold"}
    assert bold == {"1": (-1, 0), "2": (1, 0)}
    small = [text for text in display.ax_.texts if text.get_weight() != "bold"]
    assert len(small) > 20
    for text in small:
        x, y = text.get_position()
        assert text.get_text() == ("1" if x < 0 else "2")
        assert abs(y) < 1.5
        assert abs(x) > 0.06  # the cells on both sides of the ridge are at 2/39


def test_legend_shows_value_and_share():
    display = BasinDisplay.from_basins(double_well()).plot()
    assert legend(display) == ["1: 0 (36.7 %)", "2: 0.25 (36.7 %)", "none (26.7 %)"]
    assert (display.ax_.get_xlabel(), display.ax_.get_title()) == ("$u", "two wells")


def test_many_basins_repeat_their_colours_and_say_so(saved):
    display = checks(11)
    saved(display)
    drawn = np.asarray(mesh(display).get_array()).ravel()
    np.testing.assert_array_equal(drawn // SHADES, np.repeat(np.arange(11) % 8, 2))
    assert "colours repeat after 8" in display.ax_.get_title()
    lines = legend(display)
    assert lines[:8] == [f"{k}: {(k - 1) / 4:.4g} ({100 * k / 66:.3g} %)" for k in range(4, 12)]
    assert lines[8:] == [f"3 more ({100 * 6 / 66:.3g} %)"]


def test_one_basin_and_none(saved):
    alone = checks(1)
    saved(alone)
    assert legend(alone) == ["1: 0 (100 %)"]
    assert not alone.ax_.patches
    empty = BasinDisplay([0, 1, 2], [0, 1], -np.ones((2, 3), dtype=int), [], [], [], title="nothing")
    saved(empty)
    assert empty.ax_.get_title() == "nothing (no minimum reached)"
    assert legend(empty) == ["none (100 %)"]
    assert empty.shares.size == 0


def test_basins_are_drawn_on_the_axes_given_and_saved_transparently(saved):
    figure, ax = plt.subplots()
    display = BasinDisplay.from_basins(double_well()).plot(ax)
    assert (display.ax_, display.figure_) == (ax, figure)
    pixels = saved(BasinDisplay.from_basins(double_well()))
    assert (pixels[..., 3] == 0).mean() > 0.1


def test_basins_refuse_arrays_that_do_not_fit_together():
    grid = [0, 1, 2], [0, 1]
    with pytest.raises(ValueError, match=r"labels have the shape \(3, 2\) on a grid of \(2, 3\): give labels\[y, x\]"):
        BasinDisplay(*grid, np.zeros((3, 2), int), [[0, 0]], [0], [6])
    with pytest.raises(ValueError, match=r"labels go from 0 to 1 with 1 minima: give -1 for none, else 0 to 0"):
        BasinDisplay(*grid, np.eye(2, 3, dtype=int), [[0, 0]], [0], [6])
    with pytest.raises(ValueError, match=r"1 minima, 2 values and 1 counts, and each minimum has one value and"):
        BasinDisplay(*grid, np.zeros((2, 3), int), [[0, 0]], [0, 1], [6])


def test_the_caption_says_maximum_and_equally_wide_where_they_are():
    how = {"maximized": True, "diverged": [[False, False, False]]}
    display = BasinDisplay([0, 1, 2], [0], [[0, 1, -1]], [[0, 0], [1, 0]], [1.0, 1.0], [1, 1], **how)
    assert "lead to maximum 1 at (0, 0), as wide as the widest other of 2 basins" in display.caption
    assert "it reaches no maximum" in display.caption
    assert "minimum" not in display.caption
