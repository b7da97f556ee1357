"""Pictures of a network's fit, against the numbers of the fit and of networks made by hand."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.inspection.runs import halving

import steepest as st
from steepest.fitting.network import solver
from steepest.fitting.network.snapshots import MOST_PARAMETERS, is_kept
from steepest.inspection import (
    ContourDisplay,
    LandscapeDisplay,
    LineDisplay,
    MembersDisplay,
    SnapshotsDisplay,
    descent_of,
    overview,
    plot_run,
)
from steepest.inspection.plots import style
from steepest.inspection.plots.network.landscape import directions_at
from steepest.inspection.plots.network.snapshots import PANEL


def fitted(X, y, members=2, **how):
    how = {"epochs": 16, "rng": 0, "progress": False} | how
    return st.fit(st.models.Network(hidden=(8,), members=members), X, y, **how)


@pytest.fixture(scope="module")
def rows():
    X = np.random.default_rng(0).normal(size=(200, 2))
    return X, (X[:, 0] * X[:, 1] > 0).astype(float)


@pytest.fixture(scope="module")
def classes(rows):
    """Return a fit of two classes on two columns."""
    return fitted(*rows, loss="log loss")


@pytest.fixture(scope="module")
def alone(rows):
    """Return a fit of one member, which leaves out no rows."""
    return fitted(*rows, members=1, loss="log loss", epochs=3)


# Members.


def losses(validation=((5, 6), (3, 4), (4, 2))):
    return MembersDisplay([0, 1, 2], [[4, 5], [2, 3], [1, 1.5]], validation)


def test_members_hold_the_losses_of_the_trace_and_the_epochs_that_the_fit_kept(classes):
    display = MembersDisplay.from_run(classes)
    np.testing.assert_array_equal(display.training, classes.trace.members("training"))
    np.testing.assert_array_equal(display.validation, classes.trace.members("validation"))
    assert display.best_epochs.tolist() == classes.best_epochs
    assert len(display.epochs) == 17


def test_a_member_that_leaves_out_no_row_keeps_its_last_epoch(alone):
    display = MembersDisplay.from_run(alone).plot()
    assert display.validation is None
    assert display.best_epochs.tolist() == alone.best_epochs == [3]
    assert [line.get_label() for line in display.ax_.lines] == ["training", "kept, epoch 3"]


def test_validation_rows_are_drawn_for_each_member(rows):
    fit = fitted(*rows, loss="log loss", validation=0.3, epochs=4)
    display = MembersDisplay.from_run(fit)
    assert display.best_epochs.tolist() == fit.best_epochs
    np.testing.assert_allclose(display.validation.mean(axis=1), fit.trace.validation)


def test_members_are_thin_and_their_means_are_thick_with_a_star_at_each_best_epoch():
    display = losses().plot()
    lines = display.ax_.lines
    thin = [line for line in lines if line.get_linewidth() < 1 and line.get_marker() != "*"]
    np.testing.assert_array_equal([line.get_ydata() for line in thin], [[4, 2, 1], [5, 3, 1.5], [5, 3, 4], [6, 4, 2]])
    thick = {line.get_label(): line for line in lines if line.get_linewidth() > 2}
    np.testing.assert_array_equal(thick["training, mean of 2 members"].get_ydata(), [4.5, 2.5, 1.25])
    np.testing.assert_array_equal(thick["validation, mean of 2 members"].get_ydata(), [5.5, 3.5, 3])
    assert len({line.get_linestyle() for line in thick.values()}) == 2
    (stars,) = [line for line in lines if line.get_marker() == "*"]
    np.testing.assert_array_equal(stars.get_xydata(), [[1, 3], [2, 2]])
    assert stars.get_label() == "best, epochs 1 to 2"
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("epoch", "loss")


def test_losses_have_a_logarithmic_axis_if_all_are_positive():
    assert losses().plot().ax_.get_yscale() == "log"
    assert losses([[5, 6], [0, 4], [4, -2]]).plot().ax_.get_yscale() == "linear"


def test_members_leave_out_what_is_not_finite(saved):
    bad = MembersDisplay([0, 1, 2], [[1, np.nan], [2, np.inf], [1e300, -1]], [[np.nan, np.nan], [3, np.nan], [4, 5]])
    assert bad.best_epochs.tolist() == [1, 2]
    saved(bad)
    saved(MembersDisplay([0], [[np.nan]], [[np.nan]]))


def test_members_are_transparent(saved):
    saved(losses())


def test_other_runs_have_no_members():
    with pytest.raises(ValueError, match=r"this run has no members, .*use DescentDisplay"):
        MembersDisplay.from_run(halving())


def test_a_network_is_plotted_as_its_members_and_on_one_column_as_its_line(classes):
    assert isinstance(plot_run(classes), MembersDisplay)
    assert isinstance(classes.plot(), MembersDisplay)
    assert isinstance(descent_of(classes), MembersDisplay)
    assert len(overview(classes).axes) == 1
    x = np.linspace(-1, 1, 60)
    line = fitted(x, x**2, epochs=2)
    assert isinstance(plot_run(line), LineDisplay)
    assert len(overview(line).axes) == 2


def test_several_classes_on_one_column_are_not_a_line():
    x = np.linspace(-1, 1, 60)
    fit = fitted(x, np.repeat([0.0, 1.0, 2.0], 20), loss="softmax", epochs=2)
    assert isinstance(plot_run(fit), MembersDisplay)
    with pytest.raises(ValueError, match="the model has one output for each of 3 classes"):
        LineDisplay.from_run(fit)
    with pytest.raises(ValueError, match=r"the model has 3 classes on one column .*MembersDisplay"):
        SnapshotsDisplay.from_run(fit)


def test_the_fit_of_a_table_is_drawn_like_that_of_its_rows(rows, tmp_path, saved):
    X, y = rows
    labels = np.where(y > 0, "in", "out")
    table = {"length": X[:, 0], "width": X[:, 1], "kind": labels}
    network = st.models.Network(hidden=(8,), members=2)
    fit = st.fit_table(table, "kind", model=network, epochs=2, progress=False)
    assert isinstance(descent_of(fit), MembersDisplay)
    assert (fit.save(tmp_path / "fit") / "fit.png").exists()
    display = SnapshotsDisplay.from_run(fit)
    assert (list(display.labels), list(display.names)) == (["in", "out"], ["length", "width"])
    assert LandscapeDisplay.from_run(fit, size=3).values.shape == (3, 3)
    loaded = st.load(tmp_path / "fit")
    saved(MembersDisplay.from_run(loaded))
    with pytest.raises(ValueError, match=r"this fit has no snapshots, because it was loaded or"):
        SnapshotsDisplay.from_run(loaded)
    with pytest.raises(RuntimeError, match=r"the rows of this fit are not at hand"):
        LandscapeDisplay.from_run(loaded)
    linear = st.fit_table(table, "kind", progress=False)
    for display in (SnapshotsDisplay, LandscapeDisplay):
        with pytest.raises(ValueError, match=r"this run is not the fit of a network"):
            display.from_run(linear)


# The loss around the answer.


def test_a_direction_has_the_length_of_the_weights_of_each_unit_and_no_biases():
    random = np.random.default_rng(3)
    parts = {"scales": np.ones(4), "weights 1": random.normal(size=(4, 6)), "biases 1": np.ones(6)}
    parts["weights 1"][:, 2] = 0
    direction = directions_at(parts, random)
    lengths = np.linalg.norm(parts["weights 1"], axis=0)
    np.testing.assert_allclose(np.linalg.norm(direction["weights 1"], axis=0), lengths)
    assert not direction["scales"].any()
    assert not direction["biases 1"].any()


def test_the_middle_of_the_landscape_is_the_loss_of_the_member(classes):
    display = LandscapeDisplay.from_run(classes, 1, size=4, reach=0.5)
    np.testing.assert_allclose(display.grid, np.linspace(-0.5, 0.5, 5))
    own = classes.member_loss(1)(classes.member(1))
    assert display.middle == display.values[2, 2] == own
    # The trace has the loss of each epoch, during which the parameters move: the loss of its rows is near by.
    row = classes.best_epochs[1]
    np.testing.assert_allclose(own, classes.trace.members("training")[row, 1], rtol=0.1)


def test_a_landscape_goes_along_its_directions():
    # On a bowl the loss after steps a and b is ½ ‖a p + b q‖² = ½ (a² + b²) units + a b p·q, for units of length 1.
    weights = np.random.default_rng(1).normal(size=(50, 7))
    lengths = np.linalg.norm(weights, axis=0)
    parts = {"weights 1": weights, "biases 1": np.ones(7)}
    bowl = halving(model=None, params=parts, columns=None, data=None, snapshots={}, member=lambda number: parts)
    bowl.member_loss = lambda number, rows: lambda p: 0.5 * (((p["weights 1"] - weights) / lengths) ** 2).sum()
    display = LandscapeDisplay.from_run(bowl, size=5, rng=4)
    a, b = np.meshgrid(display.grid, display.grid)
    cross = display.values - 3.5 * (a**2 + b**2)
    np.testing.assert_allclose(cross, cross[0, 0] * a * b, atol=1e-12)
    again = LandscapeDisplay.from_run(bowl, size=5, rng=4)
    np.testing.assert_array_equal(again.values, display.values)
    assert (LandscapeDisplay.from_run(bowl, size=5, rng=5).values != display.values).any()


def test_a_landscape_is_drawn_as_surface_or_contours_with_a_star_in_its_middle(saved):
    grid = np.linspace(-1, 1, 9)
    display = LandscapeDisplay(grid, 1 + grid**2 + 3 * grid[:, None] ** 2, title="$a")
    surface, contour = display.plot().axes_
    assert (surface.name, contour.name, surface.get_zlabel()) == ("3d", "rectilinear", "loss")
    (star,) = contour.lines
    assert (star.get_marker(), star.get_xydata().tolist()) == ("*", [[0, 0]])
    assert [line.get_label() for line in surface.lines] == ["best"]
    flat = Figure().add_subplot()
    assert display.plot(flat).axes_ == (flat,)
    assert (flat.get_xlabel(), flat.get_title()) == ("direction 1", "$a")
    saved(LandscapeDisplay(grid, display.values))


def test_a_landscape_refuses_what_it_can_not_draw(classes):
    with pytest.raises(ValueError, match=r"member=2: the members of this network are 0 to 1"):
        LandscapeDisplay.from_run(classes, 2)
    for reach in (0, -1, np.inf, np.nan):
        with pytest.raises(ValueError, match=r"reach=.*: give a positive number"):
            LandscapeDisplay.from_run(classes, reach=reach)
    with pytest.raises(ValueError, match=r"rows=0: give 1 or more"):
        LandscapeDisplay.from_run(classes, rows=0)


# Snapshots.


def flat(params):
    """Return the parameters of both kinds of members in one dict."""
    return {f"{kind} {name}": part for kind, own in params.items() for name, part in own.items()}


def test_a_fit_keeps_its_parameters_at_powers_of_two(classes):
    assert list(classes.snapshots) == [0, 1, 2, 4, 8, 16]
    for params in classes.snapshots.values():
        kept, last = flat(params), flat(classes.params)
        assert {name: part.shape for name, part in kept.items()} == {name: part.shape for name, part in last.items()}
        assert {part.dtype for part in kept.values()} == {np.dtype(np.float32)}
    assert not is_kept(4, MOST_PARAMETERS + 1)


def test_a_snapshot_is_what_a_fit_of_so_many_epochs_with_the_same_schedule_has(rows, alone):
    # One member without rows left out answers with its last epoch: a callback stops it after 2 of 3 epochs.
    def stop(intermediate_result):
        if intermediate_result.nit == 2:
            raise StopIteration

    short = fitted(*rows, members=1, loss="log loss", epochs=3, callback=stop)
    for name, part in flat(short.params).items():
        np.testing.assert_array_equal(part.astype(np.float32), flat(alone.snapshots[2])[name])
    on = short.more(progress=False)
    assert list(on.snapshots) == [0, 1, 2]
    assert list(short.snapshots) == [0, 1, 2]
    assert list(on.more(epochs=1, progress=False).snapshots) == [0, 1, 2, 4]
    assert list(on.snapshots) == [0, 1, 2]


def test_a_fit_is_the_same_bit_for_bit_whether_or_not_it_stops_for_snapshots(classes, rows, monkeypatch):
    monkeypatch.setattr(solver, "next_kept", lambda epoch: 2**62)
    monkeypatch.setattr(solver, "is_kept", lambda epoch, parameters: False)
    plain = fitted(*rows, loss="log loss")
    assert plain.snapshots == {}
    for name, part in flat(plain.params).items():
        np.testing.assert_array_equal(part, flat(classes.params)[name])
    np.testing.assert_array_equal(plain.trace.x, classes.trace.x)
    np.testing.assert_array_equal(plain.trace.members(), classes.trace.members())


def test_a_fit_that_goes_on_from_a_folder_keeps_what_follows(classes, rows, tmp_path):
    loaded = st.load(classes.save(tmp_path / "fit"))
    assert loaded.snapshots == {}
    assert list(loaded.more(*rows, epochs=16, progress=False).snapshots) == [32]
    with pytest.raises(ValueError, match=r"this fit has no snapshots, because it was loaded or"):
        SnapshotsDisplay.from_run(loaded)


def test_panels_are_the_predictions_of_the_snapshots(classes):
    display = SnapshotsDisplay.from_run(classes, epochs=(0, 4), size=7)
    assert list(display.panels) == ["epoch 0", "epoch 4", "answer"]
    x, y = display.grids
    place = np.array([[x[2], y[5]]])
    np.testing.assert_allclose(
        display.panels["answer"][5, 2], [1 - classes.predict(place)[0], classes.predict(place)[0]]
    )
    early = classes.model.response(classes.model(place, *classes.snapshots[4].values()))[0]
    np.testing.assert_allclose(display.panels["epoch 4"][5, 2], [1 - early, early])
    assert x[0] < display.X[:, 0].min() < display.X[:, 0].max() < x[-1]


def test_the_boundary_runs_where_two_classes_are_equally_probable(saved):
    grid = np.linspace(-2, 2, 41)
    p = 1 / (1 + np.exp(-5 * (np.hypot(grid, grid[:, None]) - 1)))
    X = np.array([[0.0, 0.0], [1.5, 1.5], [0.1, 0.2]])
    panels = {"epoch 0": np.full((41, 41, 2), 0.5), "answer": np.stack([1 - p, p], axis=-1)}
    display = SnapshotsDisplay([grid, grid], panels, X, [0, 1, 0], labels=["in", "out"])
    saved(display)
    display.plot()
    first, last = display.axes_
    (circle,) = [each for each in last.collections if hasattr(each, "levels")]
    np.testing.assert_allclose(np.hypot(*circle.get_paths()[0].vertices.T), 1, atol=0.01)
    assert not [each for each in first.collections if hasattr(each, "levels")]
    image = last.images[0].get_array()
    assert first.images[0].get_array()[..., 3].max() == 0
    np.testing.assert_allclose(image[20, 0, :3], np.array([213, 94, 0]) / 255, atol=1e-3)
    assert image[20, 0, 3] > image[20, 12, 3]
    labels = [text.get_text() for text in last.get_legend().get_texts()]
    assert labels == ["in", "out"]
    assert [each.get_title() for each in display.axes_] == ["epoch 0", "answer"]
    own = [each.get_offsets().tolist() for each in last.collections if not hasattr(each, "levels")]
    assert own == [[[0, 0], [0.1, 0.2]], [[1.5, 1.5]]]


def test_three_classes_have_three_colours_and_a_regression_has_the_same_lines_in_all_panels(rows, saved):
    grid = np.linspace(-2, 2, 21)
    scores = np.stack(np.broadcast_arrays(grid + 0 * grid[:, None], -grid[None], 2 * grid[:, None] + 0.1), axis=-1)
    p = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
    X, _ = rows
    display = SnapshotsDisplay([grid, grid], {"answer": p}, X, np.arange(200) % 3, labels=["$a", "b", "c"]).plot()
    assert len(np.unique(display.ax_.images[0].get_array()[..., :3].reshape(-1, 3), axis=0)) == 3
    product = np.outer(grid, grid)
    saved(SnapshotsDisplay([grid, grid], {"epoch 1": product / 2, "answer": product}, X, X[:, 0]))
    display = SnapshotsDisplay([grid, grid], {"epoch 1": product / 2, "answer": product}, X, X[:, 0]).plot()
    lines = [next(each.levels for each in ax.collections if hasattr(each, "levels")) for ax in display.axes_]
    np.testing.assert_array_equal(*lines)


def test_a_curve_is_drawn_for_one_column(saved):
    x = np.linspace(-1, 1, 60)
    fit = fitted(x, x**2, epochs=2)
    display = SnapshotsDisplay.from_run(fit, size=9)
    np.testing.assert_allclose(display.panels["answer"], fit.predict(display.grids[0]))
    assert list(display.names) == ["x", "y"]
    saved(display)
    assert [len(ax.lines) for ax in display.axes_] == [1] * 4


def test_panels_stand_in_rows_of_at_most_five():
    for count, wide in ((1, 1), (4, 4), (5, 5), (6, 3), (10, 5), (11, 4)):
        panels = {f"epoch {k}": np.zeros(5) for k in range(count)}
        display = SnapshotsDisplay([np.arange(5)], panels, [[1.0]], [1.0])
        axes = display.room(lambda width, height: Figure(figsize=(width, height)))
        assert len(axes) == count
        assert axes[0].get_subplotspec().get_gridspec().ncols == wide
        assert axes[0].figure.get_figwidth() == pytest.approx(PANEL * wide + 1)


def test_snapshots_refuse_what_they_can_not_show(classes, rows):
    with pytest.raises(ValueError, match=r"epochs=\[3\]: epoch 3 was not kept; those kept are 0, 1, 2, 4, 8, 16"):
        SnapshotsDisplay.from_run(classes, epochs=[3])
    with pytest.raises(ValueError, match=r"got 1 axes, and 7 panels are drawn"):
        SnapshotsDisplay.from_run(classes, size=3).plot(Figure().add_subplot())
    wide = fitted(np.column_stack([rows[0], rows[1]]), rows[1], loss="log loss", epochs=1)
    with pytest.raises(ValueError, match=r"X has 3 columns and this picture shows 1 or 2"):
        SnapshotsDisplay.from_run(wide)


def test_a_path_of_one_point_is_a_star():
    display = ContourDisplay([0, 1], [0, 1], [[0, 1], [1, 2]], [[0.5, 0.5]]).plot(style.dress(Figure().add_subplot()))
    assert [line.get_label() for line in display.ax_.lines] == ["best"]
