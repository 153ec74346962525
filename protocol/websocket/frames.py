"""A client's reading side of RFC 6455: bytes from the socket in, whole messages and control events out.

    decoder = FrameDecoder(deflate=inflater)            # inflater: what deflate.negotiate returned
    messages = decoder.receive(view[:count])            # list[bytes]; a text message is a Text
    controls, decoder.controls = decoder.controls, []   # Ping, Pong, Closed, Violation

The socket, the clock and every answer (pong, close) belong to the caller. Sending needs nothing from here:
websocket-client sends text, ping, pong and close frames as they should be.

Nothing is taken on trust: fragmentation, all three length forms, RSV bits, masks, opcodes, close codes, UTF-8 (as it
comes, not only once a message is whole) and sizes, before and after inflation. The first fault becomes a Violation
with the close code to send, and nothing after it is decoded.

Source: RFC 6455, sections 5 (framing), 7.4 (close codes) and 8.1 (UTF-8); RFC 7692, section 6 (RSV1).
"""

import codecs
import struct
from typing import NamedTuple

from websocket_v6.protocol.errors import RemoteProtocolError

from .deflate import Inflater

__all__ = ["MAX_MESSAGE_BYTES", "Closed", "Control", "FrameDecoder", "Ping", "Pong", "Text", "Violation"]

MAX_MESSAGE_BYTES = 16 * 1024 * 1024  # the exchange's largest known message has about 0.1 MiB


class Text(bytes):
    """The payload of a text message, known to be UTF-8."""

    __slots__ = ()


class Ping(NamedTuple):
    """The peer wants a pong with the same payload."""

    payload: bytes


class Pong(NamedTuple):
    """The peer answers a ping, or sends a sign of life."""

    payload: bytes


class Closed(NamedTuple):
    """The peer closed the connection; 1005 stands for a close frame without a code (RFC 6455, 7.1.5)."""

    code: int
    reason: str


class Violation(NamedTuple):
    """The peer broke the protocol: fail the connection with `close_code`."""

    close_code: int
    reason: str


Control = Ping | Pong | Closed | Violation

_FIN, _RSV1, _RSV23, _MASK = 0x80, 0x40, 0x30, 0x80
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_OPCODES = frozenset((_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG))

# The first two octets of the frames that carry nearly all data: final, binary, not masked, a 16-bit length.
_PLAIN = 0x827E
_PACKED = 0xC27E  # the same, compressed
_PLAIN_SHORT, _PACKED_SHORT = 0x8200, 0xC200  # the same with 7 bits of length, taken out
_NEVER = -1

# Bytes taken out of the caller's buffer at a time: small enough to stay in the cache and out of mmap.
_PIECE = 64 * 1024

_unpack_head = struct.Struct(">HH").unpack_from
_new_utf8_decoder = codecs.getincrementaldecoder("utf-8")


