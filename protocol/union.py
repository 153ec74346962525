"""The union of all wants of one endpoint, and the one request that serves it.

A request replaces the whole subscription of its connection, so each names everything: codes that already stream are
marked realtime-only, codes that someone needs a snapshot of are not, and codes of which only a snapshot is wanted are
snapshot-only. An order book is asked for at the greatest depth anyone wants; the others get their share cut from it.
Source: Upbit WebSocket reference, "Semantics", "Order-book extras", "indicator".
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from .errors import LocalProtocolError
from .indicators import MAX_COMBINATIONS, Indicator
from .streams import Stream, split
from .wants import Want

__all__ = ["Asked", "Plan", "Union"]

FULL_DEPTH = 30  # what a code without a suffix is served


class Asked(NamedTuple):
    """How one stream stands in a request."""

    depth: int  # 0 for everything but order books
    live: bool
    snapshot: bool


class Plan(NamedTuple):
    """The request that would serve the union now.

    `types` are its data type objects; `asked` is what it asks, stream by stream.
    """

    types: list[dict[str, object]]
    asked: dict[Stream, Asked]

    @property
    def is_empty(self) -> bool:
        """Nothing is wanted. There is no request for that: the connection is closed instead."""
        return not self.asked


class Demand:
    """Who wants one stream: how many, at which depth, and how many wait for its snapshot."""

    __slots__ = ("body", "indicator", "live", "once", "snapshot", "want")

    def __init__(self, want: Want, indicator: Indicator | None) -> None:
        self.want = want  # any of the wants: type, level and timeframe are the same in all
        self.indicator = indicator
        self.live: dict[int, int] = {}  # depth -> wants that go on
        self.once: dict[int, int] = {}  # depth -> wants of a snapshot alone
        self.snapshot = 0  # live wants that begin with a snapshot
        self.body = 0  # wants of announcements with their text

    @property
    def depth(self) -> int:
        return max((*self.live, *self.once), default=0)


class Union:
    """Counts wants stream by stream and plans the request that serves them.

    `seen` streams have delivered something on the present connection, so nobody needs the exchange for a snapshot.
    """

    def __init__(self) -> None:
        self._demands: dict[Stream, Demand] = {}
        self._asked: dict[Stream, Asked] = {}
        self._seen: dict[Stream, int] = {}  # stream -> depth it was asked at

    def __len__(self) -> int:
        return len(self._demands)

    def __contains__(self, stream: object) -> bool:
        return stream in self._demands

    def add(self, want: Want) -> tuple[Stream, ...]:
        """Count `want` and return its streams.

        Raises:
            LocalProtocolError: if the exchange would refuse the union with it; nothing is counted then.
        """
        streams = tuple(want.streams())
        if want.endpoint == "info":
            surplus = len(self._demands.keys() | set(streams)) - MAX_COMBINATIONS
            if surplus > 0:
                raise LocalProtocolError(
                    f"{surplus} combinations of code and indicator too many: a connection carries {MAX_COMBINATIONS}, "
                    f"{len(self._demands)} are in use by all components; drop some codes or indicators"
                )
        for stream, indicator in zip(streams, _indicators(want), strict=True):
            demand = self._demands.get(stream)
            if demand is None:
                demand = self._demands[stream] = Demand(want, indicator)
            _count(demand.live if want.realtime else demand.once, want.depth, 1)
            demand.snapshot += want.snapshot and want.realtime
            demand.body += want.include_body
        return streams

    def remove(self, want: Want, streams: Iterable[Stream] | None = None) -> list[Stream]:
        """Take `want` back, or its part in `streams`, and return the streams that nobody wants any more."""
        gone = []
        for stream in want.streams() if streams is None else streams:
            demand = self._demands[stream]
            _count(demand.live if want.realtime else demand.once, want.depth, -1)
            demand.snapshot -= want.snapshot and want.realtime
            demand.body -= want.include_body
            if not demand.live and not demand.once:
                del self._demands[stream]
                self._forget_snapshot(stream)
                gone.append(stream)
        return gone

    def saw(self, streams: Iterable[Stream]) -> None:
        """Note that `streams` have delivered: their last value serves whoever comes later."""
        for stream in streams:
            asked = self._asked.get(stream)
            if asked is not None:
                self._seen[stream] = asked.depth

    def has_seen(self, stream: Stream) -> bool:
        """Whether `stream` has delivered on the present connection."""
        return stream in self._seen

    def is_shallow(self, stream: Stream, depth: int) -> bool:
        """Whether `stream` was last asked at fewer levels than `depth`."""
        asked = self._asked.get(stream)
        return asked is not None and asked.depth < depth

    def reset(self) -> None:
        """Begin again on a new connection: nothing is served, nothing was seen."""
        self._asked = {}
        self._seen = {}

    def plan(self) -> Plan | None:
        """Return the request to send, `None` if the exchange already serves what is wanted."""
        asked = {stream: self._ask(stream, demand) for stream, demand in self._demands.items()}
        wanted = {stream: one for stream, one in asked.items() if one.live or one.snapshot}
        if not self._differs(wanted):
            return None
        return Plan(list(self._types(wanted)), wanted)

    def sent(self, plan: Plan) -> list[Stream]:
        """Note that `plan` was sent; return the streams now asked at a greater depth than was seen."""
        self._asked = plan.asked
        deeper = [stream for stream, depth in self._seen.items() if _deeper(plan.asked.get(stream), depth)]
        self._seen = {
            stream: depth for stream, depth in self._seen.items() if stream in plan.asked and stream not in set(deeper)
        }
        return deeper

    @property
    def is_live(self) -> bool:
        """Whether the exchange was asked for anything that goes on, so that silence takes a new request or a close."""
        return any(one.live for one in self._asked.values())

    @property
    def asked(self) -> dict[Stream, Asked]:
        """What the last request asked, stream by stream."""
        return self._asked

    def _forget_snapshot(self, stream: Stream) -> None:
        # A stream asked for its snapshot alone does not go on: what it delivered is old by the time of the next want.
        if stream in self._asked and not self._asked[stream].live:
            self._seen.pop(stream, None)
            self._asked = {one: asked for one, asked in self._asked.items() if one != stream}

    def _ask(self, stream: Stream, demand: Demand) -> Asked:
        depth = demand.depth
        fresh = self._seen.get(stream, -1) < depth
        return Asked(depth, bool(demand.live), fresh and (demand.snapshot > 0 or bool(demand.once)))

    def _differs(self, wanted: dict[Stream, Asked]) -> bool:
        if any(one.live and not _is_live(wanted.get(stream)) for stream, one in self._asked.items()):
            return True
        for stream, one in wanted.items():
            before = self._asked.get(stream)
            if before is None or before.depth != one.depth or one.live > before.live or one.snapshot > before.snapshot:
                return True
        return False

    def _types(self, wanted: dict[Stream, Asked]) -> Iterator[dict[str, object]]:
        """Group streams that differ in their codes alone into one object each."""
        public: dict[tuple[str, Decimal, bool, bool], list[str]] = {}
        indicators: dict[tuple[str, str, str], list[Indicator]] = {}
        for stream in sorted(wanted):
            demand, asked = self._demands[stream], wanted[stream]
            want, (_, code) = demand.want, split(stream)
            if demand.indicator is not None:
                indicators.setdefault((want.type, want.timeframe, code), []).append(demand.indicator)
            elif want.is_public:
                suffix = f".{asked.depth}" if asked.depth not in (0, FULL_DEPTH) else ""
                key = (want.type, want.level, asked.live, asked.snapshot)
                public.setdefault(key, []).append(code + suffix)
        for (type_, level, live, snapshot), codes in public.items():
            yield _public_object(type_, codes, level, live, snapshot)
        yield from self._private_objects(wanted)
        yield from _indicator_objects(indicators)

    def _private_objects(self, wanted: dict[Stream, Asked]) -> Iterator[dict[str, object]]:
        parts: dict[str, list[str]] = {}
        for stream in sorted(wanted):
            type_, part = split(stream)
            if type_ in ("myOrder", "myAsset", "announcement"):
                parts.setdefault(type_, []).append(part)
        for type_, chosen in parts.items():
            one: dict[str, object] = {"type": type_}
            # Without codes or categories the exchange sends all of them.
            if "*" not in chosen:
                one["categories" if type_ == "announcement" else "codes"] = chosen
            if type_ == "announcement" and any(self._demands[f"announcement {part}"].body for part in chosen):
                one["include_body"] = True
            yield one


def _indicators(want: Want) -> list[Indicator | None]:
    """Return the indicator of each of the want's streams, in the order of `Want.streams`."""
    if want.indicators:
        return [one for _ in want.codes for one in want.indicators]
    return [None] * max(1, len(want.codes), len(want.categories))


