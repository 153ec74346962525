"""How orders, or balances, stand: which calls to make one after the other, and what their answers come to.

    open orders, all pages  ->  those known to be open that are not in there, by id  ->  after a gap: those that were
    made in it and have ended  ->  the trades of each that has had more than are known

That an order is not there says nothing: it is asked for by its id, and if it is nowhere the second time either, that
is told. Pace and sending are left to actors/gaps/reconciler.py.
"""

from collections.abc import Iterable, Iterator

from websocket_v6.protocol.delivery.progress import Found
from websocket_v6.protocol.delivery.reconciliation import covers
from websocket_v6.protocol.delivery.steps import Answer, Inquire
from websocket_v6.protocol.delivery.wallet import Balance
from websocket_v6.protocol.events import Unrecovered

from .account_rows import read_balances, read_order, read_orders
from .inquiry_calls import CLOSED_ROWS, PAGE, WEEK_MS, AccountCall, accounts, by_ids, closed, one_order, open_orders

__all__ = ["Inquiry"]

MARGIN_MS = 60_000  # before the gap: an order's first message may have been lost with the connection
MOST_READ_AGAIN = 3
MOST_PAGES = 200  # of open orders: as many as are remembered
MOST_CLOSED = 20  # calls
MOST_TRADES = 100  # orders whose trades are asked for


class Inquiry:
    """One time of asking. `call` is what to ask next, None once all is known; `receive` takes its answer."""

    def __init__(self, asked: Inquire, now_ms: int, skew_ms: int = 0) -> None:
        self.asked = asked
        self.now_ms = now_ms
        self.at_ms = 0  # the exchange's clock, once it has answered
        self.skew_ms = skew_ms  # how far the exchange's clock is ahead of ours
        self._orders: dict[str, Found] = {}
        self._balances: dict[str, Balance] = {}
        self._unrecovered: list[Unrecovered] = []
        self._has_shifted = False
        self._steps = self._plan_orders() if asked.type == "myOrder" else self._plan_balances()
        self._body = b""
        self.call: AccountCall | None = next(self._steps, None)

    def receive(self, body: bytes, at_ms: int = 0) -> None:
        """Take the answer to `call`, given at `at_ms` by the exchange's clock, where it says so.

        Raises:
            RemoteProtocolError: if it is not what was asked for.
        """
        self._body = body
        self.at_ms = self.at_ms or at_ms
        self.call = next(self._steps, None)

    def not_found(self) -> None:
        """Take it that what `call` asks for is not there."""
        self.receive(b"")

    def ended(self) -> None:
        """Note that the stream says that an order has ended: what was on later pages may be on one that was read."""
        self._has_shifted = True

    def answer(self) -> Answer:
        """Return what all that comes to."""
        wanted = tuple(one for one in self._orders.values() if covers(self.asked.codes, one.code))
        return Answer(self.asked.number, self.at_ms, wanted, self._balances, tuple(self._unrecovered))

    # --- balances

    def _plan_balances(self) -> Iterator[AccountCall]:
        yield accounts()
        self._balances = read_balances(self._body)

    # --- orders

    def _plan_orders(self) -> Iterator[AccountCall]:
        yield from self._read_open()
        missing = [uuid for uuid in self.asked.doubtful if uuid not in self._orders]
        yield from self._read_by_ids(missing)
        if self.asked.since_ms is not None:
            yield from self._read_closed(self.asked.since_ms)
        yield from self._read_trades()
        if self.asked.is_last:
            for uuid in missing:
                if uuid not in self._orders:
                    self._tell(uuid, "", "the exchange does not know it any more: what became of it is not known")

    def _read_open(self) -> Iterator[AccountCall]:
        for _ in range(1 + MOST_READ_AGAIN):
            self._has_shifted = False
            page, count = 0, PAGE
            while count == PAGE and page < MOST_PAGES:
                page += 1
                yield open_orders(page)
                count = self._take(read_orders(self._body, self.now_ms))
            if page == 1 or not self._has_shifted:
                return

    def _read_by_ids(self, uuids: list[str]) -> Iterator[AccountCall]:
        for first in range(0, len(uuids), PAGE):
            yield by_ids(uuids[first : first + PAGE])
            self._take(read_orders(self._body, self.now_ms))

    def _read_closed(self, since_ms: int) -> Iterator[AccountCall]:
        start, end = since_ms + self.skew_ms - MARGIN_MS, self.now_ms + self.skew_ms
        for _ in range(MOST_CLOSED):
            yield closed(start)
            rows = read_orders(self._body, self.now_ms)
            self._take(rows)
            # More than a call brings: go on from the second of the last one, which comes again.
            is_full = len(rows) >= CLOSED_ROWS
            start = max(rows[-1].made_ms, start + 1000) if is_full else start + WEEK_MS
            if start > end:
                return
        self._tell("", "*", f"more than {MOST_CLOSED} calls' orders were made and ended meanwhile; the rest is missing")

    def _read_trades(self) -> Iterator[AccountCall]:
        uuids = [one.uuid for one in sorted(self._orders.values(), key=lambda one: -one.made_ms) if self._lacks(one)]
        uuids += [uuid for uuid in self.asked.lacking if uuid not in self._orders]
        for uuid in uuids[:MOST_TRADES]:
            yield one_order(uuid)
            if self._body:
                self._take([read_order(self._body, self.now_ms)])
        for uuid in uuids[MOST_TRADES:]:
            code = self._orders[uuid].code if uuid in self._orders else "*"
            self._tell(uuid, code, f"its trades: more than {MOST_TRADES} orders had some")

    def _lacks(self, found: Found) -> bool:
        """Whether its trades are news. Of what was never asked about before, nothing has happened."""
        known = self.asked.known.get(found.uuid)
        if known is None:
            known = 0 if covers(self.asked.covered, found.code) else found.progress.trades
        return found.progress.trades > known and covers(self.asked.codes, found.code)

    def _take(self, rows: Iterable[Found]) -> int:
        """Keep what has come furthest of each order; return how many rows there were."""
        count = 0
        for row in rows:
            count += 1
            before = self._orders.get(row.uuid)
            if before is None or row.progress >= before.progress:
                self._orders[row.uuid] = row
            elif row.trades is not None:
                self._orders[row.uuid] = before._replace(trades=row.trades)
        return count

    def _tell(self, uuid: str, code: str, reason: str) -> None:
        since_ns = (self.asked.since_ms or self.now_ms) * 1_000_000
        named = f"order {uuid}: {reason}" if uuid else reason
        self._unrecovered.append(Unrecovered(code or "*", since_ns, self.now_ms * 1_000_000, named, self.asked.type))
