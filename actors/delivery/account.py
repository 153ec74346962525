"""The router's way to its `Reconciling`, which most programs do without: begun for the first who reconciles.

Until then nothing of the account is known, so this keeps what that is to begin with: the epoch, and who asks.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from websocket_v6.actors.base import Timer
from websocket_v6.actors.forks import no_fork
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.router import AccountAnswer, AccountChanged, AddRoutes, ReconcileDue, UseReconciler
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.delivery.commands import Fenced, Missed
from websocket_v6.protocol.exchange.streams import Stream

from .deliveries import Delivery

if TYPE_CHECKING:
    from websocket_v6.protocol.delivery.books import Accounts

    from .reconciling import Reconciling

__all__ = ["Account"]


class Account:
    """What is told here means what it means to `Reconciling`. `inherited` is what a router before this one knew."""

    def __init__(
        self,
        delivery: Delivery,
        router: Ref,
        supervisor: Ref,
        at: Callable[[float, object], Timer],
        inherited: "Accounts | None" = None,
    ) -> None:
        self._delivery = delivery
        self._owners = router, supervisor
        self._at = at
        self._reconciling: Reconciling | None = None
        self._registry: Ref | None = None
        self._before: dict[type, Missed | UseReconciler] = {}  # the last of each
        if inherited is not None:
            self._begin(inherited)

    def _begin(self, inherited: "Accounts | None" = None) -> "Reconciling":
        if self._reconciling is None:
            with no_fork():
                from .reconciling import Reconciling
            self._reconciling = Reconciling(self._delivery, *self._owners, self._at, inherited)
            self._reconciling.registry = self._registry
            for message in self._before.values():
                self._reconciling.heed(message)
        return self._reconciling

    def use(self, registry: Ref) -> None:
        """Tell this registry what came of it."""
        self._registry = registry
        if self._reconciling is not None:
            self._reconciling.registry = registry

    @property
    def accounts(self) -> "Accounts | None":
        """What a router after this one begins with; None if nothing was asked yet."""
        return None if self._reconciling is None else self._reconciling.accounts

    def add(self, message: AddRoutes) -> AddRoutes:
        """Have a subscription take part; return how its streams are to be routed."""
        return self._begin().add(message)

    def drop(self, subscription_id: int, streams: tuple[Stream, ...] | None) -> None:
        """Take a subscription out, or some of its streams."""
        if self._reconciling is not None:
            self._reconciling.drop(subscription_id, streams)

    def is_held(self, way: Way) -> bool:
        """Whether something waits here for the client at the end of `way`."""
        return self._reconciling is not None and self._reconciling.is_held(way)

    def heed(self, message: Missed | Fenced | AccountAnswer | AccountChanged | ReconcileDue | UseReconciler) -> None:
        """Take what changes the meaning of what has come, and of what will come."""
        if self._reconciling is not None:
            self._reconciling.heed(message)
        elif isinstance(message, Missed | UseReconciler):
            self._before[type(message)] = message

    def told(self, notice: object) -> bool:
        """Take what the host says came of its asking; return whether it is that."""
        return self._reconciling is not None and self._reconciling.told(notice)
