"""`steepest show`: print the run or fit that is saved in a folder."""

from __future__ import annotations

import click

from steepest.cli.options import Command, check_figure, say


@click.command(cls=Command)
@click.argument("folder")
@click.option("--plot", "picture", metavar="FILE", help="Draw the descent into a .png, .svg or .pdf file.")
def show(folder: str, picture: str | None) -> int:
    """Print the run or fit that is saved in FOLDER."""
    figure = check_figure(picture) if picture is not None else None

    from steepest.loading import load

    run = load(folder)
    if run.title:
        say(run.title)
    say(run)
    if figure:
        from steepest.inspection import descent_of, save_figure

        say(f"picture: {save_figure(descent_of(run), figure)}")
    return 0
