"""Coordinates of a linear model with a score a class: those of its columns, for each contrast of the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.fitting.linear.coordinates import Coordinates


@dataclass(frozen=True)
class ClassCoordinates:
    """The change from θ, a column of it an output, to coefficients and intercepts in the user's units, a row a class.

    Intercepts sum to 0 over the classes, as what is added to all of them alike changes nothing.

    Parameters
    ----------
    columns : Coordinates
        Those of the columns.
    contrasts : array of shape (classes, outputs)
        Q: the scores are Q times the outputs.
    """

    columns: Coordinates
    contrasts: np.ndarray

    def to_user(self, theta: np.ndarray) -> np.ndarray:
        """Return (coef, intercept), flat, for each row of θ."""
        outputs = self.contrasts.shape[1]
        return self._spread(self.columns.to_user(theta.reshape(*theta.shape[:-1], -1, outputs).swapaxes(-1, -2)))

    def from_user(self, point: np.ndarray) -> np.ndarray:
        """Return the θ of (coef, intercept)."""
        classes = len(self.contrasts)
        each = self.contrasts.T @ np.c_[point[:-classes].reshape(classes, -1), point[-classes:]]
        return np.stack([self.columns.from_user(row) for row in each], axis=-1).ravel()

    def slope(self, gradient: np.ndarray) -> np.ndarray:
        """Return a gradient by θ as one by (coef, intercept)."""
        outputs = self.contrasts.shape[1]
        return self._spread(np.stack([self.columns.slope(column) for column in gradient.reshape(-1, outputs).T]))

    def terms(self, theta: np.ndarray) -> np.ndarray:
        """Return how large the terms are, at the most, that coefficients and intercepts are summed of."""
        each = np.stack([self.columns.terms(column) for column in theta.reshape(-1, self.contrasts.shape[1]).T])
        full = np.abs(self.contrasts) @ each
        return np.concatenate([full[:, :-1].ravel(), full[:, -1] + full[:, -1].mean()])

    @property
    def undetermined(self) -> np.ndarray:
        """Which coefficients and intercepts the directions that are left out would change."""
        of, classes = self.columns.undetermined, len(self.contrasts)
        return np.append(np.tile(of[:-1], classes), np.repeat(of[-1], classes))

    def weights(self, theta: Any) -> Any:
        """Return the coefficients in the user's units, in traced code too."""
        u = theta.reshape(-1, self.contrasts.shape[1])[:-1]
        coef = (u if self.columns.basis is None else self.columns.basis @ u) / self.columns.scale[:, None]
        return (self.contrasts @ coef.T).ravel()

    def _spread(self, each: np.ndarray) -> np.ndarray:
        """Return what is known of each output as coefficients and intercepts, those of all classes together."""
        full = self.contrasts @ each
        intercepts = full[..., -1] - full[..., -1].mean(axis=-1, keepdims=True)
        return np.concatenate([full[..., :-1].reshape(*full.shape[:-2], -1), intercepts], axis=-1)
