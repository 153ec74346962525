"""What is known right now, without waiting for the exchange: the newest values, and whether there are any yet."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import pykka

from .actors.base import tell
from .actors.delivery.edge import Edge
from .actors.delivery.last_values import LastValues
from .actors.future import Future
from .actors.messages.replay import AwaitData
from .actors.messages.router import GetLastValues
from .component import Component
from .options import Settings
from .protocol.errors import ClosedError, EngineError, LocalProtocolError, NotReadyError, RemoteProtocolError
from .protocol.events import Event, OrderbookEvent
from .protocol.exchange.codes import CANDLE_INTERVALS
from .protocol.exchange.market_list import list_stream
from .protocol.exchange.streams import MARKETS, Stream, split, stream_of
from .protocol.exchange.wants import Want
from .steps import Answer, Steps, pause
from .wanted import Level, Wanted, candle, orderbook, ticker, trade

if TYPE_CHECKING:
    from .actors.replay.stage import Stage

__all__ = ["await_data", "newest", "newest_of_all", "wanted_book", "wanted_value"]

E = TypeVar("E", bound=Event)

GLANCE = 0.01  # seconds between two looks for data, each a few reads for each stream
SETTLED = 2.0  # seconds without a further first message, after which what is listed and silent is no longer waited for
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
    if not isinstance(code, str) or "*" in code:
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


def newest_of_all(component: Component, wanted: Wanted[E]) -> Steps[list[E] | None]:
    """Return the newest event of each code as a snapshot; None if one has none."""
    values = yield from _last_values(component)
    found: list[E] = []
    for code in wanted.want.codes:
        part = wanted.want.with_codes((code,))
        (stream,) = part.streams()
        event = values.of(stream)
        shown = None if event is None else _shown(component, part, wanted.kind, event)
        if shown is None:
            return None
        found.append(shown.as_snapshot())
    return found


def _shown(component: Component, want: Want, kind: type[E], event: Event) -> E | None:
    """Return `event` decoded; None if it is malformed."""
    for edge in component.edges:
        own = edge.want
        if own.type == want.type and own.level == want.level and want.codes[0] in edge.symbols:
            shown = edge.preview(event.with_numbers(edge.mailbox.numbers))
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
    patience = _Patience()
    if (stage := component.link.stage) is not None:
        yield from _play_until_ready(component, stage, timeout)
    while missing := _missing(component, (yield from _last_values(component))):
        if patience.is_over(component, missing, time.monotonic()):
            break
        left = deadline - time.monotonic()
        if left <= 0:
            raise NotReadyError(_not_ready(component, missing, timeout), streams=missing)
        yield from pause(min(GLANCE, left))
    if component.has_left:
        raise ClosedError(f"component {component.name!r} is closed")


class _Patience:
    """How long those markets are waited for that a pattern brought: what is listed may be silent for days."""

    def __init__(self) -> None:
        self._fewest: int | None = None
        self._since = 0.0

    def is_over(self, component: Component, missing: Mapping[Stream, str], now: float) -> bool:
        """Whether all that is missing is listed, some of each pattern has come, and no more for a while."""
        if self._fewest is None or len(missing) != self._fewest:
            self._fewest, self._since = len(missing), now
            return False
        return now - self._since > SETTLED and all(_may_be_silent(edge, missing) for edge in component.edges)


def _may_be_silent(edge: Edge, missing: Mapping[Stream, str]) -> bool:
    """Whether nothing is missing of a subscription but some of what its patterns stand for."""
    want = edge.want
    if any(list_stream(quote) in missing for quote in want.quotes):
        return False
    named, symbols = set(want.codes), edge.symbols
    lacking = [code for code in symbols if stream_of(want.type, code, want.level) in missing]
    if not want.quotes:
        return not any(stream in missing for stream in want.streams())
    return named.isdisjoint(lacking) and len(lacking) < len(symbols)


def _play_until_ready(component: Component, stage: "Stage", timeout: float) -> Steps[None]:
    """Have a recording played until all streams have data; then it stops until whoever asks comes back for more."""
    pulls = any(not edge.is_pushed for edge in component.edges)
    public = [edge for edge in component.edges if edge.want.is_public]
    streams = tuple(stream for edge in public for stream in edge.want.streams())
    there = stage.contents.messages
    listed = [stream for edge in public if edge.want.quotes for stream in _streams(edge) if stream in there]
    others = tuple(stream for stream in listed if stream not in streams)
    ready: Future[bool] = Future()
    router = (yield from component.link.children()).router
    tell(router, AwaitData(streams, others, stage.reader() if pulls else None, ready))
    with contextlib.suppress(pykka.Timeout):  # what is missing is told by the caller
        yield Answer(ready, timeout)


def _missing(component: Component, values: LastValues) -> dict[Stream, str]:
    """Return the streams that have no data, each with its endpoint."""
    missing = {
        stream: edge.want.endpoint
        for edge in component.edges
        if not _is_served(component, edge)
        for stream in _streams(edge)
        if not edge.want.is_public or values.of(stream) is None
    }
    for edge in component.edges:
        unknown = (quote for quote in edge.want.quotes if quote not in component.standing.markets)
        missing.update((list_stream(quote), MARKETS) for quote in unknown)
    return missing


def _streams(edge: Edge) -> Iterator[Stream]:
    want = edge.want
    return want.with_codes(edge.symbols).streams() if edge.symbols else want.streams()


def _is_served(component: Component, edge: Edge) -> bool:
    """Whether a subscription needs no look at its streams, one by one."""
    want = edge.want
    if not want.is_public:  # no present state comes, and the first event perhaps tomorrow
        return component.standing.is_open(want.endpoint)
    return not want.realtime and edge.mailbox.stats.received >= len(edge.symbols)  # which leave once they are served


def _not_ready(component: Component, missing: Mapping[Stream, str], timeout: float) -> str:
    told = "; ".join(_waits(component, endpoint, missing) for endpoint in dict.fromkeys(missing.values()))
    return f"component {component.name!r} is not ready after {timeout:g} s: {told}"


def _waits(component: Component, endpoint: str, missing: Mapping[Stream, str]) -> str:
    streams = [stream for stream, other in missing.items() if other == endpoint]
    more = f" and {len(streams) - MOST_NAMED} more" if len(streams) > MOST_NAMED else ""
    if endpoint == MARKETS:
        wanted = ", ".join(f"{split(stream)[1]}-*" for stream in streams)
        return f"there is no list of markets yet, so nobody knows what {wanted} stands for; health() says why"
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
