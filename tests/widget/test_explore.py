"""The explorer without a browser: its paths against closed forms, its words, and what it refuses."""

import builtins
import io
import re
import time

import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError

import steepest as st
from steepest.widget.scene import Scene

FAST, SLOW = 4.0, 1.0  # the curvatures of the bowl


def bowl(x, y):
    return (SLOW * x**2 + FAST * y**2) / 2


@pytest.fixture
def explorer():
    return st.explore(bowl, (2.0, 1.0), learning_rate=0.1, iterations=20)


def path_of(explorer):
    return np.frombuffer(explorer.path, "<f8").reshape(-1, 2)


def heavy_ball(start, rate, momentum, steps):
    x, velocity = np.array(start), np.zeros(2)
    points = [x]
    for _ in range(steps):
        velocity = momentum * velocity + np.array([SLOW, FAST]) * x
        x = x - rate * velocity
        points.append(x)
    return np.array(points)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_path_is_that_of_the_function(explorer, momentum):
    explorer.momentum = momentum
    explorer.start = [-1.0, 0.5]
    explorer.learning_rate = 0.3
    explorer.iterations = 30
    expected = heavy_ball([-1.0, 0.5], 0.3, momentum, 30)
    np.testing.assert_allclose(path_of(explorer), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(explorer.run.trace.x, expected, rtol=1e-9, atol=1e-12)


def test_a_curve_has_its_values():
    explorer = st.explore(lambda x: (x - 1) ** 2, 3.0, learning_rate=0.25, iterations=4)
    x = 1 + 2 * 0.5 ** np.arange(5)
    np.testing.assert_allclose(path_of(explorer), np.column_stack([x, (x - 1) ** 2]), rtol=1e-12)
    assert explorer.names == ["x", "value"]


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_the_ceiling_in_words_is_where_descent_begins_to_diverge(explorer, momentum):
    # 2 (1 + μ) / λ for the largest curvature λ of a quadratic function.
    ceiling = 2 * (1 + momentum) / FAST
    explorer.momentum = momentum
    assert f"rates below {ceiling:g} settle" in explorer.outcome
    explorer.iterations = 200
    explorer.learning_rate = 0.99 * ceiling
    assert explorer.outcome.startswith("After 200 steps")
    assert explorer.run.trace.value[-1] < explorer.run.trace.value[0]
    explorer.learning_rate = 1.05 * ceiling
    assert explorer.run.trace.value[-1] > explorer.run.trace.value[0]


def test_words_say_how_it_ended(explorer):
    explorer.learning_rate = 1.5
    assert re.match(r"It diverged: after \d+ steps the value rose from 4 to \S+\. Try a smaller", explorer.outcome)
    assert explorer.outcome.endswith("The path leaves the picture.")
    explorer.learning_rate, explorer.iterations = 0.25, 400
    assert "leaves" not in explorer.outcome
    assert "the minimum up to rounding" in explorer.outcome


def test_the_first_rate_is_one_over_the_largest_curvature():
    assert st.explore(bowl, (2.0, 1.0)).learning_rate == pytest.approx(1 / FAST, rel=1e-6)


def test_the_picture_is_transparent_and_the_frame_lies_where_the_axes_are(explorer):
    scene = Scene.of(bowl, explorer._scene.calling, np.array([2.0, 1.0]), ((-3, 3), (-2, 2)))
    assert len(scene.png) < 100_000
    with Image.open(io.BytesIO(scene.png)) as image:
        pixels = np.asarray(image.convert("RGBA"))
    height, width = pixels.shape[:2]
    left, top, right, bottom = (np.array(scene.frame) * [width, height, width, height]).round().astype(int)
    assert pixels[[0, 0, -1, -1], [0, -1, 0, -1], 3].max() == 0
    # All of the axes are filled, and the middle, where the minimum is, is the darkest place.
    inside = pixels[top + 6 : bottom - 6, left + 6 : right - 6]
    assert inside[..., 3].min() > 200
    shade = inside[..., :3].sum(axis=-1)
    middle = shade[shade.shape[0] // 2, shade.shape[1] // 2]
    assert middle <= np.quantile(shade, 0.05)


def test_a_move_takes_no_new_compilation(explorer):
    explorer.learning_rate = 0.11
    began = time.process_time()
    for k in range(20):
        explorer.learning_rate = 0.12 + 0.001 * k
        explorer.momentum = 0.01 * k
    # 40 paths: less than 20 ms each where nothing else runs.
    assert time.process_time() - began < 4


def test_where_no_widgets_run_there_is_the_card_of_the_run(explorer):
    bundle = explorer._repr_mimebundle_()
    content = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in content
    assert content["text/plain"] == explorer.outcome
    assert "data:image/png" in content["text/html"]


def test_a_start_where_the_function_raises_is_no_error():
    def log(x):
        if float(x) <= 0:
            raise ValueError("the logarithm of 0 or less")
        return np.log(float(x)) ** 2

    explorer = st.explore(log, 2.0, learning_rate=0.1, iterations=5, window=(0.5, 3))
    assert len(path_of(explorer)) == 6
    explorer.start = [-1.0]
    assert "logarithm" in explorer.outcome
    explorer.start = [2.0]
    assert len(path_of(explorer)) == 6


def test_starts_are_laid_out_as_the_user_gave_them():
    explorer = st.explore(lambda p: p["a"] ** 2 + (p["b"] - 1) ** 2, {"a": 1.0, "b": 3.0}, learning_rate=0.25)
    assert set(explorer.run.x) == {"a", "b"}
    explorer.start = [0.0, 5.0]
    np.testing.assert_allclose(path_of(explorer)[:2], [[0, 5], [0, 3]])
    explorer = st.explore(lambda p: (p**2).sum(), np.array([1.0, 2.0]), learning_rate=0.25, iterations=1)
    np.testing.assert_allclose(path_of(explorer), [[1, 2], [0.5, 1]])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"start": (1.0, 2.0, 3.0)}, "st.explore(lambda x, y: f(x, y, 0.5), start=(x, y))"),
        ({"start": (np.nan, 1.0)}, "every coordinate must be finite"),
        ({"learning_rate": 0.0}, "learning_rate=0.0: give a number above 0"),
        ({"learning_rate": "fast"}, "learning_rate='fast': give a number above 0"),
        ({"momentum": 1.0}, "momentum=1.0: give a number from 0 to below 1"),
        ({"iterations": 0}, "iterations=0: give a whole number from 1 to 500"),
        ({"window": ((1, 0), (0, 1))}, "give window=((x_low, x_high), (y_low, y_high))"),
    ],
)
def test_what_it_can_not_do_is_said(change, said):
    arguments = {"f": lambda p: (p**2).sum(), "start": (1.0, 2.0), "learning_rate": 0.1} | change
    with pytest.raises(ValueError, match=re.escape(said)):
        st.explore(**arguments)


@pytest.mark.parametrize(
    ("name", "value"), [("learning_rate", -1.0), ("momentum", 2.0), ("iterations", 0), ("start", [1.0])]
)
def test_what_can_not_be_set_is_said_and_changes_nothing(explorer, name, value):
    before = explorer.path
    with pytest.raises(TraitError, match=f"{name}="):
        setattr(explorer, name, value)
    assert explorer.path == before


def test_without_anywidget_it_says_what_to_install(monkeypatch):
    import sys

    real = builtins.__import__

    def missing(name, *rest, **more):
        if name == "anywidget":
            raise ModuleNotFoundError("No module named 'anywidget'", name="anywidget")
        return real(name, *rest, **more)

    monkeypatch.delitem(sys.modules, "steepest.widget.explorer", raising=False)
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "steepest\[notebook\]"'):
        st.explore(bowl, (2.0, 1.0))
