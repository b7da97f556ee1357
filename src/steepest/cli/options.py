"""Code that several commands share: hints for misspelt options, and checks of files to write."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from steepest.arguments import guess_or_list
from steepest.cli.written import Written
from steepest.places import check_folders, file_of, naming, path_of, shown
from steepest.printable import printable
from steepest.writing import check_replaceable

if TYPE_CHECKING:
    # At run time this import would load NumPy, and the command line should start quickly.
    from steepest.call import HasCall
    from steepest.sets import ConvexSet

# The options that draw, each with what it writes and the endings of its files.
DRAWINGS = {
    "--plot": ("a picture", (".png", ".svg", ".pdf")),
    "--animate": ("an animation", (".gif", ".html", ".mp4", ".webm")),
}
# Under this name the context keeps the command and its words, as they were typed.
TYPED = "steepest.typed"
ANIMATE = "Draw the run as an animation into a .gif, .html, .mp4 or .webm file."
OVERWRITE = "Allow --out to be a folder with other files, and replace those with the same names."


def say(text: object, err: bool = False) -> None:
    """Print lines, without anything that acts on the terminal; they may quote names from a table or a saved folder.

    Parameters
    ----------
    text : object
        The text, of one or several lines.
    err : bool
        Whether to print it as an error.
    """
    click.echo("\n".join(map(printable, str(text).split("\n"))), err=err)


class Command(click.Command):
    """A command that suggests the right option for a misspelt one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, and accept a formula that begins with a minus sign.

        Parameters
        ----------
        ctx : click.Context
            The context that click passes.
        args : list of str
            The arguments after the name of the command.

        Returns
        -------
        list of str
            The arguments that click did not use.
        """
        ctx.meta[TYPED] = (ctx.info_name, *args)
        options = [option for option in self.params if isinstance(option, click.Option)]
        known = {name: option for option in options for name in (*option.opts, *option.secondary_opts)}
        for option in options:
            if option.secondary_opts and set(args) >= {option.opts[0], option.secondary_opts[0]}:
                both = f"{option.opts[0]} and {option.secondary_opts[0]}"
                raise click.UsageError(f"{both} contradict each other: give one of the two", ctx)
        formulas: list[str] = []
        rest: list[str] = []
        # Whether the word is the value of the option before it.
        is_value = False
        for word in args:
            name = word.split("=")[0]
            if not is_value and word.startswith("--") and word != "--" and name not in known and name != "--help":
                raise click.UsageError(f"there is no option {name}: {guess_or_list(name, sorted(known))}", ctx)
            is_formula = not is_value and word.startswith("-") and not word.startswith("--") and word not in ("-h", "-")
            (formulas if is_formula else rest).append(word)
            given = known.get(word)
            is_value = not is_value and given is not None and not given.is_flag
        return super().parse_args(ctx, [*rest, "--", *formulas] if formulas else rest)


def read_bounds(text: str | None, option: str = "--bounds") -> dict[str, tuple[float | None, float | None]] | None:
    """Return the bounds that a text gives by name, such as "rate=0:,shift=-1:1".

    Whether there are such names is for the command to find out: a name may be a column of a table.

    Parameters
    ----------
    text : str or None
        The text after the option; None if the option was not used.
    option : str
        The option, for messages.

    Returns
    -------
    dict of str to (low, high), or None
        The bounds, with None for a side that is left out; None if the option was not used.

    Raises
    ------
    click.UsageError
        If the text is not a list of bounds, or names one twice.

    Examples
    --------
    >>> read_bounds("rate=0:, shift=-1:1")
    {'rate': (0.0, None), 'shift': (-1.0, 1.0)}
    """
    if text is None:
        return None
    bounds: dict[str, tuple[float | None, float | None]] = {}
    for name, pair in _by_name(text, option, "rate=0:").items():
        low, colon, high = (side.strip() for side in pair.partition(":"))
        if not colon:
            raise click.UsageError(f"{option} {name}={pair}: put a colon between the two sides, such as {name}=0:1")
        bounds[name] = (_number(low, option, name) if low else None, _number(high, option, name) if high else None)
    return bounds


def read_fixed(text: str | None, option: str = "--fix") -> dict[str, float] | None:
    """Return the values that a text gives by name, such as "offset=1,rate=0.5".

    Parameters
    ----------
    text : str or None
        The text after the option; None if the option was not used.
    option : str
        The option, for messages.

    Returns
    -------
    dict of str to float, or None
        The values; None if the option was not used.

    Raises
    ------
    click.UsageError
        If the text is not a list of values, or names one twice.

    Examples
    --------
    >>> read_fixed("offset=1, rate=0.5")
    {'offset': 1.0, 'rate': 0.5}
    """
    if text is None:
        return None
    return {name: _number(value, option, name) for name, value in _by_name(text, option, "offset=1").items()}


def read_sets(texts: Sequence[str], names: Sequence[str], option: str = "--within") -> dict[tuple[str, ...], ConvexSet]:
    """Return the convex sets that texts such as "x,y=ball:2" and "p,q=simplex" hold variables to.

    Parameters
    ----------
    texts : sequence of str
        The texts after the option, one for each set.
    names : sequence of str
        The variables, in order.
    option : str
        The option, for messages.

    Returns
    -------
    dict of tuple of str to ConvexSet
        The sets by the names of the variables that they hold.

    Raises
    ------
    click.UsageError
        If a text names no set, or variables that do not exist or that do not lie side by side.

    Examples
    --------
    >>> read_sets(["x,y=ball:2", "z=simplex:3"], "xyz")
    {('x', 'y'): Ball(2), ('z',): Simplex(3)}
    """
    from steepest.sets import Ball, Simplex

    kinds = {"simplex": Simplex, "ball": Ball}
    found: dict[tuple[str, ...], ConvexSet] = {}
    taken: list[str] = []
    for text in texts:
        left, equals, right = text.partition("=")
        held = tuple(name.strip() for name in left.split(","))
        kind, colon, size = (piece.strip() for piece in right.partition(":"))
        if not equals or kind not in kinds:
            raise click.UsageError(
                f"{option} {text}: write variables and a set, such as x,y=ball:2 (the radius), x,y=simplex, or "
                "x,y=simplex:100 (the sum); other sets are in steepest.sets, for Python"
            )
        for name in held:
            if not name:
                raise click.UsageError(f"{option} {text}: write a variable on each side of a comma, such as x,y=ball:2")
            if name not in names:
                raise click.UsageError(f"{option} {text}: there is no variable {name}; {guess_or_list(name, names)}")
        first = list(names).index(held[0])
        if held != tuple(names[first : first + len(held)]):
            raise click.UsageError(
                f"{option} {text}: a set holds variables that lie side by side, in the order {', '.join(names)}"
            )
        if twice := [name for name in held if name in taken]:
            raise click.UsageError(f"{option} {text}: {twice[0]} is already in a set")
        taken += held
        if (kind == "ball" or colon) and not size:
            what, example = ("radius", "ball:2") if kind == "ball" else ("sum", "simplex:100")
            raise click.UsageError(f"{option} {text}: give the {what}, such as {left}={example}")
        try:
            found[held] = kinds[kind](_whole(_number(size, f"{option} {text}", kind))) if size else kinds[kind]()
        except ValueError as error:
            raise click.UsageError(f"{option} {text}: {error}") from None
    return found


def _whole(number: float) -> float:
    """Return a whole number as an integer, which messages show without a point."""
    return int(number) if number.is_integer() else number


def check_drawing(path: str, option: str) -> Path:
    """Return the path of a picture or an animation to write, or refuse it before anything is computed.

    Parameters
    ----------
    path : str
        The path that was typed.
    option : {"--plot", "--animate"}
        The option that it was typed for.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    click.UsageError
        If no such drawing can be written there.
    """
    what, endings = DRAWINGS[option]
    _refuse_empty(path, option)
    if Path(path).suffix.lower() not in endings:
        raise click.UsageError(f"{option} {path}: the name of {what} ends in {', '.join(endings)}")
    return check_file(path, option)


def check_file(path: str, option: str, inputs: Iterable[Path] = ()) -> Path:
    """Return the path of a file to write, or refuse it before anything is computed.

    Parameters
    ----------
    path : str
        The path that was typed.
    option : str
        The option that the path belongs to, for messages.
    inputs : iterable of path
        The files that are read; none of them may be written.

    Returns
    -------
    pathlib.Path
        The path.

    Raises
    ------
    click.UsageError
        If no file can be written there.
    """
    _refuse_empty(path, option)
    try:
        file = file_of(path)
        check_replaceable(file)
        # Write a file to be sure: permissions may allow writing although the file system is read-only or refuses files.
        with naming(path, file), tempfile.TemporaryFile(dir=file.parent):
            pass
    except (ValueError, OSError) as error:
        raise click.UsageError(f"{option} {error}") from None
    if file.exists() and any(each.exists() and each.samefile(file) for each in inputs):
        raise click.UsageError(f"{option} {path} is a file that is read here: name another")
    written().expect(file)
    return file


def check_folder(path: str, option: str, overwrite: bool) -> Path:
    """Return the path of a folder to write into, or refuse it before anything is computed.

    Parameters
    ----------
    path : str
        The path that was typed.
    option : str
        The option that the path belongs to, for messages.
    overwrite : bool
        Whether the folder may hold other files than those of a saved result.

    Returns
    -------
    pathlib.Path
        The path, which need not exist yet.

    Raises
    ------
    click.UsageError
        If the folder can't be made or written to.
    FileExistsError
        If the folder holds other files.
    """
    from steepest.saving.folder import check_folder as check_saved

    _refuse_empty(path, option)
    try:
        folder = path_of(path, "folder")
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(f"{shown(path)} is a file, not a folder; name another")
        check_folders(folder, shown(path))
        missing = [place for place in [folder, *folder.parents] if not place.exists()]
        try:
            with naming(path, folder):
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    pass
        finally:
            for place in missing:
                if place.exists():
                    place.rmdir()
    except (ValueError, OSError) as error:
        raise click.UsageError(f"{option} {error}") from None
    check_saved(folder, overwrite)
    written().expect(folder)
    return folder


def note_command(result: HasCall) -> None:
    """Note on a result the command that asked for it, so that a cure of it can be a command, too.

    Parameters
    ----------
    result : Run or TableFit
        The result.
    """
    if result.call is not None:
        result.call.typed = click.get_current_context().meta[TYPED]


def written() -> Written:
    """Return where the running command notes the files that it may write.

    Returns
    -------
    Written
        The notes.
    """
    return click.get_current_context().ensure_object(Written)


def _by_name(text: str, option: str, example: str) -> dict[str, str]:
    """Return the text behind each name of "name=text,name=text"; a name may itself have an equals sign."""
    given: dict[str, str] = {}
    for part in text.split(","):
        name, equals, value = (piece.strip() for piece in part.rpartition("="))
        if not (equals and name and value):
            raise click.UsageError(f"{option} {text}: write a name and a value for each, such as {example}")
        if name in given:
            raise click.UsageError(f"{option} {text}: {name} is given twice")
        given[name] = value
    return given


def _number(text: str, option: str, name: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise click.UsageError(f"{option}: {text} for {name} is not a finite number: write one such as -1.5")
    return number


def _refuse_empty(text: str, option: str) -> None:
    if not text.strip():
        raise click.UsageError(f"{option} is empty: give a path, or leave {option} out")
