"""An order watcher.

Tells the life of each order of the account in a line, and when something may be missing: after a lost connection the
exchange does not send what happened meanwhile.

    UPBIT_ACCESS_KEY=... UPBIT_SECRET_KEY=... python examples/order_watcher.py
"""

import contextlib

from websocket_v6 import ConnectionEvent, MyOrderEvent, WebSocketClientProxy

SIDES = {"BID": "buy", "ASK": "sell"}


def describe(order: MyOrderEvent) -> str:
    """Return what has happened to an order."""
    head = f"{order.symbol} {SIDES.get(order.ask_bid, order.ask_bid)} {order.uuid[:8]}"
    match order.state:
        case "wait":
            return f"{head}: waits, {order.remaining_volume} at {order.price}"
        case "watch":
            return f"{head}: is reserved"
        case "trade":
            return f"{head}: {order.volume} at {order.price}, {order.remaining_volume} left, fee {order.trade_fee}"
        case "done":
            return f"{head}: done, {order.executed_volume} at {order.avg_price} on average, fees {order.paid_fee}"
        case state:
            return f"{head}: {state}, {order.executed_volume} had been executed"


def on_connection(event: ConnectionEvent) -> None:
    if event.endpoint == "private":
        gap = f", after a gap of {event.gap:.1f} s: look up open orders" if event.gap else ""
        print(f"connection {event.state}{gap} {event.reason}".rstrip(), flush=True)


def on_error(error: Exception) -> None:
    print(f"{type(error).__name__}: {error}", flush=True)


def main() -> None:
    with WebSocketClientProxy("order_watcher") as proxy:
        proxy.on_connection(on_connection)
        proxy.subscribe_my_order(lambda order: print(describe(order), flush=True), error_handler=on_error)
        proxy.run()  # until Ctrl-C or SIGTERM


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
