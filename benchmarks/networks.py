"""Neural networks for tables, compared with those of scikit-learn, its boosted trees and linear models.

    python benchmarks/networks.py                              all parts but the large ones
    python benchmarks/networks.py --parts 1 --seeds 1 --tables "wine;cpu" --keep results
    python benchmarks/networks.py --large

Part 1: at most 2,000 rows of each table, 3 splits, up to 5,000 rows to predict. The network is `Network()` as it is.
Its peers are MLPRegressor and MLPClassifier with raw columns, with standardised columns (and targets), and as the best
of 8 on a fifth of the rows; HistGradientBoosting; and the linear model. A table is won or lost if the mean losses
(squared error, log loss) differ by more than one standard error of the differences row by row, over all splits.
Part 2: 100 rows of each table, against the linear fit that the network offers, and that of scikit-learn.
Part 3: one epoch of equal layers and batches, as the difference of fits with two numbers of epochs.
Part 4: the first fit in a process, with and without a folder of compiled code, and the second.
Part 5, with --large: 60,000 and 327,346 flights.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from contest.judge import log_loss
from contest.results import Contest, compare
from contest.tables import TABLES
from network import speed
from network.methods import METHODS, fit

ROWS, FEW, SEEDS = 2_000, 100, 3
PEERS = ("MLP, scaled", "MLP, raw", "MLP, best of 8", "boosted trees", "linear")
LINES = ("certified linear", "linear")
HELD_TO = {"MLP, scaled": 0.9, "MLP, raw": 1.0, "MLP, best of 8": 0.8, "certified linear": 1.0}
PARTS = (1, 2, 3, 4)


def contest(peers: Sequence[str]) -> Contest:
    """Return the network against some of its peers."""
    return Contest(METHODS, "network", peers, log_loss, HELD_TO, warm=lambda rows, seed: fit(rows, seed, epochs=1))


def main() -> None:
    """Run the chosen parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="", help="numbers, such as 1,2; by default 1 to 4")
    parser.add_argument("--tables", default="", help="names between semicolons, such as wine;cpu; all by default")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many splits of each table")
    parser.add_argument("--rows", type=int, help=f"rows to learn from; {ROWS:,} by default, and 60,000 in part 5")
    parser.add_argument("--keep", type=Path, help="a folder that keeps results of parts 1 and 2 for the next run")
    parser.add_argument("--large", action="store_true", help="run part 5, which takes minutes")
    asked = parser.parse_args()
    parts = [int(part) for part in asked.parts.split(",") if part] or ([5] if asked.large else list(PARTS))
    wanted = asked.tables.split(";") if asked.tables else list(TABLES)
    if unknown := set(wanted) - set(TABLES):
        parser.error(f"no tables {sorted(unknown)}; known: {'; '.join(TABLES)}")
    tables = [name for name in TABLES if name in wanted]
    if asked.keep:
        asked.keep.mkdir(parents=True, exist_ok=True)
    if 1 in parts:
        print(f"1. {len(tables)} tables, {asked.seeds} splits")
        compare(contest(PEERS), tables, asked.seeds, asked.rows or ROWS, asked.keep)
    if 2 in parts:
        print("2. few rows: never worse than the linear model?")
        compare(contest(LINES), tables, asked.seeds, FEW, asked.keep)
    if 3 in parts:
        speed.epochs()
    if 4 in parts:
        speed.first_fits()
    if 5 in parts:
        speed.large([asked.rows] if asked.rows else list(speed.LARGE))


if __name__ == "__main__":
    main()
