"""The markets a simulated exchange lists: codes, rough prices, tick sizes and grouping levels.

Source: Upbit WebSocket reference, "Market codes" (tick sizes since 2025-07-31) and "Order-book extras" (levels).
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import NamedTuple

__all__ = [
    "CAUTIONS",
    "DEFAULT_MARKETS",
    "Listing",
    "english_name",
    "is_code",
    "korean_name",
    "many_markets",
    "next_price",
    "tick_size",
]

DEFAULT_MARKETS: Sequence[str] = (
    *("KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL", "KRW-DOGE", "KRW-ADA"),
    *("KRW-AVAX", "KRW-LINK", "KRW-TRX", "KRW-DOT", "KRW-SHIB", "KRW-USDT"),
    *("BTC-ETH", "BTC-XRP", "BTC-SOL", "BTC-DOGE", "BTC-ADA"),
    *("USDT-BTC", "USDT-ETH", "USDT-XRP"),
)
# Prices in KRW, for a start; the market walks on from here.
_PRICES = {
    "BTC": Decimal(116_600_000),
    "ETH": Decimal(3_875_000),
    "XRP": Decimal(4_012),
    "SOL": Decimal(214_500),
    "DOGE": Decimal(268),
    "ADA": Decimal(1_021),
    "AVAX": Decimal(33_450),
    "LINK": Decimal(24_380),
    "TRX": Decimal(471),
    "DOT": Decimal(5_640),
    "SHIB": Decimal("0.0171"),
    "USDT": Decimal(1_390),
    "USDC": Decimal(1_390),
    "SGD": Decimal(1_080),
    "THB": Decimal(43),
    "IDR": Decimal("0.084"),
    "KRW": Decimal(1),
}
_KOREAN_NAMES = {
    "BTC": "비트코인",
    "ETH": "이더리움",
    "XRP": "엑스알피(리플)",
    "SOL": "솔라나",
    "DOGE": "도지코인",
    "ADA": "에이다",
    "AVAX": "아발란체",
    "LINK": "체인링크",
    "TRX": "트론",
    "DOT": "폴카닷",
    "SHIB": "시바이누",
    "USDT": "테더",
    "USDC": "유에스디코인",
}
_ENGLISH_NAMES = {
    "BTC": "Bitcoin",
    "ETH": "Ethereum",
    "XRP": "XRP",
    "SOL": "Solana",
    "DOGE": "Dogecoin",
    "ADA": "Cardano",
    "AVAX": "Avalanche",
    "LINK": "Chainlink",
    "TRX": "TRON",
    "DOT": "Polkadot",
    "SHIB": "Shiba Inu",
    "USDT": "Tether",
    "USDC": "USD Coin",
}
# At or above this price, this tick.
_KRW_TICKS = [
    (Decimal(price), Decimal(tick))
    for price, tick in (
        ("1000000", "1000"),
        ("500000", "500"),
        ("100000", "100"),
        ("50000", "50"),
        ("10000", "10"),
        ("5000", "5"),
        ("100", "1"),
        ("10", "0.1"),
        ("1", "0.01"),
        ("0.1", "0.001"),
        ("0.01", "0.0001"),
        ("0.001", "0.00001"),
        ("0.0001", "0.000001"),
        ("0.00001", "0.0000001"),
    )
]
# What the market list may say of a market beside the warning.
CAUTIONS = (
    "PRICE_FLUCTUATIONS",
    "TRADING_VOLUME_SOARING",
    "DEPOSIT_AMOUNT_SOARING",
    "GLOBAL_PRICE_DIFFERENCES",
    "CONCENTRATION_OF_SMALL_ACCOUNTS",
)
_SMALLEST = Decimal("0.00000001")


class Listing(NamedTuple):
    """One market as it is listed."""

    code: str
    price: Decimal
    levels: tuple[Decimal, ...]  # supported grouping steps, 0 first

    @classmethod
    def of(cls, code: str, rng: Random, price: Decimal | None = None) -> "Listing":
        """List `code` at `price`, or at one that is usual for it."""
        quote, _, base = code.partition("-")
        if price is None:
            in_krw = _PRICES.get(base) or Decimal(str(round(10 ** rng.uniform(0.5, 4.5), 4)))
            price = in_krw / _PRICES.get(quote, Decimal(1))
        tick = tick_size(code, price)
        price = max(tick, (price / tick).to_integral_value() * tick)
        return cls(code, price, _levels(quote, price, tick))


def is_code(code: str) -> bool:
    """Whether `code` could name a market: `QUOTE-BASE` in upper case."""
    quote, hyphen, base = code.partition("-")
    return bool(hyphen) and all(part.isascii() and part.isalnum() and part == part.upper() for part in (quote, base))


@lru_cache(maxsize=65_536)  # asked for with every level of a book
def tick_size(code: str, price: Decimal) -> Decimal:
    """Return the smallest price step of a market at `price`."""
    quote = code.partition("-")[0]
    if quote == "BTC":
        return _SMALLEST
    if quote == "USDT":
        return min(Decimal("0.01"), max(_SMALLEST, Decimal(1).scaleb(price.adjusted() - 4)))
    if code in {"KRW-USDT", "KRW-USDC"} and 1000 <= price < 10_000:
        return Decimal("0.5")
    return next((tick for bound, tick in _KRW_TICKS if price >= bound), _SMALLEST)


def next_price(code: str, price: Decimal, steps: int) -> Decimal:
    """Return the price so many ticks above or below another; where the tick changes, each step has its own."""
    for _ in range(steps):
        price += tick_size(code, price)
    for _ in range(-steps):
        # The tick below a price is that of the prices just below it.
        price -= tick_size(code, price - _SMALLEST)
    return price


def korean_name(code: str) -> str:
    """Return the Korean name of what a market trades."""
    base = code.partition("-")[2]
    return _KOREAN_NAMES.get(base, f"모의자산 {base}")


def english_name(code: str) -> str:
    """Return the English name of what a market trades."""
    base = code.partition("-")[2]
    return _ENGLISH_NAMES.get(base, base.title())


def many_markets(count: int) -> list[str]:
    """Return `count` codes, shared among KRW, BTC and USDT as on the exchange (289, 328 and 238 of 855)."""
    codes = list(DEFAULT_MARKETS[:count])
    number = 0
    while len(codes) < count:
        quotes = ("KRW", "BTC", "USDT")
        codes.append(f"{quotes[number % 3]}-S{number // 3:03}")
        number += 1
    return codes


def _levels(quote: str, price: Decimal, tick: Decimal) -> tuple[Decimal, ...]:
    # Only KRW markets group; the steps of KRW-BTC go from 10 ticks to the first power of ten below the price.
    if quote != "KRW":
        return (Decimal(0),)
    steps = [Decimal(0)]
    step = tick * 10
    while step <= price:
        steps.append(step)
        step *= 10
    return tuple(steps)
