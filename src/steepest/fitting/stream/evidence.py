"""A sequential test of whether one model has begun to predict better than another."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

# The bets, as shares of the capital for an advantage of one unit. Chosen, not measured: small bets find small
# advantages that last, and large ones find large advantages soon.
BETS = np.array([[0.01], [0.03], [0.1], [0.3]])
# The unit of an advantage, in root mean squares of the earlier ones, and the limits to which advantages are clipped, in
# units. They must be above -1 / max(BETS). An advantage below the limit is rare, as it is 6 root mean squares.
UNIT, LOWEST, HIGHEST = 2.0, -3.0, 3.0
# The rows after which a row counts half in the root mean square. Chosen, not measured.
HALF_LIFE = 2_000


@dataclass
class SequentialTest:
    """A test, at each row of a stream, of whether a rival predicts better than the model in use, on average.

    The capital of a gambler who bets the share λ on the rival grows by the factor 1 + λ a at a row where the rival's
    loss is lower by a. If the rival is no better on average, no bet wins in the long run. The gambler begins again with
    a capital of 1 whenever less is left, because the rival may become better at any row. This is the e-detector of
    Shin, Ramdas and Rinaldo, "E-detectors: a nonparametric framework for sequential change detection" (2024), with
    CUSUM's restarts and a mixture of bets. While the rival is no better, the mean number of rows until a false alarm is
    at least `rows`. This holds exactly for advantages within the limits; larger ones are clipped to them.

    Attributes
    ----------
    rows : float
        The least mean number of rows until a false alarm.
    capital : array of shape (bets, 1)
        The logarithm of the capital of each bet.
    squares, mass : float
        The sum of the squared advantages so far and the number of rows, where old rows count less.
    """

    rows: float
    capital: np.ndarray = field(default_factory=lambda: np.zeros(BETS.shape))
    squares: float = 0.0
    mass: float = 0.0

    def add(self, advantages: np.ndarray) -> bool:
        """Bet on the next rows, and return whether the rival is now found to be better.

        Parameters
        ----------
        advantages : array of shape (rows,)
            How much lower the rival's loss is at each row, before it learnt from that row.

        Returns
        -------
        bool
            Whether the test has found it better. The test then begins anew.
        """
        known = np.where(np.isfinite(advantages), advantages, 0.0)
        found = False
        if self.squares > 0:
            # The unit comes from earlier rows, so that it does not depend on those that are bet on.
            unit = UNIT * math.sqrt(self.squares / self.mass)
            grown = np.cumsum(np.log1p(BETS * np.clip(known / unit, LOWEST, HIGHEST)), axis=1)
            least = np.minimum.accumulate(np.append(np.zeros(BETS.shape), grown[:, :-1], axis=1), axis=1)
            capitals = grown + np.maximum(self.capital, -least)
            found = bool(np.exp(capitals).mean(axis=0).max() >= self.rows)
            self.capital = np.zeros(BETS.shape) if found else np.maximum(capitals[:, -1:], 0.0)
        keep = 0.5 ** (len(known) / HALF_LIFE)
        self.squares = keep * self.squares + float(known @ known)
        self.mass = keep * self.mass + len(known)
        return found

    def restart(self) -> None:
        """Begin anew, with the same unit."""
        self.capital = np.zeros(BETS.shape)
