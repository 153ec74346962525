"""Orders, balances and keys of a simulator: the part of its face that concerns what is private."""

from collections.abc import Iterable
from decimal import Decimal

from ..account.orders import OrderType, SmpType, TimeInForce
from ..exact import Number
from ..market.trades import TradeSide
from .remote import Remote

__all__ = ["AccountCalls"]


class AccountCalls(Remote):
    """Where no access key is given, it is the simulator's own."""

    access_key: str

    def place_order(
        self,
        code: str,
        side: TradeSide,
        price: Number | None = None,
        volume: Number | None = None,
        order_type: OrderType = "limit",
        *,
        time_in_force: TimeInForce | None = None,
        identifier: str | None = None,
        smp_type: SmpType | None = None,
        trigger: Number | None = None,
        access_key: str | None = None,
    ) -> str:
        """Place an order of an account and return its uuid.

        It meets the book: what matches is traded, publicly too; the rest of a limit order stands in the book until
        trades reach it. A market purchase (`price`) takes the amount to spend as `price`, a market sale (`market`) a
        `volume`.
        With `trigger` it waits, in state `watch`, for a trade at that price.

        Raises:
            OrderRefused: a ValueError, if the exchange would not take it: a price off the tick, say
        """
        uuid: str = self._call(
            "desk.place",
            access_key or self.access_key,
            code,
            side,
            price,
            volume,
            order_type,
            time_in_force,
            identifier,
            smp_type,
            trigger,
        )
        return uuid

    def cancel_order(self, uuid: str) -> None:
        self._call("desk.cancel", uuid)

    def orders(self, access_key: str | None = None) -> dict[str, str]:
        """Return the state of every order of an account by uuid, oldest first."""
        states: dict[str, str] = self._call("desk.orders", access_key or self.access_key)
        return states

    def deposit(self, currency: str, amount: Number, access_key: str | None = None) -> None:
        """Add to a balance, or take from it with a negative amount."""
        self._call("desk.deposit", access_key or self.access_key, currency, amount)

    def balances(self, access_key: str | None = None) -> dict[str, tuple[Decimal, Decimal]]:
        """Return the free and the locked amount of each currency."""
        amounts: dict[str, tuple[Decimal, Decimal]] = self._call("desk.balances", access_key or self.access_key)
        return amounts

    def delay_private(self, seconds: float) -> None:
        """Send myOrder and myAsset messages `seconds` late from now on."""
        self._call("broadcast.delay_private", seconds)

    def add_key(
        self,
        access_key: str,
        secret_key: str,
        permissions: Iterable[str] = ("orders", "assets", "trade"),
        *,
        ip_allowed: bool = True,
    ) -> None:
        """Make a key known, with an account of its own; a known one gets this secret and keeps its account.

        Permissions: to see orders, to see balances, to place and cancel orders.
        """
        self._call("add_key", access_key, secret_key, tuple(permissions), ip_allowed)

    def expire_key(self, access_key: str | None = None) -> None:
        """Let a key expire: new handshakes answer `expired_access_key`."""
        self._call("end_key", access_key or self.access_key)

    def allow_ip(self, allowed: bool, access_key: str | None = None) -> None:
        """Put this machine's address on a key's allow list or take it off, as its owner does on the web."""
        self._call("allow_ip", access_key or self.access_key, allowed)

    def revoke_key(self, access_key: str | None = None) -> None:
        """Forget a key: new handshakes answer `jwt_verification`."""
        self._call("end_key", access_key or self.access_key, revoked=True)
