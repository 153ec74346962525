"""What is known right now, without waiting for the exchange: the newest values, and whether there are any yet."""

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

from .actors.delivery.edge import Edge
from .actors.delivery.last_values import LastValues
from .actors.messages.router import GetLastValues
from .component import Component
from .options import Settings
from .protocol.errors import ClosedError, EngineError, LocalProtocolError, NotReadyError, RemoteProtocolError
from .protocol.events import Event, OrderbookEvent
from .protocol.exchange.codes import CANDLE_INTERVALS
from .protocol.exchange.streams import Stream
from .protocol.exchange.wants import Want
from .steps import Steps, pause
from .wanted import Level, Wanted, candle, orderbook, ticker, trade

__all__ = ["await_data", "newest", "wanted_book", "wanted_value"]

E = TypeVar("E", bound=Event)

GLANCE = 0.01  # seconds between two looks for data, each a few reads for each stream
MOST_NAMED = 10  # streams that an error's message names
FULL_DEPTH = 30
PLAIN = Settings()
CANDLES = {f"candle.{interval}": interval for interval in CANDLE_INTERVALS}
TYPES = ("ticker", "trade", "orderbook", *CANDLES)


# --- one value


def wanted_value(type_: str, code: str) -> Wanted[Any]:
    """Return what is asked for by the exchange's word for a data type, such as "candle.1m", and one code.

    Raises:
        LocalProtocolError: if the type has no newest value, or the code is nonsense.
    """
    _check_one(code)
    match type_:
        case "ticker":
            return ticker(code, PLAIN)
        case "trade":
            return trade(code, PLAIN)
        case "orderbook":
            return wanted_book(code, 0)
        case str() if type_ in CANDLES:
            return candle(code, PLAIN, interval=CANDLES[type_])
    raise LocalProtocolError(f"type={type_!r:.60} has no newest value: choose {', '.join(TYPES)}")


def wanted_book(code: str, level: Level) -> Wanted[OrderbookEvent]:
    """Return what is asked for by a code and a price grouping; raises as `wanted_value` does."""
    _check_one(code)
    return orderbook(code, PLAIN, depth=FULL_DEPTH, level=level)


def _check_one(code: object) -> None:
    if not isinstance(code, str):
        raise LocalProtocolError(f"code={code!r:.60} is no code: give one, such as 'KRW-BTC'")


def newest(component: Component, wanted: Wanted[E]) -> Steps[E | None]:
    """Return the newest event of what is wanted, as the component's own subscription shows it if it has one."""
    want = wanted.want
    try:
        values = yield from _last_values(component)
    except EngineError:
        return None  # the part that knows is being started again
    (stream,) = want.streams()
    event = values.of(stream)
    return None if event is None else _shown(component, want, wanted.kind, event)


def _shown(component: Component, want: Want, kind: type[E], event: Event) -> E | None:
    """Return `event` decoded; None if it is malformed."""
    for edge in component.edges:
        own = edge.want
        if own.type == want.type and own.level == want.level and want.codes[0] in own.codes:
            shown = edge.prepare(event.with_numbers(edge.mailbox.numbers))
            return shown if isinstance(shown, kind) else None
    event = event.with_numbers(Decimal)  # whatever others read
    try:
        event.load()
    except RemoteProtocolError:
        return None
    return event if isinstance(event, kind) else None


# --- whether there are any


def await_data(component: Component, timeout: float) -> Steps[None]:
    """Wait until every stream of the component has data.

    Raises:
        NotReadyError: if some have none within `timeout` seconds; it names them and says what they wait for.
        ClosedError: if the component ends meanwhile.
    """
    deadline = time.monotonic() + timeout
    while missing := _missing(component, (yield from _last_values(component))):
        left = deadline - time.monotonic()
        if left <= 0:
            raise NotReadyError(_not_ready(component, missing, timeout), streams=missing)
        yield from pause(min(GLANCE, left))
    if component.has_left:
        raise ClosedError(f"component {component.name!r} is closed")


def _missing(component: Component, values: LastValues) -> dict[Stream, str]:
    """Return the streams that have no data, each with its endpoint."""
    return {
        stream: edge.want.endpoint
        for edge in component.edges
        if not _is_served(component, edge)
        for stream in edge.want.streams()
        if not edge.want.is_public or values.of(stream) is None
    }


def _is_served(component: Component, edge: Edge) -> bool:
    """Whether a subscription needs no look at its streams, one by one."""
    want = edge.want
    if not want.is_public:  # no present state comes, and the first event perhaps tomorrow
        return component.standing.is_open(want.endpoint)
    return not want.realtime and edge.mailbox.stats.received >= len(want.codes)  # which leave once they are served


def _not_ready(component: Component, missing: Mapping[Stream, str], timeout: float) -> str:
    told = "; ".join(_waits(component, endpoint, missing) for endpoint in dict.fromkeys(missing.values()))
    return f"component {component.name!r} is not ready after {timeout:g} s: {told}"


def _waits(component: Component, endpoint: str, missing: Mapping[Stream, str]) -> str:
    streams = [stream for stream, other in missing.items() if other == endpoint]
    more = f" and {len(streams) - MOST_NAMED} more" if len(streams) > MOST_NAMED else ""
    if component.standing.is_open(endpoint):
        why = f"the {endpoint} connection is open: unknown or delisted codes, or a price level that the market lacks"
    else:
        why = component.standing.describe(endpoint)
    return f"nothing has come of {', '.join(streams[:MOST_NAMED])}{more}, {why}"


# --- inside


def _last_values(component: Component) -> Steps[LastValues]:
    """Return what the router has; it is asked for that once."""
    found = component.last_values
    if found is None or found.is_over:
        found = component.last_values = yield from component.link.ask(lambda now: now.router, GetLastValues())
    return found
