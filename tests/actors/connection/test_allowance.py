"""How much may be on its way to the router: batches, and bytes."""

import threading

from tests.conftest import wait_until
from websocket_v6.actors.connection.allowance import CREDITS, Allowance
from websocket_v6.protocol.limits import FLIGHT_BYTES


def granted(count: int = CREDITS) -> Allowance:
    allowance = Allowance()
    for _ in range(count):
        allowance.credits.put(True)
    allowance.collect()
    return allowance


def test_without_a_credit_nothing_is_read() -> None:
    assert not Allowance()
    allowance = granted(2)
    assert allowance
    allowance.use(1)
    assert allowance
    allowance.use(1)
    assert not allowance
    allowance.credits.put(True)
    allowance.collect()
    assert allowance


def test_a_credit_that_is_back_already_counts_at_once() -> None:
    allowance = granted(1)
    allowance.credits.put(True)
    allowance.use(1)
    assert allowance


def test_with_too_many_bytes_on_their_way_nothing_is_read_whatever_the_credits() -> None:
    allowance = granted()
    allowance.use(FLIGHT_BYTES - 1)
    assert allowance, "one more byte has room, so one more batch has"
    allowance.use(FLIGHT_BYTES)
    assert not allowance
    allowance.credits.put(True)
    allowance.collect()
    assert not allowance, "the larger one is still on its way"
    allowance.credits.put(True)
    allowance.collect()
    assert allowance


def test_bytes_are_counted_exactly_over_many_batches() -> None:
    allowance = granted()
    for weight in range(10_000):
        assert allowance
        allowance.use(weight)
        allowance.credits.put(True)
    allowance.collect()
    assert (allowance._weight, len(allowance._on_way)) == (0, 0)


def test_a_mark_wakes_and_is_no_credit() -> None:
    allowance = Allowance()
    waiter = threading.Thread(target=allowance.wait)
    waiter.start()
    allowance.mark()
    wait_until(lambda: not waiter.is_alive(), "the end of waiting")
    assert not allowance


def test_credits_of_the_attachment_before_count_no_more() -> None:
    allowance = granted()
    before = allowance.credits
    allowance.use(2 * FLIGHT_BYTES)
    allowance.renew()
    before.put(True)
    allowance.collect()
    assert not allowance
    allowance.credits.put(True)
    allowance.collect()
    assert allowance, "what was on its way then is nobody's any more"
