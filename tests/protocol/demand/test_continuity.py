import pytest
from hypothesis import given
from hypothesis import strategies as st

from websocket_v6.protocol.demand.continuity import Continuity, Gap


def test_with_one_line_each_opening_is_an_epoch() -> None:
    it = Continuity()
    assert it.opened(1, 10)
    assert (it.epoch, it.gap_started_ns) == (1, None)
    assert it.lost(1, 15, 20) is None
    assert (it.is_served, it.gap_started_ns) == (False, 15)
    assert it.opened(1, 30)
    assert (it.epoch, it.gap_started_ns) == (2, 15)


def test_attempts_that_fail_do_not_move_the_gap() -> None:
    it = Continuity()
    it.opened(1, 10)
    it.lost(1, 15, 20)
    it.lost(1, 15, 25)
    it.lost(2, None, 26)
    assert it.gap_started_ns == 15


def test_a_successor_goes_on_with_a_gap_that_has_begun() -> None:
    it = Continuity(epoch=7)
    it.lost(3, 5, 9)
    assert it.gap_started_ns == 5
    assert it.opened(3, 10, 5)
    assert (it.epoch, it.gap_started_ns) == (8, 5)


HOUR = 3_600_000_000_000
MINUTE = HOUR // 60


def test_a_clock_that_is_set_back_during_a_gap_moves_its_beginning() -> None:
    it = Continuity()
    it.opened(1, 5 * HOUR)
    it.lost(1, 6 * HOUR, 6 * HOUR)
    it.opened(2, 4 * HOUR, outage_ns=10 * MINUTE)
    assert it.gap_started_ns == 4 * HOUR - 10 * MINUTE, "it lasted ten minutes, as the clock is now"


def test_a_clock_that_is_set_back_by_less_than_the_gap_is_long() -> None:
    it = Continuity()
    it.opened(1, 5 * HOUR)
    it.lost(1, 6 * HOUR, 6 * HOUR)
    it.opened(2, 6 * HOUR + 5 * MINUTE, outage_ns=10 * MINUTE)
    assert it.gap_started_ns == 6 * HOUR - 5 * MINUTE


def test_a_clock_that_is_set_forward_or_stood_still_while_the_machine_slept_moves_nothing() -> None:
    it = Continuity()
    it.opened(1, 5 * HOUR)
    it.lost(1, 6 * HOUR, 6 * HOUR)
    it.opened(2, 9 * HOUR, outage_ns=MINUTE)
    assert it.gap_started_ns == 6 * HOUR


@pytest.mark.parametrize(("last", "started"), [(4 * HOUR - 5, 4 * HOUR - 5), (None, 4 * HOUR), (6 * HOUR, 4 * HOUR)])
def test_no_gap_begins_after_it_was_noticed(last: int | None, started: int) -> None:
    it = Continuity()
    it.opened(1, 5 * HOUR)
    it.serves(1, 5 * HOUR)
    it.lost(1, last, 4 * HOUR)
    assert it.gap_started_ns == started


def test_what_nobody_wanted_cannot_have_been_missed() -> None:
    it = Continuity()
    it.opened(1, 10)
    it.closed()
    assert it.opened(1, 30)
    assert (it.epoch, it.gap_started_ns) == (2, None)


def test_a_gap_that_has_begun_ends_when_nothing_is_wanted_any_more() -> None:
    it = Continuity()
    it.opened(1, 10)
    it.lost(1, 15, 20)
    assert (it.gap_started_ns, it.is_served) == (15, False)
    it.closed()
    assert (it.gap_started_ns, it.is_served) == (None, False)
    assert it.opened(1, 30)
    assert (it.epoch, it.gap_started_ns) == (2, None)


def test_the_gap_that_a_line_knows_of_is_older_than_none_that_was_told() -> None:
    it = Continuity()
    it.lost(1, 5, 9)
    it.opened(1, 10, 7)
    assert it.gap_started_ns == 5, "the one that was noticed here counts"
    it.gap_told()
    it.opened(2, 11, 8)
    assert it.gap_started_ns is None, "another line serves"


