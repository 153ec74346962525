"""A market maker's view of one book with its own orders.

Shows the best levels of a book and, beside each price, what of its size is yours. Books and orders come through one
proxy, so both callbacks run in one thread, one at a time: the view needs no lock.

    UPBIT_ACCESS_KEY=... UPBIT_SECRET_KEY=... python examples/market_maker_view.py KRW-BTC

Orders placed before the program started are not sent by the exchange: ask its REST API for them, once at the start and
after each gap of the private connection.
"""

import contextlib
import sys
from collections import defaultdict
from decimal import Decimal

from websocket_v6 import ConnectionEvent, Mailbox, MyOrderEvent, OrderbookEvent, WebSocketClientProxy

LEVELS = 5


class View:
    """What is known of one market."""

    def __init__(self) -> None:
        self.book: OrderbookEvent | None = None
        self.orders: dict[str, tuple[Decimal, Decimal]] = {}  # uuid -> price, what is left

    def on_book(self, book: OrderbookEvent) -> None:
        self.book = book
        print(self, end="\n\n", flush=True)

    def on_order(self, order: MyOrderEvent) -> None:
        if order.state == "wait" and order.price is not None and order.remaining_volume:
            self.orders[order.uuid] = (order.price, order.remaining_volume)
        elif order.state == "trade" and order.uuid in self.orders and order.remaining_volume:
            # `price` is that of the execution here; what is left is a total, so a repeated message does no harm.
            self.orders[order.uuid] = (self.orders[order.uuid][0], order.remaining_volume)
        elif order.state != "watch":  # a reserved order is not in the book yet
            self.orders.pop(order.uuid, None)
        if self.book is not None:
            print(self, end="\n\n", flush=True)

    def on_connection(self, event: ConnectionEvent) -> None:
        if event.endpoint == "private" and event.gap is not None:
            print(f"orders of {event.gap:.1f} s were not sent: ask REST for those that are open", flush=True)

    def mine(self) -> dict[Decimal, Decimal]:
        """Return the size of the own orders at each price."""
        sizes: defaultdict[Decimal, Decimal] = defaultdict(Decimal)
        for price, size in self.orders.values():
            sizes[price] += size
        return sizes

    def __str__(self) -> str:
        if self.book is None:
            return "no book yet"
        mine = self.mine()
        units = self.book.orderbook_units[:LEVELS]
        asks = [(unit.ask_price, unit.ask_size) for unit in reversed(units)]
        bids = [(unit.bid_price, unit.bid_size) for unit in units]

        def lines(levels: list[tuple[Decimal | None, Decimal | None]]) -> list[str]:
            return [
                f"{price:>16,} {size:>16} {f'mine {mine[price]}' if price in mine else ''}".rstrip()
                for price, size in levels
                if price is not None
            ]

        return "\n".join([f"{self.book.symbol}", *lines(asks), "-" * 33, *lines(bids)])


def main() -> None:
    code = sys.argv[1] if len(sys.argv) > 1 else "KRW-BTC"
    view = View()
    with WebSocketClientProxy("market_maker_view") as proxy:
        proxy.on_connection(view.on_connection)
        proxy.subscribe_my_order(view.on_order, symbols=[code])
        proxy.subscribe_orderbook(code, view.on_book, depth=LEVELS, mailbox=Mailbox.throttle(0.5))
        proxy.run()  # until Ctrl-C or SIGTERM


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
