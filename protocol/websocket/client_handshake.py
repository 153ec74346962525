"""The opening handshake, a client's side: the request, and the head and the body of the answer.

    encode_request("/websocket/v1", {"Host": "api.upbit.com", ...})
    missing(head)                        # how many octets may be read without going beyond the head; 0: it is whole
    read_answer(head)
    body_length(answer), is_chunked(answer), unchunked(body)

websocket-client's own is not used: it reads without a bound, keeps one cookie jar for the whole process, and writes the
request with its token into the log when it is traced. What an answer means is `handshake.py`'s.

Source: RFC 6455, section 4.1; RFC 9112, sections 2 to 6.
"""

import re
from collections.abc import Mapping

from websocket_v6.protocol.errors import LocalProtocolError, RemoteProtocolError
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.outside_text import outside_text
from websocket_v6.protocol.secret import HiddenBytes

__all__ = [
    "Answer",
    "body_length",
    "encode_connect",
    "encode_request",
    "is_chunked",
    "missing",
    "read_answer",
    "unchunked",
]

_BEGIN = b"HTTP/1."
_END = b"\r\n\r\n"
# Compiled by `re`, and kept there, when the first answer comes.
_BARE = rb"[^\r]\n"
_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_STATUS_LINE = r"HTTP/1\.[01] ([0-9]{3})(?: .*)?"
_CHUNK = rb"([0-9A-Fa-f]{1,8})[^\r\n]*\r\n"
# Whoever answers chooses what goes into a cookie: none is kept, and nothing else here asks for them.
_UNREAD = ("set-cookie", "set-cookie2")


class Answer(Message):
    """The head of an answer: names in lower case, what came several times joined by ", "; no cookies."""

    status: int
    headers: Mapping[str, str]


def encode_request(path: str, headers: Mapping[str, str]) -> bytes:
    """Return a GET request, which may hold a token.

    Raises:
        LocalProtocolError: if the path or a header cannot be sent; the text holds no value, which may be secret.
    """
    return _encode("GET", path, headers)


def encode_connect(authority: str, headers: Mapping[str, str]) -> bytes:
    """Return the request that has a proxy connect to `authority`, "host:port" (RFC 9110, 9.3.6)."""
    return _encode("CONNECT", authority, {"Host": authority} | dict(headers))


def _encode(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if " " in target or not all(line.isascii() and line.isprintable() for line in lines):
        raise LocalProtocolError("a character in the request that no header may hold")
    return HiddenBytes("\r\n".join([*lines, "", ""]).encode("ascii"))


def missing(head: bytes | bytearray) -> int:
    """Return how many octets are missing at least until `head` is whole; what follows it is the connection's own.

    Raises:
        RemoteProtocolError: if it cannot become one any more; who speaks something else may never send its end.
    """
    if not head.startswith(_BEGIN[: len(head)]):
        raise RemoteProtocolError(f"whoever answers does not speak HTTP/1.1: {outside_text(head.decode('latin-1'))!r}")
    if re.search(_BARE, head[-len(_END) - 1 :]):  # where no more than that is read at a time
        raise RemoteProtocolError("a bare LF in the head of the answer")
    return next(size for size in range(len(_END) + 1) if head.endswith(_END[: len(_END) - size]))


def read_answer(head: bytes | bytearray) -> Answer:
    """Return what a whole head says.

    Raises:
        RemoteProtocolError: if it is none of HTTP/1.1.
    """
    line, *fields = head.removesuffix(_END).decode("latin-1").split("\r\n")
    match = re.fullmatch(_STATUS_LINE, line)
    if match is None:
        raise RemoteProtocolError(f"whoever answers does not speak HTTP/1.1: {outside_text(line)!r}")
    headers: dict[str, str] = {}
    for field in fields:
        name, colon, value = field.partition(":")
        if not colon or not re.fullmatch(_WORD, name):
            raise RemoteProtocolError(f"a malformed header in the answer: {outside_text(field)}")
        name, value = name.lower(), value.strip(" \t")
        if name not in _UNREAD:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Answer(int(match[1]), headers)


def body_length(answer: Answer) -> int | None:
    """Return how many octets follow the head of a refusal; `None` if their end says so."""
    if answer.status < 200 or answer.status in (204, 304):
        return 0
    length = answer.headers.get("content-length", "")
    return int(length) if not is_chunked(answer) and re.fullmatch("[0-9]{1,18}", length) else None


def is_chunked(answer: Answer) -> bool:
    """Whether the body comes in chunks."""
    return "chunked" in answer.headers.get("transfer-encoding", "").lower()


def unchunked(body: bytes) -> bytes:
    """Return what the chunks of `body` hold, as far as they came."""
    found, pos = bytearray(), 0
    chunk_at = re.compile(_CHUNK).match
    while match := chunk_at(body, pos):
        size = int(match[1], 16)
        found += body[match.end() : match.end() + size]
        pos = match.end() + size + 2
    return bytes(found)
