"""Signs that the list of markets changes: seen in the newest values of streams that run anyway, now and then.

Nothing is looked at when a message comes: that would be paid for each. A look costs a few microseconds a market.
Source: Upbit WebSocket reference, "ticker" (`market_state`, `delisting_date`), "announcement" (category `trade`).
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

__all__ = ["SILENT_AFTER", "Signs", "Standing"]

SILENT_AFTER = 60.0  # seconds; a book changes more often than that in any market that trades


class Standing(NamedTuple):
    """How one market stands, as far as it is known: the state of its ticker, and how old its newest book is."""

    state: str | None = None
    delisting_date: str | None = None
    book_age: float | None = None


class Signs:
    """Compares one look with the one before."""

    def __init__(self) -> None:
        self._standings: Mapping[str, Standing] | None = None
        self._announcements: frozenset[str] = frozenset()

    def look(self, standings: Mapping[str, Standing], announcements: Iterable[str] = ()) -> str:
        """Return what has changed since the last look, "" if nothing has that says anything of the list.

        `announcements` are the ids of the newest ones about trading.
        """
        before, self._standings = self._standings, dict(standings)
        known, self._announcements = self._announcements, frozenset(announcements)
        if before is None:
            return ""
        if self._announcements - known:
            return "an announcement about trading"
        for code, standing in standings.items():
            earlier = before.get(code)
            if earlier is not None and (sign := _sign(earlier, standing)):
                return f"{code}: {sign}"
        return ""


def _sign(before: Standing, now: Standing) -> str:
    if before.state is not None and now.state is not None and before.state != now.state:
        return f"its state is {now.state}"
    if before.state is not None and now.state is not None and before.delisting_date != now.delisting_date:
        return f"its delisting date is {now.delisting_date}"
    if before.book_age is not None and now.book_age is not None and before.book_age < SILENT_AFTER <= now.book_age:
        return f"it has been silent for {now.book_age:.0f} s"
    return ""
