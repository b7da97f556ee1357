"""Fit one output of an estimator: to all rows at once, or to one block of rows after another."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np

from steepest.arguments import generator
from steepest.derivatives.precision import double_precision
from steepest.descent.budget import Budget
from steepest.estimators.through_origin import through_origin, with_images
from steepest.fitting.basis import NO_ROWS
from steepest.fitting.fit import fit
from steepest.fitting.linear.edges import read_edges
from steepest.fitting.network.fit import fit_network
from steepest.fitting.network.result import NetworkFit
from steepest.fitting.options import read_rows
from steepest.fitting.result import Fit
from steepest.fitting.resume import SavedFit
from steepest.fitting.setup import TrainingData
from steepest.fitting.stream.adaptive import Forget, Learner, forgetting
from steepest.fitting.stream.blocks import Blocks
from steepest.fitting.stream.fit import ENDLESS, fit_stream
from steepest.fitting.stream.learner import BATCH, StreamLearner
from steepest.fitting.tree.result import TreeFit
from steepest.models import Custom, Linear, Network, Tree
from steepest.models.losses import Loss
from steepest.models.penalties import L1, L2, ElasticNet
from steepest.types import Bounds, Fixed, Function, PyTree, Rows, RuleLike


@dataclass(frozen=True)
class OutputFitter:
    """Fits the outputs of an estimator, all with the same model, loss, penalty and rules."""

    model: Linear | Custom | Network | Tree
    loss: Function
    penalty: L1 | L2 | ElasticNet | str | None
    batch_size: int | None
    direction: RuleLike
    step: RuleLike
    seed: int
    progress: bool
    intercept: bool = True
    bounds: Bounds | None = None
    forget: Forget = None

    def fit(
        self, X: Rows, target: np.ndarray, weight: np.ndarray, start: PyTree, epochs: int | None,
        tolerance: float | None = None, validation: tuple[Rows, np.ndarray, np.ndarray] | None = None,
        classes: int | None = None,
    ) -> Fit:  # fmt: skip
        """Return the fit of one output to these rows, which may lack some of the `classes`."""
        if isinstance(self.model, Network) and classes is not None:
            assert not isinstance(self.penalty, str)
            data = TrainingData.read(X, target, weight, None, None)
            return fit_network(
                self.model, data, self.loss, Budget.of(tolerance, None, epochs=epochs), generator(self.seed), None,
                self.progress, batch_size=self.batch_size, dtype=None, start=start, classes=classes,
                penalty=self.penalty, direction=self.direction, step=self.step, refused={},
            )  # fmt: skip
        fixed = None if self.intercept else {"intercept": 0.0}
        if isinstance(self.model, Linear) and start is not None and self.bounds is not None:
            start = self._inside(start, fixed, X.shape[1])

        def fitted(X: Rows, target: np.ndarray, weight: np.ndarray, fixed: Fixed | None) -> Fit:
            return fit(
                self.model, X, target, start=start, loss=self.loss, penalty=self.penalty, sample_weight=weight,
                batch_size=self.batch_size, direction=self.direction, step=self.step, rng=self.seed,
                progress=self.progress, epochs=epochs, tolerance=tolerance, validation=validation, bounds=self.bounds,
                fixed=fixed,
            )  # fmt: skip

        if self.intercept or self.bounds is not None:
            return fitted(X, target, weight, fixed)
        return through_origin(
            fitted(*with_images(X, target, weight, self.loss), None), lambda: fitted(X, target, weight, fixed)
        )

    def _inside(self, start: tuple[np.ndarray, float], fixed: Fixed | None, columns: int) -> tuple[np.ndarray, float]:
        """Return the nearest start within the bounds, which an earlier fit may not have had."""
        box = read_edges(self.bounds, fixed, columns, None)
        if box is None:
            return start
        *coef, intercept = box.nearest(np.append(*start))
        return np.array(coef), float(intercept)

    def fit_block(
        self, X: Rows, target: np.ndarray, weight: np.ndarray, start: PyTree, learner: Learner | None
    ) -> tuple[Fit, Learner]:
        """Return the fit to all blocks so far, and the learner for the next block.

        A new learner begins at `start` if `learner` is None or has another loss.
        """
        assert isinstance(self.model, Linear)
        assert isinstance(self.loss, Loss)
        assert not isinstance(self.penalty, str)
        size = read_rows(self.batch_size) or BATCH
        if learner is None or learner.loss != self.loss:
            rng = np.random.default_rng(self.seed)
            learner = StreamLearner(self.model, self.loss, self.penalty, "auto", size, rng, np.append(*start))
        # A copy of the estimator may hold the same learner, and continues from it as it is now.
        learner = forgetting(learner.copied(), self.forget)
        for part in learner.parts:
            part.rng = copy.deepcopy(part.rng)
            part.penalty, part.size = self.penalty, size
        blocks = Blocks(iter([(X, target, weight)]), self.model, self.loss, None)
        params, budget = self.model.start(X, start), Budget(most=ENDLESS)
        return fit_stream(learner, blocks, next(blocks), params, budget, None, self.progress)


def output(run: Fit, X: Rows) -> np.ndarray:
    """Return the output z of a fitted model, before its response makes a prediction.

    Parameters
    ----------
    run : Fit
        The fit.
    X : array of shape (rows, columns)
        Rows.

    Returns
    -------
    array of shape (rows,) or (rows, classes)
        Outputs.
    """
    assert run.model is not None
    with double_precision(), np.errstate(all="ignore"):
        z = np.asarray(run.model(run.model.shaped(X, run.params), *run.params.values()))
        return z if z.ndim else np.full(X.shape[0], z)


def without_rows(run: Fit) -> Fit:
    """Return a fit without its rows and its compiled code, so that the fit is small and can be pickled.

    Parameters
    ----------
    run : Fit
        The fit.

    Returns
    -------
    Fit
        A fit with the same model, parameters, outcome and trace. It can't be continued.
    """
    resumable = SavedFit({"why": NO_ROWS}, {})
    bare = replace(run, objective=None, view=None, data=None, resumable=resumable, row_gradients=None)
    if isinstance(bare, NetworkFit):
        return replace(bare, linear_of=None, loss_of=None, snapshots={})
    return replace(bare, weight=None, learnt=None, snapshots={}) if isinstance(bare, TreeFit) else bare
