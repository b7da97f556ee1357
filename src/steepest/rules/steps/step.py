"""The base of every step size: what the loop asks of it before it compiles."""

from __future__ import annotations

from typing import ClassVar, Self


class StepSize:
    """A step size declares which kind it is; the loop and `choose` read the flags.

    There are three kinds. A fixed size (`schedules.py`) has `at(k)`, or `table(first, count)` if it is a
    function of the user's. A search (`searches.py`) has `remember`, `begin`, `judge` and `again`. A size that
    follows the descent (`adaptive.py`) has `start` and `learn`; one that is a search as well has `reference`.
    """

    # It tries sizes along the direction, and accepts or rejects each.
    searches: ClassVar[bool] = False
    # It learns at each point, from the value and the gradient there.
    adapts: ClassVar[bool] = False
    # Its formula holds for plain gradient descent alone, d = -g.
    plain_only: ClassVar[bool] = False
    # It needs gradients without noise: batches are refused. A search always needs them, whatever this flag says.
    exact: ClassVar[bool] = False

    @property
    def optimum(self) -> float | None:
        """The optimum that the user knows, in the values that the loop sees; None if not known."""
        return None

    def signed(self, sign: float) -> Self:
        """Return the size for a loop that minimises `sign` times the user's function; most do not depend on it."""
        return self
