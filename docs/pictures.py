"""Draw the pictures of the README and of the pages into docs/pictures."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from sklearn.datasets import load_diabetes

import steepest as st
from steepest.inspection import (
    BasinDisplay,
    ContourDisplay,
    CurveDisplay,
    GatesDisplay,
    LandscapeDisplay,
    MembersDisplay,
    PartitionDisplay,
    QuiverDisplay,
    RaceDisplay,
    SlopesDisplay,
    SnapshotsDisplay,
    SurfaceDisplay,
    TrainingDisplay,
    TreeDisplay,
)
from steepest.inspection.plots import style

FOLDER = Path(__file__).parent / "pictures"
DPI = 100
# Colours with their opacities. Chosen by eye: more make larger files that look the same.
COLOURS = 128


def bowl(x, y):
    return x**2 + y**2


def oval(x, y):
    return x**2 + 10 * y**2


def wavy(x):
    return x**2 / 10 + np.sin(3 * x)


def himmelblau(x, y):
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def rosenbrock(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def line(x, m, b):
    return m * x + b


def valley() -> SurfaceDisplay:
    """Draw the descent of the README's first example, in a curved valley."""
    run = st.minimize(rosenbrock, (-1.2, 1))
    display = SurfaceDisplay.from_run(run, window=((-1.6, 1.4), (-0.5, 1.6)))
    display.title = "(1 − x)² + 100 (y − x²)²"
    return display.plot(display.room(style.blank))


def surface() -> SurfaceDisplay:
    """Draw the bowl with its textbook descent."""
    run = st.gradient_descent(bowl, (9, 9), learning_rate=0.1, iterations=50)
    display = SurfaceDisplay.from_run(run, window=((-10, 10), (-10, 10)))
    display.title = "x² + y²"
    return display.plot(display.room(style.blank))


def slopes() -> SlopesDisplay:
    """Draw a parabola with its tangent and secants."""
    display = SlopesDisplay.from_function(
        lambda x: x**2, lambda x: 2 * x, at=3.0, h=(4, 2, 0.5), window=(-10, 10), title="x²"
    )
    return display.plot(style.dress(style.blank(6.4, 6.4).add_subplot()))


def quiver() -> QuiverDisplay:
    """Draw the partial derivatives of the bowl."""
    window = (-10, 10), (-10, 10)
    display = QuiverDisplay.from_function(bowl, lambda x, y: (2 * x, 2 * y), window, title="x² + y²")
    return display.plot(style.dress(style.blank(5.6, 5.2).add_subplot()))


def rates() -> RaceDisplay:
    """Race four learning rates on the bowl."""
    rules = {f"step {rate}": rate for rate in (0.01, 0.1, 0.95, 1.1)}
    display = RaceDisplay.from_race(st.race(bowl, (9, 9), rules, iterations=30), best=0.0)
    # All four paths lie on one line, so that only their values are worth drawing.
    return display.plot(style.dress(style.blank(6.4, 4.2).add_subplot()))


def zigzag() -> ContourDisplay:
    """Draw the path of the exact search down a long valley."""
    run = st.minimize(oval, (10, 1), step="exact")
    display = ContourDisplay.from_run(run, window=((-1, 11), (-1.5, 1.5)))
    display.title = 'x² + 10 y², step="exact"'
    display.plot(style.dress(style.blank(9, 3.2).add_subplot()))
    display.ax_.set_aspect("equal")  # so that its right angles look like right angles
    return display


def momentum() -> Figure:
    """Draw plain descent and the heavy ball on the same curve."""
    figure = style.blank(11, 4)
    for k, (title, factor) in enumerate({"no momentum": 0.0, "momentum 0.95": 0.95}.items()):
        run = st.minimize(wavy, 4.8, direction=st.directions.Momentum(factor), step=0.05, iterations=300)
        display = CurveDisplay.from_run(run, window=(-3, 5.5))
        display.title = title
        display.plot(style.dress(figure.add_subplot(1, 2, k + 1)))
    return figure


