"""What the driver reads of a descent that never goes up."""

from __future__ import annotations

from typing import Any


class Downhill:
    """Where such a descent stands is the best that it has seen; what is not finite its search alone meets."""

    __slots__ = ()
    x: Any
    value: Any
    seen: Any

    @property
    def best_x(self) -> Any:
        """The point itself."""
        return self.x

    @property
    def best_value(self) -> Any:
        """The value there."""
        return self.value

    @property
    def estimate(self) -> Any:
        """How far the optimum may be."""
        return self.seen.gap

    @property
    def resets(self) -> int:
        """How often the direction began anew: never."""
        return 0

    @property
    def non_finite(self) -> int:
        """How many points were evaluated where f is not finite."""
        return 0
