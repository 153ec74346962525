"""What a client may send: one frame read into a request, or into the error the exchange would answer.

Source: Upbit WebSocket reference, "Request format" and "Errors". Where the reference leaves an answer open, a switch
of `Answers` decides. Codes are not looked at: the exchange serves a wrong one with silence.
"""

import json
from decimal import Decimal
from typing import NamedTuple

from ..answers import Answers
from ..market.wording import FORMATS
from ..parts import Part
from .part_reader import read_part
from .refusals import RequestError

__all__ = ["Request", "parse_request"]


class Request(NamedTuple):
    """One request: data types to subscribe to, or `is_list` for LIST_SUBSCRIPTIONS."""

    ticket: str
    parts: tuple[Part, ...]
    is_list: bool
    format: str | None


def parse_request(text: str, endpoint: str, answers: Answers, *, region: str = "kr", most: int | None = 100) -> Request:
    """Return what `text` asks of `endpoint`; `most` is the number of indicator combinations allowed.

    Raises:
        RequestError: if the exchange would refuse it; the connection is then closed with 1000.
    """
    objects = _objects(text)
    ticket = _ticket(objects)
    korean = region == "kr"
    format_ = _format(objects, answers, lists=korean or answers.regional_list_formats)
    methods = [entry["method"] for entry in objects if "method" in entry]
    if methods:
        if methods[0] != "LIST_SUBSCRIPTIONS":
            raise RequestError("INVALID_PARAM")
        return Request(ticket, (), is_list=True, format=format_)
    parts = tuple(read_part(entry, endpoint, answers, region) for entry in objects if not _is_frame(entry))
    if not parts and answers.empty_request == "error":
        raise RequestError("NO_TYPE")
    for part in parts:
        if not korean and not _exists_abroad(part.type, answers):
            raise RequestError("INVALID_PARAM", part.type)
    combinations = sum(len(part.codes or ()) * len(part.combinations) for part in parts)
    if most is not None and combinations > most:
        raise RequestError("TOO_MANY_REQUEST")
    return Request(ticket, parts, is_list=False, format=format_)


def _exists_abroad(type_: str, answers: Answers) -> bool:
    """Whether a type is served in the regions beside Korea too."""
    if type_.startswith("candle"):
        return answers.regional_candles
    if type_ == "announcement":
        return answers.regional_announcements
    return answers.regional_indicators or not type_.startswith("indicator")


def _objects(text: str) -> list[dict[str, object]]:
    try:
        value = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as exc:
        raise RequestError("WRONG_FORMAT") from exc
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise RequestError("WRONG_FORMAT")
    return value


def _ticket(objects: list[dict[str, object]]) -> str:
    tickets = [entry["ticket"] for entry in objects if "ticket" in entry]
    if not tickets or not isinstance(tickets[0], str) or not tickets[0]:
        raise RequestError("NO_TICKET")
    return tickets[0]


def _format(objects: list[dict[str, object]], answers: Answers, *, lists: bool) -> str | None:
    formats = [entry["format"] for entry in objects if "format" in entry and "type" not in entry]
    if not formats:
        return None
    if formats[-1] in (FORMATS if lists else FORMATS[:2]):
        return str(formats[-1])
    if answers.wrong_format_name == "error":
        raise RequestError("INVALID_PARAM")
    return "DEFAULT"


def _is_frame(entry: dict[str, object]) -> bool:
    """Whether the object is the ticket or the format, not a data type."""
    return "type" not in entry and ("ticket" in entry or "format" in entry)
