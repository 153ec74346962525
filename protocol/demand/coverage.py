"""What one attachment was asked for and has delivered, and the one request that makes it serve the union.

A request replaces the whole subscription of its connection, so each names everything: codes that already stream are
marked realtime-only, codes that have said nothing yet are not, whoever wants their snapshot, and codes of which only a
snapshot is wanted are snapshot-only. An order book is asked for at the greatest depth anyone wants; the others get
their share cut from it.
Source: Upbit WebSocket reference, "Semantics", "Order-book extras", "indicator".
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from websocket_v6.protocol.exchange.indicators import Indicator
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.exchange.wants import endpoint_of
from websocket_v6.protocol.message import Message

from .union import Demand, Union

__all__ = ["Asked", "Coverage", "Plan"]

FULL_DEPTH = 30  # what a code without a suffix is served


class Asked(Message):
    """How one stream stands in a request."""

    depth: int  # 0 for everything but order books
    live: bool
    snapshot: bool
    reconcile: bool = False  # of a host, which then asks the exchange what that has not sent


class Plan(Message):
    """The request that would serve the union now.

    `types` are its data type objects; `asked` is what it asks, stream by stream; `begins` are the streams whose
    snapshot no request has asked for yet; `changed` those that the last request does not ask as this one does.
    """

    types: list[dict[str, object]]
    asked: dict[Stream, Asked]
    begins: frozenset[Stream]
    changed: frozenset[Stream]

    @property
    def is_empty(self) -> bool:
        """Nothing is wanted. There is no request for that: the connection is closed instead."""
        return not self.asked


class Coverage:
    """What an attachment was `asked` by its last request, and which of that it has delivered.

    Streams that have delivered something need no snapshot from it any more. It is new with each attachment. `is_door`:
    it leads to a host, which reconciles orders and assets where that is asked of it.
    """

    def __init__(self, *, is_door: bool = False) -> None:
        self._is_door = is_door
        self._asked: dict[Stream, Asked] = {}
        self._new: frozenset[Stream] = frozenset()  # in the last request, and in none before
        self._unsaid: set[Stream] = set()  # given up before they said anything: what comes may answer an old request
        self._seen: dict[Stream, int] = {}  # stream -> depth it was asked at
        self._has_brought = False  # anything since something new was asked, though nobody may want it any more
        self._acknowledged: set[Stream] = set()  # asked, and known to be served
        self._coming: set[Stream] = set()  # what the last request begins, and has said nothing yet
        self._left: set[Stream] = set()  # left out after it had delivered; it has not begun anew

    @property
    def asked(self) -> dict[Stream, Asked]:
        """What the last request asked, stream by stream."""
        return self._asked

    @property
    def new(self) -> frozenset[Stream]:
        """What the last request asked, and none before it."""
        return self._new

    @property
    def is_live(self) -> bool:
        """Whether the exchange was asked for anything that goes on, so that silence takes a new request or a close."""
        return any(one.live for one in self._asked.values())

    def saw(self, streams: Iterable[Stream]) -> bool:
        """Note that `streams` have delivered: their last value serves whoever comes later.

        Returns whether that shows that the last request is in force: one of them was not asked for before it.
        """
        is_sign = False
        for stream in streams:
            asked = self._asked.get(stream)
            self._has_brought = True
            if asked is not None:
                self._seen[stream] = asked.depth
                self._acknowledged.add(stream)
                self._coming.discard(stream)
                self._left.discard(stream)
                is_sign = is_sign or stream in self._new
        return is_sign

    @property
    def is_awaited(self) -> bool:
        """Whether snapshots that the last request began are on their way."""
        return bool(self._coming)

    def awaits(self, union: Union, *, repeats: bool) -> bool:
        """Whether a request for `union` would come too early: snapshots that the last one began are on their way.

        It would ask for them again, and who `repeats` sends them twice; or it would leave some out, and what comes of
        those then could not be told from what a request after that begins.
        """
        return any(repeats or stream not in union for stream in self._coming)

    def give_up(self) -> None:
        """Await nothing more of what the last request began: the exchange may not know it."""
        self._coming.clear()

    def leaves(self, plan: Plan) -> tuple[Stream, ...]:
        """Return what `plan` leaves out of which more may be on its way, and which begins with a snapshot."""
        return tuple(
            stream
            for stream, one in self._asked.items()
            if one.live and stream not in plan.asked and stream in self._seen and has_snapshots(stream)
        )

    def take_anyway(self, streams: Iterable[Stream]) -> tuple[Stream, ...]:
        """Note that `streams` were asked for again and no snapshot comes; return those that had been left out."""
        taken = tuple(self._left.intersection(streams))
        self._left.difference_update(taken)
        return taken

    def acknowledge(self) -> None:
        """Note that the last request is in force: the exchange has answered a question that came after it."""
        self._acknowledged.update(self._asked)

    def is_known_to_serve(self, streams: Iterable[Stream]) -> bool:
        """Whether all of `streams` are known to be served."""
        return self._acknowledged.issuperset(streams)

    @property
    def is_whole(self) -> bool:
        """Whether everything that goes on is known to be served."""
        return bool(self._asked) and all(
            stream in self._acknowledged for stream, one in self._asked.items() if one.live
        )

    def covers(self, other: "Coverage", union: Union) -> bool:
        """Whether nothing that is wanted is missed if `other`, that of another attachment, ends."""
        known = other._acknowledged
        return all(
            stream in self._acknowledged
            for stream, one in other._asked.items()
            if one.live and stream in known and stream in union
        )

    def inherit(self, other: "Coverage") -> None:
        """Note what `other` has delivered, and this one goes on with: it needs no snapshot of that either."""
        for stream, depth in other._seen.items():
            asked = self._asked.get(stream)
            if asked is not None and stream in self._acknowledged and asked.depth <= depth:
                self._seen.setdefault(stream, asked.depth)

    @property
    def has_seen_any(self) -> bool:
        """Whether anything was delivered of what is asked for."""
        return bool(self._seen) or self._has_brought

    def has_seen(self, stream: Stream) -> bool:
        """Whether `stream` has delivered, at the depth at which it was last asked."""
        return stream in self._seen

    def depth_asked(self, stream: Stream) -> int:
        """Return at how many levels `stream` was last asked, -1 if it was not, 0 if it has none."""
        asked = self._asked.get(stream)
        return -1 if asked is None else asked.depth

    def plan(self, union: Union) -> Plan | None:
        """Return the request to send, `None` if what is wanted is served already."""
        asked = {stream: self._ask(stream, demand) for stream, demand in union.demands.items()}
        wanted = {stream: one for stream, one in asked.items() if one.live or one.snapshot}
        changed = frozenset(self._changes(wanted))
        if not changed:
            return None
        return Plan(list(_types(union, wanted)), wanted, frozenset(self._begins(wanted)), changed)

    def _begins(self, wanted: dict[Stream, Asked]) -> Iterator[Stream]:
        for stream, one in wanted.items():
            before = self._asked.get(stream)
            is_first = before is None or not before.snapshot or before.depth < one.depth
            if one.snapshot and has_snapshots(stream) and (is_first or self._goes_on(stream, live=one.live)):
                yield stream

    def sent(self, plan: Plan) -> list[Stream]:
        """Note that `plan` was sent; return the streams now asked at a greater depth than was seen."""
        self._unsaid.update(self._asked.keys() - plan.asked.keys() - self._seen.keys())
        self._new = frozenset(plan.asked.keys() - self._asked.keys() - self._unsaid)
        self._coming = set(plan.begins)
        self._left.update(self.leaves(plan))
        self._has_brought = self._has_brought and not self._new
        self._asked = dict(plan.asked)
        deeper = [stream for stream, depth in self._seen.items() if _deeper(plan.asked.get(stream), depth)]
        staying = plan.asked.keys() - set(deeper)
        # What is asked at fewer levels comes with fewer from now on: whoever wants more later needs a snapshot again.
        self._seen = {
            stream: min(depth, plan.asked[stream].depth) for stream, depth in self._seen.items() if stream in staying
        }
        self._acknowledged &= staying
        return deeper

    def doubt(self, streams: Iterable[Stream]) -> bool:
        """Take those of `streams` that have said nothing for not asked; return whether there are any."""
        silent = [stream for stream in streams if stream in self._asked and stream not in self._seen]
        for stream in silent:
            del self._asked[stream]
            self._acknowledged.discard(stream)
        return bool(silent)

    def forget(self, gone: Iterable[Stream]) -> None:
        """Note that nobody wants `gone` any more.

        A stream asked for its snapshot alone does not go on: what it delivered is old by the time of the next want.
        """
        ended = {stream for stream in gone if stream in self._asked and not self._asked[stream].live}
        if ended:
            self._unsaid.update(ended - self._seen.keys())
            for stream in ended:  # one after the other of ten thousand snapshots
                del self._asked[stream]
                self._seen.pop(stream, None)
                self._acknowledged.discard(stream)
                self._coming.discard(stream)

    def _ask(self, stream: Stream, demand: Demand) -> Asked:
        # A snapshot of all that has not been seen as deep as that, whoever wants it: what was shallow begins anew with
        # one, and it is the only proof that the exchange knows the code. Who wants none is not given it.
        reconcile = self._is_door and demand.reconcile > 0
        snapshot = self._seen.get(stream, -1) < demand.depth or self._goes_on(stream, live=bool(demand.live))
        return Asked(demand.depth, bool(demand.live), snapshot, reconcile)

    def _goes_on(self, stream: Stream, *, live: bool) -> bool:
        """Whether a stream is to go on of which a snapshot alone was asked: what follows on that is missing."""
        before = self._asked.get(stream)
        return live and before is not None and not before.live

    def _changes(self, wanted: dict[Stream, Asked]) -> Iterator[Stream]:
        for stream, one in self._asked.items():
            if one.live and not _is_live(wanted.get(stream)):
                yield stream
        for stream, one in wanted.items():
            before = self._asked.get(stream)
            if (
                before is None
                or before.depth != one.depth
                or one.live > before.live
                or one.snapshot > before.snapshot
                or one.reconcile != before.reconcile
            ):
                yield stream


def has_snapshots(stream: Stream) -> bool:
    """Whether the exchange begins a stream with one."""
    return endpoint_of(split(stream)[0]) == "public"


def _types(union: Union, wanted: dict[Stream, Asked]) -> Iterator[dict[str, object]]:
    """Group streams that differ in their codes alone into one object each."""
    public: dict[tuple[str, Decimal, bool, bool], list[str]] = {}
    indicators: dict[tuple[str, str, str], list[Indicator]] = {}
    for stream in sorted(wanted):
        demand, asked = union.demands[stream], wanted[stream]
        want, (_, code) = demand.want, split(stream)
        if demand.indicator is not None:
            indicators.setdefault((want.type, want.timeframe, code), []).append(demand.indicator)
        elif want.is_public:
            suffix = f".{asked.depth}" if asked.depth not in (0, FULL_DEPTH) else ""
            key = (want.type, want.level, asked.live, asked.snapshot)
            public.setdefault(key, []).append(code + suffix)
    for (type_, level, live, snapshot), codes in public.items():
        yield _public_object(type_, codes, level, live, snapshot)
    yield from _private_objects(union, wanted)
    yield from _indicator_objects(indicators)


def _private_objects(union: Union, wanted: dict[Stream, Asked]) -> Iterator[dict[str, object]]:
    parts: dict[tuple[str, bool], list[str]] = {}
    for stream in sorted(wanted):
        type_, part = split(stream)
        if type_ in ("myOrder", "myAsset", "announcement"):
            parts.setdefault((type_, wanted[stream].reconcile), []).append(part)
    for (type_, reconcile), chosen in parts.items():
        one: dict[str, object] = {"type": type_}
        if reconcile:
            one["reconcile"] = True
        # Without codes or categories the exchange sends all of them.
        if "*" not in chosen:
            one["categories" if type_ == "announcement" else "codes"] = chosen
        if type_ == "announcement" and any(union.demands[f"announcement {part}"].body for part in chosen):
            one["include_body"] = True
        yield one


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
