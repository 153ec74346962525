"""Rows in frames: each in order, none twice, together what was read together, and made once for all who get them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.server import row_frames as subject
from websocket_v6.protocol.server.row_frames import MOST_BYTES, SAME_NS, RowFrames
from websocket_v6.protocol.server.words import Rows, decode
from websocket_v6.protocol.websocket.frames import FrameDecoder


def event(number: int = 1, at_ns: int = 5, *, replayed: bool = False, backfilled: bool = False, size: int = 0) -> Event:
    made = make_event("ticker KRW-BTC", b'{"n":%d,"st":"REALTIME"}' % number + b" " * size, 1, at_ns)
    if replayed:
        made = made.as_snapshot()
    return made.as_backfilled() if backfilled else made


def read(frames: bytes) -> list[Rows]:
    found = []
    for message in FrameDecoder(max_message_bytes=1 << 30).receive(frames):
        word = decode(message)
        assert isinstance(word, Rows)
        found.append(word)
    return found


def test_who_gets_the_same_events_gets_the_same_frames() -> None:
    frames = RowFrames()
    one, two = event(1), event(2)
    assert frames.of([one, two]) is frames.of([one, two])
    assert frames.of([one]) is frames.of([one])
    assert frames.of([one]) != frames.of([two])
    assert frames.of([two, one]) != frames.of([one, two])


def test_events_that_are_alike_are_still_two() -> None:
    frames = RowFrames()
    (rows,) = read(frames.of([event(1), event(1)]))
    assert len(rows.payloads) == 2


def test_a_message_alone_is_not_copied_and_says_how_it_came() -> None:
    (rows,) = read(RowFrames().of([event(7, 11, backfilled=True)]))
    assert (rows.ts_received_ns, rows.streams, rows.payloads) == (11, ["ticker KRW-BTC"], [b'{"n":7,"st":"REALTIME"}'])
    assert (rows.replayed, rows.backfilled) == (False, True)


def test_a_snapshot_of_a_further_source_is_real_time_to_a_guest_too() -> None:
    shot = make_event("ticker KRW-BTC", b'{"n":7,"st":"SNAPSHOT"}', 1, 5).as_realtime()
    frames = RowFrames()
    (alone,) = read(frames.of([shot]))
    (pair,) = read(frames.of([event(1, 5), shot]))
    assert alone.payloads == [b'{"n":7,"st":"REALTIME"}']
    assert pair.payloads == [b'{"n":1,"st":"REALTIME"}', b'{"n":7,"st":"REALTIME"}']


def test_frames_have_a_bound_but_no_message_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MOST_BYTES", 1000)
    events = [event(number, size=390) for number in range(5)] + [event(9, size=5000), event(10)]
    rows = read(RowFrames().of(events))
    assert [len(one.payloads) for one in rows] == [2, 2, 1, 1, 1]
    assert [payload for one in rows for payload in one.payloads] == [one.payload for one in events]


@given(
    st.lists(
        st.builds(
            lambda at_ns, backfilled, replayed, size: event(
                at_ns=at_ns, backfilled=backfilled, replayed=replayed, size=size
            ),
            st.sampled_from([1, 2, SAME_NS + 1, SAME_NS + 2, 3 * SAME_NS]),
            st.booleans(),
            st.booleans(),
            st.sampled_from([0, 10, 600_000]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_comes_is_in_order_and_as_it_was(events: list[Event]) -> None:
    rows = read(RowFrames().of(events))
    waiting = iter(events)
    first: Event | None = None
    size = 0
    for one in rows:
        here = [next(waiting) for _ in one.payloads]
        assert [event.payload for event in here] == one.payloads
        assert [event.stream for event in here] == one.streams
        assert {(event.is_replayed, event.backfilled) for event in here} == {(one.replayed, one.backfilled)}
        assert one.ts_received_ns == here[-1].received_at
        assert all(0 <= event.received_at - here[0].received_at <= SAME_NS for event in here)
        if first is not None:
            alike = (first.is_replayed, first.backfilled) == (here[0].is_replayed, here[0].backfilled)
            near = 0 <= here[0].received_at - first.received_at <= SAME_NS
            assert not (alike and near) or size + len(one.payloads[0]) > MOST_BYTES, "together what was read together"
        first, size = here[0], sum(map(len, one.payloads))
        assert len(here) == 1 or size <= MOST_BYTES
    assert next(waiting, None) is None
