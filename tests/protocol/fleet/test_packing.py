import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.fleet.entries import BACKFILLED, Rows, decode_rows
from websocket_v6.protocol.fleet.packing import LEAST_ROWS, MOST_BYTES, Packing

PAYLOAD = b'{"ty":"ticker","cd":"KRW-BTC"}'


def event(at_ns: int, payload: bytes = PAYLOAD, *, is_backfilled: bool = False) -> Event:
    made = make_event("ticker KRW-BTC", payload, 1, at_ns)
    return made.as_backfilled() if is_backfilled else made


def read(field: str, body: bytes) -> Rows:
    return decode_rows(body, is_compressed=field == "z")


def test_what_was_read_at_once_is_one_entry() -> None:
    now = time.time_ns()
    (entry,) = Packing().entries([event(now)] * 20, now + 5000)
    rows = read(*entry)
    assert (rows.received_ns, rows.age_us, rows.marks, len(rows.streams)) == (now, 5, 0, 20)


@given(st.lists(st.tuples(st.integers(0, 3_000_000), st.booleans()), min_size=1, max_size=40), st.booleans())
def test_every_message_stands_in_one_entry_and_in_its_order(read_at: list[tuple[int, bool]], compresses: bool) -> None:
    at_ns, events = 10**18, []
    for number, (wait_ns, is_backfilled) in enumerate(read_at):
        at_ns += wait_ns
        events.append(event(at_ns, b'{"n":%d}' % number, is_backfilled=is_backfilled))
    found: list[tuple[bytes, int, int]] = []
    for field, body in Packing(compresses=compresses).entries(events, at_ns):
        rows = read(field, body)
        assert (field == "z") == (compresses and len(rows.payloads) >= LEAST_ROWS)
        found += [(payload, rows.marks, rows.received_ns) for payload in rows.payloads]
    assert [payload for payload, _, _ in found] == [one.payload for one in events]
    for (_, marks, received_ns), one in zip(found, events, strict=True):
        assert bool(marks & BACKFILLED) == one.backfilled
        assert 0 <= one.received_at - received_ns <= 1_000_000


@pytest.mark.parametrize("compresses", [False, True])
def test_an_entry_holds_no_more_than_its_bytes_unless_it_is_one_message(compresses: bool) -> None:
    now = time.time_ns()
    large = b"x" * (MOST_BYTES + 1)
    entries = Packing(compresses=compresses).entries(
        [event(now, b"y" * (MOST_BYTES // 4))] * 9 + [event(now, large)], now
    )
    counts = [len(read(*one).payloads) for one in entries]
    assert counts == [4, 4, 1, 1]


def test_compressed_it_takes_less_than_half() -> None:
    now = time.time_ns()
    events = [event(now, b'{"ty":"ticker","cd":"KRW-BTC","tp":%d.%d,"av":"x"}' % (n * 7919, n)) for n in range(16)]
    ((_, plain),), ((_, packed),) = (tuple(Packing(compresses=one).entries(events, now)) for one in (False, True))
    assert len(packed) < len(plain) / 2
