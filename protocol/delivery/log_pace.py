"""How often something is logged that the outside may do as often as it likes, in as many kinds as it likes."""

from websocket_v6.protocol.message import Message

__all__ = ["LogPace", "Words"]

FEW = 8  # kinds that are logged one by one, and known
FIRST_PAUSE, LONGEST_PAUSE = 60.0, 3600.0  # seconds between two words about all others


class Words(Message):
    """What is to be logged now: that this kind is new, and how many others went unsaid since the last word of them."""

    kind: str
    unsaid: int


class LogPace:
    """The first few kinds once each, the others together, at growing intervals. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._unsaid = 0
        self._due = 0.0
        self._pause = FIRST_PAUSE

    def note(self, kind: str, now: float) -> Words | None:
        """Note that something of this kind has come; return what is to be logged of it, if anything is."""
        if kind in self._known:
            return None
        if len(self._known) < FEW:
            self._known.add(kind)
            return Words(kind, 0)
        if now < self._due:
            self._unsaid += 1
            return None
        words, self._unsaid = Words(kind, self._unsaid), 0
        self._due, self._pause = now + self._pause, min(2 * self._pause, LONGEST_PAUSE)
        return words
