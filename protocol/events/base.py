"""What all events from the exchange share: a shell around the exchange's own bytes, decoded when it is read.

The router makes one shell for each message and all components of the process share it, so making one must cost next
to nothing; `load` checks the message once, before user code sees it, and in the same pass decodes the fields that
are usually read (codec.py). Another field is decoded when it is first read.

Events are nothing to the garbage collector (`gc=False`): thousands may wait in a mailbox, and it would look at them
again and again. So none may ever be part of a cycle, and there is nothing in one that could refer to it.
"""

import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

import msgspec

from websocket_v6.protocol.exchange.streams import Stream

from ..errors import LocalProtocolError, RemoteProtocolError
from ..fast import Decoded, Loader
from .codec import DEFAULT_HEAD, HEAD, MALFORMED, SIMPLE_HEAD, Codec
from .fields import Field, Number, integer, text
from .levels import OrderbookUnit
from .plain import LARGE, SMALL, PlainDecimal, raw, spelled

__all__ = [
    "COMMON",
    "EVENT_BYTES",
    "Event",
    "MarketEvent",
    "call_with_each",
    "event_loader",
    "payloads_as_they_came",
    "weigh",
]

_as_tuple = msgspec.structs.astuple
_set = msgspec.structs.force_setattr  # for what is found out later: a user cannot change an event
_copy: Any = msgspec.Struct.__copy__  # type: ignore[attr-defined]  # its stubs lack it; copy.copy is much slower
_fixed_of, _payload_of = attrgetter("_fixed"), attrgetter("_payload")
_OWN = slice(4, 7)  # of an event's fields: _payload, _codec, _fixed

# What every event has. A class names it as its `__match_args__` for type checkers, which cannot see the rest.
COMMON: Final = ("symbol", "timestamp", "received_at", "epoch", "stream_type", "type")

# What an event that waits holds beside its message: 137 bytes as it comes, 175 by what the process grows. The rest is
# for its place in a mailbox, and for the few fields that another component may have read of it.
EVENT_BYTES: Final = 256

_BACKFILLED: Final = ("backfilled", True)
_REPEATED: Final = ("repeated", True)


class _EventType(msgspec.StructMeta):
    """Lets `case TickerEvent(symbol, timestamp)` match by the public fields, in the order of `asdict`."""

    @property
    def __match_args__(self) -> tuple[str, ...]:  # type: ignore[override]
        fields: tuple[str, ...] = self._names  # type: ignore[attr-defined]
        return fields


