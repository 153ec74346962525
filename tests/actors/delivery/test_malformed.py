"""What could not be decoded counts once, whoever met it."""

import pytest

from websocket_v6.actors.delivery.malformed import REMEMBERED, MalformedCount
from websocket_v6.actors.messages.router import Malformed


def test_a_message_that_two_components_met_counts_once(caplog: pytest.LogCaptureFixture) -> None:
    count = MalformedCount()
    for key in ((1, 1), (1, 1), (1, 2)):
        count.note(Malformed("ticker KRW-BTC", "no object", key))
    assert count.total == 2
    assert [one.message for one in caplog.records] == ["a malformed message of ticker KRW-BTC was skipped: no object"]


def test_only_so_many_are_remembered() -> None:
    count = MalformedCount()
    for number in range(REMEMBERED + 1):
        count.note(Malformed("ticker KRW-BTC", "no object", (1, number)))
    count.note(Malformed("ticker KRW-BTC", "no object", (1, 0)))
    assert count.total == REMEMBERED + 2
