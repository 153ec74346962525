from tests.protocol.recording.made import rows
from websocket_v6.actors.replay.reel import Reel
from websocket_v6.protocol.recording.messages import Messages, Piece
from websocket_v6.protocol.recording.records import Record, Wants


def block(*records: Record) -> Messages:
    made = Messages()
    for one in records:
        made.add(one.mono_ns, one.value)  # type: ignore[arg-type]
    return made


ONES = [rows(1), rows(2, 1), Record(3, Wants([])), rows(4, 2), rows(5)]
PIECES: list[Piece] = [block(*ONES[:2]), ONES[2], block(*ONES[3:])]


def test_records_come_one_after_the_other_whatever_they_stand_in() -> None:
    reel = Reel()
    reel.add(PIECES[:2])
    reel.add(PIECES[2:])
    assert len(reel) == 5
    for left, one in zip(range(5, 0, -1), ONES, strict=True):
        assert (len(reel), reel.next_ns) == (left, one.mono_ns)
        assert (reel.messages is None) == isinstance(one.value, Wants)
        assert reel.pop() == one
    assert len(reel) == 0
    assert reel.peek() is None


def test_who_has_played_many_goes_on_behind_them() -> None:
    reel = Reel()
    reel.add(PIECES)
    assert reel.messages is reel.peek() is PIECES[0]
    reel.skip(2, 4)
    assert (len(reel), reel.pop()) == (3, ONES[2])
    reel.skip(1, 2)
    assert (reel.messages, reel.place, reel.row) == (PIECES[2], 1, 2)
    assert reel.pop() == ONES[4]
