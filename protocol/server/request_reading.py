"""Requests to a door, read as the exchange reads them: what they want, or the error that they are answered.

A plain client's request is refused whole for whatever is wrong in it. A guest is an engine that may be newer than its
host: what of its request this one does not know is refused by name, and the rest served.

Source: Upbit WebSocket reference, "Request format", "Semantics", "Errors". Where that is silent: objects may stand in
any order, an unknown format is DEFAULT, a request without data types is NO_TYPE.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from websocket_v6.protocol.exchange.indicators import MAX_COMBINATIONS
from websocket_v6.protocol.exchange.requests import REACH
from websocket_v6.protocol.exchange.wants import Want

from .request_error import RequestError
from .request_objects import Part, read_object
from .unknown_objects import streams_of, taken_apart
from .words import Refused

__all__ = [
    "FORMATS",
    "MAX_GUEST_REQUEST",
    "MAX_REQUEST",
    "Refused",
    "Request",
    "RequestError",
    "read_guest_request",
    "read_request",
]

FORMATS = ("DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST")
MAX_REQUEST = 1024 * 1024  # bytes; all codes of all types, once each, are a tenth of that
MAX_GUEST_REQUEST = 4 * 1024 * 1024
_MAX_OBJECTS = 10_000
_MAX_CODES = 200_000  # in all objects: several times what there is

_decode = msgspec.json.Decoder(list[dict[str, Any]], float_hook=Decimal).decode
# What decoding of outside bytes may raise.
_MALFORMED = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)


class Request(NamedTuple):
    """One request: wants in place of those before it, or `is_list`, the question what there is.

    `format` is `None` if it names none: the exchange reads that as DEFAULT. `shown` is how LIST_SUBSCRIPTIONS shows
    the request's objects, in the keys of DEFAULT.
    """

    ticket: str
    wants: tuple[Want, ...]
    format: str | None
    is_list: bool
    shown: tuple[Mapping[str, object], ...] = ()
    is_reach: bool = False  # of a guest: up to when has all come?


def read_request(text: bytes, endpoint: str, *, region: str) -> Request:
    """Return what a plain client asks of `endpoint`.

    Raises:
        RequestError: if the exchange would refuse it: it is answered, and the connection closed.
    """
    head, objects = _read(text, region, MAX_REQUEST)
    if head.is_list:
        return head
    if not objects:
        raise RequestError.of("NO_TYPE", region)
    parts = [read_object(one, endpoint, region) for one in objects]
    if sum(part.combinations for part in parts) > MAX_COMBINATIONS:
        raise RequestError.of("TOO_MANY_REQUEST", region)
    return _with_parts(head, parts)


def read_guest_request(text: bytes, endpoint: str, *, region: str) -> tuple[Request, tuple[Refused, ...]]:
    """Return what a guest asks of `endpoint`, and what of it cannot be had here. It may want nothing.

    Raises:
        RequestError: if it is no request at all.
    """
    head, objects = _read(text, region, MAX_GUEST_REQUEST, is_guest=True)
    parts: list[Part] = []
    refused: list[Refused] = []
    combinations = 0
    for one in (each for whole in objects for each in taken_apart(whole)):
        try:
            part = read_object(one, endpoint, region)
            if combinations + part.combinations > MAX_COMBINATIONS:
                raise RequestError.of("TOO_MANY_REQUEST", region)
        except RequestError as error:
            refused.append(Refused(streams_of(one), error.name, error.text))
        else:
            parts.append(_reconciled(part) if one.get("reconcile") is True else part)
            combinations += part.combinations
    return _with_parts(head, parts), tuple(refused)


def _read(text: bytes, region: str, most: int, *, is_guest: bool = False) -> tuple[Request, list[dict[str, Any]]]:
    """Return the request without its data types, and these."""
    try:
        objects = _decode(text) if len(text) <= most else None
    except _MALFORMED:
        objects = None
    if objects is None or not _is_bounded(objects):
        raise RequestError.of("WRONG_FORMAT", region)
    ticket = next((one["ticket"] for one in objects if "ticket" in one), None)
    if not isinstance(ticket, str) or not ticket:
        raise RequestError.of("NO_TICKET", region)
    format_ = _format(objects)
    method = next((one for one in objects if "method" in one), None)
    if method is None:
        return Request(ticket, (), format_, False), [one for one in objects if not _is_frame(one)]
    if method["method"] == REACH and is_guest:
        return Request(ticket, (), format_, False, is_reach=True), []
    if method["method"] != "LIST_SUBSCRIPTIONS":
        raise RequestError.of("INVALID_PARAM", region)
    return Request(ticket, (), format_, True), []


def _is_bounded(objects: Sequence[Mapping[str, Any]]) -> bool:
    lists = (value for one in objects for value in one.values() if isinstance(value, list))
    return len(objects) <= _MAX_OBJECTS and sum(map(len, lists)) <= _MAX_CODES


def _format(objects: Sequence[Mapping[str, Any]]) -> str | None:
    # Within a data type object it is no format, though tables of the reference had it there.
    named = [one["format"] for one in objects if "format" in one and "type" not in one]
    if not named:
        return None
    return next((known for known in FORMATS if known == named[-1]), "DEFAULT")


def _is_frame(one: Mapping[str, Any]) -> bool:
    """Whether it is the ticket or the format, and no data type."""
    return "type" not in one and ("ticket" in one or "format" in one)


def _reconciled(part: Part) -> Part:
    """Return what a guest wants with what the exchange has not sent, for which that has no word."""
    is_known = all(want.type in ("myOrder", "myAsset") for want in part.wants)
    wants = tuple(msgspec.structs.replace(want, reconcile=True) for want in part.wants)
    return part._replace(wants=wants) if is_known else part


def _with_parts(head: Request, parts: Sequence[Part]) -> Request:
    wants = tuple(want for part in parts for want in part.wants)
    return head._replace(wants=wants, shown=tuple(part.shown for part in parts))
