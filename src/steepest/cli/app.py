"""The commands of the command line, and the messages and exit codes of their errors."""

from __future__ import annotations

from collections.abc import Sequence

import click

from steepest.arguments import guess_or_list
from steepest.cli.check import check
from steepest.cli.descend import minimize
from steepest.cli.diagnose import diagnose
from steepest.cli.reports import compare, report
from steepest.cli.saved import show
from steepest.cli.tables import fit, predict
from steepest.cli.written import Written
from steepest.derivatives.process.interrupts import check_interrupt
from steepest.places import named
from steepest.printable import cut, printable, quoted

BAD_INPUT = 2
# The longest word of a message: paths are that long, other words are not.
MOST_LETTERS = 300


class _Commands(click.Group):
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            known = guess_or_list(args[0], sorted(self.commands))
            raise click.UsageError(f"there is no command {quoted(args[0])}: {known}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="steepest")
def app() -> None:
    """Gradient descent that needs no learning rate.

    Exit codes: 0 if the run converged or completed the number of steps given; 1 if the run stopped earlier (the
    output has the reason), a gradient is wrong, or a diagnosis found something; 2 for bad input; 130 if Ctrl-C came
    before or after the descent: the message says what was written; 143 after SIGTERM. During the descent both leave
    the best point so far.
    """


for command in (minimize, check, fit, predict, show, diagnose, report, compare):
    app.add_command(command)


def run(arguments: Sequence[str] | None, written: Written) -> int:
    """Run a command and return the exit code; bad input prints a message of one line, without a traceback.

    Parameters
    ----------
    arguments : sequence of str or None
        The arguments after the program's name; None for those of ``sys.argv``.
    written : Written
        Where the command notes the files that it may write.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    KeyboardInterrupt
        If Ctrl-C or SIGTERM came before there was a result.
    """
    try:
        return app.main(arguments, prog_name="steepest", standalone_mode=False, obj=written) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return BAD_INPUT
    except click.ClickException as error:
        return _refuse(error.format_message())
    except click.Abort:
        raise KeyboardInterrupt from None
    except MemoryError as error:
        check_interrupt()
        return _refuse(f"memory is exhausted ({error or 'no more can be had'}): give a smaller table, or fewer rows")
    except (ValueError, TypeError, OSError, RuntimeError, ImportError) as error:
        # Another library may have turned an interrupt into an error of its own.
        check_interrupt()
        if isinstance(error, OSError) and error.strerror and error.filename is None:
            # Errors of files name them, and only the standard output has no name.
            error = named(error, "the output")
        return _refuse(str(error))


def _refuse(message: str) -> int:
    line = " ".join(cut(word, MOST_LETTERS) for word in message.split())
    click.echo(f"steepest: {printable(line)}", err=True)
    return BAD_INPUT
