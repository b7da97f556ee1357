"""The first look: descend x² + y² from (9, 9) and draw it."""

from pathlib import Path

import steepest as st
from steepest.reading import overview, save_figure


def main() -> None:
    folder = Path("runs")
    folder.mkdir(exist_ok=True)
    run = st.minimize(lambda x, y: x**2 + y**2, start=(9, 9), step=0.1, iterations=50)
    print(run)
    print("look at", save_figure(overview(run), folder / "descent.png"))


if __name__ == "__main__":
    main()
