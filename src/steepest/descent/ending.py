"""How a run ended: the outcome, the evidence, and the message that the user reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from steepest.finding import HINT
from steepest.printable import printable
from steepest.trace import Certificate, Outcome

_ADVICE = {
    Outcome.ITERATION_LIMIT: "allow more with {counted}s=",
    Outcome.EVALUATION_LIMIT: "allow more with evaluations=",
    Outcome.TIME_LIMIT: "allow more with seconds=",
    Outcome.STALLED: "a larger tolerance= would accept this point; other units or another start may help",
    Outcome.NOISE_FLOOR: "average more calls at each point with repeats=: 4 times as many halve the deviation",
    Outcome.SADDLE: "start elsewhere, off the ridge",
    Outcome.UNBOUNDED: "there is no best value: check the sign, or whether you want minimize or maximize",
    Outcome.NON_FINITE: "start elsewhere, or take a smaller step",
    Outcome.RAISED: "fix the function there, or start elsewhere",
}

# The outcomes whose message says what was met, and not why. The others name their cause.
_OPEN = (
    Outcome.STALLED,
    Outcome.NON_FINITE,
    Outcome.DIVERGED,
    Outcome.ITERATION_LIMIT,
    Outcome.EVALUATION_LIMIT,
    Outcome.TIME_LIMIT,
)
# A message with these words names a step size that is small enough.
_STEP = "keep the step below"


@dataclass
class Ending:
    """The ending of a run: the outcome, the facts in words, and the certificate."""

    outcome: Outcome
    facts: str
    certificate: Certificate = field(default_factory=Certificate)


def message(outcome: Outcome, facts: str, certificate: Certificate, counted: str = "iteration") -> str:
    """Return the sentence that the user reads: outcome, evidence, what to try next, and who looks for the cause."""
    head = f"{outcome} ({certificate.kind})" if outcome is Outcome.CONVERGED else str(outcome)
    # A noisy value that is as near as was asked needs no advice.
    is_enough = outcome is Outcome.NOISE_FLOOR and certificate.is_met
    advice = None if is_enough else _ADVICE.get(outcome)
    hint = HINT if outcome in _OPEN and _STEP not in facts else ""
    # Facts may quote an error of the user's function.
    return f"{head}: {printable(facts)}" + (f"; {advice.format(counted=counted)}" if advice else "") + hint
