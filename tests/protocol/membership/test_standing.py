"""What a process knows: what it has watched, and what it says of itself."""

from tests.protocol.membership.machines import ERROR, HOST, Driven
from websocket_v6.protocol.membership import steps
from websocket_v6.protocol.membership.standing import LOOK_AGAIN_MAX, Watch


def test_what_is_watched_counts_as_long_as_it_is_the_same() -> None:
    watch = Watch()
    assert watch.see("one", 10.0) == 0.0
    assert watch.see("one", 13.0) == 3.0
    assert watch.see("two", 14.0) == 0.0
    watch.forget()
    assert watch.see("two", 20.0) == 0.0


def test_who_finds_neither_host_nor_lock_looks_less_and_less_often() -> None:
    it, pauses = Driven(), []
    for _ in range(12):
        it.look(None)
        before = it.now
        it.tell(steps.LockTaken(7))
        assert it.machine.next_due is not None
        pauses.append(it.machine.next_due - before)
    assert pauses == sorted(pauses)
    assert pauses[0] <= 0.01
    assert LOOK_AGAIN_MAX / 2 <= pauses[-1] <= LOOK_AGAIN_MAX


def test_the_highest_title_is_known() -> None:
    it = Driven()
    it.look(HOST)
    it.tell(steps.NotAttached(1, ERROR, is_gone=True))
    it.tell(steps.Looked(HOST), steps.LockFree())
    assert it.tell(steps.Looked(HOST)) == [steps.OpenDoor(HOST.term + 1)]
