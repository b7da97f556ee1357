"""`steepest minimize`: a typed formula, descended."""

from __future__ import annotations

from typing import Any

import click

from steepest.cli.options import Command, check_figure, check_folder


@click.command(cls=Command)
@click.argument("formula")
@click.option("--start", metavar="x=9,y=9", help="By name, or in alphabetical order as 9,9; or random.")
@click.option("--learning-rate", type=float, help="A constant learning rate; chosen in each step unless given.")
@click.option(
    "--step",
    help="A rule for the step size instead: auto, armijo, wolfe, strong-wolfe, exact, barzilai-borwein, polyak, adgd, "
    "dog or dowg.",
)
@click.option(
    "--direction",
    help="plain, momentum, nesterov, adagrad, rmsprop, adam, amsgrad, nadam, adamw, adadelta or l-bfgs.",
)
@click.option("--bounds", metavar="x=-5:5,y=0:", help="Between which numbers the variables stay.")
@click.option("--restarts", type=click.IntRange(min=0), default=0, help="How many more starts to draw at random.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="What draws random starts.")
@click.option("--iterations", type=int, help="How many steps at most; exactly, with a learning rate.")
@click.option("--evaluations", type=int, help="How many values of the formula at most.")
@click.option("--seconds", type=float, help="How long at most.")
@click.option(
    "--tolerance",
    type=float,
    help="What part of the whole descent may be left to gain; by default no more than rounding hides.",
)
@click.option("--maximize", "upwards", is_flag=True, help="Climb instead.")
@click.option("--plot", "picture", metavar="FILE", help="Draw the run into a .png, .svg or .pdf.")
@click.option("--out", metavar="FOLDER", help="Keep the run, for `steepest show`.")
def minimize(
    formula: str,
    start: str | None,
    learning_rate: float | None,
    step: str | None,
    bounds: str | None,
    seed: int,
    upwards: bool,
    picture: str | None,
    out: str | None,
    **chosen: Any,
) -> int:
    """Descend FORMULA, such as "x**2 + sin(y)", from a start to its minimum.

    It may use + - * / **, brackets, numbers, pi, e, functions such as exp, log, sqrt, abs, sin, and
    where(x < 0, a, b). Nothing in it is executed as code.
    """
    from steepest.expression import parse, parse_bounds, parse_point

    function = parse(formula)
    if start is None:
        example = ",".join(f"{name}=1" for name in function.names)
        raise click.UsageError(f"there is no start: add --start {example}")
    box = parse_bounds(bounds, function.names) if bounds is not None else None
    if start == "random" and box is None:
        example = ",".join(f"{name}=-5:5" for name in function.names)
        raise click.UsageError(f"--start random draws inside the bounds: add --bounds {example}")
    point = start if start == "random" else parse_point(start, function.names)
    if learning_rate is not None and step is not None:
        raise click.UsageError("--learning-rate and --step are two step sizes: give one of them")
    figure = check_figure(picture) if picture else None
    folder = check_folder(out, "--out") if out else None

    from steepest.minimizing.minimize import maximize as climb
    from steepest.minimizing.minimize import minimize as descend

    rule: Any = learning_rate if learning_rate is not None else step or "auto"
    here: Any = point
    edges: Any = box
    if len(function.names) == 1:
        # A formula of one variable takes a number, not numbers by name.
        (name,) = function.names
        here = point[name] if isinstance(point, dict) else point
        edges = None if box is None else box.get(name, (None, None))
    run = (climb if upwards else descend)(function, here, step=rule, bounds=edges, rng=seed, **chosen)
    run.title = function.text
    at = (run.runs or (run,))[0].trace.x[0]
    where = ", ".join(f"{name} = {x:g}" for name, x in zip(function.names, at, strict=True))
    more = f" and {len(run.runs) - 1} more starts" if run.runs else ""
    click.echo(f"{function.text} from {where}{more}")
    click.echo(str(run))
    if figure:
        from steepest.inspection import overview, save_figure

        click.echo(f"picture: {save_figure(overview(run), figure)}")
    if folder:
        click.echo(f"kept in: {run.save(folder)}")
    return 0 if run.success else 1
