"""What is known of one source of an endpoint, and whom sources talk to; who has which is for sources.py."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from websocket_v6.protocol.message import Message

from .base import Actor
from .messages.common import Ref

if TYPE_CHECKING:
    from websocket_v6.protocol.connection.door import Door

    from .connection.connection import ConnectionInheritance

__all__ = ["Neighbours", "Source"]


class Source(Message):
    """One source of an endpoint: a connection, to the exchange or through `door` to another process.

    `ref` is `None` while it is to be started. `part` is what it is called when it fails, it and its successors.
    """

    endpoint: str
    number: int
    ref: Ref | None
    part: str
    heir_of: tuple[int, ...] = ()  # the numbers of the sources that end as soon as this one serves
    door: "Door | None" = None
    outlives_refusal: bool = True  # of its keys; else those it replaces end with that too
    inheritance: "ConnectionInheritance | None" = None  # what it is to begin with
    actor: Actor | None = None  # itself, while it runs: see `Family`
    reads_log: bool = False  # of the fleet


class Neighbours(Message):
    """The actors that sources talk to, as they are now (live); `None` for one that is being started again.

    Of `jwt` the last there was, whether or not it `has_keys`: who needs none does not ask it.
    """

    registry: Ref | None
    router: Ref | None
    jwt: Ref | None
    membership: Ref | None
    has_keys: bool = True
    fleets: Mapping[str, Ref] = {}  # by endpoint
