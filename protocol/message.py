"""What parts say to each other: messages between actors, events and actions of machines, commands.

A message is made in one place and matched by its type in another, by position if that is short:

    case Connect(endpoint, target): ...

So it is a frozen Struct and no NamedTuple, which is a tuple as well: a class of these takes a tenth of the time,
and there are hundreds, all of which are made at the import; an instance takes a third. What is unpacked, indexed or put
in order (a `Batch`, an id) stays a NamedTuple, and so does what users get (`Health`).
"""

from typing import dataclass_transform

import msgspec

__all__ = ["Message"]


@dataclass_transform(frozen_default=True)  # for type checkers: what is below it is frozen too, as it is
class Message(msgspec.Struct, frozen=True):
    """Immutable, equal if type and fields are."""
