"""The last step: events of one mailbox to the callback of their subscription, one by one.

In C as far as they are plain and nothing comes of the call (`protocol/fast.py`), which is nearly all of them.
"""

from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, TypeAlias, TypeVar

from websocket_v6.actors.mailbox import MailboxQueue
from websocket_v6.protocol.events import Event
from websocket_v6.protocol.events.base import call_with_each

from .edge import Callback, Delivered, Edge

__all__ = ["Work", "call_with_each", "hand_out"]

T = TypeVar("T")
Work: TypeAlias = Generator[Awaitable[Any], None, T]  # calls user code; yields what that returned to be awaited


def hand_out(
    edge: Edge,
    events: Sequence[Delivered],
    callback: Callback,
    raised: Callable[[Edge, BaseException], Work[None]],
    lets_through: tuple[type[BaseException], ...],
) -> Work[bool | None]:
    """Call `callback` with each of `events`; return whether one was awaited, None if the mailbox was closed.

    What it raises is done by `raised`, but for what the caller `lets_through`.
    """
    mailbox, index, is_awaited = edge.mailbox, -1, False
    while (index := index + 1) < len(events):
        shown: Delivered | None = None
        result: object = None
        error: BaseException | None = None
        if call_with_each is not None and (not edge.has_view or edge.ready is not None):
            ready = edge.ready if edge.has_view else None
            index, result, error = call_with_each(events, index, mailbox, callback, ready)
            if index == len(events):
                break
        if result is None and error is None:
            if mailbox.is_closed:
                _not_delivered(mailbox, events[index:])
                return None
            # Each just before its call: what the callback reads is then known when the next one is decoded.
            shown = edge.prepare(events[index])
            if shown is None:
                continue
        try:
            if error is not None:
                raise error
            if shown is not None:
                result = callback(shown)
            if result is not None and isinstance(result, Awaitable):
                is_awaited = True
                yield result
        except lets_through:
            _not_delivered(mailbox, events[index + 1 :])
            raise
        # A component's code may raise anything, SystemExit too, which would stop every actor of the process.
        except BaseException as exc:  # noqa: BLE001
            error = None  # it refers to this frame by now
            yield from raised(edge, exc)
    return is_awaited


def _not_delivered(mailbox: MailboxQueue, events: Sequence[Delivered]) -> None:
    mailbox.not_delivered(sum(isinstance(one, Event) for one in events))
