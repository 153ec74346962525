"""What an account is told of its orders and balances, as each step is taken.

The reference documents the states of an order but not their exact sequence; what is open there is a switch.
Source: Upbit WebSocket reference, "myOrder" (event order), "myAsset".
"""

from collections.abc import Callable
from random import Random
from uuid import UUID

from ..answers import Answers
from ..clock import Clock
from ..market.wording import Bulletin
from .balances import Account
from .order_rows import order_row
from .orders import Execution, Order, OrderNote

__all__ = ["Statements"]


class Statements:
    """Makes private messages and hands them on."""

    def __init__(self, clock: Clock, answers: Answers, publish: Callable[[str, Bulletin], None], seed: int) -> None:
        """`publish` takes an access key and a private message of its account."""
        self._clock = clock
        self._answers = answers
        self._publish = publish
        self._rng = Random(f"{seed} desk")  # noqa: S311

    def state(self, order: Order, state: str, execution: Execution | None = None) -> None:
        """Tell that an order is in `state`; `trade` comes with its execution."""
        self.note(order)
        self._publish(order.account.access_key, order.bulletin(state, self._clock.now_ms(), execution))

    def note(self, order: Order) -> None:
        """Keep what an order is now, for REST calls that lag."""
        order.notes.append(OrderNote(self._clock.now(), order.state, order_row(order), order.trades_count))

    def end(self, order: Order, state: str, *, told: bool = True) -> None:
        """End an order, give back what it had locked, and tell both, or the latter alone."""
        order.state = state
        order.release()
        if told:
            self.state(order, state)
        else:
            self.note(order)
        self.assets(order.account, [order.lock_currency])

    def assets(self, account: Account, currencies: list[str]) -> None:
        """Tell the balances of `currencies`, or of all."""
        account.note(self._clock.now())
        if self._answers.my_asset_scope == "all":
            currencies = account.currencies()
        for group in [[name] for name in currencies] if self._answers.my_asset_split else [currencies]:
            self._publish(account.access_key, account.bulletin(self.uuid(), self._clock.now_ms(), group))

    def uuid(self) -> str:
        return str(UUID(int=self._rng.getrandbits(128), version=4))
