"""What a subscription is made of where a recording is played. Imported by then only."""

import functools
from collections.abc import Callable

from .actors.delivery.edge import Edge
from .actors.mailbox import MailboxQueue
from .actors.replay.replay_edge import ReplayEdge
from .actors.replay.replay_mailbox import ReplayMailbox
from .actors.replay.stage import Stage
from .protocol.delivery.policy import Mailbox
from .protocol.events import Number
from .protocol.exchange.wants import Want
from .protocol.replay.offered import as_recorded

__all__ = ["offered", "parts"]


def parts(
    stage: Stage, policy: Mailbox, *, is_pushed: bool, numbers: Number
) -> tuple[MailboxQueue, Callable[..., Edge]]:
    """Return a mailbox, and what makes the edge of a subscription."""
    mailbox = ReplayMailbox(policy, stage, is_pushed=is_pushed, numbers=numbers)
    return mailbox, functools.partial(ReplayEdge, digests=stage.has_digests)


def offered(stage: Stage, want: Want) -> Want:
    """Return what of `want` there is in the recording; raises what `as_recorded` does."""
    return as_recorded(want, stage.contents.messages, stage.contents.quotes)
