"""The simulated exchange: its markets, its connections, its faults, and what is true of them.

Everything here runs in the thread of the server's event loop; `Simulator` calls it from outside.
Source: Upbit WebSocket reference, throughout; what it leaves open is decided by `Answers`.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ..account.desk import Desk
from ..account.keyring import AccessKey, AuthRefusal, Keyring
from ..answers import Answers
from ..clock import Agenda, Clock
from ..exact import Number, decimal_or_none
from ..market.closes import Closes
from ..market.notices import Board
from ..market.one_market import TradeSide
from ..market.trading_floor import Feed
from ..market.wording import Event, Wording
from ..wire.audience import Routes
from ..wire.client import Session, Stream
from ..wire.journal import Journal
from ..wire.limits import Gate, Limits
from ..wire.outbox import Line
from ..wire.refusals import RequestError
from ..wire.reports import ConnectionInfo
from ..wire.request_reader import Part, split_suffix
from .capture import Player
from .faults import Faults

__all__ = ["Exchange", "Settings"]

_MAKE = Callable[[Decimal, int], Event]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a simulator is made with; it crosses into the other process."""

    markets: tuple[str, ...]
    seed: int
    host: str
    port: int
    access_key: str
    secret_key: str = field(repr=False)
    traffic: float
    paced: bool | None
    answers: Answers
    limits: Limits
    region: str
    start: float | None
    frozen: bool
    record: int
    tls: tuple[str, str] | None


