"""What components are told of a gap that was seen to: of trades, candles, and own orders and balances.

Not an actor: the registry owns one, and gives it whose leases are whose.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from websocket_v6.actors.messages.common import Ref
from websocket_v6.actors.messages.component import ConnectionChanged, StreamFailed
from websocket_v6.actors.messages.registry import BackfillEnded, Reconciled
from websocket_v6.actors.ways import Way
from websocket_v6.protocol.demand.endpoint import Endpoint

if TYPE_CHECKING:
    from websocket_v6.protocol.delivery.steps import Outcome

    from .inheritance import Claim


__all__ = ["Recoveries", "Unreconciled"]

logger = logging.getLogger(__name__)

Watchers = Mapping[str, Ref | Way]


class Unreconciled(NamedTuple):
    """Own orders ("myOrder") or balances ("myAsset") may not be what the exchange has: since when, and why.

    `since_ns` is Unix time in nanoseconds, when it was tried in vain.
    """

    type: str
    since_ns: int
    reason: str


class Recoveries:
    """Tells each component its part. `tell` is given whom, and what."""

    def __init__(self, endpoints: Mapping[str, Endpoint], tell: Callable[[Ref | Way | None, object], object]) -> None:
        self._endpoints = endpoints
        self._tell = tell
        self._unreconciled: dict[str, Unreconciled] = {}

    @property
    def unreconciled(self) -> tuple[Unreconciled, ...]:
        """What could not be reconciled, by type."""
        return tuple(one for one in self._unreconciled.values() if any(self._leases(one.type)))

    def tell(self, ended: BackfillEnded | Reconciled, claims: "Mapping[int, Claim]", watchers: Watchers) -> None:
        """Tell what came of a gap."""
        if isinstance(ended, BackfillEnded):
            self._tell_backfilled(ended, claims, watchers)
        else:
            self._tell_reconciled(ended, claims, watchers)

    def came(self, recovered: Mapping[str, int], claims: "Mapping[int, Claim]", watchers: Watchers) -> None:
        """Tell that what was missed before this epoch has come by itself, so many trades by code."""
        health = self._endpoints["public"].health()
        gap = next((one for one in health.gaps if one.epoch == health.epoch), None)
        if gap is not None and gap.ended_ns is not None:
            self._tell_backfilled(
                BackfillEnded(gap.epoch, gap.started_ns, gap.ended_ns, recovered, ()), claims, watchers
            )

    def _tell_backfilled(self, ended: BackfillEnded, claims: "Mapping[int, Claim]", watchers: Watchers) -> None:
        codes: dict[str, set[str]] = {}  # that a component follows
        for lease, want in self._endpoints["public"].followers(ended.type):
            claim = claims.get(lease)
            if claim is not None and (ended.type == "trade" or claim.closing is not None):
                codes.setdefault(claim.component_id, set()).update(want.codes)
        for component_id, followed in codes.items():
            part, watcher = ended.of(followed), watchers.get(component_id)
            is_news = part.unrecovered or (part.recovered if ended.type == "trade" else any(part.recovered.values()))
            # A recording is told all the same: in a replay candles wait for what came of a gap.
            if is_news or isinstance(watcher, Way):
                change = ConnectionChanged(
                    "public", "backfilled", ended.epoch, time.time_ns(), ended.started_ns, backfill=part
                )
                self._tell(watcher, change)

    def _tell_reconciled(self, message: Reconciled, claims: "Mapping[int, Claim]", watchers: Watchers) -> None:
        """Tell those that reconcile; clients of a server hear it behind their data."""
        outcome = message.outcome
        leases = [(number, claims[number]) for number in self._leases(outcome.type) if number in claims]
        local = [(number, claim) for number, claim in leases if not isinstance(claim.mailbox, Way)]
        if outcome.error is not None:
            self._failed(outcome)
            for number, claim in local:
                self._tell(watchers.get(claim.component_id), StreamFailed(number, outcome.error, final=False))
            return
        self._unreconciled.pop(outcome.type, None)
        began_ns = outcome.ended_ns if outcome.started_ns is None else outcome.started_ns
        found = BackfillEnded(message.epoch, began_ns, outcome.ended_ns, {"*": outcome.recovered}, outcome.unrecovered)
        change = ConnectionChanged(
            "private",
            "reconciled",
            message.epoch,
            time.time_ns(),
            outcome.started_ns,
            outcome.type,
            backfill=found,
        )
        for component_id in dict.fromkeys(claim.component_id for _, claim in local):
            self._tell(watchers.get(component_id), change)

    def _leases(self, type_: str) -> Iterator[int]:
        return (number for number, want in self._endpoints["private"].followers(type_) if want.reconcile)

    def _failed(self, outcome: "Outcome") -> None:
        known = self._unreconciled.get(outcome.type)
        since_ns = known.since_ns if known is not None else outcome.started_ns or outcome.ended_ns
        if known is None or known.reason != str(outcome.error):
            after = "" if outcome.is_final else "; it is tried again"
            logger.warning("%s is not reconciled: %s%s", outcome.type, outcome.error, after)
        self._unreconciled[outcome.type] = Unreconciled(outcome.type, since_ns, str(outcome.error))
