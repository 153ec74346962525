"""Sec-WebSocket-Extensions as a list; what it means is `deflate`'s and `server_deflate`'s.

Source: RFC 6455, section 9.1 (grammar); RFC 7692, section 7.1 (the parameters of permessage-deflate).
"""

import re

from websocket_v6.protocol.message import Message

__all__ = ["FLAGS", "WINDOWS", "WINDOW_BITS", "Extension", "parse_extensions"]

# RFC 7692, 7.1: flags have no value; a number of window bits is 8 to 15 without leading zeros.
FLAGS = frozenset(("server_no_context_takeover", "client_no_context_takeover"))
WINDOWS = frozenset(("server_max_window_bits", "client_max_window_bits"))
WINDOW_BITS = frozenset(("8", "9", "10", "11", "12", "13", "14", "15"))

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# Compiled by `re`, and kept there, when the first header comes.
_PARAMETER = rf'[ \t]*;[ \t]*({_WORD})(?:[ \t]*=[ \t]*(?:({_WORD})|"({_WORD})"))?'
_NAME = rf"[ \t,]*({_WORD})"
_END = r"[ \t]*(?:,|\Z)"


class Extension(Message):
    """One extension with its parameters in their order; one without a value has `None`."""

    name: str
    parameters: tuple[tuple[str, str | None], ...]


def parse_extensions(header: str) -> list[Extension] | None:
    """Return what `header` lists, `None` if it is malformed."""
    extensions = []
    name_at, parameter_at, end_at = (re.compile(one).match for one in (_NAME, _PARAMETER, _END))
    pos, size = 0, len(header.rstrip(" \t,"))
    while pos < size:
        if not (match := name_at(header, pos)):
            return None
        name, pos = match[1], match.end()
        parameters: list[tuple[str, str | None]] = []
        while match := parameter_at(header, pos):
            parameters.append((match[1], match[2] or match[3]))
            pos = match.end()
        extensions.append(Extension(name, tuple(parameters)))
        if not end_at(header, pos):
            return None
    return extensions
