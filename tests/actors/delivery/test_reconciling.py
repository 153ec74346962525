"""The router's part in reconciling, without the router: who begins when, and what waits, is held or told."""

import json
import time
from typing import Any

import pytest

from tests.actors.ear import Ear
from websocket_v6.actors.base import Timer
from websocket_v6.actors.delivery.deliveries import Delivery
from websocket_v6.actors.delivery.reconciling import Reconciling
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.registry import Reconciled
from websocket_v6.actors.messages.router import AccountAnswer, AccountChanged, AddRoutes, ReconcileDue, UseReconciler
from websocket_v6.actors.messages.supervisor import Need
from websocket_v6.actors.ways import Mouth, Way
from websocket_v6.protocol.delivery.commands import Fenced, Missed
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.delivery.progress import Found, Progress
from websocket_v6.protocol.delivery.source_flow import SourceFlow
from websocket_v6.protocol.delivery.steps import Answer, Inquire, Outcome
from websocket_v6.protocol.errors import AuthenticationError
from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.server import words


def order(uuid: str = "O1", state: str = "wait", code: str = "KRW-BTC", **fields: Any) -> Event:
    body = {"type": "myOrder", "code": code, "uuid": uuid, "state": state, "trades_count": 0} | fields
    body |= {"timestamp": 1, "stream_type": "REALTIME"}
    return make_event(f"myOrder {code}", json.dumps(body).encode(), 1, 0)


def found(uuid: str, code: str = "KRW-BTC") -> Found:
    return Found(uuid, code, Progress(), 1, order(uuid, code=code).payload)


