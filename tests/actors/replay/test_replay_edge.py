import struct
from typing import Any

from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.replay.replay_edge import ReplayEdge
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.exchange.wants import ticker_want
from websocket_v6.protocol.replay.digest import new_digest


def edge(**options: Any) -> ReplayEdge:
    return ReplayEdge(1, ticker_want("KRW-BTC"), MailboxQueue(Mailbox.latest()), **options)


def events(count: int) -> list[Event]:
    return [make_event("ticker KRW-BTC", b'{"ty":"ticker","tp":%d}' % n, 1, n) for n in range(count)]


def digest(*all_: Event) -> str | None:
    one = edge(digests=True)
    assert one.note is not None
    for event in all_:
        one.note(event)
    return one.digest


def test_the_digest_is_over_all_that_was_delivered_in_order() -> None:
    made = events(9)
    expected = new_digest()
    for event in made:
        head = struct.pack("<qqBI", event.received_at, 1, 0, len(event.payload))
        expected.update(b"ticker KRW-BTC\0" + head + event.payload)
    assert digest(*made) == expected.hexdigest()
    first, second = made[:2]
    others = [
        digest(),
        digest(first),
        digest(first, second),
        digest(second, first),
        digest(first.as_backfilled(), second),
        digest(first.as_snapshot(), second),
        digest(make_event("ticker KRW-ETH", first.payload, 1, 0), second),
        digest(make_event("ticker KRW-BTC", first.payload, 2, 0), second),
        digest(make_event("ticker KRW-BTC", first.payload, 1, 1), second),
    ]
    assert len(set(others)) == len(others)


def test_nobody_counts_it_unless_asked_to() -> None:
    assert edge().digest is None
    one = edge(digests=True)
    one.mailbox.put_many(events(1))
    before = one.digest
    assert one.preview(events(1)[0]) is not None
    assert one.digest == before
    assert one.pull(1) is not None
    assert one.digest != before
    assert one.lag_ns == 0
