"""How a connection stands, in words for whoever waited in vain."""

import time

import msgspec
import pytest

from websocket_v6.actors.delivery.standing import Standing
from websocket_v6.actors.messages.component import ConnectionChanged

SECOND = 10**9


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> Standing:
    monkeypatch.setattr(time, "time_ns", lambda: 100 * SECOND)
    return Standing()


def changed(state: str, at: float, reason: str = "", retry_in: float | None = None) -> ConnectionChanged:
    return ConnectionChanged("public", state, 1, int(at * SECOND), None, reason, retry_in=retry_in)


def test_nothing_was_heard_yet(standing: Standing) -> None:
    assert "nothing was heard of it yet" in standing.describe("public")
    assert not standing.is_open("public")


def test_it_is_open_and_silent(standing: Standing) -> None:
    standing.note(changed("connecting", 97.0))
    assert standing.describe("public") == "the public connection is being opened, for 3.0 s"
    standing.note(changed("open", 98.0))
    standing.note(changed("backfilled", 99.0))
    expected = "the public connection is open, for 2.0 s; nothing that was asked for has come"
    assert standing.describe("public") == expected
    assert standing.is_open("public")
    assert "nothing was heard" in standing.describe("private")


def test_attempts_in_vain_are_counted_from_the_first_on(standing: Standing) -> None:
    for at, retry_in in ((90.0, 1.0), (92.0, 2.0), (99.0, 4.0)):
        standing.note(changed("connecting", at))
        standing.note(changed("lost", at, "connection refused", retry_in))
    expected = "the public connection is lost, for 10.0 s and 3 failures: connection refused; next attempt in 3.0 s"
    assert standing.describe("public") == expected
    standing.note(changed("connecting", 100.0))
    assert standing.describe("public").endswith("connection refused; it is being tried again")
    standing.note(changed("closed", 100.0))
    assert standing.describe("public").endswith("nothing was wanted of it")


def test_who_comes_late_hears_how_each_endpoint_stands_and_of_no_gap_from_before(standing: Standing) -> None:
    assert standing.present() == []
    standing.note(changed("connecting", 97.0))
    standing.note(msgspec.structs.replace(changed("open", 98.0), gap_started_ns=90 * SECOND))
    standing.note(changed("backfilled", 99.0))
    standing.note(msgspec.structs.replace(changed("refused", 99.0, "no such key"), endpoint="private"))
    assert standing.present() == [
        changed("open", 98.0),
        msgspec.structs.replace(changed("refused", 99.0, "no such key"), endpoint="private"),
    ]


def test_it_says_what_the_clock_says() -> None:
    one = Standing()
    one.note(changed("refused", time.time() - 5, "no such key"))
    assert "is refused, for 5.0 s and 1 failure: no such key" in one.describe("public")