class Exchange:
    """One exchange. Its public methods are what `Simulator` offers, less the waiting."""

    def __init__(self, settings: Settings) -> None:
        self.answers = settings.answers
        self.limits = settings.limits
        self.region = settings.region
        self.clock = Clock(settings.start, frozen=settings.frozen)
        self.agenda = Agenda(self.clock, self._reschedule)
        self.keys = Keyring()
        self.keys.add(AccessKey(settings.access_key, settings.secret_key))
        self.gate = Gate(settings.limits)
        self.faults = Faults(self._open, settings.region)
        self.wordings = [Wording(short=short, numbers=self.answers.numbers) for short in (False, True)]
        self.journal = Journal(settings.record)
        self._routes = Routes()
        self.feed = Feed(
            settings.markets,
            clock=self.clock,
            agenda=self.agenda,
            answers=self.answers,
            publish=self._publish,
            wanted=self._routes.wanted,
            seed=settings.seed,
            region=settings.region,
            paced=bool(settings.traffic) if settings.paced is None else settings.paced,
        )
        self._sessions: dict[int, Session] = {}
        self._muted: set[str] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.desk = Desk(self.feed, self.answers, self._publish_private, settings.seed)
        self.desk.open_account(settings.access_key)
        self.board = Board(self.clock, self._publish_notice)
        self.closes = Closes(self.feed, self.agenda, self._info_subscriptions, self._publish_info, settings.seed)
        self.player = Player(self.feed)
        self._private_delay = 0.0
        self._first_my_asset: dict[str, float] = {}  # by access key
        self._plan_midnight()
        self.feed.set_traffic(settings.traffic)

    # Time.

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run the agenda in `loop` from now on."""
        self._loop = loop
        self._reschedule()

    def detach(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._loop = None

    def now(self) -> float:
        """Return the simulator's time, seconds since 1970."""
        return self.clock.now()

    def advance(self, seconds: float, *, idle: bool = True) -> None:
        """Let `seconds` pass at once: timers, limits and the market's day go on as if they had.

        With `idle`, connections are silent meanwhile, and those that may not be are cut.
        """
        end = self.clock.now() + seconds
        while (due := self.agenda.next_due()) is not None and due <= end:
            self._pass(due - self.clock.now(), idle=idle)
            self.agenda.run()
        self._pass(end - self.clock.now(), idle=idle)
        self._reschedule()

    def _pass(self, seconds: float, *, idle: bool) -> None:
        self.clock.advance(max(0.0, seconds))
        if not idle:
            for session in self._open():
                session.touch()

    def _reschedule(self) -> None:
        if self._loop is None:
            return
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        due = self.agenda.next_due()
        # A frozen clock reaches nothing by itself: advance() makes what is due happen.
        if due is not None and not self.clock.frozen:
            self._alarm = self._loop.call_later(max(0.0, due - self.clock.now()), self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self.agenda.run()
        self._reschedule()

    def _plan_midnight(self) -> None:
        def roll() -> None:
            if self.answers.day_roll_message:
                self.feed.roll_day()
            self._plan_midnight()

        self.agenda.at((self.clock.now() // 86_400 + 1) * 86_400, roll)

    # Connections, called by the server.

    def authenticate(self, authorization: str | None) -> AccessKey:
        """Return the key that a private or info connection belongs to.

        Raises:
            AuthRefusal: if the token is not taken.
        """
        key = self.keys.check(authorization, self.answers, self.clock.now())
        most = self.limits.private_connections
        if most is not None and sum(session.key == key.access_key for session in self._open()) >= most:
            raise AuthRefusal("too_many_connections", "연결 수가 제한을 초과했습니다.", 429)
        return key

    def connect(self, endpoint: str, line: Line, headers: Mapping[str, str], key: str | None) -> Session:
        """Take in a connection whose handshake is done."""
        number = len(self._sessions) + 1
        session = self._sessions[number] = Session(self, number, endpoint, line, headers, key)
        self._watch_idle(session)
        if self.limits.connection_seconds is not None:
            self.agenda.after(self.limits.connection_seconds, session.outbox.abort)
        self.journal.changed()
        return session

    def disconnected(self, session: Session, code: int | None) -> None:
        self._routes.remove(session)
        session.ended(code)
        self.journal.changed()

    def _watch_idle(self, session: Session) -> None:
        timeout = self.answers.idle_timeout
        if timeout is None or not session.is_open:
            return
        if self.clock.now() >= session.active_at + timeout:
            session.outbox.abort()
            return
        self.agenda.at(session.active_at + timeout, lambda: self._watch_idle(session))

    def _open(self, endpoint: str | None = None) -> list[Session]:
        return [
            session
            for session in self._sessions.values()
            if session.is_open and (endpoint is None or session.endpoint == endpoint)
        ]

    # Subscriptions, called by sessions.

    def serves(self, part: Part, code: str) -> bool:
        """Whether the exchange has something to say to `code` as `part` asks for it."""
        if code == "*":
            return True
        market = self.feed.markets.get(code)
        if market is None:
            return False
        if part.timeframe:
            return code.startswith("KRW-") and bool(part.combinations)
        return part.type != "orderbook" or part.level in market.levels

    def check_access(self, session: Session) -> None:
        """Raise INVALID_AUTH for a connection that was let in without a good token."""
        if session.endpoint != "public" and session.key is None:
            raise RequestError("INVALID_AUTH")

    def check_permissions(self, session: Session, parts: Iterable[Part]) -> None:
        if self.answers.missing_permission == "silence":
            return
        if not all(self._permitted(session, part.type) for part in parts):
            raise RequestError("INVALID_AUTH")

    def _permitted(self, session: Session, type_: str) -> bool:
        needed = {"myOrder": "orders", "myAsset": "assets"}.get(type_)
        return needed is None or session.key is None or self.keys.permits(session.key, needed)

    def subscribed(self, session: Session, old: tuple[Stream, ...]) -> None:
        """Serve a new subscription: snapshots first, in one burst or two, then what comes."""
        self._routes.replace(session, old)
        wanted = session.streams
        half = (len(wanted) + 1) // 2 if self.answers.second_burst else len(wanted)
        self._begin(session, wanted[:half])
        if wanted[half:]:
            later = wanted[half:]
            self.agenda.after(self.answers.second_burst, lambda: self._begin_late(session, wanted, later))
        self.journal.changed()

    def extended(self, session: Session, streams: Iterable[Stream]) -> None:
        """Let streams that a subscription has gained flow; there is no snapshot of them."""
        for stream in streams:
            if stream.part.realtime:
                self._routes.add(session, stream)
        self.journal.changed()

    def _begin_late(self, session: Session, wanted: tuple[Stream, ...], streams: tuple[Stream, ...]) -> None:
        # Another request may have replaced this one in the meantime.
        if session.is_open and session.streams is wanted:
            self._begin(session, streams)

    def _begin(self, session: Session, streams: Iterable[Stream]) -> None:
        for stream in streams:
            if stream.part.snapshot and stream.code not in self._muted:
                for event in self._snapshots(session, stream):
                    session.deliver(stream, event, "SNAPSHOT")
            if stream.part.realtime:
                self._routes.add(session, stream)

    def _snapshots(self, session: Session, stream: Stream) -> Iterable[Event]:
        if session.endpoint == "public":
            return [self.feed.current(stream.type, stream.code, stream.part.level, stream.units)]
        if stream.type == "myAsset" and session.key is not None:
            self._first_my_asset.setdefault(session.key, self.clock.now())
        if stream.type == "myOrder" and session.key is not None and self.answers.my_order_snapshot:
            return self.desk.open_events(session.key, stream.code)
        return []

    def start_status(self, session: Session) -> None:
        """Begin the endless series of `UP`, on the grid of the server's 10 s timer."""
        if not session.status_running:
            session.status_running = True
            self._plan_status(session)

    def _plan_status(self, session: Session) -> None:
        def send() -> None:
            if session.is_open and not session.outbox.ending:
                session.status()
                self._plan_status(session)

        self.agenda.at((self.clock.now() // 10 + 1) * 10, send)

    # Messages.

    def _publish(self, type_: str, code: str, make: _MAKE) -> None:
        if not self._routes.wanted(type_, code) or code in self._muted:
            return
        made: dict[tuple[Decimal, int], Event] = {}

        def made_for(stream: Stream) -> Event:
            shape = (stream.part.level, stream.units)
            if shape not in made:
                made[shape] = make(*shape)
            return made[shape]

        for session, stream in self._routes.of(type_, code):
            session.deliver(stream, made_for(stream), "REALTIME")
        for session, stream in self._routes.strays_of(type_, code):
            session.stray(stream, made_for(stream))

    def _publish_private(self, access_key: str, event: Event) -> None:
        """Send a message to those who subscribed with the key, late if it was so arranged."""
        if self._private_delay:
            self.agenda.after(self._private_delay, lambda: self._deliver_private(access_key, event))
        else:
            self._deliver_private(access_key, event)

    def _deliver_private(self, access_key: str, event: Event) -> None:
        if event.type == "myAsset":
            since = self._first_my_asset.get(access_key)
            if since is not None and self.clock.now() < since + self.answers.my_asset_delay:
                return
        for code in dict.fromkeys((event.code, "*")):
            for session, stream in self._routes.of(event.type, code):
                if session.key == access_key and self._permitted(session, event.type):
                    session.deliver(stream, event, "REALTIME")

    def _publish_notice(self, make: Callable[[Part], Event | None]) -> None:
        for session, stream in self._routes.of("announcement", "*"):
            event = make(stream.part)
            if event is not None:
                session.deliver(stream, event, "REALTIME")

    def _info_subscriptions(self) -> Iterable[tuple[str, str, Part]]:
        # Every connection's parts are its own, so no message is made for two of them.
        pairs = self._routes.of_types("indicator", "indicator_signal")
        return [(stream.type, stream.code, stream.part) for _, stream in pairs]

    def _publish_info(self, type_: str, code: str, part: Part, event: Event) -> None:
        for session, stream in self._routes.of(type_, code):
            if stream.part is part:
                session.deliver(stream, event, "REALTIME")

    # What moves the world, beside the feed, the desk and the board.

    def trade(
        self, code: str, price: Number | None = None, volume: Number | None = None, side: TradeSide | None = None
    ) -> int:
        """Let a trade happen and return its sequential id."""
        return self.feed.trade(code, decimal_or_none(price), decimal_or_none(volume), side).sequential_id

    def list_market(self, code: str, price: Number | None = None) -> None:
        """Add a market. Indicators asked for before it existed begin to flow, as is documented for them alone."""
        self.feed.list_market(code, decimal_or_none(price))
        for session in self._open("info"):
            session.refresh()

    def mute(self, code: str) -> None:
        self._muted.add(code)

    def unmute(self, code: str) -> None:
        self._muted.discard(code)

    def close_candle(self, code: str, timeframe: str, price: Number | None = None) -> None:
        """Let time pass to the end of a candle; meanwhile no connection counts as idle."""
        end = self.closes.prepare(code, timeframe, price)
        self.advance(max(0.0, end - self.clock.now()), idle=False)

    def add_key(
        self,
        access_key: str,
        secret_key: str,
        permissions: Iterable[str] = ("orders", "assets"),
        ip_allowed: bool = True,
    ) -> None:
        """Make a key known, with an account of its own; one that is known is replaced and keeps its account."""
        self.keys.add(AccessKey(access_key, secret_key, frozenset(permissions), ip_allowed=ip_allowed))
        self.desk.open_account(access_key)

    def end_key(self, access_key: str, *, revoked: bool = False) -> None:
        """Let a key expire, or take it away altogether."""
        if revoked:
            self.keys.remove(access_key)
        else:
            self.keys.expire(access_key)
        if self.answers.key_end_closes:
            for session in self._open():
                if session.key == access_key:
                    session.outbox.close(1000, "")

    def delay_private(self, seconds: float) -> None:
        """Send private messages `seconds` after what they tell of, from now on."""
        self._private_delay = seconds

    # What is true.

    def current(self, stream: str, format_: str = "DEFAULT") -> str:
        """Return what a snapshot of a stream would say now."""
        type_, _, rest = stream.partition(" ")
        code, _, level = rest.partition("@")
        bare, units = split_suffix(code)
        self.feed.market(bare)
        event = self.feed.current(type_, bare, Decimal(level or 0), units)
        return event.text(self.wordings[format_.startswith("SIMPLE")], "SNAPSHOT")

    def connections(self, endpoint: str | None = None) -> list[ConnectionInfo]:
        return [
            session.info() for session in self._sessions.values() if endpoint is None or session.endpoint == endpoint
        ]

    def served(self, endpoint: str | None = "public") -> frozenset[str]:
        return frozenset().union(*(session.served for session in self._open(endpoint)))

    async def settle(self) -> None:
        """Wait until what can be sent has been sent."""
        for session in self._open():
            await session.outbox.settle()
