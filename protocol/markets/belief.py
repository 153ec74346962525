"""What a list of markets is believed to mean: which codes are new, and which are gone.

A code is there as soon as a list has it. It is gone only once two lists some time apart have not had it, and nothing of
it came in between. Of a list that has lost more than half of what was known nothing is believed until the
next one says the same, and of one that has nothing at all nothing, ever: an exchange in trouble answers such things.
"""

from collections.abc import Mapping, Set
from typing import NamedTuple

from websocket_v6.protocol.exchange.market_list import Market

__all__ = ["Belief"]


class _Aside(NamedTuple):
    """A list that was not believed."""

    codes: frozenset[str]
    at: float


class Belief:
    """The markets of one quote currency, as they are believed to be. Times are monotonic seconds.

    What is missing in two lists at least `gone_after` seconds apart may be gone.
    """

    def __init__(self, gone_after: float, markets: tuple[Market, ...] = (), listed_ns: int = 0) -> None:
        self._gone_after = gone_after
        self.markets = markets
        self.listed_ns = listed_ns  # of the last list that was believed, wall clock
        self._absent: dict[str, float] = {}  # since when a code is missing in the lists
        self._aside: _Aside | None = None

    @property
    def codes(self) -> Set[str]:
        """What there is, by code."""
        return {one.code for one in self.markets}

    def weigh(self, listed: tuple[Market, ...], listed_ns: int, now: float, heard: Mapping[str, float]) -> str:
        """Take a list in; return why it is not believed, "" if it is. `heard`: when a code last said something."""
        codes, known = frozenset(one.code for one in listed), self.codes
        if not codes:
            return "it has no market of this quote currency" if known else ""
        if 2 * len(known & codes) < len(known):
            before, self._aside = self._aside, _Aside(codes, now)
            if before is None or before.codes != codes:
                return f"it has {len(known & codes)} of the {len(known)} markets that were known"
            for code in known - codes:
                self._absent.setdefault(code, before.at)
        self._aside = None
        kept = [one for one in self.markets if one.code not in codes and not self._is_gone(one.code, now, heard)]
        self._absent = {one.code: self._absent[one.code] for one in kept}
        self.markets, self.listed_ns = (*listed, *kept), listed_ns
        return ""

    def _is_gone(self, code: str, now: float, heard: Mapping[str, float]) -> bool:
        since = self._absent.get(code)
        if since is None or heard.get(code, since) > since:
            self._absent[code] = now
            return False
        return now - since >= self._gone_after
