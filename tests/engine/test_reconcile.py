"""Own orders and balances after a gap: what the exchange did not send arrives after all, once, in order, marked."""

import itertools
import logging
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from tests.conftest import wait_until
from websocket_v6 import Config, ConnectionEvent, WebSocketClientProxy
from websocket_v6.actors.base import Actor
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.demand.registry import Registry
from websocket_v6.actors.gaps.reconciler import Reconciler
from websocket_v6.actors.jwt import Jwt
from websocket_v6.protocol.errors import AuthenticationError
from websocket_v6.simulator import Simulator

SERVED = {"myOrder *", "myAsset *"}
CODE = "KRW-ETH"


class Bot:
    """A component that reconciles, and everything it is told."""

    def __init__(self, name: str, config: Config) -> None:
        self.proxy = WebSocketClientProxy(name, config=config)
        self.told: list[ConnectionEvent] = []
        self.orders: list[Any] = []
        self.assets: list[Any] = []
        self.errors: list[Exception] = []
        self.proxy.on_connection(self.told.append)

    def follow(self, *, orders: bool = True, assets: bool = True, **options: Any) -> None:
        if orders:
            self.proxy.subscribe_my_order(
                self.orders.append, reconcile=True, error_handler=self.errors.append, **options
            )
        if assets:
            self.proxy.subscribe_my_asset(self.assets.append, reconcile=True, error_handler=self.errors.append)

    def reconciled(self, type_: str = "myOrder") -> list[ConnectionEvent]:
        return [one for one in list(self.told) if one.state == "reconciled" and one.reason == type_]

    def wait_reconciled(self, count: int, type_: str = "myOrder") -> ConnectionEvent:
        wait_until(lambda: len(self.reconciled(type_)) >= count, f"{type_} reconciled {count} times")
        return self.reconciled(type_)[-1]

    def states(self) -> dict[str, str]:
        return {one.uuid: one.state for one in list(self.orders) if one.state != "trade"}

    def trades(self, uuid: str) -> list[str]:
        return [one.trade_uuid for one in list(self.orders) if one.state == "trade" and one.uuid == uuid]

    def shown(self, uuid: str) -> list[tuple[str, bool]]:
        return [(one.state, one.backfilled) for one in list(self.orders) if one.uuid == uuid]

    def holdings(self) -> dict[str, tuple[Any, Any]]:
        found = {each.currency: (each.balance, each.locked) for one in list(self.assets) for each in one.assets}
        return {name: amounts for name, amounts in found.items() if any(amounts)}


@pytest.fixture
def quick(config: Config) -> Config:
    """A configuration whose waits are short."""
    return msgspec.structs.replace(config, backoff_initial=0.02, backoff_max=0.2)


@pytest.fixture
def bot(quick: Config) -> Iterator[Callable[..., Bot]]:
    made: list[Bot] = []
    numbers = itertools.count(1)

    def make(config: Config = quick) -> Bot:
        made.append(Bot(f"bot-{next(numbers)}", config))
        return made[-1]

    yield make
    for one in made:
        one.proxy.cleanup()


def gap(sim: Simulator, missed: Callable[[], None], served: set[str] = SERVED) -> None:
    """Lose the connection, let `missed` happen while nobody is connected, and wait for the next one."""
    sim.refuse(503, times=None, endpoint="private")
    sim.drop("private")
    sim.wait_connected(0)
    missed()
    sim.accept("private")
    sim.wait_served(served, 20, endpoint="private")


def rest(sim: Simulator) -> list[str]:
    return [call.partition("?")[0].removeprefix("/v1/") for call in sim.rest_calls()]


def truth(sim: Simulator) -> dict[str, tuple[Any, Any]]:
    return {name: amounts for name, amounts in sim.balances().items() if any(amounts)}


def test_a_start_shows_what_is_open_and_all_balances_as_a_snapshot(sim: Simulator, bot: Callable[..., Bot]) -> None:
    open_ = sim.place_order(CODE, "BID", price="99.5", volume="93.25", identifier="mine")
    over = sim.place_order(CODE, "BID", price="99.5", volume="100")
    sim.cancel_order(over)
    one = bot()
    one.follow()
    told = one.wait_reconciled(1)
    one.wait_reconciled(1, "myAsset")
    wait_until(lambda: one.orders and one.assets, "the state")
    (order,) = one.orders
    assert (order.uuid, order.state, order.identifier, order.backfilled) == (open_, "wait", "mine", True)
    assert (order.stream_type, order.epoch, order.symbol) == ("SNAPSHOT", 1, CODE)
    assert (str(order.price), str(order.volume)) == ("99.5", "93.25")
    assert one.holdings() == truth(sim)
    assert {one.stream_type for one in one.assets} == {"SNAPSHOT"}
    assert (told.endpoint, told.epoch, told.recovered, told.gap, told.unrecovered) == ("private", 1, 1, None, ())


