"""The simulated exchange put together: markets, accounts, clients, faults, and the calls that move them.

Everything here runs in the thread of the server's event loop; `Simulator` calls it from outside, by the names of these
attributes and methods.
Source: Upbit WebSocket reference, throughout; what it leaves open is decided by `Answers`.
"""

from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from random import Random

from ..account.desk import Desk
from ..account.keyring import ALL_PERMISSIONS, AccessKey, Keyring
from ..exact import Number, decimal_or_none
from ..market.catalog import tick_size
from ..market.closes import Closes
from ..market.crowd import Crowd
from ..market.notices import NoticeBoard
from ..market.trades import TradeSide
from ..market.trading_floor import TradingFloor
from ..market.wording import Wording
from ..parts import split_suffix
from ..rest.http_side import HttpSide
from ..rest.rest_side import RestSide
from ..wire.audience import Audience
from ..wire.broadcast import Broadcast
from ..wire.clients import Clients
from ..wire.distance import round_trip
from ..wire.entrance import Entrance
from ..wire.gate import Gate
from ..wire.house import House
from ..wire.journal import Journal
from ..wire.reception import Reception
from ..wire.service import Service
from ..wire.turnstile import Turnstile
from .faults import Faults
from .player import Player
from .scenarios import SCENARIOS, Stage, play_scenario
from .settings import Settings
from .timekeeper import Timekeeper

__all__ = ["Exchange"]


