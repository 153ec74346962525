"""Each who asks is answered once, however it ends."""

from typing import Any

import pykka
import pytest

from websocket_v6.actors.demand.askers import Askers
from websocket_v6.actors.messages.registry import Asker
from websocket_v6.actors.messages.router import Convey
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.demand.commands import Answer, Deny
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.exchange.heads import SubscriptionList

LIST = SubscriptionList("theirs", ())


def made() -> tuple[Askers, list[Any]]:
    told: list[Any] = []
    return Askers(told.append), told


def test_who_waits_has_the_answer_or_the_error() -> None:
    askers, _ = made()
    one: pykka.Future[Any] = pykka.ThreadingFuture()
    other: pykka.Future[Any] = pykka.ThreadingFuture()
    numbers = askers.add(one), askers.add(other)
    askers.answer(Answer(numbers[0], LIST))
    askers.answer(Deny(numbers[1], TransportError("gone")))
    assert one.get(timeout=0) == LIST
    with pytest.raises(TransportError, match="gone"):
        other.get(timeout=0)
    askers.answer(Answer(numbers[0], LIST))  # nobody waits any more


def test_a_client_hears_it_behind_its_data_with_its_own_ticket_and_no_error() -> None:
    askers, told = made()
    way = Way(1, None)  # type: ignore[arg-type]
    askers.answer(Answer(askers.add(Asker(way, "mine")), LIST))
    askers.answer(Deny(askers.add(Asker(way, "mine")), TransportError("gone")))
    assert told == [Convey(way, SubscriptionList("mine", ()), is_answer=True)]


def test_nobody_is_left_at_the_end() -> None:
    askers, _ = made()
    one: pykka.Future[Any] = pykka.ThreadingFuture()
    askers.add(one)
    askers.close(TransportError("the engine stopped"))
    with pytest.raises(TransportError, match="stopped"):
        one.get(timeout=0)
