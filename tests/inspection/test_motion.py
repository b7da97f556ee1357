"""Animations against files that others read back, and against the runs that they show."""

import base64
import io
import json
import re
import shutil
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image
from tests.inspection.runs import bowl, halving, make_fit, make_run, not_at_hand

import steepest as st
from steepest.inspection import (
    BasinDisplay,
    ContourDisplay,
    CurveDisplay,
    DescentDisplay,
    GatesDisplay,
    SlopesDisplay,
    animate,
)
from steepest.inspection.motion import video
from steepest.inspection.motion.film import HOLD, Film
from steepest.inspection.motion.frames import Frames
from steepest.inspection.motion.scenes.choose import scene_of
from steepest.inspection.plots import style
from steepest.trace import Outcome


def searching(rows=30):
    """Return a run whose rows cost 1, 2, 3, ... evaluations, so that iterations and evaluations part."""
    run = halving(rows)
    run.trace.columns["evaluations"] = np.cumsum(np.arange(1, rows + 1))
    return run


def one_variable(rows=7, **more):
    more = {"gradient_at": lambda p: 2 * np.asarray(p)} | more
    return make_run(lambda p: float(p[0] ** 2), 3 * 0.5 ** np.arange(rows), names="x", **more)


def many_variables(rows=7):
    points = np.outer(0.5 ** np.arange(rows), [1.0, 2.0, 3.0])
    return make_run(lambda p: float(p @ p), points, names="xyz")


def frames_of(path):
    """Return the frames of a GIF file as RGB pixels, and their durations."""
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        frames = []
        for k in range(image.n_frames):
            image.seek(k)
            frames.append((np.asarray(image.convert("RGB")), image.info["duration"]))
    return [pixels for pixels, _ in frames], [duration for _, duration in frames]