class Client(Mouth):
    """What a client of a server is given and told, in one order."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def deliver(self, rows: Any) -> None:
        self.heard += [event for _, events in rows for event in events]

    def go_on(self) -> None:
        raise AssertionError("nothing had to wait")

    def convey(self, way: Way, news: object) -> None:
        self.heard.append(news)


class Bench:
    """Reconciling between those that only hear. `say` is what the router does with a message of the stream."""

    def __init__(self, inherited: Any = None) -> None:
        self.registry, self.supervisor, self.router, self.reconciler = Ear(), Ear(), Ear(), Ear()
        self.timers: list[Timer] = []
        self.delivery = Delivery(SourceFlow())
        self.one = Reconciling(self.delivery, self.router.ref, self.supervisor.ref, self.at, inherited)
        self.one.registry = self.registry.ref
        self.mailboxes: dict[int, MailboxQueue] = {}
        self.way: Any = None

    def at(self, due: float, message: object) -> Timer:
        self.timers.append(Timer(due, message))
        return self.timers[-1]

    def add(self, number: int, *streams: str, way: Way | None = None) -> None:
        mailbox = self.mailboxes.setdefault(number, MailboxQueue(Mailbox.lossless(1 << 20)))
        how = AddRoutes(number, "private", streams, way or mailbox, None, replay=False, snapshots=True, realtime=True)
        self.way = self.one.add(how).mailbox
        self.delivery.flush()

    def say(self, *events: Event) -> None:
        self.one.deliver([(self.way, list(events))])

    def reconcile(self, *orders: Found, epoch: int = 1) -> None:
        """Answer what is asked, for the first and the second time."""
        self.one.heed(Fenced(epoch))
        for _ in range(2):
            asked = [one for one in self.reconciler.heard() if isinstance(one, Inquire) and one.type == "myOrder"]
            if asked:
                self.one.heed(AccountAnswer("myOrder", Answer(asked[-1].number, orders=orders)))
            machine = self.one.accounts.of("myOrder")
            if machine.next_due is not None:
                machine._job.next_at = time.monotonic()  # type: ignore[union-attr]
                self.one.heed(ReconcileDue())
        self.delivery.flush()

    def got(self, number: int) -> list[tuple[str, str, bool]]:
        events: Any = self.mailboxes[number].take_many(time.monotonic(), 1000)
        return [(one.uuid, one.state, one.backfilled) for one in events]


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.one.heed(Missed(1, None, 15.0, is_guest=False))
    bench.add(1, "myOrder *")
    bench.one.heed(UseReconciler(bench.reconciler.ref))
    return bench


def test_who_asks_is_started_when_it_is_first_needed() -> None:
    bench = Bench()
    bench.one.heed(Missed(1, None, 15.0, is_guest=False))
    bench.add(1, "myOrder *")
    assert bench.supervisor.heard() == []
    bench.one.heed(Fenced(1))
    bench.one.heed(Fenced(1))
    assert bench.supervisor.heard() == [Need("reconciler")]
    bench.one.heed(UseReconciler(bench.reconciler.ref))
    (asked,) = bench.reconciler.heard()
    assert isinstance(asked, Inquire)
    bench.one.heed(UseReconciler(bench.reconciler.ref))  # its successor is asked the same
    (again,) = bench.reconciler.heard()
    assert again.number > asked.number


def test_a_start_delivers_what_is_open_and_then_what_has_waited(bench: Bench) -> None:
    bench.say(order("O2"))
    assert bench.got(1) == []
    bench.reconcile(found("O1"))
    assert bench.got(1) == [("O1", "wait", True), ("O2", "wait", False)]
    told = [one for one in bench.registry.heard() if isinstance(one, Reconciled)]
    assert [(one.epoch, one.outcome.recovered) for one in told] == [(1, 1)]
    bench.say(order("O2", "cancel"))
    assert bench.got(1) == [("O2", "cancel", False)]


def test_a_newcomer_begins_with_what_is_known_and_others_hear_nothing_twice(bench: Bench) -> None:
    bench.reconcile(found("O1"), found("O2", "KRW-ETH"))
    bench.got(1)
    bench.add(2, "myOrder KRW-ETH")
    assert bench.got(2) == [("O2", "wait", True)]
    bench.say(order("O3"), order("O4", code="KRW-ETH"))
    assert bench.got(2) == [("O4", "wait", False)]
    assert [uuid for uuid, _, _ in bench.got(1)] == ["O3", "O4"]
    bench.one.drop(2, None)
    bench.say(order("O5", code="KRW-ETH"))
    assert bench.got(2) == []


def test_of_another_account_all_begin_anew_with_what_is_open_there(bench: Bench) -> None:
    bench.reconcile(found("O1"))
    bench.got(1)
    bench.one.heed(Missed(2, 5, 15.0, is_guest=False))
    bench.say(order("O2"))  # waits
    bench.one.heed(AccountChanged())
    bench.add(2, "myOrder *")
    assert bench.got(2) == [], "nothing is known"
    bench.one.heed(Missed(3, 5, 15.0, is_guest=False))
    bench.say(order("O3"))
    bench.reconcile(found("O4"), epoch=3)
    assert bench.got(1) == bench.got(2) == [("O4", "wait", True), ("O3", "wait", False)]


def test_a_client_is_told_of_all_that_is_known_and_then_that_it_is(bench: Bench) -> None:
    bench.reconcile(found("O1"))
    bench.say(order("O1", "trade", trade_uuid="T1", trades_count=1), order("O2"), order("O2", "cancel"))
    client = Client()
    bench.add(3, "myOrder *", way=Way(1, client))
    kinds = [(one.uuid, one.state) if isinstance(one, Event) else type(one) for one in client.heard]  # type: ignore[attr-defined]
    assert kinds == [("O1", "trade"), ("O1", "wait"), ("O2", "cancel"), Outcome]


def test_clients_are_told_what_came_of_a_gap_behind_it_each_once(bench: Bench) -> None:
    client = Client()
    way = Way(1, client)
    bench.add(3, "myOrder KRW-BTC", way=way)
    bench.add(4, "myOrder KRW-ETH", way=way)
    bench.reconcile(found("O1"))
    assert [type(one) for one in client.heard if isinstance(one, Outcome)] == [Outcome] * 3  # two welcomes, and that
    assert bench.one.is_held(way) is False
    bench.one.heed(Missed(2, 5, 15.0, is_guest=False))
    assert bench.one.is_held(way)


def test_a_guest_delivers_what_comes_and_tells_what_the_host_tells() -> None:
    bench = Bench()
    bench.add(1, "myOrder *")
    bench.one.heed(Missed(1, None, 15.0, is_guest=True))
    bench.say(order("O1").as_backfilled().as_snapshot(), order("O2", "cancel").as_backfilled().as_snapshot())
    assert bench.got(1) == [("O1", "wait", True)]
    said = words.Reconciled("myOrder", None, 7, 1, (words.Missing("*", 1, 2, "gone"),), "", "", False)
    assert bench.one.told(said)
    (told,) = bench.registry.heard()
    assert told.outcome.unrecovered[0].reason == "gone"
    failed = words.Reconciled("myOrder", None, 7, 0, (), "AuthenticationError", "no permission", True)
    assert bench.one.told(failed)
    (told,) = bench.registry.heard()
    assert isinstance(told.outcome.error, AuthenticationError)
    assert bench.one.told(words.Reconciled("somethingNew", None, 7, 0, (), "", "", False))
    assert not bench.one.told(words.Refused((), "", ""))
    assert bench.registry.heard() == bench.supervisor.heard() == []


def test_a_router_s_successor_knows_what_that_knew(bench: Bench) -> None:
    bench.reconcile(found("O1"))
    heir = Bench(bench.one.accounts)
    heir.add(1, "myOrder *")
    assert heir.one.accounts.of("myOrder").next_due is None  # nothing is to be asked anew
    heir.one.heed(Missed(2, 5, 15.0, is_guest=False))
    heir.one.heed(UseReconciler(heir.reconciler.ref))
    heir.one.heed(Fenced(2))
    (asked,) = heir.reconciler.heard()
    assert asked.doubtful == ("O1",)
    assert heir.got(1) == [("O1", "wait", True)]  # a newcomer's present state
    heir.say(order("O1"))
    heir.one.heed(AccountAnswer("myOrder", Answer(asked.number)))
    heir.delivery.flush()
    assert heir.got(1) == []  # what waited is no news


def test_without_anybody_nothing_is_due(bench: Bench) -> None:
    bench.one.heed(Fenced(1))
    assert any(timer.message is not None for timer in bench.timers)
    bench.one.drop(1, ("myOrder *",))
    assert all(timer.message is None for timer in bench.timers)
