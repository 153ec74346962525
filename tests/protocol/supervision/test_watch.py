from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.supervision.watch import Watch

LIMIT = 10.0


def test_who_is_at_the_same_message_for_too_long_hangs() -> None:
    watch = Watch(1.0, LIMIT, 0.0)
    for second in range(1, 11):
        assert watch.look({"a": 7, "b": 8, "c": 2 * second + 1}, float(second)) == {}
    assert watch.look({"a": 7, "b": 8, "c": 99}, 11.0) == {"a": 10.0}


def test_who_has_gone_on_begins_anew() -> None:
    watch = Watch(1.0, LIMIT, 0.0)
    found = [watch.look({"a": 7 if second < 9 else 9}, float(second)) for second in range(1, 18)]
    assert not any(found)


def test_after_a_pause_of_the_process_nobody_hangs() -> None:
    watch = Watch(1.0, LIMIT, 0.0)
    for second in range(1, 10):
        watch.look({"a": 7}, float(second))
    assert watch.look({"a": 7}, 5000.0) == {}
    assert watch.was_away
    assert watch.look({"a": 7}, 5001.0) == {}
    assert not watch.was_away


@given(st.lists(st.tuples(st.floats(0.0, 5.0), st.booleans()), max_size=60))
def test_only_time_in_which_the_watch_ran_counts(looks: list[tuple[float, bool]]) -> None:
    """A thread hangs if it was at one message for `LIMIT` seconds without a look that came late."""
    watch, now, turn, since = Watch(1.0, LIMIT, 0.0), 0.0, 1, None
    for pause, goes_on in looks:
        now += pause
        if goes_on:
            turn += 2
        if since is None or goes_on or pause > 2.0:
            since = now
        assert bool(watch.look({"a": turn}, now)) == (now - since >= LIMIT)
