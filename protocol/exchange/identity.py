"""What makes two messages the same one, when several sources bring the same streams.

Trades are told apart by their id and by nothing else, above all not by their order. What concerns the account has ids
too. Of everything else the whole content counts, but for the stream type: a source that is new sends as a snapshot what
another has sent as it happened. The timestamp of a ticker does not count either: it says when the message was made,
which two servers may do at different moments, and whatever happens to a market changes something else in it.

Found by searching, not by parsing: this is paid for every message while an endpoint has more than one source.
Source: Upbit WebSocket reference, "Duplicates and ordering", "Data types".
"""

from collections import deque
from collections.abc import Hashable

from websocket_v6.protocol.limits import ID_BYTES
from websocket_v6.protocol.message import Message

from .streams import Stream

__all__ = ["Recent", "identity_of", "timestamp_of"]

REMEMBERED_NS = 30_000_000_000  # a source that lags further behind has missed its pings and is given up
REMEMBERED_LEAST = 16  # messages of one stream, however old: a snapshot shows the last one again


class Spelling(Message):
    """How one of the exchange's formats writes the keys that matter here."""

    stream_type: bytes
    timestamp: bytes
    trade_id: bytes
    by_type: dict[str, tuple[bytes, ...]]  # what identifies messages about the account; the first one must be there


SIMPLE = Spelling(
    b'"st":"',
    b'"tms":',
    b'"sid":',
    {
        "myOrder": (b'"uid":', b'"s":', b'"tuid":', b'"tms":'),
        "myAsset": (b'"astuid":',),
        "announcement": (b'"uid":', b'"et":', b'"lat":'),
    },
)
DEFAULT = Spelling(
    b'"stream_type":"',
    b'"timestamp":',
    b'"sequential_id":',
    {
        "myOrder": (b'"uuid":', b'"state":', b'"trade_uuid":', b'"timestamp":'),
        "myAsset": (b'"asset_uuid":',),
        "announcement": (b'"uuid":', b'"event_type":', b'"listed_at":'),
    },
)


def identity_of(stream: Stream, payload: bytes) -> Hashable:
    """Return what tells this message of `stream` from the others of the same stream.

    A message that is spelled like none of the exchange's is only the same as one with the very same bytes. Long
    contents are represented by their hash, which is keyed anew in each process.
    """
    spelling = SIMPLE if payload.startswith(b'{"ty"') else DEFAULT
    type_ = stream[: stream.find(" ")]
    if type_ == "trade":
        return _id(payload, spelling.trade_id) or hash(payload)
    keys = spelling.by_type.get(type_)
    if keys is not None:
        values = tuple(_id(payload, key) for key in keys)
        return values if values[0] else hash(payload)
    at, end = _string(payload, spelling.stream_type)
    if type_ != "ticker":
        return hash((payload[:at], payload[end:]))
    from_, to = _number(payload, spelling.timestamp)
    if to <= at:
        return hash((payload[:from_], payload[to:at], payload[end:]))
    return hash((payload[:at], payload[end:from_], payload[to:]))


def timestamp_of(payload: bytes) -> int:
    """Return when the exchange made this message, in ms; 0 if it does not say so."""
    spelling = SIMPLE if payload.startswith(b'{"ty"') else DEFAULT
    value = _value(payload, spelling.timestamp)
    return int(value) if value.isdigit() and len(value) < 20 else 0


class Recent:
    """The last messages of one stream, by identity, and the sources that have brought each.

    Those of half a minute, unless they are too many (`cut`). A source that had not brought what was forgotten then is
    *behind*: what it brings may be news or not, until it brings something that is known.
    """

    __slots__ = ("_abreast", "_cut_ns", "_order", "_sources")

    def __init__(self) -> None:
        self._cut_ns = 0  # when the youngest of what was cut had come
        self._abreast: tuple[int, ...] = ()  # the sources that are not behind since then
        self._sources: dict[Hashable, tuple[int, ...]] = {}
        self._order: deque[tuple[Hashable, int]] = deque()  # with the time of arrival, Unix nanoseconds

    def __len__(self) -> int:
        return len(self._order)

    def __contains__(self, identity: object) -> bool:
        return identity in self._sources

    @property
    def last_ns(self) -> int:
        """When the youngest came."""
        return self._order[-1][1] if self._order else 0

    def cut(self) -> None:
        """Forget the older half, but for a few."""
        order = self._order
        keep = max(REMEMBERED_LEAST, len(order) // 2)
        while len(order) > keep:
            identity, self._cut_ns = order.popleft()
            self._abreast = self._sources.pop(identity)

    def is_behind(self, identity: Hashable, source: int | None, at_ns: int) -> bool:
        """Whether `source` may bring again what was cut, with a message that is not known."""
        if self._cut_ns <= max(0, at_ns - REMEMBERED_NS) or source is None or source in self._abreast:
            return False
        return identity not in self._sources

    def is_repeat(self, identity: Hashable, source: int | None, at_ns: int, *, is_unique: bool = False) -> bool:
        """Note a message that came through `source` at `at_ns`; return whether another source has brought it before.

        A source that says the same twice means it: a market that is suspended and resumed again looks as it did before.
        A snapshot, for which `source` is None, says nothing that may not be said again by the same one as it happens.
        What `is_unique`, a trade, has happened once however often it is said.
        """
        sources = self._sources.get(identity)
        if self._cut_ns and source is not None and source not in self._abreast:
            self._abreast = (*self._abreast, source)  # it is known, or newer than all that is: see `is_behind`
        if sources is None:
            self.remember(identity, at_ns, *(() if source is None else (source,)))
            return False
        if source is None:
            return True
        if source not in sources:
            self._sources[identity] = (*sources, source)
            return True
        if not is_unique:
            self._sources[identity] = (source,)
        return is_unique

    def remember(self, identity: Hashable, at_ns: int, *sources: int) -> None:
        """Note a message that was delivered, through `sources` as far as that is known."""
        order = self._order
        if identity not in self._sources:
            order.append((identity, at_ns))
            while len(order) > REMEMBERED_LEAST and order[0][1] < at_ns - REMEMBERED_NS:
                del self._sources[order.popleft()[0]]
        self._sources[identity] = sources


def _id(payload: bytes, key: bytes) -> bytes | int:
    value = _value(payload, key)
    return value if len(value) <= ID_BYTES else hash(value)


def _value(payload: bytes, key: bytes) -> bytes:
    """Return the text of a number, or of a string that holds no comma; nothing if there is none."""
    start, end = _number(payload, key)
    return payload[start + len(key) : end] if end else b""


def _number(payload: bytes, key: bytes) -> tuple[int, int]:
    """Return where the key begins and its value ends. A key in its quotes cannot stand in a string of JSON."""
    at = payload.find(key)
    if at < 0:
        return 0, 0
    end = payload.find(b",", at)
    if end < 0:
        end = payload.find(b"}", at)
    return (at, end) if end >= 0 else (0, 0)


def _string(payload: bytes, key: bytes) -> tuple[int, int]:
    at = payload.rfind(key)  # at the end, or behind it only the level of a book or the body of a notice
    end = payload.find(b'"', at + len(key))
    return (at, end) if min(at, end) >= 0 else (0, 0)
