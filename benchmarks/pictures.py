"""The seconds that each picture of a run of 100,000 rows takes, and an animation of 200 frames with its size.

A picture is read from the run, drawn and written as a PNG file. Run `python benchmarks/pictures.py`; it takes about a
minute.
"""

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import steepest as st
from steepest.inspection import (
    ContourDisplay,
    CurveDisplay,
    DescentDisplay,
    Display,
    DivergenceDisplay,
    EffectiveRateDisplay,
    EigenDisplay,
    LedgerDisplay,
    QuiverDisplay,
    SliceDisplay,
    StabilityDisplay,
    SurfaceDisplay,
    WrongGradientDisplay,
)

ROWS = 100_000


def valley(x, y):
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def wavy(x):
    return x**2 / 10 + np.sin(3 * x)


def drawn(make: Callable[[], Display]) -> float:
    """Return the seconds that a picture takes, from the run to the file."""
    began = time.perf_counter()
    make().to_figure().savefig(io.BytesIO(), format="png", dpi=100)
    return time.perf_counter() - began


def main() -> None:
    """Print the seconds of each picture, the second time, and of an animation."""
    flat = st.gradient_descent(valley, (-1.2, 1.0), learning_rate=1e-4, iterations=ROWS)
    line = st.gradient_descent(wavy, 4.8, learning_rate=1e-5, iterations=ROWS)
    pictures: dict[str, Callable[[], Display]] = {
        "contour": lambda: ContourDisplay.from_run(flat),
        "surface": lambda: SurfaceDisplay.from_run(flat),
        "quiver": lambda: QuiverDisplay.from_run(flat),
        "curve": lambda: CurveDisplay.from_run(line),
        "descent": lambda: DescentDisplay.from_run(flat),
        "stability": lambda: StabilityDisplay.from_run(flat),
        "divergence": lambda: DivergenceDisplay.from_run(flat),
        "wrong gradient": lambda: WrongGradientDisplay.from_run(flat),
        "effective rate": lambda: EffectiveRateDisplay.from_run(flat),
        "eigen": lambda: EigenDisplay.from_run(flat),
        "ledger": lambda: LedgerDisplay.from_run(flat),
        "slice": lambda: SliceDisplay.from_run(flat),
    }
    table = Table(title=f"Pictures of {ROWS:,} rows", title_justify="left")
    for column in ("", "first", "second"):
        table.add_column(column, justify="right" if column else "left")
    for name, make in pictures.items():
        table.add_row(name, *(f"{drawn(make):.2f} s" for _ in range(2)))
    console = Console(width=110)
    console.print(table)
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("gif", "html"):
            began = time.perf_counter()
            file = flat.animate(Path(folder) / f"path.{ending}")
            seconds = time.perf_counter() - began
            console.print(f"200 frames as {ending}: {seconds:.1f} s, {file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
