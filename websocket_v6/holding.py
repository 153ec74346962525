"""Mailboxes of subscriptions, made and ended: with a resume name, they know what is not done."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .actors.delivery.edge import Edge
from .actors.forks import no_fork
from .actors.mailbox import MailboxQueue
from .options import Settings
from .protocol.delivery.policy import Mailbox
from .protocol.errors import ClosedError
from .protocol.exchange.wants import Want

if TYPE_CHECKING:
    from .actors.undone import Undone

__all__ = ["close_all", "mailbox_of", "owe_nothing"]


def mailbox_of(undone: "Undone | None", want: Want, policy: Mailbox, settings: Settings) -> MailboxQueue:
    """Return a new mailbox of a subscription. `undone`: what the process is not done with, if it has a resume name."""
    if undone is None:
        return MailboxQueue(policy, numbers=settings.numbers)
    with no_fork():
        from .actors.undone import HeldMailbox
    return HeldMailbox(
        policy,
        numbers=settings.numbers,
        endpoint=want.endpoint,
        type_=want.type,
        undone=undone,
        is_pushed=settings.callback is not None,
        acknowledge=settings.acknowledge,
    )


def owe_nothing(undone: "Undone | None", mailbox: MailboxQueue) -> None:
    """Nothing of a subscription that its user closed is owed to a process after this one."""
    if undone is not None:
        undone.forget(mailbox)


def close_all(edges: Iterable[Edge], name: str) -> None:
    """Close the mailboxes of the component `name`, which ends."""
    for edge in edges:
        edge.mailbox.close(ClosedError(f"component {name!r} is closed"))
