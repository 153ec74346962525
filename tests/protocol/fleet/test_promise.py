"""What a leader may promise: what waits for all, and what the log lacks; and a promise that cannot be kept."""

import pytest

from tests.protocol.fleet.test_ending import BITCOIN, ETHER, QUIET, Log, trade
from websocket_v6.protocol.fleet.promise import Promise


def ended() -> Log:
    log = Log()
    log.state(80.0, "open", QUIET)
    log.rows(81.0, trade(5, 80_900))
    log.rows(90.0, trade(6, 89_000))
    return log


def test_what_waits_behind_a_gap_of_the_leader_s_own_is_promised() -> None:
    one = Promise()
    one.begin(None, is_first=False)
    one.held(4, {BITCOIN: (1, 2), ETHER: ()})
    assert one.made(4, may_promise=True) == [BITCOIN, ETHER]
    assert not one.reminds


@pytest.mark.parametrize("epoch", [3, 5])
def test_nothing_is_promised_of_a_connection_behind_which_nothing_waits(epoch: int) -> None:
    one = Promise()
    one.begin(None, is_first=False)
    one.held(4, {BITCOIN: (1,)})
    assert one.made(epoch, may_promise=True) == []
    assert not one.broken(BITCOIN)


def test_who_may_not_promise_does_not() -> None:
    one = Promise()
    one.begin(None, is_first=False)
    one.held(4, {BITCOIN: (1,)})
    assert one.made(4, may_promise=False) == []


def test_of_a_first_connection_only_what_is_known_of_the_log_is_promised() -> None:
    one = Promise()
    one.begin(ended().read(), is_first=True)
    assert one.reminds
    one.held(4, {BITCOIN: (6,), ETHER: (), QUIET: ()})
    assert one.made(4, may_promise=True) == [BITCOIN, ETHER], "and not what another one owed"
    one.served()
    one.held(5, {QUIET: ()})
    assert one.made(5, may_promise=True) == [QUIET], "what it misses then is its own"
    one.served()
    assert not one.reminds


def test_what_this_machine_has_had_beyond_the_log_is_not_promised() -> None:
    """It would not fetch it again, and the others may lack it."""
    one = Promise()
    one.begin(ended().read(), is_first=True)
    one.held(4, {BITCOIN: (6, 7)})
    assert one.made(4, may_promise=True) == []


def test_without_the_end_of_the_log_nothing_is_promised_of_a_first_connection() -> None:
    one = Promise()
    one.begin(None, is_first=True)
    assert one.had(BITCOIN) is None
    one.held(4, {BITCOIN: (6,)})
    assert one.made(4, may_promise=True) == []


def test_a_promise_is_kept_stream_by_stream() -> None:
    one = Promise()
    one.held(4, {BITCOIN: (), ETHER: ()})
    one.made(4, may_promise=True)
    assert not one.dropped([BITCOIN, QUIET])
    assert one.dropped([ETHER])
    assert not one.dropped([ETHER]), "that was said"


def test_one_stream_that_cannot_be_had_breaks_it() -> None:
    one = Promise()
    one.held(4, {BITCOIN: (), ETHER: ()})
    one.made(4, may_promise=True)
    assert not one.broken(QUIET)
    assert one.broken(BITCOIN)
    assert not one.streams, "whoever has relied on it fetches all itself"
    assert not one.broken(ETHER)


def test_what_has_come_or_cannot_be_had_before_it_is_said_is_not_promised() -> None:
    one = Promise()
    one.held(4, {BITCOIN: (), ETHER: (), QUIET: ()})
    assert not one.streams
    assert not one.dropped([BITCOIN])
    assert not one.broken(QUIET)
    assert one.made(4, may_promise=True) == [ETHER]