def test_without_a_last_byte_a_line_has_served_until_its_loss() -> None:
    it = Continuity()
    it.opened(1, 10)
    it.lost(1, None, 20)
    assert it.gap_started_ns == 20
    it = Continuity()
    it.opened(1, 10)
    it.lost(1, 0, 20)
    assert it.gap_started_ns == 10, "bytes from before it was open are none of its own"


def test_of_several_lines_the_one_that_has_served_longest_goes_on() -> None:
    it = Continuity()
    for line, at in ((1, 10), (2, 20), (3, 21)):
        it.opened(line, at)
    it.serves(2, 30)
    it.serves(3, 80)
    assert it.lost(1, 40, 90, {2, 3}) is None, "2 served when 1 was last heard of"
    it = Continuity()
    for line, at in ((1, 10), (2, 20), (3, 21)):
        it.opened(line, at)
    it.serves(3, 60)
    it.serves(2, 80)
    assert it.lost(1, 40, 90, {2, 3}) == Gap(40, 60)
    assert it.serving == {2, 3}
    assert it.lost(3, 85, 95, {2}) is None, "3 began the new epoch at 60, and 2 served from 80 on"


def test_a_loss_in_the_moment_in_which_another_line_began_to_serve_is_no_gap() -> None:
    it = Continuity()
    it.opened(1, 10)
    it.opened(2, 20)
    it.serves(2, 40)
    assert it.lost(1, 40, 45, {2}) is None
    assert (it.epoch, set(it.serving)) == (1, {2})


def test_a_line_is_awaited_from_its_opening_until_it_serves() -> None:
    it = Continuity()
    it.opened(1, 10)
    assert (it.awaits(1), it.awaits(2), set(it.serving)) == (False, False, {1})
    it.opened(2, 20)
    assert (it.awaits(2), set(it.serving)) == (True, {1})
    it.serves(2, 30)
    it.serves(2, 50)
    it.serves(3, 50)
    assert (it.awaits(2), set(it.serving)) == (False, {1, 2})
    assert it.lost(1, 35, 60, {2}) is None, "it has served since 30"


def test_two_holes_are_told_as_one_gap_from_the_first_to_the_last() -> None:
    it = Continuity()
    it.opened(1, 10)
    it.opened(2, 20)
    it.serves(2, 40)
    it.opened(3, 50)
    it.serves(3, 70)
    assert it.lost(1, 30, 80, {2, 3}) == Gap(30, 40)
    it = Continuity()
    it.opened(1, 10)
    it.opened(2, 20)
    it.serves(2, 40)
    it.opened(3, 50)
    it.serves(3, 70)
    assert it.lost(2, 60, 80, {1, 3}) is None, "so it seemed, but 1 had died at 30"
    assert it.lost(1, 30, 90, {3}) == Gap(30, 70)


def test_a_line_that_is_lost_before_any_bytes_gives_no_gap_that_ends_before_it_begins() -> None:
    it = Continuity()
    it.opened(1, 10)
    it.opened(2, 20)
    assert it.lost(1, 50, 45, {2}) == Gap(45, 45), "the clock was set back"


def test_a_new_epoch_forgets_what_served_in_the_old_one() -> None:
    it = Continuity()
    it.opened(1, 10)
    it.lost(1, 90, 95)
    it.opened(1, 100)
    it.opened(2, 110)
    it.serves(2, 150)
    assert it.lost(1, 120, 160, {2}) == Gap(120, 150)


def test_a_line_that_serves_covers_the_loss_of_another() -> None:
    it = Continuity()
    it.opened(1, 10)
    assert not it.opened(2, 20)
    it.serves(2, 30)
    assert it.lost(1, 40, 45, {2}) is None
    assert (it.epoch, it.gap_started_ns, it.is_served) == (1, None, True)
    it.lost(2, 50, 55)
    assert it.gap_started_ns == 50


