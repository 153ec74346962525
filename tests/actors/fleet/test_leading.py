"""What a leader does with what machines say, without a server: calls are kept, replies are given."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.actors.ear import Ear
from websocket_v6 import Config
from websocket_v6.actors.fleet.access import LogAccess
from websocket_v6.actors.fleet.leading import Leading
from websocket_v6.actors.fleet.log_mouth import Append, Begin, Cover, End, TakeValues, Tick
from websocket_v6.actors.fleet.recall import Recalled
from websocket_v6.actors.fleet.title_holder import Title
from websocket_v6.actors.messages.fleet import WriterSaid
from websocket_v6.actors.messages.registry import Asker, AskExchange, OthersMissed, Subscribe
from websocket_v6.actors.messages.router import Convey
from websocket_v6.protocol.dialing.servers import Servers
from websocket_v6.protocol.fleet.ending import Ending
from websocket_v6.protocol.fleet.entries import Open
from websocket_v6.protocol.fleet.ids import EntryId
from websocket_v6.protocol.fleet.wants import MachineWants, encode

from .conftest import KEYS

NOWHERE = LogAccess(Servers("single", (("127.0.0.1", 1),), "nowhere"), KEYS)


class Fixture:
    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.registry, self.router = Ear(), Ear()
        self.leading = Leading(
            config=Config(),
            access=NOWHERE,
            endpoints=("public",),
            machine="me",
            owner=Ear().ref,
            registry=self.registry.ref,
            router=self.router.ref,
            call=lambda tag, *commands: self.calls.append((tag, commands)),
        )

    def said(self, *said: dict[str, str]) -> None:
        """Have machines say something."""
        entries = [
            (f"5-{number}".encode(), [text.encode() for pair in one.items() for text in pair])
            for number, one in enumerate(said)
        ]
        self.leading.heard("control", [[KEYS.control.encode(), entries]])

    def news(self) -> list[Any]:
        return [one.news for one in self.router.heard() if isinstance(one, Convey)]

    def called(self) -> list[str]:
        found, self.calls[:] = [tag for tag, _ in self.calls], []
        return found


@pytest.fixture
def leads() -> Iterator[Fixture]:
    one = Fixture()
    one.leading.begin(Title(7, "log"))
    yield one
    one.leading.end()


def test_a_title_begins_its_logs_and_its_end_ends_them(leads: Fixture) -> None:
    assert leads.news() == [Begin(7, None)]
    leads.leading.tick()
    assert leads.news() == [Tick()]
    leads.leading.end()
    assert leads.news() == [End()]
    leads.leading.tick()
    assert leads.news() == []


def test_what_all_want_is_wanted_before_it_connects(leads: Fixture) -> None:
    leads.leading.end()
    ending = Ending(EntryId(6, 0))
    ending.take(EntryId(6, 0), Open("log", "you", 5), 10)
    wants = encode(MachineWants(1, {"public": b'[{"ticket":"t"},{"type":"trade","codes":["KRW-BTC"]}]'}))
    leads.registry.heard()
    leads.router.heard()
    leads.leading.begin(Title(9, "log"), None, Recalled(ending, ("you",), [wants]))
    assert leads.leading.leads
    assert leads.leading.streams("public") == {"trade KRW-BTC"}
    *_, subscribed, missed = leads.registry.heard()
    assert isinstance(subscribed, Subscribe)
    assert missed == OthersMissed("public", 5)
    begin, cover = leads.news()
    assert begin == Begin(9, None, None, ending)
    assert cover == Cover(("trade KRW-BTC",), ())


def test_a_log_that_does_not_say_what_the_others_have_is_no_gap_of_theirs(leads: Fixture) -> None:
    leads.leading.end()
    leads.registry.heard()
    leads.leading.begin(Title(9, "log"), None, Recalled(Ending(EntryId(6, 0))))
    assert not [one for one in leads.registry.heard() if isinstance(one, OthersMissed)]


def test_who_has_changed_its_wants_is_looked_up(leads: Fixture) -> None:
    leads.said({"kind": "want", "machine": "a"}, {"kind": "want", "machine": "me"}, {"kind": "gone", "machine": "b"})
    assert leads.called() == ["want a b"]
    request = b'[{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"]}]'
    leads.registry.heard()
    leads.leading.heard("want a b", [encode(MachineWants(1, {"public": request})), None])
    assert [type(one) for one in leads.registry.heard()] == [Subscribe]
    assert leads.leading.machines == {"a"}
    leads.leading.heard("want a", [b"nonsense"])
    assert leads.leading.machines == frozenset()


def test_a_question_is_asked_of_the_exchange(leads: Fixture) -> None:
    leads.registry.heard()
    leads.said({"kind": "ask", "machine": "a", "endpoint": "public", "ticket": "t"}, {"kind": "ask", "endpoint": "x"})
    (asked,) = leads.registry.heard()
    assert isinstance(asked, AskExchange)
    assert isinstance(asked.answer, Asker)
    assert (asked.endpoint, asked.answer.ticket) == ("public", "t")


def test_a_thousand_that_join_cost_one_checkpoint(leads: Fixture) -> None:
    leads.leading.values = LastValues()
    leads.news()
    for _ in range(1000):
        leads.said({"kind": "join", "machine": "a", "endpoint": "public"})
    assert [type(one) for one in leads.news()] == [TakeValues]


def test_who_is_not_there_any_more_wants_nothing(leads: Fixture) -> None:
    leads.said({"kind": "want", "machine": "a"})
    request = b'[{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"]}]'
    leads.leading.heard("want a", [encode(MachineWants(1, {"public": request}))])
    leads.leading.heard("pass", [b"me", b"about", b"b", b"about"])
    assert leads.leading.machines == frozenset()
    assert leads.called()[-1] == "want b"


def test_only_what_is_lacking_is_appended(leads: Fixture) -> None:
    leads.news()
    leads.leading.append([EntryId(7, 3)])
    assert leads.news() == []
    assert leads.leading.hear_writer(WriterSaid(99, "refused", "")) is None, "of a connection before"


def test_only_what_the_log_says_of_its_own_is_heard(leads: Fixture) -> None:
    leads.leading.heard("control", None)
    leads.leading.heard("something else", None)
    assert leads.called() == []
    assert not any(isinstance(one, Append) for one in leads.news())


class LastValues:
    def of(self, stream: str) -> None:
        return None
