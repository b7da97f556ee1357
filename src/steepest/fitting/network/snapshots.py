"""The epochs after which a network's fit keeps its parameters, for pictures of how its predictions form."""

from __future__ import annotations

# Snapshots are kept of networks with at most so many parameters in all members: 4 MB each. Chosen, not measured: larger
# networks would need more memory, and pictures of them show columns that are too many to draw.
MOST_PARAMETERS = 1_000_000


def is_kept(epoch: int, parameters: int) -> bool:
    """Return whether the parameters after an epoch are kept: at the start, and where it is a power of two.

    Parameters
    ----------
    epoch : int
        The number of epochs that are done.
    parameters : int
        The number of parameters of all members.

    Returns
    -------
    bool
        Whether they are kept.

    Examples
    --------
    >>> [epoch for epoch in range(20) if is_kept(epoch, 100)]
    [0, 1, 2, 4, 8, 16]
    """
    return epoch & (epoch - 1) == 0 and parameters <= MOST_PARAMETERS


def next_kept(epoch: int) -> int:
    """Return the next epoch whose parameters are kept.

    Examples
    --------
    >>> [next_kept(epoch) for epoch in (0, 1, 2, 3, 4, 7)]
    [1, 2, 4, 4, 8, 8]
    """
    return 1 << epoch.bit_length()
