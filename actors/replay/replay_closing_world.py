"""What closed candles need of the world in a replay: the recording's clocks, its own signs, and what was fetched then.

Nobody is asked: all that is in the recording up to a moment has been read by then, and what REST said is there, if it
was asked when the recording was made.
"""

from collections.abc import Collection
from typing import Final

from websocket_v6.actors.base import Timer
from websocket_v6.actors.delivery.closing_world import ClosingWorld
from websocket_v6.actors.delivery.deliveries import Delivery
from websocket_v6.actors.messages.backfill import FetchCandles
from websocket_v6.actors.messages.router import CandlesFetched
from websocket_v6.protocol.events.candle_intervals import start_of
from websocket_v6.protocol.exchange.codes import CANDLE_UNITS
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.recording.records import Rows, Standing

from .stage import Stage, nanoseconds

__all__ = ["FILL_PATIENCE", "ReplayClosingWorld"]

FILL_PATIENCE: Final = 60.0  # recorded seconds for what was fetched then: more than anybody waited for it
LEAST: Final = 1e-6
NOT_FETCHED: Final = "nothing is fetched in a replay, and nothing was when it was recorded"

_Row = tuple[int, bytes, int]  # start, message, when it was received


class ReplayClosingWorld(ClosingWorld):
    """Of a router that plays. What is to be told back is in `answer`, once it is known: the router takes it from there.

    Time is that of the record that was played last, or of what is due before the next.
    """

    def __init__(self, stage: Stage, delivery: Delivery) -> None:
        super().__init__(delivery, self._after, self._now)
        self.is_sign_wanted = False
        self._stage = stage
        self._timer: Timer | None = None
        self._wall: tuple[int, int] = (0, 0)  # of the last record that says: monotonic, and when it was received
        self._closed: Collection[Stream] = frozenset()  # of which what was fetched is in the recording
        self._rows: dict[Stream, list[_Row]] = {}  # since the last gap
        self._settled: dict[str, Standing] = {}  # what came of it, by data type
        self._asked: dict[Stream, FetchCandles] = {}
        self._answers: list[tuple[CandlesFetched, bool]] = []  # and whether the recording tells what came of it
        self._is_told = False

    @property
    def due_ns(self) -> int | None:
        """When the timer is over, by the recording's monotonic clock."""
        timer = self._timer
        return None if timer is None or timer.message is None else nanoseconds(timer.due)

    def time_came(self) -> None:
        """Note that the timer is over."""
        self._timer = None

    # --- what is played

    def played(self, received_ns: int) -> None:
        """Note a record that says when it was received."""
        self._wall = self._stage.mono_ns, received_ns

    def wants(self, closed: Collection[Stream]) -> None:
        """Note of which streams what was fetched is recorded from here on; `candle.1m KRW-*` is all of a pattern."""
        self._closed = frozenset(closed)

    def turned(self) -> None:
        """Something may be missing before what comes now: what is fetched for it comes behind this."""
        self._rows.clear()
        self._settled.clear()
        self._asked.clear()

    def fetched(self, rows: Rows) -> None:
        """Keep candles that were fetched, until it is known whether they are all."""
        for stream, payload in zip(rows.streams, rows.payloads, strict=True):
            start_ms = start_of(payload)
            if start_ms is not None:
                self._rows.setdefault(stream, []).append((start_ms, payload, rows.received_ns))

    def settled(self, standing: Standing) -> None:
        """Answer all that wait for candles of a data type: what is missing of them is known now."""
        self._settled[standing.data_type] = standing
        for stream in [one for one in self._asked if split(one)[0] == standing.data_type]:
            self._settle(self._asked.pop(stream), standing)

    def _settle(self, asked: FetchCandles, standing: Standing) -> None:
        missing = [part for part in standing.unrecovered if part[0] == split(asked.stream)[1]]
        self._answers.append((_answer(asked, self._rows.get(asked.stream, []), missing), True))

    def answer(self) -> CandlesFetched | None:
        """Return the next answer to what was asked; `tells` goes by it from then on."""
        if not self._answers:
            self._is_told = False
            return None
        found, self._is_told = self._answers.pop(0)
        return found

    # --- what closings ask

    def wall_ns(self) -> int:
        mono_ns, wall_ns = self._wall
        return wall_ns + max(0, self._stage.mono_ns - mono_ns)

    def ask_sign(self) -> None:
        self.is_sign_wanted = True

    def fetch(self, message: FetchCandles) -> None:
        type_, code = split(message.stream)
        standing, pattern = self._settled.get(type_), f"{type_} {code.partition('-')[0]}-*"
        if standing is not None:  # its time is known later here, as after a sleep of the machine
            self._settle(message, standing)
        elif message.stream in self._closed or pattern in self._closed:
            self._asked[message.stream] = message
        else:
            self._answers.append((CandlesFetched(message.stream, message.ask.number, 0, (), None, NOT_FETCHED), False))

    def tells(self) -> bool:
        return not self._is_told

    def _after(self, seconds: float, message: object) -> Timer:
        self._timer = Timer(self._now() + max(seconds, LEAST), message)  # so that it goes on, whatever is rounded
        return self._timer

    def _now(self) -> float:
        return (self._stage.mono_ns or self._stage.tape.began_ns) / 1e9


def _answer(asked: FetchCandles, rows: list[_Row], missing: Collection[tuple[str, int, int, str]]) -> CandlesFetched:
    """Return what REST said then: all from behind what it did not have."""
    stream, ask = asked.stream, asked.ask
    unit_ms, from_ms = CANDLE_UNITS[split(stream)[0]], ask.from_ms or 0
    end_ms = ask.end_ms if ask.end_ms is not None else max((start for start, _, _ in rows), default=from_ms) + unit_ms
    inside = [part for part in missing if part[1] < end_ms * 1_000_000 and part[2] > from_ms * 1_000_000]
    since_ms = max([from_ms, *(part[2] // 1_000_000 for part in inside)])
    covered = (since_ms, end_ms) if since_ms < end_ms else None
    reason = inside[-1][3] if inside else ""
    received_ns = rows[-1][2] if rows else 0
    found = tuple(sorted((start, payload) for start, payload, _ in rows)) if covered is not None else ()
    return CandlesFetched(stream, ask.number, received_ns, found, covered, reason)
