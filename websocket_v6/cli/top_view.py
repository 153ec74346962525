"""What `top` shows of a host: its connections, who is served, their components, the streams; on any terminal."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from gettext import gettext as _
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .host_state import Client, ComponentState, ConnectionState, HostState
from .quote import seconds_text

__all__ = ["PANELS", "SORTS", "Look", "Rates", "lines_of", "turned", "view"]

SORTS = ("rate", "delivered", "dropped", "queued", "lag", "streams", "name")
PANELS = ("components", "served", "streams")
_WIDE = 110  # columns from which there is room for all
_TALL = 40  # lines from which on all panels are shown
_COLOURS = {"open": "green", "idle": "dim", "refused": "bold red"}
_LEAST_ROWS = 3


class Rates(NamedTuple):
    """Messages a second: of the host, of each client and subscription, in the order of the state, and by stream."""

    messages: float
    clients: tuple[float, ...]
    components: tuple[float, ...]
    streams: Mapping[str, float]


class Look(NamedTuple):
    """How it is to be shown. On a small terminal there is room for one `panel`."""

    width: int
    height: int
    sort: str = SORTS[0]
    panel: str = PANELS[0]
    is_paused: bool = False
    problem: str = ""  # why the state is not the newest
    has_keys: bool = False


def turned(look: Look, key: str) -> Look:
    """Return how it is to be shown after a key."""
    match key:
        case "p" | " ":
            return look._replace(is_paused=not look.is_paused)
        case "s":
            return look._replace(sort=SORTS[(SORTS.index(look.sort) + 1) % len(SORTS)])
        case "v" | "\t":
            return look._replace(panel=PANELS[(PANELS.index(look.panel) + 1) % len(PANELS)])
        case _other:
            return look


def view(state: HostState, rates: Rates, look: Look) -> RenderableType:
    """Return the whole picture."""
    about, is_tall = state.about, look.height >= _TALL
    parts: list[RenderableType] = [_head(state, rates), _connections(about.connections)]
    wanted = ", ".join(f"{count:,} {type_}" for type_, count in about.streams.items())
    parts.append(Text.assemble((f"{_('wanted')}  ", "bold"), wanted or _("nothing"), overflow="ellipsis", no_wrap=True))
    for fleet in about.fleets:
        parts.append(Text(fleet.text, style="" if fleet.reachable else "yellow", overflow="ellipsis", no_wrap=True))
    panels = PANELS if is_tall else (look.panel,)
    # Beside these: head, connections, what is wanted, the foot; and for each panel its heads and a line between.
    room = look.height - len(about.connections) - len(about.fleets) - 7 - bool(look.problem) - 3 * len(panels)
    for panel in panels:
        parts += [Text(), _panel(panel, state, rates, look, max(_LEAST_ROWS, room // len(panels)))]
    parts.append(_foot(look, is_tall=is_tall))
    return Group(*parts)


def lines_of(state: HostState, rates: Rates) -> Iterator[str]:
    """Return the same in lines, for where there is no terminal."""
    about = state.about
    connections = ", ".join(f"{one.endpoint} {one.state} epoch {one.epoch}" for one in about.connections)
    yield _(
        "process {pid}: {rate:,.0f} messages/s; {connections}; {clients} clients, {components} subscriptions"
    ).format(
        pid=about.pid,
        rate=rates.messages,
        connections=connections or _("no connection"),
        clients=len(state.clients),
        components=len(state.components),
    )
    yield from (f"  {fleet.text}" for fleet in about.fleets)
    for client, rate in zip(state.clients, rates.clients, strict=True):
        yield _(
            "  {kind} {name} ({detail}): {streams} streams, {delivered} delivered, {rate:,.0f}/s, {queued} bytes queued"
        ).format(
            kind=_kind(client.kind),
            name=client.name,
            detail=client.detail,
            streams=client.streams,
            delivered=client.delivered,
            rate=rate,
            queued=client.queued_bytes,
        )
    for one, rate in zip(state.components, rates.components, strict=True):
        row = one.row
        yield _(
            "  {component} in process {pid}: {type}, {delivered} delivered, {dropped} dropped, {queued} queued, "
            "lag {lag}, {rate:,.0f}/s"
        ).format(
            component=row.component,
            pid=one.pid,
            type=row.type,
            delivered=row.delivered,
            dropped=row.dropped,
            queued=row.queued,
            lag=seconds_text(row.lag),
            rate=rate,
        )


def _head(state: HostState, rates: Rates) -> Text:
    about = state.about
    counters = about.counters
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(_("process {pid} ").format(pid=about.pid), style="bold")
    text.append(
        _("{role}, up {age}, websocket-v6 {version}, {url}\n").format(
            role=about.role, age=_age(about.now - about.began), version=about.version, url=about.url
        )
    )
    text.append(_("{rate:,.0f} messages/s").format(rate=rates.messages or about.rate), style="bold cyan")
    text.append(
        _(", {received:,} received, {delivered:,} delivered, {requests:,} requests").format(
            received=counters.received, delivered=counters.delivered, requests=counters.requests_sent
        )
    )
    for count, what in ((counters.malformed, _("malformed")), (about.cut_off, _("cut off"))):
        if count:
            text.append(f", {count:,} {what}", style="yellow")
    return text


def _connections(connections: Sequence[ConnectionState]) -> Table:
    table = _table(_("connection"), _("state"))
    numbers = [_("epoch"), _("open for"), _("reconnects"), _("delay"), _("saved")]
    for name in numbers:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
    for one in connections:
        is_open, saved = one.state == "open", one.saved
        table.add_row(
            Text(one.endpoint),
            Text(one.state, style=_COLOURS.get(one.state, "yellow")),
            f"{one.epoch:,}",
            _age(one.up_seconds) if is_open else "",
            f"{one.reconnects:,}",
            seconds_text(one.delay) if is_open and one.delay is not None else "",
            f"{_bytes(one.payload_bytes - one.wire_bytes)} {saved:.0%}" if saved is not None else "",
            Text(one.error),
        )
    return table


def _panel(panel: str, state: HostState, rates: Rates, look: Look, room: int) -> Table:
    match panel:
        case "components":
            return _components(list(zip(state.components, rates.components, strict=True)), room, look)
        case "served":
            return _clients(list(zip(state.clients, rates.clients, strict=True)), room, look)
        case _other:
            return _streams(state, rates, room, look)


def _components(rows: Sequence[tuple[ComponentState, float]], room: int, look: Look) -> Table:
    table = _table(_("component"))
    table.add_column(_("process"), justify="right", no_wrap=True)
    table.add_column(_("type"), no_wrap=True, ratio=1, overflow="ellipsis")
    is_wide = look.width >= _WIDE
    _numbers(table, look, (*(("streams",) if is_wide else ()), "delivered", "rate", "dropped", "queued", "lag"))
    keys: dict[str, Callable[[tuple[ComponentState, float]], float]] = {
        "rate": lambda one: one[1],
        "delivered": lambda one: one[0].row.delivered,
        "dropped": lambda one: one[0].row.dropped,
        "queued": lambda one: one[0].row.queued,
        "lag": lambda one: one[0].row.lag,
        "streams": lambda one: one[0].row.symbols,
    }
    ordered = sorted(rows, key=lambda one: (one[0].row.component, one[0].pid, one[0].row.type))
    if look.sort in keys:
        ordered.sort(key=keys[look.sort], reverse=True)
    for (pid, row), rate in ordered[:room]:
        table.add_row(
            Text(row.component),
            f"{pid}",
            Text(row.type),
            *((f"{row.symbols:,}" if row.symbols else _("all"),) if is_wide else ()),
            f"{row.delivered:,}",
            f"{rate:,.0f}/s",
            Text(f"{row.dropped:,}", style="yellow" if row.dropped else ""),
            f"{row.queued:,}",
            seconds_text(row.lag) if row.delivered else "",
        )
    return _ended(table, len(rows), room)


def _clients(rows: Sequence[tuple[Client, float]], room: int, look: Look) -> Table:
    is_wide = look.width >= _WIDE
    table = _table(_("served"))
    table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
    if is_wide:
        table.add_column(_("process, format"), no_wrap=True)
        table.add_column(_("endpoints"), no_wrap=True)
    _numbers(table, look, ("streams", "delivered", "rate", "queued"))
    keys: dict[str, Callable[[tuple[Client, float]], float]] = {
        "rate": lambda one: one[1],
        "delivered": lambda one: one[0].delivered,
        "queued": lambda one: one[0].queued_bytes,
        "streams": lambda one: one[0].streams,
    }
    ordered = sorted(rows, key=lambda one: (one[0].name, one[0].detail))
    if look.sort in keys:
        ordered.sort(key=keys[look.sort], reverse=True)
    for client, rate in ordered[:room]:
        numbers = (f"{client.streams:,}", f"{client.delivered:,}", f"{rate:,.0f}/s", _bytes(client.queued_bytes))
        details = (Text(client.detail), Text(client.endpoints)) if is_wide else ()
        table.add_row(Text(_kind(client.kind)), Text(client.name), *details, *numbers)
    return _ended(table, len(rows), room)


def _streams(state: HostState, rates: Rates, room: int, look: Look) -> Table:
    table = _table(_("stream"))
    table.add_column("", ratio=1)
    _numbers(table, look._replace(sort="" if look.sort == "name" else "rate"), ("messages", "rate"))
    counts = state.about.stream_counts
    ordered = sorted(rates.streams.items())
    if look.sort != "name":
        ordered.sort(key=lambda one: -one[1])
    for stream, rate in ordered[:room]:
        table.add_row(Text(stream), "", f"{counts[stream]:,}", f"{rate:,.1f}/s")
    return _ended(table, len(ordered), room)


def _table(*heads: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", expand=True)
    for head in heads:
        table.add_column(head, no_wrap=True)
    return table


def _numbers(table: Table, look: Look, names: Sequence[str]) -> None:
    for name in names:
        head = f"{_name(name)} ▾" if name == look.sort else _name(name)
        table.add_column(head, justify="right", no_wrap=True)


def _ended(table: Table, count: int, room: int) -> Table:
    """Say what is left out, or that there is nothing."""
    if not count:
        table.add_row(_("none"))
    elif count > room:
        table.add_row(Text(_("and {count:,} more").format(count=count - room), style="dim"))
    return table


def _foot(look: Look, *, is_tall: bool) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    if look.problem:
        text.append(_("old: {problem}\n").format(problem=look.problem), style="bold red")
    if look.has_keys:
        keys = [_("q quit"), _("p go on") if look.is_paused else _("p pause")]
        keys.append(_("s sort by {name}").format(name=_name(_next(SORTS, look.sort))))
        if not is_tall:
            keys.append(_("v show {name}").format(name=_name(_next(PANELS, look.panel))))
        text.append("  ".join(keys), style="dim")
        if look.is_paused:
            text.append(f"  {_('PAUSED')}", style="bold yellow")
    return text


def _next(names: Sequence[str], name: str) -> str:
    return names[(names.index(name) + 1) % len(names)]


def _name(name: str) -> str:
    return {
        "rate": _("rate"),
        "delivered": _("delivered"),
        "dropped": _("dropped"),
        "queued": _("queued"),
        "lag": _("lag"),
        "streams": _("streams"),
        "name": _("name"),
        "messages": _("messages"),
        "components": _("components"),
        "served": _("served"),
    }[name]


def _kind(kind: str) -> str:
    return {"process": _("process"), "program": _("program")}.get(kind, kind)


def _age(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days} d {hours:02}:{minutes:02}" if days else f"{hours}:{minutes:02}:{rest:02}"


def _bytes(count: int) -> str:
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:,.0f} KiB" if count < 1024 * 1024 else f"{count / 1024 / 1024:,.1f} MiB"
