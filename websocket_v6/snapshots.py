"""The present state of some codes, taken by a subscription that wants nothing else and ends with it."""

import logging
import time
from collections.abc import Mapping
from typing import TypeVar

from .component import Component
from .health import is_open
from .newest import newest_of_all
from .protocol.errors import SnapshotTimeoutError, UnknownCodeError
from .protocol.events import Event
from .protocol.exchange.wants import Want
from .steps import Pull, Steps
from .wanted import Wanted

__all__ = ["take_snapshot"]

logger = logging.getLogger(__name__)

SETTLED = 1.0  # seconds: all snapshots come within 0.4 s, so what comes later is of markets that are listed and silent

E = TypeVar("E", bound=Event)


def take_snapshot(component: Component, wanted: Wanted[E], timeout: float) -> Steps[list[E]]:
    """Return one event for each code that is wanted (`ONCE`), in the order of the codes.

    What a pattern stands for and says nothing is left out, and named in the log.

    Raises:
        UnknownCodeError: if the exchange sends nothing for a code within `timeout` seconds; it names them.
        SnapshotTimeoutError: if there is no connection.
    """
    deadline = time.monotonic() + timeout
    want, kind = (yield from _expanded(component, wanted.want, timeout)), wanted.kind
    named = frozenset(wanted.want.codes)
    if component.link.stage is not None and (there := (yield from newest_of_all(component, wanted))) is not None:
        return there  # nothing is to be played for it
    edge = yield from component.subscribe(want, wanted.settings)
    found: dict[str, E] = {}
    try:
        while len(found) < len(want.codes):
            left = deadline - time.monotonic()
            event = yield Pull(edge, max(0.0, min(left, SETTLED) if found and named <= found.keys() else left))
            if isinstance(event, kind):
                found.setdefault(event.symbol, event)
    except (TimeoutError, UnknownCodeError):
        silent = [code for code in want.codes if code not in found]
        if not found or not named.isdisjoint(silent):
            raise (yield from _missing(component, want, found, timeout)) from None
        logger.warning("there is no %s snapshot of %s: listed, but silent", want.type, ", ".join(silent))
    finally:
        yield from component.close(edge)
    return [found[code] for code in want.codes if code in found]


def _expanded(component: Component, want: Want, timeout: float) -> Steps[Want]:
    """Return what is wanted with the codes that its patterns stand for now."""
    if not want.quotes:
        return want
    deadline, codes = time.monotonic() + timeout, dict.fromkeys(want.codes)
    for quote in want.quotes:
        listed = yield from component.markets(quote, max(0.0, deadline - time.monotonic()))
        codes.update(dict.fromkeys(listed.codes))
    return want.with_codes(codes)


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
