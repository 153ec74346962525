"""The messages of a record, made the events that they were when they were delivered."""

from websocket_v6.actors.delivery.careful import Incoming
from websocket_v6.actors.delivery.routes import as_snapshot
from websocket_v6.protocol.events import Event, make_event
from websocket_v6.protocol.exchange.streams import Stream, split
from websocket_v6.protocol.exchange.wants import endpoint_of
from websocket_v6.protocol.recording.records import BACKFILLED, REPLAYED, RUNS_ON, Rows

__all__ = ["Recorded"]


class Recorded(Incoming):
    """What the messages of one record share."""

    def event(self, stream: Stream, payload: bytes, *, runs: bool) -> Event:  # noqa: ARG002 - it was decided then
        """Make the event that was delivered then."""
        event = make_event(stream, payload, self.epoch, self.received_ns)
        if self.is_backfilled:
            event = event.as_backfilled()
        if self.is_merged:
            event = event.as_realtime()
        return as_snapshot(event) if self.is_replayed else event

    @property
    def is_of_ledger(self) -> bool:
        """Nothing is for the ledgers of other processes: what was fetched of the account is delivered as it was."""
        return False

    @classmethod
    def of_rows(cls, rows: Rows, stream: Stream) -> "Recorded":
        """Return what the messages of `rows` share, with the endpoint of `stream`."""
        marks = (bool(rows.marks & mark) for mark in (REPLAYED, BACKFILLED, RUNS_ON))
        return cls(endpoint_of(split(stream)[0]), rows.epoch, rows.received_ns, *marks)
