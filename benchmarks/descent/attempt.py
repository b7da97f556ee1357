"""The result of one method on one problem: how near it came, and after how many calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from tests.problems import Problem, basin

Slope = Callable[[np.ndarray], tuple[float, np.ndarray]]
MOST_POLISHED = 100


@dataclass(frozen=True)
class Attempt:
    """One run of one method.

    `calls` is the number of calls until the problem was solved, None if it was not; `spent` is the number of all
    calls. `gap` is (f - f*) / (f₀ - f*) at the end. `success` is the method's own claim.
    """

    calls: int | None
    spent: int
    gap: float
    success: bool = False
    words: str = ""

    @property
    def solved(self) -> bool:
        """Whether it came within 1e-6 of the whole descent of the minimum of its basin."""
        return self.calls is not None

    @property
    def false(self) -> bool:
        """Whether it reported success without having solved the problem."""
        return self.success and not self.solved

    @classmethod
    def of(
        cls, problem: Problem, values: np.ndarray, calls: np.ndarray, end: tuple[float, np.ndarray],
        success: bool, slope: Slope, words: str = "",
    ) -> Attempt:  # fmt: skip
        """Judge a method by its values, the number of calls at each, and the value and point that it returned.

        If it did not end in a known minimum, a descent by `slope`, the value and gradient in the units of the
        function, decides whether it ended in one that was not known yet.
        """
        for again in (False, True):
            least, descent, target = problem.target(end[0])
            met = np.flatnonzero(values <= target)
            if met.size or again or problem.start.size > MOST_POLISHED:
                break
            found = basin(slope, end[1] * problem.units)
            if found is None:
                break
            problem.learn(found)
        reached = int(calls[met[0]]) if met.size else int(calls[-1]) if end[0] <= target else None
        return cls(reached, int(calls[-1]), (end[0] - least) / descent, success, words)

    @classmethod
    def at_targets(cls, problem: Problem, best: float, spent: int, met: Sequence[int]) -> Attempt:
        """Judge a method by its least value and the number of calls until it met the target of each minimum."""
        least, descent, target = problem.target(float(best))
        calls = int(met[list(problem.targets()).index(target)])
        return cls(calls or None, int(spent), (float(best) - least) / descent)
