"""A base class for objects that hold a fit: they have the attributes of the fit, under the same names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from steepest.call import Call
from steepest.fitting.network.result import NetworkFit
from steepest.fitting.result import Fit, described_fit
from steepest.fitting.strength.record import StrengthPath
from steepest.fitting.tree.result import TreeFit
from steepest.fitting.uncertainty.answer import Uncertainty
from steepest.fitting.uncertainty.summary import Summary
from steepest.inspection.diagnosis.diagnosed import Diagnosed
from steepest.inspection.motion.moving import Moving
from steepest.inspection.report.reported import Reported
from steepest.inspection.shown import Shown
from steepest.models import Linear, Network, Tree
from steepest.tabular.method import has_coefficients
from steepest.trace import Certificate, Event, Outcome, Trace
from steepest.types import Array, Function, PyTree

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from steepest.inspection.picture import Picture


@dataclass(eq=False)
class HoldsFit(Diagnosed, Moving, Reported, Shown):
    """An object that holds a fit and has the attributes of the fit, under the same names.

    Parameters
    ----------
    fit : Fit
        The fit of the model to numbers; `Fit` documents the attributes.
    """

    fit: Fit

    @property
    def model(self) -> Linear | Network | Tree:
        """The model that was fitted."""
        model = self.fit.model
        assert isinstance(model, (Linear, Network, Tree))
        return model

    @property
    def params(self) -> dict[str, np.ndarray]:
        """The parameters by name, in the units of the columns."""
        return self.fit.params

    @property
    def x(self) -> dict[str, np.ndarray]:
        """The same as `params`: every run has its point as `x`."""
        return self.fit.x

    @property
    def fun(self) -> float:
        """The loss, with the penalty."""
        return self.fit.fun

    @property
    def jac(self) -> dict[str, np.ndarray]:
        """The gradient of the loss, by the name of the parameter."""
        return self.fit.jac

    @property
    def call(self) -> Call | None:
        """How the fit was asked for."""
        return self.fit.call

    @call.setter
    def call(self, call: Call | None) -> None:
        self.fit.call = call

    @property
    def columns(self) -> list[str] | None:
        """The names of the columns of the matrix that was fitted."""
        return self.fit.columns

    @property
    def data(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The training rows as numbers, (X, y); None if the fit was loaded from disk."""
        return self.fit.data

    @property
    def solver(self) -> str:
        """The solver that was used, and the problems that it is for."""
        return self.fit.solver

    @property
    def path(self) -> StrengthPath | None:
        """How the strength of the penalty was chosen; None if it was given, or if each class has its own."""
        return self.fit.path

    @property
    def outcome(self) -> Outcome:
        """How the fit ended."""
        return self.fit.outcome

    @property
    def success(self) -> bool:
        """Whether the fit converged, or completed the number of epochs that was asked for."""
        return self.fit.success

    @property
    def status(self) -> int:
        """The outcome as a stable integer; 0 means converged."""
        return self.fit.status

    @property
    def message(self) -> str:
        """The outcome, its evidence and what to try next, in one sentence."""
        return self.fit.message

    @property
    def certificate(self) -> Certificate:
        """How far above the minimum the loss may be."""
        return self.fit.certificate

    @property
    def trace(self) -> Trace:
        """The course of the fit: one row per epoch."""
        return self.fit.trace

    @property
    def events(self) -> list[Event]:
        """The events of the fit that have no row in the trace, such as rejected steps."""
        return self.fit.events

    @property
    def nit(self) -> int:
        """The number of iterations."""
        return self.fit.nit

    @property
    def nfev(self) -> int:
        """The number of evaluations of the loss."""
        return self.fit.nfev

    @property
    def njev(self) -> int:
        """The number of evaluations of the gradient."""
        return self.fit.njev

    @property
    def kind(self) -> str:
        """How the gradient was computed."""
        return self.fit.kind

    @property
    def why(self) -> str:
        """Why the gradient was computed in this way."""
        return self.fit.why

    @property
    def maximized(self) -> bool:
        """Always False: a loss is minimised."""
        return self.fit.maximized

    @property
    def runs(self) -> tuple[()]:
        """Always empty: a fit has one start."""
        return ()

    @property
    def title(self) -> str:
        """The title of pictures of the fit."""
        return self.fit.title

    @title.setter
    def title(self, title: str) -> None:
        self.fit.title = title

    @property
    def linear(self) -> Fit:
        """The linear model of the same loss and rows, for a network."""
        return self._network.linear

    @property
    def snapshots(self) -> Mapping[int, Mapping[str, PyTree]]:
        """The parameters of a network after some epochs, as `NetworkFit` documents them."""
        return self._network.snapshots

    def member(self, number: int) -> dict[str, Array]:
        """Return the parameters of one member of a network, as `NetworkFit.member` does."""
        return self._network.member(number)

    def member_loss(self, number: int, rows: int = 512) -> Function:
        """Return the loss of one member of a network as a function, as `NetworkFit.member_loss` does."""
        return self._network.member_loss(number, rows)

    @property
    def locally_optimal(self) -> bool | None:
        """Whether no other split of a single node of a tree lowers the loss, as `TreeFit` documents it."""
        return self._tree.locally_optimal

    @property
    def candidates(self) -> dict[str, float]:
        """The losses of the finished trees that one was chosen from, as `TreeFit` documents them."""
        return self._tree.candidates

    @property
    def _tree(self) -> TreeFit:
        if not isinstance(self.fit, TreeFit):
            raise AttributeError("only the fit of a tree has rules and candidates")
        return self.fit

    @property
    def _network(self) -> NetworkFit:
        if not isinstance(self.fit, NetworkFit):
            raise AttributeError("only the fit of a network has members, snapshots and a linear fit beside it")
        return self.fit

    def evaluate(self, x: Array) -> float:
        """Return the loss at parameters, as `Fit.evaluate` does."""
        return self.fit.evaluate(x)

    def gradient_at(self, x: Array) -> np.ndarray:
        """Return the gradient at parameters, as `Fit.gradient_at` does."""
        return self.fit.gradient_at(x)

    def curvature(self, x: Array, v: Array) -> np.ndarray:
        """Return the Hessian at parameters times a vector, as `Fit.curvature` does."""
        return self.fit.curvature(x, v)

    def uncertainty(
        self,
        robust: bool | str = False,
        weights: str = "frequency",
        level: float = 0.95,
        absolute_sigma: bool = False,
    ) -> Uncertainty:
        """Return how far the parameters may be from the truth, as `Fit.uncertainty` does."""
        return self.fit.uncertainty(robust, weights, level, absolute_sigma)

    def summary(self, level: float = 0.95, method: str = "wald") -> Summary:
        """Return a table of the parameters with errors, tests and intervals, as `Fit.summary` does."""
        return self.fit.summary(level, method)

    @property
    def covariance(self) -> np.ndarray:
        """The covariance of the parameters, as `Fit` documents it."""
        return self.fit.covariance

    @property
    def standard_errors(self) -> PyTree:
        """The standard errors of the parameters, laid out like them."""
        return self.fit.standard_errors

    @property
    def correlation(self) -> np.ndarray:
        """The correlations of the parameters, as `Fit` documents them."""
        return self.fit.correlation

    def confidence_intervals(self, level: float = 0.95, method: str = "wald") -> PyTree:
        """Return an interval for each parameter, as `Fit.confidence_intervals` does."""
        return self.fit.confidence_intervals(level, method)

    def plot(self, ax: Axes | None = None) -> Picture:
        """Draw a tree as its splits and leaves, a fit on one column with its data, any other fit as a whole.

        Parameters
        ----------
        ax : matplotlib axes, optional
            Where to draw; a new figure by default. On one axes a `FitDisplay` draws its first panel.

        Returns
        -------
        TreeDisplay, LineDisplay or FitDisplay
            The display, with its figure, axes and numbers as attributes.
        """
        from steepest.inspection import plot_run

        return plot_run(self, ax=ax)

    def __str__(self) -> str:
        if has_coefficients(self.model) or isinstance(self.model, Network):
            return str(self.fit)
        # The coefficients of a kernel's features mean nothing to a reader, so show only the intercepts.
        intercepts = np.ravel(self.params["intercept"])
        names = self.trace.names[-len(intercepts) :]
        return described_fit(self.fit, dict(zip(names, intercepts.tolist(), strict=True)))
