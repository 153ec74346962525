"""One pass over a message: it checks the syntax of all of it and decodes the fields that are wanted, in C.

Which fields these are a Codec learns from what is read. It forgets them at times, so that a field that was of interest
once is not decoded for ever.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from .. import fast
from ..errors import RemoteProtocolError
from ..limits import EXCERPT_CHARACTERS
from ..outside_text import excerpt, outside_text
from .fields import Field, Number, to_kind
from .plain import plain

if TYPE_CHECKING:
    from .. import _fast

__all__ = [
    "DEFAULT_HEAD",
    "HEAD",
    "MALFORMED",
    "NULL",
    "SIMPLE_HEAD",
    "Codec",
    "checked_text",
    "has_full_names",
    "keep_minus_zero",
    "malformed",
    "may_have_minus_zero",
]

# How messages begin, in all that is known of the exchange since 2019.
SIMPLE_HEAD = b'{"ty":"'
DEFAULT_HEAD = b'{"type"'
HEAD = slice(len(SIMPLE_HEAD))

NULL = msgspec.Raw(b"null")  # for an absent object: absent and null mean the same

# What decoding of outside bytes may raise: broken UTF-8 or JSON, wrong types, nesting too deep, numbers out of range.
MALFORMED = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, msgspec.MsgspecError)

MEMORY = 256  # messages from one sample of what is read to the next
_MANY = 8  # fields beyond which all are decoded
_SETS = 64  # of decoders; who reads ever other fields has them all decoded for a while

_values = msgspec.structs.astuple
_NOTHING: frozenset[str] = frozenset()

Decode = Callable[[bytes | str], Any]
Convert = Callable[[Any, Number], Any]
# How the next message is to be decoded, and how to get at what is to be looked at of the result, if anything is. And
# what does both in C where the message is plain, if there is such a thing for what is wanted.
Turn = tuple[Decode, Callable[[Any], tuple[Decimal | None, ...]] | None, "_fast.Picker | None"]

# What the module in C can make of a value, by what msgspec is told to expect.
_PICKED: dict[Any, str] = {
    None: "number",
    int | None: "integer",
    str | None: "text",
    bool | None: "flag",
    msgspec.Raw: "levels",
}


def malformed(what: str, message: bytes | str, reason: object) -> RemoteProtocolError:
    """Make the error for a malformed message; it holds no more than a cut of it."""
    beginning = excerpt(message) if isinstance(message, bytes) else outside_text(message, EXCERPT_CHARACTERS)
    return RemoteProtocolError(f"malformed {what}: {beginning!r}: {outside_text(reason)}")


class Codec:
    """Decodes the messages of one event type with one kind of numbers.

    `turns` is the short way, by the `HEAD` of a message: an iterator of Turns, exhausted when a `sample` is
    due. What it gives is right if its numbers are finite and none of them is a zero whose sign msgspec may have lost.
    The other methods are the long way and always right.

    What is read of a sample, of which nothing is decoded before, is what is decoded of the messages after the next one.
    If that is nothing, as when events are collected and read later, all stays as it is. Threads share a codec; what two
    of them teach it at the same moment may be half lost.
    """

    def __init__(self, owner: type, fields: Mapping[str, Field[Any]], number: Number) -> None:
        self._owner = owner
        self._fields = fields
        self.number = number
        self._messages: dict[tuple[frozenset[str], bool, Number], _Message] = {}
        self._all = frozenset(fields)
        self._learned = _NOTHING
        self._recent = _NOTHING  # what was read the long way since the last sample
        self._was_read_in_full = False
        self.turns: dict[bytes, Iterator[Turn]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return _codec_of, (self._owner, self.number)  # events refer to it

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, name: object) -> bool:
        """Whether there is a field of this name."""
        return name in self._all

    def spell_out(self, values: Any, payload: bytes) -> None:
        """Look at the numbers of a message one by one, and have those shown in plain digits that were not.

        Raises:
            ValueError: if one is not finite, or a zero whose sign may be lost.
        """
        for name in values.__struct_fields__:
            number = getattr(values, name)
            if isinstance(number, Decimal):
                if not number.is_finite() or (not number and may_have_minus_zero(payload)):
                    raise ValueError
                if "E" in str(number):
                    setattr(values, name, plain(number))

    def sample(self, payload: bytes) -> Any:
        """Check a message and decode nothing of it, so that whatever is read of it is noticed.

        Raises:
            RemoteProtocolError: if it is not one JSON object in UTF-8.
        """
        recent, self._recent = self._recent, _NOTHING
        self._was_read_in_full = False
        self._learn(recent or self._learned)
        return self._decode(payload, _NOTHING)

    def check(self, payload: bytes) -> Any:
        """Check a message and decode what is usually read, or nothing if that holds something else than it should.

        Raises:
            RemoteProtocolError: if it is not one JSON object in UTF-8.
        """
        if not self.turns:
            self._learn(_NOTHING)
        try:
            return self._decode(payload, self._learned)
        except RemoteProtocolError:
            return self._decode(payload, _NOTHING)

    def decode(self, payload: bytes, name: str, known: Iterable[str]) -> Any:
        """Decode the field `name` of a message of which `known` are decoded, and these again.

        Raises:
            RemoteProtocolError: if that field is of a wrong type, or the message malformed.
        """
        names = self._rounded(frozenset((*known, name)))
        self._recent |= names
        if name not in self._learned:
            self._learn(self._rounded(self._learned | names))
        try:
            return self._decode(payload, names)
        except RemoteProtocolError:  # of another field, perhaps
            return self._decode(payload, frozenset((name,)))

    def decode_all(self, payload: bytes) -> Any:
        """Decode all fields. Who wants that for one message may not want it again; who does so twice will.

        Raises:
            RemoteProtocolError: if any field is of a wrong type, or the message malformed.
        """
        if self._was_read_in_full:
            self._recent = self._all
            self._learn(self._all)
        self._was_read_in_full = True
        return self._decode(payload, self._all)

    def _rounded(self, names: frozenset[str]) -> frozenset[str]:
        if len(self._messages) > _SETS:
            self._messages.clear()
            return self._all
        return self._all if len(names) > _MANY else names

    def _learn(self, names: frozenset[str]) -> None:
        self._learned = names
        self.turns = {
            head: repeat(
                (self._short_way(names, is_full), self._exact_numbers(names), self._picker(names, is_full)), MEMORY
            )
            for head, is_full in ((SIMPLE_HEAD, False), (DEFAULT_HEAD, True))
        }

    def _exact_numbers(self, names: frozenset[str]) -> Callable[[Any], tuple[Decimal | None, ...]] | None:
        numbers = self._numbers(names)
        # Floats need no second look: msgspec refuses all that is not one, and their sign at zero does not count.
        if not numbers or self.number is not Decimal:
            return None
        if len(numbers) == len(names):
            return _values
        return attrgetter(*numbers, numbers[0])  # of a single name it would not make a tuple

    def _numbers(self, names: frozenset[str]) -> list[str]:
        return [name for name in names if self._fields[name].wire is None]

    def _short_way(self, names: frozenset[str], is_full: bool) -> Decode:
        decode = self._decoder(names, is_full, self.number)
        converts = self._converts(names)
        if not converts:
            return decode  # msgspec's own: no call of Python in between
        return lambda payload: self._converted(decode(payload), converts)

    def _converts(self, names: frozenset[str]) -> list[tuple[str, Convert]]:
        fields = ((name, self._fields[name].convert) for name in names)
        return [(name, convert) for name, convert in fields if convert is not None]

    def _converted(self, values: Any, converts: list[tuple[str, Convert]]) -> Any:
        for name, convert in converts:
            setattr(values, name, convert(getattr(values, name), self.number))
        return values

    def _decode(self, payload: bytes, names: frozenset[str]) -> Any:
        try:
            text = payload.decode()
            is_full = has_full_names(payload)
            if self.number is Decimal:
                values = self._exactly(text, names, is_full)
            else:
                values = self._inexactly(text, names, is_full)
            return self._converted(values, self._converts(names))
        except MALFORMED as exc:
            raise malformed("message", payload, exc) from exc

    def _exactly(self, text: str, names: frozenset[str], is_full: bool) -> Any:
        values = self._decoder(names, is_full, Decimal)(keep_minus_zero(text))
        # msgspec takes "NaN" for a decimal.
        for name in self._numbers(names):
            number = getattr(values, name)
            if number is not None:
                if not number.is_finite():
                    raise ValueError("a number that is not finite")
                setattr(values, name, plain(number))
        return values

    def _inexactly(self, text: str, names: frozenset[str], is_full: bool) -> Any:
        try:
            return self._decoder(names, is_full, self.number)(text)
        except msgspec.ValidationError:  # a number beyond the floats, or one sent as a string
            values = self._exactly(text, names, is_full)
        for name in self._numbers(names):
            value = getattr(values, name)
            if value is not None:
                setattr(values, name, to_kind(value, self.number))
        return values

    def _picker(self, names: frozenset[str], is_full: bool) -> "_fast.Picker | None":
        """Return what picks these fields out of a plain message in C; None if one is none that it knows."""
        fields = {name: field for name, field in self._fields.items() if name in names}
        if fast.Picker is None or any(one.convert or one.wire not in _PICKED for one in fields.values()):
            return None
        picked = tuple((_wire_name(field, is_full).encode(), _PICKED[field.wire]) for field in fields.values())
        numbers = _numbers if self.number is Decimal else None
        return fast.Picker(self._message(names, is_full, self.number).made, picked, numbers, msgspec.Raw)

    def _decoder(self, names: frozenset[str], is_full: bool, number: Number) -> Decode:
        return self._message(names, is_full, number).decode

    def _message(self, names: frozenset[str], is_full: bool, number: Number) -> "_Message":
        # Made when first needed: most programs see two or three types in one format, and read a few fields of each.
        message = self._messages.get((names, is_full, number))
        if message is None:
            # In the order of the exchange, as far as it is known: there msgspec looks first.
            fields = {name: field for name, field in self._fields.items() if name in names}
            made = msgspec.defstruct(
                "Message",
                [(name, *_wire(field, number)) for name, field in fields.items()],
                rename={name: _wire_name(field, is_full) for name, field in fields.items()},
                gc=False,
            )
            message = self._messages[names, is_full, number] = _Message(made, msgspec.json.Decoder(made).decode)
        return message


class _Message(NamedTuple):
    """A set of fields of a message: what holds their values, and what decodes them."""

    made: type[msgspec.Struct]
    decode: Decode


_numbers = None if fast.Numbers is None else fast.Numbers(Decimal, lambda text: plain(Decimal(text)))


def _codec_of(owner: Any, number: Number) -> Codec:
    codec: Codec = owner._codecs[number]
    return codec


def _wire_name(field: Field[Any], is_full: bool) -> str:
    return field.full if is_full else field.short


def _wire(field: Field[Any], number: Number) -> tuple[Any, Any]:
    """Return the type that msgspec is to expect and the value for an absent field."""
    if field.wire is None:
        return number | None, None  # type: ignore[operator]
    return field.wire, NULL if field.wire is msgspec.Raw else None


# Skips through a message and so checks its syntax, and only that.
_check = msgspec.json.Decoder(msgspec.Raw).decode


def checked_text(payload: bytes) -> str:
    """Return the text of a message after checking that it is one JSON value in UTF-8.

    Raises:
        RemoteProtocolError: if it is anything else.
    """
    try:
        _check(payload)
        return payload.decode()
    except MALFORMED as exc:
        raise malformed("message", payload, exc) from exc


class _Probe(msgspec.Struct):
    type: msgspec.Raw = NULL
    code: msgspec.Raw = NULL
    market: msgspec.Raw = NULL


_probe = msgspec.json.Decoder(_Probe).decode


def has_full_names(payload: bytes) -> bool:
    """Tell DEFAULT from SIMPLE, by the keys that say what a message is."""
    if payload.startswith(SIMPLE_HEAD):
        return False
    if payload.startswith(DEFAULT_HEAD):
        return True
    # Another order or spacing of keys, or no type as in 2018.
    probe = _probe(payload)
    return not (probe.type == probe.code == probe.market == NULL)


# Each begins with plain text, which makes it fast; it also finds an exponent.
_find_minus_zero = re.compile(r"-0\s*[,}\]]").search
may_have_minus_zero = re.compile(rb"-0\s*[,}\]]").search
_STRING_OR_MINUS_ZERO = r'"(?:[^"\\]|\\.)*"|(?<![eE])-0(?=\s*[,}\]])'


def keep_minus_zero(text: str) -> str:
    """Spell -0 so that msgspec sees no integer in it, which has no sign to keep."""
    if _find_minus_zero(text):
        return re.sub(_STRING_OR_MINUS_ZERO, lambda found: "-0e0" if found[0] == "-0" else found[0], text)
    return text
