"""A real server at a real socket, with whoever may come: guests, strangers, those who break rules, those who sleep."""

import itertools
import json
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.actors.ear import Ear
from tests.actors.server.visitor import HANG_UP, KEY, TERM, TIMEOUT, House, Visitor, request_of
from tests.conftest import wait_until
from websocket_v6.actors.base import stop_and_join
from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.messages.registry import (
    Asker,
    AskExchange,
    AskReach,
    ComponentGone,
    Subscribe,
    Unsubscribe,
    Watch,
)
from websocket_v6.actors.messages.router import Beat, Beaten
from websocket_v6.actors.messages.server import (
    CloseMember,
    Confirm,
    Dismiss,
    DoorDoubts,
    Doubt,
    MemberCame,
    MemberGone,
    MemberSaid,
    NameMember,
    SayToMember,
    ShareWith,
)
from websocket_v6.actors.messages.supervisor import DoorFailed
from websocket_v6.actors.server import base_server, server, sockets
from websocket_v6.actors.server.server import ClientHealth, Server
from websocket_v6.actors.server.server_client import Stage
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.door import MEMBER_PATH, DoorError, DoorProblem
from websocket_v6.protocol.connection.target import DOOR_PATHS
from websocket_v6.protocol.errors import StreamError
from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.server import words

BITCOIN = "ticker KRW-BTC"
BINARY, CLOSE, PONG = 2, 8, 10
TICKER = b'{"ty":"ticker","cd":"KRW-BTC","tp":1.0}'
REQUEST = '[{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"]}]'


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(str(tmp_path / "door")) as house:
        yield house


def way_of(house: House) -> Way:
    """Return the way to the guest that came last."""
    watches = [one for one in house.registry.heard() if isinstance(one, Watch)]
    assert isinstance(watches[-1].component, Way)
    return watches[-1].component


def event(number: int = 1, size: int = 0) -> Event:
    return make_event(BITCOIN, TICKER + b" " * size, 1, number)


def deliver(way: Way, *events: Event) -> None:
    way.mouth.deliver([(way, list(events))])


# --- who is let in


def test_a_member_comes_is_named_says_something_and_goes(house: House) -> None:
    visitor = house.visit(MEMBER_PATH)
    came = house.hear(MemberCame)
    assert came.pid == os.getpid()
    assert visitor.headers["x-v6-term"] == str(TERM)
    visitor.say(b"hello")
    assert house.hear(MemberSaid) == MemberSaid(came.client, b"hello")
    house.tell(SayToMember(came.client, b"welcome"))
    assert visitor.next() == (BINARY, b"welcome")
    visitor.close()
    assert house.hear(MemberGone).client == came.client
    house.tell(SayToMember(came.client, b"too late"), CloseMember(came.client, 1000, ""))
    assert house.health().members == ()


def test_it_also_listens_on_loopback() -> None:
    with House("127.0.0.1:0") as house:
        member, _ = house.member()
        guest = house.guest()
        deliver(way_of(house), event())
        assert isinstance(guest.word(), words.Rows)
        member.close()
        assert guest.closing()[0] == 1001


@pytest.mark.parametrize(
    ("request_", "status", "has"),
    [
        (b"\r\n\r\n", 400, b""),
        (b"\x00\xff\xfe\r\n\r\n", 400, b""),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, b""),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 403, b""),
        (b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 4000, 431, b""),
        (request_of(X_V6_Auth=None), 403, b""),
        (request_of(X_V6_Auth="0" * 64), 403, b""),
        (request_of(X_V6_Nonce="0" * 31), 403, b""),
        (request_of(Sec_WebSocket_Protocol=None), 426, b"\r\nSec-WebSocket-Protocol: v6.2\r\n"),
        (request_of(Sec_WebSocket_Protocol="v5, v7.3"), 426, b"\r\nSec-WebSocket-Protocol: v6.2\r\n"),
        (request_of(Sec_WebSocket_Version="12"), 426, b"Sec-WebSocket-Version"),
        (request_of(Upgrade=None), 426, b""),
        (request_of("/elsewhere"), 404, b""),
        (request_of(DOOR_PATHS["public"]), 403, b""),
        (request_of(DOOR_PATHS["public"], X_V6_Member="nobody"), 403, b""),
    ],
)
def test_who_cannot_be_served_hears_why_and_nobody_else_does(
    house: House, request_: bytes, status: int, has: bytes
) -> None:
    answer = house.answer_to(request_)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    assert has in answer
    assert b"X-V6-Auth" not in answer, "who does not know the key learns nothing"
    assert b"X-V6-Other-Keys" not in answer
    assert house.health().members == ()
    assert house.owner.heard() == house.registry.heard() == []


