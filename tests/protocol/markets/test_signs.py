"""What is taken for a sign that the list of markets changes."""

from collections.abc import Iterable

import pytest

from websocket_v6.protocol.markets.signs import Signs, Standing


def looked(*standings: Standing | None, announcements: Iterable[list[str]] = ([], [])) -> str:
    signs, found = Signs(), ""
    for standing, notices in zip(standings, announcements, strict=True):
        found = signs.look({} if standing is None else {"KRW-X": standing}, notices)
    return found


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (Standing("ACTIVE"), Standing("ACTIVE"), ""),
        (Standing("PREVIEW"), Standing("ACTIVE"), "KRW-X: its state is ACTIVE"),
        (Standing("ACTIVE"), Standing("ACTIVE", "2026-12-01"), "KRW-X: its delisting date is 2026-12-01"),
        (Standing("ACTIVE", "2026-12-01"), Standing("ACTIVE", "2026-12-01"), ""),
        (Standing(None), Standing("ACTIVE"), ""),  # its ticker has just begun to run here
        (Standing("ACTIVE"), Standing(None), ""),  # and ended
        (None, Standing("ACTIVE", "2026-12-01"), ""),
        (Standing(book_age=1.0), Standing(book_age=59.0), ""),
        (Standing(book_age=55.0), Standing(book_age=65.0), "KRW-X: it has been silent for 65 s"),
        (Standing(book_age=65.0), Standing(book_age=75.0), ""),  # that was said
        (Standing(book_age=None), Standing(book_age=75.0), ""),
    ],
)
def test_what_one_market_shows(before: Standing | None, now: Standing, said: str) -> None:
    assert looked(before, now) == said


@pytest.mark.parametrize(
    ("before", "now", "is_sign"), [([], ["a"], True), (["a"], ["a"], False), (["a"], [], False), (["a"], ["b"], True)]
)
def test_an_announcement_about_trading_that_is_new(before: list[str], now: list[str], is_sign: bool) -> None:
    assert bool(looked(None, None, announcements=[before, now])) == is_sign


def test_the_first_look_shows_nothing_new() -> None:
    assert Signs().look({"KRW-X": Standing("DELISTED", "2026-12-01", 1e6)}, ["a"]) == ""
