"""The gradients of a fit on batches of its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import jax
import numpy as np

from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import compiled_code
from steepest.descent.view import View
from steepest.fitting.function.native_problem import NativeProblem
from steepest.fitting.function.problem import CustomProblem
from steepest.fitting.linear.problem import LinearProblem
from steepest.fitting.objective import ArrangedRows
from steepest.fitting.validation import LabelledRows
from steepest.types import Array, PyTree

# The most numbers of rows that one call of compiled code gathers, 8 MB in double precision. Chosen, not measured.
MOST_NUMBERS = 2**20


@dataclass(frozen=True)
class RowGradients:
    """The gradients of a problem on batches of its rows, in the user's units.

    Attributes
    ----------
    problem : LinearProblem, CustomProblem or NativeProblem
        The model on its rows.
    rows : LabelledRows
        The rows, in the order in which the user gave them.
    view : View
        The view of points and gradients in the user's units.
    check : callable
        Raises ValueError if the user has changed the rows.
    """

    problem: LinearProblem | CustomProblem | NativeProblem
    rows: LabelledRows
    view: View
    check: Callable[[], None]

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.rows.y)

    @cached_property
    def objective(self) -> Objective:
        """The objective over all rows in their order, without batches of its own."""
        # The objective of the fit itself may hold its rows in another order.
        layout = self.problem.layout(None, False)
        arranged = ArrangedRows.arranged(layout, self.problem.columns(), self.rows.y, self.rows.weight, 0)
        return self.problem.objective(arranged, 0)[0]

    def __call__(self, point: PyTree, rows: Array) -> np.ndarray:
        """Return the gradient on each batch.

        Parameters
        ----------
        point : array or dict
            The parameters, flat or by name.
        rows : array of int of shape (batches, size)
            The numbers of the rows in each batch.

        Returns
        -------
        array of shape (batches, parameters)
            The gradients.
        """
        self.check()
        compiled = self.objective.compiled
        if compiled is None:
            raise ValueError(f"batches need a model that can be traced, and this one can't be: {self.objective.why}")

        def on_batches(x: Array, rows: Array, mass: Array, arrays: PyTree) -> Array:
            assert compiled is not None
            assert compiled.on_rows is not None
            return jax.vmap(compiled.on_rows, in_axes=(None, 0, None, None))(x, rows, mass, arrays)[1]

        run = compiled.loop("rows", lambda: on_batches)
        x, arrays = self.view.flat(point), self.objective.arrays
        # The divisor that makes the mean over all batches the gradient over all rows.
        mass = float(self.rows.weight.sum()) * rows.shape[1] / self.count
        together = max(1, MOST_NUMBERS // (rows.shape[1] * max(1, x.size)))
        gradients = []
        for first in range(0, len(rows), together):
            part = rows[first : first + together]
            # The last part is filled up to the size for which the code is compiled.
            full = np.resize(part, (min(together, len(rows)), rows.shape[1]))
            with compiled_code():
                gradients.append(np.asarray(run(x, full, mass, arrays))[: len(part)])
        return np.array([self.view.slope(gradient) for gradient in np.concatenate(gradients)])