def test_a_stranger_is_logged_once(house: House, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            house.answer_to(request_of(X_V6_Auth="0" * 64))
    assert len([one for one in caplog.records if "cannot be served" in one.message]) == 1
    assert KEY.decode() not in caplog.text


def test_whoever_has_another_key_or_title_is_refused_by_both_sides(house: House) -> None:
    for door, problem in (
        (house.door(key=b"x" * 32), DoorProblem.REFUSED),
        (house.door(term=TERM + 1), DoorProblem.STRANGER),
    ):
        with pytest.raises(DoorError) as found:
            Visitor(door, MEMBER_PATH)
        assert found.value.problem is problem


def test_a_member_gets_what_it_may_have_and_is_told_that_the_rest_is_for_other_keys(house: House) -> None:
    house.member("m", "public")
    house.guest("public")
    for endpoint in ("private", "info"):
        with pytest.raises(DoorError) as found:
            house.guest(endpoint)
        assert (found.value.status, found.value.is_other_keys) == (403, True)
    assert [one.endpoints for one in house.health().members] == [("public",)]


def test_a_handshake_in_pieces_with_a_message_behind_it_is_one_handshake(house: House) -> None:
    with house.raw() as sock:
        data = request_of() + b"\x82\x82\0\0\0\0hi"
        for at in range(0, len(data), 37):
            sock.sendall(data[at : at + 37])
        assert sock.recv(65536).startswith(b"HTTP/1.1 101 ")
        came = house.hear(MemberCame)
        assert house.hear(MemberSaid) == MemberSaid(came.client, b"hi")


def test_who_does_not_finish_its_handshake_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "HANDSHAKE", 0.05)
    monkeypatch.setattr(base_server, "LOOK", 0.02)
    with House(str(tmp_path / "door")) as house, house.raw() as silent, house.raw() as slow:
        slow.sendall(request_of()[:-2])
        member, _ = house.member()
        assert silent.recv(1) == b""
        assert slow.recv(1) == b""
        member.say(b"still there")
        assert house.hear(MemberSaid).data == b"still there"


def test_beyond_what_descriptors_allow_nobody_is_taken_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_server, "most_clients", lambda: 1)
    with House(str(tmp_path / "door")) as house:
        member, _ = house.member()
        with house.raw() as sock:
            assert sock.recv(1) == b""
        member.say(b"still there")
        assert house.hear(MemberSaid).data == b"still there"


# --- who breaks rules


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x82\x02hi", 1002),
        (b"\x83\x82\0\0\0\0hi", 1002),
        (b"\xc2\x82\0\0\0\0hi", 1002),
        (b"\x81\x81\0\0\0\0\xff", 1007),
        (b"\x82\xff\x00\x00\x00\x00\x40\x00\x00\x00\0\0\0\0", 1009),
        (b"\x81\x82\0\0\0\0hi", 1003),
    ],
)
def test_who_breaks_the_rules_is_cut_off_and_nobody_else(house: House, data: bytes, code: int) -> None:
    other, _ = house.member("other")
    bad, number = house.member("bad")
    bad.sock.sendall(data)
    assert bad.closing()[0] == code
    assert house.hear(MemberGone).client == number
    other.say(b"still there")
    assert house.hear(MemberSaid).data == b"still there"
    assert [one.name for one in house.health().members] == [f"process {os.getpid()}"]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"binary", 1003),
        ("no JSON", 1008),
        ("[]", 1008),
        ('[{"ticket":"' + "t" * 65 + '"},{"method":"LIST_SUBSCRIPTIONS"}]', 1008),
    ],
)
def test_a_guest_that_says_what_no_guest_says_is_cut_off(house: House, said: str | bytes, code: int) -> None:
    house.member()
    guest = house.guest()
    guest.say(said)
    assert guest.closing()[0] == code
    kinds = [type(one) for one in house.registry.heard()]
    assert kinds == [Watch, ComponentGone]


