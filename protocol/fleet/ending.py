"""How a log ends, read back from its last entry: what the next leader must know of the trades that the log has.

Who leads next may have read less of it than others, or not have been there. What the log lacks is what was made since
its last trades; and of a stream that had none for a while, since then.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Final

from websocket_v6.protocol.delivery.hold import Had
from websocket_v6.protocol.delivery.strays import SNAPSHOT
from websocket_v6.protocol.errors import RemoteProtocolError
from websocket_v6.protocol.events import TradeEvent, make_event
from websocket_v6.protocol.exchange.identity import identity_of
from websocket_v6.protocol.exchange.streams import Stream

from .entries import Fetching, Happening, Open, Rows, State
from .ids import EntryId, parse_id

__all__ = ["SPAN", "Ending"]

SPAN: Final = 10.0  # seconds of a log that are read: more than a message takes from the exchange to its log
MOST_BYTES: Final = 64 * 1024 * 1024
REMEMBERED: Final = 16  # trades of a stream

_BEGINNING: Final = EntryId(0, 0)


class Ending:
    """Of one log, whose last entry is `after`. Its entries are taken newest first, until it `is_done`.

    It is nothing to build on (`is_known`) where an entry is missing, where the connection of who led was not open at
    the end, and where it is too long.
    """

    def __init__(self, after: EntryId) -> None:
        self.is_known = False
        self.is_done = after == _BEGINNING
        self._next = after  # the entry to be taken; None at the end of a term that is passed
        self._term = 0
        self._at_ns: int | None = None  # when the entry that was taken last had been written, of its term
        self._span_ns = 0
        self._bytes = 0
        self._made_ns: int | None = None  # of the oldest trade that had come as it was made
        self._trades: dict[Stream, list[int]] = {}  # newest first
        self._settled: set[Stream] = set()  # of which nothing older counts
        self._unfinished: frozenset[Stream] | None = None  # that were promised and had not come, once it is known
        self._is_open = False  # the connection of who led, at the end
        self._identities: dict[Stream, list[Hashable]] = {}  # newest first

    @property
    def written(self) -> Mapping[Stream, Sequence[Hashable]]:
        """The identities of the messages that stand there, by stream, in their order."""
        return {stream: identities[::-1] for stream, identities in self._identities.items()}

    @property
    def since_ns(self) -> int | None:
        """Since when a stream without a trade there was quiet, by the exchange's clock; None if nobody can say."""
        if not self.is_known:
            return None
        return self._at_ns if self._made_ns is None else self._made_ns

    def had(self, stream: Stream) -> Had | None:
        """Return what all who read the log to its end had of a trade stream; None if nobody can say."""
        since_ns, trades = self.since_ns, self._trades.get(stream)
        if since_ns is None or (not trades and stream in (self._unfinished or ())):
            return None
        return Had(tuple(reversed(trades or ())), since_ns)

    def broken(self) -> None:
        """Note that it cannot be read to where that would be enough."""
        self.is_known, self.is_done = False, True

    def take(self, id_: EntryId, what: Rows | Happening | None, size: int) -> None:
        """Take the entry before the one that was taken last; None is one of which nothing is known here."""
        if self.is_done:
            return
        self._bytes += size
        if id_ != self._next or self._bytes > MOST_BYTES:
            self.broken()  # something is missing that others may have read
            return
        self._next = id_._replace(sequence=id_.sequence - 1)
        match what:
            case Rows(sent_ns=sent_ns):
                self._rows(what)
                self._pass(id_, sent_ns)
            case State():
                self._turn(what)
                self._pass(id_, what.sent)
            case Fetching():
                if self._unfinished is None:
                    self._unfinished = frozenset(what.streams)
                self._pass(id_, what.sent)
            case Open():
                self._open(what)
            case _:
                pass

    def _rows(self, rows: Rows) -> None:
        for stream, payload in zip(reversed(rows.streams), reversed(rows.payloads), strict=True):
            self._identities.setdefault(stream, []).append(identity_of(stream, payload))
            if not stream.startswith("trade "):
                continue
            trade = make_event(stream, payload, 0, 0)
            try:
                assert isinstance(trade, TradeEvent)
                number, made_ms = trade.sequential_id, trade.timestamp
            except RemoteProtocolError:
                continue  # nobody gets that one as a trade
            if number is None:
                continue
            known = self._trades.setdefault(stream, [])
            if len(known) < REMEMBERED and stream not in self._settled:
                known.append(number)
            # What was fetched, and last values, say nothing of when they came.
            if made_ms is not None and not rows.marks and SNAPSHOT not in payload:
                made_ns = made_ms * 1_000_000
                self._made_ns = made_ns if self._made_ns is None else min(self._made_ns, made_ns)

    def _turn(self, state: State) -> None:
        if not self._is_open and state.state != "open":
            self.broken()  # how far the log goes is not where its last messages are
            return
        self._is_open = True
        if self._unfinished is None:
            self._unfinished = frozenset(state.fetches)
        if not state.seamless:
            # What lies before is before a gap, which others may have had filled: it counts for what is silent since.
            self._settled.update(self._trades)

    def _open(self, what: Open) -> None:
        self._next = parse_id(what.after) if what.after else _BEGINNING
        if self._next == _BEGINNING:
            self._at_ns = what.at if self._at_ns is None else self._at_ns
            self.is_known = self.is_done = True  # it is read to where it begins
        if not what.seamless:
            self._settled.update(self._trades)

    def _pass(self, id_: EntryId, at_ns: int) -> None:
        """Count how far it is read. Each leader has a clock of its own."""
        if self.is_done:
            return
        if id_.term == self._term and self._at_ns is not None:
            self._span_ns += max(0, self._at_ns - at_ns)
        self._term, self._at_ns = id_.term, at_ns
        if self._span_ns >= SPAN * 1e9:
            self.is_known = self.is_done = True
