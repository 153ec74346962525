"""The life of one connection as a table of legal steps; its socket is in `actors/connection/transport.py`."""

from enum import Enum

from websocket_v6.protocol.errors import LocalProtocolError

__all__ = ["ConnectionState", "Lifecycle"]


class ConnectionState(Enum):
    """Where a connection stands."""

    IDLE = "idle"  # nobody wants the endpoint
    CONNECTING = "connecting"
    OPEN = "open"
    WAITING = "waiting"  # lost or not reached; the next attempt has its time
    REFUSED = "refused"  # the exchange does not accept the keys: wait for others, try again rarely
    CLOSING = "closing"  # nobody wants it any more, the peer's close is awaited


LEGAL = {
    ConnectionState.IDLE: {ConnectionState.CONNECTING, ConnectionState.WAITING},
    ConnectionState.CONNECTING: {
        ConnectionState.OPEN,
        ConnectionState.WAITING,
        ConnectionState.REFUSED,
        ConnectionState.CLOSING,
    },
    ConnectionState.OPEN: {ConnectionState.WAITING, ConnectionState.REFUSED, ConnectionState.CLOSING},
    ConnectionState.WAITING: {ConnectionState.CONNECTING, ConnectionState.IDLE},
    ConnectionState.REFUSED: {ConnectionState.CONNECTING, ConnectionState.IDLE},
    ConnectionState.CLOSING: {ConnectionState.IDLE},
}


class Lifecycle:
    """Holds the state and refuses a step that is not in the table: that is a bug of ours."""

    def __init__(self) -> None:
        self.state = ConnectionState.IDLE

    def move(self, to: ConnectionState) -> None:
        """Take one step.

        Raises:
            LocalProtocolError: if the table does not have it.
        """
        if to not in LEGAL[self.state]:
            raise LocalProtocolError(f"a connection cannot go from {self.state.value} to {to.value}")
        self.state = to
