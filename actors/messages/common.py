"""What all messages share, and questions that any actor may be asked."""

import queue
from typing import Any, TypeAlias

import pykka

from websocket_v6.protocol.message import Message

__all__ = ["Credits", "GetHealth", "GetInheritance", "Ref"]


Ref: TypeAlias = pykka.ActorRef[Any]


Credits: TypeAlias = queue.SimpleQueue[bool]


class GetInheritance(Message):
    """What should your successor begin with? Asked of a child that is replaced although it did not fail (live)."""


class GetHealth(Message):
    """What is your state? Asked; each actor answers with its own part."""
