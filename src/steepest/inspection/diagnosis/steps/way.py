"""`Way`: what the finders of this room share: whether a descent grew, bounced or crawled, and how far it has to go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from steepest.inspection.diagnosis.case import Case
from steepest.inspection.diagnosis.pace import METRIC, OTHER
from steepest.trace import Outcome

# A run that is this near to the end, as a share of the whole descent, has done what a fixed step is asked for.
NEAR = 0.015
# A direction is stuck if more than this share of its own way is left, and that is no small part of the longest way.
STUCK, COUNTS = 0.5, 0.05
# Limits that the user did not choose leave a run unfinished even nearer to the end.
LIMITS = (Outcome.ITERATION_LIMIT, Outcome.EVALUATION_LIMIT, Outcome.TIME_LIMIT)
ENDED_EARLY = (*LIMITS, Outcome.COMPLETED, Outcome.RECORDED, Outcome.CALLBACK, Outcome.INTERRUPTED)
# A step size below 1/λ by this factor is far too small.
FAR = 10.0
# Adam's steps along a line are about as long as the rate; with its memory of 10 gradients it arrives in about this many
# steps at a suitable rate.
ARRIVES = 100.0
# Of how many parts of a run the last one tells whether it has slowed down.
TENTH = 10
# The rows that tell whether the end of a run bounces.
LAST = 40


@dataclass(frozen=True)
class Way:
    """What a run did, and how far it has to go.

    Parameters
    ----------
    grew : bool
        Whether the values ended above the first, or are not finite.
    bounces : bool
        Whether the last steps go to and fro, and do not become shorter.
    is_open : bool
        Whether a good part of the descent is still ahead.
    stuck : int or None
        The eigenvector of `Case.curvature` along which most of the way is still ahead, though this hardly shows in the
        value; None if there is none.
    top : float
        The largest curvature, at the best point and before; NaN if it is not known.
    ahead : float
        The curvature along the way that is left; NaN if it is not known.
    wasted : float
        How many times longer the best fixed step is; 1 if the steps were found by a search, NaN if it is not known.
    is_probed : bool
        Whether the curvature was measured, and not only told by the trace.
    """

    grew: bool
    bounces: bool
    is_open: bool
    stuck: int | None
    top: float
    ahead: float
    wasted: float
    is_probed: bool

    @property
    def condition(self) -> float:
        """The largest curvature as a multiple of that along the way that is left."""
        return self.top / self.ahead

    @property
    def trust(self) -> float:
        """The factor for confidences: 1 if the curvature was measured."""
        return 1.0 if self.is_probed else 0.85


def way_of(case: Case) -> Way:
    """Return what a run did, and how far it has to go.

    Parameters
    ----------
    case : Case
        The run.

    Returns
    -------
    Way
        The facts.
    """
    grew = _grew(case)
    is_probed = case.curvature is not None and case.curvature.is_measured
    # A descent that blew up shows curvature of places where nobody wants to be.
    top = float(np.nanmax([case.top_curvature, case.top_seen, -np.inf])) if not grew else case.top_curvature
    top = top if np.isfinite(top) and top > 0 else np.nan
    is_open = not grew and _is_open(case)
    stuck = None if grew or is_open else _stuck(case)
    ahead = float(case.curvature.values[stuck]) if case.curvature is not None and stuck is not None else np.nan
    if stuck is None:
        ahead = case.curvature.remaining if case.curvature is not None else _ahead_seen(case)
    if not np.isfinite(top):
        top = _top_of_values(case)
    return Way(
        grew, _bounces(case), is_open, stuck, top, min(ahead, top) if np.isfinite(top) else ahead,
        _wasted(case, top, ahead), is_probed,
    )  # fmt: skip


def _grew(case: Case) -> bool:
    if case.outcome is Outcome.DIVERGED:
        return True
    known = case.value[np.isfinite(case.value)]
    if known.size < 2 or case.outcome in (Outcome.UNBOUNDED, Outcome.NO_FINITE_OPTIMUM):
        return False
    lost = not np.isfinite(case.value[-1]) or case.outcome is Outcome.NON_FINITE
    # The last values also tell of a run that fell at first, and grew beyond its start in the end.
    return bool(known[-1] > known[0]) or (lost and known.size > 2 and bool(known[-1] > known[-2] > known[-3]))


def _is_open(case: Case) -> bool:
    if case.outcome not in ENDED_EARLY or "validation loss has not fallen" in str(getattr(case.run, "message", "")):
        return False
    share = case.share_left
    if case.outcome not in LIMITS:
        return bool(share > NEAR) and not (case.is_network and _slowed(case))
    if case.curvature is None and not case.pace.is_given:
        return True  # the run says itself that it was stopped, and only its trace is known
    asked = case.asked("tolerance")
    least = float(asked) if isinstance(asked, (int, float)) and asked > 0 else 1e-6 if not case.pace.is_given else 1e-3
    return bool(share > min(least, NEAR))


def _slowed(case: Case) -> bool:
    """Return whether the last tenth of the steps brought less than half as much as a tenth of the steps on average.

    A network has flat directions, along which it falls without end: it is unfinished while it falls at its pace.
    """
    value = case.value[case.sane]
    if len(value) < TENTH or not case.fall > 0:
        return False
    before = value[: -len(value) // TENTH]
    return bool(before.min() - value.min() < 0.5 / TENTH * case.fall)


def _stuck(case: Case) -> int | None:
    """Return the flattest direction along which most of its way is left."""
    found, x = case.curvature, case.points
    if found is None or x is None or case.place is None or case.outcome not in ENDED_EARLY:
        return None
    if not case.share_left > 1e-9 or case.is_batched or not found.is_bowl.all():
        return None
    # A few directions out of many tell of the way ahead only if the curvature is the same everywhere.
    if not found.is_whole and (case.is_network or not case.is_quadratic):
        return None
    left = np.abs(found.along / found.values)
    moved = case.place - x[0]
    # Along a mixture of coordinates, moves of opposite signs may cancel; so their sizes count, too.
    went = np.maximum(np.abs(found.vectors @ moved), np.sqrt(found.vectors**2 @ moved**2))
    stuck = np.flatnonzero((left > STUCK * (left + went)) & (left > COUNTS * (left + went).max()))
    return int(stuck[0]) if stuck.size else None


def _bounces(case: Case) -> bool:
    """Return whether the last steps go to and fro, without becoming shorter."""
    rows = case.sane[-LAST:]
    # A stretch of every second row, or of so few rows that nothing can be told, shows no steps.
    if len(rows) < 5 or case.trace.stride > 1 or case.is_batched or (np.diff(rows) > 1).any():
        return False
    half = len(rows) // 2
    if case.points is not None:
        moves = np.diff(case.points[rows], axis=0)
        long = np.linalg.norm(moves, axis=1)
        with np.errstate(all="ignore"):
            turn = (moves[1:] * moves[:-1]).sum(axis=1) / (long[1:] * long[:-1])
        matters = long[half:].mean() > 1e-7 * (1e-300 + np.abs(case.points[rows]).max())
        return bool(np.median(turn) < -0.5 and matters and long[half:].mean() > 0.8 * long[:half].mean())
    slopes = case.slope[rows]
    if not np.isfinite(slopes).all():
        return False
    seen = case.secants[-half:]
    even = slopes[half:].mean() > 0.8 * slopes[:half].mean()
    return bool(even and seen.size >= 3 and np.median(seen) * case.pace.last > 1.9)


def _ahead_seen(case: Case) -> float:
    """Return the curvature along the way that is left, from the rate: the gap shrinks by exp(-2tλ) in a step."""
    pace = case.pace
    if not (pace.is_given or pace.rule == "Plain") or pace.is_scaled or pace.is_metric or pace.rule == OTHER:
        return np.nan
    # The rate of a schedule is that of steps of its largest size.
    size = pace.peak if pace.is_given else pace.total / pace.count
    with np.errstate(all="ignore"):
        return case.tail.rate / (2 * size / (1 - pace.decay))


def _top_of_values(case: Case) -> float:
    """Return a curvature that the first values show: of the gap the share 2tλ goes in the first steps."""
    pace, gap = case.pace, case.tail.gap
    value = case.value[case.sane[:20]]
    if not pace.is_given or pace.rule not in ("Plain", "") or not np.isfinite(gap) or len(value) < FEWEST_VALUES:
        return np.nan
    if case.trace.stride > 1 or case.is_batched:
        return np.nan
    lowest = case.value[case.sane].min() - gap
    with np.errstate(all="ignore"):
        shares = -np.diff(value) / (value[:-1] - lowest)
    size = case.size[case.sane[:20]][: -1 if case.is_loop else None]
    size = size if case.is_loop else size[1:]
    with np.errstate(all="ignore"):
        return float(np.nanmax(-np.log1p(-np.clip(shares, 0, 0.98)) / (2 * size)))


FEWEST_VALUES = 4


def _wasted(case: Case, top: float, ahead: float) -> float:
    """Return how many times longer the best fixed step is."""
    pace = case.pace
    if not pace.is_given:
        return 1.0
    if pace.is_metric or pace.rule in METRIC:
        return 1 / pace.peak
    if pace.rule == OTHER:
        return np.nan
    if pace.is_scaled:
        return _wasted_by_distance(case)
    least = ahead if np.isfinite(ahead) else top
    with np.errstate(all="ignore"):
        return 2 / (top + least) * (1 - pace.decay) / pace.peak


def _wasted_by_distance(case: Case) -> float:
    """Return how many times as many steps as usual Adam needs: its steps are about as long as its rate."""
    pace, x = case.pace, case.points
    if x is None or not np.isfinite(x[[0, -1]]).all():
        return np.nan
    went = float(np.abs(x[-1] - x[0]).max())
    # A path that turns is not short of speed.
    if went < 0.5 * pace.total:
        return 1.0
    if case.curvature is not None:
        ahead = float(np.abs(case.curvature.newton).max())
    else:
        # The gap of a bowl goes with the square of the distance.
        share = float(np.sqrt(case.share_left))
        ahead = went * share / (1 - share) if share < 1 else FAR * went
    return (went + ahead) / pace.peak / ARRIVES
