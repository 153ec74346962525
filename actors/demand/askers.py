"""Those who asked what the exchange serves, and what each is answered."""

import itertools
from collections.abc import Callable
from typing import Any

import pykka

from websocket_v6.actors.messages.registry import Asker
from websocket_v6.actors.messages.router import Convey
from websocket_v6.protocol.demand.commands import Answer, Deny
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.exchange.heads import SubscriptionList

__all__ = ["Askers"]


class Askers:
    """Knows them by number. Clients of a server are told through the router, behind their data."""

    def __init__(self, tell_router: Callable[[Convey], object]) -> None:
        self._tell_router = tell_router
        self._askers: dict[int, pykka.Future[Any] | Asker] = {}
        self._numbers = itertools.count(1)

    def add(self, asker: "pykka.Future[Any] | Asker") -> int:
        """Note one more, and return its number."""
        number = next(self._numbers)
        self._askers[number] = asker
        return number

    def close(self, error: WebSocketV6Error) -> None:
        """Answer all with an error."""
        for number in list(self._askers):
            self.answer(Deny(number, error))

    def answer(self, command: Answer | Deny) -> None:
        """Answer one."""
        asker = self._askers.pop(command.asker, None)
        if isinstance(asker, Asker):
            # Where there is no answer, it hears that the connection is lost, which says as much.
            if isinstance(command, Answer):
                said = SubscriptionList(asker.ticket, command.subscriptions.subscriptions)
                self._tell_router(Convey(asker.way, said, is_answer=True))
        elif asker is None:
            pass
        elif isinstance(command, Answer):
            asker.set(command.subscriptions)
        else:
            asker.set_exception((type(command.error), command.error, None))
