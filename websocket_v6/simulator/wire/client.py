"""One connection of the simulated exchange: its requests, its limits, and what it is subscribed to.

A request replaces the whole subscription; the format belongs to the connection; there is no acknowledgement; every
refused request ends in an error and a close with 1000.
Source: Upbit WebSocket reference, "Semantics" and "Errors".
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..market.wording import Event
from .limits import Meter
from .outbox import Line, Message, Outbox
from .refusals import RequestError, error_text
from .reports import ConnectionInfo, RequestRecord, Served
from .request_reader import Part, Request, parse_request, split_suffix
from .subscription_list import subscriptions_text

if TYPE_CHECKING:
    from ..control.exchange import Exchange

__all__ = ["Session", "Stream"]


class Stream(NamedTuple):
    """One thing a connection is subscribed to. `code` is `*` where there is none."""

    type: str
    code: str
    part: Part
    units: int = 30

    @property
    def name(self) -> str:
        level = f"@{self.part.level.normalize():f}" if self.part.level else ""
        return f"{self.type} {self.code}{level}"


class Session:
    """One connection. The exchange owns it and is called back for everything that is not this connection's own."""

    def __init__(
        self, exchange: "Exchange", number: int, endpoint: str, line: Line, headers: Mapping[str, str], key: str | None
    ) -> None:
        self.id = number
        self.endpoint = endpoint
        self.key = key
        self.is_open = True
        self.opened_at = self.active_at = exchange.clock.now()
        self.closed_at: float | None = None
        self.close_code: int | None = None
        self.streams: tuple[Stream, ...] = ()
        self.strays = 0  # how many messages of the subscription before this one may still come
        self.format = "DEFAULT"
        self.pings = 0
        self.status_running = False
        self.sent: Counter[str] = Counter()  # data messages by "SNAPSHOT" and "REALTIME"
        self.snapshots: Counter[str] = Counter()  # by stream
        self._exchange = exchange
        self._answers = exchange.answers
        self._line = line
        self._headers = dict(headers)
        self._parts: tuple[Part, ...] = ()
        self._requests: list[RequestRecord] = []
        limits = exchange.limits
        self._meters = (
            Meter(limits.messages_per_second, 1.0, limits.window),
            Meter(limits.messages_per_minute, 60.0, limits.window),
        )
        self.outbox = Outbox(
            line, most_bytes=limits.outbox_bytes, list_batch=self._answers.list_batch, on_sent=self._was_sent
        )

    # What comes in.

    def receive(self, message: str | bytes) -> None:
        """Take one message of the client."""
        text = message if isinstance(message, str) else message.decode("utf-8", "replace")
        is_ping = text == "PING"
        self.touch()
        if self.outbox.ending:
            return
        if not is_ping:
            self._requests.append(RequestRecord(self._exchange.clock.now(), text))
        if (not is_ping or self._answers.text_ping_counts) and not self._within_limits():
            self.fail(RequestError(self._answers.rate_error), close=self._answers.rate_error_closes)
        elif is_ping:
            self._exchange.start_status(self)
        else:
            self._answer(text, binary=isinstance(message, bytes))

    def touch(self) -> None:
        """Note that the connection is not idle."""
        self.active_at = self._exchange.clock.now()

    def pinged(self) -> None:
        """Note a PING frame; the library has answered it."""
        self.pings += 1
        if self._answers.ping_resets_idle:
            self.touch()

    def _within_limits(self) -> bool:
        now = self._exchange.clock.now()
        within = all(meter.left(now) > 0 for meter in self._meters)
        if within or self._answers.refused_requests_count:
            for meter in self._meters:
                meter.count(now)
        return within

    def _answer(self, text: str, *, binary: bool) -> None:
        exchange = self._exchange
        try:
            if binary and not self._answers.binary_requests:
                raise RequestError("WRONG_FORMAT")
            exchange.check_access(self)
            most = exchange.limits.indicator_combinations
            request = parse_request(text, self.endpoint, self._answers, region=exchange.region, most=most)
            if request.is_list:
                self._list(request)
            elif request.parts or self._answers.empty_request == "clears":
                self._subscribe(request)
        except RequestError as error:
            self.fail(error)

    def _list(self, request: Request) -> None:
        if not self._parts and self._answers.list_when_empty == "error":
            raise RequestError("NO_TYPE")
        if request.format is not None or self._answers.list_resets_format:
            self.format = request.format or "DEFAULT"
        short = self.format.startswith("SIMPLE")
        text = subscriptions_text(self._parts, request.ticket, short=short, answers=self._answers)
        self._notice(text, wrapped=self._answers.wrap_subscriptions)

    def _subscribe(self, request: Request) -> None:
        self._exchange.check_permissions(self, request.parts)
        self.format = request.format or "DEFAULT"
        old, self._parts = self.streams, request.parts
        self.streams = tuple(self._resolve(request.parts))
        self.strays = self._answers.stray_frames if old else 0
        self._exchange.subscribed(self, old)

    def refresh(self) -> None:
        """Look again at the codes that were not served; one that is listed now flows without a new request."""
        old, self.streams = self.streams, tuple(self._resolve(self._parts))
        self._exchange.extended(self, [stream for stream in self.streams if stream not in old])

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
                if self._exchange.serves(own, code):
                    streams.append(Stream(part.type, code, own, units))
        which = self._answers.same_code_twice
        if which == "both":
            return streams
        books = [stream for stream in streams if stream.type == "orderbook"]
        # A dictionary keeps the last of two, so the first is kept by going backwards.
        kept = {stream.code: stream for stream in (books if which == "last" else reversed(books))}
        return [stream for stream in streams if stream.type != "orderbook" or stream is kept[stream.code]]

    # What goes out.

    def deliver(self, stream: Stream, event: Event, kind: str) -> None:
        """Send one message of a stream."""
        text = event.text(self._exchange.wordings[self.format.startswith("SIMPLE")], kind)
        binary = self._answers.data_frames == "binary"
        self.outbox.put(Message(text, stream.name, kind, self.format.endswith("LIST"), binary))

    def stray(self, stream: Stream, event: Event) -> None:
        """Send a message of the subscription before this one, if strays are left."""
        if self.strays > 0:
            self.strays -= 1
            self.deliver(stream, event, "REALTIME")

    def status(self) -> None:
        if self._answers.status_on_subscribed or not self.streams:
            self._notice('{"status":"UP"}', wrapped=self._answers.wrap_status)

    def fail(self, error: RequestError, *, close: bool = True) -> None:
        """Answer an error, and close with 1000 behind it."""
        self.error(error.name, error.text(self._exchange.region), close=close)

    def error(self, name: str, text: str, *, close: bool = True) -> None:
        self._notice(error_text(name, text), wrapped=self._answers.wrap_errors)
        if close:
            self.outbox.close(1000, "")

    def raw(self, data: str | bytes) -> None:
        """Send a frame as it is given: text as a text frame, bytes as a binary one."""
        binary = isinstance(data, bytes)
        self.outbox.put(
            Message(data if isinstance(data, str) else data.decode("utf-8", "surrogateescape"), binary=binary)
        )

    def stall(self, *, data: bool, pongs: bool) -> None:
        self.outbox.stall(data)
        self._line.hold(pongs)

    def ended(self, code: int | None) -> None:
        """Note that the connection is gone."""
        self.is_open = False
        self.closed_at = self._exchange.clock.now()
        self.close_code = code
        self.outbox.end()

    def _notice(self, text: str, *, wrapped: bool) -> None:
        binary = self._answers.notice_frames == "binary"
        self.outbox.put(Message(text, listed=wrapped and self.format.endswith("LIST"), binary=binary))

    def _was_sent(self, message: Message) -> None:
        self.touch()
        if message.stream:
            self.sent[message.kind] += 1
            if message.kind == "SNAPSHOT":
                self.snapshots[message.stream] += 1
        self._exchange.journal.add(self.id, message)

    # What is true.

    @property
    def served(self) -> frozenset[str]:
        """The streams that go on; snapshot-only ones do not count."""
        return frozenset(stream.name for stream in self.streams if stream.part.realtime)

    def info(self) -> ConnectionInfo:
        return ConnectionInfo(
            id=self.id,
            endpoint=self.endpoint,
            open=self.is_open,
            opened_at=self.opened_at,
            closed_at=self.closed_at,
            close_code=self.close_code,
            headers=dict(self._headers),
            access_key=self.key,
            compressed=self._line.compressed,
            format=self.format,
            requests=tuple(self._requests),
            pings=self.pings,
            served=self.served if self.is_open else frozenset(),
            subscription=tuple(
                Served(stream.name, stream.part.snapshot, stream.part.realtime, stream.units) for stream in self.streams
            ),
            snapshots=dict(self.snapshots),
            sent=self.sent.total(),
            waiting=len(self.outbox),
        )


def _without(part: Part, code: str, streams: Iterable[Stream]) -> Part:
    """Return `part` without the indicators of `code` that a stream has already: each exists once per connection."""
    taken = {
        combination
        for stream in streams
        if (stream.type, stream.code, stream.part.timeframe) == (part.type, code, part.timeframe)
        for combination in stream.part.combinations
    }
    return part._replace(combinations=tuple(each for each in part.combinations if each not in taken))
