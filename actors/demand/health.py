"""What the registry says of itself when it is asked."""

from typing import TYPE_CHECKING

from websocket_v6.protocol.demand.health import EndpointHealth
from websocket_v6.protocol.message import Message

from .recoveries import Unreconciled

if TYPE_CHECKING:
    from websocket_v6.protocol.exchange.market_list import Listing

__all__ = ["RegistryHealth"]


class RegistryHealth(Message):
    """What all components want, endpoint by endpoint."""

    components: int
    endpoints: tuple[EndpointHealth, ...]
    malformed: int
    lists: "tuple[Listing, ...]" = ()  # of markets, that are known
    unreconciled: tuple[Unreconciled, ...] = ()
