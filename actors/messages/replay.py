"""What those who take part in a replay tell each other."""

import threading
from typing import TYPE_CHECKING, TypeAlias, Union

from websocket_v6.actors.future import Future
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.exchange.streams import Stream
from websocket_v6.protocol.message import Message

from .common import Ref

if TYPE_CHECKING:
    import asyncio
    from typing import Any

    from websocket_v6.protocol.recording.messages import Piece
    from websocket_v6.protocol.recording.records import Listed, Standing

__all__ = [
    "AllTold",
    "AwaitData",
    "Begin",
    "ListPlayed",
    "More",
    "PlayedOut",
    "Reader",
    "Rested",
    "Scene",
    "StandingPlayed",
    "Stands",
    "UsePlayer",
]

Reader: TypeAlias = Union[threading.Thread, "asyncio.Task[Any]"]  # who pulls


class UsePlayer(Message):
    """Play what this player (live) reads."""

    player: Ref


class StandingPlayed(Message):
    """It is told that an endpoint stands so; answered with AllTold, to the router."""

    standing: "Standing"


class ListPlayed(Message):
    """It is told which markets there are from here on; answered with AllTold, behind the routes that follow."""

    listed: "Listed"


class AllTold(Message):
    """All components were told."""


class PlayedOut(Message):
    """The recording is over, or cannot be read on (error: live)."""

    error: WebSocketV6Error | None


class AwaitData(Message):
    """Play until each of these streams has a value, and stop then, if `reader` is to come back for more.

    Of those `listed`, which a pattern stands for, some: a market may be silent for days. Answered through the future
    (live): whether they have one.
    """

    streams: tuple[Stream, ...]
    listed: tuple[Stream, ...]
    reader: Reader | None
    ready: "Future[bool]"


class More(Message):
    """Give me the next scene."""


class Scene(Message):
    """Records that follow each other (live); the last one if `is_last`, or because of `error` (live)."""

    pieces: "list[Piece]"
    is_last: bool = False
    error: WebSocketV6Error | None = None


class Stands(Message):
    """An endpoint stands so, as far as it was played."""

    standing: "Standing"


class Begin(Message):
    """The program is ready: play."""


class Rested(Message):
    """Everybody who pulls has come back for more."""