class Event(msgspec.Struct, metaclass=_EventType, frozen=True, gc=False, eq=False):
    """One message of the exchange; the subclasses add the fields of their type under the exchange's full names.

    Every event has `symbol` (the code; the category of an announcement; "*" where there is neither), `timestamp` (the
    exchange's, Unix milliseconds), `received_at` (this machine's clock, Unix nanoseconds), `epoch` (rises whenever
    messages may be missing), `stream_type` ("SNAPSHOT" or "REALTIME") and `type` ("ticker", "candle.1m").

    A field that the exchange left out or sent as null is None, whatever its declared type: the types are what the
    exchange documents. Reading a field raises RemoteProtocolError if the message holds something else there.
    """

    stream: Stream  # what the router goes by: "ticker KRW-BTC"
    symbol: str  # the code; the category of an announcement; "*" where there is neither
    received_at: int  # this machine's clock, Unix nanoseconds
    epoch: int  # rises whenever messages may be missing
    _payload: bytes
    _codec: Codec
    _fixed: tuple[tuple[str, Any], ...] = ()  # fields of a view that are not as the message has them
    # What was found out about the message. Two threads may find out the same at once; both find the same.
    _values: Any = None  # a struct with the fields decoded so far
    _views: Any = None  # the view that was made last, another event
    _sibling: Any = None  # of a view, the one that was made before it

    timestamp = integer("tms", "When the exchange made the message, Unix milliseconds")
    stream_type = text("st", "SNAPSHOT, the present state, or REALTIME, a change")

    _names: ClassVar[tuple[str, ...]] = ()
    _codecs: ClassVar[dict[Number, Codec]] = {}  # by what its numbers are
    _undecoded: ClassVar[dict[str, None]] = dict.fromkeys(("_values", "_views", "_sibling"))

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own: dict[str, Any] = {}
        for base in reversed(cls.__mro__[: cls.__mro__.index(Event)]):
            own |= {name: value for name, value in vars(base).items() if isinstance(value, Field | property)}
        cls._names = tuple(dict.fromkeys((*COMMON, *(name for name in own if name[0] != "_"))))
        fields = {"timestamp": Event.timestamp, "stream_type": Event.stream_type, **own}
        fields = {name: field for name, field in fields.items() if isinstance(field, Field)}
        cls._codecs = {number: Codec(cls, fields, number) for number in (Decimal, float)}

    @property
    def type(self) -> str:
        """The exchange's data type, such as "ticker" or "candle.1m"."""
        return self.stream.partition(" ")[0]

    @property
    def backfilled(self) -> bool:
        """Whether this did not come over the socket but was fetched over REST, because a gap had swallowed it."""
        return _BACKFILLED in self._fixed

    @property
    def repeated(self) -> bool:
        """Whether it may have come before: this process goes on where one ended that did not end in order."""
        return _REPEATED in self._fixed

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

    @property
    def runs_on(self) -> bool:
        """Whether it came as a snapshot of a further source, and is the latest message of a stream that runs."""
        return ("stream_type", "REALTIME") in self._fixed

    def as_repeated(self) -> Self:
        """Return this event marked as one that may have come before."""
        return self._view_with(*_REPEATED)

    def as_backfilled(self) -> Self:
        """Return this event marked as fetched over REST."""
        return self._view_with(*_BACKFILLED)

    def load(self) -> None:
        """Check the whole message; afterwards at most a single field can turn out to be of a wrong type.

        Raises:
            RemoteProtocolError: if it is not one JSON object in UTF-8.
        """
        if (_load is not None and _load(self)) or self._values is not None:
            return
        # At once, because any attribute of a class with a `__getattr__`, as it has without C, costs three look-ups.
        payload, codec, fixed = _as_tuple(self)[_OWN]
        try:
            decode, exact_numbers, _ = next(codec.turns[payload[HEAD]])
            values = decode(payload)
            if exact_numbers is not None:
                for number in exact_numbers(values):
                    if number is not None and not SMALL <= number < LARGE:  # NaN raises
                        codec.spell_out(values, payload)
                        break
            if not payload.isascii():
                payload.decode()  # msgspec does not look at what it skips
        except StopIteration:
            values = codec.sample(payload)
        except MALFORMED:
            values = codec.check(payload)
        self._keep(values) if fixed else _set(self, "_values", values)

    def with_numbers(self, numbers: Number) -> Self:
        """Return this event with its numbers as `Decimal`, which is exact, or as `float`, the nearest there is.

        A field whose number is beyond all floats raises RemoteProtocolError when it is read, like one of a wrong type.
        """
        codec = self._codecs[numbers]
        return self if codec is self._codec else self._view("_codec", codec)

    def as_snapshot(self) -> Self:
        """Return this event as the snapshot that a newcomer to a running stream gets."""
        return self if self.stream_type == "SNAPSHOT" else self._view_with("stream_type", "SNAPSHOT")

    def as_realtime(self) -> Self:
        """Return this event, a snapshot, as the latest of a stream that runs."""
        return self._view_with("stream_type", "REALTIME")

    def asdict(self, numbers: "builtins.type[Decimal | float | str]" = Decimal) -> dict[str, Any]:
        """Return all public fields by name, order book units and assets as dicts too.

        `numbers` is what prices and sizes become: `Decimal` (exact, as they are), `float`, or `str` in plain digits.
        With `float` or `str` the result goes as it is to json, csv, sqlite3, pandas and polars.

        Raises:
            LocalProtocolError: if `numbers` is anything else.
        """
        return _as_dict(self._items(), numbers)

    def json(self) -> str:
        """Return all public fields as one JSON object, under the exchange's full names, numbers in plain digits."""
        return msgspec.json.encode({name: _converted(value, raw) for name, value in self._items()}).decode()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event) or type(self) is not type(other):
            return NotImplemented
        if (self.symbol, self.received_at, self.epoch) != (other.symbol, other.received_at, other.epoch):
            return False
        return self._shell() == other._shell() or self._items() == other._items()

    def __ne__(self, other: object) -> bool:
        # msgspec's own, which Python would ask first, tells no more than whether they are one object.
        equal = self.__eq__(other)
        return equal if equal is NotImplemented else not equal

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
        return type(self), self._shell()

    if not TYPE_CHECKING and Decoded is None:  # for a type checker, no name is an attribute but those that are

        def __getattr__(self, name: str) -> Any:
            return self._read(name)

    def _read(self, name: str) -> Any:
        """Decode a field that has not been."""
        codec = self._codec
        if name not in codec:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
        for fixed, value in self._fixed:
            if fixed == name:
                return value
        if self._values is None:
            self.load()
        values = self._values
        if not hasattr(values, name):
            values = codec.decode(self._payload, name, values.__struct_fields__)
            self._keep(values)
        return getattr(values, name)

    def _items(self) -> list[tuple[str, Any]]:
        self.load()
        if len(self._values.__struct_fields__) < len(self._codec):
            self._keep(self._codec.decode_all(self._payload))
        return [(name, getattr(self, name)) for name in self._names]

    def _keep(self, values: Any) -> None:
        for name, value in self._fixed:
            if hasattr(values, name):
                setattr(values, name, value)
        _set(self, "_values", values)

    def _shell(self) -> tuple[Any, ...]:
        return _as_tuple(msgspec.structs.replace(self, **self._undecoded))

    def _view_with(self, field: str, value: object) -> Self:
        if (field, value) in self._fixed:
            return self
        others = (one for one in self._fixed if one[0] != field)
        return self._view("_fixed", (*others, (field, value)))

    def _view(self, name: str, value: Any) -> Self:
        """Return this event but for one thing; the same view each time, since components ask for the same ones."""
        # A view differs from its event in one thing alone, so that tells it from the others; seldom are there any.
        view: Self | None = self._views
        while view is not None:
            if getattr(view, name) == value:
                return view
            view = view._sibling
        view = _copy(self)
        if self._values is not None or self._views is not None or self._sibling is not None:
            for found in self._undecoded:
                _set(view, found, None)
        _set(view, name, value)
        _set(view, "_sibling", self._views)
        _set(self, "_views", view)
        return view


