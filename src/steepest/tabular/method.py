"""The model and the loss for a table: read from the arguments, and matched to the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from steepest import models
from steepest.arguments import guess
from steepest.fitting.result import Fit
from steepest.models import losses
from steepest.models.losses import Loss
from steepest.models.penalties import L1, L2
from steepest.printable import quoted
from steepest.tabular.encoding import Encoding, Missing
from steepest.tabular.reading.arrow import Label
from steepest.tabular.target import Task
from steepest.types import Function

MODELS = {
    "linear": "a linear model",
    "svm": "a support vector machine",
    "network": "a neural network",
    "tree": "a decision tree",
}
# The models with settings of their own.
OWN: dict[str, type[models.Network | models.Tree]] = {"network": models.Network, "tree": models.Tree}
KERNELS = ("linear", "rbf")
# The losses for which means are predicted, each with its model.
MEANS: dict[Loss, models.Linear] = {losses.poisson: models.Poisson(), losses.gamma: models.Gamma()}
# The default number of features of models.SVM.
COMPONENTS = 300


@dataclass(frozen=True)
class Method:
    """The model that a user asked for, before the target is known.

    Parameters
    ----------
    name : {"linear", "svm", "network", "tree"}
        The model.
    loss : Loss or None
        The loss; None for the default of the model.
    kernel : {"linear", "rbf"}
        The kernel of a support vector machine.
    gamma, components : float, int or None
        γ of the kernel "rbf", and how many features approximate it.
    own : Network, Tree or None
        The network or the tree.
    """

    name: str
    loss: Loss | None
    kernel: str
    gamma: float | None
    components: int | None
    own: models.Network | models.Tree | None = None

    @classmethod
    def read(
        cls,
        model: str | models.Network | models.Tree,
        loss: str | Loss | None,
        kernel: str,
        gamma: float | None,
        components: int | None,
    ) -> Method:
        """Check the arguments of a user, and return the model that they describe.

        Parameters
        ----------
        model, loss, kernel, gamma, components : object
            As for `fit_table`.

        Returns
        -------
        Method
            The model.

        Raises
        ------
        ValueError
            If a name is unknown, or an argument contradicts another.
        TypeError
            If the loss is not one of the library, but a function of the user.
        """
        own = None
        if isinstance(model, (models.Network, models.Tree)):
            own, model = model, "network" if isinstance(model, models.Network) else "tree"
        for argument, value, known in (("model", model, tuple(MODELS)), ("kernel", kernel, KERNELS)):
            if value not in known:
                names = ", ".join(map(repr, known))
                raise ValueError(f"{argument}={quoted(value)} is not known{guess(str(value), known)} (known: {names})")
        if kernel != "linear" and model != "svm":
            raise ValueError(f"kernel={quoted(kernel)} is for model='svm', and the model is {quoted(model)}")
        for argument, setting in (("gamma", gamma), ("components", components)):
            if setting is not None and kernel != "rbf":
                raise ValueError(
                    f"{argument}={quoted(setting)} is for kernel='rbf', and the kernel is {quoted(kernel)}"
                )
        # This object only checks the settings, before the table is read: its constructor refuses invalid settings.
        models.SVM(kernel, gamma=gamma, components=COMPONENTS if components is None else components)
        cost = None if loss is None else losses.named(loss)
        if cost is not None and not isinstance(cost, Loss):
            known_losses = ", ".join(losses.NAMED)
            raise TypeError(f"loss={quoted(loss)}: a table takes one of {known_losses}, or an object of st.losses")
        if model == "svm" and cost in (*MEANS, losses.log_loss, losses.softmax):
            raise ValueError(
                f"loss={quoted(loss)} is for model='linear': a support vector machine predicts neither probabilities "
                "nor means of counts"
            )
        if model == "network" and cost in (losses.hinge, losses.squared_hinge):
            raise ValueError(f"loss={quoted(loss)} is not for model='network': leave loss= out for the log loss")
        if isinstance(own, models.Tree) and own.categories:
            raise ValueError("Tree(categories=...) is for fit: a table's categories are its columns of texts")
        if model in OWN and own is None:
            own = OWN[model]()
        return cls(model, cost, kernel, gamma, components, own)

    def missing(self, asked: Missing | None) -> Missing:
        """Return how missing values are treated; by default they are filled, except for a tree, which takes them.

        Parameters
        ----------
        asked : {"mean", "drop", "error", "keep"} or None
            The argument `missing`.

        Returns
        -------
        {"mean", "drop", "error", "keep"}
            The treatment.

        Raises
        ------
        ValueError
            If missing values are to be kept for a model that needs every value.
        """
        if asked == "keep" and self.name != "tree":
            raise ValueError(f"missing='keep' is for model='tree', and {MODELS[self.name]} needs every value")
        return asked or ("keep" if self.name == "tree" else "mean")

    def task(self, asked: Task | None) -> Task | None:
        """Return the task, if the arguments decide it.

        Parameters
        ----------
        asked : {"regression", "classification"} or None
            The argument `task`.

        Returns
        -------
        {"regression", "classification"} or None
            The task; None if the target decides.

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
            raise ValueError(
                f"task={quoted(asked)} and loss={self.loss} contradict each other: use loss= one of {others}"
            )
        return asked or own

    def resolve(
        self, classes: int, penalty: str | Function | None, random: np.random.Generator,
        encoding: Encoding | None = None,
    ) -> tuple[models.Linear | models.Network | models.Tree, Loss]:  # fmt: skip
        """Return the model and the loss for a target.

        Parameters
        ----------
        classes : int
            How many classes the target has; 0 for numbers.
        penalty : penalty, "auto" or None
            The penalty on the weights.
        random : numpy.random.Generator
            The generator that draws the seed of the kernel's features.
        encoding : Encoding, optional
            The encoding of the table, whose categories a tree keeps together.

        Returns
        -------
        model, loss : Linear, Network or Tree, Loss
            The model and the loss to fit.

        Raises
        ------
        ValueError
            If a Gaussian kernel is to be fitted with an L2 penalty of strength 0.
        """
        loss = self.loss
        if loss is None:
            of_classes = losses.hinge if self.name == "svm" else losses.log_loss
            of_numbers = losses.EpsilonInsensitive() if self.name == "svm" else losses.squared
            loss = of_classes if classes else of_numbers
        if loss in (losses.log_loss, losses.softmax):
            # For two classes softmax is the same loss as the log loss, and needs two scores instead of one.
            loss = losses.softmax if classes > 2 else losses.log_loss
        if isinstance(self.own, models.Tree) and encoding is not None:
            return replace(self.own, categories=encoding.categories, baselines=encoding.baselines), loss
        if self.own is not None:
            return self.own, loss
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
        return kind("rbf", gamma=self.gamma, components=components, seed=int(random.integers(2**31))), loss


