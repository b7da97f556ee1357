"""The minimum of a quadratic function with an L1 penalty, by the set of coefficients that are not 0."""

from __future__ import annotations

import numpy as np

from steepest.fitting.strength.newton import cholesky, solved

# A coefficient leaves 0 if the slope exceeds the penalty's by this share of the largest.
SLACK = 1e-9
# So much is added to the diagonal, as a share of its mean: scores of classes have a direction without curvature.
LITTLE = 1e-11
MOST_ROUNDS = 500


def least_quadratic(H: np.ndarray, pull: np.ndarray, kink: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Minimise ½ xᵀHx - pullᵀx + Σ kinkⱼ |xⱼ|.

    With the signs of the coefficients held, the minimum is that of a linear system. A coefficient that changes its
    sign on the way there stops at 0; those at 0 whose slope exceeds their kink are let go. Each round that ends at the
    minimum of its signs is lower than the one before, so that no signs come twice.

    Parameters
    ----------
    H : array of shape (n, n)
        The Hessian.
    pull : array of shape (n,)
        Minus the slope at 0.
    kink : array of shape (n,)
        The strength of the L1 penalty of each coefficient; 0 for none.
    x : array of shape (n,)
        The start.

    Returns
    -------
    array of shape (n,)
        The minimum.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the function has no minimum.

    Examples
    --------
    >>> least_quadratic(np.diag([1.0, 2.0]), np.array([3.0, 0.5]), np.ones(2), np.zeros(2))
    array([2., 0.])
    """
    x, sign = x.copy(), np.sign(x)
    free = (x != 0) | (kink == 0)
    little, slack = LITTLE * float(H.trace()) / max(len(H), 1) + 1e-300, SLACK * float(kink.max(initial=0.0))
    for _ in range(MOST_ROUNDS):
        places = free.nonzero()[0]
        part = H[places[:, None], places]
        part.flat[:: len(part) + 1] += little
        here, signs = x[places], sign[places]
        signs[kink[places] == 0] = 0.0
        there = solved(cholesky(part), pull[places] - kink[places] * signs) if places.size else here
        crossing = (there * signs < 0).nonzero()[0]
        if crossing.size:
            share = here[crossing] / (here[crossing] - there[crossing])
            first = share.min()
            x[places] = here + first * (there - here)
            stopped = places[crossing[share <= first]]
            x[stopped], sign[stopped], free[stopped] = 0.0, 0.0, False
            continue
        x[places] = there
        slope = pull - H[:, places] @ there
        excess = np.where(free, 0.0, np.abs(slope) - kink)
        most = excess.max(initial=0.0)
        if most <= slack:
            break
        # One by one would take many rounds; all at once, most would come back.
        let_go = excess >= most / 2
        free |= let_go
        sign[let_go] = np.sign(slope[let_go])
    return x
