"""`FunctionAtHand`: the function of a run, evaluated again within a budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from steepest.inspection.protocol import BatchedFitLike, HiddenLike, RunLike

# A diagnosis may cost as much as this many gradients.
MOST_GRADIENTS = 20.0
# The cost of a value and of a product with the Hessian, in gradients: by reverse mode a gradient takes up to five
# values (Baur and Strassen, 1983), and a product is the derivative of a gradient.
VALUE, PRODUCT = 0.25, 2.0


class FunctionAtHand:
    """The function of a run, with its sign turned so that it is minimised, evaluated again within a budget.

    Each method returns None if the function is not at hand, the budget is spent, or the function raises.

    Parameters
    ----------
    run : RunLike
        The run.
    allowed : bool
        Whether the function may be evaluated.
    """

    def __init__(self, run: RunLike, allowed: bool) -> None:
        self.run = run
        self.sign = -1.0 if run.maximized else 1.0
        # A run that was loaded or recorded has no function.
        self.exists = getattr(getattr(run, "fit", run), "objective", None) is not None
        self.left = MOST_GRADIENTS if allowed and self.exists else 0.0
        # What searches for difference steps have cost at most, for each gradient.
        self._search = 0.0
        self._known: dict[tuple[str, bytes, bytes], Any] = {}

    @property
    def is_at_hand(self) -> bool:
        """Whether the function can be evaluated at least once more."""
        return self.left >= 1.0

    @property
    def _overhead(self) -> float:
        """What differences have spent to find their steps, in gradients of two values for each coordinate."""
        objective: Any = getattr(getattr(self.run, "fit", self.run), "objective", None)
        differences = getattr(objective, "differences", None)
        return differences.overhead / differences.paid if differences is not None else 0.0

    def value(self, x: np.ndarray) -> float | None:
        """Return the value at a flat point.

        Parameters
        ----------
        x : array
            The point.

        Returns
        -------
        float or None
            The value, which may be infinite or NaN.
        """
        found = self._once("value", x, None, VALUE, lambda: self.run.evaluate(x))
        return None if found is None else self.sign * float(found)

    def gradient(self, x: np.ndarray) -> np.ndarray | None:
        """Return the gradient at a flat point.

        Parameters
        ----------
        x : array
            The point.

        Returns
        -------
        array or None
            The gradient, flat.
        """
        found = self._once("gradient", x, None, 1.0, lambda: self.run.gradient_at(x))
        return None if found is None else self.sign * np.asarray(found, dtype=float).ravel()

    def product(self, x: np.ndarray, v: np.ndarray) -> np.ndarray | None:
        """Return the product of the Hessian at a flat point with a vector.

        Parameters
        ----------
        x : array
            The point.
        v : array
            The vector.

        Returns
        -------
        array or None
            The product, flat.
        """
        curvature = getattr(self.run, "curvature", None)
        if curvature is None:
            return None
        found = self._once("product", x, v, PRODUCT, lambda: curvature(x, v))
        return None if found is None else self.sign * np.asarray(found, dtype=float).ravel()

    def value_again(self, x: np.ndarray) -> float | None:
        """Return the value at a flat point by a call of its own, which tells whether it repeats.

        Parameters
        ----------
        x : array
            The point.

        Returns
        -------
        float or None
            The value.
        """
        if self.left < VALUE:
            return None
        self.left -= VALUE
        try:
            with np.errstate(all="ignore"):
                return self.sign * float(self.run.evaluate(x))
        except Exception:  # noqa: BLE001 - the user's function may raise anything
            return None

    def gradient_again(self, x: np.ndarray) -> np.ndarray | None:
        """Return the gradient at a flat point by a call of its own, which tells whether it repeats.

        Parameters
        ----------
        x : array
            The point.

        Returns
        -------
        array or None
            The gradient, flat.
        """
        found = self._paid(1.0, lambda: self.run.gradient_at(x))
        return None if found is None else self.sign * np.asarray(found, dtype=float).ravel()

    def on_rows(self, fit: BatchedFitLike, x: np.ndarray, rows: np.ndarray) -> np.ndarray | None:
        """Return the gradients of a fit on batches of its rows.

        Parameters
        ----------
        fit : BatchedFitLike
            The fit, which is that inside the fit of a table.
        x : array
            The flat point.
        rows : array of shape (batches, size)
            The numbers of the rows in each batch.

        Returns
        -------
        array of shape (batches, parameters) or None
            The gradients.
        """
        try:
            cost = rows.size / fit.rows_learnt
        except RuntimeError:
            # A fit that was loaded has no rows.
            return None
        return self._once("rows", x, rows, cost, lambda: fit.batch_gradients(x, rows))

    def hidden(self, x: np.ndarray) -> Sequence[HiddenLike]:
        """Return the hidden layers at a flat point, if the function is a network whose code was traced.

        Parameters
        ----------
        x : array
            The point.

        Returns
        -------
        sequence of HiddenLike
            The layers, in the order of the code; empty if there are none.
        """
        run: Any = getattr(self.run, "fit", self.run)
        if not hasattr(getattr(run, "objective", None), "hidden"):
            return []
        return self._once("hidden", x, None, VALUE, lambda: run.objective.hidden(run.view.flat(x))) or []

    def _once(self, what: str, x: np.ndarray, v: np.ndarray | None, cost: float, call: Callable[[], Any]) -> Any:
        """Return the result of a call, which is made once for a point, and paid for from the budget."""
        key = (what, np.asarray(x, dtype=float).tobytes(), b"" if v is None else np.asarray(v, dtype=float).tobytes())
        if key not in self._known:
            if not self._affords(cost):
                return None
            self._known[key] = self._paid(cost, call)
        return self._known[key]

    def _affords(self, cost: float) -> bool:
        """Return whether a call can be paid for, with the dearest search for difference steps so far."""
        return cost + (self._search * cost if cost >= 1.0 else 0.0) <= self.left

    def _paid(self, cost: float, call: Callable[[], Any]) -> Any:
        """Return the result of a call that is paid for from the budget; None if it is too dear, or raises."""
        if not self._affords(cost):
            return None
        before, found = self._overhead, None
        try:
            with np.errstate(all="ignore"):
                found = call()
        except Exception:  # noqa: BLE001 - the user's function may raise anything
            found = None
        search = self._overhead - before
        self._search = max(self._search, search / cost)
        self.left -= cost + search
        return found
