"""When the exchange is asked for its list of markets, and what is told of the answers. No clock, no socket.

While somebody needs the list it is asked for at once, then in every interval, usually a minute; on a sign that it
changes (`signs.py`) sooner, and every sixth of an interval for ten intervals after it; never closer than that to the
call before. What an answer is believed to mean is `belief.py`. No answer, or one that is not believed, changes nothing.

Source: Upbit WebSocket reference, "REST for an engine": 10 calls a second for each address are allowed.
"""

from collections.abc import Callable, Set

from websocket_v6.protocol.exchange.market_list import Listing
from websocket_v6.protocol.limits import RETRY_AFTER

from . import steps
from .belief import Belief

__all__ = ["MarketsMachine"]

# In intervals.
AFTER_SIGN = 1 / 6
SIGN_LASTS = 10
COMPLAIN_AFTER = 10  # without a list that is believed, after which the log says so
FIRST_RETRY = 1 / 60  # as long as there is no list at all; twice as long each time, up to one


class MarketsMachine:
    """Who asks for the list, every `interval` seconds.

    `random` gives numbers in [0, 1), so that many processes do not try again in step.
    """

    def __init__(self, interval: float, random: Callable[[], float]) -> None:
        self._interval = interval
        self._random = random
        self._beliefs: dict[str, Belief] = {}
        self._quotes: tuple[str, ...] = ()  # that are told
        self._is_wanted = self._is_asking = self._is_open = False
        self._asked_at = float("-inf")
        self._ask_at: float | None = None
        self._is_sooner = False  # a sign came since the last call
        self._signs_until = float("-inf")
        self._free_at = float("-inf")  # the exchange wants to be left alone until then
        self._failures = 0  # in a row
        self._retry = FIRST_RETRY * interval  # seconds to the next attempt, while there is no list
        self._listed_at: float | None = None  # when the last list was taken that was believed
        self._has_complained = False
        self.listed_ns = 0  # of that list, wall clock; 0: there is none
        self.problem = ""  # of the last call, if it brought nothing that is believed

    @property
    def next_due(self) -> float | None:
        """When `Due` is to come, `None` if nothing waits for a time."""
        return self._ask_at

    @property
    def codes(self) -> Set[str]:
        """All that is known."""
        return {code for belief in self._beliefs.values() for code in belief.codes}

    def handle(self, event: steps.Event, now: float) -> list[steps.Action]:
        """Take in what has happened; return what is to be done."""
        actions: list[steps.Action] = []
        match event:
            case steps.Wanted():
                self._forget_if_old(now)
                self._is_wanted = True
                actions += self._opened()
            case steps.Unwanted():
                self._is_wanted = self._is_open = False
                self._quotes = ()
            case steps.Requested(quotes):
                before, self._quotes = self._quotes, quotes
                actions += self._told(tuple(quote for quote in quotes if quote not in before))
            case steps.Recall(listings, now_ns):
                actions += self._recall(listings, now_ns, now)
            case steps.Answered():
                actions += self._answered(event, now)
            case steps.Failed(reason, retry_after):
                actions += self._failed(reason, retry_after, now)
            case steps.Sign():
                self._signs_until, self._is_sooner = now + SIGN_LASTS * self._interval, True
            case steps.Due():
                pass
        return actions + self._asked(now)

    # --- when to ask

    def _asked(self, now: float) -> list[steps.Action]:
        """Ask if it is time to; else note when that is."""
        due = self._due(now)
        if due is not None and due <= now:
            self._is_asking, self._is_sooner = True, False
            self._asked_at, self._ask_at = now, None
            return [steps.Ask()]
        self._ask_at = due
        return []

    def _due(self, now: float) -> float | None:
        if not self._is_wanted or self._is_asking:
            return None
        return max(self._asked_at + self._pause(now), self._free_at)

    def _pause(self, now: float) -> float:
        """Return how long after the last call the next one leaves."""
        if self._listed_at is None:
            return self._retry
        is_soon = self._is_sooner or now < self._signs_until
        return self._interval * AFTER_SIGN if is_soon else self._interval

    def _forget_if_old(self, now: float) -> None:
        """Begin anew with what nobody needed for long: it would be told as if it were so now."""
        if self._is_wanted or self._listed_at is None:
            return
        if now - self._listed_at > COMPLAIN_AFTER * self._interval:
            self._beliefs, self._listed_at, self._retry = {}, None, FIRST_RETRY * self._interval

    # --- what comes

    def _recall(self, listings: tuple[Listing, ...], now_ns: int, now: float) -> list[steps.Action]:
        """Begin with what another had, as if it had been asked for here; a list that is here already is newer."""
        if self._listed_at is not None or not listings:
            return []
        self.listed_ns = max(one.listed_ns for one in listings)
        # A wall clock that was set since says nothing of how old the list is.
        age = min(max(0.0, (now_ns - self.listed_ns) / 1e9), self._interval)
        self._listed_at, self._asked_at = now - age, max(self._asked_at, now - age)
        self._beliefs = {one.quote: Belief(self._interval / 2, one.markets, one.listed_ns) for one in listings}
        return self._opened()

    def _answered(self, event: steps.Answered, now: float) -> list[steps.Action]:
        self._is_asking = False
        listed, doubts, believed = event.listed.quotes, [], set()
        for quote in dict.fromkeys((*listed, *self._beliefs)):
            belief = self._beliefs.setdefault(quote, Belief(self._interval / 2))
            doubt = belief.weigh(listed.get(quote, ()), event.listed_ns, now, event.heard)
            if doubt:
                doubts.append(f"{quote}: {doubt}")
            else:
                believed.add(quote)
        if not believed:
            return self._in_vain(f"the list is not believed, {'; '.join(doubts)}", now)
        # Of a quote currency in doubt nothing is told, and its age shows that.
        self.listed_ns, self.problem = event.listed_ns, "; ".join(doubts)
        actions = self._relieved(now)
        self._listed_at, self._failures = now, 0
        return actions + (self._opened() or self._told(tuple(q for q in self._quotes if self._has_news(q, believed))))

    def _has_news(self, quote: str, believed: Set[str]) -> bool:
        return quote in believed or quote not in self._beliefs

    def _failed(self, reason: str, retry_after: float | None, now: float) -> list[steps.Action]:
        self._is_asking = False
        if retry_after is not None:
            self._free_at = now + min(max(retry_after, 0.0), RETRY_AFTER)
        return self._in_vain(reason, now)

    def _in_vain(self, reason: str, now: float) -> list[steps.Action]:
        self._failures += 1
        self.problem = reason
        doubled = min(1.0, FIRST_RETRY * 2.0 ** min(self._failures - 1, 10))
        self._retry = self._interval * doubled * (0.5 + self._random() / 2)
        if self._listed_at is None:
            due = self._due(now)
            return [steps.Wait(reason, max(0.0, due - now))] if due is not None else []
        seconds = now - self._listed_at
        if seconds < COMPLAIN_AFTER * self._interval or self._has_complained:
            return []
        self._has_complained = True
        return [steps.Complain(seconds, reason)]

    def _relieved(self, now: float) -> list[steps.Action]:
        if not self._has_complained or self._listed_at is None:
            return []
        self._has_complained = False
        return [steps.Relieve(now - self._listed_at)]

    # --- what is told

    def _opened(self) -> list[steps.Action]:
        if not self._is_wanted or self._is_open or self._listed_at is None:
            return []
        self._is_open = True
        return [steps.Open(), *self._told(self._quotes)]

    def _told(self, quotes: tuple[str, ...]) -> list[steps.Action]:
        if not self._is_open:
            return []
        return [self._of(quote) for quote in quotes]

    def _of(self, quote: str) -> steps.Action:
        belief = self._beliefs.get(quote)
        if belief is None or not belief.markets:
            return steps.Refuse(quote, tuple(sorted(one for one in self._beliefs if self._beliefs[one].markets)))
        return steps.Say(Listing(quote, belief.listed_ns, belief.markets))
