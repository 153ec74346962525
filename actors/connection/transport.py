"""The thread that owns one socket from handshake to close: the only one that reads it, writes it or closes it.

The connection is made in `opening.py`, websocket-client sends; reading is `protocol/websocket/frames.py`, one call for
all that a socket read brought. One thread does both because an SSL object is not made for two.
"""

import logging
import queue
import ssl
import threading
import time
from typing import cast

import websocket

from websocket_v6.actors.base import tell
from websocket_v6.actors.dialing.boundary import PEER_MAY_CAUSE, outside, words_of
from websocket_v6.actors.messages.common import Credits, Ref
from websocket_v6.actors.messages.connection import (
    TransportEnded,
    TransportFailed,
    TransportOpened,
    TransportSaid,
)
from websocket_v6.actors.messages.router import (
    SourceEnded,
    SourceOpened,
    SourceReached,
    SourceSaid,
    SourceState,
)
from websocket_v6.actors.visited import FEW, visit
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.steps import Sample
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.errors import ExchangeError, RemoteProtocolError, TransportError, WebSocketV6Error
from websocket_v6.protocol.exchange.heads import ErrorNotice, Notice, SubscriptionList
from websocket_v6.protocol.limits import READ_BYTES
from websocket_v6.protocol.outside_text import outside_text
from websocket_v6.protocol.websocket.frames import FrameDecoder, Pong

from .allowance import Allowance
from .commands import Close, SendPing, Text
from .controls import Over, answer
from .intake import ExchangeIntake, Intake, Piece
from .opening import Opening, bare, socket_of
from .waiter import Waiter, await_close
from .wholeness import Wholeness
from .writer import Writer

__all__ = ["Transport"]

logger = logging.getLogger(__name__)

CHUNK = 256 * 1024  # bytes of one read at most