def test_what_happened_in_a_gap_arrives_once_in_order_and_marked(sim: Simulator, bot: Callable[..., Bot]) -> None:
    kept = sim.place_order(CODE, "BID", price="99.5", volume="100")
    gone = sim.place_order(CODE, "BID", price="99", volume="100")
    one = bot()
    one.follow()
    one.wait_reconciled(1)
    before = len(one.orders)
    made: list[str] = []

    def missed() -> None:
        sim.cancel_order(gone)
        made.append(sim.place_order("KRW-BTC", "BID", price="50000", order_type="price"))
        made.append(sim.place_order(CODE, "BID", price="98.5", volume="100"))
        sim.deposit("USDT", 12)

    gap(sim, missed)
    told = one.wait_reconciled(2)
    wait_until(lambda: one.states() == sim.orders(), "the truth")
    bought, new = made
    assert one.shown(gone)[-1] == ("cancel", True)
    assert one.shown(new) == [("wait", True)]
    assert one.shown(bought) == [("trade", True), (sim.orders()[bought], True)]
    assert one.shown(kept) == [("wait", True)]  # of the start: it is merely still open
    assert {event.stream_type for event in one.orders[before:]} == {"REALTIME"}
    assert {event.epoch for event in one.orders[before:]} == {2}
    assert told.recovered == len(one.orders) - before
    assert told.gap is not None
    wait_until(lambda: one.holdings() == truth(sim), "the balances")
    after = sim.place_order(CODE, "BID", price="98", volume="100")
    wait_until(lambda: one.shown(after) == [("wait", False)], "live orders again")


def test_who_does_not_ask_for_it_sees_live_messages_alone_and_waits_for_nothing(
    sim: Simulator, bot: Callable[..., Bot]
) -> None:
    one, plain = bot(), bot()
    events: list[Any] = []
    plain.proxy.subscribe_my_order(events.append)
    one.follow(assets=False)
    one.wait_reconciled(1)
    uuids: list[str] = []
    sim.spoil("/v1/orders/open", "hang")
    gap(sim, lambda: uuids.append(sim.place_order(CODE, "BID", price="99.5", volume="100")), {"myOrder *"})
    live = sim.place_order(CODE, "BID", price="98", volume="100")
    wait_until(lambda: events, "the live order of the other")
    assert one.shown(live) == []
    sim.mend()
    wait_until(lambda: one.shown(live) == [("wait", False)], "the live order")
    assert one.shown(uuids[0]) == [("wait", True)]
    assert [(event.uuid, event.backfilled) for event in events] == [(live, False)]
    assert not plain.reconciled()


@pytest.mark.faces("threads")
def test_what_a_replica_does_not_know_yet_comes_with_the_second_time(sim: Simulator, bot: Callable[..., Bot]) -> None:
    one = bot()
    one.follow(assets=False)
    one.wait_reconciled(1)
    uuid = sim.place_order(CODE, "BID", price="99.5", volume="100")
    wait_until(lambda: one.shown(uuid), "the live order")
    sim.delay_rest(1.5)
    gap(sim, lambda: sim.cancel_order(uuid), {"myOrder *"})
    one.wait_reconciled(2)
    wait_until(lambda: one.states() == {uuid: "cancel"}, "the cancellation")
    assert one.shown(uuid) == [("wait", False), ("cancel", True)]


def test_a_newcomer_begins_with_what_is_known_and_nobody_is_asked(sim: Simulator, bot: Callable[..., Bot]) -> None:
    uuid = sim.place_order(CODE, "BID", price="99.5", volume="100")
    one, other = bot(), bot()
    one.follow()
    one.wait_reconciled(1)
    one.wait_reconciled(1, "myAsset")
    sim.cancel_order(uuid)
    live = sim.place_order(CODE, "BID", price="98", volume="100")
    wait_until(lambda: one.shown(live), "the live order")
    calls = len([call for call in rest(sim) if call != "accounts"])
    other.follow()
    wait_until(lambda: other.shown(live) == [("wait", True)], "the present state")
    assert other.orders[0].stream_type == "SNAPSHOT"
    assert other.shown(uuid) == []
    wait_until(lambda: other.holdings() == truth(sim), "the balances")
    assert len([call for call in rest(sim) if call != "accounts"]) in (calls, calls + 1)  # the first one's second time
    sim.cancel_order(live)
    wait_until(lambda: other.shown(live)[-1] == ("cancel", False), "what comes after")


