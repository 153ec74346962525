"""What the messages of one read at another process's door become.

A door tells beside data how the connections behind it stand: so one socket sees attachments begin and end, in one order
with their data.
"""

from collections.abc import Iterator, Sequence

import msgspec

from websocket_v6.protocol.connection.clock_offset import ClockOffset
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.exchange.heads import Inbound
from websocket_v6.protocol.limits import DOOR_ROWS
from websocket_v6.protocol.server import words
from websocket_v6.protocol.websocket.frames import Text

from .intake import Piece

__all__ = ["DoorIntake", "error_of"]

SAME_NS = 1_000_000  # what another process read within this time of each other is one batch here


class DoorIntake:
    """Reads what another process sends: rows as it read them, states of its connections, answers of the exchange."""

    def __init__(self, endpoint: str, *, is_remote: bool = False) -> None:
        self.attachment = 0
        self._endpoint = endpoint
        self._inbound = Inbound()
        self._clock = ClockOffset() if is_remote else None

    def read(self, messages: list[bytes], whole_ns: int, now_ns: int) -> Iterator[Piece]:  # noqa: ARG002
        """Yield batches, each of what the host read within a moment, and what else there is.

        Raises:
            RemoteProtocolError: if it is no word of a door's.
        """
        batch: Batch | None = None
        for message in messages:
            word = None if isinstance(message, Text) else words.decode(message)
            if word is not None and self._clock is not None:
                word = self._in_our_time(self._clock, word, now_ns)
            if isinstance(word, words.Rows):
                if batch is not None and _goes_with(batch, word):
                    batch.streams.extend(word.streams)
                    batch.payloads.extend(word.payloads)
                    continue
                if batch is not None:
                    yield batch
                batch = self._batch(word) if self.attachment else None
                continue
            if batch is not None:
                yield batch
                batch = None
            if word is None:
                yield from self._inbound.sort([message]).notices
            elif not isinstance(word, words.Clock):
                yield word
        if batch is not None:
            yield batch

    def _in_our_time(self, clock: ClockOffset, word: words.Word, now_ns: int) -> words.Word:
        match word:
            case words.Clock(sent_ns):
                clock.note(sent_ns, now_ns)
                return word
            case words.State(sent_ns=sent_ns, at_ns=at_ns, gap_started_ns=gap_ns):
                clock.note(sent_ns, now_ns)
                local_gap_ns = None if gap_ns is None else clock.local(gap_ns, now_ns)
                return msgspec.structs.replace(word, at_ns=clock.local(at_ns, now_ns), gap_started_ns=local_gap_ns)
            case words.Reconciled(started_ns=started_ns, ended_ns=ended_ns):
                local_ns = None if started_ns is None else clock.local(started_ns, now_ns)
                return msgspec.structs.replace(word, started_ns=local_ns, ended_ns=clock.local(ended_ns, now_ns))
            case words.Rows(ts_received_ns=at_ns):
                return msgspec.structs.replace(word, ts_received_ns=clock.local(at_ns, now_ns))
            case words.Reached(whole_ns=at_ns):
                return msgspec.structs.replace(word, whole_ns=clock.local(at_ns, now_ns))
            case _:
                return word

    def _batch(self, rows: words.Rows) -> Batch:
        # What the host read is in order, and whole up to then. A last value that it passes on may be older.
        return Batch(
            self._endpoint,
            self.attachment,
            rows.ts_received_ns,
            rows.ts_received_ns,
            _list(rows.streams),
            _list(rows.payloads),
            rows.replayed,
            rows.backfilled,
        )


def _list(column: Sequence[str] | Sequence[bytes]) -> list:  # type: ignore[type-arg]
    return column if isinstance(column, list) else list(column)


def _goes_with(batch: Batch, rows: words.Rows) -> bool:
    return (
        0 <= rows.ts_received_ns - batch.ts_received_ns <= SAME_NS
        and len(batch.streams) + len(rows.streams) <= DOOR_ROWS
        and rows.replayed == batch.replayed
        and rows.backfilled == batch.backfilled
    )


def error_of(state: words.State) -> WebSocketV6Error | None:
    """Return an error of the class that the host named; `None` if it named none."""
    return words.error_named(state.error, state.reason)