def _count(counts: dict[int, int], depth: int, by: int) -> None:
    counts[depth] = counts.get(depth, 0) + by
    if not counts[depth]:
        del counts[depth]


def _is_live(asked: Asked | None) -> bool:
    return asked is not None and asked.live


def _deeper(asked: Asked | None, depth: int) -> bool:
    return asked is not None and asked.depth > depth


def _public_object(type_: str, codes: list[str], level: Decimal, live: bool, snapshot: bool) -> dict[str, object]:
    one: dict[str, object] = {"type": type_, "codes": codes}
    if level:
        one["level"] = level
    if not live:
        one["is_only_snapshot"] = True
    elif not snapshot:
        one["is_only_realtime"] = True
    return one


def _indicator_objects(indicators: dict[tuple[str, str, str], list[Indicator]]) -> Iterator[dict[str, object]]:
    """Codes that want the same indicators of the same timeframe share an object."""
    groups: dict[tuple[str, str, tuple[Indicator, ...]], list[str]] = {}
    for (type_, timeframe, code), wanted in indicators.items():
        groups.setdefault((type_, timeframe, tuple(wanted)), []).append(code)
    for (type_, timeframe, chosen), codes in groups.items():
        yield {
            "type": type_,
            "codes": codes,
            "timeframe": timeframe,
            "indicators": [_indicator_object(one) for one in chosen],
        }


def _indicator_object(indicator: Indicator) -> dict[str, object]:
    one: dict[str, object] = {"type": indicator.type, "params": dict(indicator.params)}
    if indicator.trigger:
        one["trigger"] = indicator.trigger
    if indicator.event_params:
        one["event_params"] = dict(indicator.event_params)
    return one
