"""Pictures of trees, against the words and the predictions of their fits."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon
from tests.inspection.runs import halving

import steepest as st
from steepest.inspection import (
    GatesDisplay,
    PartitionDisplay,
    RestartsDisplay,
    TreeDisplay,
    descent_of,
    overview,
    plot_run,
)
from steepest.inspection.plots import style
from steepest.inspection.plots.tree.edges import THICK, THIN
from steepest.inspection.plots.tree.regions import clipped
from steepest.inspection.plots.tree.shades import INK, Shades
from steepest.models.outline import Node, outline
from steepest.models.rules import Rules
from steepest.models.splits import Splits

X = np.random.default_rng(0).uniform(-2, 2, size=(240, 2))
DISPLAYS = (TreeDisplay, PartitionDisplay, GatesDisplay, RestartsDisplay)


def fitted(X, y, loss=None, epochs=5, **settings):
    tree = st.models.Tree(**{"depth": 2, "restarts": 4} | settings)
    how = {} if loss is None else {"loss": loss}
    return st.fit(tree, X, y, epochs=epochs, rng=0, progress=False, **how)


@pytest.fixture(scope="module")
def numbers():
    return fitted(X, np.where(X[:, 0] > 0.5, 7.0, np.where(X[:, 1] > -1, 2.0, 4.0)))


@pytest.fixture(scope="module")
def classes():
    return fitted(X, (X[:, 0] > 0.5) + 2.0 * (X[:, 1] > 1), "softmax")


@pytest.fixture(scope="module")
def binary():
    return fitted(X, (X[:, 0] > 0.5) * (X[:, 1] > 0.2) * 1.0, "log loss")


@pytest.fixture(scope="module")
def few():
    """Return a fit of so few rows that none are held out of the descent."""
    return fitted(X[:19], 1.0 * (X[:19, 0] > 0.5) + X[:19, 1])


@pytest.fixture(scope="module")
def sums():
    return fitted(X, X @ [1.0, 2.0] > 0.3, "log loss", epochs=60, depth=1, splits="all")


def grown(depth, number=0, level=0):
    """Return a whole tree with known numbers of rows, and the number of each leaf as its prediction."""
    if level == depth:
        leaf = number - (2**depth - 1)
        return Node(leaf, leaf + 1, np.array([float(leaf)]))
    left, right = (grown(depth, 2 * number + side, level + 1) for side in (1, 2))
    return Node(number, left.rows + right.rows, None, ("dep_delay", f"is at most {number}"), left, right)


def boxes(display):
    """Return the drawn boxes of the splits and of the leaves, which alone are filled."""
    drawn = [patch for patch in display.ax_.patches if isinstance(patch, FancyBboxPatch)]
    return [box for box in drawn if not box.get_facecolor()[3]], [box for box in drawn if box.get_facecolor()[3]]


def texts_in(display, box):
    """Return the texts whose anchor is in a box, from top to bottom."""
    low, high = box.get_window_extent().get_points()
    own = [text for text in display.ax_.texts if (text.get_transform().transform(text.get_position()) >= low).all()]
    own = [text for text in own if (text.get_transform().transform(text.get_position()) <= high).all()]
    return [text.get_text() for text in sorted(own, key=lambda text: -text.get_position()[1])]


# The tree.


def test_a_tree_has_the_words_of_its_rules(numbers, saved):
    saved(TreeDisplay.from_run(numbers))
    display = TreeDisplay.from_run(numbers).plot()
    lines = [line.strip() for line in numbers.rules().splitlines()]
    splits, leaves = boxes(display)
    # The rules have two sentences for each split, of which the picture has the first.
    conditions = [line.partition(":")[0] for line in lines if " is at most " in line]
    assert sorted(" ".join(texts_in(display, box)) for box in splits) == sorted(conditions)
    answers = [re.search(r": (\S+) \((.*)\)", line).groups() for line in lines if ":" in line]
    drawn = [tuple(texts_in(display, box)) for box in sorted(leaves, key=lambda box: box.get_x())]
    assert drawn == answers
    assert len(leaves) == len(numbers.outline().leaves) == len(answers) > 2


def test_a_leaf_has_its_most_probable_class_and_the_rows_of_a_prediction(classes, binary):
    for fit, count in ((classes, 4), (binary, 2)):
        shares = fit.predict(X)
        shares = shares if shares.ndim == 2 else np.stack([1 - shares, shares], axis=1)
        found = {
            (f"class {p.argmax()}", f"p = {p.max():.3g}", f"{n} rows, {n / len(X):.0%}")
            for p, n in zip(*np.unique(shares, axis=0, return_counts=True), strict=True)
        }
        display = TreeDisplay.from_run(fit).plot()
        assert {tuple(texts_in(display, box)) for box in boxes(display)[1]} == found
        assert display.labels == [f"class {k}" for k in range(count)]


def test_the_colour_of_a_leaf_is_that_of_its_class_or_its_side_of_the_mean(classes, numbers):
    tree = TreeDisplay.from_run(classes)
    for leaf in classes.outline().leaves:
        colour, own = tree.colours()[leaf.number], np.array(to_rgb(style.COLOURS[leaf.prediction.argmax()]))
        pale = np.array(to_rgb("#dcdcdc"))
        # On the line from grey to the colour of the class.
        np.testing.assert_allclose(colour, pale + (leaf.prediction.max() - 0.25) / 0.75 * (own - pale))
    mean = numbers.predict(X).mean()
    for leaf in numbers.outline().leaves:
        red, _, blue = TreeDisplay.from_run(numbers).colours()[leaf.number]
        assert (red > blue) == (leaf.prediction[0] > mean)


def luminance(colours):
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_the_texts_of_leaves_can_be_read_on_every_colour():
    assert INK == "black"
    scale = Shades(0.0, 1.0).of_numbers(np.linspace(-2, 2, 101))
    sure = np.concatenate([Shades().of_classes(p * np.eye(9) + (1 - p) / 9) for p in np.linspace(0, 1, 11)])
    # 4.5 is the contrast that the Web Content Accessibility Guidelines ask for.
    assert ((luminance(np.concatenate([scale, sure])) + 0.05) / 0.05).min() > 4.5


def test_edges_are_as_wide_as_their_share_of_the_rows_and_lead_left_for_yes():
    root = grown(2)
    display = TreeDisplay(root).plot()
    edges = [patch for patch in display.ax_.patches if isinstance(patch, PathPatch)]
    rows = [root.left.rows, root.left.left.rows, root.left.right.rows]
    scale = edges[0].get_linewidth() / (THIN + THICK * 3 / 10)
    for edge, count in zip(edges, rows, strict=False):
        assert edge.get_linewidth() == pytest.approx(scale * (THIN + THICK * count / 10))
    assert scale == pytest.approx(1, abs=0.02)
    # The edge to the first leaf ends at its box, which is the leftmost.
    first = min(boxes(display)[1], key=lambda box: box.get_x())
    end = edges[1].get_path().vertices[-1]
    np.testing.assert_allclose(end, [first.get_x() + first.get_width() / 2, first.get_y() + first.get_height()])
    # The edges of the root begin side by side, and their words are outside.
    left, right = edges[0].get_path().vertices, edges[3].get_path().vertices
    assert right[0, 0] - left[0, 0] == pytest.approx((edges[0].get_linewidth() + edges[3].get_linewidth()) / 2, abs=1)
    yes, no = (text for text in display.ax_.texts[:4] if text.get_position()[1] > first.get_y() + 60)
    assert (yes.get_text(), yes.get_ha(), no.get_text(), no.get_ha()) == ("yes", "right", "no", "left")
    assert yes.get_position()[0] < left[-1, 0] < right[-1, 0] < no.get_position()[0]


@pytest.mark.parametrize("depth", [1, 3, 5])
def test_no_two_boxes_overlap_and_all_texts_are_inside_the_picture(depth):
    display = TreeDisplay(grown(depth), title="a title").plot()
    display.figure_.draw_without_rendering()
    splits, leaves = boxes(display)
    assert len(leaves) == 2**depth
    extents = [box.get_window_extent() for box in splits + leaves]
    for k, box in enumerate(extents):
        assert not any(box.overlaps(other) for other in extents[:k])
    whole = display.figure_.bbox
    for text in display.ax_.texts:
        extent = text.get_window_extent()
        assert extent.x0 >= whole.x0
        assert extent.x1 <= whole.x1
        home = [box for box in extents if box.contains(*(extent.min + extent.max) / 2)]
        # A text in a box is inside of it, and the words at the edges touch none.
        assert all(box.x0 <= extent.x0 and extent.x1 <= box.x1 for box in home)
        is_at_edge = text.get_text() in ("yes", "no")
        assert bool(home) != is_at_edge
        assert not is_at_edge or not any(box.overlaps(extent) for box in extents)


def test_a_tree_of_more_than_eight_leaves_grows_to_the_right():
    assert not TreeDisplay(grown(3)).is_sideways
    display = TreeDisplay(grown(4))
    assert display.is_sideways
    root, *_, last = display.boxes()
    assert root.x < last.x
    assert last.y == min(box.y for box in display.boxes())
    display.plot()
    ends = [patch.get_path().vertices[-1, 1] for patch in display.ax_.patches if isinstance(patch, PathPatch)]
    for text, end in zip(display.ax_.texts, ends, strict=False):
        above = text.get_position()[1] > end
        assert (text.get_text(), text.get_va()) == (("yes", "bottom") if above else ("no", "top"))


def test_long_texts_are_shortened_and_quotes_left_out():
    leaves = Node(0, 1, np.array([1e6])), Node(1, 2, np.array([0.1 + 0.2]))
    asked = ('"$mean\\" radius"', "is " + " or ".join(f"level_{k}" for k in range(40)))
    display = TreeDisplay(Node(0, 3, None, asked, *leaves)).plot()
    lines = texts_in(display, boxes(display)[0][0])
    assert lines[0] == '$mean" radius'
    assert lines[-1].endswith("…")
    assert max(map(len, lines)) <= 22
    assert [display.said(leaf) for leaf in leaves] == [["1,000,000"], ["0.3"]]
    long = TreeDisplay(Node(0, 3, None, ("name" * 30, "is at most 2"), *leaves)).plot()
    assert texts_in(long, boxes(long)[0][0]) == [("name" * 30)[:21] + "…", "is at most 2"]


def test_a_tree_of_one_leaf_is_its_box(saved):
    fit = fitted(np.zeros((40, 1)), np.arange(40.0) % 3)
    assert fit.rules().startswith("always: ")
    saved(TreeDisplay.from_run(fit))
    display = TreeDisplay.from_run(fit).plot()
    assert [texts_in(display, box) for box in boxes(display)[1]] == [["0.975", "40 rows, 100%"]]


def test_equal_leaves_are_one_with_the_rows_of_both():
    splits = Splits(np.eye(2)[[0, 1, 1]], np.array([1.0, 2.0, 3.0]), np.zeros(3, dtype=bool))
    values = np.array([[1.0], [1.0], [2.0], [3.0]])
    root = outline(Rules(splits, values, ["a", "b"]), values, np.array([1, 10, 100, 1000]))
    assert [(leaf.rows, leaf.prediction.tolist()) for leaf in root.leaves] == [(11, [1]), (100, [2]), (1000, [3])]
    assert (root.rows, root.right.rows, root.right.number) == (1111, 1100, 2)
    assert len(boxes(TreeDisplay(root).plot())[1]) == 3


def test_linear_leaves_say_that_their_number_is_for_a_typical_row():
    fit = fitted(X, np.where(X[:, 0] > 0, 3 * X[:, 1], 5 - X[:, 1]), depth=1, leaves="linear")
    typical = fit.params["values"][:, 0] + fit.params["slopes"] @ np.median(X, axis=0)
    display = TreeDisplay.from_run(fit)
    assert [display.said(leaf) for leaf in display.root.leaves] == [[f"about {p:.4g}"] for p in typical]


def test_texts_follow_the_size_and_the_ink_of_the_axes():
    wide, small = (style.blank(side, side).add_subplot() for side in (12, 4))
    small.xaxis.label.set_color("red")
    sizes = [TreeDisplay(grown(3)).plot(ax).ax_.texts[-1].get_size() for ax in (wide, small)]
    assert sizes[0] == pytest.approx(3 * sizes[1], rel=0.1)
    for text in small.texts:
        assert text.get_color() == (INK if re.match(r"\d", text.get_text()) else "red")
    with pytest.raises(ValueError, match=r"got 2 axes, and this picture is drawn on one"):
        TreeDisplay(grown(1)).plot([wide, small])


def test_a_tree_is_plotted_as_its_splits_and_leaves(numbers):
    assert isinstance(numbers.plot(), TreeDisplay)
    assert isinstance(plot_run(numbers, Figure().add_subplot()), TreeDisplay)
    assert isinstance(descent_of(numbers), RestartsDisplay)
    assert len(overview(numbers).axes) == 2
    x = np.arange(40.0)
    assert isinstance(fitted(x, x, depth=1).plot(), TreeDisplay)


def test_the_tree_of_a_table_has_the_names_of_its_classes_and_its_target(binary):
    shared = ("maximized", "outcome", "title", "evaluate", "gradient_at", "model", "params", "columns", "data", "trace")
    own = {name: getattr(binary, name) for name in shared}
    table = SimpleNamespace(**own, fit=binary, target="kind", classes=["$out", "in"])
    assert isinstance(plot_run(table), TreeDisplay)
    assert TreeDisplay.from_run(table).labels == ["$out", "in"]
    display = PartitionDisplay.from_run(table, size=4)
    assert display.names == ["x0", "x1", "kind"]
    assert [text.get_text() for text in display.plot().ax_.get_legend().get_texts()] == ["$out", "in"]
    assert GatesDisplay.from_run(table).curves.keys() == GatesDisplay.from_run(binary).curves.keys()


# The plane.


@pytest.mark.parametrize("kind", ["numbers", "classes", "binary", "sums"])
def test_every_point_of_the_plane_has_the_colour_of_its_prediction(kind, request):
    fit = request.getfixturevalue(kind)
    display = PartitionDisplay.from_run(fit, size=40).plot()
    plane = np.stack(np.meshgrid(*display.grids), axis=-1).reshape(-1, 2)
    p = fit.predict(plane)
    if kind != "numbers":
        p = p if p.ndim == 2 else np.stack([1 - p, p], axis=1)
    colours = Shades().of_classes(p) if kind != "numbers" else display.shades.of_numbers(p)
    image = display.ax_.images[0]
    np.testing.assert_allclose(np.asarray(image.get_array())[..., :3].reshape(-1, 3), colours, atol=1e-6)
    # The middle of the first pixel is the first point of the grid.
    left, right, low, _ = image.get_extent()
    assert left + (right - left) / 80 == pytest.approx(display.grids[0][0])
    assert low < display.grids[1][0] < display.X[:, 1].min()


@pytest.mark.parametrize("kind", ["numbers", "classes", "sums"])
def test_a_region_holds_the_points_of_one_leaf(kind, request):
    fit = request.getfixturevalue(kind)
    display = PartitionDisplay.from_run(fit, size=4).plot()
    drawn = [patch for patch in display.ax_.patches if isinstance(patch, Polygon)]
    assert len(drawn) == len(fit.outline().leaves)
    plane = np.random.default_rng(1).uniform(-2, 2, size=(500, 2))
    inside = np.array([patch.get_path().contains_points(plane) for patch in drawn])
    np.testing.assert_array_equal(inside.sum(axis=0), 1)
    for own in inside:
        assert len(np.unique(fit.predict(plane[own]), axis=0)) == 1


def test_a_slanted_split_is_a_slanted_border(sums):
    weights, threshold = sums.splits.weights[0], sums.splits.thresholds[0]
    assert weights.all()
    below, above = PartitionDisplay.from_run(sums, size=4).regions
    for region, other in ((below, above), (above, below)):
        shared = [corner for corner in region if np.isclose(other, corner).all(axis=1).any()]
        np.testing.assert_allclose(np.array(shared) @ weights, threshold, rtol=1e-9)
        assert len(shared) == 2


def test_a_square_is_cut_where_a_line_passes_it():
    square = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])
    assert clipped(square, np.array([1.0, 1.0]), 1.0).tolist() == [[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]
    assert len(clipped(square, np.array([1.0, 0.0]), -1.0)) == 0
    assert clipped(square, np.array([1.0, 0.0]), np.inf).tolist() == square.tolist()


def test_rows_are_points_in_the_colour_and_shape_of_their_target(numbers, classes, saved):
    saved(PartitionDisplay.from_run(numbers, size=20))
    saved(PartitionDisplay.from_run(classes, size=20))
    display = PartitionDisplay.from_run(classes, size=20).plot()
    _, y = classes.data
    for k, points in enumerate(display.ax_.collections):
        np.testing.assert_array_equal(points.get_offsets(), X[y == k])
        np.testing.assert_allclose(points.get_facecolor()[0, :3], to_rgb(style.COLOURS[k]))
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [f"class {k}" for k in range(4)]
    display = PartitionDisplay.from_run(numbers, size=20).plot()
    (points,) = display.ax_.collections
    np.testing.assert_allclose(points.get_facecolor()[:, :3], display.shades.of_numbers(numbers.data[1]))
    assert display.figure_.axes[1].get_ylabel() == "y"
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("x0", "x1")


def test_classes_of_the_same_colour_have_different_hatches():
    shares = np.repeat(np.eye(5)[[0, 0, 4, 4]][None], 4, axis=0)
    grid, left = np.arange(4.0), np.array([[0, 0], [1.5, 0], [1.5, 3], [0, 3]])
    regions = [left, left + np.array([1.5, 0])]
    display = PartitionDisplay([grid, grid], shares, regions, [[0.0, 0.0]], [0], labels=list("abcde"))
    assert [patch.get_hatch() or "" for patch in display.plot().ax_.patches] == ["", "///"]


def test_rows_with_gaps_are_left_out_of_the_plane():
    gaps = X.copy()
    gaps[:50, 0] = np.nan
    assert len(PartitionDisplay.from_run(fitted(gaps, X[:, 1]), size=5).X) == 190


def test_a_plane_needs_two_columns():
    for columns in (1, 3):
        fit = fitted(np.resize(X, (80, columns)), X[:80, 0], depth=1)
        with pytest.raises(ValueError, match=rf"the tree has {columns} columns? and a plane has two: use TreeDisplay"):
            PartitionDisplay.from_run(fit)


# Gates.


def gate_by_hand(fit, restart, node, epoch, column_values):
    """Return 1 / (1 + exp(-s (r - t))) for ranks r found by counting, and the sharpness s of the schedule."""
    soft, last = fit.snapshots[epoch], max(fit.snapshots)
    choice = soft["choice"][restart, node, :2]
    column = X[:19, choice.argmax()]
    # Without ties, the rows are evenly spaced from -1 to 1 in their order.
    rank = np.interp(column_values, np.sort(column), np.linspace(-1, 1, len(column)))
    sharpness = 3 * 20 ** (epoch / last)
    return 1 / (1 + np.exp(-sharpness * (rank - soft["threshold"][restart, node])))


def test_gates_are_sigmoids_over_the_values_of_their_column(few):
    assert list(few.snapshots) == [0, 1, 2, 4, 5]
    checked = set()
    for restart, node in np.ndindex(4, 3):
        columns = {int(soft["choice"][restart, node, :2].argmax()) for soft in few.snapshots.values()}
        if len(columns) > 1:
            continue
        (column,) = columns
        display = GatesDisplay.from_run(few, restart, node, size=50)
        assert display.name == f"x{column}"
        assert display.x[[0, -1]].tolist() == [X[:19, column].min(), X[:19, column].max()]
        for epoch, curve in zip(few.snapshots, display.curves.values(), strict=True):
            np.testing.assert_allclose(curve, gate_by_hand(few, restart, node, epoch, display.x), atol=1e-5)
        checked.add((node, column))
    assert {node for node, _ in checked} == {0, 1, 2}
    assert {column for _, column in checked} == {0, 1}


def test_the_gate_is_that_of_the_root_of_the_best_restart(few):
    best = int(np.argmin(few.hard_losses))
    one, other = GatesDisplay.from_run(few), GatesDisplay.from_run(few, best, 0)
    assert one.curves.keys() == other.curves.keys()
    assert one.title == f"root of restart {best + 1}"


def test_a_gate_that_changes_its_column_is_drawn_over_ranks(numbers):
    fit = fitted(X, numbers.data[1], depth=1)
    early = {name: np.array(part) for name, part in fit.snapshots[0].items()}
    early["choice"][1, 0] = -fit.snapshots[5]["choice"][1, 0]
    fit.snapshots = {**fit.snapshots, 0: early}
    display = GatesDisplay.from_run(fit, restart=1, size=9)
    np.testing.assert_allclose(display.x, np.linspace(-1, 1, 9))
    assert display.name.startswith("rank")
    t = fit.snapshots[5]["threshold"][1, 0]
    np.testing.assert_allclose(list(display.curves.values())[-1], 1 / (1 + np.exp(-60 * (display.x - t))), atol=1e-6)


def test_the_legend_has_the_column_that_a_gate_leans_to(numbers, saved):
    saved(GatesDisplay.from_run(numbers))
    display = GatesDisplay.from_run(numbers, restart=2).plot()
    for (epoch, soft), text in zip(numbers.snapshots.items(), display.ax_.get_legend().get_texts(), strict=True):
        choice = soft["choice"][2, 0, :2]
        share = np.exp(choice) / np.exp(choice).sum()
        assert text.get_text() == f"epoch {epoch}: x{share.argmax()} ({share.max():.0%})"
    widths = [line.get_linewidth() for line in display.ax_.lines]
    assert widths == sorted(widths)
    assert len({line.get_color() for line in display.ax_.lines}) == len(widths)


def test_gates_of_sums_are_drawn_over_the_sum(sums, saved):
    saved(GatesDisplay.from_run(sums))
    display = GatesDisplay.from_run(sums, restart=0)
    soft = sums.snapshots[60]
    w, t = soft["choice"][0, 0, :2].astype(float), soft["threshold"][0, 0]
    label, curve = list(display.curves.items())[-1]
    half = np.interp(0.5, curve, display.x)
    assert half * np.linalg.norm(w) == pytest.approx(t, abs=0.02)
    steep = np.gradient(curve, display.x).max()
    assert steep == pytest.approx(60 * np.linalg.norm(w) / 4, rel=0.05)
    x0, x1 = np.abs(w) / np.linalg.norm(w)
    signs = ["−" if part < 0 else "" for part in w]
    assert f"{signs[1]}{x1:.2f} x1" in label.replace("− ", "−")
    assert f"{signs[0]}{x0:.2f} x0" in label.replace("− ", "−")


# Restarts.


def test_the_restart_of_the_smallest_last_loss_is_thick(saved):
    losses = np.array([[9.0, 8.0, 7.0], [5.0, 2.0, 1.0], [4.0, 3.0, np.nan]])
    saved(RestartsDisplay([0, 1, 2], losses))
    ax = RestartsDisplay([0, 1, 2], losses).plot().ax_
    (cross,) = [line for line in ax.lines if line.get_marker() == "x"]
    assert cross.get_xydata().tolist() == [[1, 1]]
    thick, *thin = sorted(set(ax.lines) - {cross}, key=lambda line: (-line.get_linewidth(), -line.get_ydata()[0]))
    assert (thick.get_label(), thick.get_ydata().tolist()) == ("restart 2", [8, 2, 3])
    assert [line.get_ydata().tolist() for line in thin] == [[9, 5, 4], [7, 1]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["2 other restarts", "restart 2"]


def test_restarts_are_those_of_the_trace(numbers):
    display = RestartsDisplay.from_run(numbers)
    np.testing.assert_allclose(display.losses.mean(axis=1), numbers.trace.value)
    np.testing.assert_array_equal(display.losses[:, 2], numbers.trace.columns["restart 3"])
    assert display.epochs.tolist() == [0, 1, 2, 3, 4, 5]
    alone = RestartsDisplay.from_run(fitted(X, X[:, 0], epochs=1, depth=1, restarts=1)).plot()
    assert [line.get_label() for line in alone.ax_.lines] == ["restart 1"]


def test_gates_refuse_what_is_not_there(numbers):
    with pytest.raises(ValueError, match=r"restart=4: the restarts of this fit are 0 to 3"):
        GatesDisplay.from_run(numbers, restart=4)
    with pytest.raises(ValueError, match=r"node=3: the nodes of this fit are 0 to 2"):
        GatesDisplay.from_run(numbers, node=3)
    short = fitted(X, X[:, 0], depth=1, epochs=1)
    short.snapshots = {}
    with pytest.raises(ValueError, match=r"the soft trees of this fit are not at hand, as it was loaded"):
        GatesDisplay.from_run(short)
    short.data = None
    with pytest.raises(ValueError, match=r"the rows of this fit are not at hand, as it was loaded"):
        PartitionDisplay.from_run(short)


@pytest.mark.parametrize("display", DISPLAYS)
def test_other_runs_have_no_tree(display):
    with pytest.raises(ValueError, match=r"this run is not the fit of a tree: use DescentDisplay"):
        display.from_run(halving())
