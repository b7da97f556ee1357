"""The recipe of a network's fit: its constants, its schedules, and the random start of its layers."""

from __future__ import annotations

import numpy as np

from steepest.models.layers import ACTIVATIONS, Layers
from steepest.types import Array

# The constants of Holzmüller, Grinsztajn and Steinwart, "Better by default" (2024), for their network without
# embeddings: the rates of the three kinds of parameters, the decay of the moments, and the decay of the weights.
RATE = 0.04
FACTORS = {"scales": 6.0, "frequencies": 1.0, "phases": 1.0, "weights": 1.0, "biases": 0.1}
MOMENTUM, SECOND_MOMENTUM = 0.9, 0.95
WEIGHT_DECAY = 0.02
# The rows of a batch, and of a small table with fewer than `FEW_ROWS` rows.
BATCH, SMALL_BATCH, FEW_ROWS = 256, 64, 1024
# A fit makes about this many updates, in not fewer and not more than so many epochs.
UPDATES, LEAST_EPOCHS, MOST_EPOCHS = 1200, 40, 256
# The first inputs of the units are scaled on so many rows. Chosen, not measured: with fewer rows the scales vary more.
SAMPLE_ROWS = 512
# The rows whose mixture a new unit is centred at, as in the paper.
MIXED = 5
# The standard deviation of the first frequencies of waves, in periods per standard deviation of a column. Chosen by
# measurement, with their amplitude.
FREQUENCY = 0.2
# The members of a network, and those on many rows. Measured on 20,000 rows: half as many members cost a fiftieth of the
# log loss.
MEMBERS, MANY_ROWS, FEWER_MEMBERS = 8, 20_000, 4
# A member leaves out at least so many rows, or there are fewer members.
LEAST_PART = 8
# With fewer rows than this no row can be left out.
FEWEST_ROWS = 4


def coslog(t: Array) -> Array:
    """Return the share of the rate at a share t of the schedule: four cosines, each twice as long as the one before."""
    return 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * t)))


def flat_cosine(t: Array) -> Array:
    """Return the share of dropout and decay at a share t of the schedule: 1, then a cosine from half of it to 0."""
    return np.where(t < 0.5, 1.0, 0.5 * (1 + np.cos(2 * np.pi * (t - 0.5))))


def batch_rows(asked: int | None, rows: int) -> int:
    """Return the rows of a batch."""
    if asked is not None:
        return min(asked, rows)
    return min(SMALL_BATCH if rows < FEW_ROWS else BATCH, rows)


def epochs_of(asked: int | None, batches: int) -> int:
    """Return the number of epochs of a fit."""
    return int(np.clip(UPDATES // batches, LEAST_EPOCHS, MOST_EPOCHS)) if asked is None else asked


def members_of(asked: int | None, rows: int) -> int:
    """Return the number of members, of which this many rows bear no more: each leaves out a few rows at least."""
    wanted = asked or (MEMBERS if rows <= MANY_ROWS else FEWER_MEMBERS)
    return min(wanted, max(rows // LEAST_PART, 2) if rows >= FEWEST_ROWS else 1)


def factors_of(layers: Layers) -> tuple[np.ndarray, np.ndarray]:
    """Return the factor of the rate, and whether the weights decay, for each parameter of the flat vector."""
    factors, decays = [], []
    for name, shape in layers.shapes.items():
        kind = name.split()[0]
        factors.append(np.full(int(np.prod(shape)), FACTORS[kind]))
        decays.append(np.full(int(np.prod(shape)), float(kind == "weights")))
    return np.concatenate(factors), np.concatenate(decays)


def start_of(
    layers: Layers, sample: np.ndarray, chosen: np.ndarray, random: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return random layers, fitted to a sample of the rows, whose outputs are 0.

    The weights of each hidden unit are scaled until its inputs have the variance 1, and its bias is minus a random
    mixture of the inputs of a few rows: so each unit is centred among the rows.
    """
    parts: dict[str, np.ndarray] = {"scales": np.ones(layers.widths[0])}
    if layers.waves:
        shape = layers.shapes["phases"]
        parts |= {"frequencies": FREQUENCY * random.standard_normal(shape), "phases": random.uniform(-0.5, 0.5, shape)}
    phi, h = ACTIVATIONS[layers.activation], layers.inputs(parts, sample, chosen)
    for k in range(1, layers.depth + 1):
        inputs, units = layers.shapes[f"weights {k}"]
        if k == layers.depth:
            parts |= {f"weights {k}": np.zeros((inputs, units)), f"biases {k}": np.zeros(units)}
            break
        weights = random.standard_normal((inputs, units))
        z = h @ weights * (layers.shrink if k == 1 else 1 / np.sqrt(inputs))
        deviation = z.std(axis=0)
        deviation = np.where(deviation > 0, deviation, 1.0)
        weights, z = weights / deviation, z / deviation
        shares = random.exponential(size=(MIXED, units))
        rows = random.integers(len(sample), size=(MIXED, units))
        biases = -(shares / shares.sum(axis=0) * z[rows, np.arange(units)]).sum(axis=0)
        parts |= {f"weights {k}": weights, f"biases {k}": biases}
        h = phi(z + biases)
    return parts
