import pytest

from tests.replays import rows, ticker
from websocket_v6.actors.replay.recorded import Recorded
from websocket_v6.protocol.recording.records import BACKFILLED, REPLAYED, RUNS_ON


@pytest.mark.parametrize(
    ("marks", "kind", "is_backfilled"),
    [
        (0, "REALTIME", False),
        (REPLAYED, "SNAPSHOT", False),
        (BACKFILLED, "REALTIME", True),
        (REPLAYED | BACKFILLED, "SNAPSHOT", True),
    ],
)
def test_an_event_is_what_it_was(marks: int, kind: str, is_backfilled: bool) -> None:
    _, value = rows(1, ticker("KRW-BTC", 1, 7), epoch=3, marks=marks)
    incoming = Recorded.of_rows(value, value.streams[0])
    event = incoming.event(value.streams[0], value.payloads[0], runs=True)
    assert (event.stream_type, event.backfilled, event.epoch) == (kind, is_backfilled, 3)
    assert (incoming.endpoint, event.received_at) == ("public", value.received_ns)


def test_a_snapshot_that_ran_on_does_so_again() -> None:
    _, value = rows(1, ticker("KRW-BTC", 1, 7, is_first=True), marks=RUNS_ON)
    event = Recorded.of_rows(value, value.streams[0]).event(value.streams[0], value.payloads[0], runs=False)
    assert event.stream_type == "REALTIME"
    assert event.runs_on
