"""What of a recording is played, as tables of values in and values out."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.replays import SECOND, START, header, listed, market, opened, rows, trade
from websocket_v6.protocol.recording.messages import Messages, Piece, decode_pieces, records_of
from websocket_v6.protocol.recording.records import (
    REPLAYED,
    Hole,
    KeyState,
    Listed,
    Record,
    Rows,
    Standing,
    Wants,
    encode_record,
)
from websocket_v6.protocol.recording.writer import Header
from websocket_v6.protocol.replay.playback import NO_FILE, Playback


def at(seconds: float) -> int:
    return START + int(seconds * SECOND)


def play(playback: Playback, *files: tuple[Header, list[tuple[float, Any]]], piece: int = 1000) -> list[Record]:
    """Return what is played of files whose monotonic clock begins with their own time."""
    played: list[Record] = []
    for head, values in files:
        played += playback.begin(head)
        encoded = [encode_record(head.mono_ns + at(time) - head.wall_ns, value) for time, value in values]
        for place in range(0, len(encoded), piece):
            pieces: list[Piece] = []
            decode_pieces(b"".join(encoded[place : place + piece]), pieces)
            played += records_of(playback.receive(pieces))
    return played + list(playback.finish())


def texts(records: list[Record]) -> list[str]:
    """Return records in short."""
    found = []
    for record in records:
        match record.value:
            case Rows(epoch, _, marks, streams, _):
                found.append(f"{'again ' if marks & REPLAYED else ''}{len(streams)} of {epoch}")
            case Standing(_, state, epoch):
                found.append(f"{state} {epoch}")
            case Listed(_, _, markets):
                found.append(" ".join(one.code for one in markets))
    return found


FIRST = [(0.0, KeyState([], 0)), (0.0, Wants([])), opened(), rows(1, trade("KRW-BTC", 1, 1))]


def test_a_file_is_played_but_for_what_is_said_again() -> None:
    again = [(2.0, KeyState([opened()[1]], 1)), rows(2, trade("KRW-BTC", 1, 1), marks=REPLAYED)]
    playback = Playback()
    played = play(playback, (header(), [*FIRST, *again, rows(3, trade("KRW-BTC", 3, 2))]))
    assert texts(played) == ["open 1", "1 of 1", "1 of 1"]
    assert playback.wall_ns == at(3)


def test_a_file_that_begins_in_the_middle_begins_with_its_key_state() -> None:
    again = [(2.0, KeyState([opened()[1]], 1)), rows(2, trade("KRW-BTC", 1, 1), marks=REPLAYED)]
    played = play(Playback(), (header("two", "one", 2), [*again, rows(3, trade("KRW-BTC", 3, 2))]))
    assert texts(played) == ["open 1", "again 1 of 1", "1 of 1"]


def test_of_a_file_that_goes_on_nothing_is_said_again() -> None:
    again = [(2.0, KeyState([opened()[1]], 1)), rows(2, trade("KRW-BTC", 1, 1), marks=REPLAYED)]
    second = header("two", "one", 2), [*again, rows(3, trade("KRW-BTC", 3, 2))]
    played = play(Playback(), (header(), FIRST), second)
    assert texts(played) == ["open 1", "1 of 1", "1 of 1"]


def test_a_file_that_is_missing_is_a_gap_and_its_clock_another_one() -> None:
    again = [(9.0, KeyState([opened(8, 4)[1]], 0))]
    third = header("three", "two", 9, mono=0), [*again, rows(10, trade("KRW-BTC", 10, 2), epoch=4)]
    played = play(Playback(), (header(), FIRST), third)
    assert texts(played) == ["open 1", "1 of 1", "lost 1", "open 2", "open 5", "1 of 5"]
    lost = played[2].value
    assert isinstance(lost, Standing)
    assert (lost.reason, lost.at_ns) == (NO_FILE, at(1))
    times = [record.mono_ns for record in played]
    assert times == sorted(times)
    assert times[-1] - times[1] == 9 * SECOND


def test_a_hole_raises_the_epoch_of_what_was_open() -> None:
    hole = 2.0, Hole(at(1), at(2), None, "broken")
    played = play(Playback(), (header(), [*FIRST, hole, rows(3, trade("KRW-BTC", 3, 2)), opened(4, 2)]))
    assert texts(played) == ["open 1", "1 of 1", "lost 1", "open 2", "1 of 2", "open 3"]
    again = played[3].value
    assert isinstance(again, Standing)
    assert (again.gap_started_ns, again.gap_ended_ns) == (at(1), at(2))


def test_a_clock_that_steps_back_changes_no_order() -> None:
    values = [*FIRST, (2.0, rows(-3600, trade("KRW-BTC", 2, 2))[1]), (3.0, rows(-3599, trade("KRW-BTC", 3, 3))[1])]
    assert len(play(Playback(), (header(), values))) == 4
    # From a moment on: what follows the first that reaches it, whatever its clock says.
    part = play(Playback(from_ns=at(1)), (header(), values))
    assert texts(part) == ["open 1", "1 of 1", "1 of 1", "1 of 1"]


def test_from_a_moment_on_each_stream_begins_with_its_last_value() -> None:
    values = [
        *FIRST,
        rows(2, trade("KRW-BTC", 2, 2)),
        (2.0, rows(2, ("myOrder KRW-BTC", {}))[1]),
        opened(2.5, 3),
        rows(3, trade("KRW-ETH", 3, 3), epoch=3),
        rows(4, trade("KRW-BTC", 4, 4), epoch=3),
    ]
    playback = Playback(from_ns=at(4))
    played = play(playback, (header(), values))
    assert texts(played) == ["open 3", "again 1 of 1", "again 1 of 3", "1 of 3"]
    lost = [*values[:5], (2.2, Standing("public", "lost", 1, at(2.2))), *values[7:]]
    assert texts(play(Playback(from_ns=at(4)), (header(), lost))) == ["lost 1", "again 1 of 3", "1 of 3"]
    assert texts(play(Playback(from_ns=at(9)), (header(), values))) == ["open 3", "again 1 of 3", "again 1 of 3"]


def test_until_a_moment_and_no_further() -> None:
    playback = Playback(to_ns=at(3))
    assert texts(play(playback, (header(), [*FIRST, rows(3, trade("KRW-BTC", 3, 3)), opened(3.5, 2)]))) == [
        "open 1",
        "1 of 1",
    ]
    assert playback.is_over


@given(st.integers(1, 50), st.floats(0, 16), st.floats(0, 16))
def test_in_pieces_of_any_size_it_is_the_same(piece: int, since: float, until: float) -> None:
    values = market(40, every=0.4)
    whole = play(Playback(), (header(), values))
    assert play(Playback(), (header(), values), piece=piece) == whole
    part = play(Playback(at(since), at(until)), (header(), values), piece=piece)
    tail = [one for one in part if isinstance(one.value, Rows) and not one.value.marks]
    assert tail == [
        one for one in whole if isinstance(one.value, Rows) and at(since) <= one.value.received_ns < at(until)
    ]


def test_lists_of_markets_are_played_where_they_stand_and_said_once() -> None:
    values = [*FIRST, listed(1, "A"), rows(1.5, trade("A", 1, 1)), listed(2, "A", "B"), listed(2.5, "A", "B")]
    again = [(3.0, KeyState([opened()[1]], 0, [listed(2, "A", "B")[1]])), listed(4, "B")]
    played = play(Playback(), (header(), values), (header("two", "one", 3), again))
    assert texts(played) == ["open 1", "1 of 1", "A", "1 of 1", "A B", "B"]


def test_a_list_that_a_broken_file_lost_is_played_from_the_next_key_state() -> None:
    again = [(2.0, KeyState([opened()[1]], 0, [listed(2, "A", "B")[1]]))]
    assert texts(play(Playback(), (header(), [*FIRST, listed(1, "A"), *again]))) == ["open 1", "1 of 1", "A", "A B"]


def test_where_it_begins_in_the_middle_the_list_is_that_of_the_moment() -> None:
    values = [*FIRST, listed(1, "A"), rows(2, trade("A", 2, 1)), listed(3, "B"), rows(4, trade("B", 4, 1))]
    assert texts(play(Playback(at(3.5)), (header(), values))) == [
        "open 1",
        "B",
        "again 1 of 1",
        "again 1 of 1",
        "1 of 1",
    ]
    key = [(0.0, KeyState([opened()[1]], 0, [listed(0, "A")[1]])), rows(4, trade("A", 4, 1))]
    assert texts(play(Playback(at(3.5)), (header(), key))) == ["open 1", "A", "1 of 1"]


def test_what_came_of_asking_about_the_account_changes_no_standing() -> None:
    asked = 2.0, Standing("public", "reconciled", 1, at(2), None, None, "myOrder", 1, (), "myOrder")
    hole = 3.0, Hole(at(2), at(3), None, "the disk")
    assert texts(play(Playback(), (header(), [*FIRST, asked, hole])))[2:] == ["reconciled 1", "lost 1", "open 2"]


def test_what_is_played_as_it_is_stays_in_columns_up_to_the_piece_in_which_it_ends() -> None:
    pieces: list[Piece] = []
    decode_pieces(b"".join(encode_record(n, rows(n, trade("KRW-BTC", n, n))[1]) for n in range(1, 6)), pieces)
    for until, expected in ((None, [Messages]), (at(6), [Messages]), (at(3), [Record, Record])):
        playback = Playback(to_ns=until)
        assert [type(one) for one in playback.receive(list(pieces))] == expected
        assert playback.is_over == (until == at(3))
        assert playback.wall_ns == at(5 if until != at(3) else 3)