def test_pings_are_answered_and_a_close_too(house: House) -> None:
    member, number = house.member()
    member.ping(b"one")
    assert member.next() == (PONG, b"one")
    member.ws.send_close(4000, b"bye")
    assert member.closing() == (4000, "")
    assert house.hear(MemberGone) == MemberGone(number, "bye")


# --- what guests ask


def test_requests_become_leases_and_lists_a_question(house: House) -> None:
    house.member()
    guest = house.guest()
    guest.say(REQUEST)
    watch, take = house.registry.hear(), house.registry.hear()
    assert isinstance(watch, Watch)
    assert isinstance(watch.component, Way)
    assert isinstance(take, Subscribe)
    assert (take.want.type, take.want.codes, take.mailbox, take.component) == (
        "ticker",
        ("KRW-BTC",),
        watch.component,
        None,
    )
    assert take.component_id == watch.component_id
    guest.say(REQUEST)
    guest.say('[{"ticket":"mine"},{"method":"LIST_SUBSCRIPTIONS"}]')
    assert house.registry.hear() == AskExchange("public", Asker(watch.component, "mine")), "the same again is nothing"
    guest.say('[{"ticket":"REACH"},{"method":"REACH"}]')
    assert house.registry.hear() == AskReach("public", watch.component)
    guest.say('[{"ticket":"t"},{"type":"ticker","codes":["KRW-ETH"]}]')
    more, less = house.registry.hear(), house.registry.hear()
    assert isinstance(more, Subscribe)
    assert isinstance(less, Unsubscribe)
    assert more.want.codes == ("KRW-ETH",)
    guest.close()
    assert house.registry.hear() == ComponentGone(watch.component_id)


def test_what_this_host_does_not_know_is_refused_by_name_and_the_rest_served(house: House) -> None:
    house.member()
    guest = house.guest()
    guest.say('[{"ticket":"t"},{"type":"news of tomorrow","codes":["KRW-BTC"]},{"type":"ticker","codes":["KRW-BTC"]}]')
    refused = guest.word()
    assert isinstance(refused, words.Refused)
    assert any("news of tomorrow" in stream for stream in refused.streams)
    house.registry.hear()
    assert house.registry.hear().want.type == "ticker"


def test_a_lease_that_is_refused_is_told_and_may_be_asked_for_again(house: House) -> None:
    house.member()
    guest = house.guest()
    guest.say(REQUEST)
    way, lease = house.registry.hear().component, house.registry.hear().subscription_id
    way.mouth.convey(way, StreamFailed(lease, StreamError("no"), True, (BITCOIN,)))
    assert guest.word() == words.Refused((BITCOIN,), "StreamError", "no")
    guest.say(REQUEST)
    again = house.registry.hear()
    assert isinstance(again, Subscribe)
    assert again.subscription_id != lease


# --- what they get


def test_what_the_router_brings_is_sent_in_order_and_as_it_came(house: House) -> None:
    house.member()
    guest = house.guest()
    way = way_of(house)
    way.mouth.convey(way, ConnectionChanged("public", "open", 1, 7, 3))
    deliver(way, event(10), event(10), event(5_000_000))
    way.mouth.convey(way, ConnectionChanged("public", "lost", 1, 20, 15, "gone"))
    opened = guest.word()
    assert isinstance(opened, words.State)
    assert (opened.state, opened.at_ns, opened.gap_started_ns, opened.backfills) == ("open", 7, 3, True)
    first, second = guest.word(), guest.word()
    assert isinstance(first, words.Rows)
    assert isinstance(second, words.Rows)
    assert (first.ts_received_ns, first.streams, first.payloads) == (10, [BITCOIN] * 2, [TICKER] * 2)
    assert second.ts_received_ns == 5_000_000
    lost = guest.word()
    assert isinstance(lost, words.State)
    assert (lost.state, lost.reason) == ("lost", "gone")