def basins() -> BasinDisplay:
    """Map the basins of Himmelblau's function."""
    display = BasinDisplay.from_basins(st.basins(himmelblau, ((-6, 6), (-6, 6)), step=0.003, size=300))
    display.values = display.values.round(9)
    display.title = "Himmelblau's function"
    return display.plot(style.dress(style.blank(5.6, 5.6).add_subplot()))


def race() -> RaceDisplay:
    """Race four rules down the long valley."""
    rules = {
        "fixed": 0.05,
        "momentum": {"direction": st.directions.Momentum(0.5), "step": 0.05},
        "exact": "exact",
        "auto": "auto",
    }
    display = RaceDisplay.from_race(st.race(oval, (10, 1), rules, evaluations=50))
    return display.plot(display.room(style.blank))


def fitted() -> TrainingDisplay:
    """Draw the fit of a line, from epoch to epoch."""
    xs = np.arange(-50, 50)
    start = {"m": 49.79222779, "b": -0.12864659}
    fit = st.fit(line, xs, 30 * xs + 7, start=start, step=0.001, epochs=5000)
    display = TrainingDisplay.from_run(fit)
    return display.plot(display.room(style.blank))


@functools.cache
def moons() -> st.Fit:
    """Fit a network to two half-moons."""
    random = np.random.default_rng(0)
    angle, y = np.pi * random.random(400), np.arange(400) % 2
    centres = np.column_stack([np.cos(angle) + y, np.where(y, 0.5 - np.sin(angle), np.sin(angle))])
    X = centres + 0.3 * random.normal(size=(400, 2))
    return st.fit(st.models.Network(members=4), X, y, loss="log loss", epochs=128, rng=0)


def members() -> MembersDisplay:
    """Draw the losses of the members of a network."""
    return MembersDisplay.from_run(moons()).plot(style.dress(style.blank(7, 4.4).add_subplot()))


def landscape() -> LandscapeDisplay:
    """Draw the loss of a member around its answer."""
    display = LandscapeDisplay.from_run(moons())
    return display.plot(display.room(style.blank))


def snapshots() -> SnapshotsDisplay:
    """Draw how the boundary of two classes forms."""
    display = SnapshotsDisplay.from_run(moons())
    return display.plot(display.room(style.blank))


def tree() -> TreeDisplay:
    """Draw a tree of depth 3."""
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    return TreeDisplay.from_run(st.fit(st.models.Tree(depth=3), X, y, rng=0)).plot()


@functools.cache
def board() -> st.Fit:
    """Fit a tree of sums to a board that is turned."""
    random = np.random.default_rng(0)
    X = random.uniform(-1, 1, size=(400, 2))
    turned = X @ [[0.8, -0.6], [0.6, 0.8]]
    y = (turned[:, 0] > 0) ^ (turned[:, 1] > 0)
    return st.fit(st.models.Tree(depth=2, splits="all"), X, y, loss="log loss", rng=0)


def partition() -> PartitionDisplay:
    """Draw the regions of the leaves."""
    return PartitionDisplay.from_run(board()).plot()


def gates() -> GatesDisplay:
    """Draw how a gate becomes sharp."""
    return GatesDisplay.from_run(board()).plot()


def pictures() -> Iterator[tuple[str, Figure]]:
    """Yield the name, with its folder, and the figure of each picture."""
    folders = {
        "": (valley, surface, slopes, quiver, rates, zigzag, momentum, basins, race, fitted),
        "networks/": (members, landscape, snapshots),
        "trees/": (tree, partition, gates),
    }
    for folder, functions in folders.items():
        for draw in functions:
            drawn = draw()
            figure = drawn if isinstance(drawn, Figure) else drawn.figure_
            yield folder + draw.__name__.replace("fitted", "line"), figure


def main() -> None:
    """Write all pictures with a transparent background, as small files."""
    for name, figure in pictures():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", dpi=DPI, transparent=True, bbox_inches="tight")
        with Image.open(drawn) as picture:
            reduced = picture.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
            reduced.save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
