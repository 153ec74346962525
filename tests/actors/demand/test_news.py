"""What the log says of an endpoint: enough to know why nothing comes, and never too much."""

import logging
import time

import msgspec
import pytest

from websocket_v6.actors.demand.news import News
from websocket_v6.protocol.demand.commands import Tell
from websocket_v6.protocol.exchange.heads import ErrorNotice, Malformed


class Clock:
    now = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Clock:
    caplog.set_level(logging.WARNING)
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    return clock


def tell(state: str, reason: str = "", retry_in: float | None = None, gap: int | None = None) -> Tell:
    return Tell(state, 1, 5, gap, reason, None, None, retry_in)


def test_an_exchange_that_cannot_be_reached_is_told_at_growing_intervals(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    news = News()
    for second in range(40):
        clock.now = float(second)
        news.told("public", tell("connecting"))
        news.told("public", tell("lost", "cannot connect", 1.5))
    clock.now = 41.0
    news.told("public", tell("open", gap=3))
    news.told("public", tell("open"))
    assert caplog.messages == [
        "no public connection: cannot connect; next attempt in 1.5 s",
        "no public connection: cannot connect (11 times in 10 s); next attempt in 1.5 s",
        "no public connection: cannot connect (31 times in 30 s); next attempt in 1.5 s",
        "the public connection is open again after 40 failures in 41.0 s; what was sent meanwhile may be missing",
    ]


def test_what_goes_as_it_should_is_not_told(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    news = News()
    for state in ("connecting", "open", "closed", "connecting", "open"):
        news.told("public", tell(state))
    news.told("public", msgspec.structs.replace(tell("lost", "to one newcomer"), lease=3))
    news.told("private", tell("refused", "is told to each subscription"))
    assert caplog.messages == []


def test_who_closes_it_ends_the_trouble(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    news = News()
    news.told("public", tell("lost"))
    news.told("public", tell("closed"))
    news.told("public", tell("open"))
    assert caplog.messages == ["no public connection: it is lost; next attempt now"]


def test_errors_of_the_exchange_are_told_by_name(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    news = News()
    for name in ("WRONG_FORMAT", "WRONG_FORMAT", "NO_TICKET"):
        news.error("public", ErrorNotice(name, "text"))
    assert caplog.messages == [
        "the exchange answered on the public connection: WRONG_FORMAT, text",
        "the exchange answered on the public connection: NO_TICKET, text",
    ]


def test_each_kind_of_malformed_message_is_told_once(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    news = News()
    for kind in ("no JSON", "no JSON", "no type"):
        news.malformed("public", Malformed(kind, "{..."))
    assert caplog.messages == [
        "a malformed message (no JSON) was skipped on public: {...",
        "a malformed message (no type) was skipped on public: {...",
    ]