class Transport(threading.Thread):
    """One attempt to connect and, if it succeeds, the connection's whole life: one attachment of its source.

    Tells `router` SourceOpened, batches, SourceSaid and in the end SourceEnded; `owner` TransportOpened, TransportSaid
    and in the end exactly one of TransportFailed and TransportEnded. `send`, `ping`, `finish`, `abort` and `sample` are
    for the owner's thread. `traffic` is bytes that came, and those of the messages in them, inflated. `whole` is the
    attachment that it is one more part of; `limit` how large a request to it may be, where it may be divided. At a door
    it is a DoorTransport.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        source: int,
        attachment: int,
        target: Target,
        config: Config,
        owner: Ref,
        router: Ref,
        jwt: Ref,
        whole: int = 0,
        limit: int | None = None,
    ) -> None:
        super().__init__(name=f"transport-{endpoint}-{source}-{attachment}", daemon=True)
        self._endpoint = endpoint
        self._peer = target.url if target.is_door else "the exchange"
        self._source = source
        self._number = attachment
        self._whole, self._limit = whole, limit
        self._owner = owner
        self._router = router
        self._opening, self._intake = self._way(target, config, jwt)
        self._writer = Writer(f"{endpoint} connection")
        self._commands: queue.SimpleQueue[Text | SendPing | Close] = queue.SimpleQueue()
        self._waiter: Waiter | None = None  # its thread's to make, which can say so if it cannot
        self._allowance = Allowance()
        self._wholeness = Wholeness()
        self._attached_whole_ns = 0  # up to when all of a door's attachment was handed on
        self._asked_ns: dict[str, int] = {}  # by ticket, when each of the last that are not answered was asked
        self._state = "connecting"  # that was told last: of this connection, or of the one behind a door
        self._said: ExchangeError | None = None  # it closes after an error, and that is why
        self._reading_since: float | None = None
        self._bytes_at = self._data_at = 0.0
        self.traffic = (0, 0)

    def _way(self, target: Target, config: Config, jwt: Ref) -> tuple[Opening, Intake]:
        return Opening(self._endpoint, target, config, jwt), ExchangeIntake(self._endpoint, self._number)

    # --- for the owner

    @property
    def credits(self) -> Credits:
        """Where those of the first attachment are to be given out, and come back to."""
        return self._allowance.credits

    def sample(self) -> Sample:
        """Return what can be said of silence now."""
        return Sample(self._reading_since, self._bytes_at, self._data_at)

    def send(self, text: str, ticket: str = "") -> None:
        """Send a text message soon; `ticket` is that of a question."""
        self._command(Text(text, ticket))

    def ping(self) -> None:
        """Send a ping soon; any byte that comes after it is an answer."""
        self._command(SendPing())

    def finish(self, error: WebSocketV6Error | None = None, *, is_stalled: bool = False) -> None:
        """Close the connection soon. `error` is the reason that the last word will give.

        `is_stalled`: what else it brought than data shows nothing of what is missing.
        """
        self._opening.give_up()  # if it is open by now it deserves its close frame
        self._command(Close(error, is_stalled))

    def abort(self) -> None:
        """Give up the attempt, or the connection, at once and without a word to the peer."""
        self._command(Close(TransportError(f"the {self._endpoint} connection was given up")))
        self._opening.abort()

    def _command(self, command: Text | SendPing | Close) -> None:
        self._commands.put(command)
        self._allowance.mark()
        if self._waiter is not None:  # else it looks at the commands before it waits
            self._waiter.wake()

    # --- the thread

    def start(self) -> None:
        """Begin; where no thread is left for it, tell that as any other failure."""
        try:
            super().start()
        except RuntimeError as exc:
            text = f"no {self._endpoint} connection: {words_of(exc)}"
            self._end(TransportFailed(self._number, TransportError(text), 0))

    def run(self) -> None:
        """Connect, carry, close; say how it ended whatever happens."""
        try:
            end = self._run()
        except BaseException as exc:
            logger.exception("the thread of a connection to the %s endpoint failed; this is a bug", self._endpoint)
            error = TransportError(f"the {self._endpoint} connection failed through a bug: {outside_text(repr(exc))}")
            end = TransportEnded(self._number, error, is_bug=True)
        if self._waiter is not None:
            self._waiter.close()
        self._end(end)

    def _end(self, end: TransportFailed | TransportEnded) -> None:
        self._tell_end(end)
        tell(self._owner, end)

    def _tell_end(self, end: TransportFailed | TransportEnded) -> None:
        """Tell the router the last word of the attachment; without one, that what was open is lost."""
        now_ns, reason = time.time_ns(), str(end.error)
        attachment, source = self._intake.attachment, (self._endpoint, self._source)
        if attachment:
            times = self._attached_whole_ns or self._wholeness.whole_ns or now_ns, now_ns
            tell(self._router, SourceEnded(*source, attachment, *times, reason, end.error))
        elif isinstance(end, TransportEnded):
            tell(self._router, SourceState(*source, "lost", now_ns, reason, end.error))

    def _run(self) -> TransportFailed | TransportEnded:
        opening = self._opening
        try:
            with outside(f"no {self._endpoint} connection"):  # no descriptor is left, perhaps
                self._waiter = waiter = Waiter()
            agreed = opening.open()
        except WebSocketV6Error as exc:
            return TransportFailed(self._number, bare(exc), opening.keys)
        try:
            self._opened()
            self._writer.deflater = agreed.deflater if agreed else None
            inflater = agreed.inflater if agreed else None
            self._carry(opening.ws, FrameDecoder(deflate=inflater, max_read_bytes=READ_BYTES), waiter)
        except Over as over:
            error: WebSocketV6Error = over.error
        except RemoteProtocolError as exc:  # no word of a door's, or too much at once
            self._writer.close(opening.ws, exc.close_code or 1002)
            error = exc
        except TransportError as exc:
            error = exc
        except PEER_MAY_CAUSE as exc:
            error = TransportError(f"{self._endpoint} connection lost: {words_of(exc)}")
        finally:
            self._wholeness.close(opening.ws.sock)
            opening.close()
        if self._said is not None and isinstance(error, TransportError):
            error = self._said
        return TransportEnded(self._number, bare(error))

    def _opened(self) -> None:
        now_ns = time.time_ns()
        self._wholeness.open(now_ns)
        self._bytes_at = self._data_at = time.monotonic()
        # The owner first: what the registry has it send because of the other must find it open.
        tell(self._owner, TransportOpened(self._number, self._opening.keys))
        if self._intake.attachment:
            one = self._endpoint, self._source, self._number, now_ns
            tell(self._router, SourceOpened(*one, False, self._opening.date, self._whole, self._limit))
        else:
            self._reading_since = self._bytes_at  # until it is attached there is nothing to hold back

    def _carry(self, ws: websocket.WebSocket, decoder: FrameDecoder, waiter: Waiter) -> None:
        """Read until the connection ends; what ends it is raised as Over or as what the peer may cause."""
        sock = socket_of(ws)
        is_tls = isinstance(sock, ssl.SSLSocket)
        waiter.watch(sock)
        buffer = bytearray(CHUNK)
        view = memoryview(buffer)
        while True:
            if self._reading_since is None:
                self._await_credit(ws, decoder)
            try:
                count = sock.recv_into(buffer)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                count = -1
            except Exception as exc:  # noqa: BLE001 - nothing here is ours
                raise Over(TransportError(f"{self._endpoint} connection lost: {words_of(exc)}")) from None
            now_ns = time.time_ns()
            if count > 0:
                self._receive(ws, decoder, view[:count], now_ns)
                if decoder.controls:
                    self._answer(ws, decoder)
            elif count == 0:
                raise Over(TransportError(f"{self._endpoint} connection lost: {self._peer} hung up"))
            if count < 0 or (count < CHUNK and not is_tls):
                self._wholeness.empty(now_ns)
            if not self._commands.empty():
                self._obey(ws, decoder)
            # A TLS record may lie decrypted in the SSL object where no selector can see it: read until it has none.
            if self._reading_since is not None and (count < 0 or not is_tls):
                self._wait(waiter)

    def _await_credit(self, ws: websocket.WebSocket, decoder: FrameDecoder) -> None:
        """Leave the socket alone until there is a credit for what it brings; see to commands meanwhile."""
        while not self._allowance:
            self._allowance.wait()
            self._obey(ws, decoder)
        self._reading_since = time.monotonic()

    def _wait(self, waiter: Waiter) -> None:
        """Wait for bytes or a command. While it waits, the socket is known to be empty."""
        before_ns = time.time_ns()
        _, is_woken = waiter.wait()
        if is_woken:
            self._allowance.collect()  # also the mark of a command that was seen to before it was made
        self._wholeness.waited(before_ns, time.time_ns())

    def _receive(self, ws: websocket.WebSocket, decoder: FrameDecoder, data: memoryview, now_ns: int) -> None:
        """Hand on what one read brought, in parts if it is much: what a few bytes inflate to has no bound."""
        whole_ns = self._wholeness.read(now_ns)
        self._bytes_at = time.monotonic()
        self.traffic = self.traffic[0] + len(data), self.traffic[1]
        messages = decoder.receive(data)
        while decoder.has_more:
            self._sort(ws, decoder, messages, self._wholeness.whole_ns, now_ns)  # for some of this read is missing
            messages = decoder.receive(b"")
        self._sort(ws, decoder, messages, whole_ns, now_ns)
        self._wholeness.whole_ns = whole_ns

    def _sort(
        self, ws: websocket.WebSocket, decoder: FrameDecoder, messages: list[bytes], whole_ns: int, now_ns: int
    ) -> None:
        self.traffic = self.traffic[0], self.traffic[1] + sum(map(len, messages))
        for piece in self._intake.read(messages, whole_ns, now_ns):
            if isinstance(piece, Batch):
                self._hand_on(ws, decoder, piece)
            else:
                self._hear(piece, whole_ns, now_ns)

    def _hear(self, piece: Piece, whole_ns: int, now_ns: int) -> None:  # noqa: ARG002 - a door says when things were
        """Tell on what is no data; of the exchange it is a notice."""
        self._say(cast(Notice, piece), whole_ns)

    def _reach(self, whole_ns: int, exchange_ms: int | None = None) -> None:
        tell(self._router, SourceReached(self._endpoint, self._intake.attachment, whole_ns, exchange_ms))

    def _hand_on(self, ws: websocket.WebSocket, decoder: FrameDecoder, batch: Batch) -> None:
        if self._reading_since is None:
            self._await_credit(ws, decoder)  # one read may bring many batches
        self._data_at = self._bytes_at
        self._wholeness.data(batch.whole_ns)
        if self._attached_whole_ns:
            self._attached_whole_ns = max(self._attached_whole_ns, batch.whole_ns)
        (visit if len(batch.streams) <= FEW else tell)(self._router, batch)
        if not self._allowance.use(batch.weight):
            self._reading_since = None

    def _say(self, notice: Notice, whole_ns: int) -> None:
        asked_ns = self._asked_ns.pop(notice.ticket, 0) if isinstance(notice, SubscriptionList) else 0
        if self._attached_whole_ns:
            # How long a door's word was on its way nobody knows here; but not since before it was asked for.
            whole_ns = self._attached_whole_ns = max(self._attached_whole_ns, asked_ns)
        tell(self._router, SourceSaid(self._endpoint, self._intake.attachment, notice, whole_ns))
        if isinstance(notice, ErrorNotice):
            self._said = ExchangeError(notice.name, notice.text)
        if isinstance(notice, SubscriptionList | ErrorNotice):
            tell(self._owner, TransportSaid(self._number, notice))

    def _answer(self, ws: websocket.WebSocket, decoder: FrameDecoder) -> None:
        controls, decoder.controls = decoder.controls, []
        for control in controls:
            if not isinstance(control, Pong):
                answer(control, ws, self._writer, endpoint=self._endpoint, peer=self._peer)
            elif not self._attached_whole_ns:  # a door's says nothing of the router behind it
                self._reach(self._wholeness.whole_ns)

    def _obey(self, ws: websocket.WebSocket, decoder: FrameDecoder) -> None:
        self._allowance.collect()  # among which each command has left a mark, that must not pile up
        while not self._commands.empty():
            match self._commands.get():
                case Text(text, ticket):
                    if ticket:
                        self._asked_ns = dict([*self._asked_ns.items(), (ticket, time.time_ns())][-64:])
                    self._writer.text(ws, text.encode())
                case SendPing():
                    self._writer.frame(ws, websocket.ABNF.OPCODE_PING, b"")
                case Close(error, is_stalled):
                    if is_stalled:
                        self._wholeness.stall()
                    self._writer.close(ws, 1000)
                    if error is None:
                        await_close(socket_of(ws), decoder)
                    raise Over(error or TransportError(f"{self._endpoint} connection closed: nobody wants it"))
