"""The reader against a real server: what stands in the log becomes what a source says."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.actors.ear import Ear
from tests.conftest import wait_until
from tests.valkey import Valkey, needs_server
from websocket_v6.actors.fleet.log_reader import LogReader
from websocket_v6.actors.messages.fleet import JoinLog, LogServes
from websocket_v6.actors.messages.router import Attach, SourceEnded, SourceOpened, SourceSaid, SourceState
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.dialing.servers import Servers
from websocket_v6.protocol.fleet.entries import (
    Checkpoint,
    Covers,
    Happening,
    Last,
    Open,
    Refused,
    State,
    encode_happening,
    encode_last,
    encode_rows,
)
from websocket_v6.protocol.fleet.ids import EntryId

from .conftest import KEYS

pytestmark = needs_server

TERM = 1000


class Leader:
    """Writes the log as a leader does."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.last = EntryId(0, 0)

    def lead(self, term: int = TERM, log: str = "log") -> None:
        fields = {"term": term, "log": log, "owner": "me", "beat": 1, "format": 1, "wall": time.time_ns()}
        self.client.hset(KEYS.lead, mapping=fields)
        self._add(EntryId(term, 0), "s", encode_happening(Open(log, "me", 5, after=str(self.last))))

    def _add(self, id_: EntryId, field: str, body: bytes) -> None:
        self.client.xadd(KEYS.log("public"), {field: body}, id=str(id_))
        self.last = id_

    def say(self, what: Happening, skip: int = 1) -> None:
        self._add(self.last._replace(sequence=self.last.sequence + skip), "s", encode_happening(what))

    def rows(self, *payloads: bytes, stream: str = "trade KRW-BTC", skip: int = 1) -> None:
        body = encode_rows(time.time_ns(), 10, 0, [stream] * len(payloads), payloads)
        self._add(self.last._replace(sequence=self.last.sequence + skip), "d", body)

    def open(self) -> None:
        self.say(State("open", 1, time.time_ns(), time.time_ns()))

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


@pytest.fixture
def world(server: Valkey, servers: Servers) -> Iterator[World]:
    one = World(server, servers)
    yield one
    one.reader.finish()
    if one.reader.ident is not None:
        one.reader.join(5.0)
    assert not one.reader.is_alive()
    one.client.close()


def test_it_waits_for_a_leader(world: World) -> None:
    world.start()
    assert world.hear(SourceState).state == "connecting"
    world.leader.lead()
    world.leader.open()
    wait_until(lambda: any(isinstance(one, JoinLog) for one in world.owner.heard()), "it asks how things stand")
    world.leader.values()
    world.hear(SourceOpened)


def test_an_attachment_begins_with_the_leader_s_connection_and_ends_with_it(world: World) -> None:
    world.running()
    world.leader.say(State("lost", 1, time.time_ns(), time.time_ns(), reason="it hung up"))
    assert world.hear(SourceEnded).reason == "it hung up"
    world.leader.say(State("connecting", 1, time.time_ns(), time.time_ns()))
    assert world.hear(SourceState).state == "lost"
    assert world.hear(SourceState).state == "connecting"
    world.leader.open()
    world.hear(SourceOpened)
    world.leader.rows(b"2")
    assert world.payloads() == [b"2"]


def test_what_is_not_wanted_is_left_out(world: World) -> None:
    world.running()
    world.leader.rows(b"x", stream="ticker KRW-ETH")
    world.leader.rows(b"2")
    assert world.payloads() == [b"2"]


def test_a_hole_is_a_gap(world: World) -> None:
    world.running()
    world.leader.rows(b"3", skip=2)
    assert "a hole" in world.hear(SourceEnded).reason
    world.hear(SourceOpened)
    assert world.payloads() == [b"3"]


def test_another_leader_is_a_gap_until_its_connection_is_open(world: World) -> None:
    world.running()
    world.leader.lead(TERM + 5)
    assert "another machine leads" in world.hear(SourceEnded).reason
    world.leader.rows(b"2")
    world.leader.open()
    world.hear(SourceOpened)
    world.leader.rows(b"3")
    assert world.payloads() == [b"3"]


def test_a_newcomer_gets_the_last_value_and_what_came_since(world: World) -> None:
    world.running()
    world.reader.want(["trade KRW-BTC", "ticker KRW-ETH"])
    wait_until(lambda: any(isinstance(one, JoinLog) for one in world.owner.heard()), "it asks for a checkpoint")
    world.leader.values("ticker KRW-ETH")
    world.leader.rows(b"7", stream="ticker KRW-ETH")
    first = world.hear(Batch)
    assert (first.payloads, first.replayed) == ([b"last"], True)
    assert world.payloads() == [b"7"]


