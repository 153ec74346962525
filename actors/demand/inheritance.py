"""What outlives a registry that a bug ended: whose leases are whose, who listens, and what the endpoints know."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.demand.endpoint import EndpointInheritance
from websocket_v6.protocol.exchange.wants import Closing
from websocket_v6.protocol.message import Message

if TYPE_CHECKING:
    from websocket_v6.protocol.demand.patterns import PatternsInheritance

__all__ = ["OWNER", "Claim", "RegistryInheritance", "inherit"]

OWNER = "the lists of markets"  # as whose these leases count: of no component, for names of those have a "#"


class Claim(Message):
    """Whose a lease is, and where it goes (live)."""

    component_id: str
    endpoint: str
    mailbox: MailboxQueue | Way
    component: Ref | None  # who is woken for it; None: the mailbox is pulled
    closing: Closing | None = None  # candles: each once, when it is final


class RegistryInheritance(Message):
    """What outlives a registry (live)."""

    claims: Mapping[int, Claim]
    watchers: Mapping[str, Ref | Way]
    endpoints: Mapping[str, EndpointInheritance]
    patterns: "PatternsInheritance | None" = None  # and lists, where anybody had asked for any


def inherit(
    inheritance: RegistryInheritance | None,
) -> tuple[dict[int, Claim], dict[str, Ref | Way], dict[str, EndpointInheritance]]:
    """Return what is inherited; of leases only what both the registry and the endpoint knew, when the bug struck."""
    left = inheritance or RegistryInheritance({}, {}, {})
    claims = left.claims
    kept: dict[str, EndpointInheritance] = {}
    known: dict[int, Claim] = {}
    for name, endpoint in left.endpoints.items():
        leases = {lease: one for lease, one in endpoint.leases.leases.items() if lease in claims}
        kept[name] = replace(endpoint, leases=replace(endpoint.leases, leases=leases))
        known.update((lease, claims[lease]) for lease in leases)
    patterns = () if left.patterns is None else left.patterns.patterns
    known.update((lease, claims[lease]) for lease in patterns if lease in claims)  # it may have no codes yet
    return known, dict(left.watchers), kept
