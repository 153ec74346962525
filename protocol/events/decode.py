"""One message object, not sorted yet, to its event: for tests and for replay of single messages."""

from websocket_v6.protocol.exchange.heads import Inbound

from ..errors import RemoteProtocolError
from ..outside_text import excerpt
from .base import Event
from .make import make_event

__all__ = ["decode"]


def decode(payload: bytes, *, endpoint: str = "public", epoch: int = 0, received_at: int = 0) -> Event:
    """Return the loaded event of one message, an object or a list of one.

    Raises:
        RemoteProtocolError: if it is malformed, not one message, or no data message at all.
    """
    sorted_ = Inbound().sort([payload])
    if len(sorted_.streams) != 1 or sorted_.notices:
        raise RemoteProtocolError(f"not one data message of the {endpoint} endpoint: {excerpt(payload)!r}")
    event = make_event(sorted_.streams[0], sorted_.payloads[0], epoch, received_at)
    event.load()
    return event
