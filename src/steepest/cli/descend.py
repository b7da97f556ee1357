"""`steepest minimize`: minimise a typed formula."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from steepest.arguments import guess_or_list
from steepest.cli.diagnose import say_why
from steepest.cli.options import (
    ANIMATE,
    OVERWRITE,
    Command,
    check_drawing,
    check_folder,
    note_command,
    read_fixed,
    read_sets,
    say,
)

if TYPE_CHECKING:
    # For the type checker alone: at run time this import would load NumPy, and the command line should start quickly.
    from collections.abc import Sequence

    from steepest.sets import ConvexSet
    from steepest.types import PyTree

    # The lower and the upper bound of each variable, None for none.
    Sides = dict[str, tuple[float | None, float | None]]


class Options(TypedDict):
    """The options that are passed to `steepest.minimize` unchanged."""

    direction: str | None
    restarts: int
    iterations: int | None
    evaluations: int | None
    seconds: float | None
    tolerance: float | None


@click.command(cls=Command)
@click.argument("formula")
@click.option("--start", metavar="x=9,y=9", help="Where to start: by name, in alphabetical order as 9,9, or random.")
@click.option("--learning-rate", type=float, help="A constant learning rate; by default each step chooses its size.")
@click.option(
    "--step",
    help="A rule for the step size: auto, armijo, wolfe, strong-wolfe, exact, barzilai-borwein, polyak, adgd, "
    "dog or dowg.",
)
@click.option(
    "--direction",
    help="plain, momentum, nesterov, adagrad, rmsprop, adam, amsgrad, nadam, adamw, adadelta, bfgs or l-bfgs.",
)
@click.option("--bounds", metavar="x=-5:5,y=0:", help="The limits of each variable.")
@click.option("--fix", "fix", metavar="y=2", help="Variables that keep a value; --start need not give them.")
@click.option(
    "--within",
    multiple=True,
    metavar="x,y=ball:2",
    help="A set that variables stay in: ball with its radius, or simplex; may be repeated.",
)
@click.option("--restarts", type=click.IntRange(min=0), default=0, help="The number of additional random starts.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The seed of random starts.")
@click.option("--iterations", type=int, help="The number of steps, at most; with a learning rate, exactly.")
@click.option("--evaluations", type=int, help="The number of evaluations of the formula, at most.")
@click.option("--seconds", type=float, help="The time, at most.")
@click.option(
    "--tolerance",
    type=float,
    help="Stop when at most this share of the whole descent is left; by default at the limit of rounding errors.",
)
@click.option("--maximize", "upwards", is_flag=True, help="Maximise instead.")
@click.option("--plot", "picture", metavar="FILE", help="Draw the run into a .png, .svg or .pdf file.")
@click.option("--animate", "film", metavar="FILE", help=ANIMATE)
@click.option("--out", metavar="FOLDER", help="Save the run, for `steepest show`.")
@click.option("--overwrite", is_flag=True, help=OVERWRITE)
def minimize(
    formula: str,
    start: str | None,
    learning_rate: float | None,
    step: str | None,
    bounds: str | None,
    fix: str | None,
    within: tuple[str, ...],
    seed: int,
    upwards: bool,
    picture: str | None,
    film: str | None,
    out: str | None,
    overwrite: bool,
    **options: Unpack[Options],
) -> int:
    """Minimise FORMULA, such as "x**2 + sin(y)", from a start.

    The formula may use + - * / **, brackets, numbers, pi, e, functions such as exp, log, sqrt, abs, sin, and
    where(x < 0, a, b). It is parsed, and never executed as Python code.
    """
    from steepest.expression import parse, parse_bounds

    function = parse(formula)
    held = read_fixed(fix) or {}
    unknown = [name for name in held if name not in function.names]
    if unknown:
        hint = guess_or_list(unknown[0], function.names)
        raise click.UsageError(f"--fix {unknown[0]}: the formula has no such variable; {hint}")
    free = [name for name in function.names if name not in held]
    if not free:
        raise click.UsageError("--fix holds every variable, so there is nothing to look for: leave one of them free")
    if start is None:
        example = ",".join(f"{name}=1" for name in free)
        raise click.UsageError(f"there is no start: add --start {example}")
    box = parse_bounds(bounds, function.names) if bounds is not None else None
    sets = _sets(within, function.names, held, box)
    is_drawn = {name for names in sets for name in names} == set(function.names)
    if start == "random" and box is None and not is_drawn:
        example = ",".join(f"{name}=-5:5" for name in free)
        raise click.UsageError(f"--start random draws a point between bounds: add --bounds {example}")
    point = start if start == "random" else _point(start, function.names, held)
    if learning_rate is not None and step is not None:
        raise click.UsageError("--learning-rate and --step both choose the step size: give one of them")
    figure = check_drawing(picture, "--plot") if picture is not None else None
    motion = check_drawing(film, "--animate") if film is not None else None
    folder = check_folder(out, "--out", overwrite) if out is not None else None

    from steepest.minimizing.minimize import maximize
    from steepest.minimizing.minimize import minimize as minimize_function

    rule = learning_rate if learning_rate is not None else step or "auto"
    begin: PyTree = point
    limits: PyTree = box
    held_to: PyTree = sets or None
    if len(function.names) == 1:
        # `minimize` calls a function of one variable with a number, and a function of several variables with a number
        # for each name.
        (name,) = function.names
        begin = point[name] if isinstance(point, dict) else point
        limits = None if box is None else box.get(name, (None, None))
        held_to = next(iter(sets.values()), None)
    optimize = maximize if upwards else minimize_function
    run = optimize(function, begin, step=rule, bounds=limits, fixed=held or None, within=held_to, rng=seed, **options)
    run.title = function.text
    note_command(run)
    at = (run.runs or (run,))[0].trace.x[0]
    where = ", ".join(f"{name} = {x:g}" for name, x in zip(function.names, at, strict=True))
    others = f" and {len(run.runs) - 1} more starts" if run.runs else ""
    say(f"{function.text} from {where}{others}")
    say(run)
    if figure:
        from steepest.inspection import overview, save_figure

        say(f"picture: {save_figure(overview(run), figure)}")
    if motion:
        say(f"animation: {run.animate(motion)}")
    if folder:
        say(f"saved in: {run.save(folder, overwrite=overwrite)}")
    say_why(run, out)
    return 0 if run.success else 1


def _sets(
    within: Sequence[str], names: Sequence[str], held: dict[str, float], box: Sides | None
) -> dict[tuple[str, ...], ConvexSet]:
    """Return the sets that variables are held to; refuse those that another option holds, too."""
    sets = read_sets(within, names)
    if sets and held:
        raise click.UsageError("--fix and --within: give one of them, or write the value into the formula")
    bounded = {name for name, sides in (box or {}).items() if sides != (None, None)}
    if twice := [name for held_together in sets for name in held_together if name in bounded]:
        raise click.UsageError(f"{twice[0]} is held by both --bounds and --within: give one of the two")
    return sets


def _point(text: str, names: Sequence[str], held: dict[str, float]) -> dict[str, float]:
    """Return the start that a text describes: of all variables, or of those alone that are not fixed."""
    from steepest.expression import parse_point

    named = {part.partition("=")[0].strip() for part in text.split(",")}
    free = [name for name in names if name not in held]
    wanted = [name for name in names if name in free or name in named]
    if "=" not in text and len(text.split(",")) == len(names):
        wanted = list(names)
    return {**parse_point(text, wanted), **held}
