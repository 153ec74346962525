"""What the desk of the exchange refuses, under the names it has for it.

Sources: Upbit REST reference, "REST API guide" (create_*, insufficient_funds_*, under_min_total_*, validation_error),
"Create order" (which parameters go together), "KRW market" (ticks, 5,000 KRW); the other names are those that public
clients handle. Which of two faults is named first is not documented.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from ..market.catalog import tick_size
from ..market.one_market import Market
from ..market.trades import TradeSide

__all__ = ["MAX_TOTAL", "MIN_TOTAL", "OrderRefused", "Ticket", "check_order"]

# Of an order's total, by quote currency.
MIN_TOTAL: Mapping[str, Decimal] = {"KRW": Decimal(5000), "BTC": Decimal("0.00005"), "USDT": Decimal("0.5")}
MAX_TOTAL = Decimal(1_000_000_000)
_LEAST_ELSEWHERE = Decimal("0.00000001")
_EIGHT = Decimal("0.00000001")
# By name, without the side it ends in: Korean, English, status.
_WORDS: Mapping[str, tuple[str, str, int]] = {
    "create": ("주문 요청 정보가 올바르지 않습니다.", "Order request information is invalid.", 400),
    "insufficient_funds": ("주문가능한 금액({})이 부족합니다.", "Insufficient funds ({}).", 400),
    "under_min_total": ("최소주문금액 이상으로 주문해주세요.", "The order is below the minimum amount.", 400),
    "over_krw_funds": ("최대주문금액 이하로 주문해주세요.", "The order is above the maximum amount.", 400),
    "invalid_price": ("주문가격 단위를 잘못 입력하셨습니다. 확인 후 시도해주세요.", "The price is off the tick.", 400),
    "invalid_volume": ("주문수량 단위를 잘못 입력하셨습니다. 확인 후 시도해주세요.", "The volume is invalid.", 400),
    "invalid_time_in_force": ("time_in_force 값이 올바르지 않습니다.", "time_in_force is invalid.", 400),
    "invalid_post_only": ("post_only 주문에는 smp_type을 지정할 수 없습니다.", "post_only takes no smp_type.", 400),
    "duplicated_identifier": ("이미 사용된 identifier 입니다.", "The identifier has been used.", 400),
    "notfoundmarket": ("존재하지 않는 마켓입니다.", "There is no such market.", 404),
    "market_offline": ("현재 거래할 수 없는 마켓입니다.", "The market is not trading.", 400),
    "order_not_found": ("주문을 찾지 못했습니다.", "The order was not found.", 404),
}
# Whether there is a price, whether there is a volume. The price of a purchase without a volume is the amount to spend.
_NEEDED = {
    ("limit", "ASK"): (True, True),
    ("limit", "BID"): (True, True),
    ("price", "BID"): (True, False),
    ("market", "ASK"): (False, True),
    ("best", "BID"): (True, False),
    ("best", "ASK"): (False, True),
}
_TIMES: Mapping[str, frozenset[str | None]] = {
    "limit": frozenset({None, "ioc", "fok", "post_only"}),
    "best": frozenset({"ioc", "fok"}),
}
_TAKES = (
    "price and volume if it is 'limit', an amount as price alone if it buys as 'price' or 'best', "
    "and a volume alone if it sells as 'market' or 'best'"
)


class OrderRefused(ValueError):  # noqa: N818  # an answer, not a fault of ours
    """An order, or a cancellation, that the exchange does not take; `name` is its word for it."""

    def __init__(self, name: str, hint: str, detail: str = "") -> None:
        """`hint` tells the caller of the simulator what to do; `detail` completes the exchange's own message."""
        super().__init__(name, hint, detail)
        self.name = name
        self.hint = hint
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.name}: {self.hint}"

    @property
    def status(self) -> int:
        return self._words()[2]

    def message(self, region: str) -> str:
        """Return the exchange's own words."""
        korean, english, _ = self._words()
        return (korean if region == "kr" else english).format(self.detail)

    def _words(self) -> tuple[str, str, int]:
        side = next((end for end in ("_ask_error", "_bid_error", "_ask", "_bid") if self.name.endswith(end)), "")
        return _WORDS[self.name.removesuffix(side)]


class Ticket(NamedTuple):
    """What an order asks for."""

    code: str
    side: TradeSide
    order_type: str
    price: Decimal | None = None  # of a purchase without a volume: the amount to spend
    volume: Decimal | None = None
    time_in_force: str | None = None
    smp_type: str | None = None
    trigger: Decimal | None = None

    @property
    def ending(self) -> str:
        return self.side.lower()


def check_order(market: Market, ticket: Ticket) -> None:
    """Check an order against the rules of its market.

    Raises:
        OrderRefused: with the exchange's name for the first rule it breaks.
    """
    if market.market_state != "ACTIVE" or market.suspended:
        raise OrderRefused("market_offline", f"{market.code} is {market.market_state.lower()} or suspended")
    _check_type(ticket)
    _check_numbers(market, ticket)
    _check_total(market, ticket)


def _check_type(ticket: Ticket) -> None:
    given = (ticket.price is not None, ticket.volume is not None)
    if given != _NEEDED.get((ticket.order_type, ticket.side)):
        hint = f"a {ticket.side} order of type {ticket.order_type!r} takes {_TAKES}"
        raise OrderRefused(f"create_{ticket.ending}_error", hint)
    allowed = _TIMES.get(ticket.order_type, frozenset({None}))
    if ticket.time_in_force not in allowed:
        hint = f"an order of type {ticket.order_type!r} takes as time_in_force one of {sorted(map(str, allowed))}"
        raise OrderRefused("invalid_time_in_force", hint)
    if ticket.time_in_force == "post_only" and ticket.smp_type not in {None, "none"}:
        raise OrderRefused("invalid_post_only", "an order that is post_only takes no smp_type")


def _check_numbers(market: Market, ticket: Ticket) -> None:
    prices = [ticket.trigger] if ticket.volume is None else [ticket.price, ticket.trigger]
    for price in prices:
        if price is None:
            continue
        tick = tick_size(market.code, price)
        if price <= 0 or price % tick:
            hint = f"{price:f} is no price of {market.code}: it takes multiples of {tick:f} there"
            raise OrderRefused(f"invalid_price_{ticket.ending}", hint)
    volume = ticket.volume
    if volume is not None and (volume <= 0 or volume % _EIGHT):
        raise OrderRefused(f"invalid_volume_{ticket.ending}", f"{volume} is no volume: eight decimals at most, above 0")


def _check_total(market: Market, ticket: Ticket) -> None:
    quote = market.code.partition("-")[0]
    least = MIN_TOTAL.get(quote, _LEAST_ELSEWHERE)
    if ticket.volume is None:
        total = ticket.price or Decimal(0)
    else:
        bid = market.book.bids.best
        total = ticket.volume * (ticket.price or (bid.price if bid else market.last.price))
    if total < least:
        hint = f"{total:f} {quote} is too little for an order: {least:f} {quote} is the least"
        raise OrderRefused(f"under_min_total_{ticket.ending}", hint)
    if quote == "KRW" and total > MAX_TOTAL:
        raise OrderRefused(f"over_krw_funds_{ticket.ending}", f"{total:f} KRW is too much: {MAX_TOTAL:f} is the most")
