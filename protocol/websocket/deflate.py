"""permessage-deflate: a client's offer and what the server made of it, the inflater and the deflater.

    negotiate(header: str | None, *, offered: bool) -> Agreement | None
    Inflater.inflate(payload: bytes, max_bytes: int) -> bytes
    Deflater.deflate(message: bytes) -> bytes | None
    compress(message: bytes, window_bits: int) -> bytes

`header` is the response's Sec-WebSocket-Extensions, several lines of it joined by commas; a server's side of that is
`server_deflate`'s. zlib does the work; docs/performance.md has what others would gain.

Source: RFC 7692, sections 5 to 7.
"""

import zlib

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.outside_text import outside_text

from .extensions import FLAGS, WINDOW_BITS, WINDOWS, parse_extensions

__all__ = ["DEFLATE_FROM", "LEAST_WINDOW_BITS", "OFFER", "Agreement", "Deflater", "Inflater", "compress", "negotiate"]

# Window bits let a server that has little memory agree. That we keep no window (7.1.1.2) saves it as much.
OFFER = "permessage-deflate; client_no_context_takeover; client_max_window_bits"

_TAIL = b"\x00\x00\xff\xff"  # what a sender takes off the end of each message (RFC 7692, 7.2.1)
# Bytes of a message from which deflating it pays: what fits one packet anyway is sent no sooner for being shorter.
DEFLATE_FROM = 1024
# zlib cannot write a stream for a window of 256 bytes: where 8 bits are asked for, all goes plain, which is allowed.
LEAST_WINDOW_BITS = 9
# A sender ends at most one block of a message for good; each one that is costs a copy of what follows it.
_MAX_FINAL_BLOCKS = 64


class Inflater:
    """Inflates the messages of one connection in their order."""

    def __init__(self, *, no_context_takeover: bool = False) -> None:
        self.no_context_takeover = no_context_takeover
        # Always the largest window: it inflates what any smaller one deflated.
        self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)

    def inflate(self, payload: bytes, max_bytes: int) -> bytes:
        """Return the message that `payload`, all frames of it, stands for.

        Raises:
            RemoteProtocolError: 1009 if it has more than `max_bytes`, 1007 if it is no deflate stream.
        """
        try:
            # One more than allowed shows that there is more, and bounds what a bomb can cost.
            message = self._zlib.decompress(payload + _TAIL, max_bytes + 1)
            if self._zlib.eof:
                message = self._go_on(message, max_bytes)
        except zlib.error:
            raise RemoteProtocolError("a compressed message cannot be inflated", close_code=1007) from None
        if len(message) > max_bytes:
            raise RemoteProtocolError(f"a message inflates to more than {max_bytes} bytes", close_code=1009)
        if self.no_context_takeover:
            self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)
        return message

    def _go_on(self, message: bytes, max_bytes: int) -> bytes:
        """Inflate what follows a final block, which a sender may use instead of a flush (RFC 7692, 7.2.3.4)."""
        parts, size = [message], len(message)
        for _ in range(_MAX_FINAL_BLOCKS):
            rest = self._zlib.unused_data
            self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)
            if rest == _TAIL:
                return b"".join(parts)
            part = self._zlib.decompress(rest, max_bytes + 1 - size)
            parts.append(part)
            size += len(part)
            if size > max_bytes or not self._zlib.eof:
                return b"".join(parts)
        raise RemoteProtocolError("a compressed message has too many final blocks", close_code=1007)


class Deflater:
    """Deflates the messages of one connection; those that are too short for it to pay go plain.

    Each begins with an empty window, as our offer says: a request that names 855 codes shrinks from 9 kB to 3 kB that
    way, and keeping the window would cost a connection 260 KB for the few requests it ever sends.
    """

    def __init__(self, *, window_bits: int = zlib.MAX_WBITS) -> None:
        self.window_bits = window_bits

    def deflate(self, message: bytes) -> bytes | None:
        """Return the payload that stands for `message`, `None` if it is to be sent as it is."""
        if len(message) < DEFLATE_FROM or self.window_bits < LEAST_WINDOW_BITS:
            return None
        return compress(message, self.window_bits)


def compress(message: bytes, window_bits: int) -> bytes:
    """Return the payload that stands for `message`, made with an empty window of 9 to 15 `window_bits` at most."""
    # No larger window than this message can use, of which zlib keeps 262 bytes for itself. Nothing is lost, and at 450
    # bytes it takes half the time: zlib clears its memory first.
    bits = min(window_bits, max(LEAST_WINDOW_BITS, (len(message) + 262).bit_length()))
    compressor = zlib.compressobj(wbits=-bits)
    return (compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_TAIL)


class Agreement(Message):
    """What client and server agreed on."""

    inflater: Inflater
    deflater: Deflater


def negotiate(header: str | None, *, offered: bool) -> Agreement | None:
    """Return what the response agreed on, `None` without compression.

    Raises:
        RemoteProtocolError: if it accepts what was not offered, or in a way that was not offered.
    """
    if header is None or not header.strip(" \t,"):
        return None
    if not offered:
        raise _refused(header, "no extension was offered")
    extensions = parse_extensions(header)
    if extensions is None:
        raise _refused(header, "it is malformed")
    if len(extensions) != 1 or extensions[0].name != "permessage-deflate":
        raise _refused(header, "only one permessage-deflate was offered")
    seen: dict[str, str | None] = {}
    for name, value in extensions[0].parameters:
        if name in seen:
            raise _refused(header, f"{name} is there twice")
        seen[name] = value
        if name in FLAGS:
            if value is not None:
                raise _refused(header, f"{name} takes no value")
        elif name in WINDOWS:
            if value not in WINDOW_BITS:
                raise _refused(header, f"{name} must be 8 to 15")
        else:
            raise _refused(header, f"unknown parameter {name:.40}")
    return Agreement(
        Inflater(no_context_takeover="server_no_context_takeover" in seen),
        Deflater(window_bits=int(seen.get("client_max_window_bits") or zlib.MAX_WBITS)),
    )


def _refused(header: str, why: str) -> RemoteProtocolError:
    # A client must fail the connection (RFC 7692, 5.1; RFC 6455, 4.1); 1010 is what it may say on the way.
    return RemoteProtocolError(
        f"bad Sec-WebSocket-Extensions in the response {outside_text(header, 120)!r}: {why}", close_code=1010
    )
