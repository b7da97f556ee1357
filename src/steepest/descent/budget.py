"""The budget of a run, and how near to the minimum it must come."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.arguments import guess
from steepest.rules.pair import Rules

WISHES = ("descent", "value", "x", "gradient")


@dataclass(frozen=True)
class Wishes:
    """How near the answer must come in its own terms; what is not asked for is infinite.

    Attributes
    ----------
    value : float
        f - f* as a part of |f|.
    x : float
        The error of each parameter, in its own units.
    gradient : float
        The largest entry of the gradient.
    """

    value: float = math.inf
    x: float = math.inf
    gradient: float = math.inf

    def __bool__(self) -> bool:
        return min(self.value, self.x, self.gradient) < math.inf

    def missed(self, error: Sequence[float], gradient: np.ndarray) -> str:
        """Return which of x and the gradient is not near enough yet, as the end of a sentence, or nothing."""
        largest = max(error, default=math.inf)
        if self.x < math.inf and not largest <= self.x:
            seen = f"known to {largest:.2g}" if largest < math.inf else "not determined"
            return f"x is {seen}, and {self.x:g} was asked"
        slope = float(np.abs(gradient).max(initial=0.0))
        if self.gradient < math.inf and not slope <= self.gradient:
            return f"the gradient has an entry of {slope:.2g}, and {self.gradient:g} was asked"
        return ""


@dataclass(frozen=True)
class Budget:
    """The budget of a run, and how near it must come; with neither tolerance nor wishes, as near as rounding allows.

    The tolerance is a part of the descent, f₀ - f; 0 where none was given.
    """

    tolerance: float = 0.0
    iterations: int | None = None
    evaluations: int | None = None
    seconds: float | None = None
    most: int = 10_000
    wishes: Wishes = Wishes()

    @classmethod
    def of(cls, tolerance: Any, seconds: Any, evaluations: Any = None, most: int = 10_000, **count: Any) -> Budget:
        """Check what the user gave: ``iterations=`` or ``epochs=`` is the count."""
        ((name, iterations),) = count.items()
        for word, value in {name: iterations, "evaluations": evaluations}.items():
            if value is not None and not (_is_number(value) and value == int(value) and value >= 0):
                raise ValueError(f"{word}={value!r}: give a whole number, 0 or more")
        asked = tolerance if isinstance(tolerance, Mapping) else {"descent": tolerance}
        for word, value in {"tolerance": asked.get("descent"), "seconds": seconds}.items():
            if value is not None and not (_is_number(value) and value > 0):
                raise ValueError(f"{word}={value!r}: give a positive number")
        wishes = {word: _wish(word, value) for word, value in asked.items() if word != "descent"}
        return cls(float(asked.get("descent") or 0.0), iterations, evaluations, seconds, most, Wishes(**wishes))

    @property
    def asked(self) -> bool:
        """Whether a tolerance was asked for."""
        return self.tolerance > 0 or bool(self.wishes)

    def counts(self, rules: Rules) -> bool:
        """Tell whether exactly the iterations given are to be done."""
        return not (rules.searches or rules.adapts) and self.iterations is not None and not self.asked


def _wish(word: Any, value: Any) -> float:
    """Return what was asked for under a word, or say what is wrong with it."""
    if word not in WISHES:
        raise ValueError(
            f"tolerance has the entry {word!r}{guess(str(word).lower(), WISHES)} (known: {', '.join(WISHES)})"
        )
    if not (_is_number(value) and value > 0):
        raise ValueError(f"tolerance[{word!r}]={value!r}: give a positive number")
    return float(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
