"""The trials as loops of the user's own: what a recorder sees of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from battery.trial import Trial

import steepest as st

# The most steps that are written with a gradient, which is evaluated again at each.
MOST_STEPS = 2_000


def recorded(trial: Trial) -> Any:
    """Return the run that a recorder makes of a trial; None if a loop can't show it."""
    if trial.loop is not None:
        recorder = st.Recorder()
        trial.loop(recorder)
        return recorder.run
    run = trial.make()
    run = getattr(run, "fit", run)
    recorder = st.Recorder(maximize=run.maximized)
    trace = run.trace
    if (
        trace.x.shape[1] > 1_000
        or len(trace) > MOST_STEPS
        or not hasattr(run, "gradient_at")
        or hasattr(run, "best_epochs")
    ):
        return None
    for row in range(len(trace)):
        given = {}
        if run.objective is not None and trace.x.shape[1]:
            given = {"gradient": np.asarray(run.gradient_at(trace.x[row])), "x": trace.x[row]}
        size = trace.step_size[max(row, 1)] if len(trace) > 1 else np.nan
        if "validation" in trace.columns:
            given["validation"] = float(trace.validation[row])
        recorder.step(float(trace.value[row]), learning_rate=float(size), **given)
    return recorder.run
