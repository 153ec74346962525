"""The reading side of RFC 6455, a client's or a server's: bytes from the socket in, messages and control events out.

    decoder = FrameDecoder(deflate=inflater)            # inflater: what deflate.negotiate returned
    decoder = FrameDecoder(deflate=inflater, masked=True)  # a server's: every frame must be masked
    messages = decoder.receive(view[:count])            # list[bytes]; a text message is a Text
    controls, decoder.controls = decoder.controls, []   # Ping, Pong, Closed, Violation
    while decoder.has_more: messages = decoder.receive(b"")  # with `max_read_bytes`: what there was no room for

The socket, the clock and every answer (pong, close) belong to the caller. Sending needs nothing from here: a client's
frames are websocket-client's, a server's are `outgoing`'s.

Nothing is taken on trust: fragmentation, all three length forms, RSV bits, masks, opcodes, close codes, UTF-8 (as it
comes, not only once a message is whole) and sizes, before and after inflation. The first fault becomes a Violation
with the close code to send, and nothing after it is decoded.

Source: RFC 6455, sections 5 (framing, 5.3: masks) and 8.1 (UTF-8); RFC 7692, section 6 (RSV1).
"""

import codecs
import struct

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.fast import scan
from websocket_v6.protocol.limits import MESSAGE_BYTES

from .controls import Closed, Control, Ping, Pong, Violation, read_close, violation
from .deflate import Inflater

__all__ = ["Closed", "Control", "FrameDecoder", "Ping", "Pong", "Text", "Violation"]


class Text(bytes):
    """The payload of a text message, known to be UTF-8."""

    __slots__ = ()


_FIN, _RSV1, _RSV23, _MASK = 0x80, 0x40, 0x30, 0x80
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_OPCODES = frozenset((_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG))

# The first two octets of the frames that carry nearly all data: final, binary, not masked, a 16-bit length.
_PLAIN = 0x827E
_PACKED = 0xC27E  # the same, compressed
_PLAIN_SHORT, _PACKED_SHORT = 0x8200, 0xC200  # the same with 7 bits of length, taken out
_NEVER = -1
_NO_LIMIT = 1 << 62

# Bytes taken out of the caller's buffer at a time: small enough to stay in the cache and out of mmap.
_PIECE = 64 * 1024

_unpack_head = struct.Struct(">HH").unpack_from
_new_utf8_decoder = codecs.getincrementaldecoder("utf-8")