def test_only_the_markets_that_are_wanted_are_delivered(sim: Simulator, bot: Callable[..., Bot]) -> None:
    one = bot()
    mine = sim.place_order(CODE, "BID", price="99.5", volume="100")
    sim.place_order("KRW-XRP", "BID", price="99.5", volume="100")
    one.follow(assets=False, symbols=[CODE])
    one.wait_reconciled(1)
    wait_until(lambda: one.orders, "the order")
    assert [event.uuid for event in one.orders] == [mine]


def test_without_the_permission_it_is_told_once_and_the_rest_goes_on(
    sim: Simulator, bot: Callable[..., Bot], caplog: pytest.LogCaptureFixture
) -> None:
    body = {"error": {"name": "out_of_scope", "message": "Out of scope."}}
    sim.refuse(403, times=None, body=body, endpoint="/v1/orders/open")
    one = bot()
    with caplog.at_level(logging.WARNING):
        one.follow()
        one.wait_reconciled(1, "myAsset")
        wait_until(lambda: one.errors, "the error")
    (error,) = one.errors
    assert isinstance(error, AuthenticationError)
    assert error.name == "out_of_scope"
    assert "view orders" in str(error)
    assert one.holdings() == truth(sim)
    health = one.proxy.health()
    assert [each.type for each in health.unreconciled] == ["myOrder"]
    assert "myOrder not reconciled since" in str(health)
    assert "myOrder is not reconciled" in caplog.text
    assert sim.secret_key not in caplog.text
    live = sim.place_order(CODE, "BID", price="98", volume="100")
    wait_until(lambda: one.shown(live) == [("wait", False)], "the live order")
    assert len(one.errors) == 1


@pytest.mark.faces("threads")
def test_an_exchange_that_does_not_answer_holds_nothing_up_for_long_and_is_asked_again(
    sim: Simulator, bot: Callable[..., Bot]
) -> None:
    one = bot()
    one.follow(assets=False)
    one.wait_reconciled(1)
    gone = sim.place_order(CODE, "BID", price="99.5", volume="100")
    wait_until(lambda: one.shown(gone), "the live order")
    sim.spoil("/v1/orders/open", "cut", times=None)
    gap(sim, lambda: sim.cancel_order(gone), {"myOrder *"})
    live = sim.place_order(CODE, "BID", price="98", volume="100")
    wait_until(lambda: one.shown(live) == [("wait", False)], "the live order")
    wait_until(lambda: one.errors, "the error")
    assert one.shown(gone) == [("wait", False)]
    sim.mend()
    wait_until(lambda: one.shown(gone)[-1] == ("cancel", True), "the cancellation", 60)
    assert one.proxy.health().unreconciled == ()


@pytest.mark.faces("threads")
def test_after_the_last_want_nothing_is_known_or_asked(sim: Simulator, bot: Callable[..., Bot]) -> None:
    one = bot()
    plain = bot()
    plain.proxy.subscribe_my_order(lambda _: None)
    one.follow(assets=False)
    one.wait_reconciled(1)
    one.proxy.unsubscribe_all()
    calls = len(rest(sim))
    gap(sim, lambda: None, {"myOrder *"})
    sim.place_order(CODE, "BID", price="99.5", volume="100")
    assert len(rest(sim)) == calls


