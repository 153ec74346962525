"""`fleet`: the machines that share one upstream, read from their server; the exchange is asked nothing, nobody is told.

Who leads, who is there and how far behind, what the log holds and how fast it grows, and what is unwise about the
server. Clocks of other machines are theirs: what is shown of them is as they counted it.
"""

import json
import threading
import time
from gettext import gettext as _
from typing import Final, NamedTuple, TextIO

from rich.console import Console
from rich.table import Table

from websocket_v6.actors.fleet.access import fleets_of
from websocket_v6.actors.fleet.lines import Line, open_line
from websocket_v6.actors.fleet.title_holder import read_lead, tops_of
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import ConfigError, RemoteProtocolError
from websocket_v6.protocol.fleet.entries import decode_rows
from websocket_v6.protocol.fleet.ids import Keys
from websocket_v6.protocol.fleet.title import Lead
from websocket_v6.protocol.fleet.wants import Machine, decode_machine
from websocket_v6.protocol.outside_text import outside_text

from .fleet_names import NameState, name_table, names_of

__all__ = ["LogState", "Survey", "fleet", "fleet_json", "survey"]

SAMPLE: Final = 1.0  # seconds for which a log's growth is watched
_MANY: Final = 20  # entries from the oldest on that are looked at for one with a time


class LogState(NamedTuple):
    """One endpoint's log. `reaches_back` is in seconds, None where no entry tells; `entries_per_second` was sampled."""

    endpoint: str
    entries: int
    size: int  # bytes of the server's memory
    last: str  # id
    reaches_back: float | None
    entries_per_second: float


class Survey(NamedTuple):
    """A fleet at one time. `advice` is what is unwise about its server.

    `left`: of a machine, how many seconds of what it has read already its logs still keep, the least of them: with none
    left it misses what is trimmed. A machine that has read nothing, or whose log is encrypted, is not there.
    """

    scope: str
    server: str
    lead: Lead | None
    is_led: bool  # its beat moved while it was looked at
    machines: dict[str, Machine]
    logs: tuple[LogState, ...]
    left: dict[str, float]
    advice: tuple[str, ...]
    names: tuple[NameState, ...] = ()


def survey(config: Config) -> list[Survey]:
    """Look at the fleets that a configuration names.

    Raises:
        ConfigError: if it names none.
        WebSocketV6Error: if the server does not say.
    """
    fleets = fleets_of(config)
    if not fleets:
        raise ConfigError(_("no fleet is named: give --fleet valkey://host:6379/0, or set WEBSOCKET_V6_FLEET"))
    found = []
    for access, endpoints in fleets.values():
        line = open_line(access.servers, access.keys.lead)
        try:
            found.append(_look(line, access.keys, endpoints))
        finally:
            line.close()
    return found


def _look(line: Line, keys: Keys, endpoints: tuple[str, ...]) -> Survey:
    title, machines, replication, memory = line.call(
        ("HGETALL", keys.lead), ("HGETALL", keys.machines), ("INFO", "replication"), ("INFO", "memory")
    )
    before = read_lead(title)
    infos = [("XINFO", "STREAM", keys.log(endpoint)) for endpoint in endpoints]
    began, counts = time.monotonic(), _added(line.call(*infos))
    threading.Event().wait(SAMPLE)
    title, *replies = line.call(("HGETALL", keys.lead), *infos)
    lead, seconds = read_lead(title), time.monotonic() - began
    logs = []
    for endpoint, old, new, top in zip(endpoints, counts, _added(replies), tops_of(replies), strict=True):
        if top is not None:
            logs.append(_log(line, keys, endpoint, str(top), max(0, new - old) / seconds))
    is_led = lead is not None and (before is None or (lead.term, lead.beat) != (before.term, before.beat))
    advice = tuple(_advice(_fields(replication), _fields(memory)))
    known = _machines(machines)
    names = names_of(line, keys, endpoints, known.values())
    left = {machine: least for machine, about in known.items() if (least := _left(line, keys, about)) is not None}
    return Survey(keys.scope, line.shown, lead, is_led, known, tuple(logs), left, advice, names)


def _left(line: Line, keys: Keys, about: Machine) -> float | None:
    found: list[float] = []
    for endpoint, place in about.places.items():
        key = keys.log(endpoint)
        oldest, newest = line.call(
            ("XRANGE", key, "-", "+", "COUNT", _MANY), ("XREVRANGE", key, place, "-", "COUNT", _MANY)
        )
        began, read = _received_ns(oldest), _received_ns(newest)
        if began is not None:
            found.append(0.0 if read is None else max(0.0, (read - began) / 1e9))
    return min(found, default=None)


def _received_ns(entries: object) -> int | None:
    """Return when the first of these with messages came, by the leader's clock; None if there is none to be read."""
    for _id, fields in entries if isinstance(entries, list) else ():
        if fields[0] in (b"d", b"z"):
            try:
                return decode_rows(fields[1], is_compressed=fields[0] == b"z").received_ns
            except RemoteProtocolError:
                continue
    return None


