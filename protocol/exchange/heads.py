"""Sorts what one connection received: which stream each message belongs to, and what is no data at all.

Routing needs type and code, which stand at the head of a message; parsing a whole message for them would cost more
than all else that happens to it before user code. So the head, up to the second comma, is looked up among the heads
that earlier full parses (envelope.py) have taught. A head is learned only if it spells type and code and nothing else.
Whether the rest of a message is sound is for its event to say.

Source: Upbit WebSocket reference, "Formats", "orderbook".
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.fast import streams_of
from websocket_v6.protocol.limits import LEARNED_HEADS, LEVEL_CHARACTERS, LIST_ELEMENTS, NOTICES
from websocket_v6.protocol.outside_text import excerpt

from .envelope import (
    MALFORMED,
    ErrorNotice,
    Malformed,
    Notice,
    StatusUp,
    SubscribedEntry,
    SubscriptionList,
    read_envelope,
)
from .streams import Stream, split, stream_of

__all__ = ["ErrorNotice", "Inbound", "Malformed", "Notice", "Sorted", "StatusUp", "SubscribedEntry", "SubscriptionList"]


class Sorted(NamedTuple):
    """What one socket read brought; `streams` and `payloads` are columns of one table, in the order of arrival."""

    streams: list[Stream]
    payloads: list[bytes]
    notices: list[Notice]


# What tells their streams apart stands deeper in the message than its head.
_NOT_BY_HEAD = frozenset({"indicator", "indicator_signal", "announcement", "myAsset"})
# Where to look for the comma after the code: behind the one after any known type, before the end of any code.
_PAST_TYPE = 22
_NO_LEVEL = (b',"lv":0}', b',"level":0}')
_LEVEL_KEYS = (b',"lv"', b',"level"')
_LEVELS_BOUND = 64
# Splitting a list makes an object of 64 bytes for each element, before their number is known. So many commas no list
# has that is not too long, not even one of books.
_COMMAS_BOUND = 25 * LIST_ELEMENTS

_is_number = re.compile(rb"[0-9.eE+]{1,%d}" % LEVEL_CHARACTERS).fullmatch
_split_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Inbound:
    """Sorts the messages of one connection."""

    def __init__(self) -> None:
        self._heads: dict[bytes, Stream] = {}
        self._books: dict[bytes, dict[bytes, Stream]] = {}  # by head, then by the text of the level
        self._count = 0  # of all that

    def sort(self, messages: Sequence[bytes]) -> Sorted:
        """Sort messages into data and notices.

        Raises:
            RemoteProtocolError: 1009 for a list of too many elements; nothing else, whatever the bytes.
        """
        messages = list(messages)
        if streams_of is not None:
            known = streams_of(messages, _PAST_TYPE, self._heads, self._books, b"0")
            if known is not None:
                return Sorted(known, messages, [])
        heads = [message[: message.find(b",", _PAST_TYPE)] for message in messages]
        streams = list(map(self._heads.get, heads))
        if None not in streams:
            return Sorted(streams, messages, [])  # type: ignore[arg-type]
        found = Sorted([], [], [])
        for stream, head, message in zip(streams, heads, messages, strict=True):
            self._put(stream or self._book_stream(head, message), head, message, found)
        return found

    def _put(self, stream: Stream | None, head: bytes, message: bytes, found: Sorted) -> None:
        if stream is None:
            if message.lstrip().startswith(b"["):
                self._put_list(message, found)
                return
            what = read_envelope(message)
            if not isinstance(what, str):
                _note(what, found.notices)
                return
            stream = what
            self._learn(head, message, stream)
        found.streams.append(stream)
        found.payloads.append(message)

    def _put_list(self, message: bytes, found: Sorted) -> None:
        if message.count(b",") > _COMMAS_BOUND:
            raise _too_long(message)
        try:
            parts = _split_list(message)
        except MALFORMED:
            _note(Malformed("not JSON", excerpt(message)), found.notices)
            return
        if len(parts) > LIST_ELEMENTS:
            raise _too_long(message)
        for part in parts:
            element = bytes(part)
            if element.startswith(b"["):  # a list in a list is no message, however deep
                _note(Malformed("not an object", excerpt(element)), found.notices)
            else:
                head = element[: element.find(b",", _PAST_TYPE)]
                self._put(self._heads.get(head) or self._book_stream(head, element), head, element, found)

    def _book_stream(self, head: bytes, message: bytes) -> Stream | None:
        levels = self._books.get(head)
        if levels is None:
            return None
        if message.endswith(_NO_LEVEL):
            return levels[b"0"]
        return levels.get(_level_text(message))

    def _learn(self, head: bytes, message: bytes, stream: Stream) -> None:
        type_, code = split(stream)
        short, full = f'{{"ty":"{type_}","cd":"{code}"', f'{{"type":"{type_}","code":"{code}"'
        if type_ in _NOT_BY_HEAD or head not in (short.encode(), full.encode()):
            return
        if self._count >= LEARNED_HEADS:
            self._heads.clear()
            self._books.clear()
            self._count = 0
        if type_ != "orderbook":
            self._heads[head] = stream
            self._count += 1
            return
        levels = self._books.get(head)
        if levels is None:
            levels = self._books[head] = {b"0": stream_of(type_, code)}
            self._count += 1
        level = _level_text(message)
        if _is_number(level) and len(levels) < _LEVELS_BOUND:
            levels[level] = stream
            self._count += 1


def _note(notice: Notice, notices: list[Notice]) -> None:
    """Add to the notices of one read; those that say the same, or are too many, are one."""
    if len(notices) >= NOTICES and not isinstance(notice, Malformed):
        notice = Malformed("too many notices", "")
    if isinstance(notice, Malformed):
        for index, known in enumerate(notices):
            if isinstance(known, Malformed) and known.kind == notice.kind:
                notices[index] = msgspec.structs.replace(known, times=known.times + 1)
                return
    notices.append(notice)


def _too_long(message: bytes) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"a list of more than {LIST_ELEMENTS:,} elements: {len(message)} bytes that begin {excerpt(message)!r}",
        close_code=1009,
    )


def _level_text(message: bytes) -> bytes:
    """Return the text of the level: "0" if there is none, nothing if it is not the last key, as it is on the wire."""
    colon = message.rfind(b":")
    if message.endswith(_LEVEL_KEYS, 0, colon):
        return message[colon + 1 : -1]
    return b"" if b'"lv"' in message or b'"level"' in message else b"0"
