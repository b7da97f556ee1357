"""Leaves in words: numbers, linear models, and the most likely class with its probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from steepest.models import Tree
from steepest.models.frame import responded
from steepest.models.rules import Leaf, Rules, named, number
from steepest.printable import printable
from steepest.types import Array


@dataclass(frozen=True)
class LeafWords:
    """Says what leaves predict.

    Attributes
    ----------
    tree : Tree
        The fitted tree.
    params : mapping of str to array
        Its parameters.
    rules : Rules
        Its rules.
    full : bool
        Whether the words are exact: all digits, all terms, and the probabilities of all classes.
    labels : sequence or None
        The names of the classes; None for their numbers.
    """

    tree: Tree
    params: Mapping[str, Array]
    rules: Rules
    full: bool = False
    labels: Sequence[object] | None = None

    def prediction(self, leaf: Leaf) -> str:
        """Return the prediction of a leaf as text."""
        values, first = self.params["values"], leaf.numbers[0]
        if "slopes" in self.params:
            return self.line(float(values[first, 0]), self.params["slopes"][first])
        assert self.tree.form is not None
        response = self.tree.form.response
        z = values[[first]] if values.shape[1] > 1 else values[[first], 0]
        predicted = np.ravel(responded(response, z))
        if self.full or response not in ("probability", "probabilities"):
            return ", ".join(number(float(value), self.full) for value in predicted)
        shares = predicted if len(predicted) > 1 else np.array([1 - predicted[0], predicted[0]])
        best = int(shares.argmax())
        label = f"class {best}" if self.labels is None else self.labels[best]
        return f"{printable(label)} with probability {shares[best]:.3g}"

    def line(self, constant: float, slopes: np.ndarray) -> str:
        """Return a linear model as text."""
        used = np.flatnonzero(slopes).tolist()
        if not used:
            return number(constant, self.full)
        terms = self.rules.terms(slopes, used, self.full, alone=False)
        return f"{number(constant, self.full)} {terms if terms.startswith('-') else f'+ {terms}'}"

    @property
    def remarks(self) -> str:
        """Lines that follow the rules and hold for all leaves: the limits of predictions, and the values of gaps."""
        form, lines = self.tree.form, [""]
        assert form is not None
        if form.bounds is not None:
            low, high = (number(float(value), self.full) for value in form.bounds)
            lines.append(f"predictions below {low} or above {high} are cut to these")
        if (form.gaps or self.full) and (form.bounds is not None or self.tree.splits == "all"):
            known = [f"{named(n)} {number(v, self.full)}" for n, v in zip(self.rules.names, form.filled, strict=True)]
            where = "" if self.tree.splits == "all" else "in leaves, "
            lines.append(f"{where}a missing value counts as the median: {', '.join(known)}")
        return "\n".join(lines)
