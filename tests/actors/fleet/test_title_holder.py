from collections.abc import Iterator

import pytest

from tests.valkey import Valkey, needs_server
from websocket_v6.actors.fleet.lines import Line, open_line
from websocket_v6.actors.fleet.title_holder import TitleHolder
from websocket_v6.protocol.dialing.servers import Servers
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.fleet.entries import Open, decode_happening
from websocket_v6.protocol.fleet.standing import Standing

from .conftest import KEYS

pytestmark = needs_server


@pytest.fixture
def line(servers: Servers) -> Iterator[Line]:
    one = open_line(servers, KEYS.lead)
    yield one
    one.close()


def holder(name: str = "me") -> TitleHolder:
    return TitleHolder(KEYS, ("public",), name, "bot", "SIMPLE")


def look(one: TitleHolder, line: Line, at: float = 0.0) -> bool:
    return one.looked(line.call(*one.look()), at, at)


def take(one: TitleHolder, line: Line, *, is_new: bool = False) -> bool:
    return one.has_taken(line.call(one.take(is_new=is_new))[0]) and one.opened(line.call(*one.open()))


def stand(one: TitleHolder, line: Line) -> Standing:
    return one.stands(line.call(*one.look()))


def test_the_first_leads_and_others_watch_it(line: Line) -> None:
    me, other = holder(), holder("other")
    assert look(me, line)
    assert take(me, line)
    assert stand(me, line) is Standing.LEADS
    assert not look(other, line)
    assert other.lead is not None
    assert other.lead.owner == "me"
    assert line.call(me.beat()) == [[1, 2]]


def test_a_beat_that_stands_still_is_taken_over(line: Line) -> None:
    me, other = holder(), holder("other")
    look(me, line)
    take(me, line)
    assert [look(other, line, at) for at in (0.0, 0.5, 1.0, 1.5, 2.0)] == [False] * 4 + [True]
    assert take(other, line)
    assert stand(me, line) is Standing.LOST
    me.lost()
    assert me.title is None


def test_of_two_that_take_at_once_one_has_it(line: Line) -> None:
    me, other = holder(), holder("other")
    look(me, line)
    look(other, line)
    assert take(me, line)
    assert not take(other, line)


def test_what_is_laid_down_may_be_taken_at_once(line: Line) -> None:
    me, other = holder(), holder("other")
    look(me, line)
    take(me, line)
    look(other, line)
    line.call(me.release())
    assert look(other, line, 0.5)
    assert take(other, line)


def test_a_title_that_is_promised_is_taken_and_its_logs_are_continued(server: Valkey, line: Line) -> None:
    me, other = holder(), TitleHolder(KEYS, ("public",), "other", "bot", "DEFAULT")
    look(me, line)
    take(me, line)
    look(other, line)
    assert line.call(me.leave(), other.claim(), me.beat()) == [[1], [1], [1, 2]]
    assert other.has_taken(line.call(other.take(is_new=False))[0])
    assert other.opened(line.call(*other.open(is_seamless=True)))
    with server.client() as client:
        ((_, fields),) = client.xrevrange(KEYS.log("public"), count=1)
    opened = decode_happening(fields[b"s"])
    assert isinstance(opened, Open)
    assert opened.seamless
    assert opened.messages == "SIMPLE", "as the log has it"
    assert stand(me, line) is Standing.LOST


def test_a_stream_that_is_gone_is_begun_anew_by_who_leads(server: Valkey, line: Line) -> None:
    me = holder()
    look(me, line)
    take(me, line)
    before = me.title
    with server.client() as client:
        client.delete(KEYS.log("public"))
    assert stand(me, line) is Standing.GONE
    assert take(me, line, is_new=True)
    assert before is not None
    assert me.title is not None
    assert me.title.term > before.term
    assert me.title.log != before.log
    assert stand(me, line) is Standing.LEADS


def test_a_log_with_a_greater_term_is_opened_above_it(server: Valkey, line: Line) -> None:
    me = holder()
    look(me, line)
    high = 4 * 10**15
    with server.client() as client:
        client.xadd(KEYS.log("public"), {"d": b""}, id=f"{high}-3")
    assert me.has_taken(line.call(me.take(is_new=False))[0])
    assert not me.opened(line.call(*me.open()))
    look(me, line)
    assert take(me, line)
    assert me.title is not None
    assert me.title.term > high


def test_another_hash_under_that_name_is_no_title(server: Valkey, line: Line) -> None:
    with server.client() as client:
        client.hset(KEYS.lead, "a", "b")
        with pytest.raises(TransportError, match="no fleet's title"):
            look(holder(), line)
        client.delete(KEYS.lead)
        client.set(KEYS.lead, "x")
        with pytest.raises(TransportError, match="cannot be read: WRONGTYPE"):
            look(holder(), line)
