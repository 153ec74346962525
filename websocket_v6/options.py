"""What a component gives with a subscription, checked at once: its options and its callbacks."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypedDict

from .actors.delivery.edge import Callback, ErrorHandler
from .arguments import check_callable, check_flag
from .protocol.delivery.policy import Mailbox
from .protocol.errors import LocalProtocolError
from .protocol.events import MarketsEvent

__all__ = ["ONCE", "Options", "PublicOptions", "Settings", "Symbols"]

Symbols = str | Iterable[str]


class Options(TypedDict, total=False):
    """What every subscription takes besides its own arguments."""

    error_handler: ErrorHandler | None  # called with what the callback raised, or why the stream cannot be served
    mailbox: Mailbox | None  # the policy; by default the data type's (protocol/delivery/policy.py)
    numbers: type[Decimal] | type[float]  # exact decimals by default
    acknowledge: bool  # True, with Config(fleet_resume=): no event is done before `subscription.done()` says so


class PublicOptions(Options, total=False):
    """What subscriptions of public types take on top."""

    snapshot: bool  # False: begin with the next change
    realtime: bool  # False: the present state alone
    on_markets: (
        Callable[[MarketsEvent], object] | None
    )  # called, with a pattern such as "KRW-*", when markets come or go


class Settings:
    """The options of a subscription and who is called with its events.

    `flags` are those that are part of the want itself. `awaits` says that callbacks may be `async def`.

    Raises:
        LocalProtocolError: if one of them makes no sense.
    """

    def __init__(
        self,
        callback: Callback | None = None,
        options: Mapping[str, Any] | None = None,
        *,
        private: bool = False,
        awaits: bool = False,
        resumes: bool = False,
    ) -> None:
        options = options or {}
        known = Options.__annotations__ if private else PublicOptions.__annotations__
        for name in options:
            if name not in known:
                raise LocalProtocolError(f"option {name!r} is not known here: there are {', '.join(sorted(known))}")
        self.callback = callback
        self.error_handler: ErrorHandler | None = options.get("error_handler")
        self.on_markets: Callable[[MarketsEvent], object] | None = options.get("on_markets")
        self.mailbox: Mailbox | None = options.get("mailbox")
        self.numbers: type = options.get("numbers", Decimal)
        self.acknowledge = check_flag("acknowledge", options.get("acknowledge", False))
        if self.acknowledge and not resumes:
            raise LocalProtocolError("acknowledge=True is for a process that resumes: set Config(fleet_resume='name')")
        self.flags: dict[str, bool] = {
            name: check_flag(name, options[name]) for name in ("snapshot", "realtime") if name in options
        }
        if callback is not None:
            check_callable("callback", callback, awaits=awaits)
        if self.error_handler is not None:
            check_callable("error_handler", self.error_handler, awaits=awaits)
        if self.on_markets is not None:
            check_callable("on_markets", self.on_markets, awaits=awaits)
        if self.mailbox is not None and not isinstance(self.mailbox, Mailbox):
            raise LocalProtocolError(f"mailbox={self.mailbox!r:.60} is not a policy: give one such as Mailbox.latest()")
        if self.numbers not in (Decimal, float):
            raise LocalProtocolError(f"numbers={self.numbers!r:.60} is not offered: choose Decimal or float")


# Of a subscription that is over with one event of each code.
ONCE = Settings(options={"realtime": False, "mailbox": Mailbox.lossless(64 * 1024 * 1024)})
