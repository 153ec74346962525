"""How the connections that a component uses stand, for whoever waits in vain and wants to know why; and which markets
there are.

The component's thread notes what it is told; any thread may ask, and waits for nobody.
"""

import time

import msgspec

from websocket_v6.actors.messages.component import ConnectionChanged
from websocket_v6.protocol.events import Markets
from websocket_v6.protocol.message import Message

__all__ = ["Standing"]


class _Stands(Message):
    """One endpoint. `since_ns`: of `state`, or of the first attempt in vain."""

    state: str
    since_ns: int
    attempts: int = 0  # that have failed since
    reason: str = ""
    next_ns: int | None = None


class Standing:
    """Knows the last state that was told of each endpoint."""

    def __init__(self) -> None:
        self._endpoints: dict[str, _Stands] = {}
        self._changes: dict[str, ConnectionChanged] = {}
        self.markets: dict[str, Markets] = {}  # the lists that were told, by quote currency; none is ever changed

    def note(self, change: ConnectionChanged) -> None:
        """Note what has happened to an endpoint."""
        state, before = change.state, self._endpoints.get(change.endpoint)
        if state in ("backfilled", "reconciled"):
            return
        self._changes[change.endpoint] = change
        if state in ("open", "closed"):
            stands = _Stands(state, change.at_ns)
        elif state == "connecting":
            known = before if before is not None and before.attempts else _Stands(state, change.at_ns)
            stands = msgspec.structs.replace(known, next_ns=None)
        else:
            since, attempts = (before.since_ns, before.attempts) if before and before.attempts else (change.at_ns, 0)
            next_ns = None if change.retry_in is None else change.at_ns + int(change.retry_in * 1e9)
            stands = _Stands(state, since, attempts + 1, change.reason, next_ns)
        self._endpoints[change.endpoint] = stands

    def present(self) -> list[ConnectionChanged]:
        """Return the last change of each endpoint, for who has heard of none: how it stands, and no gap from before."""
        return [msgspec.structs.replace(change, gap_started_ns=None) for change in self._changes.values()]

    def codes_of(self, quote: str) -> tuple[str, ...]:
        """Return the codes of a quote currency that are listed, none as long as that is not known."""
        markets = self.markets.get(quote)
        return () if markets is None else markets.codes

    def is_open(self, endpoint: str) -> bool:
        """Whether `endpoint` was open when it was last heard of."""
        stands = self._endpoints.get(endpoint)
        return stands is not None and stands.state == "open"

    def describe(self, endpoint: str) -> str:
        """Say how `endpoint` stands, in words for an error."""
        stands, now_ns = self._endpoints.get(endpoint), time.time_ns()
        if stands is None:
            return f"the {endpoint} connection is being looked for or opened, and nothing was heard of it yet"
        since = max(0.0, (now_ns - stands.since_ns) / 1e9)
        match stands.state:
            case "open":
                return f"the {endpoint} connection is open, for {since:.1f} s; nothing that was asked for has come"
            case "connecting":
                return f"the {endpoint} connection is being opened, for {since:.1f} s"
            case "closed":
                return f"the {endpoint} connection is closed, for nothing was wanted of it"
        attempts = "1 failure" if stands.attempts == 1 else f"{stands.attempts} failures"
        text = f"the {endpoint} connection is {stands.state}, for {since:.1f} s and {attempts}: {stands.reason}"
        if stands.next_ns is None:
            return f"{text}; it is being tried again"
        return f"{text}; next attempt in {max(0.0, (stands.next_ns - now_ns) / 1e9):.1f} s"
