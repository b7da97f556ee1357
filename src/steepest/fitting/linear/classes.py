"""Coordinates of a linear model with several classes: those of the columns, once for each contrast of classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.fitting.linear.coordinates import Coordinates
from steepest.types import Array


@dataclass(frozen=True)
class ClassCoordinates:
    """The map from θ, with a column for each output, to coefficients and intercepts in the user's units.

    Coefficients and intercepts have a row for each class. The intercepts sum to 0 over the classes: a number added to
    all of them would change no prediction.

    Parameters
    ----------
    columns : Coordinates
        The coordinates of the columns.
    contrasts : array of shape (classes, outputs)
        Q: the scores of the classes are Q times the outputs.
    """

    columns: Coordinates
    contrasts: np.ndarray

    def to_user(self, theta: np.ndarray) -> np.ndarray:
        """Return (coef, intercept) in the user's units as one vector, for each row of θ."""
        outputs = self.contrasts.shape[1]
        return self._by_class(self.columns.to_user(theta.reshape(*theta.shape[:-1], -1, outputs).swapaxes(-1, -2)))

    def from_user(self, point: np.ndarray) -> np.ndarray:
        """Return the θ that maps to (coef, intercept)."""
        classes = len(self.contrasts)
        each = self.contrasts.T @ np.c_[point[:-classes].reshape(classes, -1), point[-classes:]]
        return np.stack([self.columns.from_user(row) for row in each], axis=-1).ravel()

    def gradient_to_user(self, gradient: np.ndarray) -> np.ndarray:
        """Return the gradient by (coef, intercept), from the gradient by θ."""
        by_output = gradient.reshape(-1, self.contrasts.shape[1]).T
        return self._by_class(np.stack([self.columns.gradient_to_user(one) for one in by_output]))

    def terms(self, theta: np.ndarray) -> np.ndarray:
        """Return a bound on the sum of the absolute terms of each coefficient and intercept."""
        each = np.stack([self.columns.terms(column) for column in theta.reshape(-1, self.contrasts.shape[1]).T])
        full = np.abs(self.contrasts) @ each
        return np.concatenate([full[:, :-1].ravel(), full[:, -1] + full[:, -1].mean()])

    @property
    def undetermined(self) -> np.ndarray:
        """Whether each coefficient and intercept depends on directions that were left out as rounding noise."""
        column, classes = self.columns.undetermined, len(self.contrasts)
        return np.append(np.tile(column[:-1], classes), np.repeat(column[-1], classes))

    def weights(self, theta: Array) -> Array:
        """Return the coefficients in the user's units, by code that can be traced."""
        u = theta.reshape(-1, self.contrasts.shape[1])[:-1]
        coef = (u if self.columns.basis is None else self.columns.basis @ u) / self.columns.scale[:, None]
        return (self.contrasts @ coef[: self.columns.width].T).ravel()

    def _by_class(self, each: np.ndarray) -> np.ndarray:
        """Map numbers for each output to numbers for each class: all coefficients, then all intercepts."""
        full = self.contrasts @ each
        intercepts = full[..., -1] - full[..., -1].mean(axis=-1, keepdims=True)
        return np.concatenate([full[..., :-1].reshape(*full.shape[:-2], -1), intercepts], axis=-1)
