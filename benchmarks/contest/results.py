"""How well a model of ours predicts compared with its peers, on many tables and several splits of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from contest.judge import Losses, Method, Result, judged
from contest.tables import CLASSES, KNOWN, NUMBERS, Split, split
from rich.console import Console
from rich.table import Table

CONSOLE = Console(width=150)


@dataclass(frozen=True)
class Contest:
    """A model of ours against its peers.

    Attributes
    ----------
    methods : mapping of str to Method
        All methods by name.
    ours : str
        The name of our model.
    peers : sequence of str
        The names of the others.
    losses : Losses
        What they are judged by.
    held_to : mapping of str to float
        The share of tables on which ours is to be at or above a peer.
    level : float
        A difference of less than this share of the peer's loss is none: that of two methods that hardly differ is small
        but steady, so that its standard error is smaller still.
    warm : callable
        Compiles the code of our model before its time counts.
    """

    methods: Mapping[str, Method]
    ours: str
    peers: Sequence[str]
    losses: Losses
    held_to: Mapping[str, float] = field(default_factory=dict)
    level: float = 0.0
    warm: Callable[[Split, int], object] = lambda rows, seed: None


class Results:
    """The results of methods on splits, kept in a folder if there is one."""

    def __init__(self, contest: Contest, rows: int, folder: Path | None) -> None:
        self.contest, self.rows, self.folder = contest, rows, folder
        self.known: dict[tuple[str, int, str], Result] = {}

    def of(self, table: str, seed: int, method: str) -> Result:
        """Return the result of a method on a split of a table, fitted now if it was not before."""
        key = (table, seed, method)
        if key not in self.known:
            self.known[key] = self.read(*key)
        return self.known[key]

    def read(self, table: str, seed: int, method: str) -> Result:
        """Return a result from its file, or else make both."""
        file = self.folder / f"{table}-{self.rows}-{seed}-{method}.npz" if self.folder else None
        if file and file.exists():
            with np.load(file) as kept:
                return Result(kept["losses"], float(kept["score"]), float(kept["seconds"]))
        rows = split(table, seed, self.rows)
        if method == self.contest.ours:
            # Code that is not compiled yet would count as time of the fit.
            self.contest.warm(rows, seed)
        result = judged(self.contest.methods[method], rows, seed, self.contest.losses)
        if file:
            np.savez(file, losses=result.losses, score=result.score, seconds=result.seconds)
        return result

    def against(self, table: str, seeds: Sequence[int], peer: str) -> float:
        """Return by how many standard errors our loss is below that of a peer, row by row over all splits."""
        pair = self.contest.ours, peer
        ours, theirs = (np.concatenate([self.of(table, seed, method).losses for seed in seeds]) for method in pair)
        gain = theirs - ours
        if not np.isfinite(gain).all():
            return np.inf
        if abs(gain.mean()) < self.contest.level * theirs.mean():
            return 0.0
        error = gain.std() / np.sqrt(len(gain))
        return float(gain.mean() / error) if error > 0 else 0.0


def compare(contest: Contest, tables: Sequence[str], seeds: int, rows: int, folder: Path | None) -> None:
    """Fit all methods to all splits; print each result as it comes, then medians, and counts of won, level and lost."""
    results = Results(contest, rows, folder)
    methods = (contest.ours, *contest.peers)
    for seed in range(seeds):
        for table in tables:
            found = [f"{method} {shown([results.of(table, seed, method)])}" for method in methods]
            print(f"  split {seed}, {table}: {'; '.join(found)}", flush=True)
    print()
    for title, kind in (("R2", NUMBERS), ("accuracy, loss", CLASSES)):
        own = [table for table in tables if table in kind]
        if own:
            print_medians(f"{title} on {rows:,} rows or fewer, median (range)", results, own, range(seeds), methods)
    print_seconds(results, tables, range(seeds), methods)
    print_counts(results, tables, range(seeds))


def shown(several: Sequence[Result]) -> str:
    """Return the median score of results with its range, and the median log loss of classes."""
    scores = [result.score for result in several]
    words = f"{np.median(scores):.3f}"
    if len(scores) > 1:
        words += f" ({min(scores):.3f} to {max(scores):.3f})"
    return words


def print_medians(
    title: str, results: Results, tables: Sequence[str], seeds: Sequence[int], methods: Sequence[str]
) -> None:
    """Print the median over the splits of each table, and by how many standard errors our loss is lower."""
    shown_table = Table(title=title, title_justify="left")
    for column in ("", *methods):
        shown_table.add_column(column)
    for table in tables:
        cells = []
        for method in methods:
            several = [results.of(table, seed, method) for seed in seeds]
            words = shown(several)
            if table in CLASSES:
                words += f", {np.median([result.losses.mean() for result in several]):.3f}"
            if method != results.contest.ours:
                words += f" ({results.against(table, seeds, method):+.1f})"
            cells.append(words)
        shown_table.add_row(table if table in KNOWN else f"{table} *", *cells)
    CONSOLE.print(shown_table)
    print("(+2.0): our loss is 2 standard errors of the paired losses lower. *: no default was chosen on it\n")


def print_seconds(results: Results, tables: Sequence[str], seeds: Sequence[int], methods: Sequence[str]) -> None:
    """Print the median processor seconds of a fit."""
    table = Table(title="processor seconds of a fit, with compiled code warm", title_justify="left")
    for column in ("", "median", "most", "against ours, median"):
        table.add_column(column, justify="right" if column else "left")
    times = {
        method: np.array([[results.of(name, seed, method).seconds for seed in seeds] for name in tables])
        for method in methods
    }
    for method, seconds in times.items():
        ratio = float(np.median(seconds / times[results.contest.ours]))
        table.add_row(method, f"{np.median(seconds):.2f}", f"{seconds.max():.2f}", f"{ratio:.2f}x")
    CONSOLE.print(table)


def print_counts(results: Results, tables: Sequence[str], seeds: Sequence[int]) -> None:
    """Print on how many tables ours wins, is level or loses, and those that it loses."""
    title = f"{results.contest.ours} on {len(tables)} tables; level: within a standard error"
    table = Table(title=title, title_justify="left")
    table.add_column("against")
    for column in ("won", "level", "lost", "at or above", "held to"):
        table.add_column(column, justify="right")
    held = results.contest.held_to
    table.add_column("lost by so many standard errors")
    for peer in results.contest.peers:
        margins = {name: results.against(name, seeds, peer) for name in tables}
        won, lost = sum(m > 1 for m in margins.values()), sum(m < -1 for m in margins.values())
        level = len(tables) - won - lost
        worst = sorted((m, name) for name, m in margins.items() if m < -1)
        names = "; ".join(f"{name} {-m:.1f}" for m, name in worst)
        held_to = f"{held[peer]:.0%}" if peer in held else ""
        share = f"{(won + level) / len(tables):.0%}"
        table.add_row(peer, str(won), str(level), str(lost), share, held_to, names)
    CONSOLE.print(table)
