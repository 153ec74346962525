"""What the machines of a fleet want, as leases of the leader's registry: one client for each endpoint.

Not an actor: the fleet owns one. It begins when this machine leads, and ends with that.
"""

from collections.abc import Callable, Mapping, Sequence

from websocket_v6.actors.messages.registry import ComponentGone, Subscribe, Unsubscribe, Watch, next_subscription_id
from websocket_v6.actors.messages.router import Convey
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.fleet.wants import Union
from websocket_v6.protocol.server.client_leases import ClientLeases, Take

from .log_mouth import Cover

__all__ = ["Leases"]


class Leases:
    """Of the endpoints with these `ways`. `to_registry` and `to_router` tell these something."""

    def __init__(
        self,
        name: str,
        ways: Mapping[str, Way],
        region: str,
        to_registry: Callable[[object], object],
        to_router: Callable[[object], object],
    ) -> None:
        self._ways = ways
        self._ids = {endpoint: f"fleet {name} {endpoint}" for endpoint in ways}
        self._region = region
        self._to_registry = to_registry
        self._to_router = to_router
        self._union = Union(region)
        self._leases: dict[str, ClientLeases] = {}

    @property
    def machines(self) -> frozenset[str]:
        """Whose wants are served."""
        return self._union.machines

    def streams(self, endpoint: str) -> frozenset[str]:
        """Return what is wanted of an endpoint."""
        leases = self._leases.get(endpoint)
        return frozenset() if leases is None else frozenset(leases.streams)

    def begin(self) -> None:
        """Begin without any wants."""
        self._union = Union(self._region)
        for endpoint, way in self._ways.items():
            self._leases[endpoint] = ClientLeases(next_subscription_id)
            self._to_registry(Watch(self._ids[endpoint], way))

    def settle(self, machine: str, requests: Mapping[str, bytes]) -> None:
        """Have a machine want just this."""
        for endpoint in self._union.settle(machine, requests):
            if endpoint in self._leases:
                self._renew(endpoint)

    def keep(self, machines: Sequence[str]) -> None:
        """Do without the wants of all other machines."""
        for machine in self._union.machines - set(machines):
            self.settle(machine, {})

    def refused(self, lease: int) -> None:
        """Forget a lease that the registry has ended."""
        for endpoint, leases in self._leases.items():
            gone = leases.refused(lease)
            if gone:
                self._to_router(Convey(self._ways[endpoint], Cover((), gone)))

    def end(self) -> None:
        """Take everything back."""
        for endpoint in self._leases:
            self._to_registry(ComponentGone(self._ids[endpoint]))
        self._leases.clear()

    def _renew(self, endpoint: str) -> None:
        leases, way = self._leases[endpoint], self._ways[endpoint]
        before = leases.streams
        changes = leases.settle(self._union.of(endpoint))
        added, dropped = leases.streams - before, before - leases.streams
        if added or dropped:  # before what it brings
            self._to_router(Convey(way, Cover(tuple(sorted(added)), tuple(sorted(dropped)))))
        component_id = self._ids[endpoint]
        for change in changes:
            if isinstance(change, Take):
                message: Subscribe | Unsubscribe = Subscribe(
                    component_id, change.lease, change.want, way, None, change.replay
                )
            else:
                message = Unsubscribe(component_id, change.lease, change.want)
            self._to_registry(message)
