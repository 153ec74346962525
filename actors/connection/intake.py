"""What the messages of one read become: data or notices, all of one attachment; at a door, see `door_intake.py`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol, TypeAlias

from websocket_v6.protocol.delivery.batch import Batch
from websocket_v6.protocol.exchange.heads import Inbound, Notice

if TYPE_CHECKING:
    from websocket_v6.protocol.server.words import Reached, Reconciled, Refused, State

__all__ = ["ExchangeIntake", "Intake", "Piece"]

Piece: TypeAlias = "Batch | Notice | Reached | Reconciled | Refused | State"


class Intake(Protocol):
    """Makes pieces of the messages of one socket. `attachment` is what batches belong to; 0: there is none."""

    attachment: int

    def read(self, messages: list[bytes], whole_ns: int, now_ns: int) -> Iterator[Piece]:
        """Yield what the messages of one read are, in their order; `attachment` may be changed between two of them."""


class ExchangeIntake:
    """Reads what the exchange sends."""

    def __init__(self, endpoint: str, attachment: int) -> None:
        self.attachment = attachment
        self._endpoint = endpoint
        self._inbound = Inbound()

    def read(self, messages: list[bytes], whole_ns: int, now_ns: int) -> Iterator[Piece]:
        """Yield one batch of all data, and then what is none."""
        streams, payloads, notices = self._inbound.sort(messages)
        if streams:
            yield Batch(self._endpoint, self.attachment, whole_ns, now_ns, streams, payloads)
        yield from notices
