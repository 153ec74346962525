"""Candles that close in a replay: what closings are told of the records that are played, and what they do between."""

import math
from collections.abc import Callable

from websocket_v6.actors.delivery.closing_world import ENDPOINT
from websocket_v6.actors.delivery.closings import Closings
from websocket_v6.actors.delivery.deliveries import Delivery
from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.exchange.streams import split
from websocket_v6.protocol.exchange.wants import endpoint_of
from websocket_v6.protocol.recording.messages import Piece
from websocket_v6.protocol.recording.records import BACKFILLED, REPLAYED, Record, Rows, Standing, Wants

from .replay_closing_world import ReplayClosingWorld
from .stage import Stage, nanoseconds

__all__ = ["NOT_OPEN", "ReplayCandles"]

NOT_OPEN = ("lost", "refused", "closed")
NEVER = math.inf


class ReplayCandles:
    """The router's, in whose thread it is called; what it delivers is for the router to hand over.

    `next_piece` returns what is to be played next, if anything is left.
    """

    def __init__(
        self, stage: Stage, closings: Closings, delivery: Delivery, next_piece: Callable[[], Piece | None]
    ) -> None:
        self._world = ReplayClosingWorld(stage, delivery)
        self._closings = closings
        self._next_piece = next_piece
        self._is_open = False  # the connection that brings them, as it was played
        self._epoch = 0
        closings.world = self._world

    # --- when

    @property
    def due_ns(self) -> int | None:
        """When something is due that does not wait for a record, by the recording's monotonic clock."""
        # The clock goes no further than the last record.
        return self._world.due_ns if self._next_piece() is not None else None

    @property
    def listens_ns(self) -> float:
        """From which record on closings are to hear of it; all until then may be played at once."""
        at = self._closings.listens_at
        return at if abs(at) == NEVER else nanoseconds(at)

    def time_came(self) -> None:
        """Do what is due."""
        self._world.time_came()
        self._closings.time_came()
        self.see_to()

    # --- what is played

    def listen(self, rows: Rows) -> None:
        """Let closings hear that these were delivered, if they are due to.

        The clocks are read off these alone: which others are played with care depends on what threads do.
        """
        is_live = not rows.marks & (REPLAYED | BACKFILLED)  # else they are of any age
        if is_live and self._closings.listens() and endpoint_of(split(rows.streams[0])[0]) == ENDPOINT:
            self._world.played(rows.received_ns)
            batch = Batch(ENDPOINT, 0, rows.received_ns, rows.received_ns, rows.streams, rows.payloads)
            self._closings.heard(rows.received_ns, batch)
            self.see_to()

    def fetched(self, rows: Rows) -> None:
        """Note candles that were fetched when it was recorded."""
        self._world.fetched(rows)

    def wants(self, wants: Wants) -> None:
        """Note of which candles what was fetched is recorded."""
        self._world.wants(wants.closed)

    def stands(self, standing: Standing) -> None:
        """Note what happened to a connection, or what came of a gap."""
        if standing.endpoint != ENDPOINT:
            return
        if standing.state in NOT_OPEN:
            self._is_open = False
            self._closings.ended(standing.gap_started_ns or standing.at_ns)
        elif standing.state == "open":
            self._is_open = True
            self._closings.opened(standing.at_ns, None)
            if standing.epoch != self._epoch:
                self._epoch = standing.epoch
                self._world.turned()
                self._closings.turn(standing.epoch)
        elif standing.state == "backfilled":
            self._world.settled(standing)
        self.see_to()

    def see_to(self) -> None:
        """Do what closings have asked for: a sign that all has been read, and candles that were fetched."""
        world = self._world
        if world.is_sign_wanted:
            world.is_sign_wanted = False
            if self._is_read():
                self._closings.heard(world.wall_ns())
        while (answer := world.answer()) is not None:
            self._closings.fetched(answer)

    def _is_read(self) -> bool:
        """Whether all has been read up to now: not if the next record says that the connection is lost."""
        piece = self._next_piece()
        value = piece.value if isinstance(piece, Record) else None
        is_lost = isinstance(value, Standing) and value.endpoint == ENDPOINT and value.state in NOT_OPEN
        return self._is_open and not is_lost
