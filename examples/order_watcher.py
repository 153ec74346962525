"""An order watcher that keeps its book right.

Tells the life of each order of the account in a line, and what is open. The exchange sends nothing of what happens
while there is no connection; with `reconcile` it is asked, at the start and after each gap, so an order that was filled
or cancelled meanwhile does not stay in the book for good.

    UPBIT_ACCESS_KEY=... UPBIT_SECRET_KEY=... python examples/order_watcher.py
"""

import contextlib

from websocket_v6 import ConnectionEvent, MyOrderEvent, WebSocketClientProxy

SIDES = {"BID": "buy", "ASK": "sell"}
OPEN = ("wait", "watch")


def describe(order: MyOrderEvent) -> str:
    """Return what has happened to an order."""
    head = f"{order.symbol} {SIDES.get(order.ask_bid, order.ask_bid)} {order.uuid[:8]}"
    late = " (missed in a gap)" if order.backfilled and order.stream_type == "REALTIME" else ""
    match order.state:
        case "wait":
            what = f"waits, {order.remaining_volume} at {order.price}"
        case "watch":
            what = "is reserved"
        case "trade":
            fee = "" if order.trade_fee is None else f", fee {order.trade_fee}"  # not known of one that was missed
            what = f"{order.volume} at {order.price}, {order.remaining_volume} left{fee}"
        case "done":
            what = f"done, {order.executed_volume} for {order.executed_funds}, fees {order.paid_fee}"
        case state:
            what = f"{state}, {order.executed_volume} had been executed"
    return f"{head}: {what}{late}"


class Watcher:
    """The account's open orders, as far as is known. All is called in the component's own thread."""

    def __init__(self) -> None:
        self.open: dict[str, MyOrderEvent] = {}

    def on_order(self, order: MyOrderEvent) -> None:
        print(describe(order), flush=True)
        if order.state in OPEN:
            self.open[order.uuid] = order
        elif order.state in ("done", "cancel"):
            self.open.pop(order.uuid, None)

    def on_connection(self, event: ConnectionEvent) -> None:
        if event.endpoint != "private":
            return
        if event.state != "reconciled":
            gap = f", after a gap of {event.gap:.1f} s" if event.gap and event.state == "open" else ""
            print(f"connection {event.state}{gap} {event.reason}".rstrip(), flush=True)
            return
        print(f"reconciled: {event.recovered} events fetched, {len(self.open)} orders are open", flush=True)
        for one in event.unrecovered:
            print(f"not to be had: {one.symbol}, {one.reason}", flush=True)


def on_error(error: Exception) -> None:
    print(f"{type(error).__name__}: {error}", flush=True)


def main() -> None:
    watcher = Watcher()
    with WebSocketClientProxy("order_watcher") as proxy:
        proxy.on_connection(watcher.on_connection)
        proxy.subscribe_my_order(watcher.on_order, reconcile=True, error_handler=on_error)
        proxy.run()  # until Ctrl-C or SIGTERM


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
