"""Choose rules by `step=` and `direction=`; pairs that make no sense are refused before the run."""

from __future__ import annotations

from typing import TypeVar

from steepest.arguments import guess
from steepest.printable import quoted
from steepest.rules import directions, steps
from steepest.rules.directions.direction import Direction
from steepest.rules.pair import Rules
from steepest.rules.steps.searches import Backtracking
from steepest.rules.steps.step import StepSize
from steepest.types import RuleLike

T = TypeVar("T")

# A direction that `fit` offers for functions with the squared loss. `minimize` refuses it, as it has no residuals.
LEVENBERG = "levenberg-marquardt"


def choose(
    direction: RuleLike, step: RuleLike, noisy: bool = False, boxed: bool = False, curved: bool = False
) -> Rules:
    """Return the rules that `direction=` and `step=` ask for, with defaults for those that are not given.

    `noisy` tells whether values come from batches, `boxed` whether there are bounds, and `curved` whether
    points are projected into convex sets.
    """
    if is_optax(direction) or is_optax(step):
        return _optax(direction, step)
    if direction == LEVENBERG:
        raise ValueError(
            f"direction={quoted(direction)} needs residuals, which a function that returns one number does not have: "
            "leave direction= out, or use fit with your model as a function and the squared loss"
        )
    automatic = isinstance(step, str) and step == "auto"
    chosen = _direction(direction, automatic)
    size = _automatic(chosen, boxed or curved) if automatic else _step(step)
    if size.plain_only and not isinstance(chosen, directions.Plain):
        raise ValueError(
            f"{type(size).__name__} is a step size for plain descent only: leave direction= out, "
            f"or give {type(chosen).__name__} another step, such as 'armijo' or 0.01"
        )
    if noisy and size.exact and not size.searches:
        raise ValueError(
            f"{type(size).__name__} needs exact gradients, and a batch gives noisy ones: "
            "leave batch_size= out, or use step='dowg', which tolerates noise"
        )
    if noisy and size.searches:
        raise ValueError(
            f"{type(size).__name__} needs exact values, and a batch gives noisy ones: "
            "leave batch_size= out, or give a learning rate such as step=0.01"
        )
    if (boxed or curved) and size.searches and not isinstance(size, Backtracking):
        edges = "sets" if curved else "bounds"
        raise ValueError(
            f"{type(size).__name__} searches along a straight line, which may leave the {edges}: "
            f"use step='armijo', whose search follows the {edges}, or a learning rate such as step=0.01"
        )
    automatic = automatic and direction is None
    if curved and size.searches and not automatic and not isinstance(chosen, directions.Plain):
        raise ValueError(
            f"{type(chosen).__name__} with {type(size).__name__} does not follow the edges of sets: leave direction= "
            "and step= out, or give a learning rate such as step=0.01"
        )
    if isinstance(chosen, directions.AdamW) and size.searches:
        raise ValueError(
            f"AdamW shrinks the point, too, so f need not fall where {type(size).__name__} searches: "
            "give a learning rate such as step=0.01, or direction='adam'"
        )
    return Rules(chosen, size)


def _automatic(direction: Direction, boxed: bool) -> StepSize:
    if isinstance(direction, directions.Plain):
        return steps.BarzilaiBorwein()
    return steps.Wolfe() if direction.metric and not boxed else steps.Armijo()


def is_optax(rule: RuleLike) -> bool:
    """Return whether a rule is an ``optax.GradientTransformation``."""
    return isinstance(rule, tuple) and hasattr(rule, "init") and hasattr(rule, "update")


def _optax(direction: RuleLike, step: RuleLike) -> Rules:
    if is_optax(step) and direction is not None:
        raise ValueError("an optax transformation is both direction and step: leave direction= out")
    if is_optax(direction) and not (isinstance(step, str) and step == "auto"):
        raise ValueError(f"an optax transformation has its own step size: leave step={quoted(step)} out")
    return Rules(directions.Optax(step if is_optax(step) else direction), steps.Constant(1.0))


def _direction(direction: RuleLike, automatic: bool) -> Direction:
    if direction is None:
        return directions.LBFGS() if automatic else directions.Plain()
    if isinstance(direction, str):
        return _named(direction, directions.NAMED, "direction")()
    if isinstance(direction, type):
        raise TypeError(f"direction={direction.__name__} is a class: write {direction.__name__}()")
    if not isinstance(direction, Direction):
        raise TypeError(
            f"direction={quoted(direction)}: give one of {', '.join(directions.NAMED)}, "
            "an object of steepest.directions, or an optax transformation"
        )
    return direction


def _step(step: RuleLike) -> StepSize:
    if isinstance(step, bool) or step is None:
        raise TypeError(f"step={quoted(step)}: give a number, a name, a function of the iteration, or an object")
    if isinstance(step, (int, float)) or (hasattr(step, "dtype") and getattr(step, "ndim", 1) == 0):
        return steps.Constant(float(step))
    if isinstance(step, str):
        return _named(step, steps.NAMED, "step")()
    if isinstance(step, type):
        raise TypeError(f"step={step.__name__} is a class: write {step.__name__}(…)")
    if isinstance(step, StepSize):
        return step
    if callable(step):
        return steps.Schedule(step)
    raise TypeError(
        f"step={quoted(step)}: give a number, one of auto, {', '.join(steps.NAMED)}, a function of the iteration, "
        "an object of steepest.steps, or an optax transformation"
    )


def _named(name: str, known: dict[str, T], what: str) -> T:
    if name in known:
        return known[name]
    names = [*known, "auto"] if what == "step" else list(known)
    raise ValueError(f"{what}={quoted(name)} is not known{guess(name, names)} (known: {', '.join(names)})")
