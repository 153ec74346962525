"""What `fleet` shows of resume names: whose each is, where it goes on, and how far behind the log's end that is."""

import time
from collections.abc import Iterable, Sequence
from gettext import gettext as _
from typing import Final, NamedTuple

from rich.table import Table

from websocket_v6.actors.fleet.lines import Line
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.fleet.claim import holder_of
from websocket_v6.protocol.fleet.entries import decode_rows
from websocket_v6.protocol.fleet.ids import Keys
from websocket_v6.protocol.fleet.wants import Machine

__all__ = ["NameState", "name_table", "names_of"]

_MANY: Final = 20  # entries after a place that are looked at for one with a time


class NameState(NamedTuple):
    """One resume name. `process` is who has it, or had it; `behind` by endpoint, in seconds, None where none tells."""

    name: str
    process: str
    is_away: bool  # it left in order
    places: dict[str, str]
    behind: dict[str, float | None]


def names_of(line: Line, keys: Keys, endpoints: Sequence[str], machines: Iterable[Machine]) -> tuple[NameState, ...]:
    """Return the names that machines of a fleet go on under."""
    found = []
    for name in sorted({one.resume for one in machines if one.resume}):
        (reply,) = line.call(("HGETALL", keys.place(name)))
        flat = reply if isinstance(reply, list) else []
        fields = {key.decode("utf-8", "replace"): value for key, value in zip(flat[::2], flat[1::2], strict=True)}
        holder = holder_of(fields)
        if holder is None:
            continue
        places = {one: fields[one].decode("ascii", "replace") for one in endpoints if one in fields}
        behind = {endpoint: _behind(line, keys.log(endpoint), place) for endpoint, place in places.items()}
        found.append(NameState(name, holder.who, not holder.owner, places, behind))
    return tuple(found)


def _behind(line: Line, key: str, place: str) -> float | None:
    (reply,) = line.call(("XRANGE", key, f"({place}", "+", "COUNT", _MANY))
    if not isinstance(reply, list):
        return None
    for _id, fields in reply:
        if fields[0] in (b"d", b"z"):
            try:
                rows = decode_rows(fields[1], is_compressed=fields[0] == b"z")
            except RemoteProtocolError:
                continue
            return max(0.0, time.time() - rows.received_ns / 1e9)
    return None if reply else 0.0


def name_table(names: Iterable[NameState]) -> Table:
    """Return what is shown of names."""
    table = Table(_("resume name"), _("process"), _("goes on at"), _("behind (s)"))
    for one in names:
        process = _("{process}, away").format(process=one.process) if one.is_away else one.process
        places = ", ".join(f"{endpoint} {place}" for endpoint, place in sorted(one.places.items()))
        seconds = ((endpoint, "" if late is None else f"{late:.1f}") for endpoint, late in sorted(one.behind.items()))
        table.add_row(one.name, process, places, ", ".join(f"{endpoint} {late}" for endpoint, late in seconds))
    return table
