"""An endpoint in a small world: sources that come and go, an exchange, a router, and queues between them.

Everything that happens is one step, chosen by whoever walks; after each step what must always hold is checked. The
router here is the simplest that does what its commands say. Messages of a stream are numbered, so that a loss shows.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery import commands as router
from websocket_v6.protocol.demand import commands as out
from websocket_v6.protocol.demand.endpoint import Endpoint
from websocket_v6.protocol.demand.source import Traits
from websocket_v6.protocol.demand.union import Union
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.wants import Want, orderbook_want, ticker_want

CODES = ["KRW-A", "KRW-B", "KRW-C"]
BAD, UNKNOWN = "KRW-BAD", "KRW-NONE"
LATE = 0.05  # seconds after which whatever lies in a queue is looked at, if it can be


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


class Peer:
    """A source, and the exchange behind it."""

    def __init__(self, number: int, heir_of: tuple[int, ...]) -> None:
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
        self.begun: dict[str, int] = {}  # stream -> the number of its last message before it was served
        self.read_at = 0.0
        self.is_gone = False


class Routed:
    """A stream on its way to a lease."""

    def __init__(self, route: out.Route) -> None:
        self.route = route
        self.waits = route.begins == "next snapshot"
        self.last: tuple[int, int] | None = None  # epoch and number of the last message


class Walk:
    """One walk; `choose(n)` returns a number below n."""

    def __init__(self, choose: Callable[[int], int], redundancy: int = 2) -> None:
        self.choose = choose
        self.config = Config(redundancy=redundancy, silent_code_timeout=5.0)
        self.now = 1000.0
        self.endpoint = Endpoint("public", self.config)
        self.numbers = itertools.count(1)
        self.peers: dict[int, Peer] = {}
        self.leases: dict[int, Want] = {}
        self.to_router, self.to_registry = Queue(), Queue()
        self.counts: dict[str, int] = {}
        self.blocked_since: float | None = None
        self.flowing_since = float("-inf")
        self.epoch, self.is_open = 0, False
        self.asked: set[int] = set()  # questions without an answer
        self.ended: set[int] = set()
        self.steps: dict[str, int] = {}
        self._new_router()
        self.heed(self.endpoint.use_router(None, self.now, self.now_ns))
        for _ in range(redundancy):
            self.add_source()

    @property
    def now_ns(self) -> int:
        return int(self.now * 1e9)

    def _new_router(self) -> None:
        self.to_router.clear()
        self.to_registry.clear()
        self.routes: dict[tuple[int, str], Routed] = {}
        self.admitted: dict[int, tuple[int, int, bool]] = {}  # attachment -> source, epoch, is held
        self.begun: dict[int, set[str]] = {}
        self.held: dict[int, list[tuple[str, int, int, bool]]] = {}
        self.last: dict[str, int] = {}  # the number of each stream's last message
        self.expects: set[str] = set()
        self.whole: float | None = None

    def put(self, queue: Queue, item: Any) -> None:
        queue.put(self.now, item)

    # --- the registry: what it hears, what it carries out

    def registry(self) -> bool:
        if not self.to_registry:
            return False
        kind, *rest = self.to_registry.take()
        now = self.now
        match kind:
            case "opened":
                self.heed(self.endpoint.opened(rest[0], rest[1], self.now_ns, now))
            case "ended":
                self.heed(self.endpoint.ended(rest[0], int(rest[1] * 1e9), self.now_ns, "lost", None, now))
            case "state":
                error = TransportError("no") if rest[1] == "refused" else None
                self.heed(self.endpoint.state(rest[0], rest[1], self.now_ns, "", error, now))
            case "seen":
                self.heed(self.endpoint.seen(rest[0], (rest[1],), now, self.now_ns))
            case "answer":
                self.heed(self.endpoint.answered(rest[0], SubscriptionList(rest[1], ()), now, self.now_ns))
            case "error":
                self.heed(self.endpoint.refused(rest[0], "WRONG_FORMAT", "no", (), now))
            case "satisfied":
                self.heed(self.endpoint.satisfied(*rest, now))
            case "marked":
                self.heed(self.endpoint.marked(*rest, now, self.now_ns))
        return True

    def heed(self, commands: list[out.Command]) -> None:
        for command in commands:
            match command:
                case out.Connect() | out.Disconnect() | out.SendRequest() | out.ListSubscriptions():
                    peer = self.peers.get(command.source)
                    if peer is not None:
                        self.put(peer.told, command)
                case out.Tell():
                    self.hear(command)
                case out.Report():
                    self.report(command)
                case out.Serves(source, is_refused):
                    self.hand_over(source, is_refused)
                case out.Answer(asker) | out.Deny(asker):
                    self.asked.remove(asker)
                case _:
                    self.put(self.to_router, command)

    def hear(self, told: out.Tell) -> None:
        assert told.epoch >= self.epoch, "epochs never fall"
        if told.lease is not None:
            assert self.is_open
            assert told.epoch == self.epoch
        elif told.state == "open":
            assert not self.is_open
            assert told.epoch > self.epoch
            self.is_open = True
        else:
            assert told.state != "lost" or told.epoch == self.epoch
            self.is_open = False
        self.epoch = told.epoch

    def report(self, report: out.Report) -> None:
        assert report.lease in self.leases
        if report.is_final:
            assert BAD in self.leases.pop(report.lease).codes, "nobody else is dropped"

    def hand_over(self, source: int, is_refused: bool) -> None:
        heir = self.peers.get(source)
        if heir is not None and not is_refused:
            for number in heir.heir_of:
                if number in self.peers:
                    self.finish(self.peers[number])
            heir.heir_of = ()

    # --- the router

    def router(self) -> bool:
        if not self.to_router:
            return False
        item = self.to_router.take()
        if type(item) is tuple:
            self.route(*item)
        else:
            self.obey(item)
        return True

    def route(self, kind: str, attachment: int, *rest: Any) -> None:
        if kind == "ended":
            self.end(attachment, rest[0])
        elif kind == "data":
            self.data(attachment, *rest)
        elif kind in ("opened", "state") or attachment not in self.ended:
            self.put(self.to_registry, (kind, attachment, *rest))

    def end(self, attachment: int, whole: float) -> None:
        if attachment not in self.ended:
            self.ended.add(attachment)
            self.admitted.pop(attachment, None)
            self.held.pop(attachment, None)
            self.put(self.to_registry, ("ended", attachment, whole))

    def obey(self, command: Any) -> None:
        match command:
            case router.Turn(_, epoch):
                self.admitted = {one: (source, epoch, held) for one, (source, _, held) in self.admitted.items()}
            case router.Admit(attachment, epoch, is_held):
                peer = next((one for one in self.peers.values() if one.attachment == attachment), None)
                if attachment not in self.ended and peer is not None:
                    assert attachment not in self.admitted
                    self.admitted[attachment] = (peer.number, epoch, is_held)
                    self.begun[attachment], self.held[attachment] = set(), []
                    peer.is_admitted = True
            case router.Join(attachment):
                if attachment in self.admitted:
                    source, epoch, _ = self.admitted[attachment]
                    self.admitted[attachment] = (source, epoch, False)
                    for row in self.held.pop(attachment):
                        self.deliver(attachment, *row)
            case router.End(attachment):
                if attachment in self.admitted:
                    peer = self.peers.get(self.admitted[attachment][0])
                    self.end(attachment, self.now if peer is None else peer.read_at)
            case router.Mark(_, number):
                flowing = None if self.blocked_since is not None else self.flowing_since
                self.put(self.to_registry, ("marked", number, flowing))
            case router.Expect(streams):
                self.expects.update(streams)
            case router.Retire(streams):
                for stream in streams:
                    self.last.pop(stream, None)
                    self.expects.discard(stream)
            case router.Forget():
                self.last.clear()
                self.expects.clear()
            case out.Route():
                for stream in command.streams:
                    self.add_route(stream, command)
            case out.Unroute(lease, streams):
                for key in [key for key in self.routes if key[0] == lease and (streams is None or key[1] in streams)]:
                    del self.routes[key]

    def add_route(self, stream: str, route: out.Route) -> None:
        assert (route.lease, stream) not in self.routes
        routed = Routed(route)
        routed.waits = routed.waits or stream in self.expects
        if route.replay and stream in self.last and not routed.waits and not route.realtime:
            self.put(self.to_registry, ("satisfied", route.lease, stream))
        else:
            self.routes[route.lease, stream] = routed

    def data(self, attachment: int, stream: str, number: int, depth: int, is_snapshot: bool) -> None:
        if attachment in self.ended:
            return
        is_held = self.admitted[attachment][2]
        is_first = stream not in self.begun[attachment] or is_snapshot
        self.begun[attachment].add(stream)
        if is_held:
            self.held[attachment].append((stream, number, depth, is_snapshot))
        if is_first:
            self.put(self.to_registry, ("seen", attachment, stream))
        if not is_held:
            self.deliver(attachment, stream, number, depth, is_snapshot)

    def deliver(self, attachment: int, stream: str, number: int, depth: int, is_snapshot: bool) -> None:
        epoch = self.admitted[attachment][1]
        is_awaited = is_snapshot and stream in self.expects
        if is_snapshot:
            self.expects.discard(stream)
            for (_, waits_for), routed in self.routes.items():
                if waits_for == stream:
                    is_awaited = is_awaited or routed.waits
                    routed.waits = False
        if number <= self.last.get(stream, -1) - is_awaited:
            return
        self.last[stream] = number
        is_stray = self._is_stray(attachment, stream, number)
        for (lease, routed_stream), routed in list(self.routes.items()):
            if routed_stream != stream or routed.waits:
                continue
            if not routed.route.realtime:
                del self.routes[lease, stream]
                self.put(self.to_registry, ("satisfied", lease, stream))
                continue
            if routed.last is not None and routed.last[0] == epoch and not is_stray:
                is_next = number == routed.last[1] + 1 or (is_snapshot and number == routed.last[1])
                assert is_next, f"{stream} to {lease}: {routed.last} then {epoch, number, attachment}"
            routed.last = None if is_stray else (epoch, number)

    def _is_stray(self, attachment: int, stream: str, number: int) -> bool:
        """Whether a message is from before its stream was left out of a request, so that nothing begins with it."""
        peer = self.peers.get(self.admitted[attachment][0])
        return peer is not None and (stream not in peer.serves or number < peer.begun[stream])

    # --- sources and the exchange

    def source(self, peer: Peer) -> bool:
        """Let a source hear one thing that it was told."""
        if not peer.told:
            return False
        match peer.told.take():
            case out.Connect():
                peer.wanted, peer.closes_at = True, None
            case out.Disconnect(_, linger) if linger and peer.attachment is not None:
                peer.wanted, peer.closes_at = False, self.now + linger
            case out.Disconnect():
                peer.wanted = False
                self.lose(peer)
                self.put(self.to_router, ("state", peer.number, "closed"))
            case out.SendRequest() | out.ListSubscriptions() as command if peer.attachment is not None:
                self.put(peer.sent, command)
        return True

    def connect(self, peer: Peer) -> bool:
        if not peer.wanted or peer.attachment is not None or peer.is_gone:
            return False
        self.put(self.to_router, ("state", peer.number, "connecting"))
        how = self.choose(6)
        if how < 2:
            self.put(self.to_router, ("state", peer.number, ("lost", "refused")[how]))
            return True
        peer.attachment, peer.is_admitted, peer.read_at = next(self.numbers), False, self.now
        self.put(self.to_router, ("opened", peer.attachment, peer.number))
        return True

    def lose(self, peer: Peer) -> bool:
        if peer.attachment is None:
            return False
        self.put(self.to_router, ("ended", peer.attachment, peer.read_at))
        peer.attachment, peer.closes_at = None, None
        peer.serves, peer.begun = {}, {}
        peer.sent.clear()
        peer.unread.clear()
        return True

    def exchange(self, peer: Peer) -> bool:
        """Let the exchange heed one thing that it was sent."""
        if not peer.sent:
            return False
        match peer.sent.take():
            case out.ListSubscriptions(_, ticket):
                self.put(peer.unread, ("answer", ticket))
            case out.SendRequest(_, _, types):
                self.request(peer, types)
        return True

    def request(self, peer: Peer, types: list[dict[str, Any]]) -> None:
        serves: dict[str, int] = {}
        if any(code.partition(".")[0] == BAD for one in types for code in one["codes"]):
            self.put(peer.unread, ("error",))
            self.put(peer.unread, ("closed",))
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
                    self.put(peer.unread, ("data", stream, self.counts.get(stream, 0), levels, True))
        peer.begun = {stream: peer.begun.get(stream, self.counts.get(stream, 0)) for stream in serves}
        peer.serves = serves

    def read(self, peer: Peer) -> bool:
        if not peer.unread or not peer.is_admitted or self.blocked_since is not None or peer.attachment is None:
            return False
        kind, *rest = peer.unread.take()
        if kind == "closed":
            self.lose(peer)
        else:
            self.put(self.to_router, (kind, peer.attachment, *rest))
            peer.read_at = self.now
        return True

    def emit(self) -> bool:
        stream = ("ticker", "orderbook")[self.choose(2)] + " " + CODES[self.choose(len(CODES))]
        self.counts[stream] = self.counts.get(stream, 0) + 1
        for peer in self.peers.values():
            if stream in peer.serves and peer.attachment is not None:
                self.put(peer.unread, ("data", stream, self.counts[stream], peer.serves[stream], False))
        return True

    # --- the supervisor

    def add_source(self, heir_of: tuple[int, ...] = ()) -> bool:
        number = next(self.numbers)
        self.peers[number] = Peer(number, heir_of)
        self.heed(self.endpoint.add_source(number, Traits(heir_of=heir_of), self.now))
        return True

    def renew(self) -> bool:
        old = [peer for peer in self.peers.values() if not peer.heir_of]
        if not old or len(self.peers) > 3:
            return False
        return self.add_source((old[self.choose(len(old))].number,))

    def finish(self, peer: Peer) -> None:
        del self.peers[peer.number]
        peer.is_gone = True
        self.lose(peer)
        self.heed(self.endpoint.drop_source(peer.number, self.now))

    def restart(self, *, with_registry: bool) -> bool:
        """A bug ends the router, perhaps the registry too: all sources are replaced with them."""
        whole_ns = int(max((peer.read_at for peer in self.peers.values() if peer.is_admitted), default=0) * 1e9)
        self.ended.update(one.attachment for one in self.peers.values() if one.attachment is not None)
        count = len(self.peers)
        old = list(self.peers.values())
        self.peers.clear()
        self._new_router()
        if with_registry:
            self.endpoint = Endpoint("public", self.config, self.endpoint.inheritance())
            self.asked.clear()  # denied by the one that died
            if not self.endpoint._was_served:
                self.is_open = False
        self.heed(self.endpoint.use_router(whole_ns or None, self.now, self.now_ns))
        for peer in old:
            self.heed(self.endpoint.drop_source(peer.number, self.now))
        for _ in range(min(count, self.config.redundancy) or 1):
            self.add_source()
        return True

    # --- components

    def want(self) -> bool:
        codes = [CODES[self.choose(len(CODES))]]
        odd = self.choose(12)
        if odd < 2:
            codes.append((BAD, UNKNOWN)[odd])
        snapshot, realtime = ((True, True), (False, True), (True, False))[self.choose(3)]
        if self.choose(2):
            want = ticker_want(codes, snapshot=snapshot, realtime=realtime)
        else:
            depth = (1, 5, 30)[self.choose(3)]
            want = orderbook_want(codes, depth=depth, snapshot=snapshot, realtime=realtime)
        number = next(self.numbers)
        self.leases[number] = want
        self.heed(self.endpoint.want(number, want, self.now))
        return True

    def some_lease(self) -> int | None:
        return sorted(self.leases)[self.choose(len(self.leases))] if self.leases else None

    def drop(self) -> bool:
        number = self.some_lease()
        if number is None:
            return False
        del self.leases[number]
        self.heed(self.endpoint.drop(number, None, self.now))
        return True

    def change(self) -> bool:
        number = self.some_lease()
        if number is None:
            return False
        want, code = self.leases[number], CODES[self.choose(len(CODES))]
        if code not in want.codes:
            self.leases[number] = want.with_codes((*want.codes, code))
            self.heed(self.endpoint.want(number, want.with_codes([code]), self.now))
        elif len(want.codes) > 1:
            self.leases[number] = want.with_codes(one for one in want.codes if one != code)
            self.heed(self.endpoint.drop(number, want.with_codes([code]), self.now))
        return True

    def question(self) -> bool:
        asker = next(self.numbers)
        self.asked.add(asker)
        self.heed(self.endpoint.question(asker, self.now))
        return True

    # --- time

    def block(self) -> bool:
        if self.blocked_since is None:
            self.blocked_since = self.now
        else:
            self.blocked_since, self.flowing_since = None, self.now
        return True

    def wait(self) -> bool:
        """Let time pass, but nothing lie about for longer than it would where nobody is dead."""
        end = self.now + (0.01, 0.1, 0.3, 1.0, 3.0, 10.0)[self.choose(6)]
        while self.now < end:
            self.now = min(end, self.now + LATE, *self._times())
            self._look_after_queues(self.now - LATE)
            due = self.endpoint.next_due
            if due is not None and due <= self.now:
                self.heed(self.endpoint.due(self.now))
            for peer in list(self.peers.values()):
                if peer.closes_at is not None and peer.closes_at <= self.now:
                    self.lose(peer)
                    self.put(self.to_router, ("state", peer.number, "closed"))
        return True

    def _times(self) -> Iterator[float]:
        due = self.endpoint.next_due
        if due is not None:
            yield max(self.now, due)
        yield from (peer.closes_at for peer in self.peers.values() if peer.closes_at is not None)

    def _look_after_queues(self, before: float) -> None:
        is_any = True
        while is_any:
            is_any = False
            for queue, step in self._queues():
                while queue and queue.since <= before and step():
                    is_any = True

    def _queues(self) -> Iterator[tuple[Queue, Callable[[], bool]]]:
        for peer in list(self.peers.values()):
            yield peer.told, lambda peer=peer: self.source(peer)
            yield peer.sent, lambda peer=peer: self.exchange(peer)
            yield peer.unread, lambda peer=peer: self.read(peer)
        yield self.to_router, self.router
        yield self.to_registry, self.registry

    # --- the walk

    def step(self, name: str) -> None:
        peers = list(self.peers.values())
        peer = peers[self.choose(len(peers))] if peers else None
        match name:
            case "source" | "connect" | "exchange" | "read" | "lose":
                done = peer is not None and getattr(self, name)(peer)
            case "restart_all":
                done = self.restart(with_registry=True)
            case "restart_router":
                done = self.restart(with_registry=False)
            case _:
                done = getattr(self, name)()
        self.steps[name] = self.steps.get(name, 0) + done
        self.check()

    def check(self) -> None:
        """Check what must hold after every step."""
        leases = self.endpoint.inheritance().leases
        assert {number: one.want for number, one in leases.leases.items()} == self.leases
        expected, apart = Union(), leases.suspicion.apart
        for number, (want, satisfied) in leases.leases.items():
            if number not in apart:
                expected.add(want, [stream for stream in want.streams() if stream not in satisfied])
        union = self.endpoint._leases.union
        assert _counts(union) == _counts(expected)
        for (number, stream), routed in self.routes.items():
            if stream not in union or number in apart:
                routed.last = None
        if not self.to_router:
            for number, stream in self.routes:
                assert number in self.leases
                assert stream in set(self.leases[number].streams()) - leases.leases[number].satisfied

    def settle(self) -> None:
        """Let everything come to rest, and check that nothing waits for ever."""
        if self.blocked_since is not None:
            self.block()
        for _ in range(600):
            for peer in list(self.peers.values()):
                if peer.wanted and peer.attachment is None:
                    self._open(peer)
            self._look_after_queues(self.now)
            self.check()
            times = list(self._times())
            if not times and not any(peer.wanted and peer.attachment is None for peer in self.peers.values()):
                break
            self.now = min(times, default=self.now)
            if self.endpoint.next_due is not None and self.endpoint.next_due <= self.now:
                self.heed(self.endpoint.due(self.now))
            for peer in list(self.peers.values()):
                if peer.closes_at is not None and peer.closes_at <= self.now:
                    self.lose(peer)
                    self.put(self.to_router, ("state", peer.number, "closed"))
        else:
            raise AssertionError(f"it does not come to rest: {self.endpoint._deadlines._entries}")
        self.check_rest()

    def _open(self, peer: Peer) -> None:
        peer.attachment, peer.is_admitted, peer.read_at = next(self.numbers), False, self.now
        self.put(self.to_router, ("opened", peer.attachment, peer.number))

    def check_rest(self) -> None:
        """Check what holds once there is nothing left to do."""
        union = self.endpoint._leases.union
        suspicion = self.endpoint.inheritance().leases.suspicion
        assert not suspicion.apart, suspicion
        assert not suspicion.suspects
        assert not any(BAD in want.codes for want in self.leases.values())
        assert not self.asked, "questions"
        wanted = {stream: one.depth for stream, one in union.demands.items() if one.live and UNKNOWN not in stream}
        for peer in self.peers.values():
            is_open = peer.attachment is not None
            assert is_open == bool(len(union)), "open if anything is wanted"
            if is_open:
                assert {stream: peer.serves[stream] for stream in wanted} == wanted
                assert peer.serves.keys() == wanted.keys()
        assert not any(peer.heir_of for peer in self.peers.values()), "heirs have taken over"
        serving = {peer.number for peer in self.peers.values()} if len(union) else set()
        assert self.endpoint.health().serving == serving
        for (_, stream), routed in self.routes.items():
            assert not routed.waits or UNKNOWN in stream
        once = [stream for stream, one in union.demands.items() if one.once and UNKNOWN not in stream]
        assert not once, "snapshots that were never given"
        assert self.is_open or not len(union)


def _counts(union: Union) -> dict[str, tuple[Any, ...]]:
    return {stream: (dict(one.live), dict(one.once), one.snapshot, one.body) for stream, one in union.demands.items()}
