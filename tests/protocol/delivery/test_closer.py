"""Each candle once, when it is final, whatever comes late, twice, in another order or not at all."""

import pytest

from websocket_v6.protocol.delivery.closer import Ask, Missing, Wrong

from .candle_world import C, World, ms


def live(*candles: C) -> list[tuple[str, int, str]]:
    return [(one.start, one.volume, "live") for one in candles]


# --- no gap


def test_a_candle_closes_two_seconds_after_its_end_with_its_last_message() -> None:
    world = World("11:58:30").join()
    world.come(C("11:59", 5), "11:59:58")
    world.come(C("11:59", 7), "12:00:00.6")
    world.come(C("12:00", 1), "12:00:00.6")
    world.hear("12:00:01.999")
    assert not world.given
    world.hear("12:00:02.0")
    assert world.shown() == live(C("11:59", 7))


def test_the_next_candle_may_come_first() -> None:
    world = World("11:58:30").join()
    world.come(C("12:00", 1), "12:00:00.4")
    world.come(C("11:59", 7), "12:00:00.5")
    assert not world.given
    world.hear("12:00:02")
    assert world.shown() == live(C("11:59", 7))


def test_a_message_after_that_is_late_and_not_delivered() -> None:
    world = World("11:58:30").join().join(2)
    world.come(C("11:59", 5), "11:59:58")
    world.come(C("12:00", 1), "12:00:02.1")
    world.join(3)
    world.come(C("11:59", 7), "12:00:02.5")
    assert world.shown() == live(C("11:59", 5))
    (late,) = world.late
    assert (late.takers, late.start_ms, late.item, late.known) == ((1, 2), ms("11:59"), C("11:59", 7), C("11:59", 5))


def test_time_alone_closes_nothing() -> None:
    world = World("11:58:30").join()
    world.come(C("11:59", 5), "11:59:10")
    assert world.closer.closes_at_ms == ms("12:00:02")
    world.go("12:00:10")
    assert not world.given, "nothing has come since"
    world.hear("12:00:10")
    assert world.shown() == live(C("11:59", 5))
    assert world.closer.closes_at_ms is None


def test_intervals_without_a_trade_are_told_only_to_who_wants_it() -> None:
    world = World("11:56:30").join().join(2, empty=True)
    world.come(C("11:57", 3), "11:57:30")
    world.hear("11:59:01.9")
    assert world.shown(2) == live(C("11:57", 3))
    assert world.closer.closes_at_ms == ms("11:59:02")
    world.hear("11:59:02")
    assert world.shown(2)[1:] == [("11:58", 0, "empty")]
    world.come(C("12:00", 1), "12:00:20")
    assert world.shown(2)[2:] == [("11:59", 0, "empty")]
    world.hear("12:01:02")
    assert world.shown(2)[3:] == live(C("12:00", 1))
    assert world.shown(1) == live(C("11:57", 3), C("12:00", 1))


def test_nothing_is_told_to_be_empty_before_the_first_candle() -> None:
    world = World("11:56:30").join(empty=True)
    world.hear("12:00:00")
    assert not world.given
    world.come(C("12:00", 1), "12:00:20")
    world.hear("12:01:02")
    assert world.shown() == live(C("12:00", 1))


def test_a_candle_that_was_told_to_be_empty_is_late_for_who_was_told() -> None:
    world = World("11:56:30").join().join(2, empty=True)
    world.come(C("11:57", 3), "11:57:30")
    world.hear("11:59:02")
    world.come(C("11:58", 4), "11:59:03")
    assert [(one.takers, one.start_ms) for one in world.late] == [((2,), ms("11:58"))]
    assert world.shown(1) == live(C("11:57", 3), C("11:58", 4)), "nobody told it anything else"


def test_1s_candles_that_are_late_come_in_order() -> None:
    world = World("12:00:00", unit_ms=1000).join()
    world.come(C("12:00:01", 2), "12:00:02.4")
    world.come(C("12:00:00", 1), "12:00:02.4")
    world.come(C("12:00:02", 3), "12:00:03.4")
    world.hear("12:00:06")
    assert world.shown() == [("12:00", 1, "live"), ("12:00:01", 2, "live"), ("12:00:02", 3, "live")]


def test_what_had_ended_before_a_taker_came_is_none_of_its_own() -> None:
    world = World("11:59:30").join()
    world.come(C("11:59", 5), "11:59:40")
    world.x = ms("12:00:01")
    world.join(2)
    world.hear("12:00:02")
    world.come(C("12:00", 1), "12:00:30")
    world.hear("12:01:02")
    assert world.shown(1) == live(C("11:59", 5), C("12:00", 1))
    assert world.shown(2) == live(C("12:00", 1))


