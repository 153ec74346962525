"""Where each credit is, and which epoch what comes through it belongs to: flow control between sources and mailboxes.

A source may have as many batches on their way as it has credits. A credit belongs to an attachment, one life of one
source: it is given out when the attachment is admitted, comes back once for each batch, is withheld while a mailbox of
its own endpoint is full, and is gone with the attachment. So no endpoint waits for another, nothing comes under an
epoch that is not its own, and what comes too late from an attachment that has ended is told from everything else.

A source may have several sockets, each with credits of its own: parts of one attachment, the first of them. They end
together, and of all of them everything has come up to when it has of the one of which the least is known.
"""

from collections.abc import Mapping

from websocket_v6.protocol.errors import LocalProtocolError
from websocket_v6.protocol.message import Message

__all__ = ["Over", "SourceFlow"]

ALWAYS = float("-inf")


class Over(Message):
    """An attachment that has ended: what it was, up to when all of it was delivered, and its parts.

    `others_ns` is up to when that is so of the parts beside the one that it ended with.
    """

    endpoint: str
    source: int
    whole_ns: int | None  # None: it was never open
    whole: int
    parts: tuple[int, ...]
    others_ns: int | None = None


class _Attachment:
    """One life of one source. Its credits are `given` (with it, or on their way back), `taken` or `withheld`."""

    __slots__ = ("count", "endpoint", "epoch", "given", "is_joined", "source", "taken", "whole", "whole_ns", "withheld")

    def __init__(self, endpoint: str, source: int, count: int, whole: int) -> None:
        self.endpoint = endpoint
        self.source = source
        self.whole = whole
        self.count = count
        self.epoch: int | None = None  # until it is admitted
        self.is_joined = False
        self.given = self.taken = self.withheld = 0
        self.whole_ns: int | None = None  # until it is open


