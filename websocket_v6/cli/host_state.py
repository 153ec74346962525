"""What a host says of itself, at `/state.json` or at its own door, as `top` reads it: checked, whoever answers.

Source: `websocket_v6/state.py`, which writes it.
"""

import json
from typing import Any, NamedTuple

import msgspec

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.membership.words import ComponentRow
from websocket_v6.protocol.outside_text import printable

__all__ = ["Client", "ComponentState", "ConnectionState", "HostState", "read_state"]

_NAME_CHARACTERS = 120


class ConnectionState(msgspec.Struct, frozen=True):
    """One connection to the exchange. `delay` in seconds; bytes as they came, and of the messages in them."""

    endpoint: str
    state: str
    epoch: int
    up_seconds: float
    reconnects: int
    error: str = ""
    wire_bytes: int = 0
    payload_bytes: int = 0
    delay: float | None = None

    @property
    def saved(self) -> float | None:
        """The share of the bytes that compression has saved; `None` if it has saved none."""
        return 1 - self.wire_bytes / self.payload_bytes if self.payload_bytes > self.wire_bytes else None


class _Process(msgspec.Struct, frozen=True):
    name: str
    pid: int
    endpoints: tuple[str, ...]
    streams: int
    delivered: int
    queued_bytes: int


class _Program(msgspec.Struct, frozen=True):
    name: str
    endpoint: str
    format: str
    streams: int
    delivered: int
    queued_bytes: int
    is_onlooker: bool = False


class _Counters(msgspec.Struct, frozen=True):
    received: int
    delivered: int
    malformed: int
    unrouted: int
    requests_sent: int


class _Fleet(msgspec.Struct, frozen=True):
    text: str
    reachable: bool


class _State(msgspec.Struct, frozen=True):
    version: str
    pid: int
    url: str
    role: str
    now: float
    began: float
    rate: float
    counters: _Counters
    connections: tuple[ConnectionState, ...]
    streams: dict[str, int]
    processes: tuple[_Process, ...]
    programs: tuple[_Program, ...]
    guests: int
    visitors: int
    cut_off: int
    components: tuple[ComponentRow, ...] = ()
    stream_counts: dict[str, int] = {}
    fleets: tuple[_Fleet, ...] = ()


class _Guest(msgspec.Struct, frozen=True):
    pid: int
    components: tuple[ComponentRow, ...]


class _Whole(msgspec.Struct, frozen=True):
    state: _State
    guests: tuple[_Guest, ...]


class Client(NamedTuple):
    """Who is served: a process of the user, or a program at the port; `detail` is its number, or its format."""

    kind: str
    name: str
    detail: str
    endpoints: str
    streams: int
    delivered: int
    queued_bytes: int


class ComponentState(NamedTuple):
    """One subscription of a component, in the process `pid`."""

    pid: int
    row: ComponentRow


class HostState(NamedTuple):
    """One state. `document` is all of it, as it came."""

    about: _State
    clients: tuple[Client, ...]
    document: dict[str, Any]
    components: tuple[ComponentState, ...] = ()


_decoder = msgspec.json.Decoder(_State)
_whole_decoder = msgspec.json.Decoder(_Whole)


def read_state(body: bytes) -> HostState:
    """Return what a host says; every text in it is printable, and short.

    Raises:
        RemoteProtocolError: if it is no state of a host's.
    """
    try:
        document = json.loads(body)
        cleaned = msgspec.json.encode(_clean(document))
        # At the door the guests' words stand beside the host's state.
        is_whole = isinstance(document, dict) and "state" in document
        whole = _whole_decoder.decode(cleaned) if is_whole else _Whole(_decoder.decode(cleaned), ())
    except (ValueError, msgspec.MsgspecError, RecursionError) as exc:
        raise RemoteProtocolError(
            f"what answers is no host that this version understands: {printable(str(exc))}"
        ) from None
    about = whole.state
    processes = [
        Client("process", one.name, str(one.pid), " ".join(one.endpoints), one.streams, one.delivered, one.queued_bytes)
        for one in about.processes
    ]
    programs = [
        Client("program", one.name, one.format, one.endpoint, one.streams, one.delivered, one.queued_bytes)
        for one in about.programs
    ]
    components = [ComponentState(about.pid, row) for row in about.components]
    components += [ComponentState(guest.pid, row) for guest in whole.guests for row in guest.components]
    return HostState(about, (*processes, *programs), document, tuple(components))


def _clean(value: Any) -> Any:
    match value:
        case str():
            return printable(value, _NAME_CHARACTERS)
        case dict():
            return {printable(key, _NAME_CHARACTERS): _clean(one) for key, one in value.items()}
        case list():
            return [_clean(one) for one in value]
        case _other:
            return _other
