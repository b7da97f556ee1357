"""Small decision trees, compared with the greedy trees of scikit-learn and its boosted trees.

    python benchmarks/trees.py                              all parts
    python benchmarks/trees.py --parts 1 --seeds 1 --tables "wine;cpu" --keep results

Part 1: at most 2,000 rows of each table, 3 splits, up to 5,000 rows to predict. Trees of depth 4 whose splits look at
one column, or at sums of columns, and trees with linear leaves, against DecisionTreeRegressor and
DecisionTreeClassifier of depth 4, and of the best depth from 1 to 12 on a fifth of the rows; boosted trees beside them.
A table is won or lost if the mean losses (squared error; share of rows whose class is wrong) differ by
more than one standard error of the differences row by row, over all splits, and by more than a thousandth.
Part 2: concepts that no greedy tree finds.
Part 3: seconds of the first fit in a process, and of the second.
"""

import argparse
from pathlib import Path

from contest.judge import wrong
from contest.results import Contest, compare
from contest.tables import NUMBERS, TABLES
from tree import concepts, speed
from tree.methods import METHODS

ROWS, SEEDS, TABLES_OF_CONCEPTS, LEVEL = 2_000, 3, 10, 1e-3
CONTESTS = {
    "one column": (("greedy", "best greedy", "depth left out", "boosted trees"), {"greedy": 0.9}),
    "sums": (("greedy",), {}),
    "linear leaves": (("best greedy",), {}),
}


def main() -> None:
    """Run the chosen parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="1,2,3", help="numbers, such as 1,2")
    parser.add_argument("--tables", default="", help="names between semicolons, such as wine;cpu; all by default")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many splits of each table")
    parser.add_argument("--rows", type=int, default=ROWS, help="rows to learn from, at most")
    parser.add_argument("--keep", type=Path, help="a folder that keeps results of part 1 for the next run")
    asked = parser.parse_args()
    parts = [int(part) for part in asked.parts.split(",")]
    wanted = asked.tables.split(";") if asked.tables else list(TABLES)
    if unknown := set(wanted) - set(TABLES):
        parser.error(f"no tables {sorted(unknown)}; known: {'; '.join(TABLES)}")
    if asked.keep:
        asked.keep.mkdir(parents=True, exist_ok=True)
    if 1 in parts:
        for ours, (peers, held_to) in CONTESTS.items():
            tables = [name for name in TABLES if name in wanted and (ours != "linear leaves" or name in NUMBERS)]
            print(f"1. {ours}: {len(tables)} tables, {asked.seeds} splits")
            compare(Contest(METHODS, ours, peers, wrong, held_to, LEVEL), tables, asked.seeds, asked.rows, asked.keep)
    if 2 in parts:
        print("2. concepts")
        concepts.find(TABLES_OF_CONCEPTS)
    if 3 in parts:
        print("3. 10,000 rows of 20 columns, 16 restarts")
        speed.first_fits()


if __name__ == "__main__":
    main()
