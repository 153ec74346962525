"""The opening handshake, what an answer means: strict checks of one that opens a connection, and refusals.

    check_response(headers: Mapping[str, str], *, key: str, subprotocols: Collection[str] = ()) -> None
    refusal(status: int, headers: Mapping[str, str], body: bytes) -> WebSocketV6Error

Headers may have their names in any case; `client_handshake.py` reads them. Extensions are checked by
`deflate.negotiate`.

Source: RFC 6455, section 4.1; RFC 9110, 10.2.3 (Retry-After); Upbit REST reference, "Error codes"; Upbit WebSocket
reference, "Error" and "Rate limits".
"""

import base64
import hashlib
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from websocket_v6.protocol.errors import (
    AuthenticationError,
    RateLimitedError,
    RemoteProtocolError,
    TransportError,
    WebSocketV6Error,
)
from websocket_v6.protocol.limits import NAME_CHARACTERS, RETRY_AFTER
from websocket_v6.protocol.outside_text import outside_text

__all__ = ["accept_for", "check_response", "date_ms", "refusal"]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_DATE = r"[A-Z][a-z]{2}, ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
_UPGRADE = {"upgrade": "websocket", "connection": "upgrade"}
_MAX_BODY = 16 * 1024  # bytes of an error's body that are looked at
# How long a block lasts, in the body's words, English or Korean.
_DURATION = r"(?i)(?<![\d.])(\d{1,9}(?:\.\d{1,3})?)\s*((?:seconds?|secs?|s|minutes?|mins?|m|hours?|h)\b|초|분|시간)"
_SECONDS = {"s": 1.0, "초": 1.0, "m": 60.0, "분": 60.0, "h": 3600.0, "시": 3600.0}  # by a unit's first letter

# The exchange's names of what is wrong with a key, and what helps.
_REMEDIES = {
    "no_authorization_token": "give the access and secret keys",
    "jwt_verification": "check that the secret key belongs to the access key",
    "invalid_query_payload": "check that the secret key belongs to the access key",
    "invalid_access_key": "check the access key",
    "expired_access_key": "make a new key on the exchange's Open API page",
    "nonce_used": "the next try has a new nonce",
    "no_authorization_ip": "add this machine's address to the key's allow list on the exchange's Open API page",
    "no_authorization_i_p": "add this machine's address to the key's allow list on the exchange's Open API page",
    "out_of_scope": "give the key the permission it lacks on the exchange's Open API page",
}


def check_response(headers: Mapping[str, str], *, key: str, subprotocols: Collection[str] = ()) -> None:
    """Check the headers of a 101 response to a request with Sec-WebSocket-Key `key`, to the letter.

    Raises:
        RemoteProtocolError: if it is no upgrade, Sec-WebSocket-Accept does not answer `key`, or the server chose a
            subprotocol that nobody asked for.
    """
    for name, word in _UPGRADE.items():
        if word not in (part.strip().lower() for part in (_header(headers, name) or "").split(",")):
            raise RemoteProtocolError(
                f"the answer to the handshake lacks {name.title()}: {word}: look for a proxy in between",
                close_code=1002,
            )
    accept = _header(headers, "sec-websocket-accept")
    if accept != accept_for(key):
        raise RemoteProtocolError(
            "the answer to the handshake is not for our key (Sec-WebSocket-Accept): look for a proxy in between",
            close_code=1002,
        )
    chosen = _header(headers, "sec-websocket-protocol")
    if chosen is not None and chosen not in subprotocols:
        raise RemoteProtocolError(
            f"the server chose subprotocol {outside_text(chosen, 40)!r}, never asked for", close_code=1002
        )


def accept_for(key: str) -> str:
    """Return the Sec-WebSocket-Accept that answers `key` (RFC 6455, 4.2.2)."""
    digest = hashlib.sha1(key.encode("ascii") + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode("ascii")


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> WebSocketV6Error:
    """Return the error that a response other than 101 stands for, with what to do about it in its message.

    The exchange's own words are cut short, and freed of anything that looks like a token.
    """
    name, text = _error(body)
    said = ": ".join(part for part in (name, text) if part)
    said = f"HTTP {status} ({said})" if said else f"HTTP {status}"
    if status in (418, 429):
        wait = _retry_after(headers, text)
        until = "and wait for some time" if wait is None else f"and wait {wait:g} s"
        what = "has blocked this address" if status == 418 else "refused the connection as one too many"
        return RateLimitedError(
            f"the exchange {what}: {said}; connect less often {until}", status=status, retry_after=wait
        )
    # A 403 without a name is a gateway's, which knows nothing about keys.
    if status == 401 or (status == 403 and name):
        remedy = _REMEDIES.get(name or "", "check the keys and their permissions")
        return AuthenticationError(f"the exchange refused the keys: {said}; {remedy}", name=name)
    if status >= 500:
        # Only the header: a gateway's page may speak of any time.
        wait = _retry_after(headers, "")
        return TransportError(f"the exchange is out of order: {said}; it is tried again", retry_after=wait)
    if 300 <= status < 400:
        return TransportError(
            f"the exchange did not open a WebSocket: {said}, a redirect, which is followed nowhere; check the "
            "configured URL, and whether this network wants a login first"
        )
    if status == 403:
        return TransportError(f"a gateway forbids the connection: {said}; check whether this address is let in")
    return TransportError(f"the exchange did not open a WebSocket: {said}; check the configured URL")


def _error(body: bytes) -> tuple[str | None, str]:
    """Return the name and the message of an error body, cut and without tokens."""
    import json  # late: nobody may refuse anything

    text = body[:_MAX_BODY].decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None, outside_text(text)
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict):
        return None, outside_text(text)
    name, message = error.get("name"), error.get("message")
    return None if name is None else outside_text(name, NAME_CHARACTERS), outside_text(message or "")


def _retry_after(headers: Mapping[str, str], text: str) -> float | None:
    """Return the seconds to wait, from the header or, as the exchange does it, from the words of the body.

    A wrong number must not silence a program for ever: it is bounded here, where it enters.
    """
    seconds = _seconds(headers, text)
    return None if seconds is None else min(max(seconds, 0.0), RETRY_AFTER)


def _seconds(headers: Mapping[str, str], text: str) -> float | None:
    value = _header(headers, "retry-after") or ""
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    if value:
        # A date, which only the server's own clock makes a duration.
        try:
            return (_moment(value) - _moment(_header(headers, "date") or "")).total_seconds()
        except (TypeError, ValueError, OverflowError):
            pass  # no date, or one with a zone and one without
    if match := re.search(_DURATION, text):
        return float(match[1]) * _SECONDS[match[2][0].lower()]
    return None


def date_ms(headers: Mapping[str, str]) -> int | None:
    """Return the answer's `Date` as Unix milliseconds, exact to the second; `None` if it has none, or none that is."""
    try:
        return int(_moment(_header(headers, "date") or "").timestamp() * 1000)
    except (TypeError, ValueError, OverflowError):
        return None


def _moment(text: str) -> datetime:
    """Read a date of HTTP. The form that is sent is read here, older ones by a library, which few will need.

    Source: RFC 9110, 5.6.7.

    Raises:
        TypeError, ValueError, OverflowError: if it is none.
    """
    if (found := re.fullmatch(_DATE, text)) and found[2] in _MONTHS:
        day, month, year, hour, minute, second = found.groups()
        return datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    from email.utils import parsedate_to_datetime

    return parsedate_to_datetime(text)


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return next((value.strip() for key, value in headers.items() if key.lower() == name), None)
