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
)
from .plain import plain

__all__ = ["MyAsset", "MyAssetEvent", "MyOrderEvent"]


class MyOrderEvent(MarketEvent, frozen=True, gc=False, eq=False):
    """What happened to one order. For `state` "trade", `price`, `volume` and `trade_fee` are those of the execution."""

    __match_args__ = COMMON

    uuid = text("uid")
    ask_bid = text("ab")  # ASK, BID
    order_type = text("ot")  # limit, price, market, best
    state = text("s")  # wait, watch, trade, done, cancel, prevented
    trade_uuid = optional_text("tuid")
    price = optional_number("p")
    avg_price = optional_number("ap")
    volume = optional_number("v")
    remaining_volume = optional_number("rv")
    executed_volume = optional_number("ev")
    trades_count = integer("tc")
    reserved_fee = number("rsf")
    remaining_fee = number("rmf")
    paid_fee = number("pf")
    locked = number("l")
    executed_funds = number("ef")
    time_in_force = optional_text("tif")  # ioc, fok, post_only
    trade_fee = optional_number("tf")
    is_maker = optional_flag("im")
    identifier = optional_text("id")
    smp_type = optional_text("smpt")  # reduce, cancel_maker, cancel_taker, none
    prevented_volume = optional_number("pv")
    prevented_locked = optional_number("pl")
    trade_timestamp = optional_integer("ttms")
    order_timestamp = integer("otms")


class MyAsset(msgspec.Struct, frozen=True):
    """One currency of the account: what is available and what orders hold."""

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
    amounts: list[Any] = [asset.balance, asset.locked]
    if not all(amount.is_finite() for amount in amounts):
        raise ValueError("an amount that is not finite")
    amounts = [plain(amount) if number is Decimal else number(str(amount)) for amount in amounts]
    return MyAsset(asset.currency, *amounts)


class MyAssetEvent(Event, frozen=True, gc=False, eq=False):
    """A change of balances. It names several currencies or none in particular, so its `symbol` is "*"."""

    __match_args__ = COMMON

    asset_uuid = text("astuid")
    assets = Field("ast", msgspec.Raw, convert=_read_assets)
    asset_timestamp = integer("asttms")
