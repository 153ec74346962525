"""A process as a guest: its links to hosts. One is in use; others are on the way to take its place, or about to go."""

import contextlib
from collections.abc import Callable, Iterator, Mapping

import pykka

from websocket_v6.actors.base import stop_and_join, tell
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.exchange.wants import ENDPOINTS
from websocket_v6.protocol.membership import peers

from .link import GiveUp, Link, Say
from .rendezvous import HostEntry

__all__ = ["Linked", "Links"]

STOP_TIMEOUT = 1.0


class Linked:
    """A host that this process has a link to, and the numbers of the sources that the link is."""

    def __init__(self, entry: HostEntry, sources: Mapping[str, int]) -> None:
        self.entry = entry
        self.sources = sources
        self.is_up = False


class Links:
    """The links of one process, `owner`'s; `number` numbers sources, `fingerprint` tells a host what keys are here."""

    def __init__(
        self, *, number: Callable[[], int], fingerprint: Callable[[bytes], bytes], router: Ref, owner: Ref
    ) -> None:
        self.in_use: Ref | None = None
        self._number = number
        self._fingerprint = fingerprint
        self._router = router
        self._owner = owner
        self._links: dict[Ref, Linked] = {}

    def __len__(self) -> int:
        """Return how many there are, in use or not."""
        return len(self._links)

    def get(self, link: Ref | None) -> Linked | None:
        """Return what this link leads to, `None` if it is gone."""
        return None if link is None else self._links.get(link)

    def others(self, link: Ref) -> Iterator[tuple[Ref, Linked]]:
        """Yield all links but this one."""
        return ((ref, linked) for ref, linked in list(self._links.items()) if ref != link)

    def go_to(self, entry: HostEntry, *, is_probe: bool = False) -> None:
        """Make a link to this host; the owner hears what becomes of it."""
        sources = {endpoint: self._number() for endpoint in ENDPOINTS}
        link = Link.start(
            entry=entry,
            keys=self._fingerprint(entry.key),
            sources=sources,
            router=self._router,
            owner=self._owner,
            is_probe=is_probe,
        )
        self._links[link] = Linked(entry, sources)

    def is_going_to(self, address: str) -> bool:
        """Whether there is a link to that host which is not in use, or not yet."""
        return any(linked.entry.address == address for link, linked in self._links.items() if link != self.in_use)

    def gone(self, link: Ref) -> Linked | None:
        """Forget a link that has ended; return what it led to, `None` if it was forgotten before."""
        if link == self.in_use:
            self.in_use = None
        return self._links.pop(link, None)

    def close(self, link: Ref) -> None:
        """End a link that is not needed any more."""
        if self.gone(link) is not None:
            with contextlib.suppress(pykka.ActorDeadError):
                link.stop(block=False)

    def close_all(self) -> None:
        """End all of them, and wait for that."""
        for link in list(self._links):
            stop_and_join(link, STOP_TIMEOUT)
        self._links.clear()
        self.in_use = None

    def settle_doubts(self, link: Ref, *, is_hung: bool) -> None:
        """Now that this one was answered, or was not: others that hear nothing of their host do not go on."""
        for other, _ in self.others(link):
            tell(other, GiveUp(is_hung))

    def keys_changed(self) -> None:
        """Tell the hosts of the keys that are here now."""
        for link, linked in self._links.items():
            tell(link, Say(peers.Keys(self._fingerprint(linked.entry.key))))
