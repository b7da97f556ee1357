"""From the words in `step=` and `direction=` to a pair of rules, refused early where it makes no sense."""

from __future__ import annotations

from typing import Any

from steepest.arguments import guess
from steepest.rules import directions, steps
from steepest.rules.pair import Rules
from steepest.rules.steps.searches import Backtracking

# Fits of a function of your own have it as their direction.
LEVENBERG = "levenberg-marquardt"


def choose(direction: Any, step: Any, noisy: bool = False, boxed: bool = False) -> Rules:
    """Return the rules that `direction=` and `step=` name; what is not given is chosen.

    With batches values are noisy; with bounds the way is bent where it meets an edge.
    """
    if is_optax(direction) or is_optax(step):
        return _optax(direction, step)
    if direction == LEVENBERG:
        raise ValueError(
            f"direction={direction!r} is for fits of a function of your own by the squared loss: "
            "a function that returns one number has no residuals; leave direction= out"
        )
    automatic = isinstance(step, str) and step == "auto"
    way = _direction(direction, automatic)
    size = _automatic(way, boxed) if automatic else _step(step)
    if getattr(size, "plain_only", False) and not isinstance(way, directions.Plain):
        raise ValueError(
            f"{type(size).__name__} is a size for plain descent: leave direction= out, "
            f"or give {type(way).__name__} a step of its own, such as 'armijo' or 0.01"
        )
    if noisy and getattr(size, "exact", False) and not getattr(size, "searches", False):
        raise ValueError(
            f"{type(size).__name__} needs exact gradients, and a batch gives noisy ones: "
            "leave batch_size= out, or take step='dowg', which bears them"
        )
    if noisy and getattr(size, "searches", False):
        raise ValueError(
            f"{type(size).__name__} needs exact values, and a batch gives noisy ones: "
            "leave batch_size= out, or give a learning rate such as step=0.01"
        )
    if boxed and getattr(size, "searches", False) and not isinstance(size, Backtracking):
        raise ValueError(
            f"{type(size).__name__} searches along a straight line, which bounds bend at their edges: "
            "take step='armijo', which follows the bend, or a learning rate such as step=0.01"
        )
    if isinstance(way, directions.AdamW) and getattr(size, "searches", False):
        raise ValueError(
            f"AdamW shrinks the point on the way, so that {type(size).__name__} would search where f need not fall: "
            "give a learning rate such as step=0.01, or direction='adam'"
        )
    return Rules(way, size, tabled=isinstance(size, steps.Schedule))


def _automatic(way: Any, boxed: bool) -> Any:
    if isinstance(way, directions.Plain):
        return steps.BarzilaiBorwein()
    return steps.Wolfe() if way.metric and not boxed else steps.Armijo()


def is_optax(rule: Any) -> bool:
    """Tell whether a rule is an ``optax.GradientTransformation``."""
    return isinstance(rule, tuple) and hasattr(rule, "init") and hasattr(rule, "update")


def _optax(direction: Any, step: Any) -> Rules:
    if is_optax(step) and direction is not None:
        raise ValueError("an optax transformation is direction and step in one: leave direction= out")
    if is_optax(direction) and not (isinstance(step, str) and step == "auto"):
        raise ValueError(f"an optax transformation brings its own step size: leave step={step!r} out")
    return Rules(directions.Optax(step if is_optax(step) else direction), None, optax=True)


def _direction(direction: Any, automatic: bool) -> Any:
    if direction is None:
        return directions.LBFGS() if automatic else directions.Plain()
    if isinstance(direction, str):
        return _named(direction, directions.NAMED, "direction")()
    if isinstance(direction, type):
        raise TypeError(f"direction={direction.__name__} is a class: write {direction.__name__}()")
    if not (hasattr(direction, "start") and callable(direction)):
        raise TypeError(
            f"direction={direction!r}: give one of {', '.join(directions.NAMED)}, "
            "an object of steepest.directions, or an optax transformation"
        )
    return direction


def _step(step: Any) -> Any:
    if isinstance(step, bool) or step is None:
        raise TypeError(f"step={step!r}: give a number, a name, a function of the iteration, or an object")
    if isinstance(step, (int, float)) or (hasattr(step, "dtype") and getattr(step, "ndim", 1) == 0):
        return steps.Constant(float(step))
    if isinstance(step, str):
        return _named(step, steps.NAMED, "step")()
    if isinstance(step, type):
        raise TypeError(f"step={step.__name__} is a class: write {step.__name__}(…)")
    if hasattr(step, "searches"):
        return step
    if callable(step):
        return steps.Schedule(step)
    raise TypeError(
        f"step={step!r}: give a number, one of auto, {', '.join(steps.NAMED)}, a function of the iteration, "
        "an object of steepest.steps, or an optax transformation"
    )


def _named(name: str, known: dict[str, Any], what: str) -> Any:
    if name in known:
        return known[name]
    names = [*known, "auto"] if what == "step" else list(known)
    raise ValueError(f"{what}={name!r} is not known{guess(name.lower(), names)} (known: {', '.join(names)})")
