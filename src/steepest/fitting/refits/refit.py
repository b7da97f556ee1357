"""The bootstrap of a fit: many refits side by side where they can be, and one by one where they can't."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Protocol

import numpy as np

from steepest.arguments import generator
from steepest.derivatives.process.interrupts import answer_interrupt, check_interrupt, interruptible
from steepest.descent.budget import Budget
from steepest.fitting.refits.curves import CurveLanes
from steepest.fitting.refits.lanes import FIRST_PASS, SECOND_PASS
from steepest.fitting.refits.limits import held_of, limits_of
from steepest.fitting.refits.linear import LinearLanes
from steepest.fitting.refits.rank import free_of, is_plain, loose, undetermined
from steepest.fitting.refits.residuals import modified
from steepest.fitting.resampling.bootstrap import Bootstrap, failures, flat_of
from steepest.fitting.result import Fit
from steepest.fitting.setup import FitSetup, TrainingData
from steepest.fitting.validation import LabelledRows
from steepest.inspection.motion.progress import check_progress, shown
from steepest.models import Custom
from steepest.models.losses import squared
from steepest.models.penalties import kink_of
from steepest.printable import printable, quoted
from steepest.trace import Outcome
from steepest.types import Seed

KINDS = ("rows", "residuals")
# The most numbers that the refits of one call of compiled code hold, 32 MB, and the most refits of a call. Chosen, not
# measured: more refits at once would not fit into the processor's cache.
MOST_NUMBERS, MOST_LANES = 2**22, 256
# The most rows that are left out one at a time.
MOST_LEFT_OUT = 20_000
UNDETERMINED = "whose rows do not determine the parameters"
SET_TO_ZERO = (
    "an L1 penalty sets parameters to exactly 0, and the scatter of such refits is not that of the estimate: these "
    "intervals may miss the truth far more often than they say"
)
# The most parameters that a message names.
MOST_NAMED = 5


class Side(Protocol):
    """Refits side by side."""

    x: np.ndarray
    rows: int

    @property
    def numbers(self) -> int:
        """How many numbers of memory a refit takes."""

    def predictions(self) -> np.ndarray:
        """Return the outputs of the fit."""

    def refit(
        self, counts: np.ndarray | None, y: np.ndarray | None, x: np.ndarray, unit: float, most: int
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Return the answers of refits, which of them have converged, and the unit of their gains."""


