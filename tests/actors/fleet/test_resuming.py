"""How a reader goes on where it was left, against a real server."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.valkey import Valkey, needs_server
from websocket_v6.actors.fleet.lines import Line, open_line
from websocket_v6.actors.fleet.progress import Claimed, Progress
from websocket_v6.actors.fleet.resuming import LEAST, Resuming
from websocket_v6.protocol.dialing.servers import Servers
from websocket_v6.protocol.errors import ConfigError, TransportError
from websocket_v6.protocol.fleet.entries import Rows
from websocket_v6.protocol.fleet.ids import EntryId, parse_id
from websocket_v6.protocol.fleet.place import Place
from websocket_v6.protocol.fleet.resume import Behind, Resumption, Saved

from .conftest import KEYS

pytestmark = needs_server

A, B = "trade KRW-BTC", "trade KRW-ETH"
CLAIMED = Claimed(KEYS.place("me"), "mine", 60_000)


def at(sequence: int) -> EntryId:
    return EntryId(9, sequence)


@pytest.fixture
def client(server: Valkey) -> Iterator[Any]:
    with server.client() as one:
        one.hset(CLAIMED.key, mapping={"owner": "mine", "beat": 1})
        yield one


@pytest.fixture
def line(servers: Servers) -> Iterator[Line]:
    one = open_line(servers, CLAIMED.key)
    yield one
    one.close()


def resuming(saved: Saved | None = None, until: EntryId | None = None) -> tuple[Resuming, list[Progress]]:
    told: list[Progress] = []
    resumption = None if saved is None else Resumption(saved, until)
    return Resuming("public", CLAIMED, told.append, resumption), told


def test_the_server_knows_how_far_it_may_read_before_it_does(client: Any, line: Line) -> None:
    one, _ = resuming()
    one.go_on(Place("log", at(3)), at(3))
    one.reserve(line, at(5), 2, frozenset({A}))
    assert parse_id(client.hget(CLAIMED.key, "public:until")) == at(5 + LEAST)
    client.hdel(CLAIMED.key, "public:until")
    one.reserve(line, at(5 + LEAST), 2, frozenset({A}))
    assert not client.hexists(CLAIMED.key, "public:until"), "that is known already"
    one.reserve(line, EntryId(10, 1), 2, frozenset({A}))
    assert parse_id(client.hget(CLAIMED.key, "public:until")).term == 10


def test_where_a_newcomer_begins_is_kept_before_anything_is_delivered(client: Any, line: Line) -> None:
    one, _ = resuming()
    one.go_on(Place("log", at(3)), at(3))
    one.keep_first(line)
    assert not client.hexists(CLAIMED.key, "public")
    one.attached(Place("log", at(4)))
    one.reserve(line, at(5), 1, frozenset({A}))
    one.keep_first(line)
    fields = {name.decode(): value for name, value in client.hgetall(CLAIMED.key).items()}
    found = CLAIMED.resumption("public", fields)
    assert found is not None
    assert (found.saved.at, found.saved.streams) == (at(4), [A])
    one.attached(Place("log", at(9)))
    one.keep_first(line)
    assert client.hget(CLAIMED.key, "public") == b"9-4"


def test_a_name_that_is_another_s_by_now_ends_the_reading(client: Any, line: Line) -> None:
    one, _ = resuming()
    one.go_on(Place("log", at(3)), at(3))
    client.hset(CLAIMED.key, "owner", "other")
    client.hset(CLAIMED.key, "who", "host (7)")
    with pytest.raises(ConfigError, match=r"in use by host \(7\)"):
        one.reserve(line, at(5), 1, frozenset())


def test_what_the_server_has_lost_is_said_again(client: Any, line: Line) -> None:
    one, _ = resuming()
    one.go_on(Place("log", at(3)), at(3))
    one.reserve(line, at(5), 1, frozenset({A}))
    client.delete(CLAIMED.key)
    with pytest.raises(TransportError, match="has lost the place"):
        one.reserve(line, at(50), 1, frozenset({A}))
    client.hset(CLAIMED.key, "owner", "mine")
    one.reserve(line, at(50), 1, frozenset({A}))
    assert client.hexists(CLAIMED.key, "public:streams")


def test_who_goes_on_after_an_orderly_end_says_how_far_it_may_read_before_it_reads(client: Any, line: Line) -> None:
    one, _ = resuming(Saved("log", 9, 8, 30, [A], {A: Behind(9, 3, 1)}))
    one.go_on(Place("log", at(2)), at(9))
    one.reserve(line, at(3), 1, frozenset({A}))
    assert client.hexists(CLAIMED.key, "public:until")


def test_what_the_fleet_saw_that_the_server_has_lost_is_said_again_with_nothing_to_read(
    client: Any, line: Line
) -> None:
    one, told = resuming()
    one.go_on(Place("log", at(3)), at(3))
    one.reserve(line, at(5), 1, frozenset({A}))
    client.hdel(CLAIMED.key, "public:until", "public:streams")
    one.renew(line, at(5), frozenset({A}))
    assert not client.hexists(CLAIMED.key, "public:until"), "nobody saw it"
    told[0].keep_again()
    one.renew(line, at(5), frozenset({A}))
    assert client.hexists(CLAIMED.key, "public:until")
    assert client.hexists(CLAIMED.key, "public:streams")


def test_it_waits_for_all_that_it_had_and_says_what_is_late() -> None:
    one, told = resuming(Saved("log", 9, 3, 30, [A, B]))
    assert one.missed == [A, B]
    one.wanted = frozenset({A})
    assert one.missed == [B]
    one.go_on(Place("log", at(3)), at(7))
    assert one.start() == (frozenset({A}), at(7), [A, B])
    assert one.late([A, B]) == [B]
    assert one.late([A, B]) == [], "once"
    (progress,) = told
    assert progress.read == at(3)


def test_times_rise_with_each_entry() -> None:
    one, _ = resuming()
    assert [one.later(at_ns) for at_ns in (5, 5, 4, 9)] == [5, 6, 7, 9]


def test_what_is_owed_ends_with_what_may_have_been_read_and_with_another_log() -> None:
    one, told = resuming(Saved("log", 9, 3, 30, [A]), at(5))
    one.go_on(Place("log", at(3)), at(4))
    row = Rows(5, 0, 0, [A], [b"x"])
    assert [[part.may_repeat for part in one.parts(at(sequence), row)] for sequence in (3, 4, 5, 6)] == [
        [],
        [True],
        [True],
        [False],
    ]
    assert one.has_caught_up(at(5))
    assert not one.has_caught_up(at(4))
    other, told = resuming(Saved("log", 9, 3, 30, [A]), at(5))
    place = Place("log", at(3))
    other.go_on(place, at(4))
    other.reached(Place("log", at(4)))
    assert other.read == at(4)
    other.start()
    other.went_back(Place("new", EntryId(2, 0)))
    assert [part.may_repeat for part in other.parts(EntryId(2, 1), row)] == [False]
    assert told[0].read == EntryId(2, 0)


def test_what_the_process_before_read_is_marked_however_often_the_log_goes_back() -> None:
    """The next log may not have it, and the one after that does again: a failover brought it back."""
    one, _ = resuming(Saved("log", 9, 3, 30, [A]), at(5))
    one.go_on(Place("log", at(3)), at(4))
    one.start()
    row = Rows(5, 0, 0, [A], [b"x"])
    one.went_back(Place("new", EntryId(20, 0)))
    assert [part.may_repeat for part in one.parts(EntryId(20, 1), row)] == [False]
    one.went_back(Place("new", at(2)))
    assert [part.may_repeat for part in one.parts(at(4), row)] == [True]
