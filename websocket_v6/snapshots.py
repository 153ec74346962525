"""The present state of some codes, taken by a subscription that wants nothing else and ends with it."""

import time
from collections.abc import Mapping
from typing import TypeVar

from .component import Component
from .health import is_open
from .newest import newest_of_all
from .options import Settings
from .protocol.delivery.policy import Mailbox
from .protocol.errors import SnapshotTimeoutError, UnknownCodeError
from .protocol.events import Event
from .protocol.exchange.wants import Want
from .steps import Pull, Steps
from .wanted import Wanted

__all__ = ["ONCE", "take_snapshot"]

ONCE = Settings(options={"realtime": False, "mailbox": Mailbox.lossless(64 * 1024 * 1024)})

E = TypeVar("E", bound=Event)


def take_snapshot(component: Component, wanted: Wanted[E], timeout: float) -> Steps[list[E]]:
    """Return one event for each code that is wanted (`ONCE`), in the order of the codes.

    Raises:
        UnknownCodeError: if the exchange sends nothing for a code within `timeout` seconds; it names them.
        SnapshotTimeoutError: if there is no connection.
    """
    want, kind = wanted.want, wanted.kind
    if component.link.stage is not None and (there := (yield from newest_of_all(component, wanted))) is not None:
        return there  # nothing is to be played for it
    edge = yield from component.subscribe(want, wanted.settings)
    found: dict[str, E] = {}
    deadline = time.monotonic() + timeout
    try:
        while len(found) < len(want.codes):
            event = yield Pull(edge, max(0.0, deadline - time.monotonic()))
            if isinstance(event, kind):
                found.setdefault(event.symbol, event)
    except (TimeoutError, UnknownCodeError):
        raise (yield from _missing(component, want, found, timeout)) from None
    finally:
        yield from component.close(edge)
    return [found[code] for code in want.codes]


def _missing(component: Component, want: Want, found: Mapping[str, Event], timeout: float) -> Steps[Exception]:
    missing = [code for code in want.codes if code not in found]
    if not (yield from is_open(component, "public")):
        standing = component.standing.describe("public")
        return SnapshotTimeoutError(f"no {want.type} snapshot within {timeout:g} s: {standing}")
    level = f" with level={want.level}" if want.level else ""
    return UnknownCodeError(
        f"the exchange sent no {want.type} snapshot of {', '.join(missing)}{level} within {timeout:g} s: "
        "unknown or delisted code, or a price level that the market does not have",
        codes=missing,
    )
