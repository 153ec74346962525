"""An endpoint in a small world: sources that come and go, an exchange, a router, and queues between them.

Everything that happens is one step, chosen by whoever walks; after each step what must always hold is checked.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from tests.protocol.demand.walk_router import Router
from tests.protocol.demand.walk_sources import BAD, UNKNOWN, Peer, Queue
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.commands import Retire
from websocket_v6.protocol.demand import commands as out
from websocket_v6.protocol.demand.endpoint import Endpoint
from websocket_v6.protocol.demand.source import Traits, What
from websocket_v6.protocol.demand.union import Union
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.wants import Want, orderbook_want, ticker_want

CODES = ["KRW-A", "KRW-B", "KRW-C"]
LATE = 0.05  # seconds after which whatever lies in a queue is looked at, if it can be
ANSWERED_WITHIN = 1.0  # seconds in which nothing is asked for a second time, as no snapshot need have come


class First(NamedTuple):
    """How a snapshot was asked for the first time: how deep, in which request of its attachment, and when.

    `is_live`: not alone.
    """

    depth: int
    is_live: bool
    request: int
    at: float


class Walk:
    """One walk; `choose(n)` returns a number below n. A request to one socket may have `limit` bytes."""

    def __init__(self, choose: Callable[[int], int], redundancy: int = 2, limit: int | None = None) -> None:
        self.choose = choose
        self.limit = limit
        self.config = Config(redundancy=redundancy, silent_code_timeout=5.0)
        self.now = 1000.0
        self.endpoint = Endpoint("public", self.config)
        self.numbers: Iterator[int] = itertools.count(1)
        self.peers: dict[int, Peer] = {}
        self.leases: dict[int, Want] = {}
        self.to_registry = Queue()
        self.counts: dict[str, int] = {}
        self.is_blocked = False
        self.flowing_since = float("-inf")
        self.epoch, self.is_open = 0, False
        self.asked: set[int] = set()  # questions without an answer
        self.ended: set[int] = set()
        self.awaited: dict[int, dict[str, First]] = {}  # snapshots that were asked for, by attachment
        self.steps: dict[str, int] = {}
        self.router = Router(self, self.ended)
        self.heed(self.endpoint.use_router(None, self.now, self.now_ns))
        for _ in range(redundancy):
            self.add_source()

    @property
    def now_ns(self) -> int:
        return int(self.now * 1e9)

    def tell_router(self, item: Any) -> None:
        self.router.queue.put(self.now, item)

    def tell_registry(self, item: Any) -> None:
        self.to_registry.put(self.now, item)

    # --- the registry: what it hears, what it carries out

    def registry(self) -> bool:
        if not self.to_registry:
            return False
        kind, *rest = self.to_registry.take()
        now = self.now
        match kind:
            case "opened":
                number, source, whole = rest
                commands = self.endpoint.opened(number, source, self.now_ns, now, whole=whole, limit=self.limit)
                self.heed(commands)
            case "resize":
                self.renew_for(rest[0])
            case "ended":
                self.heed(self.endpoint.ended(rest[0], int(rest[1] * 1e9), self.now_ns, "lost", None, now))
            case "state":
                error = TransportError("no") if rest[1] == "refused" else None
                self.heed(self.endpoint.state(rest[0], rest[1], What(self.now_ns, "", error), now))
            case "seen":
                self.awaited.get(rest[0], {}).pop(rest[1], None)
                self.heed(self.endpoint.seen(rest[0], (rest[1],), now, self.now_ns))
            case "answer":
                self.heed(self.endpoint.answered(rest[0], SubscriptionList(rest[1], ()), now, self.now_ns))
            case "error":
                self.awaited.pop(rest[0], None)  # the connection is about to end, and answers nothing more
                self.heed(self.endpoint.refused(rest[0], "WRONG_FORMAT", "no", (), now))
            case "satisfied":
                self.heed(self.endpoint.satisfied(rest[0], rest[1], now))
            case "marked":
                self.heed(self.endpoint.marked(rest[0], rest[1], now, self.now_ns))
        return True

    def heed(self, commands: list[out.Command]) -> None:
        self.forget_apart()
        for command in commands:
            match command:
                case out.Resize(source):
                    self.tell_registry(("resize", source))  # as the supervisor does, later
                case out.Connect() | out.Disconnect() | out.SendRequest() | out.ListSubscriptions() | out.OpenPart():
                    if isinstance(command, out.SendRequest):
                        self.check_request(command)
                    peer = self.peers.get(command.source)
                    if peer is not None:
                        peer.told.put(self.now, command)
                case out.Tell():
                    self.hear(command)
                case out.Report():
                    self.report(command)
                case out.Serves(source, is_refused):
                    self.hand_over(source, is_refused)
                case out.Answer(asker) | out.Deny(asker):
                    self.asked.remove(asker)
                case _:
                    if isinstance(command, Retire):
                        self.forget_awaited(command.streams)
                    self.tell_router(command)

    def check_request(self, request: out.SendRequest) -> None:
        """Check that it asks for no snapshot again that the last one was the first to ask for, before its time."""
        awaited = self.awaited.get(request.attachment, {})
        snapshots = dict(_snapshots(request))
        for stream, first in awaited.items():
            depth, _ = snapshots.get(stream, (first.depth + 1, True))
            if depth <= first.depth and first.request == request.number - 1:
                assert self.now > first.at + ANSWERED_WITHIN - 1e-9, f"{stream} again after {self.now - first.at:g} s"
        self.awaited[request.attachment] = {
            stream: awaited[stream]._replace(is_live=is_live)
            if stream in awaited and depth <= awaited[stream].depth
            else First(depth, is_live, request.number, self.now)
            for stream, (depth, is_live) in snapshots.items()
        }

    def forget_awaited(self, retired: Iterable[str]) -> None:
        """Forget snapshots alone that nobody wants any more: who wants one later is not given that."""
        for awaited in self.awaited.values():
            for stream in retired:
                if stream in awaited and not awaited[stream].is_live:
                    del awaited[stream]

    def forget_apart(self) -> None:
        """Let nothing be known of what a lease had before it was set apart, or all of its stream were."""
        union, apart = self.endpoint._leases.union, self.endpoint.inheritance().leases.suspicion.apart
        for (number, stream), routed in self.router.routes.items():
            if stream not in union or number in apart:
                routed.last = None

    def hear(self, told: out.Tell) -> None:
        assert told.epoch >= self.epoch, "epochs never fall"
        if told.lease is not None:
            assert self.is_open == (told.state == "open"), "a newcomer hears how it stands"
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

    # --- the exchange

    def emit(self) -> bool:
        stream = ("ticker", "orderbook")[self.choose(2)] + " " + CODES[self.choose(len(CODES))]
        self.counts[stream] = self.counts.get(stream, 0) + 1
        for part in [part for peer in self.peers.values() for part in peer.parts.values()]:
            if stream in part.serves:
                part.unread.put(self.now, ("data", stream, self.counts[stream], part.serves[stream], "live"))
        return True

    # --- the supervisor

    def add_source(self, heir_of: tuple[int, ...] = ()) -> bool:
        number = next(self.numbers)
        self.peers[number] = Peer(number, heir_of, self)
        self.heed(self.endpoint.add_source(number, Traits(heir_of=heir_of), self.now))
        return True

    def renew(self) -> bool:
        old = [peer for peer in self.peers.values() if not peer.heir_of]
        if not old or len(self.peers) > 3:
            return False
        return self.add_source((old[self.choose(len(old))].number,))

    def renew_for(self, source: int) -> None:
        """Have an heir for a source, unless it has one: that takes the place also of those that it was to replace."""
        old = self.peers.get(source)
        if old is not None and not any(source in peer.heir_of for peer in self.peers.values()):
            self.add_source((source, *old.heir_of))

    def finish(self, peer: Peer) -> None:
        del self.peers[peer.number]
        peer.is_gone = True
        peer.lose()
        self.heed(self.endpoint.drop_source(peer.number, self.now))

    def restart(self, *, with_registry: bool) -> bool:
        """A bug ends the router, perhaps the registry too: all sources are replaced with them."""
        whole_ns = int(max((peer.read_at for peer in self.peers.values() if peer.is_admitted), default=0) * 1e9)
        self.ended.update(number for one in self.peers.values() for number in one.parts)
        count = len(self.peers)
        old = list(self.peers.values())
        self.peers.clear()
        self.router, self.to_registry = Router(self, self.ended), Queue()
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
        self.is_blocked = not self.is_blocked
        self.flowing_since = self.now
        return True

    def wait(self) -> bool:
        """Let time pass, but nothing lie about for longer than it would where nobody is dead."""
        end = self.now + (0.01, 0.1, 0.3, 1.0, 3.0, 10.0)[self.choose(6)]
        while self.now < end:
            self.now = min(end, self.now + LATE, *self._times())
            self._happen()
            self._look_after_queues(self.now - LATE)
            due = self.endpoint.next_due
            if due is not None and due <= self.now:
                self.heed(self.endpoint.due(self.now))
            for peer in list(self.peers.values()):
                peer.close()
        return True

    def _happen(self) -> None:
        """Let the market move, and now and then a source be lost."""
        if self.choose(2):
            self.emit()
        peers = list(self.peers.values())
        if peers and not self.choose(40):
            peers[self.choose(len(peers))].lose()

    def _times(self) -> Iterator[float]:
        due = self.endpoint.next_due
        if due is not None:
            yield max(self.now, due)
        yield from (peer.closes_at for peer in self.peers.values() if peer.closes_at is not None)

    def _look_after_queues(self, before: float) -> None:
        is_any = True
        while is_any:
            is_any = False
            for queue, lag, step in self._queues():
                while queue and queue.since <= before - lag and step():
                    is_any = True
            for peer in self.peers.values():
                is_any = peer.open_part() or is_any

    def _queues(self) -> Iterator[tuple[Queue, float, Callable[[], bool]]]:
        for peer in list(self.peers.values()):
            yield peer.told, 0.0, peer.hear
            for part in list(peer.parts.values()):
                yield part.sent, peer.lag, partial(peer.exchange, part)
                yield part.unread, peer.lag, partial(peer.read, part)
        yield self.router.queue, 0.0, self.router.step
        yield self.to_registry, 0.0, self.registry

    # --- the walk

    def step(self, name: str) -> None:
        peers = list(self.peers.values())
        peer = peers[self.choose(len(peers))] if peers else None
        match name:
            case "hear" | "connect" | "exchange" | "read" | "lose":
                done = peer is not None and getattr(peer, name)()
            case "router":
                done = self.router.step()
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
        for number, one in leases.leases.items():
            if number not in apart:
                expected.add(one.want, [stream for stream in one.want.streams() if stream not in one.satisfied])
        assert _counts(self.endpoint._leases.union) == _counts(expected)
        self.forget_apart()
        if not self.router.queue:
            for number, stream in self.router.routes:
                assert number in self.leases
                assert stream in set(self.leases[number].streams()) - leases.leases[number].satisfied

    def settle(self) -> None:
        """Let everything come to rest, and check that nothing waits for ever."""
        if self.is_blocked:
            self.block()
        for peer in self.peers.values():
            peer.lag = 0.0
        for _ in range(600):
            for peer in list(self.peers.values()):
                if peer.wanted and peer.attachment is None:
                    peer.open()
                    peer.lag = 0.0
            self._look_after_queues(self.now)
            self.check()
            times = list(self._times())
            if not times and not any(peer.wanted and peer.attachment is None for peer in self.peers.values()):
                break
            self.now = min(times, default=self.now)
            if self.endpoint.next_due is not None and self.endpoint.next_due <= self.now:
                self.heed(self.endpoint.due(self.now))
            for peer in list(self.peers.values()):
                peer.close()
        else:
            raise AssertionError(f"it does not come to rest: {self.endpoint._deadlines._entries}")
        self.check_rest()

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
        for (_, stream), routed in self.router.routes.items():
            assert not routed.waits or UNKNOWN in stream
        once = [stream for stream, one in union.demands.items() if one.once and UNKNOWN not in stream]
        assert not once, "snapshots that were never given"
        assert self.is_open or not len(union)


def _snapshots(request: out.SendRequest) -> Iterator[tuple[str, tuple[int, bool]]]:
    """Yield the streams of which it asks a snapshot: how deep, and whether for more than that."""
    for one in request.types:
        codes = one["codes"] if "is_only_realtime" not in one else ()
        assert isinstance(codes, Sequence)
        for code in codes:
            name, _, depth = code.partition(".")
            yield f"{one['type']} {name}", (int(depth or 30), "is_only_snapshot" not in one)


def _counts(union: Union) -> dict[str, tuple[Any, ...]]:
    return {stream: (dict(one.live), dict(one.once), one.body) for stream, one in union.demands.items()}
