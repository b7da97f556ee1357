"""`steepest check`: check whether typed formulas are the gradient of another formula."""

from __future__ import annotations

import click

from steepest.cli.options import Command, say
from steepest.printable import quoted


@click.command(cls=Command)
@click.argument("formula")
@click.option(
    "--gradient", metavar="'2*x, 2*y'", required=True, help="One formula per variable, in alphabetical order."
)
@click.option("--at", metavar="x=1,y=2", required=True, help="The point: by name, or in alphabetical order as 1,2.")
def check(formula: str, gradient: str, at: str) -> int:
    """Check whether the formulas of --gradient are the partial derivatives of FORMULA.

    The formulas are compared with difference quotients. The output names each wrong formula, and the likely
    mistake if a common one fits. The exit code is 0 if the gradient is right, 1 if it is wrong.
    """
    from steepest.expression import parse, parse_point

    function = parse(formula)
    names = function.names
    parts = _split(gradient)
    if len(parts) != len(names):
        raise click.UsageError(
            f"--gradient {quoted(gradient)} has {len(parts)} formulas for {len(names)} variables: "
            f"write one for each of {', '.join(names)}"
        )
    derivatives = [parse(part, names) for part in parts]
    point = parse_point(at, names)

    from steepest.derivatives.check import check_gradient

    values = list(point.values())
    if len(values) > 1:
        found = check_gradient(function, lambda *x: [derivative(*x) for derivative in derivatives], values)
    else:
        found = check_gradient(function, derivatives[0], values[0])
    say(f"{function.text} at {', '.join(f'{name} = {value:g}' for name, value in point.items())}")
    say(f"{found} ({found.evaluations} values)")
    return 0 if found else 1


def _split(text: str) -> list[str]:
    """Split a text at the commas that are outside all brackets."""
    depth, parts = 0, [""]
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
