"""The router of a replay: it plays the records itself, and goes on when all that came of one is done.

In lockstep it is the only one that moves time: whatever is due between two records is done before the later one. At a
speed it delivers as any router does, when the wall's clock says so.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import cast

from websocket_v6.actors.base import Timer, tell
from websocket_v6.actors.delivery.commands import MarketsFound, Overflowed
from websocket_v6.actors.delivery.deliveries import Taker
from websocket_v6.actors.delivery.edge import Delivered
from websocket_v6.actors.delivery.performing import Perform, Run, RunOver, Step, perform
from websocket_v6.actors.delivery.router import Router
from websocket_v6.actors.messages.common import GetHealth, GetInheritance, Ref
from websocket_v6.actors.messages.component import Ready
from websocket_v6.actors.messages.replay import (
    AllTold,
    AwaitData,
    Begin,
    ListPlayed,
    More,
    PlayedOut,
    Rested,
    Scene,
    StandingPlayed,
    Stands,
    UsePlayer,
)
from websocket_v6.actors.messages.router import GetLastValues, MailboxDrained, Notify, UseRegistry
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.recording.records import CLOSED, Listed, Record, Rows, Standing, Wants

from .goals import Goals
from .hold_up import HoldUp
from .playing import MessagesRun
from .recorded import Recorded
from .reel import Reel
from .replay_candles import NOT_OPEN, ReplayCandles
from .replay_closing_world import FILL_PATIENCE
from .replay_mailbox import ReplayMailbox
from .stage import Stage, nanoseconds
from .stretches import Lanes
from .tape_player import SCENE

__all__ = ["ReplayRouter"]

logger = logging.getLogger(__name__)

AHEAD = 2  # scenes that are read before they are played
MANY = 256  # events that are taken out of a mailbox at once
LOOK = 0.25  # seconds between two looks at who holds it up
NEVER = math.inf
LAST = 2**63 - 1  # nanosecond that a recording has a number for


class PlayOn(Message):
    """It is time for the next record."""


class Look(Message):
    """Who holds it up?"""


class ReplayRouter(Router):
    """Plays a recording.

    Receives UsePlayer from the supervisor, Scene from the player, Begin, Rested and AwaitData from components, RunOver
    from those that it gives events to, AllTold from the registry, and what any router is told of routes. Sends More
    and Stands to the player, StandingPlayed, ListPlayed and PlayedOut to the registry, Perform to components.
    """

    def __init__(self, *, supervisor: Ref, stage: Stage) -> None:
        super().__init__(supervisor=supervisor, fill_patience=FILL_PATIENCE)
        self._stage = stage
        self._routes.remembers_trades = False  # what is in it was compared when it was recorded
        self._player: Ref | None = None
        self._asked = 0  # scenes that are on their way
        self._records = Reel()
        self._has_all = False  # that is to come
        self._error: WebSocketV6Error | None = None
        self._runs: dict[Ref, Run] = {}  # that are out
        self._deferred: deque[object] = deque()  # what was told meanwhile
        self._is_telling = False  # the registry tells of a standing, or of a list of markets
        self._blocked: set[int] = set()  # takers that are full, at a speed
        self._goals = Goals(stage, self._routes.by_stream)
        self._timer: Timer | None = None
        self._hold_up = HoldUp(stage)
        self._lanes = Lanes(self._routes)
        self._candles = ReplayCandles(stage, self._closings.begin(), self._delivery, self._records.peek)

    def on_start(self) -> None:
        """Make the stage known."""
        self._stage.router = self.actor_ref
        self.after(LOOK, Look())

    # --- what it is told

    def on_receive(self, message: object) -> object:
        """Handle one message, then play on as far as nothing holds it up."""
        if self._runs and not isinstance(message, RunOver | Scene | GetHealth | GetLastValues | Look | Rested):
            for run in self._runs.values():
                run.is_recalled = True
            if not isinstance(message, GetInheritance):  # which somebody waits for, and changes nothing
                self._deferred.append(message)
                return None
        answer = self._heed_one(message)
        self._play()
        return answer

    def _heed_one(self, message: object) -> object:
        match message:
            case RunOver(run):
                self._run_over(run)
            case Scene(pieces, is_last, error):
                self._asked -= 1
                self._records.add(pieces)
                self._has_all, self._error = is_last, error
            case UsePlayer(player) if self._player is None:
                self._player = player
                self._refill()
            case Begin():
                self._stage.has_begun = True
            case AwaitData():
                self._stage.has_begun = True
                self._goals.add(message)
            case AllTold():
                self._is_telling = False
            case Notify(subscription_id, ReplayMailbox() as mailbox, component, event) if mailbox.is_pushed:
                if self._stage.is_lockstep:  # nothing of before waits in it, unless it is throttled
                    tell(component, MarketsFound(subscription_id, event))
                    return None
                return self._routed(message)
            case Look():
                self._look()
            case Rested() | PlayOn():
                pass  # it goes on by itself
            case _:
                return self._routed(message)
        return None

    def _routed(self, message: object) -> object:
        answer = self._heed(message)
        self._lanes.clear()
        self._candles.see_to()
        if isinstance(message, MailboxDrained):
            self._blocked.discard(message.subscription_id)
        elif isinstance(message, UseRegistry) and not self._stage.has_begun and self._timer is None:
            self._hold_up.begins(time.monotonic())
        self._hand_over()
        return answer

    # --- the play

    def _play(self) -> None:
        """Play on until something holds it up."""
        stage = self._stage
        while stage.has_begun and not stage.is_over and not self._is_held_up():
            self._refill()
            if not self._records and not self._has_all:
                return  # the player tells when there is more
            self._hold_up.ends()
            if self._goals:
                self._goals.look()
                if self._is_held_up():
                    return
            if stage.is_lockstep:
                self._step()
            elif not self._step_at_speed():
                return

    def _is_held_up(self) -> bool:
        if self._runs or self._is_telling or self._blocked:
            return True
        return self._stage.is_lockstep and not self._stage.readers.have_rested()

    def _step(self) -> None:
        """Do what comes next: what is due by the recording's time, or a record, or many."""
        records = self._records
        due, taker = min(self._timed(), key=lambda one: one[0], default=(NEVER, None))
        if due != NEVER and (not records or due <= records.next_ns):
            self._stage.mono_ns = max(self._stage.mono_ns, int(due))
            self._due(taker)
        elif not records:
            self._finish_playing()
        elif not self._play_many(min(due, self._candles.listens_ns, self._goals.until_ns)):
            record = records.pop()
            self._stage.mono_ns = record.mono_ns
            self._record(record)

    def _timed(self) -> Iterator[tuple[float, Taker | None]]:
        """Yield what is due at a time, nanoseconds, and whose it is; None: that of candles which close."""
        if self._candles.due_ns is not None:
            yield self._candles.due_ns, None
        for taker in self._routes.mailboxes.values():
            mailbox = taker.mailbox
            if isinstance(mailbox, ReplayMailbox) and not mailbox.room and (due := mailbox.due()) is not None:
                due_ns = nanoseconds(due)
                if mailbox.is_pushed or due_ns > self._stage.mono_ns:  # else whoever pulls has not come for it
                    yield due_ns, taker

    def _due(self, taker: Taker | None) -> None:
        if taker is None:
            self._candles.time_came()
            self._hand_over()
            return
        mailbox = taker.mailbox
        assert isinstance(mailbox, ReplayMailbox)
        if mailbox.is_pushed:
            self._give({taker.component: self._taken(taker, mailbox)})
        else:
            mailbox.wake()
            tell(taker.component, taker.ready)

    def _record(self, record: Record) -> None:
        """Play one record, with every care."""
        value = record.value
        if isinstance(value, Standing):
            self._stands(value)
        elif isinstance(value, Listed):
            self._is_telling = tell(self._registry, ListPlayed(value))
        elif isinstance(value, Wants):
            self._candles.wants(value)
        elif isinstance(value, Rows) and value.marks & CLOSED:
            self._candles.fetched(value)
        elif isinstance(value, Rows):
            self._note(value)
            for stream, payload in zip(value.streams, value.payloads, strict=True):
                self._careful.message(stream, payload, Recorded.of_rows(value, stream))
            self._careful.seen.clear()
            self._lanes.forget(value.streams)  # what has begun is plain from now on
            self._hand_over(value.payloads)
            self._candles.listen(value)
            self._hand_over()

    def _note(self, value: Rows) -> None:
        stage, count = self._stage, len(value.streams)
        self._received += count
        stage.played += count
        stage.wall_ns = value.received_ns

    def _stands(self, standing: Standing) -> None:
        if standing.state in NOT_OPEN:
            self._lanes.clear()
            self._routes.forget(standing.endpoint)
        self._candles.stands(standing)
        self._hand_over()
        self._is_telling = tell(self._registry, StandingPlayed(standing))
        tell(self._player, Stands(standing))

    def _refill(self) -> None:
        """Have read what is soon needed."""
        while not self._has_all and len(self._records) + self._asked * SCENE < AHEAD * SCENE:
            self._asked += 1
            tell(self._player, More())

    # --- many records at once

    def _play_many(self, until_ns: float) -> bool:
        """Give one component all that follows and is for it alone; whether there was any."""
        messages, start = self._records.messages, (self._records.place, self._records.row)
        stretch = self._lanes.stretch(messages, *start, until_ns) if messages is not None else None
        if messages is None or stretch is None:
            return False
        until, component = LAST if until_ns == NEVER else int(until_ns), stretch.component
        run = MessagesRun(
            self._stage, self.actor_ref, messages, start, until_ns=until, lanes=self._lanes, component=component
        )
        if component is None or not self._send(component, run):
            for _ in perform(run, {}, _nothing, _nothing, ()):  # it is for nobody: the last values alone are
                pass
            self._played(run)
        return True

    def _send(self, component: Ref, run: Run) -> bool:
        if not tell(component, Perform(run)):
            return False
        self._runs[component] = run
        return True

    def _run_over(self, run: Run) -> None:
        """Note what was performed, and do what was put off."""
        for component, one in list(self._runs.items()):
            if one is run:
                del self._runs[component]
                self._played(run)
        while self._deferred and not self._runs:
            self._heed_one(self._deferred.popleft())

    def _played(self, run: Run) -> None:
        if isinstance(run, MessagesRun) and run.done:
            self._records.skip(run.done, run.messages)
            self._received += run.messages
            self._delivery.delivered += run.given
            run.tell_stage()

    # --- one record's events, to whoever takes them

    def _hand_over(self, payloads: Sequence[bytes] = ()) -> None:
        """Hand over what is pending; in the order of `payloads`, if it is of a record that has several."""
        delivery = self._delivery
        if not self._stage.is_lockstep:
            blocking = [taker for taker in delivery.touched if taker.blocks]
            delivery.flush()
            self._blocked.update(taker.subscription_id for taker in blocking if taker.is_full)
            return
        given: dict[Ref | None, list[Step]] = {}
        for taker in delivery.touched:
            mailbox, (events, taker.pending) = taker.mailbox, (taker.pending, [])
            assert isinstance(mailbox, ReplayMailbox)  # nobody records, or serves, what is a recording
            must_wake = mailbox.put_many(events)
            if mailbox.is_pushed:
                given.setdefault(taker.component, []).extend(self._taken(taker, mailbox))
            elif must_wake:
                tell(taker.component, taker.ready)
        delivery.touched.clear()
        delivery.flush()
        if len(payloads) > 1:
            places = {id(payload): place for place, payload in enumerate(payloads)}
            for steps in given.values():
                steps.sort(key=lambda step: places.get(id(getattr(step[1], "_payload", None)), -1))
        self._give(given)

    def _taken(self, taker: Taker, mailbox: ReplayMailbox) -> list[Step]:
        """Return what a mailbox hands out now, as if its component had come for it at once."""
        steps: list[Step] = []
        while events := mailbox.take_many(0.0, MANY):
            # What tells of lists of markets goes another way.
            steps += [(None, event, taker) for event in cast(Sequence[Delivered], events)]
        if (overflow := mailbox.overflow(0.0)) is not None:
            tell(taker.component, Overflowed(taker.subscription_id, overflow))
        if mailbox.error is not None:
            tell(taker.component, Ready(taker.subscription_id))  # it finds out how it has ended
        return steps

    def _give(self, given: dict[Ref | None, list[Step]]) -> None:
        for component, steps in given.items():
            if component is not None and steps:
                self._send(component, Run(self._stage, self.actor_ref, steps))

    # --- at a speed

    def _step_at_speed(self) -> bool:
        """Play the next record if it is time; whether there may be more to do."""
        stage = self._stage
        if not self._records:
            self._finish_playing()
            return False
        next_ns, closes = self._records.next_ns, self._candles.due_ns
        mono_ns = closes if closes is not None and closes <= next_ns else next_ns
        moment = mono_ns / 1e9
        if not stage.mono_ns:
            stage.set_out(moment)
        due = stage.wall(moment)
        if due > time.monotonic():
            if self._timer is None or self._timer.message is None or self._timer.due != due:
                self._timer = self.at(due, PlayOn())
            return False
        stage.mono_ns = max(stage.mono_ns, mono_ns)
        if mono_ns == closes:
            self._due(None)
        else:
            self._record(self._records.pop())
        return True

    # --- its end, and who holds it up

    def _finish_playing(self) -> None:
        self._stage.is_over = True
        self._goals.look()
        tell(self._registry, PlayedOut(self._error))

    def _look(self) -> None:
        self.after(LOOK, Look())
        for component, run in list(self._runs.items()):
            if not component.is_alive():  # it has ended before it could begin
                run.is_recalled = True
                self._run_over(run)
        text = self._hold_up.look(time.monotonic(), has_takers=bool(self._routes.mailboxes), is_out=bool(self._runs))
        if text:
            logger.warning("%s", text)


def _nothing(*_: object) -> None:
    """Stand for a callback that nobody has."""
