"""Mailboxes that know what is not done, and what their process knows of all of them."""

from typing import Any

import pytest

from websocket_v6.actors.undone import HeldMailbox, Undone
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.errors import ClosedError
from websocket_v6.protocol.events import Event, make_event


def event(number: int, code: str = "KRW-BTC") -> Event:
    return make_event(f"trade {code}", b'{"ty":"trade"}', 1, number)


@pytest.fixture
def undone() -> Undone:
    return Undone()


def mailbox(undone: Undone, policy: Mailbox | None = None, **options: Any) -> HeldMailbox:
    how = {"endpoint": "public", "type_": "trade", "is_pushed": False, **options}
    return HeldMailbox(policy or Mailbox.lossless(1 << 20), undone=undone, **how)


def test_what_waits_is_not_done(undone: Undone) -> None:
    one = mailbox(undone)
    assert undone.oldest("public") is None
    one.put_many([event(3), event(4)])
    assert undone.oldest("public") == 3
    assert undone.oldest("private") is None


def test_what_a_callback_is_at_is_not_done_before_it_comes_back(undone: Undone) -> None:
    one = mailbox(undone, is_pushed=True)
    one.put_many([event(3), event(4)])
    assert len(one.take_many(0.0, 32)) == 1, "with more in hand nobody could say which of them are done"
    assert undone.oldest("public") == 3
    one.take_many(0.0, 32)
    assert undone.oldest("public") == 4
    assert one.take_many(0.0, 32) == []
    assert undone.oldest("public") is None


def test_who_pulls_is_done_with_what_it_had_when_it_comes_for_more(undone: Undone) -> None:
    one = mailbox(undone)
    one.put_many([event(number) for number in range(3, 9)])
    one.get(timeout=1.0)
    assert len(one.take_many(0.0, 2)) == 2
    assert undone.oldest("public") == 3, "all three were handed out together"
    one.get(timeout=1.0)
    assert undone.oldest("public") == 6


def test_who_acknowledges_is_done_when_it_says_so(undone: Undone) -> None:
    one = mailbox(undone, acknowledge=True)
    one.put_many([event(number) for number in range(3, 9)])
    for _ in range(3):
        one.get(timeout=1.0)
    assert one.acknowledges
    assert undone.oldest("public") == 3
    one.done()
    assert undone.oldest("public") == 6


@pytest.mark.parametrize("policy", [Mailbox.latest(), Mailbox.throttle(5.0), Mailbox.drop_oldest(2)])
def test_what_a_policy_drops_is_done(undone: Undone, policy: Mailbox) -> None:
    one = mailbox(undone, policy)
    one.put_many([event(3), event(4, "KRW-ETH"), event(5), event(6)])
    if policy.kind == "drop_oldest":
        assert undone.oldest("public") == 5
    else:
        assert undone.oldest("public") == 4
        assert sorted(undone.rest("public")[0]) == [("trade KRW-BTC", 6), ("trade KRW-ETH", 4)]


def test_a_last_value_of_a_newcomer_is_nothing_that_is_owed(undone: Undone) -> None:
    one = mailbox(undone)
    one.put_many([event(3).as_snapshot(), event(4)])
    assert undone.oldest("public") == 4
    assert undone.rest("public") == [[("trade KRW-BTC", 4)]]


def test_what_is_left_at_the_end_and_what_comes_after_is_owed(undone: Undone) -> None:
    one = mailbox(undone, is_pushed=True)
    one.put_many([event(number) for number in range(3, 6)])
    one.take(0.0)
    one.close(ClosedError("over"))
    one.put_many([event(7)])
    assert undone.rest("public") == [[("trade KRW-BTC", 4), ("trade KRW-BTC", 5), ("trade KRW-BTC", 7)]]
    one.not_delivered(1)
    assert undone.rest("public")[0][0] == ("trade KRW-BTC", 3), "nobody had it after all"


def test_what_was_not_acknowledged_is_owed_at_the_end(undone: Undone) -> None:
    one = mailbox(undone, acknowledge=True)
    one.put_many([event(3), event(4)])
    one.get(timeout=1.0)
    one.close(ClosedError("over"))
    assert undone.rest("public") == [[("trade KRW-BTC", 3), ("trade KRW-BTC", 4)]]


def test_a_subscription_that_its_user_closed_is_owed_nothing(undone: Undone) -> None:
    one = mailbox(undone)
    one.put_many([event(3)])
    one.close(ClosedError("over"))
    undone.forget(one)
    one.put_many([event(4)])
    assert undone.rest("public") == []
    assert undone.oldest("public") is None


def test_what_a_component_left_counts_for_a_while_only(undone: Undone, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = mailbox(undone), mailbox(undone)
    one.put_many([event(3)])
    one.close(ClosedError("over"))
    other.put_many([event(5)])
    assert undone.oldest("public") == 3
    monkeypatch.setattr("websocket_v6.actors.undone.time.monotonic", lambda: float("inf"))
    assert undone.oldest("public") == 5


def test_it_is_known_of_which_types_several_have_something(undone: Undone) -> None:
    boxes = [mailbox(undone), mailbox(undone), mailbox(undone, type_="ticker")]
    assert undone.shared("public") == {"trade"}
    assert len(boxes) == 3


def test_in_a_forked_child_nothing_is_owed(undone: Undone) -> None:
    one = mailbox(undone)
    one.put_many([event(3)])
    one._after_fork()
    undone._after_fork()
    assert one.is_closed
    assert undone.rest("public") == []
