from typing import Any

import pytest

from tests.actors.ear import StandIn
from websocket_v6.actors.fleet.log_voice import LogVoice, error_of
from websocket_v6.actors.messages.fleet import LogServes
from websocket_v6.actors.messages.router import Attach, SourceEnded, SourceOpened, SourceSaid, SourceState
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.errors import AuthenticationError, TransportError
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.fleet.entries import BACKFILLED, REPLAYED, State
from websocket_v6.protocol.fleet.joining import Taken
from websocket_v6.protocol.server.words import Refused


class Fixture:
    def __init__(self) -> None:
        self.log: list[tuple[str, Any]] = []
        self.voice = LogVoice("public", 4, StandIn("owner", self.log).ref, StandIn("router", self.log).ref)

    def heard(self) -> list[tuple[str, Any]]:
        found, self.log[:] = list(self.log), []
        return found


@pytest.fixture
def said() -> Fixture:
    return Fixture()


def test_its_owner_knows_of_an_attachment_before_the_registry_does(said: Fixture) -> None:
    said.voice.attach(5, backfills=True)
    number = said.voice.attachment
    (_, attach), (_, serves), (_, opened) = said.heard()
    assert isinstance(attach, Attach)
    assert (attach.attachment, attach.endpoint, attach.source) == (number, "public", 4)
    assert serves == LogServes(number, "open")
    assert opened == SourceOpened("public", 4, number, 5, backfills=True)


def test_messages_are_whole_up_to_the_latest(said: Fixture) -> None:
    said.voice.attach(5)
    said.heard()
    said.voice.deliver(Taken(0, REPLAYED, ("a",), (b"1",)), 90)
    said.voice.deliver(Taken(0, BACKFILLED, ("a",), (b"2",)), 80)
    one, other = (message for _, message in said.heard())
    assert isinstance(one, Batch)
    assert (one.whole_ns, one.ts_received_ns, one.replayed, one.backfilled) == (90, 90, True, False)
    assert (other.whole_ns, other.ts_received_ns, other.replayed, other.backfilled) == (90, 80, False, True)


def test_an_attachment_ends_once(said: Fixture) -> None:
    said.voice.attach(5)
    number = said.voice.attachment
    said.heard()
    said.voice.lost("a hole")
    said.voice.lost("another")
    (_, serves), (_, ended) = said.heard()
    assert serves.serves == 0
    assert isinstance(ended, SourceEnded)
    assert (ended.attachment, ended.whole_ns, ended.reason) == (number, 5, "a hole")


def test_the_end_of_the_log_is_told(said: Fixture) -> None:
    said.voice.attach(5)
    said.heard()
    said.voice.end(TransportError("gone"), "lost")
    assert [type(message) for _, message in said.heard()] == [LogServes, SourceEnded, LogServes, SourceState]


def test_that_it_connects_is_told_once(said: Fixture) -> None:
    said.voice.show("connecting")
    said.voice.show("connecting")
    assert len(said.heard()) == 2
    state = State("refused", 1, 2, 3, reason="no such key", error="AuthenticationError")
    said.voice.show("refused", state)
    (_, _), (_, told) = said.heard()
    assert (told.state, told.reason, type(told.error)) == ("refused", "no such key", AuthenticationError)


def test_what_is_no_data_is_said_of_the_attachment(said: Fixture) -> None:
    said.voice.attach(5)
    said.heard()
    said.voice.say(Refused(("a",), "b", "c"))
    assert [message for _, message in said.heard()] == [
        SourceSaid("public", said.voice.attachment, Refused(("a",), "b", "c"), 5)
    ]


def test_with_the_answer_to_a_question_all_is_there_from_before_that_was_asked(said: Fixture) -> None:
    said.voice.attach(5)
    number = said.voice.attachment
    said.voice.asked("mine", 90)
    said.voice.asked("late", 70)
    said.heard()
    for ticket in ("another machine's", "mine", "mine", "late"):
        said.voice.say(SubscriptionList(ticket, ()))
    assert [message.whole_ns for _, message in said.heard()] == [5, 90, 90, 90]
    said.voice.end(TransportError("it is replaced"), "closed")
    _, (_, ended), *_ = said.heard()
    assert (type(ended), ended.attachment, ended.whole_ns) == (SourceEnded, number, 90)


def test_an_answer_says_nothing_of_what_came_before_a_gap(said: Fixture) -> None:
    said.voice.attach(5)
    said.voice.asked("mine", 90)
    said.voice.lost("a hole")
    said.voice.say(SubscriptionList("mine", ()))
    assert said.voice.whole_ns == 5


def test_only_the_last_questions_are_remembered(said: Fixture) -> None:
    said.voice.attach(5)
    for number in range(100):
        said.voice.asked(str(number), 100 + number)
    said.voice.say(SubscriptionList("20", ()))
    assert said.voice.whole_ns == 5, "it is not answered any more"
    said.voice.say(SubscriptionList("99", ()))
    assert said.voice.whole_ns == 199


@pytest.mark.parametrize(("name", "found"), [("", None), ("Nonsense", TransportError), ("ConfigError", TransportError)])
def test_only_errors_of_a_connection_are_made_anew(name: str, found: type | None) -> None:
    error = error_of(State("lost", 1, 2, 3, reason="why", error=name))
    assert (error is None) == (found is None)
    assert found is None or type(error) is found
