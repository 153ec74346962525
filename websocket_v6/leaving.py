"""How an engine leaves the others: processes that use its connections, and machines that read what it writes."""

import logging
import time

import pykka

from .actors.base import tell
from .actors.future import Future
from .actors.membership.place import HandOver
from .actors.messages.common import Ref
from .actors.messages.supervisor import LeaveFleet
from .steps import Answer, Steps

__all__ = ["FLEET_TIMEOUT", "hand_over", "leave_fleets"]

logger = logging.getLogger(__name__)

FLEET_TIMEOUT = 7.0  # a second more than a title takes to pass (`LASTING` in `protocol/fleet/succession.py`)


def hand_over(supervisor: Ref, timeout: float) -> Steps[None]:
    """Let processes that use this engine's connections go on without a gap."""
    done: Future[bool] = Future()
    if tell(supervisor, HandOver(done)) and not (yield from _is_in_order(done, timeout)):
        logger.warning("other processes did not take over in time; they will notice the gap")


def leave_fleets(supervisor: Ref) -> Steps[None]:
    """Let machines that read what this one writes go on without a gap."""
    leaving: list[Future[bool]] = []
    for name in ("fleet", "account"):
        done: Future[bool] = Future()
        if tell(supervisor, LeaveFleet(name, done)):
            leaving.append(done)
    until = time.monotonic() + FLEET_TIMEOUT
    for done in leaving:
        if not (yield from _is_in_order(done, until - time.monotonic())):
            logger.warning("no other machine was ready to lead in time; the others will notice the gap")


def _is_in_order(done: Future[bool], timeout: float) -> Steps[bool]:
    try:
        return bool((yield Answer(done, max(0.0, timeout))))
    except pykka.Timeout:
        return False
