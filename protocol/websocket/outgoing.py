"""Frames to send, each a whole message or control frame: a server's are never masked, a client's always.

    frame(BINARY, payload)      # head and payload in one
    head(BINARY, length)        # for who sends the payload beside it
    close_frame(1001, "leaving")
    masked_frame(BINARY, payload, os.urandom(4))

What comes in is `frames`'.

Source: RFC 6455, sections 5.2 (framing), 5.5 (control frames) and 7.4 (close codes); RFC 7692, section 6 (RSV1).
"""

import struct

from websocket_v6.protocol.errors import LocalProtocolError

from .controls import may_be_sent

__all__ = ["BINARY", "CLOSE", "PING", "PONG", "TEXT", "close_frame", "frame", "head", "masked_frame"]

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA

_FIN, _RSV1 = 0x80, 0x40
_MASKED = 0x80
_MOST_CONTROL_BYTES = 125
_NO_CODE = 1005  # stands for a close frame without one, as in `Closed`

_pack_short = struct.Struct(">BB").pack
_pack_16 = struct.Struct(">BBH").pack
_pack_64 = struct.Struct(">BBQ").pack


def frame(opcode: int, payload: bytes, *, rsv1: bool = False) -> bytes:
    """Return one final frame; `rsv1` says that the payload is compressed.

    Raises:
        LocalProtocolError: if no peer would take it.
    """
    return head(opcode, len(payload), rsv1=rsv1) + payload


def masked_frame(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """Return one final frame of a client's. `mask` is four bytes that nobody can foresee (RFC 6455, 5.3).

    Raises:
        LocalProtocolError: if no peer would take it.
    """
    start, length = bytearray(head(opcode, len(payload))), len(payload)
    start[1] |= _MASKED
    key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
    return bytes(start) + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(length, "big")


def head(opcode: int, length: int, *, rsv1: bool = False) -> bytes:
    """Return what stands before a payload of `length` bytes.

    Raises:
        LocalProtocolError: if no peer would take the frame.
    """
    first = _FIN | opcode
    if opcode != BINARY and opcode != TEXT:
        _check_control(opcode, length, rsv1=rsv1)
    if rsv1:
        first |= _RSV1
    if length < 126:
        return _pack_short(first, length)
    if length < 0x10000:
        return _pack_16(first, 126, length)
    return _pack_64(first, 127, length)


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a close frame; 1005 makes one without code and reason, a reason is cut where it is too long.

    Raises:
        LocalProtocolError: if `code` must never be sent.
    """
    if code == _NO_CODE:
        return frame(CLOSE, b"")
    if not may_be_sent(code):
        raise LocalProtocolError(f"close code {code} must not be sent: use 1000 to 1014 or 3000 to 4999")
    # What does not fit ends before a character: half of one would be a violation. Lone surrogates have no UTF-8.
    text = reason.encode("utf-8", "replace")[: _MOST_CONTROL_BYTES - 2].decode("utf-8", "ignore")
    return frame(CLOSE, code.to_bytes(2, "big") + text.encode())


def _check_control(opcode: int, length: int, *, rsv1: bool) -> None:
    if opcode not in (CLOSE, PING, PONG):
        raise LocalProtocolError(f"opcode {opcode} is no message and no control frame")
    if length > _MOST_CONTROL_BYTES:
        raise LocalProtocolError(f"a control frame takes 125 bytes, not {length}")
    if rsv1:
        raise LocalProtocolError("a control frame is never compressed")
