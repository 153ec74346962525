"""The router of a walk: the simplest that does what its commands say, and notices a message that is missing."""

from typing import Any

from tests.protocol.demand.walk_sources import Queue, World
from websocket_v6.protocol.delivery import commands as router
from websocket_v6.protocol.delivery.strays import Strays
from websocket_v6.protocol.demand import commands as out

__all__ = ["Router"]


class Routed:
    """A stream on its way to a lease."""

    def __init__(self, route: out.Route) -> None:
        self.route = route
        self.waits = route.begins == "next snapshot"
        self.last: tuple[int, int] | None = None  # epoch and number of the last message
        self.is_alone = False  # that was a snapshot behind which nothing follows


class Router:
    """Delivers what is admitted and has joined to the routes there are. Messages of a stream are numbered."""

    def __init__(self, world: World, ended: set[int]) -> None:
        self.world = world
        self.ended = ended  # attachments
        self.queue = Queue()
        self.routes: dict[tuple[int, str], Routed] = {}
        self.admitted: dict[int, tuple[int, int, bool]] = {}  # attachment -> source, epoch, is held
        self.begun: dict[int, set[str]] = {}
        self.held: dict[int, list[tuple[str, int, int, str]]] = {}
        self.last: dict[str, int] = {}  # the number of each stream's last message
        self.expects: set[str] = set()
        self.strays = Strays()
        self.epoch = 0

    def step(self) -> bool:
        """Heed one thing that lies in the inbox."""
        if not self.queue:
            return False
        item = self.queue.take()
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
            self.world.tell_registry((kind, attachment, *rest))

    def end(self, attachment: int, whole: float) -> None:
        if attachment not in self.ended:
            source, *_ = self.admitted.get(attachment, (0,))
            for part in [one for one, known in self.admitted.items() if known[0] == source]:
                self.ended.add(part)
                self.admitted.pop(part)
                self.held.pop(part, None)
            self.ended.add(attachment)
            self.world.tell_registry(("ended", attachment, whole))

    def obey(self, command: Any) -> None:
        match command:
            case router.Turn(_, epoch):
                self.epoch = epoch
                self.admitted = {one: (source, epoch, held) for one, (source, _, held) in self.admitted.items()}
            case router.Admit(attachment, epoch, is_held):
                peer = next((one for one in self.world.peers.values() if attachment in one.parts), None)
                if attachment not in self.ended and peer is not None:
                    assert attachment not in self.admitted
                    assert epoch == self.epoch, "the turn comes first"
                    self.admitted[attachment] = (peer.number, epoch, is_held)
                    self.begun[attachment], self.held[attachment] = set(), []
                    peer.parts[attachment].is_admitted = True
            case router.Join(attachment):
                if attachment in self.admitted:
                    source, epoch, _ = self.admitted[attachment]
                    self.admitted[attachment] = (source, epoch, False)
                    for row in self.held.pop(attachment):
                        self.deliver(attachment, *row)
            case router.End(attachment):
                if attachment in self.admitted:
                    peer = self.world.peers.get(self.admitted[attachment][0])
                    self.end(attachment, self.world.now if peer is None else peer.read_at)
            case router.Mark(_, number):
                flowing = None if self.world.is_blocked else self.world.flowing_since
                self.world.tell_registry(("marked", number, flowing))
            case router.Expect(streams):
                self.expects.update(streams)
            case router.Skip(attachment, streams, is_on):
                if attachment in self.admitted and is_on:
                    self.strays.skip(attachment, streams)
                    if attachment in self.held:
                        self.held[attachment] = [row for row in self.held[attachment] if row[0] not in streams]
                elif attachment in self.admitted:
                    self.strays.take(attachment, streams)
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
            self.world.tell_registry(("satisfied", route.lease, stream))
        else:
            self.routes[route.lease, stream] = routed

    def data(self, attachment: int, stream: str, number: int, depth: int, kind: str) -> None:
        """Take a message: "live", a "snapshot", or one "alone", behind which only a snapshot begins anything."""
        if attachment in self.ended:
            return
        is_snapshot = kind != "live"
        if self.strays.is_one(attachment, stream, is_snapshot=is_snapshot):
            return
        is_held = self.admitted[attachment][2]
        is_first = stream not in self.begun[attachment] or is_snapshot
        self.begun[attachment].add(stream)
        if is_held:
            self.held[attachment].append((stream, number, depth, kind))
        if is_first:
            self.world.tell_registry(("seen", attachment, stream))
        if not is_held:
            self.deliver(attachment, stream, number, depth, kind)

    def deliver(self, attachment: int, stream: str, number: int, depth: int, kind: str) -> None:
        epoch, is_snapshot = self.admitted[attachment][1], kind != "live"
        waiting = [routed for (_, waits_for), routed in self.routes.items() if waits_for == stream and routed.waits]
        is_awaited = is_snapshot and (stream in self.expects or bool(waiting))
        if number <= self.last.get(stream, -1) - is_awaited:
            return  # it came before; a snapshot that was held for long is not what is waited for
        if is_snapshot:
            self.expects.discard(stream)
            for routed in waiting:
                routed.waits = False
        self.last[stream] = number
        for (lease, routed_stream), routed in list(self.routes.items()):
            if routed_stream != stream or routed.waits:
                continue
            if not routed.route.realtime:
                del self.routes[lease, stream]
                self.world.tell_registry(("satisfied", lease, stream))
                continue
            if routed.last is not None and routed.last[0] == epoch:
                begins = is_snapshot and (routed.is_alone or number == routed.last[1])
                is_next = number == routed.last[1] + 1 or begins
                assert is_next, f"{stream} to {lease}: {routed.last} then {epoch, number, attachment}"
            routed.last, routed.is_alone = (epoch, number), kind == "alone"  # behind which a snapshot comes first
