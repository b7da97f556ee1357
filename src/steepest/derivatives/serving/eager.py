"""Gradients of code that branches on values: no single trace serves all points."""

from __future__ import annotations

import time

import jax
import jax.numpy as jnp
import numpy as np

from steepest.derivatives.agreement import agrees
from steepest.derivatives.compiled import Slope, drop, recalled, remember
from steepest.derivatives.differencing.slopes import Differences
from steepest.derivatives.objective import Objective
from steepest.derivatives.precision import double_precision
from steepest.derivatives.serving.attempts import failure_reason, scalar
from steepest.derivatives.serving.caller import Caller
from steepest.derivatives.serving.plain import differenced
from steepest.derivatives.tracing.branches import LONGEST_PATH, Branches
from steepest.derivatives.tracing.budget import running, tracing
from steepest.derivatives.tracing.fingerprint import Fingerprint
from steepest.derivatives.tracing.tracer import Traced

# If a trace at each point takes this many times as long as differences, the less exact differences are used. Chosen,
# not measured: a larger factor uses exact slopes more often and costs more time.
DEARER = 10.0


class EagerSlopes:
    """Values and gradients of code that branches on values.

    The first points are traced one by one. Later the code is compiled once for each path through its branches. If there
    are too many paths, each point is traced anew, or differences are used if they are much faster.

    Attributes
    ----------
    objective : Objective
        The objective that these gradients serve. A change of method changes its `kind` and `why`.
    seconds : float
        How long the last trace took.
    operations : int
        How many array operations the last trace made.
    """

    def __init__(
        self, caller: Caller, branches: Branches, start: np.ndarray, start_value: float, obstacle: str
    ) -> None:  # fmt: skip
        self.caller, self.branches, self.start = caller, branches, start
        self.compiles, self.seconds, self.operations = True, 0.0, 0
        self.probed: dict[bytes, Slope] = {}
        self.objective = Objective(
            start.size, caller, self, "eager", f"exact, traced anew at each point, because {obstacle}",
            clock=caller.clock, start_value=start_value, box=caller.box,
            region=caller.region, obstacle=obstacle,
        )  # fmt: skip

    def __call__(self, x: np.ndarray) -> Slope:
        self.caller.clock.check()
        if self.objective.differences is not None:
            return self.objective.differences(x)
        if x.tobytes() in self.probed:
            value, gradient = self.probed[x.tobytes()]
            return value, gradient.copy()
        if self.compiles:
            try:
                slope = self.branches(x)
                self.objective.why = (
                    f"exact: compiled for each path through its branches, because {self.objective.obstacle}"
                )
                return slope
            except Exception as error:  # noqa: BLE001 - code that can't be compiled is traced at each point
                self.compiles = False
                if self.is_slow():
                    differences = Differences(
                        self.caller,
                        self.start,
                        self.caller.box,
                        lambda: self.caller.precision,
                        paid=1,
                        region=self.caller.region,
                    )
                    self.objective.use_differences(differences, self.slowness(failure_reason(error)))
                    return differences(x)
        return self.traced(x)

    def probe(self, x: np.ndarray) -> Slope:
        """Return value and gradient by a trace, and store them: a descent begins at a probed point."""
        self.caller.clock.check()
        value, gradient = self.traced(x)
        self.probed[x.tobytes()] = value, gradient.copy()
        return value, gradient

    def traced(self, x: np.ndarray) -> Slope:
        """Return value and gradient by a trace of the code at this point."""
        began = time.perf_counter()
        with double_precision(), np.errstate(all="ignore"), tracing():
            value, gradient = jax.value_and_grad(self.branches.f)(jnp.asarray(x))
            self.operations = running.spent
        slope = float(value), np.array(gradient)
        self.seconds = time.perf_counter() - began
        return slope

    def is_slow(self) -> bool:
        """Tell whether differences take much less time than a trace."""
        began = time.perf_counter()
        self.caller(self.start)
        return self.seconds > DEARER * (2 * self.start.size + 1) * (time.perf_counter() - began)

    def slowness(self, obstacle: str) -> str:
        """Return the reason why differences are used, as a clause."""
        return f"{obstacle}, and tracing it anew takes {self.seconds:.2g} s at each point"


def eager(caller: Caller, probes: list[tuple[np.ndarray, float]], obstacle: str) -> Objective | None:
    """Return the objective of code that is traced at each point, or one by differences if a trace takes too long.

    Return None if the code can't be traced, or if its values and slopes do not agree with plain calls at the probes.
    """
    start, start_value = probes[0]
    calling = caller.calling
    fingerprint = Fingerprint([caller.f, *calling.args], constants=True)
    f, *args = fingerprint.rebuild(())
    key = ("branches", fingerprint.key, calling.structure, calling.spread, calling.chart)
    branches = recalled(key, Branches, lambda: Branches(lambda x: scalar(calling(f, Traced(x), tuple(args)))))
    slopes = EagerSlopes(caller, branches, start, start_value, obstacle)
    try:
        agreed = agrees(slopes.probe, probes, caller)
    except Exception:  # noqa: BLE001 - any failure to trace means that the next way is tried
        agreed = False
    if not agreed:
        drop(key)
        return None
    if slopes.operations > LONGEST_PATH and not branches.paths and slopes.is_slow():
        return differenced(caller, start, start_value, slopes.slowness(obstacle))
    remember(key, branches)
    return slopes.objective
