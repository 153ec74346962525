"""Results of `bench.processes` as tables: medians, in brackets the least and the most of the runs."""

from typing import Any

from rich.console import Console
from rich.table import Table

from .pipes import OURS

__all__ = ["TABLES"]

Result = dict[str, Any]
NAMES = {
    "alone": "websocket_v6, shares nothing",
    "host": "websocket_v6, the host of one guest",
    "guest": "websocket_v6, its guest",
    "multiprocessing.Queue": "websocket-client + json + multiprocessing.Queue",
    "pyzmq": "websocket-client + pyzmq + json",
}


def cost(console: Console, found: Result) -> None:
    """Print one table for each load."""
    for load, by_guests in found.items():
        table = _table(
            f"CPU of a message, µs, at {load} messages/s", ("guests", "host", "host, for each guest", "each guest")
        )
        for guests, one in by_guests.items():
            cells = (_spread(one[key], ".1f") if key in one else "" for key in _COSTS)
            table.add_row(guests, *cells)
        console.print(table)


_COSTS = ("host_us", "host_us_each_guest", "guest_us")


def delay(console: Console, found: Result) -> None:
    """Print a line for each who was called."""
    table = _table(
        f"delay from send to callback at {found['rate']:g} messages/s, µs", ("", "p50", "p99", "CPU, % of a core")
    )
    for member, one in found["members"].items():
        cells = (_spread(one[key], ",.0f") for key in ("p50", "p99"))
        table.add_row(NAMES[member], *cells, f"{one['cpu_share']['median']:.1%}")
    console.print(table)


def pipe(console: Console, found: Result) -> None:
    """Print one table for each size of batches."""
    for batch, contenders in found.items():
        table = _table(
            f"from process to process, {batch} to a batch",
            ("", "messages/s", "µs CPU, sender", "µs CPU, receiver", "time, times ours", "CPU, times ours"),
        )
        for name, one in sorted(contenders.items(), key=lambda item: -item[1]["messages_per_second"]["median"]):
            table.add_row(
                f"[bold]{name}[/bold]" if name == OURS else name,
                f"{one['messages_per_second']['median']:,.0f}",
                _spread(one["sender_cpu_us"], ".2f"),
                _spread(one["receiver_cpu_us"], ".2f"),
                _spread(one["times_ours_wall"], ".2f"),
                _spread(one["times_ours_cpu"], ".2f"),
            )
        console.print(table)


def takeover(console: Console, found: Result) -> None:
    """Print a line for each number of guests."""
    table = _table(
        "a host is killed (to the first record after it), or leaves; ms",
        ("guests", "kills", "p50", "p99", "last survivor", "hand-over"),
    )
    for guests, one in found.items():
        first = one["first_record_seconds"]
        table.add_row(
            guests,
            str(one["kills"]),
            f"{first['median'] * 1e3:.0f}",
            f"{first['p99'] * 1e3:.0f}",
            _spread({key: value * 1e3 for key, value in one["last_survivor_seconds"].items()}, ".0f"),
            _spread({key: value * 1e3 for key, value in one["hand_over_seconds"].items()}, ".0f"),
        )
    console.print(table)


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    return table


def _spread(one: Result, form: str) -> str:
    return f"{one['median']:{form}} ({one['least']:{form}} to {one['most']:{form}})"


TABLES = {"cost": cost, "delay": delay, "pipe": pipe, "takeover": takeover}
