"""What several commands ask for and check in the same way."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from steepest.arguments import guess_or_list

FIGURES = (".png", ".svg", ".pdf")


class Command(click.Command):
    """A command that answers a misspelt option with the one that was probably meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; a formula may begin with a minus sign.

        Parameters
        ----------
        ctx : click.Context
            Click's own.
        args : list of str
            What was typed.

        Returns
        -------
        list of str
            What click leaves over.
        """
        known = {name: option for option in self.params if isinstance(option, click.Option) for name in option.opts}
        formulas: list[str] = []
        rest: list[str] = []
        valued = False
        for word in args:
            name = word.split("=")[0]
            if not valued and word.startswith("--") and word != "--" and name not in known and name != "--help":
                raise click.UsageError(f"there is no option {name}: {guess_or_list(name, sorted(known))}", ctx)
            is_formula = not valued and word.startswith("-") and not word.startswith("--") and word not in ("-h", "-")
            (formulas if is_formula else rest).append(word)
            option = known.get(word)
            valued = not valued and option is not None and not option.is_flag
        return super().parse_args(ctx, [*rest, "--", *formulas] if formulas else rest)


def check_figure(path: str) -> Path:
    """Return the path of a picture to write, refused before anything is computed.

    Parameters
    ----------
    path : str
        What was typed.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    click.UsageError
        Where a picture can't be written there.
    """
    figure = Path(path)
    if figure.suffix.lower() not in FIGURES:
        raise click.UsageError(f"--plot {path}: the name of a picture ends in {', '.join(FIGURES)}")
    check_file(path, "--plot")
    return figure


def check_file(path: str, option: str) -> Path:
    """Return the path of a file to write, refused before anything is computed.

    Parameters
    ----------
    path : str
        What was typed.
    option : str
        After which option.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    click.UsageError
        Where no file can be written there.
    """
    file = Path(path)
    if file.is_dir():
        raise click.UsageError(f"{option} {path} is a folder: name a file in it")
    if not file.parent.is_dir():
        raise click.UsageError(f"{option} {path}: there is no folder {file.parent}; make it first")
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise click.UsageError(f"{option} {path}: the folder {file.parent} can't be written to; name another")
    return file


def check_folder(path: str, option: str) -> Path:
    """Return the path of a folder to write into, refused before anything is computed.

    Parameters
    ----------
    path : str
        What was typed.
    option : str
        After which option.

    Returns
    -------
    pathlib.Path
        The path, which need not exist yet.

    Raises
    ------
    click.UsageError
        Where it can't be written or made.
    """
    folder = Path(path)
    there = next(place for place in [folder, *folder.absolute().parents] if place.exists())
    if not there.is_dir():
        raise click.UsageError(f"{option} {path}: {there} is a file, not a folder; name another")
    # Permissions alone do not tell: a folder may be read-only, or of a kind that takes no files.
    missing = [place for place in [folder, *folder.parents] if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise click.UsageError(f"{option} {path} can't be written to ({error.strerror}); name another folder") from None
    finally:
        for place in missing:
            if place.exists():
                place.rmdir()
    return folder