def test_a_newcomer_in_mid_minute_has_the_whole_candle() -> None:
    world = World("11:59:30").join()
    world.come(C("11:59", 5), "11:59:40")
    world.x = ms("11:59:50")
    world.join(2)
    world.hear("12:00:02")
    assert world.shown(2) == live(C("11:59", 5))


def test_a_snapshot_of_a_candle_that_was_delivered_is_not_late() -> None:
    world = World("11:58:30").join()
    world.come(C("11:59", 5), "11:59:58")
    world.hear("12:00:02")
    world.come(C("11:59", 5), "12:00:10", is_snapshot=True)
    assert not world.late
    assert len(world.shown()) == 1


def test_who_has_left_gets_nothing() -> None:
    world = World("11:58:30").join().join(2)
    world.come(C("11:59", 5), "11:59:58")
    world.closer.leave(1)
    world.hear("12:00:02")
    assert not world.shown(1)
    assert world.shown(2)
    world.closer.leave(2)
    assert not world.closer.is_needed


# --- history


def test_history_and_live_candles_meet() -> None:
    world = World("12:00:01").join(history=200)
    world.come(C("11:59", 5), "12:00:01", is_snapshot=True)
    (ask,) = world.asked
    assert ask == Ask(ask.number, None, ms("11:59"), 200, frozenset({ms("11:59")}))
    world.come(C("11:59", 7), "12:00:01.2")
    world.come(C("12:00", 1), "12:00:01.2")
    world.hear("12:00:02")
    assert not world.given, "it waits behind those before it"
    world.answer("12:00:02.3", C("11:56", 1), C("11:58", 2))
    assert world.shown() == [("11:56", 1, "history"), ("11:58", 2, "history"), ("11:59", 7, "live")]
    world.hear("12:01:02")
    assert world.shown()[3:] == live(C("12:00", 1))


def test_history_waits_until_the_candle_before_the_newest_is_final() -> None:
    world = World("12:00:00.7").join(history=3)
    world.come(C("12:00", 1), "12:00:00.8", is_snapshot=True)
    world.go("12:00:01.9")
    assert not world.asked
    assert world.closer.next_tick(world.x, world.now) == pytest.approx(world.now + 0.1)
    world.go("12:00:02")
    assert [(one.end_ms, one.most) for one in world.asked] == [(ms("12:00"), 3)]
    world.answer("12:00:02.2", *(C(f"11:{minute}", minute) for minute in range(55, 60)))
    assert [one[0] for one in world.shown()] == ["11:57", "11:58", "11:59"]


def test_history_of_a_market_that_says_nothing_is_asked_for_after_a_second() -> None:
    world = World("12:00:30").join(history=2)
    world.go("12:00:31.4")
    (ask,) = world.asked
    assert (ask.end_ms, ask.shown) == (None, frozenset())
    world.answer("12:00:31.5", C("11:30", 1), C("12:00", 2))
    assert world.shown() == [("11:30", 1, "history")], "the other is not final"
    world.come(C("11:30", 1), "12:00:40", is_snapshot=True)
    world.hear("12:00:41")
    assert len(world.shown()) == 1
    assert not world.late


def test_history_with_empty_intervals() -> None:
    world = World("12:00:10").join(history=2, empty=True)
    world.come(C("12:00", 1), "12:00:10", is_snapshot=True)
    world.go("12:00:10.5")
    world.answer("12:00:11", C("11:56", 1), C("11:58", 2))
    assert [one[::2] for one in world.shown()] == [("11:56", "history"), ("11:57", "empty"), ("11:58", "history")]
    world.hear("12:01:02")
    assert [one[::2] for one in world.shown()][3:] == [("11:59", "empty"), ("12:00", "live")]


def test_history_that_cannot_be_had_is_told_and_the_stream_goes_on() -> None:
    world = World("12:00:10").join(history=2)
    world.come(C("12:00", 1), "12:00:10", is_snapshot=True)
    world.hear("12:01:02")
    world.answer("12:01:03", problem="no answer")
    assert world.missing == [Missing(ms("11:58"), ms("12:00"), "no answer")]
    assert world.shown() == live(C("12:00", 1))


# --- a gap


def test_a_gap_inside_a_candle_loses_nothing() -> None:
    world = World("11:57:30").join()
    world.come(C("11:58", 5), "11:58:20")
    world.lose("11:58:30", "11:58:40")
    world.come(C("11:58", 9), "11:58:40.5", is_snapshot=True)
    world.hear("11:59:02")
    assert world.shown() == live(C("11:58", 9))
    assert not world.asked
    assert world.recovered == [0]


