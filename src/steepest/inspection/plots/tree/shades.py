"""The colours of predictions: from blue over grey to orange for numbers, and those of the classes, paler if unsure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from steepest.inspection.plots import style
from steepest.types import Array

if TYPE_CHECKING:
    from matplotlib.cm import ScalarMappable

PALE = "#dcdcdc"
INK = "black"  # has a contrast of 4.9 or more on every shade
STEPS = 256  # more colours than an eye can tell apart


@dataclass(frozen=True)
class Shades:
    """Colours of predictions.

    Numbers have the colour of their distance from a middle: blue below it, orange above it. A class has its colour of
    the cycle, which is paler the closer its probability is to that of the other classes.

    Parameters
    ----------
    middle, reach : float
        The number in the middle, and the distance from it at which the colours end.

    Examples
    --------
    >>> Shades.over([1.0, 2.0, 9.0], [1, 1, 2])
    Shades(middle=5.25, reach=4.25)
    >>> Shades().of_classes([[0.5, 0.5], [0.0, 1.0]]).round(2)
    array([[0.86, 0.86, 0.86],
           [0.84, 0.37, 0.  ]])
    """

    middle: float = 0.0
    reach: float = 1.0

    @classmethod
    def over(cls, numbers: ArrayLike, weights: Array = None) -> Shades:
        """Return colours whose middle is the mean of some numbers, and which reach to the farthest of them.

        Parameters
        ----------
        numbers : array of shape (count,)
            Finite numbers.
        weights : array of shape (count,), optional
            How much each of them counts in the mean.

        Returns
        -------
        Shades
            The colours.
        """
        numbers = np.asarray(numbers, dtype=float)
        middle = float(np.average(numbers, weights=weights))
        return cls(middle, float(np.abs(numbers - middle).max()) or 1.0)

    def of_numbers(self, numbers: ArrayLike) -> np.ndarray:
        """Return the colour of each number.

        Parameters
        ----------
        numbers : array
            Numbers.

        Returns
        -------
        array of shape (..., 3)
            Red, green and blue, from 0 to 1.
        """
        return np.asarray(self.scale.to_rgba(np.asarray(numbers, dtype=float)))[..., :3]

    def of_classes(self, shares: ArrayLike) -> np.ndarray:
        """Return the colour of the most probable class of each row.

        Parameters
        ----------
        shares : array of shape (..., classes)
            The probability of each class.

        Returns
        -------
        array of shape (..., 3)
            Red, green and blue, from 0 to 1.
        """
        from matplotlib.colors import to_rgb

        shares = np.asarray(shares, dtype=float)
        count = shares.shape[-1]
        colours = np.array([to_rgb(style.COLOURS[k % len(style.COLOURS)]) for k in range(count)])
        # The most probable of n classes has a probability between 1 / n and 1.
        sure = np.clip((shares.max(axis=-1) - 1 / count) / (1 - 1 / count), 0, 1)[..., None]
        return (1 - sure) * np.array(to_rgb(PALE)) + sure * colours[shares.argmax(axis=-1)]

    @property
    def scale(self) -> ScalarMappable:
        """The scale of the colours of numbers, for a colour bar."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import LinearSegmentedColormap, Normalize

        colours = LinearSegmentedColormap.from_list("predictions", [style.BLUE, PALE, style.ORANGE], STEPS)
        return ScalarMappable(Normalize(self.middle - self.reach, self.middle + self.reach), colours)
