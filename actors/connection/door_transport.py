"""The thread that owns a socket to another process's door: attachments begin and end within it.

What is common to all sockets is `transport.py`.
"""

import time

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.connection import TransportServes, next_attachment
from websocket_v6.actors.messages.router import Attach, SourceEnded, SourceOpened, SourceSaid, SourceState
from websocket_v6.protocol.config import Config
from websocket_v6.protocol.connection.target import Target
from websocket_v6.protocol.errors import TransportError
from websocket_v6.protocol.server import words

from .allowance import DOOR_CREDITS
from .controls import Over
from .door_intake import DoorIntake, error_of
from .door_opening import DoorOpening, RemoteOpening
from .intake import Intake, Piece
from .opening import Opening
from .transport import Transport

__all__ = ["DoorTransport"]


class DoorTransport(Transport):
    """One attempt to go through a door, and the life of that connection: many attachments of its source, or none.

    Tells `router` also Attach, and SourceState while there is none; `owner` TransportServes.
    """

    def _way(self, target: Target, config: Config, jwt: Ref) -> tuple[Opening, Intake]:
        kind = RemoteOpening if target.is_remote else DoorOpening
        intake = DoorIntake(self._endpoint, is_remote=target.is_remote)
        return kind(self._endpoint, target, config, jwt), intake

    def _hear(self, piece: Piece, whole_ns: int, now_ns: int) -> None:
        match piece:
            case words.State():
                self._turn(piece, now_ns)
            case words.Reached(reached_ns, exchange_ms):
                self._attached_whole_ns = max(self._attached_whole_ns, min(reached_ns, now_ns))
                self._reach(self._attached_whole_ns, exchange_ms)
            case words.Refused() | words.Reconciled():
                tell(self._router, SourceSaid(self._endpoint, self._intake.attachment, piece))
            case _:
                super()._hear(piece, whole_ns, now_ns)

    def _turn(self, state: words.State, now_ns: int) -> None:
        """End the attachment there is, and begin another if the exchange is there."""
        if self._opening.is_aborted:  # its owner has written it off, and may have another
            raise Over(TransportError(f"the {self._endpoint} connection was given up"))
        at_ns = min(state.at_ns, now_ns)
        source, error = (self._endpoint, self._source), error_of(state)
        attachment, self._intake.attachment = self._intake.attachment, 0
        if attachment:
            whole_ns = self._attached_whole_ns
            if state.gap_started_ns is not None:  # what the host missed begins before what it could not pass on
                whole_ns = min(whole_ns, state.gap_started_ns)
            self._reading_since = time.monotonic()
            tell(self._owner, TransportServes(self._number, 0, state.state))
            tell(self._router, SourceEnded(*source, attachment, whole_ns, at_ns, state.reason, error))
        if state.state == "open":
            # It may have been open for long, but not for this process.
            self._attach(max(at_ns, self._wholeness.opened_ns), backfills=state.backfills)
        elif not attachment or state.state != "lost":  # which the end of its attachment says
            tell(self._owner, TransportServes(self._number, 0, state.state))
            if state.reason or state.state != "connecting" or self._state != "connecting":  # which is told already
                tell(self._router, SourceState(*source, state.state, at_ns, state.reason, error))
        self._state = state.state

    def _attach(self, at_ns: int, *, backfills: bool) -> None:
        number = self._intake.attachment = next_attachment()
        self._attached_whole_ns = at_ns
        self._asked_ns.clear()
        self._reading_since = None  # until it is admitted
        # Credits from before may still come back. A command that left its mark among them is looked at before any wait.
        self._allowance.renew()
        if not self._commands.empty():
            self._allowance.mark()
        tell(self._router, Attach(number, self._endpoint, self._source, self._allowance.credits, DOOR_CREDITS))
        tell(self._owner, TransportServes(self._number, number, "open"))
        tell(self._router, SourceOpened(self._endpoint, self._source, number, at_ns, backfills))