def test_who_reads_nothing_is_cut_off_with_all_its_sockets_and_nobody_else_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "BUDGET", 1_000_000)
    with House(str(tmp_path / "door")) as house:
        slow_member, _ = house.member("slow")
        slow, also = house.guest("public", "slow"), house.guest("info", "slow")
        watches = [one for one in house.registry.heard() if isinstance(one, Watch)]
        slow_way = watches[0].component
        assert isinstance(slow_way, Way)
        house.member("quick")
        quick = house.guest("public", "quick")
        quick_way = way_of(house)
        for number in itertools.count(1):
            big = event(number, 100_000)
            slow_way.mouth.deliver([(slow_way, [big]), (quick_way, [big])])
            word = quick.word()
            assert isinstance(word, words.Rows)
            assert word.ts_received_ns == number
            if house.health().cut_off:
                break
            assert number < 200
        assert also.closing()[0] == 4408
        received = 0
        while True:
            opcode, payload = slow.next()
            if opcode != BINARY:
                break
            received += 1
            assert words.decode(payload).ts_received_ns == received  # type: ignore[union-attr]
        assert (opcode, payload[:2]) == (CLOSE, (4408).to_bytes(2, "big")), "whole frames, and why"
        slow_member.say(b"still a member")
        assert house.hear(MemberSaid).data == b"still a member"
        again = house.guest("public", "slow")
        deliver(way_of(house), event(999))
        assert again.word().ts_received_ns == 999  # type: ignore[union-attr]


def test_what_waits_for_one_is_drained_when_it_reads_again(house: House) -> None:
    house.member()
    guest = house.guest()
    way = way_of(house)
    for number in range(1, 101):
        deliver(way, event(number, 50_000))
    assert house.health().members[0].queued_bytes > 0
    for number in range(1, 101):
        word = guest.word()
        assert isinstance(word, words.Rows)
        assert word.ts_received_ns == number
    wait_until(lambda: house.health().members[0].queued_bytes == 0, "an empty queue")


# --- who goes, and who must


def test_a_member_that_goes_takes_its_data_sockets_along_and_no_others(house: House) -> None:
    one, _ = house.member("one")
    house.member("other")
    mine, theirs = house.guest("public", "one"), house.guest("public", "other")
    one.close()
    assert mine.closing()[0] == 1001
    theirs.ping()
    assert theirs.next() == (PONG, b"beep")
    with pytest.raises(DoorError):
        house.guest("public", "one")


def test_a_member_may_be_sent_away_and_hears_nothing_behind_that(house: House) -> None:
    member, number = house.member()
    guest = house.guest()
    house.tell(SayToMember(number, b"last words"), CloseMember(number, 4001, "go"), SayToMember(number, b"behind them"))
    assert member.next() == (BINARY, b"last words")
    assert member.closing() == (4001, "go")
    assert guest.closing()[0] == 1001
    assert house.hear(MemberGone) == MemberGone(number, "go")
    house.health()
    assert house.owner.heard() == [], "and only once"


def test_keys_that_changed_close_what_is_not_shared_any_more(house: House) -> None:
    house.member()
    public, private = house.guest("public"), house.guest("private")
    house.registry.heard()
    house.tell(ShareWith("m", ("public",)), ShareWith("nobody", ()))
    assert private.closing()[0] == 4403
    public.ping()
    assert public.next() == (PONG, b"beep")
    assert [type(one) for one in house.registry.heard()] == [ComponentGone]
    with pytest.raises(DoorError) as found:
        house.guest("private")
    assert found.value.is_other_keys


def test_before_everybody_is_dismissed_all_that_waits_is_sent(house: House) -> None:
    member, number = house.member()
    guest = house.guest()
    way = way_of(house)
    for index in range(1, 31):
        deliver(way, event(index, 50_000))
    with house.raw() as late:
        for _ in range(3):  # sockets have their turn between them: it is taken in
            house.health()
        house.tell(SayToMember(number, b"moved"), Dismiss(1001, "bye"))
        house.health()
        deliver(way, event(31))
        for index in range(1, 31):
            word = guest.word()
            assert isinstance(word, words.Rows)
            assert word.ts_received_ns == index
        assert guest.closing() == (1001, "bye")
        assert member.next() == (BINARY, b"moved")
        assert member.closing() == (1001, "bye")
        late.sendall(request_of())
        assert late.recv(65536).startswith(b"HTTP/1.1 503 ")
    assert not Path(house.address).exists()
    with pytest.raises(OSError, match="No such file"), house.raw():
        pass


def test_who_does_not_read_its_dismissal_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "CLOSING", 0.05)
    monkeypatch.setattr(base_server, "LOOK", 0.02)
    with House(str(tmp_path / "door")) as house:
        house.member()
        guest = house.guest()
        way = way_of(house)
        for index in range(40):
            deliver(way, event(index, 50_000))
        house.tell(Dismiss(1001, "bye"))
        wait_until(lambda: house.health().members == (), "the end of the member")
        house.registry.heard()
        with pytest.raises(OSError, match=r".*"):  # noqa: PT012 - which byte it is does not matter
            guest.sock.settimeout(TIMEOUT)
            while True:
                guest.sock.send(b"x")


