"""The opening handshake, a server's side: the request's head to the letter, and the response.

    read = read_head(received)           # None: go on reading; else the head, and how many bytes it took
    key = upgrade(head)                  # the request is a WebSocket handshake
    accept(key, subprotocol="v6.2", extensions=None)
    refuse(error.status, headers=error.headers)     # after a BadRequest, or for a reason of one's own

Nothing is repaired: what RFC 9112 lets a server reject is rejected, so that no proxy before it and nobody after it can
read a head in another way. Who may come in, and which path is served, is the caller's; extensions are
`server_deflate`'s.

Source: RFC 6455, sections 4.2 and 4.4; RFC 9112, sections 2 to 6; RFC 9110, 5.5 (values) and 15.5 (refusals).
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple

from websocket_v6.protocol.errors import LocalProtocolError, RemoteProtocolError
from websocket_v6.protocol.secret import HiddenText

from .handshake import accept_for

__all__ = ["BadRequest", "Head", "accept", "read_head", "refuse", "upgrade"]

_MAX_HEAD = 16 * 1024  # bytes, with the empty line
_MAX_HEADERS = 99
_END = b"\r\n\r\n"
_NOTHING: Mapping[str, str] = MappingProxyType({})

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TOKEN_START = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]")
# A value has no control characters but the tab (RFC 9110, 5.5); what is above ASCII is opaque.
_BAD_IN_VALUE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_BAD_IN_OURS = re.compile(r"[^\x20-\x7e]")
_HOST = re.compile(r"(?:[0-9A-Za-z._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
# Origin form (RFC 9112, 3.2.1). In a path whatever may mean something else once it is decoded is refused: an escaped
# dot, slash, backslash or control character, and segments that go up.
_OCTET = r"[0-9A-Za-z._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2}"
_TARGET = re.compile(rf"(/(?:{_OCTET})*)(?:\?((?:\?|{_OCTET})*))?")
_ODD_PATH = re.compile(r"//|/\.{1,2}(?:[/;]|\Z)|%(?:[01]|2[ef]|5c|7f)", re.IGNORECASE)
_KEY = re.compile(r"[0-9A-Za-z+/]{22}==")  # 16 bytes of base64

_SECRET = {"authorization", "proxy-authorization", "cookie", "x-v6-auth", "x-v6-member", "x-v6-proof"}
_HANDSHAKE = {"Upgrade": "websocket", "Sec-WebSocket-Version": "13"}  # what a 426 asks for


class Head(NamedTuple):
    """A request's line and headers: names in lower case, what came several times joined by ", ".

    Its repr hides the headers that may hold a token, and the query.
    """

    method: str
    path: str  # as it came, nothing decoded
    query: str  # what follows the "?", if anything does
    headers: Mapping[str, str]


class BadRequest(RemoteProtocolError):  # noqa: N818 - a name as HTTP has it
    """The request is refused with `status`; `headers` belong into the response."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] = _NOTHING) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


def read_head(data: bytes | bytearray) -> tuple[Head, int] | None:
    """Return the head that `data` begins with and its size, `None` if its end has not come.

    A head that is whole is read in one way, however it was cut; one that cannot become good is refused before its end.

    Raises:
        BadRequest: 400, 405 (no GET) or 431 (more than 16 KiB, 100 headers or more).
    """
    end = data.find(_END, 0, _MAX_HEAD)
    raw = bytes(data[: _MAX_HEAD if end < 0 else end])
    if raw and not _TOKEN_START.match(raw):
        raise BadRequest(400, "the request begins with no method")
    # CR and LF stand together or not at all; a CR that is the last octet so far may still become a line's end.
    returns = raw.count(b"\r") - (end < 0 and raw.endswith(b"\r"))
    if b"\0" in raw or not raw.count(b"\n") == raw.count(b"\r\n") == returns:
        raise BadRequest(400, "a bare CR, LF or NUL in the head")
    if end < 0:
        if len(data) >= _MAX_HEAD:
            raise BadRequest(431, f"a head of more than {_MAX_HEAD} bytes")
        return None
    line, *fields = raw.decode("latin-1").split("\r\n")
    if len(fields) > _MAX_HEADERS:
        raise BadRequest(431, f"more than {_MAX_HEADERS} headers")
    method, path, query = _read_request_line(line)
    headers = _read_fields(fields)
    _check_body(headers)
    headers |= {name: HiddenText(headers[name]) for name in _SECRET & headers.keys()}
    return Head(method, path, HiddenText(query), headers), end + len(_END)


