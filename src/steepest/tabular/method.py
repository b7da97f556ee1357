"""What a table is fitted by: a model and a loss that suit each other and the target, refused where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from steepest import models
from steepest.arguments import guess
from steepest.fitting.result import Fit
from steepest.models import losses
from steepest.models.losses import Loss
from steepest.models.penalties import L1, L2
from steepest.tabular.target import Task

MODELS = {"linear": "a linear model", "svm": "a support vector machine"}
KERNELS = ("linear", "rbf")
MEANS = {losses.poisson: models.Poisson(), losses.gamma: models.Gamma()}
COMPONENTS = 300


@dataclass(frozen=True)
class Method:
    """What was asked for, before the target is known.

    Parameters
    ----------
    name : {"linear", "svm"}
        The model.
    loss : Loss or None
        None for that of the model.
    kernel : {"linear", "rbf"}
        That of a support vector machine.
    gamma, components : float, int or None
        γ and how many features stand for the kernel "rbf".
    """

    name: str
    loss: Loss | None
    kernel: str
    gamma: float | None
    components: int | None

    @classmethod
    def read(cls, model: Any, loss: Any, kernel: Any, gamma: Any, components: Any) -> Method:
        """Check the words of a user.

        Parameters
        ----------
        model, loss, kernel, gamma, components : object
            As for `fit_table`.

        Returns
        -------
        Method
            What they mean.

        Raises
        ------
        ValueError
            If one is not known, or makes no sense beside the others.
        TypeError
            If the loss is a function of one's own.
        """
        for word, value, known in (("model", model, tuple(MODELS)), ("kernel", kernel, KERNELS)):
            if value not in known:
                names = ", ".join(map(repr, known))
                raise ValueError(f"{word}={value!r} is not known{guess(str(value), known)} (known: {names})")
        if kernel != "linear" and model != "svm":
            raise ValueError(f"kernel={kernel!r} is for model='svm', and the model is {model!r}")
        for word, value in (("gamma", gamma), ("components", components)):
            if value is not None and kernel != "rbf":
                raise ValueError(f"{word}={value!r} is for kernel='rbf', and the kernel is {kernel!r}")
        # Said of words that make no sense before the table is read.
        models.SVM(kernel, gamma=gamma, components=COMPONENTS if components is None else components)
        cost = None if loss is None else losses.named(loss)
        if cost is not None and not isinstance(cost, Loss):
            raise TypeError(f"loss={loss!r}: a table takes one of {', '.join(losses.NAMED)}, or an object of st.losses")
        if model == "svm" and cost in (*MEANS, losses.log_loss, losses.softmax):
            raise ValueError(
                f"loss={loss!r} is for model='linear': a machine predicts neither probabilities nor means of counts"
            )
        return cls(model, cost, kernel, gamma, components)

    def task(self, asked: Task | None) -> Task | None:
        """Return what there is to learn, as far as the words tell.

        Parameters
        ----------
        asked : {"regression", "classification"} or None
            The task that was asked for.

        Returns
        -------
        {"regression", "classification"} or None
            None where the target is to tell.

        Raises
        ------
        ValueError
            If loss and task contradict each other.
        """
        if self.loss is None:
            return asked
        own: Task = "classification" if self.loss.classes else "regression"
        if asked in ("regression", "classification") and asked != own:
            others = ", ".join(
                repr(name) for name, loss in losses.NAMED.items() if loss.classes is not self.loss.classes
            )
            raise ValueError(f"task={asked!r} and loss={self.loss} contradict each other: take loss= one of {others}")
        return asked or own

    def chosen(self, classes: int, penalty: Any, draws: np.random.Generator) -> tuple[models.Linear, Loss]:
        """Return the model and the loss for a target.

        Parameters
        ----------
        classes : int
            How many classes it has; 0 for numbers.
        penalty : penalty or None
            What the weights cost.
        draws : numpy.random.Generator
            What draws the features of a kernel.

        Returns
        -------
        model, loss : Linear, Loss
            To fit.

        Raises
        ------
        ValueError
            If a kernel has no penalty.
        """
        loss = self.loss
        if loss is None:
            of_classes = losses.hinge if self.name == "svm" else losses.log_loss
            of_numbers = losses.EpsilonInsensitive() if self.name == "svm" else losses.squared
            loss = of_classes if classes else of_numbers
        if loss in (losses.log_loss, losses.softmax):
            # The same loss, of one score where there are two classes.
            loss = losses.softmax if classes > 2 else losses.log_loss
        if self.name == "linear":
            if loss == losses.softmax:
                return models.Multinomial(classes), loss
            return models.Logistic() if loss == losses.log_loss else MEANS.get(loss, models.Linear()), loss
        kind = models.SVM if classes else models.SVR
        if self.kernel == "linear":
            return kind(), loss
        if isinstance(penalty, L2) and not penalty.strength:
            raise ValueError("kernel='rbf' without a penalty follows every row: give one, such as penalties.L2(1e-3)")
        components = COMPONENTS if self.components is None else self.components
        return kind("rbf", gamma=self.gamma, components=components, seed=int(draws.integers(2**31))), loss


def described(model: models.Linear, loss: Loss, penalty: Any) -> str:
    """Return what is fitted, in plain words.

    Parameters
    ----------
    model : Linear
        The model.
    loss : Loss
        The loss.
    penalty : penalty or None
        What the weights cost.

    Returns
    -------
    str
        One sentence.

    Examples
    --------
    >>> described(models.Linear(), losses.Huber(20.0), None)
    'a linear model by the huber loss (delta=20), no penalty'
    """
    what, cost = MODELS["linear"], "no penalty"
    if isinstance(model, models.SVM):
        what, cost = MODELS["svm"], "penalty L2(1/n)"
        if model.kernel == "rbf":
            what += " with a Gaussian kernel"
    if isinstance(penalty, (L1, L2)):
        cost = f"penalty {type(penalty).__name__}({penalty.strength:.4g})" if penalty.strength else "no penalty"
    elif penalty is not None:
        cost = f"penalty {penalty}"
    return f"{what} by the {named_loss(loss)}, {cost}"


def named_loss(loss: Loss) -> str:
    """Return the name of a loss with its parameter.

    Parameters
    ----------
    loss : Loss
        The loss.

    Returns
    -------
    str
        Such as "squared loss".
    """
    name = loss.name if loss.classes else f"{loss.name} loss"
    settings = ", ".join(f"{f.name}={getattr(loss, f.name):g}" for f in fields(loss))  # type: ignore[arg-type]
    return f"{name} ({settings})" if settings else name


def outputs_of(fitted: Fit, X: np.ndarray) -> np.ndarray:
    """Return what a fitted model says of rows: numbers, probabilities, or the scores of a machine.

    Parameters
    ----------
    fitted : Fit
        The fit.
    X : array of shape (rows, columns)
        The rows.

    Returns
    -------
    array of shape (rows,) or (rows, classes)
        The outputs.
    """
    model = fitted.model
    if isinstance(model, models.SVM) or (np.ndim(fitted.params["coef"]) == 2 and type(model) is models.Linear):
        # A machine's own response is the class alone; and of several classes each has an output.
        coef, intercept = fitted.params.values()
        return np.asarray(model(model.shaped(X, fitted.params), np.transpose(coef), intercept))
    return Fit.predict(fitted, X)


def parameter_names(columns: Sequence[str], classes: Sequence[Any] | None) -> list[str]:
    """Return the names of the parameters of a linear model.

    Parameters
    ----------
    columns : sequence of str
        The names of its columns.
    classes : sequence or None
        The labels of a classification: where there are more than two, each has parameters.

    Returns
    -------
    list of str
        As they are laid out: coefficients class by class, and then all intercepts.

    Examples
    --------
    >>> parameter_names(["age"], None)
    ['age', 'intercept']
    """
    names = [*columns, "intercept"]
    if classes is None or len(classes) == 2:
        return names
    return [f"{label}: {name}" for part in (columns, names[-1:]) for label in classes for name in part]
