"""What `top` shows of a host: its connections, what is wanted, and who is served; for narrow and wide terminals."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .host_state import Client, ConnectionState, HostState

__all__ = ["SORTS", "Look", "Row", "lines_of", "view"]

SORTS = ("rate", "delivered", "queued", "streams", "name")
_WIDE = 110  # columns from which there is room for all
_COLOURS = {"open": "green", "idle": "dim", "refused": "bold red"}
_LEAST_ROWS = 3


class Row(NamedTuple):
    """One client, and how many messages a second it gets."""

    client: Client
    rate: float


class Look(NamedTuple):
    """How it is to be shown."""

    width: int
    height: int
    sort: str = SORTS[0]
    is_paused: bool = False
    problem: str = ""  # why the state is not the newest
    has_keys: bool = False


def view(state: HostState, rows: Sequence[Row], look: Look) -> RenderableType:
    """Return the whole picture."""
    parts: list[RenderableType] = [_head(state), _connections(state.about.connections)]
    wanted = ", ".join(f"{count:,} {type_}" for type_, count in state.about.streams.items())
    parts.append(Text.assemble(("wanted  ", "bold"), wanted or "nothing", overflow="ellipsis", no_wrap=True))
    for fleet in state.about.fleets:
        parts.append(Text(fleet.text, style="" if fleet.reachable else "yellow", overflow="ellipsis", no_wrap=True))
    above = len(state.about.connections) + len(state.about.fleets)
    room = max(_LEAST_ROWS, look.height - above - 8)
    parts.append(_clients(_sorted(rows, look.sort), room, look))
    parts.append(_foot(look))
    return Group(*parts)


def lines_of(state: HostState, rows: Sequence[Row]) -> Iterator[str]:
    """Return the same in lines, for where there is no terminal."""
    about = state.about
    connections = ", ".join(f"{one.endpoint} {one.state} epoch {one.epoch}" for one in about.connections)
    yield f"process {about.pid}: {about.rate:,.0f} messages/s; {connections or 'no connection'}; {len(rows)} clients"
    yield from (f"  {fleet.text}" for fleet in about.fleets)
    for row in _sorted(rows, SORTS[0]):
        one = row.client
        yield (
            f"  {one.kind} {one.name} ({one.detail}): {one.streams} streams, {one.delivered} delivered, "
            f"{row.rate:,.0f}/s, {one.queued_bytes} bytes queued"
        )


def _head(state: HostState) -> Text:
    about = state.about
    counters = about.counters
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"process {about.pid} ", style="bold")
    text.append(f"{about.role}, up {_age(about.now - about.began)}, websocket-v6 {about.version}, {about.url}\n")
    text.append(f"{about.rate:,.0f} messages/s", style="bold cyan")
    text.append(
        f", {counters.received:,} received, {counters.delivered:,} delivered, {counters.requests_sent:,} requests"
    )
    for count, what in ((counters.malformed, "malformed"), (about.cut_off, "cut off")):
        if count:
            text.append(f", {count:,} {what}", style="yellow")
    return text


def _connections(connections: Sequence[ConnectionState]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", expand=True)
    for name in ("connection", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("epoch", "open for", "reconnects"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
    for one in connections:
        table.add_row(
            Text(one.endpoint),
            Text(one.state, style=_COLOURS.get(one.state, "yellow")),
            f"{one.epoch:,}",
            _age(one.up_seconds) if one.state == "open" else "",
            f"{one.reconnects:,}",
            Text(one.error),
        )
    return table


def _clients(rows: Sequence[Row], room: int, look: Look) -> Table:
    is_wide = look.width >= _WIDE
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", expand=True)
    table.add_column("served", no_wrap=True)
    table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
    if is_wide:
        table.add_column("process, format", no_wrap=True)
        table.add_column("endpoints", no_wrap=True)
    for name in ("streams", "delivered", "rate", "queued"):
        title = f"{name} ▾" if name == look.sort else name
        table.add_column(title, justify="right", no_wrap=True)
    for client, rate in rows[:room]:
        numbers = (f"{client.streams:,}", f"{client.delivered:,}", f"{rate:,.0f}/s", _bytes(client.queued_bytes))
        details = (Text(client.detail), Text(client.endpoints)) if is_wide else ()
        table.add_row(Text(client.kind), Text(client.name), *details, *numbers)
    if not rows:
        table.add_row("nobody", "")
    elif len(rows) > room:
        table.add_row("", Text(f"and {len(rows) - room:,} more", style="dim"))
    return table


def _foot(look: Look) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    if look.problem:
        text.append(f"old: {look.problem}\n", style="bold red")
    if look.has_keys:
        text.append(f"q quit  p {'go on' if look.is_paused else 'pause'}  s sort by {_next(look.sort)}", style="dim")
        if look.is_paused:
            text.append("  PAUSED", style="bold yellow")
    return text


def _next(sort: str) -> str:
    return SORTS[(SORTS.index(sort) + 1) % len(SORTS)]


def _sorted(rows: Sequence[Row], sort: str) -> list[Row]:
    by_name = sorted(rows, key=lambda row: (row.client.name, row.client.detail))
    match sort:
        case "rate":
            return sorted(by_name, key=lambda row: -row.rate)
        case "delivered":
            return sorted(by_name, key=lambda row: -row.client.delivered)
        case "queued":
            return sorted(by_name, key=lambda row: -row.client.queued_bytes)
        case "streams":
            return sorted(by_name, key=lambda row: -row.client.streams)
        case _:
            return by_name


def _age(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days} d {hours:02}:{minutes:02}" if days else f"{hours}:{minutes:02}:{rest:02}"


def _bytes(count: int) -> str:
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:,.0f} KiB" if count < 1024 * 1024 else f"{count / 1024 / 1024:,.1f} MiB"
