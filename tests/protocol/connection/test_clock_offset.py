"""Another machine's clock, as far as it can be known from what it says."""

from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.connection.clock_offset import WINDOW_NS, ClockOffset

SECOND = 1_000_000_000


def test_a_peer_that_has_said_nothing_has_our_clock() -> None:
    assert ClockOffset().local(5 * SECOND, 9 * SECOND) == 5 * SECOND


@given(
    st.integers(-(10**18), 10**18),
    st.lists(st.integers(0, 5 * SECOND), min_size=1, max_size=100),
)
def test_it_is_wrong_by_no_more_than_the_shortest_way(ahead: int, delays: list[int]) -> None:
    offset, now = ClockOffset(), 10**18
    for delay in delays:
        now += SECOND
        offset.note(now - delay + ahead, now)
    shortest = min(delays)
    # Something that happened three seconds ago.
    assert offset.local(now - 3 * SECOND + ahead, now) == now - 3 * SECOND + min(shortest, 3 * SECOND)


def test_nothing_is_later_than_now() -> None:
    offset = ClockOffset()
    offset.note(10 * SECOND, 20 * SECOND)
    assert offset.local(15 * SECOND, 21 * SECOND) == 21 * SECOND


def test_what_was_said_long_ago_does_not_count() -> None:
    offset = ClockOffset()
    offset.note(0, SECOND)
    offset.note(WINDOW_NS, WINDOW_NS + 5 * SECOND)
    assert offset.local(WINDOW_NS - SECOND, WINDOW_NS + 6 * SECOND) == WINDOW_NS + 4 * SECOND


def test_a_clock_of_ours_that_was_set_back_begins_anew() -> None:
    offset = ClockOffset()
    offset.note(0, 1000 * SECOND)
    offset.note(1 * SECOND, 5 * SECOND)
    assert offset.local(1 * SECOND, 6 * SECOND) == 5 * SECOND


def test_much_that_is_read_late_at_once_does_not_push_out_what_was_heard_in_time() -> None:
    offset = ClockOffset()
    offset.note(100 * SECOND, 100 * SECOND)
    for number in range(1000):  # it stood still for four seconds, and reads now what was sent meanwhile
        offset.note(101 * SECOND + number, 105 * SECOND + 10 * number)
    assert offset.local(101 * SECOND, 106 * SECOND) == 101 * SECOND
