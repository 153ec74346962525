"""Own orders and assets.

Source: Upbit WebSocket reference, "myOrder", "myAsset".
"""

from decimal import Decimal
from typing import Any

import msgspec

from .base import COMMON, Event, MarketEvent
from .codec import keep_minus_zero
from .fields import (
    Field,
    Number,
    integer,
    number,
    optional_flag,
    optional_integer,
    optional_number,
    optional_text,
    text,
    to_kind,
)
from .plain import plain

__all__ = ["MyAsset", "MyAssetEvent", "MyOrderEvent"]


class MyOrderEvent(MarketEvent, frozen=True, gc=False, eq=False):
    """What happened to one order. For `state` "trade", `price`, `volume` and `trade_fee` are those of the execution.

    >>> orders = proxy.subscribe_my_order()
    >>> sim.wait_served({"myOrder *"}, 10, endpoint="private")
    >>> uuid = sim.place_order("KRW-BTC", "BID", 50_000_000, "0.01")
    >>> order = orders.get(timeout=5.0)
    >>> order.state, order.uuid == uuid, order.remaining_volume
    ('wait', True, Decimal('0.01'))
    """

    __match_args__ = COMMON

    uuid = text("uid", "Identifies the order")
    ask_bid = text("ab", "ASK: sell, BID: buy")
    order_type = text("ot", "limit, price (market buy), market (market sell) or best")
    state = text("s", "wait, watch (reserved), trade (an execution), done, cancel or prevented")
    trade_uuid = optional_text("tuid", "Identifies the execution, where state is trade")
    price = optional_number("p", "Price of the order, of the execution where state is trade, in the quote currency")
    avg_price = optional_number("ap", "Average price of the executions, in the quote currency")
    volume = optional_number("v", "Volume of the order, of the execution where state is trade, in the base currency")
    remaining_volume = optional_number("rv", "Volume that is left, in the base currency")
    executed_volume = optional_number("ev", "Volume that was executed, in the base currency")
    trades_count = integer("tc", "Executions so far")
    reserved_fee = number("rsf", "Fee that was reserved")
    remaining_fee = number("rmf", "Fee that is still reserved")
    paid_fee = number("pf", "Fee paid so far")
    locked = number("l", "What the order locks, an amount (buy) or a size (sell)")
    executed_funds = number("ef", "Amount that was executed, in the quote currency")
    time_in_force = optional_text("tif", "ioc, fok or post_only")
    trade_fee = optional_number("tf", "Fee of the execution, where state is trade")
    is_maker = optional_flag("im", "Whether the execution was as a maker")
    identifier = optional_text("id", "The order's own name, given by whoever made it")
    smp_type = optional_text("smpt", "Mode of self-match prevention: reduce, cancel_maker, cancel_taker or none")
    prevented_volume = optional_number("pv", "Size cancelled by self-match prevention, in the base currency")
    prevented_locked = optional_number("pl", "Amount (buy) or size (sell) cancelled by it")
    trade_timestamp = optional_integer("ttms", "Time of the execution, Unix milliseconds")
    order_timestamp = integer("otms", "Time of the order, Unix milliseconds")


class MyAsset(msgspec.Struct, frozen=True):
    """One currency of the account: what is available and what orders hold.

    >>> assets = proxy.subscribe_my_asset()
    >>> sim.wait_served({"myAsset *"}, 10, endpoint="private")
    >>> sim.deposit("KRW", 1000)
    >>> (asset,) = assets.get(timeout=5.0).assets
    >>> asset.currency, asset.balance > 0
    ('KRW', True)
    """

    currency: str
    balance: Decimal
    locked: Decimal

    def asdict(self) -> dict[str, Any]:
        """Return the three values by name."""
        return msgspec.structs.asdict(self)


class _ShortAsset(msgspec.Struct):
    currency: str = msgspec.field(name="cu")
    balance: Decimal = msgspec.field(name="b")
    locked: Decimal = msgspec.field(name="l")


_decode_full = msgspec.json.Decoder(list[MyAsset] | None).decode
_decode_short = msgspec.json.Decoder(list[_ShortAsset] | None).decode


def _read_assets(raw: msgspec.Raw, number: Number) -> tuple[MyAsset, ...]:
    text = keep_minus_zero(bytes(raw).decode())
    assets: Any = _decode_full(text) if '"currency"' in text else _decode_short(text)
    return tuple(_make_asset(asset, number) for asset in assets or ())


def _make_asset(asset: MyAsset | _ShortAsset, number: Number) -> MyAsset:
    amounts = (asset.balance, asset.locked)
    if not all(amount.is_finite() for amount in amounts):
        raise ValueError("an amount that is not finite")
    shown: list[Any] = [plain(amount) if number is Decimal else to_kind(amount, number) for amount in amounts]
    return MyAsset(asset.currency, *shown)


class MyAssetEvent(Event, frozen=True, gc=False, eq=False):
    """A change of balances. It names several currencies or none in particular, so its `symbol` is "*".

    >>> assets = proxy.subscribe_my_asset()
    >>> sim.wait_served({"myAsset *"}, 10, endpoint="private")
    >>> sim.deposit("KRW", 1000)
    >>> [asset.currency for asset in assets.get(timeout=5.0).assets]
    ['KRW']
    """

    __match_args__ = COMMON

    asset_uuid = text("astuid", "Identifies this change of assets")
    assets = Field(
        "ast", msgspec.Raw, _read_assets, meaning="What each currency concerned has now", kind="tuple of MyAsset"
    )
    asset_timestamp = integer("asttms", "Time of the change, Unix milliseconds")
