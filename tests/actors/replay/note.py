"""Who stands where an actor would."""

from typing import Any

from websocket_v6.actors.base import Actor

__all__ = ["Note"]


class Note(Actor):
    """Keeps what it is told."""

    def __init__(self, out: list[Any]) -> None:
        super().__init__()
        self._out = out

    def on_receive(self, message: object) -> object:
        self._out.append(message)
        return None
