"""Mailboxes count what their events hold in memory: how large a message is, the exchange chooses."""

import tracemalloc
from collections.abc import Callable

import pytest

from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.protocol.delivery.policy import DEFAULT_POLICIES, Mailbox
from websocket_v6.protocol.errors import MailboxFullError
from websocket_v6.protocol.events import EVENT_BYTES, Event, OverflowEvent, make_event, weigh
from websocket_v6.protocol.limits import MAILBOX_BYTES

MIB = 1024 * 1024


def ticker(number: int, size: int, code: str = "KRW-BTC") -> Event:
    """Return an event whose message has `size` bytes."""
    return make_event(f"ticker {code}", b'{"ty":"ticker","cd":"KRW-BTC","x":"'.ljust(size - 2, b"x") + b'"}', 1, number)


def memory_of(put: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        put()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


PADDED = [
    Mailbox.drop_oldest(4096),
    Mailbox.drop_oldest(1),
    Mailbox.latest(),
    Mailbox.latest(notify=True),
    Mailbox.throttle(0.5, notify=True),
    Mailbox.lossless(MAILBOX_BYTES, notify=True),
]


@pytest.mark.parametrize("policy", PADDED, ids=repr)
def test_a_mailbox_of_padded_messages_stays_within_its_budget_and_tells(policy: Mailbox) -> None:
    """Four hundred tickers of 2 MB were 780 MB, and the default takes ten times as many."""
    mailbox = MailboxQueue(policy)

    def put() -> None:
        for number in range(60):
            mailbox.put_many([ticker(number, MIB, f"KRW-{number}")])

    assert memory_of(put) <= MAILBOX_BYTES + MIB
    stats = mailbox.stats
    assert stats.received == stats.dropped + stats.queued
    assert stats.dropped >= 60 - MAILBOX_BYTES // MIB
    if policy.kind == "lossless":
        for _ in range(stats.queued):
            assert isinstance(mailbox.get(0), Event)
        assert isinstance(mailbox.get(0), OverflowEvent)
        with pytest.raises(MailboxFullError):
            mailbox.get(0)
        return
    if policy.notify:
        notice = mailbox.get(0)
        assert isinstance(notice, OverflowEvent)
        assert notice.dropped == stats.dropped
    events = [mailbox.get(0) for _ in range(stats.queued)]
    assert [one.received_at for one in events] == list(range(60 - stats.queued, 60)), "the newest are kept"


def test_block_makes_the_source_wait_for_bytes_as_for_events() -> None:
    mailbox = MailboxQueue(Mailbox.block(4096))
    drained: list[bool] = []
    mailbox.on_drained = lambda: drained.append(True)
    for number in range(31):
        mailbox.put_many([ticker(number, MIB)])
        assert not mailbox.full
    mailbox.put_many([ticker(31, MIB)])
    assert mailbox.full
    mailbox.put_many([ticker(32, MIB)])  # what was on its way
    assert mailbox.full
    assert mailbox.take(0.0) is not None
    assert not drained
    assert len(mailbox.take_many(0.0, 1)) == 1
    assert drained == [True]
    assert not mailbox.full


def test_many_small_messages_weigh_what_their_events_do() -> None:
    """1.6 million messages of 41 bytes were 346 MB in a mailbox of 64 MiB, which counted their bytes alone."""
    mailbox = MailboxQueue(Mailbox.lossless(8 * MIB))

    def put() -> None:
        for number in range(0, 200_000, 100):
            mailbox.put_many([ticker(number + one, 41) for one in range(100)])

    assert memory_of(put) <= 8 * MIB
    assert mailbox.stats.queued == 8 * MIB // (41 + EVENT_BYTES)


def test_an_event_that_waits_weighs_no_less_than_it_holds() -> None:
    for policy in (Mailbox.block(10**6), Mailbox.latest(max_bytes=1 << 40), Mailbox.throttle(1.0, max_bytes=1 << 40)):
        mailbox = MailboxQueue(policy)
        kept: list[Event] = []

        def put(mailbox: MailboxQueue = mailbox, kept: list[Event] = kept) -> None:
            for number in range(20_000):
                # The payload alone is its own, as on the wire: a stream and its code are shared, but under a wildcard.
                event = make_event("ticker KRW-BTC", bytes(100), 1, number)
                kept.append(event)
                mailbox.put_many([event])

        held = memory_of(put)
        assert held <= weigh(kept), f"{held / 20_000:.0f} bytes each in {policy!r}"


def test_no_default_drops_what_its_count_would_keep_of_real_messages() -> None:
    """The longest of real tickers, trades and candles have 800 bytes, a book of 30 levels 5 kB."""
    for type_ in ("ticker", "trade", "candle"):
        policy = DEFAULT_POLICIES[type_]
        assert policy.limit * (800 + EVENT_BYTES) < policy.budget
    assert DEFAULT_POLICIES["orderbook"].budget > 855 * (5000 + EVENT_BYTES)
    assert Mailbox.drop_oldest(10**6).budget == 10**6 * 8192, "who asks for more events gets more room"
