"""Who is told what came of a gap: those that follow the trades, or reconcile that type; each its part."""

import logging

import pytest
from msgspec.structs import replace

from tests.actors.ear import Ear
from websocket_v6.actors.demand.inheritance import Claim
from websocket_v6.actors.demand.recoveries import Recoveries
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.messages.registry import BackfillEnded, Reconciled
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.delivery.steps import Outcome
from websocket_v6.protocol.demand.endpoint import Endpoint
from websocket_v6.protocol.demand.source import Traits
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.events import Unrecovered
from websocket_v6.protocol.exchange.wants import Want, my_asset_want, my_order_want, trade_want

OUTCOME = Outcome("myOrder", 5, 9, 3, (Unrecovered("*", 5, 9, "order O1: gone"),))


class Bench:
    """Two components: `a` has leases 1, 2, ... of what it is given, `b` those from 11 on."""

    def __init__(self, a: list[Want], b: list[Want]) -> None:
        self.endpoints = {name: Endpoint(name, Config()) for name in ("public", "private", "info")}
        self.claims: dict[int, Claim] = {}
        self.watchers: dict[str, Ear] = {"a": Ear(), "b": Ear()}
        for name, first, wants in (("a", 1, a), ("b", 11, b)):
            for number, want in enumerate(wants, first):
                self.endpoints[want.endpoint].want(number, want, 0.0)
                mailbox = MailboxQueue(Mailbox.lossless(1024))
                self.claims[number] = Claim(name, want.endpoint, mailbox, None)
        self.recoveries = Recoveries(self.endpoints, lambda whom, what: whom.tell(what))  # type: ignore[union-attr]

    def tell(self, ended: BackfillEnded | Reconciled) -> None:
        watchers = {name: ear.ref for name, ear in self.watchers.items()}
        self.recoveries.tell(ended, self.claims, watchers)


def test_who_follows_what_has_come_by_itself_is_told_its_part() -> None:
    bench = Bench([trade_want(["KRW-BTC"])], [trade_want(["KRW-XRP"])])
    endpoint = bench.endpoints["public"]
    watchers = {name: ear.ref for name, ear in bench.watchers.items()}
    endpoint.add_source(1, Traits(), 0.0)
    endpoint.opened(7, 1, 5, 0.0)
    bench.recoveries.came({"KRW-BTC": 3}, bench.claims, watchers)
    assert bench.watchers["a"].heard() == [], "there was no gap"
    endpoint.ended(7, 6, 7, "it hung up", None, 1.0)
    endpoint.opened(8, 1, 9, 2.0)
    bench.recoveries.came({"KRW-BTC": 3, "KRW-ETH": 4}, bench.claims, watchers)
    (told,) = bench.watchers["a"].heard()
    assert (told.state, told.epoch, told.backfill) == ("backfilled", 2, BackfillEnded(2, 6, 9, {"KRW-BTC": 3}, ()))
    assert bench.watchers["b"].heard() == []


def test_who_reconciles_that_type_is_told_once_for_all_its_leases() -> None:
    both = [my_order_want(reconcile=True), my_order_want("KRW-BTC", reconcile=True)]
    bench = Bench(both, [my_order_want(), my_asset_want(reconcile=True)])
    bench.tell(Reconciled(4, OUTCOME))
    (told,) = bench.watchers["a"].heard()
    assert isinstance(told, ConnectionChanged)
    assert (told.endpoint, told.state, told.epoch, told.gap_started_ns) == ("private", "reconciled", 4, 5)
    assert (told.reason, told.backfill) == ("myOrder", BackfillEnded(4, 5, 9, {"*": 3}, OUTCOME.unrecovered))
    assert bench.watchers["b"].heard() == []


def test_each_lease_hears_of_an_error_and_it_is_known_until_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    both = [my_order_want(reconcile=True), my_order_want("KRW-BTC", reconcile=True)]
    bench = Bench(both, [my_asset_want(reconcile=True)])
    error = TransportError("nobody there")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            bench.tell(Reconciled(4, OUTCOME._replace(error=error)))
    assert len(caplog.records) == 1
    assert bench.watchers["a"].heard()[:2] == [StreamFailed(1, error, final=False), StreamFailed(2, error, final=False)]
    assert [(one.type, one.since_ns, one.reason) for one in bench.recoveries.unreconciled] == [
        ("myOrder", 5, "nobody there")
    ]
    bench.tell(Reconciled(4, OUTCOME))
    assert bench.recoveries.unreconciled == ()


def test_what_nobody_wants_any_more_is_not_shown_as_unreconciled() -> None:
    bench = Bench([my_order_want(reconcile=True)], [])
    bench.tell(Reconciled(4, OUTCOME._replace(error=TransportError("nobody there"))))
    bench.endpoints["private"].drop(1, None, 1.0)
    assert bench.recoveries.unreconciled == ()


def test_clients_of_a_server_are_told_behind_their_data_and_not_here() -> None:
    bench = Bench([my_order_want(reconcile=True)], [])
    bench.claims[1] = replace(bench.claims[1], mailbox=Way(1, None))  # type: ignore[arg-type]
    bench.tell(Reconciled(4, OUTCOME))
    assert bench.watchers["a"].heard() == []


def test_who_follows_trades_is_told_of_its_own_codes() -> None:
    bench = Bench([trade_want(["KRW-BTC", "KRW-ETH"])], [trade_want("KRW-XRP")])
    bench.tell(BackfillEnded(4, 5, 9, {"KRW-BTC": 2, "KRW-SOL": 1}, ()))
    (told,) = bench.watchers["a"].heard()
    assert told.backfill.recovered == {"KRW-BTC": 2}
    assert bench.watchers["b"].heard() == []
