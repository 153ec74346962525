"""One endpoint and a clock: whatever a test says is heard, and what the endpoint decides is noted."""

import itertools
from typing import Any, TypeVar

from websocket_v6.protocol.config import Config
from websocket_v6.protocol.delivery.commands import Mark
from websocket_v6.protocol.demand.commands import Command, ListSubscriptions, Report, SendRequest, Serves, Tell
from websocket_v6.protocol.demand.endpoint import Endpoint, EndpointInheritance
from websocket_v6.protocol.demand.source import Traits, What
from websocket_v6.protocol.errors import WebSocketV6Error
from websocket_v6.protocol.exchange.heads import SubscriptionList
from websocket_v6.protocol.exchange.requests import encode_request
from websocket_v6.protocol.exchange.wants import Want

C = TypeVar("C")
ALWAYS = float("-inf")


class Desk:
    """Marks come back at once; `flowing_since` is what they say."""

    def __init__(self, name: str = "public", inherited: EndpointInheritance | None = None, **settings: Any) -> None:
        self.endpoint = Endpoint(name, Config(**settings), inherited)
        self.now = 1000.0
        self.out: list[Command] = []
        self.flowing_since: float | None = ALWAYS
        self.marks = 0
        self._attachments = itertools.count(1)

    @property
    def now_ns(self) -> int:
        return int(self.now * 1e9)

    def heed(self, commands: list[Command]) -> list[Command]:
        """Note commands, and let marks come back."""
        self.out += commands
        for command in commands:
            if isinstance(command, Mark):
                self.marks += 1
                self.heed(self.endpoint.marked(command.number, self.flowing_since, self.now, self.now_ns))
        return commands

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while (due := self.endpoint.next_due) is not None and due <= end:
            self.now = max(self.now, due)
            self.heed(self.endpoint.due(self.now))
        self.now = end

    # --- what it hears

    def want(self, lease: int, want: Want) -> list[Command]:
        return self.heed(self.endpoint.want(lease, want, self.now))

    def drop(self, lease: int, part: Want | None = None) -> list[Command]:
        return self.heed(self.endpoint.drop(lease, part, self.now))

    def satisfied(self, lease: int, stream: str) -> list[Command]:
        return self.heed(self.endpoint.satisfied(lease, stream, self.now))

    def source(self, number: int, **traits: Any) -> list[Command]:
        return self.heed(self.endpoint.add_source(number, Traits(**traits), self.now))

    def without(self, number: int) -> list[Command]:
        return self.heed(self.endpoint.drop_source(number, self.now))

    def open(
        self,
        source: int,
        at_ns: int | None = None,
        *,
        backfills: bool = False,
        whole: int = 0,
        limit: int | None = None,
    ) -> int:
        """Let a source open, or one more part of it; return the number of its attachment, or of that part."""
        number = next(self._attachments)
        at_ns = self.now_ns if at_ns is None else at_ns
        known = {"backfills": backfills} if not whole else {}
        self.heed(self.endpoint.opened(number, source, at_ns, self.now, whole=whole, limit=limit, **known))
        return number

    def end(self, attachment: int, whole_ns: int | None = None, reason: str = "gone") -> list[Command]:
        whole_ns = self.now_ns if whole_ns is None else whole_ns
        return self.heed(self.endpoint.ended(attachment, whole_ns, self.now_ns, reason, None, self.now))

    def state(self, source: int, state: str, error: WebSocketV6Error | None = None) -> list[Command]:
        return self.heed(self.endpoint.state(source, state, What(self.now_ns, "", error), self.now))

    def see(self, attachment: int, *streams: str) -> list[Command]:
        return self.heed(self.endpoint.seen(attachment, streams, self.now, self.now_ns))

    def answer(self, attachment: int, ticket: str) -> list[Command]:
        answer = SubscriptionList(ticket, ())
        return self.heed(self.endpoint.answered(attachment, answer, self.now, self.now_ns))

    def refuse(self, attachment: int, *streams: str) -> list[Command]:
        return self.heed(self.endpoint.refused(attachment, "WRONG_FORMAT", "no", streams, self.now))

    def use_router(self, whole_ns: int | None = None) -> list[Command]:
        return self.heed(self.endpoint.use_router(whole_ns, self.now, self.now_ns))

    # --- what it has decided

    def took(self, kind: type[C]) -> list[C]:
        """Return what was decided of a kind, and forget it."""
        found: list[C] = [one for one in self.out if isinstance(one, kind)]
        self.out = [one for one in self.out if not isinstance(one, kind)]
        return found

    def kinds(self, *kinds: type[Any]) -> list[str]:
        """Return the names of the commands of these kinds, in their order."""
        return [type(one).__name__ for one in self.out if isinstance(one, kinds)]

    def asked(self, source: int) -> str:
        """Return the last request to a source since the one returned before, empty if there was none."""
        found = [one for one in self.out if isinstance(one, SendRequest) and one.source == source]
        self.out = [one for one in self.out if one not in found or not isinstance(one, SendRequest)]
        return encode_request("ticket", found[-1].types, "SIMPLE") if found else ""

    def questions(self, source: int) -> list[str]:
        """Return the tickets of the questions to a source, and forget them."""
        found = [one for one in self.out if isinstance(one, ListSubscriptions) and one.source == source]
        self.out = [one for one in self.out if not (isinstance(one, ListSubscriptions) and one.source == source)]
        return [one.ticket for one in found]

    def heard(self) -> list[tuple[str, int]]:
        """Return what components have been told of connections: states and epochs."""
        return [(one.state, one.epoch) for one in self.took(Tell)]

    def reported(self) -> list[tuple[int, bool]]:
        """Return the leases to which something was reported, and whether it was their end."""
        return [(one.lease, one.is_final) for one in self.took(Report)]

    def serve(self) -> list[int]:
        """Return the sources of which the supervisor was told that they serve."""
        return [one.source for one in self.took(Serves) if not one.is_refused]