def chosen(fit: Fit, penalty: str | Function | None) -> str | Function | None:
    """Return the words for a penalty whose strength a fit chose; a penalty that was given is returned as it is.

    Parameters
    ----------
    fit : Fit
        The fit.
    penalty : penalty, "auto" or None
        The penalty that was asked for.

    Returns
    -------
    penalty, str or None
        The words, or the penalty.
    """
    if not isinstance(penalty, str):
        return penalty
    if fit.path is not None:
        return fit.path.why + _kept(fit)
    paths = [path for each in getattr(fit, "fits", ()) if (path := each.path) is not None]
    strengths = sorted(path.chosen for path in paths)
    if not paths or not strengths[-1]:
        return "no penalty"
    span = f"L2({strengths[0]:.3g}) to L2({strengths[-1]:.3g})"
    return f"a penalty for each class, {span} on standardised columns: the best of each by {paths[0].method}"


def _kept(fit: Fit) -> str:
    """Return how many coefficients a chosen penalty with an L1 part left; "" for another penalty."""
    if fit.path is None or fit.path.kind == "l2" or not fit.path.chosen:
        return ""
    coef = np.asarray(fit.params["coef"])
    return f"; {np.count_nonzero(coef):,} of {coef.size:,} coefficients are not 0"


def described(
    model: models.Linear | models.Network | models.Tree, loss: Loss, penalty: str | Function | None
) -> str:  # fmt: skip
    """Describe the model, the loss and the penalty of a fit.

    Parameters
    ----------
    model : Linear, Network or Tree
        The model.
    loss : Loss
        The loss.
    penalty : penalty, str or None
        The penalty on the weights, or words for it.

    Returns
    -------
    str
        The description, for a note.

    Examples
    --------
    >>> described(models.Linear(), losses.Huber(20.0), None)
    'a linear model with the huber loss (delta=20), no penalty'
    """
    if isinstance(model, models.Tree):
        return f"a tree of depth {model.depth} with the {loss_name(loss)}"
    if isinstance(model, models.Network):
        units = " and ".join(map(str, model.hidden)) or "no"
        of = f"{model.members} networks" if model.members != 1 else "a network"
        return f"{of} with {units} hidden units and the {loss_name(loss)}"
    what, cost = MODELS["linear"], "no penalty"
    if isinstance(model, models.SVM):
        what, cost = MODELS["svm"], "penalty L2(1/n)"
        if model.kernel == "rbf":
            what += " with a Gaussian kernel"
    if isinstance(penalty, str):
        cost = penalty
    elif isinstance(penalty, (L1, L2)):
        cost = f"penalty {type(penalty).__name__}({penalty.strength:.4g})" if penalty.strength else "no penalty"
    elif penalty is not None:
        cost = f"penalty {penalty}"
    joint = " and" if " with " in what else " with"
    return f"{what}{joint} the {loss_name(loss)}, {cost}"


def loss_name(loss: Loss) -> str:
    """Return the name of a loss with its parameters.

    Parameters
    ----------
    loss : Loss
        The loss.

    Returns
    -------
    str
        Such as "huber loss (delta=20)".
    """
    name = loss.name if loss.classes else f"{loss.name} loss"
    settings = ", ".join(f"{f.name}={getattr(loss, f.name):g}" for f in fields(loss))  # type: ignore[arg-type]
    return f"{name} ({settings})" if settings else name


def has_coefficients(model: models.Linear | models.Network | models.Tree) -> bool:
    """Return whether a model has a coefficient for each column.

    Parameters
    ----------
    model : Linear, Network or Tree
        The model.

    Returns
    -------
    bool
        False for a network or a tree, and for a support vector machine with a Gaussian kernel, which is linear in
        other features.
    """
    return isinstance(model, models.Linear) and not (isinstance(model, models.SVM) and model.kernel != "linear")


def parameter_names(columns: Sequence[str], classes: Sequence[Label] | None) -> list[str]:
    """Return the names of the parameters of a linear model.

    Parameters
    ----------
    columns : sequence of str
        The names of the columns of X.
    classes : sequence or None
        The labels of a classification; each label has its own parameters if there are more than two labels.

    Returns
    -------
    list of str
        Names in the order of the parameters: the coefficients class by class, then all intercepts.

    Examples
    --------
    >>> parameter_names(["age"], None)
    ['age', 'intercept']
    """
    names = [*columns, "intercept"]
    if classes is None or len(classes) == 2:
        return names
    return [f"{label}: {name}" for part in (columns, names[-1:]) for label in classes for name in part]
