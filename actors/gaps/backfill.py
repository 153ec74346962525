"""Fetches what a gap of the public connection swallowed, market by market, at the pace of the exchange.

What to ask and what is missing is decided in `protocol/gaps/fill.py`. How calls are made is `rest_asker.py`, and the
router holds live trades back meanwhile (`actors/delivery/holds.py`). What closers of candles ask for is fetched
beside them: `candle_fills.py`.
"""

import logging
import time
from collections import deque
from collections.abc import Set

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.backfill import Fetch, FetchCandles, TradesBegan, TradesReleased
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.registry import BackfillEnded
from websocket_v6.actors.messages.router import Filled
from websocket_v6.actors.messages.supervisor import Failed
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.errors import RateLimitedError, RemoteProtocolError
from websocket_v6.protocol.events import Unrecovered
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.gaps.candle_fill import CandleQuery
from websocket_v6.protocol.gaps.fill import Fill
from websocket_v6.protocol.gaps.rest_pace import RestPace
from websocket_v6.protocol.message import Message
from websocket_v6.protocol.telling import Telling
from websocket_v6.protocol.websocket.handshake import refusal

from .candle_fills import CandleFills
from .rest_asker import RestAsker
from .rest_reader import Answered, Call, Unanswered

__all__ = ["Backfill"]

logger = logging.getLogger(__name__)

# A subscription is served within 0.4 s ("Rates and sizes"). Who takes no snapshots of a quiet market hears nothing by
# then; from now on at the latest nothing new is missed, so what is missing can be fetched.
GRACE = 1.0
LAG = 0.25  # seconds until a page that is older than the live trades is asked for again
TRIES = 3  # calls in a row without an answer, after which there is no use in more


class Job:
    """One gap: the fills that are still open, and what came of the others. What is left of `before` is part of it."""

    def __init__(self, gap: Fetch, before: "Job | None") -> None:
        self.epoch = gap.epoch
        self.gap = gap
        self.started_ns: int = gap.started_ns if before is None else before.started_ns
        self.deadline = time.monotonic() + gap.patience
        self.fills: dict[Stream, Fill] = {}  # until their trades are on the way to the router
        self.since_ns = {wanted.stream: wanted.since_ns for wanted in gap.wanted}
        self.unreleased = {wanted.stream for wanted in gap.wanted}
        self.idle: set[Stream] = set()  # without a sign of life from the new connection
        self.ready: deque[Stream] = deque()  # to be asked for, the first one now
        self.failures = 0  # in a row
        self.recovered: dict[str, int] = dict(before.recovered) if before else {}
        self.unrecovered: dict[Stream, Unrecovered] = {}
        # Of gaps before this one; but what the router still holds of them is fetched once more.
        self.unrecovered_before = before.unrecovered_but(self.unreleased) if before else []

    def unrecovered_but(self, held: Set[Stream]) -> list[Unrecovered]:
        """Return what is missing for good, except where trades are `held` now as they were before."""
        again = self.unreleased & held
        return self.unrecovered_before + [one for stream, one in self.unrecovered.items() if stream not in again]


class GraceOver(Message):
    """Fetch what has not begun by now, too."""

    epoch: int


class TimeOver(Message):
    """End with what there is."""

    epoch: int


class AskAgain(Message):
    """Ask for a page that lagged behind once more."""

    epoch: int
    stream: Stream


class AskCandlesAgain(Message):
    """Ask for a page of candles that lagged behind once more."""

    number: int


