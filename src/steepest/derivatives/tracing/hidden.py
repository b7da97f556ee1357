"""The hidden layers of a network that a user wrote, found in its traced code."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from steepest.derivatives.precision import inner_codes
from steepest.types import Array, Function, PyTree

if TYPE_CHECKING:
    from jax.extend.core import Jaxpr

# Operations that only lay out the numbers of an array in another way.
LAYOUTS = {"broadcast_in_dim", "convert_element_type", "copy", "reshape", "squeeze", "transpose"}
# Calls whose code is looked into.
CALLS = {
    "closed_call",
    "core_call",
    "custom_jvp_call",
    "custom_vjp_call",
    "jit",
    "pjit",
    "remat",
    "remat2",
    "checkpoint",
}


@dataclass(frozen=True)
class HiddenLayer:
    """The outputs of the units of a hidden layer.

    Attributes
    ----------
    outputs : array of shape (rows, units)
        The outputs.
    kind : str
        "tanh" or "sigmoid" if the units are of that kind, which are flat at both ends; else "".
    """

    outputs: np.ndarray
    kind: str

    @property
    def slopes(self) -> np.ndarray | None:
        """The slope of each output by what went into its unit, as a share of the largest; None if it is not known."""
        h = self.outputs
        if self.kind == "tanh":
            return 1 - h**2
        return 4 * h * (1 - h) if self.kind == "sigmoid" else None


class _Seen(NamedTuple):
    """An array in traced code: its numbers, which are None in a first pass, and whether it depends on the point."""

    value: Any
    depends: bool = False
    # The entries of the point that it consists of, if it is nothing but a part of the point.
    part: tuple[int, int] | None = None
    # The operation that made it.
    made: str = ""


# (outputs, axis of the units, operation that made them), in the order of the code.
_Found = list[tuple[_Seen, int]]


def hidden_layers(
    pure: Function, x: np.ndarray, arrays: PyTree, compiled: Callable[[Hashable, Callable[[], Function]], Function]
) -> list[HiddenLayer]:
    """Return the hidden layers of a function of a point and arrays, in the order of its code; none if it has none.

    A hidden layer is an array that depends on the point, and is multiplied with a part of the point, summed over units.

    Parameters
    ----------
    pure : callable
        ``(x, arrays) -> result``, written for JAX.
    x : array
        The point.
    arrays : tree
        The arrays that the function takes.
    compiled : callable
        Takes a key and what makes a function of (x, arrays), and returns it compiled, or as it was compiled before.

    Returns
    -------
    list of HiddenLayer
        The layers.
    """
    code = jax.make_jaxpr(pure)(x, arrays)
    inputs = [_Seen(None, True, (0, x.size)), *[_Seen(None) for _ in jax.tree.leaves(arrays)]]
    found = _walk(code.jaxpr, [_Seen(None) for _ in code.consts], inputs, False, set())[1]
    if not found:
        return []

    def outputs(x: Array, arrays: PyTree) -> list[Array]:
        known = [_Seen(x, True, (0, x.size)), *[_Seen(leaf) for leaf in jax.tree.leaves(arrays)]]
        return [seen.value for seen, _ in _walk(code.jaxpr, [_Seen(c) for c in code.consts], known, True, set())[1]]

    key = "hidden", *[(aval.shape, str(aval.dtype)) for aval in code.in_avals]
    values = compiled(key, lambda: outputs)(x, arrays)
    return [
        _layer(np.asarray(value), axis, seen.made)
        for value, (seen, axis) in zip(values, found, strict=True)
        if np.ndim(value) > 1
    ]


def _layer(values: np.ndarray, axis: int, made: str) -> HiddenLayer:
    values = np.moveaxis(values, axis, -1)
    values = values.reshape(-1, values.shape[-1])
    is_share = made == "logistic" or (made == "div" and values.min() >= 0 and values.max() <= 1)
    return HiddenLayer(values, "sigmoid" if is_share else made if made == "tanh" else "")


def _walk(
    code: Jaxpr, constants: list[_Seen], inputs: list[_Seen], evaluate: bool, used: set[tuple[int, int]]
) -> tuple[list[_Seen], _Found]:
    """Go through traced code; return its results and the hidden layers.

    `used` has the parts of the point that were multiplied with: the backward pass does it again, after the forward one.
    """
    known: dict[Any, _Seen] = {}
    found: _Found = []
    for var, seen in zip([*code.constvars, *code.invars], [*constants, *inputs], strict=True):
        known[var] = seen

    def read(var: Any) -> _Seen:
        return _Seen(var.val) if hasattr(var, "val") else known[var]

    for equation in code.eqns:
        name, given = equation.primitive.name, [read(var) for var in equation.invars]
        inner: list[Any] = list(inner_codes(equation.params.values())) if name in CALLS else []
        if len(inner) == 1:
            body = inner[0]
            own = getattr(body, "jaxpr", body)
            results, more = _walk(
                own, [_Seen(c) for c in getattr(body, "consts", ())], given[-len(own.invars) :], evaluate, used
            )
            found += more
        else:
            made: Any = [None] * len(equation.outvars)
            if evaluate:
                options: Any = equation.primitive.get_bind_params(equation.params)
                # Older versions of JAX return functions beside the options.
                functions, options = options if isinstance(options, tuple) else ((), options)
                returned = equation.primitive.bind(*functions, *[seen.value for seen in given], **options)
                made = returned if equation.primitive.multiple_results else [returned]
            depends = any(seen.depends for seen in given)
            results = [_Seen(value, depends, _part_of(equation, given), _made_by(name, given)) for value in made]
            if name == "dot_general":
                (left, right), _ = equation.params["dimension_numbers"]
                for one, other, axes in ((given[0], given[1], left), (given[1], given[0], right)):
                    is_layer = one.depends and one.part is None and len(axes) == 1
                    if is_layer and other.part is not None and other.part not in used:
                        found.append((one, axes[0]))
                        used.add(other.part)
        known.update(zip(equation.outvars, results, strict=True))
    return [read(var) for var in code.outvars], found


def _part_of(equation: Any, given: list[_Seen]) -> tuple[int, int] | None:
    """Return which entries of the point the result of an operation consists of; None if it is more than that."""
    name, first = equation.primitive.name, given[0] if given else _Seen(None)
    if first.part is None:
        return None
    if name == "slice" and len(equation.params["start_indices"]) == 1:
        start, stop = equation.params["start_indices"][0], equation.params["limit_indices"][0]
        return first.part[0] + start, first.part[0] + stop
    if name == "concatenate":
        parts = [seen.part for seen in given]
        in_a_row = all(one and other and one[1] == other[0] for one, other in pairwise(parts))
        return (first.part[0], parts[-1][1]) if in_a_row and parts[-1] else None
    return first.part if name in LAYOUTS else None


def _made_by(name: str, given: list[_Seen]) -> str:
    if name in LAYOUTS and given:
        return given[0].made
    # A sigmoid that is written as 1 / (1 + exp(-z)).
    return "" if name == "div" and given[0].depends else name
