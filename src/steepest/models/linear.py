"""Models that are linear in their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from steepest.models.losses import Loss, log_loss, squared


@dataclass(frozen=True)
class Linear:
    """A linear model, z = X w + b.

    Its parameters are ``coef``, one weight a column in the column's units, and ``intercept``.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> fit = st.fit(Linear(), np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0]))
    >>> fit.params["coef"].round(6), round(float(fit.params["intercept"]), 6)
    (array([2.]), 1.0)
    """

    loss: ClassVar[Loss] = staticmethod(squared)

    def start(self, columns: int) -> dict[str, Any]:
        """Return the zero model.

        Parameters
        ----------
        columns : int
            How many columns X has.

        Returns
        -------
        dict
            ``coef`` and ``intercept``, all zero.
        """
        return {"coef": np.zeros(columns), "intercept": 0.0}

    def __call__(self, X: Any, coef: Any, intercept: Any) -> Any:
        return X @ coef + intercept

    def response(self, z: Any) -> Any:
        """Return what is predicted at an output z: here z itself.

        Parameters
        ----------
        z : array
            Outputs of the model.

        Returns
        -------
        array
            Predictions in the units of y.
        """
        return z


@dataclass(frozen=True)
class Logistic(Linear):
    """Two-class logistic regression: the log odds of class 1 are X w + b.

    Examples
    --------
    >>> import numpy as np, steepest as st
    >>> fit = st.fit(Logistic(), np.array([[0.0], [1.0], [1.0], [2.0]]), np.array([0, 0, 1, 1]))
    >>> float(fit.predict(np.array([[1.0]]))[0]).__round__(3)
    0.5
    """

    loss: ClassVar[Loss] = staticmethod(log_loss)

    def response(self, z: Any) -> Any:
        """Return the probability of class 1, 1 / (1 + e⁻ᶻ).

        Parameters
        ----------
        z : array
            Log odds.

        Returns
        -------
        array
            Probabilities.
        """
        return np.exp(-np.logaddexp(0.0, -z))
