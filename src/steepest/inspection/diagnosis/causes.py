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
    outranks : tuple of str
        The names of causes that are its consequences unless they are surer than it is.
    """

    name: str
    explains: tuple[str, ...] = ()
    outranks: tuple[str, ...] = ()


# A run without a good way down also looks as if its steps were too small, or too few.
SLOW = ("step far too small", "schedule ended too early", "too few iterations", "ill-conditioned")
ENDLESS = ("unbounded below", "no finite optimum")
STEPS = ("step above the stability limit", *SLOW)
# The word of a table for columns that tell nothing by its model.
NOTHING = "nothing learned"
# Findings of equal confidence come in this order.
CAUSES = (
    Cause(
        "wrong gradient",
        (*STEPS, "saddle", "kink", "plateau", "several minima", "noise of the function", *ENDLESS),
        ("exploding weights", "unshuffled rows", "noise of mini-batches"),
    ),
    Cause("function raised"),
    Cause("not finite", ("step above the stability limit", *SLOW)),
    Cause("step above the stability limit", (), ("exploding weights",)),
    Cause("unbounded below", (*STEPS, "saddle", "no finite optimum", "plateau")),
    Cause("no finite optimum", (*SLOW, "plateau")),
    Cause("separable classes", (*STEPS, "no finite optimum", "plateau", "exploding weights")),
    Cause("saddle", (*SLOW, "plateau")),
    Cause("kink", (*STEPS, "noise of the function")),
    Cause("plateau", SLOW),
    Cause("several minima"),
    Cause("answer at a bound", outranks=SLOW),
    Cause("noise of the function"),
    Cause("rounding of float32", ("noise of the function",)),
    Cause("noise of mini-batches", ("step above the stability limit",)),
    Cause("unshuffled rows", ("noise of mini-batches", "step above the stability limit")),
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
    Cause("dead units", ("saturated units", "vanishing gradients", "plateau", "saddle")),
    Cause("saturated units", ("vanishing gradients", "plateau", "saddle")),
    Cause("vanishing gradients", ("plateau", "saddle")),
    Cause("exploding weights", ("dead units", "saturated units")),
    Cause("leaking column", ("no finite optimum", "ill-conditioned", "under-fitting")),
    Cause("constant column"),
    Cause("duplicated column", ("ill-conditioned", "too few iterations", "plateau")),
    Cause("collinear columns", ("ill-conditioned", "too few iterations", "step far too small", "plateau")),
    Cause("outliers", ("under-fitting", "ill-conditioned", NOTHING)),
    Cause("class imbalance"),
    Cause("over-fitting"),
    Cause("under-fitting", (NOTHING,)),
    Cause(NOTHING),
    Cause("ill-conditioned"),
    Cause("step far too small"),
    Cause("schedule ended too early"),
    Cause("too few iterations"),
    Cause("slow function"),
    Cause("recompilation"),
)
ORDER = {cause.name: place for place, cause in enumerate(CAUSES)}
EXPLAINS = {cause.name: cause.explains for cause in CAUSES}
OUTRANKS = {cause.name: cause.outranks for cause in CAUSES}