class Refits:
    """The refits of a fit to other rows, or to other targets.

    Parameters
    ----------
    setup : FitSetup
        The set-up of the fit.
    fit : Fit
        The fit.
    """

    def __init__(self, setup: FitSetup, fit: Fit) -> None:
        options = replace(setup.options, start=fit.params, batch_size=None, seed=0)
        if setup.options.batch_size is not None:
            setup = FitSetup.of(options, setup.data, Budget())
        self.setup, self.fit = setup, fit
        self.options, self.rows, self.plain = options, setup.rows, is_plain(setup)
        x = setup.plan.view.flat(fit.params if isinstance(options.model, Custom) else flat_of(fit.params))
        is_free = not (getattr(fit, "bounds", {}) or getattr(fit, "fixed", {}))
        self.side: Side | None = (CurveLanes.of(setup, x) or LinearLanes.of(setup, x)) if is_free else None
        # A refit that did not converge in as many steps side by side seldom does alone.
        self.budget = Budget() if self.side is None else Budget(iterations=SECOND_PASS)
        self.unit = math.nan
        self.reasons: list[str] = []
        # Refits that have not converged: the results that they belong to, their place, their counts and their targets.
        self.late: list[tuple[np.ndarray, int, np.ndarray | None, np.ndarray | None]] = []

    @property
    def lanes(self) -> int:
        """How many refits one call of compiled code makes."""
        if self.side is None:
            return 1
        most = max(1, min(MOST_LANES, MOST_NUMBERS // self.side.numbers))
        return 1 << (most.bit_length() - 1)

    def predictions(self) -> np.ndarray:
        """Return the predictions of the fit for the rows that it learnt from."""
        return np.asarray(self.fit.predict(self.rows.X)) if self.side is None else self.side.predictions()

    def of(self, counts: np.ndarray | None, y: np.ndarray | None) -> np.ndarray:
        """Return the parameters of refits, flat, in the user's units; a row of NaN for each that failed or is late.

        `finish` makes the late ones, and writes them into the arrays that this method has returned. `counts` are how
        often each refit counts each row, as an array with a row for each refit; `y` are the targets.
        """
        given = counts if counts is not None else y
        assert given is not None
        if self.side is None:
            return np.array([self.alone(*_at(counts, y, k)) for k in range(len(given))])
        answers, done = self.beside(counts, y, FIRST_PASS)
        found = np.array(self.setup.plan.view.rows(answers))
        found[~done] = np.nan
        for k in np.flatnonzero(~done).tolist():
            own_counts, own_y = _at(counts, y, k)
            if self.is_loose(own_counts):
                self.reasons.append(UNDETERMINED)
            else:
                self.late.append((found, k, own_counts, own_y))
        if len(self.late) >= self.lanes:
            self.finish()
        return found

    def beside(
        self, counts: np.ndarray | None, y: np.ndarray | None, most: int
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Return the answers of refits side by side, in at most so many steps, and which of them have converged."""
        assert self.side is not None
        given = counts if counts is not None else y
        assert given is not None
        size, lanes, x = len(given), self.lanes, self.side.x
        # The call is filled up to the size for which the code is compiled.
        every, starts = np.resize(np.arange(size), lanes), np.broadcast_to(x, (lanes, x.size))
        answers, done, self.unit = self.side.refit(*_at(counts, y, every), starts, self.unit, most)
        return answers[:size], done[:size]

    def finish(self) -> None:
        """Make the refits that have not converged so far: side by side in more steps, and then alone."""
        while self.late:
            part, self.late = self.late[: self.lanes], self.late[self.lanes :]
            counts, y = _stacked([late[2] for late in part]), _stacked([late[3] for late in part])
            answers, done = self.beside(counts, y, SECOND_PASS)
            answers = self.setup.plan.view.rows(answers)
            for (found, place, own_counts, own_y), answer, is_done in zip(part, answers, done, strict=True):
                found[place] = answer if is_done else self.alone(own_counts, own_y)

    def is_loose(self, counts: np.ndarray | None, fitted: Fit | None = None) -> bool:
        """Return whether the rows that are counted do not determine a linear model.

        Bounds may determine what the rows do not, so that the answer depends on which of them bite in the refit.
        """
        fit = self.fit if fitted is None else fitted
        if counts is None or not self.plain or (fitted is None and bool(getattr(fit, "bounds", {}))):
            return False
        drawn = np.flatnonzero(counts)
        return bool(
            loose(fit, LabelledRows(self.rows.X[drawn], self.rows.y[drawn], (self.rows.weight * counts)[drawn]))
        )

    def alone(self, counts: np.ndarray | None, y: np.ndarray | None) -> np.ndarray:
        """Return the parameters of one refit by the solver of the fit; NaN, and a reason in `reasons`, if it fails."""
        X, known, weight = self.rows
        nothing = np.full(flat_of(self.fit.params).size, np.nan)
        if self.side is None and self.is_loose(counts):
            self.reasons.append(UNDETERMINED)
            return nothing
        if isinstance(self.side, CurveLanes) and (quick := self.side.alone(counts, y)) is not None:
            return np.asarray(self.setup.plan.view.rows(quick))
        if counts is not None:
            # As many rows as before, some of them several times: compiled code depends on their number.
            picked = np.repeat(np.arange(len(known)), counts.astype(int))
            X, known, weight = X[picked], known[picked], weight[picked]
        rows = LabelledRows(X, known if y is None else y, weight)
        data = TrainingData(rows, self.setup.data.names, None, (X, rows.y))
        try:
            fitted, _ = FitSetup.of(self.options, data, self.budget).go(None, False)
        except (ArithmeticError, ValueError, TypeError) as error:
            self.reasons.append(" ".join(str(error).split())[:80])
            return nothing
        if fitted.outcome is Outcome.INTERRUPTED:
            # The descent has answered a Ctrl-C that was meant for all refits.
            raise KeyboardInterrupt
        if fitted.outcome is not Outcome.CONVERGED:
            self.reasons.append(f"ended with {str(fitted.outcome)!r}")
            return nothing
        is_bounded = bool(getattr(fitted, "bounds", {}))
        if any(event.kind == "rank-deficient" for event in fitted.trace.stored_events) or (
            is_bounded and self.is_loose(counts, fitted)
        ):
            self.reasons.append(UNDETERMINED)
            return nothing
        return flat_of(fitted.params)


def _at(
    counts: np.ndarray | None, y: np.ndarray | None, which: np.ndarray | int
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the counts and the targets of some refits."""
    return None if counts is None else counts[which], None if y is None else y[which]


def _stacked(rows: list[np.ndarray | None]) -> np.ndarray | None:
    """Return rows as one array, or None if there are none."""
    known = [row for row in rows if row is not None]
    return np.stack(known) if known else None


@np.errstate(all="ignore")
@interruptible()
def bootstrap(
    setup: FitSetup, fit: Fit, resamples: int, kind: str, rng: Seed, progress: bool | None
) -> Bootstrap:  # fmt: skip
    """Refit a model to resampled data, as `Fit.bootstrap` does."""
    check_progress(progress)
    check(setup, fit, resamples, kind)
    random, refits = generator(rng), Refits(setup, fit)
    rows, lanes = len(refits.rows.y), refits.lanes
    found: list[np.ndarray] = []
    was_stopped = False
    if kind == "residuals":
        predicted = refits.predictions()
        residuals = modified(refits.setup, fit, refits.rows.y - predicted)
    try:
        with shown(-(-resamples // lanes), progress, "refits") as chunks:
            for k in chunks:
                count = min(lanes, resamples - k * lanes)
                if kind == "rows":
                    found.append(refits.of(counted(random.integers(0, rows, (count, rows))), None))
                else:
                    drawn = random.integers(0, len(residuals), (count, rows))
                    found.append(refits.of(None, predicted + residuals[drawn]))
                check_interrupt()
            refits.finish()
    except KeyboardInterrupt:
        if not found:
            raise
        answer_interrupt()
        was_stopped = True
    flat, failed = np.concatenate(found), failures(refits.reasons)
    flat = flat[np.isfinite(flat).all(axis=1)]
    # Ctrl-C may leave refits that have neither converged nor failed.
    made = len(flat) + sum(failed.values())
    return Bootstrap(
        fit.parameter_names, fit.params, flat, kind, made, failed, was_stopped,
        jackknife=(lambda: jackknife(setup, fit)) if kind == "rows" else None, held=held_of(fit), limits=limits_of(fit),
        note=SET_TO_ZERO if kink_of(setup.problem.user_penalty) else "",
    )  # fmt: skip


def counted(drawn: np.ndarray) -> np.ndarray:
    """Return how often each row was drawn, from the numbers of the rows, with a row for each resample."""
    resamples, rows = drawn.shape
    places = drawn + rows * np.arange(resamples)[:, None]
    return np.bincount(places.ravel(), minlength=resamples * rows).reshape(resamples, rows).astype(float)


@np.errstate(all="ignore")
@interruptible()
def jackknife(setup: FitSetup, fit: Fit) -> np.ndarray:
    """Return the parameters of refits that each leave out one row."""
    refits = Refits(setup, fit)
    rows = len(refits.rows.y)
    if rows > MOST_LEFT_OUT:
        raise ValueError(
            f"method='bca' leaves out one row at a time, which is for up to {MOST_LEFT_OUT:,} rows, and the fit has "
            f"{rows:,}: give method='percentile'"
        )
    found = []
    for first in range(0, rows, refits.lanes):
        left_out = np.arange(first, min(first + refits.lanes, rows))
        counts = np.ones((len(left_out), rows))
        counts[np.arange(len(left_out)), left_out] = 0
        found.append(refits.of(counts, None))
    refits.finish()
    return np.concatenate(found)


def check(setup: FitSetup, fit: Fit, resamples: int, kind: str) -> None:
    """Raise ValueError if a fit has no bootstrap of this kind."""
    if isinstance(resamples, bool) or not isinstance(resamples, (int, np.integer)) or resamples < 2:
        raise ValueError(f"resamples={quoted(resamples)}: give a whole number of refits, 2 or more")
    if kind not in KINDS:
        raise ValueError(f"kind={quoted(kind)}: give {', '.join(map(quoted, KINDS))}")
    if setup.data.validation is not None:
        raise ValueError(
            "a fit with validation= stops before its minimum, so refits would differ from it by more than chance: "
            "fit without validation="
        )
    if isinstance(setup.options.model, Custom) and setup.options.model.is_native:
        raise ValueError(
            "bootstrap is for linear models and for functions with named parameters, and Custom(start=…) takes a tree"
        )
    if fit.outcome is not Outcome.CONVERGED:
        raise ValueError(
            f"the fit ended with {str(fit.outcome)!r}, and refits start from a converged answer: fit until it converges"
        )
    check_rows(setup, fit)
    if kind == "residuals":
        if setup.options.loss is not squared:
            raise ValueError(
                "kind='residuals' adds residuals to predictions, which is for the squared loss: give kind='rows'"
            )
        if np.ptp(setup.rows.weight) > 0:
            raise ValueError(
                "kind='residuals' takes all residuals for draws of one distribution, and the rows differ in weight: "
                "give kind='rows'"
            )


def check_rows(setup: FitSetup, fit: Fit) -> None:
    """Raise ValueError if the rows of a fit say nothing about how much its parameters would vary."""
    rows, used = len(setup.rows.y), int(free_of(fit).sum())
    is_penalised = setup.problem.user_penalty is not None
    if rows <= (1 if is_penalised else used):
        raise ValueError(
            f"rows: {rows:,}, free parameters: {used:,}: a fit to so few goes through each row whatever its error, so "
            "that refits would show no scatter; give more rows, or hold parameters with fixed="
        )
    if names := undetermined(setup, fit):
        shown = ", ".join(map(printable, names[:MOST_NAMED])) + ", …" * (len(names) > MOST_NAMED)
        raise ValueError(
            f"the rows do not determine {shown}: other values fit equally well, so that the scatter of refits would be "
            "that of an arbitrary choice; leave out columns that depend on others, hold parameters with fixed=, or add "
            "a penalty such as penalties.L2(1e-3)"
        )
