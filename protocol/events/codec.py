"""Checking a message, and one pass over it for all fields of its event in either of the exchange's two spellings."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from ..errors import RemoteProtocolError
from .fields import Field, Number

__all__ = [
    "DEFAULT_HEAD",
    "MALFORMED",
    "NULL",
    "SIMPLE_HEAD",
    "Codec",
    "check",
    "checked_text",
    "has_full_names",
    "keep_minus_zero",
    "malformed",
]

# How messages begin, in all that is known of the exchange since 2019.
SIMPLE_HEAD = '{"ty":"'
DEFAULT_HEAD = '{"type":"'

NULL = msgspec.Raw(b"null")  # for an absent object: absent and null mean the same

# What decoding of outside bytes may raise: broken UTF-8 or JSON, wrong types, nesting too deep, numbers out of range.
MALFORMED = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, msgspec.MsgspecError)

# Skips through a message and so checks its syntax, and only that.
check = msgspec.json.Decoder(msgspec.Raw).decode

_is_finite = Decimal.is_finite
_values = msgspec.structs.astuple
_by_name = msgspec.structs.asdict


def malformed(what: str, message: bytes | str, reason: object) -> RemoteProtocolError:
    """Make the error for a malformed message; it holds no more than a cut of it."""
    return RemoteProtocolError(f"malformed {what}: {message[:80]!r}: {reason}")


def checked_text(payload: bytes) -> str:
    """Return the text of a message after checking that it is one JSON value in UTF-8.

    Raises:
        RemoteProtocolError: if it is anything else.
    """
    try:
        check(payload)
        return payload.decode()
    except MALFORMED as exc:
        raise malformed("message", payload, exc) from exc


class Codec:
    """Decodes all fields of one event type."""

    def __init__(self, fields: Mapping[str, Field[Any]]) -> None:
        self._fields = sorted(fields.items(), key=lambda item: item[1].wire is not None)
        self._names = tuple(name for name, _ in self._fields)
        self._numbers = sum(field.wire is None for _, field in self._fields)
        self._converts = [(name, field.convert) for name, field in self._fields if field.convert is not None]
        self._decoders: dict[tuple[bool, Number], Callable[[str], msgspec.Struct]] = {}

    def decode(self, text: str, number: Number) -> dict[str, Any]:
        """Decode all fields; one that is absent or null is None.

        Raises:
            RemoteProtocolError: if the message is not an object or a field has a wrong type.
        """
        try:
            is_full = has_full_names(text)
            fields = self._exactly(text, is_full) if number is Decimal else self._with_floats(text, is_full, number)
            for name, convert in self._converts:
                fields[name] = convert(fields[name], number)
        except MALFORMED as exc:
            raise malformed("message", text, exc) from exc
        return fields

    def _exactly(self, text: str, is_full: bool) -> dict[str, Any]:
        message = self._decoder(is_full, Decimal)(keep_minus_zero(text))
        # msgspec takes "NaN" for a decimal.
        if not all(map(_is_finite, filter(None, _values(message)[: self._numbers]))):
            raise ValueError("a number that is not finite")
        return _by_name(message)

    def _with_floats(self, text: str, is_full: bool, number: Number) -> dict[str, Any]:
        try:
            return _by_name(self._decoder(is_full, number)(text))
        except msgspec.ValidationError:  # a number beyond the floats, or one sent as a string
            fields = self._exactly(text, is_full)
        for name in self._names[: self._numbers]:
            if fields[name] is not None:
                fields[name] = number(str(fields[name]))
        return fields

    def _decoder(self, is_full: bool, number: Number) -> Callable[[str], msgspec.Struct]:
        # Made when first needed: most programs see two or three types in one format.
        decoder = self._decoders.get((is_full, number))
        if decoder is None:
            message = msgspec.defstruct(
                "Message",
                [(name, *_wire(field, number)) for name, field in self._fields],
                rename={} if is_full else {name: field.short for name, field in self._fields},
                gc=False,
            )
            decoder = self._decoders[is_full, number] = msgspec.json.Decoder(message).decode
        return decoder


def _wire(field: Field[Any], number: Number) -> tuple[Any, Any]:
    """Return the type that msgspec is to expect and the value for an absent field."""
    if field.wire is None:
        return number | None, None  # type: ignore[operator]
    return field.wire, NULL if field.wire is msgspec.Raw else None


class _Probe(msgspec.Struct):
    type: msgspec.Raw = NULL
    code: msgspec.Raw = NULL
    market: msgspec.Raw = NULL


_probe = msgspec.json.Decoder(_Probe).decode


def has_full_names(text: str) -> bool:
    """Tell DEFAULT from SIMPLE, by the keys that say what a message is."""
    if text.startswith(SIMPLE_HEAD):
        return False
    if text.startswith(DEFAULT_HEAD):
        return True
    # Another order or spacing of keys, or no type as in 2018.
    probe = _probe(text)
    return not (probe.type == probe.code == probe.market == NULL)


# Begins with plain text, which makes it fast; it also finds an exponent.
_may_have_minus_zero = re.compile(r"-0\s*[,}\]]").search
_STRING_OR_MINUS_ZERO = re.compile(r'"(?:[^"\\]|\\.)*"|(?<![eE])-0(?=\s*[,}\]])')


def keep_minus_zero(text: str) -> str:
    """Spell -0 so that msgspec sees no integer in it, which has no sign to keep."""
    if _may_have_minus_zero(text):
        return _STRING_OR_MINUS_ZERO.sub(lambda found: "-0e0" if found[0] == "-0" else found[0], text)
    return text
