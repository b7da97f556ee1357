"""`Verdict`: how a run ended, in a headline that needs no knowledge of the library."""

from __future__ import annotations

from dataclasses import dataclass

from steepest.finding import HINT
from steepest.inspection.protocol import FitLike, ResultLike
from steepest.printable import printable
from steepest.trace import Outcome

# For each outcome: what it means, where {best} is "minimum" or "maximum", {falls} "falls" or "rises" and {down} "down"
# or "up". A run that converged has words of its own.
HEADLINES = {
    Outcome.COMPLETED: "It is done, without a claim that this is the {best}",
    Outcome.STALLED: "No step leads further {down}, and nothing shows that this is the {best}",
    Outcome.NOISE_FLOOR: "Noise in the values hides the rest of the way",
    Outcome.SADDLE: "It stopped at a saddle, which is no {best}",
    Outcome.FLAT: "It stopped where the function is flat",
    Outcome.UNBOUNDED: "The value {falls} without end, so there is no {best}",
    Outcome.NO_FINITE_OPTIMUM: "The value approaches a limit that no point reaches",
    Outcome.DIVERGED: "It diverged: the steps are too large",
    Outcome.NON_FINITE: "It met a value that is not a finite number",
    Outcome.WRONG_GRADIENT: "The gradient is not that of the function",
    Outcome.ITERATION_LIMIT: "It stopped at the limit of steps, before it was done",
    Outcome.EVALUATION_LIMIT: "It stopped at the limit of evaluations, before it was done",
    Outcome.TIME_LIMIT: "It stopped at the limit of time, before it was done",
    Outcome.CALLBACK: "The callback stopped it",
    Outcome.INTERRUPTED: "It was interrupted",
    Outcome.RAISED: "The function raised an error",
    Outcome.RECORDED: "These are the steps of a loop, as it recorded them",
}
# How sure it is that a converged run is at the best value.
FOUND = {
    "certified": "The {best} is found, and proven",
    "audited": "A {best} is found, and checked",
}
OTHERWISE = "A {best} is found"
# Where a run ended on its way, which is neither good nor bad.
OPEN = (
    Outcome.STALLED,
    Outcome.NOISE_FLOOR,
    Outcome.ITERATION_LIMIT,
    Outcome.EVALUATION_LIMIT,
    Outcome.TIME_LIMIT,
    Outcome.CALLBACK,
    Outcome.INTERRUPTED,
    Outcome.RECORDED,
)


@dataclass(frozen=True)
class Verdict:
    """How a run ended, in words.

    Parameters
    ----------
    tone : {"good", "done", "open", "bad"}
        Whether the run found what was asked for, made all its steps, stopped on the way, or failed.
    outcome : str
        The outcome.
    headline : str
        What that means, in a few words.
    message : str
        The outcome, its evidence and what to try next, as the run says it.
    """

    tone: str
    outcome: str
    headline: str
    message: str

    @classmethod
    def of(cls, run: ResultLike) -> Verdict:
        """Return the verdict on a run.

        Parameters
        ----------
        run : run or fit
            The run.

        Returns
        -------
        Verdict
            The verdict.
        """
        outcome = Outcome(run.outcome)
        words = FOUND.get(run.certificate.kind, OTHERWISE) if outcome is Outcome.CONVERGED else HEADLINES[outcome]
        up = run.maximized
        best = "smallest loss" if isinstance(run, FitLike) else "maximum" if up else "minimum"
        words = words.format(best=best, falls="rises" if up else "falls", down="up" if up else "down")
        words = words.replace("A smallest", "The smallest")
        tone = "good" if run.success else "open" if outcome in OPEN else "bad"
        tone = "done" if outcome is Outcome.COMPLETED else tone
        message = run.message.replace(HINT, "")
        return cls(tone, str(outcome), words, printable(message[:1].upper() + message[1:]))
