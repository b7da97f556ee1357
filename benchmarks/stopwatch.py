"""Comparing the times of jobs: each is warmed up, they take turns, and their medians are compared."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def timed(job: Callable[[], Any]) -> float:
    """Return the seconds that a job takes."""
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def compare(title: str, ours: str, jobs: Mapping[str, Callable[[], Any]], rounds: Mapping[str, int] | int = 15) -> None:
    """Print the median time of each job, and its ratio to that of ours."""
    for job in jobs.values():
        job()
    times: dict[str, list[float]] = {name: [] for name in jobs}
    often = {name: rounds if isinstance(rounds, int) else rounds[name] for name in jobs}
    for k in range(max(often.values())):
        for name, job in jobs.items():
            if k < often[name]:
                times[name].append(timed(job))
    medians = {name: statistics.median(several) for name, several in times.items()}
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for column in ("median", "fastest", "against steepest"):
        table.add_column(column, justify="right")
    for name, median in medians.items():
        table.add_row(name, _seconds(median), _seconds(min(times[name])), f"{median / medians[ours]:,.2f}x")
    Console(width=110).print(table)


def _seconds(value: float) -> str:
    return f"{1e3 * value:,.2f} ms" if value < 1 else f"{value:,.2f} s"
