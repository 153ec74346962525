"""A reader of a log on a real server, and who writes that log."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from tests.actors.ear import Ear
from tests.conftest import wait_until
from tests.valkey import Valkey
from websocket_v6.actors.fleet.log_reader import LogReader
from websocket_v6.actors.messages.fleet import JoinLog
from websocket_v6.actors.messages.router import Attach, SourceOpened
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.dialing.servers import Servers
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.fleet.entries import (
    Checkpoint,
    Happening,
    Last,
    Open,
    State,
    encode_happening,
    encode_last,
    encode_rows,
)
from websocket_v6.protocol.fleet.ids import EntryId, Keys

__all__ = ["KEYS", "TERM", "World"]

KEYS = Keys("0123456789ab")
TERM = 1000


class Leader:
    """Writes the log as a leader does."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.last = EntryId(0, 0)
        self.clock = 0

    def lead(self, term: int = TERM, log: str = "log", *, is_seamless: bool = False, clock: int = 0) -> None:
        """Lead from now on, with a clock that is so many nanoseconds ahead."""
        self.clock = clock
        fields = {"term": term, "log": log, "owner": "me", "beat": 1, "format": 1, "wall": self.now}
        self.client.hset(KEYS.lead, mapping=fields)
        opened = Open(log, "me", self.now, seamless=is_seamless, after=str(self.last))
        self._add(EntryId(term, 0), "s", encode_happening(opened))

    @property
    def now(self) -> int:
        return time.time_ns() + self.clock

    def _add(self, id_: EntryId, field: str, body: bytes) -> None:
        self.client.xadd(KEYS.log("public"), {field: body}, id=str(id_))
        self.last = id_

    @property
    def next(self) -> EntryId:
        return self.last._replace(sequence=self.last.sequence + 1)

    def say(self, what: Happening, skip: int = 1) -> None:
        self._add(self.last._replace(sequence=self.last.sequence + skip), "s", encode_happening(what))

    def rows(self, *payloads: bytes, stream: str = "trade KRW-BTC", skip: int = 1) -> None:
        body = encode_rows(self.now - 10_000, 10, 0, [stream] * len(payloads), payloads)
        self._add(self.last._replace(sequence=self.last.sequence + skip), "d", body)

    def open(self, *, is_seamless: bool = False, backfills: bool = False) -> None:
        fetches = ["trade KRW-BTC"] if backfills else []
        self.say(State("open", 1, self.now, self.now, seamless=is_seamless, backfills=backfills, fetches=fetches))

    def values(self, *streams: str) -> None:
        """Write last values, and say so."""
        state = State("open", 1, time.time_ns(), time.time_ns())
        last = Last(
            *self.last,
            time.time_ns(),
            state,
            list(streams),
            list(streams),
            [b"last"] * len(streams),
            [5] * len(streams),
        )
        self.client.set(KEYS.last("public"), encode_last(last))
        self.say(Checkpoint(self.last.sequence))


class World:
    def __init__(self, server: Valkey, servers: Servers) -> None:
        self.server = server
        self.client = server.client()
        self.leader = Leader(self.client)
        self.owner = Ear()
        self.router = Ear()
        self.reader = LogReader(
            endpoint="public",
            source=4,
            servers=servers,
            keys=KEYS,
            owner=self.owner.ref,
            router=self.router.ref,
            backoff=(0.02, 0.1),
        )
        self.said: list[Any] = []

    def start(self) -> None:
        self.reader.start()

    def hear(self, *kinds: type) -> Any:
        """Wait for the next message of these types to the router; grant credits as it does."""
        while True:
            message = self.router.hear()
            self.said.append(message)
            if isinstance(message, SourceOpened):
                attach = next(one for one in reversed(self.said) if isinstance(one, Attach))
                for _ in range(attach.size):
                    attach.credits.put(True)
            if isinstance(message, kinds):
                return message

    def payloads(self) -> list[bytes]:
        return list(self.hear(Batch).payloads)

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Have the server out of the reader's reach, but not out of the leader's, for so long that this is told."""
        with patch.object(self.reader._ways, "open", side_effect=TransportError("it is cut off")):
            self.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            yield

    def running(self) -> None:
        """Have a leader whose connection is open, and a reader that is at the end of its log."""
        self.leader.lead()
        self.start()
        wait_until(lambda: any(isinstance(one, JoinLog) for one in self.owner.heard()), "it is at the end")
        self.reader.want(["trade KRW-BTC"])
        self.leader.open()
        self.hear(SourceOpened)
        self.leader.rows(b"1")
        assert self.payloads() == [b"1"]