class Backfill(RestAsker[Call]):
    """Fills gaps, one at a time: a new one takes over the one before it, and both are told of as one.

    Receives Fetch, TradesBegan, TradesReleased and FetchCandles from the router, Answered and Unanswered from its
    reader. Sends Filled and CandlesFetched to the router, BackfillEnded to the registry.
    """

    _pace: RestPace

    def __init__(self, *, config: Config, router: Ref, registry: Ref, supervisor: Ref) -> None:
        super().__init__(config, RestPace())
        self._router = router
        self._registry = registry
        self._supervisor = supervisor
        self._job: Job | None = None
        self._candles = CandleFills(router, lambda wait, number: self.after(wait, AskCandlesAgain(number)))
        self._telling = Telling()  # of calls without an answer

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case Fetch():
                self._begin(message)
            case FetchCandles():
                self._candles.begin(message)
            case TradesBegan(epoch, firsts):
                for stream, first in firsts:
                    self._began(epoch, stream, first)
            case Answered(Call() as call):
                self._settle(call)
                self._answered(call, message)
            case Unanswered(Call() as call, reason):
                self._settle(call)
                self._unanswered(call, reason)
            case TradesReleased(epoch, stream, recovered, problem):
                self._released(epoch, stream, recovered, problem)
            case GraceOver(epoch):
                self._grace_over(epoch)
            case TimeOver(epoch):
                self._time_over(epoch)
            case AskAgain(epoch, stream):
                self._make_ready(epoch, stream)
            case AskCandlesAgain(number):
                self._candles.ready(number)
            case _:
                return super().on_receive(message)
        self._ask_next()
        return None

    def failed(self, error: BaseException) -> None:
        """Tell the supervisor; the router tells a successor what it holds."""
        tell(self._supervisor, Failed("backfill", self.actor_ref, error))

    # --- a gap

    def _begin(self, gap: Fetch) -> None:
        job = self._job = Job(gap, self._job)
        for missing in gap.wanted:
            stream, since_ms = missing.stream, missing.since_ns // 1_000_000
            job.fills[stream] = Fill(split(stream)[1], missing.known, is_all=missing.is_all, since_ms=since_ms)
            job.idle.add(stream)
            if missing.first is not None:
                self._began(job.epoch, stream, missing.first)
        self.after(GRACE, GraceOver(job.epoch))
        self.after(gap.patience, TimeOver(job.epoch))

    def _began(self, epoch: int, stream: Stream, first: int) -> None:
        fill = self._fill(epoch, stream)
        if fill is None:
            return
        fill.began(first)
        if fill.is_done:
            self._finish(stream, fill)
        else:
            self._make_ready(epoch, stream)

    def _grace_over(self, epoch: int) -> None:
        job = self._job
        if job is not None and job.epoch == epoch:
            for stream in list(job.idle):
                self._make_ready(epoch, stream)

    def _make_ready(self, epoch: int, stream: Stream) -> None:
        job, fill = self._job, self._fill(epoch, stream)
        if job is None or fill is None:
            return
        job.idle.discard(stream)
        if (job.gap.ended_ns - job.since_ns[stream]) / 1e9 > self._config.backfill_max_gap:
            fill.give_up(f"the gap is longer than backfill_max_gap={self._config.backfill_max_gap:g} s")
            self._finish(stream, fill)
        elif stream not in job.ready:
            # Where trades have come on, some were missed and others wait for them; the rest can only be made sure of.
            add = job.ready.append if fill.first_live is None else job.ready.appendleft
            add(stream)

    def _time_over(self, epoch: int) -> None:
        if self._job is not None and self._job.epoch == epoch:
            self._give_up(f"not fetched within {self._job.gap.patience:g} s")

    def _give_up(self, problem: str) -> None:
        if self._job is not None:
            for stream, fill in list(self._job.fills.items()):
                fill.give_up(problem)
                self._finish(stream, fill)

    def _finish(self, stream: Stream, fill: Fill) -> None:
        """Hand what was fetched to the router, which will say what became of it."""
        job = self._job
        assert job is not None
        del job.fills[stream]
        job.idle.discard(stream)
        if stream in job.ready:
            job.ready.remove(stream)
        rows = fill.missing()
        if fill.problem:
            self._note_missing(job, stream, fill.problem, fill.reaches_to_ms)
        trades = tuple((row.id, row.payload) for row in rows)
        tell(self._router, Filled(job.epoch, stream, time.time_ns(), trades, fill.problem))

    def _released(self, epoch: int, stream: Stream, recovered: int, problem: str) -> None:
        job = self._job
        if job is None or job.epoch != epoch or stream not in job.unreleased:
            return
        fill = job.fills.pop(stream, None)
        if fill is not None:  # the router could wait no longer
            job.idle.discard(stream)
            if stream in job.ready:
                job.ready.remove(stream)
        if problem:  # then what was fetched came too late as well
            self._note_missing(job, stream, problem, None)
        code = split(stream)[1]
        job.recovered[code] = job.recovered.get(code, 0) + recovered
        job.unreleased.remove(stream)
        if not job.unreleased:
            self._report(job)
            self._job = None

    def _note_missing(self, job: Job, stream: Stream, problem: str, until_ms: int | None) -> None:
        until_ns = job.gap.ended_ns if until_ms is None else until_ms * 1_000_000
        job.unrecovered[stream] = Unrecovered(split(stream)[1], job.since_ns[stream], until_ns, problem)

    def _report(self, job: Job) -> None:
        unrecovered = tuple(job.unrecovered_but(frozenset()))
        ended = BackfillEnded(job.epoch, job.started_ns, job.gap.ended_ns, dict(job.recovered), unrecovered)
        tell(self._registry, ended)

    # --- calls

    def _is_idle(self) -> bool:
        return self._job is None and self._candles.is_idle

    def _next_call(self) -> Call | None:
        """Return the call to make next: trades first, for they come thickest."""
        job = self._job
        if job is not None and job.ready:
            return Call(job.epoch, job.ready[0], job.fills[job.ready[0]].query())
        return self._candles.next_call()

    def _answered(self, call: Call, answer: Answered) -> None:
        job, fill = self._job, self._fill(call.epoch, call.stream)
        if answer.status in (418, 429):
            self._refused(answer)
        elif answer.status >= 500:
            self._unanswered(call, str(refusal(answer.status, answer.headers, answer.body)))
        elif isinstance(call.query, CandleQuery):
            self._candles.answered(call.epoch, answer.status, answer.body)
        elif job is not None and fill is not None:
            job.failures = 0
            if answer.status == 200:
                self._read(call, fill, answer.body)
            else:
                fill.give_up(f"the exchange answered HTTP {answer.status} for its trades")
            if fill.is_done:
                self._finish(call.stream, fill)

    def _read(self, call: Call, fill: Fill, body: bytes) -> None:
        assert self._job is not None
        try:
            is_current = fill.receive(body, time.time_ns() // 1_000_000)
        except RemoteProtocolError as exc:
            fill.give_up(str(exc))
            return
        if not is_current:
            self._job.ready.remove(call.stream)
            self.after(LAG, AskAgain(call.epoch, call.stream))

    def _refused(self, answer: Answered) -> None:
        """Wait as the exchange asks, or give up where that takes too long."""
        error = refusal(answer.status, answer.headers, answer.body)
        wait = error.retry_after if isinstance(error, RateLimitedError) else None
        now = time.monotonic()
        self._pace.refused(now, answer.status, wait)
        self._candles.refused(self._pace.due(now) - now, answer.status)
        if self._job is not None and self._pace.due(now) > self._job.deadline:
            self._give_up(f"the exchange answered HTTP {answer.status}: too many REST calls from this address")

    def _unanswered(self, call: Call, reason: str) -> None:
        job, is_of_candles = self._job, isinstance(call.query, CandleQuery)
        whose = self._candles if is_of_candles else job
        if whose is None or (job is not None and not is_of_candles and job.epoch != call.epoch):
            return
        whose.failures += 1
        self._pace.failed(time.monotonic(), whose.failures)
        if whose.failures >= TRIES:
            told, what = self._telling.failed(time.monotonic()), "candles" if is_of_candles else "trades"
            if told:
                logger.warning("missed %s cannot be fetched from %s: %s%s", what, self._config.rest_base, reason, told)
            give_up = self._candles.give_up if is_of_candles else self._give_up
            give_up(f"no answer from {self._config.rest_base}: {reason}")

    def _fill(self, epoch: int, stream: Stream) -> Fill | None:
        return self._job.fills.get(stream) if self._job is not None and self._job.epoch == epoch else None
