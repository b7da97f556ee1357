"""The budget of a run, and the accuracy that is asked of the answer."""

from __future__ import annotations

import math
import numbers
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

import numpy as np

from steepest.arguments import guess
from steepest.printable import quoted
from steepest.rules.pair import Rules

# The entries of tolerance={…}.
ENTRIES = ("descent", "value", "x", "gradient")


@dataclass(frozen=True)
class Accuracy:
    """The accuracy asked of the answer in the value, in x and in the gradient; an entry not asked for is infinite.

    Attributes
    ----------
    value : float
        The largest f - f*, as a share of |f|.
    x : float
        The largest error of each parameter, in the units of that parameter.
    gradient : float
        The largest absolute entry of the gradient.
    """

    value: float = math.inf
    x: float = math.inf
    gradient: float = math.inf

    def __bool__(self) -> bool:
        return min(self.value, self.x, self.gradient) < math.inf

    def missed(self, error: Sequence[float], gradient: np.ndarray) -> str:
        """Return in words why x or the gradient is not accurate enough; "" if both are."""
        largest = max(error, default=math.inf)
        if self.x < math.inf and not largest <= self.x:
            known = f"known to {largest:.2g}" if largest < math.inf else "not determined"
            return f"x is {known}, and {self.x:g} was asked"
        slope = float(np.abs(gradient).max(initial=0.0))
        if self.gradient < math.inf and not slope <= self.gradient:
            return f"the gradient has an entry of {slope:.2g}, and {self.gradient:g} was asked"
        return ""


@dataclass(frozen=True)
class Budget:
    """The budget of a run, and the accuracy asked of the answer: by default as near as rounding errors allow.

    Attributes
    ----------
    tolerance : float
        The share of the descent, f₀ - f, that may be left; 0 if no tolerance was given.
    iterations, evaluations, seconds : int, int, float or None
        The limits that the user gave.
    most : int
        The most iterations if the user gave no limit.
    accuracy : Accuracy
        The other entries of tolerance={…}: value, x and gradient.
    began : float
        The time of `time.perf_counter` from which the seconds count: that of the user's call.
    """

    tolerance: float = 0.0
    iterations: int | None = None
    evaluations: int | None = None
    seconds: float | None = None
    most: int = 10_000
    accuracy: Accuracy = Accuracy()
    began: float = field(default_factory=lambda: time.perf_counter(), compare=False)

    @classmethod
    def of(
        cls, tolerance: float | Mapping[str, float | None] | None, seconds: float | None,
        evaluations: int | None = None, most: int = 10_000, **count: int | None,
    ) -> Budget:  # fmt: skip
        """Return the budget that the user gave, after checking it; `count` is ``iterations=`` or ``epochs=``."""
        ((name, iterations),) = count.items()
        if tolerance is None and seconds is None and evaluations is None and iterations is None:
            return cls(most=most)
        for word, number in {name: iterations, "evaluations": evaluations}.items():
            if number is not None and not (_is_number(number) and number == int(number) and number >= 0):
                raise ValueError(f"{word}={quoted(number)}: give a whole number, 0 or more")
        asked = tolerance if isinstance(tolerance, Mapping) else {"descent": tolerance}
        for word, value in {"tolerance": asked.get("descent"), "seconds": seconds}.items():
            if value is not None and not (_is_number(value) and value > 0):
                raise ValueError(f"{word}={quoted(value)}: give a positive number")
        entries = {entry: _checked(entry, value) for entry, value in asked.items() if entry != "descent"}
        return cls(float(asked.get("descent") or 0.0), iterations, evaluations, seconds, most, Accuracy(**entries))

    @property
    def deadline(self) -> float:
        """The time at which the seconds are over; infinite without a limit."""
        return math.inf if self.seconds is None else self.began + self.seconds

    @property
    def asked(self) -> bool:
        """Whether the user gave a tolerance."""
        return self.tolerance > 0 or bool(self.accuracy)

    @property
    def is_open(self) -> bool:
        """Whether the user gave neither a limit nor a tolerance."""
        return self.iterations is None and self.evaluations is None and self.seconds is None and not self.asked

    def is_exact_count(self, rules: Rules) -> bool:
        """Tell whether to do exactly the iterations given: the step size is fixed, and no tolerance was given."""
        return not (rules.searches or rules.adapts) and self.iterations is not None and not self.asked


def _checked(entry: str, value: float | None) -> float:
    """Return an entry of tolerance={…} as a float, after checking it."""
    if entry not in ENTRIES:
        meant = guess(str(entry), ENTRIES)
        raise ValueError(f"tolerance has the entry {quoted(entry)}{meant} (known: {', '.join(ENTRIES)})")
    if not (_is_number(value) and value > 0):
        raise ValueError(f"tolerance[{quoted(entry)}]={quoted(value)}: give a positive number")
    return float(value)


def _is_number(value: float | None) -> TypeGuard[float]:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
