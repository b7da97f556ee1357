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
    Cause("wrong gradient"),
    Cause("step above the stability limit"),
    Cause("unbounded below"),
    Cause("no finite optimum"),
    Cause(
        "separable classes",
        ("no finite optimum", "exploding weights", "too few iterations", "ill-conditioned", "step far too small"),
    ),
    Cause("saddle"),
    Cause("kink"),
    Cause("plateau"),
    Cause("several minima"),
    Cause("answer at a bound"),
    Cause("noise of the function"),
    Cause("rounding of float32"),
    Cause("noise of mini-batches"),
    Cause("unshuffled rows"),
    Cause(
        "targets not scaled",
        (
            "step above the stability limit",
            "step far too small",
            "too few iterations",
            "ill-conditioned",
            "exploding weights",
            "dead units",
            "saturated units",
            "vanishing gradients",
            "under-fitting",
            "outliers",
        ),
    ),
    Cause("dead units"),
    Cause("saturated units"),
    Cause("vanishing gradients"),
    Cause("exploding weights"),
    Cause("leaking column", ("no finite optimum", "ill-conditioned", "under-fitting")),
    Cause("constant column"),
    Cause("duplicated column", ("ill-conditioned", "too few iterations", "plateau")),
    Cause("collinear columns", ("ill-conditioned", "too few iterations", "step far too small", "plateau")),
    Cause("outliers", ("under-fitting", "ill-conditioned")),
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
