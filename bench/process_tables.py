"""Results of `bench.processes` as tables: medians, in brackets the least and the most of the runs."""

from typing import Any

from rich.console import Console
from rich.table import Table

from .pipes import OURS

__all__ = ["TABLES"]

Result = dict[str, Any]
Found = dict[str, Result]  # by the name of the checkout: "now", and it may be another
NAMES = {
    "alone": "websocket_v6, shares nothing",
    "host": "websocket_v6, the host of one guest",
    "guest": "websocket_v6, its guest",
    "multiprocessing.Queue": "websocket-client + json + multiprocessing.Queue",
    "pyzmq": "websocket-client + pyzmq + json",
}
HOSTS = {"host": "of a host that does nothing else", "busy host": "of a host with a callback that computes"}


def cost(console: Console, found: Found) -> None:
    """Print one table for each load."""
    for load, by_guests in found["now"].items():
        table = _table(
            f"CPU of a message, µs, at {load} messages/s", ("guests", "host", "host, for each guest", "each guest")
        )
        for guests in by_guests:
            for name, one in found.items():
                cells = (_spread(one[load][guests][key], ".1f") if key in one[load][guests] else "" for key in _COSTS)
                table.add_row(_named(guests, name), *cells)
        console.print(table)


_COSTS = ("host_us", "host_us_each_guest", "guest_us")


def delay(console: Console, found: Found) -> None:
    """Print a line for each who was called."""
    table = _table(
        f"delay from send to callback at {found['now']['rate']:g} messages/s, µs",
        ("", "p50", "p99", "CPU, % of a core"),
    )
    for member in found["now"]["members"]:
        for name, one in _having(member, {name: whole["members"] for name, whole in found.items()}):
            cells = (_spread(one[key], ",.0f") for key in ("p50", "p99"))
            table.add_row(_named(NAMES[member], name), *cells, f"{one['cpu_share']['median']:.1%}")
    console.print(table)


def pipe(console: Console, found: Found) -> None:
    """Print one table for each size of batches."""
    for batch, contenders in found["now"].items():
        table = _table(
            f"from process to process, {batch} to a batch",
            ("", "messages/s", "µs CPU, sender", "µs CPU, receiver", "time, times ours", "CPU, times ours"),
        )
        rows = [
            (_named(f"[bold]{who}[/bold]" if who == OURS else who, name), one)
            for who in contenders
            for name, one in _having(who, {name: whole[batch] for name, whole in found.items()})
        ]
        for title, one in sorted(rows, key=lambda row: -row[1]["messages_per_second"]["median"]):
            table.add_row(
                title,
                f"{one['messages_per_second']['median']:,.0f}",
                _spread(one["sender_cpu_us"], ".2f"),
                _spread(one["receiver_cpu_us"], ".2f"),
                _spread(one["times_ours_wall"], ".2f"),
                _spread(one["times_ours_cpu"], ".2f"),
            )
        console.print(table)


def takeover(console: Console, found: Found) -> None:
    """Print a line for each number of guests."""
    table = _table(
        "a host is killed (to the first record after it), or leaves; ms",
        ("guests", "kills", "p50", "p99", "last survivor", "hand-over"),
    )
    for guests in found["now"]:
        for name, one in _having(guests, found):
            first = one["first_record_seconds"]
            table.add_row(
                _named(guests, name),
                str(one["kills"]),
                f"{first['median'] * 1e3:.0f}",
                f"{first['p99'] * 1e3:.0f}",
                _spread({key: value * 1e3 for key, value in one["last_survivor_seconds"].items()}, ".0f"),
                _spread({key: value * 1e3 for key, value in one["hand_over_seconds"].items()}, ".0f"),
            )
    console.print(table)


def busy(console: Console, found: Found) -> None:
    """Print a line for the host that computes, and one for the host that does not."""
    now = found["now"]
    table = _table(
        f"delay from send to the callbacks of {now['guests']} guests at {now['rate']:g} messages/s, µs",
        ("", "p50", "p99"),
    )
    for host, one in now["hosts"].items():
        table.add_row(HOSTS[host], *(_spread(one[key], ",.0f") for key in ("p50", "p99")))
    console.print(table)


def network(console: Console, found: Found) -> None:
    """Print a line for each form and number of programs."""
    now = found["now"]
    table = _table(
        f"CPU of a message in the host, µs, at {now['load']} messages/s", ("", "programs", "host", "for each program")
    )
    table.add_row("no door in use", "0", _spread(now["alone_us"], ".1f"), "")
    for form, by_clients in now["forms"].items():
        for clients, one in by_clients.items():
            table.add_row(form, clients, _spread(one["host_us"], ".1f"), _spread(one["host_us_each"], ".2f"))
    console.print(table)


def slow(console: Console, found: Found) -> None:
    """Print a line without programs that do not read, and one with them."""
    now = found["now"]
    table = _table(
        f"delay from send to the sockets of {now['readers']} programs at {now['rate']:g} messages/s, µs",
        ("", "p50", "p99"),
    )
    for deaf, one in now["deaf"].items():
        title = f"and {deaf} that do not read" if deaf != "0" else "which are all there are"
        table.add_row(title, *(_spread(one[key], ",.0f") for key in ("p50", "p99")))
    console.print(table)
    console.print(f"at least {now['behind']} of those that do not read had messages waiting for them")


def _having(key: str, found: Found) -> list[tuple[str, Result]]:
    """Return what was found of `key`, by the name of the checkout; of what is none of ours there is one alone."""
    return [(name, whole[key]) for name, whole in found.items() if key in whole]


def _named(title: str, checkout: str) -> str:
    return title if checkout == "now" else f"{title}, {checkout}"


def _table(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    return table


def _spread(one: Result, form: str) -> str:
    return f"{one['median']:{form}} ({one['least']:{form}} to {one['most']:{form}})"


TABLES = {
    "cost": cost,
    "delay": delay,
    "pipe": pipe,
    "takeover": takeover,
    "busy": busy,
    "network": network,
    "slow": slow,
}
