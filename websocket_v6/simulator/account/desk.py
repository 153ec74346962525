"""Where orders are placed: matching against the book, the private events that follow, self-match prevention.

An order that rests stands in the book and is filled by the trades that reach it. The reference documents the states but
not their exact sequence; what is open there is a switch. Source: Upbit WebSocket reference, "myOrder" (event order).
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from random import Random
from uuid import UUID

from ..answers import Answers
from ..exact import Number, decimal_or_none, to_decimal
from ..market.one_market import Market, Trade, TradeSide
from ..market.trading_floor import Feed
from ..market.wording import Event
from .orders import Account, Execution, Order, OrderType, SmpType, TimeInForce

__all__ = ["Desk"]

_BALANCES = {"KRW": "1000000000", "BTC": "10", "ETH": "100", "XRP": "100000", "USDT": "100000"}
_ZERO = Decimal(0)


class Desk:
    """All accounts and orders of one exchange."""

    def __init__(self, feed: Feed, answers: Answers, publish: Callable[[str, Event], None], seed: int) -> None:
        """`publish` takes an access key and a private message of its account."""
        self._feed = feed
        self._answers = answers
        self._publish = publish
        self._rng = Random(f"{seed} desk")  # noqa: S311
        self._accounts: dict[str, Account] = {}
        self._orders: dict[str, Order] = {}
        self._resting: dict[str, list[Order]] = {}  # by code, in the order of their arrival
        self._watching: dict[str, list[Order]] = {}
        feed.on_sweep = self._sweep
        feed.on_trade = self._traded

    def open_account(self, access_key: str) -> None:
        """Make an account for a key, with some of everything in it; one that exists stays as it is."""
        if access_key in self._accounts:
            return
        free = {currency: Decimal(amount) for currency, amount in _BALANCES.items()}
        self._accounts[access_key] = Account(access_key, free)

    # What its user calls.

    def place(
        self,
        access_key: str,
        code: str,
        side: TradeSide,
        price: Number | None = None,
        volume: Number | None = None,
        order_type: OrderType = "limit",
        time_in_force: TimeInForce | None = None,
        identifier: str | None = None,
        smp_type: SmpType | None = None,
        trigger: Number | None = None,
    ) -> str:
        """Place an order and return its uuid."""
        market = self._feed.market(code)
        if smp_type is None and self._answers.smp_default:
            smp_type = "none" if time_in_force == "post_only" else "cancel_maker"
        order = Order(
            uuid=self._uuid(),
            account=self._account(access_key),
            code=code,
            side=side,
            order_type=order_type,
            price=decimal_or_none(price),
            volume=decimal_or_none(volume),
            ms=self._feed.clock.now_ms(),
            time_in_force=time_in_force,
            identifier=identifier,
            smp_type=smp_type,
            trigger=decimal_or_none(trigger),
        )
        order.account.lock(order.lock_currency, order.locked)
        self._orders[order.uuid] = order
        if order.trigger is not None:
            order.rises_to_trigger = order.trigger >= market.last.price
            order.state = "watch"
            self._watching.setdefault(code, []).append(order)
            self._tell(order, "watch")
            self._tell_assets(order.account, [order.lock_currency])
        else:
            self._enter(market, order, locked_now=True)
        return order.uuid

    def cancel(self, uuid: str) -> None:
        order = self._orders.get(uuid)
        if order is None or order.state not in {"wait", "watch"}:
            raise ValueError(f"order {uuid} is not open: orders() lists those that are")
        self._leave(order)
        self._end(order, "cancel")

    def deposit(self, access_key: str, currency: str, amount: Number) -> None:
        """Add to a balance, or take from it with a negative amount."""
        account = self._account(access_key)
        account.add(currency, to_decimal(amount))
        self._tell_assets(account, [currency])

    def balances(self, access_key: str) -> dict[str, tuple[Decimal, Decimal]]:
        """Return the free and the locked amount of each currency."""
        account = self._account(access_key)
        names = account.free.keys() | account.locked.keys()
        return {name: (account.free.get(name, _ZERO), account.locked.get(name, _ZERO)) for name in sorted(names)}

    def orders(self, access_key: str) -> dict[str, str]:
        """Return the state of every order of an account by its uuid, oldest first."""
        return {uuid: order.state for uuid, order in self._orders.items() if order.account.access_key == access_key}

    def open_events(self, access_key: str, code: str) -> Iterator[Event]:
        """Return the open orders of an account as messages; `code` may be `*`."""
        for order in self._orders.values():
            if (
                order.account.access_key == access_key
                and order.state in {"wait", "watch"}
                and code in {"*", order.code}
            ):
                yield order.event(order.state, self._feed.clock.now_ms())

    # Matching.

    def _enter(self, market: Market, order: Order, *, locked_now: bool) -> None:
        """Bring an order to the market: match what matches, leave the rest in the book or cancel it."""
        order.state = "wait"
        fits = self._fits(market, order)
        if self._answers.wait_before_trade or not fits:
            self._tell(order, "wait")
        if locked_now:
            self._tell_assets(order.account, [order.lock_currency])
        if order.time_in_force == "post_only" and fits:
            self._end(order, "cancel")
            return
        if order.time_in_force == "fok" and not self._fillable(market, order):
            self._end(order, "cancel")
            return
        self._match(market, order)
        if order.state != "wait":
            return
        rests = order.order_type == "limit" and order.time_in_force in {None, "post_only"}
        if rests:
            assert order.price is not None
            self._resting.setdefault(order.code, []).append(order)
            market.rest(self._feed.clock.now_ms(), order.side, order.price, order.remaining)
            self._feed.book_changed(market)
        else:
            # A market order that has emptied its budget but for dust is done; one cut short is cancelled.
            best = self._best(market, order)
            dust = order.by_amount and best is not None and not order.volume_at(best)
            self._end(order, "done" if dust and order.executed else "cancel")

    def _match(self, market: Market, order: Order) -> None:
        limit = self._best(market, order) if order.order_type == "best" else None
        while order.state == "wait":
            price = self._best(market, order)
            if price is None or not order.allows(price) or (limit is not None and price != limit):
                return
            maker = self._maker(order, price)
            if maker is not None and maker.account is order.account and order.smp_type not in {None, "none"}:
                self._prevent(market, order, maker)
                continue
            against = market.book.asks if order.side == "BID" else market.book.bids
            offered = maker.remaining if maker is not None else against.size(price)
            volume = min(order.volume_at(price), offered)
            if volume <= 0:
                return
            trade = self._feed.trade(order.code, price, volume, order.side)
            self._fill(order, trade, volume, is_maker=False)

    def _best(self, market: Market, order: Order) -> Decimal | None:
        level = (market.book.asks if order.side == "BID" else market.book.bids).best
        return None if level is None else level[0]

    def _fits(self, market: Market, order: Order) -> bool:
        """Whether the order would match at once."""
        price = self._best(market, order)
        return price is not None and order.allows(price)

    def _fillable(self, market: Market, order: Order) -> bool:
        """Whether the book holds all that the order wants."""
        side = market.book.asks if order.side == "BID" else market.book.bids
        levels = [(price, size) for price, size in side.levels if order.allows(price)]
        if order.order_type == "best":
            levels = levels[:1]
        offered = sum((price * size if order.by_amount else size for price, size in levels), _ZERO)
        return offered >= order.remaining

    def _maker(self, taker: Order, price: Decimal) -> Order | None:
        """Return the first order that rests at `price` on the other side."""
        for order in self._resting.get(taker.code, ()):
            if order.side != taker.side and order.price == price:
                return order
        return None

    def _prevent(self, market: Market, taker: Order, maker: Order) -> None:
        """Keep two orders of one account from matching, in the way the taker asks for."""
        assert maker.price is not None
        size = min(taker.volume_at(maker.price), maker.remaining)
        if taker.smp_type in {"cancel_maker", "reduce"}:
            whole = taker.smp_type == "cancel_maker"
            prevented = maker.remaining if whole else size
            market.rest(self._feed.clock.now_ms(), maker.side, maker.price, -prevented)
            self._take_out(maker, prevented)
        if taker.smp_type in {"cancel_taker", "reduce"}:
            self._take_out(taker, taker.remaining if taker.smp_type == "cancel_taker" else size)
        self._feed.book_changed(market)

    def _take_out(self, order: Order, size: Decimal) -> None:
        order.prevent(size)
        self._tell(order, "prevented")
        self._tell_assets(order.account, [order.lock_currency])
        if order.remaining <= 0:
            self._forget(order)
            self._end(order, "cancel")

    # What trades do to orders that rest.

    def _sweep(self, market: Market, price: Decimal, side: TradeSide) -> None:
        """Fill what a trade at `price` would leap over, by trades of its own at the prices in between."""
        for order in list(self._resting.get(market.code, ())):
            if order.side == side or order.price is None or order.state != "wait":
                continue
            if order.price < price if side == "BID" else order.price > price:
                self._feed.trade(order.code, order.price, order.remaining, side)

    def _traded(self, market: Market, trade: Trade) -> None:
        """Fill what rests at the price of a trade, and wake the orders that waited for it."""
        left = trade.volume
        for order in list(self._resting.get(market.code, ())):
            assert order.price is not None
            reached = order.price <= trade.price if trade.side == "BID" else order.price >= trade.price
            if order.side != trade.side and reached and left > 0:
                volume = min(left, order.remaining)
                left -= volume
                market.filled(order.side, order.price, volume)
                self._fill(order, trade, volume, is_maker=True)
        for order in list(self._watching.get(market.code, ())):
            assert order.trigger is not None
            if trade.price >= order.trigger if order.rises_to_trigger else trade.price <= order.trigger:
                self._watching[market.code].remove(order)
                self._enter(market, order, locked_now=False)

    def _fill(self, order: Order, trade: Trade, volume: Decimal, *, is_maker: bool) -> None:
        fee = order.fill(trade, volume)
        last = order.remaining <= 0
        if last:
            self._forget(order)
            order.state = "done"
        self._tell(order, "trade", Execution(trade, volume, fee, self._uuid(), is_maker))
        if last and self._answers.done_after_trade:
            self._tell(order, "done")
        self._tell_assets(order.account, [order.base, order.quote])

    def _leave(self, order: Order) -> None:
        """Take an order out of the book."""
        if order in self._resting.get(order.code, ()):
            market = self._feed.market(order.code)
            assert order.price is not None
            market.rest(self._feed.clock.now_ms(), order.side, order.price, -order.remaining)
            self._feed.book_changed(market)
        self._forget(order)

    def _forget(self, order: Order) -> None:
        for orders in (self._resting, self._watching):
            if order in orders.get(order.code, ()):
                orders[order.code].remove(order)

    def _end(self, order: Order, state: str) -> None:
        order.state = state
        order.release()
        self._tell(order, state)
        self._tell_assets(order.account, [order.lock_currency])

    # What is told.

    def _tell(self, order: Order, state: str, execution: Execution | None = None) -> None:
        event = order.event(state, self._feed.clock.now_ms(), execution)
        self._publish(order.account.access_key, event)

    def _tell_assets(self, account: Account, currencies: list[str]) -> None:
        if self._answers.my_asset_scope == "all":
            currencies = sorted(account.free.keys() | account.locked.keys())
        for group in [[name] for name in currencies] if self._answers.my_asset_split else [currencies]:
            self._publish(account.access_key, account.event(self._uuid(), self._feed.clock.now_ms(), group))

    def _account(self, access_key: str) -> Account:
        try:
            return self._accounts[access_key]
        except KeyError:
            raise ValueError(f"no account has the access key {access_key!r}: add_key() makes one") from None

    def _uuid(self) -> str:
        return str(UUID(int=self._rng.getrandbits(128), version=4))
