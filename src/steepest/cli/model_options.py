"""Read the options --model, --loss and --penalty: from text to objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from steepest.arguments import guess_or_list
from steepest.printable import quoted

if TYPE_CHECKING:
    # For the type checker alone: at run time these imports would load NumPy, and the command line should start quickly.
    from steepest.models import Network, Tree
    from steepest.models.losses import Loss
    from steepest.types import Function

# The options of models that have settings of their own.
SETTINGS = {"network": ("hidden", "members"), "tree": ("depth", "splits", "leaves")}
PENALTIES = ("auto", "auto-l1", "auto-elasticnet", "l2", "l1", "elasticnet", "none")


def read_model(name: str, settings: Mapping[str, int | str | None]) -> str | Network | Tree:
    """Return the model that the options describe; an option that was not used is None.

    Parameters
    ----------
    name : str
        The name of the model.
    settings : mapping
        The options of networks and trees, by name; the units of hidden layers as a text such as "64,64", "" for none.

    Returns
    -------
    str, Network or Tree
        The name, or a model with these settings.

    Raises
    ------
    click.UsageError
        If an option is for another model, or out of range.

    Examples
    --------
    >>> read_model("network", {"hidden": "32,16"}).hidden
    (32, 16)
    """
    given = {key: value for key, value in settings.items() if value is not None}
    for key in given:
        owner = next(model for model, own in SETTINGS.items() if key in own)
        if owner != name:
            raise click.UsageError(f"--{key} is for --model {owner}, and the model is {name}")
    if not given:
        return name
    from steepest.models import Network, Tree

    options: dict[str, Any] = dict(given)
    if "hidden" in options:
        try:
            options["hidden"] = tuple(int(part) for part in options["hidden"].split(",") if part.strip())
        except ValueError:
            raise click.UsageError(f"--hidden {options['hidden']}: give whole numbers, such as 64,64") from None
    try:
        return Network(**options) if name == "network" else Tree(**options)
    except ValueError as error:
        raise click.UsageError(f"--{next(iter(given))}: {error}") from None


def read_loss(text: str | None) -> Loss | None:
    """Return the loss that a text names, such as "huber:20", where the parameter follows a colon.

    Parameters
    ----------
    text : str or None
        The text after --loss; None if the option was not used.

    Returns
    -------
    Loss or None
        The loss; None if the option was not used.

    Raises
    ------
    click.UsageError
        If there is no such loss, or its parameter is not valid.

    Examples
    --------
    >>> read_loss("quantile:0.9"), read_loss("squared_error")
    (Quantile(level=0.9), losses.squared)
    """
    if text is None:
        return None
    from steepest.models import losses

    known = {name.replace(" ", "-"): loss for name, loss in losses.NAMED.items()}
    name, colon, number = text.partition(":")
    spelt = name.strip().lower().replace(" ", "-").replace("_", "-")
    synonyms = {name.replace("_", "-"): losses.NAMED[ours] for name, ours in losses.SYNONYMS.items()}
    loss = known.get(spelt) or synonyms.get(spelt)
    if loss is None:
        raise click.UsageError(f"--loss {text}: {guess_or_list(name, known)}")
    if not colon:
        return loss
    if not isinstance(loss, losses.WITH_PARAMETERS):
        raise click.UsageError(f"--loss {text}: the {name} loss takes no number; write --loss {name}")
    try:
        return type(loss)(float(number))
    except ValueError as error:
        why = f"{quoted(number)} is not a number" if "convert" in str(error) else str(error)
        raise click.UsageError(f"--loss {text}: {why}") from None


def read_penalty(kind: str | None, alpha: float | None, l1_ratio: float | None, ridge: float | None) -> str | Function:
    """Return the penalty that the options describe; an option that was not used is None.

    Parameters
    ----------
    kind : str or None
        "auto", "auto-l1", "auto-elasticnet", "l2", "l1", "elasticnet" or "none".
    alpha : float or None
        The strength λ.
    l1_ratio : float or None
        The share of λ for L1 in an elastic net.
    ridge : float or None
        The strength λ of an L2 penalty.

    Returns
    -------
    penalty, "auto", "auto-l1" or "auto-elasticnet"
        The penalty; "auto" if no option was used.

    Raises
    ------
    click.UsageError
        If the options contradict each other, or an option is missing or out of range.

    Examples
    --------
    >>> read_penalty("elasticnet", 0.1, None, None)
    ElasticNet(l1=0.05, l2=0.05)
    """
    from steepest.models.penalties import L2, named

    if kind is not None and kind not in PENALTIES:
        raise click.UsageError(f"--penalty {kind}: {guess_or_list(kind, PENALTIES)}")
    if ridge is not None:
        if kind is not None or alpha is not None:
            raise click.UsageError("--ridge means --penalty l2 --alpha: use one or the other")
        alpha = ridge
    if l1_ratio is not None:
        if kind != "elasticnet":
            chooses = " (auto-elasticnet chooses it)" if kind == "auto-elasticnet" else ""
            raise click.UsageError(
                f"--l1-ratio is for --penalty elasticnet{chooses}: leave it out, or choose that penalty"
            )
        if not 0 <= l1_ratio <= 1:
            raise click.UsageError(f"--l1-ratio {l1_ratio:g}: give a number from 0 to 1")
    if kind == "none":
        if alpha is not None:
            raise click.UsageError("--penalty none takes no --alpha: leave one of them out")
        # Return an L2 penalty of 0 rather than None: with None, some models use a penalty of their own.
        return L2(0.0)
    chosen = kind is None or kind.startswith("auto")
    if kind is not None and chosen and alpha is not None:
        given = kind.removeprefix("auto-") if kind != "auto" else "l2"
        raise click.UsageError(f"--penalty {kind} chooses the strength: leave --alpha out, or choose --penalty {given}")
    if alpha is None:
        if chosen:
            return kind or "auto"
        raise click.UsageError(f"--penalty {kind} needs a strength: add --alpha, for example --alpha 0.001")
    return named(kind or "l2", alpha, 0.5 if l1_ratio is None else l1_ratio)
