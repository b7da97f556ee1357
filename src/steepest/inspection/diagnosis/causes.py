"""The causes that a diagnosis names, the most important first, and which of them explain others."""

from __future__ import annotations

from typing import NamedTuple


class Cause(NamedTuple):
    """Why a run went wrong.

    Parameters
    ----------
    name : str
        The words for it.
    explains : tuple of str
        The names of causes that are only its consequences, and are not said beside it.
    """

    name: str
    explains: tuple[str, ...] = ()


# Findings of equal confidence come in this order.
CAUSES = (
    Cause(
        "wrong gradient",
        (
            "step above the stability limit",
            "step far too small",
            "too few iterations",
            "ill-conditioned",
            "kink",
            "saddle",
            "plateau",
            "several minima",
            "noise of the function",
            "unbounded below",
            "no finite optimum",
        ),
    ),
    Cause("function raised"),
    Cause("not finite", ("step above the stability limit",)),
    Cause("step above the stability limit"),
    Cause(
        "unbounded below",
        (
            "step far too small",
            "too few iterations",
            "ill-conditioned",
            "step above the stability limit",
            "saddle",
            "plateau",
        ),
    ),
    Cause("no finite optimum", ("step far too small", "too few iterations", "ill-conditioned", "plateau")),
    Cause("separable classes", ("no finite optimum",)),
    Cause("saddle", ("step far too small", "too few iterations", "ill-conditioned", "plateau")),
    Cause(
        "kink",
        (
            "step above the stability limit",
            "ill-conditioned",
            "too few iterations",
            "noise of the function",
            "step far too small",
        ),
    ),
    Cause("plateau", ("step far too small", "too few iterations", "ill-conditioned")),
    Cause("several minima"),
    Cause("answer at a bound"),
    Cause("noise of the function"),
    Cause("rounding of float32", ("noise of the function",)),
    Cause("noise of mini-batches"),
    Cause("unshuffled rows", ("noise of mini-batches", "step above the stability limit")),
    Cause("targets not scaled", ("exploding weights", "saturated units")),
    Cause("dead units", ("saturated units", "vanishing gradients", "plateau", "saddle")),
    Cause("saturated units", ("vanishing gradients", "plateau", "saddle")),
    Cause("vanishing gradients", ("plateau", "saddle")),
    Cause("exploding weights", ("dead units", "saturated units")),
    Cause("leaking column"),
    Cause("constant column"),
    Cause("duplicated column"),
    Cause("collinear columns"),
    Cause("outliers"),
    Cause("class imbalance"),
    Cause("over-fitting"),
    Cause("under-fitting"),
    Cause("ill-conditioned"),
    Cause("step far too small"),
    Cause("schedule ended too early"),
    Cause("too few iterations"),
    Cause("slow function"),
    Cause("recompilation"),
)
ORDER = {cause.name: place for place, cause in enumerate(CAUSES)}
EXPLAINS = {cause.name: cause.explains for cause in CAUSES}
