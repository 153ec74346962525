"""Events on their way to another process: in which batches, and how many at once."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.events import make_event
from websocket_v6.protocol.events.batches import batches_of
from websocket_v6.protocol.records import Record

STREAMS = ["ticker KRW-BTC", "trade KRW-ETH", "myOrder *", "indicator KRW-BTC 5m rsi(period=14)"]
ENDPOINTS = dict(zip(STREAMS, ["public", "public", "private", "info"], strict=True))

rows = st.lists(st.tuples(st.sampled_from(STREAMS), st.binary(max_size=300), st.integers(1, 2), st.integers(1, 3)))


@given(rows, st.integers(1, 2000))
def test_every_record_arrives_in_its_order(rows: list[tuple[str, bytes, int, int]], max_bytes: int) -> None:
    events = [make_event(stream, payload, epoch, at) for stream, payload, epoch, at in rows]
    lists = list(batches_of(events, max_bytes))
    records = [record for batch in chain(*lists) for record in batch.records()]
    assert records == [Record(ENDPOINTS[stream], epoch, at, stream, payload) for stream, payload, epoch, at in rows]
    for batches in lists:
        payloads = [payload for batch in batches for payload in batch.payloads]
        assert payloads
        assert len(payloads) == 1 or sum(map(len, payloads)) <= max_bytes


def test_what_one_read_brought_is_one_batch() -> None:
    events = [make_event("ticker KRW-BTC", b"{}", 1, at) for at in (7, 7, 7, 8, 8)]
    ((first, second),) = batches_of(events, 1 << 16)
    assert (first.ts_received_ns, len(first.payloads)) == (7, 3)
    assert (second.ts_received_ns, len(second.payloads)) == (8, 2)


def test_a_last_value_is_not_put_with_what_came_live() -> None:
    event = make_event("ticker KRW-BTC", b'{"ty":"ticker","cd":"KRW-BTC","st":"REALTIME"}', 1, 7)
    ((first, second),) = batches_of([event.as_snapshot(), event], 1 << 16)
    assert (first.replayed, second.replayed) == (True, False)