_members = tuple(map(vars(Event).__getitem__, ("_payload", "_codec", "_fixed", "_values")))
event_loader = None if Loader is None else Loader(_members, SMALL, LARGE, SIMPLE_HEAD, DEFAULT_HEAD)
# What `load` does for plain messages; it tells whether it was done.
_load = None if event_loader is None else event_loader.load
# The same for each of a list, and a callback called with it; fast.py says what that returns.
call_with_each = None if event_loader is None else event_loader.call


class MarketEvent(Event, frozen=True, gc=False, eq=False):
    """An event of one market: `code` is its symbol."""

    @property
    def code(self) -> str:
        """The market code."""
        return self.symbol


def payloads_as_they_came(events: Sequence[Event]) -> list[bytes] | None:
    """Return the messages of events, None if any is a last value, was fetched, or goes on as something else."""
    return None if any(map(_fixed_of, events)) else list(map(_payload_of, events))


def weigh(events: Sequence[Event]) -> int:
    """Return how many bytes of memory these events hold, about."""
    # Paid for each message that waits: a comprehension is half the price of asking each for its size.
    return EVENT_BYTES * len(events) + sum([len(event._payload) for event in events])


def _shown(value: object) -> str:
    return str(value) if isinstance(value, Decimal) else repr(value)


def _unchanged(value: Any) -> Any:
    return value


_CONVERSIONS: dict[type, Callable[[Any], Any]] = {
    Decimal: _unchanged,
    float: lambda value: float(value) if isinstance(value, Decimal) else value,
    str: lambda value: spelled(value) if isinstance(value, Decimal | float) else value,
}
# Nearly all; to ask about a Mapping is slow.
_SINGLE = frozenset({Decimal, PlainDecimal, str, int, float, bool, type(None)})


def _as_dict(items: Iterable[tuple[str, Any]], numbers: type) -> dict[str, Any]:
    if not isinstance(numbers, type) or numbers not in _CONVERSIONS:
        raise LocalProtocolError(f"numbers={numbers!r:.60} is not offered: choose Decimal, float or str")
    convert = _CONVERSIONS[numbers]
    return {name: _converted(value, convert) for name, value in items}


def _converted(value: Any, convert: Callable[[Any], Any]) -> Any:
    if type(value) in _SINGLE:
        return convert(value)
    if isinstance(value, tuple | list):
        if convert is _unchanged and value and type(value[0]) is OrderbookUnit:  # many, which are flat
            return tuple(map(msgspec.structs.asdict, value))
        return tuple(_converted(item, convert) for item in value)
    if isinstance(value, Mapping):
        return {name: _converted(item, convert) for name, item in value.items()}
    return _converted(value.asdict(), convert) if hasattr(value, "asdict") else value
