"""The cure of a finding as a command of the shell, for results that the shell asked for."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # At run time these imports would load NumPy, and the command line should start quickly.
    import click

    from steepest.call import Call
    from steepest.finding import Finding

# For each argument of the functions the options that set it. An argument with other options is left to Python.
OPTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "minimize": {
        "step": ("--learning-rate", "--step"),
        "direction": ("--direction",),
        "iterations": ("--iterations",),
        "evaluations": ("--evaluations",),
        "seconds": ("--seconds",),
        "tolerance": ("--tolerance",),
        "restarts": ("--restarts",),
        "rng": ("--seed",),
    },
    "fit": {
        "step": ("--learning-rate",),
        "direction": ("--direction",),
        "epochs": ("--epochs",),
        "batch_size": ("--batch-size",),
        "seconds": ("--seconds",),
        "tolerance": ("--tolerance",),
        "validation": ("--validation",),
        "penalty": ("--penalty", "--alpha", "--l1-ratio", "--ridge"),
        "loss": ("--loss",),
        "model": ("--model", "--hidden", "--members", "--depth", "--splits", "--leaves"),
        "features": ("--features",),
        "drop": ("--drop",),
        "missing": ("--missing",),
        "task": ("--task",),
        "log_target": ("--log-target",),
        "split": ("--split",),
        "rng": ("--seed",),
    },
}
# The fields of objects that options set, by the name of the class.
FIELDS = {
    "L2": {"strength": "--alpha"},
    "L1": {"strength": "--alpha"},
    "Network": {"hidden": "--hidden", "members": "--members"},
    "Tree": {"depth": "--depth", "splits": "--splits", "leaves": "--leaves"},
}


def in_shell(finding: Finding, call: Call | None, commands: Mapping[str, click.Command]) -> Finding:
    """Return a finding whose cure is a command of the shell, if the shell asked for the result and has such options.

    Parameters
    ----------
    finding : Finding
        The finding.
    call : Call or None
        How the result was asked for.
    commands : mapping of str to click.Command
        The commands by name.

    Returns
    -------
    Finding
        The finding with its command, or as it is if options can't say the cure.
    """
    if call is None or not call.typed or call.typed[0] not in OPTIONS:
        return finding
    name, *words = call.typed
    old, new = _arguments(str(call)), _arguments(finding.call)
    if old is None or new is None or old[0] != new[0]:
        return finding
    changed = {key: new[1].get(key) for key in {**old[1], **new[1]} if old[1].get(key) != new[1].get(key)}
    known = OPTIONS[name]
    added: list[str] = []
    for key, text in changed.items():
        words_of = None if key not in known else [] if text is None else _words(key, text, known[key])
        if words_of is None:
            return finding
        added += words_of
    replaced = {option for key in changed for option in known[key]}
    flags = {each for param in commands[name].params if getattr(param, "is_flag", False) for each in param.opts}
    left = list(_without(words, replaced, flags))
    end = left.index("--") if "--" in left else len(left)
    left[end:end] = added
    return replace(finding, call=f"steepest {shlex.join([name, *left])}")


def _arguments(code: str) -> tuple[tuple[str, ...], dict[str, str]] | None:
    """Return the function and the positional arguments of a call, and the code of the others; None if it is none."""
    try:
        call = ast.parse(code.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return None
    if not isinstance(call, ast.Call):
        return None
    named = {each.arg: ast.unparse(each.value) for each in call.keywords if each.arg}
    return (ast.unparse(call.func), *map(ast.unparse, call.args)), named


def _words(name: str, code: str, options: tuple[str, ...]) -> list[str] | None:
    """Return the options that set an argument; None if none do."""
    value = _literal(code)
    if value is None:
        return _of_object(code, options)
    if value is True:
        return [options[0]]
    if isinstance(value, list | tuple):
        is_plain = all(isinstance(each, str) and "," not in each for each in value)
        return [options[0], ",".join(value)] if is_plain else None
    if name == "step":
        # A number and the name of a rule have their own options.
        options = options[:1] if isinstance(value, int | float) else options[1:]
    is_word = isinstance(value, int | float | str) and value is not False
    return [options[0], str(value).replace(" ", "-") if name == "loss" else str(value)] if options and is_word else None


def _of_object(code: str, options: tuple[str, ...]) -> list[str] | None:
    """Return the options that make an object, such as a penalty; None if none do."""
    found = _arguments(code)
    if found is None or len(found[0]) != 1 or "(" in found[0][0]:
        return None
    kind = found[0][0].rpartition(".")[2]
    fields = FIELDS.get(kind, {})
    words = [options[0], kind.lower()]
    for field, text in found[1].items():
        value = _literal(text)
        if field not in fields or value is None:
            return None
        words += [fields[field], ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
    return words if fields else None


def _literal(code: str) -> Any:
    try:
        return ast.literal_eval(code)
    except (ValueError, SyntaxError):
        return None


def _without(words: list[str], options: set[str], flags: set[str]) -> Iterator[str]:
    """Yield the words of a command without some options and their values."""
    skips = False
    for word in words:
        name, equals, _ = word.partition("=")
        if skips:
            skips = False
        elif name in options:
            skips = not equals and name not in flags
        else:
            yield word