def test_what_is_refused_is_said_in_its_order(world: World) -> None:
    world.running()
    world.leader.say(Refused(["trade KRW-BTC"], "INVALID", "no"))
    said = world.hear(SourceSaid)
    assert (said.notice.streams, said.notice.name) == (("trade KRW-BTC",), "INVALID")


def test_what_the_log_does_not_bring_any_more_is_a_gap(world: World) -> None:
    world.running()
    world.leader.values()  # so that nothing is owed
    world.leader.say(Covers([], ["trade KRW-BTC"]))
    assert "does not bring trade KRW-BTC" in world.hear(SourceEnded).reason


def test_an_entry_that_cannot_be_read_is_a_gap(world: World) -> None:
    world.running()
    world.leader._add(EntryId(TERM, world.leader.last.sequence + 1), "d", b"nonsense")
    assert "cannot be read" in world.hear(SourceEnded).reason
    world.leader.rows(b"3")
    world.hear(SourceOpened)
    assert world.payloads() == [b"3"]


def test_a_field_of_a_later_version_is_passed_over_and_counted(world: World) -> None:
    world.running()
    world.leader._add(EntryId(TERM, world.leader.last.sequence + 1), "future", b"?")
    world.leader.rows(b"3")
    assert world.payloads() == [b"3"]
    assert not [one for one in world.said if isinstance(one, SourceEnded)]


def test_a_server_that_is_back_at_once_costs_nothing(world: World) -> None:
    world.running()
    world.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    world.leader.rows(b"2")
    world.leader.rows(b"3")
    assert world.payloads() + world.payloads() == [b"2", b"3"]
    assert not [one for one in world.said if isinstance(one, SourceEnded)]


def test_a_server_that_stays_away_is_told_and_what_was_written_meanwhile_comes(world: World) -> None:
    world.running()
    world.server.pause()
    ended = world.hear(SourceEnded)
    assert "does not answer" in ended.reason
    world.server.go_on()
    world.leader.rows(b"2")
    world.leader.rows(b"3")
    assert world.payloads() + world.payloads() == [b"2", b"3"]


def test_without_credits_the_log_is_left_alone(world: World) -> None:
    world.leader.lead()
    world.start()
    wait_until(lambda: any(isinstance(one, JoinLog) for one in world.owner.heard()), "it is at the end")
    world.reader.want(["trade KRW-BTC"])
    world.leader.open()
    for number in range(50):
        world.leader.rows(str(number).encode())
    found: list[Any] = []

    def attached() -> bool:
        found.extend(world.router.heard())
        return any(isinstance(one, SourceOpened) for one in found)

    wait_until(attached, "it is attached")
    (attach,) = [one for one in found if isinstance(one, Attach)]
    assert not [one for one in found if isinstance(one, Batch)]
    for _ in range(3):
        attach.credits.put(True)

    def three() -> bool:
        found.extend(world.router.heard())
        return len([one for one in found if isinstance(one, Batch)]) == 3

    wait_until(three, "three batches")
    for _ in range(60):
        attach.credits.put(True)

    def all_() -> bool:
        found.extend(world.router.heard())
        return [one.payloads[0] for one in found if isinstance(one, Batch)] == [
            str(number).encode() for number in range(50)
        ]

    wait_until(all_, "all of them")


def test_it_ends_at_once_whatever_it_waits_for(world: World) -> None:
    world.running()
    before = time.monotonic()
    world.reader.finish()
    world.reader.join(5.0)
    assert time.monotonic() - before < 1.0
    assert world.hear(SourceEnded)
    assert world.hear(SourceState).state == "closed"
    serves = [one for one in world.owner.heard() if isinstance(one, LogServes)]
    assert serves[-1].state == "closed"


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_leader_whose_clock_is_minutes_off_is_read_in_this_machine_s_time(world: World, minutes: int) -> None:
    off_ns = minutes * 60 * 10**9
    world.leader.lead()
    world.client.hset(KEYS.lead, "wall", time.time_ns() + off_ns)
    world.start()
    wait_until(lambda: any(isinstance(one, JoinLog) for one in world.owner.heard()), "it is at the end")
    world.reader.want(["trade KRW-BTC"])
    world.leader.say(State("open", 1, time.time_ns() + off_ns, time.time_ns() + off_ns))
    assert abs(world.hear(SourceOpened).at_ns - time.time_ns()) < 5 * 10**9
    body = encode_rows(time.time_ns() + off_ns, 10, 0, ["trade KRW-BTC"], [b"1"])
    world.leader._add(EntryId(TERM, world.leader.last.sequence + 1), "d", body)
    batch = world.hear(Batch)
    assert abs(batch.ts_received_ns - time.time_ns()) < 5 * 10**9
