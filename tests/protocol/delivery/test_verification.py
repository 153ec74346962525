"""Candles of which REST's rows are what is delivered: what is asked when, and what answers and silence come to."""

from collections.abc import Set

from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.delivery.closer import Ask, Missing

from .candle_world import C, World, ms


def verified(*candles: C) -> list[tuple[str, int, str]]:
    return [(one.start, one.volume, "verified") for one in candles]


def ask(world: World) -> tuple[int | None, int | None, Set[int]]:
    """Return from when to when was asked for last, and what the answer must have."""
    last = world.asked[-1]
    return last.from_ms, last.end_ms, last.shown


def test_a_candle_that_is_final_is_asked_for_and_the_row_is_delivered() -> None:
    world = World("11:59:30").join(verify=True).join(2)
    world.come(C("11:59", 5), "11:59:58")
    world.come(C("12:00", 1), "12:00:00.6")
    world.hear("12:00:01.9")
    assert not world.asked
    world.hear("12:00:02")
    assert ask(world) == (ms("11:59"), ms("12:00"), {ms("12:00")})
    assert not world.shown()
    assert world.shown(2) == [("11:59", 5, "live")], "who did not ask for that does not wait"
    world.answer("12:00:02.2", C("11:59", 1005), covered=("11:59", "12:00"))
    assert world.shown() == verified(C("11:59", 1005))
    assert world.shown(2) == [("11:59", 5, "live")]
    assert not world.closer.is_busy


def test_one_of_which_the_stream_showed_nothing_is_found_with_the_next() -> None:
    world = World("11:58:10").join(verify=True)
    world.come(C("11:58", 3), "11:58:20")
    world.hear("11:59:02")
    world.answer("11:59:02.1", C("11:58", 3), covered=("11:58", "11:59"))
    world.come(C("12:00", 1), "12:00:00.9")
    assert world.closer.closes_at_ms == ms("12:00:02")
    world.hear("12:00:02")
    assert ask(world) == (ms("11:59"), ms("12:00"), {ms("12:00")})
    world.answer("12:00:02.1", C("11:59", 1000), covered=("11:59", "12:00"))
    assert world.shown() == verified(C("11:58", 3), C("11:59", 1000))


def test_where_nothing_was_traded_one_call_says_so() -> None:
    world = World("11:57:10").join(verify=True, empty=True)
    world.come(C("11:57", 3), "11:57:20")
    world.hear("11:58:02")
    world.answer("11:58:02.1", C("11:57", 3), covered=("11:57", "11:58"))
    world.hear("11:59:02")
    assert world.shown()[1:] == [("11:58", 0, "empty")], "nothing newer has come: nothing can be hidden"
    world.come(C("12:00", 1), "12:00:20")
    assert ask(world)[:2] == (ms("11:58"), ms("12:00"))
    world.answer("12:00:20.2", covered=("11:58", "12:00"))
    count = len(world.asked)
    world.hear("12:01:01")
    assert world.shown()[2:] == [("11:59", 0, "empty")]
    assert len(world.asked) == count


def test_an_interval_is_not_told_to_be_empty_before_rest_was_asked() -> None:
    world = World("11:57:10").join(verify=True, empty=True)
    world.come(C("11:57", 3), "11:57:20")
    world.hear("11:58:02")
    world.answer("11:58:02.1", C("11:57", 3), covered=("11:57", "11:58"))
    world.come(C("11:59", 1), "11:59:00.5")
    world.hear("11:59:02")
    assert world.shown() == verified(C("11:57", 3))
    world.answer("11:59:02.1", C("11:58", 1000), covered=("11:58", "11:59"))
    assert world.shown() == verified(C("11:57", 3), C("11:58", 1000))


def test_a_row_that_is_behind_the_stream_is_asked_for_again() -> None:
    world = World("11:59:30").join(verify=True)
    world.come(C("11:59", 5), "11:59:58")
    world.hear("12:00:02")
    world.answer("12:00:02.1", C("11:59", 4), covered=("11:59", "12:00"))
    assert not world.shown()
    assert len(world.asked) == 1
    assert world.closer.next_tick(world.x, world.now) == world.now + 1.0
    world.go("12:00:03.1")
    assert len(world.asked) == 2
    world.answer("12:00:03.2", C("11:59", 5), covered=("11:59", "12:00"))
    assert world.shown() == verified(C("11:59", 5))


def test_what_cannot_be_had_in_time_is_told_and_not_delivered() -> None:
    world = World("11:59:30").join(verify=True).join(2)
    world.come(C("11:59", 5), "11:59:58")
    world.hear("12:00:02")
    world.answer("12:00:05", problem="the exchange answered HTTP 500 for its candles")
    world.go("12:00:06")
    assert len(world.asked) == 2
    assert world.closer.next_tick(world.x, world.now) == world.now + 11.0
    world.come(C("12:00", 1), "12:00:10")
    world.go("12:00:17")
    assert world.missing == [Missing(ms("11:59"), ms("12:00"), "not verified within 15 s")]
    assert not world.shown()
    assert world.shown(2) == [("11:59", 5, "live")]
    world.answer("12:00:18", C("11:59", 5), covered=("11:59", "12:00"))
    assert not world.shown(), "it was told to be missing"
    world.hear("12:01:02")
    world.answer("12:01:03", C("12:00", 1), covered=("12:00", "12:01"))
    assert world.shown() == verified(C("12:00", 1))


