"""What a machine that leads from now on asks the server before it connects: how its log ends, and what all want.

Not an actor: the fleet owns one. Without it nothing could be said of what was missed while nobody led: neither since
when, nor of which streams that only others follow. It takes a few round trips; what takes longer is done without.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.fleet.ending import Ending
from websocket_v6.protocol.fleet.entries import Happening, Rows, decode_happening, decode_rows
from websocket_v6.protocol.fleet.ids import EntryId, parse_id

from .access import LogAccess
from .title_holder import Title

__all__ = ["PUBLIC", "Recall", "Recalled"]

logger = logging.getLogger(__name__)

PUBLIC: Final = "public"
ENTRIES: Final = 1000  # of one reply
PATIENCE: Final = 1.0  # seconds


class Recalled(NamedTuple):
    """`wants` are as the server has them, of `machines`."""

    ending: Ending
    machines: tuple[str, ...] = ()
    wants: object = None


class Recall:
    """Of one fleet, if public data is among its `endpoints`. `call` has the server called."""

    def __init__(self, access: LogAccess, endpoints: Sequence[str], machine: str, call: Callable[..., object]) -> None:
        self._keys = access.keys
        self._key = access.keys.log(PUBLIC)
        self._index = endpoints.index(PUBLIC) if PUBLIC in endpoints else None
        self._machine = machine
        self._call = call
        self._ending: Ending | None = None
        self._machines: tuple[str, ...] = ()
        self._wants: object = None
        self._until = 0.0

    def begin(self, title: Title | None, opened: Sequence[object]) -> bool:
        """Ask what there is before the term of a title, whose logs are `opened`; return False if there is nothing."""
        self.over()
        reply = None if self._index is None else opened[self._index]
        if title is None or not isinstance(reply, list):
            return False
        ending = Ending(parse_id(reply[1]))
        if ending.is_done:
            return False
        self._ending, self._machines, self._wants = ending, (), None
        self._until = time.monotonic() + PATIENCE
        self._call("recall machines", ("HGETALL", self._keys.machines))
        self._ask_before(EntryId(title.term, 0))
        return True

    def over(self) -> bool:
        """Ask no more; return whether anything was asked."""
        was_asked, self._ending = self._ending is not None, None
        return was_asked

    def called(self, tag: str, replies: Sequence[object]) -> Recalled | None:
        """Take the server's reply; return what was asked once all of it is there."""
        ending, reply = self._ending, replies[0]
        if ending is None:
            return None
        match tag:
            case "recall machines":
                names = reply[::2] if isinstance(reply, list) else ()
                self._machines = tuple(
                    name.decode("utf-8", "replace") for name in names if name != self._machine.encode()
                )
                if self._machines:
                    self._call("recall wants", ("MGET", *map(self._keys.want, self._machines)))
            case "recall wants":
                self._wants = reply
            case "recall log":
                self._read(ending, reply)
            case _:
                return None
        # What is wanted was asked for before the log is read to where that is enough, and is answered in that order.
        if not ending.is_done or (self._machines and self._wants is None):
            return None
        self.over()
        return Recalled(ending, self._machines, self._wants)

    def _read(self, ending: Ending, reply: object) -> None:
        entries = reply if isinstance(reply, list) else []
        last: EntryId | None = None
        for id_, fields in entries:
            last = parse_id(id_)
            try:
                ending.take(last, *_read_entry(fields))
            except RemoteProtocolError as exc:
                logger.warning("what was missed is not fetched for all: %s", exc)
                ending.broken()
        if last is None or time.monotonic() > self._until:
            ending.broken()
        if last is not None and not ending.is_done:
            self._ask_before(last)

    def _ask_before(self, id_: EntryId) -> None:
        self._call("recall log", ("XREVRANGE", self._key, f"({id_}", "-", "COUNT", ENTRIES))


def _read_entry(fields: Sequence[bytes]) -> tuple[Rows | Happening | None, int]:
    if len(fields) != 2:
        return None, 0
    name, body = fields
    match name:
        case b"d" | b"z":
            return decode_rows(body, is_compressed=name == b"z"), len(body)
        case b"s":
            return decode_happening(body), len(body)
        case _:
            return None, len(body)
