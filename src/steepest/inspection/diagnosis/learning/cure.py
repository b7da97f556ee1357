"""Cures for networks, as code to paste: another start, scaled columns, or a step that goes down from the start."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np

from steepest.call import Code
from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.learning.network import Leaf, NetworkFacts, trees_leaves


@runtime_checkable
class Activated(Protocol):
    """A network of the library."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    activation: str


# A column is far from standard units if its spread is this many times theirs, or if its mean is this many times its
# spread, so that hardly a row has the other sign.
FAR, OFF = 10.0, 2.0
# A step is tried in quarters, as often as this.
QUARTERS = 8


def with_new_start(case: Case, network: NetworkFacts, gain: float = 1.0) -> str:
    """Return the call with a start of random weights in the scale that suits the number of inputs, and biases of 0.

    The weights of a layer have the variance gain / inputs, so that what comes out of a unit is about as large as what
    comes in (LeCun et al. 1998; for units that are 0 on one side the gain is 2: He et al. 2015).

    Parameters
    ----------
    case : Case
        The facts of the run.
    network : NetworkFacts
        Its parameters.
    gain : float
        The gain.

    Returns
    -------
    str
        The code; "" if it can't be written.
    """
    call = case.call
    start = case.run.x
    if call is None or not isinstance(start, (dict, list)) or len(trees_leaves(start)) != len(network.leaves):
        return ""
    texts = [_drawn(leaf, k, network, gain) for k, leaf in enumerate(network.leaves)]
    key = "initial_point" if call.name == "gradient_descent" else "start"
    changes: dict[str, Any] = {key: Code(_written(start, texts))}
    if (scaled := scaled_columns(case)) is not None:
        # Steps that suited other columns are the library's to find.
        changes |= {"X": scaled, "step": None, "direction": None}
    return str(call.changed(**changes))


def scaled_columns(case: Case) -> Code | None:
    """Return the code of the columns in standard units, if they are far from that; else None.

    Parameters
    ----------
    case : Case
        The facts of the run.

    Returns
    -------
    Code or None
        The code.
    """
    basis = case.basis
    X = None if basis is None or hasattr(basis.X, "tocsr") else np.asarray(basis.X, dtype=float)
    if X is None or case.call is None or "X" not in case.call.arguments:
        return None
    spread, middle = X.std(axis=0), np.abs(X.mean(axis=0))
    is_far = ((spread > FAR) | (middle > OFF * spread)) & (spread > 0)
    # Rows for validation that were given apart would stay in their own units.
    apart = isinstance(case.asked("validation"), (tuple, list))
    return Code("(X - X.mean(axis=0)) / X.std(axis=0)") if np.any(is_far) and not apart else None


def with_smaller_step(case: Case, network: NetworkFacts) -> str:
    """Return the call with a fixed step that goes down from the start by at least half of what the gradient promises.

    Parameters
    ----------
    case : Case
        The facts of the run.
    network : NetworkFacts
        Its parameters.

    Returns
    -------
    str
        The code; "" if it can't be written.
    """
    call = case.call
    if call is None:
        return ""
    name = "learning_rate" if "learning_rate" in call.arguments else "step"
    if name == "step" and call.get("direction") is None:
        # The library finds its own step.
        return str(call.changed(step=None))
    size = call.get(name)
    x, first = network.start, case.value[0]
    slope = None if x is None else case.function.gradient(x)
    if x is None or slope is None or not isinstance(size, (int, float)) or not np.isfinite(slope).all():
        changes: dict[str, Any] = {"step": None, "direction": None} if name == "step" else {name: 0.01}
        return str(call.changed(None, **changes))
    step = float(size)
    for _ in range(QUARTERS):
        step /= 4
        value = case.function.value(x - step * slope)
        if value is None or value <= first - step / 2 * float(slope @ slope):
            break
    # The curvature may grow on the way, so that half of it is left.
    changes = {name: float(f"{step / 2:.2g}")}
    return str(call.changed(None, **changes))


def own_cure(case: Case, activation: str) -> str:
    """Return the call of a network of the library with its own steps; if it had those, with another activation.

    Parameters
    ----------
    case : Case
        The facts of the run.
    activation : str
        The activation.

    Returns
    -------
    str
        The code; "" if the call is not known.
    """
    if case.call is None:
        return ""
    if case.asked("step") not in (None, "auto") or case.asked("direction") is not None:
        return str(case.call.changed(step=None, direction=None))
    model: Any = case.asked("model")
    other = replace(model, activation=activation) if isinstance(model, Activated) else None
    return str(case.call if other is None else case.call.changed(model=other))


def picture_of(case: Case) -> str:
    """Return the display that shows the descent.

    Parameters
    ----------
    case : Case
        The facts of the run.

    Returns
    -------
    str
        Its name.
    """
    return "MembersDisplay" if "training 1" in case.trace.columns else "DescentDisplay"


def _drawn(leaf: Leaf, seed: int, network: NetworkFacts, gain: float) -> str:
    # Numbers of one axis that are all equal at the start are no weights, which must differ from unit to unit.
    begun = None if network.start is None else leaf.of(network.start)
    is_level = begun is not None and len(leaf.shape) == 1 and leaf.size > 1 and np.ptp(begun) == 0
    is_weight = leaf in network.weights or (len(leaf.shape) == 1 and not leaf.is_bias and not is_level)
    if not leaf.shape:
        return "0.0"
    shape = str(leaf.shape) if len(leaf.shape) > 1 else str(leaf.shape[0])
    if not is_weight:
        return f"np.zeros({shape})"
    scale = math.sqrt(gain / inputs_of(leaf, network))
    return f"np.random.default_rng({seed}).normal(0, {scale:.2g}, {shape})"


def inputs_of(leaf: Leaf, network: NetworkFacts) -> int:
    """Return how many inputs each unit has that an array of weights leads to."""
    if len(leaf.shape) < 2:
        # The weights of a single output, or those of a single input.
        return leaf.size if leaf == network.weights[-1] else 1
    first, last = leaf.shape[0], leaf.shape[-1]
    later = network.leaves[network.leaves.index(leaf) + 1 :]
    outputs = [each.shape[0] for each in later if len(each.shape) == 1] + [
        each.shape[0] for each in later[:1] if each.shape
    ]
    # X @ W has one column for each unit; W @ x has one row.
    return last if first in outputs and last not in outputs else int(np.prod(leaf.shape[:-1]))


def _written(tree: Any, texts: list[str]) -> str:
    """Return the code of a tree with the texts, which are taken from the front, in place of its arrays."""
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key!r}: {_written(each, texts)}" for key, each in tree.items()) + "}"
    if isinstance(tree, (list, tuple)) and any(isinstance(each, dict) or np.ndim(each) for each in tree):
        inside = ", ".join(_written(each, texts) for each in tree)
        return f"[{inside}]" if isinstance(tree, list) else f"({inside},)"
    return texts.pop(0)
