"""One call as its handler sees it: parameters in their order, who calls, and the time whose state is shown.

Parameters come in the query, in a JSON body (POST, and what some clients send with DELETE) or in a form.
Source: Upbit REST reference, "Authentication" (what a query's hash is made of).
"""

import json
from collections.abc import Collection, Iterable
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from ..account.desk import Desk
from ..market.one_market import Market
from ..market.trading_floor import TradingFloor
from ..wire.house import House

__all__ = ["CallRefused", "Params", "Visit"]


class CallRefused(Exception):  # noqa: N818  # an answer, not a fault of ours
    """A call the exchange refuses; quotation calls have the status as its name."""

    def __init__(self, status: int, message: str, name: str | int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.name = status if name is None else name


class Params:
    """The parameters of a call."""

    def __init__(self, query: str = "", body: bytes = b"", content_type: str = "") -> None:
        """Read them.

        Raises:
            CallRefused: if the body is not what it says it is.
        """
        self.pairs = parse_qsl(query, keep_blank_values=True)
        texts = [query] if query else []
        if body.strip():
            if body.lstrip()[:1] == b"{" or "json" in content_type:
                pairs = list(_json_pairs(body))
                text = "&".join(f"{name}={value}" for name, value in pairs)
            else:
                text = body.decode("utf-8", "replace")
                pairs = parse_qsl(text, keep_blank_values=True)
            self.pairs += pairs
            texts.append(text)
        sent = "&".join(texts)
        # The hash is of the text before it was encoded for the way.
        plain = "&".join(f"{name}={value}" for name, value in self.pairs)
        self.hashed: Collection[str] = {unquote(sent), plain} if self.pairs else ()

    def get(self, name: str) -> str | None:
        """Return the last value of that name; an empty one counts as none."""
        return next((value for key, value in reversed(self.pairs) if key == name and value), None)

    def many(self, name: str) -> list[str]:
        """Return the values of an array, written `name[]=a&name[]=b` or `name=a,b`."""
        values = [value for key, value in self.pairs if key == f"{name}[]"]
        single = self.get(name)
        return values or (single.split(",") if single else [])

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole number between `low` and `high`."""
        text = self.get(name) or str(default)
        if not text.isascii() or not text.isdecimal() or len(text) > 20:
            raise CallRefused(400, f"{name} must be a number")
        if not low <= int(text) <= high:
            raise CallRefused(400, f"{name} must be between {low} and {high}")
        return int(text)


class Visit(NamedTuple):
    """One call."""

    house: House
    floor: TradingFloor
    desk: Desk
    params: Params
    as_of: float  # what is shown is what was then: replicas lag
    key: str = ""  # of exchange calls
    unit: str = ""  # of candles, from the path

    @property
    def korean(self) -> bool:
        return self.house.region == "kr"

    def market(self, code: str) -> Market:
        # REST takes lower case, which the socket does not.
        market = self.floor.markets.get(code.strip().upper())
        if market is None:
            raise CallRefused(404, "Code not found")
        return market

    def needed(self, name: str) -> str:
        value = self.params.get(name)
        if value is None:
            raise CallRefused(400, f"Missing request parameter error. Check the required parameters! ({name})")
        return value


def _json_pairs(body: bytes) -> Iterable[tuple[str, str]]:
    try:
        # Numbers stay as they are written.
        fields = json.loads(body, parse_float=str, parse_int=str)
    except ValueError as error:
        raise CallRefused(400, "The body is not JSON.", "invalid_parameter") from error
    if not isinstance(fields, dict):
        raise CallRefused(400, "The body is no JSON object.", "invalid_parameter")
    for name, value in fields.items():
        if isinstance(value, list):
            yield from ((f"{name.removesuffix('[]')}[]", _text(one)) for one in value)
        elif value is not None:
            yield name, _text(value)


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