def _added(infos: list[object]) -> list[int]:
    """Return how many entries each stream has ever had."""
    found = []
    for info in infos:
        fields = dict(zip(info[::2], info[1::2], strict=True)) if isinstance(info, list) else {}
        found.append(int(fields.get(b"entries-added", 0)))
    return found


def _log(line: Line, keys: Keys, endpoint: str, last: str, rate: float) -> LogState:
    key = keys.log(endpoint)
    length, size, oldest = line.call(("XLEN", key), ("MEMORY", "USAGE", key), ("XRANGE", key, "-", "+", "COUNT", _MANY))
    began = _received_ns(oldest)
    reaches_back = None if began is None else max(0.0, time.time() - began / 1e9)
    return LogState(endpoint, _number(length), _number(size), last, reaches_back, rate)


def _machines(reply: object) -> dict[str, Machine]:
    found = {}
    fields = reply if isinstance(reply, list) else []
    for name, data in zip(fields[::2], fields[1::2], strict=True):
        try:
            found[outside_text(name.decode("utf-8", "replace"))] = decode_machine(data)
        except RemoteProtocolError:
            continue
    return found


def _advice(replication: dict[str, str], memory: dict[str, str]) -> list[str]:
    found = []
    if replication.get("connected_slaves", "0") != "0" and "min_slaves_good_slaves" not in replication:
        found.append(
            _(
                "it has replicas, but takes what none of them has: set min-replicas-to-write 1 and "
                "min-replicas-max-lag 2, so that a master that is cut off does not go on by itself"
            )
        )
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        text = _("it forgets keys when its memory is full ({policy}): set maxmemory-policy noeviction")
        found.append(text.format(policy=policy))
    return found


def _fields(info: object) -> dict[str, str]:
    lines = info.decode("utf-8", "replace").splitlines() if isinstance(info, bytes) else []
    return {name: value for name, _, value in (line.partition(":") for line in lines) if value}


def _number(reply: object) -> int:
    return reply if isinstance(reply, int) else 0


def fleet(config: Config, console: Console) -> None:
    """Show the fleets as tables."""
    for one in survey(config):
        console.print(
            _("fleet {scope} at {server}").format(scope=one.scope, server=one.server), markup=False, highlight=False
        )
        console.print(_led(one), markup=False, highlight=False)
        console.print(_machine_table(one))
        if one.names:
            console.print(name_table(one.names))
        console.print(_log_table(one))
        for text in one.advice:
            console.print(_("advice: {text}").format(text=text), markup=False, highlight=False, soft_wrap=True)


def _led(one: Survey) -> str:
    if one.lead is None:
        return _("nobody has led it yet")
    who = outside_text(one.lead.name)
    if not one.lead.owner:
        return _("nobody leads: {who} has laid the title down").format(who=who)
    text = _("{who} leads, term {term}") if one.is_led else _("{who} leads, term {term}; its beat stands still")
    return text.format(who=who, term=one.lead.term)


def _machine_table(one: Survey) -> Table:
    table = Table(_("machine"), _("name"), _("leads"), _("lag (ms)"), _("read up to"), _("log left (s)"))
    for machine, about in sorted(one.machines.items(), key=lambda item: item[1].name):
        leads = _("yes") if one.lead is not None and one.lead.owner == machine else ""
        lag = ", ".join(f"{endpoint} {lag / 1000:.1f}" for endpoint, lag in sorted(about.lag_us.items()))
        places = ", ".join(f"{endpoint} {place}" for endpoint, place in sorted(about.places.items()))
        left = f"{one.left[machine]:.0f}" if machine in one.left else ""
        table.add_row(machine, about.name, leads, *(("", "", "") if leads else (lag, places, left)))
    return table


def _log_table(one: Survey) -> Table:
    table = Table(_("log"), _("entries"), _("memory (MB)"), _("entries/s"), _("reaches back (s)"), _("last"))
    for log in one.logs:
        back = "" if log.reaches_back is None else f"{log.reaches_back:.0f}"
        size = f"{log.size / 1e6:.1f}"
        table.add_row(log.endpoint, f"{log.entries:,}", size, f"{log.entries_per_second:.0f}", back, log.last)
    return table


def fleet_json(config: Config, out: TextIO) -> None:
    """Write each fleet as one JSON object a line."""
    for one in survey(config):
        lead = None
        if one.lead is not None:
            lead = {"machine": one.lead.owner, "name": one.lead.name, "term": one.lead.term, "log": one.lead.log}
        value = {
            "scope": one.scope,
            "server": one.server,
            "leader": lead,
            "is_led": one.is_led,
            "machines": {
                machine: {
                    "name": about.name,
                    "pid": about.pid,
                    "renewed": about.renewed,
                    "places": about.places,
                    "lag_us": about.lag_us,
                    "log_left": one.left.get(machine),
                    "resume": about.resume,
                }
                for machine, about in one.machines.items()
            },
            "names": [name._asdict() for name in one.names],
            "logs": [log._asdict() for log in one.logs],
            "advice": list(one.advice),
        }
        out.write(json.dumps(value) + "\n")
    out.flush()
