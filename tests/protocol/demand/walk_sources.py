"""The sources of a walk, and the exchange behind them: what they are told, what lies in their sockets."""

from collections import deque
from collections.abc import Iterator
from typing import Any, Protocol

from websocket_v6.protocol.demand import commands as out

__all__ = ["BAD", "UNKNOWN", "Peer", "Queue", "World"]

BAD, UNKNOWN = "KRW-BAD", "KRW-NONE"


class Queue:
    """What lies there, and since when."""

    def __init__(self) -> None:
        self._items: deque[tuple[float, Any]] = deque()

    def __bool__(self) -> bool:
        return bool(self._items)

    @property
    def since(self) -> float:
        return self._items[0][0]

    def put(self, now: float, item: Any) -> None:
        self._items.append((now, item))

    def take(self) -> Any:
        return self._items.popleft()[1]

    def clear(self) -> None:
        self._items.clear()


class World(Protocol):
    """The walk, as what is in it sees it."""

    now: float
    peers: dict[int, "Peer"]
    counts: dict[str, int]  # the number of each stream's last message
    numbers: Iterator[int]
    is_blocked: bool  # a mailbox keeps all sources from being read
    flowing_since: float

    def choose(self, below: int) -> int:
        """Return a number below `below`."""

    def tell_router(self, item: Any) -> None:
        """Put something behind all that the router has been told."""

    def tell_registry(self, item: Any) -> None:
        """Put something behind all that the registry has been told."""


class Part:
    """One socket of a source, and the exchange behind it."""

    def __init__(self, number: int, now: float) -> None:
        self.number = number
        self.sent = Queue()  # to the exchange
        self.unread = Queue()  # in the socket
        self.is_admitted = False
        self.serves: dict[str, int] = {}  # stream -> depth
        self.read_at = now


class Peer:
    """A source, and the exchange behind it."""

    def __init__(self, number: int, heir_of: tuple[int, ...], world: World) -> None:
        self.world = world
        self.number = number
        self.heir_of = heir_of
        self.told = Queue()  # by the registry
        self.wanted = False
        self.closes_at: float | None = None
        self.attachment: int | None = None
        self.parts: dict[int, Part] = {}  # of which the first is the attachment's
        self.to_open = 0  # parts that it was told to open
        self.read_at = 0.0  # the least of its parts, also of the last that were
        self.lag = 0.0  # seconds that it and its exchange are behind, beside what is usual
        self.is_gone = False

    @property
    def is_admitted(self) -> bool:
        return any(part.is_admitted for part in self.parts.values())

    @property
    def serves(self) -> dict[str, int]:
        serves: dict[str, int] = {}
        for part in self.parts.values():
            assert serves.keys().isdisjoint(part.serves), "no stream comes over two of its sockets"
            serves |= part.serves
        return serves

    def hear(self) -> bool:
        """Hear one thing that it was told."""
        if not self.told:
            return False
        match self.told.take():
            case out.Connect():
                self.wanted, self.closes_at = True, None
            case out.Disconnect(_, linger) if linger and self.attachment is not None:
                self.wanted, self.closes_at = False, self.world.now + linger
            case out.Disconnect():
                self.wanted = False
                self.lose()
                self.world.tell_router(("state", self.number, "closed"))
            case out.OpenPart(_, attachment) if attachment == self.attachment:
                self.to_open += 1
            case out.SendRequest() | out.ListSubscriptions() as command if command.attachment in self.parts:
                self.parts[command.attachment].sent.put(self.world.now, command)
        return True

    def connect(self) -> bool:
        if self.to_open:
            return self.open_part() if self.world.choose(6) else self.lose()
        if not self.wanted or self.attachment is not None or self.is_gone:
            return False
        self.world.tell_router(("state", self.number, "connecting"))
        how = self.world.choose(6)
        if how < 2:
            self.world.tell_router(("state", self.number, ("lost", "refused")[how]))
            return True
        self.open()
        return True

    def open(self) -> None:
        self.attachment = next(self.world.numbers)
        self.parts = {self.attachment: Part(self.attachment, self.world.now)}
        self.read_at = self.world.now
        self.lag = (0.0, 0.0, 0.2, 0.5)[self.world.choose(4)]
        self.world.tell_router(("opened", self.attachment, self.number, 0))

    def open_part(self) -> bool:
        """Open one more socket, if it was told to."""
        if not self.to_open:
            return False
        self.to_open -= 1
        number = next(self.world.numbers)
        self.parts[number] = Part(number, self.world.now)
        self.world.tell_router(("opened", number, self.number, self.attachment))
        return True

    def close(self) -> None:
        """Close if it was to be kept until now."""
        if self.closes_at is not None and self.closes_at <= self.world.now:
            self.lose()
            self.world.tell_router(("state", self.number, "closed"))

    def lose(self) -> bool:
        if self.attachment is None:
            return False
        self.world.tell_router(("ended", self.attachment, self.read_at))
        self.attachment, self.closes_at = None, None
        for part in self.parts.values():
            part.sent.clear()
            part.unread.clear()
        self.parts, self.to_open = {}, 0
        return True

    def exchange(self, part: Part | None = None) -> bool:
        """Let the exchange heed one thing that it was sent."""
        part = part or self._some_part()
        if part is None or not part.sent:
            return False
        match part.sent.take():
            case out.ListSubscriptions(_, ticket):
                part.unread.put(self.world.now, ("answer", ticket))
            case out.SendRequest(_, _, types):
                self.request(part, types)
        return True

    def _some_part(self) -> Part | None:
        parts = list(self.parts.values())
        return parts[self.world.choose(len(parts)) if len(parts) > 1 else 0] if parts else None

    def request(self, part: Part, types: list[dict[str, Any]]) -> None:
        serves: dict[str, int] = {}
        if any(code.partition(".")[0] == BAD for one in types for code in one["codes"]):
            part.unread.put(self.world.now, ("error",))
            part.unread.put(self.world.now, ("closed",))
            return
        for one in types:
            for code in one["codes"]:
                name, _, depth = code.partition(".")
                stream = f"{one['type']} {name}"
                if name == UNKNOWN:
                    continue
                levels = int(depth or 30) if one["type"] == "orderbook" else 0
                if "is_only_snapshot" not in one:
                    serves[stream] = levels
                if "is_only_realtime" not in one:
                    kind = "alone" if "is_only_snapshot" in one else "snapshot"
                    part.unread.put(self.world.now, ("data", stream, self.world.counts.get(stream, 0), levels, kind))
        part.serves = serves

    def read(self, part: Part | None = None) -> bool:
        part = part or self._some_part()
        if part is None or not part.unread or not part.is_admitted or self.world.is_blocked:
            return False
        kind, *rest = part.unread.take()
        if kind == "closed":
            self.lose()
        else:
            self.world.tell_router((kind, part.number, *rest))
            part.read_at = self.world.now
            self.read_at = min(one.read_at for one in self.parts.values())
        return True