@pytest.mark.parametrize("empty", [False, True])
def test_what_a_longer_gap_swallowed_is_fetched_in_order(empty: bool) -> None:
    world = World("11:57:30").join(empty=empty)
    world.come(C("11:58", 5), "11:58:20")
    world.lose("11:58:30", "12:01:10")
    world.come(C("12:01", 1), "12:01:10.5", is_snapshot=True)
    world.go("12:01:10.6")
    assert [one[1:] for one in world.asked] == [(ms("11:58"), ms("12:01"), None, frozenset({ms("12:01")}))]
    world.hear("12:01:11")
    assert not world.given, "it may have changed since"
    world.answer("12:01:12", C("11:58", 9), C("12:00", 3), covered=("11:58", "12:01"))
    between = [("11:59", 0, "empty")] if empty else []
    assert world.shown() == [("11:58", 9, "filled"), *between, ("12:00", 3, "filled")]
    world.hear("12:02:02")
    assert world.shown()[-1:] == live(C("12:01", 1))
    assert world.recovered == [2]
    assert not world.missing


def test_without_rest_all_of_it_is_told_at_once_and_nothing_unsure_is_delivered() -> None:
    world = World("11:57:30", fills=False).join()
    world.come(C("11:58", 5), "11:58:20")
    world.lose("11:58:30", "12:01:10")
    world.come(C("12:01", 1), "12:01:10.5", is_snapshot=True)
    world.go("12:01:10.5")
    (missing,) = world.missing
    assert missing[:2] == (ms("11:58"), ms("12:01"))
    assert "backfill=True" in missing.reason
    world.hear("12:02:02")
    assert world.shown() == live(C("12:01", 1))


def test_nothing_is_told_to_be_empty_where_something_is_missing() -> None:
    world = World("11:56:30", fills=False).join(empty=True)
    world.come(C("11:57", 5), "11:57:20")
    world.hear("11:58:02")
    world.lose("11:58:30", "12:01:10")
    world.come(C("12:01", 1), "12:01:10.5", is_snapshot=True)
    world.hear("12:02:02")
    world.hear("12:03:02")
    assert world.shown() == [("11:57", 5, "live"), ("12:01", 1, "live"), ("12:02", 0, "empty")]


def test_what_cannot_be_fetched_in_time_is_told() -> None:
    world = World("11:57:30", patience=15.0).join()
    world.come(C("11:58", 5), "11:58:20")
    world.lose("11:58:30", "12:01:10")
    world.come(C("12:01", 1), "12:01:10.5", is_snapshot=True)
    world.hear("12:01:24.9")
    assert not world.missing
    world.hear("12:01:25")
    assert [one[:2] for one in world.missing] == [(ms("11:58"), ms("12:01"))]
    world.answer("12:01:26", C("11:58", 9), covered=("11:58", "12:01"))
    assert not world.given, "nobody waits for it any more"
    world.hear("12:02:02")
    assert world.shown() == live(C("12:01", 1))


def test_of_a_part_that_is_missing_only_that_is_told() -> None:
    world = World("11:57:30").join()
    world.come(C("11:58", 5), "11:58:20")
    world.lose("11:58:30", "12:01:10")
    world.come(C("12:01", 1), "12:01:10.5", is_snapshot=True)
    world.go("12:01:11")
    world.answer("12:01:12", C("12:00", 3), covered=("12:00", "12:01"), problem="too many")
    assert world.missing == [Missing(ms("11:58"), ms("12:00"), "too many")]
    assert world.shown() == [("12:00", 3, "filled")]


def test_a_candle_that_changes_after_the_gap_is_whole_and_needs_no_call() -> None:
    world = World("11:58:30").join()
    world.come(C("11:59", 5), "11:59:20")
    world.lose("11:59:30", "12:00:00.2")
    world.come(C("12:00", 1), "12:00:00.3", is_snapshot=True)
    world.come(C("11:59", 7), "12:00:00.6")
    world.hear("12:00:02")
    world.hear("12:00:02.1")
    assert not world.asked
    assert world.shown() == live(C("11:59", 7))


def test_two_open_candles_at_a_gap_are_both_unsure() -> None:
    world = World("11:58:30").join()
    world.come(C("11:59", 5), "11:59:20")
    world.come(C("12:00", 1), "12:00:00.5")
    world.lose("12:00:01", "12:00:10")
    world.come(C("12:00", 3), "12:00:10.3", is_snapshot=True)
    world.go("12:00:10.4")
    assert [one[1:3] for one in world.asked] == [(ms("11:59"), ms("12:00"))]
    world.answer("12:00:10.6", C("11:59", 8), covered=("11:59", "12:00"))
    world.hear("12:01:02")
    assert world.shown() == [("11:59", 8, "filled"), ("12:00", 3, "live")]


def test_nothing_traded_in_the_gap_costs_no_call() -> None:
    world = World("11:49:30").join(empty=True)
    world.come(C("11:50", 5), "11:50:20")
    world.hear("11:51:02")
    world.lose("11:54:30", "11:57:10")
    world.come(C("11:50", 5), "11:57:10.3", is_snapshot=True)
    world.hear("11:57:10.4")
    assert not world.asked
    assert [one[0] for one in world.shown()] == ["11:50", "11:51", "11:52", "11:53", "11:54", "11:55", "11:56"]