# --- whether it may serve


class Clock:
    """Stands for the machine's clock; it runs ahead by `ahead`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from websocket_v6.actors import boot_clock
        from websocket_v6.actors.server import guest_mouth

        self.ahead = 0.0
        real = boot_clock.clock
        for module in (server, base_server, sockets, guest_mouth):
            monkeypatch.setattr(module, "clock", lambda: real() + self.ahead)


@pytest.fixture
def jumpy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[House, Clock]]:
    clock = Clock(monkeypatch)
    monkeypatch.setattr(sockets, "HANDSHAKE", 1e6)
    with House(str(tmp_path / "door")) as house:
        yield house, clock


def test_after_a_jump_of_the_clock_nothing_is_sent_until_the_owner_confirms(jumpy: tuple[House, Clock]) -> None:
    house, clock = jumpy
    member, number = house.member()
    guest = house.guest()
    way = way_of(house)
    deliver(way, event(1))
    assert isinstance(guest.word(), words.Rows)
    clock.ahead += 6.0
    # The router goes on first: the server's thread has not looked yet.
    deliver(way, event(2))
    assert house.hear(DoorDoubts) == DoorDoubts()
    deliver(way, event(3))
    way.mouth.convey(way, ConnectionChanged("public", "lost", 1, 20, 15, "gone"))
    guest.ping()
    guest.say('[{"ticket":"t"},{"type":"news of tomorrow","codes":["KRW-BTC"]}]')
    member.ping()
    house.tell(SayToMember(number, b"word"))
    with house.raw() as newcomer:
        newcomer.sendall(request_of())
        house.health()
        for visitor in (guest, member):
            assert visitor.hears_nothing()
        newcomer.settimeout(0.1)
        with pytest.raises(TimeoutError):
            newcomer.recv(1)
        house.tell(Confirm(TERM + 2))
        newcomer.settimeout(TIMEOUT)
        answer = newcomer.recv(65536)
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert b"X-V6-Term: 7\r\n" in answer, "of the title that was confirmed"
        got = [guest.next() for _ in range(5)]
        rows = [words.decode(payload) for opcode, payload in got if opcode == BINARY]
        assert [one.ts_received_ns for one in rows if isinstance(one, words.Rows)] == [2, 3]
        assert (PONG, b"beep") in got
        assert {member.next(), member.next()} == {(PONG, b"beep"), (BINARY, b"word")}
    deliver(way, event(4))
    word = guest.word()
    assert isinstance(word, words.Rows)
    assert word.ts_received_ns == 4


def test_the_owner_may_doubt_before_the_clock_does(house: House) -> None:
    house.member()
    guest = house.guest()
    way = way_of(house)
    house.tell(Doubt())
    house.health()
    deliver(way, event(1))
    assert guest.hears_nothing(0.1)
    house.tell(Confirm(TERM))
    assert isinstance(guest.word(), words.Rows)


def test_who_shakes_hands_in_doubt_is_not_served(house: House) -> None:
    with house.raw() as sock:
        sock.sendall(request_of()[:20])
        house.member()  # who came after it is let in, so it is there
        house.owner.heard()
        house.tell(Doubt())
        sock.sendall(request_of()[20:])
        actor = house.server._actor_weakref()
        assert isinstance(actor, Server)
        wait_until(lambda: Stage.CLOSING in {one.stage for one in actor._sockets}, "its judgement")
        house.tell(Confirm(TERM))
        assert sock.recv(65536).startswith(b"HTTP/1.1 503 ")
    assert house.owner.heard() == []


def test_who_lost_its_title_says_goodbye_and_nothing_old(house: House) -> None:
    member, _ = house.member()
    guest = house.guest()
    way = way_of(house)
    house.tell(Doubt())
    house.health()
    deliver(way, event(1))
    house.tell(Dismiss(4001, "another process is the host"))
    assert guest.closing() == (4001, "another process is the host")
    assert member.closing() == (4001, "another process is the host")


class Counting(Server):
    """Counts what it handles."""

    handled = 0

    def on_receive(self, message: object) -> object:
        type(self).handled += 1
        return super().on_receive(message)


def test_who_waits_while_it_doubts_does_not_keep_it_busy(tmp_path: Path) -> None:
    Counting.handled = 0
    with House(str(tmp_path / "door"), server=Counting) as house:
        house.tell(Doubt())
        house.health()
        with house.raw() as sock:
            before = Counting.handled
            sock.settimeout(0.2)
            with pytest.raises(TimeoutError):
                sock.recv(1)
            assert Counting.handled - before < 50


def test_without_a_router_nobody_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, seconds in (("LOOK", 0.05), ("BEAT", 0.05), ("DEAD", 0.3)):
        monkeypatch.setattr(base_server, name, seconds)
    with House(str(tmp_path / "door")) as house:
        member, _ = house.member()
        for _ in range(20):
            asked: Any = house.router.hear(TIMEOUT)
            assert asked == Beat(house.server)
            house.tell(Beaten())
        member.ping()
        assert member.next() == (PONG, b"beep"), "while it answers, all is well"
        guest = house.guest()
        with caplog.at_level(logging.ERROR):
            assert member.closing()[0] == 1011
        assert guest.closing()[0] == 1011
    assert "router has not answered" in caplog.text


# --- its begin and its end


def test_a_door_that_cannot_listen_says_so(tmp_path: Path) -> None:
    address = tmp_path / "door"
    address.write_text("taken")
    owner = Ear()
    ref = Server.start(
        config=Config(),
        address=str(address),
        key=KEY,
        term=TERM,
        registry=Ear().ref,
        router=Ear().ref,
        owner=owner.ref,
    )
    failed = owner.hear(TIMEOUT)
    assert isinstance(failed, DoorFailed)
    assert failed.server == ref
    assert "in use" in failed.reason
    assert stop_and_join(ref, TIMEOUT)
    assert address.read_text() == "taken", "it is not its own"


def test_its_end_leaves_nobody_connected(house: House) -> None:
    member, _ = house.member()
    guest = house.guest()
    assert stop_and_join(house.server, TIMEOUT)
    assert member.next() == HANG_UP
    assert guest.closing()[0] == 1001, "as after the end of any member"
    assert not Path(house.address).exists()


def test_a_forked_child_leaves_the_sockets_alone_and_keeps_none(house: House) -> None:
    member, _ = house.member()
    guest = house.guest()
    way = way_of(house)
    read, write = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover - another process
        try:
            os.close(write)
            os.read(read, 1)
        finally:
            os._exit(0)
    os.close(read)
    try:
        deliver(way, event(1))
        assert isinstance(guest.word(), words.Rows)
        member.say(b"hello")
        assert house.hear(MemberSaid).data == b"hello"
        house.tell(Dismiss(1001, "bye"))
        assert guest.closing() == (1001, "bye"), "the child has no copy that keeps the socket open"
        assert member.closing() == (1001, "bye")
        with pytest.raises(OSError, match=r"No such file|refused"), house.raw():
            pass
    finally:
        os.close(write)
        os.waitpid(child, 0)


def test_names_and_members_are_told_in_its_health(house: House) -> None:
    _, number = house.member("one", "public", "info")
    house.tell(NameMember(number, "one", "process 4711 (bot.py)"), ShareWith("one", ("public", "info")))
    house.guest("info", "one")
    guest = house.guest("public", "one")
    deliver(way_of(house), event(1), event(2))
    guest.say(REQUEST)
    guest.word()
    wait_until(lambda: house.health().members[0].streams == 1, "the request")
    (health,) = house.health().members
    assert health == ClientHealth("process 4711 (bot.py)", os.getpid(), ("info", "public"), 1, 2, 0)


def test_answers_of_the_exchange_go_through_as_text(house: House) -> None:
    from websocket_v6.protocol.exchange.heads import SubscribedEntry, SubscriptionList

    house.member()
    guest = house.guest()
    way = way_of(house)
    way.mouth.convey(way, SubscriptionList("mine", (SubscribedEntry("ticker", ("KRW-BTC",), None, {}),)))
    opcode, payload = guest.next()
    assert opcode == 1
    assert json.loads(payload) == {
        "method": "LIST_SUBSCRIPTIONS",
        "result": [{"type": "ticker", "codes": ["KRW-BTC"]}],
        "ticket": "mine",
    }


def test_a_client_that_hangs_up_in_its_handshake_is_forgotten(house: House) -> None:
    with house.raw() as sock:
        sock.sendall(b"GET /")
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    house.member()
    assert len(house.health().members) == 1
