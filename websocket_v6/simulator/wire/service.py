"""Subscriptions as the exchange serves them: snapshots first, in one burst or two, then what comes.

Source: Upbit WebSocket reference, "Semantics"; what it leaves open is decided by `Answers`.
"""

from collections.abc import Iterable

from ..account.desk import Desk
from ..market.trading_floor import TradingFloor
from ..market.wording import Bulletin
from ..parts import Part, Stream, split_suffix
from .audience import Audience
from .broadcast import Broadcast
from .client import Client
from .house import House

__all__ = ["Service"]


class Service:
    """Turns the parts of a request into streams, and begins and replaces them."""

    def __init__(self, house: House, floor: TradingFloor, desk: Desk, audience: Audience, broadcast: Broadcast) -> None:
        self._house = house
        self._answers = house.answers
        self._floor = floor
        self._desk = desk
        self._audience = audience
        self._broadcast = broadcast

    def subscribe(self, client: Client, parts: tuple[Part, ...]) -> None:
        """Serve a new subscription in place of the one before."""
        old, ran, client.parts = client.streams, client.served, parts
        client.streams = tuple(self._resolve(parts))
        client.strays = self._answers.stray_frames if old else 0
        self._audience.replace(client, old)
        wanted, pause = client.streams, self._house.weather.second_burst
        shown = [stream for stream in wanted if stream.part.snapshot and client.endpoint == "public"]
        # Only what has a snapshot waits for it; what ran already runs on.
        second = shown[(len(shown) + 1) // 2 :] if pause else []
        runs_on = [stream for stream in second if stream.name in ran and not self._answers.second_burst_pauses]
        waiting = {id(stream) for stream in second}
        kept = {id(stream) for stream in runs_on}
        later = client.later = [stream for stream in second if id(stream) not in kept]
        late = self._begin(client, [stream for stream in wanted if id(stream) not in waiting])
        for stream in runs_on:
            self._listen(client, stream)
        late += runs_on
        if late or later:
            self._house.agenda.after(pause, lambda: self._begin_late(client, wanted, late, later))
        self._house.journal.changed()

    def refresh(self, client: Client) -> None:
        """Look again at the codes that were not served; one that is listed now flows without a new request.

        There is no snapshot of it.
        """
        old, client.streams = client.streams, tuple(self._resolve(client.parts))
        for stream in client.streams:
            if stream not in old and stream.part.realtime:
                self._listen(client, stream)
        self._house.journal.changed()

    # What is served.

    def _resolve(self, parts: Iterable[Part]) -> Iterable[Stream]:
        """Return the streams that the exchange will serve; what it does not know it leaves out without a word."""
        streams: list[Stream] = []
        for part in parts:
            codes: Iterable[str] = part.codes or ("*",)
            if self._answers.duplicate_codes == "once":
                codes = dict.fromkeys(codes)
            for asked in codes:
                code, units = split_suffix(asked) if part.type == "orderbook" else (asked, 30)
                own = _without(part, code, streams) if part.combinations else part
                if self._serves(own, code):
                    streams.append(Stream(part.type, code, own, units))
        return [stream for stream in streams if self._is_kept(stream, streams)]

    def _is_kept(self, stream: Stream, streams: list[Stream]) -> bool:
        """Whether a stream is served, of all objects of one type that name its code."""
        is_book = stream.type == "orderbook"
        which = self._answers.same_code_twice if is_book else self._answers.same_type_twice
        if which == "both" or stream.part.combinations:
            return True
        own = [each for each in streams if (each.type, each.code) == (stream.type, stream.code)]
        return stream.part is own[0 if which == "first" else -1].part

    def _serves(self, part: Part, code: str) -> bool:
        """Whether the exchange has something to say to `code` as `part` asks for it."""
        if code == "*":
            return True
        market = self._floor.markets.get(code)
        if market is None:
            return False
        if part.timeframe:
            return code.startswith("KRW-") and bool(part.combinations)
        return part.type != "orderbook" or part.level in market.levels

    # How it begins.

    def _begin_late(
        self, client: Client, wanted: tuple[Stream, ...], late: Iterable[Stream], streams: Iterable[Stream]
    ) -> None:
        """Send the second burst: what is `late` flows already, the other streams begin."""
        # Another request may have replaced this one in the meantime.
        if client.is_open and client.streams is wanted:
            client.later = []
            for stream in late:
                self._send_snapshots(client, stream)
            for stream in self._begin(client, streams):
                self._send_snapshots(client, stream)
            self._house.journal.changed()

    def _begin(self, client: Client, streams: Iterable[Stream]) -> list[Stream]:
        """Begin streams with their snapshots; return those whose snapshot comes later, as the weather is."""
        late = []
        for stream in streams:
            chance = self._house.weather.realtime_first
            if stream.part.snapshot and stream.part.realtime and chance and self._house.rng.random() < chance:
                late.append(stream)
            elif stream.part.snapshot:
                self._send_snapshots(client, stream)
            if stream.part.realtime:
                self._listen(client, stream)
        return late

    def _listen(self, client: Client, stream: Stream) -> None:
        if client.endpoint == "public":
            self._floor.tape.begin(stream.type, stream.code)
        self._audience.add(client, stream)

    def _send_snapshots(self, client: Client, stream: Stream) -> None:
        if not self._broadcast.is_muted(stream.code) and (stream.code == "*" or stream.code in self._floor.markets):
            for bulletin in self._snapshots(client, stream):
                client.deliver(stream, bulletin, "SNAPSHOT")

    def _snapshots(self, client: Client, stream: Stream) -> Iterable[Bulletin]:
        if client.endpoint == "public":
            if self._floor.markets[stream.code].quiet or self._floor.tape.is_first_on_its_way(stream.type, stream.code):
                return []
            return [self._floor.display.current(stream.type, stream.code, stream.part.level, stream.units)]
        if stream.type == "myAsset" and client.key is not None:
            self._broadcast.begin_my_asset(client.key)
        if stream.type == "myOrder" and client.key is not None and self._answers.my_order_snapshot:
            return self._desk.open_bulletins(client.key, stream.code)
        return []


def _without(part: Part, code: str, streams: Iterable[Stream]) -> Part:
    """Return `part` without the indicators of `code` that a stream has already: each exists once per connection."""
    taken = {
        combination
        for stream in streams
        if (stream.type, stream.code, stream.part.timeframe) == (part.type, code, part.timeframe)
        for combination in stream.part.combinations
    }
    return part._replace(combinations=tuple(each for each in part.combinations if each not in taken))
