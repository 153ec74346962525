"""What the supervisor knows of its door to the network: how to open it, again and at the same port, and who waits."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pykka

from websocket_v6.actors.forks import no_fork
from websocket_v6.actors.messages.common import Ref
from websocket_v6.protocol.config import Config

if TYPE_CHECKING:
    from .opening import Opening

__all__ = ["NetworkDoor"]

logger = logging.getLogger(__name__)


class NetworkDoor:
    """Not an actor. `opening` says how; without one there is to be no such door."""

    def __init__(self) -> None:
        self.opening: Opening | None = None
        self._asked: pykka.Future[str] | None = None
        self._is_shut = False  # and that was told

    def open(self, opening: "Opening", address: "pykka.Future[str]") -> None:
        """Have it opened so; `address` hears where it is, or why it cannot be."""
        self.opening, self._asked = opening, address

    def start(self, config: Config, others: Mapping[str, Ref], owner: Ref) -> Ref:
        """Return a server that is about to listen.

        Raises:
            LookupError: if nobody has said where.
        """
        if self.opening is None:
            raise LookupError("nobody has said where the network is to be served")
        with no_fork():  # imported late: few programs serve the network
            from .network_server import NetworkServer
        return NetworkServer.start(
            config=config,
            address=self.opening.address,
            rules=self.opening.rules,
            context=self.opening.context,
            registry=others["registry"],
            router=others["router"],
            jwt=others["jwt"],
            owner=owner,
        )

    def opened(self, address: str) -> None:
        """Note where it is: there it is opened again, should its server be replaced."""
        if self.opening is not None:
            self.opening = self.opening._replace(address=address)
        if self._is_shut:
            logger.warning("the network is served again, at %s", address)
        self._is_shut = False
        self._answer(address)

    def failed(self, reason: str) -> bool:
        """Note that it cannot be opened; return whether to try again: somebody else has taken its port meanwhile."""
        if self.opening is None:
            return False
        address = self.opening.address
        if self._asked is not None:
            self._answer(OSError(f"cannot listen at {address}: {reason}"))
            self.opening = None
            return False
        if not self._is_shut:
            self._is_shut = True
            logger.error("the network is not served: cannot listen at %s again: %s; trying on", address, reason)
        return True

    def _answer(self, answer: str | Exception) -> None:
        asked, self._asked = self._asked, None
        if asked is None:
            return
        if isinstance(answer, str):
            asked.set(answer)
        else:
            asked.set_exception((type(answer), answer, None))