class Page(HTMLParser):
    """The tags of a page, and the texts of its scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == "script":
            self.scripts.append(data)

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    def constant(self, name):
        return json.loads(re.search(rf"const {name} = (.*);", self.scripts[0]).group(1))


def decoded(address):
    head, data = address.split(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA")


def test_frames_are_even_in_evaluations_and_hold_both_ends():
    run = searching()
    frames = Frames.of(run, 10)
    spent = run.trace.evaluations
    even = np.linspace(spent[0], spent[-1], 10)
    assert np.abs(frames.counts - even).max() <= 0.5
    # Each frame shows the last row whose evaluations are done.
    assert all(spent[row] <= count for row, count in zip(frames.rows, frames.counts, strict=True))
    assert all(spent[row + 1] > count for row, count in zip(frames.rows[:-1], frames.counts, strict=False))
    assert (frames.rows[0], frames.rows[-1]) == (0, len(spent) - 1)


def test_a_short_run_has_one_frame_for_each_evaluation():
    frames = Frames.of(halving(4), 200)
    np.testing.assert_array_equal(frames.counts, [1, 2, 3, 4, 5, 6, 7])
    np.testing.assert_array_equal(frames.rows, [0, 0, 1, 1, 2, 2, 3])


@pytest.mark.parametrize("make", [one_variable, searching, many_variables])
def test_a_gif_has_the_frames_and_the_pauses_asked_for(make, tmp_path):
    path = animate(make(), tmp_path / "run.gif", frames=10, fps=8)
    frames, durations = frames_of(path)
    # Hundredths of a second are the unit of the format.
    assert durations == [120] * 9 + [round(1000 * HOLD)]
    assert len({frame.tobytes() for frame in frames}) == 10
    assert {tuple(frame[0, 0]) for frame in frames} == {(255, 255, 255)}


def test_a_dark_gif_has_a_dark_ground(tmp_path):
    frames, _ = frames_of(animate(searching(), tmp_path / "run.gif", frames=3, dark=True))
    assert {tuple(frame[0, 0]) for frame in frames} == {(0x1E, 0x1E, 0x1E)}


@pytest.mark.parametrize("name", ["run.gif", "run.html"])
def test_the_same_run_gives_the_same_bytes(name, tmp_path):
    first = animate(searching(), tmp_path / name, frames=5).read_bytes()
    assert animate(searching(), tmp_path / name, frames=5).read_bytes() == first
    assert len(list(tmp_path.iterdir())) == 1


def test_a_path_grows_to_that_of_the_static_picture_and_its_arrow_points_down():
    run = searching()
    scene = scene_of(run, 10)
    path = ContourDisplay.from_run(run).path
    scene.draw(4)
    row = Frames.of(run, 10).rows[4]
    np.testing.assert_array_equal(scene.trail.line.get_xydata(), path[: row + 1])
    np.testing.assert_array_equal(scene.trail.now.get_xydata(), path[[row]])
    assert not scene.trail.star.get_visible()
    scene.draw(0)
    (tail, head) = scene.arrow._posA_posB
    np.testing.assert_array_equal(tail, path[0])
    # The gradient of x² + y² is 2 (x, y), so steepest descent leads to 0.
    way = np.subtract(head, tail)
    np.testing.assert_allclose(way / np.linalg.norm(way), -path[0] / np.linalg.norm(path[0]))
    scene.draw(9)
    np.testing.assert_array_equal(scene.trail.line.get_xydata(), path)
    assert scene.trail.star.get_visible()
    np.testing.assert_array_equal(scene.trail.star.get_xydata()[0], path[-1])


def test_an_arrow_points_up_when_a_run_maximises():
    run = halving(rows=5, maximized=True)
    scene = scene_of(run, 5)
    scene.draw(0)
    tail, head = scene.arrow._posA_posB
    assert np.dot(np.subtract(head, tail), run.gradient_at(tail)) > 0


def test_a_tangent_has_the_slope_of_the_curve():
    run = one_variable()
    scene = scene_of(run, 50)
    path = CurveDisplay.from_run(run).path
    for k, row in enumerate(Frames.of(run, 50).rows):
        scene.draw(k)
        (x0, x1), (y0, y1) = scene.tangent.get_data()
        np.testing.assert_allclose((y1 - y0) / (x1 - x0), 2 * path[row, 0])
        np.testing.assert_allclose(((x0 + x1) / 2, (y0 + y1) / 2), path[row])
    np.testing.assert_array_equal(scene.trail.line.get_xydata(), path)


def test_a_descent_grows_to_the_static_picture():
    run = many_variables()
    scene = scene_of(run, 4)
    still = DescentDisplay.from_run(run).plot().axes_
    plt.close("all")
    evaluations = run.trace.evaluations
    for k, count in enumerate(np.linspace(evaluations[0], evaluations[-1], 4).round()):
        scene.draw(k)
        done = evaluations <= count
        np.testing.assert_array_equal(scene.figure.axes[1].lines[0].get_ydata(), np.ones(done.sum()))
    for ax, same in zip(scene.figure.axes, still, strict=True):
        for line, other in zip(ax.lines, same.lines, strict=True):
            np.testing.assert_array_equal(line.get_xydata(), other.get_xydata())


def test_a_page_holds_all_of_its_frames_and_leads_nowhere(tmp_path):
    run = searching()
    run.title = '<b>bowl</b> & "more" </script>'
    text = animate(run, tmp_path / "run.html", frames=10, fps=8).read_text("utf-8")
    page = Page(text)
    assert "http:" not in text
    assert "https:" not in text
    assert page.of("html")[0]["lang"] == "en"
    assert not page.of("b")
    assert len(page.of("script")) == 1
    assert not any(name in attributes for _, attributes in page.tags for name in ("href", "srcset", "action"))
    images = [attributes["src"] for attributes in page.of("img")]
    layers, captions = page.constant("layers"), page.constant("captions")
    assert page.constant("pause") == 125
    assert images[1] == layers[-1]
    assert len(layers) == len(captions) == len(set(layers)) == 10
    assert {decoded(address).size for address in (images[0], *layers)} == {(640, 480)}
    evaluations = [int(re.match(r"evaluation (\d+) of 465, value", caption).group(1)) for caption in captions]
    np.testing.assert_array_equal(evaluations, np.linspace(1, 465, 10).round())


def test_a_page_can_be_operated_by_anyone(tmp_path):
    text = animate(one_variable(), tmp_path / "run.html", frames=3).read_text("utf-8")
    page = Page(text)
    (scrub,) = page.of("input")
    assert (scrub["type"], scrub["aria-label"], scrub["max"]) == ("range", "Frame", "2")
    assert [button["type"] for button in page.of("button")] == ["button"] * 3
    assert page.of("title")
    for need in ("<label>Speed <select", "prefers-reduced-motion: reduce", "prefers-color-scheme: dark", "ArrowLeft"):
        assert need in text


def test_the_layers_of_a_page_make_the_frames_of_a_gif(tmp_path):
    page = Page(animate(searching(), tmp_path / "run.html", frames=3).read_text("utf-8"))
    film = Film(scene_of(searching(), 3))
    white = Image.new("RGBA", (640, 480), "white")
    still = Image.alpha_composite(white, decoded(page.of("img")[0]["src"]))
    for k, address in enumerate(page.constant("layers")):
        seen = np.asarray(Image.alpha_composite(still, decoded(address)).convert("RGB"), dtype=float)
        expected = np.asarray(film.frame(k).convert("RGB"), dtype=float)
        assert np.abs(seen - expected).mean() < 1
        # The page repeats only what moves.
        assert np.mean(np.asarray(decoded(address))[..., 3] > 0) < 0.05


def test_a_frame_is_what_matplotlib_draws_as_a_whole():
    film = Film(scene_of(searching(), 5))
    frames = [np.asarray(film.frame(k), dtype=float) for k in (3, 0, 3)]
    np.testing.assert_array_equal(frames[0], frames[2])
    figure = film.scene.figure
    for artist in figure.findobj(lambda artist: artist.get_animated()):
        artist.set_animated(False)
    for k, frame in ((0, frames[1]), (3, frames[2])):
        film.draw(k)
        figure.canvas.draw()
        assert np.abs(np.asarray(figure.canvas.buffer_rgba(), dtype=float) - frame).mean() < 0.05


def test_a_page_is_light_or_dark_if_asked(tmp_path):
    schemes = [
        Page(animate(one_variable(), tmp_path / "run.html", frames=2, dark=dark).read_text("utf-8")).of("html")[0]
        for dark in (None, True, False)
    ]
    assert [scheme.get("data-scheme") for scheme in schemes] == [None, "dark", "light"]


@pytest.mark.parametrize("make", [one_variable, searching])
def test_a_loaded_run_shows_its_path_and_says_what_is_missing(make, tmp_path):
    run = make()
    run.evaluate = run.gradient_at = not_at_hand
    scene = scene_of(run, 5)
    scene.draw(2)
    assert "function not at hand" in scene.figure.axes[0].get_title()
    assert len(scene.trail.line.get_xydata()) == Frames.of(run, 5).rows[2] + 1
    animate(run, tmp_path / "run.gif", frames=3)


def test_a_run_that_leaves_the_numbers_is_drawn_as_far_as_it_is_finite(tmp_path):
    points = [[1.0, 1.0], [-3.0, -3.0], [1e200, -1e300], [np.inf, np.nan]]
    run = make_run(bowl, points, gradient_at=lambda p: 2 * np.asarray(p))
    scene = scene_of(run, 9)
    scene.draw(len(scene.captions) - 1)
    assert len(scene.trail.line.get_xydata()) == 3
    frames_of(animate(run, tmp_path / "run.gif", frames=9))


def test_arrows_of_a_run_that_diverges_fit_the_first_steps():
    run = halving(60, t=1.2, outcome=Outcome.DIVERGED)
    scene = scene_of(run, 200)
    scene.draw(0)
    assert scene.arrow.get_visible()
    scene.draw(100)
    assert not scene.arrow.get_visible()


def test_a_gif_has_the_colours_of_the_figures_in_its_palette(tmp_path):
    with Image.open(animate(searching(), tmp_path / "run.gif", frames=3)) as image:
        palette = {tuple(image.palette.palette[k : k + 3]) for k in range(0, 3 * 256, 3)}
    colours = {tuple(bytes.fromhex(colour[1:])) for colour in (*style.COLOURS, style.GREY)}
    assert colours <= palette


def test_figures_and_pyplot_stay_as_they_are(tmp_path):
    known = plt.get_fignums()
    animate(many_variables(), tmp_path / "run.gif", frames=3)
    assert plt.get_fignums() == known


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("run.bmp", {}, "'run.bmp' ends in none of .gif, .html, .mp4, .webm"),
        ("run", {}, "'run' ends in none of"),
        ("run.gif", {"frames": 1}, "frames=1: give the largest number of frames"),
        ("run.gif", {"frames": 2.5}, "frames=2.5: give"),
        ("run.gif", {"fps": 0}, "fps=0: give the frames per second"),
        ("run.gif", {"fps": np.nan}, "fps=nan: give"),
        ("run.gif", {"fps": 60}, "fps=60 and a .gif shows at most 50"),
        ("run.gif", {"dark": "yes"}, "dark='yes': give True or False"),
        ("run.gif", {"progress": "yes"}, "progress='yes': give True or False"),
        ("no/run.gif", {}, "there is no folder"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line(name, options, said, tmp_path):
    with pytest.raises((ValueError, TypeError, OSError), match=re.escape(said)) as error:
        animate(searching(), tmp_path / name, **options)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_place_is_refused_before_anything_is_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr("steepest.inspection.motion.animate.scene_of", lambda *_: 1 / 0)
    with pytest.raises(FileNotFoundError):
        animate(searching(), tmp_path / "no" / "run.gif")


def test_a_run_of_one_row_does_not_move(tmp_path):
    with pytest.raises(ValueError, match="the run has 1 row, in which nothing moves"):
        animate(halving(1), tmp_path / "run.gif")


def test_a_failure_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "run.gif"
    path.write_bytes(b"old")
    monkeypatch.setattr(Film, "frame", lambda film, k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        animate(searching(), path, frames=3)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]


def test_a_video_needs_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "has_ffmpeg", lambda: False)
    monkeypatch.setattr("steepest.inspection.motion.animate.has_ffmpeg", lambda: False)
    with pytest.raises(ValueError, match=r"^\.mp4 needs ffmpeg.*name a \.gif or \.html$"):
        animate(searching(), tmp_path / "run.mp4")


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_a_video_is_one(ending, tmp_path):
    path = animate(searching(), tmp_path / f"run{ending}", frames=5)
    head = path.read_bytes()
    assert head[4:8] == b"ftyp" if ending == ".mp4" else head[:4] == b"\x1a\x45\xdf\xa3"
    assert animate(searching(), path, frames=5).read_bytes() == head


# Races, maps, slopes, fits.


def test_the_runs_of_a_race_move_by_one_clock(tmp_path):
    # The second run pays three times as much for each row.
    slow = halving(10)
    slow.trace.columns["evaluations"] = 6 * np.arange(10) + 1
    race = SimpleNamespace(runs={"quick": halving(10, outcome=Outcome.CONVERGED), "slow": slow}, title="a race")
    scene = scene_of(race, 12)
    gaps, quick, slow_trail = scene.parts
    counts = np.linspace(1, 55, 12).round()
    lines = [line for line in gaps.lines if len(line.get_xdata()) > 1]
    for k, count in enumerate(counts):
        scene.draw(k)
        # The gap of the last row is 0, which a logarithmic axis lacks.
        assert [len(line.get_xdata()) for line in lines] == [
            min(9, (count - 1) // 2 + 1),
            min(9, (count - 1) // 6 + 1),
        ]
        assert len(slow_trail.line.get_xdata()) == (count - 1) // 6 + 1
    still = race.runs["quick"].trace.x
    np.testing.assert_array_equal(quick.line.get_xydata(), still)
    assert scene.captions[2] == f"evaluation {counts[2]:.0f} of 55, best so far: quick, value {97 / 4**5 / 1:.4g}"
    assert len(frames_of(animate(race, tmp_path / "race.gif", frames=4))[0]) == 4


def test_a_race_in_motion_ends_at_the_budget_that_all_runs_have_had():
    slow = halving(10)
    slow.trace.columns["evaluations"] = 6 * np.arange(10) + 1
    scene = scene_of(SimpleNamespace(runs={"quick": halving(10), "slow": slow}, title=""), 100)
    assert len(scene.captions) == 19
    assert scene.captions[-1].startswith("evaluation 19 of 19, best so far: quick")
    scene.draw(18)
    _, quick, slow_trail = scene.parts
    assert (len(quick.line.get_xdata()), len(slow_trail.line.get_xdata())) == (10, 4)


def test_a_race_of_many_parameters_has_no_paths():
    scene = scene_of(SimpleNamespace(runs={"a": many_variables(), "b": many_variables()}, title=""), 5)
    assert len(scene.parts) == len(scene.figure.axes) == 1


def test_a_race_of_single_rows_does_not_move():
    with pytest.raises(ValueError, match="each run of the race has 1 row"):
        scene_of(SimpleNamespace(runs={"a": halving(1)}, title=""), 5)


def basin_map(**more):
    labels = np.array([[0, 0, 1], [0, -1, 1]])
    found = {"grid_x": np.arange(3.0), "grid_y": np.arange(2.0), "labels": labels, "minima": np.array([[0, 0], [2, 1]])}
    found |= {"values": np.zeros(2), "counts": np.array([3, 2]), "iterations": np.array([[0, 4, 8], [2, 99, 6]])}
    found |= {"maximized": False, "diverged": np.array([[False, False, False], [False, True, False]])}
    return SimpleNamespace(**found | {"names": ("x", "y"), "title": ""} | more)


def test_starts_appear_after_the_steps_that_they_need(tmp_path):
    scene = scene_of(basin_map(), 5)
    needed = np.array([[0, 4, 8], [2, np.inf, 6]])
    for k, count in enumerate([0, 2, 4, 6, 8]):
        scene.draw(k)
        np.testing.assert_array_equal(np.ma.getmaskarray(scene.cells.get_array()).reshape(2, 3), needed > count)
    assert scene.captions[1] == "after 2 of 8 steps, 33.3 % of the starts have reached a minimum"
    still = BasinDisplay.from_basins(basin_map()).plot()
    whole = still.ax_.collections[0].get_array()
    np.testing.assert_array_equal(scene.cells.get_array().filled(-1), whole.filled(-1))
    assert all(artist.get_visible() for artist in scene.moving)
    assert len(frames_of(animate(basin_map(), tmp_path / "map.gif"))[0]) == 9


def test_a_map_without_minima_does_not_move():
    empty = basin_map(labels=np.full((2, 3), -1), minima=np.empty((0, 2)), values=np.empty(0), counts=np.empty(0))
    with pytest.raises(ValueError, match="no start reaches a minimum"):
        scene_of(empty, 5)


def test_a_secant_turns_into_the_tangent(tmp_path):
    h = np.array([1.0, 0.5, 0.25, 0.125])
    display = SlopesDisplay.from_function(lambda x: x**2, lambda x: 2 * x, at=1.0, h=h)
    scene = scene_of(display, 200)
    for k, step in enumerate(h):
        scene.draw(k)
        x, y = scene.secant.get_data()
        # The secant of x² through 1 and 1 + h has the slope 2 + h.
        np.testing.assert_allclose(np.diff(y) / np.diff(x), 2 + step)
        np.testing.assert_allclose(y[1], (1 + step) ** 2)
        np.testing.assert_allclose(scene.quotient.get_ydata(), 2 * display.x + step)
    assert scene.captions[0] == "h = 1: slope 3 of the secant, 2 of the tangent"
    assert len(frames_of(animate(display, tmp_path / "secant.gif", frames=3))[0]) == 3


def test_a_single_secant_does_not_turn():
    display = SlopesDisplay.from_function(lambda x: x**2, lambda x: 2 * x, at=1.0, h=(1.0,))
    with pytest.raises(ValueError, match="the slopes have one h"):
        scene_of(display, 5)


def line_fit():
    x = np.linspace(0, 1, 20)
    points = np.outer(1 - 0.5 ** np.arange(8), [3.0, 1.0])
    fit = make_fit(lambda p: float((p[0] - 3) ** 2), points, (x, 3 * x + 1), {"m": 3.0, "b": 1.0})
    return fit, points


def test_a_line_turns_into_place(tmp_path):
    fit, points = line_fit()
    scene = scene_of(fit, 5)
    for k, row in enumerate(Frames.of(fit, 5).rows):
        scene.draw(k)
        x, y = scene.line.get_data()
        np.testing.assert_allclose(y, points[row, 0] * x + points[row, 1])
    assert scene.captions[-1].startswith("epoch 7 of 7, loss")
    assert len(frames_of(animate(fit, tmp_path / "line.gif", frames=5))[0]) == 5


def test_a_network_shows_its_snapshots(tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = (X[:, 0] > 0).astype(float)
    fit = st.fit(st.models.Network(hidden=(3,), members=1), X, y, loss="log loss", epochs=3, rng=0, progress=False)
    scene = scene_of(fit, 200)
    assert scene.captions == ["epoch 0", "epoch 1", "epoch 2", "answer"]
    scene.draw(2)
    assert [{artist.get_visible() for artist in group} for group in scene.groups] == [{False}, {False}, {True}, {False}]
    assert scene_of(fit, 2).captions == ["epoch 0", "answer"]
    assert len(frames_of(fit.animate(tmp_path / "network.gif"))[0]) == 4


def test_a_tree_shows_how_its_gate_sharpens(tmp_path):
    x = np.arange(60.0)
    fit = st.fit(st.models.Tree(depth=1, restarts=2), x, np.where(x > 41, 5.0, 2.0), epochs=8, rng=0)
    display, scene = GatesDisplay.from_run(fit), scene_of(fit, 200)
    assert scene.captions == list(display.curves)
    scene.draw(1)
    assert [line.get_visible() for (line,) in scene.groups] == [True, True, False, False, False]
    few = scene_of(fit, 2)
    assert [len(group) for group in few.groups] == [1, 4]
    fit.animate(tmp_path / "gate.gif")


def test_other_things_are_refused(tmp_path):
    with pytest.raises(TypeError, match=r"^3 can't be animated: give a run"):
        animate(3, tmp_path / "run.gif")


def test_progress_is_shown_on_the_error_output_if_asked(capsys, tmp_path, monkeypatch):
    animate(halving(4), tmp_path / "run.gif", frames=3, progress=True)
    shown = capsys.readouterr()
    assert "drawing frames" in shown.err
    assert not shown.out
    monkeypatch.setattr("steepest.inspection.motion.progress.PATIENCE", 0.0)
    animate(halving(4), tmp_path / "run.gif", frames=3)
    assert capsys.readouterr() == ("", "")
