"""Reads a recording ahead of the router, as far as it is asked to: the source of a replay."""

import time
from collections.abc import Iterator

from websocket_v6.actors.base import Actor, tell
from websocket_v6.actors.connection.health import ConnectionHealth
from websocket_v6.actors.messages.common import GetHealth, Ref
from websocket_v6.actors.messages.replay import More, Scene, Stands
from websocket_v6.protocol.errors import RecordingError, WebSocketV6Error
from websocket_v6.protocol.outside_text import printable
from websocket_v6.protocol.recording.messages import Piece, count_of, join
from websocket_v6.protocol.recording.records import Standing

from .recorded_tape import Tape

__all__ = ["SCENE", "Player"]

SOURCE = 0  # there is one
SCENE = 512  # records that are given at once, or more


class Player(Actor):
    """Owns the files that are played.

    Receives More and Stands from the router, to which it sends Scene.
    """

    def __init__(self, *, tape: Tape, router: Ref) -> None:
        super().__init__()
        self._pieces: Iterator[list[Piece]] = tape.read()
        self._router = router
        self._standings: dict[str, tuple[Standing, float]] = {}  # and since when, monotonic seconds
        self._is_over = False

    def on_receive(self, message: object) -> object:
        """Handle one message."""
        match message:
            case More():
                self._read()
            case Stands(standing) if standing.lasts:
                self._standings[standing.endpoint] = standing, time.monotonic()
            case Stands():
                pass
            case GetHealth():
                return tuple(map(self._health, self._standings))
            case _:
                super().on_receive(message)
        return None

    def close(self) -> None:
        """Close the file that is open."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()

    def _read(self) -> None:
        if self._is_over:
            return
        pieces: list[Piece] = []
        error: WebSocketV6Error | None = None
        try:
            while sum(map(count_of, pieces)) < SCENE and not self._is_over:
                more = next(self._pieces, None)
                if more is None:
                    self._is_over = True
                else:
                    join(pieces, more)
        except WebSocketV6Error as exc:
            error = exc
        except OSError as exc:
            error = RecordingError(f"the recording cannot be read any more: {printable(str(exc))}")
        self._is_over = self._is_over or error is not None
        tell(self._router, Scene(pieces, self._is_over, error))

    def _health(self, endpoint: str) -> ConnectionHealth:
        standing, since = self._standings[endpoint]
        is_open = standing.state == "open"
        return ConnectionHealth(
            endpoint,
            SOURCE,
            standing.state,
            standing.epoch,
            time.monotonic() - since if is_open else 0.0,
            0,
            0,
            standing.reason,
            is_open,
        )
