"""The `Judge`, which decides at each point where a descent stops whether the run has ended, and how it continues."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from steepest.derivatives.differences import scale_of
from steepest.descent.checkpoint import Checkpoint, JudgeState
from steepest.descent.ending import Ending
from steepest.descent.log import Log
from steepest.descent.loop.bound import Bound
from steepest.descent.loop.solver import Solver
from steepest.descent.loop.state import STALLED
from steepest.descent.meter import Meter
from steepest.descent.plan import Help, Plan
from steepest.descent.verdict.audit import Audit, auditable, cost_of_audit
from steepest.descent.verdict.escape import LineSearch, Tail, along_line, curves_down
from steepest.descent.verdict.estimate import Estimate
from steepest.descent.verdict.evaluator import NOISES, Evaluator
from steepest.descent.verdict.faces import FaceProbes, Faces
from steepest.descent.verdict.goal import Evidence, Goal
from steepest.descent.verdict.guide import MOST_AUDITS, Guide
from steepest.descent.verdict.noise_floor import NoiseFloor
from steepest.descent.verdict.plateau import described, is_level, rises
from steepest.descent.verdict.polish import Polish, Probes
from steepest.descent.verdict.rays import Rays
from steepest.descent.verdict.wording import Wording, left_in_words, with_rounding
from steepest.trace import Certificate, Outcome

# The factor by which a solver's tolerance shrinks if the estimated gap was too large, and the last tolerance before the
# tolerance becomes 0. Chosen, not measured: a factor nearer to 1 takes more rounds of estimates.
SHARPER, FINEST = 1e-4, 1e-20
# Without a finite Hessian, a point is no minimum if its slope times its size is more than this share of the value or of
# the descent. Chosen, not measured: the slope at a smooth minimum is a rounding error.
STEEP = 1e-3
# If the run has gained, or its curvatures promise, no more than this share of the value, values must show that f rises.
# Chosen, not measured: a larger share costs ordinary descents a value or two.
UNSEEN = 1e-6


class Judge:
    """Judges a descent by proven bounds, audits and values, and helps the descent to continue.

    If the rules are the user's own, the judge gives no help.
    """

    def __init__(self, solver: Solver, plan: Plan, start: np.ndarray, meter: Meter, log: Log) -> None:
        self.solver, self.plan, self.start, self.meter, self.log = solver, plan, start, meter, log
        self.evaluator = Evaluator(solver, start, plan.help is Help.FULL, meter, log)
        self.goal = Goal(plan.budget, plan.view, self.evaluator)
        self.wording = Wording(solver, self.goal)
        self.polish, self.estimate = Polish(self.evaluator, self.goal), Estimate(self.evaluator, self.goal)
        self.rays = Rays(self.evaluator, plan.view, self.wording)
        self.guide = Guide(plan, self.evaluator, self.goal, self.wording, self.rays)
        self.faces = Faces(self.evaluator, self.goal, self.wording, self.guide)
        self.noise_floor = NoiseFloor(self.evaluator, self.goal, self.wording)
        self.probes: Probes | FaceProbes = (
            Probes(self.evaluator, self.polish, bool(plan.help) and plan.rules.learns)
            if solver.objective.region is None
            else FaceProbes(self.faces)
        )

    def known(self) -> JudgeState:
        """Return the judge's fields of a checkpoint."""
        guide, polish = self.guide, self.polish
        return JudgeState(
            audits=guide.audits,
            polished=guide.newton_steps,
            cost=self.meter.judged,
            kinks=guide.kink.searches,
            anchor=polish.anchor,
            exact=polish.exact,
            probe_after=self.probes.after,
        )

    def resume(self, checkpoint: Checkpoint) -> None:
        """Set the judge's counts and values to those of a checkpoint."""
        guide = self.guide
        guide.audits, guide.newton_steps = checkpoint.audits, checkpoint.polished
        guide.kink.searches = checkpoint.kinks
        self.polish.anchor, self.polish.exact = checkpoint.anchor, checkpoint.exact
        self.probes.after, self.meter.judged = checkpoint.probe_after, checkpoint.cost

    # Far from a minimum slopes and curvatures may overflow.
    @np.errstate(all="ignore")
    def verdict(self, code: int) -> Ending | None:
        """Judge a point where the solver stops: return the ending, or None if the descent continues."""
        ending = self.judged(code)
        if ending is None or self.solver.objective.chart is None or not math.isfinite(ending.certificate.gap):
            return ending
        # The slope across affine sets is not 0, so that rounding errors of the point count more than those of a minimum
        # elsewhere.
        x, value = self.evaluator.best, self.evaluator.best_value
        hidden = self.evaluator.across(x) + 4 * self.solver.objective.relative_noise * abs(value)
        return with_rounding(ending, hidden)

    def judged(self, code: int) -> Ending | None:
        """Judge a point as `verdict` does, without the rounding errors that lead out of affine sets."""
        objective = self.solver.objective
        if objective.scatter is not None:
            return self.noise_floor()
        if objective.region is not None:
            return self.faces(code)
        bound = self.bound(code)
        if bound is not None:
            self.guide.audits += 1
            self.meter.judged += bound.cost
            return self.by_bound(code, bound)
        if not auditable(objective):
            return self.by_estimate(code)
        if not self.meter.affords(cost_of_audit(objective)):
            facts = f"{self.meter.spent:,} values computed, and too few are left to compute the curvature"
            return Ending(Outcome.EVALUATION_LIMIT, facts)
        self.guide.audits += 1
        audit = self.polish()
        if audit is None:
            return self.without_hessian(code)
        ending = self.by_audit(code, audit)
        if ending is not None and ending.outcome is Outcome.CONVERGED and self.is_plateau(audit):
            return self.flat(self.evaluator.best)
        return ending

    def bound(self, code: int) -> Bound | None:
        """Return the proven bound at the best point; None if the judge must use other evidence.

        A smooth f is judged by other evidence if the bound is infinite and no further steps may make it finite.
        """
        bound = self.solver.bound(self.evaluator.best)
        if bound is None or math.isfinite(bound.gap) or bound.endless or not self.solver.objective.smooth:
            return bound
        return None if code == STALLED or self.guide.audits + 1 >= MOST_AUDITS else bound

    def by_bound(self, code: int, bound: Bound) -> Ending | None:
        """Judge the best point by a proven bound."""
        if bound.endless:
            return Ending(Outcome.NO_FINITE_OPTIMUM, bound.endless)
        evidence = Evidence.of_bound(bound)
        certificate = self.goal.certificate(evidence)
        if evidence.gain <= certificate.tolerance and not self.goal.missed(evidence.error):
            return self.wording.converged(certificate)
        return self.guide.onward(code, evidence, certificate, None)

    def by_audit(self, code: int, audit: Audit) -> Ending | None:
        """Judge the best point by its Hessian, which is a proof if f is quadratic."""
        x, proven = self.evaluator.best, self.solver.objective.quadratic
        evidence = Evidence.of_audit(audit, proven)
        certificate = self.goal.certificate(evidence)
        if not proven and (ending := self.rays.beyond(x, audit.step, audit.is_flat)):
            return ending
        if audit.is_saddle:
            return self.at_saddle(x, audit, certificate)
        if audit.is_flat and not rises(self.evaluator.value, x, self.evaluator.best_value, self.evaluator.size(x)):
            return self.flat(x)
        near = audit.holds and evidence.gain <= certificate.tolerance and not self.goal.missed(evidence.error)
        if near and proven:
            return self.wording.converged(certificate)
        if near and self.goal.convinces(audit):
            return self.confirmed(x, audit, certificate)
        return self.guide.onward(code, evidence, certificate, audit)

    def is_plateau(self, audit: Audit) -> bool:
        """Tell whether a minimum that an audit found is a plateau, whose curvature comes from rounding errors."""
        evaluator, modes = self.evaluator, audit.modes
        value, gained = evaluator.best_value, self.solver.status.first_value - evaluator.best_value
        if modes is None or audit.held or self.solver.objective.quadratic:
            return False
        promised = float((modes.curvatures * modes.extent**2).max(initial=0.0)) / 2
        if min(gained, promised) > UNSEEN * abs(value):
            return False
        noise = NOISES * self.solver.objective.relative_noise * abs(value)
        return is_level(evaluator.value, evaluator.best, value, evaluator.size(evaluator.best), noise)

    def without_hessian(self, code: int) -> Ending | None:
        """Judge the best point where the Hessian is not finite: by an estimate, unless f is steep there."""
        x, value, box = self.evaluator.best, self.evaluator.best_value, self.solver.box
        slope = self.evaluator.grad(x)
        free = ~box.held(x, slope) if box is not None else np.ones(x.size, dtype=bool)
        rise = float(np.abs(slope[free]) @ self.evaluator.size(x)[free])
        if not rise > STEEP * max(abs(value), self.solver.status.first_value - value):
            return self.by_estimate(code)
        # Steps that overflow tell the solver nothing of the gap.
        if code != STALLED and self.solver.tolerance:
            self.guide.sharpen(SHARPER if self.solver.tolerance > FINEST else 0.0, "f is steep here")
            return None
        return self.guide.at_kink(x, lambda: self.guide.stalled(self.estimate(stalled=True)))

    def by_estimate(self, code: int) -> Ending | None:
        """Judge the best point by an estimate, where no Hessian can be computed."""
        status = self.solver.status
        if not np.any(status.gradient) and not status.iteration:
            return self.flat(self.evaluator.best)
        certificate = self.estimate(code == STALLED)
        near = certificate.gap <= certificate.tolerance
        missed = self.goal.missed() if near else left_in_words(certificate.gap)
        if not missed:
            return self.wording.converged(certificate)
        if code != STALLED and self.solver.tolerance:
            self.guide.sharpen(SHARPER if self.solver.tolerance > FINEST else 0.0, missed)
            return None
        if near:
            return Ending(Outcome.STALLED, f"{missed}: rounding hides more, or it can't be told here")
        guide = self.guide
        return guide.at_kink(self.evaluator.best, lambda: guide.stalled(certificate))

    def confirmed(self, x: np.ndarray, audit: Audit, certificate: Certificate) -> Ending | None:
        """Return the ending of a converged run, unless a lower value nearby contradicts the audit."""
        # With gradients by differences, lower values lie nearby, but only the judge's own steps could reach them. So
        # without such steps, do not search for lower values.
        exact = self.plan.help or self.solver.objective.kind != "differences"
        search = self.rays.lower(x, audit, certificate.tolerance) if exact else LineSearch(None)
        if search.endless:
            return self.rays.ending(search)
        if search.x is None:
            return self.wording.converged(certificate)
        value, noise = self.evaluator.best_value, self.evaluator.noise(x)
        if noise < value - search.value:
            if not self.guide.may_move:
                return self.guide.stalled(certificate)
            self.evaluator.restart_at(search.x, "audit", "a lower value lies near: the descent continues from there")
            if self.evaluator.best_value < value:
                return None
            # Compiled code rounds differently from the plain call, and finds no lower value there: the difference is
            # noise.
            noise = value - search.value
        return self.wording.converged(certificate, noise)

    def flat(self, x: np.ndarray) -> Ending:
        """Return the ending at a flat point, with the kind of flatness."""
        status = self.solver.status
        values, noise = (status.best_value, status.first_value), self.solver.objective.relative_noise
        size = scale_of(x, self.start)
        return Ending(Outcome.FLAT, described(self.evaluator.value, x, size, *values, self.solver.sign, noise))

    def at_saddle(self, x: np.ndarray, audit: Audit, certificate: Certificate) -> Ending | None:
        """Leave a saddle along its negative curvature if that leads to a lower point, else return the ending."""
        value, direction = self.evaluator.best_value, audit.escape_direction
        # At an edge of the box f has values on one side only, which give no second difference: `direction` is then
        # None.
        if direction is not None and not curves_down(self.evaluator.value, x, value, direction, audit.floor):
            # Values show no negative curvature: the differences of gradients came from a kink, or from noise.
            return self.guide.without_step(x, replace(certificate, kind="none"))
        facts = f"the slope is flat, but the curvature is {audit.smallest:.3g} along one direction"
        search = self.guide.search(along_line, x, direction, audit.floor)
        if search.x is not None:
            self.evaluator.restart_at(search.x, "saddle", f"{facts}: the descent leaves along it")
            return None
        if search.tail is Tail.FALLS:
            return self.rays.ending(search)
        if search.endless:
            # f has a limit there, or seems to have one, and may well be lower elsewhere.
            facts += f", along which the value {self.wording.falls} as far as it was followed"
        elif ending := self.rays.along_path():
            return ending
        return Ending(Outcome.SADDLE, facts, replace(certificate, gap=math.nan, x_error=()))