def test_what_is_missing_is_not_told_to_be_empty() -> None:
    world = World("11:57:10").join(verify=True, empty=True)
    world.come(C("11:57", 3), "11:57:20")
    world.hear("11:58:02")
    world.answer("11:58:02.1", C("11:57", 3), covered=("11:57", "11:58"))
    world.come(C("11:58", 1), "11:58:30")
    world.hear("11:59:02")
    world.go("11:59:17")
    assert world.missing == [Missing(ms("11:58"), ms("11:59"), "not verified within 15 s")]
    world.hear("12:01:02")
    assert world.shown() == verified(C("11:57", 3))


def test_the_candle_in_which_it_began_is_its_own_and_none_before() -> None:
    world = World("11:59:30").join(verify=True)
    world.come(C("11:57", 2), "11:59:31", is_snapshot=True)
    world.come(C("12:00", 1), "12:00:00.9")
    world.hear("12:00:02")
    assert ask(world)[:2] == (ms("11:59"), ms("12:00"))
    world.answer("12:00:02.1", C("11:59", 1000), covered=("11:59", "12:00"))
    assert world.shown() == verified(C("11:59", 1000))


def test_one_call_at_a_time_and_the_next_has_all_that_is_final_by_then() -> None:
    world = World("12:00:00", unit_ms=1000).join(verify=True)
    for second in range(4):
        world.come(C(f"12:00:0{second}", 1), f"12:00:0{second}.5")
    world.hear("12:00:03.6")
    assert ask(world)[:2] == (ms("12:00"), ms("12:00:01"))
    world.hear("12:00:06")
    assert len(world.asked) == 1
    world.answer("12:00:06.5", C("12:00:00", 1), covered=("12:00:00", "12:00:01"))
    assert ask(world)[:2] == (ms("12:00:01"), ms("12:00:04"))
    rows = [C(f"12:00:0{second}", 1) for second in (1, 2, 3)]
    world.answer("12:00:06.9", *rows, covered=("12:00:01", "12:00:04"))
    assert [start for start, _, _ in world.shown()] == ["12:00", "12:00:01", "12:00:02", "12:00:03"]


def test_a_message_that_says_what_rest_has_said_is_not_late() -> None:
    world = World("11:59:30").join(verify=True)
    world.come(C("11:59", 5), "11:59:58")
    world.hear("12:00:02")
    world.answer("12:00:02.1", C("11:59", 7), covered=("11:59", "12:00"))
    world.come(C("11:59", 7), "12:00:02.5")
    assert not world.late
    world.come(C("11:59", 8), "12:00:02.6")
    assert [(one.takers, one.known) for one in world.late] == [((1,), C("11:59", 7))]


def test_a_gap_is_seen_to_first() -> None:
    world = World("11:58:30").join(verify=True)
    world.come(C("11:58", 5), "11:58:40")
    world.lose("11:58:50", "12:00:10")
    world.come(C("12:00", 1), "12:00:10.1", is_snapshot=True)
    (gap,) = world.asked
    world.answer("12:00:10.3", C("11:58", 6), C("11:59", 2), covered=("11:58", "12:00"))
    assert world.recovered == [2]
    assert ask(world)[:2] == (ms("11:58"), ms("12:00"))
    assert world.asked[-1].number != gap.number
    world.answer("12:00:10.5", C("11:58", 6), C("11:59", 2), covered=("11:58", "12:00"))
    assert world.shown() == verified(C("11:58", 6), C("11:59", 2))


def test_what_a_gap_swallowed_for_good_is_not_delivered_after_that_was_told() -> None:
    world = World("11:58:30").join(verify=True)
    world.come(C("11:58", 5), "11:58:40")
    world.lose("11:58:50", "12:00:10")
    world.come(C("12:00", 1), "12:00:10.1", is_snapshot=True)
    world.answer("12:00:10.3", problem="no answer")
    assert world.missing == [Missing(ms("11:58"), ms("12:00"), "no answer")]
    world.hear("12:01:02")
    world.answer("12:01:02.1", C("11:58", 6), C("11:59", 2), C("12:00", 4), covered=("11:58", "12:01"))
    assert world.shown() == verified(C("12:00", 4))


def test_a_gap_while_a_call_is_under_way_has_it_asked_again() -> None:
    world = World("11:59:30").join(verify=True)
    world.come(C("11:59", 5), "11:59:58")
    world.hear("12:00:02")
    world.lose("12:00:01", "12:00:03")
    world.answer("12:00:03.1", C("11:59", 5), covered=("11:59", "12:00"))
    assert not world.shown(), "that gap may have swallowed more of it"
    world.come(C("12:00", 1), "12:00:03.2", is_snapshot=True)
    while world.closer.is_busy and len(world.asked) < 5:
        number, from_ms, end_ms, _, _ = world.asked[-1]
        assert from_ms is not None
        bounds = (from_ms, end_ms or from_ms)
        rows = [(ms("11:59"), C("11:59", 6))]
        world.take(world.closer.fetched(number, rows, bounds, "", world.x, world.now))
    assert world.shown() == verified(C("11:59", 6))


