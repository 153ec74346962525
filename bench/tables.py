"""Results as tables in the terminal: medians, in brackets the least and the most of the runs."""

from typing import Any

from rich.console import Console
from rich.table import Table

from .contenders import OURS

__all__ = ["TABLES"]

Result = dict[str, Any]


def throughput(console: Console, found: Result) -> None:
    """Print one table for each kind of messages."""
    for kind, result in found.items():
        contenders = result["contenders"]
        table = _table(
            f"one component, {kind}, {result['mean_bytes']:.0f} bytes a message",
            ("", "messages/s", "µs wall", "µs CPU", "CPU, times ours", "MiB"),
        )
        for name, one in sorted(contenders.items(), key=lambda item: item[1]["cpu_us"]["median"]):
            table.add_row(
                _name(name, one["note"]),
                f"{one['messages_per_second']['median']:,.0f}",
                _spread(one["wall_us"], ".1f"),
                _spread(one["cpu_us"], ".2f"),
                _spread(one["times_ours_cpu"], ".2f"),
                f"{one['peak_mib']:.0f}",
            )
        console.print(table)


def fanout(console: Console, found: Result) -> None:
    """Print a line for each number of components."""
    table = _table(
        "fan-out: the same tickers to all components, CPU time",
        ("components", "µs a message", "µs a delivery", "deliveries/s", "a further one, % of the first", "MiB"),
    )
    for number, one in found.items():
        further = one["further_component_share"]
        table.add_row(
            number,
            f"{one['cpu_us_per_message']['median']:.2f}",
            f"{one['cpu_us_per_delivery']['median']:.2f}",
            f"{one['deliveries_per_second']['median']:,.0f}",
            "" if number == "1" else _spread(further, ".1%"),
            f"{one['peak_mib']:.0f}",
        )
    console.print(table)


def delay(console: Console, found: Result) -> None:
    """Print a line for each rate and contender."""
    table = _table(
        "delay from send to callback, µs: median of the runs (least to most)",
        ("messages/s", "", "p50", "p99", "p99.9", "CPU, % of a core"),
    )
    for rate, contenders in found.items():
        for name, one in contenders.items():
            cells = (_spread(one[key], ",.0f") for key in ("p50", "p99", "p99_9"))
            table.add_row(rate, _name(name), *cells, f"{one['cpu_share']['median']:.1%}")
    console.print(table)


def start(console: Console, found: Result) -> None:
    """Print what a start costs, and an idle engine."""
    table = _table("start", ("", "import, ms CPU", "modules", "MiB", "import to first event, ms"))
    for name, first in found["first_event_seconds"].items():
        cost = found["imports"].get(name)
        cells = ("", "", "") if cost is None else (
            f"{cost['cpu_seconds'] * 1e3:.0f}", f"{cost['modules']:.0f}", f"{cost['mib']:.1f}"
        )  # fmt: skip
        in_ms = {key: value * 1e3 for key, value in first.items()}
        table.add_row(_name(name), *cells, _spread(in_ms, ".0f"))
    console.print(table)
    idle = found["idle"]
    console.print(
        f"idle engine over {idle['seconds']:.0f} s: {idle['cpu_share']:.4%} of a core, "
        f"{idle['wakeups_per_second']:.1f} wake-ups a second, {idle['peak_mib']:.0f} MiB"
    )


def books(console: Console, found: Result) -> None:
    """Print one line: does a whole market fit?"""
    console.print(
        f"all {found['markets']} books at {found['rate']:,.0f} a second: {found['delivered']:,} of {found['sent']:,} "
        f"delivered, {found['dropped']} dropped, {found['cpu_share']:.1%} of a core, "
        f"{found['resident_mib']:.0f} MiB, {found['most_queued']} waiting at most"
    )


def registry(console: Console, found: Result) -> None:
    """Print one line: what does a change cost among many?"""
    console.print(
        f"{found['components']:,} components that want {found['codes']} codes each: "
        f"{found['cpu_ms_per_change']:.2f} ms of CPU for a change; {found['requests_sent']} requests sent "
        f"for {found['changes']} changes, of {found['request_bytes']:,} bytes at most"
    )


def loops(console: Console, found: Result) -> None:
    """Print what a loop gets, how late, and what it has left for others."""
    throughput(console, {"trade, beside those of a loop": found})
    table = _table("delay from send to callback, 2,000 trades a second, µs", ("", "p50", "p99", "CPU, % of a core"))
    for name, one in found["delay"].items():
        cells = (_spread(one[key], ",.0f") for key in ("p50", "p99"))
        table.add_row(_name(name), *cells, f"{one['cpu_share']['median']:.1%}")
    console.print(table)
    table = _table("how late a task is that wakes every 10 ms beside it, µs", ("messages/s", "p50", "p99", "most"))
    for rate, one in found["ticks"].items():
        table.add_row(rate, *(_spread(one[key], ",.0f") for key in ("p50", "p99", "most")))
    console.print(table)


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    return table


def _name(name: str, note: str = "") -> str:
    shown = f"{name} ({note})" if note else name
    return f"[bold]{shown}[/bold]" if name == OURS else shown


def _spread(one: Result, form: str) -> str:
    return f"{one['median']:{form}} ({one['least']:{form}} to {one['most']:{form}})"


TABLES = {
    "throughput": throughput,
    "fanout": fanout,
    "delay": delay,
    "books": books,
    "registry": registry,
    "start": start,
    "loops": loops,
}
