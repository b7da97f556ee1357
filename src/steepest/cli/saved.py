"""`steepest show`: print the run or fit that is saved in a folder."""

from __future__ import annotations

import click

from steepest.cli.options import ANIMATE, Command, check_drawing, say


@click.command(cls=Command)
@click.argument("folder")
@click.option("--plot", "picture", metavar="FILE", help="Draw the descent into a .png, .svg or .pdf file.")
@click.option("--animate", "film", metavar="FILE", help=ANIMATE)
def show(folder: str, picture: str | None, film: str | None) -> int:
    """Print the run or fit that is saved in FOLDER."""
    figure = check_drawing(picture, "--plot") if picture is not None else None
    motion = check_drawing(film, "--animate") if film is not None else None

    from steepest.loading import load

    run = load(folder)
    if run.title:
        say(run.title)
    say(run)
    if figure:
        from steepest.inspection import descent_of, save_figure

        say(f"picture: {save_figure(descent_of(run), figure)}")
    if motion:
        say(f"animation: {run.animate(motion)}")
    return 0