def _read_request_line(line: str) -> tuple[str, str, str]:
    method, _, rest = line.partition(" ")
    target, _, version = rest.partition(" ")
    if version != "HTTP/1.1" or not _TOKEN.fullmatch(method):
        raise BadRequest(400, "no request line of HTTP/1.1")
    if method != "GET":
        raise _no_get()
    match = _TARGET.fullmatch(target)
    if match is None or _ODD_PATH.search(match[1]):
        raise BadRequest(400, "the request's target is no plain path")
    return method, match[1], match[2] or ""


def _read_fields(fields: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for field in fields:
        name, colon, value = field.partition(":")
        # This also refuses a space before the colon and, as it begins with one, a folded line.
        if not colon or not _TOKEN.fullmatch(name):
            raise BadRequest(400, "a malformed header")
        name, value = name.lower(), value.strip(" \t")
        if _BAD_IN_VALUE.search(value):
            raise BadRequest(400, "a control character in a header")
        if name in headers:
            if name == "host":
                raise BadRequest(400, "more than one Host")
            value = f"{headers[name]}, {value}"
        headers[name] = value
    if not _HOST.fullmatch(headers.get("host", "")):
        raise BadRequest(400, "no Host, or a malformed one")
    return headers


def _check_body(headers: Mapping[str, str]) -> None:
    """Refuse a request that may have a body: what follows the head would be taken for frames, or frames for it."""
    if "transfer-encoding" in headers or headers.get("content-length", "0") != "0":
        raise BadRequest(400, "a request with a body")


def upgrade(head: Head) -> str:
    """Return the Sec-WebSocket-Key of a request that is a WebSocket handshake.

    Raises:
        BadRequest: 400, 405 (no GET) or 426 (no handshake, or one of another version).
    """
    if head.method != "GET":
        raise _no_get()
    if "websocket" not in _tokens(head, "upgrade") or "upgrade" not in _tokens(head, "connection"):
        raise BadRequest(426, "no WebSocket handshake", _HANDSHAKE)
    if head.headers.get("sec-websocket-version") != "13":
        raise BadRequest(426, "a WebSocket version other than 13", _HANDSHAKE)
    key = head.headers.get("sec-websocket-key", "")
    if not _KEY.fullmatch(key):
        raise BadRequest(400, "Sec-WebSocket-Key is not 16 bytes of base64")
    return key


def _tokens(head: Head, name: str) -> list[str]:
    return [token.strip(" \t").lower() for token in head.headers.get(name, "").split(",")]


def _no_get() -> BadRequest:
    return BadRequest(405, "only GET is served", {"Allow": "GET"})


def accept(
    key: str, *, subprotocol: str | None, extensions: str | None, headers: Mapping[str, str] = _NOTHING
) -> bytes:
    """Return the 101 response to a handshake with `key`.

    Raises:
        LocalProtocolError: if a value cannot stand in a header.
    """
    fields = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept_for(key)}
    if subprotocol is not None:
        if not _TOKEN.fullmatch(subprotocol):
            raise LocalProtocolError(f"a subprotocol is one word, not {subprotocol!r:.40}")
        fields["Sec-WebSocket-Protocol"] = subprotocol
    if extensions is not None:
        fields["Sec-WebSocket-Extensions"] = extensions
    return _response(101, fields, headers)


def refuse(
    status: int,
    body: bytes = b"",
    headers: Mapping[str, str] = _NOTHING,
    content_type: str = "application/json",
) -> bytes:
    """Return a response that is the last on its connection.

    Raises:
        LocalProtocolError: if a value cannot stand in a header, or no body in a response with `status`.
    """
    if status < 200 or status in (204, 205, 304):
        raise LocalProtocolError(f"a response with status {status} has no body: use another status")
    fields = {"Connection": "close", "Content-Length": str(len(body))}
    if body:
        fields["Content-Type"] = content_type
    # A 426 names the protocol that it wants, which Connection has to name as well (RFC 9110, 15.5.22 and 7.8).
    if any(name.lower() == "upgrade" for name in headers):
        fields["Connection"] = "close, Upgrade"
    return _response(status, fields, headers) + body


def _response(status: int, own: Mapping[str, str], others: Mapping[str, str]) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        raise LocalProtocolError(f"there is no HTTP status {status}") from None
    if taken := {name.lower() for name in others} & {name.lower() for name in own}:
        raise LocalProtocolError(f"the response has a {', '.join(sorted(taken))} of its own")
    lines = [f"HTTP/1.1 {status} {phrase}"]
    for name, value in [*own.items(), *others.items()]:
        # Nothing that is told by a peer may end a header and begin another.
        if not _TOKEN.fullmatch(name) or _BAD_IN_OURS.search(value):
            raise LocalProtocolError(f"no header of a response: {name!r:.40}")
        lines.append(f"{name}: {value}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")
