"""Who wants what in a replay: what is in the recording is delivered, what is not is named at once, nothing is asked."""

import logging

from websocket_v6.actors.base import Actor, tell
from websocket_v6.actors.demand.health import RegistryHealth
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import GetHealth, GetInheritance, Ref
from websocket_v6.actors.messages.component import ConnectionChanged, EngineFailed, ReplayOver, StreamFailed
from websocket_v6.actors.messages.registry import (
    AskExchange,
    AskMarkets,
    BackfillEnded,
    ComponentGone,
    SnapshotServed,
    Subscribe,
    Unsubscribe,
    UseRouter,
    Watch,
)
from websocket_v6.actors.messages.replay import AllTold, ListPlayed, PlayedOut, StandingPlayed
from websocket_v6.actors.messages.router import AddRoutes, DropRoutes, Notify
from websocket_v6.actors.messages.supervisor import Failed
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.demand.endpoint import EndpointHealth
from websocket_v6.protocol.demand.epochs import KnownGap
from websocket_v6.protocol.errors import EngineError, LocalProtocolError, UnknownCodeError, WebSocketV6Error
from websocket_v6.protocol.events import MarketsEvent, Unrecovered
from websocket_v6.protocol.exchange.streams import ANY, Stream, split
from websocket_v6.protocol.exchange.wants import ENDPOINTS, Want
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.recording.records import Standing

from .replay_lists import Desk, ReplayLists
from .stage import Stage

__all__ = ["ReplayRegistry"]

logger = logging.getLogger(__name__)

REMEMBERED_GAPS = 20
OVER = "the recording is over: make a new WebSocketClientProxy to play it again"
NOT_ASKED = "this is a recording: nobody is there to be asked"
LOST = "the replay has failed through a bug, and cannot go on in the middle: begin it again"


class _Lease(Message):
    subscribed: Subscribe  # as it was the first time
    wanted: dict[Stream, None]

    @property
    def component_id(self) -> str:
        return self.subscribed.component_id

    @property
    def want(self) -> Want:
        return self.subscribed.want