class FrameDecoder:
    """Decodes what one peer sends on one connection: a server, or a client if frames are to be `masked`.

    Limits are in bytes: a frame's payload as it is on the wire, a message both on the wire and inflated, and what one
    call of `receive` inflates before it stops: a quarter of a megabyte on the wire may be a quarter of a gigabyte.
    """

    def __init__(
        self,
        *,
        deflate: Inflater | None = None,
        max_message_bytes: int = MESSAGE_BYTES,
        max_frame_bytes: int | None = None,
        max_read_bytes: int | None = None,
        masked: bool = False,
    ) -> None:
        self.controls: list[Control] = []
        self._deflate = deflate
        self._max_message = max_message_bytes
        self._max_frame = max_message_bytes if max_frame_bytes is None else min(max_frame_bytes, max_message_bytes)
        self._mask_bit = _MASK if masked else 0  # what every frame has to have
        self._is_over = False
        self._max_read = _NO_LIMIT if max_read_bytes is None else max_read_bytes
        self._room = self._max_read  # for what this call of `receive` still inflates
        self._rest = b""  # of the last one, for which there was none
        # A frame whose end has not come yet.
        self._held = bytearray()
        self._wanted = 0  # how long _held must be before anything more can be said about it
        self._head_size = 0  # of that frame, where its text is checked as it comes
        self._unchecked = 0  # where in _held the text begins that has not been through _utf8; 0 if it is no plain text
        # A message whose last fragment has not come yet.
        self._opcode = 0  # 0: there is none
        self._is_compressed = False
        self._message = bytearray()
        self._utf8 = _new_utf8_decoder()

    def receive(self, data: bytes | bytearray | memoryview) -> list[bytes]:
        """Take what the socket gave and return the messages it completes, in order, as far as there is room for them.

        Keeps no reference to `data`. Control frames are appended to `controls`. If it `has_more` afterwards, the next
        call goes on with that, and then with its own data.
        """
        messages: list[bytes] = []
        if self._is_over:
            return messages
        self._room = self._max_read
        if self._rest:
            data, self._rest = self._rest + data, b""
        try:
            self._receive(data if isinstance(data, memoryview) else memoryview(data), messages)
        except RemoteProtocolError as exc:
            self.controls.append(Violation(exc.close_code or 1002, str(exc)))
            self._end()
        return messages

    @property
    def has_more(self) -> bool:
        """Whether there was no room for all that the last call was given."""
        return bool(self._rest)

    def _receive(self, view: memoryview, messages: list[bytes]) -> None:
        pos, size = 0, len(view)
        while pos < size and not self._is_over:
            if self._room < 0:
                self._rest = bytes(view[pos:])
                return
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
            if used < len(piece) and self._room >= 0 and (used == 0 or pos + len(piece) == size):
                self._held += piece[used:]
                self._resume(messages)
                used = len(piece)
            pos += used

    def _scan(self, data: bytes, messages: list[bytes]) -> int:
        """Decode the frames that lie whole in `data`; return where the first one that does not begins.

        Or the first one for which there is no room. After a close frame there is nothing left to begin.
        """
        pos, size = 0, len(data)
        inflate = self._deflate.inflate if self._deflate else None
        short_limit, limit, max_message = min(self._max_frame, 125), min(self._max_frame, 0xFFFF), self._max_message
        while pos < size and not self._is_over and self._room >= 0:
            # Between the fragments of a message no other data frame may come: then every frame takes the long way. So
            # does each masked one: clients send little, and what this loop saves is less than unmasking costs.
            plain = packed = plain_short = packed_short = _NEVER
            if not self._opcode and not self._mask_bit:
                plain, plain_short = _PLAIN, _PLAIN_SHORT
                if inflate:
                    packed, packed_short = _PACKED, _PACKED_SHORT
                if scan is not None:
                    pos = scan(data, pos, messages, short_limit, limit)
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
                end: int = start + length
                if end > size:
                    return pos
                payload = data[start:end]
                pos = end
                if inflate is None or head < 0xC000:
                    messages.append(payload)
                    continue
                payload = inflate(payload, max_message)
                messages.append(payload)
                self._room -= len(payload)
                if self._room < 0:
                    return pos
            head_size, length = self._head(data, pos)
            end = pos + head_size + length
            if not head_size or end > size:
                return pos
            payload = data[pos + head_size : end]
            if self._mask_bit:
                payload = _unmask(payload, data[pos + head_size - 4 : pos + head_size])
            self._frame(data[pos], payload, 0, messages)
            pos = end
        return pos if not self._is_over else len(data)

    def _resume(self, messages: list[bytes]) -> None:
        """Go on with the frame in `_held`: decode it if it is whole, else find how many octets it wants."""
        held = self._held
        head_size, length = self._head(held, 0)
        if not head_size:
            self._wanted = self._next_of_head(held)
            return
        self._wanted = head_size + length
        first = held[0]
        if len(held) < self._wanted:
            if self._is_plain_text(first):
                if first & 0x0F == _TEXT:
                    self._utf8.reset()
                self._unchecked = self._head_size = head_size
                self._check_early()
            return
        with memoryview(held) as view:
            payload = bytes(view[head_size:])
        if self._mask_bit:
            payload = _unmask(payload, held[head_size - 4 : head_size])
        checked = self._unchecked - head_size if self._unchecked else 0
        self._held = bytearray()
        self._unchecked = 0
        self._frame(first, payload, checked, messages)

    def _next_of_head(self, held: bytearray) -> int:
        """Return how many octets of a head that is not whole tell something new: two, the length, the mask."""
        if len(held) < 2:
            return 2
        length_ends = {126: 4, 127: 10}.get(held[1] & 0x7F, 2)
        return length_ends if len(held) < length_ends else length_ends + 4

    def _is_plain_text(self, first: int) -> bool:
        if first & 0x0F == _CONTINUATION:
            return self._opcode == _TEXT and not self._is_compressed
        return first & (0x0F | _RSV1) == _TEXT

    def _check_early(self) -> None:
        """Check the part of a text frame that has come: a fault is told at once (RFC 6455, 8.1)."""
        part = bytes(self._held[self._unchecked :])
        if self._mask_bit:
            # The mask goes on where the part before ended.
            mask, turn = self._held[self._head_size - 4 : self._head_size], (self._unchecked - self._head_size) % 4
            part = _unmask(part, mask[turn:] + mask[:turn])
        self._check_utf8(part, is_final=False)
        self._unchecked = len(self._held)

    def _head(self, data: bytes | bytearray, pos: int) -> tuple[int, int]:
        """Return the size of the head at `pos` and of its payload; (0, 0) if the head is not whole."""
        available = len(data) - pos
        if available < 2:
            return 0, 0
        first, second = data[pos], data[pos + 1]
        self._check_head(first, second)
        head_size, length = 2, second & 0x7F
        if length == 126:
            if available < 4:
                return 0, 0
            head_size, length = 4, int.from_bytes(data[pos + 2 : pos + 4], "big")
            if length < 126:
                raise violation("a length is not in its shortest form")
        elif length == 127:
            if available < 10:
                return 0, 0
            head_size, length = 10, int.from_bytes(data[pos + 2 : pos + 10], "big")
            if length >> 63:
                raise violation("a 64-bit length has its top bit set")
            if length < 0x10000:
                raise violation("a length is not in its shortest form")
        if length > self._max_frame:
            raise violation(f"a frame of {length} bytes, {self._max_frame} are allowed", 1009)
        if first & 0x0F < _CLOSE and len(self._message) + length > self._max_message:
            raise violation(f"a message of more than {self._max_message} bytes", 1009)
        if self._mask_bit:
            head_size += 4
            if available < head_size:
                return 0, 0
        return head_size, length

    def _check_head(self, first: int, second: int) -> None:
        opcode = first & 0x0F
        if second & _MASK != self._mask_bit:
            raise violation("a client's frame is not masked" if self._mask_bit else "a server's frame is masked")
        if opcode not in _OPCODES:
            raise violation(f"opcode {opcode} is reserved")
        if first & _RSV23:
            raise violation("a reserved bit is set")
        if first & _RSV1 and (self._deflate is None or opcode not in (_TEXT, _BINARY)):
            raise violation("RSV1 is set where nothing can be compressed")
        if opcode >= _CLOSE:
            if not first & _FIN:
                raise violation("a control frame is fragmented")
            if second & 0x7F > 125:
                raise violation("a control frame is longer than 125 bytes")
        elif opcode == _CONTINUATION:
            if not self._opcode:
                raise violation("a continuation of nothing")
        elif self._opcode:
            raise violation("a new message began before the last one was over")

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
            self._room -= len(payload)
        if opcode == _BINARY:
            return payload
        try:
            payload.decode()
        except UnicodeDecodeError:
            raise violation("a text message is not UTF-8", 1007) from None
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
            raise violation("a text message is not UTF-8", 1007) from None

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == _PING:
            self.controls.append(Ping(payload))
        elif opcode == _PONG:
            self.controls.append(Pong(payload))
        else:
            self.controls.append(read_close(payload))
            self._end()

    def _end(self) -> None:
        self._is_over = True
        self._rest = b""
        self._held = bytearray()
        self._message = bytearray()


def _unmask(payload: bytes, mask: bytes | bytearray) -> bytes:
    size, number = len(payload), int.from_bytes  # one xor of two long numbers: no loop in Python
    return (number(payload, "little") ^ number((mask * (size // 4 + 1))[:size], "little")).to_bytes(size, "little")
