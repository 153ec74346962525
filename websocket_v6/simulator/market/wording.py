"""Messages and their JSON text, in either length of keys and any spelling of numbers.

Source: Upbit WebSocket reference, "Formats" and "Frames from the server"; message_keys.py has the keys.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from .message_keys import FIELDS, INNER, Field
from .spelling import SPELLINGS, Speller

__all__ = ["FORMATS", "Bulletin", "Wording", "compact", "utc_text"]

FORMATS = ("DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST")

_ABSENT = object()


class Bulletin:
    """One message of the exchange before it has a format: its type, code and fields under their long names.

    Fields hold exact decimals, ints, strings, booleans and None. A field that is absent stays off the wire.
    Its texts are made once for each wording and stream type, however many connections take it.
    """

    __slots__ = ("_texts", "code", "fields", "type")

    def __init__(self, type_: str, code: str, fields: Mapping[str, object]) -> None:
        self.type = type_
        self.code = code
        self.fields = fields
        self._texts: dict[tuple[str, str], str] = {}

    def text(self, wording: "Wording", stream_type: str) -> str:
        """Return the JSON object, without the array of the list formats."""
        key = (wording.name, stream_type)
        text = self._texts.get(key)
        if text is None:
            text = self._texts[key] = wording.spell(self.type, self.fields, stream_type)
        return text

    def told_at(self, ms: int) -> "Bulletin":
        """Return the message with another `timestamp`."""
        return Bulletin(self.type, self.code, {**self.fields, "timestamp": ms})


class Wording:
    """One way to write messages: long or short keys, and a spelling of numbers."""

    def __init__(self, *, short: bool, numbers: str = "2026") -> None:
        self.short = short
        # What its texts are kept under: another one with this name writes the same, and one of the same `id` may not.
        self.name = f"{numbers} {'short' if short else 'long'}"
        self._pairs = f"{self.name} pairs"
        self._spellers: Mapping[str, Speller] = SPELLINGS[numbers][short]
        self._plans = {name: [self._plan(field) for field in fields] for name, fields in FIELDS.items()}

    def spell(self, type_: str, fields: Mapping[str, object], stream_type: str) -> str:
        """Return the JSON text of one message."""
        parts = []
        for name, key, write, speller in self._plans[type_.partition(".")[0]]:
            value = fields.get(name, _ABSENT)
            kind = type(value)
            # The common kinds first, and without another call: a busy exchange spells half a million of them a second.
            if kind is Decimal and speller is not None:
                parts.append(key + speller(value))  # type: ignore[arg-type]
            elif kind is int:
                parts.append(f"{key}{value}")
            elif value is not _ABSENT:
                parts.append(key + write(value))
            elif name == "stream_type":
                parts.append(f'{key}"{stream_type}"')
        return "{" + ",".join(parts) + "}"

    def _plan(self, field: Field) -> tuple[str, str, Callable[[object], str], Speller | None]:
        name, short, kind = field
        speller = self._spellers.get(kind)
        write = self._writer(kind)
        return name, f'"{short if self.short else name}":', write, speller if write is _as_is else None

    def _writer(self, kind: str) -> Callable[[object], str]:
        if kind in {"params", "event_params", "value"}:
            return lambda value: self._object(kind, value)
        if kind == "assets":
            return lambda value: self._assets(value)
        if kind == "units":
            return lambda value: self._units(value)
        return _level if kind == "level" else _as_is

    def _object(self, kind: str, value: object) -> str:
        assert isinstance(value, Mapping)
        keys = INNER[kind] if self.short else {}
        spell = self._spellers["value"] if kind == "value" else _param
        pairs = (
            f'"{keys.get(key, key)}":{spell(inner) if isinstance(inner, Decimal) else _as_is(inner)}'
            for key, inner in value.items()
        )
        return "{" + ",".join(pairs) + "}"

    def _assets(self, value: object) -> str:
        assert isinstance(value, Iterable)
        keys = INNER["assets"]
        currency, balance, locked = keys.values() if self.short else keys
        money = self._spellers["money"]
        return _array(
            f'{{"{currency}":"{name}","{balance}":{money(free)},"{locked}":{money(held)}}}'
            for name, free, held in value
        )

    def _units(self, value: object) -> str:
        """Spell pairs of (ask, bid) levels; an empty slot is two integer zeros, as in the samples."""
        assert isinstance(value, Iterable)
        keys = INNER["units"]
        ask_price, bid_price, ask_size, bid_size = keys.values() if self.short else keys
        pairs = self._pairs
        spelling = (self.name, self._spellers["quote"], self._spellers["size"])
        parts = []
        for ask, bid in value:
            # Most pairs were in the book before; asking their levels costs a call for each.
            met, text = ask.__dict__.get(pairs) or (None, "")
            if met is not bid:
                price_above, size_above = ask.spelled(*spelling)
                price_below, size_below = bid.spelled(*spelling)
                text = (
                    f'{{"{ask_price}":{price_above},"{bid_price}":{price_below},'
                    f'"{ask_size}":{size_above},"{bid_size}":{size_below}}}'
                )
                ask.__dict__[pairs] = (bid, text)
            parts.append(text)
        return _array(parts)


def compact(value: object) -> str:
    """Return `value` as JSON the way the exchange writes it: no spaces, Korean letters as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=1024)
def _date_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def utc_text(ms: int) -> str:
    """Return a time as `yyyy-MM-ddTHH:mm:ss`, UTC."""
    return _date_time(ms // 1000)


def _as_is(value: object) -> str:
    if type(value) is int:
        return str(value)
    if isinstance(value, str):
        return _quoted(value)
    return compact(value)


@lru_cache(maxsize=16_384)
def _quoted(value: str) -> str:
    return compact(value)


def _level(value: object) -> str:
    assert isinstance(value, Decimal)
    return format(value.normalize(), "f")


def _param(value: Decimal) -> str:
    """Spell a multiplier: `2`, `2.0` and `2.00` are equal and come back as `2.0`."""
    return format(value.quantize(Decimal("0.1")), "f")


def _array(parts: Iterable[str]) -> str:
    return "[" + ",".join(parts) + "]"