def test_a_quiet_market_is_asked_from_where_the_gap_began() -> None:
    world = World("11:49:30").join()
    world.come(C("11:50", 5), "11:50:20")
    world.hear("11:51:02")
    world.lose("11:55:30", "11:58:10")
    world.come(C("11:57", 1), "11:58:10.3", is_snapshot=True)
    world.go("11:58:10.4")
    assert [one[1:3] for one in world.asked] == [(ms("11:55"), ms("11:57"))]


def test_a_newest_candle_that_nobody_names_is_asked_for_after_a_second() -> None:
    world = World("11:57:30").join()
    world.come(C("11:58", 5), "11:58:20")
    world.lose("11:58:30", "12:01:10")
    world.go("12:01:10.9")
    assert not world.asked
    world.go("12:01:11")
    assert [one[1:] for one in world.asked] == [(ms("11:58"), None, None, frozenset())]
    world.answer("12:01:11.2", C("11:58", 9), C("12:00", 3), covered=("11:58", "12:01"))
    assert world.shown() == [("11:58", 9, "filled"), ("12:00", 3, "filled")]
    world.come(C("12:01", 1), "12:01:20")
    world.hear("12:02:02")
    assert world.shown()[2:] == live(C("12:01", 1))
    assert len(world.asked) == 1


def test_a_second_gap_goes_on_where_the_first_was_not_filled() -> None:
    world = World("11:57:30").join()
    world.come(C("11:58", 5), "11:58:20")
    world.lose("11:58:30", "12:01:10")
    world.come(C("12:01", 1), "12:01:10.5", is_snapshot=True)
    world.go("12:01:10.6")
    first = world.asked[0].number
    world.lose("12:01:11", "12:02:10")
    world.come(C("12:02", 1), "12:02:10.5", is_snapshot=True)
    world.go("12:02:10.6")
    assert world.asked[-1][1:3] == (ms("11:58"), ms("12:02"))
    world.take(world.closer.fetched(first, [(ms("11:58"), C("11:58", 9))], (ms("11:58"), ms("12:01")), "", world.x, 0))
    assert not world.given, "an answer for the first"
    world.answer("12:02:11", C("11:58", 9), C("12:01", 4), covered=("11:58", "12:02"))
    assert world.shown() == [("11:58", 9, "filled"), ("12:01", 4, "filled")]


def test_whoever_was_to_fetch_it_is_gone_and_it_is_asked_again() -> None:
    world = World("11:57:30").join().join(2, history=5)
    world.come(C("11:58", 5), "11:58:20")
    world.go("11:58:21")
    world.closer.ask_again()
    world.go("11:58:22")
    assert [one.most for one in world.asked] == [5, 5]
    assert world.asked[0].number != world.asked[1].number
    world.answer("11:58:23", C("11:57", 1))
    world.lose("11:58:30", "12:01:10")
    world.come(C("12:01", 1), "12:01:10.5", is_snapshot=True)
    world.go("12:01:10.6")
    world.closer.ask_again()
    world.go("12:01:10.7")
    assert len(world.asked) == 4


# --- in hindsight


def test_a_candle_that_changed_in_a_gap_found_in_hindsight_is_named_and_not_repeated() -> None:
    world = World("11:57:30").join()
    world.come(C("11:58", 5), "11:58:20")
    world.hear("11:59:02")  # pongs alone: the line was stalled since 11:58:30
    assert world.shown() == live(C("11:58", 5))
    world.lose("11:58:30", "12:01:10")
    world.come(C("12:01", 1), "12:01:10.5", is_snapshot=True)
    world.go("12:01:10.6")
    assert world.asked[0][1:3] == (ms("11:58"), ms("12:01"))
    assert ms("11:58") in world.asked[0].shown
    world.answer("12:01:11", C("11:58", 9), C("11:59", 2), covered=("11:58", "12:01"))
    (wrong,) = world.missing
    assert isinstance(wrong, Wrong)
    assert wrong.start_ms == ms("11:58")
    assert "5" in wrong.reason
    assert "9" in wrong.reason
    assert world.shown() == [*live(C("11:58", 5)), ("11:59", 2, "filled")]


def test_one_that_did_not_change_is_not_named() -> None:
    world = World("11:57:30").join()
    world.come(C("11:58", 5), "11:58:20")
    world.hear("11:59:02")
    world.lose("11:58:30", "11:59:10")
    world.come(C("11:58", 5), "11:59:10.5", is_snapshot=True)
    world.go("11:59:11")
    assert not world.missing
    assert not world.asked
    assert not world.closer.is_busy
