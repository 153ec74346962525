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


class Peer:
    """A source, and the exchange behind it."""

    def __init__(self, number: int, heir_of: tuple[int, ...], world: World) -> None:
        self.world = world
        self.number = number
        self.heir_of = heir_of
        self.told = Queue()  # by the registry
        self.sent = Queue()  # to the exchange
        self.unread = Queue()  # in the socket
        self.wanted = False
        self.closes_at: float | None = None
        self.attachment: int | None = None
        self.is_admitted = False
        self.serves: dict[str, int] = {}  # stream -> depth
        self.read_at = 0.0
        self.lag = 0.0  # seconds that it and its exchange are behind, beside what is usual
        self.is_gone = False

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
            case out.SendRequest() | out.ListSubscriptions() as command if command.attachment == self.attachment:
                self.sent.put(self.world.now, command)
        return True

    def connect(self) -> bool:
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
        self.attachment, self.is_admitted, self.read_at = next(self.world.numbers), False, self.world.now
        self.lag = (0.0, 0.0, 0.2, 0.5)[self.world.choose(4)]
        self.world.tell_router(("opened", self.attachment, self.number))

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
        self.serves = {}
        self.sent.clear()
        self.unread.clear()
        return True

    def exchange(self) -> bool:
        """Let the exchange heed one thing that it was sent."""
        if not self.sent:
            return False
        match self.sent.take():
            case out.ListSubscriptions(_, ticket):
                self.unread.put(self.world.now, ("answer", ticket))
            case out.SendRequest(_, _, types):
                self.request(types)
        return True

    def request(self, types: list[dict[str, Any]]) -> None:
        serves: dict[str, int] = {}
        if any(code.partition(".")[0] == BAD for one in types for code in one["codes"]):
            self.unread.put(self.world.now, ("error",))
            self.unread.put(self.world.now, ("closed",))
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
                    self.unread.put(self.world.now, ("data", stream, self.world.counts.get(stream, 0), levels, kind))
        self.serves = serves

    def read(self) -> bool:
        if not self.unread or not self.is_admitted or self.world.is_blocked or self.attachment is None:
            return False
        kind, *rest = self.unread.take()
        if kind == "closed":
            self.lose()
        else:
            self.world.tell_router((kind, self.attachment, *rest))
            self.read_at = self.world.now
        return True
