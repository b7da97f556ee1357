"""The start and the box of a fit of the user's own function: which parameters are fixed or have bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from steepest.derivatives.bounds import Box, check_inside, check_values, is_whole, read_box, read_fixed, with_fixed
from steepest.derivatives.structure import Structure
from steepest.models import Custom
from steepest.printable import quoted
from steepest.types import Bounds, Fixed, PyTree


@dataclass(frozen=True)
class Held:
    """The values of bounds= and fixed= of a fit.

    Attributes
    ----------
    bounds : mapping or None
        The pairs (low, high) by name.
    fixed : mapping or None
        The values of fixed parameters by name.
    """

    bounds: Bounds | None = None
    fixed: Fixed | None = None

    def __post_init__(self) -> None:
        examples = {"bounds": "{'rate': (0, None)}", "fixed": "{'offset': 1.0}"}
        for name, example in examples.items():
            given = getattr(self, name)
            if given is not None and not isinstance(given, Mapping):
                raise TypeError(f"{name}={quoted(given)}: give a dict by name, such as {example}")

    def start_of(self, model: Custom, X: np.ndarray, given: PyTree) -> tuple[dict[str, PyTree], Box | None]:
        """Return the start of a function of named parameters, with the fixed values in place, and the box.

        A start need not name the parameters that are fixed. Without a start, parameters begin at 1, or inside their
        bounds.
        """
        check_values(self.fixed or {})
        fixed = {name: value for name, value in (self.fixed or {}).items() if is_whole(name, value)}
        chosen = given if given is None or not isinstance(given, Mapping) else {**fixed, **given}
        start = model.named_start(X, chosen)
        if given is None:
            # An array that is fixed as a whole shows its shape.
            start |= {name: value for name, value in fixed.items() if name in start}
        structure, x = Structure.of(start)
        x, box = self.within(x, structure.names, moved=given is None)
        return structure.build(x), box

    def within(self, x: np.ndarray, names: tuple[str, ...], moved: bool = False) -> tuple[np.ndarray, Box | None]:
        """Return a flat start with the fixed values in place, and the box; the start must lie inside, or is moved."""
        box = read_box(self.bounds, self.fixed, names)
        x = with_fixed(x, read_fixed(self.fixed, names))
        if box is None or not (box.any_fixed or np.any(box.bounded)):
            return x, None
        if moved:
            x = moved_inside(x, box)
        check_inside(box, x, names)
        return x, box


def moved_inside(x: np.ndarray, box: Box) -> np.ndarray:
    """Return a point inside a box: a coordinate that is not inside goes to the middle, or 1 away from the one bound."""
    middle = np.where(np.isfinite(box.low), np.where(np.isfinite(box.high), (box.low + box.high) / 2, box.low + 1), 0.0)
    middle = np.where(np.isfinite(box.low), middle, box.high - 1)
    return np.where((x > box.low) & (x < box.high), x, middle)
