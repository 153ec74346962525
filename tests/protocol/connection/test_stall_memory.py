"""What a stall watch knows of the connections before, and of the watches before it."""

from websocket_v6.protocol.connection.stall import FACTOR, LIVELY, StallMemory, StallWatch, Suspicion

LOOK = 5.0
FLOOR = 15.0


def lively(watch: StallWatch, now: float) -> float:
    """Let data come for a while; return the time then."""
    watch.begin(now)
    for _ in range(LIVELY + 5):
        now += LOOK
        assert watch.look(now, now) is Suspicion.NONE
    return now


def test_the_time_without_a_connection_is_no_silence() -> None:
    watch = StallWatch(FLOOR)
    now = lively(watch, 1000.0)
    data_at, now = now, now + 100_000.0
    watch.begin(now)
    assert watch.look(now + LOOK, data_at) is Suspicion.NONE, "nothing came yet: it has only begun"
    assert watch.look(now + 2 * LOOK, now + LOOK) is Suspicion.NONE
    assert watch.memory.longest == 2 * LOOK, "and it is nothing to learn from"


def test_beginning_anew_forgets_that_it_has_asked() -> None:
    watch = StallWatch(FLOOR)
    now = lively(watch, 1000.0)
    assert watch.look(now + FACTOR * LOOK, now) is Suspicion.ASK
    watch.begin(now + FACTOR * LOOK)
    assert watch.look(now + 2 * FACTOR * LOOK, now) is Suspicion.ASK


def test_a_successor_knows_what_its_predecessor_knew() -> None:
    watch = StallWatch(FLOOR)
    now = lively(watch, 1000.0)
    assert watch.memory == StallMemory(LOOK, LIVELY + 5)
    heir = StallWatch(FLOOR, watch.memory)
    assert heir.limit == watch.limit
    heir.begin(now)
    assert heir.look(now + LOOK, now + 1.0) is Suspicion.NONE
    assert heir.look(now + LOOK + FACTOR * LOOK, now + 1.0) is Suspicion.ASK
