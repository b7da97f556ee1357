"""The command line: `steepest minimize`, `check`, `fit`, `predict` and `show`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from steepest.arguments import cut, guess_or_list, quoted
from steepest.cli.check import check
from steepest.cli.descend import minimize
from steepest.cli.saved import show
from steepest.cli.tables import fit, predict

BAD_INPUT = 2
# The longest word of a message: paths are that long, other words are not.
MOST_LETTERS = 300
# The exit code of a program that Ctrl-C stopped, as in shells: 128 + SIGINT.
INTERRUPTED = 130


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
    output has the reason), or a gradient is wrong; 2 for bad input; 130 if Ctrl-C came before there was a result.
    """


for command in (minimize, check, fit, predict, show):
    app.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; bad input prints a message of one line, without a traceback.

    Parameters
    ----------
    arguments : sequence of str, optional
        The arguments after the program's name; those of ``sys.argv`` by default.
    """
    try:
        code = app.main(arguments, prog_name="steepest", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(BAD_INPUT)
    except click.ClickException as error:
        _refuse(error.format_message())
    except (KeyboardInterrupt, click.Abort):
        click.echo("steepest: interrupted; nothing was written", err=True)
        sys.exit(INTERRUPTED)
    except (ValueError, TypeError, OSError, RuntimeError, ImportError) as error:
        _refuse(str(error))
    sys.exit(code or 0)


def _refuse(message: str) -> None:
    click.echo(f"steepest: {' '.join(cut(word, MOST_LETTERS) for word in message.split())}", err=True)
    sys.exit(BAD_INPUT)
