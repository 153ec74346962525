"""What one message brings for whom: collected, handed over in one go, whoever sleeps is woken once."""

from collections.abc import Sequence

import pytest

from tests.actors.ear import Ear
from websocket_v6.actors.delivery.deliveries import MOST_PUT_OFF, Delivery, Taker
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.component import Ready
from websocket_v6.actors.messages.registry import SnapshotServed
from websocket_v6.actors.messages.router import MailboxDrained
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.delivery.source_flow import SourceFlow
from websocket_v6.protocol.events import Event, make_event

BITCOIN = "ticker KRW-BTC"
PLENTY = Mailbox.drop_oldest(100)


class Noting(MailboxQueue):
    """Keeps what is put in with each call."""

    def __init__(self, policy: Mailbox) -> None:
        super().__init__(policy)
        self.put: list[list[Event]] = []
        self.weights: list[int | None] = []

    def put_many(self, events: Sequence[Event], weight: int | None = None) -> bool:
        self.put.append(list(events))
        self.weights.append(weight)
        return super().put_many(events, weight)


@pytest.fixture
def flow() -> SourceFlow:
    return SourceFlow()


@pytest.fixture
def delivery(flow: SourceFlow) -> Delivery:
    return Delivery(flow)


def taker(number: int, policy: Mailbox = PLENTY, component: Ear | None = None) -> tuple[Taker, Noting]:
    mailbox = Noting(policy)
    return Taker(number, "public", mailbox, component.ref if component else None), mailbox


class Ears(Mouth):
    """Notes what is handed over to clients."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def deliver(self, rows: Sequence[tuple[Way, list[Event]]]) -> None:
        self.sizes += [sum(one.size for one in events) for _, events in rows]

    def convey(self, way: Way, news: object) -> None:
        raise AssertionError


def test_what_is_put_off_for_clients_is_bounded_in_bytes(flow: SourceFlow) -> None:
    """Sixteen reads that inflate to megabytes each would wait, with their credits back already."""
    ears = Ears()
    delivery = Delivery(flow, is_idle=lambda: False)
    client = Taker(1, "public", Way(1, ears), None)
    for number in range(8):
        delivery.begin(300_000, 1)
        delivery.give(client, make_event(BITCOIN, bytes(300_000), 1, number))
        delivery.flush()
    assert ears.sizes == [1_200_000, 1_200_000]
    for number in range(MOST_PUT_OFF + 1):
        delivery.begin(1, 1)
        delivery.give(client, event(number))
        delivery.flush()
    assert ears.sizes[2:] == [2 * (MOST_PUT_OFF + 1)]


def event(number: int) -> Event:
    return make_event(BITCOIN, b"{}", 1, number)


def test_a_mailbox_gets_all_that_a_message_brings_at_once(delivery: Delivery) -> None:
    (one, its), (other, others) = taker(1), taker(2)
    delivery.give(one, event(1))
    delivery.give(other, event(1))
    delivery.give(one, event(2))
    assert (its.put, others.put) == ([], []), "not before it is complete"
    delivery.flush()
    assert its.put == [[event(1), event(2)]]
    assert others.put == [[event(1)]]
    assert delivery.delivered == 3
    assert (one.pending, delivery.touched) == ([], [])


def test_nothing_is_handed_over_twice(delivery: Delivery) -> None:
    one, its = taker(1)
    delivery.give(one, event(1))
    delivery.flush()
    delivery.flush()
    delivery.give(one, event(2))
    delivery.flush()
    assert its.put == [[event(1)], [event(2)]]


def test_who_sleeps_is_woken_once(delivery: Delivery) -> None:
    ear = Ear()
    one, its = taker(7, component=ear)
    for number in (1, 2):
        delivery.give(one, event(number))
        delivery.flush()
    assert ear.heard() == [Ready(7)], "after the first it is awake, or about to be"
    its.take_many(0.0, 10)
    its.take(0.0)
    delivery.give(one, event(3))
    delivery.flush()
    assert ear.heard() == [Ready(7)]


def test_a_full_mailbox_holds_back_its_endpoint_until_there_is_room(delivery: Delivery, flow: SourceFlow) -> None:
    one, its = taker(7, Mailbox.block(2))
    router = Ear()
    one.call_when_drained(router.ref)
    delivery.give(one, event(1))
    delivery.flush()
    assert flow.flowing_since("public") is not None, "there is room for one more"
    delivery.give(one, event(2))
    delivery.flush()
    assert flow.flowing_since("public") is None
    assert flow.flowing_since("private") is not None
    assert router.heard() == []
    its.take(0.0)
    assert router.heard() == [MailboxDrained(7)]
    assert flow.release("public", 7, 5.0) == {}
    assert flow.flowing_since("public") == 5.0, "it was held under the number of its subscription"


def test_a_mailbox_that_drops_holds_back_nobody(delivery: Delivery, flow: SourceFlow) -> None:
    one, its = taker(7, Mailbox.drop_oldest(1))
    router = Ear()
    one.call_when_drained(router.ref)
    assert its.on_drained is None
    delivery.give(one, event(1))
    delivery.give(one, event(2))
    delivery.flush()
    assert flow.flowing_since("public") is not None


def test_a_snapshot_alone_is_told_when_it_is_served(delivery: Delivery) -> None:
    registry = Ear()
    delivery.registry = registry.ref
    one, its = taker(7)
    one.streams |= {BITCOIN, "ticker KRW-ETH"}
    delivery.serve_once(one, BITCOIN, event(1))
    assert registry.heard() == [SnapshotServed(7, BITCOIN)]
    assert one.streams == {"ticker KRW-ETH"}
    delivery.flush()
    assert its.put == [[event(1)]]
    assert delivery.delivered == 1


def test_what_is_worth_no_wait_is_handed_to_clients_at_once(flow: SourceFlow) -> None:
    delivery, ears = Delivery(flow, lambda: False), Ears()  # something lies in the router's inbox
    client = Taker(1, "private", Way(1, ears), None)
    event = make_event(BITCOIN, b"{}", 1, 0)
    delivery.give(client, event)
    delivery.flush()
    assert ears.sizes == []
    delivery.give(client, event)
    delivery.flush(at_once=True)
    assert ears.sizes == [4]
