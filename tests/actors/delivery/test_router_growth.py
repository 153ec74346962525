"""Whatever new codes, types, levels, ids and nonsense come, nothing on the way of a message grows with them.

No container is named here: all that can be reached from a transport's intake, the router and the mailboxes is counted,
so one that is added and has no bound is found as well.
"""

import gc
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator
from queue import SimpleQueue

import pytest

from tests.actors.ear import Ear
from websocket_v6.actors.connection.intake import ExchangeIntake
from websocket_v6.actors.delivery import routes
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.router import AddRoutes, Attach, Malformed, SourceSaid, UseRegistry
from websocket_v6.protocol.delivery import merger, stores
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.delivery.commands import Admit, Join, Merge
from websocket_v6.protocol.delivery.policy import Mailbox
from websocket_v6.protocol.events import make
from websocket_v6.protocol.exchange import heads

BOUND = 128  # of whatever has one
SECOND = 1_000_000_000
MARKETS = tuple(f"ticker KRW-{number}" for number in range(20))


@pytest.fixture(autouse=True)
def _low_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything reach its bound soon."""
    for module, name in (
        (heads, "LEARNED_HEADS"),
        (make, "LEARNED_STREAMS"),
        (merger, "REMEMBERED_STREAMS"),
        (merger, "REMEMBERED_IDS"),
        (routes, "WILDCARD_CODES"),
        (stores, "THROTTLED_STREAMS"),
        (stores, "FEW_STREAMS"),
    ):
        monkeypatch.setattr(module, name, BOUND)


class World:
    """One endpoint with mailboxes of all kinds, without threads."""

    def __init__(self, endpoint: str, *streams: str, sources: int) -> None:
        self.endpoint, self.sources = endpoint, range(1, sources + 1)
        self.intakes = [ExchangeIntake(endpoint, source) for source in self.sources]
        registry = Ear()
        self.registry = registry
        self.router = Router(supervisor=registry.ref)
        self.tell(UseRegistry(registry.ref))
        policies = [Mailbox.latest(), Mailbox.throttle(0.5), Mailbox.drop_oldest(99), Mailbox.block(10**6)]
        self.mailboxes = [MailboxQueue(policy) for policy in policies]
        for source in self.sources:
            self.tell(Attach(source, endpoint, source, SimpleQueue(), 8), Admit(source, 1, is_held=False), Join(source))
        for number, mailbox in enumerate(self.mailboxes):
            self.tell(AddRoutes(number, endpoint, streams, mailbox, None, True, True, True))
        if sources > 1:
            self.tell(Merge(endpoint, is_on=True))
        self.now_ns = SECOND

    def tell(self, *messages: object) -> None:
        for message in messages:
            self.router.on_receive(message)

    def come(self, payloads: list[bytes]) -> None:
        """Let each source bring the messages in one read, and take all that waits."""
        self.now_ns += SECOND // 10
        for intake in self.intakes:
            for piece in intake.read(payloads, self.now_ns, self.now_ns):
                if isinstance(piece, Batch):
                    self.tell(piece)
                    for stream in piece.streams:  # as if none of them could be decoded
                        self.tell(Malformed(stream, "no", (self.now_ns, id(stream))))
                else:
                    self.tell(SourceSaid(self.endpoint, intake.attachment, piece))  # type: ignore[arg-type]
        for mailbox in self.mailboxes:
            while mailbox.take(self.now_ns / 1e9) is not None:
                pass
        self.registry.heard()


OPAQUE = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType, types.FrameType)


def population(*roots: object) -> int:
    """Return how many items the containers hold that can be reached from these objects."""
    count, seen, todo = 0, set[int](), list(roots)
    while todo:
        one = todo.pop()
        if id(one) in seen or isinstance(one, OPAQUE):
            continue
        seen.add(id(one))
        if isinstance(one, dict | set | frozenset | list | deque | tuple):
            count += len(one)
        todo += gc.get_referents(one)
    return count


def tables() -> list[object]:
    """Return what modules of the project hold: dictionaries, lists, sets."""
    names = [name for name in sys.modules if name.startswith("websocket_v6.")]
    held = [value for name in names for key, value in vars(sys.modules[name]).items() if key[:2] != "__"]
    return [value for value in held if isinstance(value, dict | list | set | deque)]


def numbered(pattern: bytes) -> Callable[[int], bytes]:
    return lambda number: pattern.replace(b"#", b"%d" % number)


def book(number: int) -> bytes:
    return b'{"ty":"orderbook","cd":"KRW-%d","tas":1,"lv":%d}' % (number % 20, number)


PUBLIC: dict[str, Callable[[int], bytes]] = {
    "codes": numbered(b'{"ty":"ticker","cd":"KRW-#","tms":#,"st":"REALTIME"}'),
    "codes of trades": numbered(b'{"type":"trade","code":"KRW-#","sequential_id":1,"stream_type":"SNAPSHOT"}'),
    "types": numbered(b'{"ty":"novelty#","cd":"KRW-1","tms":#}'),
    "types and codes": numbered(b'{"ty":"novelty#","cd":"KRW-#"}'),
    "types without a code": numbered(b'{"ty":"novelty#"}'),
    "candles": numbered(b'{"ty":"candle.#","cd":"KRW-1"}'),
    "levels": book,
    "ids": numbered(b'{"ty":"trade","cd":"KRW-1","sid":#,"tms":#,"st":"REALTIME"}'),
    "prices": numbered(b'{"ty":"ticker","cd":"KRW-1","tp":#,"tms":#,"st":"REALTIME"}'),
    "snapshots": numbered(b'{"ty":"ticker","cd":"KRW-1","tp":#,"tms":#,"st":"SNAPSHOT"}'),
    "lists": numbered(b'[{"ty":"ticker","cd":"KRW-#"},{"ty":"trade","cd":"KRW-#"},#,[#]]'),
    "categories": numbered(b'{"ty":"announcement","cat":"news#","uid":"#"}'),
    "indicators": numbered(b'{"ty":"indicator","cd":"KRW-1","tf":"1m","ind":"rsi","p":{"prd":#}}'),
    "nonsense": numbered(b'{"no":#'),
    "errors": numbered(b'{"error":{"name":"E#","message":"#"}}'),
    "answers": numbered(b'{"mthd":"LIST_SUBSCRIPTIONS","tckt":"#","rslt":[{"ty":"ticker#","cds":["#"]}]}'),
}
PRIVATE: dict[str, Callable[[int], bytes]] = {
    "codes of a wildcard": numbered(b'{"ty":"myOrder","cd":"KRW-#","uid":"#","s":"wait","tms":#,"st":"REALTIME"}'),
    "assets": numbered(b'{"ty":"myAsset","astuid":"#","tms":#,"st":"REALTIME"}'),
}


def assert_flat(world: World, make_message: Callable[[int], bytes]) -> None:
    def after(first: int, end: int) -> int:
        for start in range(first, end, 32):
            world.come([make_message(number) for number in range(start, start + 32)])
        return population(world, *tables())

    before = after(0, 6 * BOUND)
    more = after(6 * BOUND, 18 * BOUND) - before
    assert more < 6 * BOUND, f"{more} more after {12 * BOUND} messages"


def cases() -> Iterator[object]:
    for endpoint, streams, kinds in (
        ("public", (*MARKETS, "trade KRW-1", "orderbook KRW-1"), PUBLIC),
        ("private", ("myOrder *", "myAsset *"), PRIVATE),
    ):
        for sources in (1, 2):
            for kind, make_message in kinds.items():
                yield pytest.param(endpoint, streams, sources, make_message, id=f"{kind}, {sources} sources")


@pytest.mark.parametrize(("endpoint", "streams", "sources", "make_message"), list(cases()))
def test_nothing_grows(
    endpoint: str, streams: tuple[str, ...], sources: int, make_message: Callable[[int], bytes]
) -> None:
    assert_flat(World(endpoint, *streams, sources=sources), make_message)


def test_the_walk_sees_what_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "WILDCARD_CODES", 10**9)
    with pytest.raises(AssertionError, match="more after"):
        assert_flat(World("private", "myOrder *", sources=1), PRIVATE["codes of a wildcard"])