def test_no_key_or_token_is_in_any_event_or_line(
    sim: Simulator, bot: Callable[..., Bot], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        one = bot()
        one.follow()
        one.wait_reconciled(1)
        sim.spoil("/v1/orders/open", "truncated", times=2)
        gap(sim, lambda: None)
        one.wait_reconciled(2)
    shown = repr((one.orders, one.assets, one.told, one.errors, one.proxy.health())) + caplog.text
    for secret in (sim.access_key, sim.secret_key, "Bearer", "eyJ"):
        assert secret not in shown


@pytest.mark.faces("threads")
def test_calls_that_are_too_many_are_made_later_and_nothing_is_lost(sim: Simulator, bot: Callable[..., Bot]) -> None:
    one = bot()
    one.follow(assets=False)
    one.wait_reconciled(1)
    uuid = sim.place_order(CODE, "BID", price="99.5", volume="100")
    wait_until(lambda: one.shown(uuid), "the live order")
    sim.refuse(429, times=2, endpoint="/v1/orders/open")
    gap(sim, lambda: sim.cancel_order(uuid), {"myOrder *"})
    wait_until(lambda: one.shown(uuid)[-1] == ("cancel", True), "the cancellation")
    assert one.errors == []


def test_a_component_that_fails_and_one_that_is_slow_change_nothing_for_others(
    sim: Simulator, bot: Callable[..., Bot]
) -> None:
    one = bot()

    def fail(event: Any) -> None:
        raise ValueError("as told")

    bad = bot()
    bad.proxy.subscribe_my_order(fail, reconcile=True, error_handler=bad.errors.append)
    one.follow(assets=False)
    one.wait_reconciled(1)
    uuids: list[str] = []
    gap(sim, lambda: uuids.append(sim.place_order(CODE, "BID", price="99.5", volume="100")), {"myOrder *"})
    wait_until(lambda: uuids and one.shown(uuids[0]) == [("wait", True)], "the order of the gap")
    wait_until(lambda: len(bad.errors) == 1, "what the callback raised")


@pytest.mark.faces("threads")
@pytest.mark.parametrize("kind", [Reconciler, Router, Jwt, Registry], ids=lambda kind: kind.__name__)
def test_a_bug_in_the_midst_of_it_costs_nothing(
    sim: Simulator, bot: Callable[..., Bot], monkeypatch: pytest.MonkeyPatch, kind: type[Actor]
) -> None:
    """The actor fails while the exchange is asked about a gap; what was known outlives it, and nothing comes twice."""
    one = bot()
    one.follow(assets=False)
    one.wait_reconciled(1)
    bought_before = sim.place_order("KRW-BTC", "BID", price="60000", order_type="price")
    gone = sim.place_order(CODE, "BID", price="99.5", volume="100")
    wait_until(lambda: one.shown(gone), "the live order")
    receive: Callable[..., object] = kind.on_receive
    is_broken = False

    def receive_or_fail(actor: Any, message: object) -> object:
        nonlocal is_broken
        if is_broken:
            is_broken = False
            raise RuntimeError("as told")
        return receive(actor, message)

    monkeypatch.setattr(kind, "on_receive", receive_or_fail)
    sim.spoil("/v1/orders/open", "hang")
    calls = len(rest(sim))
    made: list[str] = []

    def missed() -> None:
        sim.cancel_order(gone)
        made.append(sim.place_order("KRW-BTC", "BID", price="50000", order_type="price"))

    gap(sim, missed, {"myOrder *"})
    wait_until(lambda: len(rest(sim)) > calls, "the call, which hangs")
    is_broken = True
    sim.mend()
    wait_until(lambda: one.states() == sim.orders(), "the truth", 60)
    wait_until(lambda: not is_broken, "the bug")
    for uuid in (bought_before, made[0]):
        assert len(one.trades(uuid)) == len(set(one.trades(uuid))) == 1
    assert [state for state, _ in one.shown(gone)].count("cancel") == 1
    live = sim.place_order(CODE, "BID", price="98", volume="100")
    wait_until(lambda: one.shown(live) and one.shown(live)[0][0] == "wait", "what comes after", 60)


@pytest.mark.faces("threads")
def test_of_two_connections_one_may_be_lost_and_nothing_is_asked(
    sim: Simulator, bot: Callable[..., Bot], quick: Config
) -> None:
    one = bot(msgspec.structs.replace(quick, redundancy=2))
    one.follow(assets=False)
    one.wait_reconciled(1)
    wait_until(lambda: rest(sim).count("orders/open") == 2, "the second time of the start")
    wait_until(lambda: sum(each.serves for each in one.proxy.health().connections) == 2, "two that serve", 60)
    sim.drop("private", connection_id=sim.connections("private")[0].id)
    first = sim.place_order(CODE, "BID", price="99.5", volume="100")
    wait_until(lambda: one.shown(first) == [("wait", False)], "the live order, once")
    assert rest(sim).count("orders/open") == 2
    gap(sim, lambda: sim.cancel_order(first), {"myOrder *"})
    wait_until(lambda: one.shown(first) == [("wait", False), ("cancel", True)], "the cancellation, once")
