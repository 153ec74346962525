"""The way to the lists of markets: nothing is begun before somebody wants one, and then all of it is heard."""

from typing import Any

import pytest

from tests.actors.ear import Ear
from websocket_v6.actors.demand.wanted_lists import WantedLists
from websocket_v6.actors.future import Future
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.registry import Subscribe
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.demand.commands import Report
from websocket_v6.protocol.demand.patterns import PatternsInheritance
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.exchange.wants import ticker_want

ERROR = TransportError("no")
REPORT = Report(1, ERROR, is_final=False)
WANTED = Subscribe("one", 1, ticker_want("KRW-*"), MailboxQueue(Mailbox.latest()), None)


class Patterns:
    def __init__(self) -> None:
        self.listings = {"KRW": "a list"}

    def __contains__(self, lease: object) -> bool:
        return lease == 1

    def inheritance(self) -> str:
        return "what is known"


class Noted:
    """Stands for the lists, and notes what it is told."""

    def __init__(self, _registry: Any, _desk: Any, interval: float, inherited: Any) -> None:
        self.told: list[Any] = [(interval, inherited)]
        self.patterns = Patterns()

    def __getattr__(self, name: str) -> Any:
        return lambda *told: self.told.append((name, *told))


@pytest.fixture(autouse=True)
def noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websocket_v6.actors.demand.market_lists.MarketLists", Noted)


def made(inherited: PatternsInheritance | None = None) -> WantedLists:
    nothing: Any = dict.fromkeys(("claim", "unclaim", "do", "tell_router", "tell_component"))
    return WantedLists(Ear().ref, 9.0, inherited, endpoints={}, claims={}, **nothing)


def begun(lists: WantedLists) -> list[Any]:
    found: Any = lists._lists
    assert isinstance(found, Noted)
    return found.told


def test_nothing_is_begun_before_somebody_wants_a_list() -> None:
    lists = made()
    lists.go_on()
    lists.gone("one")
    lists.close(ERROR)
    assert 1 not in lists
    assert lists.listings == ()
    assert lists.inheritance() is None
    assert lists.without_listed(REPORT) is REPORT
    assert lists._lists is None


def test_from_the_first_on_they_hear_all_of_it() -> None:
    lists, answer = made(), Future[Any]()
    lists.subscribe(WANTED)
    lists.ask("one", "KRW", answer)
    lists.drop(1, None)
    lists.end(1)
    lists.gone("one")
    lists.came(b"a list")
    lists.refused(2, ERROR)
    lists.without_listed(REPORT)
    lists.close(ERROR)
    assert begun(lists) == [
        (9.0, None),
        ("begin",),
        ("subscribe", WANTED),
        ("ask", "one", "KRW", answer),
        ("drop", 1, None),
        ("end", 1),
        ("gone", "one"),
        ("came", b"a list"),
        ("refused", 2, ERROR),
        ("without_listed", REPORT),
        ("close", ERROR),
    ]
    assert 1 in lists
    assert lists.listings == ("a list",)  # type: ignore[comparison-overlap]
    assert lists.inheritance() == "what is known"  # type: ignore[comparison-overlap]


def test_what_was_wanted_before_a_bug_is_wanted_at_once() -> None:
    left = PatternsInheritance()
    lists = made(left)
    assert lists.inheritance() is left
    lists.go_on()
    assert begun(lists) == [(9.0, left), ("begin",)]
