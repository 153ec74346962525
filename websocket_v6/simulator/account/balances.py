"""Accounts: balances by currency, free and locked, and the message that tells them.

Source: Upbit WebSocket reference, "myAsset".
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from ..market.wording import Bulletin

__all__ = ["Account", "Accounts", "Holding", "Shortage"]

# What a new account has.
_BALANCES = {"KRW": "1000000000", "BTC": "10", "ETH": "100", "XRP": "100000", "USDT": "100000"}
_ZERO = Decimal(0)
_EIGHT = Decimal("0.00000001")
_NOTES = 1000  # how many changes of its balances an account remembers


class Shortage(ValueError):  # noqa: N818
    """An account has less than an order needs."""


class Holding(NamedTuple):
    """What an account has of one currency."""

    free: Decimal
    locked: Decimal
    average_price: Decimal  # at which it was bought, in the currency it was last bought for


@dataclass
class Account:
    """Balances of one key: free and locked amounts by currency."""

    access_key: str
    free: dict[str, Decimal] = field(default_factory=dict)
    locked: dict[str, Decimal] = field(default_factory=dict)
    average: dict[str, Decimal] = field(default_factory=dict)  # price paid, by currency
    notes: deque[tuple[float, dict[str, Holding]]] = field(default_factory=lambda: deque(maxlen=_NOTES))

    def lock(self, currency: str, amount: Decimal) -> None:
        """Move `amount` from free to locked, or back with a negative one."""
        free = self.free.get(currency, _ZERO)
        if amount > free:
            raise Shortage(f"the account has {free} {currency} and the order needs {amount}: deposit() more")
        self.free[currency] = free - amount
        self.locked[currency] = self.locked.get(currency, _ZERO) + amount

    def take_locked(self, currency: str, amount: Decimal) -> None:
        self.locked[currency] = self.locked.get(currency, _ZERO) - amount

    def add(self, currency: str, amount: Decimal) -> None:
        self.free[currency] = self.free.get(currency, _ZERO) + amount

    def buy(self, currency: str, volume: Decimal, amount: Decimal) -> None:
        """Add what was bought for `amount`, and count its price into the average."""
        held = self.free.get(currency, _ZERO) + self.locked.get(currency, _ZERO)
        paid = held * self.average.get(currency, _ZERO) + amount
        self.add(currency, volume)
        self.average[currency] = (paid / (held + volume)).quantize(_EIGHT)

    def note(self, at: float) -> None:
        """Keep what the account has now."""
        self.notes.append((at, self.holdings()))

    def noted(self, until: float) -> dict[str, Holding]:
        """Return what the account had at a time; the oldest there is, if that is too long ago."""
        for at, holdings in reversed(self.notes):
            if at <= until:
                return holdings
        return self.notes[0][1] if self.notes else self.holdings()

    def holdings(self) -> dict[str, Holding]:
        return {name: Holding(*amounts, self.average.get(name, _ZERO)) for name, amounts in self.amounts().items()}

    def amounts(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Return the free and the locked amount of each currency."""
        return {name: (self.free.get(name, _ZERO), self.locked.get(name, _ZERO)) for name in self.currencies()}

    def currencies(self) -> list[str]:
        return sorted(self.free.keys() | self.locked.keys())

    def bulletin(self, uuid: str, ms: int, currencies: Iterable[str]) -> Bulletin:
        """Return the message that tells the balances of `currencies`."""
        assets = [(name, self.free.get(name, _ZERO), self.locked.get(name, _ZERO)) for name in currencies]
        fields = {"type": "myAsset", "asset_uuid": uuid, "assets": assets, "asset_timestamp": ms, "timestamp": ms}
        return Bulletin("myAsset", "*", fields)


class Accounts:
    """All accounts of one exchange by their access key."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}

    def open(self, access_key: str) -> None:
        """Make an account for a key, with some of everything in it; one that exists stays as it is."""
        if access_key not in self._accounts:
            free = {currency: Decimal(amount) for currency, amount in _BALANCES.items()}
            account = self._accounts[access_key] = Account(access_key, free)
            account.note(0.0)

    def of(self, access_key: str) -> Account:
        try:
            return self._accounts[access_key]
        except KeyError:
            raise ValueError(f"no account has the access key {access_key!r}: add_key() makes one") from None
