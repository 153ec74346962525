"""What one guest wants, as its host's registry knows it: a subscription for each kind of want, all in one mailbox."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from websocket_v6.actors.base import ask, tell
from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.registry import Subscribe, Unsubscribe, next_subscription_id
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.exchange.wants import Want
from websocket_v6.protocol.membership.peers import Endpoint

__all__ = ["Leases"]

ASK_TIMEOUT = 10.0


class _Kind(NamedTuple):
    """All of a want but its codes. One without codes wants all of them, and is another kind than one with some."""

    want: Want
    is_all: bool


class _Lease(NamedTuple):
    """One subscription, and the codes that it is for."""

    subscription_id: int
    codes: tuple[str, ...]


class Leases:
    """What the guest `component_id` wants, by endpoint and by all of a want but its codes."""

    def __init__(self, component_id: str, mailbox: MailboxQueue, registry: Ref, session: Ref) -> None:
        self._component_id = component_id
        self._mailbox = mailbox
        self._registry = registry
        self._session = session
        self._leases: dict[Endpoint, dict[_Kind, _Lease]] = {}

    def settle(self, endpoint: Endpoint, wants: Iterable[Want]) -> list[WebSocketV6Error]:
        """Make the leases of `endpoint` what the guest wants now; return why some of it cannot be."""
        leases = self._leases.setdefault(endpoint, {})
        wanted = _by_kind(wants)
        refusals = []
        for kind in [kind for kind in leases if not kind.want.realtime]:
            # What is wanted once is asked for anew each time: the guest has had what came for it before.
            self._drop(leases, kind)
        # More comes before less: a code that moves from one kind to another (a deeper book) must not miss a message.
        # It may come twice meanwhile, which the outflow sees to.
        for kind, codes in wanted.items():
            try:
                self._add(leases, kind, codes)
            except WebSocketV6Error as exc:
                refusals.append(exc)
        for kind, lease in list(leases.items()):
            if kind not in wanted:
                self._drop(leases, kind)
            else:
                self._shorten(leases, kind, lease, wanted[kind])
        return refusals

    def refused(self, subscription_id: int) -> Endpoint | None:
        """Forget a subscription that the registry has ended; return its endpoint, `None` if it is not known."""
        for endpoint, leases in self._leases.items():
            for kind, lease in leases.items():
                if lease.subscription_id == subscription_id:
                    del leases[kind]
                    return endpoint
        return None

    def _add(self, leases: dict[_Kind, _Lease], kind: _Kind, codes: tuple[str, ...]) -> None:
        lease = leases.get(kind) or _Lease(next_subscription_id(), ())
        more = tuple(code for code in codes if code not in lease.codes)
        if kind in leases and not more:
            return
        want = kind.want.with_codes(more)
        message = Subscribe(self._component_id, lease.subscription_id, want, self._mailbox, self._session)
        # Asked, not told: what it refuses is the guest's affair, and no failure of the registry's.
        ask(self._registry, message, ASK_TIMEOUT)
        leases[kind] = lease._replace(codes=lease.codes + more)

    def _shorten(self, leases: dict[_Kind, _Lease], kind: _Kind, lease: _Lease, codes: tuple[str, ...]) -> None:
        less = tuple(code for code in lease.codes if code not in codes)
        if less:
            tell(self._registry, Unsubscribe(self._component_id, lease.subscription_id, kind.want.with_codes(less)))
            leases[kind] = lease._replace(codes=codes)

    def _drop(self, leases: dict[_Kind, _Lease], kind: _Kind) -> None:
        tell(self._registry, Unsubscribe(self._component_id, leases.pop(kind).subscription_id))


def _by_kind(wants: Iterable[Want]) -> Mapping[_Kind, tuple[str, ...]]:
    """Return the codes of wants that differ in nothing else, by all else."""
    found: dict[_Kind, dict[str, None]] = {}
    for want in wants:
        found.setdefault(_Kind(want.with_codes(()), not want.codes), {}).update(dict.fromkeys(want.codes))
    return {kind: tuple(codes) for kind, codes in found.items()}
