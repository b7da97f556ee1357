"""Draw the pictures of the README and of the pages into docs/pictures.

Those of the gallery are drawn by the lines that its page shows. A picture of several panels side by side also gets a
file `NAME-tall.png`, with the panels below one another, for narrow screens: see docs/building/images.py.
"""

from __future__ import annotations

import contextlib
import doctest
import functools
import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from PIL import Image, ImageSequence
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
# The largest animation, which readers wait for; a longer one gets fewer frames. Chosen, not measured.
MOST_BYTES = 600_000


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
            picture = draw()
            figure = picture if isinstance(picture, Figure) else picture.figure_
            yield folder + draw.__name__.replace("fitted", "line"), figure


def gallery() -> Iterator[tuple[str, Figure]]:
    """Yield the name and the figure of each entry of the gallery: its last line sets `picture`."""
    page = (FOLDER.parent / "gallery.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for entry in re.split(r"^## ", page, flags=re.MULTILINE):
        # The output that an entry shows is for its test.
        with contextlib.redirect_stdout(io.StringIO()):
            for line in doctest.DocTestParser().get_examples(entry):
                exec(compile(line.source, "gallery.md", "single"), names)  # noqa: S102 - our own page
        if found := re.search(r"\]\(pictures/(gallery/[\w-]+)\.png\)", entry):
            yield found[1], names["picture"].figure_
            pyplot.close("all")


def animations() -> Iterator[tuple[str, st.Run, int]]:
    """Yield the name, the run and the number of frames of each animation."""
    yield "descent", st.minimize(rosenbrock, (-1.2, 1)), 60
    rolling = {"direction": st.directions.Momentum(0.95), "step": 0.05}
    yield "rolling", st.minimize(wavy, 4.8, iterations=300, **rolling), 90


def animate(name: str, run: st.Run, frames: int) -> None:
    """Write an animation for both themes, and the last frame of each for readers who want no motion."""
    for theme, dark in (("", False), ("-dark", True)):
        path = FOLDER / f"{name}{theme}.gif"
        run.animate(path, frames=frames, dark=dark)
        while path.stat().st_size > MOST_BYTES and frames > 20:
            frames = 3 * frames // 4
            run.animate(path, frames=frames, dark=dark)
        with Image.open(path) as film:
            last = list(ImageSequence.Iterator(film))[-1].convert("RGB")
        last.quantize(COLOURS).save(path.with_name(f"{path.stem}-still.png"), optimize=True)


def drawn(figure: Figure, region: str | None = "tight") -> Image.Image:
    """Return a figure as a transparent picture, without its margins if the region is "tight"."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI, transparent=True, bbox_inches=region)
    with Image.open(file) as picture:
        return picture.convert("RGBA")


def panels(figure: Figure) -> list[tuple[list[Axes], Bbox]]:
    """Return the axes of each panel and its region in inches; colour bars and twins are part of the panel."""
    figure.draw_without_rendering()
    found: dict[Axes, list[Axes]] = {}
    for ax in figure.axes:
        bar = getattr(ax, "_colorbar", None)
        owner = bar.mappable.axes if bar is not None and bar.mappable.axes else ax
        # Twins share their place, so that the second one belongs to the panel of the first.
        owner = next((other for other in found if other.bbox.bounds == owner.bbox.bounds), owner)
        found.setdefault(owner, []).append(ax)
    inches = figure.dpi_scale_trans.inverted()
    regions = [Bbox.union([ax.get_tightbbox() for ax in panel]) for panel in found.values()]
    return [
        (panel, region.transformed(inches).padded(0.08)) for panel, region in zip(found.values(), regions, strict=True)
    ]


def side_by_side(one: Bbox, other: Bbox) -> bool:
    """Return whether two regions share more than half of their heights."""
    return min(one.y1, other.y1) - max(one.y0, other.y0) > min(one.height, other.height) / 2


def pixels(region: Bbox, height: int) -> tuple[int, int, int, int]:
    """Return a region in inches as left, upper, right and lower edge in pixels, which count from the top."""
    x0, y0, x1, y1 = (round(DPI * edge) for edge in region.extents)
    return x0, height - y1, x1, height - y0


def stacked(figure: Figure) -> Image.Image | None:
    """Return the panels of a wide figure below one another, or two by two if there are many; None for one panel.

    Legends of the whole figure come first. Its other texts, such as a caption, are left out: they are as wide as all
    panels together.
    """
    parts = panels(figure)
    if not any(side_by_side(*pair) for pair in itertools.combinations([region for _, region in parts], 2)):
        return None
    figure.set_layout_engine("none")  # so that the panels stay where they are
    inches = figure.dpi_scale_trans.inverted()
    keys = [([legend], legend.get_window_extent().transformed(inches).padded(0.05)) for legend in figure.legends]
    pieces = []
    for shown, region in [*keys, *parts]:
        for artist in (*figure.axes, *figure.legends, *figure.texts):
            artist.set_visible(artist in shown)  # the texts of a neighbour may reach into this region
        whole = drawn(figure, None)
        pieces.append(whole.crop(pixels(region, whole.height)))
    heads, pieces = pieces[: len(keys)], pieces[len(keys) :]
    columns = 1 if len(pieces) <= 3 else 2
    rows = [[head] for head in heads] + [pieces[k : k + columns] for k in range(0, len(pieces), columns)]
    heights = [max(piece.height for piece in row) for row in rows]
    width = max([*(head.width for head in heads), columns * max(piece.width for piece in pieces)])
    tall = Image.new("RGBA", (width, sum(heights)))
    for k, row in enumerate(rows):
        for column, piece in enumerate(row):
            room = width // len(row) if k < len(heads) else width // columns
            tall.paste(piece, (column * room + (room - piece.width) // 2, sum(heights[:k])))
    return tall


def save(picture: Image.Image, name: str) -> None:
    """Write a picture with few colours, as a small file."""
    path = FOLDER / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Write all pictures and animations."""
    for name, figure in itertools.chain(pictures(), gallery()):
        save(drawn(figure), name)
        if tall := stacked(figure):
            save(tall, f"{name}-tall")
    for name, run, frames in animations():
        animate(name, run, frames)


if __name__ == "__main__":
    main()
