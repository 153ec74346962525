"""How the demo looks: values in, tables and lines out."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from gettext import gettext as _
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..protocol.exchange.heads import SubscribedEntry
from .board import Row
from .quote import count_text, percent_text, price_text, seconds_text

__all__ = ["ComponentState", "MarketState", "State", "Tally", "lines", "summary", "table"]


class ComponentState(NamedTuple):
    """One component. `delivered` and `dropped` count events, snapshots included."""

    name: str
    wants: str
    delivered: int
    dropped: int
    rate: float
    lag: float | None


class MarketState(NamedTuple):
    """One market as each component sees it; `None` where it does not want it."""

    code: str
    rows: tuple[Row | None, ...]


class State(NamedTuple):
    """The demo at one moment."""

    elapsed: float
    seconds: float
    about: str
    connection: str
    markets: tuple[MarketState, ...]
    components: tuple[ComponentState, ...]
    listed: tuple[SubscribedEntry, ...]
    plain: Mapping[str, int]


class Tally(NamedTuple):
    """One component at the end, in messages, snapshots not counted."""

    name: str
    wanted: int  # what the exchange sent of its streams
    delivered: int
    dropped: int
    plain: int  # what it would have got from the plain client

    @property
    def missing(self) -> int:
        """What the engine neither delivered nor counted as dropped."""
        return self.wanted - self.delivered - self.dropped

    @property
    def is_complete(self) -> bool:
        """Whether every message that was sent was delivered or counted."""
        return self.missing == 0

    @property
    def plain_lost(self) -> int:
        """What the plain client lost."""
        return self.wanted - self.plain


def table(state: State) -> RenderableType:
    """Return the live table, for 80 columns and 24 lines."""
    return Group(
        Text(
            _("websocket_v6: one connection, two components   {elapsed:4.0f} of {seconds:.0f} s").format(
                elapsed=state.elapsed, seconds=state.seconds
            ),
            "bold",
        ),
        Text(f"{state.connection}\n{_('Traffic')}: {state.about}"),
        _markets(state),
        _components(state.components),
        Text(
            _("The exchange says it serves: {listed}\n{state}").format(
                listed=_listed(state.listed), state=_plain(state)
            )
        ),
    )


def _markets(state: State) -> Table:
    markets = Table()
    markets.add_column(_("Market"))
    markets.add_column(_("Price"), justify="right")
    markets.add_column(_("Change"), justify="right")
    for component in state.components:
        markets.add_column(component.name, justify="right")
    markets.add_column(_("Lag"), justify="right")
    for market in state.markets:
        seen = [row for row in market.rows if row is not None]
        quote = next((row.quote for row in seen if row.quote is not None), None)
        rates = ["" if row is None else f"{row.rate:.1f}/s" for row in market.rows]
        lag = max((row.lag for row in seen if row.lag is not None), default=None)
        price = ("", "") if quote is None else (price_text(quote.price), percent_text(quote.change))
        markets.add_row(Text(market.code), *price, *rates, seconds_text(lag))
    return markets


def _components(components: Sequence[ComponentState]) -> Table:
    found = Table(_("Component"), _("Wants"))
    for head in (_("Delivered"), _("Dropped"), _("Rate"), _("Lag")):
        found.add_column(head, justify="right")
    for one in components:
        found.add_row(
            one.name, one.wants, f"{one.delivered:,}", f"{one.dropped:,}", f"{one.rate:.1f}/s", seconds_text(one.lag)
        )
    return found


def _listed(entries: Sequence[SubscribedEntry]) -> str:
    # Codes of one type may stand in two objects: those that run, and those that are still to begin with a snapshot.
    counts: Counter[str] = Counter()
    for entry in entries:
        counts[entry.type] += len(entry.codes)
    return (
        ", ".join(_("{type} of {count}").format(type=type_, count=count) for type_, count in sorted(counts.items()))
        or "-"
    )


def _plain(state: State) -> str:
    counts = ", ".join(f"{name} {count:,}" for name, count in state.plain.items())
    return _("A plain client beside it, one connection too: {counts} messages").format(counts=counts)


def lines(state: State) -> Iterator[str]:
    """Yield the line that stands for the table where there is no terminal."""
    parts = [
        _("{name} {delivered:,} delivered, {dropped:,} dropped").format(
            name=one.name, delivered=one.delivered, dropped=one.dropped
        )
        for one in state.components
    ]
    yield _("{elapsed:5.1f} s  {parts}; exchange serves {listed}; {state}").format(
        elapsed=state.elapsed, parts="; ".join(parts), listed=_listed(state.listed), state=_plain(state)
    )


def summary(tallies: Sequence[Tally], requests: int) -> RenderableType:
    """Return what both clients got of what the exchange sent."""
    found = Table(title=_("Messages that each component wanted and got"), title_justify="left")
    found.add_column(_("Component"))
    for head in (_("Sent"), "websocket_v6", _("Lost"), _("Plain client"), _("Lost")):
        found.add_column(head, justify="right")
    for one in tallies:
        lost = one.wanted - one.delivered
        found.add_row(
            one.name,
            *(f"{count:,}" for count in (one.wanted, one.delivered, lost, one.plain)),
            _share(one.plain_lost, one.wanted),
        )
    wanted = sum(one.wanted for one in tallies)
    ours = sum(one.wanted - one.delivered for one in tallies)
    plain = sum(one.plain_lost for one in tallies)
    conclusion = _(
        "The plain client's components lost {plain} of their messages, since each request "
        "replaces the one before (chart, bot, and at half time chart again). websocket_v6 lost "
        "{ours:,}, over one connection, with {requests}."
    ).format(plain=_share(plain, wanted), ours=ours, requests=count_text(requests, _("request"), _("requests")))
    return Group(found, Text(conclusion))


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({part / whole:.0%})" if whole else f"{part:,}"
