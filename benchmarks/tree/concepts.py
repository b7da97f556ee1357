"""Concepts that no greedy tree finds: in how many of several tables our tree finds them."""

from collections.abc import Callable

import numpy as np

import steepest as st

ROWS, UNSEEN, FOUND = 2_000, 10_000, 0.97
Concept = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def exclusive_or(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return whether one of two of 8 columns is large, but not both."""
    X = random.normal(size=(rows, 8))
    return X, ((X[:, 2] > 0) ^ (X[:, 5] > 0.2)).astype(float)


def parity(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return whether an odd number of three of 6 bits is 1."""
    X = random.integers(0, 2, size=(rows, 6)).astype(float)
    return X, X[:, [0, 2, 4]].sum(axis=1) % 2


def rotated_board(random: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the colour of the fields of a board of 2 by 2 that is turned by 36 degrees."""
    X = random.uniform(-1, 1, size=(rows, 2))
    turned = X @ np.array([[np.cos(np.pi / 5), np.sin(np.pi / 5)], [-np.sin(np.pi / 5), np.cos(np.pi / 5)]])
    return X, ((turned[:, 0] > 0) ^ (turned[:, 1] > 0)).astype(float)


CONCEPTS: dict[str, tuple[Concept, dict[str, object]]] = {
    "exclusive or of 2 columns among 8, depth 2": (exclusive_or, {"depth": 2}),
    "exclusive or of 2 columns among 8, depth left out": (exclusive_or, {}),
    "parity of 3 bits among 6, depth 3": (parity, {"depth": 3}),
    "parity of 3 bits among 6, depth left out": (parity, {}),
    "board turned by 36 degrees, sums, depth 2": (rotated_board, {"depth": 2, "splits": "all"}),
    "board turned by 36 degrees, sums, depth left out": (rotated_board, {"splits": "all"}),
}


def find(seeds: int) -> None:
    """Print how often each concept is found: at least 97 % of unseen rows are right."""
    for name, (concept, options) in CONCEPTS.items():
        right = []
        for seed in range(seeds):
            random = np.random.default_rng(seed)
            (X, y), (unseen, truth) = concept(random, ROWS), concept(random, UNSEEN)
            fitted = st.fit(st.models.Tree(**options), X, y, loss="log loss", rng=seed)
            right.append(float(((fitted.predict(unseen) > 0.5) == truth).mean()))
        found = sum(share >= FOUND for share in right)
        print(f"  {name}: found in {found} of {seeds} (held to 90 %), least accuracy {min(right):.3f}", flush=True)
