"""Events and the batches they came in, there and back."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.events import Event
from websocket_v6.protocol.events.batches import batches_of
from websocket_v6.protocol.events.make import make_event

STREAMS = ["ticker KRW-BTC", "trade KRW-ETH", "myOrder KRW-BTC", "orderbook KRW-BTC@10000"]


def event(stream: str, number: int, epoch: int = 1, at: int = 5) -> Event:
    short, code = stream.split(" ")
    return make_event(stream, f'{{"ty":"{short}","cd":"{code}","n":{number},"st":"REALTIME"}}'.encode(), epoch, at)


events = st.builds(event, st.sampled_from(STREAMS), st.integers(0, 99), st.integers(1, 3), st.integers(1, 3))


@given(st.lists(events), st.integers(1, 500))
def test_batches_hold_the_events_in_order_and_what_they_share(given_events: list[Event], max_bytes: int) -> None:
    back = [
        (batch.endpoint, stream, payload, batch.epoch, batch.ts_received_ns)
        for batch in chain.from_iterable(batches_of(given_events, max_bytes))
        for stream, payload in zip(batch.streams, batch.payloads, strict=True)
    ]
    assert back == [
        ("private" if one.type == "myOrder" else "public", one.stream, one.payload, one.epoch, one.received_at)
        for one in given_events
    ]


@given(st.lists(events, min_size=1), st.integers(100, 500))
def test_a_list_is_no_greater_than_asked_for(given_events: list[Event], max_bytes: int) -> None:
    for batches in batches_of(given_events, max_bytes):
        payloads = [payload for batch in batches for payload in batch.payloads]
        assert payloads
        assert len(payloads) == 1 or sum(map(len, payloads)) <= max_bytes


def test_what_one_read_brought_is_one_batch() -> None:
    given_events = [event("ticker KRW-BTC", number, at=number // 100) for number in range(200)]
    ((first, second),) = batches_of(given_events, 1 << 16)
    assert (first.ts_received_ns, len(first.streams)) == (0, 100)
    assert (second.ts_received_ns, len(second.streams)) == (1, 100)


def test_marks_are_kept_and_separate() -> None:
    plain = event("trade KRW-ETH", 1)
    (batches,) = batches_of([plain, plain.as_snapshot(), plain.as_backfilled()], 1 << 16)
    assert [(one.replayed, one.backfilled) for one in batches] == [(False, False), (True, False), (False, True)]
    assert {one.payloads[0] for one in batches} == {plain.payload}
