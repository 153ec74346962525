"""Where orders meet: matching against the book, what rests there and is filled by trades, self-match prevention.

Source: Upbit WebSocket reference, "myOrder" (order types, time in force, self-match prevention).
"""

from decimal import Decimal

from ..answers import Answers
from ..market.one_market import Market
from ..market.trades import Trade, TradeSide
from ..market.trading_floor import TradingFloor
from .orders import Execution, Order
from .statements import Statements

__all__ = ["Matching"]

_ZERO = Decimal(0)


class Matching:
    """The orders that are open, and how they come to trade."""

    def __init__(self, floor: TradingFloor, answers: Answers, statements: Statements) -> None:
        self._floor = floor
        self._answers = answers
        self._statements = statements
        self._resting: dict[str, list[Order]] = {}  # by code, in the order of their arrival
        self._watching: dict[str, list[Order]] = {}
        floor.on_sweep = self._sweep
        floor.on_trade = self._traded

    # What the desk hands in.

    def watch(self, market: Market, order: Order) -> None:
        """Let an order wait for a trade at its trigger."""
        assert order.trigger is not None
        order.rises_to_trigger = order.trigger >= market.last.price
        order.state = "watch"
        self._watching.setdefault(order.code, []).append(order)
        self._statements.state(order, "watch")
        self._statements.assets(order.account, [order.lock_currency])

    def enter(self, market: Market, order: Order, *, locked_now: bool) -> None:
        """Bring an order to the market: match what matches, leave the rest in the book or cancel it."""
        order.state = "wait"
        fits = self._fits(market, order)
        if self._answers.wait_before_trade or not fits:
            self._statements.state(order, "wait")
        if locked_now:
            self._statements.assets(order.account, [order.lock_currency])
        if order.time_in_force == "post_only" and fits:
            self._statements.end(order, "cancel")
            return
        if order.time_in_force == "fok" and not self._fillable(market, order):
            self._statements.end(order, "cancel")
            return
        self._match(market, order)
        if order.state != "wait":
            return
        rests = order.order_type == "limit" and order.time_in_force in {None, "post_only"}
        if rests:
            assert order.price is not None
            self._resting.setdefault(order.code, []).append(order)
            market.rest(self._floor.clock.now_ms(), order.side, order.price, order.remaining)
            self._floor.tape.book_changed(market)
        else:
            # A residue that buys nothing more is the usual end of a purchase by amount; `done` has none.
            best = self._best(market, order)
            dust = order.by_amount and best is not None and not order.volume_at(best)
            self._statements.end(order, self._answers.market_buy_residue if dust and order.executed else "cancel")

    def leave(self, order: Order) -> None:
        """Take an order out of the book."""
        if order in self._resting.get(order.code, ()):
            market = self._floor.market(order.code)
            assert order.price is not None
            market.rest(self._floor.clock.now_ms(), order.side, order.price, -order.remaining)
            self._floor.tape.book_changed(market)
        self._forget(order)

    # Matching.

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
            trade = self._floor.trade(order.code, price, volume, order.side)
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
            market.rest(self._floor.clock.now_ms(), maker.side, maker.price, -prevented)
            self._take_out(maker, prevented)
        if taker.smp_type in {"cancel_taker", "reduce"}:
            self._take_out(taker, taker.remaining if taker.smp_type == "cancel_taker" else size)
        self._floor.tape.book_changed(market)

    def _take_out(self, order: Order, size: Decimal) -> None:
        order.prevent(size)
        self._statements.state(order, "prevented")
        self._statements.assets(order.account, [order.lock_currency])
        if order.remaining <= 0:
            self._forget(order)
            self._statements.end(order, "cancel", told=self._answers.cancel_after_prevented)

    # What trades do to orders that rest.

    def _sweep(self, market: Market, price: Decimal, side: TradeSide) -> None:
        """Fill what a trade at `price` would leap over, by trades of its own at the prices in between."""
        for order in list(self._resting.get(market.code, ())):
            if order.side == side or order.price is None or order.state != "wait":
                continue
            if order.price < price if side == "BID" else order.price > price:
                self._floor.trade(order.code, order.price, order.remaining, side)

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
                self.enter(market, order, locked_now=False)

    def _fill(self, order: Order, trade: Trade, volume: Decimal, *, is_maker: bool) -> None:
        fee = order.fill(trade, volume)
        last = order.remaining <= 0
        if last:
            self._forget(order)
            order.state = "done"
        execution = Execution(trade, volume, fee, self._statements.uuid(), is_maker)
        order.executions.append(execution)
        self._statements.state(order, "trade", execution)
        if last and self._answers.done_after_trade:
            self._statements.state(order, "done")
        self._statements.assets(order.account, [order.base, order.quote])

    def _forget(self, order: Order) -> None:
        for orders in (self._resting, self._watching):
            if order in orders.get(order.code, ()):
                orders[order.code].remove(order)
