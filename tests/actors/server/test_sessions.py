"""What clients say becomes messages to the owner and the registry."""

import json
from typing import cast

import pytest

from tests.actors.ear import Ear
from websocket_v6.actors.messages.registry import Asker, AskExchange, ComponentGone, Subscribe, Unsubscribe, Watch
from websocket_v6.actors.messages.server import MemberCame, MemberGone, MemberSaid, StateAsked
from websocket_v6.actors.server.server_client import Client, CutOff
from websocket_v6.actors.server.sessions import GuestSession, MemberSession, OnlookerSession
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.server.words import Refused, decode
from websocket_v6.protocol.websocket.frames import FrameDecoder, Text


class Outlet:
    """Notes what a session says by itself."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def add(self, frame: bytes) -> None:
        self.frames.append(frame)


class Guest:
    """A guest's session, and who it talks to."""

    def __init__(self, endpoint: str = "public") -> None:
        self.registry, self.outlet = Ear(), Outlet()
        self.way = Way(3, cast(Mouth, None))
        client = cast(Client, type("Client", (), {"name": "process 7", "number": 3, "way": self.way}))
        client.outlet = self.outlet  # type: ignore[assignment]
        self.session = GuestSession(client, endpoint, region="kr", registry=self.registry.ref)

    def ask(self, *objects: dict[str, object]) -> list[object]:
        """Let it ask for these; return what the registry is told."""
        self.session.heard(Text(json.dumps([{"ticket": "t"}, *objects]).encode()))
        return self.registry.heard()


TICKER: dict[str, object] = {"type": "ticker", "codes": ["KRW-BTC"]}


def test_a_member_s_words_go_to_the_owner_as_they_are() -> None:
    owner = Ear()
    session = MemberSession(3, 4711, owner.ref)
    session.heard(b"\x00word")
    with pytest.raises(CutOff) as found:
        session.heard(Text(b"text"))
    assert found.value.code == 1003
    session.closed("it hung up")
    assert owner.heard() == [MemberCame(3, 4711), MemberSaid(3, b"\x00word"), MemberGone(3, "it hung up")]


def test_whatever_an_onlooker_says_is_a_question() -> None:
    owner = Ear()
    session = OnlookerSession(3, owner.ref)
    session.heard(Text(b"state"))
    session.heard(b"")
    session.closed("it hung up")
    assert owner.heard() == [StateAsked(3), StateAsked(3)]


def test_a_guest_is_watched_from_its_first_moment_to_its_last() -> None:
    guest = Guest()
    (watch,) = guest.registry.heard()
    assert isinstance(watch, Watch)
    assert watch.component is guest.way
    assert "process 7" in watch.component_id
    other = Guest("info").registry.heard()[0]
    assert other.component_id != watch.component_id
    guest.session.closed("gone")
    assert guest.registry.heard() == [ComponentGone(watch.component_id)]


def test_the_same_request_again_changes_nothing_and_a_new_one_the_difference() -> None:
    guest = Guest()
    guest.registry.heard()
    (take,) = guest.ask(TICKER)
    assert isinstance(take, Subscribe)
    assert (take.mailbox, take.component, take.replays, take.want.codes) == (guest.way, None, True, ("KRW-BTC",))
    assert guest.session.streams == 1
    assert guest.ask(TICKER) == []
    more, less = guest.ask({"type": "trade", "codes": ["KRW-BTC"]})
    assert isinstance(more, Subscribe)
    assert isinstance(less, Unsubscribe)
    assert (more.want.type, less.subscription_id, less.want) == ("trade", take.subscription_id, None)


def test_a_running_stream_is_not_begun_anew() -> None:
    guest = Guest()
    guest.registry.heard()
    (take,) = guest.ask({**TICKER, "is_only_realtime": True})
    assert isinstance(take, Subscribe)
    assert not take.replays


def test_a_lease_that_was_refused_is_taken_anew() -> None:
    guest = Guest()
    guest.registry.heard()
    (take,) = guest.ask(TICKER)
    assert isinstance(take, Subscribe)
    guest.session.refused(take.subscription_id)
    assert guest.session.streams == 0
    (again,) = guest.ask(TICKER)
    assert isinstance(again, Subscribe)
    assert again.subscription_id != take.subscription_id
    guest.session.refused(take.subscription_id)
    assert guest.session.streams == 1, "the old one is nobody's"


def test_a_question_goes_to_the_exchange_and_changes_nothing() -> None:
    guest = Guest()
    guest.registry.heard()
    guest.ask(TICKER)
    guest.session.heard(Text(b'[{"ticket":"mine"},{"method":"LIST_SUBSCRIPTIONS"}]'))
    assert guest.registry.heard() == [AskExchange("public", Asker(guest.way, "mine"))]
    assert guest.session.streams == 1


def test_what_is_not_known_here_is_refused_and_the_rest_taken() -> None:
    guest = Guest()
    guest.registry.heard()
    told = guest.ask({"type": "news of tomorrow", "codes": ["KRW-BTC"]}, TICKER)
    assert [type(one) for one in told] == [Subscribe]
    (message,) = FrameDecoder().receive(b"".join(guest.outlet.frames))
    word = decode(message)
    assert isinstance(word, Refused)
    assert any("news of tomorrow" in stream for stream in word.streams)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"binary", 1003),
        (Text(b"no JSON"), 1008),
        (Text(b"{}"), 1008),
        (Text(b'[{"ticket":"%s"},{"method":"LIST_SUBSCRIPTIONS"}]' % (b"t" * 65)), 1008),
    ],
)
def test_what_no_guest_says_cuts_it_off(said: bytes, code: int) -> None:
    guest = Guest()
    guest.registry.heard()
    with pytest.raises(CutOff) as found:
        guest.session.heard(said)
    assert found.value.code == code
    assert guest.registry.heard() == []
