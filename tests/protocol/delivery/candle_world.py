"""A stream of 1m candles and a clock, for sequences as they stand in tables: `11:59`, `12:00:00.6`."""

from typing import Any, NamedTuple

from websocket_v6.protocol.delivery.candle_taker import Give, How, Late
from websocket_v6.protocol.delivery.closer import Action, Ask, Closer, Missing, Settled, Wrong

__all__ = ["MINUTE", "C", "World", "ms"]

MINUTE = 60_000
DAY_MS = 1_795_132_800_000  # a midnight, UTC


def ms(text: str) -> int:
    """Return `12:00:00.6`, or `12:00`, as Unix milliseconds of some day."""
    hours, minutes, *seconds = text.split(":")
    return DAY_MS + round((int(hours) * 3600 + int(minutes) * 60 + float(seconds[0] if seconds else 0)) * 1000)


class C(NamedTuple):
    """A candle of the stream: what it is of is not looked at but for its volume."""

    start: str
    volume: int


class World:
    """One closer at a time of the exchange's. `given` is what taker 1 got; `done` all that is not delivered."""

    def __init__(self, at: str, *, unit_ms: int = MINUTE, fills: bool = True, patience: float = 15.0) -> None:
        self.closer: Closer[C] = Closer(unit_ms, volume=lambda one: one.volume, fills=fills, patience=patience)
        self.x = ms(at)
        self.given: dict[int, list[Give[C]]] = {}
        self.done: list[Any] = []

    @property
    def now(self) -> float:
        return self.x / 1000 - 1_000_000.0

    def join(self, taker: int = 1, **how: Any) -> "World":
        self.closer.join(taker, self.now, **how)
        return self

    def take(self, actions: list[Action[C]]) -> None:
        for action in actions:
            if isinstance(action, Give):
                self.given.setdefault(action.taker, []).append(action)
            else:
                self.done.append(action)

    def go(self, at: str) -> None:
        """Let time pass, and nothing come."""
        assert ms(at) >= self.x
        self.x = ms(at)
        self.take(self.closer.tick(self.x, self.now))

    def hear(self, at: str) -> None:
        """Something came at this time, and all from before it."""
        self.go(at)
        self.take(self.closer.read(self.x, self.now))

    def come(self, candle: C, at: str, *, is_snapshot: bool = False) -> None:
        """A message of a candle comes."""
        self.go(at)
        self.take(self.closer.take(ms(candle.start), candle, is_snapshot=is_snapshot))
        self.hear(at)

    def lose(self, since: str, at: str) -> None:
        """The connection is there again, and what was sent after `since` may be missing."""
        self.x = ms(at)
        self.closer.lost(ms(since), self.x, self.now)
        self.take(self.closer.tick(self.x, self.now))

    def answer(self, at: str, *rows: C, covered: tuple[str, str] | None = None, problem: str = "") -> None:
        """Answer the last call."""
        self.x = ms(at)
        found = [(ms(row.start), row) for row in rows]
        bounds = None if covered is None else (ms(covered[0]), ms(covered[1]))
        self.take(self.closer.fetched(self.asked[-1].number, found, bounds, problem, self.x, self.now))

    @property
    def asked(self) -> list[Ask]:
        return [one for one in self.done if isinstance(one, Ask)]

    @property
    def late(self) -> list[Late[C]]:
        return [one for one in self.done if isinstance(one, Late)]

    @property
    def missing(self) -> list[Missing | Wrong]:
        return [one for one in self.done if isinstance(one, Missing | Wrong)]

    @property
    def recovered(self) -> list[int]:
        return [one.recovered for one in self.done if isinstance(one, Settled)]

    def shown(self, taker: int = 1) -> list[tuple[str, int, str]]:
        """Return what a taker got: start, volume (of an empty one 0), how it came."""
        return [
            (_text(one.start_ms), 0 if one.how is How.EMPTY else one.item.volume, one.how.value)
            for one in self.given.get(taker, [])
        ]


def _text(at_ms: int) -> str:
    seconds = (at_ms - DAY_MS) // 1000
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    return text if seconds % 60 == 0 else f"{text}:{seconds % 60:02d}"
