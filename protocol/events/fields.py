"""Fields of events: read-only attributes that are decoded when they are first read, and then together.

A program reads the same two or three of thirty fields of every event, and turning the text of a number into an exact
decimal costs more than all else. So the pass over a message that checks it decodes just those fields that are read
(codec.py), and leaves them in a struct behind the event's `_values`. Reading one of them is then a matter of C alone;
one that is not there is decoded by `Event._read`. Without the module in C, Python asks that after an AttributeError.
"""

import math
from collections.abc import Callable
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from ..fast import Decoded

if TYPE_CHECKING:
    _Attribute = object  # its own `__get__` knows no types
else:
    _Attribute = Decoded or property

__all__ = [
    "Field",
    "Number",
    "integer",
    "number",
    "optional_flag",
    "optional_integer",
    "optional_number",
    "optional_text",
    "text",
    "to_kind",
]

T = TypeVar("T")
Number = Callable[[str], Decimal | float]  # what makes a number of its text: Decimal or float


def to_kind(value: Decimal, number: Number) -> Decimal | float:
    """Return an exact number as one of the kind `number`: itself, or the nearest float.

    Raises:
        ValueError: if it is beyond the floats: an infinite price would be taken for one.
    """
    if number is Decimal:
        return value
    found = number(str(value))
    if math.isinf(found):
        raise ValueError("a number beyond the floats")
    return found


class Field(_Attribute, Generic[T]):
    """One field of an event, under its DEFAULT name or `full`; `short` is its SIMPLE name, `meaning` what it holds.

    `wire` is what msgspec expects in the message, without it a number of the event's own kind, and `convert` makes the
    value of that and of the event's kind of numbers.
    """

    def __init__(
        self,
        short: str,
        wire: Any = None,
        convert: Callable[[Any, Number], T] | None = None,
        full: str = "",
        *,
        meaning: str = "",
        kind: str = "",
    ) -> None:
        self.short = short
        self.meaning = meaning
        self.kind = kind
        self.full = full
        self.wire = wire
        self.convert = convert

    def __set_name__(self, owner: type, name: str) -> None:
        self.full = self.full or name
        if not TYPE_CHECKING:
            shown = f"{self.meaning} ({self.kind}; the exchange's `{self.full}`, `{self.short}` in SIMPLE.)"
            if Decoded is None:
                super().__init__(attrgetter(f"_values.{name}"))
            else:
                self.bind(owner._values, name, owner._read)
            self.__doc__ = shown

    if TYPE_CHECKING:

        @overload
        def __get__(self, event: None, owner: type) -> "Field[T]": ...
        @overload
        def __get__(self, event: object, owner: type) -> T: ...
        def __get__(self, event: object, owner: type) -> "Field[T] | T": ...


def number(short: str, meaning: str) -> Field[Decimal]:
    """A number, exact: `Decimal` of its text in the message."""
    return Field(short, meaning=meaning, kind="Decimal")


def integer(short: str, meaning: str) -> Field[int]:
    """An integer: a time in milliseconds, an id, a count."""
    return Field(short, int | None, meaning=meaning, kind="int")


def text(short: str, meaning: str) -> Field[str]:
    """A string."""
    return Field(short, str | None, meaning=meaning, kind="str")


def optional_number(short: str, meaning: str) -> Field[Decimal | None]:
    """A number that the exchange leaves out or sends as null at times."""
    return Field(short, meaning=meaning, kind="Decimal or None")


def optional_integer(short: str, meaning: str) -> Field[int | None]:
    """An integer that the exchange leaves out or sends as null at times."""
    return Field(short, int | None, meaning=meaning, kind="int or None")


def optional_text(short: str, meaning: str) -> Field[str | None]:
    """A string that the exchange leaves out or sends as null at times."""
    return Field(short, str | None, meaning=meaning, kind="str or None")


def optional_flag(short: str, meaning: str) -> Field[bool | None]:
    """A truth value that the exchange leaves out or sends as null at times."""
    return Field(short, bool | None, meaning=meaning, kind="bool or None")
