"""Gradient descent that needs no learning rate, says what went wrong and shows the way down.

Each name below is loaded when it is first used, so that ``import steepest`` is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# Imported first: it must see every fork of a process that has used JAX.
from steepest.derivatives.process import forks as _forks  # noqa: F401

if TYPE_CHECKING:
    from steepest import models, sets
    from steepest.data.batches import minibatches
    from steepest.derivatives.check import GradientCheck, check_gradient
    from steepest.derivatives.differences import difference_quotient, partial_derivative
    from steepest.derivatives.finite import FiniteDifference, finite_difference
    from steepest.derivatives.gradient import gradient, value_and_gradient
    from steepest.derivatives.higher import directional_derivative, hessian, jacobian
    from steepest.descent.run import Run
    from steepest.finding import Finding
    from steepest.fitting.curve_fit import curve_fit
    from steepest.fitting.fit import fit, linear_gradient
    from steepest.fitting.penalty_path import PenaltyPath, penalty_path
    from steepest.fitting.rates.lr_range import lr_range
    from steepest.fitting.resampling.bootstrap import Bootstrap
    from steepest.fitting.result import Fit
    from steepest.fitting.strength.record import StrengthPath
    from steepest.fitting.uncertainty.answer import Uncertainty
    from steepest.fitting.uncertainty.bands import PredictedInterval
    from steepest.fitting.uncertainty.summary import Summary
    from steepest.inspection.diagnosis.diagnosis import Diagnosis
    from steepest.loading import load
    from steepest.minimizing.basins import Basins, basins
    from steepest.minimizing.learning_rates import LearningRates
    from steepest.minimizing.minimize import gradient_descent, maximize, minimize
    from steepest.minimizing.race import Race, race
    from steepest.minimizing.sensitivity import Sensitivity
    from steepest.models import losses, penalties
    from steepest.recording.read_log import read_log
    from steepest.recording.recorder import Recorder
    from steepest.recording.run import RecordedRun
    from steepest.rules import directions, steps
    from steepest.tabular.fit import fit_table
    from steepest.tabular.result import TableFit
    from steepest.trace import Certificate, Event, Outcome, Trace
    from steepest.widget.explore import explore

__version__ = "0.1.0"

_HOMES = {
    "Basins": "steepest.minimizing.basins",
    "Bootstrap": "steepest.fitting.resampling.bootstrap",
    "Certificate": "steepest.trace",
    "Diagnosis": "steepest.inspection.diagnosis.diagnosis",
    "Event": "steepest.trace",
    "Finding": "steepest.finding",
    "FiniteDifference": "steepest.derivatives.finite",
    "Fit": "steepest.fitting.result",
    "GradientCheck": "steepest.derivatives.check",
    "LearningRates": "steepest.minimizing.learning_rates",
    "Outcome": "steepest.trace",
    "PenaltyPath": "steepest.fitting.penalty_path",
    "PredictedInterval": "steepest.fitting.uncertainty.bands",
    "Race": "steepest.minimizing.race",
    "RecordedRun": "steepest.recording.run",
    "Recorder": "steepest.recording.recorder",
    "Run": "steepest.descent.run",
    "Sensitivity": "steepest.minimizing.sensitivity",
    "StrengthPath": "steepest.fitting.strength.record",
    "Summary": "steepest.fitting.uncertainty.summary",
    "TableFit": "steepest.tabular.result",
    "Trace": "steepest.trace",
    "Uncertainty": "steepest.fitting.uncertainty.answer",
    "basins": "steepest.minimizing.basins",
    "check_gradient": "steepest.derivatives.check",
    "curve_fit": "steepest.fitting.curve_fit",
    "difference_quotient": "steepest.derivatives.differences",
    "directional_derivative": "steepest.derivatives.higher",
    "directions": "steepest.rules",
    "explore": "steepest.widget.explore",
    "finite_difference": "steepest.derivatives.finite",
    "fit": "steepest.fitting.fit",
    "fit_table": "steepest.tabular.fit",
    "gradient": "steepest.derivatives.gradient",
    "gradient_descent": "steepest.minimizing.minimize",
    "hessian": "steepest.derivatives.higher",
    "jacobian": "steepest.derivatives.higher",
    "linear_gradient": "steepest.fitting.fit",
    "load": "steepest.loading",
    "losses": "steepest.models",
    "lr_range": "steepest.fitting.rates.lr_range",
    "maximize": "steepest.minimizing.minimize",
    "minibatches": "steepest.data.batches",
    "minimize": "steepest.minimizing.minimize",
    "models": "steepest",
    "partial_derivative": "steepest.derivatives.differences",
    "penalties": "steepest.models",
    "penalty_path": "steepest.fitting.penalty_path",
    "race": "steepest.minimizing.race",
    "read_log": "steepest.recording.read_log",
    "sets": "steepest",
    "steps": "steepest.rules",
    "value_and_gradient": "steepest.derivatives.gradient",
}

# Modules that the code of a cure may name. They are imported by their own names, and so no part of `__all__`.
_ROOMS = ("estimators", "inspection")

__all__ = [
    "Basins",
    "Bootstrap",
    "Certificate",
    "Diagnosis",
    "Event",
    "Finding",
    "FiniteDifference",
    "Fit",
    "GradientCheck",
    "LearningRates",
    "Outcome",
    "PenaltyPath",
    "PredictedInterval",
    "Race",
    "RecordedRun",
    "Recorder",
    "Run",
    "Sensitivity",
    "StrengthPath",
    "Summary",
    "TableFit",
    "Trace",
    "Uncertainty",
    "basins",
    "check_gradient",
    "curve_fit",
    "difference_quotient",
    "directional_derivative",
    "directions",
    "explore",
    "finite_difference",
    "fit",
    "fit_table",
    "gradient",
    "gradient_descent",
    "hessian",
    "jacobian",
    "linear_gradient",
    "load",
    "losses",
    "lr_range",
    "maximize",
    "minibatches",
    "minimize",
    "models",
    "partial_derivative",
    "penalties",
    "penalty_path",
    "race",
    "read_log",
    "sets",
    "steps",
    "value_and_gradient",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"steepest.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'steepest' has no attribute {name!r}")
    home = _HOMES[name]
    if name in ("directions", "losses", "models", "penalties", "sets", "steps"):
        return importlib.import_module(f"{home}.{name}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
