"""Fields of events: descriptors that take their value out of the message's text when it is first read.

Most programs read two or three of thirty fields, and turning a number's text into an exact decimal costs more than
finding it. So a field finds itself by its key, converts its text once and leaves the value in the event's `__dict__`,
where the next read finds it at the speed of any attribute. After some fields of one event, one pass over the message
for all of them is cheaper (codec.py).

Finding by key is exact, not a guess: the text is JSON already checked, one object with no object inside. In such a
text `,"tp":` can only be a key, since a quote inside a string is escaped. Of a key that is repeated in one spelling
the last counts, as for any JSON parser. Where a key is not found (absent, first, or spaced), or its text is not plain
(null, an escape), the pass over the whole message decides.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from .base import Event

__all__ = [
    "Field",
    "Number",
    "integer",
    "number",
    "optional_flag",
    "optional_integer",
    "optional_number",
    "optional_text",
    "read_text",
    "text",
]

T = TypeVar("T")
Number = Callable[[str], Decimal | float]  # what makes a number of its text: Decimal or float

# Of what an event holds of itself, its text and fields: a pass over all fields costs about as much as so many lookups.
_MANY = 9

_FLAGS = {"true": True, "false": False}


class Field(Generic[T]):
    """One field of an event, under its DEFAULT name; `short` is its SIMPLE name.

    `read` makes the value of its text in the message, or raises if that is not plain; without it the event's own type
    of numbers does. `wire` is what msgspec expects in the message, without it a number, and `convert` makes the value
    of that and of the event's type of numbers.
    """

    def __init__(
        self,
        short: str,
        wire: Any = None,
        read: Callable[[str], T] | None = None,
        convert: Callable[[Any, Number], T] | None = None,
    ) -> None:
        self.short = short
        self.wire = wire
        self.convert = convert
        self._read = read
        self._name = ""
        self._short_key = self._full_key = ("", 0)

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        self._short_key = _key(self.short)
        self._full_key = _key(name)

    @overload
    def __get__(self, event: None, owner: type) -> "Field[T]": ...
    @overload
    def __get__(self, event: "Event", owner: type) -> T: ...
    def __get__(self, event: "Event | None", owner: type) -> "Field[T] | T":
        if event is None:
            return self
        values: dict[str, Any] = event.__dict__
        if "_text" not in values:
            event.load()
            if self._name in values:
                return values[self._name]  # type: ignore[no-any-return]
        if len(values) < _MANY:
            text = values["_text"]
            try:
                # {"type" and {"ty" differ in the fifth character, and no text begins in another way.
                key, length = self._full_key if text[4] == "p" else self._short_key
                start = text.rfind(key)
                if start > 0:
                    start += length
                    # Without a comma `find` gives -1, which cuts off the closing brace.
                    read = self._read or event._number
                    value = values[self._name] = read(text[start : text.find(",", start)])
                    return value
            except (ValueError, ArithmeticError, LookupError):
                pass  # not plain
        event._read_all()
        return values[self._name]  # type: ignore[no-any-return]


def _key(name: str) -> tuple[str, int]:
    key = f',"{name}":'
    return key, len(key)


def number(short: str) -> Field[Decimal]:
    """A number, exact: `Decimal` of its text in the message."""
    return Field(short)


def integer(short: str) -> Field[int]:
    """An integer: a time in milliseconds, an id, a count."""
    return Field(short, int | None, int)


def text(short: str) -> Field[str]:
    """A string."""
    return Field(short, str | None, read_text)


def optional_number(short: str) -> Field[Decimal | None]:
    """A number that the exchange leaves out or sends as null at times."""
    return Field(short)


def optional_integer(short: str) -> Field[int | None]:
    """An integer that the exchange leaves out or sends as null at times."""
    return Field(short, int | None, int)


def optional_text(short: str) -> Field[str | None]:
    """A string that the exchange leaves out or sends as null at times."""
    return Field(short, str | None, read_text)


def optional_flag(short: str) -> Field[bool | None]:
    """A truth value that the exchange leaves out or sends as null at times."""
    return Field(short, bool | None, _FLAGS.__getitem__)


def read_text(quoted: str) -> str:
    """Return the string that `quoted` is if it holds no escape.

    Raises:
        ValueError: if it is anything else.
    """
    if len(quoted) < 2 or quoted[0] != '"' or quoted[-1] != '"' or "\\" in quoted:
        raise ValueError(quoted)
    return quoted[1:-1]
