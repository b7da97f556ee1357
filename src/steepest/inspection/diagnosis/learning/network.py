"""`NetworkFacts`: the parameters of a network as groups, and what its hidden layers put out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from steepest.inspection.diagnosis.case import Case
from steepest.inspection.protocol import HiddenLike

# The name of an entry of an array, such as "W1[0, 3]", and of parameters that are added, not multiplied.
ENTRY = re.compile(r"^(.*)\[(\d+(?:, \d+)*)\]$")
BIAS = re.compile(r"(^|[._\]])(b|bias|biases|beta|c|shift|offset|intercept)[._]?\d*$", re.IGNORECASE)


@dataclass(frozen=True)
class Leaf:
    """One array of the parameters: its name, its shape, and where it lies in the flat point."""

    name: str
    shape: tuple[int, ...]
    start: int

    @property
    def size(self) -> int:
        """The number of its entries."""
        return int(np.prod(self.shape))

    @property
    def is_bias(self) -> bool:
        """Whether its name is that of numbers that are added."""
        return len(self.shape) < 2 and BIAS.search(self.name) is not None

    def of(self, flat: np.ndarray) -> np.ndarray:
        """Return its numbers in a flat point, or in each row of an array of flat points."""
        return flat[..., self.start : self.start + self.size]


def leaves_of(names: Sequence[str]) -> tuple[Leaf, ...]:
    """Return the arrays that the names of the entries of a flat point tell of.

    Parameters
    ----------
    names : sequence of str
        The names, such as "W[0, 1]" or "b".

    Returns
    -------
    tuple of Leaf
        The arrays.

    Examples
    --------
    >>> [(leaf.name, leaf.shape) for leaf in leaves_of(["W[0, 0]", "W[0, 1]", "W[1, 0]", "W[1, 1]", "b"])]
    [('W', (2, 2)), ('b', ())]
    """
    found: dict[str, tuple[int, tuple[int, ...]]] = {}
    for place, name in enumerate(names):
        match = ENTRY.match(name)
        own = match[1] if match else name
        index = tuple(int(k) for k in match[2].split(", ")) if match else ()
        found[own] = (found[own][0] if own in found else place, tuple(k + 1 for k in index))
    return tuple(Leaf(name, shape, start) for name, (start, shape) in found.items())


@dataclass
class NetworkFacts:
    """The parameters of a network as groups, and what its hidden layers put out.

    Parameters
    ----------
    case : Case
        The facts of the run.
    leaves : tuple of Leaf
        The parameters.
    """

    case: Case
    leaves: tuple[Leaf, ...]

    @cached_property
    def start(self) -> np.ndarray | None:
        """The point at the start; None if it is not known."""
        points = self.case.points
        return points[0] if points is not None and len(points) else None

    @cached_property
    def end(self) -> np.ndarray | None:
        """The last point whose numbers are finite; None if it is not known."""
        points = self.case.points
        if points is not None and len(points):
            finite = np.flatnonzero(np.isfinite(points).all(axis=1))
            return points[finite[-1]] if finite.size else None
        flat = flattened(self.case.run.x)
        return flat if flat.size == sum(leaf.size for leaf in self.leaves) else None

    @cached_property
    def hidden_at_start(self) -> Sequence[HiddenLike]:
        """The hidden layers at the start; empty if they can't be computed."""
        return [] if self.start is None else self.case.function.hidden(self.start)

    @cached_property
    def hidden_at_end(self) -> Sequence[HiddenLike]:
        """The hidden layers at the end; empty if they can't be computed."""
        return [] if self.end is None else self.case.function.hidden(self.end)

    @cached_property
    def slope_at_start(self) -> np.ndarray | None:
        """The gradient at the start; None if it is not known."""
        recorded = self.slopes
        if recorded is not None and len(recorded):
            return recorded[0]
        return None if self.start is None else self.case.function.gradient(self.start)

    @cached_property
    def slopes(self) -> np.ndarray | None:
        """The gradients that a loop of the user's recorded, one for each row; None if it recorded none."""
        given = getattr(self.case.run, "gradients", None)
        if given is None:
            return None
        rows = np.asarray(given, dtype=float)
        return rows if rows.ndim == 2 and rows.shape[1] == sum(leaf.size for leaf in self.leaves) else None

    @cached_property
    def weights(self) -> tuple[Leaf, ...]:
        """The arrays that are multiplied, in their order: those with two axes or more, and a last one with one axis."""
        matrices = [leaf for leaf in self.leaves if len(leaf.shape) > 1]
        if not matrices:
            return tuple(leaf for leaf in self.leaves if leaf.shape and not leaf.is_bias)
        after = self.leaves[self.leaves.index(matrices[-1]) + 1 :]
        last = [
            leaf for leaf in after if len(leaf.shape) == 1 and not leaf.is_bias and leaf.shape[0] in matrices[-1].shape
        ]
        return (*matrices, *last[-1:])

    @cached_property
    def remaining(self) -> float:
        """The best loss as a share of that of a constant, or of the loss at the start if that is not known."""
        value = self.case.value[np.isfinite(self.case.value)]
        if not value.size:
            return np.nan
        whole = self.constant
        whole = float(value[0]) if whole is None else whole
        return float(value.min() / whole) if whole > 0 else np.nan

    @cached_property
    def constant(self) -> float | None:
        """The loss of a constant; without rows that of the start without the last weights; None if it is not known."""
        whole = constant_loss(self.case)
        if whole is None and self.start is not None and self.weights:
            last = self.weights[-1]
            x = self.start.copy()
            x[last.start : last.start + last.size] = 0.0
            whole = self.case.function.value(x)
        return whole if whole is not None and np.isfinite(whole) else None