class Exchange:
    """One exchange. Its public methods are those of `Simulator` that concern more than one of its parts."""

    def __init__(self, settings: Settings) -> None:
        self.answers = settings.answers
        self.time = Timekeeper(settings.start, frozen=settings.frozen)
        self.clock, self.agenda = self.time.clock, self.time.agenda
        self.keys = Keyring()
        self._key = AccessKey(settings.access_key, settings.secret_key)
        self._seed = settings.seed
        self.keys.add(self._key)
        self.turnstile = Turnstile()
        self.journal = Journal(settings.record)
        self.house = House(
            answers=self.answers,
            weather=settings.weather,
            rng=Random(f"{settings.seed} front"),  # noqa: S311
            limits=settings.limits,
            region=settings.region,
            clock=self.clock,
            agenda=self.agenda,
            keys=self.keys,
            gate=Gate(settings.limits),
            turnstile=self.turnstile,
            journal=self.journal,
            wordings=[Wording(short=short, numbers=self.answers.numbers) for short in (False, True)],
        )
        audience = Audience()
        self.clients = Clients(self.house, audience)
        self.broadcast = Broadcast(self.house, audience)
        self.faults = Faults(self.clients, self.turnstile, self.house)
        self.floor = TradingFloor(
            settings.markets,
            clock=self.clock,
            agenda=self.agenda,
            answers=self.answers,
            publish=self.broadcast.publish,
            wanted=audience.wanted,
            seed=settings.seed,
            region=settings.region,
            paced=settings.paced,
            weather=settings.weather,
        )
        self.crowd = Crowd(
            self.floor, clock=self.clock, agenda=self.agenda, seed=settings.seed, weather=settings.weather
        )
        self.desk = Desk(self.floor, self.answers, self.broadcast.publish_private, settings.seed)
        self.desk.open_account(settings.access_key)
        self.board = NoticeBoard(self.clock, self.broadcast.publish_notice)
        self.closes = Closes(
            self.floor, self.agenda, self.broadcast.info_subscriptions, self.broadcast.publish_info, settings.seed
        )
        self.player = Player(self.floor)
        self.service = Service(self.house, self.floor, self.desk, audience, self.broadcast)
        self.rest = RestSide(self.house, self.floor, self.desk)
        self.entrance = Entrance(
            self.house,
            self.clients,
            Reception(self.house, self.service),
            self._make_http,
            host=settings.host,
            port=settings.port,
            tls=settings.tls,
        )
        self._most_bytes = settings.limits.request_bytes
        self._plan_pushes()
        self.crowd.set_traffic(settings.traffic)

    def _make_http(self) -> HttpSide:
        return HttpSide(
            self.rest.serve, self.clock.now, self._most_bytes, partial(round_trip, self.house.weather, self.house.rng)
        )

    # Time.

    def advance(self, seconds: float, *, idle: bool = True) -> None:
        """Let `seconds` pass at once: timers, limits and the market's day go on as if they had.

        With `idle`, connections are silent meanwhile, and those that may not be are cut. Where time runs, the crowd
        rests; where it stands, this is all the time that there is.
        """
        if self.clock.frozen:
            self._advance(seconds, idle=idle)
        else:
            self._skip(seconds, idle=idle)

    def _skip(self, seconds: float, *, idle: bool = False) -> None:
        with self.crowd.resting():
            self._advance(seconds, idle=idle)

    def _advance(self, seconds: float, *, idle: bool) -> None:
        self.time.advance(seconds, _nothing if idle else self.clients.touch)

    def close_candle(self, code: str, timeframe: str, price: Number | None = None) -> None:
        """Let time pass to the end of a candle; meanwhile no connection counts as idle."""
        end = self.closes.prepare(code, timeframe, price)
        self.advance(max(0.0, end - self.clock.now()), idle=False)

    def _plan_pushes(self) -> None:
        """Push tickers without a trade at midnight, and every minute as sums of 24 hours fall, if that is the answer.

        What a snapshot or a REST call says changes with the time in any case.
        """
        period = 60 if self.answers.decay_message else 86_400
        if not (self.answers.day_roll_message or self.answers.decay_message):
            return
        due = (self.clock.now() // period + 1) * period

        def push() -> None:
            if self.answers.decay_message or due % 86_400 == 0:
                self.floor.push_tickers()
            self._plan_pushes()

        self.agenda.at(due, push)

    # Markets and keys.

    def trade(
        self,
        code: str,
        price: Number | None = None,
        volume: Number | None = None,
        side: TradeSide | None = None,
        *,
        sweep: bool = False,
    ) -> int:
        """Let a trade happen and return its sequential id.

        Raises:
            ValueError: if the market has no such price.
        """
        at = decimal_or_none(price)
        if at is not None and at % (tick := tick_size(code, at)):
            raise ValueError(f"{at:f} is no price of {code}: it takes multiples of {tick:f} there")
        return self.floor.trade(code, at, decimal_or_none(volume), side, sweep=sweep).sequential_id

    def list_market(
        self, code: str, price: Number | None = None, *, state: str = "ACTIVE", traded: bool = True
    ) -> None:
        """Add a market. Indicators asked for before it existed begin to flow, as is documented for them alone."""
        past = {} if code in self.floor.markets else {"days": 0}
        self.floor.list_market(code, decimal_or_none(price), state=state, traded=traded, **past)
        for client in self.clients.open("info"):
            self.service.refresh(client)

    def add_key(
        self,
        access_key: str,
        secret_key: str,
        permissions: Iterable[str] = ALL_PERMISSIONS,
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
        self._close_sockets(access_key)

    def allow_ip(self, access_key: str, allowed: bool) -> None:
        """Change whether the clients' address is on the allow list of a key."""
        self.keys.allow_ip(access_key, allowed)
        if not allowed:
            self._close_sockets(access_key)

    def _close_sockets(self, access_key: str) -> None:
        if not self.answers.key_end_closes:
            return
        for client in self.clients.of(access_key):
            if self.answers.key_end_frame:
                client.outbox.close(1000, "")
            else:
                client.outbox.abort()

    def scenario(self, name: str, code: str | None = None) -> float:
        """Begin a scenario and return how many seconds it lasts."""
        if name not in SCENARIOS:
            raise ValueError(f"there is no scenario {name!r}: choose one of {', '.join(SCENARIOS)}")
        stage = Stage(
            code=code or SCENARIOS[name].code,
            key=self._key,
            rng=Random(f"{self._seed} {name}"),  # noqa: S311
            floor=self.floor,
            board=self.board,
            faults=self.faults,
            keys=self.keys,
            time=self.time,
            list_market=self.list_market,
            end_key=self.end_key,
            skip=self._skip,
        )
        return play_scenario(stage, name)

    def current(self, stream: str, format_: str = "DEFAULT") -> str:
        """Return what a snapshot of a stream would say now."""
        type_, _, rest = stream.partition(" ")
        code, _, level = rest.partition("@")
        bare, units = split_suffix(code)
        if self.floor.market(bare).quiet:
            raise ValueError(f"{bare} has not traded yet, and says nothing")
        bulletin = self.floor.display.current(type_, bare, Decimal(level or 0), units)
        return bulletin.text(self.house.wording(format_), "SNAPSHOT")


def _nothing() -> None:
    pass