def test_a_history_goes_before_it() -> None:
    world = World("11:59:30").join(verify=True, history=2)
    world.come(C("11:59", 5), "11:59:58")
    world.hear("12:00:02")
    history = next(one for one in world.asked if one.most is not None)
    check = next(one for one in world.asked if one.most is None)
    rows = [(ms("11:59"), C("11:59", 7))]
    world.take(world.closer.fetched(check.number, rows, (ms("11:59"), ms("12:00")), "", world.x, world.now))
    assert not world.shown()
    before = [(ms("11:57"), C("11:57", 1)), (ms("11:58"), C("11:58", 2))]
    world.take(world.closer.fetched(history.number, before, None, "", world.x, world.now))
    expected = [("11:57", 1, "history"), ("11:58", 2, "history"), ("11:59", 7, "verified")]
    assert world.shown() == expected


def test_who_leaves_has_nothing_asked() -> None:
    world = World("11:59:30").join(verify=True).join(2)
    world.come(C("11:59", 5), "11:59:58")
    world.closer.leave(1)
    world.hear("12:00:02")
    assert not world.asked
    assert not world.closer.is_busy
    world.join(3, verify=True)
    world.come(C("12:00", 5), "12:00:30")
    world.hear("12:01:02")
    assert ask(world)[:2] == (ms("12:00"), ms("12:01"))


def test_what_nobody_answers_any_more_is_asked_anew() -> None:
    world = World("11:59:30").join(verify=True)
    world.come(C("11:59", 5), "11:59:58")
    world.hear("12:00:02")
    world.closer.ask_again()
    world.go("12:00:02.5")
    one, two = world.asked
    assert one[1:] == two[1:]


def test_a_gap_in_hindsight_is_compared_with_what_was_delivered() -> None:
    world = World("11:59:30").join(verify=True)
    world.come(C("11:59", 5), "11:59:58")
    world.hear("12:00:02")
    world.answer("12:00:02.1", C("11:59", 7), covered=("11:59", "12:00"))
    world.lose("11:59:50", "12:00:20")
    world.come(C("12:00", 1), "12:00:20.1", is_snapshot=True)
    world.answer("12:00:20.3", C("11:59", 7), covered=("11:59", "12:00"))
    assert world.missing == []


@given(
    trades=st.lists(st.tuples(st.integers(0, 599), st.integers(1, 9)), max_size=30),
    lags=st.lists(st.integers(0, 3), max_size=30),
)
def test_whatever_the_stream_shows_rest_is_what_is_delivered(trades: list[tuple[int, int]], lags: list[int]) -> None:
    """An exchange that flushes the newest candle alone, each second, and a REST side that may lag behind."""
    world = World("11:59:59", unit_ms=1000 * 10).join(verify=True)
    world.come(C("11:59:50", 1), "11:59:59.1", is_snapshot=True)
    begin = ms("12:00")
    truth: dict[int, int] = {ms("11:59:50"): 1}
    lag = iter(lags)
    answered = 0
    for second in range(66):
        at, newest = begin + second * 1000 + 500, None  # flushes do not fall on the candles' ends
        for start_ms, volume in ((begin + tenth * 100, volume) for tenth, volume in sorted(trades)):
            if at - 1000 <= start_ms < at:
                newest = start_ms // 10_000 * 10_000
                truth[newest] = truth.get(newest, 0) + volume
        world.x = at + 100
        world.take(world.closer.tick(world.x, world.now))
        if newest is not None:
            world.take(world.closer.take(newest, C(_text(newest), truth[newest]), is_snapshot=False))
        world.take(world.closer.read(world.x, world.now))
        while len(world.asked) > answered:
            if next(lag, 0):
                break
            last: Ask = world.asked[-1]
            answered = len(world.asked)
            assert last.from_ms is not None
            assert last.end_ms is not None
            rows = [(s, C(_text(s), v)) for s, v in sorted(truth.items()) if last.from_ms <= s < last.end_ms]
            bounds = (last.from_ms, last.end_ms)
            world.take(world.closer.fetched(last.number, rows, bounds, "", world.x, world.now))
    newest = max(truth)
    told = {one.from_ms for one in world.missing if isinstance(one, Missing)}
    final = {start: volume for start, volume in truth.items() if start + 10_000 + 2_000 <= world.x}
    found = {ms(start): volume for start, volume, _ in world.shown()}
    assert set(found).isdisjoint(told)
    late = set(final) - set(found)
    assert found == {start: volume for start, volume in final.items() if start not in late}
    assert not late or world.closer.is_busy or told, "none goes without a word"


def _text(at_ms: int) -> str:
    seconds = (at_ms - ms("00:00")) // 1000
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
