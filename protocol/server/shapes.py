"""Rewrites messages of a shape that was met before, at the speed of msgspec.

A shape is the keys of a message in their order. All messages of a type have the same one, or one of two or three. For
each there is a struct that reads the values as the bytes they are, and one that writes them under the other names. The
first struct writes the message back as well: only if that gives every byte of it is it of this shape, and nothing of it
can be lost or moved.

Levels of order books are too many for structs. If nothing but the four keys in their turn is left of them without their
numbers, there are no strings and nothing deeper in them, and the keys may be replaced wherever they are.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from websocket_v6.protocol.exchange.envelope import MALFORMED

from .form_names import Names, Renaming
from .rewriting import SNAPSHOT, cut, rename_inside

__all__ = ["Shape", "is_plain"]

_MOST_KEYS = 128
_MOST_LEVELS = 64
_OF_NUMBERS = b"0123456789.E+-"

_encode = msgspec.json.Encoder().encode
_values = msgspec.structs.astuple
_plain_key = re.compile(rb"[A-Za-z0-9_.-]{1,64}").fullmatch
_snapshot = msgspec.Raw(SNAPSHOT)


def is_plain(keys: Sequence[bytes], renaming: Renaming) -> bool:
    """Tell whether a struct can have these keys, before and after."""
    after = {renaming.names.get(key, key) for key in keys}
    return 0 < len(keys) <= _MOST_KEYS and len(after) == len(set(keys)) == len(keys) and all(map(_plain_key, keys))


class Shape:
    """The messages with these keys in this order."""

    def __init__(self, keys: Sequence[bytes], renaming: Renaming) -> None:
        self._decode = msgspec.json.Decoder(_struct(keys)).decode
        self._make = _struct([renaming.names.get(key, key) for key in keys])
        self._stream_type = keys.index(renaming.stream_type) if renaming.stream_type in keys else None
        self._inner: list[tuple[int, Levels | Names]] = [
            (keys.index(key), Levels(names) if key == renaming.units else names)
            for key, names in renaming.inner.items()
            if key in keys
        ]

    def rewrite(self, payload: bytes, *, snapshot: bool, depth: int) -> bytes | None:
        """Return a message rewritten, None if it is not of this shape."""
        try:
            message = self._decode(payload)
        except MALFORMED:
            return None
        if _encode(message) != payload:
            return None
        values: Sequence[Any] = _values(message)
        if snapshot or self._inner:
            values = self._changed(values, snapshot, depth)
        return _encode(self._make(*values))

    def _changed(self, values: Sequence[Any], snapshot: bool, depth: int) -> list[Any]:
        changed = list(values)
        if snapshot and self._stream_type is not None:
            changed[self._stream_type] = _snapshot
        for index, names in self._inner:
            text = bytes(changed[index])
            text = names.rewrite(text, depth) if isinstance(names, Levels) else rename_inside(text, names)
            changed[index] = msgspec.Raw(text)
        return changed


class Levels:
    """The levels of an order book with these keys, in their turn."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._tokens = [(b'"%b":' % key, b'"%b":' % name) for key, name in names.items() if key != name]
        self._level = b"{" + b",".join(b'"%b":' % key for key in names) + b"}"
        self._counts: dict[bytes, int] = {}  # of levels, by what is left of them without their numbers

    def rewrite(self, text: bytes, depth: int) -> bytes:
        """Return an array of levels renamed, or the first `depth` of them."""
        frame = text.translate(None, _OF_NUMBERS)
        count = self._counts.get(frame) or self._count(frame)
        if not count:
            return rename_inside(cut(text, depth) if depth else text, self._names)
        if 0 < depth < count:
            text = text[: -len(text.split(b"}", depth)[-1])] + b"]"
        for key, name in self._tokens:
            text = text.replace(key, name)
        return text

    def _count(self, frame: bytes) -> int:
        count = frame.count(b"{")
        if not 0 < count <= _MOST_LEVELS or frame != b"[" + b",".join([self._level] * count) + b"]":
            return 0
        self._counts[frame] = count
        return count


def _struct(keys: Sequence[bytes]) -> Any:
    names = {f"field_{index}": key.decode() for index, key in enumerate(keys)}
    return msgspec.defstruct(
        "Message",
        [(name, msgspec.Raw) for name in names],
        rename=names,
        forbid_unknown_fields=True,
        gc=False,
    )
