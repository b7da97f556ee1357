"""Why a linear model has no finite optimum, in sentences for users."""

from __future__ import annotations

from collections.abc import Sequence

from steepest.models.losses.base import Loss

# The most columns or classes that a sentence lists.
MOST_LISTED = 3

EQUAL_TARGETS = (
    "all targets are equal, rows of weight 0 aside, so that the loss keeps falling as the intercept grows without bound"
)


def of_absent_classes(absent: Sequence[int]) -> str:
    """Return the reason if some classes have no rows, and the remedy."""
    several = len(absent) > 1
    listed = ", ".join(map(str, absent[:MOST_LISTED])) + " …" * (len(absent) > MOST_LISTED)
    classes, intercepts = ("classes", "their intercepts fall") if several else ("class", "its intercept falls")
    return (
        f"there are no rows of {classes} {listed}, so that the loss keeps falling as {intercepts} without bound; "
        f"fit the model without {'them' if several else 'it'}"
    )


def of_columns(columns: Sequence[int], names: Sequence[str] | None, loss: Loss, together: bool) -> str:
    """Return the reason if the coefficients of some columns grow without bound, and the remedy.

    Parameters
    ----------
    columns : sequence of int
        The columns, the most important first.
    names : sequence of str or None
        The names of all columns, if they have names.
    loss : Loss
        The loss.
    together : bool
        Whether the columns separate the rows only together, not each by itself.

    Returns
    -------
    str
        The sentence.
    """
    several = len(columns) > 1
    columns_separate = "these columns separate" if several else "this column separates"
    if loss.outputs:
        facts = f"{columns_separate} some class from others without error"
    else:
        facts = f"all rows that {columns_separate} {'are of one class' if loss.classes else 'have the target 0'}"
    grow = f"the coefficient{'s' * several} of {_listed(columns, names)} grow{'s' * (not several)}"
    return (
        f"the loss keeps falling as {grow}{' together' * (together and several)} without bound: {facts}; "
        f"add penalty=L2(1e-3), for example, leave {'them' if several else 'it'} out, "
        f"or merge a level with another"
    )


def _listed(columns: Sequence[int], names: Sequence[str] | None) -> str:
    listed = [f"{names[j]!r}" if names else f"column {j}" for j in columns[:MOST_LISTED]]
    if more := len(columns) - len(listed):
        return f"{', '.join(listed)} and {more:,} more"
    return ", ".join(listed[:-1] or listed) + (f" and {listed[-1]}" if len(listed) > 1 else "")
