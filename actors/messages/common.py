"""What all messages share, and questions that any actor may be asked."""

import queue
from typing import Any, NamedTuple, TypeAlias

import pykka

__all__ = ["Credits", "GetHealth", "GetInheritance", "Ref"]


Ref: TypeAlias = pykka.ActorRef[Any]


Credits: TypeAlias = queue.SimpleQueue[bool]


class GetInheritance(NamedTuple):
    """What should your successor begin with? Asked of a child that is replaced although it did not fail (live)."""


class GetHealth(NamedTuple):
    """What is your state? Asked; each actor answers with its own part."""