class ReplayRegistry(Actor):
    """Routes what is wanted, and tells components what happened to the connections when it was recorded.

    Receives Watch, Subscribe, Unsubscribe, ComponentGone, AskExchange and AskMarkets from components, SnapshotServed,
    StandingPlayed, ListPlayed and PlayedOut from the router, UseRouter from the supervisor. Sends AddRoutes,
    DropRoutes, Notify and AllTold to the router, ConnectionChanged, MarketsListed, StreamFailed, ReplayOver and
    EngineFailed to components.
    """

    def __init__(self, *, stage: Stage, supervisor: Ref) -> None:
        super().__init__()
        self._stage = stage
        self._supervisor = supervisor
        self._router: Ref | None = None
        self._watchers: dict[str, Ref | Way] = {}
        self._leases: dict[int, _Lease] = {}
        self._standings: dict[str, Standing] = {}
        self._gaps: list[KnownGap] = []
        self._is_over = False
        self._types = {split(stream)[0] for stream in stage.contents.messages}
        desk = Desk(
            self._grow, self._shrink, self._notify, lambda name, news: self._tell(self._watchers.get(name), news)
        )
        self._lists = ReplayLists(desk, stage.contents.quotes, stage.tape.lists)

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case Watch(component_id, component):
                self._watchers[component_id] = component
            case Subscribe():
                self._subscribe(message)
            case Unsubscribe(_, lease, part):
                self._drop(lease, part)
            case ComponentGone(component_id):
                self._watchers.pop(component_id, None)
                self._lists.gone(component_id)
                for lease in [number for number, one in self._leases.items() if one.component_id == component_id]:
                    self._drop(lease, None)
            case SnapshotServed(lease, stream):
                if lease in self._leases:
                    self._leases[lease].wanted.pop(stream, None)
            case AskExchange(_, answer):
                if not hasattr(answer, "way"):
                    error = LocalProtocolError(NOT_ASKED)
                    answer.set_exception((type(error), error, None))
            case StandingPlayed(standing):
                self._tell_all(standing)
                tell(self._router, AllTold())
            case ListPlayed(listed):
                self._lists.came(listed)
                tell(self._router, AllTold())
            case AskMarkets(component_id, quote, answer):
                self._lists.ask(component_id, quote, answer)
            case BackfillEnded():
                self._tell_closed(message)
            case PlayedOut(error):
                self._end(error)
            case UseRouter(router):
                self._use(router)
            case GetHealth():
                return self._health()
            case GetInheritance():
                return None
            case _:
                super().on_receive(message)
        return None

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor."""
        tell(self._supervisor, Failed("registry", self.actor_ref, error))

    def _use(self, router: Ref) -> None:
        is_first, self._router = self._router is None and self._stage.router in (None, router), router
        if not is_first:
            self._is_over = True
            for component in self._watchers.values():
                self._tell(component, EngineFailed(EngineError(LOST)))
                self._tell(component, ReplayOver())

    # --- wants

    def _subscribe(self, message: Subscribe) -> None:
        component_id, lease, want = message.component_id, message.subscription_id, message.want
        if self._is_over:
            raise EngineError(OVER)
        if isinstance(message.mailbox, Way):
            raise LocalProtocolError("what is replayed is recorded already: nothing else can take it")
        if not self._uses(component_id, want.endpoint) and want.endpoint in self._standings:
            self._tell(self._watchers.get(component_id), _change(self._standings[want.endpoint], is_present=True))
        self._leases.setdefault(lease, _Lease(message, {}))
        if want.quotes or lease in self._lists.patterns:
            self._lists.subscribe(lease, component_id, want)
        else:
            self._grow(lease, want)
        missing = [stream for stream in dict.fromkeys(want.streams()) if not self._is_recorded(stream)]
        if missing:
            failed = StreamFailed(lease, _not_recorded(want, missing), final=False)
            self._tell(self._watchers.get(component_id), failed)
        if self._stage.tape.settings.start == "subscribe":
            self._stage.begin()

    def _uses(self, component_id: str, endpoint: str) -> bool:
        return any(one.component_id == component_id and one.want.endpoint == endpoint for one in self._leases.values())

    def _is_recorded(self, stream: Stream) -> bool:
        type_, code = split(stream)
        return stream in self._stage.contents.messages or (code == ANY and type_ in self._types)

    def _drop(self, lease: int, part: Want | None) -> None:
        if lease not in self._leases:
            return
        is_pattern = lease in self._lists.patterns
        if is_pattern:
            self._lists.drop(lease, part)
        if part is None:
            del self._leases[lease]
            tell(self._router, DropRoutes(lease))
        elif not is_pattern:
            self._shrink(lease, part)

    def _grow(self, lease: int, want: Want) -> None:
        """Route what is in `want` to a lease."""
        known = self._leases[lease]
        streams = tuple(dict.fromkeys(want.streams()))
        known.wanted.update(dict.fromkeys(streams))
        snapshots = want.snapshot or not want.is_public
        replay = want.snapshot and known.subscribed.replays
        mailbox, component = known.subscribed.mailbox, known.subscribed.component
        tell(
            self._router,
            AddRoutes(
                lease,
                want.endpoint,
                streams,
                mailbox,
                component,
                replay,
                snapshots,
                want.realtime,
                closing=want.closing,
            ),
        )

    def _shrink(self, lease: int, part: Want) -> None:
        known = self._leases[lease]
        gone = tuple(stream for stream in part.streams() if stream in known.wanted)
        for stream in gone:
            del known.wanted[stream]
        tell(self._router, DropRoutes(lease, gone))

    def _notify(self, lease: int, event: MarketsEvent) -> None:
        subscribed = self._leases[lease].subscribed
        assert isinstance(subscribed.mailbox, MailboxQueue)  # others were refused
        tell(self._router, Notify(lease, subscribed.mailbox, subscribed.component, event))

    # --- what happened then

    def _tell_all(self, standing: Standing) -> None:
        if standing.lasts:
            self._standings[standing.endpoint] = standing
        if standing.state == "open" and standing.gap_started_ns is not None:
            started_ns, ended_ns = standing.gap_started_ns, standing.gap_ended_ns
            self._gaps.append(KnownGap(standing.endpoint, standing.epoch, started_ns, ended_ns, standing.reason))
            del self._gaps[:-REMEMBERED_GAPS]
        concerned = (one.component_id for one in self._leases.values() if _concerns(standing, one.want))
        for component_id in dict.fromkeys(concerned):
            self._tell(self._watchers.get(component_id), _change(standing))

    def _tell_closed(self, ended: BackfillEnded) -> None:
        """Tell what became of candles that are closed here, where the recording does not."""
        codes: dict[str, set[str]] = {}
        for one in self._leases.values():
            if one.want.closing is not None and one.want.type == ended.type:
                codes.setdefault(one.component_id, set()).update(split(stream)[1] for stream in one.wanted)
        for component_id, followed in codes.items():
            part = ended.of(followed)
            if any(part.recovered.values()) or part.unrecovered:
                change = ConnectionChanged(
                    "public", "backfilled", ended.epoch, ended.ended_ns, ended.started_ns, backfill=part
                )
                self._tell(self._watchers.get(component_id), change)

    def _end(self, error: WebSocketV6Error | None) -> None:
        self._is_over = True
        if error is not None:
            logger.error("the replay has ended: %s", error)
        for standing in list(self._standings.values()):
            closed = Standing(standing.endpoint, "closed", standing.epoch, self._stage.wall_ns or standing.at_ns)
            self._tell_all(closed)
        for component in self._watchers.values():
            if error is not None:
                self._tell(component, EngineFailed(error))
            self._tell(component, ReplayOver())

    def _tell(self, watcher: Ref | Way | None, message: object) -> None:
        if not isinstance(watcher, Way):
            tell(watcher, message)

    def _health(self) -> RegistryHealth:
        endpoints = []
        for name in ENDPOINTS:
            leases = [one for one in self._leases.values() if one.want.endpoint == name]
            streams = tuple(dict.fromkeys(stream for one in leases for stream in one.wanted))
            standing = self._standings.get(name)
            epoch = 0 if standing is None else standing.epoch
            gaps = tuple(one for one in self._gaps if one.endpoint == name)
            endpoints.append(EndpointHealth(name, len(streams), len(leases), 0, epoch, frozenset(), streams, gaps))
        return RegistryHealth(len(self._watchers), tuple(endpoints), 0, self._lists.known)


def _concerns(standing: Standing, want: Want) -> bool:
    """Whether who has `want` is told: of a gap that was seen to, those hear who took part in it."""
    if standing.endpoint != want.endpoint or standing.lasts or not standing.data_type:
        return standing.endpoint == want.endpoint
    if standing.data_type.startswith("candle.") and not (standing.recovered or standing.unrecovered):
        return False
    takes_part = want.reconcile or want.closing is not None or standing.data_type == "trade"
    return takes_part and standing.data_type == want.type


def _change(standing: Standing, *, is_present: bool = False) -> ConnectionChanged:
    """Return what components are told of a standing; a newcomer hears how it stands, and of no gap from before."""
    backfill = None
    if standing.recovered is not None:
        ended_ns = standing.gap_ended_ns or standing.at_ns
        type_ = standing.data_type or "trade"
        unrecovered = tuple(Unrecovered(*one, type_) for one in standing.unrecovered)
        started_ns = standing.gap_started_ns or standing.at_ns
        backfill = BackfillEnded(standing.epoch, started_ns, ended_ns, {ANY: standing.recovered}, unrecovered, type_)
    return ConnectionChanged(
        standing.endpoint,
        standing.state,
        standing.epoch,
        standing.at_ns,
        None if is_present else standing.gap_started_ns,
        standing.reason,
        backfill=backfill,
    )


def _not_recorded(want: Want, missing: list[Stream]) -> UnknownCodeError:
    codes = tuple(dict.fromkeys(split(stream)[1] for stream in missing))
    return UnknownCodeError(f"no {want.type} of {', '.join(codes)} is in the recording", codes=codes)
