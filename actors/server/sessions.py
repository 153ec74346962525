"""What is done with what clients of a host's door say: members to the owner, guests' requests to the registry."""

import logging

from websocket_v6.actors.base import tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.registry import (
    Asker,
    AskExchange,
    AskReach,
    ComponentGone,
    Subscribe,
    Unsubscribe,
    Watch,
    next_subscription_id,
)
from websocket_v6.actors.messages.server import MemberCame, MemberGone, MemberSaid, StateAsked
from websocket_v6.protocol.secret import HiddenBytes
from websocket_v6.protocol.server.client_leases import Change, ClientLeases, Take
from websocket_v6.protocol.server.request_reading import RequestError, read_guest_request
from websocket_v6.protocol.server.words import Refused, encode
from websocket_v6.protocol.websocket.frames import Text
from websocket_v6.protocol.websocket.outgoing import BINARY, frame

from .server_client import Client, CutOff

__all__ = ["GuestSession", "MemberSession", "OnlookerSession"]

logger = logging.getLogger(__name__)

MAX_TICKET = 64  # characters


class MemberSession:
    """A process that is there: what it says is its host's membership's to read."""

    def __init__(self, client: int, pid: int, owner: Ref) -> None:
        self._client = client
        self._owner = owner
        tell(owner, MemberCame(client, pid))

    def heard(self, message: bytes) -> None:
        """Pass a word on."""
        if isinstance(message, Text):
            raise CutOff(1003, "a member's words are binary")
        tell(self._owner, MemberSaid(self._client, HiddenBytes(message)))

    def closed(self, reason: str) -> None:
        """Say that it is gone."""
        tell(self._owner, MemberGone(self._client, reason))


class OnlookerSession:
    """A program of the user that looks at this process, such as `websocket-v6 top`: whatever it says is a question."""

    def __init__(self, client: int, owner: Ref) -> None:
        self._client = client
        self._owner = owner

    def heard(self, message: bytes) -> None:  # noqa: ARG002
        """Have the owner answer."""
        tell(self._owner, StateAsked(self._client))

    def closed(self, reason: str) -> None:
        """Nobody waits for it."""


class GuestSession:
    """One data socket of a guest: its requests become leases of the registry, which answers in the stream."""

    def __init__(self, client: Client, endpoint: str, *, region: str, registry: Ref) -> None:
        self.endpoint = endpoint
        self._way = client.way
        self._say = client.outlet.add
        self._component_id = f"{client.name}#{client.number} {endpoint}"
        self._region = region
        self._registry = registry
        self._leases = ClientLeases(next_subscription_id)
        tell(registry, Watch(self._component_id, client.way))

    def heard(self, message: bytes) -> None:
        """Take a request, or a question to the exchange."""
        if not isinstance(message, Text):
            raise CutOff(1003, "a guest's requests are text")
        try:
            request, refused = read_guest_request(message, self.endpoint, region=self._region)
        except RequestError as exc:
            raise CutOff(1008, f"no request: {exc.name}") from None
        if request.is_reach:
            tell(self._registry, AskReach(self.endpoint, self._way))
            return
        if request.is_list:
            if len(request.ticket) > MAX_TICKET:
                raise CutOff(1008, "a ticket that is too long")
            tell(self._registry, AskExchange(self.endpoint, Asker(self._way, request.ticket)))
            return
        for one in refused:
            self._say(frame(BINARY, encode(Refused(one.streams, one.name, one.text))))
        for change in self._leases.settle(request.wants):
            tell(self._registry, self._message(change))

    @property
    def streams(self) -> int:
        """How many it has."""
        return len(self._leases.streams)

    def refused(self, lease: int) -> None:
        """Forget a lease that is gone."""
        self._leases.refused(lease)

    def closed(self, reason: str) -> None:  # noqa: ARG002
        """Take back all that it wants."""
        tell(self._registry, ComponentGone(self._component_id))

    def _message(self, change: Change) -> Subscribe | Unsubscribe:
        if isinstance(change, Take):
            return Subscribe(self._component_id, change.lease, change.want, self._way, None, change.replay)
        return Unsubscribe(self._component_id, change.lease, change.want)
