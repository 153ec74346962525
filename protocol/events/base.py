"""What all events from the exchange share: a shell around the exchange's own bytes, decoded when it is read.

The router makes one shell for each message and all components of the process share it, so making one must cost next
to nothing; `load` checks the message once, before user code sees it; a field is decoded when it is first read.
What has been found out about a message lies in the shell's `__dict__`: its fields by name, and `_text`,
empty once all fields are there. Two threads may find out the same at once; both find the same.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final, Self

import msgspec

from ..errors import RemoteProtocolError
from ..streams import Stream
from .codec import DEFAULT_HEAD, MALFORMED, SIMPLE_HEAD, Codec, check, malformed
from .fields import Field, Number, integer, text

__all__ = ["COMMON", "Event", "MarketEvent"]

# Who reads one event of a type in full will read the next ones too; after so many it is tried again. How many are left
# of them, by event class and type of numbers; empty where nobody reads that much.
_IN_FULL = 64
_read_in_full: dict[tuple[type, Number], int] = {}

# What every event has. A class names it as its `__match_args__` for type checkers, which cannot see the rest.
COMMON: Final = ("symbol", "timestamp", "received_at", "epoch", "stream_type", "type")

_BACKFILLED: Final = ("backfilled", True)


class _EventType(msgspec.StructMeta):
    """Lets `case TickerEvent(symbol, timestamp)` match by the public fields, in the order of `asdict`."""

    @property
    def __match_args__(self) -> tuple[str, ...]:  # type: ignore[override]
        fields: tuple[str, ...] = self._fields  # type: ignore[attr-defined]
        return fields


class Event(msgspec.Struct, metaclass=_EventType, frozen=True, dict=True, eq=False):
    """One message of the exchange; the subclasses add the fields of their type under the exchange's full names.

    A field that the exchange left out or sent as null is None, whatever its declared type: the types are what the
    exchange documents. Reading a field raises RemoteProtocolError if the message holds something else there.
    """

    stream: Stream  # what the router goes by: "ticker KRW-BTC"
    symbol: str  # the code; the category of an announcement; "*" where there is neither
    received_at: int  # this machine's clock, Unix nanoseconds
    epoch: int  # rises whenever messages may be missing
    _payload: bytes
    _number: Any = Decimal
    _fixed: tuple[tuple[str, Any], ...] = ()  # fields of a view that are not as the message has them

    timestamp = integer("tms")
    stream_type = text("st")

    _fields: ClassVar[tuple[str, ...]] = ()
    _codec: ClassVar[Codec]
    _has_many_fields: ClassVar[bool] = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own: dict[str, Any] = {}
        for base in reversed(cls.__mro__[: cls.__mro__.index(Event)]):
            own |= {name: value for name, value in vars(base).items() if isinstance(value, Field | property)}
        cls._fields = tuple(dict.fromkeys((*COMMON, *own)))
        fields = {"timestamp": Event.timestamp, "stream_type": Event.stream_type, **own}
        cls._codec = Codec({name: field for name, field in fields.items() if type(field) is Field})

    @property
    def type(self) -> str:
        """The exchange's data type, such as "ticker" or "candle.1m"."""
        return self.stream.partition(" ")[0]

    @property
    def backfilled(self) -> bool:
        """Whether this did not come over the socket but was fetched over REST, because a gap had swallowed it."""
        return _BACKFILLED in self._fixed

    @property
    def payload(self) -> bytes:
        """The exchange's own JSON."""
        return self._payload

    @property
    def size(self) -> int:
        """How many bytes the message has."""
        return len(self._payload)

    @property
    def is_replayed(self) -> bool:
        """Whether it is a last value, made the snapshot of a newcomer, and not one that the exchange sent as such."""
        return ("stream_type", "SNAPSHOT") in self._fixed

    def as_backfilled(self) -> Self:
        """Return this event marked as fetched over REST."""
        return self._view_with(*_BACKFILLED)

    def load(self) -> None:
        """Check the whole message; afterwards at most a single field can turn out to be of a wrong type.

        Raises:
            RemoteProtocolError: if it is not one JSON object in UTF-8, or if a field is seen to be of a wrong type.
        """
        values = self.__dict__
        if "_text" in values:
            return
        payload = self._payload
        try:
            text = payload.decode()
            if not _read_in_full or not self._is_read_in_full():
                check(payload)
                if (text[:7] == SIMPLE_HEAD or text[:9] == DEFAULT_HEAD) and text.rfind("{") == 0:
                    if self._fixed:
                        values.update(self._fixed)
                    values["_text"] = text
                    return
        except MALFORMED as exc:
            raise malformed("message", payload, exc) from exc
        # It will be read in full, or something is nested or out of the common order, and keys cannot be found.
        self._decode_all(text)

    def with_numbers(self, numbers: Number) -> Self:
        """Return this event with its numbers as `Decimal`, which is exact, or as `float`, the nearest there is."""
        return self if numbers is self._number else self._view("_number", numbers)

    def as_snapshot(self) -> Self:
        """Return this event as the snapshot that a newcomer to a running stream gets."""
        return self if self.stream_type == "SNAPSHOT" else self._view_with("stream_type", "SNAPSHOT")

    def as_realtime(self) -> Self:
        """Return this event, a snapshot, as the latest of a stream that runs."""
        return self._view_with("stream_type", "REALTIME")

    def asdict(self) -> dict[str, Any]:
        """Return all public fields by name, order book units and assets as dicts too."""
        return {name: _plain(value) for name, value in self._items()}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event) or type(self) is not type(other):
            return NotImplemented
        if (self.symbol, self.received_at, self.epoch) != (other.symbol, other.received_at, other.epoch):
            return False
        return msgspec.structs.astuple(self) == msgspec.structs.astuple(other) or self._items() == other._items()

    def __hash__(self) -> int:
        return hash((type(self), self.symbol, self.received_at, self.epoch, self.timestamp))

    def __repr__(self) -> str:
        try:
            items = self._items()
        except RemoteProtocolError as exc:
            items = [("stream", self.stream), ("error", str(exc))]
        # None says no more than absence, and Decimal('...') around each of thirty numbers makes nothing clearer.
        shown = (f"{name}={_shown(value)}" for name, value in items if value is not None)
        return f"{type(self).__name__}({', '.join(shown)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return self._items()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), msgspec.structs.astuple(self)

    def _items(self) -> list[tuple[str, Any]]:
        self.load()
        if self.__dict__["_text"]:
            self._read_all()
        return [(name, getattr(self, name)) for name in self._fields]

    def _read_all(self) -> None:
        """Decode all fields, and expect the same of the next messages of this type."""
        text = self.__dict__["_text"]
        if text:  # else another thread has just been here
            self._decode_all(text)
            if self._has_many_fields:
                _read_in_full[type(self), self._number] = _IN_FULL

    def _is_read_in_full(self) -> bool:
        key = type(self), self._number
        left = _read_in_full.get(key, 0)
        if left > 1:
            _read_in_full[key] = left - 1
        else:
            _read_in_full.pop(key, None)
        return left > 0

    def _decode_all(self, text: str) -> None:
        fields = self._codec.decode(text, self._number)
        fields.update(self._fixed)
        fields["_text"] = ""  # there is nothing left in it
        self.__dict__.update(fields)

    def _view_with(self, field: str, value: object) -> Self:
        return self._view("_fixed", (*self._fixed, (field, value)))

    def _view(self, name: str, value: Any) -> Self:
        """Return this event but for one thing; the same view each time, since components ask for the same ones."""
        values = self.__dict__
        views: dict[tuple[str, Any], Self] | None = values.get("_views")
        if views is None:
            views = values["_views"] = {}
        view = views.get((name, value))
        if view is None:
            view = views[name, value] = msgspec.structs.replace(self, **{name: value})
            text = values.get("_text")
            if text and (type(self), view._number) not in _read_in_full:
                # The message is checked, and the fields of the view can be found by their keys too.
                fields = view.__dict__
                if "_levels" in values:
                    fields["_levels"] = values["_levels"]
                if view._fixed:
                    fields.update(view._fixed)
                fields["_text"] = text
        return view


class MarketEvent(Event, frozen=True, dict=True, eq=False):
    """An event of one market: `code` is its symbol."""

    @property
    def code(self) -> str:
        """The market code."""
        return self.symbol


def _shown(value: object) -> str:
    return str(value) if isinstance(value, Decimal) else repr(value)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    if isinstance(value, Mapping):
        return dict(value)
    return value.asdict() if hasattr(value, "asdict") else value
