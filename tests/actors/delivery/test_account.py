"""The way to reconciling: nothing is begun before it is needed, and what was told before that holds."""

from typing import Any

import pytest

from tests.actors.ear import Ear
from websocket_v6.actors.base import Timer
from websocket_v6.actors.delivery.account import Account
from websocket_v6.actors.delivery.deliveries import Delivery
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.router import AccountChanged, AddRoutes, UseReconciler
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.delivery.commands import Fenced, Missed
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.delivery.source_flow import SourceFlow

STREAMS = ("myOrder *",)
ROUTES = AddRoutes(1, "private", STREAMS, MailboxQueue(Mailbox.latest()), None, False, True, True)
WAY = Way(0, None)  # type: ignore[arg-type]


class Noted:
    """Stands for what reconciles, and notes what it is told."""

    def __init__(self, *how: Any) -> None:
        self.heard: list[Any] = [how[-1]]
        self.registry: Any = None
        self.accounts = "what is known"

    def __getattr__(self, name: str) -> Any:
        def note(*told: Any) -> bool:
            self.heard.append((name, *told))
            return True

        return note


@pytest.fixture(autouse=True)
def noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("websocket_v6.actors.delivery.reconciling.Reconciling", Noted)


def no_timer(due: float, message: object) -> Timer:
    raise AssertionError(f"nobody is there to say {message!r} at {due:g}")


def made(inherited: Any = None) -> Account:
    return Account(Delivery(SourceFlow()), Ear().ref, Ear().ref, no_timer, inherited)


def begun(account: Account) -> Noted:
    found: Any = account._reconciling
    assert isinstance(found, Noted)
    return found


def test_nothing_is_begun_before_somebody_reconciles() -> None:
    account = made()
    account.use(Ear().ref)
    for message in (Missed(1, None, 5.0, False), Fenced(1), AccountChanged(), UseReconciler(Ear().ref)):
        account.heed(message)
    account.drop(1, None)
    assert not account.is_held(WAY)
    assert not account.told("a notice")
    assert account.accounts is None
    assert account._reconciling is None


def test_it_begins_with_the_last_of_what_was_told() -> None:
    account, registry, reconciler = made(), Ear().ref, UseReconciler(Ear().ref)
    account.use(registry)
    account.heed(Missed(1, 2, 5.0, False))
    account.heed(reconciler)
    account.heed(Fenced(1))
    account.heed(Missed(2, None, 5.0, True))
    assert account.add(ROUTES) is True  # type: ignore[comparison-overlap]
    one = begun(account)
    assert one.registry is registry
    assert one.heard == [None, ("heed", Missed(2, None, 5.0, True)), ("heed", reconciler), ("add", ROUTES)]


def test_from_then_on_it_hears_all_of_it() -> None:
    account = made()
    account.add(ROUTES)
    one, registry = begun(account), Ear().ref
    account.use(registry)
    account.heed(Fenced(1))
    account.drop(1, STREAMS)
    assert account.is_held(WAY)
    assert account.told("a notice")
    assert one.registry is registry
    assert one.heard[2:] == [("heed", Fenced(1)), ("drop", 1, STREAMS), ("is_held", WAY), ("told", "a notice")]
    assert account.accounts == "what is known"  # type: ignore[comparison-overlap]


def test_one_that_inherits_has_begun() -> None:
    account = made("what was known")
    assert begun(account).heard == ["what was known"]
    assert account.accounts == "what is known"  # type: ignore[comparison-overlap]
