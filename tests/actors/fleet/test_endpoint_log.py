"""One endpoint's log by itself; what it is told by its mouth, and in which order, is in test_log_mouth.py."""

import time
from typing import Any, cast

import msgpack

from websocket_v6.actors.fleet.endpoint_log import EndpointLog
from websocket_v6.actors.fleet.writer import Writer
from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.fleet.entries import Checkpoint, State
from websocket_v6.protocol.fleet.ids import EntryId


class Server:
    def __init__(self) -> None:
        self.commands: list[tuple[Any, ...]] = []

    def put(self, data: bytes) -> None:
        unpacker = msgpack.Unpacker(use_list=False)
        unpacker.feed(data)
        self.commands += list(unpacker)


def log() -> EndpointLog:
    return EndpointLog(
        "log", 60.0, 1 << 20, lambda command: cast(bytes, msgpack.packb(tuple(command))), compresses=False
    )


def test_what_was_written_before_there_was_a_connection_is_written_then() -> None:
    one, server = log(), Server()
    one.begin(7, None, None, None)
    one.say(Checkpoint(1))
    one.pending.append(make_event("ticker KRW-BTC", b"{}", 1, time.time_ns()))
    one.flush(0.0)
    one.append_again(cast(Writer, server), EntryId(7, 1), 0.0, is_full=False)
    assert [each[3] for each in server.commands] == ["7-2"]
    one.end()
    one.say(Checkpoint(2))
    assert len(server.commands) == 1, "another machine leads"


def test_a_log_that_is_begun_anew_promises_nothing_more() -> None:
    one = log()
    one.begin(7, None, None, None)
    one.served()
    one.promise.held(4, {"trade KRW-BTC": (1,)})
    assert one.promised(4, may_promise=True) == ["trade KRW-BTC"]
    one.state = State("open", 4, 5, 5, backfills=True, fetches=["trade KRW-BTC"])
    one.begin(9, None, None, None)
    assert not one.promise.streams
    assert one.state == State("open", 4, 5, 5)