class SourceFlow:
    """Attachments by number. Times are passed in; what it returns says how many credits to hand out now."""

    def __init__(self) -> None:
        self._attachments: dict[int, _Attachment] = {}
        self._latest: dict[int, int] = {}  # by source, its newest attachment
        self._full: dict[str, set[int]] = {}  # by endpoint, the takers whose mailboxes are full
        self._flowing_since: dict[str, float] = {}

    # --- the life of an attachment

    def attach(self, number: int, endpoint: str, source: int, count: int, whole: int = 0) -> None:
        """Note that `source` begins a new life, with `count` credits that are not given out yet; or a part of `whole`.

        Raises:
            LocalProtocolError: if the number is not higher than those of all lives of `source` before.
        """
        if number <= self._latest.get(source, 0):
            raise LocalProtocolError(f"attachment {number} of source {source} is no new one")
        self._latest[source] = number
        self._attachments[number] = _Attachment(endpoint, source, count, whole or number)

    def opened(self, number: int, at_ns: int) -> bool:
        """Note that it is open since `at_ns`; False if it has ended meanwhile."""
        attachment = self._attachments.get(number)
        if attachment is None:
            return False
        attachment.whole_ns = at_ns
        return True

    def admit(self, number: int, epoch: int, *, is_held: bool) -> int:
        """Let it bring data, of `epoch`; return the credits to give it now, none if it has ended meanwhile.

        Raises:
            LocalProtocolError: if it was admitted before.
        """
        attachment = self._attachments.get(number)
        if attachment is None:
            return 0
        if attachment.epoch is not None:
            raise LocalProtocolError(f"attachment {number} is admitted twice")
        attachment.epoch = epoch
        attachment.is_joined = not is_held
        if self._full.get(attachment.endpoint):
            attachment.withheld = attachment.count
            return 0
        attachment.given = attachment.count
        return attachment.count

    def join(self, number: int) -> int | None:
        """Note that what it brings is delivered from now on, and return its epoch; None if it has ended meanwhile."""
        attachment = self._attachments.get(number)
        if attachment is None:
            return None
        attachment.is_joined = True
        return attachment.epoch

    def reached(self, number: int, whole_ns: int) -> bool:
        """Note that all of it from before `whole_ns` has come, data or not; False if it has ended meanwhile."""
        attachment = self._attachments.get(number)
        if attachment is None:
            return False
        if attachment.whole_ns is not None:
            attachment.whole_ns = max(attachment.whole_ns, whole_ns)
        return True

    def turn(self, endpoint: str, epoch: int) -> None:
        """What the attachments of `endpoint` that go on bring is of `epoch` from now on."""
        for attachment in self._attachments.values():
            if attachment.endpoint == endpoint and attachment.epoch is not None:
                attachment.epoch = epoch

    def end(self, number: int) -> Over | None:
        """Note that it is over, and with it all that it is a part of, and all credits; None if that is known."""
        attachment = self._attachments.get(number)
        if attachment is None:
            return None
        whole = attachment.whole
        parts = {other: one for other, one in self._attachments.items() if one.whole == whole}
        for part in parts:
            del self._attachments[part]
        known = {part: one.whole_ns for part, one in parts.items() if one.whole_ns is not None}
        others_ns = min((whole_ns for part, whole_ns in known.items() if part != number), default=None)
        whole_ns = min(known.values(), default=None)
        return Over(attachment.endpoint, attachment.source, whole_ns, whole, tuple(parts), others_ns)

    # --- each batch

    def take(self, number: int) -> int | None:
        """Note that a batch of it has come; return its epoch, None if it comes too late and is to be dropped.

        Raises:
            LocalProtocolError: if it came before it was admitted, or without a credit.
        """
        attachment = self._attachments.get(number)
        if attachment is None:
            return None
        if not attachment.given:
            raise LocalProtocolError(f"a batch of attachment {number} came without a credit")
        attachment.given -= 1
        attachment.taken += 1
        return attachment.epoch

    def give_back(self, number: int, whole_ns: int) -> bool:
        """Note that a batch was delivered, and with it all from before `whole_ns`; return whether its credit goes back.

        Raises:
            LocalProtocolError: if no batch of it was taken.
        """
        attachment = self._attachments.get(number)
        if attachment is None:
            return False
        if not attachment.taken:
            raise LocalProtocolError(f"attachment {number} gets a credit back that it has not used")
        attachment.taken -= 1
        attachment.whole_ns = max(attachment.whole_ns or 0, whole_ns)
        if self._full and self._full.get(attachment.endpoint):
            attachment.withheld += 1
            return False
        attachment.given += 1
        return True

    # --- back-pressure

    def hold(self, endpoint: str, taker: int) -> None:
        """Note that a mailbox is full: its endpoint's sources get no credits until it is released."""
        self._full.setdefault(endpoint, set()).add(taker)

    def release(self, endpoint: str, taker: int, now: float) -> Mapping[int, int]:
        """Note that a mailbox is full no longer; return the credits to give now, by attachment."""
        full = self._full.get(endpoint)
        if full is None or taker not in full:
            return {}
        full.discard(taker)
        if full:
            return {}
        del self._full[endpoint]
        self._flowing_since[endpoint] = now
        granted = {}
        for number, attachment in self._attachments.items():
            if attachment.endpoint == endpoint and attachment.withheld:
                granted[number], attachment.withheld = attachment.withheld, 0
                attachment.given += granted[number]
        return granted

    def flowing_since(self, endpoint: str) -> float | None:
        """Return since when no mailbox holds back the sources of `endpoint`; None while one does."""
        return None if self._full.get(endpoint) else self._flowing_since.get(endpoint, ALWAYS)

    # --- telling

    def read_ns(self, endpoint: str) -> int | None:
        """Return up to when all has come through each attachment that brings data; `None`: none does."""
        found = (one.whole_ns for one in self._attachments.values() if one.endpoint == endpoint and one.is_joined)
        return min((one for one in found if one is not None), default=None)

    def endpoint_of(self, number: int) -> str | None:
        """Return whose data it brings; None if it has ended."""
        attachment = self._attachments.get(number)
        return None if attachment is None else attachment.endpoint

    def whole_ns(self) -> dict[str, int]:
        """Return, by endpoint, up to when all that was emitted has been delivered, where anything was."""
        wholes: dict[tuple[str, int], int] = {}
        for one in self._attachments.values():
            if one.whole_ns is not None and one.is_joined:
                whole = one.endpoint, one.whole
                wholes[whole] = min(one.whole_ns, wholes.get(whole, one.whole_ns))
        found: dict[str, int] = {}
        for (endpoint, _), whole_ns in wholes.items():
            found[endpoint] = max(whole_ns, found.get(endpoint, 0))
        return found

    def credits_of(self, number: int) -> tuple[int, int, int]:
        """Return how many of its credits are given, taken and withheld."""
        attachment = self._attachments[number]
        return attachment.given, attachment.taken, attachment.withheld
