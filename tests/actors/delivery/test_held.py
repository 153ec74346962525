"""What the router keeps itself, as it says when it is asked."""

from types import SimpleNamespace
from typing import Any, cast

from websocket_v6.actors.base import ask
from websocket_v6.actors.delivery.account import Account
from websocket_v6.actors.delivery.held import held
from websocket_v6.actors.delivery.routes import Routes
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.router import AddRoutes, GetHeld, Held
from websocket_v6.protocol.delivery.commands import HoldTrades
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.exchange.wants import Closing

from .test_router import TRADES, World, trade
from .test_router import world as world  # a fixture

CANDLES = "candle.1m KRW-BTC"


def ask_held(world: World, endpoint: str = "public") -> Held:
    found: Held = ask(world.router, GetHeld(endpoint), 5)
    return found


def test_what_is_with_its_takers_is_not_kept(world: World) -> None:
    mailbox = world.subscribe(TRADES)
    world.deliver(trade(1))
    assert ask_held(world) == Held(None, {}, False)
    assert len(mailbox.take_many(0.0, 9)) == 1, "it is there by the time of the answer"


def test_trades_that_wait_for_a_gap_to_be_filled_are(world: World) -> None:
    mailbox = world.subscribe(TRADES)
    world.deliver(trade(1))
    world.take(mailbox)
    world.tell(HoldTrades(1, 10, 20, 60.0))
    world.deliver(trade(9))
    assert ask_held(world) == Held(5, {}, False)
    assert ask_held(world, "private") == Held(None, {}, False)


def test_a_candle_that_is_not_final_is(world: World) -> None:
    mailbox = MailboxQueue(Mailbox.drop_oldest(9))
    world.tell(AddRoutes(7, "public", (CANDLES,), mailbox, None, True, True, True, False, Closing()))
    payload = b'{"ty":"candle.1m","cd":"KRW-BTC","cdttmu":"2026-01-01T00:00:00","tms":1767225601000,"st":"REALTIME"}'
    world.deliver((CANDLES, payload))
    assert ask_held(world) == Held(None, {CANDLES: 5}, False)


def test_orders_that_wait_for_the_account_are_said_to() -> None:
    machines = [SimpleNamespace(holds=True, book=SimpleNamespace(type="myOrder"))]
    routes = cast(Routes, SimpleNamespace(of=lambda _: ()))
    account = cast(Account, cast(Any, SimpleNamespace(accounts=machines)))
    assert held("private", routes, account).holds
    assert not held("public", routes, account).holds