class FrameDecoder:
    """Decodes what one server sends on one connection.

    Limits are in bytes: a frame's payload as it is on the wire, a message both on the wire and inflated.
    """

    def __init__(
        self,
        *,
        deflate: Inflater | None = None,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        max_frame_bytes: int | None = None,
    ) -> None:
        self.controls: list[Control] = []
        self._deflate = deflate
        self._max_message = max_message_bytes
        self._max_frame = max_message_bytes if max_frame_bytes is None else min(max_frame_bytes, max_message_bytes)
        self._is_over = False
        # A frame whose end has not come yet.
        self._held = bytearray()
        self._wanted = 0  # how long _held must be before anything more can be said about it
        self._unchecked = 0  # where in _held the text begins that has not been through _utf8; 0 if it is no plain text
        # A message whose last fragment has not come yet.
        self._opcode = 0  # 0: there is none
        self._is_compressed = False
        self._message = bytearray()
        self._utf8 = _new_utf8_decoder()

    def receive(self, data: bytes | bytearray | memoryview) -> list[bytes]:
        """Take what the socket gave and return the messages it completes, in order.

        Keeps no reference to `data`. Control frames are appended to `controls`.
        """
        messages: list[bytes] = []
        if self._is_over:
            return messages
        try:
            self._receive(data if isinstance(data, memoryview) else memoryview(data), messages)
        except RemoteProtocolError as exc:
            self.controls.append(Violation(exc.close_code or 1002, str(exc)))
            self._end()
        return messages

    def _receive(self, view: memoryview, messages: list[bytes]) -> None:
        pos, size = 0, len(view)
        while pos < size and not self._is_over:
            if self._held:
                # Exactly what the frame lacks, so that what follows it is never copied twice.
                missing = self._wanted - len(self._held)
                self._held += view[pos : pos + missing]
                pos += missing
                if pos <= size:
                    self._resume(messages)
                elif self._unchecked:
                    self._check_early()
                continue
            piece = bytes(view[pos : pos + _PIECE])
            used = self._scan(piece, messages)
            # The next piece begins where the first unfinished frame does, unless there is no more of it here.
            if used < len(piece) and (used == 0 or pos + len(piece) == size):
                self._held += piece[used:]
                self._resume(messages)
                used = len(piece)
            pos += used

    def _scan(self, data: bytes, messages: list[bytes]) -> int:
        """Decode the frames that lie whole in `data`; return where the first one that does not begins.

        After a close frame there is nothing left to begin.
        """
        pos, size = 0, len(data)
        inflate = self._deflate.inflate if self._deflate else None
        short_limit, limit, max_message = min(self._max_frame, 125), min(self._max_frame, 0xFFFF), self._max_message
        while pos < size and not self._is_over:
            # Between the fragments of a message no other data frame may come: then every frame takes the long way.
            plain = packed = plain_short = packed_short = _NEVER
            if not self._opcode:
                plain, plain_short = _PLAIN, _PLAIN_SHORT
                if inflate:
                    packed, packed_short = _PACKED, _PACKED_SHORT
            # The hot loop: at 0.3 µs a message every operation shows.
            while pos <= size - 4:
                head, length = _unpack_head(data, pos)
                if head == plain or head == packed:  # noqa: SIM109 - a tuple would be built
                    if not 126 <= length <= limit:
                        break
                    start = pos + 4
                elif (kind := head & 0xFF80) == plain_short or kind == packed_short:
                    length = head & 0x7F
                    if length > short_limit:
                        break
                    start = pos + 2
                else:
                    break
                end = start + length
                if end > size:
                    return pos
                payload = data[start:end]
                messages.append(payload if inflate is None or head < 0xC000 else inflate(payload, max_message))
                pos = end
            head_size, length = self._head(data, pos)
            end = pos + head_size + length
            if not head_size or end > size:
                return pos
            self._frame(data[pos], data[pos + head_size : end], 0, messages)
            pos = end
        return size

    def _resume(self, messages: list[bytes]) -> None:
        """Go on with the frame in `_held`: decode it if it is whole, else find how many octets it wants."""
        held = self._held
        head_size, length = self._head(held, 0)
        if not head_size:
            self._wanted = 2 if len(held) < 2 else 4 if held[1] == 126 else 10
            return
        self._wanted = head_size + length
        first = held[0]
        if len(held) < self._wanted:
            if self._is_plain_text(first):
                if first & 0x0F == _TEXT:
                    self._utf8.reset()
                self._unchecked = head_size
                self._check_early()
            return
        with memoryview(held) as view:
            payload = bytes(view[head_size:])
        checked = self._unchecked - head_size if self._unchecked else 0
        self._held = bytearray()
        self._unchecked = 0
        self._frame(first, payload, checked, messages)

    def _is_plain_text(self, first: int) -> bool:
        if first & 0x0F == _CONTINUATION:
            return self._opcode == _TEXT and not self._is_compressed
        return first & (0x0F | _RSV1) == _TEXT

    def _check_early(self) -> None:
        """Check the part of a text frame that has come: a fault is told at once (RFC 6455, 8.1)."""
        self._check_utf8(bytes(self._held[self._unchecked :]), is_final=False)
        self._unchecked = len(self._held)

    def _head(self, data: bytes | bytearray, pos: int) -> tuple[int, int]:
        """Return the size of the head at `pos` and of its payload; (0, 0) if the head is not whole."""
        available = len(data) - pos
        if available < 2:
            return 0, 0
        first, second = data[pos], data[pos + 1]
        self._check_head(first, second)
        if second < 126:
            head_size, length = 2, second
        elif second == 126:
            if available < 4:
                return 0, 0
            head_size, length = 4, int.from_bytes(data[pos + 2 : pos + 4], "big")
            if length < 126:
                raise _violation("a length is not in its shortest form")
        else:
            if available < 10:
                return 0, 0
            head_size, length = 10, int.from_bytes(data[pos + 2 : pos + 10], "big")
            if length >> 63:
                raise _violation("a 64-bit length has its top bit set")
            if length < 0x10000:
                raise _violation("a length is not in its shortest form")
        if length > self._max_frame:
            raise _violation(f"a frame of {length} bytes, {self._max_frame} are allowed", 1009)
        if first & 0x0F < _CLOSE and len(self._message) + length > self._max_message:
            raise _violation(f"a message of more than {self._max_message} bytes", 1009)
        return head_size, length

    def _check_head(self, first: int, second: int) -> None:
        opcode = first & 0x0F
        if second & _MASK:
            raise _violation("a server's frame is masked")
        if opcode not in _OPCODES:
            raise _violation(f"opcode {opcode} is reserved")
        if first & _RSV23:
            raise _violation("a reserved bit is set")
        if first & _RSV1 and (self._deflate is None or opcode not in (_TEXT, _BINARY)):
            raise _violation("RSV1 is set where nothing can be compressed")
        if opcode >= _CLOSE:
            if not first & _FIN:
                raise _violation("a control frame is fragmented")
            if second > 125:
                raise _violation("a control frame is longer than 125 bytes")
        elif opcode == _CONTINUATION:
            if not self._opcode:
                raise _violation("a continuation of nothing")
        elif self._opcode:
            raise _violation("a new message began before the last one was over")

    def _frame(self, first: int, payload: bytes, checked: int, messages: list[bytes]) -> None:
        """Handle a whole frame; `checked` octets of its text have been found to be UTF-8 already."""
        opcode = first & 0x0F
        if opcode >= _CLOSE:
            self._control(opcode, payload)
        elif first & _FIN and not self._opcode and not checked:
            messages.append(self._whole(opcode, bool(first & _RSV1), payload))
        else:
            self._fragment(first, payload, checked, messages)

    def _whole(self, opcode: int, is_compressed: bool, payload: bytes) -> bytes:
        if is_compressed and self._deflate:
            payload = self._deflate.inflate(payload, self._max_message)
        if opcode == _BINARY:
            return payload
        try:
            payload.decode()
        except UnicodeDecodeError:
            raise _violation("a text message is not UTF-8", 1007) from None
        return Text(payload)

    def _fragment(self, first: int, payload: bytes, checked: int, messages: list[bytes]) -> None:
        opcode, is_final = first & 0x0F, bool(first & _FIN)
        if opcode:
            self._opcode, self._is_compressed = opcode, bool(first & _RSV1)
            if not checked:
                self._utf8.reset()
        # One growing buffer: a list of fragments would cost memory for each empty one.
        self._message += payload
        if self._opcode == _TEXT and not self._is_compressed:
            self._check_utf8(payload[checked:], is_final=is_final)
        if not is_final:
            return
        message = bytes(self._message)
        if self._is_compressed:
            message = self._whole(self._opcode, True, message)
        elif self._opcode == _TEXT:
            message = Text(message)
        messages.append(message)
        self._message = bytearray()
        self._opcode = 0

    def _check_utf8(self, payload: bytes, *, is_final: bool) -> None:
        try:
            self._utf8.decode(payload, is_final)
        except UnicodeDecodeError:
            raise _violation("a text message is not UTF-8", 1007) from None

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self.controls.append(Ping(payload))
        elif opcode == _PONG:
            self.controls.append(Pong(payload))
        else:
            self.controls.append(_closed(payload))
            self._end()

    def _end(self) -> None:
        self._is_over = True
        self._held = bytearray()
        self._message = bytearray()


def _closed(payload: bytes) -> Closed:
    if not payload:
        return Closed(1005, "")
    if len(payload) == 1:
        raise _violation("a close frame with half a code")
    code = int.from_bytes(payload[:2], "big")
    # RFC 6455, 7.4 and the IANA registry; 1004 to 1006 and 1015 must never be sent.
    if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        raise _violation(f"close code {code} must not be sent")
    try:
        return Closed(code, payload[2:].decode())
    except UnicodeDecodeError:
        raise _violation("a close reason is not UTF-8", 1007) from None


def _violation(reason: str, close_code: int = 1002) -> RemoteProtocolError:
    return RemoteProtocolError(reason, close_code=close_code)
