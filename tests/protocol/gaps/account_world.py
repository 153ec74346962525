"""An exchange's account, its stream and its lagging REST, and one process that reconciles, in a time that is passed in.

The machines are the engine's own; what actors do between them is done here by hand: carry, wait, call.
"""

import heapq
import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from websocket_v6.protocol.delivery.books import AssetBook, OrderBook
from websocket_v6.protocol.delivery.reconciliation import Action, Reconciliation
from websocket_v6.protocol.delivery.steps import Answer, Deliver, Inquire, OrderEnded, Outcome, Release, Welcome
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.exchange.streams import ANY
from websocket_v6.protocol.gaps.account_pace import AccountPace
from websocket_v6.protocol.gaps.inquiry import Inquiry
from websocket_v6.protocol.gaps.inquiry_calls import AccountCall

__all__ = ["EPOCH_S", "World"]

EPOCH_S = 1_800_000_000  # of the world's second 0, Unix time
CODE = "KRW-BTC"


class Order:
    """One order of the account, and all that it was."""

    def __init__(self, uuid: str, at: float, volume: int, code: str = CODE, state: str = "wait") -> None:
        self.uuid, self.at, self.volume, self.code, self.state = uuid, at, volume, code, state
        self.trades: list[tuple[str, float, int]] = []
        self.notes: list[tuple[float, dict[str, Any]]] = []

    @property
    def executed(self) -> int:
        return sum(volume for _, _, volume in self.trades)

    def row(self) -> dict[str, Any]:
        return {
            "uuid": self.uuid,
            "market": self.code,
            "side": "bid",
            "ord_type": "limit",
            "price": "100.0",
            "state": self.state,
            "created_at": iso(self.at, "seconds"),
            "volume": str(self.volume),
            "remaining_volume": str(self.volume - self.executed),
            "executed_volume": str(self.executed),
            "executed_funds": str(100 * self.executed),
            "reserved_fee": "0",
            "remaining_fee": "0",
            "paid_fee": "0",
            "locked": "0",
            "prevented_volume": "0",
            "trades_count": len(self.trades),
            "trades": [
                {"uuid": uuid, "price": "100.0", "volume": str(volume), "created_at": iso(at, "microseconds")}
                for uuid, at, volume in self.trades
            ],
        }

    def message(self, state: str, at: float) -> bytes:
        trade = self.trades[-1] if state == "trade" else None
        return json.dumps(
            {
                "type": "myOrder",
                "code": self.code,
                "uuid": self.uuid,
                "ask_bid": "BID",
                "order_type": "limit",
                "state": state,
                "trade_uuid": trade and trade[0],
                "price": 100.0,
                "volume": trade[2] if trade else self.volume,
                "remaining_volume": self.volume - self.executed,
                "executed_volume": self.executed,
                "trades_count": len(self.trades),
                "trade_fee": 0.05 if trade else None,
                "is_maker": True if trade else None,
                "prevented_volume": 0,
                "order_timestamp": int(EPOCH_S + self.at) * 1000,
                "timestamp": int((EPOCH_S + at) * 1000),
                "stream_type": "REALTIME",
            }
        ).encode()


