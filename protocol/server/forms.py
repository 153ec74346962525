"""Converts single messages between the exchange's forms: DEFAULT, SIMPLE, JSON_LIST and SIMPLE_LIST.

Keys are renamed, in the order they came in, which is the same in all forms. Values are the exchange's own bytes: it
writes numbers differently in DEFAULT and SIMPLE, and which spelling one would have got cannot be known.

Source: Upbit WebSocket reference, "Formats", "Data types".
"""

import re
from typing import Literal

from websocket_v6.protocol.exchange.streams import Stream

from .form_names import Renaming, kind_of, renaming_of
from .rewriting import SNAPSHOT, has_full_names, is_object, keys_of, rewrite
from .shapes import Shape, is_plain

__all__ = ["Format", "Forms", "convert", "is_snapshot"]

Format = Literal["DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST"]

# Whether names are full, and whether the message stands in a list.
_FORMS = {"DEFAULT": (True, False), "SIMPLE": (False, False), "JSON_LIST": (True, True), "SIMPLE_LIST": (False, True)}
# How messages begin, in all that is known of the exchange since 2019.
_SIMPLE_HEAD = b'{"ty":'
_DEFAULT_HEAD = b'{"type":'
_SHAPES = 8  # of one kind in one spelling; the exchange has one or two

_says_snapshot = re.compile(rb'"(?:st|stream_type)"\s*:\s*"SNAPSHOT"').search


class Forms:
    """Converts messages, and remembers the shapes of those it has met. Threads may share one."""

    def __init__(self) -> None:
        self._rewriters: dict[tuple[str, bool, bool], _Rewriter] = {}

    def convert(
        self,
        stream: Stream,
        payload: bytes,
        to: str,
        *,
        snapshot: bool = False,
        depth: int = 0,
        no_body: bool = False,
    ) -> bytes:
        """Return one message of `stream` in the form `to`, the same object if nothing of it changes.

        `snapshot` makes SNAPSHOT of its stream type, `depth` leaves that many levels of an order book and `no_body` no
        body of an announcement. What is not one JSON object is returned as it is, whatever is wanted.

        Raises:
            KeyError: if there is no form of that name.
        """
        to_full, in_list = _FORMS[to]
        is_full = _spelling(payload, to_full)
        if is_full is None:
            return payload
        text = payload
        if is_full is not to_full or snapshot or depth or no_body:
            kind = kind_of(stream.partition(" ")[0])
            rewriter = self._rewriters.get((kind, is_full, to_full))
            if rewriter is None:
                rewriter = _Rewriter(renaming_of(kind, from_full=is_full, to_full=to_full))
                self._rewriters[kind, is_full, to_full] = rewriter
            text = rewriter.rewrite(payload, snapshot=snapshot, depth=depth, no_body=no_body)
        if not in_list or (text is payload and not is_object(payload)):
            return text
        return b"[" + text + b"]"


class _Rewriter:
    """Rewrites the messages of one kind from one spelling to another."""

    def __init__(self, renaming: Renaming) -> None:
        self._renaming = renaming
        self._shapes: tuple[Shape, ...] = ()

    def rewrite(self, payload: bytes, *, snapshot: bool, depth: int, no_body: bool) -> bytes:
        if not (no_body and self._renaming.body):
            for shape in self._shapes:
                text = shape.rewrite(payload, snapshot=snapshot, depth=depth)
                if text is not None:
                    return payload if text == payload else text
        if not is_object(payload):
            return payload
        if len(self._shapes) < _SHAPES:
            self._learn(payload)
        text = rewrite(payload, self._renaming, snapshot=snapshot, depth=depth, no_body=no_body)
        return payload if text == payload else text

    def _learn(self, payload: bytes) -> None:
        keys = keys_of(payload)
        if is_plain(keys, self._renaming):
            shape = Shape(keys, self._renaming)
            # Not if it is spaces or escapes that make this message differ from those of a shape.
            if shape.rewrite(payload, snapshot=False, depth=0) is not None:
                self._shapes = (*self._shapes, shape)


convert = Forms().convert


def is_snapshot(payload: bytes) -> bool:
    """Tell whether a message, in any form, says that it is a snapshot."""
    return SNAPSHOT in payload and _says_snapshot(payload) is not None


def _spelling(payload: bytes, wanted: bool) -> bool | None:
    """Tell whether names are full; as `wanted` if nothing shows it, None if this is no object."""
    if payload.startswith(_SIMPLE_HEAD):
        return False
    if payload.startswith(_DEFAULT_HEAD):
        return True
    # Another order or spacing of keys, or no type as in 2018.
    if not is_object(payload):
        return None
    is_full = has_full_names(payload)
    return wanted if is_full is None else is_full
