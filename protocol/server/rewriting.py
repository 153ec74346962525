"""Rewrites a message piece by piece: slow, and right for whatever is valid JSON.

Nothing is decoded: keys are replaced where they stand, and all else, numbers, strings, spaces and keys that nobody
knows, is copied as it came.
"""

import re
from collections.abc import Iterator

import msgspec

from websocket_v6.protocol.exchange.envelope import MALFORMED

from .form_names import Names, Renaming

__all__ = ["REALTIME", "SNAPSHOT", "cut", "has_full_names", "is_object", "keys_of", "rename_inside", "rewrite"]

# No other field of the types that have snapshots can hold these words in quotes.
SNAPSHOT, REALTIME = b'"SNAPSHOT"', b'"REALTIME"'

_check = msgspec.json.Decoder(msgspec.Raw).decode  # skips through a value, and so checks its syntax
_string_or_structure = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[][{},]', re.DOTALL).finditer
_key = re.compile(rb'\s*"([^"\\]*(?:\\.[^"\\]*)*)"\s*:\s*', re.DOTALL).match


def is_object(payload: bytes) -> bool:
    """Tell whether this is one JSON object. Never raises."""
    try:
        _check(payload)
    except MALFORMED:
        return False
    return payload.lstrip().startswith(b"{")


def keys_of(payload: bytes) -> list[bytes]:
    """Return the keys of an object, as they are written."""
    return [found[1] for found, _ in _members(payload.strip())]


def has_full_names(payload: bytes) -> bool | None:
    """Tell DEFAULT from SIMPLE in an object, by the keys that say what it is; None if it is neither."""
    keys = keys_of(payload)
    if not {b"type", b"code", b"market"}.isdisjoint(keys):
        return True
    return None if {b"ty", b"cd", b"mk"}.isdisjoint(keys) else False


def rewrite(
    payload: bytes, renaming: Renaming, *, snapshot: bool = False, depth: int = 0, no_body: bool = False
) -> bytes:
    """Return an object renamed; as a snapshot, with `depth` levels, without a body as far as that is wanted."""
    members = []
    for found, value in _members(payload.strip()):
        key = found[1]
        if no_body and key == renaming.body:
            continue
        if snapshot and key == renaming.stream_type:
            value = SNAPSHOT
        if depth and key == renaming.units:
            value = cut(value, depth)
        if key in renaming.inner:
            value = rename_inside(value, renaming.inner[key])
        members.append(_renamed(found, renaming.names) + value)
    return b"{" + b",".join(members) + b"}"


def rename_inside(value: bytes, names: Names) -> bytes:
    """Rename the keys of an object, or of the objects that are elements of an array; other values stay."""
    text = value.strip()
    if text.startswith(b"{"):
        renamed = b"{" + b",".join(_renamed(found, names) + inner for found, inner in _members(text)) + b"}"
    elif text.startswith(b"["):
        renamed = b"[" + b",".join(_rename_element(element, names) for element in _pieces(text)) + b"]"
    else:
        return value
    return value.replace(text, renamed)  # with the spaces around it


def _rename_element(element: bytes, names: Names) -> bytes:
    return rename_inside(element, names) if element.lstrip().startswith(b"{") else element


def cut(value: bytes, depth: int) -> bytes:
    """Return the first elements of an array; other values stay."""
    text = value.strip()
    if not text.startswith(b"["):
        return value
    pieces = _pieces(text)
    return value if len(pieces) <= depth else b"[" + b",".join(pieces[:depth]) + b"]"


def _renamed(found: re.Match[bytes], names: Names) -> bytes:
    """Return what stands before a member's value, with its key renamed."""
    head, start, end = found[0], *found.span(1)
    return head[:start] + names.get(found[1], found[1]) + head[end:]


def _members(text: bytes) -> Iterator[tuple[re.Match[bytes], bytes]]:
    for piece in _pieces(text):
        found = _key(piece)
        assert found is not None, "what was checked is an object"
        yield found, piece[found.end() :]


def _pieces(text: bytes) -> list[bytes]:
    """Cut an object or array at the commas between its members or elements."""
    pieces = []
    start, depth = 1, 0
    for found in _string_or_structure(text):
        what = found[0]
        if what in b"[{":
            depth += 1
        elif what in b"]}":
            depth -= 1
        elif what == b"," and depth == 1:
            pieces.append(text[start : found.start()])
            start = found.end()
    last = text[start:-1]
    return [*pieces, last] if pieces or last.strip() else []