class World:
    """Runs until the time that it is told; `lags` are how far each call's replica is behind, one after the other."""

    def __init__(self, lags: Callable[[], float] = lambda: 0.0, codes: frozenset[str] = frozenset({ANY})) -> None:
        self.now = 0.0
        self.orders: dict[str, Order] = {}
        self.balances: list[tuple[float, dict[str, int]]] = [(-100.0, {"KRW": 1000})]
        self.delivered: list[Any] = []  # of MyOrderEvent
        self.assets: list[Any] = []  # of MyAssetEvent
        self.told: list[Outcome] = []
        self.calls: list[tuple[float, AccountCall]] = []
        self.answers: dict[str, list[int]] = {}  # by path, statuses to answer next instead
        self.is_connected = False
        self._lags = lags
        self._codes = codes
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._ids = itertools.count(1)
        self._life = 0
        self._lost_at: float | None = None
        self._pace = AccountPace()
        self._inquiries: dict[str, Inquiry] = {}
        self.book = OrderBook(self._wrap)
        self.machine: Reconciliation[Event] = Reconciliation(self.book)
        self.asset_machine: Reconciliation[Event] = Reconciliation(AssetBook(self._wrap))

    # --- the exchange

    def place(self, volume: int = 10, code: str = CODE, state: str = "wait") -> str:
        order = Order(f"O{next(self._ids)}", self.now, volume, code, state)
        self.orders[order.uuid] = order
        self._changed(order, state)
        return order.uuid

    def fill(self, uuid: str, volume: int = 1) -> None:
        order = self.orders[uuid]
        if order.state == "wait" and order.executed + volume <= order.volume:
            order.trades.append((f"T{next(self._ids)}", self.now, volume))
            self._changed(order, "trade")
            if order.executed == order.volume:
                order.state = "done"
                self._changed(order, "done")

    def trigger(self, uuid: str) -> None:
        """Let an order that watched wait."""
        order = self.orders[uuid]
        if order.state == "watch":
            order.state = "wait"
            self._changed(order, "wait")

    def cancel(self, uuid: str) -> None:
        order = self.orders[uuid]
        if order.state in ("wait", "watch"):
            order.state = "cancel"
            self._changed(order, "cancel")

    def pay(self, currency: str, amount: int) -> None:
        """Have so much of a currency from now on; 0: nothing, and it is not listed."""
        held = dict(self.balances[-1][1])
        held[currency] = amount
        if not amount:
            del held[currency]
        self.balances.append((self.now, held))
        row = [{"currency": currency, "balance": amount, "locked": 0}]
        body = {"type": "myAsset", "asset_uuid": f"A{next(self._ids)}", "assets": row, "timestamp": 1}
        self._send(make_event("myAsset *", json.dumps(body).encode(), self._life, 0), self.asset_machine)

    def _changed(self, order: Order, state: str) -> None:
        order.notes.append((self.now, order.row()))
        payload = order.message(state, self.now)
        self._send(make_event(f"myOrder {order.code}", payload, self._life, 0), self.machine)

    def _send(self, event: Event, machine: Reconciliation[Event]) -> None:
        if self.is_connected:
            self._do(machine.hear(event, self.now), machine)

    def say(self, *payloads: bytes) -> None:
        """Have the stream say this, whatever has happened."""
        for payload in payloads:
            self._send(make_event(f"myOrder {CODE}", payload, self._life, 0), self.machine)

    # --- the connection

    def connect(self, fence_after: float = 0.1) -> None:
        self.is_connected = True
        self._life += 1
        life = self._life
        lost_ns = None if self._lost_at is None else int((EPOCH_S + self._lost_at) * 1e9)
        for machine in (self.machine, self.asset_machine):
            if not machine.codes:
                machine.want(self._codes if machine is self.machine else frozenset({ANY}), self.now)
            self._do(machine.gap(lost_ns, self.now, 5.0, is_guest=False), machine)
        self.after(fence_after, lambda: self._fence(life))

    def _fence(self, life: int) -> None:
        if self._life == life and self.is_connected:
            for machine in (self.machine, self.asset_machine):
                self._do(machine.fenced(self.now, int((EPOCH_S + self.now) * 1e9)), machine)

    def lose(self) -> None:
        if self.is_connected:
            self.is_connected = False
            self._lost_at = self.now

    # --- time

    def after(self, seconds: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (self.now + seconds, next(self._numbers), call))

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while True:
            dues = [one.next_due for one in (self.machine, self.asset_machine) if one.next_due is not None]
            queued = self._queue[0][0] if self._queue else float("inf")
            at = min([queued, *dues])
            if at > until:
                break
            self.now = max(self.now, at)
            if queued <= at:
                heapq.heappop(self._queue)[2]()
            else:
                for machine in (self.machine, self.asset_machine):
                    self._do(machine.due(self.now), machine)
        self.now = until

    # --- what actors do

    def _do(self, actions: list[Action[Event]], machine: Reconciliation[Event]) -> None:
        for action in actions:
            match action:
                case Deliver(items):
                    (self.delivered if machine is self.machine else self.assets).extend(items)
                case Release(items):
                    for item in items:
                        self._do(machine.hear(item, self.now), machine)
                case Inquire():
                    inquiry = Inquiry(action, int((EPOCH_S + self.now) * 1000))
                    self._inquiries[action.type] = inquiry
                    self._step(inquiry, machine)
                case OrderEnded():
                    self._inquiries[machine.book.type].ended()
                case Outcome():
                    self.told.append(action)
                case Welcome():
                    pass

    def _step(self, inquiry: Inquiry, machine: Reconciliation[Event]) -> None:
        call = inquiry.call
        if call is None:
            self._do(machine.answered(inquiry.answer(), self.now, int((EPOCH_S + self.now) * 1e9)), machine)
            return
        due = self._pace.due(self.now)
        self._pace.sent(due)
        self.after(due - self.now + 0.02, lambda: self._answer(inquiry, call, machine))

    def _answer(self, inquiry: Inquiry, call: AccountCall, machine: Reconciliation[Event]) -> None:
        self.calls.append((self.now, call))
        planned = self.answers.get(call.path)
        if planned:
            number = inquiry.asked.number
            status = planned.pop(0)
            error = TransportError(f"HTTP {status}")
            refused = Answer(number, error=error, is_final=status == 403, retry_after=60.0 if status == 418 else 0.0)
            self._do(machine.answered(refused, self.now, int((EPOCH_S + self.now) * 1e9)), machine)
            return
        body = self.rest(call, self.now - self._lags())
        inquiry.now_ms = int((EPOCH_S + self.now) * 1000)
        inquiry.receive(b"" if body is None else json.dumps(body).encode(), int(EPOCH_S + self.now) * 1000)
        self._step(inquiry, machine)

    def _wrap(self, type_: str, code: str, payload: bytes, is_start: bool) -> Event:
        event = make_event(f"{type_} {code}", payload, self._life, 0).as_backfilled()
        return event.as_snapshot() if is_start else event

    # --- REST

    def rest(self, call: AccountCall, at: float) -> Any:
        query = parse_qsl(call.query)
        given = dict(query)
        if call.path == "/v1/accounts":
            held = next(held for when, held in reversed(self.balances) if when <= at)
            return [{"currency": name, "balance": str(amount), "locked": "0"} for name, amount in held.items()]
        rows = [note for order in self.orders.values() for note in [self._row(order, at)] if note is not None]
        if call.path == "/v1/order":
            return next((row for row in rows if row["uuid"] == given["uuid"]), None)
        rows = [{name: value for name, value in row.items() if name != "trades"} for row in rows]
        if call.path == "/v1/orders/uuids":
            return [row for row in rows if ("uuids[]", row["uuid"]) in query]
        rows = [row for row in rows if ("states[]", row["state"]) in query]
        if call.path == "/v1/orders/open":
            first = (int(given["page"]) - 1) * int(given["limit"])
            return rows[first : first + int(given["limit"])]
        start, end = int(given["start_time"]), int(given["end_time"])
        return [row for row in rows if start <= ms(row["created_at"]) <= end][: int(given["limit"])]

    def _row(self, order: Order, at: float) -> dict[str, Any] | None:
        return next((row for when, row in reversed(order.notes) if when <= at), None)

    # --- what the component knows

    def trades(self) -> list[str]:
        return [one.trade_uuid for one in self.delivered if one.state == "trade"]

    def states(self) -> dict[str, str]:
        """Return the state of each order as whoever follows the events has it: one that trades does not watch."""
        found: dict[str, str] = {}
        for one in self.delivered:
            if one.state != "trade":
                found[one.uuid] = one.state
            elif found.get(one.uuid, "watch") == "watch":
                found[one.uuid] = "wait"
        return found

    def holdings(self) -> dict[str, Decimal]:
        found = {each.currency: each.balance for one in self.assets for each in one.assets}
        return {name: amount for name, amount in found.items() if amount}

    def shown(self, since: int = 0) -> list[str]:
        """Return what was delivered, in few words: `T2 live`, `O1 done fetched`."""
        return [
            f"{one.trade_uuid if one.state == 'trade' else f'{one.uuid} {one.state}'} "
            f"{'fetched' if one.backfilled else 'live'}"
            for one in self.delivered[since:]
        ]


def iso(at: float, spec: str) -> str:
    return datetime.fromtimestamp(EPOCH_S + at, UTC).isoformat(timespec=spec)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)
