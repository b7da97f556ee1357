"""Displays: pictures of a run, of its function and of its fit.

Each name below is loaded when it is first used, so that one display does not load the others.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steepest.inspection.file import save_figure
    from steepest.inspection.motion.animate import animate
    from steepest.inspection.picture import descent_of, overview, plot_run
    from steepest.inspection.plots.basins import BasinDisplay
    from steepest.inspection.plots.causes.divergence import DivergenceDisplay
    from steepest.inspection.plots.causes.eigen import EigenDisplay
    from steepest.inspection.plots.causes.learning_rates import LearningRateDisplay
    from steepest.inspection.plots.causes.ledger import LedgerDisplay
    from steepest.inspection.plots.causes.rates import EffectiveRateDisplay
    from steepest.inspection.plots.causes.slice import SliceDisplay
    from steepest.inspection.plots.causes.stability import StabilityDisplay
    from steepest.inspection.plots.causes.wrong import WrongGradientDisplay
    from steepest.inspection.plots.descent import DescentDisplay
    from steepest.inspection.plots.display import Display
    from steepest.inspection.plots.fit import FitDisplay
    from steepest.inspection.plots.fitted.calibration import CalibrationDisplay
    from steepest.inspection.plots.fitted.coefficients import CoefficientsDisplay
    from steepest.inspection.plots.fitted.confusion import ConfusionDisplay
    from steepest.inspection.plots.fitted.effects import EffectsDisplay
    from steepest.inspection.plots.fitted.predicted import PredictedDisplay
    from steepest.inspection.plots.fitted.residuals import ResidualsDisplay
    from steepest.inspection.plots.fitted.roc import RocDisplay
    from steepest.inspection.plots.fitted.strength import StrengthDisplay
    from steepest.inspection.plots.function.contour import ContourDisplay
    from steepest.inspection.plots.function.curve import CurveDisplay
    from steepest.inspection.plots.function.quiver import QuiverDisplay
    from steepest.inspection.plots.function.slopes import SlopesDisplay
    from steepest.inspection.plots.function.surface import SurfaceDisplay
    from steepest.inspection.plots.line import LineDisplay
    from steepest.inspection.plots.network.landscape import LandscapeDisplay
    from steepest.inspection.plots.network.members import MembersDisplay
    from steepest.inspection.plots.network.snapshots import SnapshotsDisplay
    from steepest.inspection.plots.noise import NoiseConeDisplay
    from steepest.inspection.plots.races.race import RaceDisplay
    from steepest.inspection.plots.races.sensitivity import SensitivityDisplay
    from steepest.inspection.plots.training import TrainingDisplay
    from steepest.inspection.plots.tree.gates import GatesDisplay
    from steepest.inspection.plots.tree.partition import PartitionDisplay
    from steepest.inspection.plots.tree.restarts import RestartsDisplay
    from steepest.inspection.plots.tree.tree import TreeDisplay
    from steepest.inspection.report.standings import Comparison
    from steepest.inspection.report.write import write_report

_HOMES = {
    "BasinDisplay": "plots.basins",
    "CalibrationDisplay": "plots.fitted.calibration",
    "CoefficientsDisplay": "plots.fitted.coefficients",
    "Comparison": "report.standings",
    "ConfusionDisplay": "plots.fitted.confusion",
    "ContourDisplay": "plots.function.contour",
    "CurveDisplay": "plots.function.curve",
    "DescentDisplay": "plots.descent",
    "Display": "plots.display",
    "DivergenceDisplay": "plots.causes.divergence",
    "EffectiveRateDisplay": "plots.causes.rates",
    "EffectsDisplay": "plots.fitted.effects",
    "EigenDisplay": "plots.causes.eigen",
    "FitDisplay": "plots.fit",
    "GatesDisplay": "plots.tree.gates",
    "LandscapeDisplay": "plots.network.landscape",
    "LearningRateDisplay": "plots.causes.learning_rates",
    "LedgerDisplay": "plots.causes.ledger",
    "LineDisplay": "plots.line",
    "MembersDisplay": "plots.network.members",
    "NoiseConeDisplay": "plots.noise",
    "PartitionDisplay": "plots.tree.partition",
    "PredictedDisplay": "plots.fitted.predicted",
    "QuiverDisplay": "plots.function.quiver",
    "RaceDisplay": "plots.races.race",
    "ResidualsDisplay": "plots.fitted.residuals",
    "RestartsDisplay": "plots.tree.restarts",
    "RocDisplay": "plots.fitted.roc",
    "SensitivityDisplay": "plots.races.sensitivity",
    "SliceDisplay": "plots.causes.slice",
    "SlopesDisplay": "plots.function.slopes",
    "SnapshotsDisplay": "plots.network.snapshots",
    "StabilityDisplay": "plots.causes.stability",
    "StrengthDisplay": "plots.fitted.strength",
    "SurfaceDisplay": "plots.function.surface",
    "TrainingDisplay": "plots.training",
    "TreeDisplay": "plots.tree.tree",
    "WrongGradientDisplay": "plots.causes.wrong",
    "animate": "motion.animate",
    "descent_of": "picture",
    "overview": "picture",
    "plot_run": "picture",
    "save_figure": "file",
    "write_report": "report.write",
}

__all__ = [
    "BasinDisplay",
    "CalibrationDisplay",
    "CoefficientsDisplay",
    "Comparison",
    "ConfusionDisplay",
    "ContourDisplay",
    "CurveDisplay",
    "DescentDisplay",
    "Display",
    "DivergenceDisplay",
    "EffectiveRateDisplay",
    "EffectsDisplay",
    "EigenDisplay",
    "FitDisplay",
    "GatesDisplay",
    "LandscapeDisplay",
    "LearningRateDisplay",
    "LedgerDisplay",
    "LineDisplay",
    "MembersDisplay",
    "NoiseConeDisplay",
    "PartitionDisplay",
    "PredictedDisplay",
    "QuiverDisplay",
    "RaceDisplay",
    "ResidualsDisplay",
    "RestartsDisplay",
    "RocDisplay",
    "SensitivityDisplay",
    "SliceDisplay",
    "SlopesDisplay",
    "SnapshotsDisplay",
    "StabilityDisplay",
    "StrengthDisplay",
    "SurfaceDisplay",
    "TrainingDisplay",
    "TreeDisplay",
    "WrongGradientDisplay",
    "animate",
    "descent_of",
    "overview",
    "plot_run",
    "save_figure",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'steepest.inspection' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"steepest.inspection.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
