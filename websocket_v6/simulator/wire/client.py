"""One connection of the simulated exchange: what it is subscribed to, and what goes out to it.

The format belongs to the connection; there is no acknowledgement. `reception.py` takes what comes in.
Source: Upbit WebSocket reference, "Semantics" and "Errors".
"""

from collections import Counter
from collections.abc import Mapping

from ..market.wording import Bulletin
from ..parts import Part, Stream
from .gate import Quota
from .house import House
from .outbox import Message, Outbox, Socket
from .refusals import RequestError, error_text
from .reports import ConnectionInfo, RequestRecord, Served

__all__ = ["Client"]


class Client:
    """Whoever is connected, as the exchange sees them."""

    def __init__(
        self, house: House, number: int, endpoint: str, socket: Socket, headers: Mapping[str, str], key: str | None
    ) -> None:
        self.id = number
        self.endpoint = endpoint
        self.key = key
        self.ip = ""
        self.is_open = True
        self.opened_at = self.active_at = house.clock.now()
        self.closed_at: float | None = None
        self.close_code: int | None = None
        self.parts: tuple[Part, ...] = ()  # of the newest request
        self.streams: tuple[Stream, ...] = ()
        self.later: list[Stream] = []  # those that begin with the second burst of snapshots
        self.strays = 0  # how many messages of the subscription before this one may still come
        self.format = "DEFAULT"
        self.pings = 0
        self.status_running = False
        self.requests: list[RequestRecord] = []
        self._sent: Counter[str] = Counter()  # data messages by "SNAPSHOT" and "REALTIME"
        self._snapshots: Counter[str] = Counter()  # by stream
        self._house = house
        self._answers = house.answers
        self._socket = socket
        self._headers = dict(headers)
        limits = house.limits
        self._quotas = (
            Quota(limits.messages_per_second, 1.0, limits.window),
            Quota(limits.messages_per_minute, 60.0, limits.window),
        )
        self.outbox = Outbox(
            socket, most_bytes=limits.outbox_bytes, list_batch=self._answers.list_batch, on_sent=self._was_sent
        )

    # What is noted of it.

    def touch(self) -> None:
        """Note that the connection is not idle."""
        self.active_at = self._house.clock.now()

    def pinged(self) -> None:
        """Note a PING frame; the library has answered it."""
        self.pings += 1
        if self._answers.ping_resets_idle:
            self.touch()

    def within_limits(self) -> bool:
        """Count one message that came and say whether it may."""
        now = self._house.clock.now()
        within = all(quota.left(now) > 0 for quota in self._quotas)
        if within or self._answers.refused_requests_count:
            for quota in self._quotas:
                quota.count(now)
        return within

    def ended(self, code: int | None) -> None:
        """Note that the connection is gone."""
        self.is_open = False
        self.closed_at = self._house.clock.now()
        self.close_code = code
        self.outbox.end()

    def _was_sent(self, message: Message) -> None:
        self.touch()
        if message.stream:
            self._sent[message.kind] += 1
            if message.kind == "SNAPSHOT":
                self._snapshots[message.stream] += 1
        self._house.journal.add(self.id, message)

    # What goes out.

    def deliver(self, stream: Stream, bulletin: Bulletin, kind: str) -> None:
        """Send one message of a stream."""
        text = bulletin.text(self._house.wording(self.format), kind)
        binary = self._answers.data_frames == "binary"
        self._put(Message(text, stream.name, kind, self.format.endswith("LIST"), binary))

    def stray(self, stream: Stream, bulletin: Bulletin) -> None:
        """Send a message of the subscription before this one, if strays are left."""
        if self.strays > 0:
            self.strays -= 1
            self.deliver(stream, bulletin, "REALTIME")

    def notice(self, text: str, *, wrapped: bool, frames: str) -> None:
        """Send what is not data, in `frames` of text or binary; `wrapped` in an array where the format has one."""
        self._put(Message(text, listed=wrapped and self.format.endswith("LIST"), binary=frames == "binary"))

    def status(self) -> None:
        if self._answers.status_on_subscribed or not self.streams:
            self.notice('{"status":"UP"}', wrapped=self._answers.wrap_status, frames=self._answers.status_frames)

    def fail(self, error: RequestError, *, close: bool = True) -> None:
        """Answer an error, and close with 1000 behind it."""
        self.error(error.name, error.text(self._house.region), close=close)

    def error(self, name: str, text: str, *, close: bool = True) -> None:
        self.notice(error_text(name, text), wrapped=self._answers.wrap_errors, frames=self._answers.error_frames)
        if close:
            self.outbox.close(self._answers.auth_close_code if name == "INVALID_AUTH" else 1000, "")

    def raw(self, data: str | bytes) -> None:
        """Send a frame as it is given: text as a text frame, bytes as a binary one."""
        binary = isinstance(data, bytes)
        self._put(Message(data if isinstance(data, str) else data.decode("utf-8", "surrogateescape"), binary=binary))

    def _put(self, message: Message) -> None:
        # What can go at once has gone by the simulator's time: that may jump on before the writer has its turn.
        if self.outbox.flows:
            self.touch()
        self.outbox.put(message)

    def stall(self, *, data: bool, pongs: bool) -> None:
        self.outbox.stall(data)
        self._socket.hold(pongs)

    # What is true.

    @property
    def served(self) -> frozenset[str]:
        """The streams that go on; snapshot-only ones do not count, nor those that have not begun."""
        later = {id(stream) for stream in self.later}
        return frozenset(stream.name for stream in self.streams if stream.part.realtime and id(stream) not in later)

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
            compressed=self._socket.compressed,
            format=self.format,
            requests=tuple(self.requests),
            pings=self.pings,
            served=self.served if self.is_open else frozenset(),
            subscription=tuple(
                Served(stream.name, stream.part.snapshot, stream.part.realtime, stream.units) for stream in self.streams
            ),
            snapshots=dict(self._snapshots),
            sent=self._sent.total(),
            waiting=len(self.outbox),
        )
