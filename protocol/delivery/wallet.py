"""The account's balances as one process knows them, and what REST may say of them.

REST has no time for a balance, and its replicas lag. So what the stream has said within the last seconds holds.
Source: Upbit WebSocket reference, "myAsset".
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec

from websocket_v6.protocol.events import MyAsset
from websocket_v6.protocol.limits import LEDGER_CURRENCIES

__all__ = ["FRESH", "Balance", "Balances", "asset_message"]

MOST_DIGITS = 60
FRESH = 2.0  # seconds for which a live message is believed rather than REST


class Balance(NamedTuple):
    """What there is of a currency, and what orders hold of it besides."""

    balance: Decimal
    locked: Decimal


NOTHING = Balance(Decimal(0), Decimal(0))


class Balances:
    """All balances by currency."""

    def __init__(self) -> None:
        self.of: dict[str, Balance] = {}
        self._live_at: dict[str, float] = {}

    def hear(self, assets: Iterable[MyAsset], now: float) -> None:
        """Take what the stream says: that is always news."""
        for one in assets:
            if one.currency in self.of or len(self.of) < LEDGER_CURRENCIES:
                self.of[one.currency] = Balance(one.balance, one.locked)
                self._live_at[one.currency] = now

    def find(self, found: Mapping[str, Balance], live: Iterable[str], now: float) -> dict[str, Balance]:
        """Take what REST has; return what differs from what was known: all that there is, at a start.

        Of the currencies `live` messages wait, which say more. What is missing in the answer is nothing.
        """
        spoken_for = {*live, *(name for name, at in self._live_at.items() if now - at < FRESH)}
        named = {**dict.fromkeys(self.of, NOTHING), **found}
        news = {name: one for name, one in named.items() if name not in spoken_for and self.of.get(name) != one}
        self.of |= news
        return news


class _Row(msgspec.Struct):
    currency: str
    balance: msgspec.Raw
    locked: msgspec.Raw


class _Message(msgspec.Struct):
    type: str
    asset_uuid: None
    assets: list[_Row]
    asset_timestamp: int
    timestamp: int
    stream_type: str


def asset_message(balances: Mapping[str, Balance], at_ms: int) -> bytes:
    """Return what the stream would have sent of these, in the DEFAULT format; it has no id."""
    rows = [_Row(name, _raw(one.balance), _raw(one.locked)) for name, one in balances.items()]
    return msgspec.json.encode(_Message("myAsset", None, rows, at_ms, at_ms, "REALTIME"))


def _raw(number: Decimal) -> msgspec.Raw:
    # As the exchange spells it; what is far beyond any balance must not become a million digits.
    return msgspec.Raw((f"{number:f}" if abs(number.adjusted()) <= MOST_DIGITS else str(number)).encode())
