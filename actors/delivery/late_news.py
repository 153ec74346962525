"""What clients are told beside data: behind it, and an answer also behind what of it is held.

An answer to a question says that all that the exchange sent before has come. So it waits for trades that wait for a gap
to be filled, and for orders that wait for the account to be asked about.
"""

from collections.abc import Callable

from websocket_v6.actors.messages.router import Convey
from websocket_v6.actors.ways import Way

from .deliveries import Delivery

__all__ = ["LateNews"]


class LateNews:
    """Tells clients, in the order in which it is told. `holds` say whether something is held for a client."""

    def __init__(self, delivery: Delivery, *holds: Callable[[Way], bool]) -> None:
        self._delivery = delivery
        self._holds = holds
        self._waiting: list[Convey] = []

    def tell(self, message: Convey) -> None:
        """Tell a client something, or keep it until nothing is held that it must not overtake."""
        if message.is_answer and any(is_held(message.way) for is_held in self._holds):
            self._waiting.append(message)
        else:
            self._delivery.send()
            message.way.mouth.convey(message.way, message.news)

    def convey(self) -> None:
        """Hand over what is pending, and tell what waits no longer."""
        self._delivery.flush()
        waiting, self._waiting = self._waiting, []
        for message in waiting:
            self.tell(message)