def test_a_line_that_is_open_but_does_not_serve_yet_covers_nothing() -> None:
    it = Continuity()
    it.opened(1, 10)
    it.opened(2, 20)
    assert it.lost(1, 40, 45, {2}) == Gap(40, 45)
    assert it.epoch == 2
    assert it.opened(1, 50) is False, "the other one is what the new epoch began with"


def test_a_line_that_lacks_a_stream_covers_nothing() -> None:
    it = Continuity()
    it.opened(1, 10)
    it.opened(2, 20)
    it.serves(2, 30)
    assert it.lost(1, 40, 45, set()) == Gap(40, 45)


def test_a_line_that_died_unnoticed_before_the_other_came_back_leaves_a_gap() -> None:
    it = Continuity()
    it.opened(1, 10)
    it.opened(2, 20)
    it.serves(2, 30)
    assert it.lost(1, 60, 61, {2}) is None, "so it seemed, but 2 had died at 40"
    it.opened(1, 70)
    it.serves(1, 75)
    assert it.lost(2, 40, 90, {1}) == Gap(60, 75)
    assert it.epoch == 2


def test_what_two_lost_lines_left_out_between_them_is_part_of_the_gap() -> None:
    it = Continuity()
    it.opened(1, 10)
    it.opened(2, 20)
    it.serves(2, 40)
    assert it.lost(2, 50, 50, {1}) is None, "so it seemed, but 1 had died at 30"
    it.lost(1, 30, 60)
    assert it.gap_started_ns == 30


steps = st.lists(st.tuples(st.sampled_from(["open", "serve", "lose", "die"]), st.integers(1, 3)), max_size=40)


@given(steps)
def test_every_moment_without_a_line_that_served_lies_in_a_gap_that_was_told(actions: list[tuple[str, int]]) -> None:
    """Against a model that knows when each line truly delivered: lines die at once, and are found dead later."""
    it = Continuity()
    serving: dict[int, int | None] = {}  # open lines: since when
    died: dict[int, int] = {}
    spans: list[tuple[int, int]] = []  # of true service
    gaps: list[tuple[int, int]] = []
    shown: list[
        tuple[int, int]
    ] = []  # while another line went on, so nothing but what is known of the lines can tell them
    started = 0
    at = 0
    for action, line in [*actions, *(("lose", line) for line in (1, 2, 3)), ("open", 1)]:
        at += 10
        if action == "open" and line not in serving:
            if it.opened(line, at):
                gaps.append((it.gap_started_ns or 0, at))
                it.gap_told()
                serving[line] = at
                started = started or at
            else:
                serving[line] = None
        elif action == "serve" and line in serving and line not in died and serving[line] is None:
            it.serves(line, at)
            serving[line] = at
        elif action == "die" and line in serving and line not in died:
            died[line] = at
        elif action == "lose" and line in serving:
            last = died.pop(line, at)
            since = serving.pop(line)
            if since is not None:
                spans.append((since, last))
            gap = it.lost(line, last, at, set(serving))
            if gap is not None:
                gaps.append((gap.started_ns, gap.ended_ns))
                shown.append(gaps[-1])
                for other, other_since in serving.items():
                    if other_since is None or other_since >= gap.ended_ns:
                        serving[other] = gap.ended_ns
                        break
    covered = sorted(spans + gaps)
    reached = started
    for begin, end in covered:
        assert begin <= reached or not started, f"{reached} to {begin} was neither served nor told"
        reached = max(reached, end)
    for first, last in shown:
        edges = [(first, first + 1), (last - 1, last)] if first < last else [(first - 1, last + 1)]
        for edge in edges:
            assert not any(begin <= edge[0] and edge[1] <= end for begin, end in spans), f"{first} to {last} was served"