def network_of(case: Case) -> NetworkFacts | None:
    """Return the facts of a run whose parameters are those of a network: several arrays; None if they are not.

    Parameters
    ----------
    case : Case
        The facts of the run.

    Returns
    -------
    NetworkFacts or None
        The facts.
    """
    return case.once("network", lambda: _network_of(case))


def _network_of(case: Case) -> NetworkFacts | None:
    leaves = leaves_of(case.trace.names)
    width = sum(np.size(leaf) for leaf in trees_leaves(case.run.x))
    if sum(leaf.size for leaf in leaves) != width:
        leaves = _named_leaves(case.run.x)
    arrays = [leaf for leaf in leaves if leaf.size > 1]
    is_network = len(arrays) >= 2 and any(len(leaf.shape) > 1 for leaf in arrays)
    # A network of one input may have an array of one axis for each of its layers.
    is_small_network = len(arrays) >= 3 and len({leaf.shape for leaf in arrays}) == 1
    return NetworkFacts(case, leaves) if is_network or is_small_network else None


def constant_loss(case: Case) -> float | None:
    """Return the least loss that the same prediction for every row has; None if the rows are not at hand.

    Parameters
    ----------
    case : Case
        The facts of the run.

    Returns
    -------
    float or None
        The loss.
    """
    return case.once("constant loss", lambda: _constant_loss(case))


def _constant_loss(case: Case) -> float | None:
    basis = case.basis
    if basis is None or np.asarray(basis.y).ndim != 1:
        return None
    y, weight = np.asarray(basis.y, dtype=float)[basis.learnt], np.asarray(basis.weight, dtype=float)[basis.learnt]
    return least_constant(basis.loss, y, weight)


def least_constant(loss: Any, y: np.ndarray, weight: np.ndarray) -> float | None:
    """Return the least mean loss of one prediction for all rows; None if the loss can't be computed.

    Parameters
    ----------
    loss : callable
        The loss of predictions and targets.
    y, weight : array of shape (rows,)
        Targets and weights.

    Returns
    -------
    float or None
        The mean loss.
    """
    # Predictions of a regression lie among the targets, and log odds between -5 and 5.
    tried = np.concatenate([[np.average(y, weights=weight)], np.linspace(y.min(), y.max(), 41), np.linspace(-5, 5, 41)])
    try:
        with np.errstate(all="ignore"):
            found = [float(np.average(np.asarray(loss(np.full(len(y), z), y)), weights=weight)) for z in tried]
    except Exception:  # noqa: BLE001 - the loss may be the user's, or one of several outputs
        return None
    finite = [each for each in found if np.isfinite(each)]
    return min(finite) if finite else None


def trees_leaves(tree: Any) -> list[Any]:
    """Return the numbers and arrays of a tree of dicts, lists and tuples."""
    return [leaf for _, leaf in _pairs(tree, "")]


def flattened(tree: Any) -> np.ndarray:
    """Return the numbers of a tree as one vector."""
    parts = [np.ravel(np.asarray(leaf, dtype=float)) for leaf in trees_leaves(tree)]
    return np.concatenate(parts) if parts else np.empty(0)


def _pairs(tree: Any, name: str) -> list[tuple[str, Any]]:
    if isinstance(tree, dict):
        return [pair for key, each in tree.items() for pair in _pairs(each, f"{name}.{key}" if name else str(key))]
    if isinstance(tree, (list, tuple)) and any(isinstance(each, dict) or np.ndim(each) for each in tree):
        return [pair for place, each in enumerate(tree) for pair in _pairs(each, f"{name}[{place}]")]
    return [(name, tree)]


def _named_leaves(tree: Any) -> tuple[Leaf, ...]:
    leaves, start = [], 0
    for name, array in _pairs(tree, ""):
        leaves.append(Leaf(name, np.shape(array), start))
        start += int(np.size(array))
    return tuple(leaves)
