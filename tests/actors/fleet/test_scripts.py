"""What the scripts do on a real server is what the model of `tests/protocol/fleet/world.py` does."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.valkey import Valkey, needs_server
from websocket_v6.actors.fleet.scripts import BEAT, CLAIM, LEAVE, OPEN, RELEASE, TAKE
from websocket_v6.protocol.fleet.entries import Open, decode_happening, encode_open
from websocket_v6.protocol.fleet.ids import before_term
from websocket_v6.protocol.fleet.title import lead_of

pytestmark = needs_server


class Host:
    def __init__(self, client: Any, name: str = "me") -> None:
        self.client = client
        self.name = name

    def take(
        self,
        seen: tuple[Any, Any] = ("", ""),
        *,
        floor: int = 0,
        is_new: bool = False,
        random: int = 5,
        messages: str = "SIMPLE",
    ) -> Any:
        arguments = (*seen, self.name, "bot", floor, random, "a log", int(is_new), 1, 77, messages)
        return self.client.eval(TAKE, 1, "lead", *arguments)

    def open(self, term: bytes | int) -> Any:
        text = term.decode() if isinstance(term, bytes) else str(term)
        return self.client.eval(OPEN, 1, "log", text, encode_open(Open("a log", "bot", 5)))

    def beat(self, term: bytes | int) -> Any:
        return self.client.eval(BEAT, 1, "lead", term, self.name, 78)


@pytest.fixture
def me(server: Valkey) -> Iterator[Host]:
    client = server.client()
    yield Host(client)
    client.close()


def test_a_title_that_nobody_has_is_taken_with_the_server_s_clock_in_its_term(me: Host) -> None:
    took, term, log, messages = me.take()
    assert (took, log, messages) == (1, b"a log", b"SIMPLE")
    assert abs(int(term) / 1024 - time.time() * 1000) < 10_000
    lead = lead_of(me.client.hgetall("lead"))
    assert lead is not None
    assert (lead.term, lead.owner, lead.beat, lead.name, lead.wall_ns) == (int(term), "me", 1, "bot", 77)


def test_only_the_beat_that_was_seen_can_be_taken(me: Host) -> None:
    _, term, *_ = me.take()
    assert me.take() == [0]
    assert me.take((term, 2)) == [0]
    assert me.beat(term) == [1, 2]
    assert me.take((term, 1)) == [0]
    took, next_, log, _ = Host(me.client, "other").take((term, 2))
    assert (took, log) == (1, b"a log")
    assert int(next_) > int(term)
    assert me.beat(term) == [0]


def test_a_term_is_above_all_that_was_there_whatever_the_clock_says(me: Host) -> None:
    high = 3 * 10**15
    _, term, *_ = me.take(floor=high)
    assert int(term) == high + 1 + 5
    _, term, *_ = me.take((term, 1), random=1000)
    assert int(term) == high + 1 + 5 + 1 + 1000


def test_a_new_log_is_one_with_another_name(me: Host) -> None:
    _, term, *_ = me.take()
    me.client.hset("lead", "log", "before")
    _, term, log, _ = me.take((term, 1))
    assert log == b"before"
    assert me.take((term, 1), is_new=True)[2] == b"a log"


def test_a_title_that_is_laid_down_is_nobody_s(me: Host) -> None:
    _, term, *_ = me.take()
    assert me.client.eval(RELEASE, 1, "lead", term, "other") == [0]
    assert me.client.eval(RELEASE, 1, "lead", term, "me") == [1]
    lead = lead_of(me.client.hgetall("lead"))
    assert lead is not None
    assert lead.owner == ""
    assert me.beat(term) == [0]


def test_a_title_is_promised_to_the_first_that_asks_who_takes_it_whatever_the_beat(me: Host) -> None:
    _, term, *_ = me.take()
    other, third = Host(me.client, "other"), Host(me.client, "third")

    def claim(host: Host, of: Any = term) -> Any:
        return me.client.eval(CLAIM, 1, "lead", of, host.name)

    assert claim(other) == [0], "who leads stays"
    assert me.client.eval(LEAVE, 1, "lead", term, "other") == [0]
    assert me.client.eval(LEAVE, 1, "lead", term, "me") == [1]
    assert [claim(other), claim(third), claim(other)] == [[1], [0], [1]]
    assert claim(third, int(term) - 1) == [0]
    lead = lead_of(me.client.hgetall("lead"))
    assert lead is not None
    assert (lead.is_leaving, lead.heir, lead.messages) == (True, "other", "SIMPLE")
    me.beat(term)
    assert third.take((term, 1)) == [0]
    assert other.take((int(term) - 1, 1)) == [0]
    assert other.take((term, 1))[0] == 1
    lead = lead_of(me.client.hgetall("lead"))
    assert lead is not None
    assert (lead.owner, lead.is_leaving, lead.heir) == ("other", False, "")


def test_a_promise_ends_with_the_title(me: Host) -> None:
    _, term, *_ = me.take()
    me.client.eval(LEAVE, 1, "lead", term, "me")
    me.client.eval(CLAIM, 1, "lead", term, "other")
    me.client.eval(RELEASE, 1, "lead", term, "me")
    assert not me.client.hexists("lead", "leaving")
    assert not me.client.hexists("lead", "heir")


def test_the_exchange_s_format_is_the_first_leader_s(me: Host) -> None:
    _, term, *_ = me.take(messages="DEFAULT")
    assert Host(me.client, "other").take((term, 1), messages="SIMPLE")[3] == b"DEFAULT"


def test_a_stream_is_opened_with_the_last_entry_before(me: Host) -> None:
    assert me.open(7) == [1, b"0-0"]
    me.client.xadd("log", {"d": b"x"}, id="7-1", nomkstream=True)
    assert me.open(9) == [1, b"7-1"]
    (_, first), *_, (id_, last) = me.client.xrange("log")
    assert id_ == b"9-0"
    assert decode_happening(first[b"s"]) == Open("a log", "bot", 5, after="0-0")
    assert decode_happening(last[b"s"]) == Open("a log", "bot", 5, after="7-1")


def test_a_stream_is_opened_once_and_not_below_what_is_there(me: Host) -> None:
    me.open(7)
    me.client.xadd("log", {"d": b"x"}, id="7-1")
    assert me.open(7) == [1, b"7-1"]
    assert me.open(6) == [0, b"7-1"]
    assert me.client.xlen("log") == 2


def test_who_is_above_a_term_reads_it_from_its_first_entry(me: Host) -> None:
    me.open(7)
    ((_, entries),) = me.client.xread({"log": str(before_term(7))})
    assert [id_ for id_, _ in entries] == [b"7-0"]


def test_a_server_without_memory_leaves_the_leader_its_title(me: Host) -> None:
    _, term, *_ = me.take()
    me.client.config_set("maxmemory", "1")
    assert me.beat(term) == [1, 2]
    assert me.take((term, 2))[0] == 1
    with pytest.raises(Exception, match=r"used memory|OOM"):
        me.open(7)
